"""Time to write a report in five formats, by its parts: `python -m tests.benchmarks.report RUNS_DIR`.

All runs of RUNS_DIR are reported. For the figures kept in RESULTS.md: the four starters at full length and a group of
ten seeds.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from mnist_tui.report.contents.documents import build_report
from mnist_tui.report.document import REPORT_FORMATS, write_report
from mnist_tui.report.evidence import read_evidence
from mnist_tui.report.figures.drawing import save
from mnist_tui.report.formats.writers import pandoc_path, prepare_report
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.library import run_folders
from tests.benchmarks import results

WHEN = datetime(2026, 1, 1, tzinfo=UTC)
MOST, MOST_CONVERTING = 30.0, 3.0
"""Seconds that the whole may take, and pandoc and typst in it."""


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def command(folders: list[RunFolder], out: Path) -> float:
    """Seconds of the command, in a process of its own."""
    outputs = [word for suffix in REPORT_FORMATS for word in ("-o", str(out / f"command{suffix}"))]
    words = [sys.executable, "-m", "mnist_tui", "report", *(str(folder.path) for folder in folders), *outputs]
    return timed(lambda: subprocess.run(words, check=True, stdout=subprocess.DEVNULL))


def parts(folders: list[RunFolder], out: Path) -> dict[str, float]:
    """Seconds of each kind of work: reading, drawing, writing."""
    marks: dict[str, float] = {}

    def told(what: str, _done: int, _of: int) -> None:
        marks.setdefault(what.partition(" ")[0], time.perf_counter())

    write_report(folders, [out / f"report{suffix}" for suffix in REPORT_FORMATS], timestamp=WHEN, progress=told)
    ends = [*list(marks.values())[1:], time.perf_counter()]
    return {kind: end - at for (kind, at), end in zip(marks.items(), ends, strict=True)}


def formats(folders: list[RunFolder], out: Path) -> tuple[int, dict[str, float]]:
    """The number of figures, and seconds of each format made alone, the figures drawn before."""
    whole = build_report([read_evidence(folder) for folder in folders], title="MNIST", author="", timestamp=WHEN)
    for drawing in whole.drawings:
        save(drawing, out, sorted({form.figures for form in REPORT_FORMATS.values()}))
    ready = prepare_report(whole, out)
    return len(whole.drawings), {
        suffix: timed(partial(form.write, ready, "figures")) for suffix, form in REPORT_FORMATS.items()
    }


def main() -> None:
    folders = run_folders(Path(sys.argv[1]))[::-1]
    with tempfile.TemporaryDirectory() as place:
        out = Path(place)
        whole = command(folders, out)
        kinds = parts(folders, out)
        figures, alone = formats(folders, out / "figures")
        sizes = {suffix: (out / f"report{suffix}").stat().st_size for suffix in REPORT_FORMATS}
    version = subprocess.run([pandoc_path(), "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    body = "\n".join(
        (
            f"| a report over {len(folders)} runs, {figures} figures, five formats | seconds |",
            "|---|---|",
            f"| the command, in a process of its own (at most {MOST:.0f}) | {whole:.1f} |",
            f"| reading the runs | {kinds['reading']:.1f} |",
            f"| drawing the figures, each once, as svg, pdf and png | {kinds['drawing']:.1f} |",
            f"| pandoc {version} and typst, side by side (at most {MOST_CONVERTING:.0f}) | {kinds['writing']:.1f} |",
            *(
                f"| {suffix[1:]} alone ({sizes[suffix] / 1e6:.2f} MB) | {alone[suffix]:.2f} |"
                for suffix in REPORT_FORMATS
            ),
        )
    )
    print(body)
    results.write("A report", body)
    if whole > MOST or kinds["writing"] > MOST_CONVERTING:
        sys.exit("too slow")


if __name__ == "__main__":
    main()
