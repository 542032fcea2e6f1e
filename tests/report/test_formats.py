"""The five formats of a report, each read by another library."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import docx
import html5lib
import pypdf
import pytest
from docx.oxml.ns import qn
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mnist_tui.report.document import REPORT_FORMATS, figure_folder, report_format
from mnist_tui.report.export import ExportError
from mnist_tui.report.figures.drawing import save
from mnist_tui.report.formats.latex import latex_of
from mnist_tui.report.formats.pdf import PAGE_TOP_MM, Place, ReportPart, with_text_before_figures
from mnist_tui.report.formats.tree import GAP, PAGE, breakable, slugs, table_layout, text_of, with_whole_formulas
from mnist_tui.report.formats.writers import PreparedReport, clean_report, prepare_report, read_markdown
from mnist_tui.report.markdown import Report, escaped, table
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


@pytest.mark.parametrize("suffix", READ)
def test_tables_and_figures_have_numbers_and_captions_and_the_text_refers_to_them(
    written: Written, suffix: str
) -> None:
    text = READ[suffix](written.path(suffix))
    assert dense(f"Table 1: The runs of {TITLE}") in text
    assert dense("Table 2: Counts of *images*, 50 % of them") in text
    assert dense(f"Figure 2: {TITLE}") in text
    assert dense("Both runs are in Table 1, their curves in Figure 1 and Figure 2. Table 2 has counts;") in text
    section = "Run 2" if suffix == ".md" else "Section 2.2"
    assert dense(f"{section} has every epoch; a source says so [1].") in text
    assert text.count(dense("[1] A. Author, A source.")) == 1
    assert "{#ref" not in text
    assert "Table:" not in text


def test_latex_counts_tables_and_figures_itself(written: Written) -> None:
    text = written.text(".tex")
    assert re.findall(r"\\label\{((?:tab|fig)-[\w-]+)\}", text) == [
        "tab-runs", "fig-run-1-history", "tab-classes", "fig-run-2-history",
    ]  # fmt: skip
    assert text.count(r"\caption{") == 4
    assert (
        r"\hyperref[tab-classes]{Table~\ref*{tab-classes}} has counts; \hyperref[run-2]{Section~\ref*{run-2}}" in text
    )
    assert text.count(r"\begin{longtable}") == 2  # the table with a footnote, and the one longer than a page
    assert text.count(r"\begin{table}") == 1


@pytest.mark.parametrize("suffix", [".md", ".html", ".docx"])
def test_code_keeps_its_lines(written: Written, suffix: str) -> None:
    assert dense(TOML) in READ[suffix](written.path(suffix))


def test_latex_compiles_and_shows_the_same_text(compiled: Path) -> None:
    text = pdf_text(compiled).replace("ˆ", "^")
    assert text.count(dense(TITLE)) >= 6
    assert dense(HARD) in text
    assert "U+4E2D" in text
    log = (compiled.parent / "compiled.log").read_text(encoding="latin-1")
    assert too_wide(log) < 1
    assert "undefined" not in log


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
    own = re.findall(r'<a id="([\w-]+)"></a>', written.text(".md"))
    assert {link.removeprefix("#") for link in links} <= {*anchors, *own}
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


def test_numbers_references_and_contents_of_docx_are_fields_with_values(written: Written) -> None:
    body = docx.Document(str(written.path(".docx"))).element.body
    formulas = "".join(body.xpath("//*[local-name()='oMath']//*[local-name()='t']/text()"))
    assert "=" in formulas and "&" not in formulas, "LibreOffice would show a sign where Word aligns"
    codes = [" ".join((one.text or "").split()) for one in body.iter() if one.tag.endswith("}instrText")]
    bookmarks = {one.get(qn("w:name")) for one in body.iter(qn("w:bookmarkStart"))}
    assert [code for code in codes if code.startswith("SEQ")] == [
        *(rf"SEQ {kind} \* ARABIC" for kind in ("Table", "Figure", "Table", "Figure"))
    ]
    references = [code.split()[1] for code in codes if code.startswith(("REF", "PAGEREF"))]
    assert len(references) == 4 + 7
    assert set(references) <= bookmarks
    assert codes[0] == r'TOC \o "1-2" \h \z \u'
    entries = [
        paragraph for paragraph in body.iter(qn("w:p")) if (paragraph.pPr is not None and "TOC1" in paragraph.xml)
    ]
    assert [dense("".join(one.text or "" for one in entry.iter(qn("w:t")))) for entry in entries] == [
        "1Summary1", "2Trainingreports1", "3Modelarchitectures4"
    ]  # fmt: skip
    assert "w:dirty" not in body.xml  # Word would ask the reader about it


def test_rows_of_tables_in_docx_are_not_broken_and_short_tables_stay_on_one_page(written: Written) -> None:
    *_, classes, _, epochs = docx.Document(str(written.path(".docx"))).tables
    for grid in (classes, epochs):
        assert len(list(grid._tbl.iter(qn("w:cantSplit")))) == len(grid.rows)
    short, long = ([row.cells[0].paragraphs[0].style for row in grid.rows] for grid in (classes, epochs))
    assert [style.name for style in short if style] == [*["Table 7 Kept"] * 10, "Table 7"]
    assert [style.name for style in long if style] == ["Table 9 Kept", *["Table 9"] * 90]


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


@given(st.lists(st.lists(st.text("ab ", max_size=40), min_size=3, max_size=3), min_size=1, max_size=6))
def test_columns_of_a_table_fit_the_page_and_hold_their_longest_words(rows: list[list[str]]) -> None:
    layout = table_layout(read_markdown(table(["a", "b", "c"], rows))["blocks"][0], (40, 60))
    assert sum(layout.widths) + 2 * GAP <= (40, 60)[layout.size] or layout.size == 1
    words = [max(map(len, " ".join(column).split()), default=0) for column in zip(*rows, strict=True)]
    if not layout.size:
        assert all(width > word for width, word in zip(layout.widths, words, strict=True))


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


def texts_around_figures(kinds: str) -> list[ReportPart]:
    """A letter a part: H is a heading, F a figure, and T a text; the name is the number of the part."""
    names = {"H": "heading", "F": "figure", "T": "text"}
    return [ReportPart(names[kind], str(at) if kind == "F" else "", str(at)) for at, kind in enumerate(kinds)]


@pytest.mark.parametrize(
    ("kinds", "begins", "order"),
    [
        ("TFTT", 1, "0213"),  # the text fills the page before the figure
        ("TFFT", 1, "0312"),  # figures stay in their order
        ("TFHT", 1, None),  # no text of the next section
        ("HFT", 1, None),  # a figure stays with the heading above it
        ("TFT", 9, None),  # no figure begins a page
    ],
)
def test_only_text_of_its_section_is_moved_before_a_figure_that_begins_a_page(
    kinds: str, begins: int, order: str | None
) -> None:
    places = [
        Place("figure", str(at), 2 if at >= begins else 1, PAGE_TOP_MM if at == begins else 90.0)
        for at, kind in enumerate(kinds)
        if kind == "F"
    ]
    moved = with_text_before_figures(texts_around_figures(kinds), places)
    assert (None if moved is None else "".join(part.source for part in moved)) == order


def test_formulas_have_no_space_that_may_end_a_line() -> None:
    (words,) = with_whole_formulas(read_markdown("together 784 × 250 = 196,000 weights, 98.5 % of 2 `a × b`")["blocks"])
    assert text_of(words).replace("\u00a0", "_") == "together 784_×_250_=_196,000 weights, 98.5_% of 2 a × b"
