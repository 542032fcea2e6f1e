"""A model among others: its complexity, and how well it does where that is known."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_tui.experiment.complexity import Complexity
from mnist_tui.experiment.shapes import CLASSES
from mnist_tui.experiment.spec import Experiment

FINISHED = "finished"
"""The state of runs whose accuracy needs no further word."""


@dataclass(frozen=True)
class ComparedModel:
    """One of the models that are compared.

    Attributes:
        name: someone's name for it.
        accuracy: on the test set, 0 to 1, the mean where it has several runs; None where it is not known.
        deviation: of the accuracy over the runs; None for fewer than two.
        interval: the mean accuracy's 95 % interval; None for fewer than two.
        runs: that the accuracy is of.
        dataset: that the accuracy was measured on; empty for the experiment's own.
    """

    name: str
    complexity: Complexity
    experiment: Experiment
    accuracy: float | None = None
    deviation: float | None = None
    runs: int = 0
    dataset: str = ""
    interval: tuple[float, float] | None = None

    @property
    def data(self) -> str:
        """The dataset's name."""
        return self.dataset or self.experiment.dataset.name

    @property
    def filters(self) -> tuple[int, ...]:
        """Filters of its convolutions."""
        return tuple(layer.output_shape[-1] for layer in self.complexity.layers if layer.kind == "conv2d")

    @property
    def units(self) -> tuple[int, ...]:
        """Neurons of its dense hidden layers."""
        return tuple(layer.output_shape[0] for layer in self.complexity.layers[:-1] if layer.kind == "dense")

    @property
    def depth(self) -> int:
        """Hidden layers with weights."""
        return len(self.filters) + len(self.units)

    @property
    def points(self) -> float | None:
        """Percentage points of accuracy above guessing, for each 1,000 parameters; below 0 for worse than guessing."""
        if self.accuracy is None:
            return None
        return 100 * (self.accuracy - 1 / CLASSES) / (self.complexity.total / 1000)


def name_with_marks(name: str, *marks: str, state: str = FINISHED) -> str:
    """A model's name, with what else tells it apart: ``raw (run 2, stopped)``."""
    told = [*filter(None, marks), *([state] if state != FINISHED else [])]
    return f"{name} ({', '.join(told)})" if told else name
