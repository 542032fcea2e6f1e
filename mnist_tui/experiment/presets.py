"""Presets: named experiments in TOML files. Built-in, saved by the user, or any file.

A preset's file is an experiment's TOML with `title`, `about`, `starter` and `[reference]` beside it. A run's
`experiment.toml` is the same form, with `preset` naming where it came from.
"""

from __future__ import annotations

import difflib
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mnist_tui.errors import RequestError
from mnist_tui.experiment.spec import Experiment, Problem, SpecError, from_mapping, problems_of, to_mapping, with_part
from mnist_tui.files import UnreadableFileError, parse_toml, read_text, write_text
from mnist_tui.paths import NoHomeError, config_folder, path_in_variable, typed_path

Share = Annotated[float, Field(ge=0, le=1)]
Loss = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Measured = Literal["running", "evaluated", "unsaid"]


class Reference(BaseModel):
    """The figures that a source published for an experiment; None, or empty, if it does not give them.

    Attributes:
        source: the document's title.
        id: the experiment's name among the sources' experiments.
        accuracy, loss: on the test set; the mean where `seeds` is above 1.
        train_accuracy, train_loss: on the training set, measured as `train_measured` says.
        train_measured: running: Keras' means over the batches of the last epoch, dropout on. evaluated: after
            training, dropout off. unsaid: the source does not say which.
        seeds: trainings that the figures are the mean of.
        per_seed_accuracy, per_seed_loss, per_seed_epochs: one value a training, in the order of the seeds from 0 on.
        train_seconds: how long one training took on the source's `hardware`.
        readings: how gaps in the source were filled, a sentence each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    source: str
    id: str = ""
    accuracy: Share | None = None
    loss: Loss | None = None
    train_accuracy: Share | None = None
    train_loss: Loss | None = None
    train_measured: Measured = "unsaid"
    seeds: Count = 1
    per_seed_accuracy: tuple[Share, ...] = ()
    per_seed_loss: tuple[Loss, ...] = ()
    per_seed_epochs: tuple[Count, ...] = ()
    parameters: Count | None = None
    trainable_parameters: Count | None = None
    train_seconds: Annotated[float, Field(gt=0)] | None = None
    hardware: str = ""
    readings: tuple[str, ...] = ()

    @property
    def has_scores(self) -> bool:
        """Whether there is a score to compare with."""
        return any(score is not None for score in (self.accuracy, self.loss, self.train_accuracy, self.train_loss))


STARTERS = ("raw", "hog", "cnn", "fashion")
PRESET_BYTES = 1_000_000
"""The largest preset's file that is read."""
EDITED = ", edited"
META = ("title", "about", "preset", "reference")


class PresetError(RequestError):
    """A preset that does not exist, or whose file is not valid; the text names file, line and remedy."""


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
    """Return `preset` with another experiment; the published figures stay if the mathematics is the same."""
    if mathematics(experiment) == mathematics(preset.experiment):
        return replace(preset, experiment=experiment)
    return replace(preset, experiment=experiment, title=_edited_title(preset, experiment), about="", reference=None)


def _edited_title(preset: Preset, experiment: Experiment) -> str:
    """Return the preset's title if the layers are unchanged, else a title made of them."""
    before, title = preset.experiment, preset.title
    if not title or title == f"{preset.name}{EDITED}: {sizes(experiment)}":
        return title
    if (before.features, before.layers, before.output) != (experiment.features, experiment.layers, experiment.output):
        return f"{preset.name}{EDITED}: {sizes(experiment)}"
    return title if EDITED in title else title + EDITED


def sizes(experiment: Experiment) -> str:
    """Return the inputs and the neurons of each dense layer: ``784-250-10``."""
    from mnist_tui.experiment import complexity
    from mnist_tui.experiment.parameters import dense_layers
    from mnist_tui.experiment.shapes import CLASSES

    units = [layer.units for layer in dense_layers(experiment.layers)]
    return "-".join(map(str, (complexity.of(experiment).inputs, *units, CLASSES)))


def mathematics(experiment: Experiment) -> Experiment:
    """Return the experiment with its seed, program and measurements reset, to compare what is computed."""
    return with_part(experiment, "training", seed=0, program="auto", plain_loss=False, deterministic=True)


def _load(origin: str, path: Path) -> Preset:
    """Load a preset; a person's one loses its reference if it is no longer the source's experiment."""
    preset = replace(load_preset(path), origin=origin)
    if origin == "built-in" or preset.reference is None or not preset.reference.id:
        return preset
    source = next((path for path in builtin_folder().rglob("*.toml") if path.stem == preset.reference.id), None)
    if source is None or mathematics(load_preset(source).experiment) == mathematics(preset.experiment):
        return preset
    return replace(preset, reference=None)


def builtin_folder() -> Path:
    """Return the folder of the built-in presets: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "presets"
    return inside if inside.is_dir() else package.parent / "presets"


def user_folder() -> Path:
    """Return the folder of the user's own presets; raise `NoHomeError` if there is no home folder."""
    config = path_in_variable("MNIST_TUI_CONFIG")
    return (config.parent if config else config_folder()) / "presets"


def _folders() -> list[tuple[str, Path]]:
    """Return the origins of presets and their folders, built-in ones first; no user's folder without a home folder."""
    folders = [("built-in", builtin_folder())]
    with suppress(NoHomeError):
        folders.append(("saved", user_folder()))
    return folders


@dataclass(frozen=True)
class BrokenPreset:
    """A preset's file that cannot be used; `message` is the sentence that says why."""

    name: str
    path: Path
    message: str


def read_presets() -> Iterator[Preset | BrokenPreset]:
    """Read every preset: the starters, the other built-in ones by their folders, the user's own."""
    for origin, folder in _folders():
        try:
            paths = _files(folder)
        except OSError as error:
            yield BrokenPreset(folder.name, folder, _unsearchable(folder, error))
            continue
        for path in paths:
            try:
                yield _load(origin, path)
            except PresetError as error:
                yield BrokenPreset(path.stem, path, str(error))


def list_presets() -> Iterator[Preset]:
    """Return every preset that can be used, in the order of `read_presets`."""
    return (preset for preset in read_presets() if isinstance(preset, Preset))


@dataclass(frozen=True)
class PresetGroup:
    """Presets that belong together under a heading: the starters, a source's, the saved ones; in their order."""

    title: str
    presets: tuple[Preset | BrokenPreset, ...]


def grouped(presets: Iterable[Preset | BrokenPreset]) -> tuple[PresetGroup, ...]:
    """Group presets by where they come from, in the order of `read_presets`; a source's title is the heading."""
    by_folder: dict[Path | None, list[Preset | BrokenPreset]] = {}
    root = builtin_folder()
    for preset in presets:
        folder = preset.path.parent if preset.path and preset.path.is_relative_to(root) else None
        by_folder.setdefault(folder, []).append(preset)
    return tuple(PresetGroup(_heading(folder, root, found), tuple(found)) for folder, found in by_folder.items())


def _heading(folder: Path | None, root: Path, presets: Iterable[Preset | BrokenPreset]) -> str:
    if folder is None:
        return "Saved"
    if folder == root:
        return "Starters"
    references = (preset.reference for preset in presets if isinstance(preset, Preset))
    return next((reference.source for reference in references if reference is not None), folder.name)


def _files(folder: Path) -> list[Path]:
    """Return the presets' files below a folder in the order of lists; raise OSError if it cannot be searched."""
    return sorted(folder.rglob("*.toml"), key=lambda path: _rank(path.relative_to(folder)))


def _rank(path: Path) -> tuple[str, int, list[str | int]]:
    """Return a sort key: by folder, the starters first, numbers in names by their size."""
    starter = STARTERS.index(path.stem) if path.parent == Path() and path.stem in STARTERS else len(STARTERS)
    parts = re.split(r"(\d+)", path.stem)
    return str(path.parent.as_posix()).removeprefix("."), starter, [int(p) if p.isdecimal() else p for p in parts]


def _unsearchable(folder: Path, error: OSError) -> str:
    return f"the folder {folder} cannot be searched: {error.strerror or error}"


def _searched() -> tuple[list[tuple[str, Path]], str]:
    """Return origin and file of every preset, the user's own first, and a sentence if a folder cannot be searched."""
    found: list[tuple[str, Path]] = []
    trouble = ""
    for origin, folder in reversed(_folders()):
        try:
            found += [(origin, path) for path in _files(folder)]
        except OSError as error:
            trouble = _unsearchable(folder, error)
    return found, trouble


def names() -> list[str]:
    """Return the names that `--preset` takes, the built-in ones first."""
    found, _ = _searched()
    return [path.stem for wanted in ("built-in", "saved") for origin, path in found if origin == wanted]


def find_preset(name: str) -> Preset:
    """Return the preset of that name (the user's own before a built-in one), or the one in the file of that path.

    Raises:
        PresetError: there is none; the nearest names are offered.
    """
    if name.endswith(".toml") or os.sep in name:
        path = typed_path(name)
        if not os.path.lexists(path):
            raise PresetError(f"there is no preset file {name}")
        return _load("file", path)
    found, trouble = _searched()
    for origin, path in found:
        if path.stem == name:
            return _load(origin, path)
    known = names()
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    offer = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known[:8])}"
    also = f"; {trouble}" if trouble else ""
    raise PresetError(f"there is no preset {name!r}; {offer} (`mnist-tui presets list` shows all){also}")


def load_preset(path: Path, *, follow_links: bool = True) -> Preset:
    """Read a preset's file; its name is the file's, unless it is a run's.

    Args:
        follow_links: whether the file may be a symbolic link; a run's may not.

    Raises:
        PresetError: the file cannot be read or is not valid, with the line where that is known.
    """
    try:
        text = read_text(path, PRESET_BYTES, follow_links=follow_links)
    except UnreadableFileError as error:
        raise PresetError(f"{path} cannot be read: it {error.strerror}") from None
    except OSError as error:
        raise PresetError(f"{path} cannot be read: {error.strerror or error}") from None
    try:
        doc = parse_toml(text)
    except ValueError as error:
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
    """Return the line (from 1) of the key that a problem names; None if it is not known."""
    keys = [part for part in problem.path if isinstance(part, str)]
    positions = [part for part in problem.path if isinstance(part, int)]
    if not keys:
        return None
    table: list[str] = []
    seen: Counter[str] = Counter()
    best: int | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*(\[\[?)\s*([\w.\"-]+)\s*\]", line):
            table, in_list = header[2].replace('"', "").split("."), header[1] == "[["
            if in_list and positions and seen[header[2]] != positions[0]:
                table = ["\0"]
            seen[header[2]] += in_list
            full = table
        elif assigned := re.match(r"\s*([\w.\"-]+)\s*=", line):
            full = [*table, *assigned[1].replace('"', "").split(".")]
        else:
            continue
        if full == keys[: len(full)]:
            best = number
    return best


def dump_preset(preset: Preset) -> str:
    """Return the preset's file as text."""
    import tomlkit

    doc = tomlkit.document()
    if preset.origin == "run":
        doc["preset"] = preset.name
    for key, value in (("title", preset.title), ("about", preset.about)):
        if value:
            doc[key] = value
    if preset.reference is not None:
        doc["reference"] = preset.reference.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    for key, value in to_mapping(preset.experiment).items():
        doc[key] = value
    return tomlkit.dumps(doc)


def save_preset(preset: Preset, name: str, *, overwrite: bool = False) -> Path:
    """Save a preset under a name of the user's own.

    Raises:
        PresetError: the name is no file name, is taken by a built-in preset, or (without `overwrite`) by another.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", name):
        raise PresetError(f"{name!r} cannot name a preset; letters, digits, dots, hyphens and underscores can")
    if any(path.stem == name for path in builtin_folder().rglob("*.toml")):
        raise PresetError(f"{name!r} is a built-in preset; choose another name")
    path = user_folder() / f"{name}.toml"
    if os.path.lexists(path) and not overwrite:
        raise PresetError(f"there is a preset {name!r} already ({path})")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, dump_preset(replace(preset, name=name, origin="saved")))
    except OSError as error:
        raise PresetError(f"{path} cannot be written: {error}") from None
    return path
