"""Whatever people or files call things, commands show it as text: markup, escapes and emoji codes are not obeyed."""

from __future__ import annotations

import ast
import io
import json
from pathlib import Path
from typing import Any

import pytest

import mnist_tui
from mnist_tui.cli import output
from mnist_tui.cli.follow_study import view
from mnist_tui.experiment.presets import find_preset
from mnist_tui.experiment.spec import to_mapping
from mnist_tui.runs.folder import RunFolder
from mnist_tui.studies.state import StudyState, TrialRow
from tests.cli.conftest import Command
from tests.hostile import NAMES, obeyed, seen
from tests.report.recorded import DIGITS, recorded_run

EVERY = "; ".join(NAMES)


@pytest.fixture
def run(runs_dir: Path) -> RunFolder:
    """A run in which every text that people choose is hostile."""
    names = tuple(NAMES[at % len(NAMES)].encode("utf-8", "replace").decode() + str(at) for at in range(len(DIGITS)))
    made = recorded_run(
        runs_dir, class_names=names, title=EVERY.replace("\udcff", "?"), reason=EVERY.replace("\udcff", "?")
    )
    made.log_file.write_text(f"{EVERY}\n", encoding="utf-8", errors="replace")
    return made


@pytest.mark.parametrize("name", NAMES)
def test_lists_of_runs_show_names_and_notes_as_they_are(cli: Command, run: RunFolder, name: str) -> None:
    run.label_file.write_text(json.dumps({"name": name, "note": f"{name}!"}), encoding="utf-8")
    other = recorded_run(run.path.parent, created=1_773_000_000.0)
    for words in (("runs",), ("compare", run.id, other.id)):
        result = cli(*words)
        assert result.exit_code == 0, result.output
        assert not obeyed(result.output)
        plain = "".join(char if char.isprintable() else " " for char in name)
        assert " ".join(plain.split()) in result.stdout


@pytest.mark.parametrize(
    "words",
    [
        "show {run}",
        "logs {run}",
        "runs",
        "complexity {run}",
        "export {run} --summary",
        "prune",
        "resume {run}",
        "show {run} --json",
        "runs --json",
    ],
)
def test_every_command_about_a_run_prints_nothing_that_is_obeyed(cli: Command, run: RunFolder, words: str) -> None:
    run.label_file.write_text(json.dumps({"name": EVERY, "note": EVERY}), encoding="utf-8")
    result = cli(*words.format(run=run.id).split())
    assert "unexpected" not in result.output
    assert not obeyed(result.output)
    if "--json" in words:
        json.loads(result.stdout)


@pytest.mark.parametrize("name", NAMES)
def test_presets_are_listed_with_their_titles_as_they_are(cli: Command, tmp_path: Path, name: str) -> None:
    import tomlkit

    folder = tmp_path / "config" / "presets"
    folder.mkdir(parents=True)
    name = name.replace("\udcff", "?")
    document = {"title": name, "about": name, **to_mapping(find_preset("raw").experiment)}
    (folder / "mine.toml").write_text(tomlkit.dumps(document), encoding="utf-8")
    result = cli("presets", "list")
    assert result.exit_code == 0, result.output
    assert not obeyed(result.output)
    assert seen(name) in result.stdout


@pytest.mark.parametrize("name", NAMES)
def test_errors_name_what_was_typed_as_it_is(cli: Command, name: str) -> None:
    for words in (("show", name), (name,), (f"--{name}",), ("presets", "show", name), ("train", "--preset", name)):
        result = cli(*words)
        assert result.exit_code == 2, words
        assert not obeyed(result.output)


def test_a_tables_cells_and_headings_are_text() -> None:
    table = output.TextTable(*NAMES)
    table.add_row(*NAMES)
    assert not obeyed(text := output.rendered(table))
    for name in NAMES:
        assert text.count(seen(name)) == 2 + sum(seen(name) in seen(other) for other in NAMES if other != name) * 2


def test_a_studys_live_view_and_its_notes_are_text() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    live = output.LiveView(terminal)
    live.note("[/] :100: \x1b]0;owned\x07")
    live.show(view(_study(), width=100, height=20, now=0.0))
    live.clear()
    printed = terminal.getvalue()
    assert "[/] :100: ␛]0;owned␇" in printed
    assert "\x1b]" not in printed
    assert "\x07" not in printed


def _study() -> StudyState:
    title = "[/] :100: \x1b]0;owned\x07"
    row = TrialRow(number=1, seed=0, values=(("hidden", title),), base=title)
    return StudyState(title=title, trials=1, rows=(row,), axes=("hidden",))


def test_json_escapes_what_a_terminal_would_obey_and_stays_the_same_document(
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = [name.replace("\udcff", "?") for name in NAMES]
    output.print_json(names)
    printed = capsys.readouterr().out
    assert json.loads(printed) == names
    assert not obeyed(printed)


def test_a_line_that_changes_is_cleared_by_its_own_escape_alone() -> None:
    stream = io.StringIO()
    line = output.LiveLine(stream)
    line.show("\x1b[2J\r\n x")
    line.clear()
    assert stream.getvalue() == "\r\x1b[K␛[2J␍␊ x\r\x1b[K"


CLOSED_DOORS = {"print", "Console", "Table", "Live", "echo", "secho", "confirm", "prompt"}


def test_nothing_but_the_one_module_prints() -> None:
    """`print` and its kind are for `cli.output` alone; doctor holds a program for another interpreter as text."""
    found: list[str] = []
    for path in sorted((Path(mnist_tui.__file__).parent / "cli").glob("*.py")):
        if path.name == "output.py":
            continue
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and _prints(call):
                found.append(f"{path.name}:{call.lineno} {ast.unparse(call)}")
    assert found == []


def _prints(call: ast.Call) -> bool:
    return _name(call.func) in CLOSED_DOORS or ast.unparse(call.func).startswith(
        ("sys.stdout.write", "sys.stderr.write")
    )


def _name(function: Any) -> str:
    return getattr(function, "attr", getattr(function, "id", ""))
