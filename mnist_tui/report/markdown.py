"""Write a report's Markdown: escaped text, tables, and the templates.

The escapes are right for CommonMark, GitHub's Markdown and pandoc's Markdown.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mnist_tui.report.figures.drawing import Drawing
from mnist_tui.shown_text import BIDI_CONTROLS
from mnist_tui.wording import count

if TYPE_CHECKING:
    from jinja2 import Environment

_SPECIAL = re.compile(r"[\\`*\[\]{}<|~&$^@#]|(?<![^\W_])_|_(?![^\W_])")
"""Characters with a meaning anywhere in a line; an underscore inside a word has none."""
_LINE_START = re.compile(r"^[-=+>:%]")
_LIST_MARKER = re.compile(r"^(\(?(?:\d{1,9}|[a-zA-Z]|[ivxlcdm]{2,9}))([.)])(?=\s|$)")
"""The start of a list's item: ``1.``, ``a)``, ``(iv)``."""
_CAPTION = re.compile(r"^(table)(?=:)", re.IGNORECASE)


class MarkdownText(str):
    """Text that is Markdown already and is not escaped again."""


def escaped(text: object) -> str:
    """Return a text on one line, escaped so that Markdown shows every character as it is."""
    if isinstance(text, MarkdownText):
        return text
    line = _SPECIAL.sub(r"\\\g<0>", visible(" ".join(str(text).split())))
    line = _CAPTION.sub(r"\1\\", _LIST_MARKER.sub(r"\1\\\2", line))
    return _LINE_START.sub(r"\\\g<0>", line)


def visible(text: str) -> str:
    """Return a text in which replacements stand for control characters, surrogates, and direction controls."""

    def shown(char: str) -> str:
        replaced = unicodedata.category(char) in {"Cc", "Cs"} or ord(char) in BIDI_CONTROLS
        return "\N{REPLACEMENT CHARACTER}" if replaced and char not in "\n\t" else char

    return "".join(map(shown, text))


def paragraphs(text: str) -> str:
    """Return a text of several paragraphs with each paragraph escaped."""
    return "\n\n".join(escaped(part) for part in re.split(r"\n\s*\n", text.strip()) if part.strip())


def code_block(text: str, language: str = "") -> str:
    """Return a fenced code block; the fence is longer than any row of backticks inside."""
    fence = "`" * (1 + max(map(len, ["``", *re.findall(r"`+", text)])))
    return f"{fence}{language}\n{visible(text).rstrip()}\n{fence}"


def code_span(text: str) -> str:
    """Return code inside a line; its marks are longer than any row of backticks inside."""
    mark = "`" * (1 + max(map(len, ["", *re.findall(r"`+", text)])))
    return f"{mark} {visible(' '.join(text.split()))} {mark}"


def link(text: object, anchor: str) -> MarkdownText:
    """Return a link to the heading with the id `anchor`."""
    return MarkdownText(f"[{escaped(text)}](#{anchor})")


def refer(anchor: str) -> MarkdownText:
    """Return a reference to a table, a figure or a heading; each format fills in its words, such as ``Table 3``."""
    return MarkdownText(f"[](#{anchor})")


def image(caption: str, name: str, alt: str) -> str:
    """Return the line of a figure, with the figure's file name and its description for blind readers."""
    text = re.sub(r'[\\"&{}<>]', r"\\\g<0>", visible(" ".join(alt.split())))
    return f'![{escaped(caption)}](figures/{name}){{alt="{text}"}}'


def table(headings: Sequence[object], rows: Iterable[Sequence[object]], right: Collection[int] = ()) -> str:
    """Return a pipe table; cells are escaped unless they are `MarkdownText`.

    Args:
        right: the columns that are aligned to the right, from 0.
    """
    marks = [MarkdownText("---:" if column in right else "---") for column in range(len(headings))]
    return "\n".join(f"| {' | '.join(map(escaped, cells))} |" for cells in (headings, marks, *rows))


def captioned(table: str, caption: str, anchor: str) -> str:
    """Return a table with its caption above it; without a caption, the table is only a layout and gets no number."""
    return f"Table: {escaped(caption)} {{#{anchor}}}\n\n{table}" if caption else table


_FIRST_WORDS = re.compile(r"(.{1,60}?[:.])(?= |$)(.*)", re.DOTALL)


def led(text: str) -> str:
    """Return a text with its first words in bold, up to a colon or the end of its first sentence."""
    found = _FIRST_WORDS.match(text)
    first, rest = (found[1], found[2]) if found else (text, "")
    return f"**{escaped(first)}**{f' {escaped(rest)}' if rest else ''}"


_TABLE_CAPTION = re.compile(r"^Table: (.+) \{#([\w-]+)\}$", re.MULTILINE)


def numbered(markdown: str) -> str:
    """Return a Markdown text whose captions and references have the numbers of the tables; there are no figures."""
    numbers = {found[2]: f"Table {number}" for number, found in enumerate(_TABLE_CAPTION.finditer(markdown), 1)}
    captions = _TABLE_CAPTION.sub(lambda found: f"**{numbers[found[2]]}:** {found[1]}", markdown)
    return re.sub(r"\[\]\(#([\w-]+)\)", lambda found: numbers[found[1]], captions)


Facts = list[tuple[str, object]]
"""Rows of a label and a value, which is plain text unless it is `MarkdownText`; a row with None is left out."""


@dataclass(frozen=True)
class MarkdownTable:
    """A table; its cells are plain text or `MarkdownText`.

    Attributes:
        right: the columns that are aligned to the right, from 0.
    """

    headings: Sequence[object]
    rows: Sequence[Sequence[object]]
    right: Collection[int] = ()


def table_of(rows: Sequence[Mapping[str, object]], words: Collection[str] = ()) -> MarkdownTable | None:
    """Return a table whose headings are the keys of its rows; None without rows.

    Args:
        words: the headings of columns with words; the other columns have numbers and are aligned to the right.
    """
    if not rows:
        return None
    right = [place for place, heading in enumerate(rows[0]) if heading not in words]
    return MarkdownTable(list(rows[0]), [list(row.values()) for row in rows], right)


def value_in_words(value: Any) -> str:
    """Write a value of an experiment's setting: ``yes`` for True, ``1e-07``, ``rmsprop``."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.10g}" if isinstance(value, float) else str(value)


FILTERS: dict[str, Any] = {
    "md": escaped,
    "paragraphs": paragraphs,
    "code": code_block,
    "code_span": code_span,
    "table": lambda rows: table(rows[0], rows[1:]),
    "grid": lambda grid, caption="", anchor="": captioned(table(grid.headings, grid.rows, grid.right), caption, anchor),
    "facts": lambda facts, caption="", anchor="": captioned(
        table(("", ""), [fact for fact in facts if fact[1] is not None]), caption, anchor
    ),
    "count": count,
    "figure": lambda drawing: image(drawing.caption, drawing.name, drawing.alt),
    "led": led,
    "link": link,
    "refer": refer,
}


def render_template(template: str, contents: Mapping[str, Any]) -> str:
    """Return the document that a template makes of its contents, with one empty line between parts."""
    text = template_environment().get_template(template).render(contents)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def template_environment() -> Environment:
    """Return Jinja's environment of the templates in `report/templates`."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("mnist_tui.report"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters.update(FILTERS)
    return environment


@dataclass(frozen=True)
class Report:
    """A report in Markdown, with figures that are not drawn yet.

    Attributes:
        title, author: plain text, not escaped; the author may be empty.
        timestamp: the time in the report, with a time zone.
        markdown: the text from the notices on, without title, author and timestamp.
        drawings: every figure that the text names as ``figures/NAME``, in the order of the text.
    """

    title: str
    author: str
    timestamp: datetime
    markdown: str
    drawings: tuple[Drawing, ...]
