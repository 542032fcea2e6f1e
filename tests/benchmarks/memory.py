"""Memory of the training process on `raw` against the bare Keras script: `python -m tests.benchmarks.memory`.

Whole processes, from their start to their end, in turn; the most that each has held.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mnist_tui.experiment.presets import Preset, find_preset
from mnist_tui.experiment.spec import Experiment
from mnist_tui.runs.folder import Launch, create
from tests.benchmarks import results
from tests.benchmarks.arrays import with_data
from tests.benchmarks.pairs import ratio

EPOCHS = 3
MEGABYTE = 1_000_000


def peak(module: str, arguments: list[str]) -> float:
    """The most memory that `python -m module` has held, in megabytes.

    Raises:
        SystemExit: it failed.
    """
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([sys.executable, "-m", module, *arguments], stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            log.seek(0)
            raise SystemExit(f"{module} failed:\n{log.read().decode(errors='replace')[-2000:]}")
    return usage.ru_maxrss * 1024 / MEGABYTE


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.memory", description=__doc__)
    parser.add_argument("--pairs", type=int, default=3, help="runs of each (default %(default)s)")
    parser.add_argument("--device", choices=["auto", "cpu", "gpu"], default="cpu")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        experiment, data = with_data(_raw(), Path(place))
        pairs: list[tuple[float, float]] = []
        for _ in range(asked.pairs):
            launch = Launch(time.time(), "", asked.device)
            folder = str(create(Path(place) / "runs", Preset("raw", experiment, origin="run"), launch).path)
            ours = peak("mnist_tui.training.worker", ["--run", folder])
            pairs.append((ours, peak("tests.benchmarks.fit", [folder, "--epochs", str(EPOCHS)])))
    found = ratio(pairs)
    body = (
        f"starter raw on {data}, {EPOCHS} epochs: the worker holds at most {found.first:,.0f} MB, a bare Keras script "
        f"{found.second:,.0f} MB (medians of {found.pairs}); ratio **{found}**, at most 1.3 is wanted"
    )
    print(body)
    results.write("Memory", body)


def _raw() -> Experiment:
    experiment = find_preset("raw").experiment
    training = experiment.training.model_copy(update={"epochs": EPOCHS})
    return experiment.model_copy(update={"training": training})


if __name__ == "__main__":
    main()
