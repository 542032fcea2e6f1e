"""Where the time of a training step of the starter `cnn` goes on a CPU: `python -m tests.benchmarks.step`.

TensorFlow's profiler tells how long each operation takes; the table adds them up by kind.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.benchmarks import results
from tests.benchmarks.arrays import with_data
from tests.benchmarks.rows import rows

WARM_UP = 20
COMPILED = "CpuExecutable::ExecuteAsyncOnStream"
"""The profiler's name for a run of what XLA has compiled."""
FIRST = "XLA: first convolution with its pooling, bias and ReLU"
KINDS = {
    "Conv2DBackpropFilter": "oneDNN: gradients of kernels",
    "Conv2DBackpropInput": "oneDNN: gradients of inputs (beside those of kernels)",
    "Conv2D": "oneDNN: second and third convolution",
    "MaxPoolGrad": "oneDNN: gradients of poolings",
    "MaxPool": "oneDNN: second and third pooling",
    **dict.fromkeys(("Real", "Imag"), FIRST),
    **dict.fromkeys(("AddV2", "Sum", "Relu", "ReluGrad", "BiasAddGrad"), "biases and activations"),
    "ResourceApplyRMSProp": "optimizer",
}
OTHER = "all else: dense layers, loss, gathering the batch"


def milliseconds(program: Any, steps: int) -> Counter[str]:
    """Milliseconds of a step by kind, from a profile of the first steps of an epoch."""
    from mnist_tui.training.backend import tf
    from mnist_tui.training.programs import Sums

    program.run(0, WARM_UP, Sums())
    with tempfile.TemporaryDirectory() as place:
        tf.profiler.experimental.start(place)
        program.run(0, steps, Sums())
        tf.profiler.experimental.stop()
        space: Any = import_module("tensorflow.tsl.profiler.protobuf.xplane_pb2").XSpace()
        space.ParseFromString(next(Path(place).rglob("*.xplane.pb")).read_bytes())
    found: Counter[str] = Counter()
    for plane in space.planes:
        for event in (event for line in plane.lines for event in line.events):
            name = plane.event_metadata[event.metadata_id].name.partition("#")[0]
            if kind := _kind(name):
                found[kind] += event.duration_ps / 1e9 / steps
    return found


def _kind(name: str) -> str | None:
    """The kind of an operation, whose name is ``PLACE:TYPE`` in a profile; None of anything else."""
    if name == COMPILED:
        return FIRST
    if not name.startswith("while/"):
        return None
    operation = name.rpartition(":")[2].removeprefix("_MklNative").removeprefix("_Mkl")
    return KINDS.get(operation, OTHER)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.step", description=__doc__)
    parser.add_argument("--steps", type=int, default=100, help="steps in the profile (default %(default)s)")
    asked = parser.parse_args()

    from mnist_tui.data.datasets import load
    from mnist_tui.training.device import Resident
    from mnist_tui.training.programs import GRAPH, Network

    with tempfile.TemporaryDirectory() as place:
        experiment, data = with_data(next(row.experiment for row in rows() if row.name == "cnn"), Path(place))
        dataset = load(experiment.dataset.name, download=False)
    examples = Resident(dataset.train_images, dataset.train_labels)
    batch_size = experiment.training.batch_size
    program = Network(experiment).program(GRAPH, examples, batch_size=batch_size, seed=experiment.training.seed)
    found = milliseconds(program, asked.steps)
    lines = [f"| {kind} | {time:.2f} | {time / found.total():.0%} |" for kind, time in found.most_common()]
    table = "\n".join(["| kind of operation | ms | share |", "| --- | --: | --: |", *lines])
    results.write(
        "A step of cnn",
        f"Starter cnn, a batch of {batch_size} from {data}, mean of {asked.steps} steps.\n\n{table}\n{NOTES}",
    )
    print(table)


NOTES = """
Times of operations that run at the same time are added up, so that the sum is more than a step takes. Two thirds are
oneDNN's convolutions, which waste work in two ways: they compute 16 filters at a time (8 on AVX2) where the network has
9, and of the gradients before a pooling three of four are zero and are multiplied all the same. Our own loops
(`training/pooled_gradients`) avoid both, but with so few filters a step takes as long with them.
"""


if __name__ == "__main__":
    main()
