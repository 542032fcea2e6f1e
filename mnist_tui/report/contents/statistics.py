"""The part of a report with the statistics of the trained networks: a table of all of them, and their calibration."""

from __future__ import annotations

from collections.abc import Sequence

from mnist_tui.report.contents.part_contents import PartContents, PartSettings
from mnist_tui.report.contents.several_runs import ReportSection, short_names
from mnist_tui.report.evidence import scored_on
from mnist_tui.report.figures.drawing import Drawing
from mnist_tui.report.figures.epochs import RUN_STYLES
from mnist_tui.report.figures.reliability import reliability_figure
from mnist_tui.report.markdown import MarkdownTable, link, render_template
from mnist_tui.report.result_words import number_ranges
from mnist_tui.report.statistics_words import CALIBRATION, TEMPERATURE, WITH_IT, statistics_in_words, statistics_notes
from mnist_tui.runs.statistics import BINS, Statistics
from mnist_tui.wording import NOT_DEFINED, noun

COLUMNS = {
    "Balanced accuracy": "Balanced (%)",
    "Weighted F1": "Weighted F1 (%)",
    "Cohen's κ": "κ",
    "Matthews correlation": "Matthews",
    "Top-2 accuracy": "Top-2 (%)",
    "Top-3 accuracy": "Top-3 (%)",
    "ROC-AUC, macro": "ROC-AUC",
    "Average precision, macro": "Average precision",
    "Brier score": "Brier",
    CALIBRATION: "Calibration (%)",
    TEMPERATURE: TEMPERATURE,
    WITH_IT: "Error with it (%)",
}
"""The statistics that the summary's table does not have, and their headings in a table of several networks."""
ONLY_FITTED = (TEMPERATURE, WITH_IT)
"""Statistics that are left out if no network has them; a sentence then says why."""
WORKS = {
    "kappa": "cohen1960",
    "matthews": "gorodkin2004",
    "roc": "fawcett2006",
    "brier": "brier1950",
    "calibration": "guo2017",
}


def statistics_part(settings: PartSettings) -> PartContents | None:
    """Return the statistics of the network of each section (of a group of seeds, of the run that is shown)."""
    found = [(section, each) for section in settings.sections if (each := section.shown.evidence.statistics)]
    if not found:
        return None
    drawings = _drawings(found, settings.sections) if settings.full or len(found) == 1 else ()
    seeds = "; of a group of runs, those of the run that is shown" if any(each.group for each, _ in found) else ""
    images = _images(found)
    text = render_template(
        "statistics.md.j2",
        {
            "table": _side_by_side(found[0][1]) if len(found) == 1 else _table(found),
            "caption": f"Statistics of the predictions on the {images}{seeds}.",
            "drawing": drawings[0] if drawings else None,
            "bins": BINS,
            "notes": _notes(found),
            "cited": {
                name: settings.cite(work) for name, work in WORKS.items() if settings.full or name == "calibration"
            },
        },
    )
    return PartContents(text, drawings)


def _table(found: Sequence[tuple[ReportSection, Statistics]]) -> MarkdownTable:
    """Return a table with a row for each network; shares are in per cent, without the sign."""
    fitted = any(each.temperature is not None for _, each in found)
    names = [name for name in COLUMNS if name not in ONLY_FITTED or fitted]
    rows: list[list[object]] = []
    for section, each in found:
        texts = statistics_in_words(each)
        cells = (texts.get(name, NOT_DEFINED).removesuffix(" %") for name in names)
        rows.append([link(section.shown.number, section.anchor), *cells])
    return MarkdownTable(["Run", *(COLUMNS[name] for name in names)], rows, range(1, len(names) + 1))


def _side_by_side(found: Statistics) -> MarkdownTable:
    """Return the statistics of one network in a table of few rows: two statistics in each."""
    texts = statistics_in_words(found)
    rows = [(name, texts[name]) for name in COLUMNS if name in texts and (name not in ONLY_FITTED or found.temperature)]
    half = (len(rows) + 1) // 2
    right = [*rows[half:], *[("", "")] * (2 * half - len(rows))]
    pairs = [(*first, *second) for first, second in zip(rows[:half], right, strict=True)]
    return MarkdownTable(["Statistic", "Value", "Statistic", "Value"], pairs, (1, 3))


def _drawings(
    found: Sequence[tuple[ReportSection, Statistics]], sections: Sequence[ReportSection]
) -> tuple[Drawing, ...]:
    """Draw the calibration of the networks; of many, of the most accurate ones."""
    names = short_names(sections)
    best = sorted(found, key=lambda pair: -(pair[1].accuracy or 0.0))[: len(RUN_STYLES)]
    drawn = [pair for pair in found if pair in best]
    networks = [(names[section.anchor], each.calibration) for section, each in drawn if each.calibration is not None]
    return (reliability_figure("reliability", networks, _images(drawn)),) if networks else ()


def _images(found: Sequence[tuple[ReportSection, Statistics]]) -> str:
    return f"{scored_on(section.shown.evidence for section, _ in found)} images"


def _notes(found: Sequence[tuple[ReportSection, Statistics]]) -> list[str]:
    """Return what is not defined and why, each sentence once, with the runs that it is about."""
    runs: dict[str, list[int]] = {}
    for section, each in found:
        for note in statistics_notes(each, section.shown.evidence.class_names):
            runs.setdefault(note, []).append(section.shown.number)
    return [
        note if len(numbers) == len(found) else f"{noun(numbers, 'Run')} {number_ranges(numbers)}: {note}"
        for note, numbers in runs.items()
    ]
