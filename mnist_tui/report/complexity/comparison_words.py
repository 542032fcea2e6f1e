"""What stands out among models side by side, in sentences: size, depth, computation, and accuracy for its price."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mnist_tui.experiment.shapes import CLASSES
from mnist_tui.report.complexity.model import ComparedModel
from mnist_tui.wording import counted, listed, percent


def comparison_sentences(models: Sequence[ComparedModel]) -> tuple[str, ...]:
    """One to six sentences; none for fewer than two models."""
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
    """The deepest model against each that is shallower: whether depth goes with more parameters here."""
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
    """The deepest model's parameters spent on one dense hidden layer instead."""
    deepest, _ = _most_and_least(models, lambda model: model.depth)
    c = deepest.complexity
    if deepest.depth < 2:
        return []
    neurons = round((c.total - CLASSES) / (c.inputs + 1 + CLASSES))
    if not neurons:
        return []
    return [
        f"One dense hidden layer on the same {counted(c.inputs, 'input')} would spend {deepest.name}'s "
        f"{counted(c.total, 'parameter')} on about {counted(neurons, 'neuron')}."
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
        return [meaning, f"The accuracies are of different datasets ({listed(datasets)}) and do not compare."]
    if len(known) < 2:
        return [meaning]
    best, _ = _most_and_least(known, lambda model: model.accuracy or 0.0)
    thrifty, _ = _most_and_least(known, lambda model: model.points or 0.0)
    gets = f"gets the most from a parameter, {thrifty.points:.3g} points per 1,000 parameters"
    accurate = f"{best.name} is the most accurate of those tested, {percent(best.accuracy)}{_mean_of(best)}"
    return [f"{accurate}, and {gets}." if best is thrifty else f"{accurate}; {thrifty.name} {gets}.", meaning]


def _mean_of(model: ComparedModel) -> str:
    """What a mean accuracy is the mean of."""
    if model.interval is None:
        return ""
    low, high = map(percent, model.interval)
    return f" (the mean of {counted(model.runs, 'seed')}, 95 % interval {low} to {high})"


def _most_and_least(
    models: Sequence[ComparedModel], key: Callable[[ComparedModel], float]
) -> tuple[ComparedModel, ComparedModel]:
    """The first with the most, and the first with the least."""
    return max(models, key=key), min(models, key=key)


def _layers(model: ComparedModel) -> str:
    """``cnn has the most hidden layers, 4 (3 convolutions, 1 dense),``."""
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
