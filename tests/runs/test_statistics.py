"""What seeds say together: SciPy is the oracle of intervals and permutation tests, whole numbers that of ties."""

from __future__ import annotations

import itertools
import math
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_tui.runs.collection.seed_groups import DRAWN, MOST_EXACT, paired, pairs, seed_groups, summary
from mnist_tui.runs.collection.summaries import list_runs
from tests.runs.synthetic import BEGIN, finished_run

DEVELOPED = (0.9837, 0.9821, 0.9841, 0.9838, 0.9836, 0.9845, 0.9830, 0.9834, 0.9824, 0.9831)
REFERENCE = (0.9807, 0.9790, 0.9793, 0.9794, 0.9811, 0.9784, 0.9785, 0.9803, 0.9798, 0.9774)
IMAGES = 10_000
counts = st.integers(9_700, 9_800)


def by_seed(values: Any) -> dict[int, float]:
    return dict(enumerate(values))


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30))
@settings(max_examples=60, deadline=None)
def test_a_summary_is_that_of_the_statistics_module_and_scipys_t_interval(values: list[float]) -> None:
    found = summary([*values, None, math.nan])
    assert found is not None
    assert found.std is not None
    assert (found.n, found.mean, found.std) == (len(values), statistics.fmean(values), statistics.stdev(values))
    assert (found.minimum, found.maximum) == (min(values), max(values))
    if found.std > 0:
        low, high = scipy.stats.t.interval(0.95, len(values) - 1, found.mean, found.std / math.sqrt(len(values)))
        assert found.interval == (pytest.approx(low, abs=1e-12), pytest.approx(high, abs=1e-12))


def test_one_seed_has_a_mean_and_no_interval_and_none_has_nothing() -> None:
    found = summary([0.98])
    assert found is not None
    assert (found.n, found.mean, found.std, found.interval) == (1, 0.98, None, None)
    assert found.to_document() == {"mean": 0.98, "std": None, "n": 1, "min": 0.98, "max": 0.98, "interval": None}
    assert summary([None]) is None


@given(st.lists(st.tuples(counts, counts), min_size=2, max_size=9))
@settings(max_examples=60, deadline=None)
def test_the_paired_test_is_scipys_and_its_ties_are_those_of_whole_images(right: list[tuple[int, int]]) -> None:
    first, second = ([part / IMAGES for part in column] for column in zip(*right, strict=True))
    found = paired(by_seed(first), by_seed(second))
    assert found is not None
    assert found.interval is not None
    whole = [a - b for a, b in right]
    sums = [abs(sum(map(int.__mul__, whole, signs))) for signs in itertools.product((1, -1), repeat=len(whole))]
    assert found.p == sum(one >= abs(sum(whole)) for one in sums) / len(sums)
    oracle = scipy.stats.permutation_test(
        tuple(np.array(column) for column in zip(*right, strict=True)),
        lambda a, b, axis: np.mean(a - b, axis=axis),
        permutation_type="samples",
        n_resamples=math.inf,  # pyright: ignore[reportArgumentType]
        vectorized=True,
    )
    assert found.p == pytest.approx(oracle.pvalue)
    assert found.p >= found.least_p == 2 / 2 ** len(right)
    assert (found.exact, found.tried) == (True, 2 ** len(right))
    assert found.difference == pytest.approx(statistics.fmean(whole) / IMAGES, abs=1e-15)
    assert (found.difference == 0) == (sum(whole) == 0)
    if len(set(whole)) > 1:
        interval = scipy.stats.ttest_rel(first, second).confidence_interval(0.95)  # pyright: ignore[reportAttributeAccessIssue]
        assert found.interval == (pytest.approx(interval.low, abs=1e-12), pytest.approx(interval.high, abs=1e-12))


def test_the_source_s_developed_network_beats_its_reference_in_every_one_of_ten_seeds() -> None:
    found = paired(by_seed(DEVELOPED), by_seed(REFERENCE))
    assert found is not None
    assert (found.p, found.tried, found.least_p) == (2 / 1024, 1024, 2 / 1024)
    turned = paired(by_seed(REFERENCE), by_seed(DEVELOPED))
    assert turned is not None
    assert turned == found.turned()
    assert turned.turned() == found


def test_seeds_that_only_one_has_are_left_out_and_named() -> None:
    found = paired({0: 0.9, 1: 0.8, 7: 0.5}, {1: 0.7, 2: 0.6})
    assert found is not None
    assert (found.n, found.seeds, found.only_first, found.only_second) == (1, (1,), (0, 7), (2,))
    assert (found.difference, found.std, found.interval, found.p) == (pytest.approx(0.1), None, None, 1.0)
    assert paired({0: 0.9}, {1: 0.9}) is None


def test_equal_seeds_have_no_difference_to_the_bit() -> None:
    found = paired({0: 0.1 + 0.2, 1: 0.7}, {0: 0.3, 1: 0.7})
    assert found is not None
    assert (found.difference, found.std, found.interval, found.p) == (0.0, 0.0, (0.0, 0.0), 1.0)


def test_more_seeds_than_can_all_be_tried_are_drawn_always_the_same() -> None:
    many = range(MOST_EXACT + 8)
    rng = np.random.default_rng(5)
    first = {seed: 0.98 + float(rng.normal(4e-4, 1e-3)) for seed in many}
    second = dict.fromkeys(many, 0.98)
    found = paired(first, second)
    assert found is not None
    assert (found.exact, found.tried) == (False, DRAWN)
    assert found == paired(first, second)
    oracle = scipy.stats.ttest_rel([first[seed] for seed in many], [0.98] * len(many))
    assert found.p == pytest.approx(oracle.pvalue, rel=0.2)


def test_groups_of_one_dataset_are_paired_the_best_first(tmp_path: Path) -> None:
    for name, sample, level in (("raw", False, 0.95), ("hog", False, 0.98), ("raw", True, 0.90)):
        for seed in range(2):
            finished_run(
                tmp_path,
                name,
                texts={"seed": str(seed)},
                sample=sample,
                test_accuracy=level + seed / 1000,
                created=BEGIN + seed + 100 * level,
            )
    (pair,) = pairs(seed_groups(list_runs(tmp_path)))
    assert (pair.first.shown_name, pair.second.shown_name) == ("hog (3 epochs)", "raw (3 epochs)")
    found = pair.paired("test_accuracy")
    assert found is not None
    assert (found.n, found.difference) == (2, pytest.approx(0.03))
