"""Two curves of a run above each other, with one view of the epochs, and the keys that change it."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical

from mnist_tui.runs.state import RunState
from mnist_tui.tui.widgets.plots.curves import Curve
from mnist_tui.tui.widgets.plots.plot import PAN, WHEEL, Plot
from mnist_tui.tui.widgets.plots.series import MEASURES, Metric, axis_of
from mnist_tui.tui.widgets.plots.zoom import EpochWindow

PAIRS: tuple[tuple[Metric, Metric], ...] = (("loss", "accuracy"), ("learning_rate", "images_per_second"))
CURVE_KEYS = [
    Binding(key, f"plot('{what}')", name, tooltip=tooltip, id=f"curves.{what}", show=False)
    for key, what, name, tooltip in (
        ("plus,equals_sign", "in", "Zoom in", "Fewer epochs in the curves, in more detail"),
        ("minus", "out", "Zoom out", "More epochs in the curves"),
        ("left_square_bracket", "left", "Pan left", "Earlier epochs in the curves"),
        (
            "right_square_bracket",
            "right",
            "Pan right",
            "Later epochs in the curves; at the newest one the view follows the training",
        ),
        ("0", "all", "All epochs", "All epochs in the curves again"),
        ("l", "log", "Log scale", "Logarithmic axis for loss and learning rate"),
        ("u", "other", "Other curves", "Loss and accuracy, or learning rate and images per second"),
    )
]
"""For the screen's bindings; its `action_plot` hands them on to `CurvePlots.act`."""


class CurvePlots(Vertical):
    """The curves of a run.

    Attributes:
        window: the epochs that all of them show.
    """

    DEFAULT_CSS = """
    CurvePlots { width: 1fr; height: 1fr; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.window = EpochWindow()
        self.logarithmic = False
        self._shown = 0
        self._run = RunState()
        self._cursor: int | None = None

    def compose(self) -> ComposeResult:
        for number, pair in enumerate(PAIRS):
            for metric in pair:
                curve = Curve(metric, id=metric.replace("_", "-"))
                curve.set_class(number != self._shown, "-other")
                yield curve

    def show(self, run: RunState, cursor: int | None = None) -> None:
        """Draws the run; a cursor that leaves the view takes it along, and one that follows again lets it follow."""
        moved, self._run = cursor != self._cursor, run
        self._cursor = cursor
        if moved:
            axis = axis_of(run)
            window = self.window.following() if cursor is None else self.window.showing(cursor, axis)
            self._view(window)
        for curve in self.curves:
            curve.show(run, cursor)

    @property
    def curves(self) -> list[Curve]:
        """Those that are shown."""
        return [curve for curve in self.query(Curve) if not curve.has_class("-other")]

    def act(self, what: str) -> None:
        """Does what a key of CURVE_KEYS asks for."""
        axis = axis_of(self._run)
        match what:
            case "in" | "out":
                factor = WHEEL**2 if what == "in" else WHEEL**-2
                self._view(self.window.zoomed(factor, self._middle(), axis))
            case "left" | "right":
                self._view(self.window.panned(-PAN if what == "left" else PAN, axis))
            case "all":
                self._view(EpochWindow())
            case "log":
                self.logarithmic = not self.logarithmic
                self._change()
                if not any(MEASURES[curve.metric].log for curve in self.curves):
                    self.notify("neither of these has a logarithmic axis")
            case _:
                self._shown = (self._shown + 1) % len(PAIRS)
                for curve in self.query(Curve):
                    curve.set_class(curve.metric not in PAIRS[self._shown], "-other")
                    curve.show(self._run, self._cursor)

    def _middle(self) -> float:
        """What a zoom by key goes to: the cursor, else the newest epoch, else the middle; the first that is in view."""
        axis = axis_of(self._run)
        start, end = self.window.limits(axis)
        wanted = [axis.newest] if self._cursor is None else [self._cursor, axis.newest]
        return next((float(epoch) for epoch in wanted if start <= epoch <= end), (start + end) / 2)

    def _view(self, window: EpochWindow) -> None:
        if window != self.window:
            self.window = window
            self._change()

    def _change(self) -> None:
        for curve in self.query(Curve):
            curve.window, curve.logarithmic = self.window, self.logarithmic
            curve.draw()

    @on(Plot.ZoomWanted)
    def _zoomed(self, message: Plot.ZoomWanted) -> None:
        message.stop()
        self._view(self.window.zoomed(message.factor, message.at, axis_of(self._run)))

    @on(Plot.PanWanted)
    def _panned(self, message: Plot.PanWanted) -> None:
        message.stop()
        self._view(self.window.panned(message.share, axis_of(self._run)))

    @on(Plot.WholeViewWanted)
    def _whole(self, message: Plot.WholeViewWanted) -> None:
        message.stop()
        self._view(EpochWindow())
