"""The learning-rate range test: smoothing, its end, and the suggested rate."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_tui.errors import RequestError
from mnist_tui.experiment.presets import find_preset
from mnist_tui.runs.rate_range import HIGHEST, KEPT, LOWEST, RatePoint, check, has_diverged, smoothed, suggested


def curve(losses: list[float | None]) -> list[RatePoint]:
    rates = np.geomspace(LOWEST, HIGHEST, len(losses)).tolist()
    return [RatePoint(*point) for point in zip(rates, losses, smoothed(losses), strict=True)]


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=40))
def test_a_smoothed_loss_is_the_weighted_mean_of_those_before_it(losses: list[float]) -> None:
    for count, mean in enumerate(smoothed(losses), 1):
        weights = KEPT ** np.arange(count)[::-1]
        assert mean == pytest.approx(np.average(losses[:count], weights=weights))


def test_a_loss_that_falls_and_rises_suggests_a_tenth_of_the_rate_of_the_lowest_smoothed_loss() -> None:
    points = curve([2.3 - 1.5 * math.exp(-(((at - 60) / 15) ** 2)) + max(0, at - 75) for at in range(100)])
    lowest = min(points, key=lambda point: point.smoothed or math.inf)
    found = suggested(points)
    assert found.rate == pytest.approx(lowest.rate / 10, rel=0.05)
    assert f"at a learning rate of {lowest.rate:.2g} and rises at higher rates" in found.reason


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ([2.3] * 50, "does not fall at any learning rate"),
        ([2.3, *(2.3 + at for at in range(9))], "does not fall at any learning rate"),
        ([None, None], "too few losses"),
        ([], "too few losses"),
    ],
)
def test_a_curve_that_shows_nothing_suggests_nothing_and_says_why(losses: list[float | None], said: str) -> None:
    found = suggested(curve(losses))
    assert found.rate is None and said in found.reason


def test_the_test_ends_when_the_loss_explodes_or_is_no_number() -> None:
    assert not has_diverged(curve([2.0, 1.0, 2.0]))
    assert has_diverged(curve([2.0, 1.0, 100.0]))
    assert has_diverged(curve([2.0, None]))
    assert not has_diverged([])


def test_what_is_solved_in_closed_form_has_no_rate_to_test() -> None:
    with pytest.raises(RequestError, match="ridge has no learning rate to test"):
        check(find_preset("efc2-elm").experiment)
