"""Write a run's log for TensorBoard, from the run's events: while the run trains, or afterwards.

A log has scalars of every epoch, histograms of the weights, hyperparameters, confusion matrices as images, and texts.
Every session of the run writes a file of its own, from the first epoch on, into one folder. Its first record tells
TensorBoard to forget what it has read before: so a resumed run has no epoch twice, and no gap. Earlier files become
empty, but stay, as a TensorBoard that is reading one of them would not find its way to the next one.

The records are those that PyTorch's SummaryWriter and TensorFlow 1 write, which every TensorBoard reads. The package
`tensorboard` encodes them, without TensorFlow.
"""

from __future__ import annotations

import io
import threading
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mnist_tui.errors import RequestError
from mnist_tui.experiment.presets import dump_preset
from mnist_tui.files import why_unwritten
from mnist_tui.runs.collection.summaries import values_of
from mnist_tui.runs.event_log import EventTail
from mnist_tui.runs.events import (
    DataReady,
    Distribution,
    Ended,
    EpochEnded,
    Event,
    Matrix,
    Resumed,
    RunStarted,
    WeightsSeen,
)
from mnist_tui.runs.folder import RunFolder
from mnist_tui.wording import loss, percent

LOOK_SECONDS = 1.0
"""The time between two looks at the events of a run that trains."""
MOST_MATRICES = 50
"""The most confusion matrices of epochs; of more epochs they are at equal distances, and after the last epoch."""
MOST_NUMBERS = 20
"""With more classes, a confusion matrix has no numbers and no names."""
LONGEST = 14
"""Longer names of classes are cut off in a confusion matrix."""
PREFIX, ENDING = "events.out.tfevents.", ".mnist-tui"
SCALARS = {
    "loss/training": "loss",
    "loss/validation": "val_loss",
    "loss/training_plain": "plain_loss",
    "accuracy/training": "accuracy",
    "accuracy/validation": "val_accuracy",
    "accuracy/training_plain": "plain_accuracy",
    "learning_rate": "learning_rate",
    "images_per_second": "images_per_second",
}
"""The scalars of an epoch, with the fields of `EpochEnded` that hold their values."""


def why_unavailable() -> str:
    """Return why no log can be written, and how to change that; empty if it can be written."""
    if find_spec("tensorboard") is not None:
        return ""
    return "a TensorBoard log needs tensorboard, not installed here; pip install 'mnist-tui[tensorboard]' adds it"


def check_available() -> None:
    """Raise a RequestError unless a log can be written."""
    if why := why_unavailable():
        raise RequestError(why)


def place_of(folder: RunFolder) -> Path | None:
    """Return the folder for a run's log, in the run's folder or in a chosen one; None if none was requested."""
    where = folder.launch().tensorboard
    if where is None:
        return None
    return Path(where) / folder.id if where else folder.tensorboard


class TensorBoardLog:
    """The log of one run, written anew: its experiment, all events so far, and with `update` those that follow.

    Args:
        place: the folder for the log, which is made; it replaces an earlier log in it.

    Raises:
        OSError: the folder cannot be written.
        RunError, PresetError: the run's folder cannot be read.
    """

    def __init__(self, folder: RunFolder, place: Path) -> None:
        self._folder = folder
        self._tail = EventTail(folder.events_file)
        self._written: set[tuple[str, int]] = set()
        self._epochs, self._class_names = 1, tuple[str, ...]()
        preset, launch = folder.preset(), folder.launch()
        place.mkdir(parents=True, exist_ok=True)
        earlier = sorted(place.glob(f"{PREFIX}*{ENDING}"))
        for path in earlier:
            path.unlink()
            path.touch()
        number = int(earlier[-1].name.removeprefix(PREFIX).removesuffix(ENDING)) + 1 if earlier else 1
        self._file = _RecordFile(place / f"{PREFIX}{number:010}{ENDING}", launch.created)
        self._file.add_hyperparameters(folder.id, values_of(preset.experiment))
        toml = "\n".join(f"    {line}" for line in dump_preset(preset).splitlines())
        self._file.add_text("experiment", f"{preset.title or preset.name}\n\n{toml}", 0, launch.created)
        self._write(_kept(self._tail.read_all()))

    def update(self) -> None:
        """Write the events that the run has written since the last call."""
        self._write(self._tail.read_all())

    def close(self, ended: Ended | None = None) -> None:
        """Write what is missing and close the file.

        Args:
            ended: the end of the run, which is not among its events yet.
        """
        self._write([*self._tail.read_all(), *([ended] if ended else [])])
        self._file.close()

    def _write(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, RunStarted):
                self._epochs = event.epochs
            elif isinstance(event, DataReady):
                self._class_names = event.class_names
            elif isinstance(event, EpochEnded | WeightsSeen) and (event.type, event.epoch) not in self._written:
                self._written.add((event.type, event.epoch))
                (self._write_epoch if isinstance(event, EpochEnded) else self._write_weights)(event)
            elif isinstance(event, Ended):
                self._write_end(event)
        self._file.flush()

    def _write_epoch(self, event: Any) -> None:
        scalars = {tag: getattr(event, name) for tag, name in SCALARS.items()}
        self._file.add_scalars(scalars, event.epoch, event.time)
        every = -(-self._epochs // MOST_MATRICES)
        if event.epoch % every == 0 or event.epoch == self._epochs:
            self._add_matrix("confusion_matrix/validation", event.confusion, event.epoch, event.time)

    def _write_weights(self, event: Any) -> None:
        parts = {
            f"{layer.name}/{name}": values
            for layer in event.layers
            for name, values in (("weights", layer.weights), ("biases", layer.biases))
            if values is not None
        }
        self._file.add_histograms(parts, event.epoch, event.time)

    def _write_end(self, event: Ended) -> None:
        results = self._folder.results() or {}
        last = max((epoch for kind, epoch in self._written if kind == EpochEnded.type), default=0)
        text = f"{event.state}: {event.reason}"
        if test := results.get("test"):
            scores = {f"test/{name}": test[name] for name in ("accuracy", "loss", "macro_f1")}
            self._file.add_scalars(scores, last, event.time)
            self._add_matrix("confusion_matrix/test", results["confusion_matrix"], last, event.time)
            figures = f"accuracy {percent(test['accuracy'])}, loss {loss(test['loss'])}"
            text += f"\n\nTest images: {figures}, macro F1 {percent(test['macro_f1'])}"
        self._file.add_text("result", text, last, event.time)
        self._file.add_session_end(event.state == "finished", event.time)

    def _add_matrix(self, tag: str, matrix: Matrix, step: int, time: float) -> None:
        names = self._class_names or tuple(map(str, range(len(matrix))))
        self._file.add_image(tag, *matrix_picture(matrix, names), step, time)


def _kept(events: Iterable[Event]) -> list[Event]:
    """Return the events without epochs that a later session has dropped, and without the ends of earlier sessions."""
    kept = list[Event]()
    for event in events:
        if isinstance(event, Resumed) and (last := event.from_epoch) is not None:
            kept = [
                each
                for each in kept
                if not isinstance(each, Ended)
                and not (isinstance(each, EpochEnded | WeightsSeen) and each.epoch > last)
            ]
        kept.append(event)
    return kept


class TensorBoardFollower:
    """Keeps the log of a run that trains in this process, in a thread of its own.

    Args:
        warn: called with a sentence if the log cannot be written; the training goes on without it.
    """

    def __init__(self, folder: RunFolder, place: Path, warn: Callable[[str], object]) -> None:
        self._folder, self._place, self._warn = folder, place, warn
        self._over, self._ended = threading.Event(), None
        self._thread = threading.Thread(target=self._follow, name="tensorboard", daemon=True)
        self._thread.start()

    def close(self, ended: Ended | None = None) -> None:
        """Write the rest of the log, and wait until that is done; `ended` is the end of the run, which comes next."""
        self._ended = ended if self._ended is None else self._ended
        self._over.set()
        self._thread.join()

    def _follow(self) -> None:
        try:
            log = TensorBoardLog(self._folder, self._place)
            while not self._over.wait(LOOK_SECONDS):
                log.update()
            log.close(self._ended)
        except Exception as error:  # a thread's last line of defence
            if not isinstance(error, OSError | ImportError | RequestError):
                traceback.print_exception(error)
            why = why_unwritten(error) if isinstance(error, OSError) else str(error)
            with suppress(OSError):
                self._warn(f"the TensorBoard log cannot be written, and the training goes on without it: {why}")


def _module(name: str) -> Any:
    """Import a module of TensorBoard, whose messages get their attributes only then, unseen by type checkers."""
    return import_module(f"tensorboard.{name}")


class _RecordFile:
    """A file of TensorBoard's records; its first ones name the format and begin the run anew."""

    def __init__(self, path: Path, time: float) -> None:
        self._events, self._summaries = _module("compat.proto.event_pb2"), _module("compat.proto.summary_pb2")
        record_writer = _module("summary.writer.record_writer")
        self._stream = path.open("wb")
        self._writer = record_writer.RecordWriter(self._stream)
        self._time = time
        self._add(file_version="brain.Event:2")
        session = self._events.SessionLog
        self._add(session_log=session(status=session.START))

    def _add(self, time: float | None = None, step: int = 0, **content: Any) -> None:
        event = self._events.Event(wall_time=self._time if time is None else time, step=step, **content)
        self._writer.write(event.SerializeToString())

    def _add_values(self, values: Sequence[Any], step: int, time: float) -> None:
        if values:
            self._add(time, step, summary=self._summaries.Summary(value=values))

    def _value(self, tag: str, **content: Any) -> Any:
        return self._summaries.Summary.Value(tag=tag, **content)

    def add_scalars(self, scalars: dict[str, float | None], step: int, time: float) -> None:
        """Add numbers by their tags; None is left out."""
        values = [self._value(tag, simple_value=value) for tag, value in scalars.items() if value is not None]
        self._add_values(values, step, time)

    def add_histograms(self, parts: dict[str, Distribution], step: int, time: float) -> None:
        """Add distributions by their tags."""
        self._add_values([self._value(tag, histo=self._histogram(part)) for tag, part in parts.items()], step, time)

    def _histogram(self, part: Distribution) -> Any:
        count, bins = sum(part.counts), len(part.counts)
        edges = [part.low + (part.high - part.low) * at / bins for at in range(bins + 1)]
        return self._summaries.HistogramProto(
            min=part.low,
            max=part.high,
            num=count,
            sum=part.mean * count,
            sum_squares=(part.deviation**2 + part.mean**2) * count,
            bucket_limit=edges,
            bucket=[0, *part.counts],  # a limit is the right end of its bin; the first one is the left end of all
        )

    def add_image(self, tag: str, png: bytes, edge: int, step: int, time: float) -> None:
        """Add a square picture, a PNG file."""
        image = self._summaries.Summary.Image(height=edge, width=edge, colorspace=3, encoded_image_string=png)
        self._add_values([self._value(tag, image=image)], step, time)

    def add_text(self, tag: str, text: str, step: int, time: float) -> None:
        """Add a text in Markdown."""
        tensors, types = _module("compat.proto.tensor_pb2"), _module("compat.proto.types_pb2")
        create_summary_metadata = _module("plugins.text.metadata").create_summary_metadata
        tensor = tensors.TensorProto(dtype=types.DT_STRING, string_val=[text.encode("utf-8", "replace")])
        self._add_values([self._value(tag, tensor=tensor, metadata=create_summary_metadata(tag, ""))], step, time)

    def add_hyperparameters(self, run: str, texts: dict[str, str]) -> None:
        """Add the hyperparameters of a run by their names, numbers as numbers."""
        hparams_pb = _module("plugins.hparams.summary_v2").hparams_pb
        values = {name: _as_number(text) for name, text in texts.items() if text}
        self._add(summary=self._summaries.Summary.FromString(hparams_pb(values, run, self._time).SerializeToString()))

    def add_session_end(self, is_finished: bool, time: float) -> None:
        """Add the end of the session to which the hyperparameters belong."""
        api, metadata, plugin = (
            _module(f"plugins.hparams.{name}") for name in ("api_pb2", "metadata", "plugin_data_pb2")
        )
        status = api.STATUS_SUCCESS if is_finished else api.STATUS_FAILURE
        end = plugin.SessionEndInfo(status=status, end_time_secs=time)
        data = plugin.HParamsPluginData(session_end_info=end, version=metadata.PLUGIN_DATA_VERSION)
        described = metadata.create_summary_metadata(data)
        self._add_values(
            [self._value(metadata.SESSION_END_INFO_TAG, metadata=described, tensor=metadata.NULL_TENSOR)], 0, time
        )

    def flush(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        self._stream.close()


def _as_number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def matrix_picture(matrix: Sequence[Sequence[int]], names: Sequence[str]) -> tuple[bytes, int]:
    """Return a confusion matrix as a PNG file, a square, with its edge in pixels.

    A cell's shade is its share of the row, which is a true class; a column is a predicted one.
    """
    from PIL import Image, ImageDraw

    count = len(matrix)
    has_words = count <= MOST_NUMBERS
    cell, margin = (40, 90) if has_words else (max(4, 640 // count), 0)
    size = margin + cell * count
    picture = Image.new("RGB", (size, size), "white")
    draw = ImageDraw.Draw(picture)
    for row, counts in enumerate(matrix):
        total = sum(counts) or 1
        for column, value in enumerate(counts):
            left, top, share = margin + column * cell, margin + row * cell, value / total
            colour = tuple(round(255 + (dark - 255) * share) for dark in (8, 48, 107))
            draw.rectangle((left, top, left + cell - 1, top + cell - 1), fill=colour)
            if has_words:
                middle, ink = (left + cell / 2, top + cell / 2), "white" if share > 0.5 else "black"
                draw.text(middle, str(value), ink, anchor="mm")
    if has_words:
        above = Image.new("RGB", (margin, count * cell), "white")  # turned to the left afterwards
        for at, name in enumerate(names):
            draw.text((margin - 6, margin + (at + 0.5) * cell), name[:LONGEST], "black", anchor="rm")
            ImageDraw.Draw(above).text((6, (at + 0.5) * cell), name[:LONGEST], "black", anchor="lm")
        picture.paste(above.transpose(Image.Transpose.ROTATE_90), (margin, 0))
        draw.text((6, 6), "rows: true\ncolumns:\npredicted", "black")
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue(), size
