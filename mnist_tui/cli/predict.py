"""`predict`: classify image files with a run's model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from mnist_tui.cli.errors import WorkFailedError
from mnist_tui.cli.options import Json, Run, RunsDir, chosen_run
from mnist_tui.cli.output import TextTable, print_json, print_note, print_table
from mnist_tui.paths import typed_path
from mnist_tui.runs.worker_jobs import PredictionError, Predictor, class_names
from mnist_tui.wording import percent


@dataclass(frozen=True)
class Prediction:
    """A model's prediction for one image file: a probability for each of the ten classes, None if it is not finite."""

    file: Path
    probabilities: tuple[float | None, ...]

    @property
    def label(self) -> int | None:
        """The most probable class, 0 to 9; None if a probability is not finite."""
        finite = [value for value in self.probabilities if value is not None]
        return self.probabilities.index(max(finite)) if len(finite) == len(self.probabilities) else None

    @property
    def probability(self) -> float | None:
        return None if self.label is None else self.probabilities[self.label]

    def to_document(self, names: tuple[str, ...]) -> dict[str, Any]:
        return {
            "file": str(self.file),
            "class": None if self.label is None else names[self.label],
            "label": self.label,
            "probability": self.probability,
            "probabilities": dict(zip(names, self.probabilities, strict=True)),
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
        with Predictor(folder) as predictor:
            loaded, answer = predictor.wait_ready(), predictor.ask(frames)
    except PredictionError as error:
        if error.refused:
            raise
        raise WorkFailedError(str(error)) from None
    predictions = list(map(Prediction, images, answer.probabilities))
    if as_json:
        print_json(
            {
                "run": folder.id,
                "weights": loaded.weights,
                "epoch": loaded.epoch,
                "centred": centre,
                "predictions": [prediction.to_document(names) for prediction in predictions],
            }
        )
        return
    placed = "centred as MNIST's digits are" if centre else "as they are, fitted into 28×28 pixels"
    print_note(f"asked {loaded.words}; the images are {placed}")
    table = TextTable("file", "class", "probability", *names, right=("probability", *names))
    for one in predictions:
        label = "not a number" if one.label is None else names[one.label]
        table.add_row(str(one.file), label, percent(one.probability), *map(percent, one.probabilities))
    print_table(table)
