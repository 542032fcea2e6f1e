"""Exported weights loaded by strangers, on all test images: `python -m tests.benchmarks.weights_outside RUN_FOLDER…`.

For each run every format is exported, and the programs of its MODEL.md run in a process that does not know this
project. Written down is how far their probabilities lie from the run's own. For the figures kept in RESULTS.md: the
four starters at full length.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data.datasets import load
from mnist_tui.report.export import export
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.weight_formats import WEIGHT_FORMATS
from tests.benchmarks import results
from tests.closeness import CLEAR, MOST, compared

OUTSIDE = Path(__file__).parents[1] / "outside.py"


def answers(run: RunFolder, place: Path) -> dict[str, NDArray[np.float32]]:
    """What each format's program says of the run's test images, by the name of its file."""
    images = load(run.preset().experiment.dataset.name).test_images
    np.save(place / "images.npy", images)
    export(run, list(WEIGHT_FORMATS), place / "weights")
    words = [str(OUTSIDE), *(str(place / name) for name in ("answers.npz", "images.npy", "weights"))]
    subprocess.run([sys.executable, "-I", *words], cwd=place, check=True, capture_output=True)
    with np.load(place / "answers.npz") as archive:
        return {name.partition("/")[2]: archive[name] for name in archive.files}


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit("which runs? Give their folders")
    runs = [RunFolder(Path(path)) for path in sys.argv[1:]]
    rows: dict[str, list[str]] = {file: [] for file in (form.file for form in WEIGHT_FORMATS.values())}
    others = count = 0
    far: list[str] = []
    for run in runs:
        with tempfile.TemporaryDirectory() as place:
            found = answers(run, Path(place))
        with np.load(run.predictions_file) as archive:
            wanted = archive["probabilities"]
        count += len(wanted)
        for file, cells in rows.items():
            difference, other = compared(found[file], wanted)
            cells.append(f"{difference:.1e}")
            others += other
            if difference > MOST or other:
                far.append(f"{file} of {run.id}")
    heads = [run.preset().name for run in runs]
    table = [f"| file | {' | '.join(heads)} |", f"|---|{'---|' * len(heads)}"]
    table += [f"| {file} | {' | '.join(cells)} |" for file, cells in rows.items()]
    said = (
        f"Largest difference in probability from the run's own, over {count:,} test images; at most {MOST:g} is "
        f"wanted. Another class where the two best differ by more than {CLEAR:g}: {others} times."
    )
    body = "\n".join([*table, "", said])
    print(body)
    if far:
        sys.exit(f"nothing was written down, for these are too far off: {', '.join(far)}")
    results.write("Weights outside", body)


if __name__ == "__main__":
    main()
