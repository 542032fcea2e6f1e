"""The options that commands share: an experiment's, made from the declaration of parameters, and the places.

A command that takes an experiment is decorated with `with_experiment` and gets it as its argument `request`.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from mnist_tui.cli.open_app import usual_runs_dir
from mnist_tui.cli.output import confirmed, print_note
from mnist_tui.cli.run_or_study import run_or_study
from mnist_tui.data.catalogue import KNOWN
from mnist_tui.data.places import with_whole_name
from mnist_tui.experiment import presets
from mnist_tui.experiment.field_paths import paths_of
from mnist_tui.experiment.field_values import whole
from mnist_tui.experiment.parameters import PARAMETERS, Parameter, apply_texts
from mnist_tui.experiment.presets import STARTERS, Preset
from mnist_tui.experiment.problem import RequestError
from mnist_tui.paths import PathError, typed_path
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.library import run_folders
from mnist_tui.settings import Refresh
from mnist_tui.studies.folder import StudyFolder, study_folders

STARTING_POINT = "Where to start"
MAX_SEEDS = 1_000


COMPLETED = {"dataset": tuple(KNOWN), "schedule": ("constant", "cosine", "exp:"), "validation": ("test",)}
"""By the name of a parameter that takes other texts, too: those that a shell may complete."""


def among(choices: Iterable[str]) -> Callable[[str], list[str]]:
    """Completes one of a few words."""
    words = tuple(choices)
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


def among_several(choices: Iterable[str]) -> Callable[[str], list[str]]:
    """Completes the last of several words that are joined by commas; none is offered twice."""
    words = tuple(choices)

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        given = before.split(",")
        return [f"{before}{comma}{word}" for word in words if word.startswith(last) and word not in given]

    return complete


def complete_path(ctx: typer.Context, incomplete: str) -> list[str]:
    """The TOML paths that `--set` takes, of the preset on the command line, else of the first starter."""
    try:
        experiment = presets.find_preset(ctx.params.get("preset") or STARTERS[0]).experiment
    except RequestError:
        return []
    return [f"{path}=" for path in paths_of(experiment) if path.startswith(incomplete)]


def complete_preset(incomplete: str) -> list[str]:
    """The presets whose names begin so."""
    return [name for name in presets.names() if name.startswith(incomplete)]


def complete_run(ctx: typer.Context, incomplete: str) -> list[str]:
    """The runs whose ids begin so, newest first."""
    try:
        ids = [folder.id for folder in run_folders(runs_folder(ctx))]
    except PathError:
        return []
    return [name for name in ["latest", *ids] if name.startswith(incomplete)]


def complete_study(ctx: typer.Context, incomplete: str) -> list[str]:
    """The studies whose ids begin so, newest first."""
    try:
        return [folder.id for folder in study_folders(runs_folder(ctx)) if folder.id.startswith(incomplete)]
    except PathError:
        return []


def complete_run_or_study(ctx: typer.Context, incomplete: str) -> list[str]:
    """The runs and the studies whose ids begin so."""
    return [*complete_run(ctx, incomplete), *complete_study(ctx, incomplete)]


complete_device = among(("auto", "cpu", "gpu", "gpu:0"))

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        parser=typed_path,
        help="Folder that holds mnist/, fashion-mnist/ … (or MNIST_TUI_DATA).",
    ),
]
RunsDir = Annotated[
    Path | None,
    typer.Option("--runs-dir", metavar="DIR", parser=typed_path, help="Folder of the runs (or MNIST_TUI_RUNS)."),
]
RefreshOption = Annotated[
    Refresh | None,
    typer.Option(
        "--refresh", metavar="normal|slow|auto", help="How often live screens are redrawn; auto: by the terminal."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; needed where there is no terminal to ask on.")]
Run = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="A run's id, a unique beginning of one, its folder, or latest.", autocompletion=complete_run
    ),
]

RunOrStudy = Annotated[
    str,
    typer.Argument(
        metavar="RUN|STUDY",
        help="A run's or a study's id, a unique beginning of one, its folder, or latest: the newest run.",
        autocompletion=complete_run_or_study,
    ),
]


def runs_folder(ctx: typer.Context, given: Path | None = None) -> Path:
    """The folder of the runs: the option after the command, before it, or the usual one."""
    return given or _before(ctx, "runs_dir") or usual_runs_dir(tell=not ctx.resilient_parsing)


def data_folder(ctx: typer.Context, given: Path | None = None) -> Path | None:
    """The data folder that was named by an option; None where none was."""
    return given or _before(ctx, "data_dir")


def chosen_run(ctx: typer.Context, text: str, runs_dir: Path | None) -> RunFolder:
    """The run that the command names; for a study's id, what goes with studies is said."""
    found = run_or_study(runs_folder(ctx, runs_dir), text)
    if isinstance(found, StudyFolder):
        raise RequestError(
            f"{found.id} is a study, and one run is wanted here: `mnist-tui studies` has show, stop and delete for it, "
            "resume goes on with it, attach opens it; compare, report, export and complexity take all its runs"
        )
    return found


def may_delete(what: str, *, yes: bool) -> bool:
    """Ask whether something may be deleted, unless ``--yes`` was given.

    Args:
        what: what would be deleted: ``run ID``.

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


def _before(ctx: typer.Context, name: str) -> Path | None:
    return ctx.find_root().params.get(name)


@dataclass(frozen=True)
class Request:
    """What the experiment options said.

    Attributes:
        preset: name or file; None where it was not given.
        texts: the parameters given, by name.
        sets: the assignments of ``--set``.
        device: auto, cpu or gpu[:N].
        seeds: how many seeds are trained, from the experiment's own on; None where it was not given.
    """

    preset: str | None
    texts: Mapping[str, str]
    sets: tuple[str, ...]
    device: str
    seeds: int | None = None

    @property
    def flags(self) -> list[str]:
        """The experiment options that were given, by their names on the command line."""
        return [
            *(["--preset"] if self.preset is not None else []),
            *(parameter.flag for parameter in PARAMETERS if parameter.name in self.texts),
            *(["--set"] if self.sets else []),
            *(["--seeds"] if self.seeds is not None else []),
        ]

    def one_seed(self, what: str) -> None:
        """Refuses ``--seeds`` where there is one experiment only.

        Args:
            what: why there is (``the counts are the same for every seed``).

        Raises:
            RequestError: it was given.
        """
        if self.seeds is not None:
            raise RequestError(f"--seeds {self.seeds} does not go with this command: {what}; train and sweep take it")

    def chosen(self) -> Preset:
        """The preset with its parameters changed.

        Raises:
            RequestError: there is no preset, or the experiment is not valid.
        """
        if self.preset is None:
            why = f"{self.flags[0]} changes a preset" if self.flags else "an experiment starts from a preset"
            names = ", ".join(STARTERS[:-1])
            raise RequestError(
                f"{why}: add --preset with {names} or {STARTERS[-1]} (`mnist-tui presets list` shows all)"
            )
        return self.changed(presets.find_preset(self.preset))

    def changed(self, preset: Preset) -> Preset:
        """A preset with the parameters that were given.

        Raises:
            RequestError: the experiment is not valid.
        """
        return presets.edited(preset, with_whole_name(apply_texts(preset.experiment, self.texts, self.sets)))


def checked_device(text: str) -> str:
    """The device as a run records it.

    Raises:
        RequestError: it is none of auto, cpu, gpu and gpu:N.
    """
    if not re.fullmatch(r"auto|cpu|gpu(:\d{1,3})?", text.lower()):
        raise RequestError(f"--device {text} is not known; auto, cpu, gpu and gpu:N (gpu:0 is the first) are")
    return text.lower()


def checked_whole(flag: str, text: str | None, highest: int) -> int | None:
    """The whole number from 1 on that an option was given; None for none.

    Raises:
        RequestError: it is none, or too large.
    """
    if text is None:
        return None
    try:
        return whole(text, 1, highest)
    except ValueError as error:
        raise RequestError(f"{flag} {text} {error}") from None


def with_experiment(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command every experiment option; it receives them as `request`."""
    own = [entry for entry in inspect.signature(command, eval_str=True).parameters.values() if entry.name != "request"]
    options = [_preset_option(), *map(_option, PARAMETERS), *_other_options()]

    def run(**values: Any) -> None:
        texts = {parameter.name: values.pop(_variable(parameter)) for parameter in PARAMETERS}
        request = Request(
            preset=values.pop("preset"),
            texts={name: text for name, text in texts.items() if text is not None},
            sets=tuple(values.pop("assignments") or ()),
            device=checked_device(values.pop("device")),
            seeds=checked_whole("--seeds", values.pop("seeds"), MAX_SEEDS),
        )
        command(request=request, **values)

    whole = [entry.replace(kind=inspect.Parameter.KEYWORD_ONLY) for entry in (*options, *own)]
    run.__signature__ = inspect.Signature(whole)  # pyright: ignore[reportFunctionMemberAccess]
    run.__annotations__ = {entry.name: entry.annotation for entry in whole}
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    return run


def _variable(parameter: Parameter) -> str:
    return parameter.name.replace("-", "_")


def _help(parameter: Parameter) -> str:
    text = (
        parameter.help
        if parameter.help.startswith(tuple(KNOWN))
        else f"{parameter.help[:1].upper()}{parameter.help[1:]}"
    )
    return f"{text} ({parameter.bounds})."


def _option(parameter: Parameter) -> inspect.Parameter:
    choices = parameter.choices or COMPLETED.get(parameter.name, ())
    return _keyword(
        _variable(parameter),
        str | None,
        typer.Option(
            parameter.flag,
            metavar=parameter.metavar,
            help=_help(parameter),
            rich_help_panel=parameter.group,
            autocompletion=among(choices) if choices else None,
        ),
    )


def _preset_option() -> inspect.Parameter:
    return _keyword(
        "preset",
        str | None,
        typer.Option(
            "--preset",
            metavar="NAME|FILE",
            help="A built-in preset, a saved one, or a TOML file.",
            rich_help_panel=STARTING_POINT,
            autocompletion=complete_preset,
        ),
    )


def _other_options() -> list[inspect.Parameter]:
    anything = typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Any other field of the experiment, by its TOML path, such as optimizer.rho=0.8; may be repeated.",
        rich_help_panel=STARTING_POINT,
        autocompletion=complete_path,
    )
    device = typer.Option(
        "--device",
        metavar="auto|cpu|gpu[:N]",
        help="Where to train.",
        rich_help_panel="Training",
        show_default=True,
        autocompletion=complete_device,
    )
    seeds = typer.Option(
        "--seeds",
        metavar="N",
        help="Train N seeds as one group: --seed, --seed + 1, … (N ≥ 1).",
        rich_help_panel="Training",
    )
    return [
        _keyword("assignments", list[str] | None, anything),
        _keyword("seeds", str | None, seeds),
        _keyword("device", str, device, "auto"),
    ]


def _keyword(name: str, kind: Any, option: Any, default: Any = None) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option])
