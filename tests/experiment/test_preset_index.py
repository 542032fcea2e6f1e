"""The index of presets: it says what the presets' files say, whatever happens to them and to the index."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mnist_tui import paths
from mnist_tui.experiment import preset_index
from mnist_tui.experiment.preset_files import BrokenPreset, PresetError
from mnist_tui.experiment.preset_index import PresetEntry, entry_of, grouped, list_entries, matches
from mnist_tui.experiment.presets import find_preset, read_presets, save_preset

LISTING = "from mnist_tui.experiment.preset_index import list_entries; list_entries()"


@pytest.fixture
def mine() -> Path:
    return save_preset(replace(find_preset("hog"), title="My own"), "mine")


@pytest.fixture
def index() -> Path:
    list_entries()
    path = paths.cache_folder() / preset_index.INDEX_NAME
    assert path.is_file()
    return path


def in_files() -> list[PresetEntry | BrokenPreset]:
    return [found if isinstance(found, BrokenPreset) else entry_of(found) for found in read_presets()]


def entry(name: str) -> Any:
    return next((found for found in list_entries() if found.name == name), None)


def test_entries_are_those_of_the_files_with_and_without_an_index(mine: Path) -> None:
    mine.with_name("torn.toml").write_text("[training]\nepochs = 0\n")
    assert list_entries() == in_files()
    assert list_entries() == in_files()
    hog = entry("hog")
    assert (hog.sizes, hog.parameters, hog.accuracy) == ("392-200-10", 80_610, 0.9841)
    assert (hog.layers, hog.dataset, hog.features) == (("dense", "dropout"), "mnist", "hog")
    assert [group.title for group in grouped(list_entries())][:1] == ["Starters"]
    assert matches(hog, "HOG dropout") and not matches(hog, "conv2d")


def test_no_experiment_is_validated_where_the_index_is_up_to_date(index: Path) -> None:
    def imported() -> str:
        program = f"import sys; {LISTING}; print('pydantic' in sys.modules)"
        return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert imported() == "False\n"
    index.unlink()
    assert imported() == "True\n"


def test_an_edited_added_damaged_replaced_or_deleted_preset_is_seen_at_once(mine: Path, index: Path) -> None:
    assert entry("mine").title == "My own"
    text = mine.read_text()
    mine.write_text(text.replace("My own", "My old"))
    assert entry("mine").title == "My old"
    older = mine.with_name("older.toml")
    older.write_text(text.replace("My own", "My one"))
    os.utime(older, ns=(mine.stat().st_atime_ns, mine.stat().st_mtime_ns))
    assert entry("older").title == "My one"
    older.replace(mine)
    assert (entry("mine").title, entry("older")) == ("My one", None)
    mine.write_text("title = ")
    assert isinstance(entry("mine"), BrokenPreset)
    mine.unlink()
    assert entry("mine") is None
    mine.symlink_to("nowhere.toml")
    assert "cannot be read" in entry("mine").message
    mine.with_name("nowhere.toml").write_text(text)
    assert entry("mine").title == "My own"


def checked(doc: object) -> str:
    text = json.dumps(doc)
    return f"{zlib.crc32(text.encode()):08x}\n{text}"


def with_entry(index: Path, **fields: object) -> str:
    doc = json.loads(index.read_text().partition("\n")[2])
    doc["presets"][0] |= fields
    return checked(doc)


@pytest.mark.parametrize(
    "damage",
    [
        lambda index: "",
        lambda index: index.read_text()[:-100],
        lambda index: index.read_text().replace("784-250-10", "784-999-10"),
        lambda index: checked([]),
        lambda index: checked({**json.loads(index.read_text().partition("\n")[2]), "version": "0.0.1"}),
        lambda index: checked({**json.loads(index.read_text().partition("\n")[2]), "presets": [{}]}),
        lambda index: with_entry(index, title=5),
        lambda index: with_entry(index, parameters=-1),
        lambda index: with_entry(index, layers="dense"),
        lambda index: with_entry(index, reference={"source": "me", "accuracy": "1"}),
        lambda index: checked("[" * 500 + "]" * 500),
        lambda index: "00000000\n" + "[" * 100_000,
    ],
    ids=range(12),
)
def test_an_index_that_is_damaged_of_another_version_or_made_up_is_ignored_and_replaced(
    index: Path, damage: Callable[[Path], str]
) -> None:
    whole, right = index.read_bytes(), in_files()
    index.write_text(damage(index))
    assert list_entries() == right
    assert index.read_bytes() == whole


def test_an_index_that_is_a_link_or_cannot_be_written_is_done_without(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = index.rename(tmp_path / "elsewhere.json")
    index.symlink_to(elsewhere)
    assert list_entries() == in_files()
    assert not index.is_symlink()
    index.unlink()
    index.mkdir()
    assert list_entries() == in_files()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert list_entries() == in_files()


def test_an_entry_reads_its_preset_as_it_is_now(mine: Path) -> None:
    listed = entry("mine")
    assert listed.load() == replace(find_preset("mine"), origin="saved")
    mine.unlink()
    with pytest.raises(PresetError, match="cannot be read"):
        listed.load()
