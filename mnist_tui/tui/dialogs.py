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
from mnist_tui.tui.terminal.keymap import bind


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
    BINDINGS = [Binding("f1", "app.help", "Help", tooltip="Help for what has the focus, and all keys", show=False)]

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


def underlined(answer: Choice) -> Content:
    """Return an answer's label, with the first letter underlined that is a key of the answer."""
    letters = (key for key in answer.keys.split(",") if len(key) == 1 and key in answer.label.lower())
    letter = next(letters, None)
    if letter is None:
        return Content(answer.label)
    at = answer.label.lower().index(letter)
    return Content(answer.label).stylize("underline", at, at + 1)


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
                yield Button(underlined(answer), variant=answer.looks, id=answer.name)

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


class ChooseScreen(Dialog[int | None]):
    """A list to choose from; its result is the index of the chosen line, or None if it was cancelled.

    Args:
        lines: the texts of the list.
        chosen: the index of the line that has the cursor at first.
        digits: whether the keys 0 to 9 choose the lines that begin with them.
    """

    HELP = "**A list.** The arrow keys move, Enter or a click chooses, Esc leaves everything as it was."
    BINDINGS = [
        bind("choose.cancel", "escape", "dismiss(None)", "Cancel", "Leave everything as it was"),
        *(bind(f"choose.digit-{n}", f"{n}", f"digit({n})", f"Class {n}", hidden=True) for n in range(10)),
    ]

    def __init__(self, title: str, lines: Sequence[str | Content], chosen: int = 0, *, digits: bool = False) -> None:
        super().__init__(title, f"Enter{' or the digit' if digits else ''} chooses, Esc cancels")
        self._chosen, self._digits = chosen, digits
        self._lines = [Content(line) if isinstance(line, str) else line for line in lines]

    def body(self) -> Iterable[Widget]:
        yield OptionList(*map(Option, self._lines), compact=True)

    def on_mount(self) -> None:
        self.add_class("-list")
        self.query_one(OptionList).highlighted = self._chosen

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_index)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "digit" or self._digits

    def action_digit(self, digit: int) -> None:
        matches = [index for index, line in enumerate(self._lines) if line.plain.startswith(str(digit))]
        if matches:
            self.dismiss(matches[0])


class FormDialog(Dialog[ScreenResultType | None]):
    """A dialog with fields, a line for a problem with them, and two buttons; its result is None if it was cancelled.

    Attributes:
        ACCEPT: the label of the button that accepts the form, as Enter in a field does.
    """

    ACCEPT = "Keep"
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
            yield Button(Content(self.ACCEPT), variant="primary", id="accept")
            yield Button("Cancel (esc)", id="cancel")

    def show_problem(self, problem: str) -> None:
        """Show the problem with the fields; an empty text hides the line."""
        self.problem.update(problem)
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
