"""Start runs that are not trained: a trained run on other data, and models or predictions made elsewhere.

Such a run is computed by a worker like a training, and followed by the same means. Where its worker refuses the
request, for example because the data do not fit the network, or is stopped, `refusal` deletes the run, which has
nothing to show, and returns the reason.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from mnist_tui.errors import RequestError, RunError
from mnist_tui.experiment import corruptions
from mnist_tui.experiment.layers import Flatten
from mnist_tui.experiment.presets import Preset
from mnist_tui.experiment.shapes import ImageShape, written
from mnist_tui.experiment.spec import DatasetSpec, Experiment
from mnist_tui.files import UnreadableFileError, open_regular
from mnist_tui.privacy import last_name
from mnist_tui.runs.deletion import discard_run
from mnist_tui.runs.folder import LONGEST_NAME, Label, Launch, RunFolder, create, write_label
from mnist_tui.runs.origin import ENDINGS, Origin, OriginSource, imported_file
from mnist_tui.runs.source_runs import check_has_model, evaluated_run
from mnist_tui.runs.start import Standby, start_worker
from mnist_tui.runs.state import RunState
from mnist_tui.wording import counted, listed, size

LARGEST_FILE = 2_000_000_000
"""The largest file that is imported, in bytes."""
BLOCK_BYTES = 1 << 20


def start_untrained(
    runs_dir: Path,
    preset: Preset,
    origin: Origin,
    *,
    command: Callable[[RunFolder], str] | None = None,
    data_dir: Path | None = None,
    name: str = "",
    fill: Callable[[RunFolder], None] = lambda _: None,
    standby: Standby | None = None,
) -> RunFolder:
    """Make the folder of a run that is not trained, and start the worker that computes its predictions.

    Args:
        preset: the experiment, whose dataset is the one to be classified.
        command: returns the command line that makes the same run again, from the run's folder.
        data_dir: the folder that is searched for the data first.
        name: the name that the user gives the run; empty for none.
        fill: writes further files into the new folder.
        standby: a worker that waits for a run; it is used if it lives.

    Raises:
        RunError: the runs folder cannot be written, the name is too long, or no worker can be started; then no folder
            is left.
    """
    launch = Launch(time.time(), "", device="cpu", data_dir=str(data_dir.absolute()) if data_dir else None)

    def complete(folder: RunFolder) -> None:
        if name:
            write_label(folder, Label(name))
        fill(folder)

    preset = replace(preset, reference=None, about="")
    folder = create(runs_dir, preset, launch, command, origin=origin, fill=complete)
    start_worker(folder, standby)
    return folder


def check_form(what: str, experiment: Experiment, title: str, classes: int, image: ImageShape) -> None:
    """Raise RequestError unless data have as many classes as a network, and images of the same form.

    Args:
        what: a word for the network.
        title: of the data.
    """
    if classes != experiment.classes:
        raise RequestError(
            f"{title} has {counted(classes, 'class')}, but {what} knows {experiment.classes}: a network is "
            "evaluated on data with as many classes as it was trained on"
        )
    if image != experiment.image_shape:
        colours = " in colour" if image[2] > 1 else ""
        raise RequestError(
            f"{title} has images of {written(image)}{colours}, but {what} takes images of "
            f"{written(experiment.image_shape)}; `mnist-tui data import DIR --size N --gray` or `--rgb` converts images"
        )


def start_evaluated(
    run: RunFolder,
    dataset: str,
    *,
    form: tuple[int, ImageShape] | None = None,
    corrupt: str = "",
    command: Callable[[RunFolder], str] | None = None,
    data_dir: Path | None = None,
    name: str = "",
    standby: Standby | None = None,
) -> RunFolder:
    """Start the evaluation of a run on the test images of another dataset; return the new run, beside the old one.

    The worker checks that the images and the classes fit the network.

    Args:
        run: a run with a model; for a run that is itself an evaluation, the run that was evaluated.
        dataset: the name of a dataset, or the absolute path of a person's own data.
        form: the number of classes and the image shape of the data, which are checked at once; None to leave that to
            the worker.
        corrupt: the corruption of the test images, as `experiment.corruptions.parse` takes it; empty for none.
        command, data_dir, name, standby: as for `start_untrained`.

    Raises:
        RequestError: the run has no model or still trains, the data have another form, or there is no such corruption.
        RunError: as for `start_untrained`.
    """
    source = evaluated_run(run)
    check_has_model(source)
    applied = corruptions.parse(corrupt) if corrupt else ()
    preset, own = source.preset(), source.origin
    if form is not None:
        check_form(f"run {source.id}", preset.experiment, last_name(dataset), *form)
    before = preset.experiment.dataset
    experiment = preset.experiment.model_copy(
        update={
            "dataset": DatasetSpec(name=dataset, classes=before.classes, image=before.image),
            "training": preset.experiment.training.model_copy(update={"class_weights": None}),
        }
    )
    origin = Origin(
        "evaluated",
        (OriginSource(source.id),),
        dataset=last_name(dataset),
        trained_on=own.trained_on if own is not None else last_name(before.name),
        changes=" and ".join(f"{each.name} {each.strength}" for each in applied),
        corrupt=",".join(each.text for each in applied),
        network=own.network if own is not None else None,
        labels_only=own is not None and own.labels_only,
        notes=tuple(f"The test images are changed: {each.in_words}." for each in applied),
    )
    return start_untrained(
        source.path.parent,
        replace(preset, experiment=experiment),
        origin,
        command=command,
        data_dir=data_dir,
        name=name,
        standby=standby,
    )


def start_imported(
    runs_dir: Path,
    file: Path,
    dataset: DatasetSpec,
    *,
    scale: str = "",
    command: Callable[[RunFolder], str] | None = None,
    data_dir: Path | None = None,
    name: str = "",
    standby: Standby | None = None,
) -> RunFolder:
    """Start the import of a model, or of predictions, made elsewhere for a dataset's test images; return the new run.

    The file is copied into the run's folder, and the worker reads the copy.

    Args:
        file: its ending, one of ENDINGS, says what it is.
        dataset: with the classes and the image shape of the dataset.
        scale: the largest value of a pixel that the model takes, ``1`` or ``255``; empty to find out.
        name: the name of the run; empty for the name of the file.
        command, data_dir, standby: as for `start_untrained`.

    Raises:
        RequestError: the file does not exist, cannot be read, is too large, or has another ending.
        RunError: as for `start_untrained`.
    """
    ending = file.suffix.lower()
    if ending not in ENDINGS:
        raise RequestError(f"{file.name} cannot be imported: its name must end in {listed(list(ENDINGS), 'or')}")
    digest = _checksum(file)
    experiment = Experiment(dataset=dataset, layers=(Flatten(),))
    origin = Origin(
        "imported",
        (OriginSource(file.name, digest),),
        dataset=last_name(dataset.name),
        predictions_only=ENDINGS[ending] == "predictions",
        settings={"scale": scale} if scale else {},
    )
    return start_untrained(
        runs_dir,
        Preset(name="imported", experiment=experiment, title=file.name, origin="run"),
        origin,
        command=command,
        data_dir=data_dir,
        name=name or file.name[:LONGEST_NAME],
        fill=lambda folder: _copy(file, imported_file(folder.path, origin)),
        standby=standby,
    )


def _checksum(file: Path) -> str:
    """Return the SHA-256 of a file that a person named; raise RequestError if it cannot be what it is named as."""
    try:
        with open_regular(file, follow_links=True) as opened:
            if (found := os.fstat(opened.fileno()).st_size) > LARGEST_FILE:
                raise RequestError(f"{file} has {size(found)}; files of at most {size(LARGEST_FILE)} are imported")
            digest = hashlib.sha256()
            for block in iter(lambda: opened.read(BLOCK_BYTES), b""):
                digest.update(block)
            if file.suffix.lower() == ".keras" and not zipfile.is_zipfile(opened):
                raise RequestError(
                    f"{file.name} cannot be imported: it is not an archive of Keras, although its name ends in .keras"
                )
            return digest.hexdigest()
    except FileNotFoundError:
        raise RequestError(f"there is no file {file}") from None
    except OSError as error:
        why = error.strerror or str(error)
        raise RequestError(
            f"{file} {why if isinstance(error, UnreadableFileError) else f'cannot be read: {why}'}"
        ) from None


def _copy(file: Path, copy: Path) -> None:
    with open_regular(file, follow_links=True) as opened, copy.open("xb") as written:
        shutil.copyfileobj(opened, written)


def refusal(folder: RunFolder, run: RunState) -> str:
    """Delete a run that its worker has refused, or that was stopped, and return the reason; empty for any other run.

    Args:
        run: the run's state after its last event.
    """
    ended = run.ended
    if ended is None or ended.state not in {"failed", "stopped"} or ended.where:
        return ""
    with suppress(RunError, OSError):  # what is left can be deleted by hand
        discard_run(folder)
    return ended.reason
