"""The tests of two and more networks on the same images, against SciPy and published examples."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest, chi2

from mnist_tui.runs.model_tests import Answers, cochran_test, compare_models, compare_pair, only_right

KUNCHEVA = {"111": 80, "110": 2, "101": 0, "100": 2, "011": 9, "010": 1, "001": 3, "000": 3}
"""Which of three classifiers are right on how many of 100 objects: Kuncheva, Combining Pattern Classifiers, 2004."""


def right(patterns: dict[str, int]) -> list[NDArray[np.bool_]]:
    """Return which images each network classifies correctly, from counts of images by a mark for each network."""
    rows = [[mark == "1" for mark in pattern] for pattern, count in patterns.items() for _ in range(count)]
    return list(np.array(rows).T)


def answers(name: str, hits: NDArray[np.bool_], images: str = "digits") -> Answers:
    return Answers(name, images, images, np.zeros(len(hits), np.uint8), hits)


@pytest.mark.parametrize("seed", range(50))
def test_mcnemars_test_is_scipys(seed: int):
    random = np.random.default_rng(seed)
    size, share = int(random.integers(20, 400)), random.uniform(0.6, 0.98)
    first, second = (random.random(size) < share for _ in range(2))
    test = compare_pair(first, second)
    assert (test.both + test.only_first, test.both + test.only_second) == (first.sum(), second.sum())
    assert test.both + test.discordant + test.neither == test.images == size
    assert list(only_right(first, second)) == [at for at in range(size) if first[at] and not second[at]]
    assert test.difference == pytest.approx(first.mean() - second.mean())
    errors = (first.astype(float) - second).std() / size**0.5
    low, high = test.interval
    assert (low, high) == pytest.approx((test.difference - 1.959964 * errors, test.difference + 1.959964 * errors))
    if test.discordant < 25:
        wanted = binomtest(test.only_first, test.discordant).pvalue if test.discordant else 1.0
        assert (test.method, test.statistic) == ("exact", None)
    else:
        statistic = max(abs(test.only_first - test.only_second) - 1, 0) ** 2 / test.discordant
        wanted = chi2.sf(statistic, 1)
        assert (test.method, test.statistic) == ("corrected", pytest.approx(statistic))
    assert test.p == pytest.approx(wanted, rel=1e-9)


def test_mcnemars_test_of_a_published_example():
    """The example with 25 and 15 images in the documentation of mlxtend: χ² = 2.025, p = 0.155."""
    test = compare_pair(*right({"11": 9945, "10": 25, "01": 15, "00": 15}))
    assert test.statistic == pytest.approx(2.025)
    assert test.p == pytest.approx(0.1547, abs=1e-4)
    assert test.difference == 0.001


def test_cochrans_q_of_a_published_example():
    test = cochran_test(right(KUNCHEVA))
    assert test.q == pytest.approx(7.5294, abs=1e-4)
    assert (test.degrees, test.p) == (2, pytest.approx(0.0232, abs=1e-4))


@given(st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=3, max_size=5))
def test_cochrans_q_is_that_of_the_variances_or_not_defined(rows: list[list[bool]]):
    table = np.array(rows)
    test = cochran_test(list(table))
    share = table.mean(axis=0)
    if all(value in (0, 1) for value in share):
        assert test.q is test.p is None
        return
    k, hits = len(table), table.sum(axis=1)
    wanted = k * (k - 1) * ((hits - hits.mean()) ** 2).sum() / (k**2 * (share * (1 - share)).sum())
    assert test.q == pytest.approx(wanted)
    assert test.p == pytest.approx(chi2.sf(wanted, k - 1))


def test_networks_on_the_same_images_are_tested_in_pairs_that_holm_corrects():
    models = [answers(name, hits) for name, hits in zip("abc", right(KUNCHEVA), strict=True)]
    other = answers("other", np.ones(100, bool), "fashion")
    (tests,) = compare_models([*models, other])
    assert [model.name for model in tests.models] == ["b", "c", "a"]
    assert [(one, two) for one, two, _ in tests.pairs] == [(0, 1), (0, 2), (1, 2)]
    assert tests.cochran == cochran_test(right(KUNCHEVA))
    assert all(test.holm >= test.p for _, _, test in tests.pairs)
    assert tests.pairs[1][2].holm == pytest.approx(3 * binomtest(2, 12).pvalue)
    document = json.loads(json.dumps(tests.to_document(), allow_nan=False))
    assert (document["runs"], document["images"]) == (["b", "c", "a"], 100)
    assert (
        document["pairs"][1] | {"first": "b", "second": "a", "only_first": 10, "only_second": 2}
        == (document["pairs"][1])
    )


def test_of_many_networks_the_most_accurate_one_is_tested_against_the_others():
    random = np.random.default_rng(1)
    models = [answers(str(at), random.random(200) < 0.5 + at / 20) for at in range(6)]
    (tests,) = compare_models(models)
    assert [(one, two) for one, two, _ in tests.pairs] == [(0, other) for other in range(1, 6)]
    assert compare_models([models[0], answers("other", models[1].right, "fashion")]) == []


def test_networks_that_always_agree_have_defined_values():
    same = np.array([True])
    (tests,) = compare_models([answers(name, same) for name in "abc"])
    assert tests.cochran is not None
    assert tests.cochran.q is None
    for _, _, test in tests.pairs:
        assert (test.p, test.holm, test.difference, test.interval) == (1.0, 1.0, 0.0, (0.0, 0.0))
