"""Write Python that trains an experiment with plain Keras: the whole program of a model card, and the parts of it.

The parts are lines of source code, from which `experiment_code` makes a script and a notebook, too. In all of them
`train_images`, `train_labels` and so on for `test` and `validation` are the data, `x_train` and so on the inputs of the
network, and `model` is the network.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Collection, Sequence

from mnist_tui.data.labels import weights_by_class
from mnist_tui.experiment.complexity import placed_layers
from mnist_tui.experiment.layers import PENALTIES, ExperimentPart, Layer, Residual
from mnist_tui.experiment.optimizers import OneCycleSchedule, PlateauSchedule, Ridge
from mnist_tui.experiment.shapes import Shape, pixels_shape
from mnist_tui.experiment.spec import Experiment, HogFeatures
from mnist_tui.report.keras_augmentation import augmentation_classes, augmentation_lines

DATASETS = {"mnist": "mnist", "fashion-mnist": "fashion_mnist"}
"""The datasets that Keras downloads, by our name."""
RATES = {
    "constant": "",
    "cosine": "rate * 0.5 * (1 + math.cos(math.pi * epoch / {epochs}))",
    "exp": "rate if epoch < {start} else rate * math.exp({rate} * ({start} - epoch))",
    "step": "rate * {factor} ** (epoch // {every})",
    "plateau": "",
    "one-cycle": "np.interp((epoch + done) / {epochs}, [0, {rise}, 2 * {rise}, 1], cycle)",
}
"""The learning rate of an epoch, counted from 0, by the kind of schedule; empty for the optimizer's `rate` in all.

`done` is the share of the epoch that is done after a step.
"""
BY_STEP = """
class Rates(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        new = rate_of(self.epoch, (batch + 1) / self.params["steps"])
        if new is not None:
            self.model.optimizer.learning_rate = new

"""
"""A callback that sets the learning rate of each step."""
KERAS_DEFAULTS = {"activation": "linear", "padding": "valid", "strides": 1, "epsilon": 0.001}
"""The defaults of arguments of Keras' layers; our fields can have others."""
NO_DEFAULTS = {"activation": {"activation"}, "max_pooling2d": {"strides"}, "average_pooling2d": {"strides"}}
"""The arguments for which KERAS_DEFAULTS does not hold, by the kind of layer."""
WIDTH = 100
"""The longest line of a call, in characters."""
PLATEAU = """
class Plateau(keras.callbacks.ReduceLROnPlateau):
    def on_epoch_end(self, epoch, logs=None):
        if epoch >= {warmup}:
            super().on_epoch_end(epoch, logs)

"""
"""A callback that lowers the learning rate on a plateau after the warm-up."""


def hog_call(spec: HogFeatures, image: Shape) -> str:
    """Return the source code of scikit-image's call that computes the features of one image of this shape."""
    cell, block = (spec.pixels_per_cell,) * 2, (spec.cells_per_block,) * 2
    colours = ", channel_axis=-1" if image[2] > 1 else ""
    return (
        f"hog(image, orientations={spec.orientations}, pixels_per_cell={cell}, cells_per_block={block}, "
        f'block_norm="L2-Hys", feature_vector=True{colours})'
    )


def scaled_pixels(image: Shape) -> str:
    """Return the source code of the inputs of a network that takes pixels, images of this shape."""
    return f"images.reshape(-1, {', '.join(map(str, image))}).astype(np.float32) / 255"


def training_program(experiment: Experiment, class_names: Sequence[str] | None = None) -> str:
    """Return Python code that trains the experiment's network with Keras and prints its test loss and accuracy.

    Its random numbers are others than ours. Empty for an experiment that is solved in closed form.

    Args:
        class_names: The classes, which the class weights name, in the order of their numbers (None: the numbers).
    """
    if isinstance(experiment.optimizer, Ridge):
        return ""
    lines = [
        *import_lines(keras_imports(experiment)),
        "",
        *inputs_function(experiment),
        *augmentation_classes(experiment.augmentation).split("\n"),
        "",
        *seed_lines(experiment),
        *_data_lines(experiment),
        *split_lines(experiment),
        *inputs_lines(experiment),
        *network_lines(experiment, keras_layer(experiment)),
        *augmentation_lines(experiment.augmentation, experiment.image_shape),
        *compile_lines(experiment, class_names),
        *fit_lines(experiment),
        f"print(model.evaluate({test_pair(experiment)}, verbose=0))",
    ]
    return "\n".join(lines)


def keras_imports(experiment: Experiment) -> list[str]:
    """Return the import lines that the parts of an experiment's program need."""
    imports = ["import keras", "import numpy as np"]
    if "math." in RATES[experiment.training.schedule.kind]:
        imports.append("import math")
    if isinstance(experiment.features, HogFeatures):
        imports.append("from skimage.feature import hog")
    if isinstance(experiment.optimizer, Ridge):
        imports.append("from sklearn.linear_model import Ridge")
    if experiment.dataset.fold is not None:
        imports.append("from sklearn.model_selection import StratifiedKFold")
    return imports


def import_lines(imports: Collection[str]) -> list[str]:
    """Return import lines in the usual order, those of Python's own modules first, and an empty line at the end."""
    names = {line: line.split()[1].partition(".")[0] for line in imports}
    own = sorted(line for line in imports if names[line] in sys.stdlib_module_names)
    others = sorted(set(imports) - set(own))
    in_order = [sorted(part, key=lambda line: (line.startswith("from"), line)) for part in (own, others)]
    return [*in_order[0], *([""] if own else []), *in_order[1], ""]


def inputs_function(experiment: Experiment) -> list[str]:
    """Return the definition of `inputs`, which computes the network's inputs of images."""
    if isinstance(experiment.features, HogFeatures):
        call = hog_call(experiment.features, experiment.image_shape).replace(
            ", block_norm", ",\n            block_norm"
        )
        inputs = f"np.array([\n        {call}\n        for image in images\n    ], np.float32)"
    else:
        inputs = scaled_pixels(experiment.image_shape)
    return f"def inputs(images):\n    return {inputs}".split("\n")


def seed_lines(experiment: Experiment) -> list[str]:
    """Return the lines that set the seed, and the precision if it is not Keras' own."""
    lines = [f"keras.utils.set_random_seed({experiment.training.seed})"]
    if experiment.training.precision != "float32":
        lines.append(f'keras.config.set_dtype_policy("{experiment.training.precision}")')
    return lines


def splits_of(experiment: Experiment) -> tuple[str, ...]:
    """Return the names of the splits that the dataset's files hold: train and test, and validation if it is used."""
    return ("train", "test", "validation") if experiment.dataset.validation == "own" else ("train", "test")


def _data_lines(experiment: Experiment) -> list[str]:
    name = experiment.dataset.name
    if name in DATASETS:
        return [keras_dataset(name)]
    # the name may be anybody's text, and stays out of the program
    pixels, last = ", ".join(map(str, pixels_shape(experiment.image_shape))), experiment.classes - 1
    names = ", ".join(f"{split}_images, {split}_labels" for split in splits_of(experiment))
    return [f"{names} = ...  # uint8 (n, {pixels}), and classes from 0 to {last}"]


def keras_dataset(name: str) -> str:
    """Return the line that reads one of DATASETS, which Keras downloads once."""
    return f"(train_images, train_labels), (test_images, test_labels) = keras.datasets.{DATASETS[name]}.load_data()"


def split_lines(experiment: Experiment) -> list[str]:
    """Return the lines that take the first training images, and then a validation share or a fold, chosen as by us."""
    dataset, lines = experiment.dataset, list[str]()
    if dataset.limit:
        lines += [f"train_{part} = train_{part}[:{dataset.limit}]" for part in ("images", "labels")]
    if (fold := dataset.fold) is not None:
        lines += [
            "# the fold that is held out takes the place of the test set",
            f"folds = StratifiedKFold({fold.of}, shuffle=True, random_state={experiment.training.seed})",
            f"rest, held_out = list(folds.split(train_labels, train_labels))[{fold.number - 1}]",
            *(f"test_{part} = train_{part}[held_out]" for part in ("images", "labels")),
            *(f"train_{part} = train_{part}[rest]" for part in ("images", "labels")),
        ]
    elif not isinstance(dataset.validation, str):
        seed, share = experiment.training.seed, dataset.validation
        lines += [
            "# the validation images, chosen at random by the seed",
            f"order = np.random.default_rng({seed}).permutation(len(train_images))",
            f"count = round(len(order) * {share!r})",
            *(f"validation_{part} = train_{part}[order[:count]]" for part in ("images", "labels")),
            *(f"train_{part} = train_{part}[order[count:]]" for part in ("images", "labels")),
        ]
    return lines


def inputs_lines(experiment: Experiment) -> list[str]:
    """Return the lines that compute the inputs of the network from the images."""
    return [f"x_{split} = inputs({split}_images)" for split in _used_splits(experiment)]


def _used_splits(experiment: Experiment) -> tuple[str, ...]:
    """Return the names of the splits after `split_lines`; without validation, the test images serve as validation."""
    return ("train", "test") if experiment.dataset.validates_on_evaluated else ("train", "validation", "test")


def _pair(split: str, experiment: Experiment) -> str:
    """Return the inputs and the labels of a split as the model takes them; one-hot with label smoothing."""
    one_hot = experiment.training.label_smoothing
    return f"x_{split}, {f'y_{split}' if one_hot else f'{split}_labels'}"


def test_pair(experiment: Experiment) -> str:
    """Return the source code of the inputs and the labels of the test set, for Keras' `evaluate`."""
    return _pair("test", experiment)


def compile_lines(experiment: Experiment, class_names: Sequence[str] | None = None) -> list[str]:
    """Return the lines that compile the model, with the class weights and with one-hot labels where they are needed.

    Args:
        class_names: As for `training_program`.
    """
    training, lines = experiment.training, list[str]()
    if training.class_weights == "balanced":
        lines += [
            "classes, counts = np.unique(train_labels, return_counts=True)",
            "class_weight = {k: len(train_labels) / (len(classes) * n) for k, n in zip(classes.tolist(), counts)}",
        ]
    elif isinstance(training.class_weights, dict):
        by_class = weights_by_class(training.class_weights, class_names or [*map(str, range(experiment.classes))])
        table = ", ".join(f"{number}: {weight!r}" for number, weight in by_class.items())
        lines.append(f"class_weight = {{{table}}}")
    loss = '"sparse_categorical_crossentropy"'
    if training.label_smoothing:
        lines += [
            f"y_{split} = keras.utils.to_categorical({split}_labels, {experiment.classes})"
            for split in _used_splits(experiment)
        ]
        loss = f"keras.losses.CategoricalCrossentropy(label_smoothing={training.label_smoothing!r})"
    optimizer = experiment.optimizer
    assert not isinstance(optimizer, Ridge), "a closed form is not compiled"
    lines += [
        f"rate = {optimizer.learning_rate!r}",
        f"optimizer = keras.optimizers.{type(optimizer).__name__}(",
        f"    learning_rate=rate{_arguments(optimizer, without={'name', 'learning_rate'})}",
        ")",
    ]
    return [*lines, f'model.compile(optimizer, loss={loss}, metrics=["accuracy"])']


def _rate_lines(experiment: Experiment) -> list[str]:
    """Return the lines with the learning rates of the steps, for those that change from step to step; else none."""
    training, schedule = experiment.training, experiment.training.schedule
    if not training.rates_by_step:
        return []
    lines = list[str]()
    if isinstance(schedule, OneCycleSchedule):
        low = f"rate / {schedule.divisor!r}"
        lines.append(f"cycle = [{low}, rate, {low}, {low} / {schedule.final_divisor!r}]")
    lines += ["", "", "def rate_of(epoch, done):"]
    first = "cycle[0]" if isinstance(schedule, OneCycleSchedule) else "rate"
    if warmup := training.warmup:
        lines += [f"    if epoch < {warmup}:", f"        return {first} * (epoch + done) / {warmup}"]
    if isinstance(schedule, PlateauSchedule):
        plateau = PLATEAU.format(warmup=warmup)
        return [*lines, "    return None  # Plateau changes the rate", "", *f"{BY_STEP}{plateau}".split("\n")]
    if warmup:
        lines.append(f"    epoch -= {warmup}")
    return [*lines, f"    return {_rate(experiment) or 'rate'}", "", *BY_STEP.split("\n")]


def _rate(experiment: Experiment) -> str:
    """Return the source code of the schedule's learning rate in an epoch; empty for one that stays or is a callback."""
    schedule, epochs = experiment.training.schedule, experiment.training.epochs - (experiment.training.warmup or 0)
    return RATES[schedule.kind].format(epochs=epochs, **schedule.model_dump(exclude={"kind"}))


def fit_lines(experiment: Experiment, result: str = "") -> list[str]:
    """Return the lines that train the model, with the callbacks that change the learning rate or end the training.

    Args:
        result: A name for what Keras' `fit` returns, which then prints a line for each epoch; empty for none.
    """
    training, schedule, stopping = experiment.training, experiment.training.schedule, experiment.training.early_stopping
    validation = _pair("validation" if "validation" in _used_splits(experiment) else "test", experiment)
    lines = [f"    batch_size={training.batch_size}, epochs={training.epochs}, validation_data=({validation}),"]
    if training.class_weights is not None:
        lines.append("    class_weight=class_weight,")
    callbacks = ["Rates()"] if training.rates_by_step else list[str]()
    if not training.rates_by_step and (rate := _rate(experiment)):
        callbacks.append(f"keras.callbacks.LearningRateScheduler(lambda epoch, _: {rate})")
    if isinstance(schedule, PlateauSchedule):
        kind = "Plateau" if training.warmup else "keras.callbacks.ReduceLROnPlateau"
        callbacks.append(f"{kind}({_arguments(schedule, {'kind'}).removeprefix(', ')})")
    if stopping is not None:
        callbacks.append(f"keras.callbacks.EarlyStopping({_arguments(stopping).removeprefix(', ')})")
    if callbacks:
        lines += ["    callbacks=[", *(line for each in callbacks for line in folded(f"        {each},")), "    ],"]
    given, end = (f"{result} = ", ["    verbose=2,", ")"]) if result else ("", [")"])
    return [*_rate_lines(experiment), f"{given}model.fit(", f"    {_pair('train', experiment)},", *lines, *end]


def solve_lines(experiment: Experiment) -> list[str]:
    """Return the lines that solve the output layer by scikit-learn's ridge regression, for a closed form.

    They leave `solved`, which takes `h_test`, the hidden layers' output for the test images.
    """
    assert isinstance(experiment.optimizer, Ridge)
    splits, ridges = _used_splits(experiment), experiment.optimizer.ridges
    lines = [
        "hidden = keras.Model(model.inputs, model.layers[-1].input)",
        *(f"h_{split} = hidden.predict(x_{split}, verbose=0).astype(float)" for split in splits),
        "one_hot = np.eye(len(CLASSES))",
    ]
    held_out = "validation" in splits
    if len(ridges) == 1:
        lines.append(f"ridge = {ridges[0]!r}")
    else:
        chooser = "validation" if held_out else "train"
        lines += [
            "accuracies = {}",
            f"for ridge in [{', '.join(f'{ridge:g}' for ridge in ridges)}]:",
            "    solved = Ridge(ridge).fit(h_train, one_hot[train_labels])",
            f"    right = solved.predict(h_{chooser}).argmax(axis=1) == {chooser}_labels",
            "    accuracies[ridge] = np.mean(right)",
            "ridge = max(accuracies, key=lambda each: (accuracies[each], each))",
            'print(f"ridge {ridge:g} is the best one")',
        ]
    if held_out:
        lines += [
            "# the weights are solved over the validation images, too",
            "h_train = np.concatenate([h_train, h_validation])",
            "train_labels = np.concatenate([train_labels, validation_labels])",
        ]
    return [*lines, "solved = Ridge(ridge).fit(h_train, one_hot[train_labels])"]


def network_lines(experiment: Experiment, written: Callable[[str, Layer], str]) -> list[str]:
    """Return the lines that define `model`: a `keras.Sequential`, or a `keras.Model` if there are residual blocks.

    Args:
        written: returns the source code of the layer of a name.
    """
    placed = placed_layers(experiment)
    if not experiment.layers_of(Residual):
        layers = [line for each in placed for line in folded(f"    {written(each.name, each.layer)},")]
        return ["model = keras.Sequential([", f"    keras.Input({experiment.input_shape}),", *layers, "])"]
    names = [*(each.name for each in placed), "image"]  # position -1 is the last one
    lines = [f"image = keras.Input({experiment.input_shape})"]
    for name, layer, _, _, sources in placed:
        taken = ", ".join(names[source] for source in sources)
        lines += folded(f"{name} = {written(name, layer)}({f'[{taken}]' if len(sources) > 1 else taken})")
    return [*lines, f"model = keras.Model(image, {placed[-1].name})"]


def folded(line: str) -> list[str]:
    """Return a line of source code with a call; in one that is too long, the arguments stand below."""
    if len(line) <= WIDTH:
        return [line]
    code = line.strip().rstrip(",")
    indent, end = line[: len(line) - len(line.lstrip())], line[len(line.rstrip(",")) :]
    (statement,) = ast.parse(code).body
    assert isinstance(statement, ast.Assign | ast.Expr)
    call = statement.value
    while isinstance(call, ast.Call) and isinstance(call.func, ast.Call):
        call = call.func
    assert isinstance(call, ast.Call)
    first, last = call.func.end_col_offset or 0, (call.end_col_offset or 0) - 1
    arguments = [ast.get_source_segment(code, each) or "" for each in (*call.args, *call.keywords)]
    together = f"{indent}    {', '.join(arguments)}"
    inside = [together] if len(together) <= WIDTH else [f"{indent}    {each}," for each in arguments]
    return [f"{indent}{code[: first + 1]}", *inside, f"{indent}{code[last:]}{end}"]


def class_of(layer: Layer) -> str:
    """Return the name of the Keras class of a layer."""
    return "Add" if isinstance(layer, Residual) else type(layer).__name__


def keras_layer(experiment: Experiment) -> Callable[[str, Layer], str]:
    """Return the function for `network_lines` that writes a layer as Keras makes it for the experiment's training."""
    return lambda name, layer: _layer(name, layer, experiment.training.precision)


def _layer(name: str, layer: Layer, precision: str) -> str:
    """Return the source code of a layer, without the arguments that have Keras' defaults."""
    own = {field for field, info in type(layer).model_fields.items() if getattr(layer, field) == info.default}
    shown = set(layer.INFERENCE_FIELDS) - layer.LATER
    usual = {field for field, value in KERAS_DEFAULTS.items() if getattr(layer, field, None) == value}
    usual -= NO_DEFAULTS.get(layer.kind, set())
    own, shown = own | usual, shown - usual
    arguments = _arguments(layer, without={"kind", "layers", *PENALTIES, *own - shown})
    l1, l2, max_norm = layer.penalties
    for weights, axes in layer.PENALISED.items():
        if l1 or l2:
            arguments += f", {weights}_regularizer=keras.regularizers.L1L2(l1={l1!r}, l2={l2!r})"
        if max_norm is not None:
            norm = f"keras.constraints.MaxNorm({max_norm!r}, axis={list(axes)})"
            arguments += f", {weights}_constraint={norm}"
    output = ', dtype="float32"' if name == "output" and precision != "float32" else ""
    return f'keras.layers.{class_of(layer)}({f"{arguments}, ".removeprefix(", ")}name="{name}"{output})'


def _arguments(part: ExperimentPart, without: Collection[str] = ()) -> str:
    """Return the source code of a part's fields as arguments, each after a comma; None is left out."""
    fields = [field for field in type(part).model_fields if field not in without and getattr(part, field) is not None]
    return "".join(f", {field}={_value(getattr(part, field))}" for field in fields)


def _value(value: object) -> str:
    if isinstance(value, ExperimentPart):  # an initialiser with arguments of its own
        kind = str(value.model_dump()["name"]).title().replace("_", "")
        return f"keras.initializers.{kind}({_arguments(value, without={'name'}).removeprefix(', ')})"
    return f'"{value}"' if isinstance(value, str) else repr(value)
