"""The editor: every parameter of an experiment, its layers, and its complexity, computed again at every edit.

The screen connects the draft, which holds the experiment and its edits, with the panes.
"""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterable
from dataclasses import replace

from textual import events, getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container, Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Label, OptionList, Static, Tab, Tabs

from mnist_tui.experiment import complexity
from mnist_tui.experiment.layers import LAYER_KINDS
from mnist_tui.experiment.preset_files import PresetError, builtin_folder, user_folder
from mnist_tui.experiment.presets import Preset, save_preset
from mnist_tui.experiment.spec import HogFeatures
from mnist_tui.paths import PathError
from mnist_tui.tui import experiment_words, leaving, run_commands
from mnist_tui.tui.bench import BenchScreen, Route, subject_of
from mnist_tui.tui.dialogs import ChooseScreen, FormDialog
from mnist_tui.tui.editor.digit import DigitPane
from mnist_tui.tui.editor.draft import Draft, differences, to_save
from mnist_tui.tui.editor.panes import ComplexityPane, FieldRow, LayersPane, ParametersPane
from mnist_tui.tui.presets.screen import DataNote
from mnist_tui.tui.terminal.keyboard import TAKES_KEYBOARD
from mnist_tui.tui.terminal.keymap import bind, key_of
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.tui.widgets.tab_strip import TabStrip
from mnist_tui.tui.widgets.text import Line

PANES = {"parameters": "Parameters", "layers": "Layers", "complexity": "Complexity", "digit": "Digit"}


class EditorScreen(BenchScreen[None]):
    """The screen that edits a copy of a preset's experiment.

    Args:
        preset: the preset to copy.
        kept: an earlier, unfinished draft of the same preset, to be continued.
    """

    TAB = "presets"
    CSS_PATH = "editor.tcss"
    TITLE = "Editor"
    AUTO_FOCUS = ""
    VERTICAL_BREAKPOINTS = [(0, "-short"), (24, "-medium"), (36, "-tall"), (48, "-towering")]
    HELP = """
    **Editor.** All settings of an experiment. Every text is checked while you type. A wrong text stays in its field,
    with the reason below it; until it is corrected, the experiment can be neither trained nor saved. The preset itself
    is never changed.
    """
    STARTS_RUNS = True
    BINDINGS = [
        bind("editor.train", "ctrl+t", "train", "Train", "Train the edited experiment"),
        bind("editor.save", "ctrl+s", "save", "Save", "Save as a preset of your own"),
        bind("editor.sweep", "ctrl+g", "sweep", "Sweep", "Seeds, or values of parameters, as trials"),
        bind("editor.undo", "ctrl+z", "change('undo')", "Undo", "Undo the last edit"),
        bind("editor.redo", "ctrl+y", "change('redo')", "Redo", "Redo the edit that was undone", hidden=True),
        bind("editor.reset", "ctrl+r", "change('reset')", "Reset", "Back to the preset; can be undone"),
        bind("editor.back", "escape", "leave", "Back", "Back to where you were"),
        bind("editor.parameters", "f6", "pane('parameters')", "Parameters", "To the parameters", hidden=True),
        bind("editor.layers", "f7", "pane('layers')", "Layers", "To the layers", hidden=True),
        bind("editor.complexity", "f8", "pane('complexity')", "Complexity", "To the complexity", hidden=True),
        bind("editor.digit", "f9", "pane('digit')", "HOG digit", "To the digit beside its HOG picture", hidden=True),
        bind("editor.next-digit", "ctrl+n", "next_digit", "Next digit", "Show the next digit", hidden=True),
    ]

    what = getters.query_one("#what", Line)
    summary = getters.query_one("#summary", Line)
    data_note = getters.query_one(DataNote)
    tabs = getters.query_one(Tabs)
    panes = getters.query_one("#panes", Container)
    parameters = getters.query_one(ParametersPane)
    stack = getters.query_one(LayersPane)
    counts = getters.query_one(ComplexityPane)
    digit = getters.query_one(DigitPane)
    hint = getters.query_one("#hint", Line)

    def __init__(self, preset: Preset, kept: Draft | None = None) -> None:
        super().__init__()
        self.draft = kept or Draft(preset)
        self._possible: dict[str, bool] = {}

    @property
    def edited(self) -> Draft:
        return self.draft

    @property
    def subject(self) -> Hashable:
        return subject_of(self.draft.preset)

    def shown_again(self, route: Route) -> None:
        kept = self.app.kept_edits.pop(self.subject, None)
        if kept is not None:
            self.draft.adopt(kept.experiment)
            self.call_later(self._follow)

    def compose(self) -> ComposeResult:
        yield TabStrip()
        with Horizontal(id="top"):
            yield Line("editor", id="word")
            yield Line(id="what")
            yield Line(id="summary")
        yield Tabs(*(Tab(Content(self._title(name)), id=f"to-{name}") for name in PANES))
        hog = " -hog" if isinstance(self.draft.experiment.features, HogFeatures) else ""
        yield Container(id="panes", classes=f"-parameters{hog}")
        yield DataNote()
        yield Line(id="hint")
        yield KeyFooter()

    def _title(self, pane: str) -> str:
        return f"{PANES[pane]} {key_of(f'editor.{pane}', EditorScreen, self.app.settings.keys)}"

    def on_mount(self) -> None:
        self.call_after_refresh(self._fill)

    async def _fill(self) -> None:
        """Add the panes once the frame around them is drawn, so that the screen appears sooner."""
        if not self.is_attached:
            return
        state = self.draft.state
        panes = (ParametersPane(state), LayersPane(state), ComplexityPane(), DigitPane())
        for pane in panes:
            pane.border_title = Content(self._title(pane.id or ""))
        await self.panes.mount_all(panes)
        await self._follow(place=0)
        self.query(FieldRow).first().control.focus()

    async def _follow(self, *, place: int | None = None, typing: str = "") -> None:
        """Show the draft in all panes; choose the layer at `place`, and leave the text that is being typed alone."""
        draft, state = self.draft, self.draft.state
        await self.parameters.follow(state, typing)
        await self.stack.follow(state, place, typing)
        self.counts.follow(state, draft.problems)
        self.what.say(f"{draft.preset.name}{' · edited' if draft.is_edited else ''}")
        self.summary.say(experiment_words.summary(complexity.of(state.whole)) if draft.ready else "not valid yet")
        self.summary.set_class(not draft.ready, "-wrong")
        self._show_hint()
        self._follow_features()
        self.data_note.follow(state.experiment.dataset.name)
        possible = {
            "undo": draft.can_undo,
            "redo": draft.can_redo,
            "reset": draft.is_edited,
            "next_digit": isinstance(state.experiment.features, HogFeatures),
        }
        if possible != self._possible:
            self._possible = possible
            self.refresh_bindings()

    def _follow_features(self) -> None:
        experiment = self.draft.experiment
        self.panes.set_class(isinstance(experiment.features, HogFeatures), "-hog")
        if isinstance(experiment.features, HogFeatures):
            self.tabs.show("to-digit")
            self.digit.follow(experiment.dataset.name, experiment.features)
        elif self.tabs.query_one("#to-digit").display:
            self.tabs.hide("to-digit")
            if self.tabs.active == "to-digit":
                self.action_pane("parameters")

    @on(FieldRow.Edited)
    async def _edit(self, event: FieldRow.Edited) -> None:
        if self.draft.enter(event.entry, event.text):
            await self._follow(typing=event.entry.key)

    async def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """Show an accepted text in its normal form when its field loses the focus."""
        row = _row_of(event.widget)
        if row is not None:
            self.draft.settle()
            row.show(self.draft.state)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        around = event.widget.ancestors_with_self
        for pane in self.panes.children:
            pane.set_class(pane in around, "-focused")
        self._show_hint()

    def _show_hint(self) -> None:
        """Show the help of the focused field, or the reason why its text is refused."""
        row = _row_of(self.focused)
        wrong = self.draft.state.wrong.get(row.entry.key) if row else None
        self.hint.set_class(wrong is not None, "-wrong")
        hint = row.entry.sentence if row else str(getattr(self.focused, "HINT", ""))
        self.hint.say(wrong.message if wrong else hint)

    @on(OptionList.OptionHighlighted, "#layer-list")
    async def _choose_layer(self) -> None:
        await self.stack.show_fields()

    @work(group=TAKES_KEYBOARD)
    async def action_add_layer(self) -> None:
        """Ask for a kind of layer and add such a layer after the chosen one."""
        kinds = LAYER_KINDS.values()
        lines = [Content.assemble((kind.TITLE, "bold"), "\n", (f"  {kind.about()}", "dim")) for kind in kinds]
        chosen = await self.app.push_screen_wait(ChooseScreen("Add a layer after the chosen one", lines))
        if chosen is not None:
            kind = tuple(LAYER_KINDS)[chosen]
            listing = self.stack.listing
            after = -1 if not self.draft.experiment.layers else listing.place
            await self._follow(place=self.draft.add_layer(kind, after))
            listing.focus()

    async def action_remove_layer(self) -> None:
        """Remove the chosen layer; the output layer stays."""
        place = self.stack.listing.place
        if place >= len(self.draft.experiment.layers):
            self.notify("The output layer stays: ten classes need ten neurons.", severity="warning")
            return
        self.draft.remove_layer(place)
        await self._follow(place=place)

    async def action_move_layer(self, by: int) -> None:
        """Move the chosen layer up (-1) or down (1)."""
        place = self.stack.listing.place
        if place < len(self.draft.experiment.layers):
            await self._follow(place=self.draft.move_layer(place, by))

    def action_layer_fields(self) -> None:
        rows = self.stack.section.rows
        if rows:
            rows[0].control.focus()

    async def action_change(self, name: str) -> None:
        """Undo or redo an edit, or reset the draft."""
        getattr(self.draft, name)()
        await self._follow()

    def action_pane(self, name: str) -> None:
        """Focus a pane; in a small window, show it in place of the others."""
        if name == "digit" and not self.panes.has_class("-hog"):
            return
        self.tabs.active = f"to-{name}"
        self._show_pane(name)
        first = {"parameters": "#parameters Input", "layers": "LayerList"}.get(name, f"#{name}")
        self.call_after_refresh(self.query(first).first().focus)

    @on(Tabs.TabActivated)
    def _tab(self, event: Tabs.TabActivated) -> None:
        self._show_pane((event.tab.id or "").removeprefix("to-"))

    def _show_pane(self, name: str) -> None:
        for pane in PANES:
            self.panes.set_class(pane == name, f"-{pane}")

    def action_next_digit(self) -> None:
        self.digit.next()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if not self._possible:
            return action == "leave"
        if action == "change":
            return self._possible[str(parameters[0])] or None
        return action != "next_digit" or self._possible["next_digit"]

    def action_train(self) -> None:
        if self._is_ready("trained"):
            run_commands.train(self.app, self.draft.result(), started=self.draft.hold)

    def action_sweep(self) -> None:
        if self._is_ready("swept"):
            self.app.show(Route("sweep", preset=self.draft.result()))

    @work(group=TAKES_KEYBOARD)
    async def action_save(self) -> None:
        await self._save()

    async def _save(self) -> bool:
        if not self._is_ready("saved"):
            return False
        saved = await self.app.push_screen_wait(SavePresetScreen(to_save(self.draft)))
        if saved is None:
            return False
        self.draft.saved_as(saved)
        await self._follow()
        self.notify(f"{saved.path}", title=f"Saved as {saved.name}")
        return True

    @work(group=TAKES_KEYBOARD)
    async def action_leave(self, to: str = "back") -> None:
        """Leave the editor, or the app with `to` = quit; ask first if neither a preset nor a run holds the edits."""
        if self.draft.is_unsaved:
            changes = differences(self.draft.preset.experiment, self.draft.experiment)
            question = leaving.UnsavedQuestion(changes or ("layers or further arguments",))
            choice = await self.app.push_screen_wait(question)
            if choice == "stay" or (choice == "save" and not await self._save()):
                return
            self.draft.hold()
        if to == "quit":
            self.app.run_worker(leaving.leave(self.app), group=TAKES_KEYBOARD)
        else:
            self.app.back()

    def _is_ready(self, what: str) -> bool:
        """Return whether the draft is valid; if it is not, show why and focus the first wrong field."""
        draft = self.draft
        if draft.ready:
            return True
        self.notify("\n".join(draft.problems[:3]), title=f"Not {what}", severity="error", timeout=8)
        wrong = next(iter(draft.state.wrong), None)
        row = next((row for row in self.query(FieldRow) if row.entry.key == wrong), None)
        if row is None:
            self.action_pane("layers")
        else:
            self._show_pane("layers" if row.entry.key.startswith(("layers", "output")) else "parameters")
            self.call_after_refresh(row.control.focus)
        return False


def _row_of(widget: Widget | None) -> FieldRow | None:
    nodes = widget.ancestors_with_self if widget is not None else []
    return next((node for node in nodes if isinstance(node, FieldRow)), None)


class SavePresetScreen(FormDialog[Preset]):
    """A dialog that saves a preset and returns it as it was saved; None if it is cancelled.

    Args:
        preset: the preset to save; a person may change its name and title.
    """

    TITLE = "Save as a preset"
    ACCEPT = "Save"
    HELP = """
    **Save as a preset.** The name may have letters, digits, dots, hyphens and underscores; `--preset NAME` uses it on
    the command line. A preset of your own can be replaced, after a question; a built-in preset cannot.
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
        """Save the preset; a second attempt replaces a preset of the same name."""
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
