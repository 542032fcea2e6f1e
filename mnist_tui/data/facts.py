"""The facts of a dataset (image shape, classes, what must be said about it), read from headers and labels alone.

Nothing is downloaded and no image is read. NumPy is imported only for npz archives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mnist_tui.data import csv_tables, image_folders
from mnist_tui.data.catalogue import Location, find, whole_name
from mnist_tui.data.errors import DataError
from mnist_tui.data.idx import read_image_shape, read_label_values
from mnist_tui.data.known import KNOWN, Part
from mnist_tui.data.labels import LabelRule, read_class_names, rule_of, rule_of_known, weights_by_class
from mnist_tui.errors import RequestError
from mnist_tui.experiment.shapes import DEFAULT_CLASSES, DEFAULT_IMAGE, LARGEST_EDGE, ImageShape, written
from mnist_tui.wording import count, counted, listed

if TYPE_CHECKING:
    from mnist_tui.experiment.spec import Experiment

NO_TEST: Final = "There is no test set: a fifth of the images of each class, chosen by a fixed seed, is the test set."


@dataclass(frozen=True, slots=True)
class DatasetFacts:
    """What a network has to know of a dataset before it is trained.

    Attributes:
        image: Height, width and channels of each image.
        class_names: The classes, in the order of their numbers.
        has_validation: Whether the dataset has a validation split of its own.
        notes: Sentences that a person should read: labels that are mapped, a test set that is chosen by a fixed seed.
    """

    image: ImageShape
    class_names: tuple[str, ...]
    has_validation: bool = False
    notes: tuple[str, ...] = ()


def facts_of(name: str, data_dir: Path | None = None) -> DatasetFacts:
    """Return the facts of a dataset: a known one's from the catalogue, a folder's from its files.

    Raises:
        DataError: The name is neither a known dataset nor a folder, or the folder's files cannot be used.
    """
    if (known := KNOWN.get(name)) is not None:
        split = count(known.counts.get("validation"))
        notes = (f"{known.title} has its own validation split of {split} images.",) if known.has_validation else ()
        return DatasetFacts(known.image, known.class_names, known.has_validation, notes)
    location = find(name, data_dir)
    assert location is not None, "a person's own data are found, or an error is raised"
    return own_facts(location)


def resolved(experiment: Experiment) -> Experiment:
    """Return the experiment with the `whole_name`, the classes and the image shape of its dataset.

    What equals the default of an experiment stays None, and so does what cannot be read now. Class weights get the
    names of the classes as keys. The layers are not checked: they may not fit such images.

    Raises:
        SpecError: The experiment names classes, a number of classes, or an image shape, that the dataset does not have.
    """
    from mnist_tui.experiment.spec import Problem, SpecError, with_part

    said, name = experiment.dataset, whole_name(experiment.dataset.name)
    try:
        facts = facts_of(name)
    except DataError:  # said where the data are needed
        return with_part(experiment, "dataset", name=name)
    classes, image = len(facts.class_names), facts.image
    if said.classes not in (None, classes):
        text = f"{name} has {counted(classes, 'class')}, not {said.classes}; leave this key out"
        raise SpecError([Problem(("dataset", "classes"), text)])
    if said.image not in (None, image):
        text = f"the images of {name} are {written(image)}, not {written(said.image)}; leave this key out"
        raise SpecError([Problem(("dataset", "image"), text)])
    if said.validation == "own" and not facts.has_validation:
        text = f"{name} has no validation split of its own; test, or a share such as 0.1, works"
        raise SpecError([Problem(("dataset", "validation"), text)])
    if isinstance(weights := experiment.training.class_weights, dict):
        try:
            by_class = weights_by_class(weights, facts.class_names)
        except DataError as error:
            raise SpecError([Problem(("training", "class_weights"), str(error))]) from None
        named = {facts.class_names[number]: weight for number, weight in by_class.items()}
        experiment = with_part(experiment, "training", class_weights=named)
    return with_part(
        experiment,
        "dataset",
        name=name,
        classes=None if classes == DEFAULT_CLASSES else classes,
        image=None if image == DEFAULT_IMAGE else image,
    )


def newly_chosen(experiment: Experiment) -> Experiment:
    """Return the experiment `resolved` for a dataset that was just chosen.

    If the dataset has a validation split of its own, as MedMNIST's have, that is the validation data in place of the
    test set, as in the works that use them.

    Raises:
        RequestError: As for `resolved`; or there is no such dataset, or its files cannot be used.
    """
    from mnist_tui.experiment.spec import with_part

    try:
        facts = facts_of(whole_name(experiment.dataset.name))
    except DataError as error:
        raise RequestError(str(error)) from None
    found = resolved(experiment)
    is_own = found.dataset.validation == "test" and facts.has_validation
    return with_part(found, "dataset", validation="own") if is_own else found


def own_facts(location: Location, largest: int = LARGEST_EDGE) -> DatasetFacts:
    """Return the facts of a person's own data; they are kept until the files change.

    Args:
        largest: The longest edge of an image in pixels.

    Raises:
        DataError: The files are incomplete or cannot be used.
    """
    return _own(location, largest)[0]


def label_rule(location: Location, largest: int = LARGEST_EDGE) -> LabelRule:
    """Return how the labels of a complete location become classes; `largest` as for `own_facts`.

    Raises:
        DataError: The labels cannot be read, or cannot be mapped.
    """
    if (known := KNOWN.get(location.name)) is not None:
        return rule_of_known(known.class_names, known.first_label)
    return _own(location, largest)[1]


def check_complete(location: Location) -> None:
    """Raise `DataError` if the location lacks files."""
    if location.missing:
        raise DataError(
            f"{location.folder} has {listed([file.name for file in location.files])} but not "
            f"{listed(location.missing)}; all four files are needed"
        )


def _own(location: Location, largest: int) -> tuple[DatasetFacts, LabelRule]:
    check_complete(location)
    names = read_class_names(location.folder) if location.folder is not None else None
    # the folders of images stand for their files, which can be very many
    stamped = dict.fromkeys(file.parent if location.kind == "images" else file for file in location.files)
    stamps = tuple((stat.st_size, stat.st_mtime_ns) for stat in map(Path.stat, stamped))
    return _facts(location, names, largest, stamps)


@lru_cache(maxsize=16)
def _facts(
    location: Location, names: tuple[str, ...] | None, largest: int, stamps: tuple[tuple[int, int], ...]
) -> tuple[DatasetFacts, LabelRule]:
    """Return the facts and the rule; `stamps`, the sizes and times of the files, are part of what is remembered."""
    if location.kind == "images":
        folder = location.folder or Path()
        rule = image_folders.class_rule(folder, location.files, names)
        splits = {image_folders.split_and_class(file, folder)[0] for file in location.files}
        image, notes = image_folders.first_shape(location.files), ()
    elif location.kind == "csv":
        tables, notes = csv_tables.find_tables(location.files, largest)
        image = csv_tables.tables_shape(tables)
        values = {split: csv_tables.label_values(table) for split, table in tables.items()}
        rule, splits = _rule(values, names, location.source), set(tables)
    else:
        read = _npz_facts if location.kind == "npz" else _idx_facts
        (image, values), notes = read(location, largest), ()
        rule, splits = _rule(values, names, location.source), set(values)
    without_test = () if "test" in splits else (NO_TEST,)
    facts = DatasetFacts(image, rule.names, "validation" in splits, (*rule.notes, *notes, *without_test))
    return facts, rule


def _rule(values: Mapping[str, frozenset[int]], names: tuple[str, ...] | None, where: str) -> LabelRule:
    return rule_of(values["train"], {split: each for split, each in values.items() if split != "train"}, names, where)


def _idx_facts(location: Location, largest: int) -> tuple[ImageShape, dict[str, frozenset[int]]]:
    files = dict(zip(location.parts, location.files, strict=True))
    shapes: dict[Part, ImageShape] = {
        part: read_image_shape(file, largest)[1] for part, file in files.items() if part.endswith("images")
    }
    check_same_shapes(shapes, location.source)
    labels = {part: file for part, file in files.items() if part.endswith("labels")}
    return shapes["train_images"], {part.partition("_")[0]: read_label_values(file) for part, file in labels.items()}


def _npz_facts(location: Location, largest: int) -> tuple[ImageShape, dict[str, frozenset[int]]]:
    from mnist_tui.data.npz import keys_of, npz_image_shape, read_npz

    keys = keys_of(location.files, location.parts)
    shapes: dict[Part, ImageShape] = {
        part: npz_image_shape(keys, part, largest) for part in keys if part.endswith("images")
    }
    check_same_shapes(shapes, location.source)
    labels = read_npz({part: key for part, key in keys.items() if part.endswith("labels")})
    values = {part.partition("_")[0]: frozenset(map(int, set(array.tolist()))) for part, array in labels.items()}
    return shapes["train_images"], values


def check_same_shapes(shapes: Mapping[Part, ImageShape], where: str) -> None:
    """Raise `DataError` unless the images of all parts have one shape."""
    train = shapes["train_images"]
    for part, shape in shapes.items():
        if shape != train:
            other = part.removesuffix("_images")
            raise DataError(
                f"{where}: the training images are {written(train)} but those of the {other} set "
                f"{written(shape)} (height, width, channels); all must be of one size"
            )
