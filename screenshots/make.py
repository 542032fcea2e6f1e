"""Makes the pictures beside it from real trainings: `MNIST_TUI_DATA=… uv run python screenshots/make.py`.

Everything else that the app would write goes into a temporary folder.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot

from mnist_tui.experiment.parameters import apply_texts
from mnist_tui.experiment.presets import edited, find_preset
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.screens.training import TrainingScreen

HERE = Path(__file__).parent
SIZE = (120, 40)
PATIENCE_SECONDS = 300.0


async def until(pilot: Pilot[None], holds: Callable[[], bool]) -> None:
    """Waits for a condition; TimeoutError where it does not come."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():
            await pilot.pause(0.2)
    await pilot.pause(1.0)


def keep(app: BenchApp, name: str) -> None:
    """Saves the screen; leading spaces survive in viewers that would drop them."""
    picture = app.export_screenshot(title="mnist-tui").replace("<text ", '<text xml:space="preserve" ')
    (HERE / f"{name}.svg").write_text(picture, encoding="utf-8")
    print(HERE / f"{name}.svg")


def watched(app: BenchApp) -> TrainingScreen:
    assert isinstance(app.screen, TrainingScreen)
    return app.screen


async def browse_and_edit(runs_dir: Path) -> None:
    app = BenchApp(AppOptions(runs_dir=runs_dir))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause(2.0)
        keep(app, "presets")
        app.edit(find_preset("hog"))
        await pilot.pause(4.0)
        keep(app, "editor")


async def train(runs_dir: Path, preset: str, epochs: int, picture_at: int, name: str) -> None:
    chosen = find_preset(preset)
    chosen = edited(chosen, apply_texts(chosen.experiment, {"epochs": str(epochs)}))
    app = BenchApp(AppOptions(preset=chosen, action="train", runs_dir=runs_dir))
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: len(watched(app).snapshot.run.history) >= picture_at)
        keep(app, name)
        await until(pilot, lambda: not watched(app).snapshot.live)
        await pilot.press("r")
        await pilot.pause(2.0)
        keep(app, f"{name}-results")


async def main() -> None:
    if not os.environ.get("MNIST_TUI_DATA"):
        raise SystemExit("MNIST_TUI_DATA names no folder; the pictures are made from the real data")
    with tempfile.TemporaryDirectory() as place:
        os.environ["MNIST_TUI_CONFIG"] = f"{place}/settings.toml"
        runs_dir = Path(place) / "runs"
        await browse_and_edit(runs_dir)
        await train(runs_dir, "raw", 40, 28, "training")
        await train(runs_dir, "fashion", 6, 4, "fashion")


if __name__ == "__main__":
    asyncio.run(main())
