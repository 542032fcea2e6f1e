"""The models that are compared: those of presets and of runs, with the accuracy that the runs reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mnist_tui.experiment.complexity import Complexity, of
from mnist_tui.experiment.presets import Preset
from mnist_tui.experiment.shapes import CLASSES
from mnist_tui.experiment.spec import Experiment
from mnist_tui.runs.collection.seed_groups import SeedStatistics, grouped, summary
from mnist_tui.runs.collection.summaries import RunSummary

FINISHED = "finished"
"""The state of a run whose accuracy is told without a remark."""


@dataclass(frozen=True)
class ComparedModel:
    """One of several models that are compared.

    Attributes:
        name: as a person calls it.
        accuracy: on the test set, 0 to 1; the mean where there are several runs; None where it is not known.
        deviation: standard deviation of the accuracy over the runs; None for fewer than two.
        runs: the number of runs that the accuracy was taken from.
        dataset: the dataset of the accuracy; empty for that of the experiment.
        interval: the 95 % interval of the mean accuracy; None for fewer than two runs.
    """

    name: str
    complexity: Complexity
    experiment: Experiment
    accuracy: float | None = None
    deviation: float | None = None
    runs: int = 0
    dataset: str = ""
    interval: tuple[float, float] | None = None

    @classmethod
    def with_accuracy(
        cls, name: str, complexity: Complexity, experiment: Experiment, accuracy: SeedStatistics | None, dataset: str
    ) -> ComparedModel:
        """Return a model with the accuracy of one or more runs."""
        if accuracy is None:
            return cls(name, complexity, experiment, dataset=dataset)
        found = (accuracy.mean, accuracy.std, accuracy.n)
        return cls(name, complexity, experiment, *found, dataset=dataset, interval=accuracy.interval)

    @property
    def data(self) -> str:
        """The dataset's name."""
        return self.dataset or self.experiment.dataset.name

    @property
    def filters(self) -> tuple[int, ...]:
        """The number of filters of each convolution."""
        return tuple(layer.output_shape[-1] for layer in self.complexity.layers if layer.kind == "conv2d")

    @property
    def units(self) -> tuple[int, ...]:
        """The number of neurons of each dense hidden layer."""
        return tuple(layer.output_shape[0] for layer in self.complexity.layers[:-1] if layer.kind == "dense")

    @property
    def depth(self) -> int:
        """The number of hidden layers with weights."""
        return len(self.filters) + len(self.units)

    @property
    def points(self) -> float | None:
        """Percentage points of accuracy above guessing for each 1,000 parameters; negative if worse than guessing."""
        if self.accuracy is None:
            return None
        return 100 * (self.accuracy - 1 / CLASSES) / (self.complexity.total / 1000)


def name_with_marks(name: str, *marks: str, state: str = FINISHED) -> str:
    """Return a model's name with remarks that tell it from others: ``raw (run 2, stopped)``."""
    told = [*filter(None, marks), *([state] if state != FINISHED else [])]
    return f"{name} ({', '.join(told)})" if told else name


@dataclass(frozen=True)
class NamedModel:
    """A model that the command line names.

    Attributes:
        preset: its experiment, with the changes that were asked for.
        run: the run whose accuracy it has; None for a preset, and for a run whose experiment was changed.
    """

    preset: Preset
    run: RunSummary | None = None


def compared_models(named: Sequence[NamedModel]) -> list[ComparedModel]:
    """Return the models to compare, in the order they were named; a run named twice counts once.

    Runs that differ only in their seed are one model, with the mean accuracy of the finished ones (the newest run of
    each seed). If none has finished, each run is a model of its own, and its name tells its state.
    """
    runs = {_resolved(one.run): one.run for one in named if one.run is not None}
    groups = {group.group: group for group in grouped(runs.values())}
    found: dict[object, ComparedModel] = {}
    for number, one in enumerate(named):
        run = one.run
        if run is None:
            found[number] = ComparedModel(one.preset.name, of(one.preset.experiment), one.preset.experiment)
        elif scored := groups[run.group].scored:
            found.setdefault(run.group, _model_of_runs(scored, run, one.preset))
        else:
            found.setdefault(_resolved(run), _model_of_runs((run,), run, one.preset))
    return list(found.values())


def _resolved(run: RunSummary) -> Path:
    return Path(run.folder).resolve()


def _model_of_runs(runs: Sequence[RunSummary], named: RunSummary, preset: Preset) -> ComparedModel:
    """Return the model of runs of one experiment, called after the named run if its accuracy counts."""
    first = named if named in runs else runs[0]
    more = f" and {len(runs) - 1} more" if len(runs) > 1 else ""
    name = name_with_marks(f"{first.name or first.short}{more}", state=first.state)
    accuracy = summary(run.test_accuracy for run in runs)
    return ComparedModel.with_accuracy(name, of(preset.experiment), preset.experiment, accuracy, first.dataset)
