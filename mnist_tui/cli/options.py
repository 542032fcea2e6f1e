"""Declare the options that commands share, find the runs that a command names, and explain syntax errors.

A command that takes an experiment is decorated with `with_experiment` and gets it as its argument `request`.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from mnist_tui import PROGRAM
from mnist_tui.cli.errors import guarded
from mnist_tui.cli.open_app import usual_runs_dir
from mnist_tui.cli.output import confirmed, print_note
from mnist_tui.data.catalogue import KNOWN
from mnist_tui.data.places import with_whole_name
from mnist_tui.errors import RequestError, RunError
from mnist_tui.experiment import presets
from mnist_tui.experiment.fields import paths_of, whole
from mnist_tui.experiment.parameters import PARAMETERS, apply_texts
from mnist_tui.experiment.presets import STARTERS, Preset
from mnist_tui.paths import PathError, typed_path
from mnist_tui.runs.collection.seed_groups import seed_groups
from mnist_tui.runs.collection.summaries import list_runs
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.library import AmbiguousRunError, find_run, run_folders
from mnist_tui.settings import Refresh
from mnist_tui.studies.folder import StudyError, StudyFolder, find_study, study_folders
from mnist_tui.studies.state import replayed
from mnist_tui.wording import counted, listed

MAX_SEEDS = 1_000


def among(choices: Iterable[str]) -> Callable[[str], list[str]]:
    """Return a completion of one of a few words."""
    words = tuple(choices)
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


def among_several(choices: Iterable[str]) -> Callable[[str], list[str]]:
    """Return a completion of the last of several words that are joined by commas; no word is offered twice."""
    words = tuple(choices)

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        given = before.split(",")
        return [f"{before}{comma}{word}" for word in words if word.startswith(last) and word not in given]

    return complete


def complete_path(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete a TOML path for `--set`, of the preset on the command line, else of the first starter."""
    try:
        experiment = presets.find_preset(ctx.params.get("preset") or STARTERS[0]).experiment
    except RequestError:
        return []
    return [f"{path}=" for path in paths_of(experiment) if path.startswith(incomplete)]


def complete_preset(incomplete: str) -> list[str]:
    """Complete the name of a preset."""
    return [name for name in presets.names() if name.startswith(incomplete)]


def complete_run(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the id of a run, newest first."""
    try:
        ids = [folder.id for folder in run_folders(runs_folder(ctx))]
    except PathError:
        return []
    return [name for name in ["latest", *ids] if name.startswith(incomplete)]


def complete_study(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the id of a study, newest first."""
    try:
        return [folder.id for folder in study_folders(runs_folder(ctx)) if folder.id.startswith(incomplete)]
    except PathError:
        return []


def complete_run_or_study(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the id of a run or of a study."""
    return [*complete_run(ctx, incomplete), *complete_study(ctx, incomplete)]


complete_device = among(("auto", "cpu", "gpu", "gpu:0"))

DATA_HELP = "Folder that holds mnist/, fashion-mnist/ … (or MNIST_TUI_DATA)."
DataDir = Annotated[Path | None, typer.Option("--data-dir", metavar="DIR", parser=typed_path, help=DATA_HELP)]
RUNS_HELP = "Folder of the runs (or MNIST_TUI_RUNS)."
RunsDir = Annotated[Path | None, typer.Option("--runs-dir", metavar="DIR", parser=typed_path, help=RUNS_HELP)]
REFRESH_HELP = "How often live screens are redrawn; auto: by the terminal."
RefreshOption = Annotated[Refresh | None, typer.Option("--refresh", metavar="normal|slow|auto", help=REFRESH_HELP)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Force = Annotated[bool, typer.Option("--force", help="Replace files that exist.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation; needed if there is no terminal.")]
AllowSample = Annotated[
    bool, typer.Option("--allow-sample", help="Take the bundled digits where the dataset cannot be had.")
]
RUN_HELP = "A run's id, a unique beginning of one, its folder, or latest."
Run = Annotated[str, typer.Argument(metavar="RUN", help=RUN_HELP, autocompletion=complete_run)]
EITHER_HELP = "A run's or a study's id, a unique beginning of one, its folder, or latest: the newest run."
RunOrStudy = Annotated[str, typer.Argument(metavar="RUN|STUDY", help=EITHER_HELP, autocompletion=complete_run_or_study)]


def runs_folder(ctx: typer.Context, given: Path | None = None) -> Path:
    """Return the runs folder: that of the option after the command or before it, else the usual one."""
    before = ctx.find_root().params.get("runs_dir")
    return given or before or usual_runs_dir(tell=not ctx.resilient_parsing)


def data_folder(ctx: typer.Context, given: Path | None = None) -> Path | None:
    """Return the data folder that an option after the command or before it names; None if none does."""
    return given or ctx.find_root().params.get("data_dir")


def chosen_run(ctx: typer.Context, text: str, runs_dir: Path | None) -> RunFolder:
    """Return the run that a command names; raise RequestError if it is a study."""
    folder = run_or_study(runs_folder(ctx, runs_dir), text)
    if isinstance(folder, StudyFolder):
        raise RequestError(
            f"{folder.id} is a study, and this command takes one run; for a study there are `mnist-tui studies` with "
            "show, stop and delete, resume, attach, and compare, report, export and complexity for all its runs"
        )
    return folder


def may_delete(what: str, *, yes: bool) -> bool:
    """Ask whether something (``run ID``) may be deleted, unless ``--yes`` was given.

    Raises:
        RequestError: there is no terminal to ask on, and ``--yes`` was not given.
    """
    if yes:
        return True
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr and sys.stderr.isatty()):
        raise RequestError(f"nothing was deleted: without a terminal to ask on, deleting {what} needs --yes")
    agreed = confirmed(f"delete {what}?")
    if not agreed:
        print_note("kept")
    return agreed


@dataclass(frozen=True)
class Request:
    """The experiment options of a command line.

    Attributes:
        preset: name or file; None if not given.
        texts: the parameters given, by name.
        sets: the assignments of ``--set``.
        seeds: how many seeds are trained, counted from the experiment's own; None if not given.
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

    def one_seed(self, what: str) -> None:
        """Refuse ``--seeds`` for a command that needs a single run; `what` is the reason, for the message."""
        if self.seeds is not None:
            raise RequestError(f"--seeds {self.seeds} does not go with this command: {what}; train and sweep take it")

    def chosen(self) -> Preset:
        """Return the preset with the options applied.

        Raises:
            RequestError: there is no preset, or the experiment is not valid.
        """
        if self.preset is None:
            why = f"{self.flags[0]} changes a preset" if self.flags else "an experiment starts from a preset"
            names = listed(STARTERS, "or")
            raise RequestError(f"{why}: add --preset with {names} (`mnist-tui presets list` shows all)")
        return self.changed(presets.find_preset(self.preset))

    def changed(self, preset: Preset) -> Preset:
        """Return another preset with the options applied; raise RequestError if the experiment is not valid."""
        return presets.edited(preset, with_whole_name(apply_texts(preset.experiment, self.texts, self.sets)))


def checked_device(text: str) -> str:
    """Return the device as a run records it; raise RequestError if it is not auto, cpu, gpu or gpu:N."""
    if not re.fullmatch(r"auto|cpu|gpu(:\d{1,3})?", text.lower()):
        raise RequestError(f"--device {text} is not known; it is auto, cpu, gpu or gpu:N (gpu:0 is the first)")
    return text.lower()


def checked_whole(flag: str, text: str | None, highest: int) -> int | None:
    """Return the whole number of an option, from 1 to `highest`, else raise RequestError; None if it is not given."""
    if text is None:
        return None
    try:
        return whole(text, 1, highest)
    except ValueError as error:
        raise RequestError(f"{flag} {text} {error}") from None


def with_experiment(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command every experiment option; it receives them as its argument `request`."""
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
    path_help = "Any other field of the experiment, by its TOML path, such as optimizer.rho=0.8; may be repeated."
    options = [
        _option("preset", "NAME|FILE", "A built-in preset, a saved one, or a TOML file.", start, complete_preset)
    ]
    for parameter in PARAMETERS:
        choices = KNOWN if parameter.name == "dataset" else parameter.choices or parameter.suggestions
        text = parameter.help
        if not text.startswith(tuple(KNOWN)):
            text = f"{text[:1].upper()}{text[1:]}"
        text = f"{text} ({parameter.bounds})."
        complete = among(choices) if choices else None
        options.append(_option(parameter.name, parameter.metavar, text, parameter.group, complete))
    return [
        *options,
        _option("set", "PATH=VALUE", path_help, start, complete_path, name="assignments", kind=list[str] | None),
        _option("seeds", "N", "Train N seeds as one group: --seed, --seed + 1, … (N ≥ 1).", training),
        _option("device", "auto|cpu|gpu[:N]", "Where to train.", training, complete_device, kind=str, default="auto"),
    ]


def _option(
    flag: str,
    metavar: str,
    text: str,
    heading: str,
    complete: Callable[..., list[str]] | None = None,
    *,
    name: str = "",
    kind: Any = str | None,
    default: str | None = None,
) -> inspect.Parameter:
    option = typer.Option(f"--{flag}", metavar=metavar, help=text, rich_help_panel=heading, autocompletion=complete)
    return inspect.Parameter(
        name or flag.replace("-", "_"),
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kind, option],
    )


def _laid_out(params: list[Any]) -> list[Any]:
    """Return the options as the help lists them: flags without a type; where some have a heading, the others last."""
    options = [param for param in params if isinstance(param, TyperOption)]
    headed = any(option.rich_help_panel for option in options)
    for option in options:
        if option.is_flag and option.metavar is None:
            option.metavar = ""
        if headed and not option.rich_help_panel:
            option.rich_help_panel = "Other options"
    return params


class BenchCommand(TyperCommand):
    """A command whose help lists flags without a type, and options without a heading last."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _laid_out(super().get_params(ctx))


class BenchGroup(TyperGroup):
    """A group of commands whose errors are sentences."""

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
            offer = _offer(get_close_matches(name, self.commands, n=2, cutoff=0.5))
            raise RequestError(f"there is no command {name!r}; {offer}`{ctx.command_path} --help` lists the commands")
        return super().resolve_command(ctx, args)


def _usage_sentence(error: typer.TyperException) -> str:
    """Return what is wrong with a command line's form, and where to look for help."""
    context = getattr(error, "ctx", None)
    command = getattr(context, "command_path", "") or PROGRAM
    if hasattr(error, "possibilities"):
        near: list[str] = list(getattr(error, "possibilities", None) or ())
        offer = _offer(near[:2])
        return f"there is no option {getattr(error, 'option_name', '')}; {offer}`{command} --help` lists the options"
    subcommands = getattr(getattr(context, "command", None), "commands", None)
    message = error.format_message().strip().rstrip(".").replace("Value error, ", "")
    if subcommands and message.startswith("Missing command"):
        return f"{command} needs a command: {', '.join(subcommands)}"
    return f"{message[:1].lower()}{message[1:]}; `{command} --help` shows how it is used"


def _offer(near: list[str]) -> str:
    return f"did you mean {' or '.join(near)}? " if near else ""


def run_or_study(runs_dir: Path, text: str) -> RunFolder | StudyFolder:
    """Return the run that `text` means, else the study; ``latest`` is the newest run.

    Raises:
        RunError: it means neither, or several runs.
    """
    try:
        return find_run(runs_dir, text)
    except RunError as error:
        study = None if isinstance(error, AmbiguousRunError) else _study(runs_dir, text)
        if study is None:
            raise
        return study


def runs_of(runs_dir: Path, text: str) -> list[RunFolder]:
    """Return the runs that `text` means: one run, those of a study in the order of its trials, or a group of seeds.

    Raises:
        RunError: it means none, several runs or several groups.
        StudyError: it means a study that has no runs.
    """
    try:
        return [find_run(runs_dir, text)]
    except AmbiguousRunError:
        raise
    except RunError as error:
        not_found = error
    study = _study(runs_dir, text)
    if study is None or text not in (study.id, str(study.path)):
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
    if study is None:
        raise not_found
    return runs_of_study(study)


def runs_of_study(study: StudyFolder) -> list[RunFolder]:
    """Return the runs of a study that exist, in the order of its trials. Raises StudyError where there are none."""
    named = [study.run(row.run) for row in replayed(study.events_file).rows if row.run]
    existing = [folder for folder in named if folder.experiment_file.is_file()]
    if not existing:
        raise StudyError(f"study {study.id} has no runs" + (": they were deleted" if named else " yet"))
    return existing


def _study(runs_dir: Path, text: str) -> StudyFolder | None:
    """Return the study that `text` means, if any; ``latest`` is a run."""
    if text == "latest":
        return None
    try:
        return find_study(runs_dir, text)
    except StudyError:
        return None
