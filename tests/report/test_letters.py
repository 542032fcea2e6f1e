"""Reports with any letters: from right to left, without a font, and text that looks like code."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from mnist_tui.report.document import REPORT_FORMATS, write_report
from mnist_tui.report.export import ExportError
from mnist_tui.report.formats import writers
from mnist_tui.report.formats.writers import PreparedReport, prepare_report
from mnist_tui.report.markdown import escaped
from tests.hostile import NAMES
from tests.report.reading import READ, dense
from tests.report.recorded import recorded_run
from tests.report.sample_report import sample

DAVID = "דוד כהן"


def prepared(author: str, tmp_path: Path) -> PreparedReport:
    markdown = f"# About {escaped(author)}\n\nby {escaped(author)} · 10:20\n"
    return prepare_report(replace(sample(), author=author, title=author, markdown=markdown, drawings=()), tmp_path)


@pytest.mark.parametrize(
    ("suffix", "apart"),
    [
        (".md", f"\u2068{DAVID}\u2069 · 2026-"),
        (".html", f'<p><span dir="rtl">{DAVID}</span> · 2026-'),
        (".html", f'by <span dir="rtl">{DAVID}</span> · 10:20'),
    ],
)
def test_words_from_right_to_left_are_apart_from_the_time_beside_them(suffix: str, apart: str, tmp_path: Path) -> None:
    assert apart in REPORT_FORMATS[suffix].write(prepared(DAVID, tmp_path), "files").decode()


def test_in_word_they_are_set_from_right_to_left(tmp_path: Path) -> None:
    path = tmp_path / "r.docx"
    path.write_bytes(REPORT_FORMATS[".docx"].write(prepared(DAVID, tmp_path), "files"))
    document = zipfile.ZipFile(path).read("word/document.xml").decode()
    assert f'<w:rPr><w:rtl /></w:rPr><w:t xml:space="preserve">{DAVID}</w:t>' in document


def test_in_the_pdf_the_time_beside_them_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "r.pdf"
    path.write_bytes(REPORT_FORMATS[".pdf"].write(prepared(DAVID, tmp_path), "files"))
    assert "·2026-03-01" in READ[".pdf"](path)


def test_text_that_looks_like_markup_or_commands_is_shown_unchanged_in_all_formats(tmp_path: Path) -> None:
    texts = [name for name in NAMES if "محمد" not in name]
    ready = prepared(" ; ".join(texts), tmp_path)
    for suffix, form in REPORT_FORMATS.items():
        path = tmp_path / f"r{suffix}"
        path.write_bytes(form.write(ready, "files"))
        if suffix in READ:
            read = READ[suffix](path)
            for text in texts:
                shown = "".join("\ufffd" if not char.isprintable() else char for char in text if char != "\u200b")
                assert dense(shown) in read, (suffix, text)
    tex = (tmp_path / "r.tex").read_text(encoding="utf-8")
    assert "\\input{/etc" not in tex
    assert "\\end{document}" in tex.splitlines()[-1]


def test_characters_that_no_font_has_are_named_with_a_font_that_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "font_characters", lambda path, index: frozenset("中"))
    warning = REPORT_FORMATS[".pdf"].lacking(prepared("Ada 中 ไ ✓ é", tmp_path))
    assert warning == (
        "the PDF shows boxes instead of ไ (U+0E44), which no font on this machine has; Noto Sans Thai has them"
    )
    assert REPORT_FORMATS[".pdf"].lacking(prepared("Ada é ✓ Ж", tmp_path)) == ""
    assert "中 (U+4E2D)" in REPORT_FORMATS[".tex"].lacking(prepared("Ada 中 é", tmp_path))
    assert REPORT_FORMATS[".html"].lacking(prepared("Ada 中", tmp_path)) == ""


def test_a_report_warns_of_boxes_in_it_and_in_its_figures(tmp_path: Path) -> None:
    names = ("中", *"123456789")
    run = recorded_run(tmp_path / "runs", class_names=names)
    warnings: list[str] = []
    write_report([run], [tmp_path / "r.tex"], warn=warnings.append, full=True)
    assert [text.partition(" shows boxes instead of 中")[0] for text in warnings] == ["the LaTeX document", "a figure"]


@pytest.mark.parametrize("code", [9])
def test_the_message_about_a_killed_pandoc_names_the_signal(
    code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "pandoc"
    script.write_text("#!/bin/sh\nkill -9 $$\n")
    script.chmod(0o755)
    monkeypatch.setattr("mnist_tui.report.formats.writers.pandoc_path", lambda: str(script))
    with pytest.raises(ExportError, match=r"pandoc was killed \(SIGKILL\)"):
        prepared("Ada", tmp_path)
