"""The experiment: a frozen value that says what is trained, on which data, and how; and the checks that it is valid.

Its TOML form is made and read here (`from_mapping`, `to_mapping`), files in `presets`. The name of the preset that it
came from and the published figures belong to the preset, not to the experiment.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar, cast, get_args

from pydantic import AfterValidator, Discriminator, Field, Tag, ValidationError, field_validator

from mnist_tui.errors import RequestError
from mnist_tui.experiment.augmentation import Augmentation
from mnist_tui.experiment.layers import (
    GLOROT_UNIFORM,
    L1,
    L2,
    PENALTIES,
    ZEROS,
    BiasInitializer,
    Dense,
    Edge,
    ExperimentPart,
    Initializer,
    Layer,
    LayerError,
    LayerPart,
    MaxNorm,
    NonNegative,
    Positive,
    Residual,
    Share,
    shapes_through,
    walk,
)
from mnist_tui.experiment.optimizers import ConstantSchedule, OneCycleSchedule, Optimizer, Ridge, RMSprop, Schedule
from mnist_tui.experiment.shapes import (
    DEFAULT_CLASSES,
    DEFAULT_IMAGE,
    FEWEST_CLASSES,
    LARGEST_EDGE,
    MAX_EPOCHS,
    MOST_CLASSES,
    SMALLEST_EDGE,
    ImageShape,
    Shape,
    hog_blocks,
    hog_cells,
    hog_length,
    written,
)
from mnist_tui.wording import counted, listed

Count = Annotated[int, Field(ge=1)]
ImageEdge = Annotated[int, Field(ge=SMALLEST_EDGE, le=LARGEST_EDGE)]
_Kind = TypeVar("_Kind", bound=LayerPart)


FOLD = re.compile(r"fold:(\d{1,3})/(\d{1,3})")
MOST_FOLDS = 100


@dataclass(frozen=True)
class Fold:
    """One part of a k-fold cross-validation: the part of the training images that is held out, from 1, and k."""

    number: int
    of: int

    @property
    def text(self) -> str:
        """The fold as `dataset.validation` has it: ``fold:2/5``."""
        return f"fold:{self.number}/{self.of}"

    @property
    def in_words(self) -> str:
        return f"fold {self.number} of {self.of}"


def parse_fold(text: str) -> Fold:
    """Return the fold that a text such as ``fold:2/5`` names; raise ValueError if it names none."""
    match = FOLD.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a fold; the second of 5 folds is fold:2/5")
    fold = Fold(int(match[1]), int(match[2]))
    if not 2 <= fold.of <= MOST_FOLDS or not 1 <= fold.number <= fold.of:
        raise ValueError(f"{text} does not exist: there are 2 to {MOST_FOLDS} folds, counted from 1")
    return fold


def fold_of(validation: object) -> Fold | None:
    """Return the fold that a value of `dataset.validation` names, such as ``fold:2/5``; None if it names no fold."""
    return parse_fold(validation) if isinstance(validation, str) and validation.startswith("fold:") else None


FoldText = Annotated[str, AfterValidator(lambda text: parse_fold(text).text)]


class DatasetSpec(ExperimentPart):
    """The dataset, the form of its images, and which of them are the validation data.

    With a fold as validation data, the model is also evaluated on the fold, and the test set is not used.
    """

    name: str = Field(default="mnist", min_length=1, description="the images to train on and to test with")
    validation: Annotated[
        Annotated[
            Literal["test", "own"] | Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)], Tag("whole or share")
        ]
        | Annotated[FoldText, Tag("fold")],
        Discriminator(lambda value: "fold" if str(value).startswith("fold") else "whole or share"),
    ] = Field(
        default="test",
        description="validation data: the test set, a share or a fold of the training set, or the dataset's own split",
    )
    limit: Count | None = Field(default=None, description="only the first N training images (none: all)")
    classes: Annotated[int, Field(ge=FEWEST_CLASSES, le=MOST_CLASSES)] | None = Field(
        default=None, description=f"number of classes of the dataset (none: {DEFAULT_CLASSES})"
    )
    image: tuple[ImageEdge, ImageEdge, Literal[1, 3]] | None = Field(
        default=None,
        description="height and width in pixels, and channels (1: grey, 3: colour) of the dataset's images "
        f"(none: {', '.join(map(str, DEFAULT_IMAGE))})",
    )

    @property
    def fold(self) -> Fold | None:
        """The fold that is held out; None without cross-validation."""
        return fold_of(self.validation)

    @property
    def evaluated_images(self) -> str:
        """The images of the final evaluation, in words: ``test images``, ``held-out images of fold 2 of 5``."""
        return f"held-out images of {self.fold.in_words}" if self.fold else "test images"

    @property
    def validates_on_evaluated(self) -> bool:
        """Whether the final evaluation uses the validation images again: the test set, or a held-out fold."""
        return self.validation == "test" or self.fold is not None


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


Features = Annotated[RawFeatures | HogFeatures, Field(discriminator="kind")]
FEATURE_KINDS: tuple[str, ...] = tuple(each.model_fields["kind"].default for each in get_args(get_args(Features)[0]))


class OutputSpec(ExperimentPart):
    """The output layer: one neuron for each class, with softmax; its initializers and penalties can be chosen."""

    LATER = PENALTIES
    kernel_initializer: Initializer = Field(default=GLOROT_UNIFORM, description="initializer of the output's weights")
    bias_initializer: BiasInitializer = Field(default=ZEROS, description="initializer of the output's biases")
    l1: L1 = 0.0
    l2: L2 = 0.0
    max_norm: MaxNorm = None


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
        default=0,
        description="seed of the initial weights, the order of the images, dropout, augmentation and the split",
    )
    schedule: Schedule = Field(default=ConstantSchedule(), description="learning rate over the epochs")
    warmup: Annotated[int, Field(ge=1, le=MAX_EPOCHS)] | None = Field(
        default=None, description="epochs in which the rate rises from near 0, step by step, before the schedule begins"
    )
    label_smoothing: Share | None = Field(
        default=None, description="share of each label that is spread evenly over all classes"
    )
    class_weights: Literal["balanced"] | dict[str, Positive] | None = Field(
        default=None,
        description="weight of each class in the training loss: balanced (rare ones count more), or CLASS:WEIGHT,…",
    )
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
        default=False,
        description="also measure the training loss without dropout and augmentation, on a fixed part of the images",
    )

    def __hash__(self) -> int:
        """Return a hash of all fields but the class weights, which can be a table."""
        return hash(tuple(value for name, value in self if name != "class_weights"))

    @property
    def rates_by_step(self) -> bool:
        """Whether the learning rate can change from step to step; if not, it is the same in all steps of an epoch."""
        return self.warmup is not None or self.schedule.BY_STEP

    @field_validator("label_smoothing")
    @classmethod
    def _none_for_0(cls, share: float | None) -> float | None:
        return share or None

    @field_validator("class_weights", mode="before")
    @classmethod
    def _a_table(cls, value: Any) -> Any:
        """Return weights by the names of classes; ValueError for what is no table of classes and weights."""
        if value is None or value == "balanced":
            return value
        if not isinstance(value, dict):
            raise ValueError(f"{_short(repr, value)} is neither balanced nor a table, such as {{ 8 = 2.0 }}")
        table = cast("dict[Any, Any]", value)
        for name, weight in table.items():
            if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < math.inf:
                of = _short(str, name)
                raise ValueError(f"the weight of class {of} must be a number above 0 (got {_short(repr, weight)})")
        return {str(name): float(weight) for name, weight in table.items()} or None


class StartSpec(ExperimentPart):
    """The initial weights of equally named and shaped layers, instead of random ones."""

    run: str = Field(
        min_length=1, max_length=4000, description="a run's id, or a .keras file, that gives the initial weights"
    )


class Experiment(ExperimentPart):
    """All settings of a training, enough to repeat it."""

    dataset: DatasetSpec = DatasetSpec()
    features: Features = RawFeatures()
    augmentation: Augmentation | None = Field(default=None, description="random changes of the training images")
    layers: tuple[Layer, ...] = Field(default=(), max_length=200)
    output: OutputSpec = OutputSpec()
    start: StartSpec | None = Field(default=None, description="where the initial weights are from, if not random")
    optimizer: Optimizer = RMSprop()
    training: TrainingSpec = TrainingSpec()

    @field_validator("augmentation")
    @classmethod
    def _none_if_nothing_changes(cls, value: Augmentation | None) -> Augmentation | None:
        return value if value is not None and value.used else None

    @property
    def classes(self) -> int:
        """The number of classes."""
        return self.dataset.classes or DEFAULT_CLASSES

    @property
    def image_shape(self) -> ImageShape:
        """The height, the width and the channels of an image of the dataset."""
        return self.dataset.image or DEFAULT_IMAGE

    @property
    def input_shape(self) -> Shape:
        """The shape of one example at the first layer: that of an image, or ``(n,)``."""
        if isinstance(self.features, HogFeatures):
            return (hog_length(self.image_shape, **self.features.settings),)
        return self.image_shape

    @property
    def output_layer(self) -> Dense:
        """The output as a layer like the others."""
        return Dense(units=self.classes, activation="softmax").model_copy(update=dict(self.output))

    def layers_of(self, kind: type[_Kind]) -> list[_Kind]:
        """Return the layers of one kind, in order, also those in residual blocks."""
        return [layer for layer in walk(self.layers) if isinstance(layer, kind)]

    def shapes(self) -> list[Shape]:
        """Return the shapes of one example before the first layer, after each layer, and after the output."""
        return [*shapes_through(self.input_shape, self.layers), (self.classes,)]

    @property
    def trains_in_epochs(self) -> bool:
        """Whether the network is trained in steps; if not, its output layer is solved in closed form."""
        return self.optimizer.TRAINS_IN_EPOCHS

    @property
    def is_penalised(self) -> bool:
        """Whether penalties of the weights (L1, L2) are a part of the training loss, and not of the validation loss."""
        layers = (*walk(self.layers), self.output_layer)
        return any(any(layer.penalties[:2]) and getattr(layer, "trainable", True) for layer in layers)

    @property
    def loss_note(self) -> str:
        """What the losses of the training are computed with, for a curve of the loss; empty for the plain loss.

        The validation and test losses are those of Keras' `evaluate`: with label smoothing, but without class weights
        and, unlike there, without penalties.
        """
        share, only = self.training.label_smoothing, listed(self.in_training_loss_only)
        smoothing = f"label smoothing {share:g} in all losses" if share else ""
        return "; ".join(filter(None, (smoothing, f"{only} in the training loss only" if only else "")))

    @property
    def in_training_loss_only(self) -> list[str]:
        """What makes the training loss another quantity than the validation loss: class weights, penalties."""
        parts = {"class weights": self.training.class_weights is not None, "penalties": self.is_penalised}
        return [name for name, used in parts.items() if used]

    def learning_rate(self, epoch: int, step: int = 0, steps: int = 1) -> float:
        """Return the learning rate of an epoch (counted from 0) of an experiment that trains in epochs.

        A rate that changes from step to step is that of the epoch's last step, or that of one step.

        Args:
            step, steps: a step of the epoch, counted from 0, and their number.
        """
        assert not isinstance(self.optimizer, Ridge), "a closed form has no learning rate"
        schedule, warmup = self.training.schedule, self.training.warmup or 0
        first, epochs = self.optimizer.learning_rate, max(self.training.epochs - warmup, 1)
        done = (step + 1) / steps
        if epoch < warmup:
            return schedule.rate_of(first, 0, epochs) * (epoch + done) / warmup
        return schedule.rate_of(first, epoch - warmup + (done if schedule.BY_STEP else 0), epochs)

    @property
    def highest_rate(self) -> float:
        """The highest learning rate of the training; the optimizer's, which every schedule reaches and none exceeds."""
        assert not isinstance(self.optimizer, Ridge), "a closed form has no learning rate"
        return self.optimizer.learning_rate


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
    if problems := _hog_problems(experiment):
        raise SpecError(problems)
    try:
        shapes = shapes_through(experiment.input_shape, experiment.layers)
    except LayerError as error:
        raise SpecError([Problem(("layers", *error.path), str(error))]) from None
    if len(shapes[-1]) != 1:
        raise SpecError([Problem(("layers",), "the output layer takes a vector; end the layers with flatten")])
    checks = _augmentation_problems, _closed_form_problems, _training_problems
    if problems := [problem for check in checks for problem in check(experiment)]:
        raise SpecError(problems)
    return experiment


def _hog_problems(experiment: Experiment) -> list[Problem]:
    """Return the reasons why a cell or a block does not fit into an image of the dataset."""
    features, image = experiment.features, experiment.image_shape
    if not isinstance(features, HogFeatures):
        return []
    side, edge = features.pixels_per_cell, features.cells_per_block
    smallest = min(image[:2])
    if side > smallest:
        text = f"{side} is larger than the {pixel_image(image)}; {cell_hint(image)}"
        return [Problem(("features", "pixels_per_cell"), text)]
    cells = hog_cells(image, side)
    if min(hog_blocks(image, side, edge)) < 1:
        text = (
            f"a block of {edge}×{edge} cells does not fit the {written(cells)} cells of {side} pixels; "
            f"1 to {min(cells)} cells per block work"
        )
        return [Problem(("features",), text)]
    return []


def _augmentation_problems(experiment: Experiment) -> list[Problem]:
    """Return the reasons why training images cannot be augmented."""
    settings = experiment.augmentation
    if settings is None:
        return []
    path: FieldPath = ("augmentation", settings.used[0])
    if isinstance(experiment.features, HogFeatures):
        text = "augmentation changes pixels in each step, but HOG features are computed once, before training"
        return [Problem(path, f"{text}; choose raw pixels, or set {settings.settings_off}")]
    if not experiment.trains_in_epochs:
        text = "augmentation changes images from epoch to epoch, but ridge solves the output layer once"
        return [Problem(path, f"{text}; choose another optimizer, or set {settings.settings_off}")]
    return []


def pixel_image(image: Shape) -> str:
    """Return the size of an image in words: ``28-pixel image``, ``20×14-pixel image``."""
    return f"{image[0] if image[0] == image[1] else written(image[:2])}-pixel image"


def cell_hint(image: Shape) -> str:
    """Return in words which edges a HOG cell can have, in pixels, and which of them leave no pixel unused."""
    smallest = min(image[:2])
    even = [str(n) for n in range(1, smallest + 1) if image[0] % n == image[1] % n == 0]
    return f"1 to {smallest} work, and {listed(even)} {'leave' if len(even) > 1 else 'leaves'} no pixel unused"


HELD_OUT = 0.2
"""The default share of the training images that chooses among ridges."""


def _closed_form_problems(experiment: Experiment) -> list[Problem]:
    """Return the reasons why ridge cannot solve an experiment; none for an experiment that is trained in steps."""
    optimizer, training = experiment.optimizer, experiment.training
    if not isinstance(optimizer, Ridge):
        return []
    problems: list[Problem] = []
    cure = "freeze this layer (trainable = false) or remove it"
    text = f"ridge solves the output layer and trains no other; {cure}"
    problems += [Problem(("layers", *path), text) for path in _trained(experiment.layers)]
    problems += [
        Problem(("output", field), "ridge has its own penalty, optimizer.ridges; leave this one out")
        for field in sorted(PENALTIES)
        if getattr(experiment.output, field)
    ]
    once = "ridge solves the output layer once"
    checks = (
        ("epochs", training.epochs != 1, f"{training.epochs} are too many: {once}; 1 works"),
        ("schedule", training.schedule.kind != "constant", "ridge has no learning rate to change; constant works"),
        (
            "early_stopping",
            training.early_stopping is not None,
            "ridge has nothing to stop early; leave it out (--patience none)",
        ),
        ("plain_loss", training.plain_loss, "ridge always measures the plain loss; choose off"),
        ("warmup", training.warmup is not None, "ridge has no learning rate to warm up; leave it out"),
        ("label_smoothing", training.label_smoothing is not None, "ridge takes the labels as they are; leave it out"),
        ("class_weights", training.class_weights is not None, "ridge counts all images alike; leave them out"),
    )
    problems += [Problem(("training", field), message) for field, wrong, message in checks if wrong]
    if experiment.dataset.validates_on_evaluated and len(optimizer.ridges) > 1:
        judge = "held-out fold" if experiment.dataset.fold else "test set"
        text = (
            f"the {judge} may not choose among {len(optimizer.ridges)} ridges; validate on a share of the training "
            f"set, such as {HELD_OUT}, or give one ridge"
        )
        problems.append(Problem(("dataset", "validation"), text))
    return problems


def _training_problems(experiment: Experiment) -> list[Problem]:
    """Return the reasons why the settings of an experiment that trains in epochs do not fit each other or the data."""
    training, problems = experiment.training, list[Problem]()
    if not experiment.trains_in_epochs:
        return problems
    if training.warmup is not None and training.warmup >= training.epochs:
        all_epochs = counted(training.epochs, "epoch")
        text = f"warm-up in {training.warmup} of {all_epochs} leaves no epoch for the schedule"
        text = f"{text}; give fewer warm-up epochs, or more epochs"
        problems.append(Problem(("training", "warmup"), text))
    return problems


def _trained(layers: Sequence[Layer]) -> Iterator[FieldPath]:
    """Yield the places of the layers with parameters that are trained."""
    for position, layer in enumerate(layers):
        if getattr(layer, "trainable", False):
            yield (position,)
        if isinstance(layer, Residual):
            yield from ((position, "layers", *path) for path in _trained(layer.layers))


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


WRITTEN = ("mnist", "digits", "qmnist", "emnist", "kmnist")
"""The first letters of the names of datasets that show characters."""
MOST_ROTATION = 90
"""The rotation in degrees above which a 6 is nearer to a 9, half a turn away, than to a 6."""
MANY_FEATURES, MNIST_IMAGES = 5_000, 70_000
"""HOG features of an image that are warned about, and the images of MNIST, which tell how much memory they take. Our
choice: with so many features, MNIST takes 1.4 GB."""
FEWEST_CYCLE_STEPS = 30
"""The steps of a one-cycle schedule below which it is warned about. Our choice: with fewer ones the rate changes from
one step to the next by more than a fifteenth of its highest value."""


def _cycle_cautions(training: TrainingSpec, steps: int) -> Iterator[str]:
    epochs = training.epochs - (training.warmup or 0)
    if isinstance(training.schedule, OneCycleSchedule) and epochs * steps < FEWEST_CYCLE_STEPS:
        after = " after the warm-up" if training.warmup else ""
        yield (
            f"one-cycle has only {counted(epochs * steps, 'step')} in {counted(epochs, 'epoch')}{after}, so that the "
            f"rate jumps from step to step; {'fewer warm-up epochs, ' if training.warmup else ''}more epochs or "
            "smaller batches give it more"
        )


def cautions(experiment: Experiment, steps: int | None = None) -> tuple[str, ...]:
    """Return warnings to read before this experiment's figures are trusted.

    Args:
        steps: the steps of an epoch; None if they are not known.
    """
    warnings = [*_cycle_cautions(experiment.training, steps)] if steps is not None else []
    if experiment.training.early_stopping is not None and experiment.dataset.validation == "test":
        warnings.append(
            "early stopping watches the test set, so the test accuracy is too optimistic; "
            "--validation 0.2 holds training images out instead"
        )
    if experiment.training.early_stopping is not None and experiment.dataset.fold is not None:
        warnings.append(
            "early stopping watches the held-out fold, on which the model is then scored, so the score of the fold is "
            "a little too optimistic; --patience none trains all epochs"
        )
    if not experiment.trains_in_epochs and any(layer.DRAWS for layer in walk(experiment.layers)):
        warnings.append("dropout and noise change nothing here: the output layer is solved without them")
    if isinstance(experiment.features, HogFeatures) and (length := experiment.input_shape[0]) > MANY_FEATURES:
        gigabytes = f"{4e-9 * MNIST_IMAGES * length:.1f} GB"
        warnings.append(
            f"{length:,} HOG features for each image, as many images as MNIST has take {gigabytes}: larger cells "
            "(ppc) or fewer orientations make fewer"
        )
    settings = experiment.augmentation
    if settings is not None and experiment.dataset.name.startswith(WRITTEN):
        if settings.flip:
            warnings.append("a mirrored character is another one, or none; flip suits clothes and other things")
        if settings.rotation > MOST_ROTATION:
            warnings.append(f"a rotation above {MOST_ROTATION}° makes some characters others, such as a 6 a 9")
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
