"""From typing `mnist-tui train --preset raw` to the first training step, against importing TensorFlow.

`python -m tests.benchmarks.startup`: whole processes, in interleaved pairs, and where the time goes.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mnist_tui.runs.event_log import EventTail
from mnist_tui.runs.events import Event, Phase, Progress, RunStarted
from mnist_tui.runs.folder import RunFolder
from tests.benchmarks import results
from tests.benchmarks.pairs import ratio

COMMAND = (sys.executable, "-m", "mnist_tui", "train", "--preset", "raw", "--limit", "none", "--epochs", "1")
IMPORT = (sys.executable, "-c", "import sys; sys.modules['jax'] = None; import tensorflow")
"""JAX, which the benchmarks bring along and TensorFlow would import, is hidden: it is 2 s that no user has."""
FIRST_STEP = "first step done"


def seconds_to_import() -> float:
    began = time.perf_counter()
    subprocess.run(IMPORT, check=True, capture_output=True)
    return time.perf_counter() - began


def seconds_to(device: str) -> dict[str, float]:
    """Seconds from the start of the process to what the run told first of each kind, the first step last.

    Raises:
        SystemExit: the training failed.
    """
    with tempfile.TemporaryDirectory() as place:
        command = [*COMMAND, "--allow-sample", "--device", device, "--runs-dir", place]
        began = time.time()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"the training failed: {done.stderr.strip()}")
        folder = RunFolder(next(path for path in Path(place).iterdir() if path.is_dir()))
        events = EventTail(folder.events_file).read_all()
    told: dict[str, float] = {}
    for event in events:
        told.setdefault(_name(event), event.time - began)
        if isinstance(event, Progress):
            break
    return told


def _name(event: Event) -> str:
    match event:
        case RunStarted():
            return "the worker has the run"
        case Progress():
            return FIRST_STEP
        case Phase():
            return f"{event.name} begins"
        case _:
            return f"{event.type} told"


def _pair(device: str, import_first: bool) -> tuple[dict[str, float], float]:
    if import_first:
        imported = seconds_to_import()
        return seconds_to(device), imported
    return seconds_to(device), seconds_to_import()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.startup", description=__doc__)
    parser.add_argument("--pairs", type=int, default=7, help="starts of each (default %(default)s)")
    parser.add_argument("--device", choices=["auto", "cpu", "gpu"], default="auto")
    asked = parser.parse_args()
    seconds_to(asked.device)
    starts = [_pair(asked.device, import_first=number % 2 == 1) for number in range(asked.pairs)]
    found = ratio((told[FIRST_STEP], imported) for told, imported in starts)
    lines = [
        f"`mnist-tui train --preset raw` to its first step {found.first:.2f} s, `python -c 'import tensorflow'` "
        f"{found.second:.2f} s, JAX hidden (medians of {found.pairs} pairs); ratio **{found}**, at most 1.3 is wanted",
        "",
        "| seconds from the start to | median |",
        "| --- | --- |",
    ]
    for name in starts[-1][0]:
        times = [told[name] for told, _ in starts if name in told]
        lines.append(f"| {name} | {statistics.median(times):.2f} |")
    print(*lines, sep="\n")
    results.write("Start-up", "\n".join(lines))


if __name__ == "__main__":
    main()
