"""`guide`: the user's guide in the terminal."""

from __future__ import annotations

from typing import Annotated

import typer

from mnist_tui.cli.options import among
from mnist_tui.cli.output import print_line, print_markdown
from mnist_tui.guide import TOPICS, page, title


def guide(
    topic: Annotated[
        str | None,
        typer.Argument(
            metavar="[TOPIC]", help="A page's name; all of them are listed without it.", autocompletion=among(TOPICS)
        ),
    ] = None,
) -> None:
    """Read the user's guide: a page by its name, or the list of pages."""
    if topic is None:
        width = max(map(len, TOPICS))
        for name in TOPICS:
            print_line(f"{name:<{width}}  {title(name)}")
        return
    print_markdown(page(topic))
