"""Write a report as a Word document; numbers, references and the contents are fields, which Word can update.

On opening a document, Word updates fields only after a question to the reader. So the fields have their values already;
the page numbers in the contents are those of the PDF if every figure stood where its text is.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from html import escape
from itertools import count
from typing import Any

from mnist_tui.report.formats import numbering, tree
from mnist_tui.report.formats.numbering import NO_BREAK
from mnist_tui.report.formats.pdf import heading_pages
from mnist_tui.report.formats.tree import BARE, Node, Nodes, node, transformed
from mnist_tui.report.formats.writers import TEMPLATES, PreparedReport, picture

OPTIONS = ("--number-sections", f"--reference-doc={TEMPLATES / 'reference.docx'}")
"""The reference document is pandoc's own with A4 pages, page numbers, and styles of contents, captions and tables."""
TABLE_STYLES = ("Table 9", "Table 8", "Table 7")
"""The styles of table text, by `TableLayout.size`; with `KEPT`, text stays on one page with the row below."""
KEPT = " Kept"
PAGE = (80, 92, 106)
"""Characters across the page in those styles; fewer than elsewhere, since the reader may lack the font."""
MOST_ROWS = 45
"""The rows of the longest table that fits on a page; longer tables are broken between rows."""
_WHOLE_ROW = b"<w:trPr><w:cantSplit/>"
_BARE_ROW = re.compile(rb"<w:tr>(?!<w:trPr>)")
DEEPEST = 2
"""The lowest level of headings in the contents."""


def write_docx(prepared: PreparedReport, _beside: str) -> bytes:
    """Return the report as a Word document with the figures inside.

    Here pandoc may read files, to embed the figures; the text names no other files.
    """
    labels, pages = prepared.labels, heading_pages(prepared)
    blocks = prepared.with_pictures(lambda drawing: picture(drawing, f"{drawing.name}.png", width=True))
    blocks = numbering.with_numbered_captions(tree.without_empty_heads(blocks), labels, _caption_label)
    blocks = prepared.linked(numbering.with_references(blocks, labels, _reference))
    blocks = _spaced(tree.with_fitted_tables(blocks, _table, PAGE, always=True))
    blocks = transformed(blocks, {"Math": _unaligned})
    contents = [
        (level, f"heading{number}", labels[name].partition(NO_BREAK)[2], tree.text_of(title), pages.get(name, 1))
        for number, (level, name, title) in enumerate(tree.headings(blocks), 1)
    ]
    bookmarks = {name: f"heading{number}" for number, (_, name, _) in enumerate(tree.headings(blocks), 1)}
    names = {name: name for name in numbering.anchors_of(blocks)} | bookmarks
    blocks = transformed(tree.with_links(blocks, names), {"Header": lambda heading: _renamed(heading, bookmarks)})
    document = tree.with_directions(prepared.tree(blocks), tree.isolated_by_attribute)
    document["blocks"] = [*_contents(contents), *document["blocks"]]
    return _with_whole_rows(prepared.write(document, "docx", OPTIONS, folder=prepared.figures))


def _with_whole_rows(document: bytes) -> bytes:
    """Return a Word document in which no row of a table is broken between two pages, which pandoc has no option for."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(document)) as old, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            content = old.read(part)
            if part.filename == "word/document.xml":
                content = content.replace(b"<w:tr><w:trPr>", b"<w:tr>" + _WHOLE_ROW)
                content = _BARE_ROW.sub(b"<w:tr>" + _WHOLE_ROW + b"</w:trPr>", content)
            new.writestr(part, content)
    return written.getvalue()


def _unaligned(formula: Node) -> Node:
    """Return a formula with centred lines: LibreOffice shows the places at which Word would align them as signs."""
    kind, tex = formula["c"]
    return node("Math", [kind, tex.replace("&=", "=").replace("{aligned}", "{gathered}")])


def _renamed(heading: Node, bookmarks: dict[str, str]) -> Node:
    level, (name, classes, pairs), title = heading["c"]
    return node("Header", [level, [bookmarks[name], classes, pairs], title])


def _run(content: str, properties: str = "") -> str:
    return f"<w:r>{f'<w:rPr>{properties}</w:rPr>' if properties else ''}{content}</w:r>"


def _text(text: str, properties: str = "") -> str:
    return _run(f'<w:t xml:space="preserve">{escape(text)}</w:t>', properties)


def _field_part(kind: str) -> str:
    return _run(f'<w:fldChar w:fldCharType="{kind}"/>')


def _field_start(code: str) -> str:
    instruction = _run(f'<w:instrText xml:space="preserve"> {escape(code)} </w:instrText>')
    return _field_part("begin") + instruction + _field_part("separate")


def _field(code: str, shown: str, properties: str = "") -> str:
    return _field_start(code) + _text(shown, properties) + _field_part("end")


BOLD, LINK = "<w:b/>", '<w:rStyle w:val="Hyperlink"/>'


def _bookmark(label: str) -> str:
    return f"_Ref{label.replace(NO_BREAK, '')}"


def _caption_label(label: str) -> Nodes:
    """Return the number of a caption as a field that counts, with a bookmark around ``Table 3`` for references."""
    kind, _, number = label.partition(NO_BREAK)
    mark = f'w:id="{(1 if kind == "Table" else 2) * 100_000 + int(number)}"'
    words = _text(f"{kind}{NO_BREAK}", BOLD) + _field(rf"SEQ {kind} \* ARABIC", number, BOLD)
    marked = f'<w:bookmarkStart {mark} w:name="{_bookmark(label)}"/>{words}<w:bookmarkEnd {mark}/>'
    return [node("RawInline", ["openxml", marked + _text(":", BOLD)])]


def _reference(anchor: str, label: str) -> Nodes:
    """Return a field that refers to a table or a figure; a reference to a section is a link."""
    if label.startswith("Section"):
        return [node("Link", [BARE, [node("Str", label)], [f"#{anchor}", ""]])]
    return [node("RawInline", ["openxml", _field(rf"REF {_bookmark(label)} \h \* MERGEFORMAT", label, LINK)])]


def _contents(entries: Sequence[tuple[int, str, str, str, int]]) -> Nodes:
    """Return the table of contents from the level, bookmark, number, title and page of each heading."""
    lines: list[str] = []
    for level, bookmark, number, title, page in entries:
        if level > DEEPEST:
            continue
        tab, start = _run("<w:tab/>"), "" if lines else _field_start(rf'TOC \o "1-{DEEPEST}" \h \z \u')
        words = _text(number) + tab + _text(title) + tab + _field(rf"PAGEREF {bookmark} \h", str(page))
        link = f'<w:hyperlink w:anchor="{bookmark}" w:history="1">{words}</w:hyperlink>'
        lines.append(f'<w:p><w:pPr><w:pStyle w:val="TOC{level}"/></w:pPr>{start}{link}</w:p>')
    if not lines:
        return []
    head = f'<w:p><w:pPr><w:pStyle w:val="TOCHeading"/></w:pPr>{_text("Contents")}</w:p>'
    end = f"<w:p>{_field_part('end')}</w:p>"
    part = '<w:docPartObj><w:docPartGallery w:val="Table of Contents"/><w:docPartUnique/></w:docPartObj>'
    inside = "".join((head, *lines, end))
    xml = f"<w:sdt><w:sdtPr>{part}</w:sdtPr><w:sdtContent>{inside}</w:sdtContent></w:sdt>"
    return [node("RawBlock", ["openxml", xml])]


def _styled(style: str, blocks: Nodes) -> Nodes:
    blocks = transformed(
        blocks, {"Plain": lambda plain: node("Para", plain["c"])}
    )  # pandoc gives a Plain its own style
    return [node("Div", [["", [], [["custom-style", style]]], blocks])]


def _table(size: int, table: Node) -> Nodes:
    """Return a table whose text has the style of a size; its rows stay on one page if they fit."""
    _, _, _, head, bodies, _ = table["c"]
    last = len(head[1]) + sum(len(body[3]) for body in bodies)
    numbers = count()

    def styled(row: list[Any]) -> list[Any]:
        number = next(numbers)
        kept = (last <= MOST_ROWS and number < last - 1) or number < len(head[1])
        style = TABLE_STYLES[size] + (KEPT if kept else "")
        return [row[0], [[*cell[:4], _styled(style, cell[4]) if cell[4] else []] for cell in row[1]]]

    return [tree.with_rows(table, styled)]


def _spaced(blocks: Nodes) -> Nodes:
    """Put space between a table and the paragraph below it, as tables of Word have no margins."""
    spaced: Nodes = []
    for element in blocks:
        below = spaced and spaced[-1]["t"] == "Table" and element["t"] == "Para"
        spaced += _styled("After Table", [element]) if below else [element]
    return spaced
