"""`explain`: look inside a run's network for one image."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnist_tui.cli.errors import WorkFailedError
from mnist_tui.cli.options import (
    DataDir,
    Force,
    Json,
    Run,
    RunsDir,
    among,
    chosen_run,
    data_folder,
    may_write,
    option,
    writing,
)
from mnist_tui.cli.output import LiveLine, TextTable, is_live, print_json, print_note, print_picture, print_table
from mnist_tui.cli.predict import CENTRE_HELP
from mnist_tui.errors import RequestError
from mnist_tui.paths import typed_path
from mnist_tui.runs.explanations import (
    METHODS,
    Activations,
    Explainer,
    Explanation,
    HeatMap,
    checked_layer,
    explained_run,
    strongest,
)
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.worker_jobs import PredictionError, class_names, data_of
from mnist_tui.wording import did_you_mean, listed, percent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mnist_tui.report.figures.drawing import Drawing

IMAGE_HELP = "An image file, as for `predict`; or '#7', with the quotes, for the test image of that number in the app."
METHOD_HELP = "; ".join(f"{name}: {method.shows.lower()}" for name, method in METHODS.items())
LAYER_HELP = "The layer: of Grad-CAM one with channels (without it the last convolution), of activations any."
CLASS_HELP = "The class that a map explains, by its name; without it the most probable one."
OUTPUT_HELP = "Draw it into a picture: FILE.png, .svg or .pdf."
FORMATS = (".png", ".svg", ".pdf")


def explain(
    ctx: typer.Context,
    *,
    run: Run,
    image: Annotated[str | None, typer.Argument(metavar="IMAGE|#N", help=IMAGE_HELP)] = None,
    method: Annotated[str, option("--method", "NAME", METHOD_HELP, complete=among(METHODS))] = "occlusion",
    layer: Annotated[str | None, option("--layer", "NAME", LAYER_HELP)] = None,
    class_name: Annotated[str | None, option("--class", "NAME", CLASS_HELP)] = None,
    centre: Annotated[bool | None, typer.Option("--centre/--no-centre", help=CENTRE_HELP, show_default=False)] = None,
    output: Annotated[Path | None, option("-o --output", "FILE", OUTPUT_HELP, parser=typed_path)] = None,
    force: Force = False,
    as_json: Json = False,
    data_dir: DataDir = None,
    runs_dir: RunsDir = None,
) -> None:
    """Look inside a run's network for one image: activations, a map of what matters, or the nearest training images."""
    folder, place = chosen_run(ctx, run, runs_dir), data_folder(ctx, data_dir)
    names, experiment = class_names(folder), explained_run(folder).preset().experiment
    if method not in METHODS:
        raise RequestError(
            f"there is no method {method!r}; {did_you_mean(method, METHODS)}there are {listed(list(METHODS))}"
        )
    chosen = checked_layer(method, experiment, layer)
    label = _label(class_name, names, method)
    if output is not None and not may_write(output, "-o", force=force, endings=FORMATS):
        return
    asked = _image(folder, image, centre, place)
    print_note("loading the model (TensorFlow takes some seconds) …")
    try:
        with closing(Explainer(folder)) as explainer, LiveLine(sys.stderr) as line:
            loaded = explainer.wait_ready()

            def progress(what: str, done: int, total: int) -> None:
                if is_live(sys.stderr):
                    line.show(f"{what}: {done:,} of {total:,}" if total else f"{what} …")

            pixels = asked.pixels.tobytes()
            layer_asked = chosen if METHODS[method].is_map else None
            answer = explainer.explain(
                pixels, method, label=label, layer=layer_asked, data_dir=place, on_progress=progress
            )
    except PredictionError as error:
        if error.refused:
            raise
        raise WorkFailedError(str(error)) from None
    print_note(f"asked {loaded.words} about {asked.words}")
    if output is not None:
        _write(_figure(output.stem, asked, answer, names, chosen), output)
    if as_json:
        facts = {"run": folder.id, "weights": loaded.weights, "epoch": loaded.epoch, "image": asked.words}
        print_json({**facts, "method": method, **_document(answer, names, chosen)})
    elif output is None:
        _print(answer, asked, names, chosen)


@dataclass(frozen=True, eq=False)
class AskedImage:
    """An image of the network's size, what it is in words, and whether it shows light strokes on black."""

    pixels: NDArray[np.uint8]
    words: str
    strokes: bool


def _label(name: str | None, names: Sequence[str], method: str) -> int | None:
    if name is None:
        return None
    if not METHODS[method].is_map:
        raise RequestError(f"the method {method} is not about one class: leave --class out")
    if name not in names:
        raise RequestError(f"there is no class {name!r}; {did_you_mean(name, names)}there are {listed(list(names))}")
    return list(names).index(name)


def _image(folder: RunFolder, text: str | None, centre: bool | None, data_dir: Path | None) -> AskedImage:
    """Return the image that a person named.

    Raises:
        RequestError: none was named, or there is no test image with this number.
        DataError: the file or the test images cannot be read.
    """
    from mnist_tui.data.pictures import centred, fitted, read_picture, reading_of, why_not_centred

    if not text:
        raise RequestError(
            "name an image file, or a test image by its number, in quotes for the shell: '#7'; "
            f"`mnist-tui show {folder.id} --wrong` lists those that the run gets wrong"
        )
    data, shape = data_of(folder), folder.preset().experiment.image_shape
    reading = reading_of(shape, data.name if data else None)
    if text.startswith("#"):
        from mnist_tui.report.run_images import test_images

        if not text[1:].isdecimal():
            raise RequestError(f"{text} is not the number of a test image, such as '#7'")
        if data is None:
            raise RequestError(f"run {folder.id} has not read its data, so it has no test images")
        images, number = test_images(folder, data, data_dir), int(text[1:])
        matches = (images.numbers == number).nonzero()[0].tolist()
        if not matches:
            raise RequestError(
                f"there is no image {number:,} among the {images.what}, which are {int(images.numbers.min()):,} to "
                f"{int(images.numbers.max()):,}"
            )
        at = matches[0]
        words = f"image {number:,} of the {images.what}, of class {class_names(folder)[int(images.labels[at])]}"
        return AskedImage(images.pixels[at], words, reading == "strokes")
    path = typed_path(text)
    if text.isdecimal() and not path.exists():
        raise RequestError(f"there is no file {text}; test image {text} is written '#{text}', with the quotes")
    picture = read_picture(path, reading)
    if not picture.pixels.any():
        print_note(f"warning: {path} shows nothing")
    centring = not why_not_centred(class_names(folder), shape) if centre is None else centre
    return AskedImage((centred if centring else fitted)(picture.pixels, shape[:2]), str(path), reading == "strokes")


def _shown_layer(answer: Activations, chosen: str | None) -> str:
    """Return the layer whose activations are drawn: the last one with feature maps unless one was chosen."""
    maps = [name for name, values in answer.layers.items() if values.ndim == 3]
    return chosen or (maps or list(answer.layers))[-1 if maps else 0]


def _units(answer: Activations, layer: str, names: Sequence[str]) -> Sequence[str]:
    count = answer.layers[layer].shape[-1]
    return names if layer == list(answer.layers)[-1] else [str(at + 1) for at in range(count)]


def _figure(name: str, asked: AskedImage, answer: Explanation, names: Sequence[str], chosen: str | None) -> Drawing:
    from mnist_tui.report.figures.explanations import activation_figure, map_figure, nearest_figure

    if isinstance(answer, HeatMap):
        return map_figure(name, asked.pixels, answer, names[answer.label], strokes=asked.strokes)
    if isinstance(answer, Activations):
        layer = _shown_layer(answer, chosen)
        return activation_figure(name, layer, answer.layers[layer], _units(answer, layer, names))
    return nearest_figure(name, asked.pixels, answer, names, strokes=asked.strokes)


def _write(drawing: Drawing, path: Path) -> None:
    from mnist_tui.report.figures.drawing import save

    with writing(path):
        save(drawing, path.parent, [path.suffix.lower()[1:]])


def _document(answer: Explanation, names: Sequence[str], chosen: str | None) -> dict[str, Any]:
    probabilities = dict(zip(names, answer.probabilities, strict=True))
    if isinstance(answer, HeatMap):
        facts = {"class": names[answer.label], "layer": answer.layer, "probabilities": probabilities}
        return {**facts, "map": answer.values.tolist()}
    if isinstance(answer, Activations):
        layers = [
            {"name": name, "shape": list(values.shape), "values": values.tolist()}
            for name, values in answer.layers.items()
            if chosen in (None, name)
        ]
        return {"probabilities": probabilities, "layers": layers}
    images = [{"number": each.number, "class": names[each.label], "distance": each.distance} for each in answer.images]
    facts = {"probabilities": probabilities, "layer": answer.layer, "distance": "Euclidean", "compared": answer.count}
    return {**facts, "images": images}


def _print(answer: Explanation, asked: AskedImage, names: Sequence[str], chosen: str | None) -> None:
    best = max(range(len(names)), key=lambda at: answer.probabilities[at])
    print_note(f"the most probable class is {names[best]}, with {percent(answer.probabilities[best], 1)}")
    if isinstance(answer, HeatMap):
        from mnist_tui.data.pictures import brightness

        method, share = METHODS[answer.method], percent(answer.probabilities[answer.label], 1)
        print_picture(brightness(asked.pixels), answer.values)
        print_note(f"{method.shows} ({method.paper}); class {names[answer.label]} has {share}")
        print_note(f"the strongest value is {strongest(answer.values):.3g}; --json gives all, -o draws them")
        return
    if isinstance(answer, Activations):
        figures = ("values", "least", "mean", "most", "zeros")
        table = TextTable("layer", "shape", *figures, right=figures)
        for name, values in answer.layers.items():
            if chosen in (None, name):
                numbers = (f"{value:.4g}" for value in (values.min(), values.mean(), values.max()))
                zeros = percent(float((values == 0).mean()), 1)
                table.add_row(name, "×".join(map(str, values.shape)), f"{values.size:,}", *numbers, zeros)
        print_table(table)
        return
    table = TextTable("training image", "class", "Euclidean distance", right=("training image", "Euclidean distance"))
    for each in answer.images:
        table.add_row(f"{each.number:,}", names[each.label], f"{each.distance:.4g}")
    print_table(table)
    print_note(f"{answer.count:,} training images were compared by the outputs of {answer.layer}")
