"""Describe the learning algorithm of a report's runs: optimizer, loss, schedule, early stopping, regularisation.

What all runs share is said once; the settings in which they differ are in one table.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar, cast

from mnist_tui.experiment.complexity import EFFECTS, effects
from mnist_tui.experiment.layers import (
    ZEROS,
    BiasInitializer,
    Conv2D,
    Dropout,
    Effect,
    GaussianNoise,
    Initializer,
    SpatialDropout2D,
    walk,
)
from mnist_tui.experiment.optimizers import CLIPPING, AdamW, ConstantSchedule, OptimizerPart, Ridge, Schedule, in_tex
from mnist_tui.experiment.spec import EarlyStopping
from mnist_tui.report.contents.augmentation import augmentation_in_blocks
from mnist_tui.report.contents.references import Cite
from mnist_tui.report.equations import (
    ARGUMENTS,
    OFF,
    aligned_in_tex,
    carried_over,
    equations,
    letter,
    names_in,
    step_in_tex,
)
from mnist_tui.report.evidence import Evidence
from mnist_tui.report.markdown import MarkdownTable, MarkdownText, captioned, escaped, refer, table, value_in_words
from mnist_tui.report.result_words import number_ranges, solution_in_words
from mnist_tui.wording import DASH, count, counted, listed, noun

DIFFERENCES = "tab-differences-1"
"""The anchor of the table of what differs between the runs, in the chapter that compares them."""
MOST_LISTED = 4
"""Of more different values the text names none, but refers to that table."""


@dataclass(frozen=True)
class Part:
    """A part of the chapter, with a heading and Markdown blocks."""

    title: str
    anchor: str
    blocks: tuple[str, ...]


@dataclass(frozen=True)
class LearningAlgorithm:
    """The chapter about the learning algorithm.

    Attributes:
        intro: the answer in a few sentences, in Markdown.
    """

    intro: MarkdownText
    parts: tuple[Part, ...]


Value = TypeVar("Value")
Numbered = Mapping[int, Evidence]
"""The runs by their numbers in the report."""


def learning_algorithm(evidences: Sequence[Evidence], cite: Cite) -> LearningAlgorithm | None:
    """Return the chapter about the learning algorithm of one or more runs, numbered from 1 in their order.

    It is about the runs that were trained here; None if there are none.
    """
    numbered = dict(enumerate(evidences, 1))
    runs = {number: run for number, run in numbered.items() if run.origin is None}
    if not runs:
        return None
    trained = {number: run for number, run in runs.items() if run.experiment.trains_in_epochs}
    solved = {number: run for number, run in runs.items() if number not in trained}
    other = [number for number in numbered if number not in runs]
    were = f"{runs_in_words(other)} {noun(other, 'was', 'were')}"
    about = [f"This chapter is about {runs_in_words(list(runs))}; {were} not trained here."]
    intro = MarkdownText(
        " ".join([*(about if other else []), *_trained_intro(trained, runs, cite), *_solved_intro(solved, runs, cite)])
    )
    parts: list[Part] = []
    if trained:
        parts += _optimizer_parts(trained, runs, cite)
        classes = {run.experiment.classes for run in trained.values()}
        loss = loss_in_words(cite, closed=False, classes=classes)
        parts.append(Part("Loss function", "loss", (*loss, *_labels(trained, runs, cite))))
    if solved:
        parts.append(Part("Closed form of the output layer", "closed-form", _closed_form(solved, runs, cite)))
    title = "Batches, learning rate, initial weights" if trained else "Initial weights"
    parts.append(Part(title, "training", tuple(_course(trained, runs, cite))))
    if changes := _augmentation(trained, runs, cite):
        parts.append(Part("Augmentation", "augmentation", tuple(changes)))
    parts.append(Part("Regularisation", "regularisation", tuple(_regularisation(trained, solved, runs, cite))))
    return LearningAlgorithm(intro, tuple(parts))


def grouped(values: Mapping[int, Value]) -> dict[Value, list[int]]:
    """Return each value with the numbers of the runs that have it, in the order of the first runs."""
    groups: dict[Value, list[int]] = {}
    for number, value in values.items():
        groups.setdefault(value, []).append(number)
    return groups


def runs_in_words(numbers: Sequence[int]) -> str:
    """Return the numbers of runs for a sentence: ``run 1``, ``runs 1–3 and 5``."""
    return f"{noun(numbers, 'run')} {number_ranges(numbers, '–')}"


def _in_runs(numbers: Sequence[int], runs: Numbered) -> str:
    """Return `` in runs 1–3``; empty if these are all runs."""
    return "" if len(numbers) == len(runs) else f" in {runs_in_words(numbers)}"


def _trained_intro(trained: Numbered, runs: Numbered, cite: Cite) -> list[str]:
    kinds = grouped({number: type(run.experiment.optimizer) for number, run in trained.items()})
    if not kinds:
        return []
    names = [f"**{kind.__name__}** {cite(*kind.PAPERS)}{_in_runs(numbers, runs)}" for kind, numbers in kinds.items()]
    return [
        f"The weights and biases are learnt by {listed(names)}, a form of stochastic gradient descent: for one batch "
        f"of training images after another, backpropagation {cite('rumelhart1986')} gives the gradient of the loss "
        "function, the categorical cross-entropy, and the optimizer changes every weight and bias by one step."
    ]


def _solved_intro(solved: Numbered, runs: Numbered, cite: Cite) -> list[str]:
    if not solved:
        return []
    where, ridge = _in_runs(list(solved), runs).strip(), cite(*Ridge.PAPERS)
    hidden = any(run.complexity.non_trainable for run in solved.values())
    frozen = ", as in an extreme learning machine {}: the hidden layers stay as they were drawn"
    return [
        f"{f'{where.capitalize()} the' if where else 'The'} output layer is not trained in steps. It is solved in "
        f"closed form by ridge regression {ridge}{frozen.format(cite('huang2006')) if hidden else ''}."
    ]


GRADIENT = (
    r"changes a weight or bias $w$ by its gradient $g_t = \partial L / \partial w$, where $L$ is the loss of the "
    "step's batch with the weights $w_{t-1}$"
)


def _optimizer_parts(trained: Numbered, runs: Numbered, cite: Cite) -> list[Part]:
    """Return a part for each optimizer; runs whose steps have the same equations share one."""
    alike = grouped(
        {number: (type(run.experiment.optimizer), run.experiment.optimizer.step) for number, run in trained.items()}
    )
    parts: list[Part] = []
    for at, ((kind, step), numbers) in enumerate(alike.items(), 1):
        optimizers = {number: trained[number].experiment.optimizer for number in numbers}
        where = _in_runs(numbers, runs)
        anchor = f"tab-optimizer-{at}" if len(alike) > 1 else "tab-optimizer"
        papers = cite(*next(iter(optimizers.values())).papers)
        opening = f"One step $t$ of {kind.__name__} {papers}, as Keras {cite('chollet2015')} computes it, {GRADIENT}:"
        elementwise = "Squares, roots and quotients are taken for each weight on its own."
        blocks = [
            opening if at == 1 else f"With the same letters, one step of {kind.__name__} {papers} is",
            f"$$\n{step_in_tex(step)}\n$$",
            " ".join(
                [*_letters(kind, step), *([elementwise] if at == 1 else []), f"{refer(anchor)} lists the arguments."]
            ),
            *_switched_on(kind, next(iter(optimizers.values()))),
            captioned(
                _markdown(_arguments(kind, optimizers, runs)), f"The arguments of {kind.__name__}{where}.", anchor
            ),
        ]
        name = "optimizer" if at == 1 else f"optimizer-{at}"
        parts.append(Part(f"Optimizer: {kind.__name__}{where}", name, tuple(blocks)))
    *before, last = parts
    optimizers = [run.experiment.optimizer for run in trained.values()]
    return [*before, replace(last, blocks=(*last.blocks, *_clipping(trained, runs, cite), _switched_off(optimizers)))]


CLIPPED = {
    "clipvalue": (r"g \leftarrow \min(\max(g, -c), c)", "every element $g$ of a gradient"),
    "clipnorm": (
        r"g \leftarrow g \cdot \min\left(1, \frac{c}{\lVert g \rVert_2}\right)",
        "the gradient $g$ of each variable (the weights of a layer, or its biases) on its own",
    ),
    "global_clipnorm": (
        r"g \leftarrow g \cdot \min\left(1, \frac{c}{\lVert g \rVert_2}\right)",
        "the vector $g$ of the gradients of all variables together",
    ),
}
"""The equations of the arguments that clip gradients, and what each is applied to."""


def _clipping(trained: Numbered, runs: Numbered, cite: Cite) -> Iterable[str]:
    """Yield the equation of each way of clipping gradients, and where it is used."""
    for used, numbers in grouped({n: _clipping_of(run) for n, run in trained.items()}).items():
        if used is not None:
            (name, limit), where = used, _in_runs(numbers, runs)
            formula, to = CLIPPED[name]
            paper = "" if name == "clipvalue" else f" {cite('pascanu2013')}"
            yield (
                f"Before each step gradients are clipped{where} (`{name}` {in_tex(limit)}){paper}, so that one batch "
                f"cannot change the weights by much; this is applied to {to}:"
            )
            yield rf"$${formula}, \quad c = {in_tex(limit)}$$"


def _clipping_of(run: Evidence) -> tuple[str, float] | None:
    optimizer = run.experiment.optimizer
    return None if isinstance(optimizer, Ridge) else optimizer.clipping


OPTIONS: dict[str, object] = {"momentum": 0.9, "centered": True, "amsgrad": True}
"""Arguments that add terms to a step, each with a value that does."""


def _switched_on(kind: type[OptimizerPart], optimizer: OptimizerPart) -> list[str]:
    """Return blocks with the equations that change with the arguments that are switched off; none without such."""
    off = {name: value for name, value in OPTIONS.items() if not getattr(optimizer, name, True)}
    general = optimizer.model_copy(update=off).step
    if general == optimizer.step:
        return []
    names = listed([f"`{name}`{f' (${ARGUMENTS[name]}$)' if name in ARGUMENTS else ''}" for name in off])
    own = equations(optimizer.step)
    changed = [line for line in equations(general) if line not in own]
    letters = " ".join(_letters(kind, general, known=names_in(optimizer.step)))
    return [
        f"{names} {noun(off, 'is', 'are')} switched off here; with {noun(off, 'it', 'them')} a step has",
        f"$$\n{aligned_in_tex(changed)}\n$$",
        *([f"where {letters}"] if letters else []),
    ]


def _letters(kind: type[OptimizerPart], step: Sequence[str], known: Sequence[str] = ()) -> list[str]:
    """Return sentences with the meaning and the start of each letter in a step's equations, without known ones."""
    new = [name for name in names_in(step) if name in kind.LETTERS and name not in known]
    meanings = [f"${letter(name)}$ is the {kind.LETTERS[name]}" for name in new]
    if not meanings:
        return []
    starts: dict[str, list[str]] = {}
    for name in carried_over(step):
        if name in known:
            continue
        start = kind.STARTS.get(name, 0)
        text = f"{start:g}" if isinstance(start, int | float) else f"the argument `{start}`"
        starts.setdefault(text, []).append(f"${letter(name, '0')}$")
    begin = [f"{listed(names)} {noun(names, 'is', 'are')} {text}" for text, names in starts.items()]
    return [f"{listed(meanings)}.", *([f"Before the first step {' and '.join(begin)}."] if begin else [])]


def _arguments(kind: type[OptimizerPart], optimizers: Mapping[int, OptimizerPart], runs: Numbered) -> MarkdownTable:
    """Return a table of all arguments."""
    rows: list[tuple[object, ...]] = []
    for name, info in kind.model_fields.items():
        if name == "name" or all(getattr(optimizer, name) is None for optimizer in optimizers.values()):
            continue
        values = list(dict.fromkeys(getattr(optimizer, name) for optimizer in optimizers.values()))
        default, meaning = _value(info.default), info.description or ""
        if len(values) > 1:
            texts = {number: _value(getattr(optimizer, name)) for number, optimizer in optimizers.items()}
            value, changed = MarkdownText(_each(texts, runs)), MarkdownText(f"differs; the default is {default}")
        else:
            value = _value(values[0])
            changed = "default" if values[0] == info.default else MarkdownText(f"changed from {default}")
        symbol = MarkdownText(f"${ARGUMENTS[name]}$") if name in ARGUMENTS else DASH
        rows.append((MarkdownText(f"`{name}`"), symbol, value, changed, meaning))
    return MarkdownTable(("Argument", "Symbol", "Value", "Default or changed", "Meaning"), rows)


def _value(value: object) -> str:
    """Return an argument's value; a number with an exponent is a formula."""
    if isinstance(value, tuple):
        return ", ".join(map(value_in_words, cast("tuple[float, ...]", value)))
    text = value_in_words(value)
    return MarkdownText(f"${in_tex(value)}$") if isinstance(value, float) and "e" in text else text


def _switched_off(optimizers: Sequence[OptimizerPart]) -> str:
    """Say once for all optimizers of a report which of Keras' arguments are switched off."""
    own = {
        name: type(optimizer).__name__
        for optimizer in optimizers
        for name in type(optimizer).model_fields
        if getattr(optimizer, name) is not None
    }
    alone = len({type(optimizer) for optimizer in optimizers}) == 1
    off = [
        f"`{name}`{f' of all but {own[name]}' if name in own else ''}" for name in OFF if not (alone and name in own)
    ]
    decay = "" if alone and "weight_decay" in own else f"no weight decay{' there' if 'weight_decay' in own else ''}, "
    clipping = "" if own.keys() & set(CLIPPING) else "no clipping of gradients, "
    return (
        f"Keras' other arguments ({listed(off)}) have their defaults, which switch them off: {decay}{clipping}"
        "no moving average of the weights, no scaling of the loss, no accumulation of gradients over steps."
    )


def _markdown(grid: MarkdownTable) -> str:
    return table(grid.headings, grid.rows, grid.right)


def loss_in_words(cite: Cite, *, closed: bool, classes: Collection[int] = ()) -> tuple[str, ...]:
    """Return what the training makes as small as possible, in Markdown blocks: sentences and displayed equations.

    Args:
        closed: whether the output layer is solved in closed form.
        classes: the numbers of classes of the runs; where there are several, the equations call them K.
    """
    if closed:
        return (
            "The loss (cost function) is the sum of squared errors and of a penalty: the output layer's weights $W$ "
            "and biases $b$ are those with the least",
            r"$$\sum_{i=1}^{n} \lVert W x_i + b - y_i \rVert^2 + \lambda \lVert W \rVert^2$$",
            "over the $n$ training images: $x_i$ is what enters the output layer for image $i$, $y_i$ is 1 for its "
            r"true class and 0 for the others, and $\lambda$ is the ridge. Probabilities are the softmax of "
            r"$(W x_i + b) / T$ with one temperature $T$ for all images, that with the least categorical "
            f"cross-entropy {cite('guo2017')}; it leaves every image's most probable class as it is. The losses "
            "reported are such cross-entropies.",
        )
    last, *others = {str(number) for number in classes}
    last, of_classes = ("K", "$K$ is the number of classes, ") if others else (last, "")
    return (
        f"The loss (cost function) is the categorical cross-entropy {cite('goodfellow2016')} of the softmax "
        f"{cite('bridle1990')}:",
        rf"$$L = -\frac{{1}}{{n}} \sum_{{i=1}}^{{n}} \sum_{{k=1}}^{{{last}}} y_{{ik}} \ln \hat{{y}}_{{ik}}, \qquad "
        rf"\hat{{y}}_{{ik}} = \frac{{e^{{z_{{ik}}}}}}{{\sum_{{j=1}}^{{{last}}} e^{{z_{{ij}}}}}}$$",
        "It is the mean over the $n$ images of a batch, or of the set that is evaluated. "
        rf"{of_classes}$y_{{ik}}$ is 1 where $k$ is "
        r"the true class of image $i$ and 0 elsewhere, $z_{ik}$ the sum that enters output neuron $k$, and "
        r"$\hat{y}_{ik}$ the probability that the network gives that class. No penalty on the weights is added.",
    )


def _labels(trained: Numbered, runs: Numbered, cite: Cite) -> Iterable[str]:
    """Yield label smoothing and class weights, each with where it is used."""
    for share, numbers in grouped({n: run.experiment.training.label_smoothing for n, run in trained.items()}).items():
        yield from smoothing_in_words(share, _in_runs(numbers, runs), cite)
    weights = {n: run.experiment.training.class_weights for n, run in trained.items()}
    for text, numbers in grouped({n: weights_text(each) for n, each in weights.items()}).items():
        yield from weights_in_words(weights[numbers[0]], _in_runs(numbers, runs), cite) if text else ()


def smoothing_in_words(share: float | None, where: str, cite: Cite) -> tuple[str, ...]:
    """Return label smoothing in Markdown blocks; none if it is off."""
    if share is None:
        return ()
    return (
        f"Label smoothing {cite('szegedy2016')}{where} spreads the share $\\alpha$ of each label evenly over all $K$ "
        "classes, so that the network is not driven to ever larger sums. In the losses of the training and of every "
        "evaluation, $y_{ik}$ is replaced by",
        rf"$$(1 - \alpha)\, y_{{ik}} + \frac{{\alpha}}{{K}}, \quad \alpha = {in_tex(share)}$$",
        "A loss with label smoothing has a lowest value above 0, and cannot be compared with one without it.",
    )


def weights_text(weights: str | Mapping[str, float] | None) -> str:
    """Return class weights as text: ``balanced``, or ``class 3: 2, class 8: 0.5``; empty for none."""
    if weights is None or isinstance(weights, str):
        return weights or ""
    return ", ".join(f"class {number}: {weight:g}" for number, weight in weights.items())


def weights_in_words(weights: str | Mapping[str, float] | None, where: str, cite: Cite) -> tuple[str, ...]:
    """Return class weights in Markdown blocks; none if all classes count alike."""
    if weights is None:
        return ()
    if isinstance(weights, str):
        which = (
            rf"$w_k = n / (K n_k)$, where $n_k$ of the $n$ training images are of class $k$ {cite('king2001')}: "
            "rare classes count more"
        )
    else:
        which = f"{weights_text(weights)}; every other class has 1"
    return (
        f"In the loss of the training each image is counted with the weight of its class{where}: the term of image $i$ "
        f"in the sum is multiplied by $w_{{c_i}}$, where $c_i$ is its true class. The weights are {which}. The losses "
        "on validation and test images are without these weights, as Keras' `evaluate` computes them.",
    )


def _closed_form(solved: Numbered, runs: Numbered, cite: Cite) -> tuple[str, ...]:
    anchor = "tab-ridges"
    grid = _arguments(Ridge, {number: run.experiment.optimizer for number, run in solved.items()}, runs)
    solutions = {n: solution for n, run in solved.items() if (solution := run.document["closed_form"])}
    found = [
        rf"$\lambda$ = {escaped(ridge)} and $T$ = {escaped(temperature)}{_in_runs([number], runs)}"
        for number, (ridge, _, temperature) in ((n, solution_in_words(solution)) for n, solution in solutions.items())
    ]
    return (
        *loss_in_words(cite, closed=True),
        r"With $X$ the matrix of all $x_i$ and a column of ones, and $Y$ that of all $y_i$, the solution is",
        r"$$\begin{pmatrix} W^\top \\ b^\top \end{pmatrix} = (X^\top X + \lambda D)^{-1} X^\top Y$$",
        "where $D$ is the identity matrix with 0 in the row of the biases, which are not penalised. "
        f"{refer(anchor)} lists the ridges that were tried. Of several, the one with the highest accuracy on the "
        "validation images is taken, and the equations are then solved again over all training images."
        f"{f' Taken were {listed(found)}.' if found else ''}",
        captioned(_markdown(grid), "The argument of the closed form.", anchor),
    )


def _course(trained: Numbered, runs: Numbered, cite: Cite) -> Iterable[str]:
    """Yield batches, learning rate, early stopping, initial weights, seeds: sentences first, then longer equations."""
    sentences, displayed = _batches(trained) if trained else [], list[str]()
    for schedule, numbers in grouped({n: run.experiment.training.schedule for n, run in trained.items()}).items():
        where, alike = _in_runs(numbers, trained), [trained[number] for number in numbers]
        first = _common(in_tex(run.experiment.highest_rate) for run in alike)
        if isinstance(schedule, ConstantSchedule):
            rate = rf"\eta_e = \eta{f' = {first}' if first else ''}"
            sentences.append(f"The learning rate{where} is the same in every epoch $e$: ${rate}$.")
        else:
            planned = (str(_planned(run) - (run.experiment.training.warmup or 0)) for run in alike)
            displayed += _changing_rate(schedule, first, _common(planned), where, cite)
    for warmup, numbers in grouped({n: run.experiment.training.warmup for n, run in trained.items()}).items():
        displayed += _warming_up(warmup, _in_runs(numbers, trained), cite)
    for rule, numbers in grouped({n: run.experiment.training.early_stopping for n, run in trained.items()}).items():
        where = _in_runs(numbers, trained)
        if rule is not None:
            displayed += _stopping(rule, [trained[number] for number in numbers], where, cite)
        else:
            sentences.append(
                f"There is no early stopping{where}: the weights after the last planned epoch are evaluated."
            )
    sentences += [*_initial_weights(runs, cite), *_precisions(trained, cite), _seeds(runs)]
    yield " ".join(sentences)
    yield from displayed


def _common(texts: Iterable[str]) -> str:
    """Return the text that all have in common; empty if they differ."""
    different = set(texts)
    return different.pop() if len(different) == 1 else ""


def _changing_rate(schedule: Schedule, first: str, epochs: str, where: str, cite: Cite) -> list[str]:
    """Describe a schedule; `first` and `epochs` are the learning rate and the planned epochs, empty if they differ."""
    values = [rf"\eta = {first}"] if first else []
    values += [f"E = {epochs}"] if schedule.SPANS_EPOCHS and not schedule.BY_STEP and epochs else []
    formula = ", ".join([schedule.formula(r"\eta", "E"), *(rf"\quad {value}" for value in values)])
    papers = f" {cite(*schedule.PAPERS)}" if schedule.PAPERS else ""
    letters = " and $E$ the number of planned epochs" if schedule.SPANS_EPOCHS and not schedule.BY_STEP else ""
    over = "steps" if schedule.BY_STEP else "epochs $e$, counted from 0"
    return [
        f"The learning rate{where} follows a schedule{papers} over the {over}:",
        f"$${formula}$$",
        " ".join(filter(None, [rf"where $\eta$ is the optimizer's learning rate{letters}.", schedule.letters])),
    ]


def _warming_up(epochs: int | None, where: str, cite: Cite) -> list[str]:
    """Describe the warm-up before a schedule; no sentences if there is none."""
    if epochs is None:
        return []
    steps = "its steps" if epochs == 1 else "their steps"
    return [
        f"The training begins with a warm-up {cite('goyal2017')}{where}: in the first {counted(epochs, 'epoch')} the "
        f"learning rate rises in a line from step to step, in step $t$ of {steps}, $T$ in all, to $t/T$ of the "
        "schedule's first rate. The epochs of the schedule are counted from the end of the warm-up."
    ]


def _stopping(rule: EarlyStopping, alike: Sequence[Evidence], where: str, cite: Cite) -> list[str]:
    """Describe a rule of early stopping that some runs share."""
    lower = rule.monitor == "val_loss"
    symbol, name = ("L", "loss") if lower else ("A", "accuracy")
    better = rf"{symbol}_e < b_{{e-1}} - \delta" if lower else rf"{symbol}_e > b_{{e-1}} + \delta"
    kept = "the weights of epoch $e^{*}$ are restored" if rule.restore_best_weights else "the last weights are kept"
    optimistic = (
        " The validation images are the test images: the epoch is chosen on the images on which the network is tested, "
        "so the test accuracy is too optimistic."
    )
    return [
        f"Early stopping {cite('prechelt1998')}{where} compares the validation {name} ${symbol}_e$ after each epoch "
        "$e$ with the best one so far, $b_e$, and ends the training when $p$ epochs in a row were not better:",
        rf"$$b_e = \begin{{cases}} {symbol}_e & \text{{if }} {better} \\ b_{{e-1}} & \text{{otherwise}} "
        r"\end{cases} \qquad \text{stop when } e - e^{*} \ge p$$",
        rf"where $e^{{*}}$ is the epoch of the best value, $p = {rule.patience}$ (`patience`) and "
        rf"$\delta = {in_tex(rule.min_delta)}$ (`min_delta`); at the end {kept}."
        f"{optimistic if any(run.validates_on_test for run in alike) else ''}",
    ]


def _augmentation(trained: Numbered, runs: Numbered, cite: Cite) -> list[str]:
    """Return blocks about the random changes of the training images; none if no run has any."""
    groups = grouped({number: run.experiment.augmentation for number, run in trained.items()})
    changed = [(each, _in_runs(numbers, runs)) for each, numbers in groups.items() if each is not None]
    return list(augmentation_in_blocks(changed, cite)) if changed else []


def _regularisation(trained: Numbered, solved: Numbered, runs: Numbered, cite: Cite) -> Iterable[str]:
    """Yield dropout, normalisation, penalties and weight decay, each with its equation and where it is used."""
    none = [number for number, run in trained.items() if not any(regularisers(run).values())]
    for effect in EFFECTS:
        used = grouped({n: regularisers(run)[effect.name] for n, run in trained.items()})
        used.pop("", None)
        if used:
            yield from _effect(effect, used, runs, cite)
    if solved:
        yield (
            rf"The penalty $\lambda \lVert W \rVert^2$ is the regularisation{_in_runs(list(solved), runs)}: it keeps "
            "the weights of the output layer small."
        )
    decays = {n: run.experiment.optimizer for n, run in runs.items() if isinstance(run.experiment.optimizer, AdamW)}
    if decays:
        yield (
            f"Weight decay {cite('loshchilov2019')}{_in_runs(list(decays), runs)}: each step takes the share "
            rf"$\eta \lambda$ off every weight and bias, the last term of the equations of AdamW."
        )
    smoothed = [n for n, run in trained.items() if run.experiment.training.label_smoothing]
    if smoothed:
        yield f"Label smoothing{_in_runs(smoothed, runs)} is described with the loss function."
    if none:
        yield (
            f"No regularisation is used{_in_runs(none, runs)}: neither dropout nor noise, normalisation, a penalty on "
            "the weights, weight decay or label smoothing."
        )


def regularisers(run: Evidence) -> dict[str, str]:
    """Return each effect against overfitting with its strength and places in a run's network; empty text for none."""
    places = effects(run.complexity)
    used = {effect.name: ", ".join(places.get(effect, ())) for effect in EFFECTS}
    decay = run.experiment.optimizer
    return {
        **used,
        "weight decay": f"{decay.weight_decay:g}" if isinstance(decay, AdamW) and decay.weight_decay else "",
        "label smoothing": f"{share:g}" if (share := run.experiment.training.label_smoothing) else "",
    }


def _effect(effect: Effect, used: Mapping[str, Sequence[int]], runs: Numbered, cite: Cite) -> Iterable[str]:
    places = [f"{escaped(place)}{_in_runs(numbers, runs)}" for place, numbers in used.items()]
    yield f"{effect.name.capitalize()} {cite(effect.paper)}, {'; '.join(places)}:"
    yield f"$${effect.formula}$$"
    yield effect.letters


def _planned(run: Evidence) -> int:
    return run.state.epochs or run.experiment.training.epochs


def steps_in_epoch(run: Evidence) -> int | None:
    data, model = run.document["dataset"], run.state.model
    if model is not None:
        return model.steps
    return -(-data["train"] // run.experiment.training.batch_size) if data else None


def _precisions(trained: Numbered, cite: Cite) -> list[str]:
    precisions = grouped({number: run.experiment.training.precision for number, run in trained.items()})
    mixed = {
        "mixed_float16": ("micikevicius2018", ", and the loss is scaled so that small gradients do not vanish"),
        "mixed_bfloat16": ("kalamkar2019", ""),
    }
    return [
        f"The layers compute in {precision}{_in_runs(numbers, trained)} {cite(mixed[precision][0])}: weights stay "
        f"float32{mixed[precision][1]}."
        for precision, numbers in precisions.items()
        if precision != "float32"
    ]


def _batches(trained: Numbered) -> list[str]:
    images = _common(count(run.document["dataset"]["train"]) for run in trained.values() if run.document["dataset"])
    steps = {n: count(number) for n, run in trained.items() if (number := steps_in_epoch(run)) is not None}
    numbers = {
        "Batch size": {n: counted(run.experiment.training.batch_size, "image") for n, run in trained.items()},
        "steps in an epoch": steps,
        "planned epochs": {n: count(_planned(run)) for n, run in trained.items()},
    }
    texts = [f"{name}: {_each(values, trained)}" for name, values in numbers.items() if values]
    return [
        f"The {f'{images} ' if images else ''}training images are put into a new order before every epoch and taken in "
        "batches, one a step.",
        f"{'; '.join(texts)}.",
        *_last_batches(trained),
    ]


def _last_batches(trained: Numbered) -> list[str]:
    """Say how many images the last batch of an epoch has where the batch size does not divide their number."""
    left: dict[int, str] = {}
    for number, run in trained.items():
        data, size = run.document["dataset"], run.experiment.training.batch_size
        if data and data["train"] % size:
            left[number] = counted(data["train"] % size, "image")
    if not left:
        return []
    return [f"The last batch of an epoch has only the images that are left: {_each(left, trained)}."]


def _each(values: Mapping[int, str], runs: Numbered) -> str:
    """Return a value that all runs share, or each value with its runs: ``512 in run 2 and 256 in runs 3 and 4``."""
    groups = grouped(values)
    if len(groups) > MOST_LISTED:
        return f"different ({refer(DIFFERENCES)})"
    return listed([f"{value}{_in_runs(numbers, runs)}" for value, numbers in groups.items()])


def _seeds(runs: Numbered) -> str:
    seeds = sorted({run.experiment.training.seed for run in runs.values()})
    trained = [run.experiment for run in runs.values() if run.experiment.trains_in_epochs]
    order = ["the order of the images"] if trained else []
    kinds = [layer for experiment in trained for layer in walk(experiment.layers)]
    masks = ["the dropout masks"] if any(isinstance(layer, Dropout | SpatialDropout2D) for layer in kinds) else []
    masks += ["the noise"] if any(isinstance(layer, GaussianNoise) for layer in kinds) else []
    changes = ["the changes of the images"] if any(experiment.augmentation for experiment in trained) else []
    of = f"the seed {seeds[0]}" if len(seeds) == 1 else f"each run's seed ({number_ranges(seeds)})"
    drawn = [f"the{_other(runs)} initial weights", *order, *masks, *changes]
    return f"Random numbers from {of} give {listed(drawn)}."


UNIFORM, NORMAL = "uniform", "normal, cut off at two standard deviations"
FAN_IN, FAN_BOTH = r"n_\mathrm{in}", r"n_\mathrm{in} + n_\mathrm{out}"
DISTRIBUTIONS = {
    "glorot_uniform": (UNIFORM, 6, FAN_BOTH, "glorot2010"),
    "glorot_normal": (NORMAL, 2, FAN_BOTH, "glorot2010"),
    "he_uniform": (UNIFORM, 6, FAN_IN, "he2015"),
    "he_normal": (NORMAL, 2, FAN_IN, "he2015"),
    "lecun_uniform": (UNIFORM, 3, FAN_IN, "lecun1998efficient"),
    "lecun_normal": (NORMAL, 1, FAN_IN, "lecun1998efficient"),
}
"""Keras' initialisers of a paper: the distribution, the two parts of the fraction under its root, and the paper."""


def _initialisers(run: Evidence) -> list[str]:
    """Return the names of a network's initialisers of weights, with their arguments, in the order of the layers."""
    parts = (*walk(run.experiment.layers), *([run.experiment.output] if run.experiment.trains_in_epochs else []))
    fields = ("kernel_initializer", "depthwise_initializer", "pointwise_initializer")
    used = (getattr(part, field, None) for part in parts for field in fields)
    return list(dict.fromkeys(initialiser_in_words(initialiser) for initialiser in used if initialiser is not None))


def initialiser_in_words(initialiser: Initializer | BiasInitializer) -> str:
    """Return an initialiser's name with its arguments: ``random_normal (mean 0, stddev 0.05)``."""
    arguments = ", ".join(f"{key} {value_in_words(value)}" for key, value in initialiser if key != "name")
    return f"{initialiser.name}{f' ({arguments})' if arguments else ''}"


def _other(runs: Numbered) -> str:
    """Return the word `` other`` if runs begin with weights from elsewhere, which are named before."""
    return " other" if any(run.experiment.start for run in runs.values()) else ""


def _weights_from_elsewhere(runs: Numbered) -> list[str]:
    """Return a sentence for each run, or group of runs, that begins with weights of another run or of a file."""
    starts = {
        number: (run.state.model and run.state.model.start) or "some weights are those of another network"
        for number, run in runs.items()
        if run.experiment.start
    }
    return [
        f"Before the training{_in_runs(numbers, runs)}, {escaped(start)}." for start, numbers in grouped(starts).items()
    ]


def _initial_weights(runs: Numbered, cite: Cite) -> list[str]:
    """Return sentences about weights from elsewhere, and about the distributions that the others are drawn from."""
    names = list(dict.fromkeys(name for run in runs.values() for name in _initialisers(run)))
    users = {name: [number for number, run in runs.items() if name in _initialisers(run)] for name in names}
    texts = [f"{_distribution(name, cite)}{_in_runs(numbers, runs)}" for name, numbers in users.items()]
    legend = r", where $n_\mathrm{in}$ and $n_\mathrm{out}$ count the layer's inputs and outputs"
    if any(run.experiment.layers_of(Conv2D) for run in runs.values()):
        legend += (
            r" (of a convolution: $n_\mathrm{in}$ is the area of its kernel times the input channels, "
            r"$n_\mathrm{out}$ the area times the filters)"
        )
    elsewhere = _weights_from_elsewhere(runs)
    if not texts:
        return elsewhere
    first = (
        f"The{_other(runs)} initial weights are {listed(texts)}{legend if users.keys() & DISTRIBUTIONS.keys() else ''}."
    )
    parts = [part for run in runs.values() for part in (*walk(run.experiment.layers), run.experiment.output)]
    biases = [getattr(part, "bias_initializer", ZEROS) for part in parts]
    zeros = [f"The{_other(runs)} biases start at 0."] if all(one == ZEROS for one in biases) else []
    return [*elsewhere, first, *zeros]


def _distribution(name: str, cite: Cite) -> str:
    if name not in DISTRIBUTIONS:
        paper = f" {cite('saxe2014')}" if name.startswith("orthogonal") else ""
        return f"`{name}`{paper}"
    form, above, below, paper = DISTRIBUTIONS[name]
    root = rf"\sqrt{{{above} / ({below})}}" if "+" in below else rf"\sqrt{{{above} / {below}}}"
    range_ = rf"$[-a, a]$ with $a = {root}$" if form is UNIFORM else rf"with the standard deviation ${root}$"
    what = "uniform on" if form is UNIFORM else NORMAL.replace(",", "", 1)
    return f"{what} {range_} (`{name}` {cite(paper)})"
