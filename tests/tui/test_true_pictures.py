"""True pictures: what the terminal is asked, what it shows, and what is left when a screen is left."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual import events
from textual._xterm_parser import XTermParser
from textual.color import Color
from textual.geometry import Region

from mnist_tui.data import datasets
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.terminal import driver
from mnist_tui.tui.terminal.driver import AnswerParser, TerminalAnswer
from mnist_tui.tui.terminal.graphics import QUERY, _sixels  # pyright: ignore[reportPrivateUsage]
from mnist_tui.tui.terminal.window import Window
from mnist_tui.tui.widgets.pixels import UPPER, indexed
from tests.pictures import ANSWERS, CELL, NOTHING, Kind, PictureTerminal, greys, sixel_picture
from tests.terminal import ESCAPE
from tests.tui.test_gallery import finish, recorded

PLACED = re.compile("\U0010eeee..")
CTRL_P, CTRL_Q = "\x10", "\x11"
F11 = "\x1b[23~"
APP = """
import sys
from pathlib import Path
from mnist_tui.runs.folder import RunFolder
from mnist_tui.tui.app import AppOptions, BenchApp

run = Path(sys.argv[1])
app = BenchApp(AppOptions(action="watch", run=RunFolder(run), runs_dir=run.parent))
app.action_notice = lambda: app.notify("A notice\\n" * 16, timeout=2)
app._bindings.bind("f11", "notice")
app.run()
"""


NUMBER = re.compile(r"% (?:#|sure, image )(\d+)")
"""An image's number in its caption, short or long."""


@pytest.fixture(scope="module")
def digits() -> Any:
    return datasets.load("digits")


@pytest.fixture
def gallery(record: Any, digits: Any, tmp_path: Path) -> Any:
    """Opens the gallery of a finished run in a terminal of some kind."""

    def opened(kind: Kind) -> PictureTerminal:
        run = finish(recorded(record, digits), digits)
        (tmp_path / "settings.toml").write_text("toured = true\n")
        environment = {"MNIST_TUI_CONFIG": f"{tmp_path}/settings.toml", "MNIST_TUI_RUNS": f"{tmp_path}/runs"}
        terminal = PictureTerminal(kind, [str(run.folder.path)], environment, (sys.executable, "-c", APP))
        terminal.wait_for("Confusion")
        terminal.press("g")
        terminal.wait_for(lambda text: "page 1" in text and NUMBER.search(text) is not None)
        return terminal

    return opened


def numbers_shown(terminal: PictureTerminal) -> list[int]:
    return [int(number) for number in NUMBER.findall(terminal.text)]


def until_pictures(terminal: PictureTerminal, count: int) -> None:
    """Waits until so many pictures are shown whole: square, without a gap."""

    def whole() -> bool:
        pictures = terminal.pictures()
        return len(pictures) == count and all(
            picture.shape[0] == picture.shape[1] and (picture != NOTHING).all() for picture in pictures
        )

    terminal.wait_for(lambda _: whole())


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "error"), [("kitty", 0.01), ("sixel", 0.075)])
def test_a_gallery_shows_its_images_and_leaves_nothing_behind(
    gallery: Any, digits: Any, kind: Kind, error: float
) -> None:
    with gallery(kind) as terminal:
        shown = numbers_shown(terminal)
        until_pictures(terminal, len(shown))
        for number, picture in zip(shown, terminal.pictures(), strict=True):
            wanted = digits.test_images[number - 1].astype(float)
            assert np.abs(greys(picture) - wanted / wanted.max()).max() <= error
        before = terminal.canvas()
        terminal.press(CTRL_P)
        terminal.wait_for("A command, or what it does")
        until_pictures(terminal, 0)
        assert UPPER in terminal.text
        terminal.press(ESCAPE)
        terminal.wait_for(lambda _: np.array_equal(terminal.canvas(), before))
        terminal.press(F11)
        terminal.wait_for(lambda text: "A notice" in text and covered(terminal))
        terminal.wait_for(lambda _: np.array_equal(terminal.canvas(), before))
        terminal.resize(80, 24)
        terminal.wait_for(lambda _: 0 < len(terminal.pictures()) == len(numbers_shown(terminal)) < len(shown))
        terminal.resize(120, 40)
        terminal.wait_for(lambda _: np.array_equal(terminal.canvas(), before))
        terminal.press(ESCAPE)
        terminal.wait_for("Confusion")
        until_pictures(terminal, 0)
        terminal.press(CTRL_Q)
        assert terminal.wait_for_exit() == 0
        assert terminal.deleted == set(terminal.sent)
        assert terminal.queries == len(ANSWERS[kind])


def covered(terminal: PictureTerminal) -> bool:
    """Whether the notice lies over pictures, of which the rest is shown beside it."""
    canvas = terminal.canvas()[:: CELL[1], :: CELL[0], 0]
    rows = [row for row, line in enumerate(terminal.lines) if "A notice" in line]
    columns = [PLACED.sub("x", terminal.lines[row]).index("A notice") for row in rows]
    beside = [bool((canvas[row] != NOTHING).any()) for row in rows]
    return any(beside) and all(
        (canvas[row, at : at + 8] == NOTHING).all() for row, at in zip(rows, columns, strict=True)
    )


@pytest.mark.slow
def test_a_terminal_that_does_not_answer_gets_blocks(gallery: Any) -> None:
    with gallery("silent") as terminal:
        terminal.wait_for(UPPER)
        terminal.press(ESCAPE)
        terminal.wait_for("Confusion")
        assert (terminal.queries, terminal.sent, terminal.sixels) == (3, {}, 0)


KEYS = ["q", "\x1b[A", "\x1b[6~", "é", "\x1b", "\x1b[<0;5;6M"]
TEXTS = [*ANSWERS["kitty"].values(), *ANSWERS["sixel"].values()]


def fed(parser: XTermParser, pieces: Sequence[str]) -> tuple[list[str], int]:
    """The keys and clicks, and the number of answers, of what is read in pieces."""
    messages = [message for piece in pieces for message in parser.feed(piece)]
    seen = [f"{m.key}" if isinstance(m, events.Key) else type(m).__name__ for m in messages]
    return [name for name in seen if name != "TerminalAnswer"], seen.count("TerminalAnswer")


@pytest.mark.parametrize("answer", TEXTS)
def test_an_answer_is_no_key_wherever_it_is_cut_and_whatever_is_typed_beside_it(
    answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AnswerParser, "asked_at", driver.monotonic())
    for key in KEYS:
        plain, _ = fed(XTermParser(), [key, "x"] if key != "\x1b" else ["x"])
        for cut in range(1, len(answer)):
            typed = [key] if key != "\x1b" else []
            assert fed(AnswerParser(), [*typed, answer[:cut], answer[cut:], "x"]) == (plain, 1)
            assert fed(AnswerParser(), ["".join(typed) + answer[:cut], answer[cut:] + "x"]) == (plain, 1)


def test_escape_that_is_kept_back_comes_a_moment_later(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(driver, "monotonic", lambda: now)
    monkeypatch.setattr(AnswerParser, "asked_at", now)
    parser = AnswerParser()
    assert fed(parser, ["\x1b"]) == ([], 0)
    now += 1
    assert list(parser.tick()) == []
    assert fed(parser, ["\x1b[B"])[0][-1] == "down"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What an app without a terminal would have written to one."""
    texts: list[str] = []
    monkeypatch.setattr(Window, "is_terminal", True)
    monkeypatch.setattr(Window, "write", lambda _, text: texts.append(text))
    return texts


def bench(tmp_path: Path, **settings: Any) -> BenchApp:
    app = BenchApp(AppOptions(runs_dir=tmp_path / "runs"))
    app.console._color_system = 3  # pyright: ignore[reportAttributeAccessIssue]
    app.settings = replace(app.settings, **settings)
    return app


@pytest.mark.parametrize(
    ("answers", "protocol"),
    [
        (["kitty(0.35.2)"], "kitty"),
        (["kitty(0.26.5)"], "blocks"),
        (["ghostty 1.1.3"], "kitty"),
        (["WezTerm 20240203", {62, 4, 6}], "sixel"),
        (["ghostty 1.1.3", {62, 22}], "kitty"),
        (["xterm(390)", {64, 1, 2}], "blocks"),
        ([], "blocks"),
    ],
)
async def test_the_terminal_is_asked_once_and_its_answer_decides(
    answers: list[Any], protocol: str, tmp_path: Path, written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TMUX", "STY", "TERM"):
        monkeypatch.delenv(name, raising=False)
    app = bench(tmp_path)
    assert app.graphics.protocol == "blocks"
    assert app.graphics.protocol == "blocks" and written == [QUERY]
    for answer in answers:
        is_name = isinstance(answer, str)
        app.graphics.add_answer(TerminalAnswer(answer if is_name else None, frozenset(() if is_name else answer), None))
    assert app.graphics.protocol == protocol


@pytest.mark.parametrize(
    ("settings", "environment"),
    [
        ({"pictures": "blocks"}, {}),
        ({"glyphs": "ascii"}, {}),
        ({"glyphs": "ascii", "pictures": "kitty"}, {}),
        ({"pictures": "sixel"}, {"NO_COLOR": "1"}),
        ({}, {"TMUX": "/tmp/tmux-0/default,1,0"}),
        ({}, {"STY": "1.pts"}),
        ({}, {"TERM": "screen-256color"}),
    ],
)
async def test_blocks_are_drawn_without_a_question(
    settings: Any, environment: dict[str, str], tmp_path: Path, written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert bench(tmp_path, **settings).graphics.protocol == "blocks"
    assert written == []


async def test_in_tmux_pictures_that_are_asked_for_pass_through(
    tmp_path: Path, written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMUX", "/tmp/tmux-0/default,1,0")
    app = bench(tmp_path, pictures="kitty")
    assert app.graphics.protocol == "kitty" and written == []


def test_a_picture_in_colour_keeps_its_colours_in_kitty_and_nearly_in_sixel() -> None:
    colours = np.zeros((20, 14, 3), np.uint8)
    colours[:10], colours[10:, :7], colours[10:, 7:] = (255, 0, 0), (0, 128, 255), (250, 240, 20)
    picture = indexed(colours, (Color(0, 0, 0), Color(255, 255, 255)))
    assert np.array_equal(np.asarray(picture.scaled(14, 20).convert("RGB")), colours)
    sixels = _sixels(picture, 14, 10, Region(0, 0, 14, 10), (2, 4)).removeprefix("\x1bP").removesuffix("\x1b\\")
    painted = sixel_picture(sixels.encode())[::2, ::2]
    assert np.abs(painted - colours.astype(int)).max() <= 6
