"""A text field for the path of a file or folder, in which Tab completes names as in a shell."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from itertools import takewhile

from textual.binding import Binding
from textual.suggester import Suggester
from textual.widgets import Input

MOST_ENTRIES = 5_000
"""The most entries of a folder that are looked through."""


class PathInput(Input):
    """A field for a path: Tab completes the name that is being typed.

    Tab leaves the field if nothing was typed since it got the focus, or if no name fits.

    Args:
        folders: whether only folders are offered.
    """

    BINDINGS = [Binding("tab", "complete", "Complete", tooltip="Complete the name, or go to the next field")]

    def __init__(self, value: str = "", placeholder: str = "", *, id: str | None = None, folders: bool = False) -> None:
        self._folders, self._at_focus = folders, value
        suggester = PathSuggester(folders=folders)
        super().__init__(value, placeholder, id=id, compact=True, suggester=suggester, select_on_focus=False)

    def on_focus(self) -> None:
        self._at_focus = self.value

    async def action_complete(self) -> None:
        """Complete the name before the cursor as far as all matching names agree, or focus the next field."""
        before, after = self.value[: self.cursor_position], self.value[self.cursor_position :]
        typed = before and self.value != self._at_focus
        found = await asyncio.to_thread(completions, before, folders=self._folders) if typed else []
        longest = _common_start(found)
        if len(longest) > len(before):
            self.value = longest + after
            self.cursor_position = len(longest)
        else:
            self.screen.focus_next()


class PathSuggester(Suggester):
    """Suggests the first path that begins with what is typed."""

    def __init__(self, *, folders: bool) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._folders = folders

    async def get_suggestion(self, value: str) -> str | None:
        """Return the first path that continues the value; None if there is none."""
        found = await asyncio.to_thread(completions, value, folders=self._folders)
        return found[0] if found else None


def _common_start(texts: Sequence[str]) -> str:
    """Return the characters with which all texts begin."""
    first, last = min(texts, default=""), max(texts, default="")
    return "".join(letter for letter, _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False)))


def completions(text: str, *, folders: bool = False) -> list[str]:
    """Return the paths that begin with a text, sorted; folders end in a slash. Reads a folder: call it in a thread.

    Names that begin with a dot are offered only if the dot is typed.

    Args:
        folders: whether only folders are returned, and only for a text with a slash.
    """
    head, slash, start = text.rpartition("/")
    if folders and not slash:
        return []
    found: list[str] = []
    try:
        with os.scandir(os.path.expanduser(head + slash) or ".") as entries:  # noqa: PTH111 - as the user typed it
            for _, entry in zip(range(MOST_ENTRIES), entries, strict=False):
                if entry.name.startswith(start) and (start or not entry.name.startswith(".")):
                    is_folder = entry.is_dir()
                    if is_folder or not folders:
                        found.append(f"{head}{slash}{entry.name}{'/' * is_folder}")
    except (OSError, ValueError):
        return []
    return sorted(found)
