"""The dialog that writes the experiment of a preset as a program with plain Keras, without a run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from textual import on, work
from textual.binding import Binding
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from mnist_tui.errors import RequestError
from mnist_tui.experiment.presets import Preset
from mnist_tui.paths import typed_path
from mnist_tui.report.export import CODE_FORMATS, ITEMS, ExistsError, export_preset
from mnist_tui.tui.dialogs import FormDialog
from mnist_tui.tui.terminal.keymap import bind
from mnist_tui.tui.widgets.controls import KeyedCheckbox
from mnist_tui.tui.widgets.path_input import PathInput
from mnist_tui.wording import noun


class CodeForm(KeyedCheckbox, inherit_bindings=False):
    """A form of the program; Enter writes the chosen ones."""

    DEFAULT_CSS = "CodeForm { width: 1fr; background: transparent; }"
    BINDINGS = [Binding("space", "toggle_button", show=False), Binding("enter", "screen.accept", show=False)]


class PresetCodeScreen(FormDialog[None]):
    """The dialog that asks for the forms of the program and for a folder, and writes the files.

    Args:
        preset: its experiment is written; for the editor, with the edits.
    """

    TITLE = "Experiment as code"
    ACCEPT = "Write"
    GUIDE = "weights"
    HELP = """
    **Code.** The experiment as a program with plain Keras, which needs no mnist-tui: it reads the same data, trains,
    evaluates and draws. Space chooses the forms, Enter writes them. `mnist-tui export PRESET --code keras` does the
    same. The export of a run has its code, too.
    """
    BINDINGS = [
        bind("code.cancel", "escape", "cancel", "Cancel", "Write nothing"),
        bind("code.write", "ctrl+s", "accept", "Write", "Write the chosen files"),
    ]

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        self._preset = preset
        self._forms = {file: CodeForm(ITEMS[file], file, value=True) for file in CODE_FORMATS.values()}
        self._folder = PathInput(str(Path.cwd() / "mnist-tui-exports" / preset.name), folders=True)
        self._warned: tuple[Path, list[str]] | None = None

    def fields(self) -> Iterable[Widget]:
        yield Static(f"Preset {self._preset.name}: {self._preset.title}", markup=False)
        yield from self._forms.values()
        yield Label("Folder")
        yield self._folder

    @on(Input.Changed)
    @on(CodeForm.Changed)
    def _changed(self) -> None:
        self._warned = None
        self.show_problem("")

    def accept(self) -> None:
        """Write the chosen files; files that exist are replaced only after a second time."""
        files = [file for file, choice in self._forms.items() if choice.value]
        if not files or not self._folder.value.strip():
            self.show_problem("No form is chosen." if not files else "No folder is named.")
            return
        try:
            self._write(typed_path(self._folder.value.strip()), files)
        except RequestError as error:
            self.show_problem(f"{error}.")

    @work(exclusive=True, exit_on_error=False)
    async def _write(self, folder: Path, files: list[str]) -> None:
        overwrite = self._warned == (folder, files)
        try:
            paths = await asyncio.to_thread(export_preset, self._preset, files, folder, overwrite=overwrite)
        except ExistsError as error:
            self._warned = (folder, files)
            self.show_problem(f"{error}; {self.ACCEPT} once more replaces {noun(error.paths, 'it', 'them')}.")
        except RequestError as error:
            self.show_problem(f"{error}.")
        else:
            self.app.notify(f"{', '.join(path.name for path in paths)} in {folder}", title="Code written")
            self.dismiss(None)
