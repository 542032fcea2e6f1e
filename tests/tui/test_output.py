"""Output with fewer bytes looks the same on a terminal."""

from __future__ import annotations

import random
import re

import pyte
import pytest
from rich.style import Style

from mnist_tui.tui.terminal.output import shorter
from tests.terminal import CTRL_Q, Terminal

COLOURS = ("default", "red", "bright_blue", "color(77)", "#101418", "#61afef", "#fea55c")
ROWS, COLUMNS = 12, 60


def frame_of(chance: random.Random) -> str:
    """Pieces of styled text at random places, written as Textual writes them: a reset after each."""
    parts: list[str] = []
    for _ in range(60):
        parts.append(f"\x1b[{chance.randint(1, ROWS)};{chance.randint(1, COLUMNS - 8)}H")
        for _ in range(chance.randint(1, 4)):
            bold, italic, reverse = (chance.random() < 0.2 for _ in range(3))
            colours = chance.choice(COLOURS), chance.choice(COLOURS)
            style = Style(color=colours[0], bgcolor=colours[1], bold=bold, italic=italic, reverse=reverse)
            parts.append(style.render(chance.choice(["", "a", "⣿⡇", "│ "])))
        parts.append(chance.choice(["", "\r\n", "plain", "\x1b[2K"]))
    return "".join(parts)


def shown(frames: list[str]) -> list[dict[int, object]]:
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.Stream(screen)
    for frame in frames:
        stream.feed(frame)
    return [dict(screen.buffer[row]) for row in range(ROWS)]


@pytest.mark.parametrize("seed", range(40))
def test_it_looks_the_same_in_fewer_bytes(seed: int) -> None:
    chance = random.Random(seed)
    frames = [frame_of(chance) for _ in range(3)]
    short = [shorter(frame) for frame in frames]
    assert shown(short) == shown(frames)
    assert len("".join(short)) < len("".join(frames))


def test_only_changes_are_sent() -> None:
    line = Style(color="#61afef", bgcolor="#101418"), Style(color="#fea55c", bgcolor="#101418", bold=True)
    frame = f"{line[0].render('⠤')}\x1b[2;1H{line[0].render('⠒')}{line[1].render('◆')}{line[0].render('│')}"
    blue, ground = "38;2;97;175;239", "48;2;16;20;24"
    changes = f"\x1b[{blue};{ground}m⠤\x1b[2;1H⠒\x1b[1;38;2;254;165;92m◆\x1b[0;{blue};{ground}m│\x1b[0m"
    assert shorter(frame) == changes


@pytest.mark.parametrize("frame", ["\x1b[58;5;1mx\x1b[0m", "\x1b[38;2;1mx", "\x1b[4:3mx\x1b[0m", "\x1b[2J", ""])
def test_what_it_does_not_know_stays_as_it_is(frame: str) -> None:
    assert shorter(frame) == frame


def test_the_app_sends_no_style_that_another_replaces_at_once() -> None:
    with Terminal([]) as terminal:
        drawn = b""
        while b"Presets" not in drawn:
            drawn += terminal.take(1.0)
        terminal.press(CTRL_Q)
        terminal.wait_for_exit()
    assert not re.search(rb"\x1b\[[0-9;]*m\x1b\[[0-9;]*m", drawn)
