"""A run's summary for a lab report, in Markdown: everything that is needed to judge one training and to repeat it.

What is said is gathered in `contents`, from the run's folder alone; how it is laid out is `templates/summary.md.j2`.
"""

from __future__ import annotations

from mnist_tui.experiment.presets import dump_preset
from mnist_tui.report.contents.models import layers
from mnist_tui.report.contents.one_run import history, line, of_run
from mnist_tui.report.contents.rendering import rendered
from mnist_tui.report.evidence import read
from mnist_tui.runs.folder import RunFolder

TEMPLATE = "summary.md.j2"


def summary(folder: RunFolder) -> str:
    """The whole document.

    Raises:
        RunError: the folder cannot be read.
    """
    evidence = read(folder)
    preset, complexity = evidence.preset, evidence.complexity
    return rendered(
        TEMPLATE,
        {
            "title": preset.title or preset.name,
            "run": of_run(evidence),
            "line": line(evidence),
            "history": history(evidence),
            "layers": layers(complexity, evidence.experiment),
            "complexity": complexity,
            "toml": dump_preset(preset),
        },
    )
