"""The presets as lists show them, without reading their files again: an index of them is kept in the user's cache.

The index holds what lists and searches need (`PresetEntry`). It is used only if the files of the presets and of this
package have not changed since it was written; else the presets are read, and the index is written again. Lists work
without an index, too, if it cannot be read or written. Reading it imports no pydantic: the app's first frame is quick.
"""

from __future__ import annotations

import json
import math
import os
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_tui import __version__
from mnist_tui.experiment.preset_files import BrokenPreset, builtin_folder, files_in, folders
from mnist_tui.files import parse_json, read_text, write_text
from mnist_tui.paths import cache_folder

if TYPE_CHECKING:
    from mnist_tui.experiment.presets import Preset

INDEX_NAME = "presets.json"
INDEX_BYTES = 20_000_000
"""The size of the largest index that is read; that of the built-in presets has 100,000 bytes."""


@dataclass(frozen=True, kw_only=True)
class PresetEntry:
    """What lists and searches show of a preset.

    Attributes:
        origin: built-in, saved, file or run.
        sizes: the numbers of inputs, of each dense layer's neurons, and of outputs: ``784-250-10``.
        dataset, features, optimizer: the name or the kind of each.
        layers: the kind of each layer, without the output layer.
        inputs, parameters, trainable: the number of inputs, of all parameters, and of those that are trained.
        reference: the published figures as a JSON object, None if there are none.
    """

    name: str
    title: str
    about: str
    origin: str
    path: Path
    sizes: str
    dataset: str
    features: str
    layers: tuple[str, ...]
    optimizer: str
    inputs: int
    parameters: int
    trainable: int
    reference: Mapping[str, Any] | None

    @property
    def source(self) -> str | None:
        """The title of the document that published the experiment; None without published figures."""
        return self.reference["source"] if self.reference else None

    @property
    def accuracy(self) -> float | None:
        """The published test accuracy as a share; None if none was published."""
        return self.reference["accuracy"] if self.reference else None

    def load(self) -> Preset:
        """Read the preset's file, as it is now; raises a `PresetError` if it cannot be used any more."""
        from mnist_tui.experiment.presets import load_listed

        return load_listed(self.origin, self.path)


def entry_of(preset: Preset) -> PresetEntry:
    """Return what lists show of a preset."""
    from mnist_tui.experiment.complexity import of
    from mnist_tui.experiment.layers import walk
    from mnist_tui.experiment.presets import sizes

    assert preset.path is not None
    experiment, reference = preset.experiment, preset.reference
    counts = of(experiment)
    return PresetEntry(
        name=preset.name,
        title=preset.title,
        about=preset.about,
        origin=preset.origin,
        path=preset.path,
        sizes=sizes(experiment),
        dataset=experiment.dataset.name,
        features=experiment.features.kind,
        layers=tuple(layer.kind for layer in walk(experiment.layers)),
        optimizer=experiment.optimizer.name,
        inputs=counts.inputs,
        parameters=counts.total,
        trainable=counts.trainable,
        reference=reference.model_dump(mode="json") if reference else None,
    )


def list_entries() -> list[PresetEntry | BrokenPreset]:
    """Return every preset: the starters, then the other built-in ones by folder, then the user's."""
    try:
        found = [(origin, path) for origin, folder in folders() for path in files_in(folder)]
    except OSError:  # the list says which folder cannot be searched
        return _read()
    stamps = [_stamp(path) for path in (*_own_modules(), *(path for _, path in found))]
    index = None
    with suppress(OSError):
        index = cache_folder() / INDEX_NAME
        with suppress(ValueError, TypeError, KeyError):
            return _from_text(read_text(index, INDEX_BYTES), stamps, found)
    entries = _read()
    if index is not None and [entry.path for entry in entries] == [path for _, path in found]:
        with suppress(OSError, ValueError):  # JSON has no infinity, which a user's preset may name as a loss
            index.parent.mkdir(parents=True, exist_ok=True)
            write_text(index, _to_text(stamps, entries))
    return entries


def _read() -> list[PresetEntry | BrokenPreset]:
    from mnist_tui.experiment.presets import read_presets

    return [preset if isinstance(preset, BrokenPreset) else entry_of(preset) for preset in read_presets()]


def _own_modules() -> list[Path]:
    """Return the modules of this package, which may change in a checkout without a new version."""
    return sorted(Path(__file__).parent.glob("*.py"))


def _stamp(path: Path) -> list[str | int]:
    """Return what changes with a file; nothing but its path if it is not there, as behind a broken link."""
    try:
        status = os.stat(path)  # noqa: PTH116 - a fifth of the time of Path.stat
    except OSError:
        return [str(path)]
    return [str(path), status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino]


def _to_text(stamps: Sequence[list[str | int]], entries: Iterable[PresetEntry | BrokenPreset]) -> str:
    fields = [
        {"message": entry.message} if isinstance(entry, BrokenPreset) else {key: getattr(entry, key) for key in KEPT}
        for entry in entries
    ]
    text = json.dumps({"version": __version__, "files": stamps, "presets": fields}, allow_nan=False)
    return f"{_checksum(text)}\n{text}"


def _from_text(
    text: str, stamps: Sequence[list[str | int]], found: Sequence[tuple[str, Path]]
) -> list[PresetEntry | BrokenPreset]:
    """Return the entries of an index; raises ValueError, TypeError or KeyError if it is damaged or out of date."""
    checksum, _, text = text.partition("\n")
    doc = parse_json(text)
    if checksum != _checksum(text) or doc["version"] != __version__ or doc["files"] != stamps:
        raise ValueError("the index is damaged or out of date")
    return [_entry(fields, *of) for fields, of in zip(doc["presets"], found, strict=True)]


def _checksum(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"


def _entry(fields: dict[str, Any], origin: str, path: Path) -> PresetEntry | BrokenPreset:
    if "message" in fields:
        return BrokenPreset(path.stem, path, _text(fields["message"]))
    return PresetEntry(origin=origin, path=path, **{key: convert(fields[key]) for key, convert in KEPT.items()})


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("must be text")
    return value


def _whole(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise TypeError("must be a whole number")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError("must be a list")
    return tuple(map(_text, value))


def _reference(value: Any) -> dict[str, Any] | None:
    if value is None:
        return None
    accuracy = value["accuracy"]
    if accuracy is not None and not (type(accuracy) is float and math.isfinite(accuracy)):
        raise TypeError("must be a share")
    return {**value, "source": _text(value["source"])}


KEPT: Mapping[str, Callable[[Any], Any]] = {
    "name": _text,
    "title": _text,
    "about": _text,
    "sizes": _text,
    "dataset": _text,
    "features": _text,
    "layers": _texts,
    "optimizer": _text,
    "inputs": _whole,
    "parameters": _whole,
    "trainable": _whole,
    "reference": _reference,
}
"""The fields of an entry that the index keeps, each with its check; the others are known from the file's path."""


def matches(preset: PresetEntry | BrokenPreset, query: str) -> bool:
    """Return whether the preset's texts contain every word of the query."""
    texts = [preset.name, "broken"]
    if isinstance(preset, PresetEntry):
        texts = [preset.name, preset.origin, preset.title, preset.about, preset.dataset]
        texts += [preset.features, *preset.layers, preset.optimizer, preset.source or ""]
    text = " ".join(texts).lower()
    return all(word in text for word in query.lower().split())


@dataclass(frozen=True)
class PresetGroup:
    """The starters, the presets of one source, or the saved presets, under a heading."""

    title: str
    presets: tuple[PresetEntry | BrokenPreset, ...]


def grouped(presets: Iterable[PresetEntry | BrokenPreset]) -> tuple[PresetGroup, ...]:
    """Group presets by their origin, in the order of `list_entries`; a folder has the heading `folder_title`."""
    by_folder: dict[Path | None, list[PresetEntry | BrokenPreset]] = {}
    root = builtin_folder()
    for preset in presets:
        folder = preset.path.parent if preset.path.is_relative_to(root) else None
        by_folder.setdefault(folder, []).append(preset)
    return tuple(PresetGroup(_heading(folder, root, members), tuple(members)) for folder, members in by_folder.items())


def _heading(folder: Path | None, root: Path, presets: Iterable[PresetEntry | BrokenPreset]) -> str:
    if folder is None:
        return "Saved"
    if folder == root:
        return "Starters"
    sources = {preset.source for preset in presets if isinstance(preset, PresetEntry) and preset.source}
    return folder_title(folder.name, sources)


def folder_title(folder: str, sources: Collection[str]) -> str:
    """Return the title of a folder of presets: the source, if it has only one, else the folder's name (Classics)."""
    return next(iter(sources)) if len(sources) == 1 else folder.replace("-", " ").capitalize()
