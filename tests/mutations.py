"""Damage and malice for files and folders from elsewhere: one mutation at a time, the same for the same seed."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

DEEP = 3000
VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1,
    2**31,
    2**63,
    10**400,
    -1e308,
    1e-320,
    1.5,
    "",
    "x",
    "../../outside",
    "/",
    "\x1b[31m[bold]",
    "a" * 300,
    [],
    [1],
    [[]],
    [None],
    {},
    {"a": []},
    [["x"] * 10] * 10,
)
RAW = ("1e999", "NaN", "-Infinity", "9" * 5000, "0x" + "f" * 5000, "-0", "[" * DEEP, '{"a":' * DEEP, '"', "\\u0000")
"""What takes the place of a value as text, whether that is JSON or not."""
VALUE = re.compile(rb'(?<=[:=\[, ])(-?\d[\d.e+-]*|"[^"\n]*"|true|false|null)')


def mutated(folder: Path, outside: Path, seed: int) -> str:
    """Changes one entry of a folder; says what was done.

    Args:
        outside: a folder that links lead to.
    """
    rng = random.Random(seed)
    entries = sorted(path for path in folder.rglob("*") if not path.is_symlink())
    path = rng.choice(entries)
    kinds = OF_FOLDERS if path.is_dir() else [*OF_FILES, *(OF_TEXTS * 4 if _is_text(path) else ())]
    change = rng.choice(kinds)
    change(path, outside, rng)
    return f"seed {seed}: {change.__name__.strip('_')} of {path.relative_to(folder)}"


def _is_text(path: Path) -> bool:
    return path.suffix in {".json", ".jsonl", ".toml"}


def _bytes_flipped(path: Path, _: Path, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    for _time in range(rng.choice((1, 3, 30))):
        if data:
            data[rng.randrange(len(data))] = rng.randrange(256)
    path.write_bytes(data)


def _cut(path: Path, _: Path, rng: random.Random) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: rng.randrange(len(data) + 1)])


def _noise(path: Path, _: Path, rng: random.Random) -> None:
    path.write_bytes(rng.randbytes(rng.choice((0, 1, 100, 5000))))


def _inserted(path: Path, _: Path, rng: random.Random) -> None:
    data = path.read_bytes()
    at = rng.randrange(len(data) + 1)
    path.write_bytes(data[:at] + rng.choice((b"\0", b"\xff\xfe", b"\n", rng.randbytes(20), b"[" * DEEP)) + data[at:])


def _link(path: Path, outside: Path, rng: random.Random) -> None:
    _removed(path, outside, rng)
    path.symlink_to(rng.choice((outside / "kept.json", outside, path, Path("/dev/zero"), outside / "nowhere")))


def _pipe(path: Path, outside: Path, rng: random.Random) -> None:
    _removed(path, outside, rng)
    os.mkfifo(path)


def _folder(path: Path, outside: Path, rng: random.Random) -> None:
    _removed(path, outside, rng)
    path.mkdir()


def _file(path: Path, outside: Path, rng: random.Random) -> None:
    _removed(path, outside, rng)
    path.write_bytes(b"{}")


def _removed(path: Path, _: Path, __: random.Random) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _linked_inside(path: Path, outside: Path, rng: random.Random) -> None:
    (path / rng.choice(("a.json", "checkpoint.json", "events.jsonl", "a"))).unlink(missing_ok=True)
    (path / rng.choice(("b.json", "c", ".tmp-x"))).symlink_to(rng.choice((outside, outside / "kept.json")))


def _raw_value(path: Path, _: Path, rng: random.Random) -> None:
    """Another text in place of a value."""
    data = path.read_bytes()
    found = list(VALUE.finditer(data))
    if not found:
        return
    one = rng.choice(found)
    text = rng.choice(RAW) if rng.random() < 0.5 else json.dumps(rng.choice(VALUES))
    path.write_bytes(data[: one.start()] + text.encode() + data[one.end() :])


def _other_value(path: Path, _: Path, rng: random.Random) -> None:
    """Another value at some place of a document, or of a line's."""
    lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
    at = rng.randrange(len(lines)) if lines else 0
    try:
        doc = json.loads(lines[at])
    except (ValueError, IndexError):
        return
    holders: list[tuple[Any, Any]] = []
    rest = [doc]
    while rest:
        here = rest.pop()
        keys = list(here) if isinstance(here, dict) else range(len(here)) if isinstance(here, list) else ()
        holders += [(here, key) for key in keys]
        rest += [here[key] for key in keys]
    if not holders:
        return
    holder, key = rng.choice(holders[-40:] if rng.random() < 0.5 else holders)
    what = rng.random()
    if what < 0.15 and isinstance(holder, dict):
        del holder[key]
    elif what < 0.3 and isinstance(holder, dict):
        holder["a later version's"] = rng.choice(VALUES)
    else:
        holder[key] = rng.choice(VALUES)
    lines[at] = json.dumps(doc, separators=(",", ":"))
    path.write_text("\n".join(lines) + "\n")


Change = Callable[[Path, Path, random.Random], None]
OF_FILES: list[Change] = [_bytes_flipped, _cut, _noise, _inserted, _link, _pipe, _folder, _removed]
OF_TEXTS: list[Change] = [_raw_value, _other_value]
OF_FOLDERS: list[Change] = [_link, _file, _removed, _linked_inside, _pipe]
