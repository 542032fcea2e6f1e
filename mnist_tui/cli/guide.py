"""`guide`: the user's guide in the terminal."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from mnist_tui.cli.options import among
from mnist_tui.cli.output import print_line, print_text
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
    text = page(topic)
    if not sys.stdout.isatty():
        print_text(text)
        return

    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    with console.pager(styles=True):
        console.print(Markdown(text, hyperlinks=False))
