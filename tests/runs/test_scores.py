"""What a confusion matrix says, against scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, precision_score, recall_score

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


def test_a_confusion_reads_as_a_sentence() -> None:
    confusion = scores.Confusion(true=4, predicted=9, true_name="4", predicted_name="9", count=31, total=982)
    assert scores.in_words(confusion) == "4 read as 9: 31 of 982, 3.2 %"
