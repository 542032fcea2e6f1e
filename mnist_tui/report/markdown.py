"""Write a report's Markdown: escaping, tables, and the templates that lay contents out.

The escapes hold for CommonMark, GitHub and pandoc's Markdown alike.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mnist_tui.report.figures.drawing import Drawing
from mnist_tui.shown_text import BIDI_CONTROLS
from mnist_tui.wording import count, listed

if TYPE_CHECKING:
    from jinja2 import Environment


_SPECIAL = re.compile(r"[\\`*\[\]{}<|~&$^@#]|(?<![^\W_])_|_(?![^\W_])")
"""Characters with a meaning anywhere in a line; an underscore inside a word has none."""
_LINE_START = re.compile(r"^[-=+>:%]")
_LIST_MARKER = re.compile(r"^(\(?(?:\d{1,9}|[a-zA-Z]|[ivxlcdm]{2,9}))([.)])(?=\s|$)")
"""The start of a list's item: ``1.``, ``a)``, ``(iv)``."""
_CAPTION = re.compile(r"^(table)(?=:)", re.IGNORECASE)
_INVISIBLE = frozenset(("Cc", "Cs"))


class MarkdownText(str):
    """Text that is Markdown already and is not escaped again."""


def escaped(text: object) -> str:
    """Return one line of text in which every character stands for itself in Markdown."""
    if isinstance(text, MarkdownText):
        return text
    line = visible(" ".join(str(text).split()))
    line = _SPECIAL.sub(r"\\\g<0>", line)
    line = _LIST_MARKER.sub(r"\1\\\2", line)
    line = _CAPTION.sub(r"\1\\", line)
    return _LINE_START.sub(r"\\\g<0>", line)


def visible(text: str) -> str:
    """Replace characters that no format can hold, and those that reorder the text around them.

    These are controls, halves of surrogate pairs, and embeddings, overrides and isolates of the writing direction.
    """
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if letter not in "\n\t" and _is_control(letter) else letter for letter in text
    )


def _is_control(letter: str) -> bool:
    return unicodedata.category(letter) in _INVISIBLE or ord(letter) in BIDI_CONTROLS


def paragraphs(text: str) -> str:
    """Return a text of several paragraphs, each escaped."""
    return "\n\n".join(escaped(part) for part in re.split(r"\n\s*\n", text.strip()) if part.strip())


def code_block(text: str, language: str = "") -> str:
    """Return a fenced block; the fence is longer than any run of backticks inside."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{visible(text).rstrip()}\n{fence}"


def link(text: object, anchor: str) -> MarkdownText:
    """Return a link to the id of a heading."""
    return MarkdownText(f"[{escaped(text)}](#{anchor})")


def image(caption: str, name: str, alt: str) -> str:
    """Return a figure, alone on its line."""
    said = re.sub(r'[\\"&{}<>]', r"\\\g<0>", visible(" ".join(alt.split())))
    return f'![{escaped(caption)}](figures/{name}){{alt="{said}"}}'


def table(headings: Sequence[object], rows: Iterable[Sequence[object]], right: Collection[int] = ()) -> str:
    """Return a pipe table; cells are escaped unless they are `MarkdownText`.

    Args:
        right: the columns that are aligned to the right, from 0.
    """
    marks = [MarkdownText("---:" if column in right else "---") for column in range(len(headings))]
    return "\n".join(f"| {' | '.join(map(escaped, cells))} |" for cells in (headings, marks, *rows))


Facts = list[tuple[str, object]]
"""Labels and values, one row each; a value is plain text unless it is `MarkdownText`."""


@dataclass(frozen=True)
class MarkdownTable:
    """A table.

    Attributes:
        rows: cells of plain text, or `MarkdownText`.
        right: the columns that are aligned to the right, from 0.
    """

    headings: tuple[object, ...]
    rows: tuple[tuple[object, ...], ...]
    right: frozenset[int] = frozenset()


def table_in_markdown(grid: MarkdownTable) -> str:
    return table(grid.headings, grid.rows, grid.right)


def facts_in_markdown(facts: Facts) -> str:
    """Return facts as a table of two columns without headings."""
    return table(("", ""), facts)


def value_in_words(value: Any) -> str:
    """Return an experiment's value in words: ``yes``, ``1e-07``, ``rmsprop``."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def run_numbers(numbers: list[int]) -> str:
    """Return ``1``, ``1 and 2``, or ``1, 3 and 5–14``."""
    parts: list[str] = []
    for number in sorted(numbers):
        first, _, last = parts[-1].partition("–") if parts else ("", "", "")
        if parts and int(last or first) + 1 == number:
            parts[-1] = f"{first}–{number}"
        else:
            parts.append(str(number))
    return listed([text for part in parts for text in _range_ends(part)])


def _range_ends(part: str) -> list[str]:
    first, _, last = part.partition("–")
    return [first, last] if last and int(last) == int(first) + 1 else [part]


def figure_in_markdown(drawing: Drawing) -> str:
    return image(drawing.caption, drawing.name, drawing.alt)


FILTERS: dict[str, Any] = {
    "md": escaped,
    "paragraphs": paragraphs,
    "code": code_block,
    "grid": table_in_markdown,
    "facts": facts_in_markdown,
    "count": count,
    "figure": figure_in_markdown,
    "link": link,
}


def render_template(template: str, contents: Mapping[str, Any]) -> str:
    """Return the document, with one empty line between its parts."""
    text = template_environment(**FILTERS).get_template(template).render(contents)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def template_environment(**filters: Any) -> Environment:
    """Return Jinja's environment of the templates in `report/templates`, with the filters."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("mnist_tui.report"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    made.filters.update(filters)
    return made


@dataclass(frozen=True)
class Report:
    """A report before it has a format: its Markdown and its figures.

    Attributes:
        title, author: plain text, not escaped; the author may be empty.
        timestamp: when it was made, in ISO 8601.
        markdown: the text from the notices on; title, author and timestamp are not in it.
        drawings: every figure that the text names as ``figures/NAME``, in its order.
    """

    title: str
    author: str
    timestamp: str
    markdown: str
    drawings: tuple[Drawing, ...]
