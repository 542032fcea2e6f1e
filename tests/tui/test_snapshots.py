"""Every screen as it was last looked at: small and dark, large and light, and the matrix without colour too.

After a change that is meant to be seen: `pytest tests/tui/test_snapshots.py -n 0 --snapshot-update`, then look at them.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot
from textual.widgets import Input
from textual.widgets._collapsible import CollapsibleTitle

from mnist_tui.data import datasets
from mnist_tui.data.pictures import centred
from mnist_tui.experiment.parameters import apply_texts
from mnist_tui.experiment.presets import edited, find_preset
from mnist_tui.files import write_json
from mnist_tui.runs import epoch_predictions
from mnist_tui.runs.events import DataReady, Distribution, LayerWeights, ModelBuilt, Phase, RunStarted, WeightsSeen
from mnist_tui.runs.folder import Launch, RunFolder, create
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.bench import Route
from mnist_tui.tui.draw.screen import DrawScreen
from mnist_tui.tui.gallery.screen import GalleryScreen
from mnist_tui.tui.run_screen import RunScreen
from tests.runs.synthetic import finished_run
from tests.tui.conftest import Recording, screen_text
from tests.tui.recorded_answers import counted, probabilities
from tests.waiting import settled

ANSWERING = Path(__file__).with_name("answering.py").resolve()
BEGIN = 1_767_268_800.0
"""2026-01-01, 12:00 UTC."""
EPOCHS = 14
SMALL, LARGE = (80, 24), (140, 45)
RUNS = Path("runs")
"""From the test's own folder, so that no screen names a place of this machine."""
VARIANTS = {
    "dark-80x24": ("bench-dark", SMALL),
    "light-140x45": ("bench-light", LARGE),
    "no-colour-80x24": ("bench-dark", SMALL),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with five runs: three seeds, one of other data, and the newest with all that screens show."""
    place = tmp_path_factory.mktemp("place")
    numbers = itertools.count(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        patch.chdir(place)
        patch.setattr("mnist_tui.runs.naming.random_ending", lambda: f"{next(numbers):04}")
        for seed, accuracy in enumerate((0.95, 0.96, 0.98)):
            created, texts = BEGIN - 86_400 + 60 * seed, {"seed": str(seed)}
            finished_run(RUNS, epochs=EPOCHS, texts=texts, test_accuracy=accuracy, created=created)
        finished_run(RUNS, "fashion", epochs=8, texts={"hidden": "60"}, test_accuracy=0.85, created=BEGIN - 3600)
        whole_run()
    time.tzset()
    yield place


def whole_run() -> None:
    """A finished run on the bundled digits that began to overfit, with predictions, weights and a model."""
    digits = datasets.load("digits")
    sums = {str(part): digest for part, digest in digits.sha256.items()}
    found = find_preset("raw")
    preset = replace(edited(found, apply_texts(found.experiment, {"epochs": str(EPOCHS)})), origin="run")
    folder = create(RUNS, preset, Launch(created=BEGIN, command="mnist-tui train --preset raw"))
    run = Recording(folder, EPOCHS, BEGIN)
    run.write(
        RunStarted(run=folder.id, epochs=EPOCHS, total=198_760, trainable=198_760),
        DataReady(
            name="digits",
            title=digits.title,
            class_names=digits.class_names,
            source=digits.source,
            sample=True,
            sha256=sums,
            verified=False,
            train=1437,
            validation=0,
            test=360,
            inputs=784,
        ),
        ModelBuilt(
            device="CPU:0", device_name="Intel Xeon", program="xla", total=198_760, trainable=198_760, steps=118
        ),
        Phase(name="training"),
        run.load(),
        weights(0),
    )
    matrix: tuple[tuple[int, ...], ...] = ()
    for epoch in range(1, EPOCHS + 1):
        values = probabilities(digits.test_labels, epoch, 0.6)
        epoch_predictions.append(folder.predicted_file, epoch, values)
        loss, val_loss = 0.5 * 0.8**epoch, 0.5 - 0.1 * epoch if epoch < 4 else 0.2 + 0.02 * (epoch - 4)
        matrix = counted(digits.test_labels, values)
        run.epoch(epoch, steps=False, loss=loss, val_loss=val_loss, confusion=matrix)
        run.write(weights(epoch))
    folder.model_file.write_bytes(b"model")
    run.results(EPOCHS, digits.class_names)
    doc = folder.results() or {}
    doc["dataset"] = {"name": "digits", "title": digits.title, "train": 1437, "test": 360, "sample": True}
    doc["test"] = scores(matrix, digits.class_names)
    doc["confusion_matrix"] = matrix
    write_json(folder.results_file, doc)
    accuracy, macro_f1 = doc["test"]["accuracy"], doc["test"]["macro_f1"]
    run.finish(reason="all epochs done", test_loss=0.0812, test_accuracy=accuracy, macro_f1=macro_f1)


def scores(matrix: tuple[tuple[int, ...], ...], names: tuple[str, ...]) -> dict[str, Any]:
    """What the results say of a matrix."""
    counts = np.array(matrix)
    right, rows, columns = counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0)
    f1 = 2 * right / (rows + columns)
    per_class = [
        {"class": name, "precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)}
        for name, p, r, f, n in zip(names, right / columns, right / rows, f1, rows, strict=True)
    ]
    accuracy = float(right.sum() / counts.sum())
    return {"loss": 0.0812, "accuracy": accuracy, "macro_f1": float(f1.mean()), "per_class": per_class}


def weights(epoch: int) -> WeightsSeen:
    """Two layers whose weights spread out."""
    values = np.random.default_rng(epoch).normal(0, 0.05 + 0.005 * epoch, 196_000)
    hidden, output = distribution(values), distribution(values[:2500])
    return WeightsSeen(
        epoch=epoch,
        layers=(
            LayerWeights(name="dense_1", weights=hidden, biases=distribution(values[:250])),
            LayerWeights(name="output", weights=output, biases=distribution(values[:10])),
        ),
    )


def distribution(values: Any) -> Distribution:
    counts, edges = np.histogram(values, bins=32)
    return Distribution(
        low=float(edges[0]),
        high=float(edges[-1]),
        counts=tuple(counts.tolist()),
        mean=float(values.mean()),
        deviation=float(values.std()),
    )


@pytest.fixture
def at_home(place: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Works in `place`; settings, runs and data are there, the time is UTC, models answer without TensorFlow."""

    def start(_job: str, folder: RunFolder, errors: Any) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(ANSWERING), "answers"]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)

    monkeypatch.chdir(place)
    monkeypatch.setenv("MNIST_TUI_CONFIG", "settings.toml")
    monkeypatch.setenv("MNIST_TUI_RUNS", str(RUNS))
    monkeypatch.setenv("KERAS_HOME", "keras")
    for name in ("MNIST_TUI_DATA", "NO_COLOR", "TMUX"):
        monkeypatch.delenv(name, raising=False)
    if "no-colour" in request.node.name:
        monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("mnist_tui.runs.worker_jobs.start_model_process", start)
    monkeypatch.setattr("mnist_tui.tui.draw.model_reader.time", SimpleNamespace(perf_counter=lambda: 0.0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


Go = Callable[[Pilot[Any], Callable[..., Awaitable[Any]]], Awaitable[Any]]
"""Leads from the first screen to the one that is looked at; gets the pilot and a wait for texts on the screen."""


async def presets(pilot: Pilot[Any], shows: Callable[..., Awaitable[Any]]) -> None:
    """The presets, with what is known of their data: a screen over them shows them as they are when it comes."""
    await shows(pilot, "raw", "Train")
    await pilot.app.workers.wait_for_complete()
    await settled(pilot.app)


async def editor(pilot: Pilot[Any], shows: Callable[..., Awaitable[Any]]) -> None:
    await presets(pilot, shows)
    pilot.app.show(Route("editor", preset=find_preset("hog")))  # pyright: ignore[reportAttributeAccessIssue]
    digit = ("dense_1", "test image 1") if pilot.app.size == LARGE else ()
    await shows(pilot, "80,610 parameters", "not on this machine", *digit)


async def runs(pilot: Pilot[Any], shows: Callable[..., Awaitable[Any]]) -> None:
    await pilot.press("f3")
    await shows(pilot, "Runs  5", "fashion", "98.00 %")
    if pilot.app.size.height > 36:
        await shows(pilot, "evaluated after epoch 14")  # the preview, which is read once the cursor rests


async def compare(pilot: Pilot[Any], shows: Callable[..., Awaitable[Any]]) -> None:
    await runs(pilot, shows)
    await pilot.press("a", "o")
    await shows(pilot, "Validation accuracy", "mean" if pilot.app.size.width > 100 else "n=3")


async def draw(pilot: Pilot[Any], shows: Callable[..., Awaitable[Any]]) -> None:
    await presets(pilot, shows)
    await pilot.press("f4")
    await shows(pilot, "checkpoint")
    await pilot.press("space", *["shift+right"] * 2, *["shift+down"] * 2)
    await shows(pilot, "91.0 %", "checkpoint of")


async def settings(pilot: Pilot[Any], shows: Callable[..., Awaitable[Any]]) -> None:
    await presets(pilot, shows)
    await pilot.press("f12")
    await shows(pilot, "Curves drawn in")


async def tour(pilot: Pilot[Any], shows: Callable[..., Awaitable[Any]]) -> None:
    await presets(pilot, shows)
    await shows(pilot, "15 epochs, a tenth")
    pilot.app.show(Route("tour"))  # pyright: ignore[reportAttributeAccessIssue]
    await shows(pilot, "Welcome to mnist-tui")


async def help_of_presets(pilot: Pilot[Any], shows: Callable[..., Awaitable[Any]]) -> None:
    await presets(pilot, shows)
    await pilot.press("f1")
    await shows(pilot, "Help")


async def training(pilot: Pilot[Any], shows: Callable[..., Awaitable[Any]]) -> None:
    await shows(pilot, "finished", "r Results")


def over_training(key: str, *texts: str) -> Go:
    """A key of the training screen, and what is seen then."""

    async def go(pilot: Pilot[Any], shows: Callable[..., Awaitable[Any]]) -> None:
        await training(pilot, shows)
        await pilot.press(key)
        await shows(pilot, *texts)

    return go


BROWSED: dict[str, Go] = {
    "presets": presets,
    "editor": editor,
    "runs": runs,
    "compare": compare,
    "draw": draw,
    "settings": settings,
    "tour": tour,
    "help": help_of_presets,
}
WATCHED: dict[str, Go] = {
    "training": training,
    "results": over_training("r", "Confusions"),
    "matrix": over_training("m", "epoch 14"),
    "gallery": over_training("g", "epoch 14"),
    "weights": over_training("w", "dense_1"),
    "diagnosis": over_training("i", "Overfitting"),
}


def answered(screen: DrawScreen) -> bool:
    """Whether what stands beside the drawing is about all of it."""
    seen = centred(screen.canvas.pixels)
    picture, label = screen.seen.picture.pixels, int((seen > 0).sum()) % 10
    return np.array_equal(picture, seen) and str(screen.share.content) == f"{label} with 91.0 %"


CASES = [
    *((name, variant) for name in BROWSED | WATCHED for variant in ("dark-80x24", "light-140x45")),
    ("matrix", "no-colour-80x24"),
]


async def settle(pilot: Pilot[Any], until: Callable[..., Awaitable[Any]]) -> None:
    """Waits until nothing works or changes any more."""
    seen: list[str] = []

    def still() -> bool:
        screen = pilot.app.screen
        if isinstance(screen, GalleryScreen) and screen.predictions is None:
            return False
        if isinstance(screen, DrawScreen) and not answered(screen):
            return False
        if isinstance(screen, RunScreen):
            screen.redraw()
        if any(
            title.display and 0 < title.size.width < len(f"▶ {title.label}") for title in screen.query(CollapsibleTitle)
        ):
            return False  # its place is still that of an earlier, shorter title
        seen.append(screen_text(pilot.app))
        return len(seen) > 2 and len(set(seen[-3:])) == 1

    await pilot.app.workers.wait_for_complete()
    for field in pilot.app.screen.query(Input):
        field.cursor_blink = False
    await until(pilot, still)
    await pilot.app.workers.wait_for_complete()
    # `screen_text` draws the top screen alone; what it had drawn is kept, and would hide the screen below
    pilot.app.screen.refresh()
    await settled(pilot.app)


@pytest.mark.parametrize(("name", "variant"), CASES)
@pytest.mark.usefixtures("at_home")
def test_the_screen_looks_as_before(name: str, variant: str, shows: Any, until: Any, snap_compare: Any) -> None:
    theme, size = VARIANTS[variant]
    Path("settings.toml").write_text(f'toured = true\ntheme = "{theme}"\n')
    watched = RunFolder(max(RUNS.iterdir())) if name in WATCHED else None
    app = BenchApp(AppOptions(action="watch" if watched else "browse", run=watched, runs_dir=RUNS))
    app.animation_level = "none"

    async def go(pilot: Pilot[Any]) -> None:
        await (BROWSED | WATCHED)[name](pilot, shows)
        await settle(pilot, until)

    assert snap_compare(app, terminal_size=size, run_before=go)
