"""Which values a search tries next, by Optuna. There is no database: it is asked anew each time, from the study's rows.

The answer depends on the search's seed and on the points before alone, so that a study that was interrupted goes on as
it would have.
"""

from __future__ import annotations

import itertools
import random
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from mnist_tui.studies.spec import Study, SweepAxis
from mnist_tui.studies.state import Point, TrialRow, Values
from mnist_tui.studies.trials import space

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

ATTEMPTS = 50
"""Draws that may meet a point that there is already, or one that makes no valid experiment."""
ENUMERABLE = 20_000
"""Points of a space of which the untried ones can be listed."""
FIRST_AT_RANDOM = 10
DIGITS = 6
"""Significant digits of a sampled number."""


@dataclass(frozen=True)
class Sampled:
    """A point that was tried.

    Attributes:
        state: running, finished, pruned (or diverged: no better), or failed.
        score: the mean of the metric over its seeds, once it is finished.
        curve: epochs and the mean of the metric over its seeds, as far as all were told.
    """

    values: Values
    state: str
    score: float | None = None
    curve: tuple[tuple[int, float], ...] = ()


def sampled(points: Mapping[Point, Sequence[TrialRow]]) -> list[Sampled]:
    """The points of a study in the order in which they were sampled, judged by the mean over their seeds."""
    return [_judged(values, rows) for (_, values), rows in points.items()]


def _judged(values: Values, rows: Sequence[TrialRow]) -> Sampled:
    states = {row.state for row in rows}
    curves = [dict(row.curve) for row in rows if row.curve]
    shared = sorted(set(curves[0]).intersection(*curves[1:])) if curves else []
    curve = tuple((epoch, fmean(found[epoch] for found in curves)) for epoch in shared)
    if states & {"pruned", "diverged"}:
        return Sampled(values, "pruned", curve=() if "diverged" in states else curve)
    if states & {"waiting", "running"}:
        return Sampled(values, "running", curve=curve)
    scores = [row.score for row in rows if row.score is not None]
    if states == {"finished"} and len(scores) == len(rows):
        return Sampled(values, "finished", fmean(scores), curve)
    return Sampled(values, "failed")


def next_values(study: Study, points: Sequence[Sampled], fits: Callable[[Values], bool]) -> Values | None:
    """The point to try next; none twice where the space allows it.

    Args:
        points: those that there are, in the order in which they were sampled.
        fits: whether values make a valid experiment.

    Returns:
        None where the search is over: enough points, or none left that fits.
    """
    if len(points) >= study.search.points:
        return None
    tried = {point.values for point in points}
    refused: set[Values] = set()
    for attempt in range(ATTEMPTS):
        values = _asked(study, points, attempt)
        if values in tried or values in refused:
            continue
        if fits(values):
            return values
        refused.add(values)
    return _untried(study, tried | refused, fits, len(points))


def _untried(study: Study, known: set[Values], fits: Callable[[Values], bool], position: int) -> Values | None:
    """Any point that is left, of a space that can be listed."""
    size = space(study.axes)
    if size is None or size > ENUMERABLE:
        return None
    left = [values for values in itertools.product(*map(_pairs, study.axes)) if values not in known]
    _seeded(study, position, ATTEMPTS).shuffle(left)
    return next(filter(fits, left), None)


def _pairs(axis: SweepAxis) -> list[tuple[str, str]]:
    limits = axis.range
    texts = axis.values if limits is None else map(str, range(int(limits.low), int(limits.high) + 1))
    return [(axis.name, text) for text in texts]


def _asked(study: Study, points: Sequence[Sampled], attempt: int) -> Values:
    """What Optuna proposes, with a sampler of this point's and this attempt's own seed."""
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
            direction="maximize" if study.search.higher_is_better else "minimize", sampler=sampler
        )
        before.add_trials([_frozen(point, kinds, study) for point in points])
        asked = before.ask(kinds).params
    return tuple((axis.name, _text(asked[axis.name], axis)) for axis in study.axes)


def _frozen(point: Sampled, kinds: Mapping[str, BaseDistribution], study: Study) -> optuna.trial.FrozenTrial:
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
    """The value as Optuna has it."""
    limits = axis.range
    if limits is None:
        return text
    return int(text) if limits.whole else min(max(float(text), limits.low), limits.high)


def _text(value: Any, axis: SweepAxis) -> str:
    """The value as a person would type it."""
    limits = axis.range
    return str(value) if limits is None or limits.whole else f"{value:.{DIGITS}g}"


def _seeded(study: Study, position: int, attempt: int) -> random.Random:
    return random.Random(f"{study.search.seed}:{position}:{attempt}")
