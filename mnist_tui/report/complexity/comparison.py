"""Compare several models, of presets and of runs with their accuracy: as tables and in sentences."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

from mnist_tui.experiment.complexity import Complexity, of
from mnist_tui.experiment.presets import Preset
from mnist_tui.experiment.shapes import CLASSES
from mnist_tui.experiment.spec import Experiment
from mnist_tui.report import markdown
from mnist_tui.report.complexity.breakdown import with_repetitions
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
        name: the model's name in tables and sentences.
        scores: statistics of the test accuracies (0 to 1) of the model's runs; None for a model without runs.
        dataset: the name of the runs' dataset; empty for the name in the experiment.
    """

    name: str
    complexity: Complexity
    experiment: Experiment
    scores: SeedStatistics | None = None
    dataset: str = ""

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
        return tuple(layer.output_shape[0] for layer in self.complexity.dense[:-1])

    @property
    def depth(self) -> int:
        """The number of hidden layers with weights."""
        return len(self.filters) + len(self.units)

    @property
    def points(self) -> float | None:
        """Percentage points of accuracy above guessing for each 1,000 parameters; negative if worse than guessing."""
        if self.scores is None:
            return None
        return 100 * (self.scores.mean - 1 / CLASSES) / (self.complexity.total / 1000)


def name_with_marks(name: str, *marks: str, state: str = FINISHED) -> str:
    """Return a model's name with remarks that distinguish it from other models: ``raw (run 2, stopped)``."""
    remarks = [*filter(None, marks), *([state] if state != FINISHED else [])]
    return f"{name} ({', '.join(remarks)})" if remarks else name


@dataclass(frozen=True)
class NamedModel:
    """A model that the command line names.

    Attributes:
        preset: the model's experiment, with the changes from the command line.
        run: the run that trained this experiment; None for a preset, and for a run whose experiment was changed.
    """

    preset: Preset
    run: RunSummary | None = None


def compared_models(named: Sequence[NamedModel]) -> list[ComparedModel]:
    """Return the models to compare, in the order they were named; a run named twice counts once.

    Runs that differ only in their seed are one model, with the mean accuracy of the finished ones (the newest run of
    each seed). If none has finished, each run is a model of its own, and the model's name has the run's state.
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
    """Return the model of runs of one experiment, named after the run `named` if that run's accuracy counts."""
    first = named if named in runs else runs[0]
    more = f" and {len(runs) - 1} more" if len(runs) > 1 else ""
    name = name_with_marks(f"{first.name or first.short}{more}", state=first.state)
    return ComparedModel(name, of(experiment), experiment, summary(run.test_accuracy for run in runs), first.dataset)


Models = Sequence[ComparedModel]


@dataclass(frozen=True)
class ModelProperty:
    """A property of models that is compared.

    Attributes:
        heading: the property's name in a table.
        key: the property's name in JSON and CSV.
        value: returns a model's value for JSON and CSV; None for an unknown value.
        text: returns the value as text for a table.
        shown_if: returns whether a table of these models shows the property.
    """

    heading: str
    key: str
    value: Callable[[ComparedModel], Any]
    text: Callable[[Any], str] = str
    shown_if: Callable[[Models], bool] = lambda _: True


def _any(path: str) -> Callable[[Models], bool]:
    return lambda models: any(map(attrgetter(path), models))


def _several_runs(models: Models) -> bool:
    return any(model.scores and model.scores.n > 1 for model in models)


def _count(heading: str, key: str, shown_if: Callable[[Models], bool] = lambda _: True) -> ModelProperty:
    return ModelProperty(heading, key, attrgetter(f"complexity.{key}"), count, shown_if)


def _sizes(sizes: Sequence[int]) -> str:
    return with_repetitions(list(map(str, sizes)), "-") or "none"


def _interval(ends: tuple[float, float] | None) -> str:
    return " to ".join(map(percent, ends)) if ends else DASH


MODELS_PER_TABLE = 5
"""The number of models that fit side by side on a page."""
WORDS = ("name", "dataset", "filters", "units")
"""The properties that are not numbers; the values of the others are aligned to the right."""
PROPERTIES = (
    ModelProperty("model", "name", attrgetter("name")),
    ModelProperty("dataset", "dataset", attrgetter("data"), shown_if=lambda models: len({m.data for m in models}) > 1),
    ModelProperty("convolutions (filters)", "filters", attrgetter("filters"), _sizes, _any("filters")),
    ModelProperty("dense hidden layers (neurons)", "units", attrgetter("units"), _sizes),
    _count("inputs", "inputs"),
    _count("weights", "weights"),
    _count("biases", "biases"),
    _count("batch normalisation", "other", _any("complexity.other")),
    _count("parameters", "total"),
    _count("trainable", "trainable", _any("complexity.non_trainable")),
    _count("fully connected, weights", "dense_weights"),
    _count("fully connected, biases", "dense_biases"),
    _count("MACs an image", "macs"),
    ModelProperty("memory (float32)", "bytes", attrgetter("complexity.bytes"), size),
    ModelProperty("test accuracy", "accuracy", lambda m: m.scores and m.scores.mean, percent, _any("scores")),
    ModelProperty("its standard deviation", "deviation", lambda m: m.scores and m.scores.std, percent, _several_runs),
    ModelProperty(
        "95 % interval of the mean", "interval", lambda m: m.scores and m.scores.interval, _interval, _several_runs
    ),
    ModelProperty("runs", "runs", lambda m: m.scores.n if m.scores else 0, lambda n: count(n or None), _several_runs),
    ModelProperty(
        "points per 1,000 parameters",
        "points_per_1000_parameters",
        lambda model: None if model.points is None else round(model.points, 6),
        lambda points: DASH if points is None else f"{points:.3g}",
        _any("scores"),
    ),
)


def comparison_table(models: Models) -> list[tuple[str, ...]]:
    """Return the rows of a table: the headings, then a row for each model, with the properties that the models need."""
    columns = _shown_properties(models)
    rows = (tuple(column.text(column.value(model)) for column in columns) for model in models)
    return [tuple(column.heading for column in columns), *rows]


def _shown_properties(models: Models) -> list[ModelProperty]:
    return [column for column in PROPERTIES if column.shown_if(models)]


def side_by_side(models: Models, most: int = MODELS_PER_TABLE) -> list[list[tuple[str, ...]]]:
    """Return the rows of tables with a column for each model and a row for each property; the first row has the names.

    Args:
        most: the most models in one table; more models make several tables.
    """
    headings, *rows = comparison_table(models)
    return [list(zip(headings, *rows[start : start + most], strict=True)) for start in range(0, len(rows), most)]


def capacity_points(models: Models) -> list[CapacityPoint]:
    """Return the models whose accuracy is known, for the figure of accuracy against parameters."""
    return [
        CapacityPoint(model.name, model.complexity.total, model.scores.mean, model.scores.std, bool(model.filters))
        for model in models
        if model.scores is not None
    ]


def comparison_sentences(models: Models) -> tuple[str, ...]:
    """Return one to six sentences that compare the models; none for fewer than two."""
    if len(models) < 2:
        return ()
    sentences = (_size(models), _depth(models), _as_shallow(models), _computation(models), *_accuracy(models))
    return tuple(filter(None, sentences))


def _size(models: Models) -> str:
    most, fewest = _most_and_least(models, "complexity.total")
    total, least = most.complexity.total, fewest.complexity.total
    if total == least:
        return f"All have {counted(total, 'parameter')}."
    times = f"{total / least:,.0f}" if total >= 100 * least else f"{total / least:.3g}"
    return (
        f"{most.name} has the most parameters, {total:,}, {times} times as many as {fewest.name}, which has the "
        f"fewest, {least:,}."
    )


def _depth(models: Models) -> str:
    """Say whether the deepest model has more parameters than each shallower one."""
    deepest, shallowest = _most_and_least(models, "depth")
    if deepest.depth == shallowest.depth:
        layers = _hidden_layers(deepest)
        return f"All have {layers}: they differ in the inputs and in the layers' kinds and sizes, not in depth."
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
    return (
        f"Deep against shallow: {deepest.name} has the most hidden layers, {layers}, and {counted(own, 'parameter')}, "
        f"{others}.{conclusion}"
    )


def _hidden_layers(model: ComparedModel) -> str:
    return counted(model.depth, "hidden layer") if model.depth else "no hidden layer"


def _as_shallow(models: Models) -> str:
    """Say how many neurons one dense hidden layer would have with the deepest model's parameters."""
    deepest, _ = _most_and_least(models, "depth")
    c = deepest.complexity
    neurons = round((c.total - CLASSES) / (c.inputs + 1 + CLASSES))
    if deepest.depth < 2 or not neurons:
        return ""
    return (
        f"With the {counted(c.total, 'parameter')} of {deepest.name}, one dense hidden layer on the same "
        f"{counted(c.inputs, 'input')} would have about {counted(neurons, 'neuron')}."
    )


def _computation(models: Models) -> str:
    most, fewest = _most_and_least(models, "complexity.macs")
    c, least = most.complexity, fewest.complexity.macs
    if c.macs == least:
        return ""
    each = f"{c.macs / c.total:,.3g}" if c.macs < 1000 * c.total else f"{c.macs / c.total:,.0f}"
    why = f", {each} for each parameter, as a filter is used at every position of the image" if most.filters else ""
    return (
        f"{most.name} computes the most, {c.macs:,} multiply-accumulates an image{why}; {fewest.name} the least, "
        f"{least:,}."
    )


def _accuracy(models: Models) -> list[str]:
    scored = [model for model in models if model.scores is not None]
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
    best, _ = _most_and_least(scored, "scores.mean")
    frugal, _ = _most_and_least(scored, "points")
    mean, scores = "", best.scores
    assert scores is not None
    if scores.interval is not None:
        mean = f" (the mean of {counted(scores.n, 'seed')}, 95 % interval {_interval(scores.interval)})"
    gets = f"gets the most from a parameter, {frugal.points:.3g} points per 1,000 parameters"
    accurate = f"{best.name} is the most accurate of those tested, {percent(scores.mean)}{mean}"
    return [f"{accurate}, and {gets}." if best is frugal else f"{accurate}; {frugal.name} {gets}.", meaning]


def _most_and_least(models: Models, path: str) -> tuple[ComparedModel, ComparedModel]:
    return max(models, key=attrgetter(path)), min(models, key=attrgetter(path))


def comparison_in_format(models: Models, form: str) -> str:
    """Return the comparison in one of COMPARISON_FORMATS, ending with a newline."""
    return COMPARISON_FORMATS[form](models)


def _as_table(models: Models) -> str:
    words, ((names, *rows),) = comparison_sentences(models), side_by_side(models, len(models))
    lines = aligned([[names], rows], range(1, len(names)))
    return "\n".join([*lines, *(["", *words] if words else [])]) + "\n"


def _as_markdown(models: Models) -> str:
    headings, *rows = comparison_table(models)
    numbers = [at for at, column in enumerate(_shown_properties(models)) if column.key not in WORDS]
    words = [f"- {markdown.escaped(sentence)}" for sentence in comparison_sentences(models)]
    return "\n".join([markdown.table(headings, rows, numbers), *(["", *words] if words else [])]) + "\n"


def _as_csv(models: Models) -> str:
    rows = [
        ["-".join(map(str, value)) if isinstance(value, tuple) else value for value in _document(model).values()]
        for model in models
    ]
    return csv_text([[column.key for column in PROPERTIES], *rows])


def _as_tex(models: Models) -> str:
    """Return LaTeX tables that need no package, with the sentences below the last one."""
    tables = side_by_side(models)
    notes = [""] * (len(tables) - 1) + [" ".join(comparison_sentences(models))]
    return "\n".join(
        latex([[names], rows], "l" + "r" * (len(names) - 1), note=note)
        for (names, *rows), note in zip(tables, notes, strict=True)
    )


def _as_json(models: Models) -> str:
    document = {"models": [_document(model) for model in models], "words": list(comparison_sentences(models))}
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _document(model: ComparedModel) -> dict[str, Any]:
    return {column.key: column.value(model) for column in PROPERTIES}


COMPARISON_FORMATS: dict[str, Callable[[Models], str]] = {
    "table": _as_table,
    "json": _as_json,
    "csv": _as_csv,
    "md": _as_markdown,
    "tex": _as_tex,
    "text": lambda models: "\n".join(comparison_sentences(models)) + "\n",
}
