"""The whole report, gathered from what is known of its runs; how it is laid out is `templates/report.md.j2`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from mnist_tui.report.complexity.words import complexity_in_words
from mnist_tui.report.contents import appendix, figures, overview
from mnist_tui.report.contents.comparison import compare_networks
from mnist_tui.report.contents.grid import Facts
from mnist_tui.report.contents.models import Network, layer_table, networks
from mnist_tui.report.contents.notices import merged_notices, notices_and_warnings, run_notices
from mnist_tui.report.contents.one_run import run_contents
from mnist_tui.report.contents.rendering import render_template
from mnist_tui.report.contents.sections import ReportSection, report_sections
from mnist_tui.report.contents.seeds import group_in_words, pair_table, seed_table
from mnist_tui.report.evidence import Evidence
from mnist_tui.report.figures.drawing import Drawing
from mnist_tui.report.markdown import MarkdownText, link
from mnist_tui.report.source import Report
from mnist_tui.wording import counted

REPORT_TEMPLATE = "report.md.j2"


def build_report(evidences: Sequence[Evidence], *, title: str, author: str, timestamp: datetime) -> Report:
    """A report over runs, in the order given; a folder that is named twice is told once.

    Args:
        evidences: of at least one run.
        timestamp: when the report is made; the only time in it that is not of a run.
    """
    evidences = list({evidence.folder.path.resolve(): evidence for evidence in evidences}.values())
    divided, used = report_sections(evidences), networks(evidences)
    drawings: list[Drawing] = []
    texts, few = appendix.experiment_texts(divided), appendix.short_histories(divided)
    model_of = {number: model for model in used for number in model.runs}
    told: list[dict[str, Any]] = []
    for section in divided:
        drawn = figures.section_figures(section)
        drawings += drawn.values()
        model, text = model_of[section.runs[0].number], texts[section.anchor]
        told.append(_section_contents(section, model, text, few.get(section.anchor), drawn))
    networks = [_network_contents(model, divided, drawings) for model in used]
    beside = compare_networks(divided, used) if len(used) > 1 else None
    capacity = figures.capacity_figures(beside.points) if beside is not None else []
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
            "models": networks,
            "compared": beside,
            "capacity": capacity,
            "experiments": list({text.anchor: text for text in texts.values()}.values()),
            "epochs": list(few.values()),
        },
    )
    return Report(title, author, timestamp.isoformat(timespec="seconds"), markdown, tuple(drawings))


def _section_contents(
    section: ReportSection,
    model: Network,
    text: appendix.ExperimentText,
    epochs: appendix.EpochTable | None,
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


def _section_facts(section: ReportSection, model: Network, text: appendix.ExperimentText) -> Facts:
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


def _network_contents(model: Network, divided: Sequence[ReportSection], drawings: list[Drawing]) -> dict[str, Any]:
    drawn = figures.network_figure(model)
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
