"""What the tests of training share. TensorFlow is imported inside, so that collecting tests stays cheap."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from mnist_tui.data.datasets import load
from mnist_tui.data.reading import Dataset
from mnist_tui.experiment.presets import Preset
from mnist_tui.experiment.spec import Experiment, from_mapping
from mnist_tui.runs.event_log import EventTail
from mnist_tui.runs.events import Ended, Event
from mnist_tui.runs.folder import Launch, RunFolder, create
from mnist_tui.runs.library import run_folders
from mnist_tui.runs.state import LIVE
from tests.waiting import wait_for

FLATTEN = {"kind": "flatten"}


def experiment(**changes: Any) -> Experiment:
    """A small network on the bundled digits: 784-20-10, sgd, two epochs of 1,437 images; `changes` are TOML tables."""
    doc: dict[str, Any] = {
        "dataset": {"name": "digits"},
        "layers": [FLATTEN, {"kind": "dense", "units": 20, "activation": "tanh"}],
        "optimizer": {"name": "sgd", "learning_rate": 0.1},
        "training": {"batch_size": 100, "epochs": 2, "seed": 3},
    }
    for key, value in changes.items():
        doc[key] = {**doc.get(key, {}), **value} if isinstance(value, dict) and "kind" not in value else value
    return from_mapping(doc)


@cache
def digits() -> Dataset:
    return load("digits")


def training(of: Experiment) -> Any:
    """The engine, ready to train on the digits' first images; test images validate."""
    from mnist_tui.training import models
    from mnist_tui.training.device import Resident
    from mnist_tui.training.engine import Training
    from mnist_tui.training.evaluation import Scorer
    from mnist_tui.training.losses import class_weights
    from mnist_tui.training.programs import LoopProgram, kind_for

    data = digits()
    limit = of.dataset.limit
    train = Resident(data.train_images[:limit], data.train_labels[:limit])
    validation = Resident(data.test_images, data.test_labels)
    model, optimizer = models.build(of), models.optimizer(of)
    kind = kind_for(of, on_gpu=False)
    batch_size, seed, smoothing = of.training.batch_size, of.training.seed, of.training.label_smoothing
    more: Any = {"augmentation": of.augmentation, "smoothing": smoothing}
    more["weights"] = class_weights(of, data.train_labels[:limit], data.class_names)
    program = LoopProgram(kind, model, optimizer, train, batch_size=batch_size, seed=seed, **more)
    scorer = Scorer(model, validation, 784, smoothing)
    return Training(of, model, optimizer, scorer, validation, time.perf_counter, program, train.count)


def new_run(runs_dir: Path, of: Experiment, **launch: Any) -> RunFolder:
    return create(runs_dir, Preset("test", of, origin="run"), Launch(time.time(), "mnist-tui train", **launch))


class Watch:
    """A run's events as they come."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._tail = EventTail(folder.events_file)
        self.seen: list[Event] = []

    def all(self, kind: type[Event]) -> list[Any]:
        self.seen += self._tail.read()
        return [event for event in self.seen if isinstance(event, kind)]

    def wait_for_end(self) -> Ended:
        """The last event, once the status, which is written after it, says the same."""
        end = wait_for(lambda: self.all(Ended))[0]
        wait_for(lambda: self._folder.state() == end.state)
        return end

    def wait(self, kind: type[Event], number: int = 1) -> Any:
        """The `number`th event of that kind."""

        def there() -> Any:
            over = self._folder.state() in ("failed", "crashed")
            found = self.all(kind)
            if len(found) < number and over:
                raise AssertionError("\n".join([self._folder.state(), *self._folder.last_log_lines(40)]))
            return found[number - 1] if len(found) >= number else None

        return wait_for(there)


def end_trainings(runs_dir: Path) -> None:
    """Kills what trains there: a test that fails leaves nothing behind that takes the cores from the others."""
    for run in run_folders(runs_dir):
        status = run.status()
        if run.state() in LIVE and status.pid != os.getpid():
            with suppress(ProcessLookupError):
                os.kill(status.pid, signal.SIGKILL)
