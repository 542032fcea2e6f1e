"""One epoch, more epochs, discarding, and the question before a second training: keys, dialogs, refusals."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Button, Input

from mnist_tui.experiment.presets import find_preset
from mnist_tui.runs import control, devices
from mnist_tui.runs.events import Paused, Phase
from mnist_tui.runs.process_folder import Lock
from mnist_tui.tui import run_commands
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.run_commands import BusyQuestion, DiscardQuestion, ExtendScreen
from tests.runs.commands import taken
from tests.tui.conftest import screen_text
from tests.tui.sizes import at_sizes
from tests.tui.test_training import training

SIZES = [(60, 20), (80, 24), (140, 45)]


def commands(run: Any) -> list[control.Command]:
    return taken(run.folder)


async def asked(pilot: Any, run: Any, until: Any) -> list[control.Command]:
    """The commands, once there are some."""
    found: list[control.Command] = []
    await until(pilot, lambda: bool(found.extend(commands(run)) or found))
    return found


async def opened(pilot: Any, key: str, kind: type, until: Any) -> None:
    """A dialog, by its key."""
    await pilot.press(key)
    await until(pilot, lambda: on(pilot, kind))


def on_device(run: Any, device: str = "cpu") -> Any:
    run.folder.write_launch(replace(run.folder.launch(), device=device))
    return run


def finished(run: Any) -> Any:
    training(run, 3).finish("finished", "all 3 epochs done", test_accuracy=0.97)
    run.folder.checkpoint.mkdir()
    (run.folder.checkpoint / "checkpoint.json").write_text("{}")
    return run


@pytest.fixture
def bench(tmp_path: Path) -> Any:
    """The app on its presets."""
    return lambda **options: BenchApp(AppOptions(runs_dir=tmp_path / "runs", device="cpu", **options))


def on(pilot: Any, kind: type) -> bool:
    return isinstance(pilot.app.screen, kind) and pilot.app.screen.is_mounted


async def test_one_epoch_is_asked_for_while_it_trains_and_while_it_is_paused(
    record: Any, app_on: Any, shows: Any, until: Any
) -> None:
    run = training(record(), 2)
    async with app_on(run.folder).run_test(size=(140, 45)) as pilot:
        await shows(pilot, "epoch 3 of 20")
        await pilot.press("n")
        assert commands(run) == [control.Command("step")]
        run.write(Paused(epoch=3, step=0))
        await shows(pilot, "paused")
        await pilot.press("n")
        assert commands(run) == [control.Command("step")]
        run.finish("stopped", "stopped after 2 of 20 epochs, and saved")
        await shows(pilot, "Stopped after 2 of 20")
        await pilot.press("n")
        assert commands(run) == []


class TestExtension:
    @at_sizes((80, 24), (60, 20), (140, 45))
    async def test_a_live_run_is_told_of_more_epochs(
        self, size: Any, record: Any, app_on: Any, shows: Any, until: Any
    ) -> None:
        run = training(record(), 2)
        async with app_on(run.folder).run_test(size=size) as pilot:
            await shows(pilot, "epoch 3 of 20")
            await opened(pilot, "a", ExtendScreen, until)
            text = await shows(
                pilot, "Running after epoch 2 of 20", "Train to epoch:", "23 more epochs", "Train Enter", "Cancel Esc"
            )
            assert all(len(line) <= size[0] for line in text.splitlines())
            await pilot.press("up", "up", "down")
            await shows(pilot, "24 more epochs")
            await pilot.press("enter")
            await until(pilot, lambda: not on(pilot, ExtendScreen))
            assert await asked(pilot, run, until) == [control.Command("extend", 6)]

    async def test_what_is_no_number_of_epochs_is_refused_until_it_is_one(
        self, record: Any, app_on: Any, shows: Any, until: Any
    ) -> None:
        run = training(record(), 2)
        async with app_on(run.folder).run_test(size=(80, 24)) as pilot:
            await shows(pilot, "epoch 3 of 20")
            await opened(pilot, "a", ExtendScreen, until)
            for typed in ("", "0", "20", "-3", "9999999", "+"):
                await pilot.press("end", "ctrl+u", *typed)
                text = await shows(pilot, "A whole number from 21 to 1,000,000 is needed")
                assert ("planned for 20 epochs" in text and "train it again (e)" in text) == (typed in {"0", "20"})
                await pilot.press("enter")
                assert on(pilot, ExtendScreen), typed
                pilot.app.screen.query_one(Input).value = "27"
                await shows(pilot, "25 more epochs")
            await pilot.click("#accept")
            await until(pilot, lambda: not on(pilot, ExtendScreen))
            assert await asked(pilot, run, until) == [control.Command("extend", 7)]

    async def test_a_finished_run_gets_a_new_worker(
        self, record: Any, app_on: Any, shows: Any, until: Any, no_worker: Any
    ) -> None:
        run = finished(record(epochs=3))
        async with app_on(run.folder).run_test(size=(80, 24)) as pilot:
            await shows(pilot, "Finished")
            await pilot.press("a")
            await shows(pilot, "Finished after epoch 3 of 3", "10 more epochs")
            await pilot.press(*"11", "enter")
            await until(pilot, lambda: bool(no_worker))
            assert commands(run) == [control.Command("extend", 8)]

    async def test_a_stopped_run_is_asked_for_its_remaining_epochs_or_more(
        self, record: Any, app_on: Any, shows: Any, until: Any, no_worker: Any
    ) -> None:
        run = record(epochs=50).begin()
        for epoch in range(1, 13):
            run.epoch(epoch, steps=False)
        run.finish("stopped", "stopped after 12 of 50 epochs, and saved")
        async with app_on(run.folder).run_test(size=(60, 20)) as pilot:
            await shows(pilot, "Stopped after 12 of 50")
            await opened(pilot, "a", ExtendScreen, until)
            await shows(pilot, "Stopped after epoch 12 of 50", "Train to epoch:", "50", "38 more epochs")
            await pilot.press("down")
            await shows(pilot, "38 more epochs")
            await pilot.press("up")
            await shows(pilot, "39 more epochs")
            await pilot.press("down", "enter")
            await until(pilot, lambda: bool(no_worker))
            assert commands(run) == []

    async def test_what_forbids_it_is_said(self, record: Any, app_on: Any, shows: Any, until: Any) -> None:
        run = finished(record(epochs=3))
        lock = Lock(run.folder)
        async with app_on(run.folder).run_test(size=(80, 24), notifications=True) as pilot:
            await shows(pilot, "Finished")
            await opened(pilot, "a", ExtendScreen, until)
            await pilot.press("enter")
            await shows(pilot, "The run cannot be extended", "being written by")
        lock.release()

    async def test_what_nobody_expected_is_said_and_logged_whole(
        self, record: Any, app_on: Any, shows: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
        monkeypatch.setattr("mnist_tui.runs.start.extend", lambda folder: folder)
        run = finished(record(epochs=3))
        async with app_on(run.folder).run_test(size=(140, 45), notifications=True) as pilot:
            await shows(pilot, "Finished")
            run_commands.extend(pilot.app, run.folder, 5)
            await shows(pilot, "The run cannot be extended", "Something unexpected went wrong")
        (log,) = tmp_path.rglob("*.log")
        assert "TypeError" in log.read_text()

    async def test_nothing_is_asked_where_nothing_would_come_of_it(
        self, record: Any, app_on: Any, shows: Any, until: Any
    ) -> None:
        run = training(record(), 2)
        async with app_on(run.folder).run_test(size=(80, 24)) as pilot:
            await shows(pilot, "epoch 3 of 20")
            run.write(Phase(name="evaluating", done=1, total=2))
            await shows(pilot, "final evaluation: 1 of 2")
            await pilot.press("a", "n")
            assert not on(pilot, ExtendScreen)
            run.finish("diverged", "the loss became infinite")
            await shows(pilot, "Diverged")
            await pilot.press("a")
            assert not on(pilot, ExtendScreen)
            assert commands(run) == []


class TestDiscard:
    @at_sizes((80, 24), (60, 20), (140, 45))
    async def test_it_asks_and_keeps_the_run_unless_told_otherwise(
        self, size: Any, record: Any, app_on: Any, shows: Any, until: Any
    ) -> None:
        run = finished(record(epochs=3))
        async with app_on(run.folder).run_test(size=size, notifications=True) as pilot:
            await shows(pilot, "Finished")
            for keep in ("escape", "enter", "k"):
                await opened(pilot, "x", DiscardQuestion, until)
                text = await shows(pilot, "Delete this run?", "finished, 3 of 3 epochs done", "Keep it")
                assert "Stop and save" not in text and "Discard" not in text
                assert all(len(line) <= size[0] for line in text.splitlines())
                await pilot.press(keep)
                await until(pilot, lambda: not on(pilot, DiscardQuestion))
                assert run.folder.path.exists()
            await pilot.press("x", "x")  # a second x, of somebody in a hurry, is no answer
            assert on(pilot, DiscardQuestion)
            await pilot.press("d")
            await until(pilot, lambda: not run.folder.path.exists())
            await shows(pilot, "Deleted")
            assert "crashed" not in screen_text(pilot.app)

    async def test_a_run_that_is_trained_longer_says_what_it_had_finished_and_can_be_stopped_instead(
        self, record: Any, app_on: Any, shows: Any, until: Any
    ) -> None:
        run = finished(record(epochs=3)).begin().epoch(4).status("running")
        async with app_on(run.folder).run_test(size=(80, 24)) as pilot:
            await opened(pilot, "x", DiscardQuestion, until)
            await shows(pilot, "It had finished after 3 epochs with test accuracy 97.00 %", "Stop and save keeps")
            await pilot.press("s")
            assert await asked(pilot, run, until) == [control.Command("stop")]

    async def test_by_mouse_and_with_a_live_worker_that_obeys(
        self, record: Any, app_on: Any, shows: Any, until: Any
    ) -> None:
        run = training(record(), 2)
        async with app_on(run.folder).run_test(size=(80, 24)) as pilot:
            await shows(pilot, "epoch 3 of 20")
            await pilot.press("x")
            await shows(pilot, "running, 2 of 20 epochs done", "It ends at once and nothing is saved")
            await pilot.click("#discard")
            assert await asked(pilot, run, until) == [control.Command("discard")]
            run.folder.write_status(replace(run.folder.status(), state="stopped", pid=0))
            await until(pilot, lambda: not run.folder.path.exists())

    async def test_without_confirmations_it_does_not_ask(
        self, record: Any, app_on: Any, shows: Any, until: Any
    ) -> None:
        run = finished(record(epochs=3))
        app = app_on(run.folder)
        app.settings = replace(app.settings, confirm=False)
        async with app.run_test(size=(80, 24)) as pilot:
            await shows(pilot, "Finished")
            await pilot.press("x")
            await until(pilot, lambda: not run.folder.path.exists())


class TestBusy:
    """Another training while one is on the device."""

    @pytest.mark.parametrize(
        ("size", "press", "waits"),
        [(SIZES[0], "enter", True), (SIZES[1], "w", True), (SIZES[1], "s", False), (SIZES[2], "#now", False)],
    )
    async def test_it_asks_and_waits_by_default(self, size: Any, press: str, waits: bool, together: Any) -> None:
        record, bench, shows, until, no_worker = together
        run = on_device(training(record(), 2))
        async with bench().run_test(size=size) as pilot:
            await until(pilot, lambda: pilot.app.is_running)
            run_commands.train(pilot.app, find_preset("hog"))
            await until(pilot, lambda: on(pilot, BusyQuestion))
            text = await shows(pilot, "is on the CPU already.", "Wait in line", "Start now", "Cancel")
            assert run.folder.id in text
            await (pilot.click(press) if press.startswith("#") else pilot.press(press))
            await until(pilot, lambda: bool(no_worker))
            (new,) = no_worker
            assert new.launch().wait is waits

    @pytest.fixture
    def together(self, record: Any, bench: Any, shows: Any, until: Any, no_worker: Any) -> Any:
        return record, bench, shows, until, no_worker

    async def test_cancelled_it_starts_nothing(self, record: Any, bench: Any, until: Any, no_worker: Any) -> None:
        on_device(training(record(), 2))
        async with bench(preset=find_preset("hog"), action="train").run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: on(pilot, BusyQuestion))
            await pilot.press("escape")
            await until(pilot, lambda: not on(pilot, BusyQuestion))
            assert no_worker == []

    async def test_where_there_is_no_line_none_is_offered(
        self, bench: Any, shows: Any, until: Any, no_worker: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        busy = devices.Busy("Others use 6.0 of 8.0 GiB of the memory of GPU 0; a run may find too little.", line=False)
        monkeypatch.setattr("mnist_tui.tui.starting.busy", lambda runs_dir, device: busy)
        async with bench().run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: pilot.app.is_running)
            run_commands.train(pilot.app, find_preset("hog"))
            await shows(pilot, "Others use 6.0 of 8.0 GiB")
            assert [button.id for button in pilot.app.screen.query(Button)] == ["now", "cancel"]
            await pilot.press("w")
            assert on(pilot, BusyQuestion)
            await pilot.press("enter")
            await until(pilot, lambda: bool(no_worker))

    async def test_a_free_device_is_not_asked_about(self, bench: Any, until: Any, no_worker: Any) -> None:
        async with bench(preset=find_preset("hog"), action="train").run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: bool(no_worker))
            assert not on(pilot, BusyQuestion)

    async def test_a_run_in_line_says_for_whom_it_waits(self, record: Any, app_on: Any, shows: Any) -> None:
        run = record().status("starting")
        run.write(Phase(name="waiting", text="waiting for run 20250101-000000-raw-abcd to end; place 2 in line"))
        async with app_on(run.folder).run_test(size=(80, 24)) as pilot:
            await shows(pilot, "starting", "waiting for run 20250101-000000-raw-abcd to end; place 2 in line")


@pytest.mark.parametrize("key", ["p", "n", "c", "s"])
async def test_a_command_to_somebody_elses_run_is_refused_in_a_toast(
    record: Any, app_on: Any, until: Any, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "there")

    said: list[str] = []
    run = training(record(), 2)
    async with app_on(run.folder).run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, lambda: "epoch 3 of 20" in screen_text(pilot.app))
        monkeypatch.setattr("mnist_tui.files.tempfile.mkstemp", forbidden)
        monkeypatch.setattr(pilot.app, "notify", lambda message, **_: said.append(message))
        await pilot.press(key)
        await until(pilot, lambda: bool(said))
    assert "did not get the command" in said[0]
    assert "you may not write there (Permission denied" in said[0]
    assert commands(run) == []
