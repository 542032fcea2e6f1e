"""`doctor`: what works on this machine, and what to do about the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mnist_tui.cli import checks
from mnist_tui.cli.checks import Check
from mnist_tui.cli.errors import FAILED
from mnist_tui.cli.gpu_checks import gpu
from mnist_tui.cli.options import DataDir, Json, RunsDir, data_folder, runs_folder
from mnist_tui.cli.output import print_json, print_line

SIGNS = {"works": "✓", "attention": "!", "broken": "✗"}


def doctor(
    ctx: typer.Context,
    as_json: Json = False,
    quick: Annotated[bool, typer.Option("--quick", help="Do not start TensorFlow to ask for its devices.")] = False,
    data_dir: DataDir = None,
    runs_dir: RunsDir = None,
) -> None:
    """Check Python, TensorFlow, devices, terminal, folders, data and logout, and say what to do."""
    found: list[Check] = []
    for check in _checks(lambda: runs_folder(ctx, runs_dir), data_folder(ctx, data_dir), quick=quick):
        found.append(check)
        if not as_json:
            advice = f"\n    → {check.advice}" if check.advice else ""
            print_line(f"{SIGNS[check.state]} {check.name}: {check.finding}{advice}")
    broken = any(check.state == "broken" for check in found)
    if as_json:
        print_json({"works": not broken, "checks": [asdict(check) for check in found]})
    if broken:
        raise typer.Exit(FAILED)


def _checks(runs_dir: Callable[[], Path], data_dir: Path | None, *, quick: bool) -> Iterator[Check]:
    yield from checks.installation()
    yield checks.machine()
    yield from gpu(quick=quick)
    yield from checks.terminal()
    yield from checks.folders(runs_dir)
    yield from checks.settings()
    yield from checks.datasets(data_dir)
    yield checks.logout()
