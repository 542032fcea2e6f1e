"""Describe experiments and their complexity in words and tables, for the presets screen and the editor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mnist_tui.columns import Column
from mnist_tui.data.catalogue import KNOWN
from mnist_tui.experiment import complexity
from mnist_tui.experiment.complexity import Complexity, LayerComplexity
from mnist_tui.experiment.layers import LayerError, shapes_through
from mnist_tui.experiment.optimizers import Ridge
from mnist_tui.experiment.parameters import by_name
from mnist_tui.experiment.presets import BrokenPreset, Preset
from mnist_tui.experiment.shapes import written
from mnist_tui.experiment.spec import Experiment, HogFeatures
from mnist_tui.report.result_words import reference_in_words
from mnist_tui.wording import count, counted, grouped

# ── an experiment ──


def dataset(experiment: Experiment) -> str:
    """Return ``MNIST, validated on the test set``."""
    spec = experiment.dataset
    title = KNOWN[spec.name].title if spec.name in KNOWN else spec.name
    limited = f", first {spec.limit:,} training images" if spec.limit else ""
    if spec.validation == "test":
        return f"{title}{limited}, validated on the test set"
    return f"{title}{limited}, validated on {100 * spec.validation:g} % of the training set"


def features(experiment: Experiment) -> str:
    """Return ``raw pixels``, or HOG with its arguments."""
    chosen = experiment.features
    if not isinstance(chosen, HogFeatures):
        return "raw pixels"
    edge, block = chosen.pixels_per_cell, chosen.cells_per_block
    blocks = f", blocks of {block}×{block} cells" if block > 1 else ""
    return f"HOG, cells of {edge}×{edge} pixels{blocks}, {counted(chosen.orientations, 'orientation')}"


def inputs(counts: Complexity) -> str:
    """Return ``392 = 7 × 7 cells × 8 orientations``."""
    formula, _, _ = counts.inputs_formula.rpartition(" = ")
    return f"{counts.inputs:,} = {formula}"


def parameters(counts: Complexity) -> str:
    """Return ``80,610: 80,400 weights + 210 biases``."""
    other = f" + {counts.other:,} other" if counts.other else ""
    return f"{counts.total:,}: {counted(counts.weights, 'weight')} + {counted(counts.biases, 'bias')}{other}"


def optimizer(experiment: Experiment) -> str:
    """Return ``rmsprop, learning rate 0.001``, and other arguments that differ from Keras' defaults."""
    chosen = experiment.optimizer
    if isinstance(chosen, Ridge):
        low, high = min(chosen.ridges), max(chosen.ridges)
        many = f"the best of {len(chosen.ridges)} penalties from {low:g} to {high:g}"
        return f"ridge least squares in closed form, {many if len(chosen.ridges) > 1 else f'penalty {low:g}'}"
    given = experiment.optimizer.model_dump(exclude_defaults=True, exclude={"name", "learning_rate"})
    further = "".join(f", {name.replace('_', ' ')} {value}" for name, value in given.items())
    schedule = by_name("schedule").read(experiment)
    over = "" if schedule == "constant" else f", schedule {schedule}"
    return f"{chosen.name}, learning rate {chosen.learning_rate:g}{further}{over}"


def training(experiment: Experiment) -> str:
    """Return ``100 epochs, batches of 512, seed 0``."""
    spec = experiment.training
    if not experiment.trains_in_epochs:
        return f"output layer solved at once, seed {spec.seed}"
    stopping = spec.early_stopping
    early = (
        f", stops after {counted(stopping.patience, 'epoch')} without a better {stopping.monitor}" if stopping else ""
    )
    return f"{counted(spec.epochs, 'epoch')}, batches of {spec.batch_size:,}, seed {spec.seed}{early}"


FACTS = ("Dataset", "Features", "Inputs", "Parameters", "Published", "Optimizer", "Training")


def facts(preset: Preset) -> dict[str, str]:
    """Return what the presets screen says of a preset beside its layers, by the names in FACTS."""
    experiment = preset.experiment
    counts = complexity.of(experiment)
    values = (
        dataset(experiment),
        features(experiment),
        inputs(counts),
        parameters(counts),
        reference_in_words(preset.reference),
        optimizer(experiment),
        training(experiment),
    )
    return dict(zip(FACTS, values, strict=True))


def _searched_text(preset: Preset | BrokenPreset) -> str:
    if isinstance(preset, BrokenPreset):
        return f"{preset.name} broken"
    experiment = preset.experiment
    kinds = " ".join(layer.kind for layer in experiment.layers)
    parts = (
        preset.name,
        preset.origin,
        preset.title,
        preset.about,
        experiment.dataset.name,
        experiment.features.kind,
        kinds,
        experiment.optimizer.name,
        preset.reference.source if preset.reference else "",
    )
    return " ".join(parts)


def matches(preset: Preset | BrokenPreset, query: str) -> bool:
    """Return whether every word of the query is found in the preset."""
    text = _searched_text(preset).lower()
    return all(word in text for word in query.lower().split())


# ── layers ──


@dataclass(frozen=True)
class LayerLine:
    """One layer of a stack; `counts` is None from the first layer on that does not fit."""

    name: str
    configuration: str
    counts: LayerComplexity | None


def layer_lines(experiment: Experiment) -> tuple[LayerLine, ...]:
    """Return every layer, the output last, with shapes as far as they are known."""
    layers = experiment.layers
    fitting = len(layers)
    try:
        shapes = shapes_through(experiment.input_shape, layers)
        whole = len(shapes[-1]) == 1
    except LayerError as error:
        fitting, whole = error.position, False
    counted = complexity.of(experiment.model_copy(update={"layers": layers[:fitting]})).layers
    lines = [LayerLine(entry.name, entry.configuration, entry) for entry in counted[:-1]]
    seen = [layer.kind for layer in layers]
    lines += [
        LayerLine(f"{layer.kind}_{seen[: at + 1].count(layer.kind)}", layer.configuration, None)
        for at, layer in enumerate(layers)
        if at >= fitting
    ]
    output = counted[-1]
    return (*lines, LayerLine(output.name, output.configuration, output if whole else None))


def _short_columns(least: int) -> tuple[Column, ...]:
    return (
        Column("Layer"),
        Column("Configuration", least=least),
        Column("Output", right=True, need=1),
        Column("Parameters", right=True, need=2),
    )


READ_COLUMNS, EDITED_COLUMNS = _short_columns(27), _short_columns(17)
"""For reading, settings go before shapes; while the layers are edited, shapes matter and settings have fields."""


def short_rows(lines: Sequence[LayerLine]) -> list[tuple[str, ...]]:
    """Return a row of READ_COLUMNS or EDITED_COLUMNS for each layer."""
    return [
        (
            line.name,
            line.configuration,
            *((grouped(written(c.output_shape)), _count(c.total)) if (c := line.counts) else ("?", "?")),
        )
        for line in lines
    ]


FULL_COLUMNS = (
    Column("Layer", least=15),
    Column("Inputs", right=True, need=3),
    Column("Output", right=True, need=4),
    Column("Weights", right=True, need=6),
    Column("Biases", right=True, need=5),
    Column("Other", right=True, need=5),
    Column("MACs", right=True, need=1),
    Column("How", need=2),
)
WEIGHTS, OTHER, HOW = 3, 5, 7


def full_rows(counts: Complexity) -> list[tuple[str, ...]]:
    """Return a row of FULL_COLUMNS for each layer, and the totals."""
    rows = [
        (
            layer.name,
            f"{layer.inputs:,}",
            grouped(written(layer.output_shape)),
            _count(layer.weights),
            _count(layer.biases),
            _count(layer.other),
            _count(layer.macs),
            grouped(layer.formula),
        )
        for layer in counts.layers
    ]
    totals = (
        "total",
        "",
        "",
        f"{counts.weights:,}",
        f"{counts.biases:,}",
        _count(counts.other),
        f"{counts.macs:,}",
        "",
    )
    rows = [*rows, totals]
    return rows if counts.other else [(*row[:5], "", *row[6:]) for row in rows]


TOTALS = ("Inputs", "Total", "Dense part", "Trainable", "MACs", "Memory")


def totals(counts: Complexity) -> dict[str, str]:
    """Return what the editor says beside the table of layers, by the names in TOTALS."""
    weights, biases = counted(counts.dense_weights, "weight"), counted(counts.dense_biases, "bias")
    connected = f"{counted(counts.dense_inputs, 'input')}, {weights}, {biases}"
    trained = f"{counts.trainable:,}; {counts.non_trainable:,} are not trained" if counts.non_trainable else ""
    return {
        "Inputs": inputs(counts),
        "Total": parameters(counts),
        "Dense part": connected,
        "Trainable": trained,
        "MACs": f"{counts.macs:,} multiply-accumulates for one image",
        "Memory": f"{counts.bytes / 1024:,.1f} KiB of parameters in float32",
    }


def summary(counts: Complexity) -> str:
    """Return ``392 inputs · 80,610 parameters``."""
    return f"{counted(counts.inputs, 'input')} · {counted(counts.total, 'parameter')}"


def _count(value: int) -> str:
    return count(value or None)
