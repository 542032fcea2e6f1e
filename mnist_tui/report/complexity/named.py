"""The models that presets and runs stand for: what each is called, and the accuracy that its runs give it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mnist_tui.experiment.complexity import of
from mnist_tui.experiment.presets import Preset
from mnist_tui.report.complexity.model import ComparedModel, name_with_marks
from mnist_tui.runs.collection.seed_groups import grouped, summary
from mnist_tui.runs.collection.summaries import RunSummary


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
