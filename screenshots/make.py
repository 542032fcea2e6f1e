"""Makes the pictures beside it from real trainings: `MNIST_TUI_DATA=… uv run python screenshots/make.py`.

A run's screens are reached by the keys that a person would press. Runs and settings go into a temporary folder, HOG
features into the cache.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from textual.pilot import Pilot

from mnist_tui.experiment.parameters import apply_texts
from mnist_tui.experiment.presets import edited, find_preset
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.library import run_folders
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.bench import Route
from mnist_tui.tui.compare.screen import CompareScreen
from mnist_tui.tui.draw.screen import DrawScreen
from mnist_tui.tui.editor.screen import EditorScreen
from mnist_tui.tui.gallery.screen import GalleryScreen
from mnist_tui.tui.inside.screen import InsideScreen
from mnist_tui.tui.presets.screen import PresetsScreen
from mnist_tui.tui.results.screen import ResultsScreen
from mnist_tui.tui.studies.list_screen import StudiesScreen
from mnist_tui.tui.studies.screen import StudyScreen
from mnist_tui.tui.training.screen import TrainingScreen

HERE = Path(__file__).parent
SIZE, SMALL = (140, 45), (100, 32)
SECONDS = 1.4
"""For each picture of the one that moves."""
PATIENCE_SECONDS = 120.0
SETTLED_SECONDS = 1.0
EPOCHS = 25
"""Of the trainings on MNIST."""
PICTURE_AT = 18
"""The epoch after which the training that is watched has its picture taken."""
TWO = ((6, 9), (4, 12), (5, 17), (9, 18), (13, 14), (20, 9), (23, 8), (22, 14), (23, 20))
"""Rows and columns of a 2 on the canvas."""


async def until(pilot: Pilot[None], holds: Callable[[], object]) -> None:
    """Waits for a condition, then until all is drawn; TimeoutError where it does not come."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():
            await pilot.pause(0.2)
    await pilot.pause(SETTLED_SECONDS)


async def press(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await pilot.pause(SETTLED_SECONDS)


def keep(app: BenchApp, name: str) -> None:
    """Saves the screen."""
    path = HERE / f"{name}.svg"
    path.write_text(smaller(app.export_screenshot(title="mnist-tui")), encoding="utf-8")
    print(f"{path.name}  {path.stat().st_size / 1000:,.0f} kB", flush=True)


def smaller(picture: str) -> str:
    """The same picture with what every cell repeats said once.

    Leading spaces survive in every viewer, and no font is fetched.
    """
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    picture = re.sub(r"terminal-\d+", "t", picture).replace(' shape-rendering="crispEdges"', "")
    picture = re.sub(r' clip-path="url\(#t-line-\d+\)"', "", picture)
    picture = re.sub(r'<clipPath id="t-line-\d+">.*?</clipPath>\s*', "", picture, flags=re.DOTALL)
    picture = picture.replace("<style>", "<style>\n    rect { shape-rendering: crispEdges }", 1)
    return picture.replace("<svg ", '<svg xml:space="preserve" ', 1)


def frame_of(app: BenchApp) -> str:
    """The screen as a picture for `animate`."""
    return smaller(app.export_screenshot(title="mnist-tui"))


def animate(frames: Sequence[str], name: str) -> None:
    """Saves pictures as one that shows them one after another, again and again, without a script."""
    total = SECONDS * len(frames)
    rules = [
        ".frame { visibility: hidden }",
        f"@keyframes show {{ 0% {{ visibility: visible }} {100 / len(frames):.3f}% {{ visibility: hidden }} }}",
    ]
    groups: list[str] = []
    for number, frame in enumerate(frames):
        scope = f"f{number}"
        style = re.search(r"<style>(.*?)</style>", frame, re.DOTALL)
        body = re.sub(r"^.*?</style>|</svg>\s*$", "", frame, flags=re.DOTALL)
        assert style is not None
        rules += [f".{scope} {rule.strip()}" for rule in re.findall(r"[.#\w][^{}]*\{[^}]*\}", style[1])]
        rules.append(f".{scope} {{ animation: show {total}s steps(1) {SECONDS * number - total}s infinite }}")
        groups.append(f'<g class="frame {scope}">{re.sub("t-(clip-terminal|line)", f"{scope}-", body)}</g>')
    head = frames[0][: frames[0].index("<style>")]
    path = HERE / f"{name}.svg"
    path.write_text(f"{head}<style>{' '.join(rules)}</style>{''.join(groups)}</svg>", encoding="utf-8")
    print(f"{path.name}  {path.stat().st_size / 1000:,.0f} kB", flush=True)


async def tour(runs_dir: Path) -> None:
    """A training, its matrix from epoch to epoch, the worst confusion, and its images: one picture that moves."""
    preset = find_preset("raw")
    preset = edited(preset, apply_texts(preset.experiment, {"epochs": str(EPOCHS)}))
    app = BenchApp(AppOptions(preset=preset, action="train", runs_dir=runs_dir))
    frames: list[str] = []
    async with app.run_test(size=SMALL) as pilot:
        screen = app.screen
        assert isinstance(screen, TrainingScreen)
        for epochs in (1, 3, 6, 10, 15, 20):
            await until(pilot, lambda at_least=epochs: len(screen.snapshot.run.history) >= at_least)
            frames.append(frame_of(app))
        await until(pilot, lambda: not screen.snapshot.live)
        app.clear_notifications()
        for keys in (("m",), ("home",), ("less_than_sign",), ("greater_than_sign",), ("end",), ("n",)):
            await press(pilot, *keys)
            frames.append(frame_of(app))
        await press(pilot, "enter")
        gallery = app.screen
        assert isinstance(gallery, GalleryScreen)
        await until(pilot, lambda: gallery.predictions is not None)
        frames.append(frame_of(app))
        for key in ("enter", "right", "right"):
            await press(pilot, key)
            frames.append(frame_of(app))
    animate(frames, "tour")


def train(runs_dir: Path, *options: str) -> RunFolder:
    """Trains without screens; the run."""
    command = [sys.executable, "-m", "mnist_tui", "train", *options, "--runs-dir", str(runs_dir)]
    subprocess.run(command, check=True)
    return run_folders(runs_dir)[0]


def watching(runs_dir: Path, run: RunFolder) -> BenchApp:
    return BenchApp(AppOptions(action="watch", run=run, runs_dir=runs_dir))


async def choose(runs_dir: Path) -> None:
    """The presets, and the editor of one."""
    app = BenchApp(AppOptions(runs_dir=runs_dir))
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: isinstance(app.screen, PresetsScreen))
        keep(app, "presets")
        app.show(Route("editor", preset=find_preset("hog")))
        await until(pilot, lambda: isinstance(app.screen, EditorScreen))
        await pilot.pause(3.0)
        keep(app, "editor")


async def watch(runs_dir: Path) -> RunFolder:
    """A training while it runs, and its results; the run."""
    preset = find_preset("raw")
    preset = edited(preset, apply_texts(preset.experiment, {"epochs": str(EPOCHS)}))
    app = BenchApp(AppOptions(preset=preset, action="train", runs_dir=runs_dir))
    async with app.run_test(size=SIZE) as pilot:
        screen = app.screen
        assert isinstance(screen, TrainingScreen)
        await until(pilot, lambda: len(screen.snapshot.run.history) >= PICTURE_AT)
        keep(app, "training")
        await until(pilot, lambda: not screen.snapshot.live)
        await press(pilot, "r")
        await until(pilot, lambda: isinstance(app.screen, ResultsScreen))
        app.clear_notifications()
        await pilot.pause(SETTLED_SECONDS)
        keep(app, "results")
        return screen.folder


async def scrub(runs_dir: Path, run: RunFolder) -> None:
    """One cell of the confusion matrix, the worst of the first epoch, then and at the last epoch."""
    app = watching(runs_dir, run)
    async with app.run_test(size=SIZE) as pilot:
        await opened(app, pilot)
        await press(pilot, "m")
        await press(pilot, "less_than_sign")
        await press(pilot, "n")
        keep(app, "confusion-early")
        await press(pilot, "f")
        keep(app, "confusion-late")


async def look(runs_dir: Path, run: RunFolder) -> None:
    """The weights, the test images of a run's worst confusion, and what one of them depends on."""
    app = watching(runs_dir, run)
    async with app.run_test(size=SIZE) as pilot:
        await opened(app, pilot)
        await press(pilot, "w")
        await app.workers.wait_for_complete()
        await pilot.pause(SETTLED_SECONDS)
        keep(app, "weights")
        await press(pilot, "escape", "m")
        await app.workers.wait_for_complete()
        await press(pilot, "u")
        await press(pilot, "n")
        await press(pilot, "enter")
        screen = app.screen
        assert isinstance(screen, GalleryScreen)
        await until(pilot, lambda: screen.predictions is not None)
        await app.workers.wait_for_complete()
        await pilot.pause(SETTLED_SECONDS)
        keep(app, "gallery")
        await press(pilot, "k")
        await until(pilot, lambda: isinstance(app.screen, InsideScreen) and app.screen.heat.display)
        keep(app, "inside")


async def compare(runs_dir: Path) -> None:
    """The marked runs of a filtered list, over each other."""
    app = BenchApp(AppOptions(runs_dir=runs_dir))
    async with app.run_test(size=SIZE) as pilot:
        await press(pilot, "f3", "slash", *"dataset=mnist", "enter")
        await press(pilot, "a")
        keep(app, "runs")
        await press(pilot, "o")
        assert isinstance(app.screen, CompareScreen)
        await app.workers.wait_for_complete()
        await pilot.pause(SETTLED_SECONDS)
        keep(app, "compare")


async def sweep(runs_dir: Path) -> None:
    """The trials of a sweep that is over, and their parallel coordinates."""
    over = ("--over", "hidden=50,100,200", "--over", "activation=relu,sigmoid,tanh", "--seeds", "2")
    of = ("--preset", "hog", "--ppc", "7", "--epochs", "12", "--limit", "10000", "--validation", "0.2")
    command = [sys.executable, "-m", "mnist_tui", "sweep", *of, *over]  # shown in the picture: without a place
    subprocess.run(command, check=True, env={**os.environ, "MNIST_TUI_RUNS": str(runs_dir)})
    app = BenchApp(AppOptions(runs_dir=runs_dir))
    async with app.run_test(size=SIZE) as pilot:
        await press(pilot, "f5")
        await until(pilot, lambda: isinstance(app.screen, StudiesScreen) and app.screen.table.keys)
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, StudyScreen))
        await pilot.pause(3.0)
        keep(app, "sweep")


async def draw(runs_dir: Path, run: RunFolder) -> None:
    """A 2 drawn by mouse, and what the model says of it."""
    app = watching(runs_dir, run)
    async with app.run_test(size=SIZE) as pilot:
        await opened(app, pilot)
        await press(pilot, "f4")
        screen = app.screen
        assert isinstance(screen, DrawScreen)
        canvas = screen.canvas
        scale = canvas.size.width // 28
        places = [(scale * column, scale * row // 2) for row, column in TWO]
        await pilot.mouse_down(canvas, offset=places[0])
        for place in places[1:]:
            await pilot.hover(canvas, offset=place)
        await pilot.mouse_up(canvas, offset=places[-1])
        await until(pilot, lambda: "Answered in" in str(screen.facts.content))
        keep(app, "draw")


async def opened(app: BenchApp, pilot: Pilot[None]) -> None:
    """Waits until the watched run has been read."""
    screen = app.screen
    assert isinstance(screen, TrainingScreen)
    await until(pilot, lambda: screen.snapshot.run.ended is not None)


async def main() -> None:
    if not os.environ.get("MNIST_TUI_DATA"):
        raise SystemExit("MNIST_TUI_DATA names no folder; the pictures are made from the real data")
    with tempfile.TemporaryDirectory() as place:
        settings = Path(place) / "settings.toml"
        settings.write_text("toured = true\n", encoding="utf-8")
        os.environ["MNIST_TUI_CONFIG"] = str(settings)
        runs_dir = Path(place) / "runs"
        await choose(runs_dir)
        await tour(Path(place) / "tour")
        raw = await watch(runs_dir)
        fashion = train(runs_dir, "--preset", "fashion", "--epochs", "6")
        for seed in ("0", "1"):
            hog = train(runs_dir, "--preset", "hog", "--ppc", "7", "--epochs", str(EPOCHS), "--seed", seed)
        await compare(runs_dir)
        await look(runs_dir, raw)
        await scrub(runs_dir, fashion)
        await draw(runs_dir, hog)
        await sweep(runs_dir)


if __name__ == "__main__":
    asyncio.run(main())
