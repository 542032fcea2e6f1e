"""The guide in the app."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual._slug import slug
from textual.widgets import MarkdownViewer, OptionList

from mnist_tui import guide
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.help.screens import GuideScreen
from mnist_tui.tui.presets.screen import PresetsScreen
from mnist_tui.tui.routes import SCREENS


async def test_f1_and_g_open_the_page_of_the_screen_and_esc_leads_back(tmp_path: Path, until: Any) -> None:
    app = BenchApp(AppOptions(runs_dir=tmp_path))
    async with app.run_test() as pilot:
        await pilot.press("f1", "g")
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, GuideScreen)
        assert screen.query_one("#topics", OptionList).highlighted == guide.TOPICS.index("presets")
        await until(pilot, lambda: screen.focused is screen.viewer.document and not screen.topics.size.width)
        await pilot.press("tab", "down")
        await until(pilot, lambda: screen.topics.size.width)
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert screen.query_one(MarkdownViewer).document.source == guide.page("headless")
        await pilot.press("enter")
        await until(pilot, lambda: not screen.topics.size.width)
        await pilot.press("escape")
        assert isinstance(app.screen, PresetsScreen)


async def test_l_in_the_help_opens_the_glossary(tmp_path: Path, shows: Any) -> None:
    app = BenchApp(AppOptions(runs_dir=tmp_path))
    async with app.run_test(size=(100, 40)) as pilot:
        await pilot.press("f1")
        await shows(pilot, "Guide: Presets g", "Glossary l", "All keys a")
        await pilot.press("l")
        await shows(pilot, "The share of images that are classified correctly")


async def test_the_guide_opens_at_the_part_about_the_screen(record: Any, app_on: Any, shows: Any, until: Any) -> None:
    app = app_on(record().begin().epoch(1).folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "running")
        await pilot.press("f1")
        await shows(pilot, "Guide: Training g")
        await pilot.press("g")
        await shows(pilot, "pause and go on", "train one epoch, then pause")


def test_every_screen_s_part_of_the_guide_exists() -> None:
    parts = {screen.GUIDE for kind in SCREENS.values() if hasattr(screen := kind.screen_class, "GUIDE")}
    assert "screens#training" in parts
    for topic in parts:
        name, _, part = topic.partition("#")
        headings = [slug(line[3:]) for line in guide.page(name).splitlines() if line.startswith("## ")]
        assert not part or part in headings, topic
