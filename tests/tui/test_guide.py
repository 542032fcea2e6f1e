"""The guide in the app."""

from __future__ import annotations

from pathlib import Path

from textual.widgets import MarkdownViewer, OptionList

from mnist_tui import guide
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.help.screens import GuideScreen
from mnist_tui.tui.presets.screen import PresetsScreen


async def test_f1_and_g_open_the_page_of_the_screen_and_esc_leads_back(tmp_path: Path) -> None:
    app = BenchApp(AppOptions(runs_dir=tmp_path))
    async with app.run_test() as pilot:
        await pilot.press("f1", "g")
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, GuideScreen)
        assert screen.query_one("#topics", OptionList).highlighted == guide.TOPICS.index("presets")
        await pilot.press("down")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert screen.query_one(MarkdownViewer).document.source == guide.page("headless")
        await pilot.press("escape")
        assert isinstance(app.screen, PresetsScreen)
