"""The epoch loop: training along gradients, for a chosen number of epochs."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mnist_tui.errors import RunError
from mnist_tui.experiment.optimizers import PlateauSchedule
from mnist_tui.experiment.spec import EarlyStopping, Experiment, with_part
from mnist_tui.runs.events import EpochEnded, Progress
from mnist_tui.training import checkpoint
from mnist_tui.training.checkpoint import BestSoFar, PlateauState, Position, TrainingSnapshot
from mnist_tui.training.device import Resident
from mnist_tui.training.evaluation import Scores
from mnist_tui.training.forward import penalty_of
from mnist_tui.training.inputs import order
from mnist_tui.training.programs import LoopProgram, Sums
from mnist_tui.training.trainer import Trainer, TrainingOutcome
from mnist_tui.wording import counted

CHUNK_SECONDS, GROWTH = 0.12, 4
"""The length of a chunk of steps, and how much longer the next chunk may be at most."""
DIVERGED = 100
"""Training ends if the mean loss of an epoch is more than so many times ln(classes), the loss of guessing.

With saturated units the loss can stay so high for ever without becoming nan.
"""


class EarlyStop:
    """The state of early stopping (Prechelt, 1998) by Keras' rules, from the validation scores of the epochs."""

    def __init__(self, spec: EarlyStopping) -> None:
        self.spec = spec
        self.best: BestSoFar | None = None

    def update(self, epoch: int, scores: Scores, model: Any) -> bool:
        """Record an epoch's scores, and the weights if they are the best; return whether training should stop."""
        higher_is_better = self.spec.monitor == "val_accuracy"
        value = scores.accuracy if higher_is_better else scores.loss
        best = self.best
        gain = 0.0 if best is None else value - best.value if higher_is_better else best.value - value
        if best is None or gain > self.spec.min_delta:
            weights = tuple(model.get_weights()) if self.spec.restore_best_weights else ()
            self.best = BestSoFar(epoch, value, 0, weights)
        else:
            self.best = replace(best, waited=best.waited + 1)
        return self.best.waited >= self.spec.patience

    @property
    def outcome(self) -> TrainingOutcome:
        """The outcome of a training that early stopping has ended."""
        assert self.best is not None
        name = self.spec.monitor.replace("val_", "validation ")
        kept = ", whose weights were restored" if self.best.weights else ""
        text = f"the {name} has not improved for {counted(self.spec.patience, 'epoch')} since epoch {self.best.epoch}"
        return TrainingOutcome("finished", f"early stopping: {text}{kept}")


class RateOnPlateau:
    """The learning rates of the schedule `plateau`, by the rules of Keras 3's ReduceLROnPlateau, float32 as there."""

    def __init__(self, spec: PlateauSchedule, first: float) -> None:
        self.spec = spec
        self.state = PlateauState(first)

    def update(self, val_loss: float) -> None:
        """Record an epoch's validation loss; lower the rate if it has not improved for long enough."""
        spec, state = self.spec, self.state
        waited, cooldown = state.waited, state.cooldown
        if cooldown > 0:
            waited, cooldown = 0, cooldown - 1
        if state.best is None or np.float32(val_loss + spec.min_delta) < np.float32(state.best):
            self.state = replace(state, best=val_loss, waited=0, cooldown=cooldown)
            return
        rate = state.rate
        if cooldown == 0:
            waited += 1
            present = float(np.float32(rate))
            if waited >= spec.patience and present > np.float32(spec.min_lr):
                rate, waited, cooldown = max(present * spec.factor, spec.min_lr), 0, spec.cooldown
        self.state = replace(state, rate=rate, waited=waited, cooldown=cooldown)


@dataclass
class Training(Trainer):
    """The epoch loop: train an experiment along gradients, in chunks of steps.

    Args:
        program: the program of the steps, which has built the optimizer.
        train_count: the number of training images.
        plain: training examples to score after each epoch, without dropout and augmentation; None for none.
    """

    RESUMABLE: ClassVar[bool] = True
    program: LoopProgram
    train_count: int
    plain: Resident | None = None
    _rate: float | None = field(init=False, default=None)
    _planned: int = field(init=False, default=0)
    _plateau: RateOnPlateau | None = field(init=False, default=None)
    _best_loss: float = field(init=False, default=math.inf)
    _chunk: float = field(init=False, default=1.0)
    _early: EarlyStop | None = field(init=False)
    _weight: float = field(init=False)

    def __post_init__(self) -> None:
        stopping = self.experiment.training.early_stopping
        self._early = EarlyStop(stopping) if stopping else None
        schedule = self.experiment.training.schedule
        if isinstance(schedule, PlateauSchedule):
            self._plateau = RateOnPlateau(schedule, self.experiment.highest_rate)
        weights = self.experiment.training.class_weights
        self._weight = max([1.0, *(weights.values() if isinstance(weights, dict) else ())])
        self.steps = -(-self.train_count // self.experiment.training.batch_size)
        self.program_name = self.program.name

    def run(self) -> Iterator[Progress | EpochEnded | None]:
        while self.outcome is None and self.position.epoch < self.experiment.training.epochs:
            yield from self._epoch(self.position.epoch)
        if self.outcome is None:
            epochs = self.experiment.training.epochs
            done = f"all {epochs} epochs done" if epochs > 1 else "its one epoch done"
            self.outcome = TrainingOutcome("finished", done)

    def _epoch(self, epoch: int) -> Iterator[Progress | EpochEnded | None]:
        rates, began = self._rates_of(epoch), self.clock() - self.position.seconds
        self.program.begin_epoch(epoch, order(self.experiment.training.seed, epoch, self.train_count), rates)
        while self.position.step < self.steps:
            yield self._run_chunk(epoch, began, rates)
            if self.outcome is not None:
                return
        trained = max(self.clock() - began, 1e-9)
        validation, self.probabilities = yield from self._scored(self.validation, began)
        plain, _ = (yield from self._scored(self.plain, began)) if self.plain else (None, None)
        done, seconds = self.position, self.clock() - began
        loss = done.loss / done.images
        self._end_epoch(epoch + 1, loss, validation)
        yield EpochEnded(
            epoch=epoch + 1,
            loss=loss,
            accuracy=done.correct / done.images,
            val_loss=validation.loss,
            val_accuracy=validation.accuracy,
            learning_rate=_rate_at(rates, -1),
            seconds=seconds,
            images_per_second=done.images / trained,
            confusion=tuple(tuple(row) for row in validation.confusion.tolist()),
            plain_loss=plain.loss if plain else None,
            plain_accuracy=plain.accuracy if plain else None,
        )

    def _rates_of(self, epoch: int) -> float | NDArray[np.float64]:
        """Return the learning rate of an epoch, or of each of its steps if it can change from step to step.

        An epoch that was begun before an extension keeps its rates.
        """
        experiment, training, rate = self.experiment, self.experiment.training, self._rate
        if self._plateau is not None and epoch >= (training.warmup or 0):
            self._rate = self._plateau.state.rate
            return np.full(self.steps, self._rate) if training.rates_by_step else self._rate
        if training.rates_by_step:
            if self.position.step and self._planned:
                experiment = with_part(experiment, "training", epochs=self._planned)
            self._planned = experiment.training.epochs
            rates = [experiment.learning_rate(epoch, step, self.steps) for step in range(self.steps)]
            self._rate = rates[-1]
            return np.array(rates)
        planned = experiment.learning_rate(epoch)
        if not self.position.step or rate is None or np.float32(rate) == np.float32(planned):
            rate = planned
        self._rate = rate
        return rate

    def _scored(self, examples: Resident, began: float) -> Generator[None, None, tuple[Scores, list[Any]]]:
        def count_seconds(_: int) -> None:
            self.position = replace(self.position, seconds=self.clock() - began)

        return self.scorer.score(examples, count_seconds)

    def _run_chunk(self, epoch: int, began: float, rates: float | NDArray[np.float64]) -> Progress:
        before, start = self.position, self.clock()
        last = min(before.step + int(self._chunk), self.steps)
        sums = self.program.run(before.step, last, Sums(before.loss, before.correct, before.images))
        seconds = max(self.clock() - start, 1e-9)
        self._chunk = max(1.0, min(self._chunk * GROWTH, CHUNK_SECONDS * (last - before.step) / seconds))
        self.position = Position(before.epoch, last, sums.loss, sums.correct, sums.images, self.clock() - began)
        if not math.isfinite(sums.loss):
            what = "not a number" if math.isnan(sums.loss) else "infinite"
            where = f"in epoch {epoch + 1}, by step {last} of {self.steps}"
            self.outcome = TrainingOutcome("diverged", f"the loss became {what} {where}")
        return Progress(
            epoch=epoch + 1,
            step=last,
            steps=self.steps,
            images_per_second=(sums.images - before.images) / seconds,
            loss=sums.loss / sums.images,
            accuracy=sums.correct / sums.images,
            learning_rate=_rate_at(rates, last - 1),
        )

    def _end_epoch(self, epoch: int, loss: float, validation: Scores) -> None:
        self.position = Position(epoch)
        if validation.loss < self._best_loss:
            self._best_loss, self.best_epoch = validation.loss, epoch
        if self._plateau is not None and epoch > (self.experiment.training.warmup or 0):
            self._plateau.update(validation.loss)
        if self._early is not None and self._early.update(epoch, validation, self.model):
            self.outcome = self._early.outcome
        classes, penalty = self.experiment.classes, penalty_of(self.model)
        most = DIVERGED * math.log(classes) * self._weight + (0.0 if penalty is None else float(penalty))
        if loss > most:
            weighted = "" if self._weight == 1 else " · the largest class weight"
            penalised = "" if penalty is None else " + the penalties of the weights"
            limit = f"{DIVERGED} · ln {classes}{weighted}{penalised} = {most:.0f}"
            text = f"the mean loss of epoch {epoch} is {loss:.4g}, more than {limit}"
            self.outcome = TrainingOutcome("diverged", text)
        elif not math.isfinite(validation.loss):
            self.outcome = TrainingOutcome("diverged", f"the validation loss of epoch {epoch} is not a finite number")

    def extend(self, experiment: Experiment) -> None:
        # early stopping that had ended the training begins to wait anew; the best weights stay the best
        if self.outcome is not None and self._early is not None and self._early.best is not None:
            self._early.best = replace(self._early.best, waited=0)
        super().extend(experiment)

    def restore_best(self) -> int:
        best = self._early.best if self._early else None
        if best is None or not best.weights:
            return 0
        self.model.set_weights(best.weights)
        return best.epoch

    def snapshot(self) -> TrainingSnapshot:
        model, optimizer = self.model.variables, self.optimizer.variables
        return TrainingSnapshot(
            position=self.position,
            model=tuple(np.array(each.numpy()) for each in model),
            model_names=tuple(each.path for each in model),
            optimizer=tuple(np.array(each.numpy()) for each in optimizer),
            optimizer_names=tuple(each.path for each in optimizer),
            learning_rate=float(self.optimizer.learning_rate) if self._rate is None else self._rate,
            planned=self._planned,
            plateau=self._plateau.state if self._plateau else None,
            best=self._early.best if self._early else None,
            best_epoch=self.best_epoch,
            best_loss=self._best_loss if self.best_epoch else None,
        )

    def resume(self, folder: Path) -> TrainingSnapshot | None:
        if not checkpoint.exists(folder):
            return None
        snapshot = checkpoint.load(folder)
        for what, arrays, variables in (
            ("model", snapshot.model, self.model.variables),
            ("optimizer", snapshot.optimizer, self.optimizer.variables),
        ):
            if [array.shape for array in arrays] != [tuple(each.shape) for each in variables]:
                raise RunError(f"the checkpoint in {folder} holds other variables than this version's {what} has")
        self.restore(snapshot)
        # a worker may have died between early stopping and the run's last event
        if self._early is not None and snapshot.best is not None and snapshot.best.waited >= self._early.spec.patience:
            self.outcome = self._early.outcome
        return snapshot

    def restore(self, snapshot: TrainingSnapshot) -> None:
        """Continue from a snapshot of the same experiment, or of one that differs only in its epochs."""
        variables = (*self.model.variables, *self.optimizer.variables)
        for variable, value in zip(variables, (*snapshot.model, *snapshot.optimizer), strict=True):
            variable.assign(value)
        self.position = snapshot.position
        self._rate, self._planned = snapshot.learning_rate, snapshot.planned
        if self._plateau is not None and snapshot.plateau is not None:
            self._plateau.state = snapshot.plateau
        self.best_epoch = snapshot.best_epoch
        self._best_loss = math.inf if snapshot.best_loss is None else snapshot.best_loss
        if self._early is not None:
            self._early.best = snapshot.best


def _rate_at(rates: float | NDArray[np.float64], step: int) -> float:
    """Return the learning rate of a step, from the rate of all steps or the rate of each."""
    return float(rates[step]) if isinstance(rates, np.ndarray) else rates
