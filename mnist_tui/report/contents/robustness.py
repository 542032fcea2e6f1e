"""The part of a report about corrupted test images: a table and a figure of the networks for which it was measured."""

from __future__ import annotations

from collections.abc import Sequence

from mnist_tui.experiment.corruptions import CORRUPTIONS, REFERENCE_EDGE, STRENGTHS
from mnist_tui.report.contents.part_contents import PartContents, PartSettings
from mnist_tui.report.contents.several_runs import ReportSection, short_names
from mnist_tui.report.figures.epochs import RUN_STYLES
from mnist_tui.report.figures.robustness import robustness_figure
from mnist_tui.report.markdown import MarkdownTable, link, render_template
from mnist_tui.runs.robustness import Robustness, robustness_of
from mnist_tui.wording import counted, listed, percent

MOST_COLUMNS = len(RUN_STYLES)
"""The most networks that are shown, the first ones."""


def robustness_part(settings: PartSettings) -> PartContents | None:
    """Return the robustness of each section's network (of a group of seeds, of the run that is shown)."""
    found = [
        (section, each)
        for section in settings.sections
        if (each := robustness_of(section.shown.evidence.folder)) is not None and each.names
    ][:MOST_COLUMNS]
    if not found:
        return None
    names = short_names(settings.sections)
    drawing = robustness_figure("robustness", [(names[section.anchor], each) for section, each in found])
    measured = [name for name in CORRUPTIONS if any(name in each.accuracies for _, each in found)]
    text = render_template(
        "robustness.md.j2",
        {
            "table": _of_one(found[0][1]) if len(found) == 1 else _of_several(found, measured),
            "alone": len(found) == 1,
            "images": listed(sorted({counted(each.images, "test image") for _, each in found})),
            "amounts": "; ".join(f"{name} {CORRUPTIONS[name].bare_amounts}" for name in measured),
            "edge": REFERENCE_EDGE if any(CORRUPTIONS[name].in_pixels for name in measured) else 0,
            "drawing": drawing,
            "cited": {"kinds": settings.cite("mu2019", "hendrycks2019"), "error": settings.cite("hendrycks2019")},
            "others": len(found) < len(settings.sections),
        },
    )
    return PartContents(text, (drawing,))


def _of_one(found: Robustness) -> MarkdownTable:
    headings = ["Corruption", *(f"{strength}" for strength in STRENGTHS), "Mean error"]
    rows = [(name, *map(percent, found.accuracies[name]), percent(found.error(name))) for name in found.names]
    mean = found.mean_error()
    last = ("all", *("" for _ in STRENGTHS), percent(mean))
    return MarkdownTable(headings, [*rows, last] if len(rows) > 1 else rows, range(1, len(headings)))


def _of_several(found: Sequence[tuple[ReportSection, Robustness]], names: Sequence[str]) -> MarkdownTable:
    headings = [link(f"Run {section.shown.number}", section.anchor) for section, _ in found]
    rows = [("none", *(percent(1 - each.clean) for _, each in found))]
    for name in names:
        rows.append((name, *(percent(each.error(name)) if name in each.accuracies else "" for _, each in found)))
    if len(names) > 1:
        rows.append(("all", *(percent(each.mean_error(names)) for _, each in found)))
    return MarkdownTable(["Corruption", *headings], rows, range(1, len(headings) + 1))
