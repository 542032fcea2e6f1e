"""Compare several models, of presets and of runs with their accuracy: as tables and in sentences."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
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
"""The state of a run whose accuracy is shown without a remark."""


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
        numbers = (accuracy.mean, accuracy.std, accuracy.n)
        return cls(name, complexity, experiment, *numbers, dataset, accuracy.interval)

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
    remarks = [*filter(None, marks), *([state] if state != FINISHED else [])]
    return f"{name} ({', '.join(remarks)})" if remarks else name


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
    each seed). If none has finished, each run is a model of its own, and its name has its state.
    """
    runs = {Path(model.run.folder).resolve(): model.run for model in named if model.run is not None}
    groups = {group.group: group for group in grouped(runs.values())}
    models: dict[object, ComparedModel] = {}
    for number, model in enumerate(named):
        run, experiment = model.run, model.preset.experiment
        if run is None:
            models[number] = ComparedModel(model.preset.name, of(experiment), experiment)
        elif scored := groups[run.group].scored:
            models.setdefault(run.group, _model_of_runs(scored, run, experiment))
        else:
            models.setdefault(Path(run.folder).resolve(), _model_of_runs((run,), run, experiment))
    return list(models.values())


def _model_of_runs(runs: Sequence[RunSummary], named: RunSummary, experiment: Experiment) -> ComparedModel:
    """Return the model of runs of one experiment, called after the named run if its accuracy counts."""
    first = named if named in runs else runs[0]
    more = f" and {len(runs) - 1} more" if len(runs) > 1 else ""
    name = name_with_marks(f"{first.name or first.short}{more}", state=first.state)
    accuracy = summary(run.test_accuracy for run in runs)
    return ComparedModel.with_accuracy(name, of(experiment), experiment, accuracy, first.dataset)


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


@dataclass(frozen=True)
class ModelProperty:
    """A property of models that is compared.

    Attributes:
        key: its name in JSON and CSV.
        value: returns the value for JSON and CSV; None where it is not known.
        text: returns the value as text for a table.
        shown_if: whether the models need it in a table.
        number: whether it is aligned to the right.
    """

    heading: str
    key: str
    value: Callable[[ComparedModel], Any]
    text: Callable[[Any], str] = str
    shown_if: Callable[[Sequence[ComparedModel]], bool] = lambda _: True
    number: bool = True


def _sizes(values: Sequence[int]) -> str:
    """Return ``9-9-16``; more than two equal neighbours as ``4 × 512``; ``none`` for no sizes."""
    runs = [(value, len(list(run))) for value, run in groupby(values)]
    return "-".join(f"{n} × {value}" if n > 2 else "-".join([str(value)] * n) for value, n in runs) or "none"


def _interval(ends: tuple[float, float] | None) -> str:
    return " to ".join(map(percent, ends)) if ends else DASH


def _count(heading: str, key: str) -> ModelProperty:
    return ModelProperty(heading, key, attrgetter(f"complexity.{key}"), count)


def _any(path: str) -> Callable[[Sequence[ComparedModel]], bool]:
    """Return a test whether at least one model has a value that is neither 0 nor empty."""
    return lambda models: any(attrgetter(path)(model) for model in models)


def _known(path: str) -> Callable[[Sequence[ComparedModel]], bool]:
    return lambda models: any(attrgetter(path)(model) is not None for model in models)


MODELS_PER_TABLE = 5
"""The number of models that fit side by side on a page."""
POINTS_HEADING = "points per 1,000 parameters"
PROPERTIES = (
    ModelProperty("model", "name", attrgetter("name"), number=False),
    ModelProperty(
        "dataset",
        "dataset",
        attrgetter("data"),
        shown_if=lambda models: len({model.data for model in models}) > 1,
        number=False,
    ),
    ModelProperty(
        "convolutions (filters)", "filters", lambda model: list(model.filters), _sizes, _any("filters"), number=False
    ),
    ModelProperty("dense hidden layers (neurons)", "units", lambda model: list(model.units), _sizes, number=False),
    _count("inputs", "inputs"),
    _count("weights", "weights"),
    _count("biases", "biases"),
    replace(_count("batch normalisation", "other"), shown_if=_any("complexity.other")),
    _count("parameters", "total"),
    replace(_count("trainable", "trainable"), shown_if=_any("complexity.non_trainable")),
    _count("fully connected, weights", "dense_weights"),
    _count("fully connected, biases", "dense_biases"),
    _count("MACs an image", "macs"),
    ModelProperty("memory (float32)", "bytes", attrgetter("complexity.bytes"), size),
    ModelProperty("test accuracy", "accuracy", attrgetter("accuracy"), percent, _known("accuracy")),
    ModelProperty("its standard deviation", "deviation", attrgetter("deviation"), percent, _known("deviation")),
    ModelProperty(
        "95 % interval of the mean",
        "interval",
        lambda model: model.interval and list(model.interval),
        _interval,
        _known("interval"),
    ),
    ModelProperty(
        "runs",
        "runs",
        attrgetter("runs"),
        lambda runs: count(runs or None),
        lambda models: any(model.runs > 1 for model in models),
    ),
    ModelProperty(
        POINTS_HEADING,
        "points_per_1000_parameters",
        lambda model: None if model.points is None else round(model.points, 6),
        lambda points: DASH if points is None else f"{points:.3g}",
        _known("accuracy"),
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


def transposed(comparison: ModelComparison, abreast: int = MODELS_PER_TABLE) -> list[tuple[tuple[str, ...], ...]]:
    """Return the comparison with a row a property; the first row holds the models' names.

    Args:
        abreast: the most models in one table; more models make several tables.
    """
    return [
        tuple(zip(comparison.headings, *comparison.rows[start : start + abreast], strict=True))
        for start in range(0, len(comparison.rows), abreast)
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
    most, fewest = _most_and_least(models, "complexity.total")
    total, least = most.complexity.total, fewest.complexity.total
    if total == least:
        return [f"All have {counted(total, 'parameter')}."]
    times = f"{total / least:,.0f}" if total >= 100 * least else f"{total / least:.3g}"
    return [
        f"{most.name} has the most parameters, {total:,}, {times} times as many as {fewest.name}, which has the "
        f"fewest, {least:,}."
    ]


def _depth(models: Sequence[ComparedModel]) -> list[str]:
    """Compare the deepest model with each shallower one: whether more depth means more parameters here."""
    deepest, shallowest = _most_and_least(models, "depth")
    if deepest.depth == shallowest.depth:
        layers = _hidden_layers(deepest)
        return [f"All have {layers}: they differ in the inputs and in the layers' kinds and sizes, not in depth."]
    own, filters = deepest.complexity.total, deepest.filters
    against: dict[str, list[str]] = {"fewer than": [], "more than": [], "as many as": []}
    for model in models:
        if model.depth < deepest.depth:
            total = model.complexity.total
            word = "fewer than" if own < total else "more than" if own > total else "as many as"
            against[word].append(f"{model.name} ({_hidden_layers(model)}, {total:,})")
    kinds = ", all convolutions" if filters else ", all dense"
    if filters and deepest.units:
        kinds = f" ({counted(filters, 'convolution')}, {len(deepest.units)} dense)"
    layers = f"{deepest.depth}{kinds if deepest.depth > 1 else ''}"
    others = listed([f"{word} {listed(names)}" for word, names in against.items() if names])
    conclusion = " Depth alone does not make capacity." if against["fewer than"] else ""
    return [
        f"Deep against shallow: {deepest.name} has the most hidden layers, {layers}, and {counted(own, 'parameter')}, "
        f"{others}.{conclusion}"
    ]


def _hidden_layers(model: ComparedModel) -> str:
    return counted(model.depth, "hidden layer") if model.depth else "no hidden layer"


def _as_shallow(models: Sequence[ComparedModel]) -> list[str]:
    """Say how many neurons one dense hidden layer would have with the deepest model's parameters."""
    deepest, _ = _most_and_least(models, "depth")
    c = deepest.complexity
    neurons = round((c.total - CLASSES) / (c.inputs + 1 + CLASSES))
    if deepest.depth < 2 or not neurons:
        return []
    return [
        f"With the {counted(c.total, 'parameter')} of {deepest.name}, one dense hidden layer on the same "
        f"{counted(c.inputs, 'input')} would have about {counted(neurons, 'neuron')}."
    ]


def _computation(models: Sequence[ComparedModel]) -> list[str]:
    most, fewest = _most_and_least(models, "complexity.macs")
    c, least = most.complexity, fewest.complexity.macs
    if c.macs == least:
        return []
    each = f"{c.macs / c.total:,.3g}" if c.macs < 1000 * c.total else f"{c.macs / c.total:,.0f}"
    why = f", {each} for each parameter, as a filter is used at every position of the image" if most.filters else ""
    return [
        f"{most.name} computes the most, {c.macs:,} multiply-accumulates an image{why}; {fewest.name} the least, "
        f"{least:,}."
    ]


def _accuracy(models: Sequence[ComparedModel]) -> list[str]:
    scored = [model for model in models if model.accuracy is not None]
    if not scored:
        return []
    meaning = (
        f"Points per 1,000 parameters are percentage points of test accuracy above guessing ({100 / CLASSES:.0f} %), "
        f"divided by the thousands of parameters."
    )
    datasets = sorted({model.data for model in scored})
    if len(datasets) > 1:
        return [meaning, f"The accuracies are of different datasets ({listed(datasets)}) and cannot be compared."]
    if len(scored) < 2:
        return [meaning]
    best, _ = _most_and_least(scored, "accuracy")
    frugal, _ = _most_and_least(scored, "points")
    mean = ""
    if best.interval is not None:
        interval = " to ".join(map(percent, best.interval))
        mean = f" (the mean of {counted(best.runs, 'seed')}, 95 % interval {interval})"
    gets = f"gets the most from a parameter, {frugal.points:.3g} points per 1,000 parameters"
    accurate = f"{best.name} is the most accurate of those tested, {percent(best.accuracy)}{mean}"
    return [f"{accurate}, and {gets}." if best is frugal else f"{accurate}; {frugal.name} {gets}.", meaning]


def _most_and_least(models: Sequence[ComparedModel], path: str) -> tuple[ComparedModel, ComparedModel]:
    """Return the first model with the largest value and the first with the smallest."""
    return max(models, key=attrgetter(path)), min(models, key=attrgetter(path))


def comparison_in_format(models: Sequence[ComparedModel], form: str) -> str:
    """Return the comparison in one of COMPARISON_FORMATS, ending with a newline."""
    return COMPARISON_FORMATS[form](models)


def _as_table(models: Sequence[ComparedModel]) -> str:
    """Return a column a model, with the sentences below."""
    comparison = compare_models(models)
    ((names, *rows),) = transposed(comparison, len(models))
    lines = aligned([[names], rows], range(1, len(models) + 1))
    return "\n".join([*lines, *(["", *comparison.words] if comparison.words else [])]) + "\n"


def _as_markdown(models: Sequence[ComparedModel]) -> str:
    """Return a table in GitHub's Markdown, with the sentences as a list."""
    comparison = compare_models(models)
    words = [f"- {markdown.escaped(sentence)}" for sentence in comparison.words]
    table = markdown.table(comparison.headings, comparison.rows, comparison.numbers)
    return "\n".join([table, *(["", *words] if words else [])]) + "\n"


def _as_csv(models: Sequence[ComparedModel]) -> str:
    """Return one line a model; a number that is not known is left empty."""
    rows = [
        ["-".join(map(str, value)) if isinstance(value, list) else value for value in _document(model).values()]
        for model in models
    ]
    return csv_text([[column.key for column in PROPERTIES], *rows])


def _as_tex(models: Sequence[ComparedModel]) -> str:
    """Return LaTeX tables that need no package: a column a model, as many as fit a page, the sentences last."""
    comparison = compare_models(models)
    tables = transposed(comparison)
    notes = [""] * (len(tables) - 1) + [" ".join(comparison.words)]
    return "\n".join(
        latex([[names], rows], "l" + "r" * (len(names) - 1), note=note)
        for (names, *rows), note in zip(tables, notes, strict=True)
    )


def _as_json(models: Sequence[ComparedModel]) -> str:
    document = {"models": [_document(model) for model in models], "words": list(comparison_sentences(models))}
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _document(model: ComparedModel) -> dict[str, Any]:
    """Return one model's values by name; None for what is not known."""
    return {column.key: column.value(model) for column in PROPERTIES}


COMPARISON_FORMATS: dict[str, Callable[[Sequence[ComparedModel]], str]] = {
    "table": _as_table,
    "json": _as_json,
    "csv": _as_csv,
    "md": _as_markdown,
    "tex": _as_tex,
    "text": lambda models: "\n".join(comparison_sentences(models)) + "\n",
}
