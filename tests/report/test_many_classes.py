"""Reports and summaries of runs with two to a hundred classes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mnist_tui.report.contents.documents import build_report, run_summary
from mnist_tui.report.evidence import read_evidence
from mnist_tui.report.figures import drawing as draw
from mnist_tui.report.figures.classes import SMALLEST_LABELS, SMALLEST_LETTERS, confusion_figure, matrix_measures
from mnist_tui.report.figures.drawing import save
from tests.report.recorded import recorded_run
from tests.report.test_report_contents import tables

MADE = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PAGE_HEIGHT = 245.0
"""The millimetres of text on an A4 page."""
BALANCED = tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt")


def counts_of(classes: int) -> list[list[int]]:
    """A matrix in which each class is confused with the three classes after it, the more the higher its number."""
    counts = [[0] * classes for _ in range(classes)]
    for true in range(classes):
        for step, images in enumerate((3 + true, 2, 1), 1):
            counts[true][(true + step) % classes] += images
        counts[true][true] += 400 - sum(counts[true])
    return counts


@pytest.mark.parametrize("classes", [2, 3, 10, 11, 26, 47, 60, 61, 100])
@pytest.mark.parametrize("name", ["{}", "a rather long name of class {}"])
def test_a_matrix_fits_one_page_and_its_letters_can_be_read(classes: int, name: str, tmp_path: Path) -> None:
    names, counts = [name.format(at) for at in range(classes)], counts_of(classes)
    drawn = confusion_figure("matrix", counts, names, "test images")
    assert drawn.millimetres[0] <= draw.PAGE + 0.001
    assert drawn.millimetres[1] <= PAGE_HEIGHT
    measures = matrix_measures(counts, [draw.one_line(each, 18) for each in names])
    assert measures.labels >= SMALLEST_LABELS
    assert not measures.numbers or measures.numbers >= SMALLEST_LETTERS
    assert [list(row[1 : classes + 1]) for row in drawn.data.rows] == counts, "the data have every count"
    if classes in (2, 47, 100):
        (path,) = save(drawn, tmp_path, ("svg",))
        assert path.stat().st_size < 400_000, "a report carries the figure in each of its formats"


@pytest.mark.parametrize(("classes", "numbers"), [(10, True), (26, True), (47, False), (100, False)])
def test_cells_have_counts_while_there_is_room_for_them(classes: int, numbers: bool) -> None:
    assert (matrix_measures(counts_of(classes), [str(at) for at in range(classes)]).numbers > 0) is numbers


def test_a_report_of_47_classes_lists_the_worst_in_the_text_and_all_in_the_appendix(tmp_path: Path) -> None:
    folder = recorded_run(tmp_path, class_names=BALANCED, title="EMNIST")
    brief, full = (
        build_report([read_evidence(folder)], title="Lab 4", author="", timestamp=MADE, full=full)
        for full in (False, True)
    )
    for report in (brief, full):
        found = {tuple(table[0]): table[1:] for table in tables(report.markdown)}
        worst = found["True class", "Read as", "Images", "Of the true class"]
        assert worst[0] == ["0", "1", "20", "2.0 % of 1,000"]
        assert len(worst) == 10
        assert "The network classifies 940 of the 47,000 test images wrongly" in report.markdown
    lengths = [
        sorted(len(table) - 1 for table in tables(report.markdown) if table[0][:2] == ["Class", "Precision"])
        for report in (brief, full)
    ]
    assert lengths == [[10], [10, 47]]


def test_a_summary_of_many_classes_has_no_table_that_is_too_wide(tmp_path: Path) -> None:
    text = run_summary(recorded_run(tmp_path, class_names=BALANCED, title="EMNIST"))
    assert "The matrix has 47 classes and is too wide for a table." in text
    assert "Most frequent confusions:" in text
    assert max(len(table[0]) for table in tables(text)) <= 10


def test_a_report_of_two_classes_has_everything_in_the_figure(tmp_path: Path) -> None:
    folder = recorded_run(tmp_path, class_names=("malignant", "benign"), title="BreastMNIST")
    report = build_report([read_evidence(folder)], title="Lab 4", author="", timestamp=MADE)
    assert "malignant read as benign (20 of 1,000, 2.0 %)" in report.markdown
    assert not [table for table in tables(report.markdown) if "Read as" in table[0]]
