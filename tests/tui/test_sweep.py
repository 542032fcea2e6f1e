"""The form of a sweep: what it counts, what it refuses and in which words, what it starts."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from mnist_tui.cli.main import program
from mnist_tui.errors import RequestError
from mnist_tui.experiment.parameters import PARAMETERS, apply_texts
from mnist_tui.experiment.presets import edited, find_preset
from mnist_tui.studies.folder import StudyFolder, study_folders
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.bench import Route
from mnist_tui.tui.editor.screen import EditorScreen
from mnist_tui.tui.studies.screen import StudyScreen
from mnist_tui.tui.sweep.request import (
    SweepRequest,
    SweepRequestError,
    command_of,
    example_of,
    first_axis,
    plan_of,
    start_sweep,
    study_of,
)
from mnist_tui.tui.sweep.screen import SweepRow, SweepScreen
from tests.tui.conftest import screen_text
from tests.tui.sizes import at_sizes

RAW = find_preset("raw")
HIDDEN = ("hidden", "150,250,200x100")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[StudyFolder]:
    """The studies whose process would have been started."""
    found: list[StudyFolder] = []
    monkeypatch.setattr("mnist_tui.studies.start.start", found.append)
    monkeypatch.setattr("mnist_tui.studies.start.resume", lambda folder, study=None: found.append(folder))
    return found


def wish(*axes: tuple[str, str], **texts: str) -> SweepRequest:
    return SweepRequest(RAW, axes, texts)


# ── what comes of it ──


@pytest.mark.parametrize(
    ("asked", "trials", "sentence"),
    [
        (wish(HIDDEN), 3, "3 values = 3 trials"),
        (wish(HIDDEN, ("activation", "tanh,sigmoid"), seeds="3"), 18, "3 × 2 values × 3 seeds = 18 trials"),
        (wish(seeds="10"), 10, "10 seeds, 0 to 9 = 10 trials"),
        (wish(folds="5"), 5, "5 folds = 5 trials"),
        (wish(HIDDEN, folds="5"), 15, "3 values × 5 folds = 15 trials"),
        (wish(("lr", "0.0001..0.01:log"), search="random", trials="12"), 12, "12 points by random search = 12 trials"),
        (wish(("hidden", "50..52"), search="tpe", seeds="2"), 6, "3 points by tpe search × 2 seeds = 6 trials"),
    ],
)
def test_trials_are_counted_in_a_sentence(asked: SweepRequest, trials: int, sentence: str) -> None:
    plan = plan_of(asked)
    assert (plan.trials, plan.sentence) == (trials, sentence)
    assert plan.request.study.kind == ("sweep" if asked.axes else "folds" if asked.text("folds") else "seeds")


def test_the_networks_sizes_are_those_of_the_smallest_and_the_largest() -> None:
    assert plan_of(wish(HIDDEN)).sizes == (784 * 150 + 150 + 1510, 784 * 250 + 250 + 2510)
    assert plan_of(wish(("lr", "0.1,0.01"))).sizes == (198_760, 198_760)


@pytest.mark.parametrize(
    ("asked", "field", "part"),
    [
        (wish(("hidden", "150,")), "axis-0", "a value is missing; separate values by commas: 50,100,200x100"),
        (wish(("lr", "0.1"), ("hidden", "150,0")), "axis-1", "is out of bounds"),
        (wish(("hiden", "150")), "axis-0", "did you mean hidden"),
        (wish(("lr", "0.1"), ("hidden", "150,150")), "axis-1", "150 twice"),
        (wish(("hidden", "150"), ("hidden", "250,")), "axis-1", "a value is missing"),
        (wish(HIDDEN, seeds="none"), "seeds", "none is not a whole number; 1 to 1,000 works"),
        (wish(HIDDEN, search="random", trials="0"), "trials", "0 is out of bounds"),
        (wish(HIDDEN, folds="1"), "folds", "1 leaves no images to train on; 2 to 100 work"),
        (wish(HIDDEN, folds="5", seeds="2"), "folds", "folds are made with one seed"),
        (wish(("validation", "0.1,0.2"), folds="5"), "", "is not a parameter to vary with folds"),
        (wish(HIDDEN, workers="2", scheduler="tcp://a:1"), "workers", "leave Workers or Scheduler empty"),
        (wish(HIDDEN, scheduler="somewhere"), "scheduler", "tcp://HOST:PORT"),
        (wish(("lr", "0.1..1")), "", "Search random or tpe"),
        (wish(), "", "one seed is one training"),
        (wish(("ppc", "7,29")), "axis-0", "larger than the 28-pixel image"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(asked: SweepRequest, field: str, part: str) -> None:
    with pytest.raises(SweepRequestError) as caught:
        plan_of(asked)
    assert caught.value.field == field
    assert part in str(caught.value)
    assert "--" not in str(caught.value)


@pytest.mark.parametrize("name", [parameter.name for parameter in PARAMETERS if parameter.name != "seed"])
def test_the_example_beside_an_axis_is_valid_for_it(name: str) -> None:
    preset = find_preset({"filters": "cnn", "conv-activation": "cnn", "cells-per-block": "hog"}.get(name, "raw"))
    assert plan_of(replace(wish((name, example_of(name))), preset=preset)).trials > 1


def test_the_first_parameter_has_values_around_the_present_one() -> None:
    assert first_axis(RAW) == ("hidden", "125,250,500")
    assert first_axis(find_preset("cnn"))[0] in {"hidden", "lr"}
    for name in ("raw", "hog", "cnn", "fashion"):
        preset = find_preset(name)
        assert plan_of(replace(wish(first_axis(preset)), preset=preset)).trials == 3
    assert first_axis(find_preset("efc-linear")) == ("", "")


def test_the_trials_of_a_grid_are_listed_and_those_of_a_search_are_not() -> None:
    plan = plan_of(wish(HIDDEN))
    assert plan.heads == ("#", "Hidden neurons", "Parameters")
    assert plan.listed[1] == ("2", "250", "198,760")
    assert [row[:2] for row in plan_of(wish(folds="3")).listed] == [("1", "1 of 3"), ("2", "2 of 3"), ("3", "3 of 3")]
    assert plan_of(wish(HIDDEN, search="tpe")).listed == ()


def test_cross_validation_says_that_the_test_set_is_not_used() -> None:
    (note,) = plan_of(wish(HIDDEN, folds="5")).notes
    assert "the test set is not used" in note


def test_comparing_on_the_test_set_is_said_and_a_held_out_share_is_not() -> None:
    assert any("compared on the test set" in note for note in plan_of(wish(HIDDEN)).notes)
    held = edited(RAW, apply_texts(RAW.experiment, {"validation": "0.2"}))
    assert not plan_of(replace(wish(HIDDEN), preset=held)).notes


@pytest.mark.parametrize(
    "asked",
    [
        wish(HIDDEN, ("activation", "tanh,sigmoid"), seeds="3", workers="2"),
        wish(("lr", "0.0001..0.01:log"), search="random", trials="12", prune="off", metric="val_loss"),
        SweepRequest(edited(RAW, apply_texts(RAW.experiment, {"epochs": "3", "limit": "500"})), (HIDDEN,)),
        wish(("optimizer.rho", "0.8,0.9"), threads="1"),
        wish(("lr", "0.0001..0.01:log"), search="random", trials="1200"),
    ],
)
def test_the_command_line_asks_for_the_same_study(
    asked: SweepRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []

    def caught(runs_dir: Path, wanted: Any, **_: Any) -> Any:
        made.append(wanted)
        raise RequestError("enough")

    monkeypatch.setattr("mnist_tui.cli.sweep.begin", caught)
    monkeypatch.setattr("mnist_tui.cli.sweep.check_supply", lambda *_: None)
    wanted = study_of(asked)
    study = wanted.study
    words = shlex.split(command_of(wanted, "FILE"))
    with pytest.raises(SystemExit):
        program(words[1:])([*words[1:], "--runs-dir", str(tmp_path), "--allow-sample"])
    (found,) = made
    same = {"created": 0.0, "command": ""}
    assert found.study.model_copy(update=same) == study.model_copy(update=same)
    assert found.bases[study.bases[0].preset].experiment == asked.preset.experiment


def test_an_experiment_that_options_cannot_say_is_named_by_its_file() -> None:
    layers = (*RAW.experiment.layers, RAW.experiment.layers[-1].model_copy(update={"use_bias": False}))
    changed = edited(RAW, RAW.experiment.model_copy(update={"layers": layers}))
    asked = SweepRequest(changed, (("lr", "0.1,0.2"),))
    assert "--preset there/raw.toml --over" in command_of(study_of(asked), "there/raw.toml")


# ── the form ──


def bench(place: Path) -> BenchApp:
    return BenchApp(AppOptions(action="browse", runs_dir=place))


async def open_form(pilot: Pilot[Any], until: Any) -> SweepScreen:
    app = pilot.app
    assert isinstance(app, BenchApp)
    app.show(Route("sweep", preset=RAW))
    await until(pilot, lambda: isinstance(app.screen, SweepScreen) and app.screen.is_mounted)
    screen = app.screen
    assert isinstance(screen, SweepScreen)
    return screen


@at_sizes((60, 20), (140, 45))
async def test_a_sweep_is_typed_counted_and_started(
    size: tuple[int, int], tmp_path: Path, started: list[StudyFolder], shows: Any, until: Any
) -> None:
    async with bench(tmp_path).run_test(size=size) as pilot:
        screen = await open_form(pilot, until)
        await shows(pilot, "3 values = 3 trials", "150 epochs", "397,510 parameters each")
        assert isinstance(screen.focused, Input)
        assert screen.focused.value == "125,250,500"
        await pilot.press("ctrl+r")
        await shows(pilot, "One seed is one training")
        await pilot.press("ctrl+n")
        await until(pilot, lambda: bool(pilot.app.screen.query(OptionList)))
        await pilot.press(*["down"] * 4, "enter")
        await until(pilot, lambda: isinstance(screen.focused, Input) and screen.focused.value == "250")
        await pilot.press("end", *",50")
        await pilot.press("down", "2")
        text = await shows(pilot, "2 values × 2 seeds = 4 trials", "39,760 to 198,760 parameters each", "--over")
        assert all(len(line) <= size[0] for line in text.splitlines())
        await shows(pilot, "Start 4 trials")
        await pilot.click("#sweep-start")
        await until(pilot, lambda: isinstance(pilot.app.screen, StudyScreen))
    (folder,) = started
    study = folder.study()
    assert (study.kind, study.axes[0].values, study.bases[0].seeds) == ("sweep", ("250", "50"), 2)
    assert study.command == "mnist-tui sweep --preset raw --over hidden=250,50 --seeds 2"
    assert folder.bases()["raw"].experiment == RAW.experiment


async def test_a_wrong_value_is_explained_below_its_field_and_nothing_starts(
    tmp_path: Path, started: list[StudyFolder], shows: Any, until: Any
) -> None:
    async with bench(tmp_path).run_test(size=(140, 45), notifications=True) as pilot:
        screen = await open_form(pilot, until)
        await pilot.press("end", *",zero")
        await shows(pilot, "✗ zero is not", "Correct the marked value first.")
        await pilot.press("ctrl+t")
        await shows(pilot, "The study cannot start")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: not screen.request.axes)
        await shows(pilot, "None; Ctrl+N adds one. Each of its values is trained.")
    assert not started
    assert not study_folders(tmp_path)


async def test_without_the_extra_a_sentence_names_the_command_and_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shows: Any, until: Any
) -> None:
    def missing() -> None:
        raise RequestError("studies need optuna, which is not installed: pip install 'mnist-tui[study]'")

    monkeypatch.setattr("mnist_tui.studies.start.require_extra", missing)
    async with bench(tmp_path).run_test(size=(140, 45), notifications=True) as pilot:
        screen = await open_form(pilot, until)
        await pilot.press("ctrl+r", "5")
        await shows(pilot, "15 seeds, 0 to 14" if screen.request.text("seeds") == "15" else "5 seeds, 0 to 4")
        await pilot.press("ctrl+t")
        await shows(pilot, "pip install")
    assert not study_folders(tmp_path)


def test_the_same_sweep_again_goes_on_with_the_unfinished_study(tmp_path: Path, started: list[StudyFolder]) -> None:
    first, told = start_sweep(tmp_path, wish(HIDDEN))
    assert not told
    again, told = start_sweep(tmp_path, wish(HIDDEN))
    assert again.id == first.id
    assert "has the same settings" in told
    assert len(study_folders(tmp_path)) == len(started) == 1
    first.write_status(replace(first.status(), state="stopped"))
    start_sweep(tmp_path, wish(HIDDEN))
    assert [folder.id for folder in started] == [first.id, first.id]


async def test_more_than_a_thousand_trials_are_asked_for(
    tmp_path: Path, started: list[StudyFolder], shows: Any, until: Any
) -> None:
    async with bench(tmp_path).run_test(size=(80, 24), notifications=True) as pilot:
        screen = await open_form(pilot, until)
        await pilot.press("ctrl+r")
        await screen.add_axis("lr")
        screen.query(Input).first().value = ",".join(f"0.{n}" for n in range(10, 81))
        screen.query_one("#sweep-seeds", SweepRow).query_one(Input).value = "15"
        await shows(pilot, "71 values × 15 seeds = 1,065 trials", "asked once more")
        await pilot.press("ctrl+t")
        await shows(pilot, "Start so many trials?", "1,065 trials")
        await pilot.press("escape", "ctrl+t")
        await shows(pilot, "Start so many trials?")
        assert not started
        await pilot.press("s")
        await until(pilot, lambda: isinstance(pilot.app.screen, StudyScreen))
    assert len(started) == 1


async def test_the_editor_sweeps_the_experiment_as_it_stands(tmp_path: Path, shows: Any, until: Any) -> None:
    app = bench(tmp_path)
    changed = edited(RAW, apply_texts(RAW.experiment, {"epochs": "7"}))
    async with app.run_test(size=(140, 45)) as pilot:
        app.show(Route("editor", preset=changed))
        await until(pilot, lambda: isinstance(app.screen, EditorScreen) and app.screen.is_mounted)
        await shows(pilot, "198,760 parameters")
        await pilot.press("ctrl+g")
        await until(pilot, lambda: isinstance(app.screen, SweepScreen) and app.screen.is_mounted)
        assert isinstance(app.screen, SweepScreen)
        assert app.screen.request.preset.experiment == changed.experiment
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, EditorScreen))


async def test_the_presets_screen_has_a_key_for_it(tmp_path: Path, shows: Any, until: Any) -> None:
    app = bench(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        await shows(pilot, "raw", "Sweep")
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, SweepScreen))


# ── as it was last looked at ──


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    Path("settings.toml").write_text('toured = true\ntheme = "bench-dark"\n')
    monkeypatch.setenv("MNIST_TUI_CONFIG", "settings.toml")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@at_sizes((80, 24), (140, 45))
@pytest.mark.usefixtures("at_home")
def test_the_form_looks_as_before(size: tuple[int, int], until: Any, shows: Any, snap_compare: Any) -> None:
    app = bench(Path("runs"))
    app.animation_level = "none"

    async def go(pilot: Pilot[Any]) -> None:
        screen = await open_form(pilot, until)
        await pilot.press("end", *",50,200x100")
        await screen.add_axis("activation")
        await pilot.press("end", *",sigmoid")
        await shows(pilot, "5 × 2 values = 10 trials")
        for field in app.screen.query(Input):
            field.cursor_blink = False
        await app.workers.wait_for_complete()
        seen: list[str] = []

        def still() -> bool:
            seen.append(screen_text(app))
            return len(seen) > 4 and len(set(seen[-4:])) == 1

        await until(pilot, still)

    assert snap_compare(app, terminal_size=size, run_before=go)
