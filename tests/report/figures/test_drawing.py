"""Figures as files: the same bytes for the same data, unchanged text, no file written in part."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from pypdf import PdfReader

from mnist_tui.report.figures.classes import confusion_figure
from mnist_tui.report.figures.drawing import Drawing, FigureData, save

MATRIX = ((8, 2, 0), (1, 9, 0), (0, 0, 12))
NAMES = ("$1_{x}", "<b> & 50% --", "\u3042 #~^\\alpha")
ELSEWHERE = """
import sys
from pathlib import Path
from mnist_tui.report.figures import accuracies, classes, diagram, drawing, epochs
assert not {"matplotlib", "numpy"} & set(sys.modules)
names = ("$1_{x}", "<b> & 50% --", "\\u3042 #~^\\\\alpha")
matrix = ((8, 2, 0), (1, 9, 0), (0, 0, 12))
drawing.save(classes.confusion_figure("matrix", matrix, names, "test images"), Path(sys.argv[1]), ("svg", "pdf", "png"))
"""


def drawn(paint: Callable[[Any], None], name: str = "figure") -> Drawing:
    return Drawing(name, "", "", FigureData(("epoch", "loss"), ((1, 0.5), (2, None))), (80.0, 40.0), paint)


def test_equal_data_gives_equal_bytes_in_another_process_whatever_the_user_has_set(tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_text("font.size: 20\nsvg.fonttype: none\ntext.parse_math: True\n")
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), "PYTHONHASHSEED": "7", "SOURCE_DATE_EPOCH": "1"}
    ended = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(tmp_path / "there")],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")

    here = save(confusion_figure("matrix", MATRIX, NAMES, "test images"), tmp_path / "here", ("svg", "pdf", "png"))

    assert [path.name for path in here] == ["matrix.svg", "matrix.pdf", "matrix.png"]
    for path in here:
        assert path.read_bytes() == (tmp_path / "there" / path.name).read_bytes()


def test_text_of_a_user_is_drawn_unchanged_and_files_do_not_name_their_maker(tmp_path: Path) -> None:
    svg, pdf, png = save(confusion_figure("matrix", MATRIX, NAMES, "test images"), tmp_path, ("svg", "pdf", "png"))

    page = PdfReader(pdf).pages[0].extract_text()
    assert "$1_{x}" in page
    assert "<b> & 50% --" in page
    ElementTree.parse(svg)
    for path in (svg, pdf, png):
        assert b"atplotlib" not in path.read_bytes()


def test_a_figure_has_its_size_on_the_page(tmp_path: Path) -> None:
    svg, pdf = save(drawn(lambda figure: None), tmp_path, ("svg", "pdf"))

    root = ElementTree.parse(svg).getroot()
    assert float(root.attrib["width"].removesuffix("pt")) == pytest.approx(80 / 25.4 * 72)
    assert float(PdfReader(pdf).pages[0].mediabox.height) == pytest.approx(40 / 25.4 * 72)


def test_only_the_formats_asked_for_are_written_and_the_figure_is_painted_once(tmp_path: Path) -> None:
    painted: list[object] = []

    save(drawn(painted.append), tmp_path, ("png", "svg"))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["figure.png", "figure.svg"]
    assert len(painted) == 1


def test_a_figure_that_cannot_be_painted_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    old = tmp_path / "figure.svg"
    old.write_text("old")

    def fail(figure: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        save(drawn(fail), tmp_path, ("svg",))
    assert old.read_text() == "old"
    assert list(tmp_path.iterdir()) == [old]


def test_a_folder_that_cannot_be_made_is_an_error_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        save(drawn(lambda figure: None), tmp_path / "file", ("svg",))


def test_the_data_of_a_figure_have_empty_fields_for_missing_values(tmp_path: Path) -> None:
    (path,) = save(drawn(lambda figure: None), tmp_path / "new", ["csv"])

    with path.open(newline="") as file:
        assert list(csv.reader(file)) == [["epoch", "loss"], ["1", "0.5"], ["2", ""]]


def test_the_settings_of_another_user_of_matplotlib_are_as_they_were(tmp_path: Path) -> None:
    import matplotlib

    with matplotlib.rc_context({"font.size": 21}):
        save(drawn(lambda figure: None), tmp_path, ("svg",))
        assert matplotlib.rcParams["font.size"] == 21
