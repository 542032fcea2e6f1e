"""Trials served one after another: `python -m tests.benchmarks.trials`.

What a trial takes beyond its training, what memory its worker holds, ten seeds by two workers against bare Keras, and
what TensorFlow's determinism costs on a CPU (where it is not needed and never on). `--bare FILE SEED…` is bare Keras.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from mnist_tui.data.datasets import load
from mnist_tui.experiment.presets import Preset
from mnist_tui.experiment.spec import Experiment, from_mapping
from mnist_tui.runs.folder import Launch, create
from mnist_tui.runs.worker_jobs import TrialServer
from tests.benchmarks import results
from tests.benchmarks.arrays import with_data
from tests.benchmarks.pairs import Ratio, ratio

SEEDS = 10
BARE_SEEDS = 2
EPOCHS = 5
MEGABYTE = 1_000_000


def reference(seed: int = 0, units: int = 512, epochs: int = EPOCHS) -> Experiment:
    """`efc2-mlp-reference`: 784-512(relu, dropout 0.5)-10, Adam, batch 32."""
    return from_mapping(
        {
            "layers": [
                {"kind": "flatten"},
                {"kind": "dense", "units": units, "activation": "relu"},
                {"kind": "dropout", "rate": 0.5},
            ],
            "optimizer": {"name": "adam", "learning_rate": 0.001},
            "training": {"batch_size": 32, "epochs": epochs, "seed": seed},
        }
    )


@dataclass(frozen=True)
class Served:
    """One trial: seconds from handing it over to its answer, and of its parts; the worker's memory after it, in MB."""

    seconds: float
    train: float
    build: float
    evaluate: float
    memory: float

    @property
    def overhead(self) -> float:
        return self.seconds - self.train


def serve(server: TrialServer, experiment: Experiment, place: Path) -> Served:
    """Has the server train an experiment over one thread.

    Raises:
        SystemExit: it failed.
    """
    folder = create(place / "runs", Preset("trial", experiment, origin="run"), Launch(time.time(), "", threads=1))
    began = time.perf_counter()
    if server.run(folder, lambda: None):
        raise SystemExit(f"the trial failed: {folder.last_log_lines()}")
    seconds = time.perf_counter() - began
    timings = (folder.results() or {})["timings"]
    memory = psutil.Process(server.pid).memory_info().rss / MEGABYTE
    return Served(seconds, timings["train"], timings["build"], timings["evaluate"], memory)


def overheads(of: Experiment, place: Path, trials: int) -> str:
    """A line for trials of one structure, and one for trials that each have another."""
    lines = [
        "| trials after the first | overhead, s | building | evaluating | rest | memory after 2, MB | after all, MB |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, count, change in (
        ("another seed each", trials, lambda number: reference(number, epochs=1)),
        ("another width each", trials // 2, lambda number: reference(0, 500 + number, epochs=1)),
    ):
        server = TrialServer(place / "server.log")
        try:
            served = [serve(server, _with_dataset(change(number), of), place) for number in range(count)]
        finally:
            server.close()
        later = served[1:]
        overhead, build, evaluate = (
            statistics.median(getattr(each, part) for each in later) for part in ("overhead", "build", "evaluate")
        )
        rest = statistics.median(each.overhead - each.build - each.evaluate for each in later)
        memory = f"{served[1].memory:,.0f} | {served[-1].memory:,.0f}"
        lines.append(
            f"| {count - 1}, {name} | **{overhead:.2f}** | {build:.2f} | {evaluate:.2f} | {rest:.2f} | {memory} |"
        )
    return "\n".join(lines)


def _with_dataset(experiment: Experiment, of: Experiment) -> Experiment:
    return experiment.model_copy(update={"dataset": of.dataset})


def ten_seeds(of: Experiment, place: Path) -> float:
    """Seconds of ten seeds by two servers, from the servers' start to the last answer."""
    began = time.perf_counter()
    servers = [TrialServer(place / f"server-{number}.log") for number in range(2)]

    def half(number: int) -> None:
        for seed in range(number, SEEDS, 2):
            serve(servers[number], _with_dataset(reference(seed), of), place)

    try:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(half, range(2)))
        return time.perf_counter() - began
    finally:
        for server in servers:
            server.close()


def bare_seeds(file: Path) -> float:
    """Seconds of as many bare notebooks as ten, from those of one process that trains two seeds."""
    began = time.perf_counter()
    seeds = map(str, range(BARE_SEEDS))
    subprocess.run([sys.executable, "-m", "tests.benchmarks.trials", "--bare", str(file), *seeds], check=True)
    return (time.perf_counter() - began) * SEEDS / BARE_SEEDS


def bare(file: Path, seeds: list[int]) -> None:
    """What a notebook does, for one seed after the other."""
    # TensorFlow imports JAX where it finds it; a notebook does not have it, these benchmarks do.
    sys.modules["jax"] = None  # type: ignore[assignment]
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    import keras

    with np.load(file) as data:
        train, labels, test, test_labels = (data[name] for name in ("x_train", "y_train", "x_test", "y_test"))
    train, test = train.astype("float32") / 255, test.astype("float32") / 255
    for seed in seeds:
        keras.utils.set_random_seed(seed)
        layers = keras.layers
        model: Any = keras.Sequential(
            [
                keras.Input((28, 28)),
                layers.Flatten(),
                layers.Dense(512, "relu"),
                layers.Dropout(0.5),
                layers.Dense(10, "softmax"),
            ]
        )
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(train, labels, batch_size=32, epochs=EPOCHS, verbose=0)
        print(f"bare Keras, seed {seed}: {model.evaluate(test, test_labels, verbose=0)[1]:.4f}", flush=True)


def determinism() -> dict[str, Ratio]:
    """An epoch's seconds with TensorFlow's determinism ÷ without, turn about, of an XLA and a graph program."""
    from mnist_tui.experiment.presets import find_preset
    from mnist_tui.training import device, models
    from mnist_tui.training.device import Resident
    from mnist_tui.training.programs import LoopProgram, Sums, kind_for

    images = np.random.default_rng(0).integers(0, 256, (12_800, 28, 28), np.uint8)
    examples = Resident(images, np.arange(len(images)) % 10)
    switches = {True: device._determinism.enable_op_determinism, False: device._determinism.disable_op_determinism}

    def program(experiment: Experiment) -> LoopProgram:
        model, optimizer = models.build(experiment), models.optimizer(experiment)
        return LoopProgram(kind_for(experiment, False), model, optimizer, examples, batch_size=128, seed=0)

    def epoch(of: LoopProgram) -> float:
        began = time.perf_counter()
        of.run(0, len(images) // 128, Sums())
        return time.perf_counter() - began

    found: dict[str, Ratio] = {}
    for name, experiment in (("dense, xla", reference()), ("cnn, graph", find_preset("cnn").experiment)):
        programs: dict[bool, Any] = {}
        for on, switch in switches.items():
            switch()
            programs[on] = program(experiment)
        pairs: list[tuple[float, float]] = []
        for _ in range(9):
            pair: dict[bool, float] = {}
            for on, switch in switches.items():
                switch()
                pair[on] = epoch(programs[on])
            pairs.append((pair[True], pair[False]))
        found[name] = ratio(pairs[2:])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.trials", description=__doc__)
    parser.add_argument("--trials", type=int, default=20, help="trials that the memory is watched over (%(default)s)")
    parser.add_argument("--pairs", type=int, default=1, help="of ten seeds and bare Keras (%(default)s)")
    parser.add_argument("--bare", nargs="+", metavar=("FILE", "SEED"), help="train bare Keras, and nothing else")
    asked = parser.parse_args()
    if asked.bare:
        bare(Path(asked.bare[0]), [int(seed) for seed in asked.bare[1:]])
        return
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        of, data = with_data(reference(), place)
        table = overheads(of, place, asked.trials)
        print(table, flush=True)
        dataset = load(of.dataset.name, download=False)
        file = place / "mnist.npz"
        np.savez_compressed(
            file,
            x_train=dataset.train_images,
            y_train=dataset.train_labels,
            x_test=dataset.test_images,
            y_test=dataset.test_labels,
        )
        pairs = [(bare_seeds(file), ten_seeds(of, place)) for _ in range(asked.pairs)]
    seeds, costs = ratio(pairs), determinism()
    body = f"""efc2-mlp-reference (784-512(relu, dropout)-10, Adam, batch 32) on {data}, one thread a worker, medians.
Overhead is all from handing a trial over to its answer but `timings.train` of its one epoch; at most 1 s is wanted.

{table}

Ten seeds of {EPOCHS} epochs by two workers, their start included, {seeds.second:,.0f} s; as many bare Keras notebooks
(a process of {BARE_SEEDS} seeds over all cores, times {SEEDS // BARE_SEEDS}) {seeds.first:,.0f} s; ratio
**{seeds}** of {seeds.pairs}, at least 1 is wanted.

TensorFlow's determinism, which a CPU does not need: an epoch with it ÷ without,
{", ".join(f"{name} {cost}" for name, cost in costs.items())}. On a GPU, where it is on, it is not measured here."""
    print(body)
    results.write("Trials", body)


if __name__ == "__main__":
    main()
