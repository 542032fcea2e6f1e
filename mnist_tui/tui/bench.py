"""The app as its screens know it: options, settings, keys, the runs and studies that are followed, and `show`.

Only `routes` knows the screens. Nothing heavy may be imported here: the first frame waits for it.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, Literal, Protocol
from weakref import WeakValueDictionary

from textual import events, getters, work
from textual.app import App
from textual.binding import Binding
from textual.command import CommandPalette
from textual.css.query import NoMatches
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen, ScreenResultType
from textual.signal import Signal
from textual.theme import Theme
from textual.widget import Widget
from textual.worker import Worker, WorkerFailed

from mnist_tui import PROGRAM
from mnist_tui.settings import REFRESH_SECONDS, Refresh, load_settings, save_settings, settings_file_text
from mnist_tui.shown_text import visible, visible_line
from mnist_tui.tui.feed import FolderFeed, Followed, RunFeed, end_of
from mnist_tui.tui.terminal.driver import TerminalAnswer, with_answers
from mnist_tui.tui.terminal.keyboard import Keyboard, focus_within
from mnist_tui.tui.terminal.keymap import Entry, entries, key_of, keymap, problems, shown
from mnist_tui.tui.terminal.output import with_shorter_output
from mnist_tui.tui.terminal.text_filters import AsciiText, SafeText
from mnist_tui.tui.terminal.themes import THEMES, state_colours
from mnist_tui.tui.terminal.window import CHECK_SECONDS, Window, title_of
from mnist_tui.wording import sentence_of

if TYPE_CHECKING:
    from textual.actions import ActionParseResult
    from textual.driver import Driver
    from textual.filter import LineFilter
    from textual.notifications import SeverityLevel

    from mnist_tui.experiment.presets import Preset
    from mnist_tui.runs.collection.summaries import RunSummary
    from mnist_tui.runs.folder import RunFolder
    from mnist_tui.runs.start import Standby
    from mnist_tui.studies.folder import StudyFolder
    from mnist_tui.tui.editor.draft import Draft
    from mnist_tui.tui.selected_images import ExplainedImage, ImageSelection
    from mnist_tui.tui.starting import Starter
    from mnist_tui.tui.studies.study_view import StudyFeed
    from mnist_tui.tui.terminal.graphics import Graphics

NOTICE_SECONDS = 15
PALETTE_HINT = "A command, or what it does; Enter carries it out, Esc closes"
READ_SECONDS = 3.0
"""A notice that was shown for so long ends when the user goes on to another screen."""
EXPORTS = "export"
"""The group of Textual's workers that write exports."""
FREEZE_SECONDS = 2.0
"""The time after the start at which the present objects are excluded from garbage collection."""


@dataclass(frozen=True, kw_only=True)
class AppOptions:
    """The options with which the app is started.

    Attributes:
        preset: the preset to select, edit or train, as `action` says.
        run: the run to watch.
        study: the study to show.
        device: auto, cpu or gpu[:N].
        standby: a worker that imports TensorFlow already, for the run that starts with the app.
        refresh: how often live screens are redrawn; None for the interval of the settings.
    """

    preset: Preset | None = None
    action: Literal["browse", "edit", "train", "watch", "study"] = "browse"
    run: RunFolder | None = None
    study: StudyFolder | None = None
    runs_dir: Path
    data_dir: Path | None = None
    device: str = "auto"
    standby: Standby | None = None
    refresh: Refresh | None = None


@dataclass(frozen=True)
class Route:
    """A screen to show, and the data that it shows.

    Attributes:
        name: a key of `routes.SCREENS`.
        run: the run that the screen shows; for a study, the run whose trial is chosen.
        runs: the runs to export, or whose robustness is shown.
        summaries: the runs to compare, or to combine.
        seeds: how many seeds the form for a sweep suggests.
        cell: the true and the predicted class of the images that a gallery shows first.
        final: whether a gallery shows the final evaluation first.
        only: the images that a gallery of the final evaluation shows alone.
        topic: the page of the guide.
        image: the image for which a run's network is looked into.
    """

    name: str
    run: RunFolder | None = None
    study: StudyFolder | None = None
    preset: Preset | None = None
    runs: Sequence[RunFolder] = ()
    summaries: Sequence[RunSummary] = ()
    seeds: int = 1
    cell: tuple[int, int] | None = None
    final: bool = False
    only: ImageSelection | None = None
    topic: str = ""
    image: ExplainedImage | None = None


def in_one_line(pasted: str) -> str:
    """Return pasted lines as one: all fields are one line long, and Textual would drop all lines but the first."""
    return " ".join(line.strip() for line in pasted.splitlines() if line.strip())


def subject_of(preset: Preset) -> Hashable:
    """Return what tells the preset apart from other ones that are edited: its name and its experiment."""
    return preset.name, preset.experiment


class Routes(Protocol):
    """The module `routes`, which knows the screens."""

    def show(self, bench: Bench, route: Route, /) -> None: ...

    def back(self, bench: Bench, /) -> None: ...

    def close_run(self, bench: Bench, folder: RunFolder, /) -> None: ...

    def classes_with_keys(self) -> tuple[type[DOMNode], ...]: ...


class Bench(App[None]):
    """The app as its screens know it.

    Args:
        options: the options with which it is started.
        routes: the module that knows the screens.

    Attributes:
        settings: changed by `change_settings` only.
        keyboard: passes on keys, clicks and pastes one by one.
        following: the runs whose end the app announces on any screen.
        runs_changed: published when one of these runs has changed.
        pictures_changed: published when pictures have to be drawn in another way.
        selected: the name of the preset that was used last.
        kept_edits: edits of editors that were closed with neither a preset nor a run of them, by the edited preset.
        announced_exports: unfinished exports of which the user has been warned when leaving.
    """

    def __init__(self, options: AppOptions, routes: Routes) -> None:
        super().__init__()
        self.options, self._routes = options, routes
        self.keyboard = Keyboard(self)
        for theme in THEMES:
            self.register_theme(theme)
        self.settings, self._problems = load_settings()
        if options.refresh is not None:
            self.settings = replace(self.settings, refresh=options.refresh)
        if self.settings.theme in self.available_themes:
            self.theme = self.settings.theme
        else:
            unknown = f"In {settings_file_text()} there is no theme {self.settings.theme!r}; the default is used"
            self._problems = (*self._problems, unknown)
        self.selected = options.preset.name if options.preset else None
        self.kept_edits: dict[Hashable, Draft] = {}
        self.announced_exports: set[Worker[Any]] = set()
        self.window = Window(self)
        self._slow = False
        self.log_scale = False
        self._previewed = ""
        self._safe_text, self._ascii_text = SafeText(), AsciiText()
        self.following = Followed(self, RunFeed, WeakValueDictionary())
        self.runs_changed = Signal[None](self, "runs_changed")
        self.pictures_changed = Signal[None](self, "pictures_changed")

    def get_driver_class(self) -> type[Driver]:
        return with_shorter_output(with_answers(super().get_driver_class()))

    def get_css_variables(self) -> dict[str, str]:
        variables = super().get_css_variables()
        return variables | state_colours(variables)

    def get_key_display(self, binding: Binding) -> str:
        """Return a binding's keys as the footer, the palette and the help write them."""
        return binding.key_display or shown(binding.key)

    @cached_property
    def graphics(self) -> Graphics:
        """The true pictures on the terminal."""
        from mnist_tui.tui.terminal.graphics import Graphics

        return Graphics(self, self.window, lambda: self.settings, lambda: self.pictures_changed.publish(None))

    def on_terminal_answer(self, answer: TerminalAnswer) -> None:
        self.graphics.add_answer(answer)

    def _end_update(self) -> None:
        """End a frame; pictures that are painted over its characters belong to it."""
        if "graphics" in self.__dict__:
            self.graphics.paint()
        super()._end_update()

    @cached_property
    def starter(self) -> Starter:
        from mnist_tui.tui.starting import Starter

        return Starter(self.options)

    @cached_property
    def studies(self) -> Followed[StudyFeed]:
        """The studies whose end the app announces on any screen."""
        from mnist_tui.tui.studies.study_view import StudyFeed

        return Followed(self, StudyFeed, {})

    def show(self, route: Route) -> None:
        """Show a screen over the present one: a new screen or, if one that shows the same is open, that one."""
        self._routes.show(self, route)

    @property
    def trail(self) -> list[BenchScreen[Any]]:
        """The open screens without dialogs, the present one last: Escape leads from each to the one before it."""
        return [screen for screen in self.screen_stack if isinstance(screen, BenchScreen) and not screen.parked]

    def back(self) -> None:
        """Go back to the screen from which the present one was shown, or else to the presets."""
        self._routes.back(self)

    def close_run(self, folder: RunFolder) -> None:
        """Close all screens of a run that is deleted."""
        self._routes.close_run(self, folder)

    @property
    def editor(self) -> BenchScreen[Any] | None:
        """The editor, also if it lies below other screens; None if it is not open."""
        return next((screen for screen in self.trail if screen.edited is not None), None)

    def keep_edits(self, draft: Draft) -> None:
        """Keep unsaved edits for the next time that the preset is edited, and notify the user."""
        self.kept_edits[subject_of(draft.preset)] = draft
        name = draft.preset.name
        self.notify(f"The edits of {name} are kept: edit it again to go on with them.", timeout=4)

    @property
    def running_exports(self) -> set[Worker[Any]]:
        """The workers that are still writing exports."""
        return {worker for worker in self.workers if worker.group == EXPORTS and not worker.is_finished}

    def on_folder_feed_changed(self, message: FolderFeed.Changed) -> None:
        """Announce the end of a followed run or study, and show a run's progress in the window's title."""
        message.stop()
        feed, snapshot = message.feed, message.feed.snapshot
        if isinstance(feed, RunFeed):
            self.window.set_title(title_of(feed.name, snapshot))
            self.runs_changed.publish(None)
            if self.following.has_ended(feed):
                self._announce_end(snapshot.folder.path, "Training ended", end_of(feed.name, snapshot), snapshot.state)
            return
        from mnist_tui.tui.studies.study_view import StudyFeed, end_sentence

        assert isinstance(feed, StudyFeed)
        if self.studies.has_ended(feed):
            name = snapshot.study.title or snapshot.folder.id
            self._announce_end(snapshot.folder.path, "Study ended", end_sentence(name, snapshot), snapshot.state)

    def _announce_end(self, path: Path, title: str, text: str, state: str) -> None:
        """Show a notice, unless the screen says so itself, and ring the bell if the settings say so."""
        good = state in {"finished", "stopped"}
        below = self.trail[-1] if self.trail else None
        if below is None or not below.SAYS_END or below.subject != path:
            self.notify(text, title=title, severity="information" if good else "error", timeout=NOTICE_SECONDS)
        if self.settings.bell:
            self.bell()

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Show a notice, as a sentence, for a while; it is plain text, whatever `markup` says."""
        super().notify(
            visible(sentence_of(message)), title=visible_line(title), severity=severity, timeout=timeout, markup=False
        )

    def _end_old_notices(self, _: Screen[Any]) -> None:
        """End the notices that were read on the screen before; warnings and errors stay for their whole time."""
        for notice in list(self._notifications):
            if notice.severity == "information" and notice.timeout - notice.time_left > READ_SECONDS:
                self._unnotify(notice)

    def warn(self, text: str, title: str = "") -> None:
        self.notify(text, title=title, severity="warning", timeout=NOTICE_SECONDS)

    def report_error(self, title: str, text: str) -> None:
        """Show an error: the title names the failure, and the text the reason."""
        self.notify(text, title=title, severity="error", timeout=NOTICE_SECONDS)

    @property
    def refresh_seconds(self) -> float:
        """The seconds between two redraws of a live screen, from the settings and the terminal's speed."""
        return REFRESH_SECONDS["slow"] if self._slow else self.settings.refresh_seconds

    def change_settings(self, **changes: Any) -> None:
        """Apply settings and save them in the settings file; show a warning if they cannot be saved."""
        keys_before = self.settings.keys
        self.settings = replace(self.settings, **changes)
        if "glyphs" in changes:
            for widget in (node for screen in self.screen_stack for node in screen.walk_children(Widget)):
                widget.refresh()
        if "keys" in changes:
            self.set_keymap(dict(self.settings.keys))
            self._complete_keymap()
        try:
            save_settings(keys_before=keys_before, **changes)
        except (OSError, ValueError) as error:
            self.warn(f"The settings file {settings_file_text()} does not remember that: {error}")

    def key_entries(self) -> tuple[Entry, ...]:
        """Return every action that has a key. Imports every screen: call it in a thread the first time."""
        return entries(self._routes.classes_with_keys())

    @work(thread=True, group="keys", exclusive=True, exit_on_error=False)
    def _complete_keymap(self) -> None:
        """Apply the user's keys, and warn of conflicts and unknown actions."""
        own, table = self.settings.keys, self.key_entries()
        self.call_from_thread(self.set_keymap, keymap(own, table))
        for problem in problems(own, table, settings_file_text()):
            self.call_from_thread(self.warn, problem)

    def on_mount(self) -> None:
        self.screen_change_signal.subscribe(self, self.keyboard.watch, immediate=True)
        self.screen_change_signal.subscribe(self, self._end_old_notices)
        for screen in self.screen_stack:
            self.keyboard.watch(screen)
        self.theme_changed_signal.subscribe(self, self._remember_theme)
        self.window.set_title(PROGRAM)
        self.set_interval(CHECK_SECONDS, self._watch_pace)
        self.set_timer(FREEZE_SECONDS, gc.enable if self.is_headless else _freeze_garbage_collection)
        for problem in self._problems:
            self.warn(problem)
        if self.settings.keys:
            self.set_keymap(dict(self.settings.keys))
            self.call_after_refresh(self._complete_keymap)

    def on_unmount(self) -> None:
        if "graphics" in self.__dict__:
            self.graphics.close()
        self.window.restore_title()
        self.following.leave_all()
        self.studies.leave_all()

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return our filters, then Textual's: always the same objects, as Textual caches lines by their filters."""
        ascii_only = (self._ascii_text,) if self.settings.glyphs == "ascii" else ()
        return (self._safe_text, *ascii_only, *super().get_line_filters())

    def copy_to_clipboard(self, text: str) -> None:
        """Copy text; inside tmux, also send a sequence that tmux passes to the outer terminal."""
        super().copy_to_clipboard(text)
        if os.environ.get("TMUX"):
            from mnist_tui.tui.terminal.desktop import sequence, through_tmux

            self.window.write(through_tmux(sequence(text)))

    def on_terminal_supports_synchronized_output(self) -> None:
        self.window.add_answer()

    def _watch_pace(self) -> None:
        """Redraw less often while the terminal is slow, if the setting for redraws is automatic."""
        is_automatic = self.settings.refresh == "auto"
        if is_automatic:
            self.window.measure_pace()
        slow = is_automatic and self.window.pace.slow
        if slow and not self._slow:
            seconds = f"{REFRESH_SECONDS['slow']:g}"
            self.notify(
                f"The terminal is slow: live screens are redrawn every {seconds} s. "
                f"{key_of('app.settings', type(self), self.settings.keys)} changes that."
            )
        self._slow = slow

    def preview_theme(self, name: str) -> None:
        """Show a theme without remembering it."""
        self._previewed = name
        self.theme = name

    def keep_theme(self, name: str) -> None:
        """Show a theme and remember it, also if it was previewed."""
        self._previewed = ""
        self.theme = name
        if name != self.settings.theme:
            self.change_settings(theme=name)

    def _remember_theme(self, theme: Theme) -> None:
        if theme.name == self.theme and theme.name not in {self.settings.theme, self._previewed}:
            self.change_settings(theme=theme.name)

    async def on_event(self, event: events.Event) -> None:
        """Handle keys, clicks and pastes one after another, and all other events at once."""
        if not isinstance(event, (events.InputEvent, events.Paste)) or event.is_forwarded:
            await super().on_event(event)
        elif self.keyboard.admits(event):
            if isinstance(event, events.Paste):
                event.text = in_one_line(event.text)
            try:
                await super().on_event(event)
            finally:
                self.keyboard.handled(event)

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Run an action; the next key waits until it has ended. A screen may say why an action is not possible."""
        self.keyboard.acting += 1
        try:
            if await super().run_action(action, default_namespace, namespaces):
                return True
            target, name, parameters = self._parse_action(action, default_namespace or self, namespaces)
            if not isinstance(target, BenchScreen) or target.check_action(name, parameters):
                return False
            return target.refuse(name, parameters)
        finally:
            self.keyboard.acting -= 1

    async def push_screen_wait(self, screen: Any, *, mode: str | None = None) -> Any:
        """Show a screen and wait for its answer; keys are handled meanwhile."""
        self.keyboard.asking += 1
        try:
            return await super().push_screen_wait(screen, mode=mode)
        finally:
            self.keyboard.asking -= 1

    def action_command_palette(self) -> None:
        """Open the palette, unless it is already open or below another screen."""
        if not any(isinstance(node, CommandPalette) for node in self._nodes):
            self.push_screen(CommandPalette(placeholder=PALETTE_HINT, id="--command-palette"))

    def action_focus_within(self, by: int) -> None:
        focus_within(self.screen, by)

    def _check_action_state(self, action: str, default_namespace: DOMNode) -> bool | None:
        """Return whether an action may run: False while its screen lacks widgets that the check needs."""
        try:
            return super()._check_action_state(action, default_namespace)
        except NoMatches:
            return False

    def _handle_exception(self, error: Exception) -> None:
        """End the app, unless widgets of a closed screen are missing.

        Threads and workers, also Textual's own, continue for a moment after their screen has been closed.
        """
        cause = error.error if isinstance(error, WorkerFailed) else error
        if isinstance(cause, NoMatches):
            frames = (frame for frame, _ in walk_tb(cause.__traceback__))
            widgets = (node for frame in frames if isinstance(node := frame.f_locals.get("self"), Widget))
            if not all(set(node.ancestors_with_self) & set(self.screen_stack) for node in widgets):
                return
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """End the app without printing the error: who ran the app raises `error`."""
        self.bell()
        self._close_messages_no_wait()

    @property
    def error(self) -> BaseException | None:
        """The unexpected error that ended the app."""
        return self._exception.error if isinstance(self._exception, WorkerFailed) else self._exception


class BenchScreen(Screen[ScreenResultType]):
    """A screen of the bench.

    Attributes:
        STARTS_RUNS: whether a run can be started from the screen, so that a worker is kept on standby for it.
        LISTS_RUNS: whether the screen has a list of runs, through which their results lead with one key.
        KEPT: whether the screen is parked when Escape leaves it, so that its cursor, filter and order stay.
        SAYS_END: whether the screen itself says how its run or study has ended, so that no notice needs to.
        MAIN: whether it is a main screen; there, a key closes the program that leads back elsewhere.
        TAB: the main screen to which the screen belongs, one of `widgets.tab_strip.TABS`.
        parked: whether the screen waits unseen to be shown again.
        below: the classes of the screens below its place, if it came to the top from there; else None.
    """

    STARTS_RUNS = False
    LISTS_RUNS = False
    KEPT = False
    SAYS_END = False
    MAIN = False
    TAB = "runs"
    parked = False
    below: Sequence[type[Screen[Any]]] | None = None
    app = getters.app(Bench)

    def _update_focus_styles(self, focused: Widget | None = None, blurred: Widget | None = None) -> None:
        """Style the panes that have got or lost the focus, but not what they contain, which no rule makes depend on it.

        Textual styles all widgets of the pane again, even if the focus stays in it.
        """
        within, was_within = (set(w.ancestors_with_self if w is not None else ()) for w in (focused, blurred))
        changed = {node for node in within ^ was_within if node._has_focus_within}
        if changed:
            self.app.stylesheet.update_nodes(changed, animate=True)

    @property
    def shown_run(self) -> RunFolder | None:
        """The run whose curves or results the screen shows; None on other screens."""
        return None

    @property
    def subject(self) -> Hashable:
        """The run, study or preset that the screen shows; None if there is only one such screen."""
        return self.shown_run.path if self.shown_run is not None else None

    def shown_again(self, route: Route) -> None:
        """Follow the route that has led to this screen, which was open already."""

    @property
    def edited(self) -> Draft | None:
        """The draft that is being edited; None on all screens but the editor."""
        return None

    @property
    def ended_runs(self) -> Sequence[RunFolder]:
        """The listed runs that have ended, in the order of the list."""
        return ()

    def choose_run(self, folder: RunFolder) -> None:
        """Move the cursor of the list to a run."""

    def refuse(self, action: str, parameters: tuple[object, ...]) -> bool:
        """Say why an action is not possible whose key was pressed although `check_action` forbids it.

        Returns:
            Whether something was said; if not, the key does nothing.
        """
        return False

    def action_show(self, name: str) -> None:
        """Show another screen, about the same run."""
        self.app.show(Route(name, run=self.shown_run))

    def action_back(self) -> None:
        self.app.back()


class BenchModal(ModalScreen[ScreenResultType]):
    """A screen of the bench over another screen, which stays visible around it."""

    BINDINGS = [Binding("f1", "app.help", "Help", tooltip="Help for what has the focus, and all keys", id="app.help")]
    app = getters.app(Bench)


def _freeze_garbage_collection() -> None:
    """Exclude all present objects from garbage collection.

    With all of Textual's and pydantic's classes, a full collection would delay a key by 50 to 80 ms.
    """
    gc.collect()
    gc.freeze()
    gc.enable()
