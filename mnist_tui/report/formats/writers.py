"""Write a report as a document: Markdown, HTML, Word, LaTeX and PDF, with pandoc, and with typst for the PDF.

Tables are fitted to the pages of a format. Characters that no font has are shown as boxes, and a warning names them.
Every writer takes the prepared report and the name of the folder beside the document that has the document's figures.
A writer raises an ExportError if pandoc or typst failed, and an OSError if a figure cannot be read. pandoc runs without
a shell and without the user's settings. Title, author and time are plain text in every format.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from itertools import count, pairwise
from pathlib import Path
from typing import Any

from mnist_tui.python_process import end_words
from mnist_tui.report import tabular
from mnist_tui.report.export import ExportError
from mnist_tui.report.figures.drawing import Drawing
from mnist_tui.report.formats import tree
from mnist_tui.report.formats.tree import BARE, FigureMaker, Node, Nodes, inlines, node, transformed
from mnist_tui.report.markdown import Report
from mnist_tui.shown_text import isolated
from mnist_tui.wording import in_utc, listed, noun

READER = "commonmark+pipe_tables+tex_math_dollars+footnotes+strikeout-raw_html"
"""The Markdown that GitHub reads, too: no raw HTML or TeX, no attributes, no citations."""
TEMPLATES = Path(__file__).with_name("templates")
PATIENCE_S = 120.0

Tree = dict[str, Any]
"""pandoc's document as JSON: ``{"pandoc-api-version": …, "meta": {…}, "blocks": […]}``."""


def read_markdown(markdown: str) -> Tree:
    """Return the tree of a Markdown text; an ExportError if pandoc is missing or failed."""
    return json.loads(_run_pandoc(["--from", READER, "--to", "json"], markdown.encode()))


def _run_pandoc(arguments: Sequence[str], given: bytes, epoch: int = 0, folder: Path | None = None) -> bytes:
    sandbox = [] if folder else ["--sandbox"]
    command = [pandoc_path(), "--data-dir", str(TEMPLATES.parent), *sandbox, *arguments]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "LC_ALL": "C.UTF-8"}
    try:
        process = subprocess.run(
            command, input=given, capture_output=True, env=environment, cwd=folder, timeout=PATIENCE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ExportError(f"pandoc cannot be run: {error}", refused=False) from None
    if process.returncode < 0:
        raise ExportError(f"pandoc {end_words(process.returncode)}", refused=False)
    if process.returncode != 0:
        why = " ".join(process.stderr.decode("utf-8", "replace").split())
        raise ExportError(f"pandoc could not write the report: {why[:500]}", refused=False)
    return process.stdout


def pandoc_path() -> str:
    """Return the path of the pandoc in the package pypandoc-binary, else on the PATH; an ExportError without pandoc."""
    package = find_spec("pypandoc")
    if package and package.origin and (own := Path(package.origin).parent / "files" / "pandoc").is_file():
        return str(own)
    if path := shutil.which("pandoc"):
        return path
    raise ExportError("pandoc is missing; `pip install pypandoc-binary` adds it", refused=False)


_NOT_TEXT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\u200b\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)
"""Characters that XML or TeX refuse, that reorder text, or that `tree.BREAK` uses to break words."""


def clean_report(report: Report) -> Report:
    """Return the report with titles on one line, and with a replacement for each character that is not text."""
    return replace(
        report,
        title=_line(report.title),
        author=_line(report.author),
        markdown=_text(report.markdown.replace("\r\n", "\n").replace("\r", "\n")),
        drawings=tuple(
            replace(drawing, caption=_line(drawing.caption), alt=_line(drawing.alt)) for drawing in report.drawings
        ),
    )


def _line(text: str) -> str:
    return " ".join(_text(" ".join(text.split())).split())


def _text(text: str) -> str:
    return _NOT_TEXT.sub(lambda match: "" if match[0] == "\u200b" else "\ufffd", text)


@dataclass(frozen=True)
class PreparedReport:
    """A report ready to be converted.

    Attributes:
        report: the report, without characters that are not text.
        version: the version of pandoc's tree.
        blocks: the report's text; headings have ids, and all pictures are figures of the report.
        figures: the folder with the files of the figures, ``NAME.svg`` and so on.
    """

    report: Report
    version: tuple[int, ...]
    blocks: Nodes
    figures: Path

    def with_pictures(self, place: Callable[[str], str], make: FigureMaker) -> Nodes:
        """Return the text with a figure for each paragraph that starts with a picture; figures are numbered from 1.

        Args:
            place: returns the path of a figure's file in the document, from the figure's name.
            make: returns the blocks of a figure.
        """
        numbers, drawings = count(1), {f"{tree.FIGURES}{drawing.name}": drawing for drawing in self.report.drawings}

        def paragraph(element: Node) -> Any:
            if element["c"][0]["t"] != "Image":
                return element
            _, caption, (target, _) = element["c"][0]["c"]
            drawing = drawings.get(target)
            return make(next(numbers), drawing, place(drawing.name), caption) if drawing else element

        return transformed(self.blocks, {"Para": paragraph})

    @property
    def epoch(self) -> int:
        """The report's time in seconds since 1970, for formats that record a time."""
        return max(0, int(self.report.timestamp.timestamp()))

    def write(
        self, document: Tree, form: str, options: Sequence[str] = (), *, template: str = "", folder: Path | None = None
    ) -> bytes:
        """Return a tree as a document; an ExportError if pandoc is missing or failed.

        Args:
            form: one of pandoc's output formats.
            options: more arguments of pandoc.
            template: the name of a file in TEMPLATES, for a document that is complete in itself.
            folder: the folder of the pictures; without a folder, pandoc reads no file but its template.
        """
        whole = ["--standalone", f"--template={TEMPLATES / template}"] if template else []
        arguments = ["--from", "json", "--to", form, "--wrap=none", "--syntax-highlighting=none", *whole, *options]
        return _run_pandoc(arguments, json.dumps(document).encode(), self.epoch, folder)

    def tree(self, blocks: Nodes) -> Tree:
        """Return a document of the blocks, with title, author and time as pandoc's templates need them."""
        report = self.report
        meta = {
            "title": node("MetaInlines", inlines(report.title)),
            "date": node("MetaInlines", inlines(in_utc(report.timestamp))),
            "lang": node("MetaString", "en"),
        }
        if report.author:
            meta["author"] = node("MetaList", [node("MetaInlines", inlines(report.author))])
        return {"pandoc-api-version": [*self.version], "meta": meta, "blocks": blocks}


def prepare_report(report: Report, figures: Path) -> PreparedReport:
    """Read the report's Markdown; an ExportError if pandoc is missing or failed.

    Args:
        figures: the folder with the files of the report's figures.
    """
    clean = clean_report(report)
    document, names = read_markdown(clean.markdown), [drawing.name for drawing in clean.drawings]
    blocks = tree.without_foreign_pictures(tree.with_ids(document["blocks"]), names)
    return PreparedReport(clean, tuple(document["pandoc-api-version"]), blocks, figures)


MARKDOWN_WRITER = "gfm-tex_math_gfm+subscript"
"""GitHub's Markdown with dollars for formulas; tildes are escaped, because GitHub strikes out text between them."""


def write_markdown(prepared: PreparedReport, beside: str) -> bytes:
    """Return the report in Markdown as GitHub shows it."""
    report = prepared.report
    blocks = prepared.with_pictures(lambda name: f"{beside}/{name}.svg", _markdown_figure)
    headings = tree.headings(blocks)
    anchors = tree.slugs([report.title, *(tree.text_of(title) for _, _, title in headings)])[1:]
    names = {name: anchor for (_, name, _), anchor in zip(headings, anchors, strict=True)}
    byline = " · ".join(part for part in (report.author, in_utc(report.timestamp)) if part)
    head = [node("Header", [1, BARE, inlines(report.title)]), node("Para", inlines(byline))]
    body = transformed(blocks, {"Header": _lowered_heading})
    text = tree.with_links([*head, *tree.contents(blocks), *body], names)
    text = tree.with_directions(text, tree.isolated_by_characters)
    # pandoc leaves text that looks like an HTML entity, backslashes, and words of dashes that would be read as a rule
    text = tree.with_raw_text(text, r"&(?=#?\w+;)", "gfm", "\\&")
    text = tree.with_raw_text(text, r"\\", "gfm", "\\\\")
    text = tree.with_raw_text(text, r"^-(?=-+$)", "gfm", "\\-")
    return prepared.write(prepared.tree(text), MARKDOWN_WRITER)


def _markdown_figure(number: int, drawing: Drawing, path: str, caption: Nodes) -> Nodes:
    image = node("Image", [BARE, inlines(drawing.alt), [path, ""]])
    return [node("Para", [image]), node("Para", tree.numbered_caption(number, caption))]


def _lowered_heading(element: Node) -> Node:
    """Move a heading one level down, as the title has level 1, and remove the id, which GitHub does not read."""
    level, _, title = element["c"]
    return node("Header", [min(level + 1, 6), BARE, title])


HTML_OPTIONS = ("--mathml", "--toc", "--toc-depth=3", "--number-sections", "--shift-heading-level-by=1")


def write_html(prepared: PreparedReport, _beside: str) -> bytes:
    """Return the report as one HTML file: style and figures inside, formulas as MathML, tables that scroll."""

    def data_url(name: str) -> str:
        svg = (prepared.figures / f"{name}.svg").read_bytes()
        return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"

    blocks = tree.without_empty_heads(prepared.with_pictures(data_url, tree.numbered_figure))
    boxed = transformed(tree.with_links(blocks), {"Table": lambda table: node("Div", [["", ["table"], []], [table]])})
    document = tree.with_directions(prepared.tree(boxed), tree.isolated_by_attribute)
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    document["meta"]["style"] = node("MetaBlocks", [node("RawBlock", ["html", style])])
    return prepared.write(document, "html5", HTML_OPTIONS, template="report.html")


MOST_NAMED = 8
"""The most characters that a warning names."""
_TYPST_CHARACTERS = re.compile("[\x00-\u052f\u1e00-\u25ff\u2713\u2717\ufb00-\ufb06\ufffd]")
"""Most characters of typst's own fonts: Latin, Greek, Cyrillic, punctuation, arrows, mathematics."""
_FONTS = {"CJK": "Noto Sans CJK", "HIRAGANA": "Noto Sans CJK", "KATAKANA": "Noto Sans CJK", "HANGUL": "Noto Sans CJK"}
_SCRIPTS = frozenset((
    "ARABIC", "ARMENIAN", "BENGALI", "DEVANAGARI", "ETHIOPIC", "GEORGIAN", "GUJARATI", "GURMUKHI", "HEBREW",
    "KANNADA", "KHMER", "LAO", "MALAYALAM", "MONGOLIAN", "MYANMAR", "ORIYA", "SINHALA", "SYRIAC", "TAMIL", "TELUGU",
    "THAANA", "THAI", "TIBETAN",
))  # fmt: skip
"""Scripts with a Noto font that has the script's name."""


def drawn_characters(text: str) -> set[str]:
    """Return the characters of a text that are drawn and are not ASCII: no controls, spaces or combining marks."""
    return {char for char in set(text) if not char.isascii() and unicodedata.category(char)[0] not in "CZM"}


def _drawn_in(prepared: PreparedReport) -> set[str]:
    return drawn_characters(json.dumps(prepared.tree(prepared.blocks), ensure_ascii=False))


def missing_in_figures(drawings: Iterable[Drawing]) -> str:
    """Return a warning about characters that Matplotlib's font lacks; empty if there are none."""
    texts = [f"{drawing.alt} {drawing.data.headings} {drawing.data.rows}" for drawing in drawings]
    drawn = drawn_characters("".join(texts))
    if not drawn:
        return ""
    import matplotlib

    font = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return _missing_sentence("a figure", drawn - font_characters(font, 0), "which Matplotlib's font lacks")


def missing_in_pdf(prepared: PreparedReport) -> str:
    """Return a warning about characters that no font of typst or of this machine has; empty if there are none."""
    import typst

    lacking = {char for char in _drawn_in(prepared) if not _TYPST_CHARACTERS.match(char)}
    for font in typst.Fonts(include_system_fonts=True).fonts() if lacking else ():
        if font.path and lacking:
            lacking -= font_characters(Path(font.path), font.index)
    sentence = _missing_sentence("the PDF", lacking, "which no font on this machine has")
    fonts = list(dict.fromkeys(map(_free_font_with, sorted(lacking))))
    return f"{sentence}; {listed(fonts)} {noun(fonts, 'has', 'have')} them" if lacking else ""


def missing_in_latex(prepared: PreparedReport) -> str:
    """Return a warning about characters that pdfLaTeX prints as their numbers; empty if there are none."""
    foreign = {char for char in _drawn_in(prepared) if char > LATIN and (char.isalpha() or char >= FIRST_OF_CJK)}
    lacking = {char for char in foreign if "nosuch" in latex_of(char)}
    why = "for which pdfLaTeX's usual fonts have no letters; the other formats show them"
    return _missing_sentence("the LaTeX document", lacking, why)


def _missing_sentence(where: str, lacking: Collection[str], why: str) -> str:
    named = ", ".join(f"{char} (U+{ord(char):04X})" for char in sorted(lacking)[:MOST_NAMED])
    more = f" and {len(lacking) - MOST_NAMED} more" if len(lacking) > MOST_NAMED else ""
    return f"{where} shows boxes instead of {named}{more}, {why}" if lacking else ""


@cache
def font_characters(path: Path, index: int) -> frozenset[str]:
    """Return the characters of a font; empty if the font file cannot be read."""
    from fontTools.ttLib import TTFont, TTLibError

    try:
        with TTFont(path, fontNumber=index, lazy=True) as font:
            return frozenset(map(chr, font.getBestCmap() or ()))
    except (OSError, TTLibError, AssertionError, ValueError):
        return frozenset()


def _free_font_with(char: str) -> str:
    script = unicodedata.name(char, "").partition(" ")[0]
    if script in _FONTS:
        return _FONTS[script]
    if script in _SCRIPTS:
        return f"Noto Sans {script.capitalize()}"
    return "Noto Sans Symbols" if unicodedata.category(char) == "So" else "GNU Unifont"


DOCX_OPTIONS = ("--number-sections", f"--reference-doc={TEMPLATES / 'reference.docx'}")
"""The reference document is pandoc's own with A4 pages, smaller letters, and a style for each size of table text."""
DOCX_TABLE_STYLES = ("Table 9", "Table 8", "Table 7")
"""The styles of table text, by `TableLayout.size`."""
DOCX_PAGE = (80, 92, 106)
"""Characters across the page in those styles; fewer than elsewhere, since the reader may lack the font."""


def write_docx(prepared: PreparedReport, _beside: str) -> bytes:
    """Return the report as a Word document: figures as pictures, a table of contents made of links.

    Here pandoc may read files, to embed the figures; the text names no other files.
    """
    blocks = tree.without_empty_heads(prepared.with_pictures(lambda name: f"{name}.png", tree.numbered_figure))
    blocks = tree.with_fitted_tables(blocks, _docx_table, DOCX_PAGE, always=True)
    linked = tree.with_links([*tree.contents(blocks), *blocks])
    document = tree.with_directions(prepared.tree(linked), tree.isolated_by_attribute)
    return prepared.write(document, "docx", DOCX_OPTIONS, folder=prepared.figures)


def _docx_table(size: int, table: Node) -> Nodes:
    """Return a table whose words have a style; cells and links already have pandoc's styles."""
    style = ["", [], [["custom-style", DOCX_TABLE_STYLES[size]]]]

    def small(element: Node) -> Node:
        return node("Span", [style, [element]])

    return [tree.with_cells(table, lambda cell, _: transformed(cell, {"Str": small, "Space": small, "Code": small}))]


LATEX_TABLE_SIZES = (r"\small", r"\footnotesize", r"\scriptsize")
LATEX_LONGEST_WORD = 40
LATIN, FIRST_OF_CJK = "\u024f", "\u2e80"
"""The last letter that LaTeX composes of Latin ones, and the first of the characters that LaTeX lacks altogether."""
LATEX_OF = {tree.BREAK: r"\hskip0pt\relax", "✓": r"\ensuremath{\checkmark}", "▲": r"\ensuremath{\blacktriangle}"}
"""LaTeX for characters that need this document's packages, or that `latex_symbol` does not know."""


def write_latex(prepared: PreparedReport, beside: str) -> bytes:
    """Return the report as LaTeX for pdfLaTeX; it uses only packages that every TeX distribution includes."""
    blocks = prepared.with_pictures(lambda name: f"{beside}/{name}.pdf", tree.captioned_figure)
    blocks = tree.with_breaks(tree.with_links(tree.without_empty_heads(blocks)), LATEX_LONGEST_WORD)
    blocks = tree.with_raw_text(blocks, "`", "latex", r"\textasciigrave{}")
    blocks = tree.with_fitted_tables(
        blocks, lambda size, table: _wrapped("latex", rf"\begingroup{LATEX_TABLE_SIZES[size]}", table, r"\endgroup")
    )
    document = prepared.tree(transformed(blocks, {"CodeBlock": _code_lines}))
    letters = sorted({char for char in json.dumps(document, ensure_ascii=False) if not char.isascii()})
    symbols = "\n".join(rf"  \symbolfor{{{char}}}{{{ord(char):04X}}}{{{latex_of(char)}}}" for char in letters)
    document["meta"]["symbols"] = node("MetaBlocks", [node("RawBlock", ["latex", symbols])])
    return prepared.write(document, "latex", template="report.tex")


def latex_of(char: str) -> str:
    """Return a character as LaTeX that needs only the usual fonts: mathematics, nothing, or its number in a box."""
    text = LATEX_OF.get(char, tabular.latex_symbol(char))
    return text if text is not None else rf"\nosuchletter{{{ord(char):04X}}}"


def _wrapped(form: str, opening: str, block: Node, closing: str) -> Nodes:
    """Return a block of pandoc's tree with code of the output format (LaTeX or Typst) before and after it."""
    return [node("RawBlock", [form, opening]), block, node("RawBlock", [form, closing])]


def _code_lines(element: Node) -> Nodes:
    """Return code as lines that wrap; each line starts with an empty box, so that leading spaces stay."""
    content: Nodes = []
    for line in element["c"][1].split("\n"):
        box = node("RawInline", ["latex", r"\mbox{}"])
        content += [node("LineBreak"), box, node("Code", [BARE, line.expandtabs(4)])]
    return _wrapped("latex", r"\begin{codelines}", node("Para", content[1:]), r"\end{codelines}")


PDF_TABLE_SIZES = ("9pt", "8pt", "7pt")
PDF_LONGEST_WORD = 60
_PLAIN = re.compile(r"[^\W_]+[,;:)]?")


def write_pdf(prepared: PreparedReport, _beside: str) -> bytes:
    """Return the report as a PDF, made by typst without TeX; the bytes are the same on every machine.

    Only a text with letters that typst's own fonts lack, such as Chinese, uses the fonts of the machine.
    """
    report = prepared.report
    blocks = tree.without_empty_heads(prepared.with_pictures(lambda name: f"figures/{name}.svg", _typst_figure))
    blocks = tree.with_breaks(tree.with_links(blocks), PDF_LONGEST_WORD)
    blocks = tree.with_fitted_tables(
        _kept_together(blocks),
        lambda size, table: _wrapped("typst", f"#[#set text(size: {PDF_TABLE_SIZES[size]})", table, "]"),
    )
    blocks = transformed(tree.with_directions(blocks, tree.isolated_by_characters), {"Str": _typst_literal})
    body = prepared.write(prepared.tree(blocks), "typst")
    files = {"main.typ": (TEMPLATES / "report.typ").read_bytes(), "body.typ": body}
    for drawing in report.drawings:
        files[f"figures/{drawing.name}.svg"] = (prepared.figures / f"{drawing.name}.svg").read_bytes()
    text = set(body.decode() + report.title + report.author)
    return _compile(prepared, files, own_fonts=all(map(_TYPST_CHARACTERS.match, text)))


def _compile(prepared: PreparedReport, files: dict[str, bytes], *, own_fonts: bool) -> bytes:
    """Compile with typst; title and author are passed as values, so that typst never reads them as markup."""
    import typst

    report = prepared.report
    values = {
        "title": report.title,
        "author": report.author,
        "time": in_utc(report.timestamp),
        "shown-title": isolated(report.title),
        "shown-author": isolated(report.author),
    }
    try:
        return typst.compile(
            files,  # pyright: ignore[reportArgumentType]: its stub knows no folder of files
            ignore_system_fonts=own_fonts,
            sys_inputs=values,
            timestamp=prepared.epoch,
            format="pdf",
        )
    except RuntimeError as error:
        why = " ".join(str(error).split())[:500]
        raise ExportError(f"typst could not set the report: {why}", refused=False) from None


def _typst_figure(number: int, drawing: Drawing, path: str, caption: Nodes) -> Nodes:
    place, alt = _typst_string(path), _typst_string(drawing.alt)
    image = f"#image({place}, width: {drawing.millimetres[0]:g}mm, alt: {alt})"
    return tree.figure(number, caption, node("RawInline", ["typst", image]))


def _typst_string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _kept_together(blocks: Nodes) -> Nodes:
    """Keep a paragraph on the same page as the list or the code after it."""
    together: Nodes = []
    for element, following in pairwise([*blocks, node("Null")]):
        leads = element["t"] == "Para" and following["t"] in {"BulletList", "CodeBlock"}
        together += _wrapped("typst", "#block(sticky: true)[", element, "]") if leads else [element]
    return together


def _typst_literal(element: Node) -> Node:
    """Write a word as a string if typst might read it as markup, which even changes ``...`` and ``-1``."""
    text = element["c"]
    return element if _PLAIN.fullmatch(text) else node("RawInline", ["typst", f"#{_typst_string(text)};"])
