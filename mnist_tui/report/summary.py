"""A run's summary for a lab report, in Markdown: everything that is needed to judge one training and to repeat it.

What is said is gathered in `contents`, from the run's folder alone; how it is laid out is `templates/summary.md.j2`.
"""

from __future__ import annotations

from mnist_tui.experiment.presets import dump_preset
from mnist_tui.report.contents.models import layer_table
from mnist_tui.report.contents.one_run import history_table, one_line_table, run_contents
from mnist_tui.report.contents.rendering import render_template
from mnist_tui.report.evidence import read_evidence
from mnist_tui.runs.folder import RunFolder

SUMMARY_TEMPLATE = "summary.md.j2"


def run_summary(folder: RunFolder) -> str:
    """The whole document.

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
