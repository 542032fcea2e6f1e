"""The statistics of one network, against scikit-learn, SciPy and published examples."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from scipy.stats import mannwhitneyu

from mnist_tui.runs import statistics
from mnist_tui.runs.predictions import Predictions
from mnist_tui.runs.statistics import Statistics, calibration, fitted_temperature, model_statistics, with_temperature
from tests.present import present

METRICS: Any = sklearn.metrics
CLOSE = 1e-9


def prediction_set(seed: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return probabilities and labels: every second set has many ties, every third one a class without images."""
    random = np.random.default_rng(seed)
    images, classes = int(random.integers(30, 200)), int(random.integers(3, 12))
    labels = random.integers(0, classes, images)
    labels[:classes] = np.arange(classes)
    if seed % 3 == 0:
        labels[labels == classes - 1] = 0
    logits = random.normal(0, 1, (images, classes)) + 2 * (labels[:, None] == np.arange(classes))
    probabilities = softmax(logits, axis=1)
    if seed % 2:
        votes = np.round(4 * probabilities) + 1
        probabilities = votes / votes.sum(axis=1, keepdims=True)
    return probabilities.astype(np.float32), labels.astype(np.uint8)


@pytest.fixture(params=range(50), scope="module")
def case(request: pytest.FixtureRequest) -> tuple[NDArray[np.float32], NDArray[np.uint8], statistics.Statistics]:
    probabilities, labels = prediction_set(request.param)
    return probabilities, labels, model_statistics(probabilities, labels)


def test_statistics_of_classes_are_scikit_learns(case):
    probabilities, labels, found = case
    predicted = probabilities.argmax(axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class that is only predicted, or never
        wanted = {
            "accuracy": METRICS.accuracy_score(labels, predicted),
            "macro_f1": METRICS.f1_score(labels, predicted, average="macro"),
            "weighted_f1": METRICS.f1_score(labels, predicted, average="weighted"),
            "balanced_accuracy": METRICS.balanced_accuracy_score(labels, predicted),
            "kappa": METRICS.cohen_kappa_score(labels, predicted),
            "matthews": METRICS.matthews_corrcoef(labels, predicted),
        }
    assert {name: getattr(found, name) for name in wanted} == pytest.approx(wanted, abs=CLOSE)


def test_the_true_class_is_among_the_first_ones_and_of_equally_probable_ones_the_first_comes_first(case):
    probabilities, labels, found = case
    order = np.argsort(-probabilities, axis=1, kind="stable")
    for first, value in ((2, found.top_2), (3, found.top_3)):
        wanted = (order[:, :first] == labels[:, None]).any(axis=1).mean()
        assert value == pytest.approx(wanted, abs=CLOSE)


def test_curves_of_one_class_against_the_rest_are_scikit_learns_and_scipys(case):
    probabilities, labels, found = case
    for at in range(probabilities.shape[1]):
        is_class, sure = labels == at, probabilities[:, at]
        if not is_class.any() or is_class.all():
            assert found.roc_auc[at] is None
            assert found.average_precision[at] == (1.0 if is_class.all() else None)
            continue
        assert found.roc_auc[at] == pytest.approx(METRICS.roc_auc_score(is_class, sure), abs=CLOSE)
        ranks = mannwhitneyu(sure[is_class], sure[~is_class]).statistic
        assert found.roc_auc[at] == pytest.approx(ranks / is_class.sum() / (~is_class).sum(), abs=CLOSE)
        assert found.average_precision[at] == pytest.approx(METRICS.average_precision_score(is_class, sure), abs=CLOSE)
    for macro, values in (
        (found.macro_roc_auc, found.roc_auc),
        (found.macro_average_precision, found.average_precision),
    ):
        defined = [value for value in values if value is not None]
        assert macro == (pytest.approx(np.mean(defined)) if defined else None)


def test_the_brier_score_is_the_mean_squared_distance_from_the_truth(case):
    probabilities, labels, found = case
    truth = np.eye(probabilities.shape[1])[labels]
    assert found.brier == pytest.approx(((probabilities.astype(float) - truth) ** 2).sum(axis=1).mean(), abs=CLOSE)


def test_the_calibration_error_is_that_of_its_definition(case):
    probabilities, labels, found = case
    sure, right = probabilities.max(axis=1).astype(float), probabilities.argmax(axis=1) == labels
    error = 0.0
    for low in range(15):
        inside = (sure > low / 15) & (sure <= (low + 1) / 15)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - sure[inside].mean())
    assert found.calibration.error == pytest.approx(error, abs=CLOSE)
    assert sum(each.images for each in found.calibration.bins) == len(labels)


def test_the_temperature_is_that_of_a_general_minimiser(case):
    probabilities, labels, _ = case
    logits = np.log(probabilities.astype(float))

    def cross_entropy(exponent: float) -> float:
        return -float(log_softmax(logits / np.exp(exponent), axis=1)[np.arange(len(labels)), labels].mean())

    wanted: Any = minimize_scalar(cross_entropy, bounds=(-6, 6), method="bounded", options={"xatol": 1e-9})
    found = fitted_temperature(probabilities, labels)
    assert isinstance(found, float)
    assert found == pytest.approx(np.exp(wanted.x), rel=1e-4)
    np.testing.assert_allclose(with_temperature(probabilities, found), softmax(logits / found, axis=1), atol=CLOSE)


def test_the_calibration_error_of_a_published_example():
    """The example of `MulticlassCalibrationError` in the documentation of TorchMetrics, with 3 bins: 0.2."""
    probabilities = np.array([[0.25, 0.20, 0.55], [0.55, 0.05, 0.40], [0.10, 0.30, 0.60], [0.90, 0.05, 0.05]])
    found = calibration(probabilities, np.array([0, 1, 2, 0], np.uint8), bins=3)
    assert found is not None
    assert found.error == pytest.approx(0.2)
    assert [each.images for each in found.bins] == [0, 3, 1]
    assert found.bins[0].accuracy is found.bins[0].confidence is None
    assert found.bins[1].accuracy == pytest.approx(1 / 3)
    assert found.bins[1].confidence == pytest.approx((0.55 + 0.55 + 0.60) / 3)


probabilities_and_labels = st.integers(2, 5).flatmap(
    lambda classes: st.lists(
        st.tuples(st.lists(st.integers(0, 3), min_size=classes, max_size=classes), st.integers(0, classes - 1)),
        min_size=1,
        max_size=8,
    )
)


@given(probabilities_and_labels)
@example([([0, 0, 0, 0], 1)] * 7)
@settings(max_examples=60, deadline=None)
def test_whatever_is_predicted_no_statistic_is_nan_or_beyond_its_bounds(rows):
    votes = np.array([row for row, _ in rows], float) + 1e-9
    probabilities = (votes / votes.sum(axis=1, keepdims=True)).astype(np.float32)
    labels = np.array([label for _, label in rows], np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = statistics.statistics_of_predictions(as_predictions(probabilities, labels, validated=True))
    json.dumps(found.to_document([]), allow_nan=False)
    for name in ("accuracy", "macro_f1", "weighted_f1", "balanced_accuracy", "top_2", "top_3", "macro_roc_auc"):
        value = getattr(found, name)
        assert value is None or -CLOSE <= value <= 1 + CLOSE, name
    low, high = present(found.interval)
    assert low <= present(found.accuracy) <= high


@pytest.mark.parametrize(
    ("probabilities", "why"),
    [
        (np.full((3, 4), np.nan), "some probabilities are not finite numbers"),
        (np.eye(4)[[0, 1, 1]], "the predictions are classes without probabilities"),
        (np.empty((0, 4)), "there are no images"),
    ],
)
def test_what_is_not_defined_without_probabilities_is_none_and_says_why(probabilities, why):
    labels = np.array([0, 1, 2][: len(probabilities)], np.uint8)
    found = statistics.statistics_of_predictions(as_predictions(probabilities.astype(np.float32), labels))
    assert found.no_probabilities == found.no_temperature == why
    assert found.brier is found.calibration is found.top_2 is found.macro_roc_auc is found.temperature is None
    assert set(found.roc_auc) == set(found.average_precision) == {None}
    assert (found.accuracy is None) == (not len(labels))
    json.dumps(found.to_document("abcd"), allow_nan=False)


def test_one_class_alone_defines_no_agreement_beyond_chance():
    found = model_statistics(np.full((5, 3), [0.8, 0.1, 0.1], np.float32), np.zeros(5, np.uint8))
    assert found.kappa is found.matthews is found.macro_roc_auc is None
    assert (found.accuracy, found.macro_f1, found.balanced_accuracy) == (1.0, 1.0, 1.0)
    assert found.average_precision == (1.0, None, None)


def test_a_temperature_is_fitted_on_validation_images_alone():
    probabilities, labels = prediction_set(1)
    assert (
        "never fitted on the evaluated images"
        in statistics.statistics_of_predictions(as_predictions(probabilities, labels)).no_temperature
    )
    found = statistics.statistics_of_predictions(as_predictions(probabilities, labels, validated=True))
    assert found.temperature is not None
    assert found.temperature.value == fitted_temperature(probabilities, labels)
    assert (found.temperature.images, found.no_temperature) == (len(labels), "")
    after = calibration(with_temperature(probabilities, found.temperature.value), labels)
    assert after is not None
    assert found.temperature.calibration_error == after.error
    assert fitted_temperature(np.array([[0.7, 0.3]], np.float32), np.array([0], np.uint8)) == (
        "every lower temperature would fit the validation images better"
    )


def test_statistics_come_back_from_their_document_and_nothing_else_does():
    for seed in (0, 1):
        probabilities, labels = prediction_set(seed)
        predictions = as_predictions(probabilities, labels, validated=bool(seed))
        found = statistics.statistics_of_predictions(predictions)
        classes = probabilities.shape[1]
        doc = json.loads(json.dumps(found.to_document([])))
        assert Statistics.from_document(doc, classes) == Statistics.from_document(doc, None) == found
        assert Statistics.from_document(doc, classes + 1) is None
        wrong: list[Any] = [{"kappa": "high"}, {"brier": 1e999}, {"per_class": [{}]}, {"reliability": 5}]
        assert all(Statistics.from_document({**doc, **part}, classes) is None for part in wrong)
        assert Statistics.from_document([doc], classes) is None


def as_predictions(
    probabilities: NDArray[np.float32], labels: NDArray[np.uint8], *, validated: bool = False
) -> Predictions:
    none, held_out = np.empty(0, np.int32), (probabilities, labels) if validated else None
    return Predictions(labels, probabilities, none, np.empty((0, 28, 28), np.uint8), held_out)
