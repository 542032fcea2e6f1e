"""`import`: make a run of a model, or of predictions, that another program has made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mnist_tui.cli.evaluate import RunName, computed, print_scores
from mnist_tui.cli.open_app import check_data
from mnist_tui.cli.options import DataDir, Json, RunsDir, among, data_folder, option, runs_folder
from mnist_tui.cli.output import print_json
from mnist_tui.cli.start_studies import this_command
from mnist_tui.data.catalogue import validate_name
from mnist_tui.data.facts import resolved
from mnist_tui.errors import RequestError
from mnist_tui.experiment.spec import DatasetSpec, Experiment
from mnist_tui.paths import typed_path
from mnist_tui.runs.evaluations import start_imported
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.origin import ENDINGS
from mnist_tui.runs.statistics import document_with_statistics

FILE_HELP = (
    "A Keras model (.keras, .h5), an ONNX model (.onnx), or predictions for the test images: probabilities or labels "
    "(.npz, .csv)."
)
DATASET_HELP = "A dataset by name, or a folder of your own data: the model was made for its test images."
SCALES = ("1", "255")
SCALE_HELP = "The largest value of a pixel that the model takes. Default: 1, or 255 if it has a Rescaling layer."


def import_model(
    ctx: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", parser=typed_path, help=FILE_HELP)],
    dataset: Annotated[str, option("--dataset", "NAME|DIR", DATASET_HELP)],
    scale: Annotated[str | None, option("--scale", "1|255", SCALE_HELP, complete=among(SCALES))] = None,
    name: RunName = "",
    as_json: Json = False,
    data_dir: DataDir = None,
    runs_dir: RunsDir = None,
) -> None:
    """Make a run of a model or of predictions from another program: with scores, matrix and images, untrained."""
    if scale not in (None, *SCALES):
        raise RequestError(f"--scale {scale!r} is neither 1 (pixels from 0 to 1) nor 255 (pixels from 0 to 255)")
    if scale and ENDINGS.get(file.suffix.lower()) == "predictions":
        raise RequestError(f"--scale is for models, and {file.name} holds predictions: leave it out")
    data = data_folder(ctx, data_dir)
    check_data(where := validate_name(dataset), data, allow_sample=False)

    def start() -> RunFolder:
        return start_imported(
            runs_folder(ctx, runs_dir),
            file,
            resolved(Experiment(dataset=DatasetSpec(name=where))).dataset,
            scale=scale or "",
            command=lambda _: this_command(),
            data_dir=data,
            name=name,
        )

    folder = computed(start)
    if as_json:
        print_json(document_with_statistics(folder))
    else:
        print_scores(folder)
