"""The settings file, the settings screen, and keys of the user's own."""

from __future__ import annotations

import os
import threading
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from textual.binding import Binding
from textual.widgets import Input, Select, TabbedContent

from mnist_tui.cli import doctor
from mnist_tui.cli.open_app import usual_runs_dir
from mnist_tui.runs.events import Paused
from mnist_tui.settings import Settings, load_settings, save_settings, settings_file
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.routes import classes_with_keys
from mnist_tui.tui.settings.screen import KeyTable, PressKeyScreen, SettingsScreen
from mnist_tui.tui.terminal.keymap import SECTIONS, entries, keymap, problems, split, taken
from mnist_tui.tui.training.screen import TrainingScreen


def write(text: str) -> None:
    settings_file().write_text(text, encoding="utf-8")


def of_file() -> dict[str, Any]:
    return tomllib.loads(settings_file().read_text(encoding="utf-8"))


@pytest.fixture
def bench(tmp_path: Path) -> BenchApp:
    return BenchApp(AppOptions(runs_dir=tmp_path / "runs"))


def test_without_a_file_the_defaults_count() -> None:
    settings_file().unlink()
    assert load_settings() == (Settings(), ())


def test_every_setting_is_read_from_the_file_and_written_to_it() -> None:
    wanted = Settings(
        theme="nord",
        glyphs="ascii",
        pictures="sixel",
        refresh="slow",
        confirm=False,
        bell=False,
        keys={"app.runs": "f6,ctrl+r"},
        runs_dir="~/runs",
        toured=True,
    )
    settings_file().unlink()
    save_settings(**vars(wanted))
    assert load_settings() == (wanted, ())
    save_settings(runs_dir=None, keys={})
    assert load_settings()[0].runs_dir is None
    assert set(of_file()) == {"theme", "glyphs", "pictures", "refresh", "confirm", "bell", "toured"}


@pytest.mark.parametrize(
    ("line", "name", "wanted"),
    [
        ('glyphs = "hires"', "glyphs", "braille, block, ascii"),
        ('pictures = "always"', "pictures", "auto, kitty, sixel, blocks"),
        ('refresh = "never"', "refresh", "auto, normal, slow"),
        ("confirm = 1", "confirm", "true or false"),
        ('bell = "yes"', "bell", "true or false"),
        ("theme = 3", "theme", "a name in quotes"),
        ('runs_dir = "runs"', "runs_dir", "from / or ~ on"),
        ('keys = "x"', "keys", "table"),
        ("[keys]\napp.runs = 3", "app.runs", "not a key's name"),
        ('refesh = "slow"', "refesh", "is refresh meant?"),
    ],
)
def test_what_cannot_be_used_is_told_by_file_and_key_and_the_default_counts(line: str, name: str, wanted: str) -> None:
    write(line + "\n")
    settings, (problem,) = load_settings()
    assert settings == Settings()
    assert str(settings_file()) in problem
    assert name in problem
    assert wanted in problem


def test_a_key_that_was_set_under_the_earlier_name_of_its_action_counts() -> None:
    write('[keys]\neditor.digit = "f10"\n"editor.next-digit" = "ctrl+k"\n')
    settings, problems = load_settings()
    assert (settings.keys, problems) == ({"editor.image": "f10", "editor.next-image": "ctrl+k"}, ())


def test_a_file_that_is_no_toml_is_told_and_never_written_over() -> None:
    write("theme = ")
    assert load_settings()[0] == Settings()
    assert "is not TOML" in load_settings()[1][0]
    with pytest.raises(ValueError, match=r"(?i)unexpected|empty|value"):
        save_settings(theme="nord")
    assert settings_file().read_text() == "theme = "


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'theme = "nord"\nglyphs =\n', "is not TOML (invalid value (at line 2, column 9))"),
        ("theme = 'nord'".encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
        (b"theme = '\xff'", "is not UTF-8 text (byte 10)"),
        (b"a = " + b"[" * 3_000, "is not TOML (it is nested deeper than 64 levels)"),
        (b"a = " + b"9" * 5_000, "is not TOML (Exceeds the limit"),
    ],
    ids=["syntax", "utf-16", "latin-1", "deep", "digits"],
)
def test_a_settings_file_that_cannot_be_read_is_said_and_never_written_over(content: bytes, said: str) -> None:
    settings_file().write_bytes(content)
    settings, (problem,) = load_settings()
    assert settings == Settings()
    assert f"{settings_file()} {said}".lower() in problem.lower()
    with pytest.raises((OSError, ValueError)):
        save_settings(theme="nord")
    assert settings_file().read_bytes() == content


def test_a_settings_file_with_a_byte_order_mark_is_read_and_changed() -> None:
    settings_file().write_bytes(b"\xef\xbb\xbfbell = false\r\n")
    save_settings(theme="nord")
    assert load_settings() == (Settings(bell=False, theme="nord"), ())


def test_a_pipe_in_the_place_of_the_settings_is_never_waited_for() -> None:
    settings_file().unlink()
    os.mkfifo(settings_file())
    assert "is a pipe, not a file" in load_settings()[1][0]
    with pytest.raises(OSError, match="is a pipe"):
        save_settings(theme="nord")


def test_settings_written_by_two_apps_at_once_lose_no_change() -> None:
    def change(names: range) -> None:
        for number in names:
            setting: dict[str, Any] = {f"setting-{number}": number}
            save_settings(**setting)

    apps = [threading.Thread(target=change, args=(range(first, 40, 2),)) for first in (0, 1)]
    for app in apps:
        app.start()
    for app in apps:
        app.join()
    assert {name for name in of_file() if name.startswith("setting-")} == {f"setting-{n}" for n in range(40)}


def test_keys_that_another_app_has_set_meanwhile_stay() -> None:
    before = {"app.runs": "f6", "app.help": "f7"}
    save_settings(keys=before)
    save_settings(keys={**before, "app.jump": "f8"})
    save_settings(keys={"app.runs": "f9"}, keys_before=before)
    assert load_settings()[0].keys == {"app.runs": "f9", "app.jump": "f8"}


def test_commands_say_what_of_the_settings_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MNIST_TUI_RUNS")
    write("theme =")
    usual_runs_dir()
    assert capsys.readouterr().err.startswith(f"warning: the settings file {settings_file()} is not TOML (")
    usual_runs_dir(warn=False)
    assert capsys.readouterr().err == ""
    assert [(check.state, "is not TOML" in check.finding) for check in doctor.settings()] == [("attention", True)]


def test_what_is_not_ours_stays_in_the_file() -> None:
    ours = '[keys]\n"app.runs" = "f6"\n'
    write(f'# mine\nother = [1, 2]  # theirs\ntheme = "nord"\n\n[other-program]\ntheme = "x"\n\n{ours}')
    save_settings(bell=False, keys={"app.runs": "f7"})
    text = settings_file().read_text()
    assert text.startswith("# mine\nother = [1, 2]  # theirs\n")
    doc = of_file()
    assert doc["other-program"] == {"theme": "x"}
    assert doc["bell"] is False
    assert load_settings()[0].keys == {"app.runs": "f7"}
    assert not list(settings_file().parent.glob(".tmp-*"))


def test_a_linked_settings_file_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text("")
    settings_file().unlink()
    settings_file().symlink_to(real)
    save_settings(bell=False)
    assert settings_file().is_symlink()
    assert "bell = false" in real.read_text()


async def test_the_file_s_problems_are_notices_at_the_start(bench: BenchApp, until: Any) -> None:
    write('toured = true\nglyphs = "hires"\ntheme = "no-such"\n[keys]\napp.rnus = "f6"\ntraining.matrix = "g"\n')
    app = BenchApp(bench.options)
    async with app.run_test(size=(80, 24)) as pilot:
        for part in ("hires", "no-such", "app.rnus", "training.matrix = 'g' is also training.gallery's key"):
            await until(pilot, lambda part=part: any(part in notice.message for notice in app._notifications))


async def test_what_is_changed_on_the_screen_counts_and_is_remembered_at_once(bench: BenchApp, until: Any) -> None:
    async with bench.run_test(size=(80, 24)) as pilot:
        await pilot.press("f12")
        await until(pilot, lambda: isinstance(bench.screen, SettingsScreen))
        screen = bench.screen
        screen.query_one("#theme", Select).value = "nord"
        screen.query_one("#glyphs", Select).value = "ascii"
        screen.query_one("#refresh", Select).value = "slow"
        await until(pilot, lambda: of_file().get("refresh") == "slow")
        assert (bench.theme, bench.settings.glyphs, bench.refresh_seconds) == ("nord", "ascii", 5.0)
        assert of_file() == {"toured": True, "theme": "nord", "glyphs": "ascii", "refresh": "slow"}
        assert "|*" in str(screen.query_one("#sample").render())
        await pilot.click("Checkbox")
        await until(pilot, lambda: of_file().get("confirm") is False)
        assert not bench.settings.confirm
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(bench.screen, SettingsScreen))


async def test_by_keyboard_alone(bench: BenchApp, until: Any) -> None:
    async with bench.run_test(size=(60, 20)) as pilot:
        await pilot.press("f12")
        await until(pilot, lambda: isinstance(bench.screen, SettingsScreen))
        await pilot.press("down", "enter", "down", "enter")
        await until(pilot, lambda: bench.settings.glyphs == "block")
        await pilot.press("down", "down", "down", "space", "down", "space")
        assert (bench.settings.confirm, bench.settings.bell) == (False, False)


async def test_the_runs_folder_is_checked_and_remembered(
    bench: BenchApp, until: Any, shows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MNIST_TUI_RUNS")
    async with bench.run_test(size=(100, 30)) as pilot:
        await pilot.press("f12")
        await until(pilot, lambda: isinstance(bench.screen, SettingsScreen))
        field = bench.screen.query_one("#runs-dir", Input)
        field.focus()
        field.value = "lab"
        await pilot.press("enter")
        await shows(pilot, "lab is not a folder's whole path")
        assert "runs_dir" not in of_file()
        field.value = "/data/lab"
        await pilot.press("enter")
        await until(pilot, lambda: of_file().get("runs_dir") == "/data/lab")
        await shows(pilot, "a change counts from the next start on; now")
        field.value = ""
        await pilot.press("tab")
        await until(pilot, lambda: "runs_dir" not in of_file())


async def keys_page(app: BenchApp, pilot: Any, until: Any, name: str) -> KeyTable:
    """The table of keys, with its cursor on an action, whose new key is asked for."""
    await pilot.press("f12")
    await until(pilot, lambda: isinstance(app.screen, SettingsScreen))
    await pilot.press("f8")
    table = app.screen.query_one(KeyTable)
    await until(pilot, lambda: table.keys and table.has_focus)
    table.choose(name)
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, PressKeyScreen))
    return table


async def test_every_key_stands_under_the_name_of_its_screen(bench: BenchApp, until: Any, shows: Any) -> None:
    async with bench.run_test(size=(100, 40)) as pilot:
        await pilot.press("f12", "f8")
        table = bench.screen.query_one(KeyTable)
        await until(pilot, lambda: table.keys)
        found = entries(classes_with_keys())
        headings = [key for key in table.keys if key.startswith("/")]
        assert headings == list(dict.fromkeys(f"/{entry.section}" for entry in found))
        assert headings[:2] == ["/Everywhere", "/Presets"]
        assert {name.partition(".")[0] for entry in found for name in entry.ids} <= {*SECTIONS}, "each has a heading"
        assert len(table.keys) == len(found) + len(headings)
        await pilot.press("home", "enter", "backspace")
        assert isinstance(bench.screen, SettingsScreen), "a heading has no key"


async def test_the_theme_under_the_cursor_is_shown_and_escape_brings_the_former_one_back(
    bench: BenchApp, until: Any
) -> None:
    async with bench.run_test(size=(100, 40)) as pilot:
        await pilot.press("f12", "enter", "down")
        await until(pilot, lambda: bench.theme == "bench-light")
        assert "theme" not in of_file(), "a preview is not remembered"
        await pilot.press("escape")
        await until(pilot, lambda: bench.theme == "bench-dark")
        await pilot.press("enter", "down", "enter")
        await until(pilot, lambda: of_file().get("theme") == "bench-light")
        assert bench.theme == "bench-light"


async def test_tab_completes_the_name_of_a_folder(bench: BenchApp, until: Any, tmp_path: Path) -> None:
    for name in ("results-1", "results-2", "other"):
        (tmp_path / "place" / name).mkdir(parents=True)
    (tmp_path / "place" / "results.txt").touch()
    async with bench.run_test(size=(100, 40)) as pilot:
        await pilot.press("f12")
        field = bench.screen.query_one("#runs-dir", Input)
        field.value = f"{tmp_path}/place/"
        field.focus()
        await pilot.press("end", "r", "tab")
        assert field.value == f"{tmp_path}/place/results-"
        await pilot.press("2", "tab")
        assert field.value == f"{tmp_path}/place/results-2/"
        assert field.has_focus
        await pilot.press("tab")
        assert not field.has_focus
        field.focus()
        await pilot.press("end", "tab")
        assert not field.has_focus, "nothing was typed"
        assert field.value == f"{tmp_path}/place/results-2/"


async def test_a_key_is_given_a_new_one_by_pressing_it_and_the_default_comes_back(
    record: Any, app_on: Any, until: Any, shows: Any
) -> None:
    run = record().begin().epoch(1)
    app = app_on(run.folder)
    async with app.run_test(size=(100, 30)) as pilot:
        await shows(pilot, "p Pause")
        await keys_page(app, pilot, until, "training.pause")
        await pilot.press("m")
        await shows(pilot, "m is Matrix")
        await pilot.press("tab")
        await shows(pilot, "has a fixed use")
        await pilot.press("z")
        await shows(pilot, "z*")
        assert of_file()["keys"]["training"]["pause"] == "z"
        await pilot.press("escape")
        await shows(pilot, "z Pause")
        await pilot.press("p")
        await pilot.press("z")
        await until(pilot, lambda: len(list(run.folder.control.glob("*pause*"))) == 1)
        await keys_page(app, pilot, until, "training.pause")
        await pilot.press("backspace")
        await until(pilot, lambda: "keys" not in of_file())
        await pilot.press("escape")
        await shows(pilot, "p Pause")


async def test_a_key_is_kept_by_escape_and_all_come_back_by_one_key(bench: BenchApp, until: Any) -> None:
    save_settings(keys={"app.runs": "f6"})
    app = BenchApp(bench.options)
    async with app.run_test(size=(80, 24)) as pilot:
        await keys_page(app, pilot, until, "app.draw")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen))
        assert app.settings.keys == {"app.runs": "f6"}
        await pilot.press("ctrl+r")
        await until(pilot, lambda: app.settings.keys == {})
        assert "keys" not in of_file()
        app.screen.query_one(TabbedContent)


async def test_a_key_of_one_s_own_leaves_those_alone_that_shared_the_old_one(
    record: Any, app_on: Any, shows: Any, until: Any
) -> None:
    save_settings(keys={"training.pause": "z"})
    run = record().begin().epoch(1)
    app = app_on(run.folder)
    async with app.run_test(size=(100, 30)) as pilot:
        await shows(pilot, "z Pause")
        run.status("paused")
        run.write(Paused(epoch=1, step=0))
        await shows(pilot, "paused")
        await until(pilot, lambda: "p" in app.screen.active_bindings)
        await pilot.press("p")
        await until(pilot, lambda: list(run.folder.control.glob("*continue*")))


def entry(name: str) -> Any:
    return next(found for found in entries(classes_with_keys()) if name in found.ids)


def test_actions_that_share_their_keys_are_one_line() -> None:
    assert entry("training.pause") is entry("training.continue")
    assert entry("training.pause").keys == ("p", "space")


def test_a_key_is_taken_where_both_work_at_once_only() -> None:
    table = entries(classes_with_keys())
    assert taken(entry("training.matrix"), "g", {}, table) is entry("training.gallery")
    assert taken(entry("training.matrix"), "f3", {}, table) is entry("app.runs")
    assert taken(entry("training.matrix"), "left", {}, table) is entry("run.earlier"), "the base class' keys work too"
    assert taken(entry("help.all"), "f3", {}, table) is None, "a dialog hides the app's keys"
    assert taken(entry("presets.edit"), "g", {}, table) is None
    assert taken(entry("training.matrix"), "g", {"training.gallery": "z"}, table) is None
    assert taken(entry("training.presets"), "escape", {}, table) is entry("training.back")


def test_keys_are_told_to_textual_with_those_that_shared_them() -> None:
    told = keymap({"training.detach": "z", "no.such": "y"}, entries(classes_with_keys()))
    assert told["training.detach"] == "z"
    assert told["training.presets"] == "d"
    assert "presets.train" not in told, "another screen's keys are as they are"
    assert "no.such" not in told
    assert keymap({}, entries(classes_with_keys())) == {}


def test_single_characters_are_keys_by_their_textual_names() -> None:
    assert split("?, f1,ctrl+a") == ("question_mark", "f1", "ctrl+a")


def test_a_problem_of_two_keys_is_told_once() -> None:
    own: Mapping[str, str] = {"training.matrix": "z", "training.gallery": "z"}
    assert len(problems(own, entries(classes_with_keys()), "settings.toml")) == 1


def test_every_action_s_name_is_its_own() -> None:
    named = [name for found in entries(classes_with_keys()) for name in found.ids]
    assert len(named) == len(set(named))


def test_every_binding_of_a_screen_of_a_run_has_an_id_and_a_tooltip() -> None:
    for binding in TrainingScreen.BINDINGS:
        assert isinstance(binding, Binding)
        assert binding.id
        assert binding.tooltip
