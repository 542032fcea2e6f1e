"""The computation of a run that is not trained: its predictions for the test images, its scores, its last event."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data.errors import DataError
from mnist_tui.files import write_json
from mnist_tui.runs.ensembles import combined_of
from mnist_tui.runs.events import Ended, Warned
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.origin import Origin, counts_of
from mnist_tui.runs.source_runs import sibling
from mnist_tui.runs.worker_jobs import class_names
from mnist_tui.training.classifiers import classifier_of
from mnist_tui.training.evaluation import (
    DATA,
    evaluation_of,
    finite,
    save_predictions,
    scores_document,
    statistics_document,
)
from mnist_tui.training.inputs import EvaluationInputs
from mnist_tui.training.orders import Orders
from mnist_tui.training.reporter import Reporter
from mnist_tui.wording import counted

Probabilities = NDArray[np.float32]
"""``(n, classes)``, a row for each test image."""
MOST_NAMES = 5


class EvaluationJob:
    """The computation of a run on its test images.

    Args:
        origin: where the run comes from.
        platform: the machine and the versions, for the results.
        began: the time of `perf_counter` at which the worker began with the run.
    """

    def __init__(
        self,
        folder: RunFolder,
        origin: Origin,
        inputs: EvaluationInputs,
        reporter: Reporter,
        orders: Orders,
        *,
        platform: dict[str, Any],
        began: float,
    ) -> None:
        self._folder, self._origin, self._inputs = folder, origin, inputs
        self._reporter, self._orders, self._platform, self._began = reporter, orders, platform, began
        self._experiment = folder.preset().experiment

    def run(self) -> None:
        """Classify the test images, save predictions and scores, and report the end of the run."""
        folder, reporter, inputs = self._folder, self._reporter, self._inputs
        self._orders.raise_if_ended()
        reporter.state("running")
        began = time.perf_counter()
        probabilities, origin = self._predictions()
        smoothing = self._experiment.training.label_smoothing
        evaluation = evaluation_of(probabilities, inputs.labels, smoothing=smoothing, labels_only=origin.labels_only)
        seconds = time.perf_counter() - began
        self._orders.raise_if_ended()
        reporter.phase("saving")
        save_predictions(folder.predictions_file, evaluation, inputs.images)
        if origin != self._origin:
            write_json(folder.origin_file, origin.to_document())
        counts, total = counts_of(self._experiment, origin), time.perf_counter() - self._began
        reason = f"evaluated on {counted(inputs.images, 'test image')}"
        results: dict[str, Any] = {
            "state": "finished",
            "reason": reason,
            "dataset": {key: getattr(inputs.ready, key) for key in DATA},
            "parameters": {"total": counts and counts.total, "trainable": counts and counts.trainable},
            **scores_document(evaluation, inputs.dataset.class_names),
            "timings": {"data": inputs.data_seconds, "evaluate": seconds, "total": total},
            "platform": self._platform,
        }
        results["statistics"] = statistics_document(evaluation, results)
        write_json(folder.results_file, results)
        self._orders.unwatch()
        reporter.end(
            Ended(
                state="finished",
                reason=reason,
                test_loss=finite(evaluation.test.loss),
                test_accuracy=evaluation.test.accuracy,
                macro_f1=evaluation.macro_f1,
            )
        )

    def _predictions(self) -> tuple[Probabilities, Origin]:
        """Return the probabilities of the test images, and the origin with what was found out about the source."""
        origin, names, images = self._origin, self._inputs.dataset.class_names, self._inputs.images
        if origin.kind == "ensemble":
            return combined_of(self._folder, origin, self._inputs.labels), origin
        if (found := self._inputs.predictions) is not None:
            return found.probabilities, replace(origin, labels_only=found.labels_only, notes=found.notes)
        self._reporter.phase("building")
        classifier = classifier_of(self._folder)
        report = partial(self._reporter.phase, "evaluating", text="evaluating", unit="images", total=len(images))
        probabilities = classifier.probabilities(images, lambda done: report(done=done))
        if origin.kind == "imported":
            from mnist_tui.training.imported_models import settled

            probabilities, settings, note = settled(probabilities, origin)
            notes = (*classifier.notes, note)
            return probabilities, replace(origin, network=classifier.network, settings=settings, notes=notes)
        order, note = class_order(class_names(sibling(self._folder, origin.sources[0].name)), names)
        if note:
            self._reporter.emit(Warned(text=note))
        return probabilities[:, order], origin


def class_order(known: Sequence[str], wanted: Sequence[str]) -> tuple[list[int], str]:
    """Return for each class of the data the position of the network's class, and a sentence if the names differ.

    Equal names belong together, in whatever order they are; if the names are others, equal numbers belong together.

    Args:
        known: the names of the classes that the network was trained on.
        wanted: the names of as many classes of the data.

    Raises:
        DataError: the numbers of classes differ.
    """
    if len(known) != len(wanted):
        raise DataError(f"the network knows {counted(known, 'class')}, but the data have {len(wanted)}")
    if sorted(known) == sorted(wanted):
        order = [known.index(name) for name in wanted]
        note = "" if list(known) == list(wanted) else "The classes have another order than in training: names decide."
        return order, note
    pairs = [f"{old} as {new}" for old, new in zip(known, wanted, strict=True) if old != new]
    more = f" and {len(pairs) - MOST_NAMES} more" if len(pairs) > MOST_NAMES else ""
    shown = f"{', '.join(pairs[:MOST_NAMES])}{more}"
    return list(range(len(known))), f"The classes have other names than in training, so numbers decide: {shown}."
