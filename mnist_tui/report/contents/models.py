"""The networks that runs trained: each told once, layer by layer, with the runs that used it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mnist_tui.experiment.complexity import Complexity
from mnist_tui.experiment.layers import LAYER_KINDS, ExperimentPart
from mnist_tui.experiment.spec import Experiment
from mnist_tui.report.contents.grid import MarkdownTable, value_in_words
from mnist_tui.report.evidence import Evidence
from mnist_tui.wording import count


@dataclass(frozen=True, eq=False)
class Network:
    """A network that at least one run trained.

    Attributes:
        number: from 1, in the order of the first run of each.
        evidence: of the first run that used it.
        runs: the numbers of all that did.
    """

    number: int
    evidence: Evidence
    runs: tuple[int, ...]

    @property
    def anchor(self) -> str:
        return f"model-{self.number}"

    @property
    def title(self) -> str:
        return f"Model {self.number} – {architecture(self.evidence.complexity)}"


def networks(evidences: Sequence[Evidence]) -> list[Network]:
    """The networks of runs numbered from 1; the same layers on the same features are one network."""
    found: dict[str, list[int]] = {}
    for number, evidence in enumerate(evidences, 1):
        found.setdefault(_key(evidence.experiment), []).append(number)
    return [Network(at, evidences[runs[0] - 1], tuple(runs)) for at, runs in enumerate(found.values(), 1)]


def _key(experiment: Experiment) -> str:
    return "".join(part.model_dump_json() for part in (experiment.features, *experiment.layers, experiment.output))


def architecture(complexity: Complexity) -> str:
    """A network in short: ``784-250-10``, ``convolutions 9-9-16, dense 144-25-10``."""
    filters = [layer.output_shape[-1] for layer in complexity.layers if layer.kind == "conv2d"]
    dense = [layer.output_shape[0] for layer in complexity.layers if layer.kind == "dense"]
    connected = "-".join(map(str, [complexity.dense_inputs, *dense]))
    return f"convolutions {'-'.join(map(str, filters))}, dense {connected}" if filters else connected


def layer_table(complexity: Complexity, experiment: Experiment) -> MarkdownTable:
    """The network's summary, a row a layer, the input first."""
    rows: list[tuple[object, ...]] = [("0", "input (InputLayer)", str(experiment.input_shape), "", "0", "")]
    inbound, parts = "input", [*experiment.layers, experiment.output]
    for number, (layer, part) in enumerate(zip(complexity.layers, parts, strict=True), 1):
        configuration = "; ".join(filter(None, [layer.configuration, *_initialisers(part)]))
        name = f"{layer.name} ({LAYER_KINDS[layer.kind].__name__})"
        rows.append((str(number), name, str(layer.output_shape), configuration, count(layer.total), inbound))
        inbound = layer.name
    headings = ("№", "Layer (type)", "Output shape", "Configuration", "Parameters", "Inbound layer")
    return MarkdownTable(headings, tuple(rows), frozenset((0, 4)))


def _initialisers(part: ExperimentPart) -> list[str]:
    words: list[str] = []
    for what, field in (("weights", "kernel_initializer"), ("biases", "bias_initializer")):
        initialiser = getattr(part, field, None)
        if initialiser is not None:
            arguments = ", ".join(f"{key} {value_in_words(value)}" for key, value in initialiser if key != "name")
            words.append(f"{what} {initialiser.name}{f' ({arguments})' if arguments else ''}")
    return words
