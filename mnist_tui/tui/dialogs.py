"""Dialogs over a screen: a question with a button for each answer, a list to choose from, and a line of text.

A dialog returns its answer to the code that opened it (`push_screen` or `push_screen_wait`) and does nothing else. Each
question is a subclass of `Question`, in the module of the commands that need it.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ScreenResultType
from textual.widget import Widget
from textual.widgets import Button, Input, OptionList, Static
from textual.widgets.option_list import Option

from mnist_tui.tui.bench import BenchModal
from mnist_tui.tui.terminal.keymap import bind, key_of, labelled, shown
from mnist_tui.tui.widgets.controls import KeyFooter
from mnist_tui.wording import sentence_of


class Dialog(BenchModal[ScreenResultType]):
    """A box with a title over the present screen.

    Args:
        title: replaces the class's TITLE.
        subtitle: in the lower edge of the box.

    Attributes:
        MUST_BE_SEEN: whether keys from before the dialog was drawn are dropped, since they cannot be an answer to it.
    """

    CSS_PATH = Path(__file__).with_name("dialogs.tcss")
    TITLE = ""
    MUST_BE_SEEN = False

    def __init__(self, title: str = "", subtitle: str = "") -> None:
        super().__init__()
        self._box_title, self._box_subtitle = title or self.TITLE or "", subtitle

    def body(self) -> Iterable[Widget]:
        """Yield the widgets in the box."""
        return ()

    def compose(self) -> ComposeResult:
        with VerticalScroll(can_focus=False, classes="dialog") as box:
            box.border_title, box.border_subtitle = Content(self._box_title), Content(self._box_subtitle)
            yield from self.body()
        yield KeyFooter()


@dataclass(frozen=True)
class Choice:
    """An answer to a question.

    Attributes:
        name: the dialog's result; also the button's id and the last part of its keys' id.
        keys: joined by commas.
        about: the effect of the answer, for the list of keys.
        looks: the button's variant; the primary one has the focus at first.
    """

    name: str
    keys: str
    label: str
    about: str
    looks: Literal["default", "primary", "warning", "error"] = "default"


def answer_keys(section: str, answers: Sequence[Choice]) -> list[Binding]:
    """Return the keys of a question's answers; their ids begin with `section`."""
    return [
        bind(f"{section}.{answer.name}", answer.keys, f"answer('{answer.name}')", answer.label, answer.about)
        for answer in answers
    ]


class Question(Dialog[str]):
    """A question; its result is the name of the answer.

    Args:
        texts: the paragraphs above the buttons.
        without: names of answers that are not offered this time.
        title: replaces the class's TITLE.

    Attributes:
        ANSWERS: in the order of their buttons; a subclass gets their keys by `answer_keys`.
    """

    ANSWERS: tuple[Choice, ...] = ()
    MUST_BE_SEEN = True
    BINDINGS = [
        bind("dialog.previous", "left", "app.focus_previous", "Previous button", hidden=True),
        bind("dialog.next", "right", "app.focus_next", "Next button", hidden=True),
    ]

    def __init__(self, *texts: str, without: Container[str] = (), title: str = "") -> None:
        super().__init__(title)
        self._texts = texts
        self._answers = [answer for answer in self.ANSWERS if answer.name not in without]

    def body(self) -> Iterable[Widget]:
        for text in self._texts:
            yield Static(text, markup=False)
        with Horizontal():
            for answer in self._answers:
                yield Button(labelled(answer.label, self._key(answer)), variant=answer.looks, id=answer.name)

    def _key(self, answer: Choice) -> str:
        """Return the first key of an answer, as the footer writes it."""
        action = f"answer('{answer.name}')"
        ids = (each.id for each in self.BINDINGS if isinstance(each, Binding) and each.action == action)
        return key_of(next(filter(None, ids)), type(self), self.app.settings.keys)

    def on_mount(self) -> None:
        buttons = self.query(Button)
        (next((button for button in buttons if button.variant == "primary"), None) or buttons.first()).focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "answer" or any(answer.name == parameters[0] for answer in self._answers)

    def action_answer(self, name: str) -> None:
        self.dismiss(name)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(str(event.button.id))


Lines = Sequence[str | Content]


class ChooseScreen(Dialog[int | None]):
    """A list to choose from; its result is the index of the chosen line, or None if it was cancelled.

    Args:
        lines: the texts of the list, or a function that returns them for a width of the window in columns.
        chosen: the index of the line that has the cursor at first.
        subtitle: in the lower edge of the box.
    """

    HELP = "**A list.** The arrow keys move, Enter or a click chooses, Esc leaves everything as it was."
    BINDINGS = [bind("choose.cancel", "escape", "dismiss(None)", "Cancel", "Leave everything as it was")]
    choices = getters.query_one(OptionList)

    def __init__(self, title: str, lines: Lines | Callable[[int], Lines], chosen: int = 0, subtitle: str = "") -> None:
        super().__init__(title, subtitle or "Enter chooses, Esc cancels")
        self._chosen = chosen
        self._lines_in = lines if callable(lines) else lambda width: lines
        self._lines = self._contents()

    def _contents(self) -> list[Content]:
        lines = self._lines_in(self.app.size.width)
        return [Content(line) if isinstance(line, str) else line for line in lines]

    def body(self) -> Iterable[Widget]:
        yield OptionList(*self.options(range(len(self._lines))), compact=True)

    def options(self, lines: Iterable[int]) -> Iterable[Option]:
        """Yield the options of some lines, by their indices."""
        return (Option(Content.assemble(self._lines[at]), str(at)) for at in lines)

    def on_mount(self) -> None:
        self.add_class("-list")
        self.choices.highlighted = self._chosen

    def on_resize(self) -> None:
        """Fit the lines into the window; those that are shown and the cursor stay."""
        at, shown = self.choices.highlighted, [int(option.id or 0) for option in self.choices.options]
        self._lines = self._contents()
        self.choices.set_options(self.options(shown))
        self.choices.highlighted = at

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(int(event.option_id or 0))


class SearchScreen(ChooseScreen):
    """A list that is narrowed down by typing a part of a line; its result is that of `ChooseScreen`."""

    HELP = """
    **A list.** Type a part of a name or of its description; the arrow keys move, Enter or a click chooses, Esc leaves
    everything as it was.
    """
    BINDINGS = [
        Binding("down", "move('down')", show=False),
        Binding("up", "move('up')", show=False),
        Binding("pagedown", "move('page_down')", show=False),
        Binding("pageup", "move('page_up')", show=False),
    ]
    PLACEHOLDER = "a part of the name, or of what it does"
    searched = True

    def found(self, text: str) -> list[int]:
        """Return the indices of the lines that a text means, those with it in their first line first."""
        lower, lines = text.strip().lower(), [line.plain.lower() for line in self._lines]
        found = [at for at, line in enumerate(lines) if lower in line]
        return sorted(found, key=lambda at: lower not in lines[at].partition("\n")[0])

    def body(self) -> Iterable[Widget]:
        if self.searched:
            yield Input(placeholder=self.PLACEHOLDER, compact=True)
        yield from super().body()

    def on_mount(self) -> None:
        self.set_class(self.searched, "-searched")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.searched if action == "move" else True

    def action_move(self, where: str) -> None:
        """Move the cursor of the list while the keyboard is in the field above it."""
        self.call_later(getattr(self.choices, f"action_{where if where.startswith('page') else f'cursor_{where}'}"))

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        found = self.found(event.value) if event.value else range(len(self._lines))
        self.choices.set_options(self.options(found))
        self.choices.highlighted = (0 if event.value else self._chosen) if found else None

    @on(Input.Submitted)
    def _accept(self) -> None:
        if (option := self.choices.highlighted_option) is not None:
            self.dismiss(int(option.id or 0))


DIGIT_KEYS = 10
"""The most classes of which each has a digit as its key."""


class ChooseClassScreen(SearchScreen):
    """A list of classes with their numbers; its result is the number of the chosen class, or None.

    Up to ten classes have the digits as keys. The list of more classes is narrowed down by typing a part of a name, or
    a number.

    Args:
        names: the names of all classes.
        more: a line after the classes, such as ``any class``; its index is the number of classes.
    """

    HELP = """
    **A list of classes.** The arrow keys move, Enter or a click chooses, Esc leaves everything as it was. With up to
    ten classes a digit chooses the class with that number; with more, type a part of the name, or the number.
    """
    BINDINGS = [
        bind(f"choose.digit-{n}", f"{n}", f"digit({n})", f"Class {n}", "Choose the class of that number", hidden=True)
        for n in range(DIGIT_KEYS)
    ]
    PLACEHOLDER = "a part of the name, or the number"

    def __init__(self, title: str, names: Sequence[str], chosen: int, more: str = "") -> None:
        self._names, self.searched = names, len(names) > DIGIT_KEYS
        lines = [f"{at} {name}" if name != str(at) else name for at, name in enumerate(names)]
        keys = "type a part of the name or the number" if self.searched else "Enter or the digit chooses"
        super().__init__(title, [*lines, more] if more else lines, chosen, f"{keys}, Esc cancels")

    def found(self, text: str) -> list[int]:
        return found_classes(self._names, text)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return not self.searched if action == "digit" else super().check_action(action, parameters)

    def action_digit(self, digit: int) -> None:
        if digit < len(self._names):
            self.dismiss(digit)


def found_classes(names: Sequence[str], text: str) -> list[int]:
    """Return the numbers of the classes that a text means, the best first.

    The class with that number or that very name comes first, then names that begin with the text, then those with it
    inside; then capital letters count as small ones.
    """
    lower = text.strip().lower()

    def rank(at: int) -> int | None:
        name = names[at]
        matches = (str(at) == text or name == text, name.lower() == lower, name.lower().startswith(lower))
        better = next((place for place, match in enumerate(matches) if match), None)
        return len(matches) if better is None and lower in name.lower() else better

    ranks = {at: rank(at) for at in range(len(names))}
    return sorted((at for at, place in ranks.items() if place is not None), key=lambda at: (ranks[at], at))


class FormDialog(Dialog[ScreenResultType | None]):
    """A dialog with fields, a line for a problem with them, and two buttons; its result is None if it was cancelled.

    Attributes:
        ACCEPT: the label of the button that accepts the form, as Enter in a field does.
        CANCEL: the label of the button that closes the dialog.
    """

    ACCEPT, CANCEL = "Keep", "Cancel"
    BINDINGS = [Binding("down", "app.focus_within(1)", show=False), Binding("up", "app.focus_within(-1)", show=False)]
    problem = getters.query_one(".problem", Static)
    accept_button = getters.query_one("#accept", Button)

    def fields(self) -> Iterable[Widget]:
        """Yield the widgets above the buttons."""
        return ()

    def accept(self) -> None:
        """Dismiss the dialog with its answer, or show the problem."""

    def body(self) -> Iterable[Widget]:
        yield from self.fields()
        yield Static(classes="problem", markup=False)
        with Horizontal():
            yield Button(labelled(self.ACCEPT, shown("enter")), variant="primary", id="accept")
            yield Button(labelled(self.CANCEL, shown("escape")), id="cancel")

    def show_problem(self, problem: str) -> None:
        """Show the problem with the fields as a sentence; an empty text hides the line."""
        self.problem.update(sentence_of(problem))
        self.problem.set_class(bool(problem), "-shown")

    @on(Input.Submitted)
    @on(Button.Pressed, "#accept")
    def action_accept(self) -> None:
        self.accept()

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        self.dismiss(None)


class TextScreen(FormDialog[str]):
    """A dialog that asks for a line of text; its result is the text, or None if it was cancelled.

    Args:
        about: a sentence that explains the text's use.
        value: the present text.
        problem: returns the problem with a text; an empty string if there is none.
        restrict: a regular expression that everything typed has to match.
        placeholder: shown while nothing is typed.
        keep: the label of the button that accepts the text.
    """

    HELP = "**A line of text.** Enter accepts it, Esc leaves everything as it was."
    BINDINGS = [bind("ask.cancel", "escape", "cancel", "Cancel", "Leave everything as it was")]

    def __init__(
        self,
        title: str,
        about: str,
        value: str = "",
        *,
        problem: Callable[[str], str],
        restrict: str | None = None,
        placeholder: str = "",
        keep: str = "Keep",
    ) -> None:
        super().__init__(title)
        self.ACCEPT, self._about, self._problem_of = keep, about, problem
        self.field = Input(value, placeholder, restrict=restrict, compact=True)

    def fields(self) -> Iterable[Widget]:
        yield Static(self._about, markup=False)
        yield self.field

    @on(Input.Changed)
    def _check(self) -> None:
        self.show_problem(self._problem_of(self.field.value) if self.field.value else "")

    def accept(self) -> None:
        if self._problem_of(self.field.value):
            self.field.focus()
        else:
            self.dismiss(self.field.value)


def too_long(longest: int) -> Callable[[str], str]:
    """Return a check for `TextScreen` that says by how many characters a text is too long."""
    message = "{:,} characters; {:,} are kept at most: {:,} have to go."
    return lambda text: message.format(len(text), longest, len(text) - longest) if len(text) > longest else ""
