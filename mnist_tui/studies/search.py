"""Decide which trial is trained next, and which running trial is stopped early.

The trials of a grid are all planned at first. A search samples points one by one with Optuna, which keeps no database:
each time it gets all earlier points, so that the next point depends only on the search's seed and on those points.
"""

from __future__ import annotations

import itertools
import math
import random
import warnings
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from mnist_tui.errors import RequestError
from mnist_tui.experiment.complexity import of
from mnist_tui.experiment.presets import Preset
from mnist_tui.studies.events import TrialPlanned
from mnist_tui.studies.spec import Study, SweepAxis
from mnist_tui.studies.state import StudyState, TrialRow, Values, by_point
from mnist_tui.studies.trial_table import METRIC_NAMES, score_text
from mnist_tui.studies.trials import Trial, count_points, plan_point, plan_trials

if TYPE_CHECKING:
    from optuna import Study as OptunaStudy
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler

ATTEMPTS = 50
"""How often another point is sampled where a point was tried before or makes no valid experiment."""
ENUMERABLE = 20_000
"""The largest number of points in a space whose untried points are listed."""
FIRST_AT_RANDOM = 10
"""The number of points that TPE samples at random before it models the earlier ones."""
DIGITS = 6
"""Significant digits of a sampled number."""
FINISHED_FIRST = 5
"""The number of trials that must finish before a trial is pruned."""
WARM_UP_SHARE = 0.2
WARM_UP_EPOCHS = 2
"""A trial is not pruned in its first epochs: in this share of them, and in at least so many."""


@dataclass(frozen=True)
class SampledPoint:
    """A point that was sampled before, judged by the trials of all its seeds.

    Attributes:
        state: running, finished, pruned (a diverged trial counts as pruned) or failed.
        score: the mean of the metric over the seeds, once the point is finished.
        curve: pairs of an epoch and the mean of the metric over the seeds, for epochs that all seeds have.
    """

    values: Values
    state: str
    score: float | None = None
    curve: tuple[tuple[int, float], ...] = ()


def sampled_point(values: Values, rows: Sequence[TrialRow]) -> SampledPoint:
    """Return a point of a search, given the rows of its trials."""
    states = {row.state for row in rows}
    curves = [dict(row.curve) for row in rows if row.curve]
    shared = sorted(set(curves[0]).intersection(*curves[1:])) if curves else []
    curve = tuple((epoch, fmean(each[epoch] for each in curves)) for epoch in shared)
    if states & {"pruned", "diverged"}:
        return SampledPoint(values, "pruned", curve=() if "diverged" in states else curve)
    if states & {"waiting", "running"}:
        return SampledPoint(values, "running", curve=curve)
    scores = [row.score for row in rows if row.score is not None]
    if states == {"finished"} and len(scores) == len(rows):
        return SampledPoint(values, "finished", fmean(scores), curve)
    return SampledPoint(values, "failed")


def next_values(study: Study, points: Sequence[SampledPoint], fits: Callable[[Values], bool]) -> Values | None:
    """Return the values of the point to try next; no point is tried twice.

    Args:
        points: the earlier points, in the order in which they were sampled.
        fits: returns whether values make a valid experiment.

    Returns:
        None where the search is over: there are enough points, or no other point that fits was found.
    """
    if len(points) >= study.search.points:
        return None
    tried = {point.values for point in points}
    for attempt in range(ATTEMPTS):
        values = _propose(study, points, attempt)
        if values not in tried:
            if fits(values):
                return values
            tried.add(values)
    return _untried(study, tried, fits, len(points))


def _untried(study: Study, tried: set[Values], fits: Callable[[Values], bool], position: int) -> Values | None:
    """Return an untried point of a space that is small enough to be listed; None if the space is larger or used up."""
    size = count_points(study.axes)
    if size is None or size > ENUMERABLE:
        return None
    pairs = [[(axis.name, str(value)) for value in axis.options or ()] for axis in study.axes]
    left = [values for values in itertools.product(*pairs) if values not in tried]
    random.Random(f"{study.search.seed}:{position}:{ATTEMPTS}").shuffle(left)
    return next(filter(fits, left), None)


def _propose(study: Study, points: Sequence[SampledPoint], attempt: int) -> Values:
    import optuna
    from optuna.samplers import RandomSampler, TPESampler

    seed = random.Random(f"{study.search.seed}:{len(points)}:{attempt}").getrandbits(32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler: BaseSampler = RandomSampler(seed=seed)
        if study.search.kind == "tpe":
            sampler = TPESampler(n_startup_trials=FIRST_AT_RANDOM, multivariate=True, constant_liar=True, seed=seed)
        earlier = optuna_study(study, points, sampler)
        params = earlier.ask({axis.name: _distribution(axis) for axis in study.axes}).params
    texts = {name: f"{value:.{DIGITS}g}" if isinstance(value, float) else str(value) for name, value in params.items()}
    return tuple((axis.name, texts[axis.name]) for axis in study.axes)


def optuna_study(study: Study, points: Sequence[SampledPoint], sampler: BaseSampler | None = None) -> OptunaStudy:
    """Return a study of Optuna's, in memory, that has these points."""
    import optuna
    from optuna.trial import TrialState, create_trial

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    states = {"finished": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "running": TrialState.RUNNING}
    distributions = {axis.name: _distribution(axis) for axis in study.axes}
    direction = "maximize" if study.search.metric == "val_accuracy" else "minimize"
    made = optuna.create_study(direction=direction, sampler=sampler)
    for point in points:
        texts = dict(point.values)
        trial = create_trial(
            state=states.get(point.state, TrialState.FAIL),
            value=point.score if point.state == "finished" else None,
            params={axis.name: _number(texts[axis.name], axis) for axis in study.axes},
            distributions=distributions,
            intermediate_values=dict(point.curve),
        )
        made.add_trial(trial)
    return made


def _distribution(axis: SweepAxis) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    limits = axis.range
    if limits is None:
        return CategoricalDistribution(axis.values)
    if limits.whole:
        return IntDistribution(int(limits.low), int(limits.high), log=limits.log)
    return FloatDistribution(limits.low, limits.high, log=limits.log)


def _number(text: str, axis: SweepAxis) -> Any:
    """Return a value of an axis as Optuna has it: a number within a range, or the text of a listed value."""
    limits = axis.range
    if limits is None:
        return text
    return int(text) if limits.whole else min(max(float(text), limits.low), limits.high)


class TrialQueue:
    """The planned trials of a study. A search adds trials until it is over.

    Args:
        bases: the experiment of each of the study's bases, by the base's name.
        state: from the study's log; a search continues after the points that were sampled before.

    Attributes:
        trials: by number.

    Raises:
        RequestError: a value makes no valid experiment.
    """

    def __init__(self, study: Study, bases: Mapping[str, Preset], state: StudyState) -> None:
        self._study, self._bases = study, bases
        self.trials = {trial.number: trial for trial in plan_trials(study, bases)}
        self._complete = study.search.kind == "grid"
        if not self._complete:
            for (_, values), rows in by_point(state.rows).items():
                self._add(values, rows[0].number)

    def first_waiting(self, rows: Mapping[int, TrialRow], running: Container[int]) -> Trial | None:
        """Return the first trial whose row waits and whose number is not in `running`; None where there is none."""
        waiting = (number for number in self.trials if number not in running and rows[number].state == "waiting")
        number = min(waiting, default=None)
        return None if number is None else self.trials[number]

    def sample(self, state: StudyState) -> bool:
        """Add the trials of one more point. Returns False if none was added: for a grid, or if the search is over."""
        if self._complete:
            return False
        points = [sampled_point(values, rows) for (_, values), rows in by_point(state.rows).items()]
        values = next_values(self._study, points, self._fits)
        self._complete = values is None
        if values is not None:
            self._add(values, len(state.rows) + 1)
        return values is not None

    def new_rows(self, state: StudyState) -> list[TrialPlanned]:
        """Return the events that give a row to each trial without one."""
        numbers = {row.number for row in state.rows}
        return [
            TrialPlanned(
                number=number,
                base=trial.base,
                values=tuple(trial.values.items()),
                seed=trial.seed,
                epochs=trial.preset.experiment.training.epochs,
                parameters=of(trial.preset.experiment).total,
                fold=trial.fold,
            )
            for number, trial in sorted(self.trials.items())
            if number not in numbers
        ]

    def _add(self, values: Values, number: int) -> None:
        self.trials |= {trial.number: trial for trial in plan_point(self._study, self._bases, values, number)}

    def _fits(self, values: Values) -> bool:
        try:
            plan_point(self._study, self._bases, values, 1)
        except RequestError:
            return False
        return True


class Pruner:
    """The median stopping rule (Golovin et al., 2017), as in Optuna's `MedianPruner`.

    A trial is pruned if its best score so far is worse than the median of the finished trials' scores after the same
    epoch; not before some trials have finished, and not in its first epochs.

    Args:
        metric: the study's, by which trials are compared.
        rows: the rows that exist already.
    """

    def __init__(self, metric: str, rows: Iterable[TrialRow] = ()) -> None:
        self._metric = metric
        self._finished: list[dict[int, float]] = []
        for row in rows:
            self.add_finished(row)

    def add_finished(self, row: TrialRow) -> None:
        """Compare later trials with this one too, if it has finished."""
        if row.state == "finished" and row.curve:
            self._finished.append(dict(row.curve))

    def prune_reason(self, row: TrialRow) -> str:
        """Return why a running trial should be pruned, in a sentence; empty where it should not."""
        warm = max(WARM_UP_EPOCHS, math.ceil(WARM_UP_SHARE * row.epochs))
        if not row.curve or row.epoch <= warm or row.epoch >= row.epochs:
            return ""
        epoch = row.curve[-1][0]
        others = [curve[epoch] for curve in self._finished if epoch in curve]
        if len(others) < FINISHED_FIRST:
            return ""
        sign = 1 if self._metric == "val_accuracy" else -1
        best, middle = max((value for _, value in row.curve), key=lambda value: sign * value), median(others)
        if sign * best >= sign * middle:
            return ""
        return (
            f"pruned after epoch {epoch}: its best {METRIC_NAMES[self._metric]} so far, "
            f"{score_text(self._metric, best)}, is worse than {score_text(self._metric, middle)}, "
            f"the median of {len(others)} finished trials after that epoch"
        )
