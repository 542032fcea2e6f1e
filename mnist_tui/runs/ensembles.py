"""Ensembles: several runs' predictions for the same test images, averaged or put to the vote, as a run of their own.

The mean of the members' probabilities is usually better than any member (Dietterich, 2000; for networks that differ
only in their seed: Lakshminarayanan et al., 2017). Nothing is trained: the members' saved probabilities are used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_tui.errors import RequestError, RunError
from mnist_tui.runs.collection.summaries import summary_of
from mnist_tui.runs.evaluations import start_untrained
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.model_tests import McNemarTest, answers_of, compare_pair
from mnist_tui.runs.origin import ForeignLayer, Origin, OriginSource, complexity_of
from mnist_tui.runs.predictions import read_predictions
from mnist_tui.runs.source_runs import check_has_model, evaluated_run, sibling
from mnist_tui.runs.start import Standby
from mnist_tui.runs.state import LIVE
from mnist_tui.runs.worker_jobs import data_of
from mnist_tui.wording import counted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

METHODS = {"mean": "mean of the probabilities", "vote": "majority vote"}
"""The ways to combine predictions, with their words."""
MOST_MEMBERS = 100


def start_ensemble(
    runs: Sequence[RunFolder],
    *,
    vote: bool = False,
    command: Callable[[RunFolder], str] | None = None,
    data_dir: Path | None = None,
    name: str = "",
    standby: Standby | None = None,
) -> RunFolder:
    """Start the scoring of an ensemble; return the new run, beside its members.

    Args:
        runs: the members, at least two, which were evaluated on the same test images.
        vote: whether each member has one vote; else their probabilities are averaged.
        command, data_dir, name, standby: as for `evaluations.start_untrained`.

    Raises:
        RequestError: the runs cannot be combined; the message says why.
        RunError: as for `evaluations.start_untrained`.
    """
    members = list({run.path: run for run in runs}.values())
    check_members(members)
    first, method = members[0], "vote" if vote else "mean"
    preset, own = first.preset(), first.origin
    network, lacking = _networks(members)
    data = data_of(first)
    origin = Origin(
        "ensemble",
        tuple(OriginSource(member.id) for member in members),
        dataset=own.dataset if own is not None else data.name if data is not None else preset.experiment.dataset.name,
        changes=own.changes if own is not None else "",
        corrupt=own.corrupt if own is not None else "",
        network=network,
        predictions_only=bool(lacking),
        labels_only=vote,
        settings={"method": method},
        notes=_notes(members, method, lacking),
    )
    preset = replace(preset, name="ensemble", title=f"Ensemble of {counted(members, 'run')}")
    (data_dir, *_) = [place for place in first.data_places(data_dir) if place is not None] or [None]
    return start_untrained(
        first.path.parent, preset, origin, command=command, data_dir=data_dir, name=name, standby=standby
    )


def check_members(members: Sequence[RunFolder]) -> None:
    """Raise a RequestError unless runs can be combined: at least two, ended, predictions for the same test images."""
    if not 2 <= len(members) <= MOST_MEMBERS:
        raise RequestError(f"an ensemble needs 2 to {MOST_MEMBERS} different runs, not {len(members)}")
    first = members[0]
    for member in members:
        if member.path.parent.resolve() != first.path.parent.resolve():
            raise RequestError(f"runs {first.id} and {member.id} are in different folders of runs")
        if (state := member.state()) in LIVE:
            raise RequestError(f"run {member.id} is {state}; it can be a member once it has ended")
        if (origin := evaluated_run(member).origin) is not None and origin.kind == "ensemble":
            raise RequestError(f"run {member.id} is an ensemble itself; name its members instead")
        if member.preset().experiment.dataset.fold is not None:
            raise RequestError(f"run {member.id} is a fold of a cross-validation, evaluated on images of its own")
        if answers_of(member) is None:
            raise RequestError(f"run {member.id} has no predictions for the test images: it is {state}")
        if member is not first and (why := _why_other_images(first, member)):
            raise RequestError(f"runs {first.id} and {member.id} were evaluated on different test images: {why}")


def _why_other_images(first: RunFolder, other: RunFolder) -> str:
    """Return why two runs have other test images; empty if they have the same ones."""
    one, two = answers_of(first), answers_of(other)
    assert one is not None and two is not None
    if one.images != two.images:
        titles = f"those of {one.dataset} and those of {two.dataset}"
        return titles if one.dataset != two.dataset else "their checksums differ"
    same = len(one.labels) == len(two.labels) and bool((one.labels == two.labels).all())
    return "" if same else "their labels differ"


def _networks(members: Sequence[RunFolder]) -> tuple[tuple[ForeignLayer, ...] | None, list[str]]:
    """Return the layers of all members, None if one has no model, and the ids of the members without a model."""
    layers, lacking = list[ForeignLayer](), list[str]()
    for number, member in enumerate(members, 1):
        try:
            check_has_model(member)
        except RunError:
            lacking.append(member.id)
            continue
        origin, experiment = member.origin, member.preset().experiment
        complexity = complexity_of(experiment, origin)
        if complexity is not None:
            layers += (
                ForeignLayer(f"{number}/{row.name}", row.kind, row.output_shape, row.total, row.trainable)
                for row in complexity.layers
            )
        elif origin is not None and origin.network is not None:
            layers += (replace(layer, name=f"{number}/{layer.name}") for layer in origin.network)
    return None if lacking else tuple(layers), lacking


def _notes(members: Sequence[RunFolder], method: str, lacking: Sequence[str]) -> tuple[str, ...]:
    how = {
        "mean": f"Each probability is the mean over the {len(members)} members.",
        "vote": (
            f"Each of the {len(members)} members has one vote; of classes with equally many votes, the one with the "
            "largest mean probability wins. A vote gives classes, no probabilities."
        ),
    }
    notes = [how[method]]
    if lacking:
        notes.append(f"There is no model to classify other images: of {', '.join(lacking)} there are only predictions.")
    return tuple(notes)


def combined(probabilities: Sequence[NDArray[np.float32]], method: str) -> NDArray[np.float32]:
    """Return the predictions of an ensemble, float32 ``(n, classes)``.

    With ``mean`` these are the means of the members' probabilities, with ``vote`` 1 for the class with most votes
    (each member's is for its most probable class) and 0 for the others; a tie is decided by the mean probability.

    Args:
        probabilities: of each member, float32 ``(n, classes)``.
    """
    import numpy as np

    stacked = np.stack(probabilities).astype(np.float64)
    mean: NDArray[np.float64] = stacked.sum(axis=0) / len(stacked)
    if method != "vote":
        return mean.astype(np.float32)
    rows, votes = np.arange(len(mean)), np.zeros(mean.shape)
    for each in probabilities:
        votes[rows, each.argmax(axis=1)] += 1
    is_most = votes == votes.max(axis=1, keepdims=True)
    winners = np.where(is_most, mean, -1.0).argmax(axis=1)
    return np.eye(mean.shape[1], dtype=np.float32)[winners]


def combined_of(folder: RunFolder, origin: Origin, labels: NDArray[np.integer]) -> NDArray[np.float32]:
    """Return the predictions of an ensemble from what its members have saved, float32 ``(n, classes)``.

    Args:
        labels: the true classes of the test images, ``(n,)``, which the members' predictions must have, too.

    Raises:
        RunError: a member no longer exists, or has predictions for other images.
    """
    saved: list[NDArray[np.float32]] = []
    for source in origin.sources:
        member = sibling(folder, source.name)
        found = read_predictions(member.predictions_file)
        if found is None:
            raise RunError(f"the predictions of run {source.name} are not there any more or cannot be read")
        if found.labels.shape != labels.shape or not (found.labels == labels).all():
            raise RunError(f"run {source.name} has predictions for other images than the test images of the ensemble")
        saved.append(found.probabilities)
    if len({each.shape for each in saved}) > 1:
        raise RunError("the members have different numbers of classes")
    return combined(saved, origin.settings.get("method", "mean"))


@dataclass(frozen=True)
class EnsembleMember:
    """A member of an ensemble beside the ensemble.

    Attributes:
        run: its id.
        label: the name by which lists show it.
        accuracy: None if its predictions are not there any more.
        gain: the ensemble's accuracy minus the member's.
        test: McNemar's test, the ensemble first; None without predictions.
    """

    run: str
    label: str
    accuracy: float | None
    gain: float | None
    test: McNemarTest | None

    def to_document(self) -> dict[str, Any]:
        """Return the member as a JSON object."""
        return {**vars(self), "test": self.test.to_document() if self.test is not None else None}


def members_of(folder: RunFolder) -> list[EnsembleMember]:
    """Return the members of an ensemble, the most accurate first; none for other runs."""
    origin = folder.origin
    if origin is None or origin.kind != "ensemble":
        return []
    own, members = answers_of(folder), list[EnsembleMember]()
    for source in origin.sources:
        run = sibling(folder, source.name)
        answers, label = answers_of(run), source.name
        with suppress(RequestError, OSError, ValueError, TypeError):
            label = summary_of(run).shown_name
        if own is None or answers is None or len(own.right) != len(answers.right):
            members.append(EnsembleMember(source.name, label, None, None, None))
            continue
        accuracy, gain = float(answers.right.mean()), float(own.right.mean() - answers.right.mean())
        members.append(EnsembleMember(source.name, label, accuracy, gain, compare_pair(own.right, answers.right)))
    return sorted(members, key=lambda member: -(member.accuracy or 0.0))
