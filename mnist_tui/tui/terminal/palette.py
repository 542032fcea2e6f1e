"""The commands in the palette (Ctrl+P): one line each, those used most often first, with their keys at the right.

How often each was chosen is kept in the user's cache.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from textwrap import shorten
from typing import Any

from rich.text import Text
from textual.command import DiscoveryHit, Hit, Hits, Provider

from mnist_tui.columns import cut_end
from mnist_tui.files import parse_json, read_text, write_text
from mnist_tui.paths import cache_folder
from mnist_tui.tui.terminal.keymap import commands_of

COUNTS_NAME = "commands.json"
COUNTS_BYTES = 100_000
WIDTH = 84
"""The columns of the palette in a window that is wide enough; the style sheet has the same number."""
SHARE = 0.96
"""The largest share of the window's width, which the style sheet has, too."""
FRAME = 6
"""The columns of the palette's frame, padding and scroll bar."""
NAME = 18
OWN_NAME = "palette"
"""The name of the command that opens the palette, which is of no use in it."""
NOTHING_FOUND = "No command of this screen matches; Enter opens the help"
ABOUT_SCORE = 0.1
"""The score of a command whose description contains the query; a match of its name scores from about 0.5 on."""


@dataclass(frozen=True)
class PaletteCommand:
    """A command of the palette.

    Attributes:
        keys: as the footer writes them; empty for none.
        run: carries it out.
    """

    name: str
    about: str
    keys: str
    run: Callable[[], Any]


class BenchCommands(Provider):
    """The commands of the present screen and of the app."""

    async def discover(self) -> Hits:
        """Yield all commands but those that move a cursor or lead back; a search finds these, too.

        The most often chosen ones come first, then the others in the order of the footer.
        """
        moving = {command.name for command in commands_of(self.screen) if command.moves}
        for command in self._commands():
            if command.name in moving:
                continue
            yield DiscoveryHit(self._line(command), partial(self._choose, command), text=command.name)

    async def search(self, query: str) -> Hits:
        """Yield the commands whose name is like the query, and those whose description contains it.

        If there are none, a line says so, and leads to the help, which has the keys of the other screens.
        """
        matcher, found = self.matcher(query), False
        for command in self._commands():
            score = matcher.match(command.name)
            if not score and query.lower() in command.about.lower():
                score = ABOUT_SCORE
            if score:
                found = True
                yield Hit(score, self._line(command), partial(self._choose, command), text=command.name)
        if not found:
            yield Hit(ABOUT_SCORE, Text(NOTHING_FOUND), partial(self.app.run_action, "help"), text=NOTHING_FOUND)

    def _commands(self) -> list[PaletteCommand]:
        counts, keys = read_counts(), dict[str, str]()
        for command in commands_of(self.screen):
            keys.setdefault(command.name, ", ".join(command.keys))
        commands = [
            PaletteCommand(command.title, command.help, keys.get(command.title, ""), command.callback)
            for command in self.app.get_system_commands(self.screen)
            if command.title != OWN_NAME
        ]
        return sorted(commands, key=lambda command: -counts[command.name])

    def _line(self, command: PaletteCommand) -> Text:
        """Return name and description, and the keys at the right."""
        room = min(WIDTH, int(SHARE * self.app.size.width)) - FRAME
        about = shorten(command.about, max(1, room - NAME - len(command.keys) - 2), placeholder=" …")
        left = f"{cut_end(command.name, NAME - 1):{NAME}}"
        blank = " " * max(1, room - len(left) - len(about) - len(command.keys))
        return Text.assemble((left, "bold"), (about, "not bold dim"), blank, (command.keys, "bold"))

    def _choose(self, command: PaletteCommand) -> Any:
        count(command.name)
        return command.run()


def read_counts() -> Counter[str]:
    """Return how often each command was chosen, by its name; empty if that cannot be read."""
    with suppress(OSError, ValueError):
        return Counter(dict(_valid(parse_json(read_text(cache_folder() / COUNTS_NAME, COUNTS_BYTES)))))
    return Counter()


def _valid(counts: Any) -> Iterator[tuple[str, int]]:
    if isinstance(counts, dict):
        yield from ((str(name), number) for name, number in counts.items() if isinstance(number, int))


def count(name: str) -> None:
    """Add one to the number of times that a command was chosen; nothing happens if the cache cannot be written."""
    counts = read_counts() + Counter({name: 1})
    with suppress(OSError):
        path = cache_folder() / COUNTS_NAME
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(counts))
