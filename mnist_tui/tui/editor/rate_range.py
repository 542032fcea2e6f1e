"""The dialog of the learning-rate range test, which a worker process measures while the curve is drawn."""

from __future__ import annotations

from time import monotonic

from textual import getters, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button

from mnist_tui.errors import RequestError
from mnist_tui.experiment.presets import Preset
from mnist_tui.runs.rate_range import RateRange, RateTest
from mnist_tui.tui.bench import BenchModal
from mnist_tui.tui.terminal.keymap import bind, key_of, labelled, pane_title
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.tui.widgets.plots.rates import RateCurve
from mnist_tui.tui.widgets.text import Bar, Line
from mnist_tui.wording import capitalized, ticking


class RateRangeScreen(BenchModal[float | None]):
    """A dialog that tests the learning rates for an experiment; its result is the rate to take over, or None.

    Args:
        preset: the experiment, which has a learning rate.
    """

    CSS_PATH = "rate_range.tcss"
    AUTO_FOCUS = ""
    HELP = """
    **Learning-rate range test.** A fresh network is trained for one epoch, or more until there are 100 steps, while
    the learning rate rises from 0.000001 to 10. Where the loss falls, the rate is useful; where it rises, the rate is
    too high. The suggested rate is a tenth of the one with the lowest smoothed loss. Enter takes it over into the
    editor, Esc leaves the editor as it is and ends the test. No run is made.
    """
    BINDINGS = [
        bind("rates.take", "enter", "take", "Take over", "Take the suggested learning rate over into the editor"),
        bind("rates.close", "escape", "close", "Close", "Leave the editor as it is; end the test"),
    ]

    curve = getters.query_one(RateCurve)
    bar = getters.query_one(Bar)
    said = getters.query_one("#rates-said", Line)
    taking = getters.query_one("#rates-take", Button)

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        self._preset = preset
        self._rate: float | None = None
        self._test: RateTest | None = None
        self._phase, self._started = "", monotonic()

    def compose(self) -> ComposeResult:
        own = self.app.settings.keys
        with Vertical(id="rates") as box:
            box.border_title = pane_title(f"Learning-rate range test of {self._preset.name}")
            yield RateCurve()
            yield Bar()
            yield Line(id="rates-said")
            with Horizontal():
                take, close = (key_of(f"rates.{name}", RateRangeScreen, own) for name in ("take", "close"))
                yield Button(
                    labelled("Take over", take), "primary", id="rates-take", action="screen.take", compact=True
                )
                yield Button(labelled("Close", close), id="rates-close", action="screen.close", compact=True)
        yield KeyFooter()

    def on_mount(self) -> None:
        self.taking.disabled = True
        self.bar.visible = False
        self.set_interval(1, self._say_progress)
        self._measure()

    def on_unmount(self) -> None:
        if self._test is not None:
            self._test.close()

    @work(thread=True, exit_on_error=False)
    def _measure(self) -> None:
        options = self.app.options
        try:
            with RateTest(
                self._preset.experiment, device=options.device, data_dir=options.data_dir, allow_sample=True
            ) as self._test:
                for state in self._test:
                    if not self.is_attached:
                        return
                    self.app.call_from_thread(self._show, state)
        except (RequestError, OSError) as error:
            if self.is_attached:
                self.app.call_from_thread(self._fail, str(error))

    def _show(self, state: RateRange) -> None:
        if not self.is_attached:
            return
        self.curve.show(state)
        self.bar.visible, self._phase = bool(state.points), state.phase
        self.bar.show(1.0 if state.ended else len(state.points) / state.steps if state.steps else 0.0)
        if not state.ended:
            self._say_progress(f"Training: {state.title}")
            return
        suggestion = state.suggestion
        self._rate = suggestion.rate
        rate = "" if suggestion.rate is None else f"Suggested learning rate: {suggestion.rate:g}. "
        self.said.say(f"{rate}{suggestion.reason}")
        self.taking.disabled = suggestion.rate is None
        if suggestion.rate is None:
            self.query_one("#rates-close", Button).focus()
        self.refresh_bindings()

    def _say_progress(self, training: str = "") -> None:
        """Say what is done before the first step, with the seconds since the start, or what is trained."""
        waiting = f"{capitalized(self._phase)} … {ticking(monotonic() - self._started)}" if self._phase else ""
        if text := waiting or training:
            self.said.say(text)

    def _fail(self, why: str) -> None:
        self._phase = ""
        self.said.say(f"The test failed: {why}")
        self.said.add_class("-failed")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "take" or self._rate is not None or None

    def action_take(self) -> None:
        if self._rate is not None:
            self.dismiss(self._rate)

    def action_close(self) -> None:
        self.dismiss(None)
