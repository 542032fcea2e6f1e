"""Every table and figure of a report has a number and a caption, and the text refers to it, in every format."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import docx
import html5lib
import pypdf
import pytest
from docx.oxml.ns import qn

from mnist_tui.report.document import write_report
from tests.report.furnished import changed, furnished_run, seed_runs
from tests.report.reading import compile_latex, shown, too_wide

FORMATS = ("md", "html", "pdf", "docx")


@pytest.fixture(scope="module", params=[False, True], ids=["short", "full"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report over two seeds of one experiment and another network, in all formats."""
    runs, folder = tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("report")
    group = [*seed_runs(runs, range(2)), furnished_run(runs, changed("cnn", epochs="3"))]
    outputs = [folder / f"report.{form}" for form in (*FORMATS, "tex")]
    write_report(group, outputs, timestamp=datetime(2026, 3, 1, tzinfo=UTC), full=request.param)
    return folder


def words(path: Path) -> str:
    """The text of a document with single blanks between words."""
    match path.suffix:
        case ".pdf":
            text = "\n".join(page.extract_text() for page in pypdf.PdfReader(path).pages)
        case ".docx":
            paragraphs = docx.Document(str(path)).element.body.iter(qn("w:p"))
            text = "\n".join("".join(part.text or "" for part in one.iter(qn("w:t"))) for one in paragraphs)
        case ".html":
            text = shown(html5lib.parse(path.read_text(encoding="utf-8")))
        case _:
            text = re.sub(r"[*\[\]]|\(#[\w-]+\)", "", path.read_text(encoding="utf-8"))
    return " ".join(text.split())


@pytest.mark.parametrize("form", FORMATS)
def test_each_number_has_a_caption_and_a_reference(folder: Path, form: str) -> None:
    text = words(folder / f"report.{form}")
    captions = re.findall(r"(Table|Figure) (\d+):", text)
    for kind, least in (("Table", 4), ("Figure", 6)):
        numbers = [int(number) for named, number in captions if named == kind]
        assert sorted(numbers) == list(range(1, len(numbers) + 1))
        assert len(numbers) >= least
    assert set(re.findall(r"(Table|Figure) (\d+)(?![:\d])", text)) == set(captions)
    assert "??" not in text


def test_each_label_of_latex_has_a_caption_and_a_reference(folder: Path) -> None:
    text = (folder / "report.tex").read_text(encoding="utf-8")
    labels = re.findall(r"\\label\{((?:tab|fig)-[\w-]+)\}", text)
    assert len(labels) == len(set(labels)) == text.count(r"\caption{")
    assert set(re.findall(r"\\ref\*\{((?:tab|fig)-[\w-]+)\}", text)) == set(labels)
    assert "??" not in text


def test_links_in_the_pdf_lead_from_the_words_to_the_table(folder: Path) -> None:
    pages = pypdf.PdfReader(folder / "report.pdf").pages
    links = [mark.get_object() for page in pages for mark in page.get("/Annots", [])]
    inside = [link for link in links if "/Dest" in link or link.get("/A", {}).get("/S") == "/GoTo"]
    assert len(inside) >= 20


def test_pages_of_the_pdf_are_filled_but_for_the_last(folder: Path) -> None:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed (Debian: poppler-utils)")
    command = ["pdftotext", "-bbox", str(folder / "report.pdf"), "-"]
    pages = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("<page ")[1:]
    for page in pages[:-1]:
        ends = sorted(float(end) for end in re.findall(r'yMax="([\d.]+)"', page))
        above_the_footer = [end for end in ends if end < (297 - 23) / 25.4 * 72]
        assert above_the_footer[-1] > 0.6 * 297 / 25.4 * 72


def test_pdflatex_sets_the_report_without_errors_and_within_the_margins(folder: Path) -> None:
    log = compile_latex(folder / "report.tex", "set")
    assert too_wide(log) == 0
    assert "undefined" not in log
