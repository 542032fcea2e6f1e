"""Which figures a report has, and what each is drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mnist_tui.experiment.spec import is_closed_form
from mnist_tui.report.contents.models import Network
from mnist_tui.report.contents.sections import ReportSection
from mnist_tui.report.contents.seeds import SEED_SCORE_HEADINGS, published_by_seed, seed_scores
from mnist_tui.report.contents.training import stopped_early
from mnist_tui.report.evidence import Evidence
from mnist_tui.report.figures.capacity import CapacityPoint, capacity_figure
from mnist_tui.report.figures.confusion import confusion_figure
from mnist_tui.report.figures.curves import history_figure
from mnist_tui.report.figures.diagram import diagram_figure
from mnist_tui.report.figures.drawing import Drawing
from mnist_tui.report.figures.mistakes import mistake_figure
from mnist_tui.report.figures.per_class import class_score_figure
from mnist_tui.report.figures.seeds import seed_figure
from mnist_tui.report.figures.weights import weight_figure


def section_figures(section: ReportSection) -> dict[str, Drawing]:
    """A section's figures by what they show; those that nothing is known for are left out."""
    evidence, stem = section.shown.evidence, f"run-{section.shown.number}"
    found: dict[str, Drawing] = {}
    if section.group is not None:
        found["seeds"] = seed_figure(
            f"{section.anchor}-seeds", seed_scores(section), SEED_SCORE_HEADINGS, published=published_by_seed(section)
        )
    if evidence.state.history and not is_closed_form(evidence.experiment):
        found["history"] = _history(f"{stem}-history", evidence)
    if evidence.document["test"] and evidence.document["test"]["per_class"]:
        found["per_class"] = class_score_figure(f"{stem}-classes", evidence.document["test"]["per_class"])
    if evidence.matrix is not None:
        found["confusion"] = confusion_figure(
            f"{stem}-confusion", evidence.matrix, evidence.class_names, evidence.matrix_of
        )
    if evidence.predictions is not None and len(evidence.predictions.misclassified):
        found["mistakes"] = _mistakes(f"{stem}-mistakes", evidence)
    if evidence.weights:
        found["weights"] = weight_figure(f"{stem}-weights", evidence.weights)
    told = section.numbers if section.group is not None else ""
    which = f"Run {section.shown.number}"
    return {
        name: replace(one, caption=f"{told.capitalize() if name == 'seeds' else which}. {one.caption}")
        for name, one in found.items()
    }


def _history(name: str, evidence: Evidence) -> Drawing:
    state = evidence.state
    best = state.best.epoch if state.best is not None else None
    return history_figure(name, state.history, best=best, stopped_early=stopped_early(evidence), ended=state.state)


def _mistakes(name: str, evidence: Evidence) -> Drawing:
    import numpy as np

    known = evidence.predictions
    assert known is not None
    wrong = known.probabilities[known.misclassified]
    totals = np.bincount(known.labels, minlength=wrong.shape[1]).tolist()
    return mistake_figure(
        name,
        known.images,
        known.labels[known.misclassified],
        wrong.argmax(axis=1),
        wrong,
        evidence.class_names,
        totals=totals,
    )


def network_figure(model: Network) -> Drawing:
    """A network drawn."""
    drawn = diagram_figure(model.anchor, model.evidence.experiment, model.evidence.complexity)
    return replace(drawn, caption=f"Model {model.number}. {drawn.caption}")


def capacity_figures(points: Mapping[str, Sequence[CapacityPoint]]) -> list[Drawing]:
    """Accuracy against parameters, a figure a dataset."""
    drawn: list[Drawing] = []
    for number, (title, found) in enumerate(points.items(), 1):
        one = capacity_figure(f"capacity-{number}", found)
        drawn.append(replace(one, caption=f"{title}. {one.caption}"))
    return drawn
