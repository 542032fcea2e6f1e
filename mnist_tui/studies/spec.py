"""The settings of a study, as in its file `study.toml`: which experiments it trains, and how it chooses them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, ValidationError, model_validator

from mnist_tui.experiment.layers import ExperimentPart
from mnist_tui.experiment.spec import MOST_FOLDS, SpecError, problems_of
from mnist_tui.files import parse_toml

Kind = Literal["seeds", "folds", "sweep", "reproduction"]
SearchKind = Literal["grid", "random", "tpe"]
FOLDS_NOTE = (
    "each fold's model is trained on the other folds and scored on its own; the test set is not used. The folds share "
    "training images, so their scores are not independent, and their deviation is no interval for the mean"
)
STOPPING_NOTE = "early stopping watches the fold that is scored, so the scores are a little too optimistic"
"""What a cross-validation says before it begins; the second if the trainings stop early."""
Metric = Literal["val_accuracy", "val_loss"]
SEARCH_KINDS: tuple[str, ...] = get_args(SearchKind)
METRICS: tuple[str, ...] = get_args(Metric)
Count = Annotated[int, Field(ge=1)]

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
RANGE = re.compile(rf"({NUMBER})\.\.({NUMBER})(:log)?")
SEARCH_TRIALS = 20
"""The number of points that a search samples where none is given."""
MANY_TRIALS = 1_000
"""More trials than this are begun only if a person confirms it."""


@dataclass(frozen=True)
class ValueRange:
    """All numbers between two ends, or all whole numbers; with `log` they are sampled evenly in the logarithm."""

    low: float
    high: float
    whole: bool
    log: bool


class SweepAxis(ExperimentPart):
    """A parameter and its values, as they were typed.

    Attributes:
        name: a parameter's option (``hidden``) or a field's TOML path (``optimizer.rho``).
        values: ``("150", "250", "200x100")``, or a range to sample from: ``("50..400",)``, ``("0.0001..0.01:log",)``.
    """

    name: str = Field(min_length=1)
    values: tuple[str, ...] = Field(min_length=1)

    @property
    def range(self) -> ValueRange | None:
        """The range to sample from; None where the values are listed."""
        match = RANGE.fullmatch(self.values[0]) if len(self.values) == 1 else None
        if match is None:
            return None
        whole = all(re.fullmatch(r"[+-]?\d+", text) for text in (match[1], match[2]))
        return ValueRange(float(match[1]), float(match[2]), whole, bool(match[3]))

    @property
    def options(self) -> Sequence[object] | None:
        """The listed values, or the numbers of a range of whole numbers; None for a range of real numbers."""
        limits = self.range
        if limits is None:
            return self.values
        return range(int(limits.low), int(limits.high) + 1) if limits.whole else None

    @property
    def text(self) -> str:
        """The axis as it is typed after ``--over``."""
        return f"{self.name}={','.join(self.values)}"

    @model_validator(mode="after")
    def _check_values(self) -> SweepAxis:
        if twice := sorted({value for value in self.values if self.values.count(value) > 1}):
            raise ValueError(f"{self.name} has {twice[0]} twice")
        limits = self.range
        if limits is not None and not limits.low < limits.high:
            raise ValueError(f"{self.name}={self.values[0]} is not a range: its second end must be larger")
        if limits is not None and limits.log and limits.low <= 0:
            raise ValueError(f"{self.name}={self.values[0]}: a logarithmic range must begin above 0")
        return self


class SearchSettings(ExperimentPart):
    """The method by which a study chooses combinations of its axes' values, and compares trials.

    Attributes:
        kind: grid (every combination), random, or tpe (a tree-structured Parzen estimator proposes each combination
            from the results before; Bergstra et al., 2011).
        trials: points to sample; None for SEARCH_TRIALS. Not for a grid, which trains every combination.
        seed: of the sampling.
        prune: whether a trial is stopped early if its scores are worse than the median of the others.
        metric: the score by which trials are compared.
    """

    kind: SearchKind = "grid"
    trials: Count | None = None
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    prune: bool = True
    metric: Metric = "val_accuracy"

    @model_validator(mode="after")
    def _check_trials(self) -> SearchSettings:
        if self.kind == "grid" and self.trials is not None:
            raise ValueError("a grid trains every combination; trials go with the search random or tpe")
        return self

    @property
    def points(self) -> int:
        """The number of points that a random or tpe search samples."""
        return self.trials or SEARCH_TRIALS


class StudyBase(ExperimentPart):
    """An experiment that trials start from, and how often each combination of values is trained.

    Attributes:
        preset: the experiment's file in the study's `presets` folder.
        first_seed, seeds: each combination is trained with so many consecutive seeds.
        folds: instead, each combination is trained once for each fold of a cross-validation, with the first seed.
    """

    preset: str = Field(pattern=r"^[^/\\.][^/\\]{0,99}$")
    first_seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    seeds: Count = 1
    folds: Annotated[int, Field(ge=2, le=MOST_FOLDS)] | None = None

    @property
    def repetitions(self) -> int:
        """The number of trials of each combination of values."""
        return self.folds or self.seeds

    @model_validator(mode="after")
    def _check_folds(self) -> StudyBase:
        if self.folds is not None and self.seeds > 1:
            raise ValueError("folds are made with one seed: leave --seeds out, or --folds")
        return self


class Study(ExperimentPart):
    """The settings of a study. To make one, call `checked`, which reports every problem in a sentence.

    Attributes:
        threads: of one TensorFlow operation in each trial; None for a number that suits the workers.
        workers: the number of worker processes on this machine; None for a number that suits the machine.
        scheduler: the address of an existing Dask scheduler to use instead (``tcp://host:8786``).
        created: seconds since the Unix epoch.
        command: the command line that makes the study again.
    """

    kind: Kind
    title: str
    bases: tuple[StudyBase, ...] = Field(min_length=1)
    axes: tuple[SweepAxis, ...] = ()
    search: SearchSettings = SearchSettings()
    device: str = "auto"
    threads: Count | None = None
    workers: Count | None = None
    scheduler: str | None = None
    data_dir: str | None = None
    allow_sample: bool = False
    created: float
    command: str = ""

    @model_validator(mode="after")
    def _check_together(self) -> Study:
        names = [axis.name for axis in self.axes]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"{twice[0]} is given twice; put all its values into one list")
        ranges = [axis for axis in self.axes if axis.range is not None]
        if ranges and self.search.kind == "grid":
            raise ValueError(
                f"{ranges[0].text} is a range, of which a grid cannot train every value; list values, or let "
                "--search random or tpe sample them"
            )
        if self.search.kind != "grid" and not self.axes:
            raise ValueError(f"a {self.search.kind} search needs at least one axis")
        if self.search.kind != "grid" and len(self.bases) > 1:
            raise ValueError(f"a {self.search.kind} search starts from one experiment")
        if self.kind != "sweep" and self.axes:
            raise ValueError(f"a study of kind {self.kind} has no axes")
        if any(base.folds for base in self.bases) and (
            held := {"validation", "dataset.validation"}.intersection(names)
        ):
            raise ValueError(f"{held.pop()} is not a parameter to vary with folds, which are the validation data")
        if len({base.preset for base in self.bases}) < len(self.bases):
            raise ValueError("each base needs a file of its own")
        return self

    @property
    def compares(self) -> bool:
        """Whether the study looks for its best trial; seeds and different experiments are not compared."""
        return self.kind == "sweep" and bool(self.axes)

    @property
    def prunes(self) -> bool:
        return self.compares and self.search.prune


def checked(**values: Any) -> Study:
    """Return a study with these values. Raises SpecError, with a sentence for each value that is not valid."""
    try:
        return Study.model_validate(values)
    except ValidationError as error:
        raise SpecError(problems_of(error, values)) from None


def from_toml(text: str) -> Study:
    """Read a study from its file's text. Raises SpecError for values that are not valid, ValueError if not TOML."""
    return checked(**parse_toml(text))


def to_toml(study: Study) -> str:
    """Return the text of a study's file."""
    import tomlkit

    return tomlkit.dumps(study.model_dump(mode="json", exclude_none=True))
