"""The trials of a study: plan them, and check every value before any training starts."""

from __future__ import annotations

import itertools
import math
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from pydantic import ValidationError

from mnist_tui import PROGRAM
from mnist_tui.data.catalogue import validate_name
from mnist_tui.data.errors import DataError
from mnist_tui.data.facts import resolved
from mnist_tui.errors import RequestError
from mnist_tui.experiment.parameters import PARAMETERS, ParameterError, apply_texts
from mnist_tui.experiment.preset_files import PresetError
from mnist_tui.experiment.presets import Preset, edited, find_preset
from mnist_tui.experiment.spec import Experiment, Fold, problems_of, revalidated, to_mapping, with_part
from mnist_tui.studies.spec import RANGE, Study, StudyBase, SweepAxis
from mnist_tui.studies.state import Values

NAMES = tuple(parameter.name for parameter in PARAMETERS)
SEEDS = ("seed", "training.seed")
DATASET_NAMES = ("dataset", "dataset.name")
MOST_CHECKED = 500
"""The most combinations of ranges' ends that are checked before a search; of more, each value is checked alone."""


@dataclass(frozen=True)
class Trial:
    """One training of a study.

    Attributes:
        number: from 1.
        base: the name, within the study, of the experiment that it starts from.
        values: by axis, as typed.
        preset: the base with these values, this seed and this fold.
        fold: the fold that is held out, from 1; 0 without cross-validation.
    """

    number: int
    base: str
    values: Mapping[str, str]
    seed: int
    preset: Preset
    fold: int = 0


def parse_over(text: str) -> SweepAxis:
    """Return an axis from its typed form: ``hidden=150,250,200x100``; ``lr=0.0001..0.01:log`` for a search.

    Commas inside brackets, braces and quotes belong to a value.

    Raises:
        RequestError: the text does not have that form, a value is not valid, or no parameter or field has that name.
    """
    name, separator, rest = text.partition("=")
    name, values = name.strip().removeprefix("--"), _split(rest)
    if not separator or not name or not values or not all(values):
        raise RequestError(f"--over {text} is not of the form NAME=VALUE,VALUE, such as hidden=150,250")
    _check_name(name, text)
    try:
        return SweepAxis(name=name, values=tuple(map(validate_name, values) if name in DATASET_NAMES else values))
    except DataError as error:
        raise RequestError(f"--over {name}={rest}: {error}") from None
    except ValidationError as error:
        raise RequestError(f"--over {'; '.join(problem.message for problem in problems_of(error))}") from None


def plan_trials(study: Study, bases: Mapping[str, Preset]) -> tuple[Trial, ...]:
    """Return all trials of a grid: by base, then by the axes (the last changes fastest), then by seed or fold.

    For a search, check the values as far as possible and return no trials, because they are sampled later.

    Args:
        bases: the experiment of each of the study's bases, by the base's name.

    Raises:
        RequestError: a value or a combination makes no valid experiment, or two combinations make the same one.
    """
    for axis in study.axes:
        _check_name(axis.name, axis.text)
    if study.search.kind != "grid":
        _check_search(study, bases[study.bases[0].preset])
        return ()
    trials: list[Trial] = []
    for base in study.bases:
        seen: dict[Experiment, Values] = {}
        for values in combinations(study.axes):
            preset = with_values(bases[base.preset], values)
            before = seen.setdefault(preset.experiment, values)
            if before is not values:
                raise RequestError(f"{_listed(before)} and {_listed(values)} are the same experiment; leave one out")
            trials += repeated(base, preset, values, len(trials) + 1)
    return tuple(trials)


def plan_point(study: Study, bases: Mapping[str, Preset], values: Values, number: int) -> tuple[Trial, ...]:
    """Return the trials of a point that a search has sampled: one for each seed or fold, numbered from `number`."""
    base = study.bases[0]
    return repeated(base, with_values(bases[base.preset], values), values, number)


def count_trials(study: Study) -> int:
    """Return the number of trials of a study, without checking their values."""
    repetitions = sum(base.repetitions for base in study.bases)
    if study.search.kind == "grid":
        return math.prod(len(axis.values) for axis in study.axes) * repetitions
    size = count_points(study.axes)
    return (study.search.points if size is None else min(size, study.search.points)) * repetitions


def count_points(axes: Iterable[SweepAxis]) -> int | None:
    """Return the number of combinations of the axes' values; None where an axis has a range of real numbers."""
    count = 1
    for options in (axis.options for axis in axes):
        if options is None:
            return None
        # len() refuses ranges of 2**63 numbers and more
        count *= options.stop - options.start if isinstance(options, range) else len(options)
    return count


def combinations(axes: Iterable[SweepAxis]) -> Iterator[Values]:
    """Yield every combination of the listed values, the last axis changing fastest."""
    return itertools.product(*([(axis.name, value) for value in axis.values] for axis in axes))


def with_values(preset: Preset, values: Values) -> Preset:
    """Return the preset with these values. Raises RequestError where they make no valid experiment."""
    texts = {name: value for name, value in values if name in NAMES}
    sets = [f"{name}={value}" for name, value in values if name not in NAMES]
    try:
        return edited(preset, apply_texts(preset.experiment, texts, sets, resolve=resolved))
    except ParameterError as error:
        raise RequestError(f"--over {error.parameter}={texts[error.parameter]}: {error}") from None
    except RequestError as error:
        raise RequestError(f"{_listed(values)}: {error}") from None


def repeated(base: StudyBase, preset: Preset, values: Values, number: int) -> tuple[Trial, ...]:
    """Return the trials of one preset: one for each of the base's seeds or folds, numbered from `number`.

    Raises:
        RequestError: the experiment cannot be validated on a fold.
    """
    if base.folds is not None:
        folds = [Fold(at, base.folds) for at in range(1, base.folds + 1)]
        seed = base.first_seed
        return tuple(
            Trial(number + at, base.preset, dict(values), seed, with_fold(with_seed(preset, seed), fold), fold.number)
            for at, fold in enumerate(folds)
        )
    return tuple(
        Trial(number + index, base.preset, dict(values), seed, with_seed(preset, seed))
        for index, seed in enumerate(range(base.first_seed, base.first_seed + base.seeds))
    )


def command_of(trial: Trial, base: Preset, study: Study, threads: int | None, experiment_file: Path) -> str:
    """Return the command line that trains a trial as a run of its own.

    The command names the preset of the base, with options that turn it into the trial's experiment; it names
    `experiment_file` where no options can do that.

    Args:
        base: the experiment that the trial starts from.
        threads: of one TensorFlow operation, on which a result's last bits depend; None for the default.
        experiment_file: the file of the trial's run.
    """
    named = preset_options(trial.preset, base.name, trial.values)
    words = [PROGRAM, "train", "--preset", *(named or [str(experiment_file)])]
    for flag, value in (("--device", study.device), ("--threads", threads), ("--data-dir", study.data_dir)):
        if value not in (None, "auto"):
            words += [flag, str(value)]
    return shlex.join([*words, *(["--allow-sample"] if study.allow_sample else [])])


def preset_options(preset: Preset, base: str, values: Mapping[str, str] | None = None) -> list[str]:
    """Return the name `base` and the options that turn that preset into an experiment; empty if no options can.

    Args:
        preset: holds the experiment.
        base: the name of the preset that the options change.
        values: by parameter or TOML key; they become options even where `base` has the same values.
    """
    try:
        unchanged = find_preset(base).experiment
    except PresetError:
        return []
    wanted, values = preset.experiment, values or {}
    changed = {each.name: text for each in PARAMETERS if (text := each.read(wanted)) and text != each.read(unchanged)}
    typed = {name: value for name, value in values.items() if name in NAMES}
    sets = [f"{name}={value}" for name, value in values.items() if name not in NAMES]
    seed = {name: text for name, text in changed.items() if name == "seed"}
    for given in (typed | seed, changed | typed):
        try:
            equal = apply_texts(unchanged, given, sets, resolve=resolved) == wanted
        except RequestError:
            continue
        if equal:
            options = [(f"--{name}", given[name]) for name in NAMES if name in given.keys() - seed.keys()]
            last = [("--seed", text) for text in seed.values()]
            return [base, *itertools.chain(*options, *(("--set", text) for text in sets), *last)]
    return []


def with_seed(preset: Preset, seed: int) -> Preset:
    """Return the preset with another seed."""
    training = preset.experiment.training.model_copy(update={"seed": seed})
    return edited(preset, preset.experiment.model_copy(update={"training": training}))


def with_fold(preset: Preset, fold: Fold) -> Preset:
    """Return the preset with a held-out fold; raise SpecError where its experiment cannot be validated on one."""
    return edited(preset, revalidated(with_part(preset.experiment, "dataset", validation=fold.text)))


def _check_name(name: str, text: str) -> None:
    if name in SEEDS:
        raise RequestError(
            f"--over {text}: a seed is not a parameter to vary; --seeds N trains each trial with N seeds"
        )
    if name in NAMES or "." in name:
        return
    names = [*NAMES, *to_mapping(Experiment())]
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    offer = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(NAMES)}"
    raise RequestError(
        f"--over {text}: there is no parameter {name!r}; {offer} "
        "(a field's TOML path, such as optimizer.rho, works too)"
    )


def _check_search(study: Study, base: Preset) -> None:
    """Check that each value, and each end of a range, is valid with some values of the other axes."""
    ends = ends_of(study.axes)
    points: Iterable[Values] = combinations(ends)
    if math.prod(len(axis.values) for axis in ends) > MOST_CHECKED:
        points = [((axis.name, value),) for axis in ends for value in axis.values]
    good: set[tuple[str, str]] = set()
    refused: dict[tuple[str, str], RequestError] = {}
    for values in points:
        try:
            with_values(base, values)
            good |= set(values)
        except RequestError as error:
            refused |= {pair: error for pair in values if pair not in refused}
    for pair, error in refused.items():
        if pair not in good:
            raise error


def ends_of(axes: Iterable[SweepAxis]) -> list[SweepAxis]:
    """Return the axes, with the two ends of each range as the values of its axis."""
    return [
        SweepAxis(name=axis.name, values=(match[1], match[2]))
        if axis.range and (match := RANGE.fullmatch(axis.values[0]))
        else axis
        for axis in axes
    ]


def _listed(values: Values) -> str:
    return "--over " + ", ".join(f"{name}={value}" for name, value in values)


def _split(text: str) -> list[str]:
    """Split a text at its commas, except inside brackets, braces and quotes."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if letter == "," and not depth and not quote:
            parts.append("")
            continue
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        depth += (letter in "[{") - (letter in "]}") if not quote else 0
        parts[-1] += letter
    return [part.strip() for part in parts]
