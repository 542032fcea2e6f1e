"""The user's guide: a Markdown page for each topic, shown in the app (F1), by `mnist-tui guide` and on the web.

Pages link to each other by file name. No Textual, Rich or typer here.
"""

from __future__ import annotations

from importlib import resources

from mnist_tui.errors import RequestError
from mnist_tui.wording import did_you_mean

TOPICS = (
    "start",
    "screens",
    "presets",
    "headless",
    "data",
    "studies",
    "machines",
    "reports",
    "weights",
    "elsewhere",
    "gpu",
    "settings",
    "files",
    "troubleshooting",
    "glossary",
    "citing",
    "changes",
)
"""The names of the pages, in the order of a first reading."""


def page(topic: str) -> str:
    """Return the Markdown text of a page.

    Raises:
        RequestError: there is no such page; the nearest names are offered.
    """
    if topic not in TOPICS:
        offer = did_you_mean(topic.lower(), TOPICS)
        raise RequestError(f"the guide has no page {topic!r}; {offer}it has {', '.join(TOPICS)}")
    return resources.files(__name__).joinpath(f"{topic}.md").read_text(encoding="utf-8")


def title(topic: str) -> str:
    """Return the heading of a page."""
    return page(topic).partition("\n")[0].removeprefix("# ")
