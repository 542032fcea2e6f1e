"""The models that are compared: what presets and runs stand for, with the accuracy that their runs reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mnist_tui.experiment.complexity import Complexity, of
from mnist_tui.experiment.presets import Preset
from mnist_tui.experiment.shapes import CLASSES
from mnist_tui.experiment.spec import Experiment
from mnist_tui.runs.collection.seed_groups import grouped, summary
from mnist_tui.runs.collection.summaries import RunSummary

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


@dataclass(frozen=True)
class NamedModel:
    """A model that was named.

    Attributes:
        preset: with the parameters that were given.
        run: whose accuracy is the model's; None for a preset, and for a run whose experiment was changed.
    """

    preset: Preset
    run: RunSummary | None = None


def compared_models(named: Sequence[NamedModel]) -> list[ComparedModel]:
    """The models in the order they were named, a run that was named twice once.

    Runs that differ in nothing but their seed are one model: the mean of the finished ones, the newest of each seed.
    Where none has finished, each is a model of its own, whose name tells its state.
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
    """The model of runs of one experiment, called after the one that was named if its accuracy counts."""
    first = named if named in runs else runs[0]
    more = f" and {len(runs) - 1} more" if len(runs) > 1 else ""
    over = summary(run.test_accuracy for run in runs)
    return ComparedModel(
        name_with_marks(f"{first.name or first.short}{more}", state=first.state),
        of(preset.experiment),
        preset.experiment,
        *((over.mean, over.std, over.n) if over else (None, None, 0)),
        dataset=first.dataset,
        interval=over.interval if over else None,
    )
