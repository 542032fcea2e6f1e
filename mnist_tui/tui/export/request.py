"""An export: what is on offer, what is requested, its writing in a thread, and what was written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mnist_tui.errors import RequestError
from mnist_tui.report.export import ITEMS, ExistsError, Progress, export, path_of_item, why_unavailable
from mnist_tui.runs.folder import RunFolder, check_place_in_run
from mnist_tui.runs.weight_formats import CARD, WEIGHT_FORMATS
from mnist_tui.unexpected import logged
from mnist_tui.wording import counted

REPORTS = {
    "pdf": "PDF (.pdf)",
    "html": "web page, one file (.html)",
    "docx": "Word (.docx)",
    "tex": "LaTeX (.tex), figures beside it",
    "md": "Markdown (.md), figures beside it",
}
"""The report's formats; the first one that was written is the one to open."""
FIGURES = "figures"
REPORT = "Report"
"""Title of the report's section."""


@dataclass(frozen=True)
class Offer:
    """One thing that can be exported.

    Attributes:
        lacks: what is missing here for it, and how to add it, in a sentence; empty if nothing is.
    """

    key: str
    label: str
    lacks: str = ""


def sections() -> dict[str, list[Offer]]:
    """Return everything on offer by section: the report, then what is written for each run."""
    report = [Offer(name, label) for name, label in REPORTS.items()]
    report.append(Offer(FIGURES, "its figures on their own (svg, pdf, png, data as csv)"))
    offers: dict[str, list[Offer]] = {REPORT: report, "Weights": []}
    for item, label in ITEMS.items():
        kind, dot, _ = item.partition(".")  # an item whose name has one part is a weight format
        section = "Weights" if not dot else "Complexity" if kind == "complexity" else "Training"
        offers.setdefault(section, []).append(Offer(item, label, why_unavailable(item)))
    return offers


@dataclass(frozen=True)
class ExportRequest:
    """The files that a person asks for.

    Attributes:
        runs: one or more; each of several gets its own folder in `out`, named after the run.
        items: what to write for each run, keys of `report.export.ITEMS`.
        reports: endings of the report, which covers all runs.
        figures: whether to write the report's figures as files too.
        title, author: the report's title and author; empty for its own choice.
        out: the folder that everything is written into.
    """

    runs: tuple[RunFolder, ...]
    items: tuple[str, ...]
    reports: tuple[str, ...]
    figures: bool
    title: str
    author: str
    out: Path

    def folder_of(self, run: RunFolder) -> Path:
        """Return the folder for a run's own files."""
        return self.out / run.id if len(self.runs) > 1 else self.out

    @property
    def documents(self) -> list[Path]:
        """The report's files."""
        return [self.out / f"report.{ending}" for ending in self.reports]

    @property
    def figures_folder(self) -> Path | None:
        return self.out / FIGURES if self.figures else None

    @property
    def files_text(self) -> str:
        """The names of the files that will be written."""
        report = ", ".join([path.name for path in self.documents] + ([f"{FIGURES}/"] if self.figures else []))
        card = [CARD] if any(item in WEIGHT_FORMATS for item in self.items) else []
        items = ", ".join([*(path_of_item(item, Path()).name for item in self.items), *card])
        if not items or len(self.runs) == 1:
            return ", ".join(filter(None, (report, items)))
        each = f"in a folder for each of the {counted(self.runs, 'run')}: {items}"
        return f"{report}; {each}" if report else each

    def existing(self) -> list[Path]:
        """Return the files that exist already, as far as their names are known before the export."""
        wanted = [path_of_item(item, self.folder_of(run)) for run in self.runs for item in self.items]
        existing = [path for path in (*wanted, *self.documents) if path.exists()]
        figures = self.figures_folder
        return [*existing, figures] if figures and figures.is_dir() and any(figures.iterdir()) else existing


@dataclass(frozen=True)
class ExportOutcome:
    """The result of an export.

    Attributes:
        written: the files, or the folder of an item that is a folder.
        failed: a sentence for each part that could not be written.
        existing: files that existed already and were not replaced.
        warnings: sentences about the written report.
    """

    written: tuple[Path, ...] = ()
    failed: tuple[str, ...] = ()
    existing: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def report(self) -> Path | None:
        """The report in the format that is easiest to open."""
        reports = {path.suffix.removeprefix("."): path for path in self.written if path.stem == "report"}
        return next((reports[ending] for ending in REPORTS if ending in reports), None)


def default_folder(runs: Sequence[RunFolder]) -> Path:
    """Return the default folder for exports of these runs."""
    return runs[0].exports if len(runs) == 1 else Path.cwd() / "mnist-tui-exports"


def report_in(folder: Path) -> Path | None:
    """Return the report in a folder of exports, in the format that is easiest to open; None if there is none."""
    return next((path for ending in REPORTS if (path := folder / f"report.{ending}").is_file()), None)


class ExportCancelledError(Exception):
    """The app is closing; raised by a progress callback to end the export."""


def write_export(request: ExportRequest, *, overwrite: bool, progress: Progress) -> ExportOutcome:
    """Write what is asked for. If a part fails, the other parts are still written. To be called in a thread.

    Args:
        request: what to write.
        overwrite: whether to replace files that exist; without it nothing is written if any does.
        progress: called with what is being done, how much of it is done, and of how much.

    Raises:
        ExportCancelledError: raised by `progress`; the file that was being written is left out.
    """
    try:
        check_place_in_run(request.out / "any")
        existing = request.existing()
        if existing and not overwrite:
            return ExportOutcome(existing=tuple(existing))
        request.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return ExportOutcome(failed=(f"{error.filename or request.out} cannot be written: {error.strerror or error}",))
    except RequestError as error:
        return ExportOutcome(failed=(str(error),))
    except ValueError as error:
        return ExportOutcome(failed=(f"{str(request.out)!r} is not a folder's name: {error}",))
    warnings: list[str] = []
    parts: list[tuple[str, str, Callable[..., Sequence[Path]]]] = []
    if request.reports or request.figures:
        parts.append(("report", "", partial(_write_report, request, warnings)))
    for run in request.runs if request.items else ():
        parts.append((run.id, "writing ", partial(export, run, request.items, request.folder_of(run))))
    written: list[Path] = []
    failed: list[str] = []
    appeared: list[Path] = []
    for number, (name, verb, write) in enumerate(parts, start=1):
        several = len(parts) > 1
        before = f"{name} ({number} of {len(parts)}): {verb}" if several else verb

        def tell(what: str, done: int, total: int, before: str = before) -> None:
            progress(before + what, done, total)

        try:
            written += write(overwrite=overwrite, progress=tell)
        except ExportCancelledError:
            raise
        except ExistsError as error:
            appeared += error.paths
        except Exception as error:  # a thread's last line of defence
            failed.append(f"{name}: {_sentence(error, request.out)}" if several else _sentence(error, request.out))
    return ExportOutcome(tuple(written), tuple(failed), tuple(appeared), tuple(warnings))


def _write_report(
    request: ExportRequest, warnings: list[str], *, overwrite: bool, progress: Progress
) -> Sequence[Path]:
    from mnist_tui.report.document import write_report

    return write_report(
        request.runs,
        request.documents,
        title=request.title,
        author=request.author,
        figures=request.figures_folder,
        overwrite=overwrite,
        progress=progress,
        warn=warnings.append,
    )


def _sentence(error: Exception, out: Path) -> str:
    """Return an error as a sentence; an unexpected one is written to the log with its traceback."""
    if isinstance(error, OSError):
        return f"{error.filename or out}: {error.strerror or error}"
    return str(error) if isinstance(error, RequestError) else logged(error)
