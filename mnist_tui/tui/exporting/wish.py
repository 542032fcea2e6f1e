"""What is to be exported, as a value; and its writing: one report over all runs, each run's files. For a thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mnist_tui.experiment.problem import RequestError
from mnist_tui.report.export import CARD, WEIGHT_FORMATS, ExistsError, Progress, export, target
from mnist_tui.runs.folder import RunFolder
from mnist_tui.tui.exporting.offers import FIGURES, REPORTS
from mnist_tui.unexpected import told

Part = Callable[[Progress], Sequence[Path]]
"""Writes a piece of the whole; gives its files."""
STEM = "report"
"""Of the report's files."""


class LeftError(Exception):
    """The app was left meanwhile; raised out of a progress call."""


@dataclass(frozen=True)
class Wish:
    """What is to be written.

    Attributes:
        runs: one or more; each of several has a folder of its own in `out`, named after it.
        items: for each run, of report.export.ITEMS.
        reports: endings of the one report over all runs.
        figures: whether the report's figures are written on their own too.
        title, author: the report's; empty for what it takes by itself.
    """

    runs: tuple[RunFolder, ...]
    items: tuple[str, ...]
    reports: tuple[str, ...]
    figures: bool
    title: str
    author: str
    out: Path

    def folder_of(self, run: RunFolder) -> Path:
        """Where a run's own files go."""
        return self.out / run.id if len(self.runs) > 1 else self.out

    @property
    def documents(self) -> list[Path]:
        """The report's files."""
        return [self.out / f"{STEM}.{ending}" for ending in self.reports]

    @property
    def figures_folder(self) -> Path | None:
        return self.out / FIGURES if self.figures else None

    @property
    def in_words(self) -> str:
        """What will be written, by the names of the files."""
        report = ", ".join([path.name for path in self.documents] + ([f"{FIGURES}/"] if self.figures else []))
        card = [CARD] if any(item in WEIGHT_FORMATS for item in self.items) else []
        items = ", ".join([*(target(item, Path()).name for item in self.items), *card])
        if not items or len(self.runs) == 1:
            return ", ".join(filter(None, (report, items)))
        each = f"in a folder for each of the {len(self.runs)} runs: {items}"
        return f"{report}; {each}" if report else each

    def in_the_way(self) -> list[Path]:
        """Files that are there already, as far as their names are known before the work."""
        wanted = [target(item, self.folder_of(run)) for run in self.runs for item in self.items]
        there = [path for path in (*wanted, *self.documents) if path.exists()]
        figures = self.figures_folder
        return [*there, figures] if figures and figures.is_dir() and any(figures.iterdir()) else there


@dataclass(frozen=True)
class Outcome:
    """What became of a wish.

    Attributes:
        written: the files, and folders where they are one thing.
        failed: a sentence for each part that could not be written; the other parts are there.
        in_the_way: files that were there already and are as they were.
    """

    written: tuple[Path, ...] = ()
    failed: tuple[str, ...] = ()
    in_the_way: tuple[Path, ...] = ()

    @property
    def report(self) -> Path | None:
        """The report in the format that is best looked at."""
        found = {path.suffix.removeprefix("."): path for path in self.written if path.stem == STEM}
        return next((found[ending] for ending in REPORTS if ending in found), None)


def report_in(folder: Path) -> Path | None:
    """The report among exports, in the format that is best looked at; None for none."""
    return next((path for ending in REPORTS if (path := folder / f"{STEM}.{ending}").is_file()), None)


def carry_out(wish: Wish, *, overwrite: bool, progress: Progress) -> Outcome:
    """Writes what is wished for. A part that fails does not keep the others from being written.

    Args:
        progress: told what is being done, how much of that is done, and of how much.

    Raises:
        LeftError: from `progress`; what was begun is left out, nothing is half there.
    """
    try:
        there = wish.in_the_way()
        if there and not overwrite:
            return Outcome(in_the_way=tuple(there))
        wish.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return Outcome(failed=(_sentence(error, wish.out),))
    parts = _parts(wish, overwrite)
    written: list[Path] = []
    failed: list[str] = []
    late: list[Path] = []
    for number, (name, part) in enumerate(parts):
        try:
            written += part(_within(progress, name, number, len(parts)))
        except LeftError:
            raise
        except ExistsError as error:
            late += error.paths
        except Exception as error:  # a thread's last line of defence
            failed.append(f"{name}: {_sentence(error, wish.out)}" if name else _sentence(error, wish.out))
    return Outcome(tuple(written), tuple(failed), tuple(late))


def _sentence(error: Exception, out: Path) -> str:
    """What went wrong; what nobody expected is logged whole."""
    if isinstance(error, OSError):
        return f"{error.filename or out} cannot be written: {error.strerror or error}"
    return str(error) if isinstance(error, RequestError) else told(error)


def _parts(wish: Wish, overwrite: bool) -> list[tuple[str, Part]]:
    """The pieces of the work, each with its name where there are several."""
    parts = [(run.id, partial(_of_run, wish, run, overwrite)) for run in wish.runs if wish.items]
    if wish.reports or wish.figures:
        parts.insert(0, ("report", partial(_report, wish, overwrite)))
    return [("" if len(parts) == 1 else name, part) for name, part in parts]


def _of_run(wish: Wish, run: RunFolder, overwrite: bool, progress: Progress) -> Sequence[Path]:
    def writing(files: str, done: int, total: int) -> None:
        progress(f"writing {files}", done, total)

    return export(run, wish.items, wish.folder_of(run), overwrite=overwrite, progress=writing)


def _report(wish: Wish, overwrite: bool, progress: Progress) -> Sequence[Path]:
    from mnist_tui.report.document import write_report

    return write_report(
        wish.runs,
        wish.documents,
        title=wish.title,
        author=wish.author,
        figures=wish.figures_folder,
        overwrite=overwrite,
        progress=progress,
    )


def _within(progress: Progress, name: str, number: int, parts: int) -> Progress:
    """The progress of one part as one of the whole."""
    part = f"{name} ({number + 1} of {parts}): " if name else ""
    return lambda what, done, total: progress(part + what, done, total)
