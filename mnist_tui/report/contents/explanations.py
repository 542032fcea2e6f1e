"""The part of a report that looks inside the networks: maps of the worst confusions, computed by a worker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING
from zipfile import is_zipfile

from mnist_tui.data.pictures import reading_of
from mnist_tui.errors import RequestError
from mnist_tui.experiment.spec import HogFeatures
from mnist_tui.report.contents.part_contents import PartContents, PartSettings
from mnist_tui.report.contents.several_runs import ReportSection
from mnist_tui.report.evidence import Evidence
from mnist_tui.report.figures.explanations import ExplainedMistake, ExplainedRun, mistakes_figure
from mnist_tui.report.markdown import render_template
from mnist_tui.runs.explanations import METHODS, Explainer, HeatMap, explained_run
from mnist_tui.runs.worker_jobs import PredictionError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mnist_tui.runs.predictions import Predictions

MISTAKES, MOST_MISTAKES = 3, 6
"""The confusions of each run that are explained, and those in a full report."""

Mistake = tuple["NDArray[np.uint8]", int, int]
"""A misclassified image, its true class and the predicted one."""


def explanations_part(settings: PartSettings) -> PartContents | None:
    """Return maps of the surest mistakes in the most frequent confusions of each section's network.

    Of several networks they are in full reports only, where there is room for them. Networks without a model or
    without mistakes are left out, as is the whole part if no worker can compute the maps.
    """
    if len(settings.sections) > 1 and not settings.full:
        return None
    sections = [section for section in settings.sections if _explicable(section.shown.evidence)]
    try:
        runs = _explained(sections, MOST_MISTAKES if settings.full else MISTAKES) if sections else []
    except (PredictionError, OSError):
        return None
    if not runs:
        return None
    drawing = mistakes_figure("explanations", runs)
    used = {each.maps[0].method for run in runs for each in run.mistakes}
    cited = {name: settings.cite(METHODS[name].work) if name in used else "" for name in ("saliency", "occlusion")}
    text = render_template("explanations.md.j2", {"drawing": drawing, "cited": cited})
    return PartContents(text, (drawing,))


def _explicable(evidence: Evidence) -> bool:
    if evidence.predictions is None or not len(evidence.predictions.misclassified):
        return False
    try:
        file = explained_run(evidence.folder).model_file
        return is_zipfile(file)  # else the process would start in vain
    except (RequestError, OSError):
        return False


def _explained(sections: Sequence[ReportSection], most: int) -> list[ExplainedRun]:
    """Return the explained mistakes of each section's network; one process loads one network after the other."""
    runs: list[ExplainedRun] = []
    with closing(Explainer(sections[0].shown.evidence.folder)) as explainer:
        explainer.wait_ready()
        for section in sections:
            evidence = section.shown.evidence
            if evidence.folder.path != explainer.folder.path:
                explainer.load(evidence.folder)
            if mistakes := _mistakes_of(evidence, explainer, most):
                experiment = evidence.experiment
                strokes = reading_of(experiment.image_shape, experiment.dataset.name) == "strokes"
                runs.append(ExplainedRun(f"Run {section.shown.number}", mistakes, strokes))
    return runs


def _mistakes_of(evidence: Evidence, explainer: Explainer, most: int) -> tuple[ExplainedMistake, ...]:
    assert evidence.predictions is not None
    names = evidence.class_names
    method = "occlusion" if isinstance(evidence.experiment.features, HogFeatures) else "saliency"

    def heat(pixels: NDArray[np.uint8], label: int) -> HeatMap:
        answer = explainer.explain(pixels.tobytes(), method, label=label)
        assert isinstance(answer, HeatMap)
        return answer

    return tuple(
        ExplainedMistake(pixels, names[true], names[wrong], (heat(pixels, true), heat(pixels, wrong)))
        for pixels, true, wrong in worst_mistakes(evidence.predictions, most)
    )


def worst_mistakes(predictions: Predictions, most: int) -> list[Mistake]:
    """Return the surest mistake in each of the most frequent confusions, the most frequent first."""
    import numpy as np

    probabilities = np.nan_to_num(predictions.probabilities[predictions.misclassified])
    true, wrong = predictions.labels[predictions.misclassified].tolist(), probabilities.argmax(axis=1).tolist()
    pairs = list(zip(true, wrong, strict=True))
    surest = np.argsort(-probabilities.max(axis=1), kind="stable").tolist()
    frequent = [pair for pair, _ in Counter(pair for pair in pairs if pair[0] != pair[1]).most_common(most)]
    places = [next(at for at in surest if pairs[at] == pair) for pair in frequent]
    return [(predictions.images[at], *pairs[at]) for at in places]
