"""Compare several models, of presets and of runs with their accuracy: as tables and in sentences."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from mnist_tui.experiment.complexity import Complexity, of
from mnist_tui.experiment.presets import Preset
from mnist_tui.experiment.shapes import CLASSES
from mnist_tui.experiment.spec import Experiment
from mnist_tui.report import markdown
from mnist_tui.report.figures.accuracies import CapacityPoint
from mnist_tui.report.tabular import aligned, csv_text, latex
from mnist_tui.runs.collection.seed_groups import SeedStatistics, grouped, summary
from mnist_tui.runs.collection.summaries import RunSummary
from mnist_tui.wording import DASH, count, counted, listed, percent, size

FINISHED = "finished"
"""The state of a run whose accuracy is told without a remark."""


@dataclass(frozen=True)
class ComparedModel:
    """One of several models that are compared.

    Attributes:
        name: as a person calls it.
        accuracy: on the test set, 0 to 1; the mean where there are several runs; None where it is not known.
        deviation: standard deviation of the accuracy over the runs; None for fewer than two.
        runs: the number of runs that the accuracy was taken from.
        dataset: the dataset of the accuracy; empty for that of the experiment.
        interval: the 95 % interval of the mean accuracy; None for fewer than two runs.
    """

    name: str
    complexity: Complexity
    experiment: Experiment
    accuracy: float | None = None
    deviation: float | None = None
    runs: int = 0
    dataset: str = ""
    interval: tuple[float, float] | None = None

    @classmethod
    def with_accuracy(
        cls, name: str, complexity: Complexity, experiment: Experiment, accuracy: SeedStatistics | None, dataset: str
    ) -> ComparedModel:
        """Return a model with the accuracy of one or more runs."""
        if accuracy is None:
            return cls(name, complexity, experiment, dataset=dataset)
        found = (accuracy.mean, accuracy.std, accuracy.n)
        return cls(name, complexity, experiment, *found, dataset=dataset, interval=accuracy.interval)

    @property
    def data(self) -> str:
        """The dataset's name."""
        return self.dataset or self.experiment.dataset.name

    @property
    def filters(self) -> tuple[int, ...]:
        """The number of filters of each convolution."""
        return tuple(layer.output_shape[-1] for layer in self.complexity.layers if layer.kind == "conv2d")

    @property
    def units(self) -> tuple[int, ...]:
        """The number of neurons of each dense hidden layer."""
        return tuple(layer.output_shape[0] for layer in self.complexity.layers[:-1] if layer.kind == "dense")

    @property
    def depth(self) -> int:
        """The number of hidden layers with weights."""
        return len(self.filters) + len(self.units)

    @property
    def points(self) -> float | None:
        """Percentage points of accuracy above guessing for each 1,000 parameters; negative if worse than guessing."""
        if self.accuracy is None:
            return None
        return 100 * (self.accuracy - 1 / CLASSES) / (self.complexity.total / 1000)


def name_with_marks(name: str, *marks: str, state: str = FINISHED) -> str:
    """Return a model's name with remarks that tell it from others: ``raw (run 2, stopped)``."""
    told = [*filter(None, marks), *([state] if state != FINISHED else [])]
    return f"{name} ({', '.join(told)})" if told else name


@dataclass(frozen=True)
class NamedModel:
    """A model that the command line names.

    Attributes:
        preset: its experiment, with the changes that were asked for.
        run: the run whose accuracy it has; None for a preset, and for a run whose experiment was changed.
    """

    preset: Preset
    run: RunSummary | None = None


def compared_models(named: Sequence[NamedModel]) -> list[ComparedModel]:
    """Return the models to compare, in the order they were named; a run named twice counts once.

    Runs that differ only in their seed are one model, with the mean accuracy of the finished ones (the newest run of
    each seed). If none has finished, each run is a model of its own, and its name tells its state.
    """
    runs = {_resolved(one.run): one.run for one in named if one.run is not None}
    groups = {group.group: group for group in grouped(runs.values())}
    found: dict[object, ComparedModel] = {}
    for number, one in enumerate(named):
        run = one.run
        if run is None:
            found[number] = ComparedModel(one.preset.name, of(one.preset.experiment), one.preset.experiment)
        elif scored := groups[run.group].scored:
            found.setdefault(run.group, _model_of_runs(scored, run, one.preset))
        else:
            found.setdefault(_resolved(run), _model_of_runs((run,), run, one.preset))
    return list(found.values())


def _resolved(run: RunSummary) -> Path:
    return Path(run.folder).resolve()


def _model_of_runs(runs: Sequence[RunSummary], named: RunSummary, preset: Preset) -> ComparedModel:
    """Return the model of runs of one experiment, called after the named run if its accuracy counts."""
    first = named if named in runs else runs[0]
    more = f" and {len(runs) - 1} more" if len(runs) > 1 else ""
    name = name_with_marks(f"{first.name or first.short}{more}", state=first.state)
    accuracy = summary(run.test_accuracy for run in runs)
    return ComparedModel.with_accuracy(name, of(preset.experiment), preset.experiment, accuracy, first.dataset)


@dataclass(frozen=True)
class ModelComparison:
    """Several models side by side.

    Attributes:
        headings: one a column, the model's name first.
        rows: one a model, as text.
        numbers: the columns that hold numbers, from 0.
        words: sentences that compare the models.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[int]
    words: tuple[str, ...]


def _always(models: Sequence[ComparedModel]) -> bool:
    del models
    return True


@dataclass(frozen=True)
class ModelProperty:
    """A property of models that is compared.

    Attributes:
        key: its name in JSON and CSV.
        value: returns the value for JSON and CSV; None where it is not known.
        text: returns the value as text for a table.
        number: whether it is aligned to the right.
        shown_if: whether the models need it in a table.
    """

    heading: str
    key: str
    value: Callable[[ComparedModel], Any]
    text: Callable[[Any], str] = str
    number: bool = True
    shown_if: Callable[[Sequence[ComparedModel]], bool] = _always


def _sizes(values: Sequence[int]) -> str:
    """Return ``9-9-16``; more than two equal neighbours as ``4 × 512``; ``none`` for no sizes."""
    runs = [(value, len(list(run))) for value, run in groupby(values)]
    return "-".join(f"{n} × {value}" if n > 2 else "-".join([str(value)] * n) for value, n in runs) or "none"


def _interval(ends: tuple[float, float] | None) -> str:
    return " to ".join(map(percent, ends)) if ends else DASH


def _counts(heading: str, key: str, of: Callable[[Complexity], int], needed: bool = True) -> ModelProperty:
    """Return the property of a count; one that is not needed is shown only if a model has it."""
    shown_if = _always if needed else lambda models: any(of(model.complexity) for model in models)
    return ModelProperty(heading, key, lambda model: of(model.complexity), count, shown_if=shown_if)


def _any_accuracy(models: Sequence[ComparedModel]) -> bool:
    return any(model.accuracy is not None for model in models)


MODELS_PER_TABLE = 5
"""The number of models that fit side by side on a page."""
POINTS_HEADING = "points per 1,000 parameters"
PROPERTIES = (
    ModelProperty("model", "name", lambda model: model.name, number=False),
    ModelProperty(
        "dataset",
        "dataset",
        lambda model: model.data,
        number=False,
        shown_if=lambda models: len({model.data for model in models}) > 1,
    ),
    ModelProperty(
        "convolutions (filters)",
        "filters",
        lambda model: list(model.filters),
        _sizes,
        number=False,
        shown_if=lambda models: any(model.filters for model in models),
    ),
    ModelProperty("dense hidden layers (neurons)", "units", lambda model: list(model.units), _sizes, number=False),
    _counts("inputs", "inputs", lambda c: c.inputs),
    _counts("weights", "weights", lambda c: c.weights),
    _counts("biases", "biases", lambda c: c.biases),
    _counts("batch normalisation", "other", lambda c: c.other, needed=False),
    _counts("parameters", "total", lambda c: c.total),
    ModelProperty(
        "trainable",
        "trainable",
        lambda model: model.complexity.trainable,
        count,
        shown_if=lambda models: any(model.complexity.non_trainable for model in models),
    ),
    _counts("fully connected, weights", "dense_weights", lambda c: c.dense_weights),
    _counts("fully connected, biases", "dense_biases", lambda c: c.dense_biases),
    _counts("MACs an image", "macs", lambda c: c.macs),
    ModelProperty("memory (float32)", "bytes", lambda model: model.complexity.bytes, size),
    ModelProperty("test accuracy", "accuracy", lambda model: model.accuracy, percent, shown_if=_any_accuracy),
    ModelProperty(
        "its standard deviation",
        "deviation",
        lambda model: model.deviation,
        percent,
        shown_if=lambda models: any(model.deviation is not None for model in models),
    ),
    ModelProperty(
        "95 % interval of the mean",
        "interval",
        lambda model: model.interval and list(model.interval),
        _interval,
        shown_if=lambda models: any(model.interval is not None for model in models),
    ),
    ModelProperty(
        "runs",
        "runs",
        lambda model: model.runs,
        lambda runs: count(runs or None),
        shown_if=lambda models: any(model.runs > 1 for model in models),
    ),
    ModelProperty(
        POINTS_HEADING,
        "points_per_1000_parameters",
        lambda model: None if model.points is None else round(model.points, 6),
        lambda points: DASH if points is None else f"{points:.3g}",
        shown_if=_any_accuracy,
    ),
)


def compare_models(models: Sequence[ComparedModel]) -> ModelComparison:
    """Compare models, in their order."""
    columns = [column for column in PROPERTIES if column.shown_if(models)]
    return ModelComparison(
        tuple(column.heading for column in columns),
        tuple(tuple(column.text(column.value(model)) for column in columns) for model in models),
        frozenset(place for place, column in enumerate(columns) if column.number),
        comparison_sentences(models),
    )


def transposed(found: ModelComparison, abreast: int = MODELS_PER_TABLE) -> list[tuple[tuple[str, ...], ...]]:
    """Return the comparison with a row a property; the first row holds the models' names.

    Args:
        abreast: the most models in one table; more models make several tables.
    """
    return [
        tuple(zip(found.headings, *found.rows[start : start + abreast], strict=True))
        for start in range(0, len(found.rows), abreast)
    ]


def capacity_points(models: Sequence[ComparedModel]) -> list[CapacityPoint]:
    """Return the models whose accuracy is known, for the figure of accuracy against parameters."""
    return [
        CapacityPoint(model.name, model.complexity.total, model.accuracy, model.deviation, bool(model.filters))
        for model in models
        if model.accuracy is not None
    ]


def comparison_sentences(models: Sequence[ComparedModel]) -> tuple[str, ...]:
    """Return one to six sentences that compare the models; none for fewer than two."""
    if len(models) < 2:
        return ()
    return (*_size(models), *_depth(models), *_as_shallow(models), *_computation(models), *_accuracy(models))


def _size(models: Sequence[ComparedModel]) -> list[str]:
    most, fewest = _most_and_least(models, lambda model: model.complexity.total)
    if most.complexity.total == fewest.complexity.total:
        return [f"All have {counted(most.complexity.total, 'parameter')}."]
    times = _times(most.complexity.total / fewest.complexity.total)
    return [
        f"{most.name} has the most parameters, {most.complexity.total:,}, {times} as many as {fewest.name}, which has "
        f"the fewest, {fewest.complexity.total:,}."
    ]


def _depth(models: Sequence[ComparedModel]) -> list[str]:
    """Compare the deepest model with each shallower one: whether more depth means more parameters here."""
    deepest, shallowest = _most_and_least(models, lambda model: model.depth)
    if deepest.depth == shallowest.depth:
        layers = counted(deepest.depth, "hidden layer") if deepest.depth else "no hidden layer"
        return [f"All have {layers}: they differ in the inputs and in the layers' kinds and sizes, not in depth."]
    own = deepest.complexity.total
    shallower = [model for model in models if model.depth < deepest.depth]
    more = [_name_and_size(model) for model in shallower if model.complexity.total > own]
    less = [_name_and_size(model) for model in shallower if model.complexity.total < own]
    same = [_name_and_size(model) for model in shallower if model.complexity.total == own]
    against = [
        f"{word} {listed(names)}"
        for word, names in (("fewer than", more), ("more than", less), ("as many as", same))
        if names
    ]
    conclusion = " Depth alone does not make capacity." if more else ""
    return [f"Deep against shallow: {_layers(deepest)} and {counted(own, 'parameter')}, {listed(against)}.{conclusion}"]


def _as_shallow(models: Sequence[ComparedModel]) -> list[str]:
    """Say how many neurons one dense hidden layer would have with the deepest model's parameters."""
    deepest, _ = _most_and_least(models, lambda model: model.depth)
    c = deepest.complexity
    if deepest.depth < 2:
        return []
    neurons = round((c.total - CLASSES) / (c.inputs + 1 + CLASSES))
    if not neurons:
        return []
    return [
        f"With the {counted(c.total, 'parameter')} of {deepest.name}, one dense hidden layer on the same "
        f"{counted(c.inputs, 'input')} would have about {counted(neurons, 'neuron')}."
    ]


def _computation(models: Sequence[ComparedModel]) -> list[str]:
    most, fewest = _most_and_least(models, lambda model: model.complexity.macs)
    if most.complexity.macs == fewest.complexity.macs:
        return []
    c = most.complexity
    each = f"{c.macs / c.total:,.3g}" if c.macs < 1000 * c.total else f"{c.macs / c.total:,.0f}"
    why = f", {each} for each parameter, as a filter is used at every position of the image" if most.filters else ""
    return [
        f"{most.name} computes the most, {c.macs:,} multiply-accumulates an image{why}; {fewest.name} the least, "
        f"{fewest.complexity.macs:,}."
    ]


def _accuracy(models: Sequence[ComparedModel]) -> list[str]:
    known = [model for model in models if model.accuracy is not None]
    if not known:
        return []
    meaning = (
        f"Points per 1,000 parameters are percentage points of test accuracy above guessing ({100 / CLASSES:.0f} %), "
        f"divided by the thousands of parameters."
    )
    datasets = sorted({model.data for model in known})
    if len(datasets) > 1:
        return [meaning, f"The accuracies are of different datasets ({listed(datasets)}) and cannot be compared."]
    if len(known) < 2:
        return [meaning]
    best, _ = _most_and_least(known, lambda model: model.accuracy or 0.0)
    thrifty, _ = _most_and_least(known, lambda model: model.points or 0.0)
    gets = f"gets the most from a parameter, {thrifty.points:.3g} points per 1,000 parameters"
    accurate = f"{best.name} is the most accurate of those tested, {percent(best.accuracy)}{_mean_of(best)}"
    return [f"{accurate}, and {gets}." if best is thrifty else f"{accurate}; {thrifty.name} {gets}.", meaning]


def _mean_of(model: ComparedModel) -> str:
    """Return what a mean accuracy was taken over, with its interval; empty for one run."""
    if model.interval is None:
        return ""
    low, high = map(percent, model.interval)
    return f" (the mean of {counted(model.runs, 'seed')}, 95 % interval {low} to {high})"


def _most_and_least(
    models: Sequence[ComparedModel], key: Callable[[ComparedModel], float]
) -> tuple[ComparedModel, ComparedModel]:
    """Return the first model with the largest value and the first with the smallest."""
    return max(models, key=key), min(models, key=key)


def _layers(model: ComparedModel) -> str:
    """Return ``cnn has the most hidden layers, 4 (3 convolutions, 1 dense),``."""
    if model.filters and model.units:
        kinds = f" ({counted(len(model.filters), 'convolution')}, {len(model.units)} dense)"
    else:
        kinds = ", all convolutions" if model.filters else ", all dense"
    return f"{model.name} has the most hidden layers, {model.depth}{kinds if model.depth > 1 else ''},"


def _name_and_size(model: ComparedModel) -> str:
    layers = counted(model.depth, "hidden layer") if model.depth else "no hidden layer"
    return f"{model.name} ({layers}, {model.complexity.total:,})"


def _times(ratio: float) -> str:
    return f"{ratio:,.0f} times" if ratio >= 100 else f"{ratio:.3g} times"


def comparison_in_format(models: Sequence[ComparedModel], form: str) -> str:
    """Return the comparison in one of COMPARISON_FORMATS, ending with a newline."""
    return COMPARISON_FORMATS[form](models)


def comparison_as_table(models: Sequence[ComparedModel]) -> str:
    """Return a column a model, with the sentences below."""
    found = compare_models(models)
    ((names, *rows),) = transposed(found, len(models))
    lines = aligned([[names], rows], range(1, len(models) + 1))
    return "\n".join([*lines, *(["", *found.words] if found.words else [])]) + "\n"


def comparison_as_markdown(models: Sequence[ComparedModel]) -> str:
    """Return a table in GitHub's Markdown, with the sentences as a list."""
    found = compare_models(models)
    words = [f"- {markdown.escaped(sentence)}" for sentence in found.words]
    return (
        "\n".join([markdown.table(found.headings, found.rows, found.numbers), *(["", *words] if words else [])]) + "\n"
    )


def comparison_as_csv(models: Sequence[ComparedModel]) -> str:
    """Return one line a model; a number that is not known is left empty."""
    documents = [model_document(model) for model in models]
    return csv_text([list(documents[0]), *([_csv_cell(value) for value in one.values()] for one in documents)])


def comparison_as_tex(models: Sequence[ComparedModel]) -> str:
    """Return LaTeX tables that need no package: a column a model, as many as fit a page, the sentences last."""
    found = compare_models(models)
    tables = transposed(found)
    notes = [""] * (len(tables) - 1) + [" ".join(found.words)]
    return "\n".join(
        latex([[names], rows], "l" + "r" * (len(names) - 1), note=note)
        for (names, *rows), note in zip(tables, notes, strict=True)
    )


def comparison_as_json(models: Sequence[ComparedModel]) -> str:
    """Return the document that scripts read: the models and the sentences."""
    doc = {"models": [model_document(model) for model in models], "words": list(compare_models(models).words)}
    return json.dumps(doc, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def comparison_as_text(models: Sequence[ComparedModel]) -> str:
    """Return one sentence a line."""
    return "\n".join(compare_models(models).words) + "\n"


def model_document(model: ComparedModel) -> dict[str, Any]:
    """Return one model's values by name; None for what is not known."""
    return {column.key: column.value(model) for column in PROPERTIES}


def _csv_cell(value: Any) -> Any:
    return "-".join(map(str, value)) if isinstance(value, list) else value


COMPARISON_FORMATS: dict[str, Callable[[Sequence[ComparedModel]], str]] = {
    "table": comparison_as_table,
    "json": comparison_as_json,
    "csv": comparison_as_csv,
    "md": comparison_as_markdown,
    "tex": comparison_as_tex,
    "text": comparison_as_text,
}
