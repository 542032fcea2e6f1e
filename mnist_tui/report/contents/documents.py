"""Build the two documents, the report over any number of runs and the summary of one, from the templates."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from mnist_tui.data.known import KNOWN
from mnist_tui.experiment.complexity import Complexity
from mnist_tui.experiment.layers import Conv2D, Dropout
from mnist_tui.experiment.presets import dump_preset, heading
from mnist_tui.experiment.spec import HogFeatures
from mnist_tui.report.complexity.breakdown import FOREIGN_HEADINGS, complexity_in_words, foreign_rows
from mnist_tui.report.contents import comparison, one_run, run_facts, several_runs
from mnist_tui.report.contents.discussion import comparing, run_findings
from mnist_tui.report.contents.learning import learning_algorithm, runs_in_words
from mnist_tui.report.contents.parameters import parameter_figures
from mnist_tui.report.contents.part_contents import PartSettings
from mnist_tui.report.contents.parts import section_parts, whole_parts
from mnist_tui.report.contents.references import Citations
from mnist_tui.report.contents.several_runs import ReportSection, TrainedNetwork
from mnist_tui.report.evidence import Evidence, read_evidence, scored_on
from mnist_tui.report.figures.accuracies import capacity_figure, seed_figure
from mnist_tui.report.figures.classes import confusion_figure, mistake_figure
from mnist_tui.report.figures.diagram import diagram_figure
from mnist_tui.report.figures.drawing import Drawing
from mnist_tui.report.figures.epochs import history_figure, weight_figure
from mnist_tui.report.markdown import (
    MarkdownTable,
    MarkdownText,
    Report,
    escaped,
    link,
    numbered,
    refer,
    render_template,
)
from mnist_tui.runs.collection.cross_validation import counted_together
from mnist_tui.runs.diagnosis import LAST, LAST_FALL, STILL_FALLING
from mnist_tui.runs.folder import RunFolder
from mnist_tui.wording import count, counted, grouped, listed, noun, percent

DATASET_WORKS = {
    "mnist": "lecun1998",
    "fashion-mnist": "xiao2017",
    "kmnist": "clanuwat2018",
    "qmnist": "yadav2019",
    "digits": "alpaydin1998",
    **{name: "cohen2017" for name, known in KNOWN.items() if known.place == "emnist"},
    **{name: "yang2023" for name, known in KNOWN.items() if known.photographs},
}
"""The works that describe the known datasets."""
MISTAKES, FEWER_MISTAKES = 4, 2
"""The most frequent confusions drawn for the only run of a report, and for each of several."""


def build_report(
    evidences: Sequence[Evidence],
    *,
    title: str,
    author: str,
    timestamp: datetime,
    full: bool = False,
    without: Collection[str] = (),
) -> Report:
    """Build a report over one or more runs, in their order; a folder that is there twice is reported once.

    Args:
        title, author: plain text; the author may be empty.
        timestamp: the time in the report, with a time zone.
        full: whether to append the details of each run: its experiment, epochs, checksums, platform and weights.
        without: the names of the parts (`report.parts`) that are left out.
    """
    cite = Citations()
    evidences = list({evidence.folder.path.resolve(): evidence for evidence in evidences}.values())
    sections, networks = several_runs.report_sections(evidences), several_runs.networks(evidences)
    notices = {number: one_run.run_notices(evidence) for number, evidence in enumerate(evidences, 1)}
    at_head = one_run.shared_notices(notices) if len(sections) > 1 else []
    texts, headings = several_runs.experiment_texts(sections), several_runs.headings(sections)
    ranking = full and "statistics" not in without
    mistakes = MISTAKES if full and len(sections) == 1 else FEWER_MISTAKES
    drawings: list[Drawing] = []
    section_contents: list[dict[str, Any]] = []
    for section in sections:
        figures = _section_figures(section, mistakes, full=full)
        drawings += figures.values()
        own = {run.number: [text for text in notices[run.number] if text not in at_head] for run in section.runs}
        section_contents.append(
            {**_section_contents(section, headings[section.anchor], own, figures, ranking=ranking), "figures": figures}
        )
    opening, runs_caption = _opening(sections, networks, cite), several_runs.runs_caption(sections, cite)
    learning = learning_algorithm(evidences, cite)
    settings = PartSettings(cite, full, sections)
    for contents, section in zip(section_contents, sections, strict=True):
        contents["findings_at"] = _findings(section, contents["figures"], cite, alone=len(sections) == 1)
        own_parts = section_parts(section, settings, without)
        contents["parts"] = [part.markdown for part in own_parts]
        drawings += [drawing for part in own_parts for drawing in part.drawings]
    further = whole_parts(settings, without)
    drawings += [drawing for part in further for drawing in part.drawings]
    models = _models(networks, sections)
    drawings += [model["diagram"] for model in models if model["diagram"]]
    tested = "pairs" not in without
    compared = comparison.compare_runs(sections, cite, tested=tested) if len(sections) > 1 else None
    drawings += [compared.curves] if compared and compared.curves else []
    accuracies: list[Drawing] = []
    by_size = several_runs.accuracy_points(sections, networks)
    varied = parameter_figures(sections, by_size) if len(sections) > 1 else []
    drawings += [drawing for drawing, _ in varied]
    for number, (data, points) in enumerate(by_size.items(), 1):
        of = scored_on(section.shown.evidence for section in sections)
        accuracies.append(_with_prefix(f"{data}: ", capacity_figure(f"capacity-{number}", points, of)))
    groups = any(section.group is not None for section in sections)
    markdown = render_template(
        "report.md.j2",
        {
            "full": full,
            "learning": learning,
            "notices": at_head,
            "opening": opening,
            "runs": several_runs.runs_table(sections, networks),
            "runs_caption": runs_caption,
            "groups": groups,
            "answer": comparison.answer(sections),
            "models": models,
            "foreign": _foreign_networks(sections),
            "untrained": _untrained(sections),
            "diagrams": _diagrams(networks),
            "capacity": several_runs.compare_capacity(networks) if len(networks) > 1 else None,
            "facts": run_facts.shared_facts(sections),
            "validation": one_run.validation_advice(evidences),
            "published": several_runs.published_table(sections, cite),
            "commands": _commands(evidences),
            "reading": _reading(drawings, evidences),
            "checksums": run_facts.checksums(sections),
            "sections": section_contents,
            "further": [part.markdown for part in further],
            "compared": compared,
            "cited": _works_of_tests(compared, cite),
            "accuracies": accuracies,
            "varied": varied,
            "experiments": list({text.anchor: text for text in texts.values()}.values()),
            "discussion": comparing(sections, cite, tested=tested),
            "references": cite.references(),
        },
    )
    return Report(title, author, timestamp, markdown, (*drawings, *accuracies))


def _commands(evidences: Sequence[Evidence]) -> list[str]:
    """Return the commands that started the runs, each once."""
    commands = (one_run.experiment_command(evidence.document["command"]) for evidence in evidences)
    return list(dict.fromkeys(filter(None, commands)))


def _opening(sections: Sequence[ReportSection], networks: Sequence[TrainedNetwork], cite: Citations) -> MarkdownText:
    """Say what was trained on which data, and which networks see HOG features."""
    runs = [run for section in sections for run in section.runs]
    titles = several_runs.titles(sections)
    data: dict[str, str] = {}
    for section in sections:
        document, title = section.shown.evidence.document["dataset"], titles[section.anchor]
        work = DATASET_WORKS.get(section.shown.evidence.summary.dataset)
        what = "image held out" if section.shown.evidence.summary.fold else "test image"
        tested = counted(document["test"], what, what.replace("image", "images")) if document else ""
        training = f"{count(document['train'])} training and " if document and document["train"] else ""
        images = f" ({training}{tested})" if document else ""
        data.setdefault(title, f"{escaped(title)}{f' {cite(work)}' if work else ''}{images}")
    what = "one run" if len(runs) == 1 else counted(runs, "run")
    trained = "a network" if len(networks) == 1 else f"{counted(networks, 'network')}"
    seeds = "" if len(runs) == len(sections) else ", some of them with several seeds,"
    group = sections[0].group
    seeds = f", which differ only in their {group.repetition}," if len(sections) == 1 and group is not None else seeds
    of_networks = f" of {trained}" if networks else ""
    sentence = f"This report is about {what}{seeds}{of_networks} on {listed(list(data.values()))}."
    hog = [run.number for run in runs if isinstance(run.evidence.experiment.features, HogFeatures)]
    if hog:
        where = "" if len(hog) == len(runs) else f" in {runs_in_words(hog)}"
        sentence += (
            f" The inputs{where} are not pixels but histograms of oriented gradients (HOG) {cite('dalal2005')}, "
            f"normalised by L2-Hys {cite('lowe2004')}, as scikit-image {cite('vanderwalt2014')} computes them."
        )
    return MarkdownText(sentence)


def _works_of_tests(compared: comparison.RunComparison | None, cite: Citations) -> dict[str, MarkdownText]:
    """Cite the works of the tests that a comparison has."""
    works: dict[str, tuple[str, ...]] = {}
    if compared is not None and compared.tests is not None:
        works["mcnemar"] = ("mcnemar1947", "dietterich1998")
        works["edwards"] = ("edwards1948",)
        works |= {"holm": ("holm1979",)} if len(compared.tests[0].rows) > 1 else {}
        works |= {"cochran": ("cochran1950",)} if compared.together else {}
    if compared is not None and compared.pairs is not None:
        works |= {"student": ("student1908",), "fisher": ("fisher1935",)}
    return {name: cite(*keys) for name, keys in works.items()}


def _section_contents(
    section: ReportSection,
    title: str,
    notices: Mapping[int, Sequence[str]],
    figures: Mapping[str, Drawing],
    *,
    ranking: bool,
) -> dict[str, Any]:
    """Return what the templates show of a section.

    Args:
        ranking: whether the scores of each class include the area under the ROC curve and the average precision.
    """
    shown = section.shown
    evidence = shown.evidence
    contents = one_run.run_contents(evidence, ranking=ranking)
    epochs = several_runs.short_history(evidence)
    tables = {"details": True, "scores": evidence.reference, "classes": contents["per_class"], "epochs": epochs}
    parts = [refer(f"tab-{kind}-{shown.number}") for kind, content in tables.items() if content]
    parts += [refer(f"fig-{figures['weights'].name}")] if "weights" in figures else []
    notes = ((run.number, run.evidence.summary.note) for run in section.runs)
    return {
        **contents,
        "anchor": section.anchor,
        "title": title,
        "title_in_text": section.in_words,
        "numbers": section.numbers,
        "number": shown.number,
        "in_the_middle": shown in section.counted,
        "notices": _section_notices(section, notices),
        "notes": [f"Note on run {number}: {note}" for number, note in notes if note],
        "seeds": several_runs.seed_table(section) if section.group is not None else None,
        "seeds_in_words": several_runs.group_in_words(section),
        "repetition": section.group.repetition if section.group is not None else "seed",
        "details": one_run.appendix_facts(evidence),
        "has_source": bool(evidence.reference),
        "epochs": epochs,
        "in_appendix": MarkdownText(f"The details of {link(section.in_words, section.anchor)} are in {listed(parts)}."),
    }


def _section_notices(section: ReportSection, notices: Mapping[int, Sequence[str]]) -> list[str]:
    """Return the notices at the head of a section; the figures behind a judgement only for a single run."""
    words = one_run.merged_notices(notices)
    if section.group is None:
        figures = one_run.improvement_figures(section.shown.evidence)
        words = [f"{text} {figures}" if text in one_run.IMPROVING.values() else text for text in words]
    return words


READINGS = {
    "history": (
        "Training curves are means over the batches of an epoch{dropout}; validation curves are measured after the "
        "epoch. A validation loss that rises while the training loss falls shows overfitting."
    ),
    "confusion": (
        "In a confusion matrix a row is a true class, a column a predicted one, and a darker cell a larger share of "
        "its row; recall, precision and F1 of each class stand at the right, in per cent."
    ),
    "mistakes": (
        "Of each confusion, the images with the highest probabilities of the wrong class are shown, with these "
        "probabilities."
    ),
}
"""How to read the figures of runs, by the ends of their names."""
STILL_IMPROVING = (
    f" A run counts as still improving if the mean validation loss of its last epochs (a fifth of all, at most "
    f"20) is at least {percent(STILL_FALLING, 1)} an epoch below that of as many before, which is "
    f"{percent(20 * STILL_FALLING, 1)} for 20 epochs, and the loss ends near its lowest; a fall of "
    f"{percent(LAST_FALL, 1)} over the last {LAST} epochs counts, too."
)


def _reading(drawings: Sequence[Drawing], evidences: Sequence[Evidence]) -> str:
    with_dropout = [evidence for evidence in evidences if evidence.experiment.layers_of(Dropout)]
    dropout = "" if not with_dropout else ", with dropout on"
    dropout += "" if len(with_dropout) in {0, len(evidences)} else " where the network has it"
    augmented = [evidence for evidence in evidences if evidence.experiment.augmentation is not None]
    if augmented:
        where = "" if len(augmented) == len(evidences) else " where the run has them"
        dropout += f"{' and' if dropout else ','} on the randomly changed images{where}"
    kinds = {drawing.name.rpartition("-")[2] for drawing in drawings}
    judged = any(finding.kind in {"improving", "converged"} for evidence in evidences for finding in evidence.findings)
    rules = {"history": STILL_IMPROVING if judged else ""}
    return " ".join(
        words.format(dropout=dropout) + rules.get(kind, "") for kind, words in READINGS.items() if kind in kinds
    )


FIGURES_OF = {"Fit": ("history",), "Confusions": ("confusion", "mistakes")}
"""The figures that the paragraphs about a run are about, by the paragraphs' first words."""
SHOWN = {
    "history": "has the curves of accuracy and loss",
    "confusion": "has the confusion matrix",
    "mistakes": "has images of the most frequent confusions",
}
"""What a figure has, in a sentence about the figures without a paragraph of their own."""
_LEAD = re.compile(r"\*\*(.+?)\.\*\*")


def _findings(
    section: ReportSection, figures: Mapping[str, Drawing], cite: Citations, *, alone: bool
) -> dict[str, list[MarkdownText]]:
    """Return the paragraphs about a section by the kind of the figure that they stand before, or ``after`` them all.

    The paragraphs about figures refer to them.
    """
    places: dict[str, list[MarkdownText]] = {"history": [], "confusion": [], "after": []}
    others = dict.fromkeys(kind for kind in SHOWN if kind in figures)
    for text in run_findings(section, cite, alone=alone):
        lead = found[1] if (found := _LEAD.match(text)) else ""
        kinds = [kind for kind in FIGURES_OF.get(lead, ()) if kind in figures]
        named = ", ".join(refer(f"fig-{figures[kind].name}") for kind in kinds)
        led = text.replace(f"**{lead}.**", f"**{lead}** ({named})**.**", 1) if kinds else text
        others = {kind: None for kind in others if kind not in kinds}
        places[FIGURES_OF.get(lead, ("after",))[0]].append(MarkdownText(led))
    sentences = [f"{refer(f'fig-{figures[kind].name}')} {SHOWN[kind]}." for kind in others]
    return {**places, "history": [*places["history"], *([MarkdownText(" ".join(sentences))] if sentences else [])]}


def _models(networks: Sequence[TrainedNetwork], sections: Sequence[ReportSection]) -> list[dict[str, Any]]:
    """Return the contents about each network; of networks that differ only in their numbers, the first is drawn."""
    drawn: dict[tuple[str, ...], TrainedNetwork] = {}
    models: list[dict[str, Any]] = []
    for model in networks:
        kinds = model.evidence.experiment.features.kind, *(layer.kind for layer in model.evidence.complexity.layers)
        like = drawn.setdefault(kinds, model)
        models.append(_network_contents(model, like, sections, alone=len(networks) == 1))
    return models


def _network_contents(
    model: TrainedNetwork, like: TrainedNetwork, sections: Sequence[ReportSection], *, alone: bool
) -> dict[str, Any]:
    """Return the contents about a network.

    Args:
        like: the network whose diagram shows how this one is built.
        alone: whether it is the only network; of several, a table has what they cost to compute.
    """
    complexity, experiment = model.evidence.complexity, model.evidence.experiment
    used = [section for section in sections if section.runs[0].number in model.runs]
    runs = listed([link(section.in_words, section.anchor) for section in used])
    figure = refer(f"fig-{like.anchor}")
    verb = "used" if any(section.shown.evidence.origin is not None for section in used) else "trained"
    shown = f"This network, in {figure}, was {verb} in {runs}."
    words = complexity_in_words(complexity, experiment, cost=alone)
    if like is not model:
        shown = f"This network was {verb} in {runs}. It is built as model {like.number} in {figure}, with other sizes."
        words = _weights_in_words(complexity)
    return {
        "number": model.number,
        "anchor": model.anchor,
        "title": model.title,
        "used": MarkdownText(shown),
        "diagram": _with_prefix(f"Model {model.number}: ", diagram_figure(model.anchor, experiment, complexity))
        if like is model
        else None,
        "layers": several_runs.layer_table(complexity, experiment),
        "words": words,
    }


def _untrained(sections: Sequence[ReportSection]) -> list[str]:
    """Return a sentence about each run that was not trained here, with what was assumed about it."""
    sentences: list[str] = []
    for section in sections:
        for run in section.runs:
            if (origin := run.evidence.origin) is not None:
                notes = origin.notes
                sentences.append(" ".join([f"Run {run.number} was not trained here: {origin.words}.", *notes]))
    return sentences


def _foreign_networks(sections: Sequence[ReportSection]) -> list[dict[str, Any]]:
    """Return the layers of each network from elsewhere, as the number of its run and a table."""
    networks: list[dict[str, Any]] = []
    for section in sections:
        for run in section.runs:
            origin = run.evidence.origin
            if origin is not None and origin.kind == "imported" and origin.network is not None:
                headings = tuple(heading.capitalize() for heading in FOREIGN_HEADINGS)
                table = MarkdownTable(headings, foreign_rows(origin.network), (3, 4))
                networks.append({"number": run.number, "anchor": section.anchor, "layers": table})
    return networks


def _diagrams(networks: Sequence[TrainedNetwork]) -> str:
    """Say what the diagrams of networks show."""
    planes = any(model.evidence.experiment.layers_of(Conv2D) for model in networks)
    what = "planes and circles stand for channels and neurons" if planes else "circles stand for neurons"
    return f"In the {noun(networks, 'diagram')}, {what}; their number is not to scale."


def _weights_in_words(complexity: Complexity) -> str:
    """Return the number of a network's parameters with its calculation, in one sentence."""
    parts = [f"{grouped(layer.formula)} in {layer.name}" for layer in complexity.layers if layer.weights]
    other = f" and {count(complexity.other)} parameters of batch normalisation" if complexity.other else ""
    return (
        f"Its weights are {listed(parts)}. With {count(complexity.biases)} biases{other} it has "
        f"{count(complexity.total)} parameters."
    )


def _with_prefix(prefix: str, drawing: Drawing) -> Drawing:
    return replace(drawing, caption=f"{prefix}{drawing.caption}")


def _section_figures(section: ReportSection, mistakes: int, *, full: bool) -> dict[str, Drawing]:
    """Return a section's figures by their kinds, without the figures that have no data.

    Args:
        mistakes: how many of the most frequent confusions are drawn.
        full: whether the report has an appendix, with the figure of the weights.
    """
    evidence, stem = section.shown.evidence, f"run-{section.shown.number}"
    state, names = evidence.state, evidence.class_names
    figures: dict[str, Drawing] = {}
    if state.history and evidence.experiment.trains_in_epochs:
        best, ended = state.best.epoch if state.best is not None else None, state.ended
        early = ended is not None and ended.reason.startswith("early stopping")
        figures["history"] = history_figure(
            f"{stem}-history",
            state.history,
            best=best,
            stopped_early=early,
            ended=state.state,
            on_test=evidence.validates_on_test,
            loss_note=evidence.experiment.loss_note,
        )
    if evidence.matrix is not None:
        figures["confusion"] = confusion_figure(f"{stem}-confusion", evidence.matrix, names, evidence.matrix_of)
    folds = section.group.folds if section.group is not None else 0
    predicted = counted_together([run.evidence.folder for run in section.counted], folds) if folds else None
    if predicted is not None:
        what = f"all training images, out of fold; {predicted.folds} of {counted(predicted.of, 'fold')}"
        figures["confusion"] = confusion_figure(f"{stem}-confusion", predicted.confusion, predicted.class_names, what)
    if evidence.predictions is not None and len(evidence.predictions.misclassified):
        from mnist_tui.data.pictures import reading_of

        experiment = evidence.experiment
        strokes = reading_of(experiment.image_shape, experiment.dataset.name) == "strokes"
        figures["mistakes"] = mistake_figure(f"{stem}-mistakes", evidence.predictions, names, mistakes, strokes=strokes)
    if evidence.weights and full:
        figures["weights"] = weight_figure(f"{stem}-weights", evidence.weights)
    figures = {kind: _with_prefix(f"Run {section.shown.number}: ", drawing) for kind, drawing in figures.items()}
    if section.group is None:
        return figures
    scores, published = several_runs.seed_scores(section), several_runs.published_by_seed(section)
    headings, what = several_runs.seed_score_headings(section), section.group.repetition
    seeds = seed_figure(f"{section.anchor}-seeds", scores, headings, published=published, what=what)
    return {"seeds": _with_prefix(f"{section.numbers.capitalize()}: ", seeds), **figures}


def run_summary(folder: RunFolder) -> str:
    """Return the summary of one run for a lab report, in Markdown; a RunError if the folder cannot be read."""
    evidence = read_evidence(folder)
    preset, complexity = evidence.preset, evidence.complexity
    summary = render_template(
        "summary.md.j2",
        {
            "title": heading(preset),
            "run": one_run.run_contents(evidence),
            "line": one_run.one_line_table(evidence),
            "history": one_run.history_table(evidence),
            "layers": several_runs.layer_table(complexity, evidence.experiment),
            "complexity": complexity,
            "toml": dump_preset(preset),
        },
    )
    return numbered(summary)
