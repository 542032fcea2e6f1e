"""A run's training job: model, program, the loop under orders, evaluation, results. After TensorFlow's import."""

from __future__ import annotations

import math
import time
from typing import Any

from mnist_tui.experiment.files import replacing, write_json
from mnist_tui.experiment.spec import Experiment, cautions
from mnist_tui.runs.events import CheckpointSaved, Ended, EpochEnded, ModelBuilt, Paused, Progress, Resumed, Warned
from mnist_tui.training import checkpoint, device, models
from mnist_tui.training.engine import Outcome, Training
from mnist_tui.training.evaluation import Evaluation, evaluate, finite, save_predictions
from mnist_tui.training.inputs import Inputs
from mnist_tui.training.program import GraphProgram, Resident, Scorer
from mnist_tui.training.session import Session
from mnist_tui.training.stopwatch import Stopwatch

CHECKPOINT_SECONDS = 5.0
PAUSE_LOOK_SECONDS = 0.2


class Job:
    """Trains what a session has taken on.

    Args:
        session: the run, its reporter and its orders.
        inputs: its data.
    """

    def __init__(self, session: Session, inputs: Inputs) -> None:
        self._session, self._inputs = session, inputs
        self._experiment: Experiment = session.experiment
        self._folder, self._reporter, self._orders = session.folder, session.reporter, session.orders
        self._stopwatch = Stopwatch()
        self._checkpointed = time.monotonic()
        self._timings = {"data": inputs.data_seconds, "features": inputs.features_seconds}

    def run(self) -> None:
        """Builds, trains, evaluates, saves, and says how it ended."""
        began = time.perf_counter()
        self._warn()
        self._build()
        self._timings["build"] = time.perf_counter() - began
        outcome = self._train()
        self._save(outcome)

    def _warn(self) -> None:
        for text in cautions(self._experiment):
            self._reporter.emit(Warned(text=text))

    def _build(self) -> None:
        experiment, inputs = self._experiment, self._inputs
        self._reporter.phase("building")
        self._device = device.choose(self._session.launch.device)
        self._model = models.build(experiment)
        self._counted = models.check_counts(self._model, experiment)
        self._optimizer = models.optimizer(experiment)
        self._train_set = Resident(inputs.train.features, inputs.train.labels)
        self._test_set = Resident(inputs.test.features, inputs.test.labels)
        held_out = inputs.validation
        validation = Resident(held_out.features, held_out.labels) if held_out else self._test_set
        self._reporter.phase("compiling")
        program = GraphProgram(self._model, self._optimizer, self._train_set, experiment.training.batch_size)
        self._scorer = Scorer(self._model, self._test_set, max(math.prod(shape) for shape in experiment.shapes()))
        self._training = Training(
            experiment, self._model, self._optimizer, program, self._scorer, validation, self._train_set.count,
            self._stopwatch,
        )  # fmt: skip
        versions = self._session.platform["versions"]
        self._reporter.emit(
            ModelBuilt(
                device=self._device.name, device_name=self._device.hardware, program=program.name,
                total=self._counted.total, trainable=self._counted.trainable, steps=self._training.steps,
                keras=versions.get("keras", ""), tensorflow=versions.get("tensorflow", ""),
            )
        )  # fmt: skip

    def _train(self) -> Outcome:
        training, orders = self._training, self._orders
        orders.training_begins()
        self._reporter.phase("training")
        self._reporter.state("running")
        began = self._stopwatch()
        for moment in training.run():
            self._tell(moment)
            if training.outcome is not None:
                continue
            if orders.stopping:
                break
            if orders.checkpoint_wanted():
                self._checkpoint()
            if orders.paused:
                self._pause()
        self._reporter.flush()
        self._timings["train"] = self._stopwatch() - began
        outcome = training.outcome or self._stopped()
        if outcome.state != "diverged":
            self._checkpoint()
        return outcome

    def _tell(self, moment: Progress | EpochEnded | None) -> None:
        match moment:
            case Progress():
                self._reporter.progress(moment)
            case EpochEnded():
                self._reporter.drop()
                self._reporter.emit(moment)
                if self._checkpoint_due():
                    self._checkpoint()
            case None:
                pass

    def _pause(self) -> None:
        reporter, orders, position = self._reporter, self._orders, self._training.position
        reporter.flush()
        with self._stopwatch.held():
            reporter.emit(Paused(epoch=position.epoch + 1, step=position.step))
            reporter.state("paused")
            self._checkpoint()
            while orders.paused and not orders.stopping:
                orders.wait(PAUSE_LOOK_SECONDS)
                if orders.checkpoint_wanted():
                    self._checkpoint()
            if not orders.stopping:
                reporter.emit(Resumed())
                reporter.state("running")

    def _checkpoint_due(self) -> bool:
        goes_on = self._training.outcome is None and self._training.position.epoch < self._experiment.training.epochs
        return goes_on and time.monotonic() - self._checkpointed >= CHECKPOINT_SECONDS

    def _checkpoint(self) -> None:
        position = self._training.position
        checkpoint.save(self._folder.checkpoint, self._training.snapshot())
        self._checkpointed = time.monotonic()
        self._reporter.emit(CheckpointSaved(epoch=position.epoch, step=position.step))

    def _stopped(self) -> Outcome:
        position, epochs = self._training.position, self._experiment.training.epochs
        if position.step == 0:
            return Outcome("stopped", f"stopped after {position.epoch} of {epochs} epochs, and saved")
        steps = self._training.steps
        where = f"in epoch {position.epoch + 1} of {epochs}, after step {position.step} of {steps}"
        return Outcome("stopped", f"stopped {where}, and saved")

    def _save(self, outcome: Outcome) -> None:
        reporter, folder, inputs = self._reporter, self._folder, self._inputs
        began = time.perf_counter()
        restored = self._training.restore_best()
        evaluation = evaluate(
            self._scorer, self._test_set, self._train_set, inputs.test.labels,
            lambda done, total: reporter.phase("evaluating", done, total, "images"),
        )  # fmt: skip
        self._timings["evaluate"] = time.perf_counter() - began
        reporter.phase("saving")
        save_predictions(folder.predictions_file, evaluation, inputs.dataset.test_images)
        with replacing(folder.model_file) as temporary:
            models.compiled(self._model, self._optimizer).save(temporary)
        self._timings["total"] = time.perf_counter() - self._session.began
        results = self._results(outcome, evaluation, restored)
        write_json(folder.results_file, results)
        reporter.end(
            Ended(
                state=outcome.state, reason=outcome.reason, test_loss=evaluation.test.loss,
                test_accuracy=evaluation.test.accuracy, macro_f1=evaluation.macro_f1,
            )
        )  # fmt: skip

    def _results(self, outcome: Outcome, evaluation: Evaluation, restored: int) -> dict[str, Any]:
        dataset, position = self._inputs.dataset, self._training.position
        held_out = self._inputs.validation
        part = position.step / self._training.steps
        return {
            "state": outcome.state,
            "reason": outcome.reason,
            "dataset": {
                "name": dataset.name,
                "title": dataset.title,
                "sha256": dict(dataset.sha256),
                "source": dataset.source,
                "sample": dataset.sample,
                "verified": dataset.verified,
                "train": self._train_set.count,
                "validation": len(held_out.labels) if held_out else 0,
                "test": self._test_set.count,
            },
            "parameters": {"total": self._counted.total, "trainable": self._counted.trainable},
            "class_names": list(dataset.class_names),
            "test": {
                "loss": finite(evaluation.test.loss),
                "accuracy": evaluation.test.accuracy,
                "macro_f1": evaluation.macro_f1,
                "per_class": evaluation.per_class(tuple(dataset.class_names)),
            },
            "train": {"loss": finite(evaluation.train.loss), "accuracy": evaluation.train.accuracy},
            "confusion_matrix": evaluation.confusion(),
            "timings": self._timings,
            "platform": {**self._session.platform, "device": self._device.name, "device_name": self._device.hardware},
            "epochs_run": position.epoch,
            "best_epoch": self._training.best_epoch,
            "weights_of_epoch": restored or (round(position.epoch + part, 3) if part else position.epoch),
        }
