"""The options that change an experiment, one for each of its parameters.

A command that takes an experiment is decorated with `with_experiment` and gets it as its argument `request`. The other
shared options are in `options`, for commands that need no experiment and therefore no pydantic.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from mnist_tui.cli.options import (
    DEVICES,
    MAX_SEEDS,
    among,
    checked_device,
    checked_whole,
    complete_device,
    complete_preset,
    option,
)
from mnist_tui.data.catalogue import KNOWN
from mnist_tui.data.facts import newly_chosen, resolved
from mnist_tui.errors import RequestError
from mnist_tui.experiment.fields import paths_of
from mnist_tui.experiment.parameters import PARAMETERS, Parameter, apply_texts
from mnist_tui.experiment.preset_files import STARTERS
from mnist_tui.experiment.presets import Preset, edited, find_preset
from mnist_tui.experiment.spec import MOST_FOLDS
from mnist_tui.wording import listed


def complete_path(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the TOML path of a field of the preset that ``--preset`` names, else of the first starter preset."""
    try:
        experiment = find_preset(ctx.params.get("preset") or STARTERS[0]).experiment
    except RequestError:
        return []
    return among(f"{path}=" for path in paths_of(experiment))(incomplete)


@dataclass(frozen=True)
class Request:
    """The experiment options of a command line.

    Attributes:
        preset: the preset's name or file; None if not given.
        texts: the texts of the given parameters, by the parameter's name.
        sets: the assignments of ``--set``, such as ``training.epochs=5``.
        seeds: how many seeds are trained, from the experiment's own seed on; None if not given.
        folds: the number of folds of a cross-validation; None if not given.
    """

    preset: str | None
    texts: Mapping[str, str]
    sets: tuple[str, ...]
    device: str
    seeds: int | None = None
    folds: int | None = None

    @property
    def makes_study(self) -> bool:
        """Whether the preset is trained several times: with several seeds, or on folds."""
        return self.seeds is not None or self.folds is not None

    @property
    def flags(self) -> list[str]:
        """The names of the experiment options that were given."""
        return [
            *(["--preset"] if self.preset is not None else []),
            *(parameter.flag for parameter in PARAMETERS if parameter.name in self.texts),
            *(["--set"] if self.sets else []),
            *(["--seeds"] if self.seeds is not None else []),
            *(["--folds"] if self.folds is not None else []),
        ]

    def one_seed(self, reason: str) -> None:
        """Raise RequestError with this reason if ``--seeds`` or ``--folds`` was given."""
        for flag, number in (("--seeds", self.seeds), ("--folds", self.folds)):
            if number is not None:
                raise RequestError(f"{flag} {number} does not go with this command: {reason}; train and sweep take it")

    def chosen(self) -> Preset:
        """Return the named preset with the options applied; raise RequestError if it is missing or becomes invalid."""
        if self.preset is None:
            why = f"{self.flags[0]} changes a preset" if self.flags else "an experiment starts from a preset"
            names = listed(STARTERS, "or")
            raise RequestError(f"{why}: add --preset with {names} (`mnist-tui presets list` shows all)")
        return self.changed(find_preset(self.preset))

    def changed(self, preset: Preset) -> Preset:
        """Return another preset with the options applied; raise RequestError if the experiment is not valid."""
        return edited(
            preset, apply_texts(preset.experiment, self.texts, self.sets, resolve=resolved, choose=newly_chosen)
        )


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
            folds=checked_whole("--folds", values.pop("folds"), MOST_FOLDS, lowest=2),
        )
        if request.seeds is not None and request.folds is not None:
            raise RequestError("--seeds does not go with --folds: the folds are made with one seed (--seed)")
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
    seeds_help = "Train N seeds as one group: --seed, --seed + 1, … (whole number, 1 or more)."
    folds_help = f"Cross-validate: hold out each of K parts of the training images once (2 to {MOST_FOLDS})."
    paths = option("--set", "PATH=VALUE", path_help, panel=start, complete=complete_path)
    device = option("--device", DEVICES, "Where to train.", panel=training, complete=complete_device)
    return [
        _keyword("preset", option("--preset", "NAME|FILE", preset_help, panel=start, complete=complete_preset)),
        *(_keyword(parameter.name.replace("-", "_"), _option_of(parameter)) for parameter in PARAMETERS),
        _keyword("assignments", paths, list[str] | None),
        _keyword("seeds", option("--seeds", "N", seeds_help, panel=training)),
        _keyword("folds", option("--folds", "K", folds_help, panel=training)),
        _keyword("device", device, str, "auto"),
    ]


def _keyword(name: str, declared: Any, kind: Any = str | None, default: str | None = None) -> inspect.Parameter:
    annotation = Annotated[kind, declared]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _option_of(parameter: Parameter) -> Any:
    choices = KNOWN if parameter.name == "dataset" else parameter.choices or parameter.suggestions
    text = f"{parameter.help[:1].upper()}{parameter.help[1:]} ({parameter.hint})."
    complete = among(choices) if choices else None
    return option(f"--{parameter.name}", parameter.metavar, text, panel=parameter.group, complete=complete)
