"""Build the two documents: the report over any number of runs, and the summary of one.

The templates in report/templates lay them out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from mnist_tui.experiment.presets import dump_preset
from mnist_tui.report.complexity.words import complexity_in_words
from mnist_tui.report.contents import overview, sections
from mnist_tui.report.contents.one_run import (
    history_table,
    merged_notices,
    notices_and_warnings,
    one_line_table,
    run_contents,
    run_notices,
    stopped_early,
)
from mnist_tui.report.contents.overview import (
    SEED_SCORE_HEADINGS,
    compare_networks,
    group_in_words,
    pair_table,
    published_by_seed,
    seed_scores,
    seed_table,
)
from mnist_tui.report.contents.sections import ReportSection, TrainedNetwork, layer_table, networks, report_sections
from mnist_tui.report.evidence import Evidence, read_evidence
from mnist_tui.report.figures.accuracies import CapacityPoint, capacity_figure, seed_figure
from mnist_tui.report.figures.classes import class_score_figure, confusion_figure, mistake_figure
from mnist_tui.report.figures.curves import history_figure
from mnist_tui.report.figures.diagram import diagram_figure
from mnist_tui.report.figures.drawing import Drawing
from mnist_tui.report.figures.weights import weight_figure
from mnist_tui.report.markdown import Facts, MarkdownText, Report, link, render_template
from mnist_tui.runs.folder import RunFolder
from mnist_tui.wording import counted

REPORT_TEMPLATE = "report.md.j2"


def build_report(evidences: Sequence[Evidence], *, title: str, author: str, timestamp: datetime) -> Report:
    """Build a report over runs, in the order given; a folder that is named twice is reported once.

    Args:
        evidences: one or more runs.
        title, author: plain text; the author may be empty.
        timestamp: when the report is made; the only time in it that is not of a run.
    """
    evidences = list({evidence.folder.path.resolve(): evidence for evidence in evidences}.values())
    divided, used = report_sections(evidences), networks(evidences)
    drawings: list[Drawing] = []
    texts, few = sections.experiment_texts(divided), sections.short_histories(divided)
    model_of = {number: model for model in used for number in model.runs}
    told: list[dict[str, Any]] = []
    for section in divided:
        drawn = section_figures(section)
        drawings += drawn.values()
        model, text = model_of[section.runs[0].number], texts[section.anchor]
        told.append(_section_contents(section, model, text, few.get(section.anchor), drawn))
    chapters = [_network_contents(model, divided, drawings) for model in used]
    beside = compare_networks(divided, used) if len(used) > 1 else None
    capacity = capacity_figures(beside.points) if beside is not None else []
    drawings += capacity
    markdown = render_template(
        REPORT_TEMPLATE,
        {
            "notices": merged_notices({number: run_notices(evidence) for number, evidence in enumerate(evidences, 1)}),
            "runs": overview.runs_table(divided, used),
            "groups": overview.groups_table(divided),
            "pairs": pair_table(divided),
            "published": overview.published_table(divided),
            "sections": told,
            "models": chapters,
            "compared": beside,
            "capacity": capacity,
            "experiments": list({text.anchor: text for text in texts.values()}.values()),
            "epochs": list(few.values()),
        },
    )
    return Report(title, author, timestamp.isoformat(timespec="seconds"), markdown, tuple(drawings))


def _section_contents(
    section: ReportSection,
    model: TrainedNetwork,
    text: sections.ExperimentText,
    epochs: sections.EpochTable | None,
    drawn: dict[str, Drawing],
) -> dict[str, Any]:
    shown = section.shown
    return {
        **run_contents(shown.evidence),
        "anchor": section.anchor,
        "title": section.title,
        "number": shown.number,
        "in_the_middle": shown in section.counted,
        "facts": _section_facts(section, model, text),
        "notices": merged_notices({run.number: notices_and_warnings(run.evidence) for run in section.runs}),
        "seeds": seed_table(section) if section.group is not None else None,
        "seeds_in_words": group_in_words(section),
        "commands": list(dict.fromkeys(filter(None, (run.evidence.document["command"] for run in section.runs)))),
        "figures": drawn,
        "epochs": epochs,
        "experiment": text,
    }


def _section_facts(section: ReportSection, model: TrainedNetwork, text: sections.ExperimentText) -> Facts:
    evidence = section.shown.evidence
    facts: Facts = [("Preset", evidence.preset.name)]
    if evidence.changes:
        facts.append(("Changed from the preset", evidence.changes))
    facts.append(
        (
            "Model",
            MarkdownText(
                f"{link(f'model {model.number}', model.anchor)}, {counted(evidence.complexity.total, 'parameter')}"
            ),
        )
    )
    if section.group is None:
        reason = evidence.document["reason"]
        facts.append(("State", f"{evidence.state.state}{f': {reason}' if reason else ''}"))
    facts += [
        (f"Note on run {run.number}", run.evidence.summary.note) for run in section.runs if run.evidence.summary.note
    ]
    return [*facts, ("Experiment", link(f"experiment {text.number}", text.anchor))]


def _network_contents(
    model: TrainedNetwork, divided: Sequence[ReportSection], drawings: list[Drawing]
) -> dict[str, Any]:
    drawn = network_figure(model)
    drawings.append(drawn)
    evidence = model.evidence
    used = [section for section in divided if section.runs[0].number in model.runs]
    return {
        "anchor": model.anchor,
        "title": model.title,
        "used": [link(f"{section.numbers} ({section.name})", section.anchor) for section in used],
        "diagram": drawn,
        "layers": layer_table(evidence.complexity, evidence.experiment),
        "words": complexity_in_words(evidence.complexity, evidence.experiment),
    }


def section_figures(section: ReportSection) -> dict[str, Drawing]:
    """Return a section's figures by what they show, without those that no data are known for."""
    evidence, stem = section.shown.evidence, f"run-{section.shown.number}"
    found: dict[str, Drawing] = {}
    if section.group is not None:
        found["seeds"] = seed_figure(
            f"{section.anchor}-seeds", seed_scores(section), SEED_SCORE_HEADINGS, published=published_by_seed(section)
        )
    if evidence.state.history and evidence.experiment.trains_in_epochs:
        found["history"] = _history(f"{stem}-history", evidence)
    if classes := evidence.test.get("per_class"):
        found["per_class"] = class_score_figure(f"{stem}-classes", classes)
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


def network_figure(model: TrainedNetwork) -> Drawing:
    """Draw a network's architecture."""
    drawn = diagram_figure(model.anchor, model.evidence.experiment, model.evidence.complexity)
    return replace(drawn, caption=f"Model {model.number}. {drawn.caption}")


def capacity_figures(points: Mapping[str, Sequence[CapacityPoint]]) -> list[Drawing]:
    """Draw accuracy against parameters, one figure a dataset."""
    drawn: list[Drawing] = []
    for number, (title, found) in enumerate(points.items(), 1):
        one = capacity_figure(f"capacity-{number}", found)
        drawn.append(replace(one, caption=f"{title}. {one.caption}"))
    return drawn


SUMMARY_TEMPLATE = "summary.md.j2"


def run_summary(folder: RunFolder) -> str:
    """Return the summary of one run for a lab report, in Markdown.

    Raises:
        RunError: the folder cannot be read.
    """
    evidence = read_evidence(folder)
    preset, complexity = evidence.preset, evidence.complexity
    return render_template(
        SUMMARY_TEMPLATE,
        {
            "title": preset.title or preset.name,
            "run": run_contents(evidence),
            "line": one_line_table(evidence),
            "history": history_table(evidence),
            "layers": layer_table(complexity, evidence.experiment),
            "complexity": complexity,
            "toml": dump_preset(preset),
        },
    )
