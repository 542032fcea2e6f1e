"""The final evaluation's figures, against scikit-learn's."""

from typing import Any

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.slow
METRICS: Any = sklearn.metrics
CLASS_NAMES = tuple("abcdefghij")


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=60))
@settings(max_examples=200, deadline=None)
def test_scores_are_scikit_learns_also_for_classes_that_do_not_occur(pairs):
    from mnist_tui.training.evaluation import Evaluation, Scores

    true, predicted = (np.array(column) for column in zip(*pairs, strict=True))
    unused = Scores(0.0, 0.0, np.zeros((10, 10), np.int64))
    ours = Evaluation(unused, unused, np.eye(10, dtype=np.float32)[predicted], true.astype(np.uint8))
    assert ours.confusion() == METRICS.confusion_matrix(true, predicted, labels=range(10)).tolist()
    macro_f1 = METRICS.f1_score(true, predicted, average="macro", zero_division=0)
    assert ours.macro_f1 == pytest.approx(macro_f1, abs=1e-12)
    table = METRICS.precision_recall_fscore_support(true, predicted, labels=range(10), zero_division=0)
    rows = [[row[key] for key in ("precision", "recall", "f1", "support")] for row in ours.per_class(CLASS_NAMES)]
    np.testing.assert_allclose(np.array(rows, float), np.transpose(table), atol=1e-12)
