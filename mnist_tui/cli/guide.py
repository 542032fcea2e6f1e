"""`guide`: read the user's guide in the terminal."""

from __future__ import annotations

from typing import Annotated

import typer

from mnist_tui.cli.options import among
from mnist_tui.cli.output import print_line, print_markdown
from mnist_tui.guide import TOPICS, page, title

TOPIC_HELP = "The page; without it, list all."
Topic = Annotated[str | None, typer.Argument(metavar="[TOPIC]", help=TOPIC_HELP, autocompletion=among(TOPICS))]


def guide(topic: Topic = None) -> None:
    """Read a page of the user's guide, or list its pages."""
    if topic is not None:
        print_markdown(page(topic))
        return
    width = max(map(len, TOPICS))
    for name in TOPICS:
        print_line(f"{name:<{width}}  {title(name)}")
