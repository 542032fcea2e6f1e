"""Decide which trial is trained next and which one is stopped early.

A grid knows all its trials. A search samples them one by one with Optuna, which keeps no database: it is asked anew
each time, from the study's rows, so that the answer depends on the seed and on the earlier points alone.
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
from mnist_tui.studies.spec import Metric, Study, SweepAxis
from mnist_tui.studies.state import Point, StudyState, TrialRow, Values
from mnist_tui.studies.trial_table import METRIC_NAMES, score_text
from mnist_tui.studies.trials import Trial, count_points, plan_point, plan_trials

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution


ATTEMPTS = 50
"""How often another point is drawn where a point was tried before or makes no valid experiment."""
ENUMERABLE = 20_000
"""The untried points of a space are listed if it has at most so many points."""
FIRST_AT_RANDOM = 10
"""Points that TPE draws at random before it has anything to learn from."""
DIGITS = 6
"""Significant digits of a sampled number."""
FINISHED_FIRST = 5
"""Trials that must have finished before any is pruned."""
WARM_UP_SHARE = 0.2
"""Share of a trial's epochs in which it is not pruned; at least WARM_UP_EPOCHS."""
WARM_UP_EPOCHS = 2


@dataclass(frozen=True)
class SampledPoint:
    """A point that was tried.

    Attributes:
        state: running, finished, pruned (or diverged, which is no better), or failed.
        score: the mean of the metric over the seeds, once it is finished.
        curve: pairs of an epoch and the mean of the metric over the seeds, for epochs that all seeds have.
    """

    values: Values
    state: str
    score: float | None = None
    curve: tuple[tuple[int, float], ...] = ()


def sampled_points(points: Mapping[Point, Sequence[TrialRow]]) -> list[SampledPoint]:
    """Return the points of a study in the order in which they were sampled, judged by the mean over their seeds."""
    return [_sampled_point(values, rows) for (_, values), rows in points.items()]


def _sampled_point(values: Values, rows: Sequence[TrialRow]) -> SampledPoint:
    states = {row.state for row in rows}
    curves = [dict(row.curve) for row in rows if row.curve]
    shared = sorted(set(curves[0]).intersection(*curves[1:])) if curves else []
    curve = tuple((epoch, fmean(found[epoch] for found in curves)) for epoch in shared)
    if states & {"pruned", "diverged"}:
        return SampledPoint(values, "pruned", curve=() if "diverged" in states else curve)
    if states & {"waiting", "running"}:
        return SampledPoint(values, "running", curve=curve)
    scores = [row.score for row in rows if row.score is not None]
    if states == {"finished"} and len(scores) == len(rows):
        return SampledPoint(values, "finished", fmean(scores), curve)
    return SampledPoint(values, "failed")


def next_values(study: Study, points: Sequence[SampledPoint], fits: Callable[[Values], bool]) -> Values | None:
    """Return the point to try next; a point is tried twice only where the space has no other.

    Args:
        points: the points that there are, in the order in which they were sampled.
        fits: whether values make a valid experiment.

    Returns:
        None where the search is over: there are enough points, or none is left that fits.
    """
    if len(points) >= study.search.points:
        return None
    tried = {point.values for point in points}
    refused: set[Values] = set()
    for attempt in range(ATTEMPTS):
        values = _propose(study, points, attempt)
        if values in tried or values in refused:
            continue
        if fits(values):
            return values
        refused.add(values)
    return _untried(study, tried | refused, fits, len(points))


def _untried(study: Study, known: set[Values], fits: Callable[[Values], bool], position: int) -> Values | None:
    """Return any untried point of a space that is small enough to be listed."""
    size = count_points(study.axes)
    if size is None or size > ENUMERABLE:
        return None
    pairs = [[(axis.name, text) for text in _all_texts(axis)] for axis in study.axes]
    left = [values for values in itertools.product(*pairs) if values not in known]
    _seeded(study, position, ATTEMPTS).shuffle(left)
    return next(filter(fits, left), None)


def _all_texts(axis: SweepAxis) -> Iterable[str]:
    limits = axis.range
    return axis.values if limits is None else map(str, range(int(limits.low), int(limits.high) + 1))


def _propose(study: Study, points: Sequence[SampledPoint], attempt: int) -> Values:
    """Ask Optuna for a point, with a seed that belongs to this position and this attempt alone."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    kinds = {axis.name: _distribution(axis) for axis in study.axes}
    seed = _seeded(study, len(points), attempt).getrandbits(32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = (
            optuna.samplers.RandomSampler(seed=seed)
            if study.search.kind == "random"
            else optuna.samplers.TPESampler(
                n_startup_trials=FIRST_AT_RANDOM, multivariate=True, constant_liar=True, seed=seed
            )
        )
        before = optuna.create_study(
            direction="maximize" if study.search.metric == "val_accuracy" else "minimize", sampler=sampler
        )
        before.add_trials([_frozen(point, kinds, study) for point in points])
        params = before.ask(kinds).params
    return tuple((axis.name, _text(params[axis.name], axis)) for axis in study.axes)


def _frozen(point: SampledPoint, kinds: Mapping[str, BaseDistribution], study: Study) -> optuna.trial.FrozenTrial:
    import optuna

    states = optuna.trial.TrialState
    state = {"finished": states.COMPLETE, "pruned": states.PRUNED, "running": states.RUNNING}
    values = dict(point.values)
    return optuna.trial.create_trial(
        state=state.get(point.state, states.FAIL),
        value=point.score if point.state == "finished" else None,
        params={axis.name: _parameter(values[axis.name], axis) for axis in study.axes},
        distributions=dict(kinds),
        intermediate_values=dict(point.curve),
    )


def _distribution(axis: SweepAxis) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    limits = axis.range
    if limits is None:
        return CategoricalDistribution(axis.values)
    if limits.whole:
        return IntDistribution(int(limits.low), int(limits.high), log=limits.log)
    return FloatDistribution(limits.low, limits.high, log=limits.log)


def _parameter(text: str, axis: SweepAxis) -> Any:
    limits = axis.range
    if limits is None:
        return text
    return int(text) if limits.whole else min(max(float(text), limits.low), limits.high)


def _text(value: Any, axis: SweepAxis) -> str:
    return f"{value:.{DIGITS}g}" if axis.range and not axis.range.whole else str(value)


def _seeded(study: Study, position: int, attempt: int) -> random.Random:
    return random.Random(f"{study.search.seed}:{position}:{attempt}")


class TrialQueue:
    """The planned trials of a study, and which of them is next.

    Args:
        bases: the experiment of each of the study's bases, by its name there.
        state: from the study's log; a search goes on from the points that were sampled before.

    Attributes:
        trials: by number.
        complete: whether there will be no more.

    Raises:
        RequestError: a value makes no valid experiment.
    """

    def __init__(self, study: Study, bases: Mapping[str, Preset], state: StudyState) -> None:
        self._study, self._bases = study, bases
        self.trials = {trial.number: trial for trial in plan_trials(study, bases)}
        self.complete = study.search.kind == "grid"
        if not self.complete:
            for (_, values), rows in state.points.items():
                self._add(values, rows[0].number)

    def first_waiting(self, state_of: Mapping[int, str], running: Container[int]) -> Trial | None:
        """Return the first trial that waits and is not among the running numbers; None without one."""
        waiting = (n for n in self.trials if n not in running and state_of.get(n, "waiting") == "waiting")
        number = min(waiting, default=None)
        return None if number is None else self.trials[number]

    def sample(self, state: StudyState) -> bool:
        """Add the trials of one more point. Returns False for a grid, and where the search is over."""
        if self.complete:
            return False
        values = next_values(self._study, sampled_points(state.points), self._fits)
        if values is None:
            self.complete = True
            return False
        self._add(values, len(state.rows) + 1)
        return True

    def new_rows(self, state: StudyState) -> list[TrialPlanned]:
        """Return the events of the trials that have no row yet."""
        known = {row.number for row in state.rows}
        return [
            TrialPlanned(
                number=number,
                base=trial.base,
                values=tuple(trial.values.items()),
                seed=trial.seed,
                epochs=trial.preset.experiment.training.epochs,
                parameters=of(trial.preset.experiment).total,
            )
            for number, trial in sorted(self.trials.items())
            if number not in known
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

    A trial is pruned where its best score so far is worse than the median of the finished trials' scores after the same
    epoch; not before some trials have finished, and not in its first epochs.

    Args:
        metric: what trials are compared by.
        rows: the rows that exist already.
    """

    def __init__(self, metric: Metric, rows: Iterable[TrialRow] = ()) -> None:
        self._metric: Metric = metric
        self._finished: list[dict[int, float]] = []
        for row in rows:
            self.add_finished(row)

    def add_finished(self, row: TrialRow) -> None:
        """Take a trial that has ended into the comparison, if it finished."""
        if row.state == "finished" and row.curve:
            self._finished.append(dict(row.curve))

    def prune_reason(self, row: TrialRow) -> str:
        """Return a sentence that says why a running trial should be pruned; empty where it should not.

        Args:
            row: with its curve up to the newest logged epoch.
        """
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
