"""The first line of every screen: the main screens with their keys, and what trains now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

from rich.cells import cell_len
from textual import events, getters
from textual.content import Content
from textual.geometry import Region
from textual.timer import Timer
from textual.widget import Widget

from mnist_tui.tui.bench import Bench, BenchScreen, Route
from mnist_tui.tui.terminal.keymap import key_of
from mnist_tui.wording import counted

if TYPE_CHECKING:
    from mnist_tui.tui.feed import RunFeed

TABS = {"presets": "Presets", "runs": "Runs", "draw": "Draw", "studies": "Studies", "settings": "Settings"}
"""The main screens; the bindings ``app.presets`` and so on lead to them."""
LONGEST_NAME = 16
"""The most characters of a run's name."""
MOST_RUNS = 2
"""The most runs that are named; of more, only the number is shown."""


@dataclass(frozen=True)
class StripPart:
    """A part of the strip, and the function that a click on it calls."""

    text: str
    style: str = ""
    lead: Callable[[], object] | None = None


def _width(parts: Iterable[StripPart]) -> int:
    return sum(cell_len(part.text) for part in parts)


class TabStrip(Widget):
    """The main screens with their keys, and the runs of this app that train now; a click leads there."""

    DEFAULT_CSS = "TabStrip { dock: top; height: 1; background: $panel; color: $text-muted; }"
    ALLOW_SELECT = False
    _parts: tuple[StripPart, ...] = ()
    _shown_runs: tuple[tuple[str, str], ...] = ()
    _timer: Timer | None = None

    app = getters.app(Bench)

    def on_mount(self) -> None:
        self.app.runs_changed.subscribe(self, self._show_runs)

    def _show_runs(self, _: object) -> None:
        """Draw the runs at the end of the interval in which live screens are redrawn."""
        if self._timer is None:
            self._timer = self.set_timer(self.app.refresh_seconds, self._draw_runs)

    def _draw_runs(self) -> None:
        """Draw the runs again if they have changed: only their part of the line if they need as much room as before."""
        self._timer = None
        runs = tuple((part.text, part.style) for part in self._runs())
        if runs != self._shown_runs:
            width, before = (sum(cell_len(text) for text, _ in each) for each in (runs, self._shown_runs))
            same = width == before
            self.refresh(*([Region(self.size.width - width, 0, width, 1)] if same else []))

    def render(self) -> Content:
        """Return the tabs, left, and the runs, right; tabs without names, and then no runs, if there is little room."""
        width, runs = self.size.width, list(self._runs())
        self._shown_runs = tuple((part.text, part.style) for part in runs)
        tabs = list(self._tabs(named=True))
        if _width(tabs) + _width(runs) > width:
            tabs = list(self._tabs(named=False))
        if _width(tabs) + _width(runs) > width:
            runs = []
        blank = StripPart(" " * max(0, width - _width(tabs) - _width(runs)))
        self._parts = (*tabs, blank, *runs)
        return Content.assemble(*((part.text, part.style) for part in self._parts))

    def _tabs(self, *, named: bool) -> Iterator[StripPart]:
        """Yield the tabs: their keys, and the names of all, or that of the present screen only."""
        for tab, name in TABS.items():
            key = key_of(f"app.{tab}", type(self.app), self.app.settings.keys)
            lead = partial(self.app.run_action, f"go('{tab}')")
            if tab == cast(BenchScreen[object], self.screen).TAB:
                yield StripPart(f" {key} {name} ", "bold $background on $primary", lead)
            else:
                yield StripPart(f" {key} ", "$accent", lead)
                yield StripPart(f"{name} " if named else "", "", lead)

    def _runs(self) -> Iterator[StripPart]:
        live = [feed for feed in self.app.following.followed if feed.snapshot.live]
        if len(live) > MOST_RUNS:
            yield StripPart(f" ● {counted(live, 'run')} ", "$state-running", partial(self.app.run_action, "go('runs')"))
            return
        for feed in live:
            name = feed.name if len(feed.name) <= LONGEST_NAME else f"{feed.name[: LONGEST_NAME - 1]}…"
            text = f" ● {name} {_progress(feed)} "
            yield StripPart(
                text, f"$state-{feed.snapshot.state}", partial(self.app.show, Route("training", run=feed.folder))
            )

    def on_click(self, event: events.Click) -> None:
        start = 0
        for part in self._parts:
            if part.lead is not None and start <= event.x < start + cell_len(part.text):
                self.call_later(part.lead)
            start += cell_len(part.text)


def _progress(feed: RunFeed) -> str:
    run = feed.snapshot.run
    return f"{len(run.history)}/{run.epochs}" if run.epochs else feed.snapshot.state
