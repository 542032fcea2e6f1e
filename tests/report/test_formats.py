"""The five formats of a report, each read by another library."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tempfile
import textwrap
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import docx
import html5lib
import pypdf
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mnist_tui.report.document import REPORT_FORMATS, figure_folder, report_format
from mnist_tui.report.export import ExportError
from mnist_tui.report.figures.drawing import save
from mnist_tui.report.formats.tree import PAGE, breakable, lines_of, slugs
from mnist_tui.report.formats.writers import PreparedReport, clean_report, latex_of, prepare_report
from mnist_tui.report.markdown import Report, escaped
from tests.report.reading import READ, READER, compile_latex, dense, pdf_text, too_wide
from tests.report.sample_report import CLASSES, HARD, SHA, TITLE, TOML, sample

HTML = "{http://www.w3.org/1999/xhtml}"


@dataclass(frozen=True)
class Written:
    """The report's folder and its files by suffix."""

    folder: Path
    job: PreparedReport

    def path(self, suffix: str) -> Path:
        return self.folder / f"report{suffix}"

    def text(self, suffix: str) -> str:
        return self.path(suffix).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The sample in all formats."""
    folder = tmp_path_factory.mktemp("report")
    figures = folder / "report_files"
    report = sample()
    for drawing in report.drawings:
        save(drawing, figures, ("svg", "pdf", "png"))
    ready = prepare_report(report, figures)
    for suffix, form in REPORT_FORMATS.items():
        (folder / f"report{suffix}").write_bytes(form.write(ready, figures.name))
    return Written(folder, ready)


@pytest.fixture(scope="module")
def page(written: Written) -> ElementTree.Element:
    """The HTML's root; the strict parser refuses every error."""
    parser = html5lib.HTMLParser(strict=True)
    return parser.parse(written.text(".html"))


@pytest.fixture(scope="module")
def compiled(written: Written) -> Path:
    """The LaTeX document as a PDF."""
    compile_latex(written.path(".tex"), "compiled")
    return written.folder / "compiled.pdf"


@pytest.mark.parametrize("suffix", READ)
def test_markup_in_a_text_is_shown_unchanged(written: Written, suffix: str) -> None:
    text = READ[suffix](written.path(suffix))
    assert text.count(dense(TITLE)) >= 8
    assert dense(HARD) in text
    assert dense("alinktonowhere,α≤β±3·10⁻⁴,Straße№4×4→“quoted”").removeprefix("a") in text
    assert "nofigureofours" in text
    assert SHA in text


@settings(max_examples=12)
@given(st.lists(st.text("ab1.)(*_`[]<>#+-=|~&\\! $:/{}^@\"'%,;?", min_size=1, max_size=20), min_size=6, max_size=10))
@example(["---", "-- -", "--", "- - -", "----", "a ---"])
def test_any_text_is_shown_unchanged(texts: list[str]) -> None:
    """The texts are paragraphs and cells of a table, on one page."""
    paragraphs = "\n\n".join(map(escaped, texts))
    rows = "".join(f"| {escaped(text)} | end |\n" for text in texts)
    source = f"{paragraphs}\n\nnow\n\n| a | b |\n| --- | --- |\n{rows}"
    ready = prepare_report(Report("t", "", sample().timestamp, source, ()), Path())
    expected = dense("".join(texts) + "nowab" + "end".join([*texts, ""]))
    with tempfile.TemporaryDirectory() as place:
        for suffix, read in READ.items():
            path = Path(place) / f"report{suffix}"
            path.write_bytes(REPORT_FORMATS[suffix].write(ready, "none"))
            assert expected in read(path), suffix


@pytest.mark.parametrize("suffix", [".md", ".html", ".docx"])
def test_code_keeps_its_lines(written: Written, suffix: str) -> None:
    assert dense(TOML) in READ[suffix](written.path(suffix))


def test_latex_compiles_and_shows_the_same_text(compiled: Path) -> None:
    text = pdf_text(compiled).replace("ˆ", "^")
    assert text.count(dense(TITLE)) >= 6
    assert dense(HARD) in text
    assert "U+4E2D" in text
    assert too_wide((compiled.parent / "compiled.log").read_text(encoding="latin-1")) < 4


def test_titles_and_authors_are_in_the_documents_properties(written: Written, page: ElementTree.Element) -> None:
    author = sample().author
    assert (page.findtext(f"{HTML}head/{HTML}title") or "").strip() == TITLE
    told = {meta.get("name"): meta.get("content") for meta in page.iter(f"{HTML}meta")}
    assert told["author"] == author
    about = pypdf.PdfReader(written.path(".pdf")).metadata
    assert about is not None
    assert (about.title, about.author) == (TITLE, author)
    assert about.creation_date_raw is not None
    assert about.creation_date_raw.startswith("D:20260301130500")
    properties = docx.Document(str(written.path(".docx"))).core_properties
    assert (properties.title, properties.author) == (TITLE, author)


def test_html_is_valid_and_complete_in_itself(written: Written, page: ElementTree.Element) -> None:
    assert page.get("lang") == "en"
    places = [one.get(name) or "" for one in page.iter() for name in ("src", "href")]
    assert all(place.startswith(("#", "data:image/svg+xml;base64,")) for place in places if place)
    assert len([place for place in places if place.startswith("data:")]) == 2
    assert not list(page.iter(f"{HTML}script"))
    assert [one.get("alt") for one in page.iter(f"{HTML}img")] == [f'It "rises", {TITLE}'] * 2
    assert len(list(page.iter("{http://www.w3.org/1998/Math/MathML}math"))) == 2
    assert "prefers-color-scheme: dark" in written.text(".html")
    if shutil.which("tidy"):
        command = ["tidy", "-q", "-e", "--show-warnings", "no", str(written.path(".html"))]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ended.stderr == ""


def test_links_inside_html_have_targets(page: ElementTree.Element) -> None:
    ids = [one.get("id") for one in page.iter() if one.get("id")]
    assert len(ids) == len(set(ids))
    targets = [place[1:] for one in page.iter() if (place := one.get("href") or "").startswith("#")]
    assert {"run-1", "run-2", "model-1"} <= set(targets) <= set(ids)


def test_links_inside_markdown_have_targets_on_github(written: Written) -> None:
    tokens = READER.parse(written.text(".md"))
    titles = [tokens[at + 1].children or [] for at, token in enumerate(tokens) if token.type == "heading_open"]
    anchors = slugs(["".join(child.content for child in title) for title in titles])
    links = [
        str(child.attrs["href"]) for token in tokens for child in token.children or [] if child.type == "link_open"
    ]
    assert len(links) >= 8
    assert {link.removeprefix("#") for link in links} <= set(anchors)
    assert "run-2" in anchors


def test_anchors_follow_githubs_rule() -> None:
    titles = ["Run 1 – Raw pixels: 784-250-10, tanh", "Run 2", "Run 2", "a_b & <c> № 5 é", "Run 2"]
    assert slugs(titles) == ["run-1--raw-pixels-784-250-10-tanh", "run-2", "run-2-1", "a_b--c--5-é", "run-2-2"]


def test_figures_beside_a_document_are_there_and_named_by_relative_paths(written: Written) -> None:
    drawn = [str(image.attrs["src"]) for image in images(written.text(".md"))]
    assert drawn == ["report_files/run-1-history.svg", "report_files/run-2-history.svg"]
    drawn += re.findall(r"\{(report_files/[^}]+)\}", written.text(".tex"))
    assert len(drawn) == 4
    assert all((written.folder / place).is_file() for place in drawn)
    alt = images(written.text(".md"))[0].children
    assert "".join(child.content for child in alt) == f'It "rises", {TITLE}'


def images(text: str) -> list[Any]:
    return [child for token in READER.parse(text) for child in token.children or [] if child.type == "image"]


def test_figures_in_docx_have_alt_texts_and_the_width_they_were_drawn_with(written: Written) -> None:
    document = docx.Document(str(written.path(".docx")))
    assert [round(shape.width.mm) for shape in document.inline_shapes] == [160, 160]
    told = [one.get("descr") for one in document.element.body.iter() if one.tag.endswith("}docPr")]
    assert told == [f'It "rises", {TITLE}'] * 2


@pytest.mark.parametrize("suffix", REPORT_FORMATS)
def test_the_same_report_is_the_same_bytes_whatever_lies_where_it_is_made(
    written: Written, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("report.html", "report.tex", "report.css", "report.typ", "body.typ", "reference.docx"):
        (tmp_path / name).write_text("an old report", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    again = REPORT_FORMATS[suffix].write(prepare_report(sample(), written.folder / "report_files"), "report_files")
    assert again == written.path(suffix).read_bytes()


def test_no_word_leaves_the_page_of_the_pdf(written: Written) -> None:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed (Debian: poppler-utils)")
    command = ["pdftotext", "-bbox", str(written.path(".pdf")), "-"]
    boxes = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    ends = [float(end) for end in re.findall(r'<word [^>]*xMax="([\d.]+)"', boxes)]
    assert len(ends) > 500
    assert max(ends) <= (210 - 25 + 1) / 25.4 * 72


def test_commands_and_code_copied_from_the_pdf_hold_no_hidden_characters(written: Written) -> None:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed (Debian: poppler-utils)")
    command = ["pdftotext", "-layout", str(written.path(".pdf")), "-"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "--set optimizer.rho=0.8" in text
    assert SHA in text
    assert "\u200b" not in text


@pytest.mark.slow
def test_docx_opens_in_libreoffice(written: Written, tmp_path: Path) -> None:
    if shutil.which("soffice") is None:
        pytest.skip("LibreOffice is not installed (Debian: libreoffice-writer)")
    profile = f"-env:UserInstallation=file://{tmp_path}/profile"
    command = ["soffice", profile, "--headless", "--convert-to", "pdf", "--outdir", str(tmp_path)]
    subprocess.run([*command, str(written.path(".docx"))], capture_output=True, check=True)
    text = pdf_text(tmp_path / "report.pdf")
    assert text.count(dense(TITLE)) >= 6
    assert dense(CLASSES[-1]) in text


def test_characters_that_no_format_can_hold_are_replaced(written: Written) -> None:
    torn = replace(sample(), title="a\x00b\ud800 c\nd", markdown="x\x07y\r\nz\uffff", drawings=())
    clean = clean_report(torn)
    assert clean.title == "a\ufffdb\ufffd c d"
    assert clean.markdown == "x\ufffdy\nz\ufffd"
    ready = prepare_report(torn, written.folder)
    for suffix, form in REPORT_FORMATS.items():
        assert form.write(ready, "none"), suffix
    assert pypdf.PdfReader(io.BytesIO(REPORT_FORMATS[".pdf"].write(ready, ""))).metadata is not None


def test_the_error_for_an_unknown_suffix_names_the_five_suffixes() -> None:
    with pytest.raises(ExportError, match=r"report.txt ends in .txt; .* .md, .tex, .html, .pdf or .docx"):
        report_format(Path("report.txt"))
    with pytest.raises(ExportError, match="report has no ending"):
        report_format(Path("report"))
    assert report_format(Path("REPORT.PDF")) is REPORT_FORMATS[".pdf"]


def test_the_folder_for_figures_has_a_name_that_tex_and_links_take() -> None:
    assert figure_folder(Path("x/report.md")) == "report_files"
    assert re.fullmatch(r"my-1-50-r-[0-9a-f]{8}_files", figure_folder(Path("my #1 50% ré.tex")))
    assert re.fullmatch(r"[0-9a-f]{8}_files", figure_folder(Path("Ж.md")))


@given(st.lists(st.text(st.characters(exclude_characters="/\0"), min_size=1), min_size=2, unique=True))
def test_documents_of_different_names_have_different_folders_for_figures(names: list[str]) -> None:
    folders = {figure_folder(Path(f"{name}.md")) for name in names}
    assert len(folders) == len({Path(f"{name}.md").stem for name in names})
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+_files", folder) for folder in folders)


@given(st.lists(st.text("ab", min_size=1, max_size=9), min_size=1, max_size=12), st.integers(9, 40))
def test_lines_are_counted_as_text_wraps(words: list[str], width: int) -> None:
    text = " ".join(words)
    assert lines_of(text, width) == len(textwrap.wrap(text, width, break_on_hyphens=False))


@given(st.text("ab/-. ", max_size=80), st.integers(1, 30))
def test_breaking_words_changes_no_letter_and_leaves_short_ones_whole(text: str, longest: int) -> None:
    broken = breakable(text, longest)
    assert broken.replace("\u200b", "") == text
    for word, there in zip(text.split(" "), broken.split(" "), strict=True):
        assert len(word) > longest or word == there


def test_pages_take_more_of_smaller_letters() -> None:
    assert list(PAGE) == sorted(PAGE)


@pytest.mark.parametrize(
    ("char", "latex"),
    [
        ("α", r"\ensuremath{\alpha}"),
        ("Ω", r"\ensuremath{\Omega}"),
        ("Α", "A"),
        ("⁴", r"\ensuremath{^{4}}"),
        ("≤", r"\ensuremath{\le}"),
        ("中", r"\nosuchletter{4E2D}"),
        ("ϛ", r"\nosuchletter{03DB}"),
        ("✓", r"\ensuremath{\checkmark}"),
    ],
)
def test_letters_that_tex_has_no_font_for_are_formulas_or_code_points(char: str, latex: str) -> None:
    assert latex_of(char) == latex
