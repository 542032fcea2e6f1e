"""Reports over cross-validations, and over runs that differ in one or two parameters."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mnist_tui.report.contents.documents import build_report
from mnist_tui.report.contents.parameters import parameter_figures
from mnist_tui.report.contents.several_runs import report_sections
from mnist_tui.report.evidence import Evidence, read_evidence
from mnist_tui.report.figures.drawing import save
from mnist_tui.runs.folder import RunFolder
from tests.runs.synthetic import BEGIN, finished_run


def evidences(runs_dir: Path, *varied: tuple[dict[str, str], float]) -> list[Evidence]:
    """Read finished runs with these parameters and test accuracies."""
    runs = [
        finished_run(runs_dir, "raw", texts=texts, test_accuracy=accuracy, created=BEGIN + at)
        for at, (texts, accuracy) in enumerate(varied)
    ]
    return [read_evidence(RunFolder(run.path)) for run in runs]


def test_a_cross_validation_is_reported_as_folds_without_an_interval_or_a_test_set(tmp_path: Path) -> None:
    read = evidences(tmp_path, *(({"validation": f"fold:{fold}/3"}, 0.9 + fold / 100) for fold in (1, 2, 3)))
    text = build_report(read, title="T", author="", timestamp=datetime(2026, 1, 1, tzinfo=UTC)).markdown
    assert "the dataset's test set was not used" in text
    assert "3 runs, which differ only in their fold," in text
    assert "with the scores on the images of the fold that was held out after training" in text
    assert "of the test images" not in text and "Test accuracy" not in text
    assert text.count("Held-out accuracy (%)") == 2
    assert "Over the three folds 1 to 3 raw (3 epochs, 3 folds)" in text
    assert "From fold to fold the accuracy of runs 1–3 varies by 1.00 points" in text
    assert "95 % interval of" not in text
    assert "validation fold:2/3" not in text.partition("The runs were started with")[0]


@pytest.mark.parametrize(
    ("varied", "rows"),
    [
        (
            [({"lr": text}, accuracy) for text, accuracy in (("0.1", 0.9), ("0.001", 0.95), ("0.01", 0.97))],
            [("0.001", 0.95), ("0.01", 0.97), ("0.1", 0.9)],
        ),
        (
            [
                ({"lr": lr, "batch-size": size}, 0.9 + int(size) / 10_000)
                for lr in ("0.1", "0.01")
                for size in ("32", "64")
            ],
            [("0.1", "32", 0.9032), ("0.1", "64", 0.9064), ("0.01", "32", 0.9032), ("0.01", "64", 0.9064)],
        ),
        ([({"lr": "0.1"}, 0.9), ({"lr": "0.2"}, 0.91)], []),  # two values are read in the table
        ([({"lr": text, "epochs": text[-1], "dropout": text}, 0.9) for text in ("0.1", "0.2", "0.3")], []),
    ],
)
def test_one_or_two_parameters_have_a_figure(
    tmp_path: Path, varied: list[tuple[dict[str, str], float]], rows: list[tuple[object, ...]]
) -> None:
    found = parameter_figures(report_sections(evidences(tmp_path, *varied)))
    assert sorted(map(str, (row for drawing, _ in found for row in drawing.data.rows))) == sorted(map(str, rows))
    for drawing, _ in found:
        (path,) = save(drawing, tmp_path, ["svg"])
        assert path.stat().st_size > 1000
