"""Solve the output layer in closed form: ridge least squares, with the ridge chosen on held-out images.

The network's output stays softmax. The solved weights and biases are divided by a temperature, which turns the linear
scores into probabilities and does not change any image's most probable class.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.errors import RequestError
from mnist_tui.experiment.optimizers import Ridge
from mnist_tui.runs.events import EpochEnded, Progress
from mnist_tui.runs.statistics import best_temperature
from mnist_tui.training.backend import tf
from mnist_tui.training.checkpoint import Position
from mnist_tui.training.device import Resident
from mnist_tui.training.evaluation import Scores
from mnist_tui.training.models import each_output, with_sources
from mnist_tui.training.trainer import Trainer, TrainingOutcome
from mnist_tui.wording import counted

Solution = NDArray[np.float64]
"""``(length + 1, classes)``: a row of weights for each feature, then the biases."""


class NormalEquations:
    """The matrices XᵀX and XᵀY of all rows added so far, where X has a column of ones for the biases and Y is one-hot.

    The memory is that of (length + 1)² float64 values, however many rows of `length` features are added.
    """

    def __init__(self, length: int, classes: int) -> None:
        self._gram = np.zeros((length + 1, length + 1))
        self._moments = np.zeros((length + 1, classes))

    def add(self, features: NDArray[Any], labels: NDArray[Any]) -> None:
        """Add rows: features ``(n, length)``, labels ``(n,)`` from 0."""
        rows = with_ones(features)
        self._gram += rows.T @ rows
        self._moments += rows.T @ np.eye(self._moments.shape[1])[labels]

    def solution(self, ridge: float) -> Solution:
        """Return W and b that minimise Σ ‖W x + b − y‖² + ridge · ‖W‖² over the rows, by Cholesky factorisation.

        Raises:
            RequestError: the ridge is so small that the equations are singular to working precision.
        """
        from scipy.linalg import LinAlgError, cho_factor, cho_solve

        penalised = self._gram.copy()
        weights = np.arange(len(penalised) - 1)
        penalised[weights, weights] += ridge
        try:
            factor = cho_factor(penalised, lower=True, overwrite_a=True)
        except LinAlgError:
            raise RequestError(
                f"the ridge {ridge:g} is too small for these features: the equations have no unique solution; "
                "a larger one works"
            ) from None
        return np.asarray(cho_solve(factor, self._moments))


def with_ones(features: NDArray[Any]) -> NDArray[np.float64]:
    """Return features ``(n, length)`` followed by a column of ones, float64 ``(n, length + 1)``."""
    rows = np.ones((len(features), features.shape[1] + 1))
    rows[:, :-1] = features
    return rows


BLOCK = 2048
"""Images whose products are added at once, so that a command waits only for a moment."""

OnStep = Callable[[int, int, str, str], None]
"""Receives the progress: the amount done, the whole amount, its unit, and the present step in words."""


@dataclass
class ClosedForm(Trainer):
    """Solve the output layer of an experiment; the optimizer is saved with the model, never used.

    Args:
        train: the training images for the equations.
        held_out: the training images that choose the ridge; None if there are none.
        threads: the number of threads of numpy's and scipy's linear algebra.
        on_step: receives the progress.
    """

    train: Resident
    held_out: Resident | None
    threads: int
    on_step: OnStep
    _results: dict[str, Any] = field(init=False, default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        self.steps, self.program_name = 1, "closed-form"
        self.optimizer.build(self.model.trainable_variables)
        *self._hidden, (self._output, _) = with_sources(self.model)
        self._block = min(BLOCK, self.scorer.block)
        self._images = self.train.count + (self.held_out.count if self.held_out else 0)
        self._features = tf.function(self._hidden_output, autograph=False).get_concrete_function(self.train.row_spec)

    def run(self) -> Iterator[Progress | EpochEnded | None]:
        if self.outcome is not None:
            return
        from threadpoolctl import threadpool_limits

        with threadpool_limits(self.threads, "blas"):
            yield from self._solved()

    def further_results(self) -> dict[str, Any]:
        return self._results

    def _solved(self) -> Iterator[EpochEnded | None]:
        began = self.clock()
        optimizer = self.experiment.optimizer
        assert isinstance(optimizer, Ridge)
        equations = NormalEquations(*map(int, self._output.kernel.shape))
        yield from self._add_to(equations, self.train, 0)
        solutions: list[Solution] = []
        for ridge in optimizer.ridges:
            self.on_step(len(solutions), len(optimizer.ridges), "ridges", "solving: one solution for each penalty")
            solutions.append(equations.solution(ridge))
            yield None
        chooser = self.held_out or self.train
        linear = yield from self._linear_scores(chooser, np.concatenate(solutions, axis=1))
        labels = chooser.labels.numpy()
        accuracies = [float(np.mean(each.argmax(axis=1) == labels)) for each in linear]
        ridges = list(zip(optimizer.ridges, accuracies, strict=True))
        ridge, _ = max(ridges, key=lambda pair: (pair[1], pair[0]))
        chosen = optimizer.ridges.index(ridge)
        degrees = best_temperature(linear[chosen], labels)
        self._set_output_layer(solutions[chosen], degrees)
        train, _ = yield from self._scored(self.train, "training")
        validation, self.probabilities = yield from self._scored(self.validation, "validation")
        if self.held_out is not None:
            yield from self._add_to(equations, self.held_out, self.train.count)
            self._set_output_layer(equations.solution(ridge), degrees)
        held_out = [{"ridge": each, "accuracy": accuracy} for each, accuracy in ridges] if self.held_out else []
        self._results["closed_form"] = {
            "ridge": ridge,
            "validation": held_out,
            "temperature": degrees,
            "tempered_on": "validation" if self.held_out else "training",
            "images": self._images,
        }
        self.position, self.best_epoch = Position(1), 1
        among = f", the best of {len(ridges)} on the validation images" if len(ridges) > 1 else ""
        text = f"solved over {counted(self._images, 'image')} with ridge {ridge:g}{among}"
        self.outcome = TrainingOutcome("finished", text)
        seconds = max(self.clock() - began, 1e-9)
        # these figures belong to the solution without the held-out images
        yield EpochEnded(
            epoch=1,
            loss=train.loss,
            accuracy=train.accuracy,
            val_loss=validation.loss,
            val_accuracy=validation.accuracy,
            learning_rate=None,
            seconds=seconds,
            images_per_second=self._images / seconds,
            confusion=tuple(tuple(row) for row in validation.confusion.tolist()),
        )

    def _add_to(
        self, equations: NormalEquations, examples: Resident, already_added: int
    ) -> Generator[None, None, None]:
        for features, labels, done in self._blocks(examples):
            equations.add(features, labels)
            self.on_step(already_added + done, self._images, "images", "solving: normal equations")
            yield None

    def _linear_scores(
        self, examples: Resident, solutions: NDArray[np.float64]
    ) -> Generator[None, None, list[NDArray[np.float64]]]:
        """Return the linear scores ``(n, classes)`` of each solution; `solutions` has their columns side by side."""
        blocks: list[NDArray[np.float64]] = []
        for features, _, done in self._blocks(examples):
            blocks.append(with_ones(features) @ solutions)
            self.on_step(done, examples.count, "images", "solving: choosing ridge and temperature")
            yield None
        return np.split(np.concatenate(blocks), solutions.shape[1] // int(self._output.kernel.shape[1]), axis=1)

    def _blocks(self, examples: Resident) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int32], int]]:
        """Yield the output layer's inputs, the labels, and the number of images done, block by block."""
        for first in range(0, examples.count, self._block):
            last = min(first + self._block, examples.count)
            yield self._features(examples.rows[first:last]).numpy(), examples.labels[first:last].numpy(), last

    def _hidden_output(self, rows: Any) -> Any:
        inputs = self.train.inputs(rows)
        values = [inputs, *each_output(self._hidden, inputs, training=False)][-1]
        return tf.cast(tf.reshape(values, (-1, self._output.kernel.shape[0])), tf.float32)

    def _set_output_layer(self, solution: Solution, degrees: float) -> None:
        tempered = (solution / degrees).astype(np.float32)
        self._output.set_weights([tempered[:-1], tempered[-1]])

    def _scored(self, examples: Resident, what: str) -> Generator[None, None, tuple[Scores, list[Any]]]:
        text = f"solving: {what} scores"
        return self.scorer.score(examples, lambda done: self.on_step(done, examples.count, "images", text))
