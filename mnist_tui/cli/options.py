"""Declare the options that commands share, and find the runs that a command names.

The packages of runs and studies are imported when a run is looked for: many commands print something else.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnist_tui import PROGRAM
from mnist_tui.cli.open_app import usual_runs_dir
from mnist_tui.cli.output import confirmed, print_note
from mnist_tui.errors import RequestError, RunError
from mnist_tui.experiment.preset_files import names
from mnist_tui.files import why_unwritten, write_text
from mnist_tui.paths import PathError, typed_path
from mnist_tui.settings import Refresh
from mnist_tui.wording import counted, listed

if TYPE_CHECKING:
    from mnist_tui.runs.folder import RunFolder
    from mnist_tui.studies.folder import StudyFolder

MAX_SEEDS = 1_000


def among(choices: Iterable[str]) -> Callable[[str], list[str]]:
    """Return a function that completes a word to those of the choices that begin with it."""
    words = tuple(choices)
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


def among_several(choices: Collection[str]) -> Callable[[str], list[str]]:
    """Return a function that completes the last word of a comma-separated list to choices not yet in the list."""

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        given = before.split(",")
        return [f"{before}{comma}{word}" for word in among(choices)(last) if word not in given]

    return complete


def complete_preset(incomplete: str) -> list[str]:
    """Complete the name of a preset."""
    return among(names())(incomplete)


def complete_run(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the id of a run; the newest runs come first."""
    from mnist_tui.runs.library import run_folders

    return among(["latest", *_ids(ctx, run_folders)])(incomplete)


def complete_study(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the id of a study; the newest studies come first."""
    from mnist_tui.studies.folder import study_folders

    return among(_ids(ctx, study_folders))(incomplete)


def complete_run_or_study(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the id of a run or of a study."""
    return [*complete_run(ctx, incomplete), *complete_study(ctx, incomplete)]


def _ids(ctx: typer.Context, folders: Callable[[Path], Sequence[RunFolder | StudyFolder]]) -> list[str]:
    try:
        return [folder.id for folder in folders(runs_folder(ctx))]
    except PathError:
        return []


complete_device = among(("auto", "cpu", "gpu", "gpu:0"))


def option(
    flags: str,
    metavar: str | None,
    text: str,
    *,
    panel: str | None = None,
    complete: Callable[..., list[str]] | None = None,
    parser: Callable[[str], Any] | None = None,
) -> Any:
    """Declare an option of a command, for the annotation of the command's parameter.

    Args:
        flags: the names of the option with blanks between, such as ``-o --output``.
        metavar: the placeholder for the value in the help; None for a flag without a value.
        panel: the heading of the help under which the option is listed.
    """
    names = flags.split()
    return typer.Option(
        *names, metavar=metavar, help=text, rich_help_panel=panel, autocompletion=complete, parser=parser
    )


DATA_HELP = "Folder that holds mnist/, fashion-mnist/ … (or MNIST_TUI_DATA)."
DataDir = Annotated[Path | None, option("--data-dir", "DIR", DATA_HELP, parser=typed_path)]
RUNS_HELP = "Folder of the runs (or MNIST_TUI_RUNS)."
RunsDir = Annotated[Path | None, option("--runs-dir", "DIR", RUNS_HELP, parser=typed_path)]
REFRESH_HELP = "How often live screens are redrawn; auto: by the terminal."
RefreshOption = Annotated[Refresh | None, option("--refresh", "normal|slow|auto", REFRESH_HELP)]
Json = Annotated[bool, option("--json", None, "Print one JSON document.")]
Force = Annotated[bool, option("--force", None, "Replace files that exist, without asking.")]
Yes = Annotated[bool, option("--yes -y", None, "Do not ask for confirmation; needed if there is no terminal.")]
SAMPLE_HELP = "Use the bundled digits if MNIST is not here and cannot be downloaded."
AllowSample = Annotated[bool, option("--allow-sample", None, SAMPLE_HELP)]
Detach = Annotated[bool, option("--detach", None, "Print the id at once; the training goes on in the background.")]
DEVICES = "auto|cpu|gpu[:N]"
RUN_HELP = "A run's id, a unique beginning of one, its folder, or latest."
Run = Annotated[str, typer.Argument(metavar="RUN", help=RUN_HELP, autocompletion=complete_run)]
RUNS_ARGUMENT_HELP = (
    "Runs by id, folder or latest; a group of seeds by its name; a study's id or name for all its runs."
)
Runs = Annotated[
    list[str], typer.Argument(metavar="RUN|STUDY…", help=RUNS_ARGUMENT_HELP, autocompletion=complete_run_or_study)
]
EITHER_HELP = (
    "A run's or a study's id, a unique beginning of one, its folder, a study's name, or latest: the newest run."
)
RunOrStudy = Annotated[str, typer.Argument(metavar="RUN|STUDY", help=EITHER_HELP, autocompletion=complete_run_or_study)]


def runs_folder(ctx: typer.Context, given: Path | None = None) -> Path:
    """Return the runs folder: that of the command's own option, of the option before the command, or the usual one."""
    return given or _from_context(ctx, "runs_dir") or usual_runs_dir(warn=not ctx.resilient_parsing)


def data_folder(ctx: typer.Context, given: Path | None = None) -> Path | None:
    """Return the data folder of the command's own option, else of the option before the command; None without both."""
    return given or _from_context(ctx, "data_dir")


def _from_context(ctx: typer.Context, name: str) -> Any:
    """Return an option's value from the command itself, else from the nearest command before it that has the option."""
    context: Any = ctx
    while context is not None and not context.params.get(name):
        context = context.parent
    return context and context.params[name]


def run_or_study(runs_dir: Path, text: str) -> RunFolder | StudyFolder:
    """Return the run that `text` names, else the study; ``latest`` is the newest run.

    Raises:
        RunError: the text names neither, or several runs.
        AmbiguousStudyError: the text names several studies.
    """
    from mnist_tui.runs.library import AmbiguousRunError, find_run
    from mnist_tui.studies.folder import AmbiguousStudyError, StudyError, find_study

    try:
        return find_run(runs_dir, text)
    except AmbiguousRunError:
        raise
    except RunError as unknown:
        if text == "latest":
            raise
        try:
            return find_study(runs_dir, text)
        except AmbiguousStudyError:
            raise
        except StudyError:
            raise unknown from None


def runs_of(runs_dir: Path, text: str) -> list[RunFolder]:
    """Return the runs that `text` names: one run, the runs of a study by trial, or a group's runs by seed.

    Raises:
        RunError: the text names nothing, several runs or several groups.
        StudyError: the text names a study that has no runs, or several studies.
    """
    from mnist_tui.runs.collection.seed_groups import seed_groups
    from mnist_tui.runs.collection.summaries import list_runs
    from mnist_tui.runs.folder import RunFolder
    from mnist_tui.runs.library import AmbiguousRunError
    from mnist_tui.studies.folder import AmbiguousStudyError, StudyError
    from mnist_tui.studies.state import replayed

    try:
        folder = run_or_study(runs_dir, text)
    except AmbiguousRunError:
        raise
    except (RunError, AmbiguousStudyError) as error:
        folder = error
    if isinstance(folder, RunFolder):
        return [folder]
    if isinstance(folder, RequestError) or text not in (folder.id, str(folder.path)):
        groups = [
            group
            for group in seed_groups(list_runs(runs_dir))
            if text in {group.group, *(run.shown_name for run in group.runs)}
        ]
        if len(groups) > 1:
            some = ", ".join(f"{group.group} ({counted(group.runs, 'run')})" for group in groups)
            raise AmbiguousRunError(f"{text!r} is the name of {len(groups)} groups of seeds; give an id: {some}")
        if groups:
            by_seed = sorted(groups[0].runs, key=lambda run: (run.seed, run.started))
            return [RunFolder(Path(run.folder)) for run in by_seed]
    if isinstance(folder, RequestError):
        raise folder
    named = [folder.run(row.run) for row in replayed(folder.events_file).rows if row.run]
    existing = [run for run in named if run.experiment_file.is_file()]
    if not existing:
        raise StudyError(f"study {folder.id} has no runs" + (": they were deleted" if named else " yet"))
    return existing


def chosen_run(ctx: typer.Context, text: str, runs_dir: Path | None) -> RunFolder:
    """Return the run that a command names; raise RequestError if the text names a study."""
    from mnist_tui.runs.folder import RunFolder

    folder = run_or_study(runs_folder(ctx, runs_dir), text)
    if not isinstance(folder, RunFolder):
        raise RequestError(
            f"{folder.id} is a study, and this command takes one run; for a study there are `mnist-tui studies` with "
            "show, stop and delete, resume, attach, and compare, report, export and complexity for all its runs"
        )
    return folder


def refuse_early_json(ctx: typer.Context) -> None:
    """Raise RequestError for a ``--json`` between a group of commands and its command, where it has no effect."""
    command = f"{ctx.command_path} {ctx.invoked_subcommand}"
    raise RequestError(f"--json belongs after its command: `{command} --help` shows its options")


def may_delete(what: str, *, yes: bool) -> bool:
    """Return whether something (``run ID``) may be deleted: with ``--yes`` at once, else by asking.

    Raises:
        RequestError: ``--yes`` was not given, and there is no terminal to ask on.
    """
    if yes:
        return True
    if not _can_ask():
        raise RequestError(f"nothing was deleted: without a terminal to ask on, deleting {what} needs --yes")
    agreed = confirmed(f"delete {what}?")
    if not agreed:
        print_note("nothing was deleted")
    return agreed


def may_replace(there: str, elsewhere: str) -> bool:
    """Return whether existing files may be replaced, by asking.

    Args:
        there: a sentence that names the files, without a full stop.
        elsewhere: the option that writes to another place.

    Raises:
        RequestError: there is no terminal to ask on.
    """
    if not _can_ask():
        raise RequestError(f"{there}; --force replaces, {elsewhere} writes elsewhere")
    agreed = confirmed(f"{there}; replace?")
    if not agreed:
        print_note(f"nothing was replaced; {elsewhere} writes elsewhere")
    return agreed


def may_write(path: Path, flag: str, *, force: bool, endings: Sequence[str] = ()) -> bool:
    """Return whether a file that an option names may be written; ask before an existing file is replaced.

    A command that works for a while calls it first, so that a wrong name costs no time.

    Args:
        force: whether to replace the file without asking.
        endings: those that its name may have, such as ``.csv``; empty for all.

    Raises:
        RequestError: the name has another ending, or is that of a folder, the folder around it does not exist or may
            not be written, or the file exists and there is no terminal to ask on.
    """
    from mnist_tui.report.export import ExistsError

    if endings and path.suffix.lower() not in endings:
        raise RequestError(f"{flag} {path} should end in {listed(endings, 'or')}")
    try:
        if path.is_dir():
            raise RequestError(f"{flag} {path} is a folder; name a file, such as {path / f'{PROGRAM}{path.suffix}'}")
        if not path.parent.is_dir():
            raise RequestError(f"{flag} {path}: there is no folder {path.parent}")
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise RequestError(f"{flag} {path}: you may not write in {path.parent}")
        return not path.exists() or force or may_replace(str(ExistsError([path])), f"another {flag}")
    except OSError as error:
        raise RequestError(f"{flag} {path} cannot be written: {why_unwritten(error)}") from None


@contextmanager
def writing(path: Path) -> Generator[None]:
    """Turn an OSError into an error that names the file, and print a note when it is written.

    Raises:
        RequestError: the file cannot be written.
        WorkFailedError: there is no room on the disk.
    """
    from mnist_tui.cli.errors import WorkFailedError
    from mnist_tui.report.export import NO_ROOM

    try:
        yield
    except OSError as error:
        problem = f"{path} cannot be written: {error.strerror or error}"
        raise (WorkFailedError if error.errno in NO_ROOM else RequestError)(problem) from None
    print_note(f"wrote {path}")


def write_output(path: Path, text: str, flag: str, *, force: bool) -> None:
    """Write a text file that an option names, as `may_write` allows it, and print a note.

    Raises:
        RequestError: as for `may_write` and `writing`.
        WorkFailedError: there is no room on the disk.
    """
    if may_write(path, flag, force=force):
        with writing(path):
            write_text(path, text)


def _can_ask() -> bool:
    return bool(sys.stdin and sys.stdin.isatty() and sys.stderr and sys.stderr.isatty())


def checked_device(text: str) -> str:
    """Return a ``--device`` in lower case; raise RequestError if it is not auto, cpu, gpu or gpu:N."""
    if not re.fullmatch(r"auto|cpu|gpu(:\d{1,3})?", text.lower()):
        raise RequestError(f"--device {text} is not known; it is auto, cpu, gpu or gpu:N (gpu:0 is the first)")
    return text.lower()


def checked_whole(flag: str, text: str | None, highest: int, *, lowest: int = 1) -> int | None:
    """Return an option's whole number, None if it was not given; raise RequestError unless it is in bounds."""
    from mnist_tui.experiment.fields import whole

    if text is None:
        return None
    try:
        return whole(text, lowest, highest)
    except ValueError as error:
        raise RequestError(f"{flag} {text} {error}") from None
