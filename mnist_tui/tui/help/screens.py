"""The screens that explain the app: help with the keys, the user's guide, and the first-run tour."""

from __future__ import annotations

import asyncio
import re
from importlib import resources
from inspect import cleandoc
from itertools import groupby
from pathlib import Path
from string import digits
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text
from textual import events, getters, on, work
from textual._slug import slug
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Button, Markdown, MarkdownViewer, OptionList, Static
from textual.widgets.option_list import Option

from mnist_tui import guide
from mnist_tui.experiment.preset_files import STARTERS
from mnist_tui.tui.bench import Bench, BenchModal, BenchScreen, Route
from mnist_tui.tui.terminal.keymap import SECTIONS, commands_of, key_of, labelled, shown, split
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.tui.widgets.tab_strip import TabStrip
from mnist_tui.wording import shortened

WAYS = ("guide", "glossary", "all")
"""Where the buttons at the top of the help lead: the names of their actions, and of their keys."""
BUTTONS_BESIDE = 42
"""Columns that the frame and the buttons take from a heading of the guide, without the last button's label."""
SHORTEST_HEADING = 10
BESIDE = 110
"""Columns of the window from which there are two columns of keys beside each other; the style sheet's `-wide`."""
ON_SCREEN = "On this screen"
KeySection = tuple[str, list[tuple[str, str]]]
"""A heading, and below it keys with what they do."""
ABOUT = """
**mnist-tui** trains small networks on MNIST-class images. Training runs in a process of its own: leaving this window,
or losing it, does not end it. Ctrl+P lists every command of the screen; Tab moves the focus.
"""


def help_of(screen: Screen[Any]) -> str:
    """Return the help about the focused widget (or the nearest widget around it with help) and about the screen."""
    nodes = screen.focused.ancestors_with_self if screen.focused is not None else [screen]
    texts: list[str] = []
    for node in nodes:
        if isinstance(node, Widget) and node.HELP and (not texts or isinstance(node, Screen)):
            texts.append(cleandoc(node.HELP))
    return "\n\n".join(texts) or cleandoc(ABOUT)


def keys_of(screen: Screen[Any]) -> list[tuple[str, str]]:
    """Return the keys that work on a screen now and what they do, a row for each action.

    Of the keys that come from Textual there are two rows, those that a person needs.
    """
    return [row for _, rows in _sections_of(screen) for row in rows]


def _sections_of(screen: Screen[Any]) -> list[KeySection]:
    """Return the keys that work now, each group with its heading: the screen's own, then those of the whole program."""
    palette = shown(screen.app.COMMAND_PALETTE_BINDING)
    commands = [each for each in commands_of(screen) if each.own and palette not in each.keys]
    first = next((each.section for each in commands if each.node is screen and each.section), ON_SCREEN)
    groups: dict[str, list[tuple[str, str]]] = {first: []}
    for each in commands:
        section = SECTIONS["app"] if each.node is screen.app else each.section or first
        words = each.about or each.name if each.moves else _in_words(each.name, each.about)
        groups.setdefault(section, []).append((", ".join(each.keys), words))
    everywhere = [*groups.pop(SECTIONS["app"], []), *_keys_of_textual(screen.app)]
    return [(section, rows) for section, rows in (*groups.items(), (SECTIONS["app"], everywhere)) if rows]


def _keys_of_textual(app: App[Any]) -> list[tuple[str, str]]:
    """Return the keys that work everywhere without being in the table of all keys: nobody can change them."""
    return [
        (shown("tab,shift+tab"), "The next pane or field, and the one before"),
        (shown(app.COMMAND_PALETTE_BINDING), "Every command of this screen, by its name"),
    ]


def _in_words(name: str, about: str) -> str:
    """Return what a key does: its name in the footer, and a longer text unless that begins with the name.

    Of a name with a number, as ``Class 7``, only the text is returned, which is the same for all numbers.
    """
    if about and name[-1:].isdigit():
        return about
    if not about or about.lower().startswith(name.lower()) or " / " in name:
        return about or name
    return f"{name}: {about[:1].lower()}{about[1:]}"


class HelpScreen(ModalScreen[None]):
    """The help about a screen, with its keys; unlike other windows it has no key that opens help.

    Args:
        screen: the screen on which help was requested.
    """

    app = getters.app(Bench)
    CSS_PATH = "help.tcss"
    AUTO_FOCUS = "#help"
    HELP = """
    **Help.** Esc closes it; `a` shows the keys of all screens, `g` opens the guide, `l` its glossary.
    """
    BINDINGS = [
        Binding("escape,f1,q,enter", "dismiss", "Close", tooltip="Back to where you were", id="help.close"),
        Binding("a", "all", "All keys", tooltip="The keys of every screen, or of this one", id="help.all"),
        Binding("g", "guide", "Guide", tooltip="The page of the user's guide about this screen", id="help.guide"),
        Binding("l", "glossary", "Glossary", tooltip="What the words mean", id="help.glossary"),
    ]

    sheet = getters.query_one("#key-sheet", Static)

    def __init__(self, screen: Screen[Any]) -> None:
        super().__init__()
        self._text, self._more = help_of(screen), cleandoc(getattr(screen, "MORE_HELP", ""))
        self._topic: str = getattr(screen, "GUIDE", "screens")
        self._keys = _sections_of(screen)
        self._whole = False

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help") as scroll:
            scroll.border_title, scroll.border_subtitle = "Help", "Esc closes"
            with Horizontal(id="ways"):
                yield from (Button(id=name, compact=True, action=f"screen.{name}") for name in WAYS)
            yield Markdown(self._text)
            yield Static(id="key-sheet")
            if self._more:
                yield Markdown(self._more, classes="-more")
        yield KeyFooter()

    def on_mount(self) -> None:
        self._name_ways()

    def on_resize(self) -> None:
        self._show_keys()

    def action_all(self) -> None:
        """Switch between the help about the screen and the keys of all screens."""
        self._whole = not self._whole
        for text in self.query(Markdown):
            text.display = not self._whole
        self._name_ways()
        self._show_keys()

    def _name_ways(self) -> None:
        """Write on the buttons, and in the footer, where each leads now."""
        keys = "This screen's keys" if self._whole else "All keys"
        room = max(SHORTEST_HEADING, self.app.size.width - BUTTONS_BESIDE - len(keys))
        heading = shortened(_heading(self._topic), room)
        for name, label in zip(WAYS, (f"Guide: {heading}", "Glossary", keys), strict=True):
            key = key_of(f"help.{name}", type(self), self.app.settings.keys)
            button = self.query_one(f"#{name}", Button)
            button.label = labelled(label, key)
            button.refresh(layout=True)
        self.query_one(KeyFooter).relabel("all", keys)

    def action_guide(self) -> None:
        """Open the part of the guide about the screen in place of this help."""
        self._open_guide(self._topic)

    def action_glossary(self) -> None:
        """Open the guide's glossary in place of this help."""
        self._open_guide("glossary")

    def _open_guide(self, topic: str) -> None:
        self.dismiss()
        self.app.show(Route("guide", topic=topic))

    @work(exclusive=True)
    async def _show_keys(self) -> None:
        sections = self._keys
        if self._whole:
            own = self.app.settings.keys
            entries = await asyncio.to_thread(self.app.key_entries)  # imports every screen
            sections = [
                (section, [(shown(entry.current_keys(own)), _in_words(entry.name, entry.about)) for entry in group])
                for section, group in groupby(entries, lambda entry: entry.section)
            ]
            sections[0][1].extend([(shown("ctrl+q"), "Quit, on every screen"), *_keys_of_textual(self.app)])
            self.query_one("#help").scroll_home(animate=False)
        self.sheet.update(_sheet(sections, self._accent, beside=self.app.size.width >= BESIDE))

    @property
    def _accent(self) -> str:
        """The theme's colour of keys, as Rich writes it; empty without colours."""
        return "" if self.app.no_color else self.app.theme_variables["accent"]


def _sheet(sections: list[KeySection], accent: str, *, beside: bool) -> Table:
    """Return the groups of keys below each other or, with `beside`, in two columns of about the same height."""
    heights = [len(keys) + 2 for _, keys in sections]
    halves = [max(sum(heights[:at]), sum(heights[at:])) for at in range(len(sections) + 1)]
    first = halves.index(min(halves)) if beside else len(sections)
    sheet = Table.grid(expand=True, padding=(0, 2))
    parts = [part for part in (sections[:first], sections[first:]) if part]
    for _ in parts:
        sheet.add_column(ratio=1)
    sheet.add_row(*(_column(part, accent) for part in parts))
    return sheet


def _column(sections: list[KeySection], accent: str) -> Group:
    """Return keys, in the colour that they have everywhere, and what they do, with a heading for each group."""
    parts: list[Text | Table] = []
    groups = [(title, _with_joined_keys(keys)) for title, keys in sections]
    width = max((len(keys) for _, rows in groups for keys in rows.values()), default=0)
    for title, rows in groups:
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True, min_width=width)
        table.add_column()
        for about, keys in rows.items():
            table.add_row(Text(keys, f"bold {accent}"), Text(about))
        parts += [*([Text()] if parts else []), Text(title, "bold underline"), table]
    return Group(*parts)


def _with_joined_keys(rows: list[tuple[str, str]]) -> dict[str, str]:
    """Return for each text the keys that do it."""
    joined: dict[str, list[str]] = {}
    for keys, about in rows:
        joined.setdefault(about, []).append(keys)
    return {about: _in_short(keys) for about, keys in joined.items()}


def _in_short(keys: list[str]) -> str:
    """Return keys joined by commas, or as ``1 to 4`` if they are successive digits."""
    return f"{keys[0]} to {keys[-1]}" if len(keys) > 2 and "".join(keys) in digits else ", ".join(keys)


def _heading(topic: str) -> str:
    """Return the heading of a page, or of its part after a #: ``Training`` for ``screens#training``."""
    name, _, part = topic.partition("#")
    headings = (line.removeprefix("## ") for line in guide.page(name).splitlines() if line.startswith("## "))
    return next((heading for heading in headings if slug(heading) == part), guide.title(name))


class GuideScreen(BenchScreen[None]):
    """The user's guide: a list of its pages, and the chosen page.

    Args:
        topic: the page that is shown at first, by its name in `guide.TOPICS`; a part of it may follow after a #.
    """

    TAB = ""
    CSS_PATH = "help.tcss"
    AUTO_FOCUS = ""
    HELP = """
    **The guide.** ↑, ↓ and the page keys scroll the text; Tab goes to the list of pages, where ↑ and ↓ choose one and
    Enter goes back to the text. Esc leaves the guide. In a narrow window the list is shown only while it is used.
    """
    BINDINGS = [Binding("escape", "back", "Back", tooltip="Back to where you were", id="guide.close")]

    topics = getters.query_one("#topics", OptionList)
    viewer = getters.query_one("#page", MarkdownViewer)

    def __init__(self, topic: str) -> None:
        super().__init__()
        self._topic = topic

    def compose(self) -> ComposeResult:
        yield TabStrip()
        with Horizontal():
            titles = (Option(Content(guide.title(name)), id=name) for name in guide.TOPICS)
            pages = OptionList(*titles, id="topics", classes="pane", markup=False)
            pages.border_title = "Guide"
            yield pages
            yield MarkdownViewer(id="page", classes="pane", show_table_of_contents=False)
        yield KeyFooter()

    def on_mount(self) -> None:
        self._show(self._topic)
        self.call_after_refresh(self._focus_page)

    def on_resize(self) -> None:
        self.viewer.border_subtitle = "Tab: list of pages"

    def shown_again(self, route: Route) -> None:
        self._show(route.topic)

    def _show(self, topic: str) -> None:
        """Show a page, or a part of it."""
        self._topic, chosen = topic, guide.TOPICS.index(topic.partition("#")[0])
        if self.topics.highlighted == chosen:
            self._scroll_to_part()
        self.topics.highlighted = chosen

    @on(OptionList.OptionHighlighted, "#topics")
    async def _show_page(self, event: OptionList.OptionHighlighted) -> None:
        name = str(event.option_id)
        await self.viewer.go(Path(str(resources.files(guide))) / f"{name}.md")
        self.viewer.scroll_home(animate=False)
        self.call_after_refresh(self._scroll_to_part)

    def _scroll_to_part(self) -> None:
        """Scroll to the part that was asked for, once, if its page is shown."""
        name, _, part = self._topic.partition("#")
        if part and guide.TOPICS.index(name) == self.topics.highlighted:
            self.viewer.document.goto_anchor(part)
            self._topic = name

    @on(OptionList.OptionSelected, "#topics")
    def _focus_page(self) -> None:
        self.viewer.document.focus(scroll_visible=False)


TOUR_KEYS = {
    "presets.quick": "f",
    "training.matrix": "m",
    "training.diagnosis": "i",
    "presets.edit": "e",
    "app.runs": "f3",
    "app.help": "f1",
    "app.quit": "q",
}
"""Actions and their default keys, written out here, as the table of all keys takes long to make."""
TOUR_STEPS = (
    "Choose a network in the list with ↑ and ↓. [presets.quick] trains it for a few epochs: a quick run.",
    "Watch loss and accuracy: [training.matrix] shows which classes are confused, [training.diagnosis] what to try.",
    "Change it: [presets.edit] edits layers and parameters. [app.runs] lists all your runs and compares them.",
    "[app.help] explains every screen. [app.quit] closes the program; a training goes on if you want it to.",
)


class TourScreen(BenchModal[None]):
    """The tour, shown over the presets at the first start; any key or click closes it for ever."""

    CSS_PATH = "help.tcss"
    HELP = """
    **The tour.** Its first button starts a quick run; any other key closes it. It comes back with `toured = false` in
    the settings file.
    """

    def compose(self) -> ComposeResult:
        with Vertical(id="tour") as box:
            box.border_title, box.border_subtitle = "Welcome to mnist-tui", "any other key closes this"
            for number, step in enumerate(TOUR_STEPS, 1):
                with Horizontal(classes="step"):
                    yield Static(f"{number}", markup=False, classes="number")
                    yield Static(self._with_keys(step), markup=False)
            with Horizontal(id="ways"):
                key = shown(self._key("presets.quick"))
                yield Button(labelled("Start a quick run", key), variant="primary", compact=True, id="quick")
                yield Button(labelled("Look around first", shown("escape")), compact=True, id="look")

    def _key(self, name: str) -> str:
        return self.app.settings.keys.get(name, TOUR_KEYS[name])

    def _with_keys(self, step: str) -> Content:
        """Return a step with the keys of the actions that it names in brackets."""
        parts = re.split(r"\[(.+?)\]", step)
        return Content.assemble(
            *((shown(self._key(part)), "bold $accent") if at % 2 else part for at, part in enumerate(parts))
        )

    def on_key(self, event: events.Key) -> None:
        if event.key in {"tab", "shift+tab", "enter"}:
            return
        event.stop()
        event.prevent_default()
        if event.key in {"left", "right"}:
            self.focus_next()
        elif event.key in split(self._key("presets.quick")):
            self._start_quick_run()
        else:
            self.on_click()

    def on_click(self) -> None:
        self.dismiss()
        self.app.change_settings(toured=True)

    @on(Button.Pressed, "#look")
    def _look_around(self) -> None:
        self.on_click()

    @on(Button.Pressed, "#quick")
    def _start_quick_run(self) -> None:
        from mnist_tui.experiment.presets import find_preset
        from mnist_tui.tui.run_commands import train_quickly

        self.on_click()
        self.app.call_later(train_quickly, self.app, find_preset(self.app.selected or STARTERS[0]))
