"""Whatever people or files call things, the screens show it as text; no markup is read, the terminal obeys nothing."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color

import mnist_tui
from mnist_tui.runs.folder import RunFolder
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.bench import Route
from mnist_tui.tui.dialogs import ChooseScreen
from mnist_tui.tui.terminal.text_filters import SafeText
from mnist_tui.tui.terminal.window import Window
from mnist_tui.tui.training.screen import TrainingScreen
from tests.hostile import NAMES, obeyed, seen
from tests.report.recorded import DIGITS, recorded_run
from tests.tui.conftest import screen_text

PACKAGE = Path(mnist_tui.__file__).parent
EVERY = "; ".join(NAMES).replace("\udcff", "?")


def hostile_run(place: Path, name: str = EVERY) -> RunFolder:
    """A run in which every text that people choose is hostile."""
    classes = tuple(NAMES[at].replace("\udcff", "?") for at in range(len(DIGITS)))
    run = recorded_run(place, class_names=classes, title=EVERY, reason=EVERY)
    run.label_file.write_text(json.dumps({"name": name, "note": name}), encoding="utf-8")
    run.log_file.write_text(f"{EVERY}\n", encoding="utf-8")
    return run


async def test_every_screen_of_a_run_shows_hostile_text_and_obeys_nothing(place: Path, until: Any) -> None:
    app = BenchApp(AppOptions(action="watch", run=hostile_run(place), runs_dir=place))
    async with app.run_test(size=(140, 45)) as pilot:
        await until(pilot, lambda: "finished" in screen_text(app))
        for keys in ("f1", "i", "m", "r", "ctrl+p"):
            await pilot.press(keys)
            await until(pilot, lambda: not isinstance(app.screen, TrainingScreen))
            await pilot.pause()
            assert not obeyed(screen_text(app)), keys
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, TrainingScreen))


async def test_the_list_of_runs_shows_names_and_notes_as_they_are(place: Path, until: Any) -> None:
    for name in NAMES:
        hostile_run(place, name)
    app = BenchApp(AppOptions(runs_dir=place))
    async with app.run_test(size=(300, 60)) as pilot:
        app.show(Route("runs"))
        for name in NAMES:
            plain = " ".join("".join(char if char.isprintable() else " " for char in name).split())
            await until(pilot, lambda plain=plain: plain[:30] in _text(app))
        assert not obeyed(screen_text(app))


async def test_toasts_and_titles_show_text_as_it_is(place: Path, until: Any) -> None:
    app = BenchApp(AppOptions(runs_dir=place))
    async with app.run_test(size=(200, 40), notifications=True) as pilot:
        for name in NAMES[2::3]:
            drawn = name.replace("\x07", "")  # Textual drops some control characters itself
            await app.push_screen(ChooseScreen(f"<{name}>", [f"line {name}"]))
            app.screen.notify(f"said {name}", title=f"title {name}", markup=True, timeout=60)
            await until(pilot, lambda drawn=drawn: f"line {seen(drawn)}"[:60] in _text(app))
            await until(pilot, lambda name=name: f"title {seen(name)}"[:40] in _text(app))
            assert f"<{seen(drawn)}"[:20] in _text(app)
            assert not obeyed(screen_text(app))
            app.clear_notifications()
            app.pop_screen()


def _text(app: BenchApp) -> str:
    """The screen's text without the isolates, whose places depend on how it is divided among lines."""
    lines = screen_text(app).replace("\u2068", "").replace("\u2069", "").splitlines()
    return " ".join(" ".join(line.split()) for line in lines)


def test_the_windows_title_shows_control_characters() -> None:
    written: list[str] = []
    app: Any = SimpleNamespace(_driver=SimpleNamespace(write=written.append), is_headless=False, is_web=False)
    Window(app).set_title("raw \x1b]2;owned\x07\n\x9c")
    assert written == ["\x1b[22;0t\x1b]2;raw ␛]2;owned␇␊�\x1b\\"]


TEXTS = st.text(st.characters(exclude_categories=[]), max_size=12)


@given(st.lists(TEXTS, max_size=4))
def test_a_line_stays_as_wide_as_it_was_and_nothing_in_it_is_obeyed(texts: list[str]) -> None:
    segments = [Segment(text) for text in texts]
    made = SafeText().apply(segments, Color(0, 0, 0))
    text = "".join(segment.text for segment in made)
    assert not obeyed(text.replace("\n", "").replace("\t", ""))
    assert sum(cell_len(segment.text) for segment in made) == sum(cell_len(segment.text) for segment in segments)


def test_blanks_after_a_text_give_way_to_what_is_shown_in_it() -> None:
    line = [Segment("│ "), Segment("a\x1bb   "), Segment(" │")]
    assert [segment.text for segment in SafeText().apply(line, Color(0, 0, 0))] == ["│ ", "a␛b  ", " │"]
    tight = [Segment("│"), Segment("a\x1bb"), Segment(" │")]
    assert [segment.text for segment in SafeText().apply(tight, Color(0, 0, 0))] == ["│", "a␛b", "│"]


TAKES_MARKUP = {"Static", "Label", "Checkbox", "RadioButton", "Option", "Tab", "TabPane", "Button", "Collapsible"}
"""Widgets of Textual that read markup in their first argument."""
PLAIN = {"Content", "labelled", "pane_keys", "pane_title", "_canvas_keys", "_prompt", "_table"}
"""What makes text, or tables of it, of a string."""


def test_no_door_for_markup_is_open() -> None:
    """A text that is put together goes to a widget as Content or with markup=False; nothing else reads markup."""
    found: list[str] = []
    for path in sorted((PACKAGE / "tui").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        theirs = {
            name.asname or name.name
            for one in ast.walk(tree)
            if isinstance(one, ast.ImportFrom) and (one.module or "").startswith("textual.widgets")
            for name in one.names
        }
        for one in ast.walk(tree):
            if why := _open_door(one, TAKES_MARKUP & theirs):
                found.append(f"{path.relative_to(PACKAGE)}:{one.lineno} {why}")  # pyright: ignore[reportAttributeAccessIssue]
    assert found == []


def _open_door(one: ast.AST, readers: set[str]) -> str:
    match one:
        case ast.Attribute(attr="from_markup"):
            return "reads markup"
        case ast.ImportFrom(module="textual.markup" | "rich.markup"):
            return "is about markup"
        case ast.keyword(arg="markup", value=ast.Constant(value=True)):
            return "asks for markup"
        case ast.Assign(
            targets=[ast.Attribute(attr="border_title" | "border_subtitle" | "tooltip" | "label")], value=value
        ):
            return "" if _plain(value) else "sets a title that may have markup"
        case ast.Call(func=function, args=[first, *_], keywords=named) if _name(function) in readers:
            told = any(each.arg == "markup" for each in named)
            return "" if told or _plain(first) else f"makes a {_name(function)} that reads markup"
        case _:
            return ""


def _plain(value: ast.expr) -> bool:
    match value:
        case ast.Constant():
            return True
        case ast.IfExp(body=body, orelse=orelse):
            return _plain(body) and _plain(orelse)
        case ast.Call(func=function):
            return _name(function) in PLAIN or _name(getattr(function, "value", None)) in PLAIN
        case _:
            return False


def _name(function: Any) -> str:
    return getattr(function, "attr", getattr(function, "id", ""))
