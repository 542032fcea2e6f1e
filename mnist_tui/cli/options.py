"""Declare the options that commands share, find the runs that a command names, and explain syntax errors.

A command that takes an experiment is decorated with `with_experiment` and gets it as its argument `request`.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from mnist_tui import PROGRAM
from mnist_tui.cli.errors import guarded
from mnist_tui.cli.open_app import usual_runs_dir
from mnist_tui.cli.output import confirmed, print_note
from mnist_tui.data.catalogue import KNOWN, with_whole_name
from mnist_tui.errors import RequestError, RunError
from mnist_tui.experiment import presets
from mnist_tui.experiment.fields import paths_of, whole
from mnist_tui.experiment.parameters import PARAMETERS, Parameter, apply_texts
from mnist_tui.experiment.preset_files import STARTERS, names
from mnist_tui.experiment.presets import Preset
from mnist_tui.paths import PathError, typed_path
from mnist_tui.runs.collection.seed_groups import seed_groups
from mnist_tui.runs.collection.summaries import list_runs
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.library import AmbiguousRunError, find_run, run_folders
from mnist_tui.settings import Refresh
from mnist_tui.studies.folder import StudyError, StudyFolder, find_study, study_folders
from mnist_tui.studies.state import replayed
from mnist_tui.wording import counted, did_you_mean, listed

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


def complete_path(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the TOML path of a field of the preset that ``--preset`` names, else of the first starter preset."""
    try:
        experiment = presets.find_preset(ctx.params.get("preset") or STARTERS[0]).experiment
    except RequestError:
        return []
    return among(f"{path}=" for path in paths_of(experiment))(incomplete)


def complete_preset(incomplete: str) -> list[str]:
    """Complete the name of a preset."""
    return among(names())(incomplete)


def complete_run(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the id of a run; the newest runs come first."""
    return among(["latest", *_ids(ctx, run_folders)])(incomplete)


def complete_study(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the id of a study; the newest studies come first."""
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
Force = Annotated[bool, option("--force", None, "Replace files that exist.")]
Yes = Annotated[bool, option("--yes -y", None, "Do not ask for confirmation; needed if there is no terminal.")]
SAMPLE_HELP = "Use the bundled digits if MNIST is not here and cannot be downloaded."
AllowSample = Annotated[bool, option("--allow-sample", None, SAMPLE_HELP)]
Detach = Annotated[bool, option("--detach", None, "Print the id at once; the training goes on in the background.")]
DEVICES = "auto|cpu|gpu[:N]"
RUN_HELP = "A run's id, a unique beginning of one, its folder, or latest."
Run = Annotated[str, typer.Argument(metavar="RUN", help=RUN_HELP, autocompletion=complete_run)]
RUNS_ARGUMENT_HELP = "Runs by id, folder or latest; a group of seeds by its name; a study for all its runs."
Runs = Annotated[
    list[str], typer.Argument(metavar="RUN|STUDY…", help=RUNS_ARGUMENT_HELP, autocompletion=complete_run_or_study)
]
EITHER_HELP = "A run's or a study's id, a unique beginning of one, its folder, or latest: the newest run."
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
    """
    try:
        return find_run(runs_dir, text)
    except AmbiguousRunError:
        raise
    except RunError:
        with suppress(StudyError):
            if text != "latest":
                return find_study(runs_dir, text)
        raise


def runs_of(runs_dir: Path, text: str) -> list[RunFolder]:
    """Return the runs that `text` names: one run, the runs of a study by trial, or a group's runs by seed.

    Raises:
        RunError: the text names nothing, several runs or several groups.
        StudyError: the text names a study that has no runs.
    """
    try:
        folder = run_or_study(runs_dir, text)
    except AmbiguousRunError:
        raise
    except RunError as error:
        folder = error
    if isinstance(folder, RunFolder):
        return [folder]
    if isinstance(folder, RunError) or text not in (folder.id, str(folder.path)):
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
    if isinstance(folder, RunError):
        raise folder
    named = [folder.run(row.run) for row in replayed(folder.events_file).rows if row.run]
    existing = [run for run in named if run.experiment_file.is_file()]
    if not existing:
        raise StudyError(f"study {folder.id} has no runs" + (": they were deleted" if named else " yet"))
    return existing


def chosen_run(ctx: typer.Context, text: str, runs_dir: Path | None) -> RunFolder:
    """Return the run that a command names; raise RequestError if the text names a study."""
    folder = run_or_study(runs_folder(ctx, runs_dir), text)
    if isinstance(folder, StudyFolder):
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
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr and sys.stderr.isatty()):
        raise RequestError(f"nothing was deleted: without a terminal to ask on, deleting {what} needs --yes")
    agreed = confirmed(f"delete {what}?")
    if not agreed:
        print_note("nothing was deleted")
    return agreed


@dataclass(frozen=True)
class Request:
    """The experiment options of a command line.

    Attributes:
        preset: the preset's name or file; None if not given.
        texts: the texts of the given parameters, by the parameter's name.
        sets: the assignments of ``--set``, such as ``training.epochs=5``.
        seeds: how many seeds are trained, from the experiment's own seed on; None if not given.
    """

    preset: str | None
    texts: Mapping[str, str]
    sets: tuple[str, ...]
    device: str
    seeds: int | None = None

    @property
    def flags(self) -> list[str]:
        """The names of the experiment options that were given."""
        return [
            *(["--preset"] if self.preset is not None else []),
            *(parameter.flag for parameter in PARAMETERS if parameter.name in self.texts),
            *(["--set"] if self.sets else []),
            *(["--seeds"] if self.seeds is not None else []),
        ]

    def one_seed(self, reason: str) -> None:
        """Raise RequestError with this reason if ``--seeds`` was given."""
        if self.seeds is not None:
            raise RequestError(f"--seeds {self.seeds} does not go with this command: {reason}; train and sweep take it")

    def chosen(self) -> Preset:
        """Return the named preset with the options applied; raise RequestError if it is missing or becomes invalid."""
        if self.preset is None:
            why = f"{self.flags[0]} changes a preset" if self.flags else "an experiment starts from a preset"
            names = listed(STARTERS, "or")
            raise RequestError(f"{why}: add --preset with {names} (`mnist-tui presets list` shows all)")
        return self.changed(presets.find_preset(self.preset))

    def changed(self, preset: Preset) -> Preset:
        """Return another preset with the options applied; raise RequestError if the experiment is not valid."""
        return presets.edited(preset, with_whole_name(apply_texts(preset.experiment, self.texts, self.sets)))


def checked_device(text: str) -> str:
    """Return a ``--device`` in lower case; raise RequestError if it is not auto, cpu, gpu or gpu:N."""
    if not re.fullmatch(r"auto|cpu|gpu(:\d{1,3})?", text.lower()):
        raise RequestError(f"--device {text} is not known; it is auto, cpu, gpu or gpu:N (gpu:0 is the first)")
    return text.lower()


def checked_whole(flag: str, text: str | None, highest: int) -> int | None:
    """Return an option's whole number, None if it was not given; raise RequestError unless it is 1 to `highest`."""
    if text is None:
        return None
    try:
        return whole(text, 1, highest)
    except ValueError as error:
        raise RequestError(f"{flag} {text} {error}") from None


def with_experiment(command: Callable[..., None]) -> Callable[..., None]:
    """Add all experiment options to a command, which gets them as its argument `request`."""
    own = [entry for entry in inspect.signature(command, eval_str=True).parameters.values() if entry.name != "request"]

    def run(**values: Any) -> None:
        texts = {parameter.name: values.pop(parameter.name.replace("-", "_")) for parameter in PARAMETERS}
        request = Request(
            preset=values.pop("preset"),
            texts={name: text for name, text in texts.items() if text is not None},
            sets=tuple(values.pop("assignments") or ()),
            device=checked_device(values.pop("device")),
            seeds=checked_whole("--seeds", values.pop("seeds"), MAX_SEEDS),
        )
        command(request=request, **values)

    everything = [entry.replace(kind=inspect.Parameter.KEYWORD_ONLY) for entry in (*_experiment_options(), *own)]
    run.__signature__ = inspect.Signature(everything)  # pyright: ignore[reportFunctionMemberAccess]
    run.__annotations__ = {entry.name: entry.annotation for entry in everything}
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    return run


def _experiment_options() -> list[inspect.Parameter]:
    start, training = "Where to start", "Training"  # headings in the help
    preset_help = "A built-in preset, a saved one, or a TOML file."
    path_help = "Any other field of the experiment, by its TOML path, such as optimizer.rho=0.8; may be repeated."
    seeds_help = "Train N seeds as one group: --seed, --seed + 1, … (N ≥ 1)."
    paths = option("--set", "PATH=VALUE", path_help, panel=start, complete=complete_path)
    device = option("--device", DEVICES, "Where to train.", panel=training, complete=complete_device)
    return [
        _keyword("preset", option("--preset", "NAME|FILE", preset_help, panel=start, complete=complete_preset)),
        *(_keyword(parameter.name.replace("-", "_"), _option_of(parameter)) for parameter in PARAMETERS),
        _keyword("assignments", paths, list[str] | None),
        _keyword("seeds", option("--seeds", "N", seeds_help, panel=training)),
        _keyword("device", device, str, "auto"),
    ]


def _keyword(name: str, declared: Any, kind: Any = str | None, default: str | None = None) -> inspect.Parameter:
    annotation = Annotated[kind, declared]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _option_of(parameter: Parameter) -> Any:
    choices = KNOWN if parameter.name == "dataset" else parameter.choices or parameter.suggestions
    text = parameter.help
    if not text.startswith(tuple(KNOWN)):
        text = f"{text[:1].upper()}{text[1:]}"
    text = f"{text} ({parameter.bounds})."
    complete = among(choices) if choices else None
    return option(f"--{parameter.name}", parameter.metavar, text, panel=parameter.group, complete=complete)


def _laid_out(params: list[Any]) -> list[Any]:
    """Show flags without a type in the help, and list options without a heading last, under "Other options"."""
    options = [param for param in params if isinstance(param, TyperOption)]
    headed = any(option.rich_help_panel for option in options)
    for option in options:
        if option.is_flag and option.metavar is None:
            option.metavar = ""
        if headed and not option.rich_help_panel:
            option.rich_help_panel = "Other options"
    return params


class BenchCommand(TyperCommand):
    """A command whose help shows flags without a type and options without a heading last."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _laid_out(super().get_params(ctx))


class BenchGroup(TyperGroup):
    """A group of commands that prints an error as one sentence and exits with the error's code."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _laid_out(super().get_params(ctx))

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        if not standalone_mode:
            return super().main(*args, standalone_mode=False, **extra)
        sys.exit(guarded(lambda: self._main(*args, **extra)))

    def _main(self, *args: Any, **extra: Any) -> Any:
        try:
            return super().main(*args, standalone_mode=False, **extra)
        except typer.TyperException as error:
            raise RequestError(_usage_sentence(error)) from None
        except typer.Abort:
            raise KeyboardInterrupt from None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0] if args else "-"
        if self.get_command(ctx, name) is None and not name.startswith("-") and not ctx.resilient_parsing:
            offer = did_you_mean(name, self.commands)
            raise RequestError(f"there is no command {name!r}; {offer}`{ctx.command_path} --help` lists the commands")
        return super().resolve_command(ctx, args)


def _usage_sentence(error: typer.TyperException) -> str:
    """Return what is wrong with the syntax of a command line, and the command that shows the help."""
    context = getattr(error, "ctx", None)
    command = getattr(context, "command_path", "") or PROGRAM
    if hasattr(error, "possibilities"):
        name: str = getattr(error, "option_name", "")
        offer = did_you_mean(name, getattr(error, "possibilities", None) or ())
        return f"there is no option {name}; {offer}`{command} --help` lists the options"
    subcommands = getattr(getattr(context, "command", None), "commands", None)
    message = error.format_message().strip().rstrip(".").replace("Value error, ", "")
    if subcommands and message.startswith("Missing command"):
        return f"{command} needs a command: {', '.join(subcommands)}"
    return f"{message[:1].lower()}{message[1:]}; `{command} --help` shows how it is used"
