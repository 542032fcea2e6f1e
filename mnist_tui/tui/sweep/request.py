"""Turn the texts typed into the form of a sweep into a study, and count its trials. No Textual."""

from __future__ import annotations

import itertools
import math
import re
import shlex
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mnist_tui import PROGRAM
from mnist_tui.data.places import validate_name, with_whole_name
from mnist_tui.errors import RequestError
from mnist_tui.experiment import complexity
from mnist_tui.experiment.fields import whole
from mnist_tui.experiment.presets import Preset
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.studies.spec import SEARCH_TRIALS, Study, SweepAxis, checked
from mnist_tui.studies.start import StudyRequest, base_of, begin_study, require_extra, seeds_title
from mnist_tui.studies.trials import (
    combinations,
    count_trials,
    ends_of,
    parse_over,
    plan_trials,
    preset_options,
    with_values,
)
from mnist_tui.wording import count, counted, listed

KINDS = ("grid", "random", "tpe")
METRICS = ("val_accuracy", "val_loss")
MOST = {"seeds": 1_000, "trials": 100_000, "workers": 1_024, "threads": 1_024}
"""As on the command line."""
MANY = 1_000
"""Trials beyond which one is asked first."""
SIZED = 256
"""Combinations whose parameters are counted."""


class SweepRequestError(RequestError):
    """An error in a request; `field` is the name of the field with the error, empty for the whole form."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)


@dataclass(frozen=True)
class SweepRequest:
    """The content of the form.

    Attributes:
        axes: for each swept parameter its name or TOML path, and its values as typed.
        texts: the other fields by name: seeds, search, trials, prune, metric, workers, threads, scheduler; an empty or
            missing text means the default.
        device, data_dir: the options that the app was started with.
    """

    preset: Preset
    axes: tuple[tuple[str, str], ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict[str, str])
    device: str = "auto"
    data_dir: str | None = None

    @property
    def base(self) -> str:
        """The name of the preset inside the study."""
        return base_of(self.preset, 1).preset

    def text(self, name: str) -> str:
        return self.texts.get(name, "").strip()


@dataclass(frozen=True)
class SweepPlan:
    """The study that a request describes.

    Attributes:
        sentence: ``3 × 2 values × 3 seeds = 18 trials``.
        sizes: the numbers of parameters of the smallest and the largest network; None if they were not counted.
        notes: sentences for the person to read before the start.
    """

    study: Study
    trials: int
    sentence: str
    sizes: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()


def study_of(request: SweepRequest, created: float = 0.0) -> Study:
    """Return the requested study without trying its values on the preset.

    Raises:
        SweepRequestError: a field is wrong; the sentence is that of the command line.
    """
    seeds = _whole(request, "seeds") or 1
    axes: list[SweepAxis] = []
    for at, (name, values) in enumerate(request.axes):
        try:
            axes.append(parse_over(f"{name}={values}"))
        except RequestError as error:
            raise SweepRequestError(f"axis-{at}", str(error)) from None
    kind = request.text("search") or "grid"
    trials = _whole(request, "trials") if kind != "grid" else None
    workers, threads = _whole(request, "workers"), _whole(request, "threads")
    scheduler = request.text("scheduler") or None
    if scheduler is not None and not re.fullmatch(r"(tcp|tls)://[^\s:/]+:\d+", scheduler):
        raise SweepRequestError(
            "scheduler", f"--scheduler {scheduler} is not a valid address; tcp://HOST:PORT, such as tcp://10.0.0.5:8786"
        )
    if scheduler is not None and workers is not None:
        raise SweepRequestError(
            "workers", "--workers does not go with --scheduler: that cluster has the workers that it has"
        )
    if not axes and kind != "grid":
        raise SweepRequestError("search", f"a {kind} search needs at least one parameter to vary")
    preset = request.preset
    search = {
        "kind": kind,
        "trials": trials,
        "seed": preset.experiment.training.seed,
        "prune": request.text("prune") != "off",
        "metric": request.text("metric") or METRICS[0],
    }
    try:
        return checked(
            kind="sweep" if axes else "seeds",
            title=f"{preset.name} over {listed([axis.name for axis in axes])}" if axes else seeds_title(preset, seeds),
            bases=(base_of(preset, seeds),),
            axes=tuple(axes),
            search=search if axes else {},
            device=request.device,
            threads=threads,
            workers=workers,
            scheduler=scheduler,
            data_dir=request.data_dir,
            allow_sample=True,
            created=created,
        )
    except RequestError as error:
        raise SweepRequestError("", str(error)) from None


def plan_of(request: SweepRequest) -> SweepPlan:
    """Return the study and its size, having tried every combination of a grid; it raises as `study_of` does."""
    study = study_of(request)
    trials = count_trials(study)
    bases = {request.base: request.preset}
    if not study.axes and trials == 1:
        raise SweepRequestError("", "one seed is one training: add a parameter to vary (Ctrl+N), or seeds")
    try:
        if study.search.kind != "grid" or trials <= 10 * MANY:
            plan_trials(study, bases)
    except RequestError as error:
        named = re.match(r"--over ([\w.\-]+)=", str(error))
        axes = (f"axis-{at}" for at, axis in enumerate(study.axes) if named and axis.name == named[1])
        raise SweepRequestError(next(axes, ""), str(error)) from None
    sizes, notes = _sizes(study, request.preset), tuple(_notes(study, trials, request))
    return SweepPlan(study, trials, sentence_of(study, trials), sizes, notes)


def sentence_of(study: Study, trials: int) -> str:
    """Return ``3 × 2 values × 3 seeds = 18 trials``; for a search, the number of sampled points."""
    seeds = study.bases[0].seeds
    if not study.axes:
        first = study.bases[0].first_seed
        return f"{counted(seeds, 'seed')}, {first} to {first + seeds - 1} = {counted(trials, 'trial')}"
    sizes = [str(len(axis.values)) for axis in study.axes]
    if study.search.kind != "grid":
        parts = [f"{counted(trials // seeds, 'point')} by {study.search.kind} search"]
    else:
        parts = [f"{' × '.join(sizes)} value{'' if sizes == ['1'] else 's'}"]
    parts += [counted(seeds, "seed")] if seeds > 1 else []
    return f"{' × '.join(parts)} = {counted(trials, 'trial')}"


def sizes_text(sizes: tuple[int, int] | None) -> str:
    """Return ``39,760 to 198,760 parameters each``."""
    if sizes is None:
        return ""
    low, high = sizes
    return f"{counted(low, 'parameter')} each" if low == high else f"{count(low)} to {counted(high, 'parameter')} each"


def command_of(request: SweepRequest, study: Study, preset_file: str) -> str:
    """Return the command line that starts the same study.

    Args:
        preset_file: the preset's file; used if its name and options cannot describe the experiment.
    """
    preset = ["--preset", *(preset_options(request.preset, request.preset.name) or [preset_file])]
    words = [PROGRAM, "sweep" if study.axes else "train", *preset]
    words += [word for axis in study.axes for word in ("--over", axis.text)]
    if study.bases[0].seeds > 1:
        words += ["--seeds", str(study.bases[0].seeds)]
    search = study.search
    if study.axes and search.kind != "grid":
        words += ["--search", search.kind, "--trials", str(search.points)]
    if study.axes and not search.prune:
        words.append("--no-prune")
    if study.axes and search.metric != METRICS[0]:
        words += ["--metric", search.metric]
    for flag, value in (
        ("--workers", study.workers if study.axes else None),
        ("--threads", study.threads),
        ("--scheduler", study.scheduler if study.axes else None),
        ("--device", study.device if study.device != "auto" else None),
        ("--data-dir", study.data_dir),
    ):
        words += [flag, str(value)] if value is not None else []
    if study.axes and count_trials(study) > MANY:
        words.append("--yes")
    return shlex.join(words)


def _whole(request: SweepRequest, name: str) -> int | None:
    text = request.text(name)
    if not text:
        return None
    try:
        return whole(text, 1, MOST[name])
    except ValueError as error:
        raise SweepRequestError(name, f"--{name} {text} {error}") from None


def _sizes(study: Study, preset: Preset) -> tuple[int, int] | None:
    """Return the smallest and largest number of parameters over all combinations; None if there are too many."""
    ends = ends_of(study.axes)
    if math.prod(len(axis.values) for axis in ends) > SIZED:
        return None
    totals: list[int] = []
    for values in itertools.islice(combinations(ends), SIZED):
        try:
            totals.append(complexity.of(with_values(preset, values).experiment).total)
        except RequestError:
            continue
    return (min(totals), max(totals)) if totals else None


def _notes(study: Study, trials: int, request: SweepRequest) -> Iterable[str]:
    if trials > MANY:
        yield f"more than {MANY:,} trials: you are asked once more"
    if study.compares and request.preset.experiment.dataset.validation == "test":
        yield (
            "trials are compared on the test set, so the test accuracy of the best one is too optimistic; "
            "Validation 0.2 in the editor holds training images out"
        )
    if study.compares and study.search.kind != "grid" and not request.text("trials"):
        yield f"{SEARCH_TRIALS} points unless told otherwise"


def start_sweep(runs_dir: Path, request: SweepRequest) -> tuple[StudyFolder, str]:
    """Start the study's process; an unfinished study with the same settings is resumed instead.

    Returns:
        The study's folder, and a sentence if the study existed already.

    Raises:
        RequestError: the request is wrong, the extra is not installed, no scheduler answers, or the folder cannot be
            written.
        OSError: no process can be started.
    """
    require_extra()
    validate_name(request.preset.experiment.dataset.name)
    request = replace(request, preset=replace(request.preset, experiment=with_whole_name(request.preset.experiment)))
    study = study_of(request, time.time())

    def command(folder: StudyFolder) -> str:
        return command_of(request, study, str(folder.presets / f"{request.base}.toml"))

    return begin_study(runs_dir, StudyRequest(study, {request.base: request.preset}), command_of=command)
