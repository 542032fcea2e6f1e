"""Runs that were not trained here in the app: the dialogs that make them, and what their screens show and refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input, Static

from mnist_tui.runs import evaluations
from mnist_tui.runs.collection.summaries import summary_of
from mnist_tui.runs.events import Ended, Phase, RunStarted
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.library import run_folders
from mnist_tui.runs.origin import Origin, OriginSource
from mnist_tui.runs.process_folder import Status
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.bench import Route
from mnist_tui.tui.evaluations import dialogs
from mnist_tui.tui.evaluations.dialogs import EvaluateScreen, ImportScreen
from mnist_tui.tui.results.screen import ResultsScreen
from mnist_tui.tui.routes import refused_by_route
from mnist_tui.tui.widgets.controls import ValueSelect
from tests.runs.sample_events import data_ready
from tests.runs.synthetic import BEGIN, finished_run, write_events
from tests.tui.conftest import browse

ANSWERS = Origin("imported", (OriginSource("answers.csv"),), "mnist", predictions_only=True, labels_only=True)
MATRIX = [[90 if row == column else 1 for column in range(10)] for row in range(10)]


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    """A trained run, and above it the answers of another program."""
    place = tmp_path / "runs"
    trained = finished_run(place, epochs=5)
    trained.model_file.touch()
    with_scores(finished_run(place, origin=ANSWERS, created=BEGIN + 60))
    return place


def with_scores(folder: RunFolder) -> RunFolder:
    scores = {"precision": 0.9, "recall": 0.9, "f1": 0.9, "support": 99}
    per_class = [{"class": str(number), **scores} for number in range(10)]
    test = {"loss": None, "accuracy": 0.909, "macro_f1": 0.9, "per_class": per_class}
    data = {"name": "mnist", "title": "MNIST", "train": 0, "test": 990}
    results = {"state": "finished", "test": test, "confusion_matrix": MATRIX, "dataset": data}
    folder.results_file.write_text(json.dumps(results))
    return folder


def worker(refused: str = "") -> Any:
    """A worker that has done its work, or refused it, before anybody looks."""

    def work(folder: RunFolder, _: object) -> None:
        state = "failed" if refused else "finished"
        ended = Ended(time=BEGIN, state=state, reason=refused or "evaluated", test_accuracy=0.909)
        started = RunStarted(time=BEGIN, run=folder.id, epochs=0, total=0, trainable=0)
        write_events(folder, [started, data_ready(time=BEGIN), Phase(time=BEGIN, name="reading"), ended])
        folder.write_status(Status(state, reason=refused))
        if not refused:
            with_scores(folder)

    return work


def bench(runs_dir: Path) -> BenchApp:
    return BenchApp(AppOptions(action="browse", runs_dir=runs_dir))


@pytest.mark.parametrize("screen", ["training", "weights", "diagnosis"])
def test_screens_about_a_training_refuse_a_run_without_one_in_a_sentence(runs_dir: Path, screen: str) -> None:
    answers, trained = sorted(run_folders(runs_dir), key=lambda folder: folder.origin is None)

    assert refused_by_route(Route(screen, run=answers)).endswith(
        ": it was imported from answers.csv, so it has no training here"
    )
    assert "has trained can be looked into; it was imported" in refused_by_route(Route("inside", run=answers))
    assert refused_by_route(Route(screen, run=trained)) == refused_by_route(Route("inside", run=trained)) == ""
    assert refused_by_route(Route("results", run=answers)) == ""


async def test_a_key_that_needs_a_training_says_why_it_does_nothing(runs_dir: Path, shows: Any, until: Any) -> None:
    app = bench(runs_dir)
    async with app.run_test(size=(80, 24)) as pilot:
        answers = next(folder for folder in run_folders(runs_dir) if folder.origin is not None)
        app.show(Route("results", run=answers))
        await shows(pilot, "imported: answers.csv")
        for key, refused in {"w": "shows no weights", "c": "has no curves", "e": "cannot be trained again"}.items():
            await pilot.press(key)
            await until(pilot, lambda refused=refused: any(refused in each.message for each in app._notifications))
        assert isinstance(app.screen, ResultsScreen)


async def test_a_run_without_epochs_is_compared_by_the_matrix_of_its_evaluation(runs_dir: Path, shows: Any) -> None:
    app = bench(runs_dir)
    async with app.run_test(size=(140, 45)) as pilot:
        app.show(Route("compare", summaries=[summary_of(folder) for folder in run_folders(runs_dir)]))
        await shows(pilot, "Matrices")
        await pilot.press("m")
        await shows(pilot, "in the final evaluation: 90.91 % right")


async def test_the_data_of_the_training_are_chosen_before_data_with_other_classes(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch, until: Any
) -> None:
    here = ["fashion-mnist", "mnist"]
    monkeypatch.setattr(dialogs, "datasets_here", lambda *_: here)
    app = bench(runs_dir)
    async with app.run_test(size=(80, 24)) as pilot:
        trained = next(folder for folder in run_folders(runs_dir) if folder.origin is None)
        for others, chosen in ((["fashion-mnist", "mnist"], "mnist"), (["mnist", "qmnist"], "qmnist")):
            here[:] = others
            app.show(Route("evaluate", run=trained))
            await until(pilot, lambda: isinstance(pilot.app.screen, EvaluateScreen))
            assert pilot.app.screen.query_one("#evaluation-dataset", ValueSelect).value == chosen
            await pilot.press("escape")
        answers = next(folder for folder in run_folders(runs_dir) if folder.origin is not None)
        app.show(Route("evaluate", run=answers))
        await until(pilot, lambda: app.screen.query(".problem.-shown"))
        assert "which holds only predictions." in str(app.screen.query_one(".problem", Static).content)


async def test_a_run_is_evaluated_on_other_data_and_its_new_results_are_shown(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch, shows: Any, until: Any
) -> None:
    monkeypatch.setattr(evaluations, "start_worker", worker())
    app = bench(runs_dir)
    async with app.run_test(size=(100, 40)) as pilot:
        trained = next(folder for folder in run_folders(runs_dir) if folder.origin is None)
        app.show(Route("evaluate", run=trained))
        await until(pilot, lambda: isinstance(pilot.app.screen, EvaluateScreen))
        await shows(pilot, "It classifies 28×28 grey images of 10 classes", "Evaluate Ctrl+S")
        dialog = pilot.app.screen
        assert isinstance(dialog, EvaluateScreen)
        corrupt = dialog.query_one("#evaluation-corrupt", Input)
        corrupt.value = "blur:9"
        await pilot.pause()
        dialog.accept()
        await shows(pilot, "The strength of blur")
        corrupt.value = "blur:3, noise:1"
        await pilot.pause()
        dialog.accept()
        await until(pilot, lambda: isinstance(pilot.app.screen, ResultsScreen))
        await shows(pilot, "blur 3 and noise 1")


async def test_an_import_that_is_refused_is_explained_in_the_dialog_and_leaves_no_run(
    runs_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shows: Any, until: Any
) -> None:
    (tmp_path / "their.npz").write_bytes(b"nothing")
    monkeypatch.setattr(evaluations, "start_worker", worker("the file is cut off or damaged"))
    before = {path.name for path in runs_dir.iterdir()}
    async with bench(runs_dir).run_test(size=(100, 40)) as pilot:
        await browse(pilot, until, 2)
        await pilot.press("i")
        await until(pilot, lambda: isinstance(pilot.app.screen, ImportScreen))
        await pilot.press("enter")
        await shows(pilot, "No file is named")
        pilot.app.screen.query_one("#import-file", Input).value = str(tmp_path / "no.such")
        await pilot.press("enter")
        await shows(pilot, "its name must end in")
        pilot.app.screen.query_one("#import-file", Input).value = str(tmp_path / "their.npz")
        await pilot.press("enter")
        await shows(pilot, "The file is cut off")
        assert isinstance(pilot.app.screen, ImportScreen)
    assert {path.name for path in runs_dir.iterdir() if path.is_dir()} == {name for name in before if name[0] != "."}
