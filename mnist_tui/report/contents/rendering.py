"""Contents laid out by a template of `report/templates`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mnist_tui.report import markdown
from mnist_tui.report.contents.grid import laid_out, listed
from mnist_tui.report.figures.drawing import Drawing
from mnist_tui.report.wording import count


def figure(drawing: Drawing) -> str:
    """A figure's place, with its caption and what is seen."""
    return markdown.image(drawing.caption, drawing.name, drawing.alt)


FILTERS: dict[str, Any] = {
    "md": markdown.escaped,
    "paragraphs": markdown.paragraphs,
    "code": markdown.code_block,
    "grid": laid_out,
    "facts": listed,
    "count": count,
    "figure": figure,
    "link": markdown.link,
}


def rendered(template: str, contents: Mapping[str, Any]) -> str:
    """The document, its parts one empty line apart."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("mnist_tui.report"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, autoescape=False,
    )  # fmt: skip
    environment.filters.update(FILTERS)
    return re.sub(r"\n{3,}", "\n\n", environment.get_template(template).render(contents)).strip() + "\n"
