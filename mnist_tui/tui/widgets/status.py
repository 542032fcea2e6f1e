"""The top line of a run's screens: state, name and id; and lines that stay while they are true."""

from __future__ import annotations

from textual import getters
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Static

from mnist_tui.runs.state import STATES
from mnist_tui.tui.widgets.lines import LiveText


def sample_line(sample: bool) -> str:
    """What the banner says of data that stands in for MNIST; empty for real data."""
    return "The bundled digits sample of scikit-learn, not MNIST: scores do not compare" if sample else ""


class StatusLine(Horizontal):
    """State, name and id of a run."""

    DEFAULT_CSS = """
    StatusLine {
        height: 1;
        background: $panel;
        & > #word { width: auto; padding: 0 1; text-style: bold; background: $primary; color: $background; }
        & > #word.-paused, & > #word.-starting { background: $secondary; }
        & > #word.-finished { background: $success; }
        & > #word.-stopped, & > #word.-diverged { background: $warning; }
        & > #word.-failed, & > #word.-crashed, & > #word.-damaged { background: $error; }
        & > #what { width: 1fr; padding: 0 1; }
        & > #run-id { width: auto; padding: 0 1; color: $text-muted; }
    }
    """
    word = getters.query_one("#word", LiveText)
    what = getters.query_one("#what", LiveText)

    def __init__(self, what: str, run_id: str) -> None:
        super().__init__()
        self._what, self._run_id = what, run_id

    def compose(self) -> ComposeResult:
        yield LiveText("reading …", id="word")
        yield LiveText(self._what, cut=True, id="what")
        yield Static(self._run_id, id="run-id", markup=False)

    def show(self, word: str, what: str) -> None:
        """The state, in the word that the commands use, and what the run is."""
        self.word.say(word)
        self.what.say(what)
        for state in STATES:
            self.word.set_class(state == word, f"-{state}")


class Banner(Static):
    """A line that stays while what it says is true; it takes no room when it says nothing."""

    DEFAULT_CSS = """
    Banner {
        height: auto;
        padding: 0 1;
        background: $warning;
        color: $background;
        text-style: bold;
        display: none;
        &.-said { display: block; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", id=id, markup=False)

    def say(self, text: str) -> None:
        if text != str(self.content):
            self.update(text)
            self.set_class(bool(text), "-said")
