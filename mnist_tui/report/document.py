"""Write a report over runs to files: read the runs, draw the figures once, convert to each format, put all in place."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from mnist_tui.files import temporary_prefix
from mnist_tui.report.export import NO_ROOM, ExistsError, ExportError, Progress
from mnist_tui.report.formats import writers
from mnist_tui.report.formats.pandoc import PreparedReport, pandoc_path, prepare_report
from mnist_tui.report.markdown import Report
from mnist_tui.runs.collection.summaries import Presets
from mnist_tui.runs.folder import RunFolder, check_place_in_run

DATA = "csv"
EACH_FIGURE = ("svg", "pdf", "png", DATA)
"""The files written for each figure on its own: pictures, and its data."""


def no_progress(_what: str, _done: int, _of: int) -> None:
    """Do nothing; progress for callers that need none."""


def write_report(
    runs: Sequence[RunFolder],
    outputs: Sequence[Path],
    *,
    title: str = "",
    author: str = "",
    timestamp: datetime | None = None,
    figures: Path | None = None,
    overwrite: bool = False,
    progress: Progress = no_progress,
    warn: Callable[[str], None] = lambda _: None,
) -> list[Path]:
    """Write one report over runs, in as many formats as there are outputs.

    Everything is made first, then put in place. Markdown and LaTeX have their figures in a folder beside them,
    ``NAME_files``. Missing folders are made. Other files in them stay, also figures of an earlier report.

    Args:
        outputs: files whose suffixes tell the formats: .md, .tex, .html, .pdf, .docx.
        title: made from the names of the data if empty.
        author: plain text; may be empty.
        timestamp: when it is made, now if absent; the same runs with the same timestamp make the same bytes.
        figures: a folder for every figure on its own as svg, pdf and png, with its data as csv.
        overwrite: whether files that are there may be replaced.
        progress: called with what is being done, how many are done and how many there are. If it raises, the work
            ends and nothing is written.
        warn: called with each sentence about characters that are shown as boxes.

    Returns:
        The outputs, then the folder of the figures.

    Raises:
        ExistsError: files are there, and `overwrite` is not set; nothing was written.
        ExportError: a suffix is unknown, nothing was asked for, a place cannot be written, or the work failed.
        RunError: a run cannot be read.
    """
    outputs = list(dict.fromkeys(outputs))
    if not runs or not (outputs or figures):
        raise ExportError("a report needs a run, and a file or a folder for figures to be written to")
    kinds = _figure_folders(outputs, figures)
    places = list(dict.fromkeys([*(output.parent for output in outputs), *kinds]))
    with _naming_the_place(places):
        _check_places(outputs, kinds, overwrite=overwrite)
    report = _gather(runs, title, author, timestamp, progress)
    with _naming_the_place(places), Staging() as staging:
        if not overwrite:
            _check_figures(report, kinds)
        drawn = staging.folder(places[0]) / "figures"
        _draw(report, drawn, _figure_formats(outputs).union(*kinds.values()), progress)
        for folder, several in kinds.items():
            for name in _figure_files(report, several):
                shutil.copyfile(drawn / name, staging.path(folder / name))
        _convert(report, drawn, {output: staging.path(output) for output in outputs}, progress, warn)
        staging.put()
    return [*outputs, *([figures] if figures else [])]


@contextmanager
def _naming_the_place(places: Sequence[Path]) -> Generator[None]:
    """Turn errors of the system into ExportErrors that name the place; all places where it is not known."""
    try:
        yield
    except OSError as error:
        said = f"the report cannot be written in {_place_of_error(error, places)}: {error.strerror or error}"
        raise ExportError(said, refused=error.errno not in NO_ROOM) from None


def _place_of_error(error: OSError, places: Sequence[Path]) -> str:
    if error.filename:
        named = _normalised(Path(os.fsdecode(error.filename)))
        around = [place for place in places if named.is_relative_to(_normalised(place))]
        below = [place for place in places if _normalised(place).is_relative_to(named)]
        if around or below:
            return str(max(around, key=lambda place: len(_normalised(place).parts)) if around else below[0])
    return " or ".join(map(str, places))


def _normalised(path: Path) -> Path:
    return Path(os.path.normpath(path.absolute()))


def _check_places(outputs: Sequence[Path], folders: Iterable[Path], *, overwrite: bool) -> None:
    for place in (*outputs, *(folder / "figure" for folder in folders)):
        check_place_in_run(place)
    for output in outputs:
        if output.is_dir():
            raise ExportError(f"{output} is a folder; a report is a file")
    for folder in folders:
        if folder.exists() and not folder.is_dir():
            raise ExportError(f"{folder} is a file; figures go into a folder")
    if outputs:
        pandoc_path()
    there = [output for output in outputs if output.exists()]
    if there and not overwrite:
        raise ExistsError(there)


def _gather(
    runs: Sequence[RunFolder], title: str, author: str, timestamp: datetime | None, progress: Progress
) -> Report:
    from mnist_tui.report.contents.documents import build_report
    from mnist_tui.report.evidence import Evidence, read_evidence

    presets, evidences = Presets(), list[Evidence]()
    for done, run in enumerate(runs):
        progress("reading the runs", done, len(runs))
        evidences.append(read_evidence(run, presets))
    when = timestamp or datetime.now(UTC).replace(microsecond=0)
    data = [evidence.state.data.title if evidence.state.data else evidence.summary.dataset for evidence in evidences]
    return build_report(evidences, title=title.strip() or title_of(data), author=author.strip(), timestamp=when)


def title_of(data: Sequence[str]) -> str:
    """Return the report's title from the names of its data: ``MNIST and Fashion-MNIST training``."""
    *names, last = dict.fromkeys(data)
    return f"{', '.join(names)}{' and ' if names else ''}{last} training"


def _figure_folders(outputs: Sequence[Path], figures: Path | None) -> dict[Path, set[str]]:
    """Return the folders that figures are written to, each with the formats there."""
    found: dict[Path, set[str]] = {}
    for output in outputs:
        if report_format(output).beside:
            found.setdefault(output.parent / figure_folder(output), set()).add(report_format(output).figures)
    if figures:
        found.setdefault(figures, set()).update(EACH_FIGURE)
    return found


def _figure_formats(outputs: Sequence[Path]) -> set[str]:
    return {report_format(output).figures for output in outputs}


def _figure_files(report: Report, kinds: Iterable[str]) -> list[str]:
    return [f"{drawing.name}.{kind}" for drawing in report.drawings for kind in sorted(kinds)]


def _check_figures(report: Report, kinds: Mapping[Path, Iterable[str]]) -> None:
    there = [
        folder
        for folder, several in kinds.items()
        if any((folder / name).exists() for name in _figure_files(report, several))
    ]
    if there:
        raise ExistsError(there)


def _draw(report: Report, folder: Path, kinds: set[str], progress: Progress) -> None:
    from mnist_tui.report.figures.drawing import save, save_data

    for done, drawing in enumerate(report.drawings):
        progress("drawing the figures", done, len(report.drawings))
        save(drawing, folder, sorted(kinds - {DATA}))
        if DATA in kinds:
            save_data(drawing, folder)


def _convert(
    report: Report, drawn: Path, outputs: Mapping[Path, Path], progress: Progress, warn: Callable[[str], None]
) -> None:
    """Write every document to its path, in threads."""
    if not outputs:
        return
    left = [output.name for output in outputs]
    progress(f"writing {', '.join(left)}", 0, len(outputs))
    ready = prepare_report(report, drawn)

    def write(output: Path, path: Path) -> str:
        path.write_bytes(report_format(output).write(ready, figure_folder(output)))
        return output.name

    with ThreadPoolExecutor(len(outputs)) as pool:
        futures = [pool.submit(write, output, path) for output, path in outputs.items()]
        for future in as_completed(futures):
            left.remove(future.result())
            if left:
                progress(f"writing {', '.join(left)}", len(outputs) - len(left), len(outputs))
    for told in dict.fromkeys(report_format(output).lacking(ready) for output in outputs):
        if told:
            warn(told)
    if lacking := writers.missing_in_figures(report.drawings):
        warn(writers.missing_sentence("a figure", lacking, "which Matplotlib's font lacks", fonts=False))


@dataclass(frozen=True)
class ReportFormat:
    """A format of reports.

    Attributes:
        figures: the format of its figures.
        beside: whether its figures lie in a folder beside it instead of inside.
        write: makes the document from the prepared report and that folder's name.
        lacking: returns a warning of characters that the document shows as boxes; empty where there are none.
    """

    figures: str
    beside: bool
    write: Callable[[PreparedReport, str], bytes]
    lacking: Callable[[PreparedReport], str] = lambda _: ""  # the reader's own fonts


REPORT_FORMATS = {
    ".md": ReportFormat("svg", True, writers.write_markdown),
    ".tex": ReportFormat("pdf", True, writers.write_latex, writers.missing_in_latex),
    ".html": ReportFormat("svg", False, lambda prepared, _: writers.write_html(prepared)),
    ".pdf": ReportFormat(
        "svg", False, lambda prepared, _: writers.write_pdf(prepared), writers.missing_in_pdf_document
    ),
    ".docx": ReportFormat("png", False, lambda prepared, _: writers.write_docx(prepared)),
}


def report_format(path: Path) -> ReportFormat:
    """Return the format that a file's suffix asks for.

    Raises:
        ExportError: there is no such format.
    """
    form = REPORT_FORMATS.get(path.suffix.lower())
    if form is None:
        *names, last = REPORT_FORMATS
        told = f"ends in {path.suffix}" if path.suffix else "has no ending"
        raise ExportError(f"{path.name} {told}; a report is written as {', '.join(names)} or {last}")
    return form


def figure_folder(path: Path) -> str:
    """Return the name of a document's folder for figures: ``report_files``.

    Characters that TeX or links might not accept are replaced; a part of the name's hash then keeps the folders of
    different documents apart: ``my report.md`` has ``my-report-9110ab62_files``.
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-.")
    if name != path.stem:
        part = hashlib.sha256(path.stem.encode(errors="surrogatepass")).hexdigest()[:8]
        name = f"{name}-{part}".lstrip("-")
    return f"{name}_files"


class Staging:
    """Makes files in temporary folders beside their places, and moves them there together.

    Missing folders are made, and removed again if `put` was not reached. Leaving the context removes what is left.
    """

    def __init__(self) -> None:
        self._homes: dict[Path, Path] = {}
        self._moves: dict[Path, Path] = {}
        self._made: list[Path] = []

    def __enter__(self) -> Staging:
        return self

    def path(self, place: Path) -> Path:
        """Return the temporary path for the file that belongs at `place`.

        Raises:
            OSError: nothing can be written there.
        """
        staged = self.folder(place.parent) / place.name
        self._moves[staged] = place
        return staged

    def folder(self, beside: Path) -> Path:
        """Return a temporary folder on the disk of the folder `beside`.

        Raises:
            OSError: nothing can be written there.
        """
        if beside not in self._homes:
            self._make(beside)
            self._homes[beside] = Path(tempfile.mkdtemp(prefix=temporary_prefix(), dir=beside))
        return self._homes[beside]

    def put(self) -> None:
        """Move every file to its place by renaming; none is moved if a place is a folder.

        Raises:
            OSError: a file cannot be moved; those before it may be in place.
        """
        for place in self._moves.values():
            if place.is_dir() and not place.is_symlink():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(place))
        for staged, place in self._moves.items():
            staged.replace(place)
        self._made.clear()

    def _make(self, folder: Path) -> None:
        missing = [one for one in (folder, *folder.parents) if not one.exists()]
        self._made += reversed(missing)
        folder.mkdir(parents=True, exist_ok=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for home in self._homes.values():
            shutil.rmtree(home, ignore_errors=True)
        for folder in reversed(self._made):
            with contextlib.suppress(OSError):
                folder.rmdir()
