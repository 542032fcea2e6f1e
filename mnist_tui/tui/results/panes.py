"""The parts of the results screen: the headline with the accuracy, bars for the classes, the list of confusions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events, getters
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.strip import Strip
from textual.widgets import Digits, Static

from mnist_tui.runs.scores import MOST_IN_ORDER, Confusion, lowest_f1_first
from mnist_tui.tui.terminal.keymap import bind
from mnist_tui.tui.widgets.confusion import ConfusionView
from mnist_tui.tui.widgets.confusion_cells import cut_name, heads, left_aligned
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
        self._accuracy, self._facts, self._of = "", dict[str, str](), "test"

    def compose(self) -> ComposeResult:
        with Vertical(id="accuracy"):
            yield Digits()
            yield Line("test accuracy", id="accuracy-of")
        yield FactTiles()
        yield Line(id="missing")

    def show(self, accuracy: str, facts: Mapping[str, str], missing: str = "", of: str = "test") -> None:
        """Show the accuracy and other facts; or a text that says what is missing and what can be done.

        Args:
            of: the images of the accuracy: ``test`` or ``held-out``.
        """
        self._accuracy, self._facts, self._of = accuracy, dict(facts), of
        self.query_one("#accuracy-of", Line).say(f"{of} accuracy")
        self.set_class(bool(missing), "-missing")
        self.missing.say(missing)
        self.digits.update(accuracy.replace(" ", ""))
        self.fit(plain=self.has_class("-plain"))

    def fit(self, *, plain: bool) -> None:
        """Show the accuracy in large digits, or as a plain fact like the others."""
        self.set_class(plain, "-plain")
        name = f"{self._of.capitalize()} accuracy"
        self.tiles.show({name: self._accuracy, **self._facts} if plain else self._facts)


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
    the images predicted as that class, F1 their harmonic mean. The bars begin at the per cent that the title names, so
    that differences can be seen; the lowest score of each column has another colour. More than twenty classes are
    listed with the lowest F1 first; Tab and the arrow keys scroll them.
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
    COLUMNS = ("Precision", "Recall", "F1")
    VALUE, IMAGES = 8, 8
    _rows: Sequence[ClassScores] = ()

    def show(self, classes: Sequence[ClassScores]) -> None:
        """Show these classes; of many, those with the lowest F1 come first."""
        is_long = len(classes) > MOST_IN_ORDER
        self._rows = lowest_f1_first(classes, lambda row: row.f1) if is_long else classes
        self.refresh(layout=True)
        self.draw()

    @property
    def scale(self) -> str:
        """The order of many classes, and where the bars begin and end, if there is room for bars; in words."""
        order = ["lowest F1 first"] if len(self._rows) > MOST_IN_ORDER else []
        bars = [f"bars from {100 * self.start:.0f} to 100 %"] if self._bar(self.size.width, self._heads) else []
        return ", ".join(order + bars)

    @property
    def _heads(self) -> list[str]:
        return heads([row.name for row in self._rows], 12)

    def _bar(self, width: int, names: Sequence[str]) -> int:
        """Return the columns of a bar in a widget of a width; 0 if there is no room."""
        room = (width - self._name_width(names) - self.IMAGES) // 3 - self.VALUE - 2
        return room if room >= LEAST_BAR else 0

    def _name_width(self, names: Sequence[str]) -> int:
        return max(map(cell_len, [*names, "Class"])) + 1

    @property
    def start(self) -> float:
        """The share at which the bars begin: a multiple of 0.1."""
        scores = [each for row in self._rows for each in (row.precision, row.recall, row.f1) if each is not None]
        return int(10 * min(scores, default=0.0) - 1e-9) / 10 if scores else 0.0

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return 1 + len(self._rows)

    def strips(self) -> list[Strip]:
        width, start = self.size.width, self.start
        names = self._heads
        name, bar = self._name_width(names), self._bar(width, names)
        column = bar + self.VALUE + (2 if bar else 0)
        muted, plain = self.component_style("classes--muted"), self.rich_style
        header = f"{'Class':<{name}}" + "".join(f"{title:>{column}}" for title in self.COLUMNS)
        lines = [Strip([Segment(f"{header}{'Images':>{self.IMAGES}}"[:width], muted)])]
        columns = [[getattr(row, field) for row in self._rows] for field in ("precision", "recall", "f1")]
        lowest = [min((each for each in values if each is not None), default=None) for values in columns]
        for at, row in enumerate(self._rows):
            parts = [Segment(left_aligned(names[at], name), plain)]
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


LEAST_NAME = 20
"""The columns that a confusion's two names have at least."""


def shortened_pair(pair: Confusion, width: int) -> str:
    """Return ``4 read as 9`` in exactly `width` columns; both names are cut equally if they are too long."""
    between = " read as "
    room, one, other = width - len(between), cell_len(pair.true_name), cell_len(pair.predicted_name)
    first = min(one, max(room // 2, room - other))
    names = (cut_name(pair.true_name, first), cut_name(pair.predicted_name, room - first))
    return left_aligned(between.join(names), width)


PAIRS, MOST_PAIRS = 8, 40
"""Confusions that are listed in a small window, and the most in one that has the matrix beside them."""


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
    _pairs: Sequence[Confusion] = ()
    _at, _known, _room = 0, False, PAIRS

    @property
    def pairs(self) -> Sequence[Confusion]:
        """The confusions for which there is room."""
        return self._pairs[: self._room]

    def fit(self, lines: int) -> None:
        """List as many confusions as fit into some lines where the matrix stands beside them, else PAIRS."""
        is_wide = self.screen.has_class("-wide") or self.screen.has_class("-huge")
        room = max(PAIRS, lines) if is_wide else PAIRS
        if room != self._room:
            self._room = room
            self._at = min(self._at, max(0, len(self.pairs) - 1))
            self.refresh(layout=True)
            self.draw()

    def show(self, pairs: Sequence[Confusion]) -> None:
        """List these confusions; a note says so if there is none."""
        self._pairs, self._at, self._known = pairs, min(self._at, max(0, len(pairs) - 1)), True
        self.refresh(layout=True)
        self.draw()

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return max(1, len(self.pairs))

    def on_resize(self) -> None:
        self._at = min(self._at, max(0, len(self.pairs) - 1))
        super().on_resize()

    def strips(self) -> list[Strip]:
        if not self.pairs:
            note = "No image was confused" if self._known else ""
            return [Strip([Segment(note, self.component_style("confusions--muted"))])]
        width, most = self.size.width, max(pair.count for pair in self.pairs)
        names = [f"{pair.true_name} read as {pair.predicted_name}" for pair in self.pairs]
        counts = [f"{pair.count:,} of {pair.total:,}" for pair in self.pairs]
        shares = [percent(pair.share, 1) for pair in self.pairs]
        name, number, share = (max(map(cell_len, texts)) for texts in (names, counts, shares))
        name = min(name, max(LEAST_NAME, width - number - share - 6))
        room = max(0, min(60, width - name - number - share - 6))
        lines: list[Strip] = []
        for at, pair in enumerate(self.pairs):
            full, rest = bar_texts(pair.count / most, room, self.app.settings.glyphs)
            cursor = self.component_style("confusions--cursor") if at == self._at else None
            parts = [
                Segment(f" {shortened_pair(pair, name)} ", self.rich_style),
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
