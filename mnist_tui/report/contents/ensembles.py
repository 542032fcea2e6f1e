"""The part of a section about an ensemble: who its members are, and what it gains over each of them."""

from __future__ import annotations

from mnist_tui.report.contents.part_contents import PartContents, PartSettings
from mnist_tui.report.contents.several_runs import ReportSection
from mnist_tui.report.markdown import MarkdownTable, render_template
from mnist_tui.report.result_words import ensemble_sentence, member_cells
from mnist_tui.runs.ensembles import METHODS, members_of

HEADINGS = (
    *("Member", "Name", "Accuracy", "Ensemble better by"),
    *("Only ensemble right", "Only member right", "McNemar's p"),
)


def ensemble_part(section: ReportSection, settings: PartSettings) -> PartContents | None:
    """Return the members of the section's run; None if it is no ensemble."""
    evidence = section.shown.evidence
    origin, members = evidence.folder.origin, members_of(evidence.folder)
    if origin is None or not members:
        return None
    rows = [(member.run, member.label, *member_cells(member)) for member in members]
    text = render_template(
        "ensemble.md.j2",
        {
            "table": MarkdownTable(HEADINGS, rows, range(2, len(HEADINGS))),
            "label": f"tab-members-{section.shown.number}",
            "count": len(members),
            "method": METHODS.get(origin.settings.get("method", "mean"), "mean of the probabilities"),
            "notes": origin.notes,
            "sentence": ensemble_sentence(members),
            "cited": {
                "ensembles": settings.cite("dietterich2000", "lakshminarayanan2017"),
                "test": settings.cite("mcnemar1947"),
            },
        },
    )
    return PartContents(text)
