"""What a confusion matrix says, against scikit-learn; intervals and tests of accuracies, against SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, chi2
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_score, recall_score

from mnist_tui.runs import scores

labels = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=300)


@given(labels)
def test_totals_recall_and_precision_are_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    true, predicted = zip(*pairs, strict=True)
    matrix = confusion_matrix(true, predicted, labels=range(10)).tolist()
    assert scores.total(matrix) == len(pairs)
    assert abs((scores.accuracy(matrix) or 0) - accuracy_score(true, predicted)) < 1e-12
    wanted: dict[str, Any] = {"labels": range(10), "average": None, "zero_division": 0}
    ours = np.array([value or 0.0 for value in scores.recalls(matrix)])
    assert max(abs(ours - recall_score(true, predicted, **wanted))) < 1e-12
    ours = np.array([value or 0.0 for value in scores.precisions(matrix)])
    assert max(abs(ours - precision_score(true, predicted, **wanted))) < 1e-12


@given(labels)
def test_worst_confusions_are_the_largest_off_the_diagonal(pairs: list[tuple[int, int]]) -> None:
    true, predicted = zip(*pairs, strict=True)
    matrix = confusion_matrix(true, predicted, labels=range(10)).tolist()
    found = scores.worst_confusions(matrix, [f"class {digit}" for digit in range(10)], 5)
    wrong = sorted((matrix[i][j] for i in range(10) for j in range(10) if i != j and matrix[i][j]), reverse=True)
    assert [confusion.count for confusion in found] == wrong[:5]
    assert all(confusion.total == sum(matrix[confusion.true]) for confusion in found)


def test_classes_are_sorted_by_f1_and_those_that_were_not_seen_at_all_come_last() -> None:
    f1 = {"a": 0.5, "b": None, "c": 0.0, "d": 1.0, "e": None}
    assert scores.lowest_f1_first(f1, f1.get) == ["c", "a", "d", "b", "e"]


def test_a_confusion_reads_as_a_sentence() -> None:
    confusion = scores.Confusion(true=4, predicted=9, true_name="4", predicted_name="9", count=31, total=982)
    assert scores.in_words(confusion) == "4 read as 9: 31 of 982, 3.2 %"


@pytest.mark.parametrize(("right", "images"), [(0, 10), (10, 10), (7, 10), (9_835, 10_000), (1, 3)])
def test_the_interval_of_an_accuracy_is_scipys(right: int, images: int) -> None:
    ends = binomtest(right, images).proportion_ci(method="wilson")
    assert scores.accuracy_interval(right / images, images) == pytest.approx((ends.low, ends.high), abs=1e-12)
    assert scores.accuracy_interval(0.5, 0) is None


@pytest.mark.parametrize("counts", [(1, 0), (5, 1), (1, 5), (12, 12), (20, 4), (0, 24)])
def test_mcnemars_p_of_few_images_is_that_of_scipys_exact_binomial_test(counts: tuple[int, int]) -> None:
    assert scores.mcnemar_p(*counts) == pytest.approx(binomtest(counts[0], sum(counts)).pvalue, rel=1e-12)
    assert scores.mcnemar_p(0, 0) == 1.0


@pytest.mark.parametrize("counts", [(24, 1), (12, 13), (40, 40), (183, 86), (0, 30), (700, 610), (3000, 2900)])
def test_mcnemars_p_of_more_images_is_scipys_chi_squared_with_the_correction(counts: tuple[int, int]) -> None:
    difference = max(abs(counts[0] - counts[1]) - 1, 0)
    assert scores.mcnemar_p(*counts) == pytest.approx(chi2.sf(difference**2 / sum(counts), 1), rel=1e-12)


def test_f1_is_scikit_learns_and_none_for_a_class_that_never_occurs() -> None:
    true, predicted = [0, 0, 1, 1, 1, 2], [0, 1, 1, 1, 0, 2]
    matrix = confusion_matrix(true, predicted, labels=range(4)).tolist()
    *found, absent = scores.f1_scores(matrix)
    wanted: Any = f1_score(true, predicted, average=None)  # pyright: ignore[reportArgumentType]
    assert found == pytest.approx(list(wanted))
    assert absent is None


def test_holm_corrects_p_values_for_their_number_and_keeps_their_order() -> None:
    assert scores.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])  # 3 · 0.01, 2 · 0.03, not below it
    assert scores.holm([0.04, 0.0396]) == pytest.approx([0.0792, 0.0792])
    assert scores.holm([0.6, 0.7]) == [1.0, 1.0]
    assert scores.holm([0.2]) == [0.2]
    assert scores.holm([]) == []
