"""Advice as actions: the app does what an action says at a key, the command line prints a command for it."""

from __future__ import annotations

import shlex
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from mnist_tui import PROGRAM
from mnist_tui.errors import RequestError
from mnist_tui.experiment.parameters import apply_texts, by_name
from mnist_tui.experiment.spec import Experiment
from mnist_tui.wording import counted, listed


class Action(ABC):
    """Something that can be done about a run.

    Attributes:
        name: the last part of the id of its key, on the screen of the diagnosis, such as ``diagnosis.extend``.
    """

    name: ClassVar[str]

    @property
    @abstractmethod
    def label(self) -> str:
        """What is done: ``Train 18 more epochs``."""

    @abstractmethod
    def command(self, run: str, experiment_file: str) -> str:
        """Return the command line that does it.

        Args:
            run: the run's id.
            experiment_file: the path of its experiment.toml.
        """


@dataclass(frozen=True)
class Extend(Action):
    """Train a run some epochs more than planned."""

    epochs: int
    name = "extend"

    @property
    def label(self) -> str:
        return f"Train {counted(self.epochs, 'more epoch')}"

    def command(self, run: str, experiment_file: str) -> str:
        return shlex.join([PROGRAM, "extend", run, "--epochs", str(self.epochs)])


@dataclass(frozen=True)
class Resume(Action):
    """Train the rest of a run that has ended before its last planned epoch; `epochs` of it are missing."""

    epochs: int
    name = "resume"

    @property
    def label(self) -> str:
        return f"Resume: train the remaining {counted(self.epochs, 'epoch')}"

    def command(self, run: str, experiment_file: str) -> str:
        return shlex.join([PROGRAM, "resume", run])


@dataclass(frozen=True)
class Edit(Action):
    """Change parameters of a run's experiment, to train it anew.

    Attributes:
        changes: pairs of a parameter's name, or of a path in the TOML form, and the new value as text.
        about: the changes in words, if their names and values do not say enough.
    """

    changes: tuple[tuple[str, str], ...]
    about: str = ""
    name = "edit"

    @property
    def in_words(self) -> str:
        """The changes: ``learning rate 0.0001``."""
        return self.about or listed([f"{_label(name)} {text}" for name, text in self.changes])

    @property
    def label(self) -> str:
        return f"Train again with {self.in_words}"

    def command(self, run: str, experiment_file: str) -> str:
        words = [PROGRAM, "train", "--preset", experiment_file]
        for name, text in self.changes:
            words += ["--set", f"{name}={text}"] if "." in name else [by_name(name).flag, text]
        return shlex.join(words)

    def applied(self, experiment: Experiment) -> Experiment:
        """Return the experiment with the changes; raise a RequestError where they do not fit it."""
        texts = {name: text for name, text in self.changes if "." not in name}
        return apply_texts(experiment, texts, [f"{name}={text}" for name, text in self.changes if "." in name])


def _label(name: str) -> str:
    return name.rpartition(".")[2].replace("_", " ") if "." in name else by_name(name).label.lower()


@dataclass(frozen=True)
class Seeds(Action):
    """Train the same experiment in several seeds, to see how much of its scores is chance."""

    seeds: int
    name = "seeds"

    @property
    def label(self) -> str:
        return f"Train it in {counted(self.seeds, 'seed')}"

    def command(self, run: str, experiment_file: str) -> str:
        return shlex.join([PROGRAM, "train", "--preset", experiment_file, "--seeds", str(self.seeds)])


def edit(experiment: Experiment, *changes: tuple[str, str], about: str = "") -> tuple[Edit, ...]:
    """Return an edit of the experiment; nothing if the changes do not fit it, or change nothing."""
    action = Edit(changes, about)
    try:
        return (action,) if action.applied(experiment) != experiment else ()
    except RequestError:
        return ()
