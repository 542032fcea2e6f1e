"""The whole report, gathered from what is known of its runs; how it is laid out is `templates/report.md.j2`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from mnist_tui.report.complexity.words import paragraph
from mnist_tui.report.contents import appendix, figures, overview
from mnist_tui.report.contents.comparison import compared
from mnist_tui.report.contents.grid import Facts
from mnist_tui.report.contents.models import Model, layers, models
from mnist_tui.report.contents.notices import merged, notices, with_warnings
from mnist_tui.report.contents.one_run import of_run
from mnist_tui.report.contents.rendering import rendered
from mnist_tui.report.contents.sections import Section, sections
from mnist_tui.report.contents.seeds import in_pairs, per_seed, words
from mnist_tui.report.evidence import Evidence
from mnist_tui.report.figures.drawing import Drawing
from mnist_tui.report.markdown import Ready, link
from mnist_tui.report.source import Report
from mnist_tui.wording import counted

TEMPLATE = "report.md.j2"


def report(evidences: Sequence[Evidence], *, title: str, author: str, timestamp: datetime) -> Report:
    """A report over runs, in the order given; a folder that is named twice is told once.

    Args:
        evidences: of at least one run.
        timestamp: when the report is made; the only time in it that is not of a run.
    """
    evidences = list({evidence.folder.path.resolve(): evidence for evidence in evidences}.values())
    divided, used = sections(evidences), models(evidences)
    drawings: list[Drawing] = []
    texts, few = appendix.experiments(divided), appendix.epochs(divided)
    model_of = {number: model for model in used for number in model.runs}
    told: list[dict[str, Any]] = []
    for section in divided:
        drawn = figures.of_section(section)
        drawings += drawn.values()
        model, text = model_of[section.runs[0].number], texts[section.anchor]
        told.append(_section(section, model, text, few.get(section.anchor), drawn))
    networks = [_model(model, divided, drawings) for model in used]
    beside = compared(divided, used) if len(used) > 1 else None
    capacity = figures.of_capacity(beside.points) if beside is not None else []
    drawings += capacity
    markdown = rendered(
        TEMPLATE,
        {
            "notices": merged({number: notices(evidence) for number, evidence in enumerate(evidences, 1)}),
            "runs": overview.all_runs(divided, used),
            "groups": overview.of_groups(divided),
            "pairs": in_pairs(divided),
            "published": overview.published(divided),
            "sections": told,
            "models": networks,
            "compared": beside,
            "capacity": capacity,
            "experiments": list({text.anchor: text for text in texts.values()}.values()),
            "epochs": list(few.values()),
        },
    )
    return Report(title, author, timestamp.isoformat(timespec="seconds"), markdown, tuple(drawings))


def _section(
    section: Section,
    model: Model,
    text: appendix.ExperimentText,
    epochs: appendix.Epochs | None,
    drawn: dict[str, Drawing],
) -> dict[str, Any]:
    shown = section.shown
    return {
        **of_run(shown.evidence),
        "anchor": section.anchor,
        "title": section.title,
        "number": shown.number,
        "in_the_middle": shown in section.counted,
        "facts": _facts(section, model, text),
        "notices": merged({run.number: with_warnings(run.evidence) for run in section.runs}),
        "seeds": per_seed(section) if section.group is not None else None,
        "seeds_in_words": words(section),
        "commands": list(dict.fromkeys(filter(None, (run.evidence.document["command"] for run in section.runs)))),
        "figures": drawn,
        "epochs": epochs,
        "experiment": text,
    }


def _facts(section: Section, model: Model, text: appendix.ExperimentText) -> Facts:
    evidence = section.shown.evidence
    facts: Facts = [("Preset", evidence.preset.name)]
    if evidence.changes:
        facts.append(("Changed from the preset", evidence.changes))
    facts.append(
        (
            "Model",
            Ready(f"{link(f'model {model.number}', model.anchor)}, {counted(evidence.complexity.total, 'parameter')}"),
        )
    )
    if section.group is None:
        reason = evidence.document["reason"]
        facts.append(("State", f"{evidence.state.state}{f': {reason}' if reason else ''}"))
    facts += [
        (f"Note on run {run.number}", run.evidence.summary.note) for run in section.runs if run.evidence.summary.note
    ]
    return [*facts, ("Experiment", link(f"experiment {text.number}", text.anchor))]


def _model(model: Model, divided: Sequence[Section], drawings: list[Drawing]) -> dict[str, Any]:
    drawn = figures.of_model(model)
    drawings.append(drawn)
    evidence = model.evidence
    used = [section for section in divided if section.runs[0].number in model.runs]
    return {
        "anchor": model.anchor,
        "title": model.title,
        "used": [link(f"{section.numbers} ({section.name})", section.anchor) for section in used],
        "diagram": drawn,
        "layers": layers(evidence.complexity, evidence.experiment),
        "words": paragraph(evidence.complexity, evidence.experiment),
    }
