"""Texts and tables about experiments and their complexity, for the presets screen and the editor."""

from __future__ import annotations

from mnist_tui.columns import Column
from mnist_tui.data.catalogue import KNOWN
from mnist_tui.experiment import complexity
from mnist_tui.experiment.complexity import Complexity
from mnist_tui.experiment.layers import LayerError, places, shapes_through, walk
from mnist_tui.experiment.optimizers import Ridge
from mnist_tui.experiment.parameters import by_name
from mnist_tui.experiment.presets import Preset
from mnist_tui.experiment.shapes import written
from mnist_tui.experiment.spec import Experiment, HogFeatures
from mnist_tui.report.result_words import reference_in_words
from mnist_tui.wording import count, counted, grouped, listed, size


def dataset_title(name: str) -> str:
    """Return the title of a dataset, ``MNIST`` for ``mnist``; the name itself if it is not known."""
    return KNOWN[name].title if name in KNOWN else name


def _dataset(experiment: Experiment) -> str:
    spec = experiment.dataset
    title = dataset_title(spec.name)
    limited = f", first {spec.limit:,} training images" if spec.limit else ""
    if spec.validation == "test":
        return f"{title}{limited}, validated on the test set"
    if spec.validation == "own":
        return f"{title}{limited}, validated on its own validation split"
    if spec.fold is not None:
        return f"{title}{limited}, {spec.fold.in_words} held out; the test set is not used"
    return f"{title}{limited}, validated on {100 * spec.validation:g} % of the training set"


def _features(experiment: Experiment) -> str:
    chosen = experiment.features
    if not isinstance(chosen, HogFeatures):
        changes = experiment.augmentation
        return "raw pixels" if changes is None else f"raw pixels; augmented by {listed(changes.in_words)}"
    edge, block = chosen.pixels_per_cell, chosen.cells_per_block
    blocks = f", blocks of {block}×{block} cells" if block > 1 else ""
    return f"HOG, cells of {edge}×{edge} pixels{blocks}, {counted(chosen.orientations, 'orientation')}"


def _inputs(counts: Complexity) -> str:
    formula, _, _ = counts.inputs_formula.rpartition(" = ")
    return f"{counts.inputs:,} = {formula}"


def _parameters(counts: Complexity) -> str:
    other = f" + {counts.other:,} other" if counts.other else ""
    return f"{counts.total:,}: {counted(counts.weights, 'weight')} + {counted(counts.biases, 'bias')}{other}"


def _optimizer(experiment: Experiment) -> str:
    chosen = experiment.optimizer
    if isinstance(chosen, Ridge):
        low, high = min(chosen.ridges), max(chosen.ridges)
        many = f"the best of {len(chosen.ridges)} penalties from {low:g} to {high:g}"
        return f"ridge least squares in closed form, {many if len(chosen.ridges) > 1 else f'penalty {low:g}'}"
    given = experiment.optimizer.model_dump(exclude_defaults=True, exclude={"name", "learning_rate"})
    further = "".join(f", {name.replace('_', ' ')} {value}" for name, value in given.items())
    schedule = by_name("schedule").read(experiment)
    over = "" if schedule == "constant" else f", schedule {schedule}"
    if experiment.training.warmup:
        over += f", warm-up of {counted(experiment.training.warmup, 'epoch')}"
    return f"{chosen.name}, learning rate {chosen.learning_rate:g}{further}{over}"


def _training(experiment: Experiment) -> str:
    spec = experiment.training
    if not experiment.trains_in_epochs:
        return f"output layer solved at once, seed {spec.seed}"
    stopping = spec.early_stopping
    early = (
        f", stops after {counted(stopping.patience, 'epoch')} without a better {stopping.monitor}" if stopping else ""
    )
    smoothing = f", label smoothing {spec.label_smoothing:g}" if spec.label_smoothing else ""
    weights = f", class weights {by_name('class-weights').read(experiment)}" if spec.class_weights else ""
    of_loss = f"{smoothing}{weights}"
    return f"{counted(spec.epochs, 'epoch')}, batches of {spec.batch_size:,}, seed {spec.seed}{of_loss}{early}"


FACTS = ("Dataset", "Features", "Inputs", "Parameters", "Published", "Optimizer", "Training")


def facts(preset: Preset) -> dict[str, str]:
    """Return texts about a preset and its experiment, one for each of FACTS."""
    experiment = preset.experiment
    counts = complexity.of(experiment)
    return {
        "Dataset": _dataset(experiment),
        "Features": _features(experiment),
        "Inputs": _inputs(counts),
        "Parameters": _parameters(counts),
        "Published": reference_in_words(preset.reference),
        "Optimizer": _optimizer(experiment),
        "Training": _training(experiment),
    }


def _short_columns(least: int) -> tuple[Column, ...]:
    return (
        Column("Layer"),
        Column("Configuration", least=least, whole=True),
        Column("Output", right=True, need=1),
        Column("Parameters", right=True, need=2),
    )


READ_COLUMNS, EDITED_COLUMNS = _short_columns(27), _short_columns(10)
"""A narrow table keeps the configuration for a reader, and the shapes for a person who edits the layers."""


def layer_rows(experiment: Experiment) -> list[tuple[str, ...]]:
    """Return a row of READ_COLUMNS or EDITED_COLUMNS for each layer and for the output layer.

    The layers of a residual block follow the block, indented; the row of the block has the parameters of the
    convolution beside it. From the first layer that does not fit on, the shapes and the numbers of parameters are
    question marks.
    """
    layers = experiment.layers
    fitting, output_fits = len(layers), False
    try:
        output_fits = len(shapes_through(experiment.input_shape, layers)[-1]) == 1
    except LayerError as error:
        fitting = int(error.path[0])
    counts = complexity.of(experiment.model_copy(update={"layers": layers[:fitting]})).layers
    known = {part.name: part for part in counts}
    rows: list[tuple[str, ...]] = []
    named = zip(complexity.layer_names(experiment), walk(layers), places(layers), strict=True)
    for name, layer, place in named:
        indented, part, beside = f"{'  ' * (len(place) - 1)}{name}", known.get(name), known.get(f"{name}_shortcut")
        if part is None or place[0] >= fitting:
            rows.append((indented, layer.configuration, "?", "?"))
        else:
            configuration = f"{layer.configuration}, {beside.configuration}" if beside else layer.configuration
            total = part.total + (beside.total if beside else 0)
            rows.append((indented, configuration, grouped(written(part.output_shape)), _count(total)))
    last = counts[-1]
    shown = (grouped(written(last.output_shape)), _count(last.total)) if output_fits else ("?", "?")
    return [*rows, (last.name, last.configuration, *shown)]


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
    """Return a row of FULL_COLUMNS for each layer, and a last row with the totals."""
    rows = [
        (
            layer.name,
            f"{layer.inputs:,}",
            grouped(written(layer.output_shape)),
            *map(_count, (layer.weights, layer.biases, layer.other, layer.macs)),
            grouped(layer.formula),
        )
        for layer in counts.layers
    ]
    weights, biases, macs = (f"{number:,}" for number in (counts.weights, counts.biases, counts.macs))
    rows.append(("total", "", "", weights, biases, _count(counts.other), macs, ""))
    return rows if counts.other else [(*row[:5], "", *row[6:]) for row in rows]


TOTALS = ("Inputs", "Parameters", "Dense part", "Trainable", "MACs", "Memory", "To train")


def totals(counts: Complexity, needed: int | None = None) -> dict[str, str]:
    """Return texts about the complexity of a whole network, by the names in TOTALS.

    Args:
        needed: the bytes without which it cannot be trained; None if that is not to be said.
    """
    weights, biases = counted(counts.dense_weights, "weight"), counted(counts.dense_biases, "bias")
    trained = f"{counts.trainable:,}; {counts.non_trainable:,} are not trained" if counts.non_trainable else ""
    facts = {
        "Inputs": _inputs(counts),
        "Parameters": _parameters(counts),
        "Dense part": f"{counted(counts.dense_inputs, 'input')}, {weights}, {biases}",
        "Trainable": trained,
        "MACs": f"{counts.macs:,} multiply-accumulates for one image",
        "Memory": f"{size(counts.bytes)} of parameters in float32",
    }
    if needed is not None:
        from mnist_tui.runs.devices import machine_memory

        memory = machine_memory()
        enough = ": too much" if needed > memory else ""
        facts["To train"] = f"at least {size(needed)} of this machine's {size(memory)} of memory{enough}"
    return facts


def summary(counts: Complexity) -> str:
    """Describe the size of a network, for example ``392 inputs · 80,610 parameters``."""
    return f"{counted(counts.inputs, 'input')} · {counted(counts.total, 'parameter')}"


def _count(value: int) -> str:
    return count(value or None)
