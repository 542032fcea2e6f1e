"""The editor: every parameter of an experiment, its layers, and its complexity, computed again at every edit.

The screen connects the draft, which holds the experiment and its edits, with the panes.
"""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterable
from dataclasses import replace
from textwrap import wrap

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
from mnist_tui.paths import PathError
from mnist_tui.tui import experiment_words, leaving, run_commands
from mnist_tui.tui.bench import BenchScreen, Route, subject_of
from mnist_tui.tui.dialogs import FormDialog, SearchScreen
from mnist_tui.tui.editor.draft import (
    Draft,
    State,
    Step,
    differences,
    growth,
    label_in,
    layer_row,
    parameter_fields,
    to_save,
)
from mnist_tui.tui.editor.image import ImagePane
from mnist_tui.tui.editor.panes import ComplexityPane, FieldRow, LayersPane, ParametersPane, counted_growth
from mnist_tui.tui.editor.rate_range import RateRangeScreen
from mnist_tui.tui.presets.screen import DataNote
from mnist_tui.tui.terminal.keyboard import TAKES_KEYBOARD
from mnist_tui.tui.terminal.keymap import bind, key_of, pane_keys, pane_title
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.tui.widgets.tab_strip import TabStrip
from mnist_tui.tui.widgets.text import Line
from mnist_tui.wording import sentence_of, signed

PANES = {"parameters": "Parameters", "layers": "Layers", "complexity": "Complexity", "image": "Image"}

ABOUT_WIDTH = 66
"""Columns of what a layer does, in the list of layers to add."""
MANY_LAYERS = 4
"""The number of layers, without the output layer, from which the layers have the room of the image."""
DONE_SECONDS = 8.0
"""The time for which a line says what was done."""


class EditorScreen(BenchScreen[None]):
    """The screen that edits a copy of a preset's experiment.

    Args:
        preset: the preset to copy.
        kept: an earlier, unfinished draft of the same preset, to be continued.
    """

    TAB = "presets"
    GUIDE = "screens#editor"
    CSS_PATH = "editor.tcss"
    TITLE = "Editor"
    AUTO_FOCUS = ""
    VERTICAL_BREAKPOINTS = [(0, "-short"), (24, "-medium"), (36, "-tall"), (48, "-towering")]
    HELP = """
    **Editor.** All settings of an experiment. Every text is checked while you type. A wrong text stays in its field,
    with the reason below it; until it is corrected, the experiment can be neither trained nor saved. A ◆ marks what
    you have changed. The preset itself is never changed.
    """
    STARTS_RUNS = True
    BINDINGS = [
        bind("editor.train", "ctrl+t", "train", "Train", "Train the edited experiment"),
        bind("editor.save", "ctrl+s", "save", "Save", "Save as a preset of your own"),
        bind("editor.sweep", "ctrl+g", "sweep", "Sweep", "Seeds, or values of parameters, as trials"),
        bind(
            "editor.rates", "ctrl+l", "rates", "Find rate", "Test the learning rates, and take the suggested one over"
        ),
        bind("editor.undo", "ctrl+z", "change('undo')", "Undo", "Undo the last edit"),
        bind("editor.redo", "ctrl+y", "change('redo')", "Redo", "Redo the edit that was undone", hidden=True),
        bind("editor.reset", "ctrl+r", "change('reset')", "Reset", "Back to the preset; can be undone"),
        bind(
            "editor.back",
            "escape",
            "back",
            "Back",
            "To the list of layers from a layer's field; else to where you were",
        ),
        bind("editor.code", "f10", "code", "Export code", "The experiment as a plain Keras program", hidden=True),
        bind("editor.parameters", "f6", "pane('parameters')", "Parameters", "To the parameters", hidden=True),
        bind("editor.layers", "f7", "pane('layers')", "Layers", "To the layers", hidden=True),
        bind("editor.complexity", "f8", "pane('complexity')", "Complexity", "To the complexity", hidden=True),
        bind("editor.image", "f9", "pane('image')", "Image", "To the image as the network sees it", hidden=True),
        bind("editor.next-image", "ctrl+n", "next_image", "Next image", "Show the next image", hidden=True),
        bind("editor.variants", "ctrl+o", "variants", "Variants", "Show the image as it is augmented", hidden=True),
    ]

    what = getters.query_one("#what", Line)
    summary = getters.query_one("#summary", Line)
    data_note = getters.query_one(DataNote)
    tabs = getters.query_one(Tabs)
    panes = getters.query_one("#panes", Container)
    parameters = getters.query_one(ParametersPane)
    stack = getters.query_one(LayersPane)
    counts = getters.query_one(ComplexityPane)
    image = getters.query_one(ImagePane)
    hint = getters.query_one("#hint", Line)
    footer = getters.query_one(KeyFooter)

    def __init__(self, preset: Preset, kept: Draft | None = None) -> None:
        super().__init__()
        self.draft = kept or Draft(preset)
        self._possible: dict[str, bool] = {}
        self._done: tuple[Widget | None, str] = (None, "")
        self._refused = False

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
            yield Line(id="what")
            yield Line(id="summary")
        yield Tabs(*(Tab(Content(f"{title} {self._key(name)}"), id=f"to-{name}") for name, title in PANES.items()))
        with Container(id="panes", classes="-parameters"):
            yield Line("Loading …", id="wait", classes="muted")
        yield DataNote()
        yield Line(id="hint")
        yield KeyFooter()

    def _key(self, pane: str) -> str:
        return key_of(f"editor.{pane}", EditorScreen, self.app.settings.keys)

    def on_mount(self) -> None:
        self.call_after_refresh(self._fill)

    async def _fill(self) -> None:
        """Add the panes once the frame around them is drawn, so that the screen appears sooner."""
        if not self.is_attached:
            return
        draft = self.draft
        panes = (ParametersPane(draft), LayersPane(draft), ComplexityPane(), ImagePane())
        await self.panes.mount_all(panes)
        self.query_one("#wait").display = False
        self._show_titles()
        await self._follow(place=0)
        self.query(FieldRow).first().control.focus()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_titles)

    def _show_titles(self) -> None:
        """Show the titles of the panes, except where only one pane is shown: the tab above it is its title."""
        one = self.has_class("-narrow") or self.has_class("-normal")
        for pane in self.panes.query(".pane"):
            name = pane.id or ""
            pane.border_title = None if one else pane_title(PANES[name], self._key(name))
        for counts in self.query(ComplexityPane):
            key = self._key("image")
            is_hidden = not (one or self.image.display)
            counts.border_subtitle = (
                pane_keys({key: PANES["image"]}, {key: "screen.pane('image')"}) if is_hidden else ""
            )

    async def _follow(self, *, place: int | None = None, typing: str = "") -> None:
        """Show the draft in all panes; choose the layer at `place`, and leave the text that is being typed alone."""
        draft, state = self.draft, self.draft.state
        await self.parameters.follow(draft, typing)
        await self.stack.follow(draft, place, typing)
        self.panes.set_class(len(draft.rows) >= MANY_LAYERS, "-many")
        self.call_after_refresh(self._show_titles)
        self.counts.follow(draft)
        self.what.say(f"{draft.preset.name}{' · edited' if draft.is_edited else ''}")
        self.summary.say(self._sizes() if draft.ready else "not valid yet")
        self.summary.set_class(not draft.ready, "-wrong")
        self._show_hint()
        self.image.follow(state.experiment)
        self.data_note.follow(state.experiment.dataset.name)
        self.footer.relabel("train", self._train_label())
        possible = {"undo": draft.can_undo, "redo": draft.can_redo, "reset": draft.is_edited}
        possible["rates"] = draft.experiment.trains_in_epochs
        if possible != self._possible:
            self._possible = possible
            self.refresh_bindings()

    def _train_label(self) -> str:
        """Return the label of the key that trains, with the number of epochs, which may be out of sight."""
        return run_commands.train_label(None if "epochs" in self.draft.state.wrong else self.draft.experiment)

    def _sizes(self) -> str:
        """Return the sizes of the network, and by how many parameters it has grown."""
        counts, before = (complexity.of(each.experiment) for each in (self.draft, self.draft.preset))
        grown = signed(counts.total - before.total, 0) if counts.total != before.total else ""
        return f"{experiment_words.summary(counts)}{f' ({grown})' if grown else ''}"

    @on(FieldRow.Edited)
    async def _edit(self, event: FieldRow.Edited) -> None:
        if self.draft.enter(event.entry, event.text):
            self._done = (None, "")
            await self._follow(typing=event.entry.key)

    async def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """Show an accepted text in its normal form when its field loses the focus."""
        row = _row_of(event.widget)
        if row is not None:
            self.draft.settle()
            row.show(self.draft)

        self.call_after_refresh(self._show_hint)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Say what the focused field is, and make room for the pane that has it."""
        self._show_hint()
        pane = next((node for node in event.widget.ancestors_with_self if node.id in PANES), None)
        if pane is not None and not self.panes.has_class(f"-{pane.id}"):
            self._open_pane(str(pane.id))

    def on_screen_resume(self) -> None:
        """Select the text of the focused field again, so that typing replaces it, as when it got the focus."""
        if isinstance(self.focused, Input):
            self.focused.select_all()

    def _show_hint(self) -> None:
        """Show the help of the focused field or pane or, as long as the focus stays, what has just been done there."""
        row, (place, done) = _row_of(self.focused), self._done
        is_done = place is not None and place is self.focused
        self.hint.set_class(is_done and not self._refused, "-done")
        about = row.entry.sentence(with_values=not row.shows_hint) if row else str(getattr(self.focused, "HINT", ""))
        self.hint.say(done if is_done else about)

    def _say_done(self, text: str, place: Widget | None, *, refused: bool = False) -> None:
        """Show what was done in the line above the footer for a while, or until the focus leaves `place`.

        Args:
            refused: whether nothing was done, for which the text gives the reason.
        """
        self._done, self._refused = (place, sentence_of(text)), refused
        done = self._done
        self._show_hint()
        self.set_timer(DONE_SECONDS, lambda: self._end_done(done))

    def _end_done(self, done: tuple[Widget | None, str]) -> None:
        if self._done is done:
            self._done = (None, "")
            self._show_hint()

    @on(OptionList.OptionHighlighted, "#layer-list")
    async def _choose_layer(self) -> None:
        await self.stack.show_fields()

    @work(group=TAKES_KEYBOARD)
    async def action_add_layer(self) -> None:
        """Ask for a kind of layer and add such a layer after the chosen one."""
        draft, listing = self.draft, self.stack.listing
        after = listing.place if draft.experiment.layers else -1
        costs = [counted_growth(draft.growth_by_adding(name, after)) for name in LAYER_KINDS]

        def lines(width: int) -> list[Content]:
            return [
                Content.assemble(
                    (kind.TITLE, "bold"),
                    f"  {cost}",
                    *((f"\n  {line}", "dim") for line in wrap(kind.about(), min(ABOUT_WIDTH, width - 14))),
                )
                for kind, cost in zip(LAYER_KINDS.values(), costs, strict=True)
            ]

        keys = "type to search, Enter adds, Esc cancels"
        chosen = await self.app.push_screen_wait(SearchScreen("Add a layer after the chosen one", lines, 0, keys))
        if chosen is not None:
            before = draft.state
            await self._follow(place=draft.add_layer(tuple(LAYER_KINDS)[chosen], after))
            listing.focus()
            self._say_layers_changed(before)

    async def action_remove_layer(self) -> None:
        """Remove the chosen layer; the output layer stays."""
        place = self.stack.listing.place
        if place >= len(self.draft.rows):
            self._say_done(
                "The output layer stays: it has one neuron for each class.", self.stack.listing, refused=True
            )
            return
        before = self.draft.state
        self.draft.remove_layer(place)
        await self._follow(place=place)
        self._say_layers_changed(before)

    async def action_move_layer(self, by: int) -> None:
        """Move the chosen layer up (-1) or down (1)."""
        place = self.stack.listing.place
        before = self.draft.state
        if place < len(self.draft.rows):
            await self._follow(place=self.draft.move_layer(place, by))
            self._say_layers_changed(before)

    def _say_layers_changed(self, before: State) -> None:
        """Say what was done to the layers, and by how many parameters the network has grown."""
        state = self.draft.state
        if state is not before:
            cost = counted_growth(growth(before.experiment, state.experiment))
            self._say_done(f"{state.edit.words}{f': {cost}' if cost else ''}", self.stack.listing)

    def action_layer_fields(self) -> None:
        rows = self.stack.section.rows
        if rows:
            rows[0].control.focus()

    async def action_change(self, name: str) -> None:
        """Undo or redo an edit, or reset the draft; show what has changed, and where."""
        if name == "reset":
            self.draft.reset()
            await self._follow()
            self._say_done("Back to the preset; undo brings your changes back.", self.focused)
            return
        step = self.draft.undo() if name == "undo" else self.draft.redo()
        if step is None:
            return
        await self._follow(place=step.place)
        self._say_done(step.sentence, self._focus_step(step))

    def _focus_step(self, step: Step) -> Widget | None:
        """Focus what an undone edit has changed, and return it."""
        if step.field is not None:
            return self._focus_field(step.field.key)
        if step.place is not None:
            self._open_pane("layers")
            self.stack.listing.focus()
            return self.stack.listing
        return self.focused

    def _focus_field(self, key: str) -> Widget | None:
        """Focus a field and return its control; the present one if the field is not shown."""
        row = next((row for row in self.query(FieldRow) if row.entry.key == key and row.display), None)
        if row is None:
            return self.focused
        self._open_pane("layers" if key.startswith(("layers", "output")) else "parameters")
        row.control.focus()
        if isinstance(row.control, Input):
            row.control.select_all()
        return row.control

    def action_pane(self, name: str) -> None:
        """Focus a pane; in a small window, show it in place of the others."""
        self._open_pane(name)
        first = {"parameters": "#parameters Input", "layers": "LayerList"}.get(name, f"#{name}")
        self.call_after_refresh(self.query(first).first().focus)

    def _open_pane(self, name: str) -> None:
        self.tabs.active = f"to-{name}"
        self._show_pane(name)

    @on(Tabs.TabActivated)
    def _tab(self, event: Tabs.TabActivated) -> None:
        self._show_pane((event.tab.id or "").removeprefix("to-"))

    def _show_pane(self, name: str) -> None:
        for pane in PANES:
            self.panes.set_class(pane == name, f"-{pane}")
        self.call_after_refresh(self._show_titles)

    def action_next_image(self) -> None:
        self.image.next()

    def action_variants(self) -> None:
        """Show variants of the present image, or say why there are none."""
        experiment, image = self.draft.experiment, self.image.shown
        if experiment.augmentation is None:
            why = "No augmentation is set: enter a shift, a rotation or another change."
            self._say_done(why, self.focused, refused=True)
        elif image is not None:
            from mnist_tui.tui.editor.variants import VariantsScreen

            self.app.push_screen(VariantsScreen(image, experiment.augmentation, experiment.training.seed))
        else:
            self._say_done("The image is still being read.", self.focused, refused=True)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if not self._possible:
            return action in {"back", "leave"}
        if action == "rates":
            return self.draft.experiment.trains_in_epochs or None
        return action != "change" or self._possible[str(parameters[0])] or None

    def action_train(self) -> None:
        if self._is_ready("trained"):
            run_commands.train(self.app, self.draft.result(), started=self.draft.hold)

    def action_sweep(self) -> None:
        if self._is_ready("swept"):
            self.app.show(Route("sweep", preset=self.draft.result()))

    def action_code(self) -> None:
        if self._is_ready("written as code"):
            self.app.show(Route("code", preset=self.draft.result()))

    @work(group=TAKES_KEYBOARD)
    async def action_rates(self) -> None:
        """Test the learning rates of the edited experiment, and enter the rate that is taken over."""
        if not self._is_ready("tested"):
            return
        entry = next(entry for entry in parameter_fields() if entry.key == "lr")
        rate = await self.app.push_screen_wait(RateRangeScreen(self.draft.result()))
        if rate is not None and self.draft.enter(entry, f"{rate:g}"):
            self.draft.settle()
            await self._follow()
            self._say_done(f"Learning rate {rate:g} taken over from the range test.", self._focus_field("lr"))

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
        self.notify(f"The preset is in {saved.path}.", title=f"Saved as {saved.name}")
        return True

    def action_back(self) -> None:
        """Go to the list of layers from a layer's field, else leave the editor."""
        row = _row_of(self.focused)
        if row is not None and row in self.stack.section.rows:
            self.stack.listing.focus()
        else:
            self.action_leave()

    @work(group=TAKES_KEYBOARD)
    async def action_leave(self, to: str = "back") -> None:
        """Leave the editor, or the app with `to` = quit; ask first if neither a preset nor a run holds the edits."""
        if self.draft.is_unsaved:
            held = self.draft.held
            before = held or self.draft.preset.experiment
            changes = differences(before, self.draft.experiment)
            if not changes and before != self.draft.experiment:
                changes = ("layers or further arguments",)
            question = leaving.UnsavedQuestion(
                changes,
                self.draft.preset.name,
                [
                    f"{label_in(each.field, self.draft.experiment)}: {each.text or 'empty'} ({each.message})"
                    for each in self.draft.state.wrong.values()
                ],
                trained=held is not None,
                quits=to == "quit",
                trains=any(feed.snapshot.live for feed in self.app.following.followed),
            )
            choice = await self.app.push_screen_wait(question)
            if choice == "stay" or (choice == "save" and not await self._save()):
                return
            self.draft.hold()
        if to == "quit":
            self.app.run_worker(leaving.leave(self.app), group=TAKES_KEYBOARD)
        else:
            self.app.back()

    def _is_ready(self, what: str) -> bool:
        """Return whether the draft is valid; if it is not, focus the first wrong field, which says why."""
        draft = self.draft
        if draft.ready:
            return True
        misfit = draft.state.misfit
        wrong = next((each.field for each in draft.state.wrong.values()), None)
        key = wrong.key if wrong else misfit.key if misfit else ""
        entry = next((entry for entry in (wrong, *parameter_fields()) if entry and entry.key == key), None)
        name = label_in(entry, draft.experiment) if entry else "the layers"
        self.notify(f"Correct {name} first.", title=f"Not {what}", severity="error", timeout=8)
        if key:
            self.run_worker(self._show_wrong(key))
        else:
            self.action_pane("layers")
        return False

    async def _show_wrong(self, key: str) -> None:
        await self._follow(place=layer_row(key, self.draft.experiment))
        self._focus_field(key)


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
