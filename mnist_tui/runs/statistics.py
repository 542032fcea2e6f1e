"""Statistics of one trained network, from its probabilities for images whose true classes are known.

scikit-learn and SciPy compute them; NumPy alone the calibration error, because scikit-learn's `calibration_curve`
leaves out how many images each bin has. Importing scikit-learn takes about 2 s, so the worker that evaluates a network
does it, where Keras has imported it already, and saves the statistics in `results.json`. Front ends read them from
there. For a run of an earlier version, which has none, they compute them from `predictions.npz`.

A statistic that is not defined (of a class without images, for example) is None. Two and more networks are compared in
`model_tests`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_tui.errors import RunError
from mnist_tui.runs import scores
from mnist_tui.runs.predictions import Predictions, read_predictions
from mnist_tui.runs.results import run_document

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pydantic import TypeAdapter

    from mnist_tui.runs.folder import RunFolder

BINS = 15
"""The bins of the calibration error, as in Guo et al. (2017)."""
COLDEST, HOTTEST = 1e-3, 1e3
"""The lowest and the highest temperature."""
RUNS_KEPT = 256


@dataclass(frozen=True)
class ReliabilityBin:
    """The images whose most probable class has a probability in an interval: above `low`, at most `high`.

    Attributes:
        images: their number.
        confidence: the mean probability of the most probable class; None without images.
        accuracy: the share of these images that is classified correctly; None without images.
    """

    low: float
    high: float
    images: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Calibration:
    """How far the probabilities of the predicted classes are from the share of right ones.

    Attributes:
        error: the expected calibration error: the mean of |accuracy − confidence| over the bins, each weighted with
            its number of images (Guo et al., 2017).
        bins: BINS bins of equal width from 0 to 1.
    """

    error: float
    bins: tuple[ReliabilityBin, ...]


@dataclass(frozen=True)
class FittedTemperature:
    """The temperature that calibrates a network, by its validation images.

    Attributes:
        value: the probabilities would be softmax(log(p) / value); above 1 the network is too sure of itself.
        images: the number of validation images that it was fitted on.
        calibration_error: the expected calibration error on the test images with this temperature.
    """

    value: float
    images: int
    calibration_error: float


@dataclass(frozen=True)
class Statistics:
    """Statistics of a network on images whose classes are known; None for what is not defined.

    Attributes:
        images, right: the number of images, and of those whose most probable class is the true one.
        interval: the 95 % interval of the accuracy (`scores.accuracy_interval`).
        macro_f1, weighted_f1: the mean F1 over the classes that occur, as a true class or as a predicted one; and the
            mean F1 with each class weighted with the number of its images.
        balanced_accuracy: the mean recall over the classes that have images.
        kappa: the agreement of predicted and true classes beyond chance (Cohen, 1960), at most 1; None if all images
            and all predictions are of a single class.
        matthews: the correlation of predicted and true classes, from −1 to 1, for several classes by Gorodkin (2004);
            None if all images or all predictions are of a single class.
        top_2, top_3: the share of images whose true class is among the two (three) most probable ones; of equally
            probable classes, the first ones count, as for the predicted class.
        roc_auc, average_precision: one value a class, one against rest, see `ranking_of_class`.
        macro_roc_auc, macro_average_precision: the means over the classes for which they are defined.
        brier: the mean over the images of Σ (probability − [class is true])² over the classes (Brier, 1950), 0 to 2.
        calibration: the expected calibration error with its bins.
        temperature: fitted on validation images; None without any.
        no_temperature: why there is no temperature; empty if there is one.
        no_probabilities: why the statistics of probabilities are not defined; empty if there are probabilities.
    """

    images: int
    right: int
    accuracy: float | None
    interval: tuple[float, float] | None
    macro_f1: float | None
    weighted_f1: float | None
    balanced_accuracy: float | None
    kappa: float | None
    matthews: float | None
    top_2: float | None
    top_3: float | None
    roc_auc: tuple[float | None, ...]
    average_precision: tuple[float | None, ...]
    macro_roc_auc: float | None
    macro_average_precision: float | None
    brier: float | None
    calibration: Calibration | None
    temperature: FittedTemperature | None
    no_temperature: str
    no_probabilities: str

    def to_document(self, class_names: Sequence[str]) -> dict[str, Any]:
        """Return the statistics as a JSON object; null for what is not defined."""
        doc = asdict(self)
        auc, precision = doc.pop("roc_auc"), doc.pop("average_precision")
        names = list(class_names) if len(class_names) == len(auc) else [*map(str, range(len(auc)))]
        calibration = doc.pop("calibration")
        return {
            **doc,
            "interval": self.interval and list(self.interval),
            "calibration_error": calibration and calibration["error"],
            "reliability": list(calibration["bins"]) if calibration else [],
            "per_class": [
                {"class": name, "roc_auc": area, "average_precision": mean}
                for name, area, mean in zip(names, auc, precision, strict=True)
            ],
        }

    @classmethod
    def from_document(cls, doc: Any, classes: int | None) -> Statistics | None:
        """Return the statistics that `to_document` wrote; None for anything else.

        Args:
            doc: the JSON object, from a file that anybody may have written.
            classes: the number of classes; None if it is not known.
        """
        try:
            error, rows = doc["calibration_error"], doc["per_class"]
            fields = {
                **doc,
                **{name: [row[name] for row in rows] for name in ("roc_auc", "average_precision")},
                "calibration": None if error is None else {"error": error, "bins": doc["reliability"]},
            }
            found = _checker().validate_python(fields)
            json.dumps(asdict(found), allow_nan=False)
        except (KeyError, TypeError, ValueError, OverflowError):
            return None
        return found if classes in (None, len(found.roc_auc)) else None


@cache
def _checker() -> TypeAdapter[Statistics]:
    from pydantic import TypeAdapter

    return TypeAdapter(Statistics)


NO_VALIDATION = "no other images were held out of training, and it is never fitted on the evaluated images"
NOT_SAVED = "an earlier version evaluated this run and did not save its predictions of the validation images"
SOLVED = "the output layer was solved in closed form, with a temperature of its own"


def no_validation(results: Mapping[str, Any]) -> str:
    """Say why a run with these results may have no predictions of validation images."""
    if results.get("closed_form"):
        return SOLVED
    return NOT_SAVED if (results.get("dataset") or {}).get("validation") else NO_VALIDATION


def statistics_of(folder: RunFolder) -> Statistics | None:
    """Return the statistics of a run's network on its test images; None if the run has none and no predictions.

    Statistics that are not in the results are computed, and kept in memory until `predictions.npz` changes. This reads
    files and may import scikit-learn: in the app, call it in a thread.
    """
    try:
        results = folder.results()
        if results is None:
            return None
        if (saved := saved_statistics(results)) is not None:
            return saved
        changed = folder.predictions_file.stat()
    except (OSError, RunError):
        return None
    why = no_validation(results)
    return _statistics_of_file(folder.predictions_file, _classes_of(results), why, changed.st_mtime_ns, changed.st_size)


def saved_statistics(results: Mapping[str, Any]) -> Statistics | None:
    """Return the statistics in the content of `results.json`; None if there are none, or none that can be read."""
    return Statistics.from_document(results.get("statistics"), _classes_of(results))


def _classes_of(results: Mapping[str, Any]) -> int | None:
    return len(results["class_names"]) if results.get("class_names") else None


def document_with_statistics(folder: RunFolder) -> dict[str, Any]:
    """Return the JSON document of a run (`results.run_document`) with its statistics, null for a run without scores.

    Raises:
        RunError, PresetError: the folder cannot be read.
    """
    doc = run_document(folder)
    test: dict[str, Any] | None = doc["test"]
    found = statistics_of(folder) if test else None
    names = [row["class"] for row in test["per_class"]] if test else []
    return {**doc, "statistics": found and found.to_document(names)}


@lru_cache(RUNS_KEPT)
def _statistics_of_file(path: Path, classes: int | None, why: str, *_changed: int) -> Statistics | None:
    predictions = read_predictions(path, classes)
    return None if predictions is None else statistics_of_predictions(predictions, why)


def statistics_of_predictions(predictions: Predictions, missing: str = NO_VALIDATION) -> Statistics:
    """Return the statistics of predictions, as `calibrated_statistics` does."""
    return calibrated_statistics(predictions.probabilities, predictions.labels, predictions.validation, missing)


def calibrated_statistics(
    probabilities: NDArray[np.float32],
    labels: NDArray[np.integer],
    validation: tuple[NDArray[np.float32], NDArray[np.integer]] | None,
    missing: str = NO_VALIDATION,
) -> Statistics:
    """Return the statistics of a network's probabilities, with a temperature if there are validation images.

    Args:
        probabilities: float32 ``(n, classes)``.
        labels: ``(n,)``, the true classes, below `classes`.
        validation: the probabilities and the true classes of the images held out of training.
        missing: why there is no temperature if there are no validation images.
    """
    found = model_statistics(probabilities, labels)
    if found.no_probabilities:
        return replace(found, no_temperature=found.no_probabilities)
    if validation is None:
        return replace(found, no_temperature=missing)
    fitted = fitted_temperature(*validation)
    if isinstance(fitted, str):
        return replace(found, no_temperature=fitted)
    warmed = with_temperature(probabilities, fitted)
    after = calibration(warmed, labels)
    images = len(validation[1])
    return replace(
        found, no_temperature="", temperature=FittedTemperature(fitted, images, after.error if after else 0.0)
    )


def model_statistics(probabilities: NDArray[np.float32], labels: NDArray[np.integer]) -> Statistics:
    """Return the statistics of a network's probabilities, without a temperature.

    Args:
        probabilities: float32 ``(n, classes)``.
        labels: ``(n,)``, the true classes, below `classes`.
    """
    from sklearn.metrics import cohen_kappa_score, f1_score, matthews_corrcoef, recall_score

    images, classes = probabilities.shape
    predicted = probabilities.argmax(axis=1)
    right, true_classes, predicted_classes = (
        int((predicted == labels).sum()),
        set(labels.tolist()),
        set(predicted.tolist()),
    )
    accuracy = right / images if images else None
    single = len(true_classes | predicted_classes) < 2
    uncorrelated = len(true_classes) < 2 or len(predicted_classes) < 2
    why = why_no_probabilities(probabilities)
    areas, means, undefined = (None,) * classes, (None,) * classes, bool(why)
    if not undefined:
        areas, means = zip(*map(ranking_of_class, probabilities.T, _one_hot(labels, classes).T), strict=True)
    return Statistics(
        images=images,
        right=right,
        accuracy=accuracy,
        interval=None if accuracy is None else scores.accuracy_interval(accuracy, images),
        macro_f1=float(f1_score(labels, predicted, average="macro")) if images else None,
        weighted_f1=float(f1_score(labels, predicted, average="weighted")) if images else None,
        balanced_accuracy=float(recall_score(labels, predicted, labels=[*true_classes], average="macro"))
        if images
        else None,
        kappa=None if single else float(cohen_kappa_score(labels, predicted)),
        matthews=None if uncorrelated else float(matthews_corrcoef(labels, predicted)),
        top_2=None if undefined else top_accuracy(probabilities, labels, 2),
        top_3=None if undefined else top_accuracy(probabilities, labels, 3),
        roc_auc=areas,
        average_precision=means,
        macro_roc_auc=_mean(areas),
        macro_average_precision=_mean(means),
        brier=None if undefined else brier_score(probabilities, labels),
        calibration=None if undefined else calibration(probabilities, labels),
        temperature=None,
        no_temperature=why or NO_VALIDATION,
        no_probabilities=why,
    )


def why_no_probabilities(probabilities: NDArray[np.float32]) -> str:
    """Say why nothing can be said of the probabilities; empty if something can."""
    import numpy as np

    if not len(probabilities):
        return "there are no images"
    if not np.isfinite(probabilities).all():
        return "some probabilities are not finite numbers"
    if ((probabilities == 0) | (probabilities == 1)).all():
        return "the predictions are classes without probabilities"
    return ""


def top_accuracy(probabilities: NDArray[np.float32], labels: NDArray[np.integer], first: int) -> float:
    """Return the share of images whose true class is among the `first` most probable ones.

    Of equally probable classes, the one with the lower number comes first. For scikit-learn it is the one with the
    higher number, so it gets the classes in the opposite order.
    """
    from sklearn.metrics import top_k_accuracy_score

    classes = probabilities.shape[1]
    if first >= classes:
        return 1.0
    turned = classes - 1 - labels.astype(int)
    return float(top_k_accuracy_score(turned, probabilities[:, ::-1], k=first, labels=range(classes)))


def brier_score(probabilities: NDArray[np.float32], labels: NDArray[np.integer]) -> float:
    """Return the mean over the images of Σ (probability − [class is true])² (Brier, 1950), from 0 to 2."""
    from sklearn.metrics import mean_squared_error

    classes = probabilities.shape[1]
    truth = _one_hot(labels, classes).astype(float)
    return classes * float(mean_squared_error(truth, probabilities.astype(float)))


def calibration(probabilities: NDArray[Any], labels: NDArray[np.integer], bins: int = BINS) -> Calibration | None:
    """Return the expected calibration error (Guo et al., 2017) with its bins; None without images.

    Args:
        bins: the number of bins of equal width; a probability at the border of two bins belongs to the lower one.
    """
    import numpy as np

    if not len(labels):
        return None
    sure = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    edges = np.linspace(0, 1, bins + 1)
    places = np.clip(np.searchsorted(edges, sure) - 1, 0, bins - 1)
    counts, certain, correct = (np.bincount(places, weights, bins) for weights in (None, sure, right.astype(float)))
    found = tuple(
        ReliabilityBin(low, high, int(count), *((each / count, hits / count) if count else (None, None)))
        for low, high, count, each, hits in zip(
            *(values.tolist() for values in (edges[:-1], edges[1:], counts, certain, correct)), strict=True
        )
    )
    return Calibration(float(abs(correct - certain).sum()) / len(labels), found)


def fitted_temperature(probabilities: NDArray[np.float32], labels: NDArray[np.integer]) -> float | str:
    """Return the temperature with the least cross-entropy on these images, or why there is none, in words.

    Args:
        probabilities, labels: of validation images, never of test images.
    """
    if why := why_no_probabilities(probabilities):
        return why
    found = best_temperature(_log(probabilities), labels)
    if found in (COLDEST, HOTTEST):
        extreme = "lower" if found == COLDEST else "higher"
        return f"every {extreme} temperature would fit the validation images better"
    return found


def with_temperature(probabilities: NDArray[np.float32], value: float) -> NDArray[np.float64]:
    """Return the probabilities of the same network with a temperature, softmax(log(p) / value), ``(n, classes)``."""
    from scipy.special import softmax

    return softmax(_log(probabilities) / value, axis=1)


def best_temperature(logits: NDArray[np.float64], labels: NDArray[Any]) -> float:
    """Return the temperature T from COLDEST to HOTTEST with the least cross-entropy of softmax(logits / T).

    The method is that of Guo et al. (2017); the cross-entropy is convex in 1/T, so that its slope has one zero at most.

    Args:
        logits: ``(n, classes)``.
        labels: ``(n,)``, the true classes.
    """
    import numpy as np
    from scipy.optimize import brentq

    true = float(np.take_along_axis(logits, labels.astype(np.int64)[:, None], axis=1).mean())
    above = logits - logits.max(axis=1, keepdims=True)

    def slope(inverse: float) -> float:
        weights = np.exp(inverse * above)
        return float((weights * logits).sum(axis=1) @ (1 / weights.sum(axis=1)) / len(logits)) - true

    low, high = 1 / HOTTEST, 1 / COLDEST
    if slope(low) >= 0:
        return HOTTEST
    if slope(high) <= 0:
        return COLDEST
    return 1 / float(brentq(slope, low, high, xtol=1e-9, rtol=1e-12))  # pyright: ignore[reportArgumentType, reportUnknownArgumentType]


def _log(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return logarithms, which are logits up to a constant; a probability that was rounded to 0 gets the smallest."""
    import numpy as np

    return np.log(np.maximum(probabilities.astype(np.float64), np.finfo(np.float32).tiny))


def _one_hot(labels: NDArray[np.integer], classes: int) -> NDArray[np.bool_]:
    import numpy as np

    return labels[:, None] == np.arange(classes)


def ranking_of_class(sure: NDArray[np.float32], is_class: NDArray[np.bool_]) -> tuple[float | None, float | None]:
    """Return the area under the ROC curve and the average precision of one class against the rest (Fawcett, 2006).

    A threshold lies at each different probability, so that equal ones count together. The area is that of the
    trapezoids between the thresholds. The average precision is Σ (Rₜ − Rₜ₋₁) · Pₜ over the thresholds, with recall R
    and precision P, and no interpolation.

    Args:
        sure: ``(n,)``, the probability of the class for each image.
        is_class: ``(n,)``, whether the image is of the class.

    Returns:
        None for both without images of the class; None for the area without images of other classes.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    if not is_class.any():
        return None, None
    area = None if is_class.all() else float(roc_auc_score(is_class, sure))
    return area, float(average_precision_score(is_class, sure))


def _mean(values: Sequence[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if defined else None
