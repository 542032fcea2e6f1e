"""`predict`: classify image files with a run's model."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from mnist_tui.cli.errors import WorkFailedError
from mnist_tui.cli.options import Json, Run, RunsDir, chosen_run
from mnist_tui.cli.output import TextTable, print_json, print_note, print_table
from mnist_tui.experiment.shapes import written
from mnist_tui.paths import typed_path
from mnist_tui.runs.worker_jobs import PredictionError, Predictor, class_names, data_of
from mnist_tui.wording import percent


def _document(file: Path, probabilities: tuple[float | None, ...], names: tuple[str, ...]) -> dict[str, Any]:
    """Return the JSON document of one file's prediction; the class is None if a probability is not finite (None)."""
    finite = [value for value in probabilities if value is not None]
    label = probabilities.index(max(finite)) if len(finite) == len(probabilities) else None
    return {
        "file": str(file),
        "class": None if label is None else names[label],
        "label": label,
        "probability": None if label is None else probabilities[label],
        "probabilities": dict(zip(names, probabilities, strict=True)),
    }


FEW, MOST = 10, 5
"""The most classes that have a column each, and how many of more classes are shown."""
NEXT = "next most probable"
IMAGES_HELP = (
    "Image files: PNG, JPEG, GIF, BMP, TIFF, WebP or PGM, of any size, in grey or colour. For data like MNIST they may "
    "be dark on light or light on dark; for other data, grey levels and colours are taken as they are."
)
CENTRE_HELP = (
    "First scale and centre the drawing as MNIST's digits are; the default for grey images of 28×28 pixels whose "
    "classes are the ten digits."
)


def predict(
    ctx: typer.Context,
    *,
    run: Run,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE…", parser=typed_path, help=IMAGES_HELP)],
    centre: Annotated[bool | None, typer.Option("--centre/--no-centre", help=CENTRE_HELP, show_default=False)] = None,
    as_json: Json = False,
    runs_dir: RunsDir = None,
) -> None:
    """Classify image files with a run's model: the class and the probabilities (of many classes the largest)."""
    from mnist_tui.data.pictures import centred, fitted, read_picture, reading_of, why_not_centred

    folder = chosen_run(ctx, run, runs_dir)
    names, data, shape = class_names(folder), data_of(folder), folder.preset().experiment.image_shape
    centre = not why_not_centred(names, shape) if centre is None else centre
    reading = reading_of(shape, data.name if data else None)
    pictures = [read_picture(path, reading) for path in images]
    for path, picture in zip(images, pictures, strict=True):
        if picture.turned_grey:
            print_note(
                f"{path} is in colour; the network takes grey images, so its colours are turned into grey levels"
            )
        if not picture.pixels.any():
            print_note(f"warning: {path} shows nothing")
    frames = [(centred if centre else fitted)(picture.pixels, shape[:2]).tobytes() for picture in pictures]
    print_note("loading the model (TensorFlow takes some seconds) …")
    try:
        with closing(Predictor(folder)) as predictor:
            loaded, answer = predictor.wait_ready(), predictor.ask(frames)
    except PredictionError as error:
        if error.refused:
            raise
        raise WorkFailedError(str(error)) from None
    docs = [_document(path, values, names) for path, values in zip(images, answer.probabilities, strict=True)]
    if as_json:
        facts = {"run": folder.id, "weights": loaded.weights, "epoch": loaded.epoch, "centred": centre}
        print_json({**facts, "predictions": docs})
        return
    size = f"{written(shape[:2])} pixels{' in colour' if shape[2] > 1 else ''}"
    placed = f"centred as MNIST's digits are, in {size}" if centre else f"as they are, fitted into {size}"
    print_note(f"asked {loaded.words}; the images are {placed}")
    print_table(_table(docs, names))
    if len(names) > FEW:
        print_note(f"the most probable of {len(names)} classes are shown; --json gives the probabilities of all")


def _table(docs: Sequence[dict[str, Any]], names: Sequence[str]) -> TextTable:
    """Return a row for each file with the probabilities of all classes; of many classes, of the most probable ones."""
    is_few = len(names) <= FEW
    table = TextTable("file", "class", "probability", *(names if is_few else [NEXT]), right=("probability", *names))
    for doc in docs:
        label = "not a number" if doc["class"] is None else doc["class"]
        values: dict[str, float | None] = doc["probabilities"]
        order = sorted((name for name in names if name != doc["class"]), key=lambda name: -(values[name] or 0.0))
        following = ", ".join(f"{name} {percent(values[name])}" for name in order[: MOST - 1])
        shown = map(percent, values.values()) if is_few else [following]
        table.add_row(doc["file"], label, percent(doc["probability"]), *shown)
    return table
