"""The runs that a run which was not trained here rests on, and whether it has a model that can classify images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mnist_tui.errors import RunError
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.state import LIVE
from mnist_tui.runs.weight_formats import WHOLE_MODELS
from mnist_tui.runs.worker_jobs import has_model
from mnist_tui.wording import listed


def evaluated_run(run: RunFolder) -> RunFolder:
    """Return the run itself or, for an evaluation, the run that was evaluated.

    Raises:
        RunError: that run no longer exists.
    """
    origin = run.origin
    if origin is None or origin.kind != "evaluated":
        return run
    source = sibling(run, origin.sources[0].name)
    if not source.experiment_file.is_file():
        raise RunError(f"run {run.id} has no model of its own: {origin.sentence}, and that run no longer exists")
    return source


def sibling(run: RunFolder, name: str) -> RunFolder:
    """Return the run of this id in the same folder of runs; an origin names runs by their ids, never by a path."""
    return RunFolder(run.path.parent / Path(name).name)


def member_networks(run: RunFolder) -> list[RunFolder]:
    """Return the runs whose networks are the members of an ensemble; none for other runs.

    Raises:
        RunError: a member no longer exists, or is itself an ensemble.
    """
    origin, networks = run.origin, list[RunFolder]()
    for source in origin.sources if origin is not None and origin.kind == "ensemble" else ():
        member = sibling(run, source.name)
        if not member.experiment_file.is_file():
            raise RunError(f"run {run.id} has no model: its member {source.name} no longer exists")
        network = evaluated_run(member)
        if network.origin is not None and network.origin.kind == "ensemble":
            raise RunError(f"run {run.id} has no model: its member {source.name} is an ensemble itself")
        networks.append(network)
    return networks


def check_has_model(run: RunFolder) -> None:
    """Raise a RunError unless a run has ended and has a model that can classify images."""
    origin, state = run.origin, run.state()
    if origin is not None and origin.predictions_only:
        raise RunError(f"run {run.id} has no model: {origin.sentence}, which holds only predictions")
    if state in LIVE:
        raise RunError(f"run {run.id} is {state}; it can be evaluated on other data once it has ended")
    for member in member_networks(run):
        check_has_model(member)
    if origin is None and not has_model(run):
        raise RunError(f"run {run.id} has no model: it is {state} and left no checkpoint")


def check_weights_exportable(run: RunFolder, formats: Sequence[str]) -> None:
    """Raise a RunError if formats cannot hold a run's model, because it was not trained here or is an ensemble.

    An ensemble of networks that were trained here has no weights of its own: formats of whole models can hold it.

    Args:
        formats: keys of `weight_formats.WEIGHT_FORMATS`.
    """
    if run.origin is None or run.origin.kind != "ensemble":
        run.check_trained_here("has no weights to export")
        return
    if lacking := [name for name in formats if name not in WHOLE_MODELS]:
        raise RunError(
            f"run {run.id} is an ensemble without weights of its own, so {lacking[0]} cannot hold it; "
            f"{listed(list(WHOLE_MODELS))} can"
        )
    check_has_model(run)
    for member in member_networks(run):
        member.check_trained_here("is no network that an export of the ensemble can hold")
