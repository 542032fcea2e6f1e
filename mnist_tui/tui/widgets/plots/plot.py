"""The widget that all plots extend, with the keys and the mouse events that zoom and pan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from mnist_tui.tui.terminal.keymap import bind, key_of
from mnist_tui.tui.terminal.themes import RUN_TOKENS
from mnist_tui.tui.widgets.plots.axes import EpochAxis, EpochWindow, Plane
from mnist_tui.tui.widgets.plots.raster import (
    Marks,
    PlotPicture,
    Row,
    fitting_parts,
    framed,
    marks_of,
    paint,
    row_length,
)
from mnist_tui.tui.widgets.text import DrawnWidget

if TYPE_CHECKING:
    from mnist_tui.tui.bench import Bench

TONES = {
    "title": "$foreground; text-style: bold",
    "text": "$foreground",
    "muted": "$foreground-muted",
    "rule": "$border-blurred",
    "focus": "$border; text-style: bold",
    "key": "$accent",
    "axis": "$foreground-muted",
    "training": "$primary",
    "validation": "$accent",
    "plain": "$success",
    "running": "$foreground-muted",
    "cursor": "$foreground; text-style: bold",
    "best": "$success; text-style: bold",
    **{f"run{at}": f"${token}" for at, token in enumerate(RUN_TOKENS)},
    **{f"band{at}": f"${token} 22%" for at, token in enumerate(RUN_TOKENS)},
    **{f"heat{at}": f"$primary {6 + 11 * at}%" for at in range(5)},
}
WHEEL = 1 / 1.25
"""Width of a view after a step of the wheel that zooms in, as a share of the width before."""
FRAMED_FROM, PADDED_FROM = 12, 60
"""Rows from which a plot has a frame all around, and columns from which the frame has padding."""
PAN = 0.15
"""The share of its width by which a view moves."""


class Plot(DrawnWidget):
    """A widget that shows lines of characters with tones, which a subclass makes in `lines`.

    Attributes:
        plane, margin: the area in which a person can point at epochs, and the number of columns left of it, with those
            of the frame.
        painted: the picture that was painted last, with the marks used and its lines.
        shows_keys: whether the frame names the plot's keys.
    """

    COMPONENT_CLASSES = {f"plot--{tone}" for tone in TONES}
    DEFAULT_CSS = "Plot { width: 1fr; height: 1fr; }\n" + "\n".join(
        f"Plot > .plot--{tone} {{ color: {color}; }}" for tone, color in TONES.items()
    )

    @dataclass
    class EpochPointed(Message):
        """Posted when a person points at an epoch."""

        epoch: int

    @dataclass
    class ViewChange(Message):
        """Posted when the mouse zooms or pans, with the function that makes the new view out of the present one."""

        change: Callable[[EpochWindow, EpochAxis], EpochWindow]

    plane: Plane | None = None
    margin = 0
    painted: tuple[PlotPicture, Marks, list[Row]] | None = None
    shows_keys = True
    _held: int | None = None
    _few_colours: bool | None = None
    _keys: tuple[Mapping[str, str], dict[str, str]] = ({}, {})

    @property
    def marks(self) -> Marks:
        """Return the characters that the settings and the terminal's colours ask for."""
        settings = getattr(self.app, "settings", None)
        if self._few_colours is None:
            self._few_colours = self.app.native_ansi_color or self.background_colors[1].ansi is not None
        return marks_of(settings.glyphs if settings is not None else "braille", self.app.no_color, self._few_colours)

    @property
    def log_scale(self) -> bool:
        """Whether a key has chosen logarithmic axes, for the curves of all screens."""
        return getattr(self.app, "log_scale", False)

    def lines(self) -> Sequence[Row]:
        """Return the lines as they should be now, and set `plane` if a person can point at epochs."""
        raise NotImplementedError

    @property
    def side(self) -> int:
        """Return the columns of the frame at each side; 0 where a line above the plot is all there is room for."""
        if self.size.height < FRAMED_FROM:
            return 0
        return 2 if self.size.width >= PADDED_FROM else 1

    @property
    def inside(self) -> tuple[int, int]:
        """Return the columns and the rows inside the frame."""
        return max(0, self.size.width - 2 * self.side), max(0, self.size.height - (2 if self.side else 1))

    @property
    def title_room(self) -> int:
        """Return the characters of a title."""
        return self.size.width - (4 if self.side else 0)

    def framed(
        self,
        title: Row,
        body: Sequence[Row],
        foot: Callable[[int], Row] = lambda width: (),
        keys: Sequence[tuple[str, str]] = (),
    ) -> list[Row]:
        """Return a body in the plot's frame.

        Args:
            title: the text of the upper border.
            foot: returns the text of the lower border for a width in characters.
            keys: the keys that a border names, if there is room beside the first part of `foot`:
                the last parts of the bindings' ids, such as
                ``in,out``, and the effect.
        """
        room = self.title_room - (2 if self.side else row_length(title) + 5)
        found = [
            (" ".join(filter(None, map(self._key, names.split(",")))), effect)
            for names, effect in keys
            if self.shows_keys
        ]
        named: list[Row] = [(("key", key), ("muted", f" {effect}")) for key, effect in found if key]
        hints = fitting_parts(named, room, "  ")
        while named and self.side and foot(room) and not foot(room - row_length(hints) - 2):
            named.pop()
            hints = fitting_parts(named, room, "  ")
        lower = (foot(room - row_length(hints) - 2) if self.side else (), hints)
        return framed(title, body, (self.size.width, self.size.height), self.marks, side=self.side, lower=lower)

    def _key(self, name: str) -> str:
        """Return the first key of an action of this widget or of one around it; empty if there is none."""
        own = getattr(getattr(self.app, "settings", None), "keys", {})
        if self._keys[0] is not own:
            self._keys = (own, {})
        if name not in self._keys[1]:
            owners = (owner for node in self.ancestors_with_self for owner in type(node).__mro__)
            bound = ((owner, each) for owner in owners for each in owner.__dict__.get("BINDINGS", ()))
            ids = ((owner, each.id) for owner, each in bound if isinstance(each, Binding) and each.id)
            owner, found = next((pair for pair in ids if pair[1].rpartition(".")[2] == name), (None, ""))
            self._keys[1][name] = key_of(found, owner, own) if owner is not None else ""
        return self._keys[1][name]

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._few_colours = None

    def on_focus(self) -> None:
        self.draw()

    def on_blur(self) -> None:
        self.draw()

    def strips(self) -> list[Strip]:
        styles = {tone: self.component_style(f"plot--{tone}") for tone in TONES}
        if self.has_focus:
            styles["rule"] = styles["title"] = styles["focus"]
        rows = self.lines()
        for tone in {tone for row in rows for tone, _ in row if "/" in tone}:
            name, _, ground = tone.partition("/")
            styles[tone] = styles[name] + Style(bgcolor=styles[ground].color)
        return [
            Strip([Segment(text, styles[tone]) for tone, text in row]).adjust_cell_length(
                self.size.width, styles["text"]
            )
            for row in rows
        ]

    def paint(self, picture: PlotPicture) -> list[Row]:
        """Return the lines of a picture; those of the picture before are returned if it looks the same."""
        self.margin, marks = picture.margin + self.side, self.marks
        if self.painted is None or self.painted[:2] != (picture, marks):
            self.painted = (picture, marks, paint(picture, marks))
        return self.painted[2]

    def _epoch_under(self, event: events.MouseEvent) -> float | None:
        if self.plane is None:
            return None
        return self.plane.at(event.get_content_offset_capture(self).x - self.margin)

    def _point(self, event: events.MouseEvent) -> None:
        epoch = self._epoch_under(event)
        if epoch is not None:
            self.post_message(self.EpochPointed(max(1, round(epoch))))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self._held = event.button
        self.capture_mouse()
        if event.button == 1 and not event.shift:
            self._point(event)

    def on_mouse_up(self) -> None:
        self._held = None
        self.release_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Move the epoch cursor with the left button, and the view with any other."""
        if self._held == 1 and not event.shift:
            self._point(event)
        elif self._held is not None and event.delta_x and self.plane is not None:
            self._pan(-event.delta_x / self.plane.columns)

    def on_click(self, event: events.Click) -> None:
        if event.chain == 2:
            self.post_message(self.ViewChange(lambda window, axis: EpochWindow()))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, WHEEL, -PAN)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, 1 / WHEEL, PAN)

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        event.stop()
        self._pan(-PAN)

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        event.stop()
        self._pan(PAN)

    def _wheel(self, event: events.MouseEvent, factor: float, share: float) -> None:
        event.stop()
        at = self._epoch_under(event)
        if event.shift:
            self._pan(share)
        elif at is not None:
            self.post_message(self.ViewChange(lambda window, axis: window.zoomed(factor, at, axis)))

    def _pan(self, share: float) -> None:
        self.post_message(self.ViewChange(lambda window, axis: window.panned(share, axis)))


def view_keys(section: str, action: str, shown: Sequence[str] = ()) -> list[Binding]:
    """Return the keys that zoom, pan and scale curves.

    Args:
        section: the first part of the bindings' ids.
        action: the action of the screen that calls `EpochView.action_view`.
        shown: the names (``in``, ``out``, ``left``, …) of the keys that the footer shows.
    """
    return [
        bind(f"{section}.{what}", key, f"{action}('{what}')", name, tooltip, hidden=what not in shown)
        for key, what, name, tooltip in (
            ("plus,equals_sign", "in", "Zoom in", "Fewer epochs in the curves, in more detail"),
            ("minus", "out", "Zoom out", "More epochs in the curves"),
            ("left_square_bracket", "left", "Pan left", "Earlier epochs in the curves"),
            ("right_square_bracket", "right", "Pan right", "Later epochs; at the newest the view follows training"),
            ("0", "all", "All epochs", "All epochs in the curves again"),
            ("l", "log", "Log scale", "Logarithmic axis for loss and learning rate"),
        )
    ]


class EpochView:
    """A mixin for widgets that show curves over epochs: keys and the mouse choose the epochs in view and the scale."""

    window = EpochWindow()

    @property
    def axis(self) -> EpochAxis:
        """Return the axis for all epochs."""
        raise NotImplementedError

    def draw(self) -> None:
        """Draw the curves in the present view."""
        raise NotImplementedError

    @property
    def anchors(self) -> Sequence[float]:
        """Return epochs of which the first one in view stays in place when a key zooms; else the middle stays."""
        raise NotImplementedError

    def action_view(self, what: str) -> None:
        """Change the view: ``in``, ``out``, ``left``, ``right``, ``all``, or ``log`` (logarithmic axis and back)."""
        match what:
            case "in" | "out":
                start, end = self.window.limits(self.axis)
                at = next((epoch for epoch in self.anchors if start <= epoch <= end), (start + end) / 2)
                self.look_at(self.window.zoomed(WHEEL ** (2 if what == "in" else -2), at, self.axis))
            case "left" | "right":
                self.look_at(self.window.panned(-PAN if what == "left" else PAN, self.axis))
            case "all":
                self.look_at(EpochWindow())
            case _:
                self._change_scale()

    def _change_scale(self) -> None:
        """Change between linear and logarithmic axes for all curves; those of other screens are drawn when shown."""
        assert isinstance(self, Widget)
        cast("Bench", self.app).log_scale = not getattr(self.app, "log_scale", False)
        for plot in self.screen.query(Plot):
            plot.draw()

    def look_at(self, window: EpochWindow) -> None:
        """Show these epochs."""
        if window != self.window:
            self.window = window
            self.draw()

    def on_plot_view_change(self, message: Plot.ViewChange) -> None:
        message.stop()
        self.look_at(message.change(self.window, self.axis))
