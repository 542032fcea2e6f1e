"""The experiment: a frozen value that says what is trained, on which data, and how; and the checks that it is valid.

Its TOML form is made and read here (`from_mapping`, `to_mapping`), files in `presets`. The name of the preset that it
came from and the published figures belong to the preset, not to the experiment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import Field, ValidationError, model_validator

from mnist_tui.errors import RequestError
from mnist_tui.experiment.layers import (
    GLOROT_UNIFORM,
    ZEROS,
    BiasInitializer,
    Dense,
    Dropout,
    Edge,
    ExperimentPart,
    Initializer,
    Layer,
    LayerError,
    LayerPart,
    NonNegative,
    shapes_through,
)
from mnist_tui.experiment.optimizers import ConstantSchedule, Optimizer, Ridge, RMSprop, Schedule
from mnist_tui.experiment.shapes import CLASSES, IMAGE_EDGE, MAX_EPOCHS, Shape, hog_blocks, hog_cells, hog_length

Count = Annotated[int, Field(ge=1)]
_Kind = TypeVar("_Kind", bound=LayerPart)


class DatasetSpec(ExperimentPart):
    """The dataset, and which of its images are the validation data."""

    name: str = Field(
        default="mnist", min_length=1, description="mnist, fashion-mnist, digits, or a folder of IDX files"
    )
    validation: Literal["test"] | Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] = Field(
        default="test", description="validation data: the test set, or a share of the training set"
    )
    limit: Count | None = Field(default=None, description="only the first N training images (none: all)")


class RawFeatures(ExperimentPart):
    """Pixels from 0 to 1."""

    kind: Literal["raw"] = "raw"


class HogFeatures(ExperimentPart):
    """Histograms of oriented gradients (Dalal and Triggs, 2005), blocks normalised by L2-Hys."""

    kind: Literal["hog"] = "hog"
    pixels_per_cell: Edge = Field(default=4, description="edge of a HOG cell in pixels")
    orientations: Annotated[int, Field(ge=1, le=360)] = Field(default=8, description="bins of the gradient's direction")
    cells_per_block: Edge = Field(default=1, description="edge of a HOG block in cells")

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments of `data.hog.hog_batch`."""
        return self.model_dump(exclude={"kind"})

    @model_validator(mode="after")
    def _a_block_fits(self) -> HogFeatures:
        cells = hog_cells(self.pixels_per_cell)
        if hog_blocks(self.pixels_per_cell, self.cells_per_block) < 1:
            raise ValueError(
                f"a block of {self.cells_per_block}×{self.cells_per_block} cells does not fit the "
                f"{cells}×{cells} cells of {self.pixels_per_cell} pixels; "
                f"1 to {cells} cells per block work"
            )
        return self


Features = Annotated[RawFeatures | HogFeatures, Field(discriminator="kind")]
FEATURE_KINDS: tuple[str, ...] = tuple(each.model_fields["kind"].default for each in get_args(get_args(Features)[0]))


class OutputSpec(ExperimentPart):
    """The output layer: ten neurons with softmax; only its initialisers can be chosen."""

    kernel_initializer: Initializer = Field(default=GLOROT_UNIFORM, description="initialiser of the output's weights")
    bias_initializer: BiasInitializer = Field(default=ZEROS, description="initialiser of the output's biases")

    @property
    def layer(self) -> Dense:
        """The output as a layer like the others."""
        return Dense(units=CLASSES, activation="softmax").model_copy(update=dict(self))


class EarlyStopping(ExperimentPart):
    """Stop when the monitored value has not improved for `patience` epochs."""

    patience: Count = Field(default=10, description="epochs without improvement before training stops")
    monitor: Literal["val_loss", "val_accuracy"] = Field(default="val_loss", description="the value watched")
    min_delta: NonNegative = Field(default=0.0, description="smallest change that counts")
    restore_best_weights: bool = Field(default=True, description="end with the weights of the best epoch")


class TrainingSpec(ExperimentPart):
    """The epochs, batches, measurements and precision of a training."""

    batch_size: Annotated[int, Field(ge=1, le=10_000_000)] = Field(default=128, description="images a step")
    epochs: Annotated[int, Field(ge=1, le=MAX_EPOCHS)] = Field(
        default=10, description="passes over the training images"
    )
    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(
        default=0, description="seed of the initial weights, the order, the dropout and the split"
    )
    schedule: Schedule = Field(default=ConstantSchedule(), description="learning rate over the epochs")
    early_stopping: EarlyStopping | None = Field(default=None, description="when to stop before the last epoch")
    program: Literal["auto", "xla", "graph"] = Field(
        default="auto", description="how the steps are run: xla, graph, or auto for what suits network and device"
    )
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = Field(
        default="float32", description="what the layers compute in; weights stay float32"
    )
    deterministic: bool = Field(
        default=True, description="on a GPU the same bits each time, at a cost in speed; a CPU always gives them"
    )
    plain_loss: bool = Field(
        default=False, description="also measure the training loss without dropout, on a fixed part of the images"
    )


class Experiment(ExperimentPart):
    """All settings of a training, enough to repeat it."""

    dataset: DatasetSpec = DatasetSpec()
    features: Features = RawFeatures()
    layers: tuple[Layer, ...] = Field(default=(), max_length=200)
    output: OutputSpec = OutputSpec()
    optimizer: Optimizer = RMSprop()
    training: TrainingSpec = TrainingSpec()

    @property
    def input_shape(self) -> Shape:
        """The shape of one example at the first layer: ``(28, 28, 1)`` or ``(n,)``."""
        if isinstance(self.features, HogFeatures):
            return (hog_length(**self.features.settings),)
        return (IMAGE_EDGE, IMAGE_EDGE, 1)

    def layers_of(self, kind: type[_Kind]) -> list[_Kind]:
        """Return the layers of one kind, in order."""
        return [layer for layer in self.layers if isinstance(layer, kind)]

    def shapes(self) -> list[Shape]:
        """Return the shapes of one example before the first layer, after each layer, and after the output."""
        return [*shapes_through(self.input_shape, self.layers), (CLASSES,)]

    @property
    def trains_in_epochs(self) -> bool:
        """Whether the network is trained in steps; if not, its output layer is solved in closed form."""
        return self.optimizer.TRAINS_IN_EPOCHS

    def learning_rate(self, epoch: int) -> float:
        """Return the learning rate of an epoch (counted from 0) of an experiment that trains in epochs."""
        assert not isinstance(self.optimizer, Ridge), "a closed form has no learning rate"
        return self.training.schedule.rate_of(self.optimizer.learning_rate, epoch, self.training.epochs)


def from_mapping(doc: dict[str, Any]) -> Experiment:
    """Return the experiment of a TOML form, completely checked.

    Raises:
        SpecError: the form is not valid; each problem is named with its place.
    """
    return checked(parsed(doc))


def parsed(doc: dict[str, Any]) -> Experiment:
    """Return the experiment of a TOML form; each field is valid, but `checked` tests whether they fit each other.

    Raises:
        SpecError: a field is not valid; each problem is named with its place.
    """
    try:
        return Experiment.model_validate(doc)
    except ValidationError as error:
        raise SpecError(problems_of(error, doc)) from None


def checked(experiment: Experiment) -> Experiment:
    """Return the experiment after checking that its layers fit each other, and that its optimizer can train them.

    Raises:
        SpecError: a layer or a setting does not fit; each problem is named with its place.
    """
    try:
        shapes = shapes_through(experiment.input_shape, experiment.layers)
    except LayerError as error:
        raise SpecError([Problem(("layers", error.position), str(error))]) from None
    if len(shapes[-1]) != 1:
        raise SpecError([Problem(("layers",), "the output layer takes a vector; end the layers with flatten")])
    if problems := _closed_form_problems(experiment):
        raise SpecError(problems)
    return experiment


HELD_OUT = 0.2
"""The default share of the training images that chooses among ridges."""


def _closed_form_problems(experiment: Experiment) -> list[Problem]:
    """Return the reasons why ridge cannot solve an experiment; none for an experiment that is trained in steps."""
    optimizer, training = experiment.optimizer, experiment.training
    if not isinstance(optimizer, Ridge):
        return []
    problems: list[Problem] = []
    for position, layer in enumerate(experiment.layers):
        if layer.has_weights and (can_be_frozen := getattr(layer, "trainable", None)) is not False:
            cure = "freeze this layer (trainable = false) or remove it"
            if not can_be_frozen:
                cure = "this layer cannot be frozen: remove it"
            problems.append(Problem(("layers", position), f"ridge solves the output layer and trains no other; {cure}"))
    once = "ridge solves the output layer once"
    checks = (
        ("epochs", training.epochs != 1, f"{training.epochs} are too many: {once}; 1 works"),
        ("schedule", training.schedule.kind != "constant", "ridge has no learning rate to change; constant works"),
        (
            "early_stopping",
            training.early_stopping is not None,
            "ridge has nothing to stop early; leave it out (--patience none)",
        ),
        ("plain_loss", training.plain_loss, "ridge always measures without dropout; choose off"),
    )
    problems += [Problem(("training", field), message) for field, wrong, message in checks if wrong]
    if experiment.dataset.validation == "test" and len(optimizer.ridges) > 1:
        text = (
            f"the test set may not choose among {len(optimizer.ridges)} ridges; validate on a share of the training "
            f"set, such as {HELD_OUT}, or give one ridge"
        )
        problems.append(Problem(("dataset", "validation"), text))
    return problems


def to_mapping(experiment: Experiment) -> dict[str, Any]:
    """Return the TOML form: plain values, without fields that are None."""
    return experiment.model_dump(mode="json", exclude_none=True)


def with_part(experiment: Experiment, part: str, **values: Any) -> Experiment:
    """Return the experiment with fields of one part changed, not validated: dataset, features, optimizer, training."""
    return experiment.model_copy(update={part: getattr(experiment, part).model_copy(update=values)})


def revalidated(experiment: Experiment) -> Experiment:
    """Return an experiment that `model_copy(update=…)` has made, after the validation that `model_copy` omits.

    Raises:
        SpecError: the experiment is not valid; each problem is named with its place.
    """
    return from_mapping(to_mapping(experiment))


def cautions(experiment: Experiment) -> tuple[str, ...]:
    """Return warnings to read before this experiment's figures are trusted."""
    warnings: list[str] = []
    if experiment.training.early_stopping is not None and experiment.dataset.validation == "test":
        warnings.append(
            "early stopping watches the test set, so the test accuracy is too optimistic; "
            "--validation 0.2 holds training images out instead"
        )
    if not experiment.trains_in_epochs and any(isinstance(layer, Dropout) for layer in experiment.layers):
        warnings.append("dropout changes nothing here: the output layer is solved on what the layers give without it")
    return tuple(warnings)


LONGEST = 80
"""The number of characters of a wrong value that a message repeats."""
FieldPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One problem of an experiment.

    Attributes:
        path: keys and list positions in the TOML form (``("layers", 1, "units")``); empty for the whole.
        message: the problem and its remedy, without the path.
    """

    path: FieldPath
    message: str

    def __str__(self) -> str:
        return f"{dotted(self.path)}: {self.message}" if self.path else self.message


class SpecError(RequestError):
    """An experiment that is not valid, with at least one problem."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


def dotted(path: FieldPath) -> str:
    """Return the form that ``--set`` takes: ``layers.1.units`` for ``("layers", 1, "units")``."""
    return ".".join(str(part) for part in path)


def problems_of(error: ValidationError, doc: Any = None) -> tuple[Problem, ...]:
    """Return a validation error's problems, each with its path into `doc` (the mapping that was validated)."""
    messages: dict[FieldPath, list[str]] = {}
    for entry in error.errors():
        messages.setdefault(_path_in(doc, entry["loc"]), []).append(_sentence(entry))
    return tuple(Problem(path, ", and ".join(texts)) for path, texts in messages.items())


def _path_in(doc: Any, loc: tuple[str | int, ...]) -> FieldPath:
    """Return pydantic's `loc` without its tags of unions: only the keys that exist in `doc`, and the last key."""
    path: list[str | int] = []
    value: Any = doc
    for depth, part in enumerate(loc):
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            is_tag = not isinstance(value, dict) or part in (value.get("kind"), value.get("name"))  # pyright: ignore[reportUnknownMemberType]
            if is_tag or depth < len(loc) - 1:
                continue
        path.append(part)
    return tuple(path)


SENTENCES = {
    "extra_forbidden": "no such key",
    "missing": "is missing",
    "union_tag_invalid": "{context[tag]!r} is not known; choose from {tags}",
    "union_tag_not_found": "needs a {context[discriminator]}",
    "literal_error": "{quoted} is not one of {context[expected]}",
    "enum": "{quoted} is not one of {context[expected]}",
    "greater_than_equal": "{given} is too small; at least {context[ge]:g} is needed",
    "greater_than": "{given} is too small; it must be greater than {context[gt]:g}",
    "less_than_equal": "{given} is too large; at most {context[le]:g} works",
    "less_than": "{given} is too large; it must be below {context[lt]:g}",
    "finite_number": "{given} is not a finite number",
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "{quoted} is not a whole number"),
    **dict.fromkeys(("float_parsing", "float_type"), "{quoted} is not a number"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "{quoted} is neither true nor false"),
    "value_error": "{context[error]}",
}
"""The messages for pydantic's kinds of errors."""


def _sentence(entry: Any) -> str:
    context, value = entry.get("ctx", {}), entry.get("input")
    quoted, tags = _short(repr, value), context.get("expected_tags", "").replace("'", "")
    if template := SENTENCES.get(entry["type"]):
        return template.format(given=_short(str, value), quoted=quoted, context=context, tags=tags)
    return f"{quoted}: {entry['msg'][0].lower()}{entry['msg'][1:]}"


def _short(write: Callable[[Any], str], value: Any) -> str:
    try:
        text = write(value)
    except ValueError:  # Python writes no number of thousands of digits
        return "a number with thousands of digits"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"
