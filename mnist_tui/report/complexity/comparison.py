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
from mnist_tui.experiment.spec import Experiment
from mnist_tui.report import markdown
from mnist_tui.report.complexity.breakdown import with_repetitions
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


def comparison_sentences(models: Models) -> tuple[str, ...]:
    """Compare the models in sentences, first whether deep ones have more parameters; none for fewer than two."""
    if len(models) < 2:
        return ()
    sentences = (_depth(models), _size(models), _as_shallow(models), _computation(models), *_accuracy(models))
    return tuple(filter(None, sentences))


def _size(models: Models) -> str:
    most, fewest = _most_and_least(models, "complexity.total")
    total, least = most.complexity.total, fewest.complexity.total
    if total == least:
        return f"All have {counted(total, 'parameter')}."
    times = f"{total / least:,.0f}" if total >= 100 * least else f"{total / least:.3g}"
    return (
        f"With {counted(total, 'parameter')}, {most.name} has the most, {times} times as many as "
        f"{fewest.name}, which has the fewest, {least:,}."
    )


QUESTION = "Do the deep networks have more capacity, that is more parameters, than the shallow ones?"


def _depth(models: Models) -> str:
    """Answer whether the deeper models have more parameters than the shallower ones, with the reason."""
    pairs = [(deep, shallow) for deep in models for shallow in models if deep.depth > shallow.depth]
    if not pairs:
        layers, differ = _hidden_layers(models[0]), listed(_differences(models))
        but = f"; they differ in {differ}" if differ else ""
        return f"{QUESTION} These models cannot answer it: all have {layers}{but}."
    more = [pair for pair in pairs if _ratio(*pair) > 1]
    answer = "Here, yes" if len(more) == len(pairs) else "No, not in general" if more else "No"
    deepest, own = max(models, key=attrgetter("depth")), max(models, key=attrgetter("depth")).complexity.total
    against: dict[str, list[str]] = {"fewer than": [], "more than": [], "as many as": []}
    for model in models:
        if model.depth < deepest.depth:
            total = model.complexity.total
            word = "fewer than" if own < total else "more than" if own > total else "as many as"
            against[word].append(f"{model.name} ({_hidden_layers(model)}, {total:,})")
    kinds = ", all convolutions" if deepest.filters else ", all dense"
    if deepest.filters and deepest.units:
        kinds = f" ({counted(deepest.filters, 'convolution')}, {len(deepest.units)} dense)"
    layers = f"{deepest.depth}{kinds if deepest.depth > 1 else ''}"
    others = listed([f"{word} {listed(names)}" for word, names in against.items() if names])
    sentences = [
        f"{QUESTION} {answer}: {deepest.name} has the most hidden layers, {layers}, and {counted(own, 'parameter')}, "
        f"{others}.",
        _why_few(deepest) if against["fewer than"] else "",
        _counterexample([pair for pair in more if pair[0] is not deepest]) if against["fewer than"] else "",
    ]
    return " ".join(filter(None, sentences))


def _differences(models: Models) -> list[str]:
    """Name what differs between models of one depth."""
    sizes = {(model.filters, model.units) for model in models}
    kinds = {(len(model.filters), len(model.units)) for model in models}
    return [
        *(["the inputs"] if len({(model.complexity.inputs_formula) for model in models}) > 1 else []),
        *(["the kinds of their layers"] if len(kinds) > 1 else []),
        *(["the sizes of their layers"] if len(sizes) > 1 else []),
    ]


def _ratio(model: ComparedModel, other: ComparedModel) -> float:
    return model.complexity.total / other.complexity.total


def _why_few(model: ComparedModel) -> str:
    """Say why a model with convolutions has few parameters; empty for a model without."""
    c, filters = model.complexity, sum(layer.weights for layer in model.complexity.layers if layer.kind == "conv2d")
    if not filters:
        return ""
    pooled = any(layer.kind == "max_pooling2d" for layer in c.layers)
    dense = f"pooling leaves its dense part only {counted(c.dense_inputs, 'input')}"
    part = dense if pooled else f"its dense part has {counted(c.dense_inputs, 'input')}"
    return (
        "The reason: the weights of a filter are the same at all positions of the image, so that the convolutions have "
        f"only {counted(filters, 'weight')}, and {part}."
    )


def _counterexample(pairs: Sequence[tuple[ComparedModel, ComparedModel]]) -> str:
    """Name the deeper model that has the most parameters beside a shallower one, and its largest layer."""
    if not pairs:
        return ""
    deep, shallow = max(pairs, key=lambda pair: _ratio(*pair))
    largest = max(deep.complexity.dense, key=attrgetter("weights"))
    units = largest.output_shape[0]
    return (
        f"But {deep.name} ({_hidden_layers(deep)}) has {_ratio(deep, shallow):.2g} times as many parameters "
        f"as {shallow.name} ({_hidden_layers(shallow)}): its dense part has {largest.inputs:,} × {units:,} = "
        f"{counted(largest.weights, 'weight')} in one layer."
    )


def _hidden_layers(model: ComparedModel) -> str:
    return counted(model.depth, "hidden layer") if model.depth else "no hidden layer"


def _as_shallow(models: Models) -> str:
    """Say how many neurons one dense hidden layer would have with the deepest model's parameters."""
    deepest, _ = _most_and_least(models, "depth")
    return as_shallow(deepest, f" of {deepest.name}")


def as_shallow(model: ComparedModel, whose: str = "") -> str:
    """Say how many neurons one dense hidden layer would have with as many parameters as a deep model has.

    Args:
        whose: what follows the number of parameters in the sentence.

    Returns:
        The sentence with its calculation; empty for a model with one hidden layer or none.
    """
    c = model.complexity
    each = c.inputs + 1 + c.outputs
    neurons = round((c.total - c.outputs) / each)
    if model.depth < 2 or not neurons:
        return ""
    total = f"({c.inputs:,} + 1 + {c.outputs}) × {neurons:,} + {c.outputs} = "
    total += counted(each * neurons + c.outputs, "parameter")
    return (
        f"With the {counted(c.total, 'parameter')}{whose}, one dense hidden layer on the same "
        f"{counted(c.inputs, 'input')} would have about {counted(neurons, 'neuron')}: {total}."
    )


def _computation(models: Models) -> str:
    most, fewest = _most_and_least(models, "complexity.macs")
    c, least = most.complexity, fewest.complexity.macs
    if c.macs == least:
        return ""
    each = f"{c.macs / c.weights:,.3g}" if c.macs < 1000 * c.weights else f"{c.macs / c.weights:,.0f}"
    why = (
        f": a filter is used at every position of the image, so that a weight is used {each} times on average"
        if most.filters
        else ""
    )
    return (
        f"For one image, {most.name} computes the most, {c.macs:,} multiply-accumulates (MACs){why}; "
        f"{fewest.name} computes the least, {least:,}."
    )


def _accuracy(models: Models) -> list[str]:
    scored = [model for model in models if model.scores is not None]
    if not scored:
        return []
    datasets = sorted({model.data for model in scored})
    if len(datasets) > 1:
        return [f"The accuracies are of different datasets ({listed(datasets)}) and cannot be compared."]
    if len(scored) < 2:
        return []
    best, _ = _most_and_least(scored, "scores.mean")
    mean, scores = "", best.scores
    assert scores is not None
    if scores.interval is not None:
        mean = f" (the mean of {counted(scores.n, 'seed')}, 95 % interval {_interval(scores.interval)})"
    return [f"Of those tested, {best.name} is the most accurate, {percent(scores.mean)}{mean}."]


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
