"""The first screen: what it lists, finds, shows and starts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Button

from mnist_tui.experiment.presets import find_preset, list_presets, save_preset
from mnist_tui.runs.process_folder import this_process
from mnist_tui.tui import experiment_words, run_commands
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.bench import Route
from mnist_tui.tui.presets import screen as preset_screen
from mnist_tui.tui.presets.network import boxes_of, drawn
from mnist_tui.tui.presets.screen import PresetsScreen
from mnist_tui.tui.results.screen import ResultsScreen
from mnist_tui.tui.run_commands import quick_preset
from tests.runs.synthetic import BEGIN, finished_run
from tests.tui.conftest import screen_text
from tests.tui.sizes import at_sizes

EVERY = len(list(list_presets()))
CLASSICS = [preset.name for preset in list_presets() if preset.path and preset.path.parent.name == "classics"]
OPEN = ["raw", "hog", "cnn", "fashion", *CLASSICS]
"""The presets in the groups that are open at first."""
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


def listed(app: BenchApp) -> list[str]:
    screen = app.screen
    assert isinstance(screen, PresetsScreen)
    return [key for key in screen.listing.keys if not key.startswith("/")]


def headings(app: BenchApp) -> list[str]:
    screen = app.screen
    assert isinstance(screen, PresetsScreen)
    return [key[1:] for key in screen.listing.keys if key.startswith("/")]


@at_sizes((140, 45), (200, 50))
async def test_a_preset_is_shown_with_its_network_inputs_parameters_training_and_layers(
    size: tuple[int, int], bench: Any, shows: Any
) -> None:
    async with bench(preset=find_preset("hog")).run_test(size=size) as pilot:
        await shows(
            pilot, "HOG features: 392-200-10, sigmoid", "200 sigmoid", "10 softmax", "dropout 0.5", "A multilayer"
        )
        await pilot.press("tab", *["pagedown"] * (size[1] < 40))
        await shows(
            pilot,
            "HOG, cells of 4×4 pixels",
            "392 = 7 × 7 cells × 8 orientations",
            "80,610: 80,400 weights + 210 biases",
            "test accuracy 98.41 %, loss 0.0540",
            "rmsprop, learning rate 0.001",
            "100 epochs, batches of 512",
        )
        await pilot.press("tab", "end")
        await shows(pilot, "dense_1", "200 neurons, sigmoid", "rate 0.5")


async def test_the_notes_on_a_source_are_folded_until_asked_for(bench: Any, shows: Any) -> None:
    app = bench(preset=find_preset("hog"))
    async with app.run_test(size=(140, 45)) as pilot:
        text = await shows(pilot, "Sources (s): 5 notes")
        assert "conclusion speaks of 9" not in text
        await pilot.press("s")
        await shows(pilot, "Where the source is silent or contradicts itself", "conclusion speaks of 9")


@at_sizes((60, 20), (200, 50))
async def test_the_starters_come_first_and_no_line_is_wider_than_the_window(
    size: tuple[int, int], bench: Any, shows: Any
) -> None:
    app = bench()
    async with app.run_test(size=size) as pilot:
        text = await shows(pilot, "Raw pixels: 784-250-10, tanh", "97.62 %", "Train 150 epochs t", "Quick run f")
        assert ("198,760" in text) == (size[0] > 60), "the column with the parameters is the first to go"
        assert listed(app)[:4] == ["raw", "hog", "cnn", "fashion"]
        assert all(len(line) <= size[0] for line in text.splitlines())


async def test_the_search_finds_by_name_title_description_and_kinds_and_escape_shows_all(
    bench: Any, shows: Any, until: Any
) -> None:
    app = bench()
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, f"Presets  {EVERY}")
        for query, names in (
            ("clothes rather", ["fashion"]),
            ("TANH chose pixels themselves", ["raw"]),
            ("hog 4-pix sigm", ["labo04-hog-sigmoid-ppc4"]),
            ("gpt", []),
        ):
            app.screen.search.value = query
            await until(pilot, lambda names=names: listed(app) == names)
        await pilot.press("escape")
        await until(pilot, lambda: listed(app) == OPEN)
        await pilot.press("slash", *"conv2d cloth")
        await until(pilot, lambda: listed(app) == ["fashion", "labo04-fashion-model1"])
        await pilot.press("slash", "z", "z")
        await shows(pilot, "No preset matches", f"0 of {EVERY}")
        await pilot.press("escape", "down", "down", "slash", *"raw", "enter")
        await until(pilot, lambda: app.screen.chosen.name == "raw")


async def test_presets_stand_under_their_sources_and_a_group_without_a_match_is_not_there(
    bench: Any, shows: Any, until: Any
) -> None:
    save_preset(replace(find_preset("raw"), title="My own"), "mine")
    app = bench()
    async with app.run_test(size=(140, 45)) as pilot:
        await shows(pilot, f"Presets  {EVERY + 1}", "▸ Different architectures for CNN on MNIST dataset")
        assert headings(app) == ["Starters", "Classics", *SOURCES, "Saved"]
        assert listed(app) == [*OPEN, "mine"]
        app.screen.search.value = "efc2 step5"
        await until(pilot, lambda: listed(app) == ["efc2-cnn-step5", "efc2-mlp-step5"])
        assert headings(app) == ["EFC2: MNIST MLP and CNN Classifier"]
        app.screen.search.value = "various architectures on mnist data"
        await until(pilot, lambda: len(listed(app)) == 6)


async def test_a_group_is_opened_and_closed_by_key_and_by_click(bench: Any, asked: Any, shows: Any, until: Any) -> None:
    app = bench()
    async with app.run_test(size=(140, 45)) as pilot:
        await until(pilot, lambda: listed(app) == OPEN)
        await pilot.press(*["down"] * (len(OPEN) + 1))
        await shows(
            pilot, "Enter opens this group", "167,478 to 1,199,882", "98.90 % to 99.44 %", "cnn-model3, 99.44 %"
        )
        await pilot.press("enter")
        await shows(pilot, "▾ Different architectures", "Enter closes this group")
        assert listed(app)[len(OPEN) :] == ["cnn-model1", "cnn-model2", "cnn-model3", "cnn-model4"]
        await pilot.press("right")
        await until(pilot, lambda: app.screen.chosen.name == "cnn-model1")
        await pilot.press("left", "left")
        await until(pilot, lambda: len(listed(app)) == len(OPEN))
        await pilot.click("#presets", offset=(5, 1))
        await until(pilot, lambda: listed(app) == CLASSICS)
        await shows(pilot, "▸ Starters")
        await pilot.press("t", "e", "f", "r")
        assert asked == []


async def test_a_search_opens_groups_and_the_end_of_it_closes_them_again(bench: Any, until: Any) -> None:
    app = bench()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("slash", *"step5", "enter")
        await until(pilot, lambda: listed(app) == ["efc2-cnn-step5", "efc2-mlp-step5"])
        await pilot.press("left", "left")
        await until(pilot, lambda: listed(app) == [])
        await pilot.press("enter")
        await until(pilot, lambda: len(listed(app)) == 2)
        await pilot.press("escape")
        await until(pilot, lambda: listed(app) == OPEN)


async def test_the_group_of_the_preset_that_was_used_last_is_open(bench: Any, shows: Any, until: Any) -> None:
    app = bench(preset=find_preset("cnn-model1"))
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "Model 1: two convolutions")
        await pilot.press("up", "up")
        await until(pilot, lambda: app.screen.chosen.name == CLASSICS[-1])
        chosen = app.screen.chosen
        await pilot.press("f3", "f2")
        await until(pilot, lambda: isinstance(app.screen, PresetsScreen) and app.screen.chosen == chosen)


# ── earlier runs, and quick ones ──


async def test_the_last_run_of_a_preset_is_shown_and_opened(
    tmp_path: Path, bench: Any, asked: Any, shows: Any, until: Any
) -> None:
    runs = tmp_path / "runs"
    finished_run(runs, "raw", epochs=2, created=BEGIN)
    newest = finished_run(runs, "raw", epochs=4, created=BEGIN + 60, test_accuracy=0.9511)
    app = bench()
    async with app.run_test(size=(140, 45)) as pilot:
        await shows(pilot, "test accuracy 95.11 % after 4 epochs", "(2 runs in all); r opens it", "Last run r")
        await pilot.press("down")
        text = await shows(pilot, "none yet")
        assert "Last run r" not in text
        await pilot.press("r", "up", "r")
        await until(pilot, lambda: isinstance(app.screen, ResultsScreen))
        assert app.screen.shown_run.path == newest.path


async def test_the_last_run_is_followed_while_it_trains(
    record: Any, bench: Any, shows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preset_screen, "READ_SECONDS", 0.2)
    run = record("raw", epochs=20).begin().epoch(1)
    async with bench().run_test(size=(140, 45)) as pilot:
        await shows(pilot, "running, 1 of 20 epochs")
        run.epoch(2)
        await shows(pilot, "running, 2 of 20 epochs")


@at_sizes((80, 24), (110, 35), (140, 45))
async def test_buttons_are_whole_and_enter_is_named_only_where_it_trains(
    size: tuple[int, int], tmp_path: Path, bench: Any, shows: Any, until: Any
) -> None:
    finished_run(tmp_path / "runs", "raw", epochs=2, created=BEGIN)
    async with bench().run_test(size=size) as pilot:
        await shows(pilot, "Train 150 epochs t", "Quick run f", "Enter Train 150 epochs")
        screen = pilot.app.screen
        row = screen.query_one("#buttons")
        await until(pilot, lambda: screen._runs is not None)
        assert all(button.region in row.region for button in row.query(Button) if button.display)
        screen.query_one("CollapsibleTitle").focus()
        await until(pilot, lambda: "t Train 150 epochs" in screen_text(pilot.app).splitlines()[-1])
        assert "Enter" not in screen_text(pilot.app).splitlines()[-1]


async def test_a_quick_run_trains_a_tenth_of_the_epochs_and_says_how_long_that_takes_only_if_it_was_measured(
    tmp_path: Path, bench: Any, shows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[tuple[str, int]] = []
    monkeypatch.setattr(
        run_commands, "train", lambda _, preset: trained.append((preset.name, preset.experiment.training.epochs))
    )
    here = finished_run(tmp_path / "runs", "raw", epochs=2, texts={"seed": "3"})  # two seconds an epoch
    here.write_status(this_process("finished"))
    finished_run(tmp_path / "runs", "hog", epochs=2, created=BEGIN + 60)  # on another machine
    async with bench().run_test(size=(140, 45)) as pilot:
        await shows(pilot, "15 epochs, a tenth of 150, about 30 s", "Quick run f")
        await pilot.press("f", "down")
        text = await shows(pilot, "10 epochs, a tenth of 100")
        assert "about" not in text.partition("Quick run")[2].splitlines()[0]
        await pilot.press("f")
        await pilot.click("#quick")
        assert trained == [("raw", 15), ("hog", 10), ("hog", 10)]


def test_every_preset_has_a_quick_run_that_is_shorter_and_valid() -> None:
    for preset in list_presets():
        quick = quick_preset(preset)
        planned = preset.experiment.training.epochs
        assert (quick is None) == (planned <= 3), preset.name
        assert quick is None or 3 <= quick.experiment.training.epochs < planned
        assert quick is None or quick.title == preset.title, "a shorter training is no other network"


# ── the drawing of a network ──


@pytest.mark.parametrize("width", [34, 37, 60, 100])
def test_the_drawing_of_every_preset_fits_its_width(width: int) -> None:
    for preset in list_presets():
        lines = drawn(boxes_of(preset.experiment), width, "→", 0)
        assert max(map(len, lines)) <= width, preset.name
        assert f"{preset.experiment.classes} softmax" in "".join(map(str, lines)), preset.name


def test_a_network_is_drawn_from_the_image_to_the_output() -> None:
    lines = drawn(boxes_of(find_preset("raw").experiment), 60, " ─▶ ", 1)
    assert [str(line) for line in lines] == [
        "╭──────────╮    ╭─────────────╮    ╭────────────╮",
        "│  image   │    │    dense    │    │   output   │",
        "│  28×28   │ ─▶ │  250 tanh   │ ─▶ │ 10 softmax │",
        "│ flat 784 │    │ dropout 0.5 │    │            │",
        "╰──────────╯    ╰─────────────╯    ╰────────────╯",
    ]
    assert [box.name for box in boxes_of(find_preset("fashion").experiment)] == [
        *("image", "conv 3×3", "pool 2×2", "dense", "output")
    ]


@at_sizes((140, 45), (200, 50))
async def test_training_figures_are_told_with_their_kind(size: tuple[int, int], bench: Any, shows: Any) -> None:
    async with bench(preset=find_preset("various-mlp2-bn-dropout")).run_test(size=size) as pilot:
        await shows(pilot, "784-256-64-10, batch normalisation")
        await shows(pilot, "98.63 %", "dropout on", " mlp3-bn-dropout ")
        await pilot.press("s", "tab", "end")
        text = await shows(pilot, "the code's stand here", "4 notes")
        assert all(len(line) <= size[0] for line in text.splitlines())


async def test_keys_train_and_edit_the_chosen_preset(bench: Any, asked: Any, shows: Any) -> None:
    app = bench()
    async with app.run_test(size=(140, 45)) as pilot:
        await shows(pilot, "250 tanh")
        await pilot.press("enter", "j", "t", "down", "e", "k", "k", "t")
        await pilot.click("#edit")
        assert asked == [("train", "raw"), ("train", "hog"), ("editor", "cnn"), ("train", "raw"), ("editor", "raw")]


async def test_a_click_chooses_and_does_not_train(bench: Any, asked: Any, shows: Any) -> None:
    app = bench()
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "250 tanh")
        await pilot.click("#presets", offset=(5, 3))
        await shows(pilot, "HOG features: 392-200-10")
        assert asked == []


async def test_arrows_move_in_the_list_while_the_search_has_the_focus(bench: Any, asked: Any, until: Any) -> None:
    app = bench()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("slash", *"conv cloth", "down", "down")
        await until(pilot, lambda: app.screen.chosen is not None and app.screen.chosen.name == "labo04-fashion-model1")
        await pilot.press("up", "up")
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
        await shows(pilot, "mine", "torn", "cannot be read")
        await shows(pilot, "torn cannot be used", "line 2: training.epochs")
        await pilot.press("t", "e", "enter")
        assert asked == []


async def test_a_dataset_that_is_not_here_is_said_with_what_will_happen(bench: Any, shows: Any) -> None:
    async with bench().run_test(size=(80, 24)) as pilot:
        await shows(pilot, "MNIST is not on this machine: training downloads it (11.6 MB).", "bundled digits sample")
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
