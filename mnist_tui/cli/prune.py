"""`prune`: what the runs folder can do without."""

from __future__ import annotations

import math
from typing import Annotated

import typer

from mnist_tui.cli.errors import FAILED
from mnist_tui.cli.options import Json, RunsDir, runs_folder
from mnist_tui.cli.output import plain_table, print_json, print_note, print_table
from mnist_tui.experiment.problem import RequestError
from mnist_tui.runs.deletion import Waste, find_waste, remove_waste
from mnist_tui.runs.folder import RunError
from mnist_tui.studies.folder import PLACE
from mnist_tui.wording import counted, size

DAY = 86_400.0


def prune(
    ctx: typer.Context,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete what is listed; without it nothing is.")] = False,
    older_than: Annotated[
        float, typer.Option("--older-than", metavar="DAYS", help="Only what has not changed for so many days.")
    ] = 0.0,
    as_json: Json = False,
    runs_dir: RunsDir = None,
) -> None:
    """List what can go, and delete it with --yes: runs that were discarded, runs that failed or crashed and left
    nothing, and stale temporary files.
    """
    if not (math.isfinite(older_than) and older_than >= 0):
        raise RequestError(f"--older-than {older_than:g} is no number of days; 0 and more are")
    place = runs_folder(ctx, runs_dir)
    found = find_waste(place, place / PLACE, older_than=older_than * DAY)
    kept = _delete(found) if yes else found
    gone = [one for one in found if one not in kept]
    if as_json:
        print_json(
            [
                {
                    "path": str(one.path),
                    "run": one.run.id if one.run else None,
                    "why": one.why,
                    "bytes": one.size,
                    "deleted": one in gone,
                }
                for one in found
            ]
        )
    elif found:
        table = plain_table("what", "why", "size", right=("size",))
        for one in found:
            table.add_row(one.run.id if one.run else str(one.path), one.why, size(one.size))
        print_table(table)
    print_note(_told(found, gone, yes=yes) if found else f"there is nothing to prune in {place}")
    if yes and kept:
        raise typer.Exit(FAILED)


def _delete(found: list[Waste]) -> list[Waste]:
    """Deletes what is found; what stays, each with a word why."""
    kept: list[Waste] = []
    for one in found:
        try:
            remove_waste(one)
        except RunError as error:
            print_note(f"kept: {error}")
            kept.append(one)
    return kept


def _told(found: list[Waste], gone: list[Waste], *, yes: bool) -> str:
    if yes:
        return f"deleted {_counted(gone)}"
    return f"{_counted(found)}; nothing was deleted, the same command with --yes does it"


def _counted(found: list[Waste]) -> str:
    """``2 runs and 1 temporary file, 12.6 MB``."""
    runs = sum(one.run is not None for one in found)
    numbers = ((runs, "run"), (len(found) - runs, "temporary file"))
    parts = [counted(number, name) for number, name in numbers if number]
    return f"{' and '.join(parts) or 'nothing'}, {size(sum(one.size for one in found))}"
