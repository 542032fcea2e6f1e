"""The app: leaving, starting, commands, help, theme, standby; and what it must not import."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from textual.command import Command, CommandList

from mnist_tui.experiment.preset_index import list_entries
from mnist_tui.experiment.presets import find_preset, load_preset
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.library import any_running_here
from mnist_tui.settings import load_settings, settings_file
from mnist_tui.tui import run_commands
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.help.screens import keys_of
from mnist_tui.tui.leaving import LeaveQuestion
from tests.tui.conftest import screen_text
from tests.tui.sizes import at_sizes


@pytest.fixture
def live(record: Any) -> Any:
    """A run that trains."""
    return record().begin().epoch(1)


def commands(run: Any) -> list[str]:
    return [path.stem.rpartition("-")[2] for path in sorted(run.folder.control.glob("*.json"))]


def chosen_command(app: BenchApp) -> str:
    """The command that the palette would carry out; empty where it has found none yet."""
    for found in app.screen.query(CommandList):
        if isinstance(option := found.highlighted_option, Command):
            return str(option.hit.text)
    return ""


@pytest.mark.parametrize("key", ["q", "ctrl+q", "ctrl+c"])
async def test_leaving_a_training_asks_and_enter_detaches(key: str, live: Any, app_on: Any, shows: Any) -> None:
    app = app_on(live.folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "running")
        await pilot.press(key)
        await shows(pilot, live.folder.id, "Close d", "Stop and save s", "Cancel Esc")
        assert app.focused is not None
        assert app.focused.id == "detach"
        await pilot.press("enter")
    assert app.return_code == 0
    assert commands(live) == []
    assert live.folder.state() == "running"


async def test_leaving_can_stop_and_save(live: Any, app_on: Any, shows: Any) -> None:
    app = app_on(live.folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "running")
        await pilot.press("q")
        await shows(pilot, "Stop and save")
        await pilot.press("right", "enter")
    assert commands(live) == ["stop"]


async def test_leaving_can_be_thought_better_of(live: Any, app_on: Any, shows: Any, until: Any) -> None:
    app = app_on(live.folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "running")
        await pilot.press("q")
        await shows(pilot, "Stop and save")
        await pilot.press("escape")
        await shows(pilot, "running", "p Pause")
        assert app.is_running
    assert commands(live) == []


async def test_quitting_twice_detaches(live: Any, app_on: Any, shows: Any, until: Any) -> None:
    app = app_on(live.folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "running")
        await pilot.press("ctrl+q")
        await until(pilot, lambda: isinstance(app.screen, LeaveQuestion))
        await pilot.press("ctrl+q")
        await until(pilot, lambda: not app.is_running or app._exit)
    assert commands(live) == []


async def test_q_closes_the_program_on_main_screens_only_and_goes_back_elsewhere(
    live: Any, app_on: Any, until: Any
) -> None:
    live.finish("finished", test_accuracy=0.9)
    app = app_on(live.folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: kind(app) == "TrainingScreen")
        for keys, left in (("m", "TrainingScreen"), ("r", "TrainingScreen"), (("f2", "e", "f7"), "PresetsScreen")):
            for key in keys:
                await pilot.press(key)
            await until(pilot, lambda left=left: kind(app) != left)
            await pilot.press("q")
            await until(pilot, lambda left=left: kind(app) == left)
        await pilot.press("f3", "q")
        await until(pilot, lambda: app._exit)


def kind(app: BenchApp) -> str:
    return type(app.screen).__name__


async def test_leaving_asks_nothing_where_nothing_trains(live: Any, app_on: Any, shows: Any, until: Any) -> None:
    live.finish("finished", test_accuracy=0.9)
    app = app_on(live.folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "finished")
        await pilot.press("q")
        await until(pilot, lambda: app._exit)


async def test_training_makes_a_folder_that_holds_everything_to_run_it_again(
    tmp_path: Path, no_worker: list[RunFolder], shows: Any
) -> None:
    options = AppOptions(
        preset=find_preset("raw"),
        action="train",
        runs_dir=tmp_path / "runs",
        data_dir=tmp_path / "my data",
        device="cpu",
    )
    app = BenchApp(options)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "starting", "Raw pixels: 784-250-10")
    (folder,) = no_worker
    launch = folder.launch()
    assert shlex.split(launch.command) == [
        "mnist-tui",
        "train",
        "--preset",
        "raw",
        "--device",
        "cpu",
        "--data-dir",
        str(tmp_path / "my data"),
    ]
    assert launch.allow_sample
    assert (launch.device, launch.data_dir) == ("cpu", str(tmp_path / "my data"))
    assert folder.preset().name == "raw"


async def test_an_edited_preset_is_run_again_by_its_file(
    tmp_path: Path, no_worker: list[RunFolder], shows: Any
) -> None:
    preset = find_preset("raw")
    training = preset.experiment.training.model_copy(update={"epochs": 3})
    changed = preset.experiment.model_copy(update={"training": training})
    from mnist_tui.experiment.presets import edited

    app = BenchApp(AppOptions(runs_dir=tmp_path / "runs"))
    async with app.run_test(size=(80, 24)) as pilot:
        run_commands.train(app, edited(preset, changed))
        await shows(pilot, "epoch 0 of 3", "Raw pixels: 784-250-10")
    (folder,) = no_worker
    path = Path(shlex.split(folder.launch().command)[-1])
    assert path == folder.experiment_file
    assert load_preset(path).experiment == changed


async def test_a_runs_folder_that_cannot_be_written_is_said_and_the_app_goes_on(
    tmp_path: Path, no_worker: list[RunFolder], until: Any
) -> None:
    (tmp_path / "file").write_text("")
    app = BenchApp(AppOptions(preset=find_preset("raw"), action="train", runs_dir=tmp_path / "file" / "runs"))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: any("cannot be written" in n.message for n in app._notifications))
        assert type(app.screen).__name__ == "PresetsScreen"
    assert no_worker == []


async def test_the_palette_and_the_key_sheet_hold_every_key_of_the_footer(live: Any, app_on: Any, shows: Any) -> None:
    app = app_on(live.folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "p Pause")
        shown = {a.binding.description for a in app.screen.active_bindings.values() if a.binding.show and a.enabled}
        titles = {command.title for command in app.get_system_commands(app.screen)}
        assert shown - {"palette", "Command palette", ""} <= titles
        assert {"Pause", "Stop, save", "Checkpoint", "Presets", "Quit", "Help", "Theme"} <= titles
        sheet = dict(keys_of(app.screen))
        assert sheet["p, Space"] == "Pause the training"
        assert not {"Focus Next", "Page Left", "Ctrl+PgDn"} & {*sheet, *sheet.values()}, "keys of Textual"
        assert sheet["m"].startswith("Matrix: ")
        await pilot.press("f1")
        await shows(pilot, "Training. The network trains", "Stop, save: end the training now", "Esc closes")
        await pilot.press("escape")
        await shows(pilot, "p Pause")


async def test_a_palette_command_does_what_its_key_does(live: Any, app_on: Any, shows: Any, until: Any) -> None:
    app = app_on(live.folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "p Pause")
        await pilot.press("ctrl+p")
        await pilot.press(*"Checkpoint")
        await until(pilot, lambda: chosen_command(app) == "Checkpoint")
        await pilot.press("enter")
        await until(pilot, lambda: commands(live) == ["checkpoint"])


@at_sizes((80, 24), (100, 30))
async def test_the_palette_has_the_keys_at_the_right_and_the_commands_used_most_often_first(
    size: tuple[int, int], tmp_path: Path, shows: Any, until: Any
) -> None:
    app = BenchApp(AppOptions(runs_dir=tmp_path))
    async with app.run_test(size=size) as pilot:
        await pilot.press("ctrl+p")
        await until(pilot, lambda: chosen_command(app) == "Train")
        text = await shows(pilot, "Open the chosen preset in the editor")
        assert re.search(r"Edit +Open the chosen preset in the editor +e ", text)
        names = [option.hit.text for option in app.screen.query_one(CommandList).options if isinstance(option, Command)]
        assert {"Quick run", "Runs", "Theme"} < set(names)
        assert not {"Up", "Page down", "Back", "Keys"} & set(names), "what moves a cursor, and Textual's own words"
        await pilot.press(*"Studies")
        await until(pilot, lambda: chosen_command(app) == "Studies")
        await pilot.press("enter")
        await until(pilot, lambda: type(app.screen).__name__ == "StudiesScreen")
        await pilot.press("f2", "ctrl+p")
        await until(pilot, lambda: chosen_command(app) == "Studies")
        await pilot.press(*"editor")
        await until(pilot, lambda: chosen_command(app) == "Edit")  # descriptions are searched, too
        await pilot.press(*"xyz")
        await until(pilot, lambda: chosen_command(app).startswith("No command of this screen matches"))
        await pilot.press("enter")
        await until(pilot, lambda: type(app.screen).__name__ == "HelpScreen")


async def test_a_notice_ends_by_itself_and_leaves_the_keys_free_also_on_the_next_screen(
    tmp_path: Path, until: Any
) -> None:
    app = BenchApp(AppOptions(runs_dir=tmp_path))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        for key in ("f5", "f2"):
            app.notify("Written to a place\nwith a long name", title="Export", timeout=2)
            await until(pilot, lambda: "Written to a place" in screen_text(app))
            assert "Help" in screen_text(app).splitlines()[-1]
            await pilot.press(key)
            await until(pilot, lambda: "Written" not in screen_text(app))


async def test_the_theme_is_remembered_beside_other_settings(live: Any, app_on: Any, shows: Any, until: Any) -> None:
    settings_file().parent.mkdir(parents=True, exist_ok=True)
    settings_file().write_text('# mine\nrefresh = "slow"\n')
    app = app_on(live.folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "running")
        app.theme = "textual-light"
        await until(pilot, lambda: load_settings()[0].theme == "textual-light")
    assert settings_file().read_text().startswith('# mine\nrefresh = "slow"\n')
    assert app_on(live.folder).theme == "textual-light"


def test_a_settings_file_that_is_no_toml_is_no_reason_not_to_start(app_on: Any, record: Any) -> None:
    settings_file().parent.mkdir(parents=True, exist_ok=True)
    settings_file().write_text("theme = ")
    assert app_on(record().folder).theme == "bench-dark"


class FakeStandby:
    """Counts what is started and dismissed, without TensorFlow."""

    made: list[FakeStandby]

    def __init__(self) -> None:
        self.waiting = True
        FakeStandby.made.append(self)

    def dismiss(self) -> None:
        self.waiting = False


@pytest.fixture
def standby(monkeypatch: pytest.MonkeyPatch) -> type[FakeStandby]:
    FakeStandby.made = []
    monkeypatch.setattr("mnist_tui.runs.start.Standby", FakeStandby)
    return FakeStandby


@pytest.fixture
def refusals(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """One entry for each time that a training was found to use the cores."""
    found: list[Path] = []

    def running(runs_dir: Path) -> bool:
        if any_running_here(runs_dir):
            found.append(runs_dir)
            return True
        return False

    monkeypatch.setattr("mnist_tui.tui.starting.any_running_here", running)
    return found


async def test_a_worker_on_standby_is_started_after_the_first_frame_given_the_run_and_dismissed_at_the_end(
    tmp_path: Path, standby: type[FakeStandby], monkeypatch: pytest.MonkeyPatch, until: Any
) -> None:
    given: list[Any] = []
    monkeypatch.setattr("mnist_tui.runs.start.start_worker", lambda folder, worker=None: given.append(worker))
    app = BenchApp(AppOptions(runs_dir=tmp_path / "runs"))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(standby.made) == 1)
        run_commands.train(app, find_preset("raw"))
        await until(pilot, lambda: given == [standby.made[0]])
    assert standby.made[0].waiting, "what was given a run is not dismissed"
    app = BenchApp(AppOptions(runs_dir=tmp_path / "elsewhere"))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(standby.made) == 2)
    assert not standby.made[1].waiting


async def test_a_worker_on_standby_ends_when_nobody_uses_the_presets_and_comes_back_with_the_next_key(
    tmp_path: Path, standby: type[FakeStandby], monkeypatch: pytest.MonkeyPatch, until: Any
) -> None:
    monkeypatch.setattr("mnist_tui.tui.app.STANDBY_SECONDS", 0.5)
    monkeypatch.setattr("mnist_tui.tui.app.STANDBY_CHECK_SECONDS", 0.05)
    app = BenchApp(AppOptions(runs_dir=tmp_path / "runs"))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(standby.made) == 1)
        await until(pilot, lambda: not standby.made[0].waiting)
        monkeypatch.setattr("mnist_tui.tui.app.STANDBY_SECONDS", 300.0)  # however slow the machine, the next one stays
        app.action_go("settings")
        await pilot.press("down")
        assert len(standby.made) == 1, "a key on another screen starts no worker"
        await pilot.press("escape", "down")
        await until(pilot, lambda: len(standby.made) == 2 and standby.made[1].waiting)


async def test_no_worker_is_put_on_standby_while_a_training_runs_here_or_one_only_watches(
    *,
    tmp_path: Path,
    live: Any,
    app_on: Any,
    standby: type[FakeStandby],
    until: Any,
    refusals: list[Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = BenchApp(AppOptions(runs_dir=tmp_path / "runs"))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: refusals)
    live.finish("finished")
    monkeypatch.setattr("mnist_tui.tui.app.STANDBY_AFTER_SECONDS", 0.0)
    async with app_on(live.folder).run_test(size=(80, 24)) as pilot:
        later: list[bool] = []
        pilot.app.set_timer(0.1, lambda: later.append(True))
        await until(pilot, lambda: later)
        await pilot.app.workers.wait_for_complete()
    assert standby.made == []


async def test_once_the_training_that_had_the_cores_has_ended_a_worker_is_put_on_standby(
    *,
    tmp_path: Path,
    live: Any,
    standby: type[FakeStandby],
    until: Any,
    refusals: list[Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mnist_tui.tui.app.STANDBY_RETRY_SECONDS", 0.1)
    app = BenchApp(AppOptions(runs_dir=tmp_path / "runs"))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(refusals) > 1)
        assert standby.made == []
        live.finish("finished")
        await until(pilot, lambda: len(standby.made) == 1)


def test_the_first_screen_imports_nothing_heavy_and_its_first_frame_no_experiments(tmp_path: Path) -> None:
    program = """
import asyncio, sys
from pathlib import Path
from mnist_tui.runs import start
from mnist_tui.tui.app import AppOptions, BenchApp
start.Standby = lambda: None
heavy = ["tensorflow", "keras", "sklearn", "skimage", "scipy", "matplotlib", "numpy", "plotext"]
frames = []
def note(app):
    if any("fashion" in strip.text for strip in app.screen._compositor.render_strips()):
        frames.append("pydantic" in sys.modules)
BenchApp.post_display_hook = note
async def main():
    async with BenchApp(AppOptions(runs_dir=Path(sys.argv[1]))).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
asyncio.run(main())
print([name for name in heavy if name in sys.modules], frames[0])
"""
    list_entries()  # the first start writes the index of presets
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ),
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[] False"
