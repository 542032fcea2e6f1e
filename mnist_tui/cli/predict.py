"""`predict`: classify image files with a run's model."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from mnist_tui.cli.errors import WorkFailedError
from mnist_tui.cli.options import Json, Run, RunsDir, chosen_run
from mnist_tui.cli.output import TextTable, print_json, print_note, print_table
from mnist_tui.paths import typed_path
from mnist_tui.runs.worker_jobs import PredictionError, Predictor, class_names
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


IMAGES_HELP = "Image files: PNG, JPEG, GIF, BMP, TIFF, WebP or PGM, dark on light or light on dark."
CENTRE_HELP = "First scale and centre the drawing as MNIST's digits are; the default if the classes are digits."


def predict(
    ctx: typer.Context,
    *,
    run: Run,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE…", parser=typed_path, help=IMAGES_HELP)],
    centre: Annotated[bool | None, typer.Option("--centre/--no-centre", help=CENTRE_HELP, show_default=False)] = None,
    as_json: Json = False,
    runs_dir: RunsDir = None,
) -> None:
    """Classify image files with a run's model: the class and all ten probabilities."""
    from mnist_tui.data.pictures import centred, centres, fitted, read_picture

    folder = chosen_run(ctx, run, runs_dir)
    names = class_names(folder)
    centre = centres(names) if centre is None else centre
    pictures = [read_picture(path).pixels for path in images]
    for path, pixels in zip(images, pictures, strict=True):
        if not pixels.any():
            print_note(f"warning: {path} shows nothing")
    frames = [(centred if centre else fitted)(pixels).tobytes() for pixels in pictures]
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
    placed = "centred as MNIST's digits are" if centre else "as they are, fitted into 28×28 pixels"
    print_note(f"asked {loaded.words}; the images are {placed}")
    table = TextTable("file", "class", "probability", *names, right=("probability", *names))
    for doc, values in zip(docs, answer.probabilities, strict=True):
        label = "not a number" if doc["class"] is None else doc["class"]
        table.add_row(doc["file"], label, percent(doc["probability"]), *map(percent, values))
    print_table(table)
