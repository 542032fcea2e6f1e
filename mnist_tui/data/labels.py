"""The rule that maps the labels in a dataset's files to classes from 0, and the names of the classes.

The different labels of the training images, in order, are the classes 0, 1, 2, …: so no network has a class without
images. Whatever the rule changes is said in a sentence, and whatever it cannot map is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from mnist_tui.data.errors import DataError
from mnist_tui.experiment.shapes import FEWEST_CLASSES, MOST_CLASSES
from mnist_tui.files import UnreadableFileError, read_text
from mnist_tui.wording import counted, listed, noun, plural

NAME_FILES: Final = ("classes.txt", "labels.txt")
"""The files beside the data that name the classes, one a line; the first one that is there counts."""
_FEW: Final = 6


@dataclass(frozen=True, slots=True)
class LabelRule:
    """The classes of a dataset.

    Attributes:
        labels: The labels in the files, in the order of their classes.
        names: The names of the classes, in the same order.
        notes: Sentences about labels that were changed and names that are not used.
    """

    labels: tuple[int, ...]
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether a label in the files is not the number of its class."""
        return self.labels != tuple(range(len(self.labels)))


def rule_of_known(names: tuple[str, ...], first: int) -> LabelRule:
    """Return the rule of a known dataset, whose labels count from `first`."""
    return LabelRule(tuple(range(first, first + len(names))), names)


def rule_of(
    train: Iterable[int], others: Mapping[str, Iterable[int]], names: tuple[str, ...] | None, where: str
) -> LabelRule:
    """Return the rule for a person's own data.

    Args:
        train: The different labels of the training images.
        others: The different labels of the other parts, by their names in messages ("test").
        names: The class names beside the data, None if there are none.
        where: The data, for messages.

    Raises:
        DataError: There are too few or too many classes, a part has a label that no training image has, or the names
            do not match the labels.
    """
    labels = tuple(sorted(set(train)))
    _check_number([str(label) for label in labels], "label", where)
    for part, values in others.items():
        if unknown := sorted(set(values) - set(labels)):
            raise _unseen(where, part, "label", [str(label) for label in unknown])
    notes: list[str] = []
    if absent := labels[-1] - labels[0] + 1 - len(labels):
        which = "."
        if absent <= MOST_CLASSES:  # labels can be billions apart
            missing = [str(label) for label in range(labels[0], labels[-1]) if label not in labels]
            which = f": no training image has the {noun(missing, 'label')} {class_list(missing)}."
        notes.append(f"The labels have gaps{which} The {len(labels)} labels that occur are the {len(labels)} classes.")
    elif labels[0]:
        notes.append(f"The labels {labels[0]} to {labels[-1]} are {len(labels)} classes.")
    chosen, left_out = _named(labels, names, where)
    if left_out:
        notes.append(f"No training image has the {noun(left_out, 'class')} {class_list(left_out)}: left out.")
    by_label = dict(zip(labels, chosen, strict=True))
    found = {part: {by_label[value] for value in values} for part, values in others.items()}
    return LabelRule(labels, chosen, (*notes, *_absences(chosen, found)))


def rule_of_names(names: tuple[str, ...], found: Mapping[str, set[str]], where: str) -> LabelRule:
    """Return the rule for data whose classes have names and no labels; a class's label is its place among the names.

    Args:
        names: The classes of the training images.
        found: The classes in each split.
        where: The data, for messages.

    Raises:
        DataError: There are too few or too many classes, or a split has a class that no training image has.
    """
    _check_number(names, "class", where)
    others = {split: classes for split, classes in found.items() if split != "train"}
    for split, classes in others.items():
        if unknown := sorted(classes - set(names)):
            raise _unseen(where, split, "class", unknown)
    return LabelRule(tuple(range(len(names))), names, _absences(names, others))


def weights_by_class(weights: Mapping[str, float], names: Sequence[str]) -> dict[int, float]:
    """Return weights of classes by the classes' numbers from 0, in their order.

    Args:
        weights: The weights by the names of the classes. Where no name is a number, a class's number works, too.
        names: The names of all classes, in the order of their numbers.

    Raises:
        DataError: A key names no class, or two keys name the same class.
    """
    numbers = {} if any(name.lstrip("-").isdecimal() for name in names) else {str(n): n for n in range(len(names))}
    numbers |= {name: number for number, name in enumerate(names)}
    if unknown := [name for name in weights if name not in numbers]:
        known = f"{names[0]} to {names[-1]}" if _counts_up(names) else class_list(names)
        raise DataError(f"there is no class {listed(unknown, 'or')}; the data have the classes {known}")
    found = sorted((numbers[name], weight) for name, weight in weights.items())
    if twice := [names[one] for (one, _), (other, _) in pairwise(found) if one == other]:
        raise DataError(f"the class {twice[0]} has two weights; give it one")
    return dict(found)


def _counts_up(names: Sequence[str]) -> bool:
    first = names[0]
    return first.isdecimal() and list(names) == [str(int(first) + place) for place in range(len(names))]


def _check_number(found: Sequence[str], what: str, where: str) -> None:
    if FEWEST_CLASSES <= len(found) <= MOST_CLASSES:
        return
    has = f"only the {what} {found[0]}" if len(found) == 1 else f"{len(found)} different {plural(what)}"
    raise DataError(f"{where} has {has}; {FEWEST_CLASSES} to {MOST_CLASSES} classes work")


def _unseen(where: str, part: str, what: str, names: Sequence[str]) -> DataError:
    return DataError(
        f"{where}: no training image has the {noun(names, what)} {class_list(names)} of the {part} set; a network "
        "can only learn classes that it sees in training"
    )


def _absences(names: Sequence[str], found: Mapping[str, set[str]]) -> tuple[str, ...]:
    absent = {part: [name for name in names if name not in classes] for part, classes in found.items()}
    return tuple(
        f"No {part} image has the {noun(missing, 'class')} {class_list(missing)}."
        for part, missing in absent.items()
        if missing
    )


def _named(labels: tuple[int, ...], names: tuple[str, ...] | None, where: str) -> tuple[tuple[str, ...], list[str]]:
    """Return the name of each label, and the names that no label has."""
    if names is None:
        return tuple(map(str, labels)), []
    if len(names) == len(labels):
        return names, []
    first = 1 if labels[0] == 1 and len(names) == labels[-1] else 0
    if labels[0] >= first and len(names) == labels[-1] - first + 1:
        used = {label - first for label in labels}
        return tuple(names[place] for place in sorted(used)), [
            name for place, name in enumerate(names) if place not in used
        ]
    raise DataError(
        f"{where} has {counted(names, 'class name', 'class names')} but {len(labels)} different labels "
        f"({class_list([*map(str, labels)])}); give one name for each, one a line"
    )


def class_list(names: Sequence[str]) -> str:
    """Return names as a phrase; of many, only the first ones."""
    return listed(names) if len(names) <= _FEW else listed([*names[: _FEW - 1], f"{len(names) - _FEW + 1} more"])


def read_class_names(folder: Path) -> tuple[str, ...] | None:
    """Return the class names in a folder's `classes.txt` or `labels.txt`; None if it has neither.

    Raises:
        DataError: The file cannot be read, or its names are empty or not different.
    """
    for file in (folder / name for name in NAME_FILES):
        try:
            text = read_text(file, follow_links=True)
        except FileNotFoundError:
            continue
        except UnreadableFileError as failure:
            raise DataError(f"{failure}; it needs the class names, one a line, as UTF-8 text") from None
        except OSError as failure:
            raise DataError(f"{file} cannot be read: {failure.strerror or failure}") from None
        names = tuple(line.strip() for line in text.strip().splitlines())
        if not all(names) or len(set(names)) != len(names) or not names:
            raise DataError(
                f"{file} has {len(set(names) - {''})} different class names in {len(names)} lines; each line needs a "
                "name of its own"
            )
        return names
    return None
