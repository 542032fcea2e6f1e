"""The first screen: what it lists, finds, shows and starts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mnist_tui.experiment.presets import find_preset, list_presets, save_preset
from mnist_tui.tui import experiment_words, run_commands
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.bench import Route
from mnist_tui.tui.presets.screen import PresetsScreen
from tests.tui.sizes import at_sizes

EVERY = len(list(list_presets()))
SOURCES = [
    "Different architectures for CNN on MNIST dataset",
    "EFC2: MNIST MLP and CNN Classifier",
    "ARN – Report – Labo04",
    "MNIST Training",
    "Various architectures on MNIST data",
]
HEAVY = ("numpy", "tensorflow", "keras", "sklearn", "skimage", "scipy", "matplotlib", "plotext")


@pytest.fixture(autouse=True)
def no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same on every machine: no dataset is at hand."""
    for variable in ("HOME", "KERAS_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.delenv("MNIST_TUI_DATA", raising=False)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What the screen asked of the app: train or edit, and the preset's name."""
    calls: list[tuple[str, str]] = []

    def show(bench: BenchApp, route: Route) -> None:
        if route.preset is not None:
            calls.append((route.name, route.preset.name))
        else:
            shown(bench, route)

    shown = BenchApp.show
    monkeypatch.setattr(run_commands, "train", lambda _, preset: calls.append(("train", preset.name)))
    monkeypatch.setattr(BenchApp, "show", show)
    return calls


@pytest.fixture
def bench(tmp_path: Path) -> Callable[..., BenchApp]:
    return lambda **given: BenchApp(AppOptions(runs_dir=tmp_path / "runs", **given))


def listed(app: BenchApp) -> list[str | None]:
    screen = app.screen
    assert isinstance(screen, PresetsScreen)
    return [option.id for option in screen.listing.options if option.id is not None]


def headings(app: BenchApp) -> list[str]:
    screen = app.screen
    assert isinstance(screen, PresetsScreen)
    return [str(option.prompt) for option in screen.listing.options if option.disabled]


@at_sizes((80, 24), (140, 45))
async def test_a_preset_is_shown_with_its_layers_inputs_parameters_training_and_what_was_published(
    size: tuple[int, int], bench: Any, shows: Any
) -> None:
    async with bench(preset=find_preset("hog")).run_test(size=size) as pilot:
        await shows(
            pilot,
            "HOG features: 392-200-10, sigmoid",
            "A multilayer perceptron",
            "dense_1",
            "200 neurons, sigmoid",
            "dropout_1",
            "rate 0.5",
            "output",
            "392 = 7 × 7 cells × 8 orientations",
            "HOG, cells of 4×4 pixels",
            "80,610: 80,400 weights + 210 biases",
            "test accuracy 98.41 %, test loss",
        )
        await pilot.press("tab", "end")
        await shows(
            pilot,
            "rmsprop, learning rate 0.001",
            "100 epochs, batches of 512",
            "Where the source is silent or contradicts",
            "conclusion speaks of 9",
        )


@at_sizes((60, 20), (200, 50))
async def test_the_starters_come_first_and_no_line_is_wider_than_the_window(
    size: tuple[int, int], bench: Any, shows: Any
) -> None:
    app = bench()
    async with app.run_test(size=size) as pilot:
        text = await shows(pilot, "Raw pixels: 784-250-10, tanh", "Train t", "Edit e")
        assert listed(app)[:4] == ["raw", "hog", "cnn", "fashion"]
        assert all(len(line) <= size[0] for line in text.splitlines())


async def test_the_search_finds_by_name_title_description_and_kinds_and_escape_shows_all(
    bench: Any, shows: Any, until: Any
) -> None:
    app = bench()
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, f"{EVERY} presets")
        for query, names in (
            ("clothes rather", ["fashion"]),
            ("TANH chose pixels themselves", ["raw"]),
            ("hog 4-pix sigm", ["labo04-hog-sigmoid-ppc4"]),
            ("gpt", []),
        ):
            app.screen.search.value = query
            await until(pilot, lambda names=names: listed(app) == names)
        await pilot.press("escape")
        await until(pilot, lambda: len(listed(app)) == EVERY)
        await pilot.press("slash", *"conv2d cloth")
        await until(pilot, lambda: listed(app) == ["fashion", "labo04-fashion-model1"])
        await pilot.press("slash", "z", "z")
        await shows(pilot, "No preset matches", f"0 of {EVERY}")


async def test_presets_stand_under_their_sources_and_a_heading_without_any_is_not_there(
    bench: Any, shows: Any, until: Any
) -> None:
    save_preset(replace(find_preset("raw"), title="My own"), "mine")
    app = bench()
    async with app.run_test(size=(140, 45)) as pilot:
        await shows(pilot, f"{EVERY + 1} presets", "Different architectures for CNN on")
        assert headings(app) == ["Starters", *SOURCES, "Saved"]
        assert listed(app)[-1] == "mine"
        app.screen.search.value = "efc2 step5"
        await until(pilot, lambda: listed(app) == ["efc2-cnn-step5", "efc2-mlp-step5"])
        assert headings(app) == ["EFC2: MNIST MLP and CNN Classifier"]
        app.screen.search.value = "various architectures on mnist data"
        await until(pilot, lambda: len(listed(app)) == 6)


async def test_the_cursor_passes_over_headings_which_stay_in_sight(bench: Any, shows: Any, until: Any) -> None:
    app = bench(preset=find_preset("cnn-model1"))
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "Model 1: two convolutions")
        await pilot.press("up")
        await until(pilot, lambda: app.screen.chosen.name == "fashion")
        await pilot.press("down")
        await until(pilot, lambda: app.screen.chosen.name == "cnn-model1")
        await pilot.press("end")
        await until(pilot, lambda: app.screen.chosen.name == "various-mlp5-bn-dropout")
        await pilot.press("home")
        await until(pilot, lambda: app.screen.chosen.name == "raw")
        await shows(pilot, "Starters")
        await pilot.click("#presets", offset=(3, 0))
        assert app.screen.chosen.name == "raw"


@at_sizes((80, 24), (140, 45))
async def test_training_figures_are_told_with_their_kind(size: tuple[int, int], bench: Any, shows: Any) -> None:
    async with bench(preset=find_preset("various-mlp2-bn-dropout")).run_test(size=size) as pilot:
        await shows(pilot, "784-256-64-10, batch normalisation")
        await pilot.press("tab", "end")
        text = await shows(pilot, "the code's stand here", "Keras' default is taken")
        assert all(len(line) <= size[0] for line in text.splitlines())
        await pilot.press("pageup")
        await shows(pilot, "98.63 %", "dropout on")


async def test_keys_train_and_edit_the_chosen_preset(bench: Any, asked: Any, shows: Any) -> None:
    app = bench()
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "dense_1")
        await pilot.press("enter", "j", "t", "down", "e", "k", "k", "t")
        await pilot.click("#edit")
        assert asked == [("train", "raw"), ("train", "hog"), ("editor", "cnn"), ("train", "raw"), ("editor", "raw")]


async def test_a_click_chooses_and_does_not_train(bench: Any, asked: Any, shows: Any) -> None:
    app = bench()
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "dense_1")
        await pilot.click("#presets", offset=(3, 3))
        await shows(pilot, "392 = 7 × 7 cells")
        assert asked == []


async def test_arrows_move_in_the_list_while_the_search_has_the_focus(bench: Any, asked: Any, until: Any) -> None:
    app = bench()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("slash", *"conv cloth", "down", "up", "up")
        await until(pilot, lambda: app.screen.chosen is not None and app.screen.chosen.name == "labo04-fashion-model1")
        await pilot.press("up")
        await until(pilot, lambda: app.screen.chosen.name == "fashion")
        await pilot.press("enter", "e")
        assert asked == [("editor", "fashion")]


async def test_saved_presets_are_marked_and_a_broken_file_says_what_is_wrong(
    bench: Any, asked: Any, shows: Any
) -> None:
    path = save_preset(replace(find_preset("raw"), title="My own"), "mine")
    path.with_name("torn.toml").write_text("[training]\nepochs = 0\n")
    app = bench()
    async with app.run_test(size=(200, 50)) as pilot:
        await shows(pilot, "Starters")
        await pilot.press("end")
        await shows(pilot, "mine  saved", "torn  broken")
        await shows(pilot, "torn cannot be used", "line 2: training.epochs: 0 is too small")
        await pilot.press("t", "e", "enter")
        assert asked == []


async def test_a_dataset_that_is_not_here_is_said_with_what_will_happen(bench: Any, shows: Any) -> None:
    async with bench().run_test(size=(80, 24)) as pilot:
        await shows(pilot, "MNIST is not on this machine: training downloads it (12 MB).", "bundled digits sample")
        await pilot.press("down", "down", "down")
        await shows(pilot, "Fashion-MNIST is not on this machine", "t10k-images-idx3-ubyte", "--data-dir")


def test_the_screen_imports_nothing_heavy() -> None:
    code = f"import sys, mnist_tui.tui.presets.screen; print([name for name in {HEAVY!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


# ── words and tables ──


def test_every_starter_is_described() -> None:
    for name in ("raw", "hog", "cnn", "fashion"):
        facts = experiment_words.facts(find_preset(name))
        assert set(facts) == set(experiment_words.FACTS)
        assert all(facts.values())
