"""Take out of texts what tells about a person's machine, before they are handed to others: folders and hosts."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable
from pathlib import PurePath

PLACE_OPTIONS = ("--data-dir", "--runs-dir", "--scheduler", "--tensorboard")
"""Options whose value is a place of one machine, so that a command is of use elsewhere only without them."""
_PATH = re.compile(r"(?<![\w/.)\]}<-])(?:file://|~[\w.-]*)?/(?:[^\s/'\"`:;,()<>|]+/)*[^\s/'\"`:;,()<>|]+/?")


def is_place(text: str) -> bool:
    """Return whether a text is an absolute path or begins in a home folder."""
    return text.startswith(("/", "~"))


def last_name(text: str) -> str:
    """Return the last name of an absolute path, and any other text as it is."""
    return (PurePath(text).name or "/") if is_place(text) else text


def without_places(text: str, places: Iterable[str] = (), hosts: Iterable[str] = ()) -> str:
    """Return a text with only the last name of every absolute path in it, and without the names of hosts.

    Args:
        places: paths that may be in the text, which are found even with blanks in their names.
        hosts: names of machines, which become ``a machine``.
    """
    home = os.path.expanduser("~")  # noqa: PTH111 - pathlib raises without a home
    if len(home) > 1:
        text, places = text.replace(home, "~"), [place.replace(home, "~") for place in places]
    for place in sorted((place for place in places if is_place(place) and len(place) > 1), key=len, reverse=True):
        text = text.replace(place, last_name(place))
    text = _PATH.sub(lambda match: PurePath(match[0]).name, text)
    for host in filter(None, hosts):
        text = re.sub(rf"(?<![\w.-]){re.escape(host)}(?![\w-])", "a machine", text)
    return text


def command_without_places(command: str) -> str:
    """Return a command line without the options that name places, and with the last name of every absolute path.

    For example ``mnist-tui train --preset mine.toml`` for
    ``mnist-tui train --preset /home/ada/mine.toml --data-dir /data``.
    """
    try:
        words = shlex.split(command)
    except ValueError:
        return without_places(command)
    kept: list[str] = []
    drops_next = False
    for word in words:
        option, equals, value = word.partition("=")
        is_value = drops_next and not word.startswith("-")
        drops_next = not is_value and not equals and option in PLACE_OPTIONS
        if is_value or option in PLACE_OPTIONS:
            continue
        if equals and any(map(is_place, value.split(","))):
            kept.append(f"{option}={','.join(map(last_name, value.split(',')))}")
        else:
            kept.append(last_name(word) if is_place(word) else without_places(word))
    return shlex.join(kept)
