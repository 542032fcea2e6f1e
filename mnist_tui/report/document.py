"""Write a report over runs to files: read the runs, draw the figures once, convert to each format, move the files."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from mnist_tui.files import discard_abandoned, temporary_prefix
from mnist_tui.report.export import NO_ROOM, ExistsError, ExportError, Progress
from mnist_tui.report.figures.drawing import save
from mnist_tui.report.formats import latex, pdf, word, writers
from mnist_tui.report.formats.writers import PreparedReport, pandoc_path, prepare_report
from mnist_tui.report.markdown import Report
from mnist_tui.runs.collection.seed_groups import grouped
from mnist_tui.runs.collection.summaries import Presets, summary_of
from mnist_tui.runs.folder import RunFolder, check_place_in_run
from mnist_tui.runs.robustness import robustness_of
from mnist_tui.wording import listed

EACH_FIGURE = ("svg", "pdf", "png", "csv")
"""The formats of every figure in a folder for figures on their own: pictures, and the data."""
PAGES = {False: (2.3, 2.2), True: (1.9, 5.1)}
"""The pages of a report without its parts, by whether it is full: those of every report, and those of a section."""
PART_PAGES = {"statistics": 0.5, "robustness": 0.5, "explanations": 0.4, "members": 0.25, "pairs": 0.15}
"""The pages that a part of the report adds, of the members and the explanations for each section that has them."""


def write_report(
    runs: Sequence[RunFolder],
    outputs: Sequence[Path],
    *,
    title: str = "",
    author: str = "",
    timestamp: datetime | None = None,
    figures: Path | None = None,
    full: bool = False,
    without: Collection[str] = (),
    overwrite: bool = False,
    progress: Progress = lambda *_: None,
    warn: Callable[[str], None] = lambda _: None,
) -> list[Path]:
    """Write one report over runs, in as many formats as there are outputs.

    All files are made first, then moved to their places. Markdown and LaTeX have their figures in a folder beside
    them, ``NAME_files``. Missing folders are created. Other files in them stay, also figures of an earlier report.

    Args:
        outputs: files whose suffixes tell the formats: .md, .tex, .html, .pdf, .docx.
        title: plain text; if empty, a title with the names of the datasets.
        author: plain text; may be empty.
        timestamp: the time in the report, with a time zone, now if absent; the same runs with the same timestamp make
            the same bytes.
        figures: a folder for every figure on its own as svg, pdf and png, with its data as csv.
        full: whether to append the details of each run: its experiment, epochs, checksums, platform and weights.
        without: the names of the parts (`parts`) that are left out.
        overwrite: whether existing files may be replaced.
        progress: called with the present piece of work, the number of pieces done, and the number of all. An
            exception from it ends the work, and nothing is written.
        warn: called with each warning about characters that are shown as boxes.

    Returns:
        The outputs, then the folder of the figures.

    Raises:
        ExistsError: files exist, and `overwrite` is not set; nothing was written.
        ExportError: a suffix is unknown, `runs` is empty, there is nothing to write, a place cannot be written, or
            the work failed.
        RunError: a run cannot be read.
    """
    outputs = list(dict.fromkeys(outputs))
    if not runs or not (outputs or figures):
        raise ExportError("a report needs a run, and a file or a folder for figures to be written to")
    kinds: dict[Path, set[str]] = {}  # the formats of the figures in each folder
    for output in outputs:
        if (form := report_format(output)).beside:
            kinds.setdefault(output.parent / figure_folder(output), set()).add(form.figures)
    if figures:
        kinds.setdefault(figures, set()).update(EACH_FIGURE)
    places = list(dict.fromkeys([*(output.parent for output in outputs), *kinds]))
    with _naming_the_place(places):
        _check_places(outputs, kinds, overwrite=overwrite)
    report = _build(runs, title, author, timestamp, progress, full=full, without=without)
    with _naming_the_place(places), Staging() as staging:
        files = {
            folder: [f"{drawing.name}.{kind}" for drawing in report.drawings for kind in sorted(kinds[folder])]
            for folder in kinds
        }
        existing = [folder for folder, names in files.items() if any((folder / name).exists() for name in names)]
        if existing and not overwrite:
            raise ExistsError(existing)
        drawn = staging.folder(places[0]) / "figures"
        wanted = {report_format(output).figures for output in outputs}.union(*kinds.values())
        for done, drawing in enumerate(report.drawings):
            progress("drawing the figures", done, len(report.drawings))
            save(drawing, drawn, sorted(wanted))
        for folder, names in files.items():
            for name in names:
                shutil.copyfile(drawn / name, staging.path(folder / name))
        _convert(report, drawn, {output: staging.path(output) for output in outputs}, progress, warn)
        staging.move_all()
    return [*outputs, *([figures] if figures else [])]


@dataclass(frozen=True)
class ReportLength:
    """What decides how long a report over some runs is.

    Attributes:
        sections: the number of runs and groups of seeds.
        parts: for each part that the report can have, in how many places it stands.
    """

    sections: int
    parts: Mapping[str, int]

    def about_pages(self, *, full: bool, without: Collection[str] = ()) -> int:
        """Return about how many pages the report has; the arguments are those of `write_report`."""
        once, each = PAGES[full]
        absent = without if full or self.sections == 1 else {*without, "explanations"}
        parts = sum(PART_PAGES[part] * places for part, places in self.parts.items() if part not in absent)
        return round(once + each * self.sections + parts)


def length_of_report(runs: Sequence[RunFolder]) -> ReportLength:
    """Return what decides how long a report over runs is.

    Raises:
        RunError, PresetError: a run cannot be read.
    """
    sections = len(grouped(map(summary_of, runs)))
    ensembles = sum(run.origin is not None and run.origin.kind == "ensemble" for run in runs)
    parts = {"statistics": 1, "explanations": sections, "members": ensembles, "pairs": int(sections > 1)}
    return ReportLength(sections, {**parts, "robustness": int(any(map(robustness_of, runs)))})


@contextmanager
def _naming_the_place(places: Sequence[Path]) -> Generator[None]:
    """Turn an OSError into an ExportError that names the folder; if the folder is not known, all of `places`."""
    try:
        yield
    except OSError as error:
        message = f"the report cannot be written in {_place_of_error(error, places)}: {error.strerror or error}"
        raise ExportError(message, refused=error.errno not in NO_ROOM) from None


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
    existing = [output for output in outputs if output.exists()]
    if existing and not overwrite:
        raise ExistsError(existing)


def _build(
    runs: Sequence[RunFolder],
    title: str,
    author: str,
    timestamp: datetime | None,
    progress: Progress,
    *,
    full: bool,
    without: Collection[str],
) -> Report:
    from mnist_tui.report.contents.documents import build_report
    from mnist_tui.report.evidence import Evidence, read_evidence

    presets, evidences = Presets(), list[Evidence]()
    for done, run in enumerate(runs):
        progress("reading the runs", done, len(runs))
        evidences.append(read_evidence(run, presets))
    time = timestamp or datetime.now(UTC).replace(microsecond=0)
    data = [evidence.state.data.title if evidence.state.data else evidence.summary.dataset for evidence in evidences]
    title = title.strip() or f"{listed(list(dict.fromkeys(data)))} training"
    return build_report(evidences, title=title, author=author.strip(), timestamp=time, full=full, without=without)


def _convert(
    report: Report, drawn: Path, outputs: Mapping[Path, Path], progress: Progress, warn: Callable[[str], None]
) -> None:
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
    warnings = [
        *(report_format(output).lacking(ready) for output in outputs),
        writers.missing_in_figures(report.drawings),
    ]
    for warning in dict.fromkeys(filter(None, warnings)):
        warn(warning)


@dataclass(frozen=True)
class ReportFormat:
    """A format of reports.

    Attributes:
        figures: the file format of the figures.
        beside: whether the figures are files in a folder beside the document, and not inside it.
        write: returns the document, from the prepared report and that folder's name.
        lacking: returns a warning about characters that the document shows as boxes; empty if there are none.
    """

    figures: str
    beside: bool
    write: Callable[[PreparedReport, str], bytes]
    lacking: Callable[[PreparedReport], str] = lambda _: ""  # for formats that are shown in the reader's fonts


REPORT_FORMATS = {
    ".md": ReportFormat("svg", True, writers.write_markdown),
    ".tex": ReportFormat("pdf", True, latex.write_latex, latex.missing_in_latex),
    ".html": ReportFormat("svg", False, writers.write_html),
    ".pdf": ReportFormat("svg", False, pdf.write_pdf, writers.missing_in_pdf),
    ".docx": ReportFormat("png", False, word.write_docx),
}


def report_format(path: Path) -> ReportFormat:
    """Return the format of a file by its suffix; an ExportError if no format has this suffix."""
    form = REPORT_FORMATS.get(path.suffix.lower())
    if form is None:
        *names, last = REPORT_FORMATS
        ending = f"ends in {path.suffix}" if path.suffix else "has no ending"
        raise ExportError(f"{path.name} {ending}; a report is written as {', '.join(names)} or {last}")
    return form


def figure_folder(path: Path) -> str:
    """Return the name of a document's folder for figures: ``report_files``.

    Characters that TeX or links might not accept are replaced. Then the folder's name also has a part of the name's
    hash, so that different documents have different folders: ``my report.md`` has ``my-report-9110ab62_files``.
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-.")
    if name != path.stem:
        part = hashlib.sha256(path.stem.encode(errors="surrogatepass")).hexdigest()[:8]
        name = f"{name}-{part}".lstrip("-")
    return f"{name}_files"


class Staging(ExitStack):
    """Temporary folders beside the places of files, from which all files are moved to their places together.

    Missing folders are created. Leaving the context removes files that were not moved, and created folders that stayed
    empty. Every method raises an OSError if it cannot write.
    """

    def __init__(self) -> None:
        super().__init__()
        self._temporary: dict[Path, Path] = {}
        self._moves: dict[Path, Path] = {}

    def path(self, place: Path) -> Path:
        """Return the temporary path for the file that belongs at `place`."""
        staged = self.folder(place.parent) / place.name
        self._moves[staged] = place
        return staged

    def folder(self, beside: Path) -> Path:
        """Return a temporary folder inside the folder `beside`, and so on the same disk."""
        if beside not in self._temporary:
            for missing in reversed([folder for folder in (beside, *beside.parents) if not folder.exists()]):
                self.callback(_remove_if_empty, missing)
            beside.mkdir(parents=True, exist_ok=True)
            discard_abandoned(beside)
            temporary = TemporaryDirectory(prefix=temporary_prefix(), dir=beside, ignore_cleanup_errors=True)
            self._temporary[beside] = Path(self.enter_context(temporary))
        return self._temporary[beside]

    def move_all(self) -> None:
        """Move every file to its place, or none if a place is a folder; after a failure, files moved before it stay."""
        for place in self._moves.values():
            if place.is_dir() and not place.is_symlink():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(place))
        for staged, place in self._moves.items():
            staged.replace(place)


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()
