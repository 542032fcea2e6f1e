"""Drawings, which become the figures of a report, and the parts that figures share: sizes, colours, axes, saving.

The same data give the same bytes. Sizes are millimetres on a page. The colours of Okabe and Ito (Color Universal
Design, 2008) can be distinguished by colour-blind readers; markers, dashes, labels or numbers always say the same.
"""

from __future__ import annotations

import io
import logging
import math
import re
import threading
import warnings
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_tui.files import replacing
from mnist_tui.report.tabular import csv_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure


STYLE = Path(__file__).with_name("report.mplstyle")
MILLIMETRES_PER_INCH = 25.4
DOTS_PER_INCH = 200
_METADATA: dict[str, dict[str, None]] = {
    "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}
"""Metadata to leave out: the time and the version of matplotlib would make equal figures different files."""
_COMMENT, _INDENTATION = re.compile(rb"<!--.*?-->", re.DOTALL), re.compile(rb"\n\s+")
_GROUP = re.compile(rb'<g id="[^"]*"')
_PLACE = re.compile(rb' (?:d|x|y)="[^"]*"|translate\([^)]*\)')
_DECIMALS = re.compile(rb"(\.\d\d)\d+")
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class FigureData:
    """The data of a figure: headings with units, and rows of plain values; None where a value is missing."""

    headings: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]


@dataclass(frozen=True)
class Drawing:
    """A figure that can be painted any number of times.

    Attributes:
        name: the stem of the figure's files, unique within a report (``run-1-history``).
        caption: the text below the figure; plain, not escaped.
        alt: a description with numbers for readers who do not see the figure; plain, not escaped.
        data: the values drawn.
        millimetres: width and height on the page.
        paint: draws into an empty matplotlib figure of that size.
    """

    name: str
    caption: str
    alt: str
    data: FigureData
    millimetres: tuple[float, float]
    paint: Callable[[Figure], None]


def save(drawing: Drawing, folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write a figure in several formats; the folder is created if necessary.

    Args:
        formats: svg, pdf or png for a picture, csv for the data (an empty field for None).

    Returns:
        The files, in the order of the formats. No file is ever written in part.

    Raises:
        OSError: a file cannot be written.
    """
    width, height = (length / MILLIMETRES_PER_INCH for length in drawing.millimetres)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{drawing.name}.{form}" for form in formats]
    with _own_settings(f"figure {drawing.name}"):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(width, height))
        drawing.paint(figure)
        for path, form in zip(paths, formats, strict=True):
            if form == "csv":
                content = csv_text([drawing.data.headings, *drawing.data.rows]).encode()
            else:
                page = io.BytesIO()
                figure.savefig(page, format=form, dpi=DOTS_PER_INCH, metadata=_METADATA[form])
                content = _shorter(page.getvalue()) if form == "svg" else page.getvalue()
            with replacing(path) as temporary:
                temporary.write_bytes(content)
    return paths


def _shorter(svg: bytes) -> bytes:
    """Return a picture without comments, indentation and names of groups, and with two decimals for coordinates."""
    bare = _GROUP.sub(b"<g", _INDENTATION.sub(b"\n", _COMMENT.sub(b"", svg)))
    return _PLACE.sub(lambda place: _DECIMALS.sub(rb"\1", place[0]), bare)


@contextmanager
def _own_settings(hash_salt: str) -> Generator[None]:
    """Use matplotlib with this package's settings instead of the user's, in one thread at a time.

    A character that the font lacks is drawn as a box, without matplotlib's warning.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    import matplotlib

    with _ONE_AT_A_TIME, matplotlib.rc_context({"svg.hashsalt": hash_salt}, STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*missing from.*font")
        yield


BLACK, GREY, FAINT = "#000000", "#595959", "#949494"
BLUE, VERMILION, GREEN = "#0072b2", "#d55e00", "#009e73"

PAGE = 160.0
"""Width of the text on an A4 page, in millimetres."""
POINTS, SMALL = 8.0, 7.0
"""Sizes of the text, and of labels inside a figure."""
LINE = POINTS * MILLIMETRES_PER_INCH / 72 * 1.25
"""Height of a line of text, in millimetres."""
LETTER = POINTS * MILLIMETRES_PER_INCH / 72 * 0.56
"""Width of an average letter, in millimetres."""


def panel(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Add axes at a place in millimetres; `left` and `top` count from the figure's upper left corner."""
    whole_width, whole_height = _millimetres(figure)
    bottom = whole_height - top - height
    return figure.add_axes((left / whole_width, bottom / whole_height, width / whole_width, height / whole_height))


def write(figure: Figure, left: float, top: float, text: str, **how: Any) -> None:
    """Write a text; `left` and `top` are the millimetres from the figure's upper left corner to the text's."""
    width, height = _millimetres(figure)
    figure.text(left / width, 1 - top / height, text, va="top", ha="left", **how)


def _millimetres(figure: Figure) -> tuple[float, float]:
    width, height = figure.get_size_inches()
    return width * MILLIMETRES_PER_INCH, height * MILLIMETRES_PER_INCH


def draw_markers(axes: Axes, points: Iterable[tuple[float, float]], marker: str, **how: Any) -> None:
    """Draw a marker at each point, without a line between them."""
    places = list(points)
    axes.plot([x for x, _ in places], [y for _, y in places], linestyle="", marker=marker, **how)


def annotate(axes: Axes, text: str, point: tuple[float, float], offset: tuple[float, float], **how: Any) -> None:
    """Write small text at an offset in points (1/72 inch) from a point."""
    axes.annotate(text, point, offset, textcoords="offset points", fontsize=SMALL, **how)


def legend(figure: Figure, left: float, **how: Any) -> None:
    """Add a legend at the top of a figure; `left` is a share of the figure's width."""
    figure.legend(loc="upper left", bbox_to_anchor=(left, 1), **how)


def frame(axes: Axes) -> None:
    for spine in axes.spines.values():
        spine.set(visible=True, edgecolor=GREY)


def one_line(text: object, most: int = 24) -> str:
    """Return a text as a label: on one line, with … for the end if it has more than `most` characters."""
    line = " ".join(str(text).split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def spans_decades(values: Sequence[float]) -> bool:
    """Return whether values need a logarithmic axis: none is negative, and the positive ones span over a decade."""
    positive = [value for value in values if value > 0]
    return bool(positive) and min(values) >= 0 and max(positive) / min(positive) > 10


def plain_logarithmic(axis: Axis) -> None:
    """Label a logarithmic axis with ``0.01`` and ``1`` instead of powers of ten, a short one also with 2 and 5."""
    from matplotlib.ticker import LogLocator, NullFormatter

    low, high = axis.get_data_interval()
    short = low > 0 and high / low < 200
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if short else (1.0,), numticks=6))
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_formatter(NullFormatter())


def whole_numbers(axis: Axis, ticks: int = 6) -> None:
    """Label an axis only at whole numbers, with commas at thousands."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(ticks, integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    axis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def percentages(axis: Axis, ticks: int = 5) -> None:
    """Label an axis of shares (0 to 1) in per cent, without the % sign, with as many decimals at every tick."""
    from matplotlib.ticker import MaxNLocator

    def label(value: float, _: object) -> str:
        digits = (f"{100 * tick:.4f}".rstrip("0").partition(".")[2] for tick in axis.get_majorticklocs())
        return f"{100 * value:.{max(map(len, digits), default=0)}f}"

    axis.set_major_locator(MaxNLocator(ticks, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(label)


def share_limits(values: Sequence[float], least: float = 0.02) -> tuple[float, float]:
    """Return the limits of an axis of shares, at least `least` apart: a little beyond the values, but near 0 to 1."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    spare = max(least - (high - low), 0.0) / 2
    margin = 0.04 * (high - low + 2 * spare)
    return max(low - spare, 0.0) - margin, min(high + spare, 1.0) + margin


LEFT_OUT = 0.1
"""The lowest share of the values that an axis may leave out, if the others have at least twice the room then."""


def most_share_limits(values: Sequence[float]) -> tuple[float, float]:
    """Return the limits of an axis of shares for most of the values: a few low ones may lie below it."""
    ordered = sorted(values)
    most = ordered[int(LEFT_OUT * len(ordered)) :]
    cut = len(most) > 1 and 2 * (most[-1] - most[0]) < ordered[-1] - ordered[0]
    return share_limits(most if cut else values)


def values_below(values: Sequence[float]) -> str:
    """Say what `most_share_limits` leaves out, in a sentence; empty if it shows all values."""
    low, _ = most_share_limits(values)
    return f"Accuracies below {100 * low:.0f} % are not drawn." if min(values, default=1.0) < low else ""


def width_of(texts: Sequence[str]) -> float:
    """Return the approximate width of the widest text, in millimetres."""
    return LETTER * max(map(len, texts), default=0)


def without_data(name: str, caption: str, why: str, data: FigureData) -> Drawing:
    """Return a figure without data, which shows the sentence `why` instead."""

    def paint(figure: Figure) -> None:
        figure.text(0.5, 0.5, why, ha="center", va="center", color=GREY)

    return Drawing(name, caption, why, data, (PAGE, 30.0), paint)


def finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


SMALLEST_DRAWABLE, LARGEST_DRAWABLE = 1e-300, 1e300


def drawable(value: float | None) -> float | None:
    """Return a value that a plot can compute with: None for a value that is not finite, else a value within bounds.

    A value nearer to 0 than 1e-300 becomes 0, and a value beyond ±1e300 becomes ±1e300, so that sums, differences,
    ratios and logarithms of such values neither overflow nor vanish.
    """
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    bounded = float(min(max(value, -LARGEST_DRAWABLE), LARGEST_DRAWABLE))
    return bounded if abs(bounded) >= SMALLEST_DRAWABLE else 0.0
