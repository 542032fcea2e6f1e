"""The sentences about seeds, word for word, for several numbers of seeds."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mnist_tui.report.result_words import (
    comparison_sentence,
    counted_seeds,
    mean_sentence,
    p_value_in_words,
    percentage_points,
    published_sentence,
)
from mnist_tui.runs.collection.seed_groups import PairedDifference, SeedStatistics, paired, summary

DEVELOPED = (0.9837, 0.9821, 0.9841, 0.9838, 0.9836, 0.9845, 0.9830, 0.9834, 0.9824, 0.9831)
REFERENCE = (0.9807, 0.9790, 0.9793, 0.9794, 0.9811, 0.9784, 0.9785, 0.9803, 0.9798, 0.9774)


def over(values: Sequence[float]) -> SeedStatistics:
    found = summary(values)
    assert found is not None
    return found


def against(first: Sequence[float], second: Sequence[float]) -> PairedDifference:
    found = paired(dict(enumerate(first)), dict(enumerate(second)))
    assert found is not None
    return found


def test_the_sentence_about_ten_seeds_has_every_number_that_a_student_quotes() -> None:
    assert mean_sentence("the developed network", over(DEVELOPED), range(10)) == (
        "Over the ten seeds 0 to 9 the developed network reached a mean test accuracy of 98.34 % (standard deviation "
        "0.07 points, 95 % interval 98.28 % to 98.39 %, lowest 98.21 %, highest 98.45 %)."
    )
    assert comparison_sentence("the developed network", "the reference", against(DEVELOPED, REFERENCE)) == (
        "Over the ten seeds 0 to 9 the developed network was better than the reference by 0.40 points of test accuracy "
        "(95 % interval 0.31 to 0.49 points; exact permutation test over 1,024 sign changes, p = 0.002)."
    )


def test_the_better_experiment_is_named_first() -> None:
    found = against(REFERENCE, DEVELOPED)
    assert comparison_sentence("the reference", "the developed network", found) == comparison_sentence(
        "the developed network", "the reference", found.turned()
    )


def test_one_seed_allows_no_interval_and_no_test() -> None:
    assert mean_sentence("raw", over([0.976]), [3]) == (
        "With seed 3 alone raw reached a test accuracy of 97.60 %; one seed has no standard deviation and no interval."
    )
    assert comparison_sentence("hog", "raw", against([0.98], [0.97])) == (
        "With seed 0, the only one that both have, hog was better than raw by 1.00 points of test accuracy; one seed "
        "allows no interval and no test."
    )
    assert (
        comparison_sentence("hog", "raw", None)
        == "hog and raw share no seed or fold, so they are not compared one by one."
    )


def test_two_seeds_are_both_named_with_their_smallest_p() -> None:
    assert mean_sentence("raw", over([0.97, 0.98]), [0, 1]).startswith("Over the two seeds 0 and 1 raw reached")
    said = comparison_sentence("hog", "raw", against([0.98, 0.98], [0.97, 0.96]))
    assert said.endswith("over 4 sign changes, p = 0.5, which cannot be smaller than 0.5 with two seeds).")


def test_five_seeds_cannot_reach_a_p_of_a_twentieth_and_six_can() -> None:
    five, six = (against([0.98 + at / 1e3 for at in range(n)], [0.97] * n) for n in (5, 6))
    assert "p = 0.0625, which cannot be smaller than 0.0625 with five seeds)" in comparison_sentence("hog", "raw", five)
    assert comparison_sentence("hog", "raw", six).endswith("p = 0.0312).")


def test_no_difference_is_no_victory() -> None:
    said = comparison_sentence("hog", "raw", against([0.98, 0.97, 0.96], [0.97, 0.98, 0.96]))
    assert said.startswith("Over the three seeds 0 to 2 hog and raw had the same mean test accuracy (95 % interval −")
    assert "p = 1," in said
    assert comparison_sentence("hog", "raw", against([0.98, 0.97], [0.98, 0.97])) == (
        "Over the two seeds 0 and 1 hog and raw reached the same test accuracy, seed by seed."
    )


def test_seeds_that_are_left_out_are_named() -> None:
    found = paired({0: 0.9, 1: 0.91, 2: 0.92, 5: 0.9, 6: 0.9, 7: 0.9}, {0: 0.8, 1: 0.8, 2: 0.8, 9: 0.8})
    said = comparison_sentence("hog", "raw", found)
    assert said.endswith("Seeds 5 to 7, which only hog has, are left out. Seed 9, which only raw has, is left out.")


def test_sign_changes_of_many_seeds_are_called_random() -> None:
    said = comparison_sentence("hog", "raw", against([0.98 + at / 1e5 for at in range(30)], [0.97] * 30))
    assert "Over the 30 seeds 0 to 29" in said
    assert "; permutation test over 100,000 random sign changes, p < 0.0001)" in said


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        ([3], "seed 3"),
        ([0, 1], "two seeds 0 and 1"),
        ([0, 1, 2, 7], "four seeds 0 to 2 and 7"),
        ([1, 3, 4], "three seeds 1, 3 and 4"),
        (range(20), "20 seeds 0 to 19"),
    ],
)
def test_seeds_are_counted_and_named(seeds: Sequence[int], words: str) -> None:
    assert counted_seeds(seeds) == words


def test_small_figures_keep_a_digit_and_minus_is_a_minus() -> None:
    assert [percentage_points(share) for share in (0.004, -0.0007, 0.00003, 0.0, -1e-9)] == [
        "0.40",
        "−0.07",
        "0.003",
        "0.00",
        "0.000",
    ]
    assert [p_value_in_words(p) for p in (1, 0.0625, 0.37109375, 1 / 512, 1 / 2048, 1e-6)] == [
        "p = 1",
        "p = 0.0625",
        "p = 0.371",
        "p = 0.002",
        "p = 0.0005",
        "p < 0.0001",
    ]


def test_our_accuracy_is_compared_with_the_published_one() -> None:
    assert published_sentence(over(DEVELOPED), 0.9794, REFERENCE, 10) == (
        "The source published a mean of 97.94 % over ten seeds (standard deviation 0.11 points, lowest 97.74 %, "
        "highest 98.11 %); our mean lies 0.40 points above it."
    )
    assert published_sentence(over([0.98, 0.97]), 0.985) == (
        "The source published 98.50 % of one training; our mean lies 1.00 points below it."
    )
    assert published_sentence(over([0.985]), 0.985) == (
        "The source published 98.50 % of one training; our accuracy is the same."
    )
    assert not published_sentence(over([0.985]), None)
