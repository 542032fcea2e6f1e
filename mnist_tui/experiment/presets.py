"""Presets: named experiments in TOML files. Built-in, saved by the user, or any file.

A preset's file is an experiment's TOML with `title`, `about`, `starter` and `[reference]` beside it. A run's
`experiment.toml` is the same form, with `preset` naming where it came from.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mnist_tui.experiment.files import write_text
from mnist_tui.experiment.problem import Problem, RequestError, SpecError, problems_of
from mnist_tui.experiment.spec import Experiment, from_mapping, to_mapping

STARTERS = ("raw", "hog", "cnn", "fashion")
EDITED = ", edited"
META = ("title", "about", "preset", "reference")


class PresetError(RequestError):
    """A preset that is not there, or whose file is not valid; the text names file, line and cure."""


class Reference(BaseModel):
    """What a source published for an experiment; None where it does not say.

    Attributes:
        source: the document. accuracy, loss: on the test set. train_accuracy, train_loss: as the source measured them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    source: str
    id: str = ""
    accuracy: float | None = Field(default=None, ge=0, le=1)
    loss: float | None = Field(default=None, ge=0)
    train_accuracy: float | None = Field(default=None, ge=0, le=1)
    train_loss: float | None = Field(default=None, ge=0)
    parameters: int | None = None
    note: str = ""


@dataclass(frozen=True)
class Preset:
    """A named experiment.

    Attributes:
        name: what `--preset` takes; for a run, the preset it started from.
        origin: built-in, saved, file or run.
        reference: published figures; only where the experiment is still the source's.
    """

    name: str
    experiment: Experiment
    title: str = ""
    about: str = ""
    reference: Reference | None = None
    origin: str = "built-in"
    path: Path | None = field(default=None, compare=False)


def edited(preset: Preset, experiment: Experiment) -> Preset:
    """`preset` with another experiment; what was published stays where the mathematics is the same."""
    if _same_mathematics(experiment, preset.experiment):
        return replace(preset, experiment=experiment)
    title = preset.title if preset.title.endswith(EDITED) or not preset.title else preset.title + EDITED
    return replace(preset, experiment=experiment, title=title, about="", reference=None)


def _same_mathematics(one: Experiment, other: Experiment) -> bool:
    """Whether they differ in nothing but the seed, the way the steps are run, and what is measured beside them."""
    kept = {key: getattr(one.training, key) for key in ("seed", "program", "plain_loss")}
    return one == other.model_copy(update={"training": other.training.model_copy(update=kept)})


def builtin_folder() -> Path:
    """Where the built-in presets lie: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "presets"
    return inside if inside.is_dir() else package.parent / "presets"


def user_folder() -> Path:
    """Where the user's own presets lie."""
    config = os.environ.get("MNIST_TUI_CONFIG")
    base = Path(config).parent if config else Path(platformdirs.user_config_dir("mnist-tui"))
    return base / "presets"


@dataclass(frozen=True)
class BrokenPreset:
    """A preset's file that cannot be used; `message` is the sentence that says why."""

    name: str
    path: Path
    message: str


def read_presets() -> Iterator[Preset | BrokenPreset]:
    """Every preset's file: the starters, the other built-in ones, the user's own."""
    for origin, folder in (("built-in", builtin_folder()), ("saved", user_folder())):
        for path in sorted(folder.rglob("*.toml"), key=_rank):
            try:
                yield replace(load_preset(path), origin=origin)
            except PresetError as error:
                yield BrokenPreset(path.stem, path, str(error))


def list_presets() -> Iterator[Preset]:
    """Every preset that can be used, in the order of `read_presets`."""
    return (preset for preset in read_presets() if isinstance(preset, Preset))


def _rank(path: Path) -> tuple[int, str]:
    return (STARTERS.index(path.stem) if path.stem in STARTERS else len(STARTERS), path.stem)


def names() -> list[str]:
    """The names that `--preset` takes."""
    return [
        path.stem for folder in (builtin_folder(), user_folder()) for path in sorted(folder.rglob("*.toml"), key=_rank)
    ]


def find_preset(name: str) -> Preset:
    """The preset of that name (the user's own before a built-in one), or the one in the file of that path.

    Raises:
        PresetError: there is none; the nearest names are offered.
    """
    if name.endswith(".toml") or os.sep in name:
        path = Path(name).expanduser()
        if not path.is_file():
            raise PresetError(f"there is no preset file {name}")
        return replace(load_preset(path), origin="file")
    for origin, folder in (("saved", user_folder()), ("built-in", builtin_folder())):
        for path in folder.rglob("*.toml"):
            if path.stem == name:
                return replace(load_preset(path), origin=origin)
    known = names()
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    offer = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known[:8])}"
    raise PresetError(f"there is no preset {name!r}; {offer} (`mnist-tui presets list` shows all)")


def load_preset(path: Path) -> Preset:
    """Reads a preset's file; its name is the file's, unless it is a run's.

    Raises:
        PresetError: the file cannot be read or is not valid, with the line where that is known.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PresetError(f"{path} cannot be read: {error}") from None
    try:
        doc = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PresetError(f"{path} is not valid TOML: {str(error)[0].lower()}{str(error)[1:]}") from None
    try:
        return _from_doc(doc, path)
    except SpecError as error:
        raise PresetError("; ".join(_located(path, text, problem) for problem in error.problems)) from None


def _from_doc(doc: dict[str, Any], path: Path) -> Preset:
    meta = {key: doc.pop(key) for key in META if key in doc}
    reference = None
    if "reference" in meta:
        try:
            reference = Reference.model_validate(meta["reference"])
        except ValidationError as error:
            found = problems_of(error, meta["reference"])
            raise SpecError([Problem(("reference", *problem.path), problem.message) for problem in found]) from None
    for key in ("title", "about", "preset"):
        if not isinstance(meta.get(key, ""), str):
            raise SpecError([Problem((key,), "must be text in quotes")])
    return Preset(
        name=meta.get("preset", path.stem),
        experiment=from_mapping(doc),
        title=meta.get("title", ""),
        about=meta.get("about", ""),
        reference=reference,
        origin="run" if "preset" in meta else "file",
        path=path,
    )


def _located(path: Path, text: str, problem: Problem) -> str:
    line = line_of(text, problem)
    return f"{path}{f', line {line}' if line else ''}: {problem}"


def line_of(text: str, problem: Problem) -> int | None:
    """The line (from 1) of the key that a problem names; None where it cannot be told."""
    keys = [part for part in problem.path if isinstance(part, str)]
    positions = [part for part in problem.path if isinstance(part, int)]
    if not keys:
        return None
    table: list[str] = []
    seen: dict[str, int] = {}
    best: int | None = None
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*(\[\[?)\s*([\w.\"-]+)\s*\]", line)
        if header:
            table = header[2].replace('"', "").split(".")
            seen[header[2]] = seen.get(header[2], -1) + (1 if header[1] == "[[" else 0)
            here = table == keys[: len(table)] and (
                header[1] != "[[" or not positions or seen[header[2]] == positions[0]
            )
            if here and len(table) <= len(keys):
                best = number
            if not here:
                table = ["\0"]
            continue
        assigned = re.match(r"\s*([\w.\"-]+)\s*=", line)
        if assigned:
            full = [*table, *assigned[1].replace('"', "").split(".")]
            if full == keys[: len(full)]:
                best = number
    return best


def dump_preset(preset: Preset) -> str:
    """The preset's file, as text."""
    import tomlkit

    doc = tomlkit.document()
    if preset.origin == "run":
        doc["preset"] = preset.name
    for key, value in (("title", preset.title), ("about", preset.about)):
        if value:
            doc[key] = value
    if preset.reference is not None:
        doc["reference"] = preset.reference.model_dump(exclude_none=True, exclude_defaults=True)
    for key, value in to_mapping(preset.experiment).items():
        doc[key] = value
    return tomlkit.dumps(doc)


def save_preset(preset: Preset, name: str, *, overwrite: bool = False) -> Path:
    """Saves a preset under a name of the user's own.

    Raises:
        PresetError: the name is no file name, is taken by a built-in preset, or (without `overwrite`) by another.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", name):
        raise PresetError(f"{name!r} cannot name a preset; letters, digits, dots, hyphens and underscores can")
    if any(path.stem == name for path in builtin_folder().rglob("*.toml")):
        raise PresetError(f"{name!r} is a built-in preset; choose another name")
    path = user_folder() / f"{name}.toml"
    if path.exists() and not overwrite:
        raise PresetError(f"there is a preset {name!r} already ({path})")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, dump_preset(replace(preset, name=name, origin="saved")))
    except OSError as error:
        raise PresetError(f"{path} cannot be written: {error}") from None
    return path
