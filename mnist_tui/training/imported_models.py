"""Load a model that was made elsewhere: a Keras file in safe mode, or an ONNX file by onnxruntime.

Nothing in such a file is executed or unpickled. A Keras file may name any class and any function, with which code of
the file or of installed packages would be run; so its configuration is checked before Keras reads it, and only Keras'
own layers are accepted, without those that hold code or read files.
"""

from __future__ import annotations

import traceback
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_tui.data.prediction_files import probabilities_in
from mnist_tui.errors import RunError
from mnist_tui.experiment.shapes import ImageShape, pixels_shape, written
from mnist_tui.files import open_regular, parse_json
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.origin import ForeignLayer, Origin, imported_file
from mnist_tui.training.classifiers import Classifier
from mnist_tui.wording import counted, listed

ARCHIVE = b"PK\x03\x04"
"""The first bytes of a zip archive."""
CONFIGURATION_BYTES = 20_000_000
UNPACKED_BYTES = 4_000_000_000
"""The largest accepted size of everything in a `.keras` archive."""
BLOCK = 500
"""Images that a model from elsewhere takes at a time."""
OWN_MODULES = (
    "keras",
    *(f"keras.{part}" for part in ("layers", "models", "initializers", "regularizers", "constraints")),
)
"""Modules whose classes are accepted in a Keras file."""
OWN_PARTS = ("keras.src.ops.", "keras.src.models.functional", "keras.src.models.sequential", "keras.activations")
"""Beginnings of names of further such modules: operations, and the two kinds of models."""
RUN_CODE = ("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "__lambda__")
"""Layers that hold code."""
READ_FILES = ("StringLookup", "IntegerLookup", "TextVectorization")
"""Layers that read a file that the configuration names."""
SCALES = {"1": "0 to 1", "255": "0 to 255"}

Outputs = Callable[[NDArray[Any]], NDArray[np.float32]]
"""A model as a function from inputs, in its own layout, to its outputs, float32 ``(n, classes)``."""


def imported_classifier(folder: RunFolder, origin: Origin) -> Classifier:
    """Load the model that was imported into a run.

    Before its outputs are known to be logits or probabilities (`settled`), they are returned as they are.

    Raises:
        RunError: the file cannot be loaded, holds code, or does not take these images or give these classes.
    """
    experiment, path, name = folder.preset().experiment, imported_file(folder.path, origin), origin.sources[0].name
    load = _onnx if path.suffix == ".onnx" else _keras
    try:
        loaded = load(path)
    except RunError as error:
        raise RunError(f"{name} cannot be imported: {error}") from None
    except Exception as error:  # a library may raise anything for a file that it cannot read
        traceback.print_exception(error)
        line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise RunError(f"{name} cannot be loaded: {line}") from None
    try:
        return _classifier(loaded, experiment.image_shape, experiment.classes, origin)
    except RunError as error:
        raise RunError(f"{name} cannot be imported: {error}") from None


def settled(outputs: NDArray[np.float32], origin: Origin) -> tuple[NDArray[np.float32], Mapping[str, str], str]:
    """Return the probabilities of a model's outputs, the settings of its run with their kind, and a sentence about it.

    Args:
        outputs: those for all test images, ``(n, classes)``.

    Raises:
        DataError: an output is not finite.
    """
    probabilities, softmax = probabilities_in(outputs, "the model's outputs")
    kind = "logits" if softmax else "probabilities"
    note = "Its outputs are probabilities: each image's sum to 1."
    if softmax:
        note = "Its outputs do not sum to 1 for each image: they are taken as logits, and softmax is applied."
    return probabilities, {**origin.settings, "outputs": kind}, note


@dataclass(frozen=True)
class ForeignModel:
    """A model that is loaded, and what it takes.

    Attributes:
        run: computes the outputs of inputs in the model's own layout.
        input_shape: of one image; None for a length that may be any.
        dtype: of the inputs.
        outputs: the number of outputs for one image; None if it is not known.
        layers: the network's layers.
        rescales: whether the model has a layer that scales pixels.
        batch: the number of images that the model takes at a time; None for any number.
    """

    run: Outputs
    input_shape: tuple[int | None, ...]
    dtype: str
    outputs: int | None
    layers: tuple[ForeignLayer, ...]
    rescales: bool = False
    batch: int | None = None


def _classifier(loaded: ForeignModel, image: ImageShape, classes: int, origin: Origin) -> Classifier:
    layout, arranged = _layout(loaded.input_shape, image)
    if loaded.outputs not in (None, classes):
        raise RunError(f"it has {counted(loaded.outputs, 'output')}, but the dataset has {classes} classes")
    if not np.issubdtype(loaded.dtype, np.number):
        raise RunError(f"it takes inputs of the type {loaded.dtype}, not numbers")
    scale, why = origin.settings.get("scale", ""), ""
    if not scale:
        whole = np.issubdtype(loaded.dtype, np.integer)
        scale = "255" if loaded.rescales or whole else "1"
        why = " (it has a Rescaling layer of its own)" if loaded.rescales else ""
        why = why or (f" (it takes {loaded.dtype})" if whole else " (the default; --scale 255 gives 0 to 255)")
    logits = origin.settings.get("outputs") == "logits"

    def predict(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        pixels = images.reshape(len(images), *image)
        values = pixels.astype(np.float32) / np.float32(255) if scale == "1" else pixels
        outputs = _in_batches(loaded, arranged(values).astype(loaded.dtype))
        if outputs.shape != (len(images), classes):
            raise RunError(f"its outputs for {counted(images, 'image')} have the shape {outputs.shape}")
        return probabilities_in(outputs, "its outputs")[0] if logits else outputs

    predict(np.zeros((1, *pixels_shape(image)), np.uint8))
    taken = f"The model takes images as {layout} with values from {SCALES[scale]}{why}."
    return Classifier(predict, block=BLOCK, network=loaded.layers, notes=(taken,))


def _in_batches(loaded: ForeignModel, inputs: NDArray[Any]) -> NDArray[np.float32]:
    """Return the outputs of inputs; a model for a fixed number of images gets the last ones with copies of the last."""
    if loaded.batch is None:
        return loaded.run(inputs)
    whole = np.pad(inputs, [(0, -len(inputs) % loaded.batch), *[(0, 0)] * (inputs.ndim - 1)], mode="edge")
    parts = [loaded.run(whole[first : first + loaded.batch]) for first in range(0, len(whole), loaded.batch)]
    return np.concatenate(parts)[: len(inputs)]


def _layout(shape: Sequence[int | None], image: ImageShape) -> tuple[str, Callable[[NDArray[Any]], NDArray[Any]]]:
    """Return how a model takes images, in words, and a function that arranges images ``(n, height, width, channels)``.

    Args:
        shape: the model's input for one image; None for any length.
    """
    height, width, channels = image
    size = height * width * channels
    ways: list[tuple[tuple[int, ...], Callable[[NDArray[Any]], NDArray[Any]]]] = [
        ((height, width, channels), lambda images: images),
        ((channels, height, width), lambda images: images.transpose(0, 3, 1, 2)),
        ((size,), lambda images: images.reshape(len(images), size)),
        *([((height, width), lambda images: images[..., 0])] if channels == 1 else []),
    ]
    for form, arranged in ways:
        if len(form) == len(shape) and all(own in (None, given) for own, given in zip(shape, form, strict=True)):
            return f"(n, {', '.join(map(str, form))})", arranged
    forms = [f"(n, {', '.join(map(str, form))})" for form, _ in ways]
    taken = ", ".join("any" if length is None else str(length) for length in shape)
    raise RunError(
        f"it takes inputs of the shape (n, {taken}), which are not images of {written(image)}; {listed(forms)} work"
    )


def _keras(path: Path) -> ForeignModel:
    check_configuration(_configuration(path))
    from mnist_tui.training import device
    from mnist_tui.training.backend import keras, tf

    device.choose("cpu")
    model = keras.saving.load_model(path, compile=False, safe_mode=True)
    inputs, outputs = model.inputs or (), model.outputs or ()
    if len(inputs) != 1 or len(outputs) != 1:
        raise RunError(f"it has {counted(inputs, 'input')} and {counted(outputs, 'output')}, not one of each")
    (batch, *shape), dtype = inputs[0].shape, str(inputs[0].dtype)
    if len(outputs[0].shape) != 2:
        raise RunError(f"its output has the shape {outputs[0].shape}, not (n, classes)")
    layers = list(_layers_of(model))
    forward = tf.function(lambda values: model(values, training=False), autograph=False)
    traced = forward.get_concrete_function(tf.TensorSpec((batch, *shape), dtype))
    return ForeignModel(
        lambda values: traced(tf.constant(values)).numpy().astype(np.float32),
        tuple(shape),
        dtype,
        outputs[0].shape[1],
        tuple(map(_foreign_layer, layers)),
        rescales=any(type(layer).__name__ == "Rescaling" for layer in layers),
        batch=batch,
    )


def _layers_of(model: Any) -> Iterator[Any]:
    """Yield the layers of a model, and of the models in it, without the inputs."""
    for layer in model.layers:
        if getattr(layer, "layers", None):
            yield from _layers_of(layer)
        elif type(layer).__name__ != "InputLayer":
            yield layer


def _foreign_layer(layer: Any) -> ForeignLayer:
    try:
        shape = tuple(int(length or 0) for length in layer.output.shape[1:])
    except (AttributeError, TypeError, ValueError):  # it is used several times, or has several outputs
        shape = ()
    trainable = sum(int(np.prod(weight.shape)) for weight in layer.trainable_weights)
    return ForeignLayer(layer.name, type(layer).__name__, shape, int(layer.count_params()), trainable)


def _configuration(path: Path) -> Any:
    """Return the configuration in a Keras file, after a check that all its arrays are in the file itself.

    A file can be an archive and an HDF5 file at once. It is read as what Keras takes it for, by the ending of its name.
    """
    with open_regular(path) as file:
        if path.suffix != ".keras":
            if file.read(len(ARCHIVE)) == ARCHIVE:
                raise RunError("it is an archive, not an HDF5 file; the name of a Keras archive must end in .keras")
            text = _check_arrays(file)
        elif not zipfile.is_zipfile(file):
            raise RunError("it is not an archive of Keras, although its name ends in .keras")
        else:
            with zipfile.ZipFile(file) as archive:
                members = {entry.filename: entry for entry in archive.infolist()}
                if sum(entry.file_size for entry in members.values()) > UNPACKED_BYTES:
                    raise RunError(f"it would unpack to more than {UNPACKED_BYTES:,} bytes")
                entry = members.get("config.json")
                if entry is None or entry.file_size > CONFIGURATION_BYTES:
                    raise RunError("it is an archive without the configuration of a Keras model")
                text = archive.read(entry)
                if (weights := members.get("model.weights.h5")) is not None:
                    with archive.open(weights) as inside:
                        _check_arrays(inside)
    try:
        return parse_json(text) if text else None
    except ValueError as error:
        raise RunError(f"its configuration cannot be read: {error}") from None


def _check_arrays(file: Any) -> str | bytes:
    """Return the configuration in an HDF5 file, if there is one; raise a RunError if an array lies in another file."""
    import h5py

    file.seek(0)
    try:
        with h5py.File(file, "r") as opened:
            if name := opened.visititems_links(_linked_elsewhere) or opened.visititems(_stored_elsewhere):
                raise RunError(f"its /{name} lies in another file")
            return opened.attrs.get("model_config", b"")  # pyright: ignore[reportReturnType]
    except OSError:
        raise RunError("it is not an HDF5 file") from None


def _linked_elsewhere(name: str, link: Any) -> str | None:
    """Return the name of a link in an HDF5 file if it leads into another file."""
    import h5py

    return name if isinstance(link, h5py.ExternalLink) else None


def _stored_elsewhere(name: str, entry: Any) -> str | None:
    """Return the name of an entry of an HDF5 file if its values are stored in another file."""
    import h5py

    return name if isinstance(entry, h5py.Dataset) and (entry.external or entry.is_virtual) else None


def check_configuration(configuration: Any) -> None:
    """Raise a RunError that names the first layer of a Keras model with code of its own, or of a class not of Keras.

    How the model was compiled is not read, and not checked.
    """
    if not isinstance(configuration, dict) or "class_name" not in configuration:
        raise RunError("it holds no network: only weights were saved, or it is not a Keras model")
    _check_objects({key: value for key, value in configuration.items() if key != "compile_config"}, "the model")


def _check_objects(value: Any, place: str) -> None:
    if isinstance(value, list):
        for each in value:
            _check_objects(each, place)
    if not isinstance(value, dict):
        return
    kind, module, settings = value.get("class_name"), value.get("module"), value.get("config")
    if isinstance(kind, str):
        if isinstance(settings, dict) and isinstance(settings.get("name"), str) and not kind.startswith("__"):
            place = f"layer {settings['name']!r}"
        _check_object(kind, module, place)
    for each in value.values():
        _check_objects(each, place)


def _check_object(kind: str, module: Any, place: str) -> None:
    if kind in RUN_CODE:
        what = "a Lambda layer" if kind in ("Lambda", "__lambda__") else f"a {kind}"
        raise RunError(
            f"{place} is {what}, which holds code, and code from a file is never run; write the layer with layers of "
            "Keras, or import the model's predictions (npz, csv)"
        )
    if kind in READ_FILES:
        raise RunError(f"{place} is a {kind}, which may read other files; such layers are not loaded")
    if module is None or (module == "builtins" and kind == "function"):
        return
    if module not in OWN_MODULES and not str(module).startswith(OWN_PARTS):
        raise RunError(
            f"{place} is of the class {module}.{kind}, which is not one of Keras' own; import the model's predictions "
            "(npz, csv) instead"
        )


def _onnx(path: Path) -> ForeignModel:
    try:
        import onnx
        import onnxruntime
        from google.protobuf.message import DecodeError
    except ImportError as error:
        raise RunError(f'{error.name} is not installed; `pip install "mnist-tui[onnx]"` brings it') from None

    with open_regular(path) as file:
        data = file.read()
    try:
        model = onnx.load_from_string(data)
    except DecodeError:
        raise RunError("it is no ONNX model, or the file is cut off or damaged") from None
    if not model.graph.node:
        raise RunError("it holds no network")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    inputs = session.get_inputs()
    outputs = [output for output in session.get_outputs() if _number_type(output.type) and len(output.shape) == 2]
    if len(inputs) != 1 or not outputs:
        raise RunError(
            f"it has {counted(inputs, 'input')} and {counted(outputs, 'output')} of the shape (n, classes); it needs "
            "one input and such an output"
        )
    batch, *shape = (length if isinstance(length, int) else None for length in inputs[0].shape)
    name, wanted, classes = inputs[0].name, outputs[0].name, outputs[0].shape[1]
    dtype = _number_type(inputs[0].type)
    if not dtype:
        raise RunError(f"it takes {inputs[0].type}, not numbers")

    def run(values: NDArray[Any]) -> NDArray[np.float32]:
        (found,) = session.run([wanted], {name: values})
        return np.asarray(found).astype(np.float32)

    fixed = classes if isinstance(classes, int) else None
    return ForeignModel(run, tuple(shape), dtype, fixed, tuple(_onnx_layers(model)), batch=batch)


def _number_type(text: str) -> str:
    """Return NumPy's name of an ONNX type such as ``tensor(float)``; empty if it is not a tensor of numbers."""
    inner = text.removeprefix("tensor(").removesuffix(")")
    name = {"float": "float32", "double": "float64"}.get(inner, inner)
    return name if name in ("float16", "float32", "float64", "uint8", "int8", "int32", "int64") else ""


def _onnx_layers(model: Any) -> Iterator[ForeignLayer]:
    """Yield the operations of an ONNX graph with the sizes of their constants."""
    import onnx

    sizes = {each.name: int(np.prod(each.dims)) for each in model.graph.initializer}
    shapes = {
        each.name: tuple(length.dim_value for length in each.type.tensor_type.shape.dim[1:])
        for each in (*onnx.shape_inference.infer_shapes(model).graph.value_info, *model.graph.output)
    }
    counted_names: set[str] = set()
    for number, node in enumerate(model.graph.node, 1):
        own = [name for name in node.input if name in sizes and name not in counted_names]
        counted_names.update(own)
        parameters = sum(sizes[name] for name in own)
        shape = shapes.get(node.output[0], ()) if node.output else ()
        yield ForeignLayer(node.name or f"{node.op_type}_{number}", node.op_type, shape, parameters, parameters)
