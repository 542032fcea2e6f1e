"""The screen "Look inside": its methods, layers and classes, on an image of the gallery and on a drawing."""

from __future__ import annotations

import subprocess
from typing import Any

import numpy as np
import pytest

from mnist_tui.data import datasets
from mnist_tui.runs.explanations import over
from mnist_tui.runs.folder import RunFolder
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.bench import Route
from mnist_tui.tui.draw.screen import DrawScreen
from mnist_tui.tui.feed import RunFeed
from mnist_tui.tui.gallery.screen import GalleryScreen
from mnist_tui.tui.inside.screen import InsideScreen
from mnist_tui.tui.inside.views import HeatView, maps_as_pictures
from mnist_tui.tui.selected_images import ExplainedImage
from tests.explainers import explain_without_tensorflow
from tests.tui.conftest import screen_text
from tests.tui.sizes import at_sizes
from tests.tui.test_gallery import finish, recorded


@pytest.fixture(scope="module")
def digits() -> Any:
    return datasets.load("digits")


@pytest.fixture(autouse=True)
def processes(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Networks are looked into by real processes, but without TensorFlow; those that were started."""
    return explain_without_tensorflow(monkeypatch)


@pytest.fixture
def image(digits: Any) -> ExplainedImage:
    return ExplainedImage(digits.test_images[4], "Image 5", "test images", true=4)


def shows_map(app: BenchApp) -> bool:
    return isinstance(app.screen, InsideScreen) and any(view.display for view in app.screen.query(HeatView))


async def opened(pilot: Any, until: Any, folder: RunFolder, image: ExplainedImage) -> InsideScreen:
    """The screen with its first answer."""
    await until(pilot, lambda: pilot.app.screen.focused is not None)
    pilot.app.show(Route("inside", run=folder, image=image))
    await until(pilot, lambda: shows_map(pilot.app))
    return pilot.app.screen


def bench(folder: RunFolder) -> BenchApp:
    return BenchApp(AppOptions(runs_dir=folder.path.parent))


async def test_the_gallery_leads_to_it_and_back_and_the_process_stays(record, digits, until, processes):
    run = finish(recorded(record, digits), digits)
    app = bench(run.folder)
    async with app.run_test(size=(120, 40)) as pilot:
        gallery = GalleryScreen(RunFeed(run.folder))
        app.push_screen(gallery)
        await until(pilot, lambda: gallery.selected_image is not None)
        await pilot.press("k")
        await until(pilot, lambda: shows_map(app))
        first = screen_text(app)
        assert "class 3 (predicted), 90.0 %" in first
        assert "points" in first
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is gallery)
        await pilot.press("right", "enter")
        await pilot.press("k")
        await until(pilot, lambda: shows_map(app))
        assert screen_text(app) != first
        assert len(processes) == 1
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is not gallery and not isinstance(app.screen, InsideScreen))


async def test_until_the_model_answers_the_recorded_probabilities_are_shown(record, digits, until):
    run = finish(recorded(record, digits), digits)
    run.folder.model_file.write_bytes(b"broken")  # so that it never answers
    app = bench(run.folder)
    async with app.run_test(size=(80, 24)) as pilot:
        gallery = GalleryScreen(RunFeed(run.folder))
        app.push_screen(gallery)
        await until(pilot, lambda: gallery.selected_image is not None)
        assert gallery.predictions is not None and gallery.selected_image is not None
        best = gallery.predictions.classes[gallery.selected_image]
        await pilot.press("k")
        words = ("has no model", "recorded after epoch", f">{best}  9", "true")
        await until(pilot, lambda: all(each in screen_text(app) for each in words))


async def test_a_drawing_is_looked_into(record, until):
    folder = record("raw").begin("mnist").finish().folder
    folder.model_file.write_bytes(b"model")
    app = bench(folder)
    async with app.run_test(size=(100, 34)) as pilot:
        await until(pilot, lambda: app.screen.focused is not None)
        draw = DrawScreen(folder)
        app.push_screen(draw)
        await until(pilot, lambda: draw.focused is not None)
        await pilot.press("k")
        await until(pilot, lambda: "Draw something first" in " ".join(note.message for note in app._notifications))
        await pilot.press("space", "shift+down", "shift+right")
        await until(pilot, lambda: draw.canvas.pixels.sum() > 3_000)
        await pilot.press("k")
        await until(pilot, lambda: shows_map(app))
        assert "Drawing" in screen_text(app)


@at_sizes((80, 24), (60, 20), (200, 50))
async def test_every_method_has_its_view(record, until, image, size):
    folder = record("cnn").begin("mnist").finish().folder
    app = bench(folder)
    async with app.run_test(size=size) as pilot:
        screen = await opened(pilot, until, folder, image)
        for title, view in (
            ("Saliency", screen.heat),
            ("SmoothGrad", screen.heat),
            ("Grad-CAM", screen.heat),
            ("Nearest", screen.grid),
            ("Activations", screen.grid),
        ):
            await pilot.press("right")
            await until(pilot, lambda view=view, title=title: view.display and f"{title}  " in screen_text(app))
            assert view.region.height > 3
        assert "conv2d_1" in screen_text(app)
        await pilot.press(*["down"] * 20)
        await until(pilot, lambda: screen.units.display)
        assert "of output" in screen_text(app)
        await pilot.press("right", "left", "left", "left")
        await until(pilot, lambda: "conv2d_3" in screen_text(app))
        await pilot.press("up")
        await until(pilot, lambda: "max_pooling2d_2" in screen_text(app))


async def test_the_class_is_chosen_and_the_true_one_has_a_key(record, until, image):
    folder = record("raw").begin("mnist").finish().folder
    app = bench(folder)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await opened(pilot, until, folder, image)
        await pilot.press("t")
        await until(pilot, lambda: "class 4 (true class)" in screen_text(app))
        assert "t Predicted class" in screen_text(app)
        await pilot.press("t")
        await until(pilot, lambda: "class 3 (predicted)" in screen_text(app))
        await pilot.press("c", "7")
        await until(pilot, lambda: "class 7, " in screen_text(app))
        await pilot.click(screen.methods, offset=(66, 0))
        await until(pilot, lambda: "Grad-CAM needs a convolutional layer" in screen_text(app))
        other = record("cnn").begin("mnist").finish().folder
        app.show(Route("inside", run=other, image=image))
        await until(pilot, lambda: other.id in screen_text(app) and folder.id not in screen_text(app))


async def test_a_process_that_ends_is_said_and_a_key_starts_another(record, until, image, processes):
    folder = record("raw").begin("mnist").finish().folder
    app = bench(folder)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await opened(pilot, until, folder, image)
        processes[0].kill()
        await pilot.press("right")
        await until(pilot, lambda: "l loads it again" in screen_text(app))
        await pilot.press("l")
        await until(pilot, lambda: screen.heat.display)
        folder.model_file.write_bytes(b"broken")
        await pilot.press("l")
        await until(pilot, lambda: "has no model; l loads it again" in screen_text(app))


async def test_without_colours_a_map_has_signs(record, until, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    folder = record("raw").begin("mnist").finish().folder
    pixels = np.zeros((28, 28), np.uint8)
    pixels[20:24, 10:14] = 255
    app = bench(folder)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, until, folder, ExplainedImage(pixels, "Image 1"))
        lines = ["".join(part.text for part in screen.heat.render_line(y)) for y in range(14)]
        assert lines[0].startswith("- ")
        assert [line.strip() for line in lines[1:]] == [*[""] * 9, "####", "####", "", ""]


def test_a_map_is_drawn_over_its_image_in_two_colours():
    image = np.array([[0, 0, 255]], np.uint8)
    colours: Any = {"paper": (0,) * 3, "ink": (255,) * 3, "positive": (255, 0, 0), "negative": (0, 0, 255)}
    drawn = over(image, np.array([[4.0, -2.0, 0.0]], np.float32), **colours)
    assert drawn[0, 0, 0] > 200
    assert drawn[0, 0, 1:].max() == 0
    assert drawn[0, 1, 2] > 100
    assert drawn[0, 1, :2].max() == 0
    assert len(set(drawn[0, 2].tolist())) == 1


def test_feature_maps_have_one_scale():
    maps = np.zeros((2, 2, 2), np.float32)
    maps[0, 0] = 1, 4
    assert maps_as_pictures(maps).tolist() == [[[64, 0], [0, 0]], [[255, 0], [0, 0]]]
    assert maps_as_pictures(maps - 1).min() == 0
    assert not maps_as_pictures(np.zeros((2, 2, 3), np.float32)).any()
