"""A run's loss or accuracy as a curve: training as a line, validation as marks; the legend has their values."""

from __future__ import annotations

from textual.app import RenderResult
from textual.color import Color
from textual.content import Content
from textual_plotext import PlotextPlot

from mnist_tui.report.wording import loss
from mnist_tui.runs.state import RunState
from mnist_tui.tui.quantities import share
from mnist_tui.tui.widgets.series import Curves, Metric, curves_of, epoch_ticks, labels, ticks

VALIDATION_MARK = "◆"
RUNNING_MARK = "·"
LINE_MARK = "⠤⠒"
AXIS_COLUMNS = 8
LONG_LEGEND = 62
SHORT_LEGEND = 42


class Curve(PlotextPlot):
    """Loss or accuracy over the epochs."""

    HELP = """
    **A curve over the epochs.** The line is training, measured while the weights change and dropout is on, averaged
    over the epoch. The diamonds are validation, measured after the epoch. Dots are the running mean inside an epoch.
    A value that was not finite leaves a gap.
    """
    COMPONENT_CLASSES = {"curve--training", "curve--validation", "curve--running"}
    DEFAULT_CSS = """
    Curve {
        border-top: solid $primary-muted;
        border-title-color: $foreground;
        padding: 0;
        & > .curve--training { color: $text-primary; }
        & > .curve--validation { color: $text-accent; }
        & > .curve--running { color: $foreground-muted; }
    }
    """

    def __init__(self, metric: Metric, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.metric: Metric = metric
        self._run = RunState()
        self.theme = "textual-default"

    def show(self, run: RunState) -> None:
        """Draws the run as it is now; nothing where nothing of it concerns this curve."""
        before, self._run = self._run, run
        if run.history is not before.history or run.running is not before.running or run.epochs != before.epochs:
            self._legend()
            self.refresh()

    def on_resize(self) -> None:
        self._legend()

    def _legend(self) -> None:
        """The legend is the title, where it never hides a point."""
        last, now = self._run.history[-1] if self._run.history else None, self._run.progress
        long, short = self.size.width >= LONG_LEGEND, self.size.width < SHORT_LEGEND
        space = "" if short else " "
        parts = [Content.styled("acc." if short and self.metric == "accuracy" else self.metric, "bold")]
        if last is not None:
            value = self._written(getattr(last, self.metric), short)
            validation = self._written(getattr(last, f"val_{self.metric}"), short)
            parts += [Content("  "[: 1 + len(space)]), Content.styled(LINE_MARK[: 1 + len(space)], "$text-primary")]
            parts += [Content(f"{space}{'training' if long else 'train'} {value} {space}")]
            parts += [Content.styled(VALIDATION_MARK, "$text-accent")]
            parts += [Content(f"{space}{'validation' if long else 'val'} {validation}")]
        elif now is not None:
            parts += [Content.styled(f"  {RUNNING_MARK}", "$text-muted"), Content(" running mean ")]
            parts += [Content(self._written(getattr(now, self.metric), short))]
        self.border_title = Content.assemble(*parts)  # pyright: ignore[reportAttributeAccessIssue]

    def _written(self, value: float | None, short: bool) -> str:
        if value is None and short:
            return "nan"
        if self.metric == "accuracy":
            return share(value, 1 if short else 2)
        return f"{value:.3f}" if short and value is not None and value < 100 else loss(value)

    def render(self) -> RenderResult:
        width, height = self.size
        if width < 12 or height < 3:
            return ""
        curves = curves_of(self._run, self.metric, width - AXIS_COLUMNS, height - 2)
        if curves.empty:
            return Content.styled(self._waiting(), "$text-muted")
        self._axes(curves, width, height)
        for segment in curves.running:
            self._draw(segment, "curve--running", marker=RUNNING_MARK, line=False)
        for segment in curves.training:
            self._draw(segment, "curve--training", marker="braille", line=True)
        for segment in curves.validation:
            self._draw(segment, "curve--validation", marker=VALIDATION_MARK, line=False)
        return super().render()

    def _waiting(self) -> str:
        if self._run.progress is not None or self._run.history:
            return f"\n no finite {self.metric} to draw"
        return "\n waits for the first steps"

    def _axes(self, curves: Curves, width: int, height: int) -> None:
        plot = self.plt
        plot.clear_figure()
        plot.xaxes(True, False)
        plot.yaxes(True, False)
        plot.xlim(*curves.x_limits)
        plot.ylim(*curves.y_limits)
        values = ticks(curves.y_limits, max(2, (height - 2) // 2 if height < 14 else (height - 2) // 3))
        plot.yticks(values, labels(values, " %" if self.metric == "accuracy" else ""))
        epochs = epoch_ticks(curves.x_limits[1], width - AXIS_COLUMNS)
        plot.xticks([float(epoch) for epoch in epochs], [*map(str, epochs[:-1]), f"epoch {epochs[-1]}"])

    def _draw(self, segment: tuple[tuple[float, float], ...], component: str, *, marker: str, line: bool) -> None:
        xs, ys = [x for x, _ in segment], [y for _, y in segment]
        colour = _plotext_colour(self.get_component_styles(component).color)
        draw = self.plt.plot if line and len(xs) > 1 else self.plt.scatter
        draw(xs, ys, marker=marker, color=colour)


def _plotext_colour(colour: Color) -> tuple[int, int, int] | str:
    """A terminal's own colours have no RGB; such a theme's curves are told apart by their marks."""
    return "default" if colour.ansi is not None else colour.rgb
