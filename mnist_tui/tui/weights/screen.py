"""The screen of a run's weights and biases: distributions by layer and epoch, and pictures of the first layer."""

from __future__ import annotations

import math
from asyncio import to_thread
from typing import TYPE_CHECKING

from textual import getters, on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Region
from textual.widgets import Static

from mnist_tui.errors import RunError
from mnist_tui.experiment.complexity import of
from mnist_tui.runs import control
from mnist_tui.runs.event_log import EpochReader
from mnist_tui.runs.events import WeightsSeen
from mnist_tui.tui.feed import RunFeed
from mnist_tui.tui.run_screen import RunScreen
from mnist_tui.tui.terminal.keymap import bind
from mnist_tui.tui.weights.distributions import DistributionView, EpochSpread, LayerTable, rows_of
from mnist_tui.tui.weights.pictures import WeightPictures
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.tui.widgets.run_status import StatusLine

if TYPE_CHECKING:
    from mnist_tui.runs.first_weights import FirstWeights


READING = "reading …"


class WeightsScreen(RunScreen):
    """The screen of a run's weights and biases."""

    CSS_PATH = "weights.tcss"
    HELP = """
    **Weights.** How the weights (`b`: the biases) of each layer are spread, over the whole training: epochs to the
    right, values upwards, denser signs where more of them lie. The bars and the table show the selected epoch.
    `p` shows the first layer's weights as pictures, from the model or the newest checkpoint.
    """
    BINDINGS = [
        bind("weights.layer-before", "up,k", "layer(-1)", "Layer", "The layer before", display="↑↓"),
        bind("weights.layer-after", "down,j", "layer(1)", "Next layer", "The next layer", hidden=True),
        bind("weights.biases", "b", "kind('biases')", "Biases", "The biases instead of the weights"),
        bind("weights.weights", "b", "kind('weights')", "Weights", "The weights instead of the biases"),
        bind("weights.pictures", "p", "pictures(True)", "Pictures", "The first layer's weights as pictures"),
        bind("weights.distributions", "p", "pictures(False)", "Spread", "How the values are spread"),
        bind("weights.page-up", "pageup", "turn(-1)", "Page", "The pictures before", display="PgUp/Dn"),
        bind("weights.page-down", "pagedown", "turn(1)", "Next page", "The next pictures", hidden=True),
        bind("weights.signs", "s", "signs", "Signs", "Signs instead of colours, and back"),
        bind("weights.size", "z", "resize", "Size", "Another size of the pictures"),
        bind("weights.renew", "r", "renew", "Renew", "Newer pictures: asks a live run for a checkpoint"),
        bind("weights.back", "escape,w", "dismiss", "Back", "Back to the run"),
    ]

    status = getters.query_one(StatusLine)
    view = getters.query_one(DistributionView)
    table = getters.query_one(LayerTable)
    pictures = getters.query_one(WeightPictures)
    about = getters.query_one("#about", Static)

    def __init__(self, feed: RunFeed) -> None:
        super().__init__(feed)
        self._file = EpochReader(feed.folder.events_file)
        self._recorded: tuple[WeightsSeen, ...] = ()
        self._read_for: WeightsSeen | None = None
        self._read_once = self._reading = False
        self._chosen = 0
        self._kind = "weights"
        self._first: FirstWeights | None = None
        self._first_why = READING
        self._first_of: object = None
        self._layers = {layer.name: layer for layer in of(self.experiment).layers} if self.experiment else {}

    def compose(self) -> ComposeResult:
        yield StatusLine("weights", self.feed.folder.id)
        yield Static("", id="about", markup=False)
        yield DistributionView()
        yield WeightPictures(signs=self.app.no_color or self.app.settings.glyphs == "ascii")
        with Vertical(id="layers"):
            yield LayerTable()
        yield KeyFooter()

    @on(WeightPictures.Fitted)
    def _update_range(self) -> None:
        """Update the range of neurons in view, which is known only after the pictures have got their size."""
        if self._picturing:
            self.about.update(self._about_pictures())

    @property
    def _picturing(self) -> bool:
        return self.has_class("-pictures")

    def draw(self) -> None:
        self.status.show(self.snapshot.state, self._kind)
        newest = self.snapshot.run.weights
        if not self._reading and (newest is not self._read_for or not self._read_once):
            self._reading, self._read_for = True, newest
            self._read()
        if self._picturing:
            self._draw_pictures()
        else:
            self._draw_distributions()

    def _draw_pictures(self) -> None:
        newest = (self.snapshot.run.checkpoint, self.snapshot.state)
        if newest != self._first_of:
            self._first_of = newest
            self._read_first()
        self.pictures.show(self._first, self._first_why)
        self.about.update(self._about_pictures())

    def _draw_distributions(self) -> None:
        epoch, what = self.feed.epoch, self._kind
        seen = next((event for event in reversed(self._recorded) if event.epoch <= epoch), None)
        if seen is None:
            nothing = "No weights have been recorded yet." if self.snapshot.live else "This run recorded no weights."
            self.view.show((), 0, nothing if self._read_once else READING)
            self.about.update("")
            self.table.show([])
            return
        self._chosen = max(0, min(self._chosen, len(seen.layers) - 1))
        layer = seen.layers[self._chosen].name
        spreads = [
            EpochSpread(event.epoch, spread)
            for event in self._recorded
            for part in event.layers
            if part.name == layer and (spread := part.biases if what == "biases" else part.weights) is not None
        ]
        self.view.show(spreads, epoch, f"{layer} has no {what} that could be drawn")
        known = self._layers.get(layer)
        configuration = f", {known.configuration}" if known is not None and known.configuration else ""
        after = "before training" if seen.epoch == 0 else f"after epoch {seen.epoch}"
        older = f" (the newest recorded at epoch {epoch})" if seen.epoch != epoch else ""
        self.about.update(f"{what} of {layer}{configuration}; {after}{older}")
        at_first = self._recorded[0].layers if self._recorded[0].epoch == 0 else ()
        units = {name: known.output_shape[-1] for name, known in self._layers.items()}
        self.table.show(rows_of(seen.layers, at_first, what == "biases", units, self._chosen), self._chosen)
        self.query_one("#layers").scroll_to_region(Region(0, self._chosen + 1, 1, 1), animate=False)

    def _about_pictures(self) -> Content:
        first = self._first
        if first is None:
            return Content("")
        shown, count = self.pictures.shown, self.pictures.count
        begin = self.pictures.first + 1
        epoch = "" if math.isnan(first.epoch) else f", after epoch {first.epoch:g}"
        what = (
            f"{first.layer}: {first.units} {begin} to {min(count, begin + shown - 1)} of {count}{epoch} "
            f"({first.source}); full shade from ±{first.strong:.3g}; "
        )
        if self.pictures.signs:
            return Content(f"{what}+ # positive, - = negative")
        return Content.assemble(what, ("██", "$primary"), " positive, ", ("██", "$accent"), " negative")

    @work(exit_on_error=False, group="weights")
    async def _read(self) -> None:
        self._recorded = await to_thread(lambda: tuple(self._file.all_weights()))
        self._reading, self._read_once = False, True
        self._changed_view()

    @work(exit_on_error=False, group="first", exclusive=True)
    async def _read_first(self) -> None:
        self._first, self._first_why = await to_thread(self._read_first_weights)
        self._changed_view()

    def _read_first_weights(self) -> tuple[FirstWeights | None, str]:
        from mnist_tui.runs.first_weights import first_weights

        if self.experiment is None:
            return None, "experiment.toml cannot be read"
        try:
            return first_weights(self.feed.folder, self.experiment), ""
        except RunError as error:
            return None, str(error)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "layer":
                return not self._picturing
            case "kind":
                return not self._picturing and parameters != (self._kind,)
            case "pictures":
                return parameters != (self._picturing,)
            case "turn" | "signs" | "resize" | "renew":
                return self._picturing
            case _:
                return True

    def _changed_view(self) -> None:
        self._dirty = True
        self.redraw()
        self.refresh_bindings()

    def action_layer(self, by: int) -> None:
        self._chosen = max(0, self._chosen + by)
        self._changed_view()

    @on(LayerTable.LayerPicked)
    def _picked(self, message: LayerTable.LayerPicked) -> None:
        self._chosen = message.at
        self._changed_view()

    @on(DistributionView.EpochPicked)
    def _look_at_picked(self, message: DistributionView.EpochPicked) -> None:
        self.look_at(message.epoch)

    def action_kind(self, kind: str) -> None:
        self._kind = kind
        self._changed_view()

    def action_pictures(self, pictures: bool) -> None:
        self.set_class(pictures, "-pictures")
        self._changed_view()

    def action_turn(self, pages: int) -> None:
        self.pictures.turn(pages)
        self._changed_view()

    def action_signs(self) -> None:
        self.pictures.signs = not self.pictures.signs
        self.pictures.draw()
        self._changed_view()

    def action_resize(self) -> None:
        self.pictures.resize()
        self._changed_view()

    def action_renew(self) -> None:
        """Ask a live run for a checkpoint, whose weights are then shown."""
        if self.snapshot.live:
            try:
                control.send(self.feed.folder, "checkpoint")
                self.notify("A checkpoint was asked for; the pictures follow")
            except (RunError, OSError) as error:
                self.notify(str(error), severity="error")
        self._first_of = None
        self._changed_view()
