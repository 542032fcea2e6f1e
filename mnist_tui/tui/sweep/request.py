"""Turn the texts of the sweep form into a study, and count its trials. No Textual."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from mnist_tui import PROGRAM
from mnist_tui.data.catalogue import validate_name
from mnist_tui.data.facts import resolved
from mnist_tui.errors import RequestError
from mnist_tui.experiment import complexity
from mnist_tui.experiment.fields import whole
from mnist_tui.experiment.parameters import PARAMETERS
from mnist_tui.experiment.presets import Preset
from mnist_tui.experiment.spec import MOST_FOLDS, checked
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.studies.spec import MANY_TRIALS, METRICS, SEARCH_TRIALS, STOPPING_NOTE, Study, SweepAxis
from mnist_tui.studies.start import StudyRequest, begin_study, parse_scheduler_address, study_request
from mnist_tui.studies.trials import (
    Trial,
    combinations,
    count_trials,
    ends_of,
    parse_over,
    plan_trials,
    preset_options,
    with_values,
)
from mnist_tui.wording import DASH, count, counted

MOST = {"seeds": 1_000, "folds": MOST_FOLDS, "trials": 100_000, "workers": 1_024, "threads": 1_024}
"""The largest number that each field accepts."""
MOST_CHECKED = 10_000
"""Combinations of a grid that are all checked while a person types."""
MOST_LISTED = 60
"""Planned trials that are listed beside the form."""
MOST_SIZED = 256
"""Combinations whose numbers of parameters are counted."""


class SweepRequestError(RequestError):
    """A form that cannot be turned into a study; `field` is the key of the wrong field, empty for the whole form."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)


class NothingToRepeatError(SweepRequestError):
    """A form that asks for a single training."""


@dataclass(frozen=True)
class SweepRequest:
    """The content of the sweep form.

    Attributes:
        axes: for each parameter to vary its name or TOML path, and its values as typed.
        texts: the other fields by name: seeds, folds, search, trials, prune, metric, workers, threads, scheduler; an
            empty or missing text means the default.
        device, data_dir: the options that the app was started with.
    """

    preset: Preset
    axes: tuple[tuple[str, str], ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict[str, str])
    device: str = "auto"
    data_dir: str | None = None

    def text(self, name: str) -> str:
        return self.texts.get(name, "").strip()

    def number(self, name: str) -> int | None:
        """Return a field's number, None if it is empty; raise RequestError if it is not from 1 to its limit."""
        text = self.text(name)
        try:
            return whole(text, 1, MOST[name]) if text else None
        except ValueError as error:
            raise RequestError(f"--{name} {text} {error}") from None


@dataclass(frozen=True)
class SweepPlan:
    """The study that a form describes, and its size.

    Attributes:
        sentence: how the number of trials comes about, for example ``3 × 2 values × 3 seeds = 18 trials``.
        heads: the heads of the columns of `listed`.
        listed: the first trials of a grid, each as a text for each column: its number, its values, its seed or fold if
            there are several, its number of parameters. Empty for a search, which chooses its trials later.
        sizes: the numbers of parameters of the smallest and the largest network; None if they were not counted.
        epochs: the epochs of each trial in words; empty where they are varied, and for networks without epochs.
        notes: sentences for the person to read before the start.
    """

    request: StudyRequest
    trials: int
    sentence: str
    heads: tuple[str, ...] = ()
    listed: tuple[tuple[str, ...], ...] = ()
    sizes: tuple[int, int] | None = None
    epochs: str = ""
    notes: tuple[str, ...] = ()


def study_of(request: SweepRequest) -> StudyRequest:
    """Return the study that a form describes; it is not checked whether the values suit the preset.

    Raises:
        SweepRequestError: a field is wrong.
    """
    try:
        workers, scheduler = request.number("workers"), request.text("scheduler") or None
        if scheduler is not None:
            parse_scheduler_address(scheduler)
        if scheduler is not None and workers is not None:
            raise SweepRequestError("workers", "a scheduler has workers of its own; leave Workers or Scheduler empty")
        seeds, folds = request.number("seeds") or 1, request.number("folds")
        if folds == 1:
            raise SweepRequestError("folds", f"1 leaves no images to train on; 2 to {MOST_FOLDS} work")
        if folds is not None and seeds > 1:
            raise SweepRequestError("folds", "folds are made with one seed; leave Folds empty, or Seeds at 1")
        search = {
            "kind": request.text("search") or "grid",
            "trials": request.number("trials"),
            "seed": request.preset.experiment.training.seed,
            "prune": request.text("prune") != "off",
            "metric": request.text("metric") or METRICS[0],
        }
        return study_request(
            request.preset,
            seeds,
            [_axis(row, name, values) for row, (name, values) in enumerate(request.axes)],
            folds=folds,
            search=search if request.axes else {},
            device=request.device,
            threads=request.number("threads"),
            workers=workers,
            scheduler=scheduler,
            data_dir=request.data_dir,
            allow_sample=True,
        )
    except RequestError as error:
        raise _at_field(error, request) from None


def _axis(row: int, name: str, values: str) -> SweepAxis:
    field = f"axis-{row}"
    if not all(value.strip() for value in values.split(",")):
        raise SweepRequestError(field, f"a value is missing; separate values by commas: {example_of(name)}")
    try:
        return parse_over(f"{name}={values}")
    except RequestError as error:
        raise SweepRequestError(field, _in_form_words(str(error))) from None


EXAMPLES = {
    "dataset": "mnist,fashion-mnist",
    "validation": "0.1,0.2",
    "limit": "1000,10000,none",
    "ppc": "4,7,14",
    "orientations": "4,8,16",
    "cells-per-block": "1,2",
    "filters": "8,16,32",
    "hidden": "50,100,200x100",
    "dropout": "0,0.25,0.5",
    "initializer": "he_normal,he_uniform",
    "start": "none,RUN",
    "shift": "0,1,2",
    "rotation": "0,10,20",
    "zoom": "0,0.1,0.2",
    "shear": "0,5,10",
    "elastic": "0,20,34",
    "noise": "0,0.05,0.1",
    "erasing": "0,0.25,0.5",
    "lr": "0.0001,0.001,0.01",
    "momentum": "0,0.5,0.9",
    "schedule": "constant,cosine",
    "warmup": "none,1,3",
    "clipvalue": "none,0.1,0.5",
    "clipnorm": "none,0.5,1",
    "global-clipnorm": "none,1,5",
    "label-smoothing": "none,0.05,0.1",
    "class-weights": "none,balanced",
    "batch-size": "64,256,1024",
    "epochs": "10,20,40",
    "patience": "5,10,none",
}
"""Examples of the values of an axis, by the parameter's name; a choice shows its first values."""


def example_of(name: str) -> str:
    """Return an example of the values of an axis, as they are typed."""
    choices = next((parameter.choices for parameter in PARAMETERS if parameter.name == name), ())
    return EXAMPLES.get(name) or ",".join(choices[:3]) or "0.8,0.9"


def first_axis(preset: Preset) -> tuple[str, str]:
    """Return a parameter that is worth varying, and three values around its present one; empty texts for none."""
    texts = {parameter.name: parameter.read(preset.experiment) for parameter in PARAMETERS}
    if (hidden := texts["hidden"]).isdecimal() and int(hidden) > 1:
        return "hidden", f"{int(hidden) // 2},{hidden},{2 * int(hidden)}"
    with suppress(ValueError):
        rate = float(texts["lr"])
        return "lr", f"{rate / 3:.1g},{texts['lr']},{3 * rate:.1g}"
    return "", ""


LABELS = {parameter.name: parameter.label for parameter in PARAMETERS} | {
    "search": "Search",
    "seeds": "Seeds",
    "folds": "Folds",
}


def _in_form_words(sentence: str) -> str:
    """Return a sentence of the command line in the form's words: labels in place of options, no leading option."""
    sentence = re.sub(r"^--over [\w.\-]+=.*?: (?=--)", "", sentence)
    sentence = re.sub(r"^--[\w-]+ ", "", sentence)
    return re.sub(r"--([\w-]+)", lambda option: LABELS.get(option[1], option[1]), sentence)


def _at_field(error: RequestError, request: SweepRequest) -> SweepRequestError:
    """Return an error with the field whose option its sentence begins with, as in ``--seeds 0 is out of bounds``."""
    if isinstance(error, SweepRequestError):
        return error
    option = re.match(r"--(\w+)(?: ([\w.\-]+)=)?", str(error))
    name = option[1] if option else ""
    if option and name == "over":
        name = next((f"axis-{at}" for at, (axis, _) in enumerate(request.axes) if axis == option[2]), "")
    return SweepRequestError(name, _in_form_words(str(error)))


def plan_of(request: SweepRequest) -> SweepPlan:
    """Return the study that a form describes, and its size; every combination of a grid is checked.

    Raises:
        SweepRequestError: a field or a combination is wrong.
    """
    wanted = study_of(request)
    study, trials = wanted.study, count_trials(wanted.study)
    if not study.axes and trials == 1:
        raise NothingToRepeatError("", "one seed is one training: add a parameter to vary (Ctrl+N), seeds or folds")
    planned: tuple[Trial, ...] = ()
    try:
        if study.search.kind != "grid" or trials <= MOST_CHECKED:
            planned = plan_trials(study, wanted.bases)
    except RequestError as error:
        raise _at_field(error, request) from None
    sizes, notes = _sizes(study, request.preset), tuple(_notes(study, trials, request))
    heads, listed = _trial_table(study, planned[:MOST_LISTED], request.preset)
    experiment = request.preset.experiment
    are_same = experiment.trains_in_epochs and {"epochs", "training.epochs"}.isdisjoint(dict(request.axes))
    epochs = counted(experiment.training.epochs, "epoch") if are_same else ""
    return SweepPlan(wanted, trials, _sentence_of(study, trials), heads, listed, sizes, epochs, notes)


def _trial_table(
    study: Study, trials: Iterable[Trial], preset: Preset
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return the heads of the columns of planned trials, and a row of texts for each trial."""
    base = study.bases[0]
    repeated = base.repetitions > 1 or not study.axes
    names = (LABELS.get(axis.name, axis.name) for axis in study.axes)
    heads = ("#", *names, *(["Fold" if base.folds else "Seed"] if repeated else []), "Parameters")
    sizes: dict[tuple[str, ...], str] = {}
    rows: list[tuple[str, ...]] = []
    for trial in trials:
        values = tuple(trial.values.values())
        if values not in sizes:
            sizes[values] = DASH
            with suppress(RequestError):
                sizes[values] = count(complexity.of(with_values(preset, tuple(trial.values.items())).experiment).total)
        repetition = [f"{trial.fold} of {base.folds}" if trial.fold else f"{trial.seed}"] if repeated else []
        rows.append((f"{trial.number}", *values, *repetition, sizes[values]))
    return heads, tuple(rows)


def _sentence_of(study: Study, trials: int) -> str:
    base = study.bases[0]
    if not study.axes:
        first, last = base.first_seed, base.first_seed + base.seeds - 1
        repeated = f"{base.folds} folds" if base.folds else f"{counted(base.seeds, 'seed')}, {first} to {last}"
        return f"{repeated} = {counted(trials, 'trial')}"
    sizes = [str(len(axis.values)) for axis in study.axes]
    if study.search.kind != "grid":
        parts = [f"{counted(trials // base.repetitions, 'point')} by {study.search.kind} search"]
    else:
        parts = [f"{' × '.join(sizes)} value{'' if sizes == ['1'] else 's'}"]
    parts += [counted(base.repetitions, "fold" if base.folds else "seed")] if base.repetitions > 1 else []
    return f"{' × '.join(parts)} = {counted(trials, 'trial')}"


def sizes_text(sizes: tuple[int, int] | None) -> str:
    """Describe the sizes of the networks, for example ``39,760 to 198,760 parameters each``."""
    if sizes is None:
        return ""
    low, high = sizes
    return f"{counted(low, 'parameter')} each" if low == high else f"{count(low)} to {counted(high, 'parameter')} each"


def command_of(request: StudyRequest, preset_file: str) -> str:
    """Return the command line that starts the same study.

    Args:
        preset_file: the preset's file, for a preset that the command line cannot describe by a name and options.
    """
    study, (base,) = request.study, request.bases.values()
    search, seeds, is_sampled = study.search, study.bases[0].seeds, study.search.kind != "grid"
    words = [PROGRAM, "sweep" if study.axes else "train", "--preset"]
    words += preset_options(base, base.name) or [preset_file]
    for flag, value in (
        *(("--over", axis.text) for axis in study.axes),
        ("--seeds", seeds if seeds > 1 else None),
        ("--folds", study.bases[0].folds),
        ("--search", search.kind if is_sampled else None),
        ("--trials", search.points if is_sampled else None),
        ("--metric", search.metric if search.metric != METRICS[0] else None),
        ("--workers", study.workers if study.axes else None),
        ("--threads", study.threads),
        ("--scheduler", study.scheduler if study.axes else None),
        ("--device", study.device if study.device != "auto" else None),
        ("--data-dir", study.data_dir),
    ):
        words += [flag, str(value)] if value is not None else []
    words += [] if search.prune else ["--no-prune"]
    words += ["--yes"] if count_trials(study) > MANY_TRIALS else []
    return shlex.join(words)


def _sizes(study: Study, preset: Preset) -> tuple[int, int] | None:
    """Return the smallest and largest number of parameters over all combinations; None if there are too many."""
    ends = ends_of(study.axes)
    if math.prod(len(axis.values) for axis in ends) > MOST_SIZED:
        return None
    totals: list[int] = []
    for values in combinations(ends):
        with suppress(RequestError):
            totals.append(complexity.of(with_values(preset, values).experiment).total)
    return (min(totals), max(totals)) if totals else None


def _notes(study: Study, trials: int, request: SweepRequest) -> Iterable[str]:
    if trials > MANY_TRIALS:
        yield f"more than {MANY_TRIALS:,} trials: you are asked once more"
    if study.bases[0].folds:
        yield (
            "each fold is held out once and scores the model that was trained on the others; the test set is not used"
        )
        if request.preset.experiment.training.early_stopping is not None:
            yield STOPPING_NOTE
    elif study.compares and request.preset.experiment.dataset.validation == "test":
        yield (
            "trials are compared on the test set, so the test accuracy of the best one is too optimistic; "
            "Validation 0.2 in the editor holds training images out"
        )
    if study.compares and study.search.kind != "grid" and not request.text("trials"):
        yield f"{SEARCH_TRIALS} points by default"


def start_sweep(runs_dir: Path, request: SweepRequest) -> tuple[StudyFolder, str]:
    """Start the study that a form describes; an unfinished study with the same settings is resumed instead.

    Returns:
        The study's folder, and a sentence if the study existed already.

    Raises:
        RequestError: the request is wrong, the extra is not installed, no scheduler answers, or the folder cannot be
            written.
        OSError: no process can be started.
    """
    validate_name(request.preset.experiment.dataset.name)
    preset = replace(request.preset, experiment=checked(resolved(request.preset.experiment)))
    wanted = study_of(replace(request, preset=preset))

    def command(folder: StudyFolder) -> str:
        (base,) = wanted.bases
        return command_of(wanted, str(folder.presets / f"{base}.toml"))

    return begin_study(runs_dir, wanted, command_of=command)
