"""The parts of the results screen: the headline with the accuracy, bars for the classes, the list of confusions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual import events, getters
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.strip import Strip
from textual.widgets import Digits, Static

from mnist_tui.runs.scores import Confusion
from mnist_tui.tui.terminal.keymap import bind
from mnist_tui.tui.widgets.confusion import ConfusionView, heads
from mnist_tui.tui.widgets.text import DrawnWidget, Line, bar_texts
from mnist_tui.wording import count, percent

GAP = 3
LEAST_BAR = 4


class FactTiles(Static):
    """Facts side by side, each a name above its value; those without room continue below."""

    DEFAULT_CSS = "FactTiles { width: 1fr; height: auto; }"
    facts: Mapping[str, str] = {}

    def show(self, facts: Mapping[str, str]) -> None:
        """Show values by their names."""
        if facts != self.facts:
            self.facts = dict(facts)
            self.refresh(layout=True)

    def lines(self, width: int) -> list[Content]:
        """Return the lines for a width: pairs of names and values."""
        lines: list[Content] = []
        row: list[tuple[str, str, int]] = []
        for name, value in [*self.facts.items(), ("", "")]:
            room = max(len(name), len(value))
            if row and (not name or sum(each[2] + GAP for each in row) + room > width):
                for part, style in ((0, "$text-muted"), (1, "bold")):
                    text = (" " * GAP).join(str(each[part]).ljust(each[2]) for each in row)
                    lines.append(Content.styled(text.rstrip(), style))
                row = []
            row.append((name, value, room))
        return lines

    def render(self) -> Content:
        return Content("\n").join(self.lines(self.content_size.width))

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return len(self.lines(width))


class Headline(Horizontal):
    """The test accuracy in large digits, and the other scores beside it; one line of text while there is no score."""

    DEFAULT_CSS = """
    Headline {
        height: auto;
        padding: 0 1;
        background: $surface;
        & > #accuracy { width: auto; height: auto; margin: 0 3 0 0; }
        & > #accuracy > Digits { width: auto; color: $success; }
        & > #accuracy > Line { color: $text-muted; width: auto; }
        & > #missing { width: 1fr; height: auto; display: none; }
        &.-missing > #missing { display: block; }
        &.-missing > #accuracy, &.-missing > FactTiles, &.-plain > #accuracy { display: none; }
    }
    """
    digits = getters.query_one(Digits)
    tiles = getters.query_one(FactTiles)
    missing = getters.query_one("#missing", Line)

    def __init__(self) -> None:
        super().__init__()
        self._accuracy, self._facts = "", dict[str, str]()

    def compose(self) -> ComposeResult:
        with Vertical(id="accuracy"):
            yield Digits()
            yield Line("test accuracy")
        yield FactTiles()
        yield Line(id="missing")

    def show(self, accuracy: str, facts: Mapping[str, str], missing: str = "") -> None:
        """Show the accuracy and other facts; or a text that says what is missing and what can be done."""
        self._accuracy, self._facts = accuracy, dict(facts)
        self.set_class(bool(missing), "-missing")
        self.missing.say(missing)
        self.digits.update(accuracy.replace(" ", ""))
        self.fit(plain=self.has_class("-plain"))

    def fit(self, *, plain: bool) -> None:
        """Show the accuracy in large digits, or as a plain fact like the others."""
        self.set_class(plain, "-plain")
        self.tiles.show({"Test accuracy": self._accuracy, **self._facts} if plain else self._facts)


@dataclass(frozen=True)
class ClassScores:
    """The scores of one class, from 0 to 1, and the number of its images; None where nothing can be divided."""

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    images: int


class ClassBars(DrawnWidget):
    """Precision, recall and F1 of each class as bars that begin at the ten per cent below the lowest score."""

    HELP = """
    **Classes.** Recall is the share of a class's images that were recognised, precision the share of right ones among
    those read as it, F1 their harmonic mean. The bars begin at the per cent that the title names, so that differences
    can be seen; the lowest score of each column has another colour and a mark.
    """
    COMPONENT_CLASSES = {"classes--bar", "classes--lowest", "classes--rest", "classes--muted"}
    DEFAULT_CSS = """
    ClassBars {
        height: auto;
        & > .classes--bar { color: $primary; }
        & > .classes--lowest { color: $accent; text-style: bold; }
        & > .classes--rest { color: $foreground 20%; }
        & > .classes--muted { color: $text-muted; }
    }
    """
    COLUMNS = ("precision", "recall", "F1")
    VALUE, IMAGES = 8, 8
    _rows: Sequence[ClassScores] = ()

    def show(self, classes: Sequence[ClassScores]) -> None:
        """Show these classes."""
        self._rows = classes
        self.refresh(layout=True)
        self.draw()

    @property
    def scale(self) -> str:
        """Where the bars begin and end, in words."""
        return f"bars from {100 * self.start:.0f} to 100 %"

    @property
    def start(self) -> float:
        """The share at which the bars begin: a multiple of 0.1."""
        scores = [each for row in self._rows for each in (row.precision, row.recall, row.f1) if each is not None]
        return int(10 * min(scores, default=0.0) - 1e-9) / 10 if scores else 0.0

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return 1 + len(self._rows)

    def strips(self) -> list[Strip]:
        width, start = self.size.width, self.start
        names = heads([row.name for row in self._rows], 12)
        name = max(map(len, [*names, "class"])) + 1
        column = (width - name - self.IMAGES) // 3
        bar = column - self.VALUE - 2 if column - self.VALUE - 2 >= LEAST_BAR else 0
        column = bar + self.VALUE + (2 if bar else 0)
        muted, plain = self.component_style("classes--muted"), self.rich_style
        header = f"{'class':<{name}}" + "".join(f"{title:>{column}}" for title in self.COLUMNS)
        lines = [Strip([Segment(f"{header}{'images':>{self.IMAGES}}"[:width], muted)])]
        columns = [[getattr(row, field) for row in self._rows] for field in ("precision", "recall", "f1")]
        lowest = [min((each for each in values if each is not None), default=None) for values in columns]
        for at, row in enumerate(self._rows):
            parts = [Segment(f"{names[at]:<{name}}", plain)]
            for values, low in zip(columns, lowest, strict=True):
                parts += self._score(values[at], low, start, bar)
            lines.append(Strip([*parts, Segment(f"{count(row.images):>{self.IMAGES}}", muted)]).crop(0, width))
        return lines

    def _score(self, value: float | None, lowest: float | None, start: float, bar: int) -> list[Segment]:
        is_lowest = value is not None and value == lowest
        style: Style = self.component_style("classes--lowest") if is_lowest else self.rich_style
        text = Segment(f"{percent(value, 1):>{self.VALUE}}", style)
        if not bar:
            return [text]
        full, rest = bar_texts(((value or 0.0) - start) / (1 - start), bar, self.app.settings.glyphs)
        fill = style if is_lowest else self.component_style("classes--bar")
        return [Segment("  ", self.rich_style), Segment(full, fill), Segment(rest, self._rest), text]

    @property
    def _rest(self) -> Style:
        return self.component_style("classes--rest")


class ConfusionList(DrawnWidget, can_focus=True):
    """The worst confusions, one a row with a bar; Enter or a click posts `ConfusionView.CellChosen`."""

    HELP = """
    **Confusions.** Those with the most images, largest first, each with its share of the true class's images. The arrow
    keys choose one, Enter or a click opens its images.
    """
    BINDINGS = [
        bind("confusions.up", "up,k", "move(-1)", "Up", "The confusion above", hidden=True),
        bind("confusions.down", "down,j", "move(1)", "Down", "The confusion below", hidden=True),
        bind("confusions.open", "enter", "open", "Its images", "The images of the chosen confusion"),
    ]
    COMPONENT_CLASSES = {"confusions--bar", "confusions--rest", "confusions--muted", "confusions--cursor"}
    DEFAULT_CSS = """
    ConfusionList {
        height: auto;
        & > .confusions--bar { color: $accent; }
        & > .confusions--rest { color: $foreground 20%; }
        & > .confusions--muted { color: $text-muted; }
        & > .confusions--cursor { background: $block-cursor-blurred-background; text-style: bold; }
        &:focus > .confusions--cursor { background: $block-cursor-background; color: $block-cursor-foreground; }
    }
    """
    pairs: Sequence[Confusion] = ()
    _at = 0

    def show(self, pairs: Sequence[Confusion]) -> None:
        """List these confusions; a note says so if there is none."""
        self.pairs, self._at = pairs, min(self._at, max(0, len(pairs) - 1))
        self.refresh(layout=True)
        self.draw()

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return max(1, len(self.pairs))

    def strips(self) -> list[Strip]:
        if not self.pairs:
            return [Strip([Segment("No image was confused", self.component_style("confusions--muted"))])]
        width, most = self.size.width, max(pair.count for pair in self.pairs)
        names = [f"{pair.true_name} read as {pair.predicted_name}" for pair in self.pairs]
        counts = [f"{pair.count:,} of {pair.total:,}" for pair in self.pairs]
        shares = [percent(pair.share, 1) for pair in self.pairs]
        name, number, share = (max(map(len, texts)) for texts in (names, counts, shares))
        room = max(0, min(60, width - name - number - share - 6))
        lines: list[Strip] = []
        for at, pair in enumerate(self.pairs):
            full, rest = bar_texts(pair.count / most, room, self.app.settings.glyphs)
            cursor = self.component_style("confusions--cursor") if at == self._at else None
            parts = [
                Segment(f" {names[at]:<{name}} ", self.rich_style),
                Segment(full, self.component_style("confusions--bar")),
                Segment(rest, self.component_style("confusions--rest")),
                Segment(f" {counts[at]:>{number}}  {shares[at]:>{share}} ", self.rich_style),
            ]
            line = Strip(parts).crop(0, width)
            lines.append(Strip([Segment(line.text.ljust(width), cursor)]) if cursor is not None else line)
        return lines

    def action_move(self, by: int) -> None:
        """Move the cursor; beyond the first or the last row the page scrolls."""
        to = self._at + by
        if 0 <= to < len(self.pairs):
            self._at = to
            self.draw()
            self.screen.scroll_to_widget(self, animate=False)
        elif self.parent is not None:
            self.post_message(self.LeftAtEnd(by))

    @dataclass
    class LeftAtEnd(Message):
        """Posted when the cursor cannot go further: by -1 upwards, by 1 downwards."""

        by: int

    def action_open(self) -> None:
        if self.pairs:
            pair = self.pairs[self._at]
            self.post_message(ConfusionView.CellChosen(pair.true, pair.predicted))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and offset.y < len(self.pairs):
            self._at = offset.y
            self.draw()
            self.action_open()

    def on_focus(self) -> None:
        self.draw_again()

    def on_blur(self) -> None:
        self.draw_again()

    def draw_again(self) -> None:
        """Draw with the styles of the present state of the focus."""
        self.notify_style_update()
