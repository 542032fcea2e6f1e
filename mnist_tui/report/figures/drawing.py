"""A figure before it is a file, and how it becomes one: svg, pdf or png, and its data as csv. Same data, same bytes."""

from __future__ import annotations

import csv
import io
import logging
import re
import threading
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_tui.files import replacing, write_text
from mnist_tui.report.figures.style import SETTINGS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

IMAGE_FORMATS = ("svg", "pdf", "png")
MILLIMETRES_PER_INCH = 25.4
DOTS_PER_INCH = 200
_METADATA: dict[str, dict[str, None]] = {
    "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}
"""What would say when and with which version a file was made."""
_COMMENT, _INDENTATION = re.compile(rb"<!--.*?-->", re.DOTALL), re.compile(rb"\n\s+")
_GROUP = re.compile(rb'<g id="[^"]*"')
_PLACE = re.compile(rb' (?:d|x|y)="[^"]*"|translate\([^)]*\)')
_DECIMALS = re.compile(rb"(\.\d\d)\d+")
_SETTINGS_OF_ALL = threading.Lock()


@dataclass(frozen=True)
class FigureData:
    """The data of a figure: headings with their units, and rows of plain values; None where there is none."""

    headings: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]


@dataclass(frozen=True)
class Drawing:
    """A figure that can be painted any number of times.

    Attributes:
        name: the files' stem, unique within a report (``run-1-history``).
        caption: what stands below it; plain text, unescaped.
        alt: what is seen, with figures, for those who do not see it; plain text, unescaped.
        data: what was drawn.
        millimetres: width and height on the page.
        paint: draws into an empty figure of that size.
    """

    name: str
    caption: str
    alt: str
    data: FigureData
    millimetres: tuple[float, float]
    paint: Callable[[Figure], None]


def save(drawing: Drawing, folder: Path, formats: Sequence[str]) -> list[Path]:
    """Writes a figure, painted once, in each of the formats; the folder is made if need be.

    Args:
        formats: of FORMATS.

    Returns:
        The files, in the order of the formats; none is ever half there.

    Raises:
        OSError: a file cannot be written.
    """
    width, height = (length / MILLIMETRES_PER_INCH for length in drawing.millimetres)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{drawing.name}.{form}" for form in formats]
    with _settled({"svg.hashsalt": f"figure {drawing.name}"}):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(width, height))
        drawing.paint(figure)
        for path, form in zip(paths, formats, strict=True):
            page = io.BytesIO()
            figure.savefig(page, format=form, dpi=DOTS_PER_INCH, metadata=_METADATA[form])
            with replacing(path) as temporary:
                temporary.write_bytes(_shorter(page.getvalue()) if form == "svg" else page.getvalue())
    return paths


def _shorter(svg: bytes) -> bytes:
    """The same picture without comments, indentation, names of groups and more than two decimals of a place."""
    bare = _GROUP.sub(b"<g", _INDENTATION.sub(b"\n", _COMMENT.sub(b"", svg)))
    return _PLACE.sub(lambda place: _DECIMALS.sub(rb"\1", place[0]), bare)


def save_data(drawing: Drawing, folder: Path) -> Path:
    """Writes the figure's data as csv, an empty field for None; the folder is made if need be.

    Raises:
        OSError: the file cannot be written.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(drawing.data.headings)
    writer.writerows(drawing.data.rows)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{drawing.name}.csv"
    write_text(path, out.getvalue())
    return path


@contextmanager
def _settled(more: dict[str, Any]) -> Generator[None]:
    """Matplotlib with the settings of this package, whatever the user's are, one thread at a time, and silent.

    A character that the font lacks is drawn as a box; that is no news for standard error.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    import matplotlib

    with _SETTINGS_OF_ALL, matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        for key, value in {**SETTINGS, **more}.items():
            matplotlib.rcParams[key] = value  # pyright: ignore[reportArgumentType]
        warnings.filterwarnings("ignore", message=".*missing from.*font")
        yield
