"""The user's guide in the app: its topics at the left, the chosen page at the right."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.widgets import MarkdownViewer, OptionList
from textual.widgets.option_list import Option

from mnist_tui import guide
from mnist_tui.tui.widgets.key_footer import KeyFooter


class GuideScreen(Screen[None]):
    """Shows the pages of the guide.

    Args:
        topic: the page to begin with, by its name in `guide.TOPICS`.
    """

    CSS_PATH = "guide.tcss"
    AUTO_FOCUS = "#topics"
    HELP = """
    **The guide.** ↑ and ↓ choose a page, Tab goes to its text, Esc goes back.
    """
    BINDINGS = [Binding("escape", "dismiss", "Back", tooltip="Back to where you were", id="guide.close")]

    topics = getters.query_one("#topics", OptionList)
    viewer = getters.query_one("#page", MarkdownViewer)

    def __init__(self, topic: str) -> None:
        super().__init__()
        self._topic = topic

    def compose(self) -> ComposeResult:
        with Horizontal():
            pages = OptionList(
                *(Option(Content(guide.title(name)), id=name) for name in guide.TOPICS), id="topics", markup=False
            )
            pages.border_title = "Guide"
            yield pages
            yield MarkdownViewer(id="page", show_table_of_contents=False)
        yield KeyFooter()

    def on_mount(self) -> None:
        self.topics.highlighted = guide.TOPICS.index(self._topic)

    @on(OptionList.OptionHighlighted, "#topics")
    async def show_page(self, event: OptionList.OptionHighlighted) -> None:
        """Show the page of the topic under the cursor."""
        folder = Path(str(resources.files(guide)))
        await self.viewer.go(folder / f"{event.option_id}.md")
        self.viewer.scroll_home(animate=False)

    @on(OptionList.OptionSelected, "#topics")
    def read_page(self) -> None:
        """Move the focus to the page, so that the arrow keys scroll it."""
        self.viewer.focus()
