"""The dialog that saves an experiment as a preset of the user."""

from __future__ import annotations

import os
from dataclasses import replace

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from mnist_tui.experiment.presets import Preset, PresetError, builtin_folder, save_preset, user_folder
from mnist_tui.paths import PathError


class SavePresetScreen(ModalScreen[Preset | None]):
    """Saves a preset and returns it as it was saved; None if it was not saved.

    Args:
        preset: the preset to save, with the name and title to start from.
    """

    HELP = """
    **Save as a preset.** Letters, digits, dots, hyphens and underscores can name it; `--preset NAME` takes that name on
    the command line. A preset of your own may be replaced, which is asked; a built-in one may not.
    """
    DEFAULT_CSS = """
    SavePresetScreen {
        align: center middle;
        & > Vertical {
            width: 70;
            max-width: 96%;
            height: auto;
            padding: 1 2;
            border: round $primary;
            background: $panel;
        }
        Static { height: auto; }
        Input { margin-bottom: 1; background: $foreground 8%; }
        .said { color: $text-muted; margin-bottom: 1; }
        #problem { color: $text-error; margin-bottom: 1; display: none; }
        &.-wrong #problem { display: block; }
        &.-taken #problem { color: $text-warning; }
        Horizontal { height: auto; align-horizontal: center; }
        Button { margin: 0 1; }
    }
    """
    BINDINGS = [
        Binding("escape", "dismiss(None)", "Cancel"),
        Binding("ctrl+s", "save", "Save", id="save-preset.save"),
        Binding("down", "app.focus_within(1)", show=False),
        Binding("up", "app.focus_within(-1)", show=False),
    ]
    problem = getters.query_one("#problem", Static)
    name_field = getters.query_one("#name", Input)
    title_field = getters.query_one("#title", Input)
    save_button = getters.query_one("#save", Button)

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        self._preset = preset
        self._taken = ""

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Save as a preset"
            yield Static("Name, for --preset", markup=False)
            yield Input(self._preset.name, compact=True, id="name")
            yield Static("Title", markup=False)
            yield Input(self._preset.title, compact=True, id="title")
            yield Static(_place(), classes="said", markup=False)
            yield Static(id="problem", markup=False)
            with Horizontal():
                yield Button("Save", variant="primary", id="save")
                yield Button("Cancel", id="cancel")

    @on(Input.Changed, "#name")
    def _renamed(self) -> None:
        self._taken = ""
        self._say("", taken=False)

    @on(Input.Submitted)
    @on(Button.Pressed, "#save")
    def action_save(self) -> None:
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

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.dismiss(None)

    def _say(self, text: str, *, taken: bool) -> None:
        self.problem.update(text)
        self.set_class(bool(text), "-wrong")
        self.set_class(taken, "-taken")
        self.save_button.label = "Replace" if taken else "Save"


def _place() -> str:
    """Return where the preset is saved, or why it cannot be saved."""
    try:
        return f"It goes to {user_folder()}"
    except PathError as error:
        return str(error)
