"""Presets: named experiments in TOML files, built-in, saved by the user, or given by their path.

A preset's file is an experiment's TOML with `title`, `about` and `[reference]` beside it. A run's `experiment.toml` has
the same form, with the name of the original preset as `preset`.
"""

from __future__ import annotations

import difflib
import math
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mnist_tui.experiment.layers import BatchNormalization, Conv2D, Dense, Dropout
from mnist_tui.experiment.preset_files import (
    BrokenPreset,
    PresetError,
    builtin_folder,
    files_in,
    folders,
    names,
    searched,
    unsearchable,
    user_folder,
)
from mnist_tui.experiment.spec import (
    DatasetSpec,
    Experiment,
    HogFeatures,
    Problem,
    SpecError,
    from_mapping,
    problems_of,
    to_mapping,
    with_part,
)
from mnist_tui.files import UnreadableFileError, parse_toml, read_text, write_text
from mnist_tui.paths import typed_path
from mnist_tui.privacy import last_name
from mnist_tui.wording import counted, listed, noun

Share = Annotated[float, Field(ge=0, le=1)]
Loss = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Measured = Literal["running", "evaluated", "unsaid"]


class Reference(BaseModel):
    """The figures that a source published for an experiment; a figure that it does not give is None or empty.

    Attributes:
        source: the document's title.
        id: the experiment's name among the sources' experiments.
        accuracy, loss: on the test set; the mean if `seeds` is above 1.
        train_accuracy, train_loss: on the training set, measured as `train_measured` says.
        train_measured: running: Keras' means over the batches of the last epoch, dropout on. evaluated: after
            training, dropout off. unsaid: the source does not say which.
        seeds: the number of trainings that the figures are the mean of.
        per_seed_accuracy, per_seed_loss, per_seed_epochs: a value for each training, in the order of the seeds from 0.
        train_seconds: the duration of one training on the source's `hardware`.
        readings: the interpretations that filled gaps in the source, a sentence each.
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
        """Whether any score was published."""
        return any(score is not None for score in (self.accuracy, self.loss, self.train_accuracy, self.train_loss))


PRESET_BYTES = 1_000_000
"""The size of the largest preset file that is read."""
EDITED = ", edited"
META = ("title", "about", "preset", "reference")


@dataclass(frozen=True)
class Preset:
    """A named experiment.

    Attributes:
        name: the name for `--preset`; for a run, the name of its original preset.
        origin: built-in, saved, file or run.
        reference: published figures, if the experiment is still the source's.
    """

    name: str
    experiment: Experiment
    title: str = ""
    about: str = ""
    reference: Reference | None = None
    origin: str = "built-in"
    path: Path | None = field(default=None, compare=False)

    def published(self, *, sample: bool) -> Reference | None:
        """Return the source's figures, to compare results with; None for none, and for results on sample data."""
        return None if sample else self.reference


def edited(preset: Preset, experiment: Experiment) -> Preset:
    """Return the preset with another experiment, and without published figures if its results do not compare to them.

    If the features, the layers or the dataset are changed, the title is made of the layers (`layers_in_words`). Another
    number of epochs or images leaves the title as it is (see `heading`); after any other change it ends in `EDITED`. An
    experiment that is edited back to that of the built-in preset gets its title and its published figures again.
    """
    before = preset.experiment
    if has_same_results(experiment, before):
        return replace(preset, experiment=experiment)
    source = _builtin(builtin_folder(), preset.name)
    if source is not None and has_same_results(experiment, source.experiment):
        facts = {"title": source.title, "about": source.about, "reference": source.reference}
        return replace(preset, experiment=experiment, **facts)
    alike = (known for known in (source, preset) if known is not None and _trains_alike(experiment, known.experiment))
    if (same := next(alike, None)) is not None:
        title = same.title
    elif _network(experiment) != _network(before) or _has_derived_title(preset, source):
        title = layers_in_words(experiment, source and source.experiment)
    else:
        title = preset.title if not preset.title or preset.title.endswith(EDITED) else preset.title + EDITED
    return replace(preset, experiment=experiment, title=title, about="", reference=None)


def heading(preset: Preset) -> str:
    """Return the title, with the changes of its length: ``Raw pixels: 784-250-10, tanh (10 epochs instead of 150)``.

    For a fold of a cross-validation, the title has it, too: ``Raw pixels: 784-250-10, tanh, fold 2 of 5``.
    """
    title, changes = preset.title or preset.name, length_in_words(preset)
    if (fold := preset.experiment.dataset.fold) is not None:
        title += f", {fold.in_words}"
    return f"{title} ({changes})" if changes else title


def length_in_words(preset: Preset, epochs: int = 0) -> str:
    """Say how many epochs and images a run trains with instead of those of the preset that it is named after.

    For example ``10 epochs instead of 150``; empty if there is no difference, or no such preset any more.

    Args:
        epochs: the number of planned epochs if some were added after the preset was read; 0 for the experiment's.
    """
    try:
        planned = find_preset(preset.name).experiment
    except PresetError:
        return ""
    changes: list[str] = []
    before, now = planned.training.epochs, epochs or preset.experiment.training.epochs
    if before != now and preset.experiment.trains_in_epochs:
        changes.append(f"{counted(now, 'epoch')} instead of {before:,}")
    before, now = planned.dataset.limit, preset.experiment.dataset.limit
    if before != now:
        images = "all training images" if now is None else counted(now, "training image")
        changes.append(f"{images} instead of {'all' if before is None else f'{before:,}'}")
    return listed(changes)


def without_folder(preset: Preset) -> Preset:
    """Return the preset with the name of its dataset's folder in place of the path, to be handed to others."""
    dataset = last_name(preset.experiment.dataset.name)
    return replace(preset, experiment=with_part(preset.experiment, "dataset", name=dataset))


def _trains_alike(experiment: Experiment, other: Experiment) -> bool:
    """Return whether two experiments have the same results apart from how many epochs and images they train with."""
    alike = [with_part(with_part(each, "training", epochs=1), "dataset", limit=None) for each in (experiment, other)]
    return has_same_results(*alike)


def _has_derived_title(preset: Preset, source: Preset | None) -> bool:
    derived = layers_in_words(preset.experiment), layers_in_words(preset.experiment, source and source.experiment)
    return preset.title in derived and not (source and preset.title == source.title)


@cache
def _builtin(folder: Path, name: str) -> Preset | None:
    path = next((path for path in folder.rglob("*.toml") if path.stem == name), None)
    return None if path is None else load_preset(path)


def _network(experiment: Experiment) -> tuple[object, ...]:
    return (
        experiment.dataset.name,
        experiment.features,
        experiment.layers,
        experiment.output,
        experiment.trains_in_epochs,
    )


WRITTEN = {"relu": "ReLU", "elu": "ELU", "selu": "SELU", "gelu": "GELU", "leaky_relu": "leaky ReLU"}
"""Names of activations as they are written in a sentence, if they are not those of Keras."""


def _sizes_in_words(sizes: Sequence[int], what: str) -> str:
    """Return sizes with their noun: ``9-9-16 filters``, ``1 neuron``."""
    return f"{'-'.join(map(str, sizes))} {noun(max(len(sizes), *sizes), what)}"


def layers_in_words(experiment: Experiment, source: Experiment | None = None) -> str:
    """Return a title for an experiment: features, sizes, activations: ``Raw pixels: 784-200-10, tanh, dropout 0.3``.

    Args:
        source: the experiment that it was made from; its dropout is not repeated, and one that is gone is named.
    """
    convolutions, dense = experiment.layers_of(Conv2D), experiment.layers_of(Dense)
    what = "HOG features" if isinstance(experiment.features, HogFeatures) else "Raw pixels"
    network = [sizes(experiment)]
    if convolutions:
        what = "Convolutional network"
        network = [_sizes_in_words([layer.filters for layer in convolutions], "filter")]
        network += [_sizes_in_words([layer.units for layer in dense], "neuron")] if dense else []
    if (dataset := experiment.dataset.name) != DatasetSpec().name:
        what += f" of {Path(dataset).name}"
    activations = dict.fromkeys(WRITTEN.get(layer.activation, layer.activation) for layer in (*convolutions, *dense))
    rates, before = _dropout_rates(experiment), _dropout_rates(source) if source else []
    parts = [*network, listed([*activations])] if activations else network
    parts += ["batch normalisation"] if experiment.layers_of(BatchNormalization) else []
    if rates != before:
        parts.append(f"dropout {listed(rates)}" if rates else "no dropout")
    parts += [] if experiment.trains_in_epochs else ["least squares"]
    return f"{what}: {', '.join(parts)}"


def _dropout_rates(experiment: Experiment) -> list[str]:
    return [*dict.fromkeys(f"{layer.rate:g}" for layer in experiment.layers_of(Dropout) if layer.rate)]


def sizes(experiment: Experiment) -> str:
    """Return the numbers of inputs, of each dense layer's neurons, and of outputs: ``784-250-10``."""
    units = [layer.units for layer in experiment.layers_of(Dense)]
    return "-".join(map(str, (math.prod(experiment.input_shape), *units, experiment.classes)))


def has_same_results(experiment: Experiment, other: Experiment) -> bool:
    """Return whether two experiments are equal apart from their seed, so that published figures hold for both."""
    return mathematics(experiment) == mathematics(other)


def mathematics(experiment: Experiment) -> Experiment:
    """Return the experiment with its seed, program and measurements reset, to compare experiments by their results."""
    return with_part(experiment, "training", seed=0, program="auto", plain_loss=False, deterministic=True)


def load_listed(origin: str, path: Path) -> Preset:
    """Load a preset of a list; a user's preset loses its reference if its experiment is no longer the source's."""
    preset = replace(load_preset(path), origin=origin)
    if origin == "built-in" or preset.reference is None or not preset.reference.id:
        return preset
    source = _builtin(builtin_folder(), preset.reference.id)
    if source is None or has_same_results(source.experiment, preset.experiment):
        return preset
    return replace(preset, reference=None)


def read_presets() -> Iterator[Preset | BrokenPreset]:
    """Read every preset: the starters, then the other built-in ones by folder, then the user's."""
    for origin, folder in folders():
        try:
            paths = files_in(folder)
        except OSError as error:
            yield BrokenPreset(folder.name, folder, unsearchable(folder, error))
            continue
        for path in paths:
            try:
                yield load_listed(origin, path)
            except PresetError as error:
                yield BrokenPreset(path.stem, path, str(error))


def list_presets() -> Iterator[Preset]:
    """Return the presets that can be used, in the order of `read_presets`."""
    return (preset for preset in read_presets() if isinstance(preset, Preset))


def find_preset(name: str) -> Preset:
    """Return the preset with a name (the user's before a built-in one), or in the file with a path.

    Raises:
        PresetError: there is no such preset; the message offers the nearest names.
    """
    if name.endswith(".toml") or os.sep in name:
        path = typed_path(name)
        if not os.path.lexists(path):
            raise PresetError(f"there is no preset file {name}")
        return load_listed("file", path)
    files, trouble = searched()
    for origin, path in files:
        if path.stem == name:
            return load_listed(origin, path)
    existing = names()
    near = difflib.get_close_matches(name, existing, n=3, cutoff=0.4)
    offer = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(existing[:8])}"
    also = f"; {trouble}" if trouble else ""
    raise PresetError(f"there is no preset {name!r}; {offer} (`mnist-tui presets list` shows all){also}")


def load_preset(path: Path, *, follow_links: bool = True) -> Preset:
    """Read a preset's file; the preset has the file's name, or the name in the file if that is a run's.

    Args:
        follow_links: whether the file may be a symbolic link, which a run's file may not.

    Raises:
        PresetError: the file cannot be read or is not valid; the message names the line if it is known.
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
        lines = [line_of(text, problem) for problem in error.problems]
        located = (f", line {line}" if line else "" for line in lines)
        messages = (f"{path}{place}: {problem}" for place, problem in zip(located, error.problems, strict=True))
        raise PresetError("; ".join(messages)) from None


def _from_doc(doc: dict[str, Any], path: Path) -> Preset:
    meta = {key: doc.pop(key) for key in META if key in doc}
    reference = None
    if "reference" in meta:
        try:
            reference = Reference.model_validate(meta["reference"])
        except ValidationError as error:
            problems = problems_of(error, meta["reference"])
            raise SpecError([Problem(("reference", *each.path), each.message) for each in problems]) from None
    for key in ("title", "about", "preset"):
        if not isinstance(meta.get(key, ""), str):
            raise SpecError([Problem((key,), "must be text in quotes")])
    name, experiment, title = meta.get("preset", path.stem), from_mapping(doc), meta.get("title", "")
    return Preset(
        name=name,
        experiment=experiment,
        title=_present_title(name, experiment, title) if "preset" in meta else title,
        about=meta.get("about", ""),
        reference=reference,
        origin="run" if "preset" in meta else "file",
        path=path,
    )


def _present_title(name: str, experiment: Experiment, title: str) -> str:
    """Return a run's title as it would be made now: earlier versions made other ones of edited presets."""
    is_early = title.startswith(f"{name}{EDITED}: ")
    if not is_early and not title.endswith(EDITED):
        return title
    source = _builtin(builtin_folder(), name)
    if is_early:
        return layers_in_words(experiment, source and source.experiment)
    return source.title if source is not None and _trains_alike(experiment, source.experiment) else title


def line_of(text: str, problem: Problem) -> int | None:
    """Return the line (from 1) of a problem's key in a preset's TOML; None if it is not found."""
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
    """Return the TOML text of the preset's file."""
    import tomlkit

    doc = tomlkit.document()
    if preset.origin == "run":
        doc["preset"] = preset.name
    for key, value in (("title", preset.title), ("about", preset.about)):
        if value:
            doc[key] = value
    if preset.reference is not None:
        doc["reference"] = preset.reference.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    doc.update(to_mapping(preset.experiment))
    return tomlkit.dumps(doc)


def save_preset(preset: Preset, name: str, *, overwrite: bool = False) -> Path:
    """Save a preset in the user's folder under another name; return the path of its file.

    Raises:
        PresetError: the name cannot be a file's, belongs to a built-in preset or (without `overwrite`) a saved one, or
            the file cannot be written.
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
