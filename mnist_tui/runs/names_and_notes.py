"""The name and the note that a person gives a run: `label.json` in its folder, whose own name never changes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mnist_tui.errors import RunError
from mnist_tui.files import write_json
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.process_folder import read_record
from mnist_tui.runs.records import document

LONGEST_NAME, LONGEST_NOTE = 60, 500


@dataclass(frozen=True)
class Label:
    """A display name and a note, each a line of text; empty for none."""

    name: str = ""
    note: str = ""
    more: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False)


def read_label(folder: RunFolder) -> Label:
    """Return the run's label; an empty one where there is none, or none that can be read."""
    try:
        return checked_label(folder)
    except RunError:
        return Label()


def checked_label(folder: RunFolder) -> Label:
    """Return the run's label; an empty one where there is none.

    Raises:
        RunError: there is one that cannot be read.
    """
    if not os.path.lexists(folder.label_file):
        return Label()
    found = read_record(folder.label_file, Label)
    return replace(found, name=one_line(found.name), note=one_line(found.note))


def write_label(folder: RunFolder, label: Label) -> Label:
    """Write the run's label; blanks and line ends become single spaces. An empty label removes the file.

    Returns:
        The label as written.

    Raises:
        RunError: a text is too long, or the run's folder is gone or cannot be written.
    """
    folder.check_own_files()
    label = replace(label, name=one_line(label.name), note=one_line(label.note))
    for what, text, longest in (("name", label.name, LONGEST_NAME), ("note", label.note, LONGEST_NOTE)):
        if len(text) > longest:
            raise RunError(f"the {what} has {len(text)} characters; at most {longest} work")
    try:
        if label == Label():
            folder.label_file.unlink(missing_ok=True)
        else:
            write_json(folder.label_file, document(label))
    except OSError as error:
        raise RunError(f"{folder.label_file} cannot be written: {error.strerror or error}") from None
    return label


def one_line(text: str) -> str:
    """Return the text without control characters and with single blanks."""
    return " ".join("".join(part if part.isprintable() else " " for part in text).split())
