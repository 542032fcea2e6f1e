"""Build the two documents, the report over any number of runs and the summary of one, from the templates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from mnist_tui.experiment.presets import dump_preset
from mnist_tui.report.complexity.breakdown import complexity_in_words
from mnist_tui.report.contents import one_run, several_runs
from mnist_tui.report.contents.several_runs import ReportSection, TrainedNetwork
from mnist_tui.report.evidence import Evidence, read_evidence
from mnist_tui.report.figures.accuracies import capacity_figure, seed_figure
from mnist_tui.report.figures.classes import class_score_figure, confusion_figure, mistake_figure
from mnist_tui.report.figures.diagram import diagram_figure
from mnist_tui.report.figures.drawing import Drawing
from mnist_tui.report.figures.epochs import history_figure, weight_figure
from mnist_tui.report.markdown import Facts, MarkdownText, Report, link, render_template
from mnist_tui.runs.folder import RunFolder
from mnist_tui.wording import counted


def build_report(evidences: Sequence[Evidence], *, title: str, author: str, timestamp: datetime) -> Report:
    """Build a report over one or more runs, in their order; a folder that is there twice is reported once.

    Args:
        title, author: plain text; the author may be empty.
        timestamp: the time in the report, with a time zone.
    """
    evidences = list({evidence.folder.path.resolve(): evidence for evidence in evidences}.values())
    divided, networks = several_runs.report_sections(evidences), several_runs.networks(evidences)
    texts, histories = several_runs.experiment_texts(divided), several_runs.short_histories(divided)
    model_of = {number: model for model in networks for number in model.runs}
    drawings: list[Drawing] = []
    section_contents: list[dict[str, Any]] = []
    for section in divided:
        figures = _section_figures(section)
        drawings += figures.values()
        contents = _section_contents(section, model_of[section.runs[0].number], texts[section.anchor])
        number = section.shown.number
        epochs = link(f"run {number}", f"epochs-{number}") if number in histories else None
        section_contents.append({**contents, "figures": figures, "epochs": epochs})
    models = [_network_contents(model, divided) for model in networks]
    drawings += [model["diagram"] for model in models]
    compared = several_runs.compare_networks(divided, networks) if len(networks) > 1 else None
    capacity: list[Drawing] = []
    for number, (data, points) in enumerate(compared.points.items() if compared else (), 1):
        capacity.append(_with_prefix(f"{data}. ", capacity_figure(f"capacity-{number}", points)))
    notices = {number: one_run.run_notices(evidence) for number, evidence in enumerate(evidences, 1)}
    markdown = render_template(
        "report.md.j2",
        {
            "notices": one_run.merged_notices(notices),
            "runs": several_runs.runs_table(divided, networks),
            "groups": several_runs.groups_table(divided),
            "pairs": several_runs.pair_table(divided),
            "published": several_runs.published_table(divided),
            "sections": section_contents,
            "models": models,
            "compared": compared,
            "capacity": capacity,
            "experiments": list({text.anchor: text for text in texts.values()}.values()),
            "epochs": histories,
        },
    )
    return Report(title, author, timestamp, markdown, (*drawings, *capacity))


def _section_contents(
    section: ReportSection, model: TrainedNetwork, text: several_runs.ExperimentText
) -> dict[str, Any]:
    shown = section.shown
    commands = (run.evidence.document["command"] for run in section.runs)
    notices = {run.number: one_run.notices_and_warnings(run.evidence) for run in section.runs}
    return {
        **one_run.run_contents(shown.evidence),
        "anchor": section.anchor,
        "title": section.title,
        "number": shown.number,
        "in_the_middle": shown in section.counted,
        "facts": _section_facts(section, model, text),
        "notices": one_run.merged_notices(notices),
        "seeds": several_runs.seed_table(section) if section.group is not None else None,
        "seeds_in_words": several_runs.group_in_words(section),
        "commands": list(dict.fromkeys(filter(None, commands))),
        "experiment": text,
    }


def _section_facts(section: ReportSection, model: TrainedNetwork, text: several_runs.ExperimentText) -> Facts:
    evidence = section.shown.evidence
    state, reason = evidence.state.state, evidence.document["reason"]
    parameters = counted(evidence.complexity.total, "parameter")
    notes = [(run.number, run.evidence.summary.note) for run in section.runs]
    return [
        ("Preset", evidence.preset.name),
        ("Changed from the preset", evidence.changes or None),
        ("Model", MarkdownText(f"{link(f'model {model.number}', model.anchor)}, {parameters}")),
        ("State", f"{state}{f': {reason}' if reason else ''}" if section.group is None else None),
        *((f"Note on run {number}", note or None) for number, note in notes),
        ("Experiment", link(f"experiment {text.number}", text.anchor)),
    ]


def _network_contents(model: TrainedNetwork, divided: Sequence[ReportSection]) -> dict[str, Any]:
    complexity, experiment = model.evidence.complexity, model.evidence.experiment
    used = [section for section in divided if section.runs[0].number in model.runs]
    return {
        "anchor": model.anchor,
        "title": model.title,
        "used": [link(f"{section.numbers} ({section.name})", section.anchor) for section in used],
        "diagram": _with_prefix(f"Model {model.number}. ", diagram_figure(model.anchor, experiment, complexity)),
        "layers": several_runs.layer_table(complexity, experiment),
        "words": complexity_in_words(complexity, experiment),
    }


def _with_prefix(prefix: str, drawing: Drawing) -> Drawing:
    return replace(drawing, caption=f"{prefix}{drawing.caption}")


def _section_figures(section: ReportSection) -> dict[str, Drawing]:
    """Return a section's figures by their kinds, without the figures that have no data."""
    evidence, stem = section.shown.evidence, f"run-{section.shown.number}"
    state, names = evidence.state, evidence.class_names
    figures: dict[str, Drawing] = {}
    if state.history and evidence.experiment.trains_in_epochs:
        best, ended = state.best.epoch if state.best is not None else None, state.ended
        early = ended is not None and ended.reason.startswith("early stopping")
        figures["history"] = history_figure(
            f"{stem}-history", state.history, best=best, stopped_early=early, ended=state.state
        )
    if classes := evidence.test.get("per_class"):
        figures["per_class"] = class_score_figure(f"{stem}-classes", classes)
    if evidence.matrix is not None:
        figures["confusion"] = confusion_figure(f"{stem}-confusion", evidence.matrix, names, evidence.matrix_of)
    if evidence.predictions is not None and len(evidence.predictions.misclassified):
        figures["mistakes"] = mistake_figure(f"{stem}-mistakes", evidence.predictions, names)
    if evidence.weights:
        figures["weights"] = weight_figure(f"{stem}-weights", evidence.weights)
    figures = {kind: _with_prefix(f"Run {section.shown.number}. ", drawing) for kind, drawing in figures.items()}
    if section.group is None:
        return figures
    scores, published = several_runs.seed_scores(section), several_runs.published_by_seed(section)
    seeds = seed_figure(f"{section.anchor}-seeds", scores, several_runs.SEED_SCORE_HEADINGS, published=published)
    return {"seeds": _with_prefix(f"{section.numbers.capitalize()}. ", seeds), **figures}


def run_summary(folder: RunFolder) -> str:
    """Return the summary of one run for a lab report, in Markdown; a RunError if the folder cannot be read."""
    evidence = read_evidence(folder)
    preset, complexity = evidence.preset, evidence.complexity
    return render_template(
        "summary.md.j2",
        {
            "title": preset.title or preset.name,
            "run": one_run.run_contents(evidence),
            "line": one_run.one_line_table(evidence),
            "history": one_run.history_table(evidence),
            "layers": several_runs.layer_table(complexity, evidence.experiment),
            "complexity": complexity,
            "toml": dump_preset(preset),
        },
    )
