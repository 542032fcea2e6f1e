"""What ARCHITECTURE.md says of the program is so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import mnist_tui
from mnist_tui.runs.state import replayed

PACKAGE = Path(mnist_tui.__file__).parent
MAP = (PACKAGE / "ARCHITECTURE.md").read_text()
PRESET = """
[dataset]
name = "digits"

[[layers]]
kind = "flatten"

[training]
epochs = 100000
"""


def test_every_package_and_module_that_is_named_is_there() -> None:
    folders = re.findall(r"^\| `(\w+)/` \|", MAP, re.MULTILINE)
    assert sorted(folders) == sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
    for name in re.findall(r"`(\w+/\w+\.py)`", MAP):
        assert (PACKAGE / name).is_file(), name


@pytest.mark.slow
def test_the_third_front_end_starts_follows_and_stops_a_run_without_the_other_two(tmp_path: Path) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```", MAP, re.MULTILINE | re.DOTALL)
    seen = "print([name for name in ('textual', 'typer', 'tensorflow', 'mnist_tui.cli') if name in sys.modules])"
    (tmp_path / "tiny.toml").write_text(PRESET)
    ended = subprocess.run(
        [sys.executable, "-c", program + seen, str(tmp_path / "runs"), str(tmp_path / "tiny.toml")],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    told, imported = ended.stdout.splitlines()
    run, state = told.split()
    assert state == "stopped"
    assert imported == "[]"
    assert len(replayed(tmp_path / "runs" / run / "events.jsonl").history) >= 2
