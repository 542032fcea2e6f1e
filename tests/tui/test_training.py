"""The training screen, on runs that a recording writes as a worker would."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from mnist_tui.runs.events import CheckpointSaved, Ended, Paused, Phase, Resumed, RunStarted, Warned
from mnist_tui.runs.origin import Origin, OriginSource
from mnist_tui.runs.process_folder import Lock
from mnist_tui.runs.state import RunState
from mnist_tui.tui.widgets.plots.curves import preparations
from mnist_tui.tui.widgets.run_status import StatusLine
from tests.runs.sample_events import data_ready
from tests.tui.conftest import screen_text
from tests.tui.sizes import at_sizes


def commands(run: Any) -> list[str]:
    """The names of the commands that wait for the worker."""
    return [path.stem.rpartition("-")[2] for path in sorted(run.folder.control.glob("*.json"))]


def training(run: Any, epochs: int = 7) -> Any:
    """A run in its next epoch after `epochs`."""
    run.begin()
    for epoch in range(1, epochs + 1):
        run.epoch(epoch)
    run.write(run.progress(epochs + 1, 50, 0.3))
    return run


@at_sizes((80, 24), (120, 40), (140, 45))
async def test_curves_matrix_progress_and_device_are_all_on_one_screen(
    size: tuple[int, int], record: Any, app_on: Any, shows: Any
) -> None:
    run = training(record())
    async with app_on(run.folder).run_test(size=size) as pilot:
        text = await shows(
            pilot,
            "running",
            "Raw pixels: 784-250-10, tanh, on MNIST",
            run.folder.id,
            "epoch 8 of 20 ",
            "61,234 images/s",
            "25 s left",
            "Loss",
            "train",
            "val",
            "◆",
            "epoch 10",
            "10,000 images evaluated after epoch 7",
            "Confusion m  true ↓ predicted →",
            "Device",
            "CPU",
            "87 %",
            "Training",
            "Pause",
            "Stop, save",
        )
        assert "0 892" in text.replace("  ", " "), "the matrix's first cell"
        assert any(0x2800 < ord(character) <= 0x28FF for character in text), "a line is drawn"
        assert all(len(line) <= size[0] for line in text.splitlines())


async def test_a_key_shows_the_details_below_the_matrix_and_in_a_low_window_in_its_place(
    record: Any, app_on: Any, shows: Any, until: Any
) -> None:
    run = training(record())
    async with app_on(run.folder).run_test(size=(120, 40)) as pilot:
        await shows(pilot, "10,000 images evaluated after epoch 7")
        await pilot.press("v")
        text = await shows(
            pilot,
            "Details",
            "MNIST: 60,000 training, 10,000 test images",
            "198,760",
            "50 of 118 in epoch 8",
            "learning rate 0.001",
            "none found",
        )
        assert "images evaluated" in text
        await pilot.resize_terminal(120, 30)
        await until(pilot, lambda: not pilot.app.screen.query_one("ConfusionView").display)
        await shows(pilot, "none found")
        await pilot.press("v")
        assert "none found" not in await shows(pilot, "10,000 images evaluated after epoch 7")


async def test_every_epoch_gives_another_frame_and_a_late_viewer_sees_the_curve_from_its_start(
    record: Any, app_on: Any, shows: Any
) -> None:
    run = record().begin()
    frames: list[str] = []
    async with app_on(run.folder).run_test(size=(80, 24)) as pilot:
        for epoch in range(1, 6):
            run.epoch(epoch)
            frames.append(await shows(pilot, f"10,000 images evaluated after epoch {epoch}", f"epoch {epoch} of 20"))
    assert len(set(frames)) == 5
    async with app_on(run.folder).run_test(size=(80, 24)) as pilot:
        late = await shows(pilot, "10,000 images evaluated after epoch 5")
    curves = ["\n".join(line[:34].rstrip() for line in text.splitlines()[4:23]) for text in (frames[-1], late)]
    assert curves[0] == curves[1]


async def test_before_the_first_epoch_ends_the_running_means_are_on_the_curve(
    record: Any, app_on: Any, shows: Any
) -> None:
    run = record().begin()
    async with app_on(run.folder).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "The curve begins during the first epoch", "The matrix appears after the first epoch.")
        run.write(run.progress(1, 12, 2.2))
        text = await shows(pilot, "running mean", "2.200", "epoch 1 of 20")
        assert "The matrix appears after the first epoch." in text
        assert "·" in "".join(line[:34] for line in text.splitlines()[5:12]), "the point itself"


async def test_a_run_that_was_read_and_tells_nothing_yet_is_not_read_any_more(
    record: Any, app_on: Any, shows: Any
) -> None:
    async with app_on(record().folder).run_test(size=(80, 24)) as pilot:
        text = await shows(pilot, "The curve begins during the first epoch")
        assert "reading …" not in text


async def test_phases_before_training_are_told(record: Any, app_on: Any, shows: Any) -> None:
    run = record()
    run.write(RunStarted(run=run.folder.id, epochs=20, total=198_760, trainable=198_760), Phase(name="importing"))
    async with app_on(run.folder).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "starting", "importing TensorFlow")
        run.write(Phase(name="features", done=1000, total=70_000, unit="images"))
        await shows(pilot, "● data: extracting features", "1,000 of 70,000 images", "○ network", "○ first epoch")

    evaluation = record()
    origin = Origin("evaluated", (OriginSource("raw-1"),), "mnist")
    evaluation.folder.origin_file.write_text(json.dumps(origin.to_document()))
    done = Phase(name="evaluating", text="evaluating", done=2000, total=10_000, unit="images")
    evaluation.write(RunStarted(run="raw-2", epochs=0, total=9, trainable=9), data_ready(train=0), done)
    async with app_on(evaluation.folder).run_test(size=(80, 24)) as pilot:
        text = await shows(
            pilot, "10,000 test images", "✓ network", "● evaluation: 2,000", "appears after the evaluation."
        )
        assert "epoch" not in text and "Pause" not in text
        evaluation.write(Ended(state="finished", reason="evaluated on 10,000 test images", test_accuracy=0.9))
        text = await shows(pilot, "Finished: test accuracy 90.00 %", "evaluation · total")
        assert "epoch" not in text and "Train again" not in text
    run = RunState(origin=replace(origin, kind="ensemble"), phase=Phase(name="saving"))
    assert preparations(run, "braille") == ["○ data", "✓ evaluation", "● saving", ""]


async def test_a_run_that_diverged_keeps_its_curves_and_says_why(record: Any, app_on: Any, shows: Any) -> None:
    run = record().begin().epoch(1).epoch(2).epoch(3, finite=False, accuracy=0.1, val_accuracy=0.1)
    run.finish("diverged", "the loss was not finite in epoch 3")
    async with app_on(run.folder).run_test(size=(80, 24)) as pilot:
        text = await shows(pilot, "diverged", "Diverged: the loss was not finite in epoch 3", "train nan", "r Results")
        assert "◆" in "".join(line[:34] for line in text.splitlines()[6:14])
        assert "Pause" not in text


async def test_losses_in_the_millions_are_drawn_and_written_short(record: Any, app_on: Any, shows: Any) -> None:
    run = (
        record()
        .begin()
        .epoch(1, loss=3.2e6, val_loss=5.1e6, steps=False)
        .epoch(2, loss=2.9e6, val_loss=4e6, steps=False)
    )
    async with app_on(run.folder).run_test(size=(120, 40)) as pilot:
        await shows(pilot, "2.900e+06", "e+06┤")


@at_sizes((80, 24), (120, 40), (140, 45))
async def test_fashion_mnists_class_names_fit(size: tuple[int, int], record: Any, app_on: Any, shows: Any) -> None:
    run = record("fashion").begin("fashion-mnist").epoch(1)
    async with app_on(run.folder).run_test(size=size) as pilot:
        text = await shows(pilot, "10,000 images evaluated after epoch 1")
        for name in ("T-s", "Tro", "Pul", "Dre", "Coa", "San", "Shi", "Sne", "Bag", "Ank"):
            assert text.count(name) >= 2, f"{name} heads a row and a column"
        assert all(len(line) <= size[0] for line in text.splitlines())


async def test_pause_resume_checkpoint_and_stop_go_through_the_folder(
    record: Any, app_on: Any, shows: Any, until: Any
) -> None:
    run = training(record(), 2)
    async with app_on(run.folder).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "p Pause")
        await pilot.press("p")
        await until(pilot, lambda: commands(run) == ["pause"])
        run.write(Paused(epoch=3, step=50))
        text = await shows(pilot, "paused", "p Resume")
        assert "61,234 images/s" not in text
        await pilot.press("space")
        await until(pilot, lambda: commands(run) == ["pause", "continue"])
        run.write(Resumed())
        await shows(pilot, "running", "p Pause")
        await pilot.press("c")
        await until(pilot, lambda: commands(run)[-1] == "checkpoint")
        run.write(CheckpointSaved(epoch=2, step=50))
        await pilot.press("s")
        await until(pilot, lambda: commands(run)[-1] == "stop")
        run.finish("stopped", "stopped as asked, after 2 epochs", test_loss=0.5, test_accuracy=0.9, macro_f1=0.89)
        await shows(
            pilot, "Stopped as asked, after 2 epochs", "test accuracy 90.00 %, test loss 0.5000, macro F1 89.00 %"
        )


async def test_a_crash_shows_the_end_of_the_log_and_where_the_whole_is(record: Any, app_on: Any, shows: Any) -> None:
    run = training(record(), 2)
    run.folder.log_file.write_text("".join(f"line {number}\n" for number in range(40)) + "Killed\n")
    run.status("running", dead=True)
    async with app_on(run.folder).run_test(size=(80, 24)) as pilot:
        text = await shows(pilot, "crashed", "the worker ended without a message", "line 39", "Killed", "Whole log:")
        assert "Loss" in text
        assert "Pause" not in text


async def test_a_run_that_was_stopped_or_crashed_goes_on_with_a_key(
    record: Any, app_on: Any, shows: Any, until: Any, no_worker: list[Any]
) -> None:
    run = record().begin().epoch(1).epoch(2)
    run.finish("stopped", "stopped after 2 of 20 epochs, and saved")
    async with app_on(run.folder).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "Stopped", "p Resume")
        await pilot.press("p")
        await until(pilot, lambda: no_worker == [run.folder])
        run.status("starting")
        run.write(RunStarted(run=run.folder.id, epochs=20, total=198_760, trainable=198_760))
        await shows(pilot, "starting", "epoch 2 of 20")
        run.status("running").write(Resumed(from_epoch=1), run.progress(2, 50, 0.3))
        await shows(pilot, "running", "epoch 2 of 20", "p Pause")
        run.status("running", dead=True)
        await shows(pilot, "crashed", "p Resume")


async def test_a_run_that_cannot_go_on_says_why_and_one_that_finished_does_not_offer_it(
    record: Any, app_on: Any, shows: Any, until: Any
) -> None:
    run = record().begin().epoch(1)
    run.finish("stopped", "as asked", refused="the data are other ones")
    app = app_on(run.folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "Not resumed: the data are other ones", "p Resume")
        lock = Lock(run.folder)
        await pilot.press("p")
        await until(pilot, lambda: any("is being written by process" in n.message for n in app._notifications))
        lock.release()
    done = record().begin().epoch(1).finish("finished", "all epochs done")
    async with app_on(done.folder).run_test(size=(80, 24)) as pilot:
        assert "Resume" not in await shows(pilot, "Finished", "r Results")


async def test_a_failure_says_what_and_where(record: Any, app_on: Any, shows: Any) -> None:
    run = record().begin()
    run.folder.log_file.write_text("ResourceExhaustedError: out of memory\n")
    run.finish("failed", "the GPU's memory is full", where="training/engine.py:77")
    async with app_on(run.folder).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "Failed: the GPU's memory is full", "at training/engine.py:77", "ResourceExhaustedError")


async def test_sample_data_is_never_called_mnist(record: Any, app_on: Any, shows: Any) -> None:
    run = record().begin("digits").epoch(1)
    async with app_on(run.folder).run_test(size=(80, 24)) as pilot:
        text = await shows(
            pilot, "The bundled digits sample of scikit-learn, not MNIST", "images evaluated after epoch 1"
        )
        assert "Raw pixels: 784-250-10" in text
        assert "MNIST" not in text.replace("not MNIST", "")


async def test_warnings_stay_in_the_panel_and_new_ones_pop_up(record: Any, app_on: Any, shows: Any, until: Any) -> None:
    run = training(record(), 1)
    run.write(Warned(text="early stopping watches the test set"))
    app = app_on(run.folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "Warning: early stopping watches the test set")
        assert not app._notifications
        run.write(Warned(text="the learning rate is high"))
        await until(pilot, lambda: any("learning rate is high" in n.message for n in app._notifications))


async def test_where_the_window_is_narrow_a_key_changes_between_curves_matrix_and_device(
    record: Any, app_on: Any, shows: Any
) -> None:
    run = training(record())
    async with app_on(run.folder).run_test(size=(60, 20)) as pilot:
        text = await shows(pilot, "v View", "Loss", "Accuracy", "epoch 10")
        assert "images evaluated" not in text
        await pilot.press("v")
        text = await shows(pilot, "10,000 images evaluated after epoch 7")
        assert "Accuracy" not in text
        await pilot.press("v")
        await shows(pilot, "87 % of 2 cores", "Training", "1.8 of 2 cores")
        await pilot.press("v")
        await shows(pilot, "Details", "198,760")
        await pilot.press("v")
        await shows(pilot, "Accuracy")


async def test_detaching_goes_back_to_the_presets_and_asks_nothing_of_the_worker(
    record: Any, app_on: Any, shows: Any, until: Any
) -> None:
    run = training(record(), 1)
    app = app_on(run.folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "p Pause")
        await pilot.press("d")
        await until(pilot, lambda: type(app.screen).__name__ == "PresetsScreen")
        assert commands(run) == []


async def test_an_ended_run_leads_to_its_results_and_back(record: Any, app_on: Any, shows: Any) -> None:
    run = record().begin().epoch(1).results(1, tuple("0123456789"))
    run.finish("finished", test_loss=0.08, test_accuracy=0.97, macro_f1=0.97)
    async with app_on(run.folder).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "Finished: test accuracy 97.00 %", "r Results", "Esc Back")
        await pilot.press("r")
        await shows(pilot, "Confusions", "E Export")
        await pilot.press("escape")
        await shows(pilot, "Finished: test accuracy 97.00 %")


@pytest.mark.parametrize("theme", ["textual-light", "textual-ansi", "nord", "solarized-light"])
async def test_every_kind_of_theme_draws_the_screen(theme: str, record: Any, app_on: Any, shows: Any) -> None:
    run = training(record(), 2)
    app = app_on(run.folder)
    app.theme = (
        theme if theme in app.available_themes else next(name for name in app.available_themes if "ansi" in name)
    )
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "10,000 images evaluated after epoch 2", "◆")


async def test_without_colour_numbers_and_marks_remain(
    record: Any, app_on: Any, shows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    run = training(record(), 2)
    app = app_on(run.folder)
    assert app.no_color
    async with app.run_test(size=(80, 24)) as pilot:
        text = await shows(pilot, "10,000 images evaluated after epoch 2", "◆ val", "train")
        assert " running " in text


async def test_the_first_line_leaves_out_what_has_no_room_the_note_before_the_id(
    record: Any, app_on: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnist_tui.tui.training.screen.TrainingScreen.draw", lambda _: None)
    run, note = record().begin().epoch(1), "5 epochs instead of 150"
    app = app_on(run.folder)
    short_id = run.folder.id.split("-", 2)[-1]
    async with app.run_test(size=(80, 24)) as pilot:
        line = app.screen.query_one(StatusLine)
        for name, texts in (
            ("Raw", (f"Raw ({note})", run.folder.id)),
            (30 * "n", (30 * "n", run.folder.id)),
            (50 * "n", (50 * "n", f" {short_id}")),
        ):
            line.show("running", name, note)
            await pilot.pause()
            shown = screen_text(app).splitlines()[1]
            assert all(text in shown for text in texts), shown


async def test_the_star_of_the_best_epoch_is_explained_also_where_plots_have_no_lower_border(
    record: Any, app_on: Any, shows: Any
) -> None:
    async with app_on(training(record()).folder).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "★ best epoch")


async def test_a_run_that_was_asked_to_stop_has_no_time_left(record: Any, app_on: Any, shows: Any) -> None:
    app = app_on(training(record()).folder)
    async with app.run_test(size=(140, 45)) as pilot:
        await shows(pilot, " s left")
        await pilot.press("s")
        assert " s left" not in await shows(pilot, "· stopping ·")
