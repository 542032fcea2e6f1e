"""With the ASCII glyphs, every screen is made of ASCII characters alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.cells import cell_len

from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.terminal.text_filters import ascii_of
from tests.runs.synthetic import BEGIN, finished_run
from tests.tui.conftest import screen_text
from tests.tui.recorded_studies import RecordedStudy
from tests.tui.test_keyboard import STARTS, go


async def test_no_screen_in_ascii_has_another_character(place: Path, until: Any) -> None:
    for number in range(3):
        finished_run(place, epochs=3, created=BEGIN + 60 * number)
    RecordedStudy(place).under_way()
    app = BenchApp(AppOptions(runs_dir=place))
    async with app.run_test(size=(120, 40)) as pilot:
        app.change_settings(glyphs="ascii")
        for where in STARTS:
            await go(app, where, place)
            await until(pilot, lambda: True)
            text = screen_text(app)
            assert {char for char in text if not char.isascii()} == set(), f"{where}\n{text}"


def test_every_character_has_one_that_is_as_wide() -> None:
    for code in [*range(32, 0x3000), *range(0xF900, 0x10000), 0x1F600, 0x20000]:
        char = chr(code)
        assert ascii_of(char).isascii()
        assert len(ascii_of(char)) == cell_len(char) or char.isascii()
