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
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mnist_tui.python_process import end_words
from mnist_tui.report.export import ExportError
from mnist_tui.report.figures.drawing import Drawing
from mnist_tui.report.formats import numbering, tree
from mnist_tui.report.formats.tree import BARE, Node, Nodes, inlines, node, transformed
from mnist_tui.report.markdown import Report
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
        blocks: the report's text; headings, figures and tables with captions have ids.
        figures: the folder with the files of the figures, ``NAME.svg`` and so on.
    """

    report: Report
    version: tuple[int, ...]
    blocks: Nodes
    figures: Path

    def with_pictures(self, picture: Callable[[Drawing], Node]) -> Nodes:
        """Return the text with a format's pictures in its figures.

        Args:
            picture: returns the picture of a drawing.
        """
        drawings = {f"{tree.FIGURES}{drawing.name}": drawing for drawing in self.report.drawings}

        def figure(element: Node) -> Node:
            attributes, caption, [plain] = element["c"]
            drawing = drawings[plain["c"][0]["c"][2][0]]
            return node("Figure", [attributes, caption, [node("Plain", [picture(drawing)])]])

        return transformed(self.blocks, {"Figure": figure})

    def linked(self, blocks: Nodes) -> Nodes:
        """Return the text for pages: without links to what the document lacks, and without line ends in formulas."""
        blocks = tree.with_links(blocks, {name: name for name in numbering.anchors_of(blocks)})
        return tree.with_whole_formulas(blocks)

    @cached_property
    def labels(self) -> dict[str, str]:
        """The words that refer to each table and figure, by its anchor."""
        return numbering.labels_of(self.blocks)

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
    blocks = tree.without_foreign_pictures(tree.with_anchors(tree.with_ids(document["blocks"])), names)
    blocks = numbering.with_captions(blocks)
    return PreparedReport(clean, tuple(document["pandoc-api-version"]), blocks, figures)


MARKDOWN_WRITER = "gfm-tex_math_gfm+subscript"
"""GitHub's Markdown with dollars for formulas; tildes are escaped, because GitHub strikes out text between them."""


def write_markdown(prepared: PreparedReport, beside: str) -> bytes:
    """Return the report in Markdown as GitHub shows it."""
    report = prepared.report
    blocks = prepared.with_pictures(lambda drawing: picture(drawing, f"{beside}/{drawing.name}.svg"))
    headings = tree.headings(blocks)
    anchors = tree.slugs([report.title, *(tree.text_of(title) for _, _, title in headings)])[1:]
    names = {name: name for name in numbering.anchors_of(blocks)}
    names |= {name: anchor for (_, name, _), anchor in zip(headings, anchors, strict=True)}
    labels = {anchor: label.replace(numbering.NO_BREAK, " ") for anchor, label in prepared.labels.items()}
    labels |= {name: tree.text_of(title) for _, name, title in headings}  # sections have no numbers here
    blocks = numbering.with_references(numbering.with_numbered_captions(blocks, labels), labels)
    byline = " · ".join(part for part in (report.author, in_utc(report.timestamp)) if part)
    head = [node("Header", [1, BARE, inlines(report.title)]), node("Para", inlines(byline))]
    body = transformed(
        transformed(blocks, {"Header": _lowered_heading, "Figure": _markdown_figure, "Table": _markdown_table}),
        {"Span": _markdown_anchor},
    )
    text = tree.with_links([*head, *tree.contents(blocks), *body], names)
    text = tree.with_directions(text, tree.isolated_by_characters)
    # pandoc leaves text that looks like an HTML entity, backslashes, and words of dashes that would be read as a rule
    text = tree.with_raw_text(text, r"&(?=#?\w+;)", "gfm", "\\&")
    text = tree.with_raw_text(text, r"\\", "gfm", "\\\\")
    text = tree.with_raw_text(text, r"^-(?=-+$)", "gfm", "\\-")
    return prepared.write(prepared.tree(text), MARKDOWN_WRITER)


def picture(drawing: Drawing, path: str, *, width: bool = False) -> Node:
    """Return the picture of a drawing, if `width` is set as wide as it was drawn."""
    shown = [["width", f"{drawing.millimetres[0]:g}mm"], ["alt", drawing.alt]] if width else []
    return node("Image", [["", [], shown], inlines(drawing.alt), [path, ""]])


def _markdown_figure(element: Node) -> Nodes:
    (name, _, _), (_, caption), [plain] = element["c"]
    return [node("Para", [_markdown_target(name), *plain["c"]]), node("Para", caption[0]["c"])]


def _markdown_table(element: Node) -> Nodes:
    (name, _, _), (_, caption), *table = element["c"]
    above = [node("Para", [_markdown_target(name), *caption[0]["c"]])] if name else []
    return [*above, node("Table", [BARE, [None, []], *table])]


def _markdown_anchor(element: Node) -> Nodes:
    return [_markdown_target(element["c"][0][0]), *element["c"][1]]


def _markdown_target(name: str) -> Node:
    return node("RawInline", ["html", f'<a id="{name}"></a>'])


def _lowered_heading(element: Node) -> Node:
    """Move a heading one level down, as the title has level 1, and remove the id, which GitHub does not read."""
    level, _, title = element["c"]
    return node("Header", [min(level + 1, 6), BARE, title])


HTML_OPTIONS = ("--mathml", "--toc", "--toc-depth=3", "--number-sections", "--shift-heading-level-by=1")


def write_html(prepared: PreparedReport, _beside: str) -> bytes:
    """Return the report as one HTML file: style and figures inside, formulas as MathML, tables that scroll."""

    def svg(drawing: Drawing) -> Node:
        content = (prepared.figures / f"{drawing.name}.svg").read_bytes()
        return picture(drawing, f"data:image/svg+xml;base64,{base64.b64encode(content).decode()}", width=True)

    blocks = numbering.with_numbered_captions(prepared.with_pictures(svg), prepared.labels)
    blocks = prepared.linked(numbering.with_references(tree.without_empty_heads(blocks), prepared.labels))
    boxed = transformed(blocks, {"Table": lambda table: node("Div", [["", ["table"], []], [table]])})
    document = tree.with_directions(prepared.tree(boxed), tree.isolated_by_attribute)
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    document["meta"]["style"] = node("MetaBlocks", [node("RawBlock", ["html", style])])
    return prepared.write(document, "html5", HTML_OPTIONS, template="report.html")


MOST_NAMED = 8
"""The most characters that a warning names."""
TYPST_CHARACTERS = re.compile("[\x00-\u052f\u1e00-\u25ff\u2713\u2717\ufb00-\ufb06\ufffd]")
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


def drawn_in(prepared: PreparedReport) -> set[str]:
    return drawn_characters(json.dumps(prepared.tree(prepared.blocks), ensure_ascii=False))


def missing_in_figures(drawings: Iterable[Drawing]) -> str:
    """Return a warning about characters that Matplotlib's font lacks; empty if there are none."""
    texts = [f"{drawing.alt} {drawing.data.headings} {drawing.data.rows}" for drawing in drawings]
    drawn = drawn_characters("".join(texts))
    if not drawn:
        return ""
    import matplotlib

    font = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return missing_sentence("a figure", drawn - font_characters(font, 0), "which Matplotlib's font lacks")


def missing_in_pdf(prepared: PreparedReport) -> str:
    """Return a warning about characters that no font of typst or of this machine has; empty if there are none."""
    import typst

    lacking = {char for char in drawn_in(prepared) if not TYPST_CHARACTERS.match(char)}
    for font in typst.Fonts(include_system_fonts=True).fonts() if lacking else ():
        if font.path and lacking:
            lacking -= font_characters(Path(font.path), font.index)
    sentence = missing_sentence("the PDF", lacking, "which no font on this machine has")
    fonts = list(dict.fromkeys(map(_free_font_with, sorted(lacking))))
    return f"{sentence}; {listed(fonts)} {noun(fonts, 'has', 'have')} them" if lacking else ""


def missing_sentence(where: str, lacking: Collection[str], why: str) -> str:
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
