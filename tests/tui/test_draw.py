"""The canvas: mouse and keys, what the network sees, and what a model's process answers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from textual.binding import Binding
from textual.widgets import Input, OptionList

from mnist_tui.data.hog import hog_picture
from mnist_tui.data.idx import idx_sha256
from mnist_tui.data.pictures import centred
from mnist_tui.data.reading import read_digits
from mnist_tui.runs.collection.summaries import short_id
from mnist_tui.runs.events import DataReady
from mnist_tui.runs.folder import RunFolder
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.bench import Route
from mnist_tui.tui.draw.canvas import DrawingCanvas, blank, drawn, erased
from mnist_tui.tui.draw.screen import DrawScreen, path_of
from mnist_tui.tui.terminal.keymap import commands_of
from tests.tui.conftest import Record, screen_text
from tests.tui.sizes import at_sizes
from tests.waiting import PATIENCE

ANSWERING = Path(__file__).with_name("answering.py")
DIGITS = tuple("0123456789")


@pytest.fixture(autouse=True)
def processes(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Models answer in real processes, but without TensorFlow; those that were started."""
    started: list[subprocess.Popen[bytes]] = []

    def start(_job: str, folder: RunFolder, errors: Any) -> subprocess.Popen[bytes]:
        how = "refuses" if folder.model_file.read_bytes() == b"broken" else "answers"
        command = [sys.executable, str(ANSWERING), how]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors))
        return started[-1]

    monkeypatch.setattr("mnist_tui.runs.worker_jobs.start_model_process", start)
    return started


@pytest.fixture
def a_run(record: Record) -> Callable[..., RunFolder]:
    """Makes a finished run with a model."""

    def make(preset: str = "raw", dataset: str = "mnist") -> RunFolder:
        recording = record(preset).begin(dataset).finish()
        recording.folder.model_file.write_bytes(b"model")
        return recording.folder

    return make


@pytest.fixture
def app(tmp_path: Path) -> BenchApp:
    return BenchApp(AppOptions(runs_dir=tmp_path / "runs"))


async def told(pilot, until, screen: DrawScreen, *texts: str) -> None:
    """Waits until every text is among the words beside the drawing, wherever their lines end."""
    await until(pilot, lambda: all(text in f"{screen.share.content}\n{screen.facts.content}" for text in texts))


async def opened(pilot, until, folder: RunFolder | None = None) -> DrawScreen:
    """The screen, once its model is ready, if it has a run."""
    await until(pilot, lambda: pilot.app.screen.focused is not None)
    pilot.app.show(Route("draw", run=folder))
    await until(pilot, lambda: isinstance(pilot.app.screen, DrawScreen) and pilot.app.screen.focused is not None)
    return pilot.app.screen


def test_a_stroke_is_soft_three_pixels_wide_and_erasable():
    line = drawn(blank(), (5, 14), (20, 14))
    assert line[10].tolist() == [0] * 13 + [255] * 3 + [0] * 12
    between = drawn(blank(), (5, 14.5), (20, 14.5))[10]
    assert between[13:17].tolist() == [128, 255, 255, 128]
    assert not erased(line, (5, 14), (20, 14)).any()
    assert np.array_equal(drawn(line, (5, 14), (20, 14)), line)


async def test_the_process_ends_some_time_after_the_screen_is_left_and_starts_again(
    app, a_run, until, processes, monkeypatch
):
    monkeypatch.setattr("mnist_tui.tui.run_screen.UNSEEN_SECONDS", 0.05)
    a_run()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, until)
        await until(pilot, lambda: len(processes) == 1)
        await pilot.press("f3")
        await until(pilot, lambda: processes[0].poll() is not None)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen and len(processes) == 2)
        assert processes[1].poll() is None


async def test_keys_draw_erase_undo_and_clear(app, a_run, until):
    a_run()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, until)
        canvas = screen.canvas
        await pilot.press("down")
        assert canvas.at == (15, 14)
        assert not canvas.pixels.any()
        await pilot.press("space", "shift+right", "left")
        assert canvas.pen == "draws"
        assert canvas.pixels[15, 14:19].min() == 255
        one = canvas.pixels
        await pilot.press("space", "x", "shift+left")
        assert canvas.pixels.sum() < one.sum()
        await pilot.press("u")
        assert np.array_equal(canvas.pixels, one)
        await pilot.press("delete")
        assert not canvas.pixels.any()
        assert canvas.pen == "up"
        await pilot.press("ctrl+z")
        assert np.array_equal(canvas.pixels, one)
        await pilot.press(*["u"] * 9)
        assert not canvas.pixels.any()
        await pilot.press(*["shift+up"] * 9, *["shift+left"] * 9)
        assert canvas.at == (0, 0)


@pytest.mark.parametrize(("size", "scale"), [((80, 24), 1), ((140, 45), 2)])
async def test_the_mouse_draws_and_its_right_button_erases(app, a_run, until, size, scale):
    a_run()
    async with app.run_test(size=size) as pilot:
        canvas = (await opened(pilot, until)).canvas
        await until(pilot, lambda: canvas.size == (28 * scale, 14 * scale))
        await pilot.mouse_down(DrawingCanvas, offset=(5 * scale, 3 * scale))
        await pilot.hover(DrawingCanvas, offset=(15 * scale, 3 * scale))
        await pilot.mouse_up(DrawingCanvas, offset=(15 * scale, 3 * scale))
        row = 6 if scale == 2 else 7
        assert canvas.pixels[row, 5:15].min() >= 250
        assert canvas.pixels[row, 0:2].max() == 0
        await pilot.hover(DrawingCanvas, offset=(20 * scale, 10 * scale))
        assert canvas.pixels[15:].max() == 0
        await pilot.mouse_down(DrawingCanvas, offset=(5 * scale, 3 * scale), button=3)
        await pilot.hover(DrawingCanvas, offset=(15 * scale, 3 * scale))
        await pilot.mouse_up(DrawingCanvas, offset=(15 * scale, 3 * scale))
        assert canvas.pixels[row, 5:15].max() <= 5


async def test_the_model_answers_what_it_sees_and_the_winner_is_named(app, a_run, until, shows):
    folder = a_run()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, until)
        text = await shows(pilot, "checkpoint of", "Draw with")
        assert folder.id.split("-", 2)[-1] in screen.status.run_id.text
        assert "–" not in text and "%" not in text, "there is no answer yet"
        await pilot.press("space", "shift+right", "shift+down", "shift+down")
        seen = centred(screen.canvas.pixels)
        label = int((seen > 0).sum()) % 10
        text = await shows(pilot, f"{label} with 91.0 %", f">{label}", "checkpoint of")
        assert np.array_equal(screen.seen.picture.pixels, seen)
        assert text.count("1.0 %") == 11
        await pilot.press("c")
        label = int((screen.canvas.pixels > 0).sum()) % 10
        await shows(pilot, f"{label} with 91.0 %", "Not centred")
        assert not screen.seen.display, "what the network receives is the drawing itself"
        assert np.array_equal(screen.seen.picture.pixels, screen.canvas.pixels)
        await pilot.press("backspace")
        await shows(pilot, "Draw with")


async def test_a_hog_runs_gradients_are_shown_and_g_shows_the_pixels(app, a_run, until, shows):
    a_run("hog")
    async with app.run_test(size=(200, 50)) as pilot:
        screen = await opened(pilot, until)
        await pilot.press("space", "shift+down", "g", "g")
        await shows(pilot, "Input  HOG", "91.0 %")
        seen = centred(screen.canvas.pixels)
        hog = hog_picture(seen, orientations=8, pixels_per_cell=4)
        await until(pilot, lambda: np.array_equal(screen.seen.picture.pixels, hog))
        await pilot.press("g")
        await shows(pilot, "Input  pixels")
        assert np.array_equal(screen.seen.picture.pixels, seen)
        assert screen.seen.picture.size == (56, 28)


async def test_clothes_are_not_centred_unless_asked(app, a_run, until, shows):
    a_run("fashion", "fashion-mnist")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, until)
        await pilot.press("space", "shift+down")
        await shows(pilot, "Ankle boot", "T-shirt/top", "91.0 %")
        await told(pilot, until, screen, "its classes are not the ten digits")
        assert np.array_equal(screen.seen.picture.pixels, screen.canvas.pixels)
        await pilot.press("c")
        await until(pilot, lambda: screen.seen.border_subtitle == "centred like MNIST")


async def test_a_killed_process_is_told_and_started_again_by_a_key(app, a_run, until, shows, processes):
    a_run()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, until)
        await shows(pilot, "checkpoint")
        os.kill(processes[0].pid, signal.SIGKILL)
        await told(pilot, until, screen, "was killed", "l loads it again")
        await pilot.press("space", "right", "l")
        await shows(pilot, "91.0 %")
        assert len(processes) == 2


async def test_the_process_ends_with_the_screen(app, a_run, until, shows, processes):
    a_run()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, until)
        await shows(pilot, "checkpoint")
        await pilot.press("escape")
        assert not isinstance(app.screen, DrawScreen)
        await until(pilot, lambda: processes[0].poll() is not None)
        await opened(pilot, until)
        await shows(pilot, "checkpoint")
    assert processes[1].wait(PATIENCE) == 0


async def test_a_model_that_cannot_be_loaded_is_told(app, a_run, until, shows):
    a_run().model_file.write_bytes(b"broken")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, until)
        await told(pilot, until, screen, "Run x has no model")


async def test_without_a_run_one_can_draw_and_is_told_what_is_missing(app, until, shows):
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, until)
        await shows(pilot, "no model", "Train a network", "train one, then")
        await pilot.press("space", "right", "c", "g", "r", "l", "v", "o")
        await shows(pilot, "No answer yet")
        assert screen.canvas.pixels.any()


async def test_another_run_is_chosen_from_those_that_have_a_model(app, a_run, record, until, shows):
    first, second = a_run(), a_run("hog")
    without = record("cnn").begin().finish().folder
    async with app.run_test(size=(120, 30)) as pilot:
        await opened(pilot, until, first)
        await shows(pilot, "finished", "(MNIST)", first.id, "checkpoint")
        await pilot.press("o")
        text = await shows(pilot, "Whose model reads", short_id(second.id))
        assert short_id(without.id) not in text
        options = app.screen.query_one(OptionList)
        assert options.highlighted is not None and "State" in text
        at = options.highlighted
        await pilot.resize_terminal(60, 30)  # columns are left out while it is open
        await until(pilot, lambda: "State" not in (narrow := screen_text(app)) and short_id(second.id) in narrow)
        assert options.highlighted == at
        await pilot.resize_terminal(120, 30)
        await shows(pilot, "State")
        await pilot.press("home" if options.highlighted else "end", "enter")
        await shows(pilot, "HOG features", second.id, "checkpoint")


async def test_an_image_file_is_read_onto_the_canvas_or_told_what_is_wrong(app, a_run, until, shows, tmp_path):
    a_run()
    pixels = read_digits()["test_images"][3]
    Image.fromarray(255 - pixels).save(tmp_path / "my digit.png")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, until)
        await pilot.press("i")
        await shows(pilot, "Open an image file")
        await pilot.press("enter")
        await shows(pilot, "No file is named.")
        app.screen.query_one(Input).value = str(tmp_path / "other.png")
        await pilot.press("enter")
        await shows(pilot, "There is no file")
        app.screen.query_one(Input).value = f"'{tmp_path / 'my digit.png'}'"
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is screen)
        await told(pilot, until, screen, "my digit.png, 28×28 pixels, dark on light", "91.0 %")
        assert np.array_equal(screen.canvas.pixels, centred(pixels))
        await pilot.press("space")
        await told(pilot, until, screen, "dark on light, changed")
        await pilot.press("i", "escape")
        assert app.screen is screen


def test_paths_as_terminals_drop_them():
    assert path_of(" '/a/my b.png' ") == Path("/a/my b.png")
    assert path_of("/a/my\\ b\\(1\\).png") == Path("/a/my b(1).png")
    assert path_of("file:///a/b.png") == Path("/a/b.png")
    assert path_of("~/b.png") == Path.home() / "b.png"


async def test_a_random_test_image_comes_with_its_true_class(app, record, until, shows):
    parts = read_digits()
    recording = record("raw")
    recording.write(
        DataReady(
            name="digits",
            title="digits sample",
            class_names=DIGITS,
            source="bundled",
            sample=True,
            verified=False,
            sha256={str(part): idx_sha256(values) for part, values in parts.items()},
            train=1437,
            validation=0,
            test=360,
            inputs=784,
        )
    )
    recording.finish().folder.model_file.write_bytes(b"model")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, until)
        await shows(pilot, "bundled digits sample", "checkpoint")
        await pilot.press("r")
        await told(pilot, until, screen, "True class", "91.0 %")
        await shows(pilot, "% true")
        (index,) = np.flatnonzero((parts["test_images"] == screen.canvas.pixels).all(axis=(1, 2)))
        words = f"True class {parts['test_labels'][index]}: number {index + 1} of the digits sample test images"
        assert words in str(screen.facts.content)
        await pilot.press("delete")
        await until(pilot, lambda: "True class" not in str(screen.facts.content))


async def test_data_that_are_gone_are_told(app, a_run, until, shows):
    a_run()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, until)
        await shows(pilot, "checkpoint")
        await pilot.press("r")
        await until(pilot, lambda: any("are not" in notice.message for notice in app._notifications))


@at_sizes((80, 24), (60, 20), (100, 20), (140, 45), (200, 50))
async def test_everything_has_room(app, a_run, until, shows, size):
    a_run("fashion", "fashion-mnist")
    async with app.run_test(size=size) as pilot:
        await opened(pilot, until)
        await pilot.press("space", "shift+right")
        text = await shows(pilot, "91.0 %", "Canvas")
        assert sum(text.count(f"{share} %") for share in ("91.0", "1.0")) >= 11
        if size[0] < 78:
            assert "seen" not in text
            await pilot.press("v")
            await shows(pilot, "Input  pixels")


@pytest.mark.parametrize("plain", ["NO_COLOR", "ascii"])
async def test_the_drawing_can_be_read_without_colour(a_run, until, monkeypatch, tmp_path, plain):
    a_run()
    if plain == "NO_COLOR":
        monkeypatch.setenv("NO_COLOR", "1")
    app = BenchApp(AppOptions(runs_dir=tmp_path / "runs"))
    if plain == "ascii":
        app.change_settings(glyphs="ascii")
    async with app.run_test(size=(80, 24)) as pilot:
        canvas = (await opened(pilot, until)).canvas
        await pilot.press("space", *["shift+right"] * 2, "space", *["shift+down"] * 3)
        await until(pilot, lambda: canvas.at == (26, 22))
        stroke, nothing = (canvas.render_line(line).text for line in (7, 2))
        assert len(set(stroke[15:21])) == 1
        assert stroke[15:21].strip()
        assert stroke.isascii() == (plain == "ascii")
        assert not nothing.strip()


async def test_every_key_has_words_and_is_offered(app, a_run, until):
    a_run("hog")
    async with app.run_test(size=(60, 20)) as pilot:
        screen = await opened(pilot, until)
        await until(pilot, lambda: screen.check_action("glyphs", ()))
        own = [command for command in commands_of(screen) if command.own and command.node in (screen, screen.canvas)]
        assert all(command.about for command in own)
        bindings = [binding for kind in (DrawScreen, DrawingCanvas) for binding in kind.BINDINGS]
        ids = {binding.id for binding in bindings if isinstance(binding, Binding)}
        assert len(own) == len(ids)
        assert all(one and one.startswith("draw.") for one in ids)


@pytest.mark.parametrize(("image", "size"), [((64, 64, 1), (80, 24)), ((20, 14, 3), (60, 20)), ((4, 64, 1), (140, 45))])
async def test_a_canvas_has_the_runs_size_and_the_pen_is_always_in_sight(app, record, until, image, size):
    recording = record("raw", image=image).begin("mnist").finish()
    recording.folder.model_file.write_bytes(b"model")
    async with app.run_test(size=size) as pilot:
        screen = await opened(pilot, until)
        canvas = screen.canvas
        await until(pilot, lambda: canvas.pixels.shape == image[: 3 if image[2] > 1 else 2])
        assert canvas.at == (image[0] // 2, image[1] // 2)
        for corner in (("up", "left"), ("down", "right")):
            await pilot.press("space", *[f"shift+{way}" for way in corner for _ in range(16)], "space")
            seen = canvas.pen_cell.translate(canvas.region.offset)
            await until(pilot, lambda seen=seen: screen.canvas_box.content_region.contains_region(seen))
        assert canvas.at == (image[0] - 1, image[1] - 1)
        assert canvas.pixels[-1, -1].min() == 255
        await until(pilot, lambda: np.array_equal(screen.seen.picture.pixels, canvas.pixels))
