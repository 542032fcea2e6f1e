"""The training of a run, after TensorFlow's import: model, program, the loop under commands, evaluation, results."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from mnist_tui.errors import RequestError
from mnist_tui.experiment.spec import cautions
from mnist_tui.files import replacing, why_unwritten, write_json
from mnist_tui.runs import start_weights, tensorboard
from mnist_tui.runs.devices import check_memory
from mnist_tui.runs.events import Ended, EpochEnded, ModelBuilt, Paused, Progress, Resumed, Warned
from mnist_tui.runs.processor import cpu_features, onednn
from mnist_tui.runs.tensorboard import TensorBoardFollower
from mnist_tui.training import checkpoint, device, models
from mnist_tui.training.checkpoint import CheckpointWriter, Spent, TrainingSnapshot
from mnist_tui.training.closed_form import ClosedForm
from mnist_tui.training.device import Resident
from mnist_tui.training.engine import Training
from mnist_tui.training.evaluation import (
    DATA,
    Evaluation,
    Scorer,
    evaluate,
    save_predictions,
    scores_document,
    statistics_document,
)
from mnist_tui.training.extension import extend
from mnist_tui.training.inputs import Examples, Inputs
from mnist_tui.training.losses import class_weights
from mnist_tui.training.measures import DEAD_UNIT_IMAGES, Measures, plain_count, spread
from mnist_tui.training.programs import Network, kind_for, network_of
from mnist_tui.training.session import Session
from mnist_tui.training.trainer import Trainer, TrainingOutcome
from mnist_tui.wording import counted

PAUSE_POLL_SECONDS = 0.2
COMPUTATION = (
    *("device", "device_name", "program", "precision", "threads"),
    *("cpu_features", "onednn", "tf32", "deterministic"),
)
"""Fields of ModelBuilt that a run's results repeat."""


class Stopwatch:
    """A clock without pauses; a call returns its seconds."""

    def __init__(self) -> None:
        self._paused = 0.0

    def __call__(self) -> float:
        return time.perf_counter() - self._paused

    @contextmanager
    def held(self) -> Generator[None]:
        """Stop the clock while the block runs."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._paused += time.perf_counter() - began


class TrainingJob:
    """The training of a session's run on its data."""

    def __init__(self, session: Session, inputs: Inputs) -> None:
        self._session, self._inputs, self._experiment = session, inputs, session.experiment
        self._folder, self._reporter, self._orders = session.folder, session.reporter, session.orders
        self._stopwatch = Stopwatch()
        self._spent = Spent()
        self._timings = {"data": inputs.data_seconds, "features": inputs.features_seconds}

    def run(self) -> None:
        """Build the model, train it, evaluate it, save everything, and report the end of the run."""
        began = time.perf_counter()
        check_memory(self._experiment)
        steps = math.ceil(len(self._inputs.train.labels) / self._experiment.training.batch_size)
        for text in cautions(self._experiment, steps):
            self._reporter.emit(Warned(text=text))
        self._build()
        self._orders.raise_if_ended()
        self._timings["build"] = time.perf_counter() - began
        if self._session.before.start is not None:
            self._resume()
        place = tensorboard.place_of(self._folder)
        self._tensorboard = place and TensorBoardFollower(self._folder, place, self._warn)
        try:
            self._save(self._train())
        finally:
            if self._tensorboard:
                self._tensorboard.close()

    def _warn(self, text: str) -> None:
        self._reporter.emit(Warned(text=text))

    def _build(self) -> None:
        experiment, inputs = self._experiment, self._inputs
        self._reporter.phase("building")
        launch = self._session.launch
        self._device = device.choose(launch.device, launch.threads)
        device.set_determinism(self._device, experiment.training.deterministic)
        network = network_of(experiment, self._session.cache)
        self._model = network.model
        self._counted = models.check_counts(self._model, experiment)
        start = self._take_start_weights()
        self._train_set = Resident(inputs.train.features, inputs.train.labels)
        self._test_set = Resident(inputs.test.features, inputs.test.labels)
        held_out = inputs.validation
        self._held_out = Resident(held_out.features, held_out.labels) if held_out else None
        self._reporter.phase("compiling")
        largest, smoothing = max(math.prod(shape) for shape in experiment.shapes()), experiment.training.label_smoothing
        self._scorer = Scorer(self._model, self._test_set, largest, smoothing)
        self._training = self._trainer(network, self._held_out)
        images = self._part_of(held_out or inputs.test, DEAD_UNIT_IMAGES)
        self._measures = Measures(self._folder, self._reporter, self._model, images, self._scorer.block)
        versions = self._session.platform["versions"]
        self._built = ModelBuilt(
            device=self._device.name,
            device_name=self._device.hardware,
            program=self._training.program_name,
            total=self._counted.total,
            trainable=self._counted.trainable,
            steps=self._training.steps,
            keras=versions.get("keras", ""),
            tensorflow=versions.get("tensorflow", ""),
            precision=experiment.training.precision,
            threads=device.threads(),
            cpu_features=cpu_features(),
            onednn=onednn(),
            tf32=device.tf32(self._device),
            deterministic=device.deterministic(self._device),
            start=start,
        )
        self._reporter.emit(self._built)

    def _take_start_weights(self) -> str:
        """Give equally named and shaped layers the weights that the experiment begins with; say what was taken."""
        earlier = self._session.before.model
        if self._experiment.start is None:
            return ""
        if checkpoint.exists(self._folder.checkpoint) and earlier is not None:
            return earlier.start  # the checkpoint's weights follow
        taken = start_weights.read(self._experiment, self._folder.path.parent)
        for layer in models.layers_of(self._model):
            if layer.name in taken.layers:
                layer.set_weights(taken.layers[layer.name])
        return taken.in_words

    def _trainer(self, network: Network, held_out: Resident | None) -> Trainer:
        experiment, scorer, train = self._experiment, self._scorer, self._train_set
        model, optimizer, validation = network.model, network.optimizer, held_out or self._test_set
        common = experiment, model, optimizer, scorer, validation, self._stopwatch
        if not experiment.trains_in_epochs:
            return ClosedForm(*common, train, held_out, device.threads(), partial(self._reporter.phase, "solving"))
        plain, settings = None, experiment.training
        if settings.plain_loss:
            plain = self._part_of(self._inputs.train, plain_count(train.count, validation.count))
        earlier = self._session.before.model  # a resumed run continues with the same kind of program
        kind = earlier.program if earlier else kind_for(experiment, self._device.is_gpu)
        weights = class_weights(experiment, self._inputs.train.labels, self._inputs.dataset.class_names)
        program = network.program(kind, train, batch_size=settings.batch_size, seed=settings.seed, weights=weights)
        return Training(*common, program, train.count, plain)

    def _part_of(self, examples: Examples, count: int) -> Resident:
        part = examples.rows(spread(count, len(examples.labels)))
        return Resident(part.features, part.labels)

    def _resume(self) -> None:
        """Continue from the checkpoint of an earlier session, or start anew if it left none."""
        session, training, reporter = self._session, self._training, self._reporter
        snapshot = training.resume(self._folder.checkpoint)
        if snapshot is not None:
            self._spent = snapshot.spent
            if session.before.model is not None and (warning := differences(session.before.model, self._built)):
                reporter.emit(Warned(text=warning))
        session.remove_earlier_results()
        reporter.emit(Resumed(from_epoch=training.position.epoch, step=training.position.step))
        self._extend_if_requested()  # the checkpoint already holds all that was trained under the old plan

    def _train(self) -> TrainingOutcome:
        training, orders = self._training, self._orders
        self._measures.begin(training.position)
        if training.RESUMABLE:
            orders.start_training()
        else:
            orders.stop_reason = "stopped before the output layer was solved"
        self._checkpoints = CheckpointWriter(self._folder, self._reporter, self._snapshot)
        self._reporter.phase("training")
        self._reporter.state("running")
        self._began = self._stopwatch()
        with closing(self._checkpoints):
            self._run_trainer()
            self._reporter.flush()
            self._measures.catch_up(training.position)
            self._timings["train"] = self._now_spent().train
            diverged = training.outcome is not None and training.outcome.state == "diverged"
            problem = "" if diverged else self._checkpoints.save()
        orders.start_training()
        return training.outcome or self._stopped(problem)

    def _run_trainer(self) -> None:
        training, orders = self._training, self._orders
        for moment in self._moments():
            orders.raise_if_ended()
            orders.settle("continue")
            self._report(moment)
            if training.outcome is not None:
                continue
            if orders.stopping:
                break
            self._extend_if_requested(self._checkpoints.save)
            if isinstance(moment, EpochEnded) and moment.epoch < training.experiment.training.epochs:
                orders.epoch_ended()
            if not self._checkpoint_if_requested():
                self._checkpoints.save_if_due()
            if orders.paused:
                self._pause()

    def _moments(self) -> Iterator[Progress | EpochEnded | None]:
        """Yield from the training until it ends and no more epochs are requested."""
        while True:
            yield from self._training.run()
            outcome = self._training.outcome
            if outcome is None or outcome.state != "finished":
                return
            self._extend_if_requested(self._checkpoints.save)
            if self._training.outcome is not None:
                return

    def _report(self, moment: Progress | EpochEnded | None) -> None:
        if isinstance(moment, Progress):
            self._reporter.progress(moment)
        elif moment is not None:
            self._reporter.drop()
            self._measures.predicted(moment, self._training.probabilities)
            self._reporter.emit(moment)
            self._measures.weights(moment.epoch)

    def _pause(self) -> None:
        reporter, orders, position = self._reporter, self._orders, self._training.position
        reporter.flush()
        with self._stopwatch.held():
            reporter.emit(Paused(epoch=position.epoch + 1, step=position.step))
            reporter.state("paused")
            orders.settle("pause", "step")
            self._measures.catch_up(position)
            self._checkpoints.save()
            while orders.paused and not orders.stopping:
                orders.wait(PAUSE_POLL_SECONDS)
                orders.raise_if_ended()
                self._extend_if_requested(self._checkpoints.save)
                self._checkpoint_if_requested()
            if not orders.stopping:
                reporter.emit(Resumed())
                reporter.state("running")

    def _extend_if_requested(self, save: Callable[[], object] = lambda: None) -> None:
        """Plan the epochs that were requested.

        Args:
            save: writes a checkpoint, so that epochs trained with the old plan's learning rates stay as they are.
        """
        if commands := self._orders.extensions():
            if self._training.experiment.training.schedule.SPANS_EPOCHS:
                save()
            try:
                extend(self._folder, self._training, self._reporter, commands)
            except (OSError, RequestError) as error:
                why = why_unwritten(error) if isinstance(error, OSError) else str(error)
                self._reporter.emit(Warned(text=f"the run was not extended: {why}"))
            self._orders.settle_commands(commands)

    def _checkpoint_if_requested(self) -> bool:
        if requests := self._orders.checkpoints():
            self._checkpoints.save()
            self._orders.settle_commands(requests)
        return bool(requests)

    def _snapshot(self) -> TrainingSnapshot | None:
        snapshot = self._training.snapshot()
        return None if snapshot is None else replace(snapshot, spent=self._now_spent())

    def _now_spent(self) -> Spent:
        """Return the seconds of this session and of earlier ones, as far as their work is still used."""
        train, total = self._stopwatch() - self._began, time.perf_counter() - self._session.began
        return Spent(self._spent.train + train, self._spent.total + total)

    def _stopped(self, problem: str) -> TrainingOutcome:
        training = self._training
        position, epochs = training.position, training.experiment.training.epochs
        where = f"after {position.epoch} of {counted(epochs, 'epoch')}"
        if position.step:
            step = f"after step {position.step} of {training.steps}"
            if position.step == training.steps:
                step = "after its last step, before its evaluation"
            where = f"in epoch {position.epoch + 1} of {epochs}, {step}"
        saved = f"but its checkpoint could not be written ({problem})" if problem else "and saved"
        return TrainingOutcome("stopped", f"stopped {where}, {saved}")

    def _save(self, outcome: TrainingOutcome) -> None:
        reporter, folder, inputs = self._reporter, self._folder, self._inputs
        began = time.perf_counter()
        restored = self._training.restore_best()
        report = partial(reporter.phase, "evaluating", unit="images")
        # a closed form solves its last equations over the held-out images, too
        held_out = self._held_out if self._experiment.trains_in_epochs else None
        evaluation = evaluate(self._scorer, self._test_set, self._train_set, held_out, report)
        self._timings["evaluate"] = time.perf_counter() - began
        self._orders.raise_if_ended()
        reporter.phase("saving")
        save_predictions(folder.predictions_file, evaluation, inputs.test_images)
        with replacing(folder.model_file) as temporary:
            compiled = models.compiled(self._model, self._training.optimizer, self._experiment.training.label_smoothing)
            compiled.save(temporary)
        self._timings["total"] = self._now_spent().total
        write_json(folder.results_file, self._results(outcome, evaluation, restored))
        self._orders.unwatch()
        if outcome.state == "diverged" and (commands := self._orders.extensions()):
            more = sum(command.epochs for command in commands)
            reporter.emit(Warned(text=f"{more} more epochs were asked for and not trained: the run has diverged"))
            self._orders.settle_commands(commands)
        ended = Ended(
            state=outcome.state,
            reason=outcome.reason,
            test_loss=evaluation.test.loss,
            test_accuracy=evaluation.test.accuracy,
            macro_f1=evaluation.macro_f1,
        )
        if self._tensorboard:
            self._tensorboard.close(replace(ended, time=time.time()))
        reporter.end(ended)

    def _results(self, outcome: TrainingOutcome, evaluation: Evaluation, restored: int) -> dict[str, Any]:
        position, class_names = self._training.position, self._inputs.dataset.class_names
        part = position.step / self._training.steps
        results = {
            "state": outcome.state,
            "reason": outcome.reason,
            "dataset": {key: getattr(self._inputs.ready, key) for key in DATA},
            "parameters": {"total": self._counted.total, "trainable": self._counted.trainable},
            **scores_document(evaluation, class_names),
            **self._training.further_results(),
            "timings": self._timings,
            "platform": {**self._session.platform, **{key: getattr(self._built, key) for key in COMPUTATION}},
            **({"start": self._built.start} if self._built.start else {}),
            "epochs_run": position.epoch,
            "best_epoch": self._training.best_epoch,
            "weights_of_epoch": restored or (round(position.epoch + part, 3) if part else position.epoch),
        }
        return {**results, "statistics": statistics_document(evaluation, results)}


DECISIVE = {
    "device_name": "device",
    "program": "program",
    "precision": "precision",
    "threads": "threads of an operation",
    "cpu_features": "CPU features",
    "onednn": "oneDNN",
    "tf32": "TensorFloat-32",
    "deterministic": "determinism",
    "tensorflow": "TensorFlow",
    "keras": "Keras",
}
"""Fields of ModelBuilt that may change the last bits of a result, and their names in messages."""


def differences(earlier: ModelBuilt, now: ModelBuilt) -> str:
    """Return a warning that the last bits may differ, with the reasons; empty if nothing has changed."""

    def in_words(built: ModelBuilt, name: str) -> str:
        value = getattr(built, name)
        return ("on" if value else "off") if isinstance(value, bool) else str(value or "")

    pairs = [(words, in_words(earlier, name), in_words(now, name)) for name, words in DECISIVE.items()]
    changed = [f"{words} {was} then, {is_now} now" for words, was, is_now in pairs if was and is_now and was != is_now]
    if not changed:
        return ""
    return f"resumed in other circumstances, so the last bits of its figures may differ: {'; '.join(changed)}"
