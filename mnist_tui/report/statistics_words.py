"""The statistics of a network in words: the same names, order and digits on screens, in commands and in reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mnist_tui.report.result_words import ends_in_words
from mnist_tui.runs.statistics import Statistics
from mnist_tui.wording import counted, defined, listed, percent

NAMED = 5
"""The most classes that a note names; of more, the number is said."""


def coefficient(value: float) -> str:
    """Return a coefficient between −1 and 1 with four decimals."""
    return f"{value:.4f}".replace("-", "−")


_ROWS: dict[str, tuple[str, Callable[[float], str]]] = {
    "Balanced accuracy": ("balanced_accuracy", percent),
    "Macro F1": ("macro_f1", percent),
    "Weighted F1": ("weighted_f1", percent),
    "Cohen's κ": ("kappa", coefficient),
    "Matthews correlation": ("matthews", coefficient),
    "Top-2 accuracy": ("top_2", percent),
    "Top-3 accuracy": ("top_3", percent),
    "ROC-AUC, macro": ("macro_roc_auc", coefficient),
    "Average precision, macro": ("macro_average_precision", coefficient),
    "Brier score": ("brier", coefficient),
}
CALIBRATION, TEMPERATURE = "Calibration error", "Temperature"
WITH_IT = f"{CALIBRATION} with it"

MEANINGS = {
    "Accuracy": "share of right answers",
    "Balanced accuracy": "mean recall of the classes",
    "Macro F1": "mean F1 of the classes",
    "Weighted F1": "mean F1, weighted by images",
    "Cohen's κ": "1 is perfect, 0 is chance",
    "Matthews correlation": "1 is perfect, 0 is chance",
    "Top-2 accuracy": "right class among the first 2",
    "Top-3 accuracy": "right class among the first 3",
    "ROC-AUC, macro": "1 is perfect, 0.5 is chance",
    "Average precision, macro": "1 is perfect",
    "Brier score": "0 is perfect, 2 is worst",
    CALIBRATION: "0 % is perfect",
    TEMPERATURE: "above 1: too sure of its answers",
    WITH_IT: "0 % is perfect",
}
"""What a value of a statistic means, in a few words."""


def statistics_in_words(found: Statistics) -> dict[str, str]:
    """Return the statistics of a network by their names, in their order."""
    interval = f", 95 % interval {ends_in_words(found.interval)} %" if found.interval else ""
    rows = {"Accuracy": f"{defined(found.accuracy, percent)}{interval}"}
    rows |= {name: defined(getattr(found, field), write) for name, (field, write) in _ROWS.items()}
    rows[CALIBRATION] = defined(found.calibration and found.calibration.error, percent)
    fitted = found.temperature
    rows[TEMPERATURE] = defined(fitted and fitted.value, lambda value: f"{value:.3f}")
    if fitted is not None:
        rows[WITH_IT] = percent(fitted.calibration_error)
    return rows


def statistics_notes(found: Statistics, class_names: Sequence[str]) -> list[str]:
    """Return sentences about what is not defined, and about the temperature."""
    notes: list[str] = []
    if found.no_probabilities:
        notes.append(f"Statistics of probabilities are not defined: {found.no_probabilities}.")
    else:
        absent = [name for name, value in zip(class_names, found.average_precision, strict=False) if value is None]
        if absent:
            who = listed(absent) if len(absent) <= NAMED else counted(absent, "class")
            notes.append(
                f"There are no images of {who}: ROC-AUC and average precision are not defined there, and their means "
                "are over the other classes."
            )
        if found.temperature is None:
            notes.append(f"There is no temperature: {found.no_temperature}.")
        else:
            sure = "too sure" if found.temperature.value > 1 else "not sure enough"
            notes.append(
                f"The temperature was fitted on {counted(found.temperature.images, 'validation image')}: by them the "
                f"network is {sure} of its answers, and its logits would be divided by {found.temperature.value:.3f}."
            )
    return notes


def class_statistics(found: Statistics, class_names: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return the name, the ROC-AUC and the average precision of each class."""
    return [
        (name, defined(area, coefficient), defined(mean, coefficient))
        for name, area, mean in zip(class_names, found.roc_auc, found.average_precision, strict=False)
    ]
