"""The closed form's linear algebra, against scikit-learn and scipy, on the digits' own pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_tui.errors import RequestError
from mnist_tui.runs.statistics import COLDEST, HOTTEST, best_temperature
from mnist_tui.training.closed_form import NormalEquations, with_ones
from tests.training.support import digits

CLASSES = 10


@pytest.fixture(scope="module")
def rows():
    data = digits()
    return data.train_images.reshape(len(data.train_images), -1).astype(np.float32) / 255, data.train_labels


def equations_of(features, labels, block):
    equations = NormalEquations(features.shape[1], 10)
    for first in range(0, len(labels), block):
        equations.add(features[first : first + block], labels[first : first + block])
    return equations


@pytest.mark.parametrize(
    "ridge", [1.0, pytest.param(0.01, marks=pytest.mark.exhaustive), pytest.param(100.0, marks=pytest.mark.exhaustive)]
)
def test_the_solution_is_scikit_learns(rows, ridge):
    from sklearn.linear_model import Ridge

    features, labels = rows
    ours = equations_of(features, labels, 500).solution(ridge)
    theirs = Ridge(alpha=ridge, solver="svd").fit(features.astype(np.float64), np.eye(CLASSES)[labels])
    assert np.allclose(ours[:-1], theirs.coef_.T, rtol=1e-6, atol=1e-8)
    assert np.allclose(ours[-1], theirs.intercept_, rtol=1e-6, atol=1e-8)


def test_how_the_rows_are_divided_changes_only_the_rounding(rows):
    features, labels = rows
    one, other = (equations_of(features, labels, block).solution(1.0) for block in (1437, 100))
    assert np.allclose(one, other, rtol=1e-9, atol=1e-11)
    again = equations_of(features, labels, 100).solution(1.0)
    assert np.array_equal(other, again)


def test_a_ridge_that_cannot_be_told_from_none_is_refused():
    features, labels = np.ones((20, 3), np.float32), np.zeros(20, np.uint8)
    with pytest.raises(RequestError, match="the ridge 1e-300 is too small for these features"):
        equations_of(features, labels, 20).solution(1e-300)


def cross_entropy(scores, labels, degrees):
    from scipy.special import log_softmax

    return -log_softmax(scores / degrees, axis=1)[np.arange(len(labels)), labels].mean()


def test_no_other_temperature_has_less_cross_entropy(rows):
    features, labels = rows
    scores = with_ones(features[700:]) @ equations_of(features[:700], labels[:700], 100).solution(1.0)
    found = best_temperature(scores, labels[700:])
    least = cross_entropy(scores, labels[700:], found)
    for factor in (0.5, 0.9, 0.99, 1.01, 1.1, 2.0):
        assert cross_entropy(scores, labels[700:], found * factor) > least


@given(st.integers(0, 2**32 - 1), st.floats(-2, 2))
def test_the_temperature_is_within_bounds_and_no_better_one_is_near(seed, signal):
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, 60)
    scores = random.normal(size=(60, CLASSES)) + signal * np.eye(CLASSES)[labels]
    found = best_temperature(scores, labels)
    assert COLDEST <= found <= HOTTEST
    here = cross_entropy(scores, labels, found)
    for other in (max(COLDEST, found * 0.9), min(HOTTEST, found * 1.1)):
        assert cross_entropy(scores, labels, other) >= here - 1e-12


def test_scores_that_never_err_get_the_coldest_and_those_that_always_do_the_hottest():
    labels = np.arange(CLASSES)
    assert best_temperature(np.eye(CLASSES), labels) == COLDEST
    assert best_temperature(-np.eye(CLASSES), labels) == HOTTEST
