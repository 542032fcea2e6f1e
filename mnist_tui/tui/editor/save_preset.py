"""The dialog that saves an experiment as a preset of the user."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace

from textual import on
from textual.binding import Binding
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from mnist_tui.experiment.presets import Preset, PresetError, builtin_folder, save_preset, user_folder
from mnist_tui.paths import PathError
from mnist_tui.tui.dialogs import FormDialog
from mnist_tui.tui.terminal.keymap import bind


class SavePresetScreen(FormDialog[Preset]):
    """Saves a preset and gives it as it was saved; None if it was not saved.

    Args:
        preset: the preset to save, with the name and title to start from.
    """

    TITLE = "Save as a preset"
    ACCEPT = "Save"
    HELP = """
    **Save as a preset.** Letters, digits, dots, hyphens and underscores can name it; `--preset NAME` takes that name on
    the command line. A preset of your own may be replaced, which is asked; a built-in one may not.
    """
    BINDINGS = [Binding("escape", "cancel", "Cancel"), bind("save-preset.save", "ctrl+s", "accept", "Save")]

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        self._preset = preset
        self._taken = ""
        self.name_field = Input(preset.name, compact=True, id="name")
        self.title_field = Input(preset.title, compact=True, id="title")

    def fields(self) -> Iterable[Widget]:
        try:
            place = f"It goes to {user_folder()}"
        except PathError as error:
            place = str(error)
        yield Label("Name, for --preset")
        yield self.name_field
        yield Label("Title")
        yield self.title_field
        yield Static(place, classes="note", markup=False)

    @on(Input.Changed, "#name")
    def _renamed(self) -> None:
        self._taken = ""
        self._say("", taken=False)

    def accept(self) -> None:
        """Save the preset; a second time replaces a preset of the same name."""
        name = self.name_field.value.strip()
        preset = replace(self._preset, name=name, title=self.title_field.value.strip(), origin="saved")
        taken = False
        try:
            taken = os.path.lexists(user_folder() / f"{name}.toml") and not any(
                path.stem == name for path in builtin_folder().rglob("*.toml")
            )
            path = save_preset(preset, name, overwrite=bool(name) and name == self._taken)
        except (PresetError, PathError) as error:
            self._taken = name if taken else ""
            self._say(f"{error}; save again to replace it" if taken else str(error), taken=taken)
            return
        self.dismiss(replace(preset, path=path))

    def _say(self, problem: str, *, taken: bool) -> None:
        self.show_problem(problem)
        self.set_class(taken, "-taken")
        self.accept_button.label = "Replace" if taken else "Save"
