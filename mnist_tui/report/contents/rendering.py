"""Contents laid out by a template of `report/templates`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mnist_tui.report import markdown
from mnist_tui.report.contents.grid import facts_in_markdown, table_in_markdown
from mnist_tui.report.figures.drawing import Drawing
from mnist_tui.wording import count

if TYPE_CHECKING:
    from jinja2 import Environment


def figure_in_markdown(drawing: Drawing) -> str:
    """A figure's place, with its caption and what is seen."""
    return markdown.image(drawing.caption, drawing.name, drawing.alt)


FILTERS: dict[str, Any] = {
    "md": markdown.escaped,
    "paragraphs": markdown.paragraphs,
    "code": markdown.code_block,
    "grid": table_in_markdown,
    "facts": facts_in_markdown,
    "count": count,
    "figure": figure_in_markdown,
    "link": markdown.link,
}


def render_template(template: str, contents: Mapping[str, Any]) -> str:
    """The document, its parts one empty line apart."""
    text = template_environment(**FILTERS).get_template(template).render(contents)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def template_environment(**filters: Any) -> Environment:
    """The templates of `report/templates`, with filters of that name."""
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
