"""Epochs of the training process against Keras `fit` and JAX or PyTorch: `python -m tests.benchmarks.engine`.

For each network two processes take turns, an epoch each, and only one of them works at a time: ours and bare Keras
`fit`; then ours and, where it is installed, a jitted JAX scan for a dense network, PyTorch for a convolutional one. A
third process would make each wait so long that the system takes its memory away. The first turns (one of a heavy
network, else three), which trace, compile and fill caches, are discarded. The table goes into RESULTS.md row by row.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mnist_tui.experiment.presets import Preset
from mnist_tui.runs.event_log import EventTail
from mnist_tui.runs.events import ModelBuilt
from mnist_tui.runs.folder import Launch, create
from mnist_tui.training.checkpoint import LEAST_SECONDS, MOST_SHARE
from tests.benchmarks import jaxed, results, torched
from tests.benchmarks.arrays import with_data
from tests.benchmarks.ours import CHECKPOINT_TURN
from tests.benchmarks.pairs import Ratio, ratio
from tests.benchmarks.rows import Row, rows
from tests.benchmarks.turns import Child, ChildError

FEWEST_PAIRS = 3
WARM_UPS, WARM_UP_SECONDS = 3, 20.0
"""Turns before those that count: tracing, compiling, first touches of memory; only one where that takes so long."""
CHECKPOINT_TURNS = 2
AVX2 = {
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
    "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma",
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}
"""Variables that keep TensorFlow, Numba and PyTorch from using AVX-512."""
PEERS = {"jax": "jaxed", "torch": "torched"}
"""The benchmark's module for each library beside Keras."""
HEAD = (
    "network, batch",
    "ours, s",
    "fit, s",
    "ratio to fit",
    "floor",
    "with its confusion matrix",
    "ratio to JAX or PyTorch",
    "floor",
    "evaluation",
    "checkpoint",
    "program",
    "data",
    "pairs",
)
NOTES = f"""
Seconds of an epoch with validation on the test images, medians; ratios are the other's seconds ÷ ours, median
(quartiles). Ours is the run's own process with folder, events, heartbeat, confusion matrix each epoch and checkpoints.
"Ratio to fit" is against Keras' `fit` with `validation_data` alone; "with its confusion matrix" adds a callback that
predicts and counts. JAX has the dense networks as a jitted scan, PyTorch the convolutional ones with channels last,
both with the confusion matrix. "Evaluation" is its share of our epoch (of starters at most 10 %). "Checkpoint" is what
copying one and writing it take of a core's time, and its share of the least time between two, {LEAST_SECONDS:.0f} s;
one that costs more than {MOST_SHARE:.0%} of that is made more seldom. Epochs before caches are warm (one to three) do
not count.
"""
LIMITED = """
The same where no library uses AVX-512, and `fit` has oneDNN off, as TensorFlow has it on a processor without AVX-512.
"""


@dataclass(frozen=True)
class Figures:
    """What a row came to.

    Attributes:
        fit, fit_with_confusion, peer: fit's, or JAX's or PyTorch's seconds ÷ ours; `peer` None if it was not measured.
        evaluation: its share of our epoch. checkpoint: seconds that one takes.
        no_peer: why there is none.
    """

    fit: Ratio
    fit_with_confusion: Ratio
    peer: Ratio | None
    evaluation: float
    checkpoint: float
    model: ModelBuilt
    data: str
    no_peer: str = ""


def measure(row: Row, pairs: int, seconds: float, device: str, of_fit: dict[str, str]) -> Figures:
    """Lets the processes take turns.

    Args:
        pairs: turns of each.
        seconds: after that long there are no more turns, but for the first few.
        device: auto, cpu or gpu.
        of_fit: environment variables of `fit` alone.

    Raises:
        ChildError: a process ended.
    """
    with tempfile.TemporaryDirectory() as place, ExitStack() as children:
        experiment, data = with_data(row.experiment, Path(place))
        folder = create(
            Path(place) / "runs", Preset(row.name, experiment, origin="run"), Launch(time.time(), "", device)
        )

        def start(module: str, environment: dict[str, str]) -> Child:
            log = Path(place) / f"{module}.log"
            return Child(
                f"tests.benchmarks.{module}", [str(folder.path)], log, {"TF_CPP_MIN_LOG_LEVEL": "2", **environment}
            )

        def turns_with(peer: Child) -> list[list[dict[str, Any]]]:
            _take_turns([ours, peer], WARM_UPS, WARM_UP_SECONDS, fewest=1)
            return _take_turns([ours, peer], pairs, seconds, FEWEST_PAIRS)

        ours = children.enter_context(start("ours", {}))
        with start("fit", {**_of_a_peer(device), **of_fit}) as fit:
            turns = turns_with(fit)
        with_checkpoint = turns[-1][0]["checkpoints"] or _checkpoints(ours)
        model = next(each for each in EventTail(folder.events_file).read_all() if isinstance(each, ModelBuilt))
        library, no_peer = _peer(row)
        of_the_peer: list[list[dict[str, Any]]] = []
        if library:
            peer = children.enter_context(start(PEERS[library], _of_a_peer(device)))
            if model.device.startswith("GPU") and peer.facts["platform"] != "gpu":
                no_peer = f"this {library} has no GPU"
            else:
                of_the_peer = turns_with(peer)
    own = [turn[0] for turn in turns]

    return Figures(
        _ratio(turns),
        _ratio(turns, "with_confusion"),
        _ratio(of_the_peer) if of_the_peer else None,
        statistics.median(each["evaluation"] / each["seconds"] for each in own),
        statistics.median(with_checkpoint),
        model,
        data,
        no_peer,
    )


def _ratio(turns: list[list[dict[str, Any]]], key: str = "seconds") -> Ratio:
    """The second process' figure by our seconds."""
    return ratio((other[key], ours["seconds"]) for ours, other in turns)


def _take_turns(children: list[Child], pairs: int, seconds: float, fewest: int) -> list[list[dict[str, Any]]]:
    """The children's answers, turn by turn; who begins changes, so that none always works after the same one.

    Args:
        pairs: turns of each; after `seconds` no more than the `fewest`.
    """
    began = time.monotonic()
    turns: list[list[dict[str, Any]]] = []
    while len(turns) < pairs and (len(turns) < fewest or time.monotonic() - began < seconds):
        answers: dict[int, dict[str, Any]] = {}
        for place in range(len(children)):
            which = (len(turns) + place) % len(children)
            answers[which] = children[which].ask()
        turns.append([answers[which] for which in range(len(children))])
    return turns


def _checkpoints(ours: Child) -> list[float]:
    return [ours.ask(CHECKPOINT_TURN) for _ in range(CHECKPOINT_TURNS)][-1]["checkpoints"]


def _of_a_peer(device: str) -> dict[str, str]:
    """Peers share a GPU with the others, or see none."""
    sharing = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    return {**sharing, "CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"} if device == "cpu" else sharing


def _peer(row: Row) -> tuple[str, str]:
    """The library that has the network too, a key of `PEERS`; empty with the reason if there is none."""
    covering = {"jax": jaxed.covers, "torch": torched.covers}
    library = next((each for each, covers in covering.items() if covers(row.experiment)), "")
    if row.peer_floor is None or not library:
        return "", "–"
    return (library, "") if find_spec(library) else ("", f"{library} is not installed")


def line_of(row: Row, found: Figures) -> str:
    """The row as a line of the table."""
    cells = (
        row.title,
        f"{found.fit.second:.3f}",
        f"{found.fit.first:.3f}",
        f"**{found.fit}**",
        f"≥ {row.floor}",
        str(found.fit_with_confusion),
        str(found.peer) if found.peer is not None else found.no_peer,
        f"≥ {row.peer_floor}" if row.peer_floor is not None else "–",
        f"{found.evaluation:.1%}",
        f"{found.checkpoint * 1000:.0f} ms, {found.checkpoint / LEAST_SECONDS:.1%}",
        found.model.program,
        found.data,
        str(found.fit.pairs),
    )
    return _line(cells)


def record(row: Row, found: Figures, like_avx2: bool) -> None:
    """Puts the row into RESULTS.md, among those measured before on the same machine."""
    gpu = found.model.device_name if found.model.device.startswith("GPU") else ""
    section = f"Engine, {'GPU' if gpu else 'CPU'}{' limited to AVX2' if like_avx2 else ''}"
    known = {line.split(" | ")[0].removeprefix("| "): line for line in results.body(section, gpu).splitlines()}
    known[row.title] = line_of(row, found)
    ordered = [known[each.title] for each in rows() if each.title in known]
    notes = LIMITED if like_avx2 else NOTES
    results.write(section, "\n".join([_line(HEAD), _line(["---"] * len(HEAD)), *ordered, notes]), gpu)


def _line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    names = [row.name for row in rows()]
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.engine", description=__doc__)
    parser.add_argument("--rows", default=",".join(names), help="some of %(default)s")
    parser.add_argument("--pairs", type=int, default=7, help="turns of each process (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=300, help="for a row's turns (default %(default)s)")
    parser.add_argument("--device", choices=["auto", "cpu", "gpu"], default="auto")
    parser.add_argument(
        "--like-avx2",
        action="store_true",
        help="as on a processor without AVX-512: no library uses it; fit without oneDNN",
    )
    asked = parser.parse_args()
    os.environ.update(AVX2 if asked.like_avx2 else {})
    wanted = asked.rows.split(",")
    if unknown := set(wanted) - set(names):
        parser.error(f"there is no row {', '.join(sorted(unknown))}; {', '.join(names)} are known")
    print(_line(HEAD))
    for row in rows():
        if row.name not in wanted:
            continue
        try:
            of_fit = {"TF_ENABLE_ONEDNN_OPTS": "0"} if asked.like_avx2 else {}
            found = measure(row, asked.pairs, asked.seconds, asked.device, of_fit)
        except ChildError as error:
            raise SystemExit(f"{row.name}: {error}") from None
        print(line_of(row, found), flush=True)
        record(row, found, asked.like_avx2)


if __name__ == "__main__":
    main()
