"""Write a report as a PDF with typst, without TeX.

typst sets the report several times: where a figure or a table has no room left on its page, the next text of the same
section is moved before it and fills the page. No text and no figure leaves its section.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise

from mnist_tui.report.export import ExportError
from mnist_tui.report.figures.drawing import Drawing
from mnist_tui.report.formats import numbering, tree
from mnist_tui.report.formats.tree import Node, Nodes, node, transformed
from mnist_tui.report.formats.writers import TEMPLATES, TYPST_CHARACTERS, PreparedReport
from mnist_tui.shown_text import isolated
from mnist_tui.wording import in_utc

TABLE_SIZES = ("9.5pt", "8.5pt", "7.5pt")
PAGE = (102, 114, 129)
"""Characters across the page in those sizes."""
LONGEST_WORD = 60
REFERENCES = "references"
"""The id of the heading above the list of references."""
TEXT, SMALL_TEXT = ("10pt", "0.85em"), ("8.5pt", "0.6em")
"""Size of the letters and space between paragraphs, of the text and of the references."""
PAGE_TOP_MM = 16.0
MOST_ROUNDS = 30
MARK = "\ufdd0"
"""A character that no report has; with the kind and the name of a part of the text, it stands before the part."""
_PLAIN = re.compile(r"[^\W_]+[,;:)]?")


def write_pdf(prepared: PreparedReport, _beside: str) -> bytes:
    """Return the report as a PDF; the bytes are the same on every machine.

    Only a text with letters that typst's own fonts lack, such as Chinese, uses the fonts of the machine.
    """
    pages = _pages_of(prepared)
    for _ in range(MOST_ROUNDS):
        moved = with_text_before_figures(pages.parts, pages.places())
        if moved is None:
            break
        pages = replace(pages, parts=moved)
    return pages.pdf()


def heading_pages(prepared: PreparedReport) -> dict[str, int]:
    """Return the page of each heading by its id, on pages like the PDF's but with the parts in the report's order."""
    places = _pages_of(prepared).places()
    return {place.name: place.page for place in places if place.kind == "heading" and place.name}


@dataclass(frozen=True)
class Place:
    """Where a heading, a figure or a table is.

    Attributes:
        name: its anchor; None if it has none.
        page: from 1.
        top: the millimetres from the page's upper edge.
    """

    kind: str
    name: str | None
    page: int
    top: float


@dataclass(frozen=True)
class ReportPart:
    """A part of the report that pages may not tear apart from itself: a block, or a paragraph with what it leads to.

    Attributes:
        kind: ``heading``, ``figure`` (also tables with captions) or ``text``.
        name: the anchor of a figure; else empty.
        source: in typst's language.
    """

    kind: str
    name: str
    source: str


def with_text_before_figures(parts: Sequence[ReportPart], places: Sequence[Place]) -> list[ReportPart] | None:
    """Move the next text of its section before the first figure that begins a page; None if there is none to move.

    A figure right below a heading stays with it.
    """
    first = {
        place.name for place in places if place.kind == "figure" and place.page > 1 and place.top < PAGE_TOP_MM + 1
    }
    for at, part in enumerate(parts):
        if part.kind != "figure" or part.name not in first or parts[at - 1].kind == "heading":
            continue
        after = next((later for later in range(at + 1, len(parts)) if parts[later].kind != "figure"), len(parts))
        if after < len(parts) and parts[after].kind == "text":
            return [*parts[:at], parts[after], *parts[at:after], *parts[after + 1 :]]
    return None


@dataclass(frozen=True)
class _Pages:
    """A report as typst's source.

    Attributes:
        parts: the report's text, in the order on the pages.
        own_fonts: whether typst's own fonts have all letters.
    """

    prepared: PreparedReport
    parts: Sequence[ReportPart]
    own_fonts: bool

    def places(self) -> list[Place]:
        """Return where the figures, tables and headings are, in the order on the pages."""
        import typst

        with _naming_typst():
            places = typst.query(
                self._sources(),  # pyright: ignore[reportArgumentType]: its stub knows no folder of files
                "<places>",
                field="value",
                one=True,
                ignore_system_fonts=self.own_fonts,
                sys_inputs={**self._values(), "draft": "yes"},
            )
        return [Place(*place) for place in json.loads(places)]

    def pdf(self) -> bytes:
        import typst

        names, folder = [f"{drawing.name}.svg" for drawing in self.prepared.report.drawings], self.prepared.figures
        pictures = {f"figures/{name}": (folder / name).read_bytes() for name in names}
        with _naming_typst():
            return typst.compile(
                {**self._sources(), **pictures},  # pyright: ignore[reportArgumentType]
                ignore_system_fonts=self.own_fonts,
                sys_inputs=self._values(),
                timestamp=self.prepared.epoch,
                format="pdf",
            )

    def _sources(self) -> dict[str, bytes]:
        body = "\n".join(part.source for part in self.parts)
        return {"main.typ": (TEMPLATES / "report.typ").read_bytes(), "body.typ": body.encode()}

    def _values(self) -> dict[str, str]:
        """Return what the template reads; title and author are values, so that typst never reads them as markup."""
        report = self.prepared.report
        return {
            "title": report.title,
            "author": report.author,
            "time": in_utc(report.timestamp),
            "shown-title": isolated(report.title),
            "shown-author": isolated(report.author),
        }


@contextmanager
def _naming_typst() -> Generator[None]:
    try:
        yield
    except RuntimeError as error:
        why = " ".join(str(error).split())[:500]
        raise ExportError(f"typst could not set the report: {why}", refused=False) from None


def _pages_of(prepared: PreparedReport) -> _Pages:
    report = prepared.report
    blocks = numbering.with_references(prepared.with_pictures(_picture), prepared.labels)
    blocks = tree.with_breaks(tree.without_empty_heads(prepared.linked(blocks)), LONGEST_WORD)
    blocks = tree.with_fitted_tables(_set(blocks), _sized, PAGE)
    blocks = transformed(tree.with_directions(blocks, tree.isolated_by_characters), {"Str": _literal})
    body = prepared.write(prepared.tree(blocks), "typst").decode()
    body = body.replace("\n  align(center)[#table(", "\n  align(left)[#table(")  # pandoc centres tables
    before, *marked = body.split(MARK)
    parts = [ReportPart(*source.split(" ", 2)) for source in marked]
    text = set(before.join(part.source for part in parts) + report.title + report.author)
    return _Pages(prepared, parts, own_fonts=all(map(TYPST_CHARACTERS.match, text)))


def _sized(size: int, table: Node) -> Nodes:
    """Return a table in letters of a size; headings stand at the lower end of their row."""
    attributes, caption, columns, head, *rest = table["c"]
    rows = [[row, [[["", [], [["typst:align", "bottom"]]], *cell[1:]] for cell in cells]] for row, cells in head[1]]
    table = node("Table", [attributes, caption, columns, [head[0], rows], *rest])
    return tree.wrapped("typst", f"#[#set text(size: {TABLE_SIZES[size]})", table, "]")


def _picture(drawing: Drawing) -> Node:
    """Return a picture, or an empty box of its size while the places of the figures are looked for."""
    path, alt, (width, height) = _string(f"figures/{drawing.name}.svg"), _string(drawing.alt), drawing.millimetres
    image = f"image({path}, width: {width:g}mm, alt: {alt})"
    box = f"box(width: {width:g}mm, height: {height:g}mm)"
    return node("RawInline", ["typst", f'#if "draft" in sys.inputs {{ {box} }} else {{ {image} }}'])


def _string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _set(blocks: Nodes) -> Nodes:
    """Mark the parts of the text; a paragraph stays on the page of the list, code or formula after it.

    The references are set in smaller letters; the first one stays on the page of the second.
    """
    out: Nodes = []
    leads = references = False
    for element, following in pairwise([*blocks, node("Null")]):
        if element["t"] == "Header":
            references = element["c"][1][0] == REFERENCES
            size, space = SMALL_TEXT if references else TEXT
            out.append(node("RawBlock", ["typst", f"#set text(size: {size})\n#set par(spacing: {space})"]))
        is_first, references = references and element["t"] == "Para", element["t"] == "Header" and references
        out += [] if leads else [_mark(element)]
        leads = is_first or (
            element["t"] == "Para" and (following["t"] in {"BulletList", "CodeBlock"} or _is_formula(following))
        )
        out += tree.wrapped("typst", "#block(sticky: true)[", element, "]") if leads else [element]
    return out


def _mark(element: Node) -> Node:
    """Return the mark before a part that begins with an element: its kind, its name, and a space after each."""
    kind, name = {"Header": "heading"}.get(element["t"], "text"), ""
    if element["t"] in {"Figure", "Table"} and (anchor := element["c"][0][0]):
        kind, name = "figure", anchor
    return node("RawBlock", ["typst", f"{MARK}{kind} {name} "])


def _is_formula(element: Node) -> bool:
    """Return whether a block is a paragraph that starts with a formula on a line of its own."""
    return element["t"] == "Para" and element["c"][0]["t"] == "Math" and element["c"][0]["c"][0]["t"] == "DisplayMath"


def _literal(element: Node) -> Node:
    """Write a word as a string if typst might read it as markup, which even changes ``...`` and ``-1``."""
    text = element["c"]
    return element if _PLAIN.fullmatch(text) else node("RawInline", ["typst", f"#{_string(text)};"])
