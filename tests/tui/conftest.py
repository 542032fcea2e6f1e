"""Recorded runs: folders with the events that a worker would have written, so that screens are tested without one."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from textual.app import App
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.pilot import Pilot
from textual.widgets._toast import Toast

from mnist_tui.data.catalogue import KNOWN
from mnist_tui.experiment.presets import find_preset
from mnist_tui.experiment.shapes import ImageShape
from mnist_tui.experiment.spec import with_part
from mnist_tui.runs.event_log import EventLog
from mnist_tui.runs.events import (
    DataReady,
    DeviceLoad,
    Ended,
    EpochEnded,
    Event,
    Gpu,
    ModelBuilt,
    Phase,
    Progress,
    RunStarted,
)
from mnist_tui.runs.folder import Launch, RunFolder, create
from mnist_tui.runs.process_folder import this_process
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.bench import Bench, Route
from mnist_tui.tui.runs.screen import RunsScreen
from mnist_tui.tui.terminal.keymap import ScreenCommand
from tests import waiting
from tests.tui.recorded_studies import RecordedStudy

START = 1_700_000_000.0
TEST_COUNTS = (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)


PARSED: dict[Any, list[RuleSet]] = {}
parse_rules = Stylesheet._parse_rules  # pyright: ignore[reportPrivateUsage]


@pytest.fixture(autouse=True, scope="session")
def style_sheets_are_parsed_once() -> Iterator[None]:
    """The style sheets' rules are kept from app to app, as Textual keeps them within one."""

    def parsed(sheet: Stylesheet, *given: Any, **more: Any) -> list[RuleSet]:
        key = given, *more.items(), *sorted(sheet._variables.items())  # pyright: ignore[reportPrivateUsage]
        if key not in PARSED:
            PARSED[key] = parse_rules(sheet, *given, **more)
        return PARSED[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", parsed)
        yield


def confusion(epoch: int, counts: tuple[int, ...] = TEST_COUNTS, seed: int = 1) -> tuple[tuple[int, ...], ...]:
    """A matrix of a network that has learnt for `epoch` epochs; row sums are `counts`."""
    rng = random.Random(seed * 1000 + epoch)
    right = 1 - 0.4 * math.exp(-epoch / 4) - 0.02
    rows: list[tuple[int, ...]] = []
    for true, total in enumerate(counts):
        wrong = round(total * (1 - right))
        row = [0] * len(counts)
        for _ in range(wrong):
            row[rng.choice([(true + step) % len(counts) for step in (1, 1, 1, 3, 5, 7)])] += 1
        row[true] += total - wrong
        rows.append(tuple(row))
    return tuple(rows)


@dataclass
class Recording:
    """One run's folder that a test writes as a worker would."""

    folder: RunFolder
    epochs: int
    clock: float = START

    def write(self, *events: Event) -> None:
        log = EventLog(self.folder.events_file)
        for event in events:
            self.clock += 0.1
            log.append(replace(event, time=event.time or self.clock))
        log.close()

    def begin(self, dataset: str = "mnist", gpu: bool = False, class_names: tuple[str, ...] | None = None) -> Recording:
        known = KNOWN[dataset]
        train, test = (1437, 360) if known.sample else (60_000, 10_000)
        self.write(
            RunStarted(run=self.folder.id, epochs=self.epochs, total=198_760, trainable=198_760),
            Phase(name="importing"),
            Phase(name="reading", done=3, total=4, unit="files"),
            DataReady(
                name=known.name,
                title=known.title,
                class_names=class_names or known.class_names,
                sha256={},
                source="a folder",
                sample=known.sample,
                verified=True,
                train=train,
                validation=0,
                test=test,
                inputs=784,
            ),
            ModelBuilt(
                device="GPU:0" if gpu else "CPU:0",
                device_name="NVIDIA H200" if gpu else "Intel Xeon",
                program="xla",
                total=198_760,
                trainable=198_760,
                steps=118,
            ),
            Phase(name="training"),
            self.load(gpu),
        )
        return self

    def load(self, gpu: bool = False) -> DeviceLoad:
        gpus = ()
        if gpu:
            gpus = (
                Gpu(
                    index=0,
                    name="NVIDIA H200",
                    utilization=43,
                    memory_used=12 * 2**30,
                    memory_total=139 * 2**30,
                    temperature=54,
                    power=312.4,
                ),
            )
        return DeviceLoad(
            cpu=87.4,
            cores=2,
            memory_used=3 * 2**30,
            memory_total=8 * 2**30,
            worker_cpu=181.2,
            worker_memory=1_234_567_890,
            gpus=gpus,
        )

    def epoch(
        self, number: int, *, steps: bool = True, finite: bool = True, seconds: float = 2.0, **given: Any
    ) -> Recording:
        loss = 0.08 + 2.0 * math.exp(-number / 5) if finite else None
        if steps:
            for step in range(0, 118, 12):
                share = (step + 1) / 118
                self.write(self.progress(number, step + 1, (loss or 0) + 0.3 * (1 - share) / number))
        self.clock += seconds
        self.write(self.ended_epoch(number, finite=finite, seconds=seconds, **given))
        return self

    def ended_epoch(self, number: int, *, finite: bool = True, seconds: float = 2.0, **given: Any) -> EpochEnded:
        loss = 0.08 + 2.0 * math.exp(-number / 5) if finite else None
        values: dict[str, Any] = {
            "epoch": number,
            "loss": loss,
            "accuracy": 0.98 - 0.4 * math.exp(-number / 4),
            "val_loss": 0.1 + 1.8 * math.exp(-number / 5) if finite else None,
            "val_accuracy": 0.975 - 0.3 * math.exp(-number / 4),
            "learning_rate": 0.001,
            "seconds": seconds,
            "images_per_second": 61_234.0,
            "confusion": confusion(number),
        }
        return EpochEnded(**{**values, **given})

    def progress(self, epoch: int, step: int, loss: float | None) -> Progress:
        return Progress(
            epoch=epoch, step=step, steps=118, images_per_second=61_234.0, loss=loss, accuracy=0.9, learning_rate=0.001
        )

    def status(self, state: str, *, dead: bool = False) -> Recording:
        """What `status.json` says; the test's own process plays the worker."""
        me = this_process(state)
        self.folder.write_status(replace(me, process_start=me.process_start - (500 if dead else 0)))
        return self

    def finish(self, state: str = "finished", reason: str = "", **scores: Any) -> Recording:
        self.write(Ended(state=state, reason=reason, **scores))
        return self.status(state)

    def results(self, epoch: int, names: tuple[str, ...]) -> Recording:
        """The results document that goes with `confusion(epoch)`; with other than ten classes of 400 images each."""
        matrix = confusion(epoch, TEST_COUNTS if len(names) == 10 else (400,) * len(names))
        columns = [sum(row[index] for row in matrix) for index in range(len(names))]
        per_class = [
            {
                "class": name,
                "precision": matrix[i][i] / columns[i],
                "recall": matrix[i][i] / sum(matrix[i]),
                "f1": 2 * matrix[i][i] / (columns[i] + sum(matrix[i])),
                "support": sum(matrix[i]),
            }
            for i, name in enumerate(names)
        ]
        doc = {
            "dataset": {"name": "mnist", "title": "MNIST", "train": 60_000, "test": 10_000, "sample": False},
            "test": {"loss": 0.0812, "accuracy": 0.9764, "macro_f1": 0.9762, "per_class": per_class},
            "train": {"loss": 0.0311, "accuracy": 0.9921},
            "confusion_matrix": [list(row) for row in matrix],
            "timings": {"data": 0.6, "features": 0.0, "build": 1.2, "train": 24.5, "evaluate": 0.9, "total": 28.1},
            "platform": {"python": "3.11.7", "tensorflow": "2.21.0", "cpu": "Intel Xeon", "system": "Linux"},
        }
        self.folder.results_file.write_text(json.dumps(doc))
        return self


def exists(app: Bench, command: ScreenCommand) -> bool:
    """Whether the method behind the command is there."""
    target, name, _ = app._parse_action(command.action, command.node)  # pyright: ignore[reportPrivateUsage]
    return any(callable(getattr(target, f"{prefix}action_{name}", None)) for prefix in ("", "_"))


async def browse(pilot: Pilot[Any], until: Any, count: int) -> RunsScreen:
    """Opens the browser and waits for its runs."""
    pilot.app.show(Route("runs"))  # pyright: ignore[reportAttributeAccessIssue]
    await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen) and pilot.app.screen.is_mounted)
    screen = pilot.app.screen
    assert isinstance(screen, RunsScreen)
    await until(pilot, lambda: len(screen.table.keys) == count)
    return screen


Record = Callable[..., Recording]


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> list[RunFolder]:
    """No TensorFlow is started; the runs that would have been are listed."""
    started: list[RunFolder] = []
    monkeypatch.setattr("mnist_tui.runs.start.start_worker", lambda folder, standby=None: started.append(folder))
    monkeypatch.setattr("mnist_tui.runs.start.start_next_worker", lambda folder, lock: started.append(folder))
    standby = SimpleNamespace(waiting=True, dismiss=lambda: None)
    monkeypatch.setattr("mnist_tui.runs.start.Standby", lambda: standby)
    return started


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """Makes the folder of a run that lives; the test writes its events."""

    def make(
        preset: str = "raw", epochs: int = 20, image: ImageShape | None = None, classes: int | None = None
    ) -> Recording:
        found = find_preset(preset)
        shortened = with_part(
            with_part(found.experiment, "training", epochs=epochs), "dataset", image=image, classes=classes
        )
        folder = create(
            tmp_path / "runs",
            replace(found, experiment=shortened, origin="run"),
            Launch(created=time.time(), command="mnist-tui train"),
        )
        return Recording(folder, epochs).status("running")

    return make


@pytest.fixture
def app_on(tmp_path: Path) -> Callable[[RunFolder], BenchApp]:
    """The app, watching a run."""
    return lambda folder: BenchApp(AppOptions(action="watch", run=folder, runs_dir=tmp_path / "runs"))


@pytest.fixture(autouse=True)
def keys_are_handled_before_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pilot presses keys once the screen has come to rest, and goes on once the app has handled them."""
    press = Pilot.press

    async def press_at_rest(pilot: Pilot[Any], *keys: str) -> None:
        await waiting.settled(pilot.app)
        await press(pilot, *keys)

    monkeypatch.setattr(Pilot, "press", press_at_rest)
    monkeypatch.setattr("textual.app.wait_for_idle", waiting.wait_for_idle_app)
    monkeypatch.setattr("textual.pilot.wait_for_idle", waiting.wait_for_idle_app)


async def _until(pilot: Pilot[Any], condition: Callable[[], Any]) -> None:
    """Waits for a condition, and until the screen has come to rest; fails with the screen's text."""
    await waiting.until(condition, lambda: screen_text(pilot.app))
    await waiting.settled(pilot.app)


def screen_text(app: App[Any]) -> str:
    """What a terminal would show of the top screen, as text."""
    strips = app.screen._compositor.render_strips(app.size)  # pyright: ignore[reportPrivateUsage]
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


def notices_text(app: App[Any]) -> list[str]:
    """The texts of the notices as a terminal would show them, each on one line."""
    strips = app.screen._compositor.render_strips(app.size)  # pyright: ignore[reportPrivateUsage]
    regions = [toast.content_region for toast in app.screen.query(Toast)]
    lines = [[strip.crop(at.x, at.right).text for strip in strips[at.y : at.bottom]] for at in regions]
    return [" ".join(" ".join(each).split()) for each in lines]


@pytest.fixture
def until() -> Callable[..., Any]:
    """Waits for a condition, and until the screen has come to rest."""
    return _until


@pytest.fixture
def shows() -> Callable[..., Any]:
    """Waits until every given text is on the screen, on one line or wrapped, or in a notice; the screen's text then."""

    async def wait(pilot: Pilot[Any], *texts: str) -> str:
        def all_shown() -> bool:
            screen = screen_text(pilot.app)
            places = screen, " ".join(screen.split()), *notices_text(pilot.app)
            return all(any(text in place for place in places) for text in texts)

        await _until(pilot, all_shown)
        return screen_text(pilot.app)

    return wait


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder of runs."""
    place = tmp_path / "runs"
    place.mkdir()
    return place


@pytest.fixture
def under_way(place: Path) -> RecordedStudy:
    """Six trials: three finished, one pruned, one running, one to come."""
    return RecordedStudy(place).under_way()
