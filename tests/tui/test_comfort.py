"""Tour, key sheet, clipboard, window title, bell, pace; the last four on a real terminal as well."""

from __future__ import annotations

import base64
import json
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from textual.widgets._toast import Toast

from mnist_tui.data.catalogue import KNOWN
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.watch import RunSnapshot
from mnist_tui.settings import save_settings, settings_file
from mnist_tui.tui import run_commands
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.help.screens import TOUR_KEYS, HelpScreen, TourScreen, keys_of
from mnist_tui.tui.results.screen import ResultsScreen
from mnist_tui.tui.routes import classes_with_keys
from mnist_tui.tui.terminal.desktop import MOST, copy, sequence, through_tmux
from mnist_tui.tui.terminal.keymap import entries, shown
from mnist_tui.tui.terminal.window import KEPT_SECONDS, SLOW_ANSWER_SECONDS, WAITING_CHECKS, Pace, title_of
from mnist_tui.tui.widgets.controls import KeyFooter
from tests.terminal import COMMAND, CTRL_Q, Terminal
from tests.tui.conftest import notices_text
from tests.tui.sizes import at_sizes

QUESTION, YES = b"\x1b[?2026$p", "\x1b[?2026;2$y"


class Heard(Terminal):
    """A terminal that keeps every byte the program wrote, and answers whether it knows synchronized output.

    Args:
        answers_after: seconds until the answer, as on a line where it waits behind what was drawn.
    """

    def __init__(self, *arguments: Any, answers_after: float | None = None, **given: Any) -> None:
        super().__init__(*arguments, **given)
        self.heard = b""
        self._answers_after = answers_after
        self._due: list[float] = []
        feed = self._stream.feed

        def keep(data: bytes) -> None:
            self.heard += data
            if answers_after is not None:
                self._due += [time.monotonic() + answers_after] * data.count(QUESTION)
            feed(data.replace(QUESTION, b""))

        self._stream.feed = keep  # pyright: ignore[reportAttributeAccessIssue]

    def pump(self, seconds: float = 0.05) -> None:
        super().pump(seconds)
        while self._due and self._due[0] <= time.monotonic():
            self._due.pop(0)
            self.press(YES)

    @property
    def titles(self) -> list[str]:
        return [title.decode() for title in re.findall(rb"\x1b\]2;(.*?)\x1b\\", self.heard)]

    @property
    def bells(self) -> int:
        """A bell's byte also ends what a terminal is told in sequences (OSC)."""
        return re.sub(rb"\x1b\][^\x07\x1b]*(\x07|\x1b\\\\)", b"", self.heard).count(b"\x07")


@pytest.fixture
def bench(tmp_path: Path) -> BenchApp:
    return BenchApp(AppOptions(runs_dir=tmp_path / "runs"))


@at_sizes((80, 24), (60, 20), (200, 50))
async def test_the_tour_is_shown_once_and_fits(size: tuple[int, int], bench: BenchApp, shows: Any, until: Any) -> None:
    save_settings(toured=None)
    app = BenchApp(bench.options)
    async with app.run_test(size=size) as pilot:
        text = await shows(pilot, "Welcome to mnist-tui", "Start a quick run f", "Look around first Esc")
        for step in range(1, 5):
            assert re.search(rf"│ +{step}  \S", text)
        assert "f trains it for a few epochs: a quick run." in " ".join(text.replace("│", " ").split())
        await pilot.press("x")
        await until(pilot, lambda: not isinstance(app.screen, TourScreen))
    assert "toured = true" in settings_file().read_text()
    again = BenchApp(bench.options)
    async with again.run_test(size=size) as pilot:
        await shows(pilot, "Train")
        assert not isinstance(again.screen, TourScreen)


async def test_a_click_closes_the_tour_and_it_has_the_user_s_own_keys(bench: BenchApp, shows: Any, until: Any) -> None:
    save_settings(toured=None, keys={"app.runs": "f6"})
    app = BenchApp(bench.options)
    async with app.run_test(size=(120, 40)) as pilot:
        await shows(pilot, "F6 lists all your runs")
        await pilot.click("#tour", offset=(3, 0))
        await until(pilot, lambda: not isinstance(app.screen, TourScreen))


async def test_no_tour_for_one_who_comes_to_watch(record: Any, app_on: Any, shows: Any) -> None:
    save_settings(toured=None)
    app = app_on(record().begin().epoch(1).folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "running")
        assert not isinstance(app.screen, TourScreen)


def test_the_keys_of_the_tour_are_those_of_the_app() -> None:
    keys = {name: entry.keys for entry in entries(classes_with_keys()) for name in entry.ids}
    for name, key in TOUR_KEYS.items():
        assert key in keys[name]


@pytest.mark.parametrize("key", ["enter", "f"])
async def test_the_tour_starts_a_quick_run(
    key: str, bench: BenchApp, shows: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_settings(toured=None)
    trained: list[tuple[str, int]] = []
    monkeypatch.setattr(
        run_commands, "train", lambda _, preset: trained.append((preset.name, preset.experiment.training.epochs))
    )
    app = BenchApp(bench.options)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "Welcome to mnist-tui")
        await pilot.press(key)
        await until(pilot, lambda: trained == [("raw", 15)])
        assert not isinstance(app.screen, TourScreen)
    assert "toured = true" in settings_file().read_text()


async def test_the_key_sheet_has_the_user_s_own_keys_and_those_of_all_screens(
    bench: BenchApp, shows: Any, until: Any
) -> None:
    save_settings(keys={"presets.edit": "z"})
    app = BenchApp(bench.options)
    async with app.run_test(size=(100, 500)) as pilot:
        await until(pilot, lambda: ("z", "Edit: open the chosen preset in the editor") in keys_of(app.screen))
        await pilot.press("f1")
        text = await shows(
            pilot, "Edit: open the chosen preset in the editor", "a All keys", "Everywhere", "The row above"
        )
        assert re.search(r"z +Edit: open the chosen preset in the editor", text)
        await pilot.press("a")
        text = await shows(pilot, "Training", "Pause the training")
        assert re.search(r"z +Edit: open the chosen preset in the editor", text)
        assert "Runs: sort, filter and compare all runs" in text
        assert re.search(r"Enter, t +Train the chosen preset", text)
        assert re.search(r"Ctrl\+Q +Quit.*Ctrl\+P +Every command", text, re.DOTALL)
        assert re.search(r"1 to 4 +The view of that number: curves", text)
        assert text.count("This screen's keys") == 2, "button and footer say where a leads now"
        await pilot.press("a")
        await until(pilot, lambda: "Pause the training" not in str(app.screen.query_one("#key-sheet").render()))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, HelpScreen))


def test_a_key_is_shown_as_the_footer_writes_it() -> None:
    assert shown("question_mark,ctrl+r,left") == "?, Ctrl+R, ←"


async def test_a_copy_is_paired_with_a_file_that_holds_the_same(bench: BenchApp, tmp_path: Path, until: Any) -> None:
    path = tmp_path / "new" / "copied.md"
    async with bench.run_test(size=(80, 24)) as pilot:
        copy(bench, "loss 0.08\n", path)
        await until(pilot, lambda: any(f"Copied; saved to {path}" in n.message for n in bench._notifications))
        assert bench.clipboard == "loss 0.08\n"
        assert path.read_text() == "loss 0.08\n"
        copy(bench, "x" * MOST, path)
        await until(pilot, lambda: any("Too long for many" in n.message for n in bench._notifications))
        copy(bench, "text", tmp_path / "new" / "copied.md" / "below-a-file")
        await until(pilot, lambda: any("not saved to" in n.message for n in bench._notifications))


def test_a_sequence_goes_through_tmux_with_its_escapes_doubled() -> None:
    assert sequence("é") == "\x1b]52;c;" + base64.b64encode("é".encode()).decode() + "\x07"
    assert through_tmux("\x1b]52;c;eA==\x07") == "\x1bPtmux;\x1b\x1b]52;c;eA==\x07\x1b\\"


def with_results(run: Any) -> Any:
    """A finished run with all that its summary names."""
    run.begin().epoch(1).results(1, KNOWN["mnist"].class_names).finish("finished", test_accuracy=0.97)
    doc = json.loads(run.folder.results_file.read_text())
    doc["dataset"] |= {"validation": 0, "sha256": {}, "source": "a folder", "verified": True, "inputs": 784}
    run.folder.results_file.write_text(json.dumps(doc))
    return run


async def test_the_results_are_copied_by_one_key(record: Any, app_on: Any, shows: Any, until: Any) -> None:
    run = with_results(record())
    app = app_on(run.folder)
    async with app.run_test(size=(100, 30)) as pilot:
        await shows(pilot, "finished")
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, ResultsScreen))
        await pilot.press("y")
        copied = run.folder.exports / "copied-summary.md"
        await until(pilot, copied.is_file)
        await until(pilot, lambda: app.clipboard == copied.read_text())


def snapshot(recording: Any, word: str, epochs: int) -> RunSnapshot:
    from mnist_tui.runs.event_log import replayed

    for number in range(1, epochs + 1):
        recording.epoch(number, steps=False, val_accuracy=0.976)
    return RunSnapshot(recording.folder, replayed(recording.folder.events_file), word)


def test_the_title_says_preset_epoch_and_accuracy(record: Any) -> None:
    run = record()
    assert title_of("raw", snapshot(run, "starting", 0)) == "mnist-tui · raw · starting"
    assert title_of("raw", snapshot(run.begin(), "running", 7)) == "mnist-tui · raw · epoch 7 of 20 · 97.6 %"
    assert title_of("raw", snapshot(run, "paused", 0)) == "mnist-tui · raw · paused · epoch 7 of 20 · 97.6 %"


async def test_the_end_of_a_run_is_told_on_any_screen_once(record: Any, app_on: Any, shows: Any, until: Any) -> None:
    run = record().begin().epoch(1)
    app = app_on(run.folder)
    async with app.run_test(size=(100, 30)) as pilot:
        await shows(pilot, "running")
        await pilot.press("d")
        await shows(pilot, "Starters")
        run.epoch(2).finish("finished", test_accuracy=0.9764)
        await until(pilot, lambda: any("test accuracy 97.64 %" in notice.message for notice in app._notifications))
        assert sum("97.64" in notice.message for notice in app._notifications) == 1
        assert f"raw ({run.folder.id}) finished after 2 epochs" in next(iter(app._notifications)).message or any(
            f"raw ({run.folder.id}) finished after 2 epochs" in notice.message for notice in app._notifications
        )


async def test_the_run_s_own_screen_says_that_it_ended_without_a_notice(record: Any, app_on: Any, shows: Any) -> None:
    run = record().begin().epoch(1)
    app = app_on(run.folder)
    async with app.run_test(size=(100, 30)) as pilot:
        await shows(pilot, "running")
        run.epoch(2).finish("finished", "all 2 epochs done", test_accuracy=0.9764)
        await shows(pilot, "Finished: test accuracy 97.64 %")
        assert not app._notifications


@at_sizes((60, 20), (80, 24), (140, 45))
async def test_a_notice_shows_a_long_path_whole_and_leaves_the_buttons_of_a_dialog_free(
    size: tuple[int, int], record: Any, app_on: Any, shows: Any, until: Any
) -> None:
    app = app_on(record().begin().epoch(1).folder)
    path = f"/home/{'student/' * 8}report-of-the-run.html"
    async with app.run_test(size=size, notifications=True) as pilot:
        await shows(pilot, "running")
        app.notify(f"It is saved as\n{path}", title="Report", timeout=60)
        await until(pilot, lambda: path in "".join(notices_text(app)).replace(" ", ""))
        await pilot.press("x")
        await shows(pilot, "Keep it", "Stop and save", "Report")


async def test_a_notice_that_was_read_ends_on_the_next_screen(
    record: Any, app_on: Any, shows: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnist_tui.tui.bench.READ_SECONDS", 0.0)
    app = app_on(record().begin().epoch(1).folder)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await shows(pilot, "running")
        app.notify("It is saved")
        app.notify("It is not saved", severity="error")
        await pilot.press("m")
        await until(pilot, lambda: [notice.message for notice in app._notifications] == ["It is not saved."])


async def test_a_run_that_had_ended_before_is_not_told_of(record: Any, app_on: Any, shows: Any) -> None:
    app = app_on(record().begin().epoch(1).finish("finished", test_accuracy=0.9764).folder)
    async with app.run_test(size=(100, 30)) as pilot:
        await shows(pilot, "finished")
        assert not any("Training ended" in notice.title for notice in app._notifications)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_terminal_is_slow_where_output_waits_look_after_look_and_for_a_while_after() -> None:
    clock = Clock()
    pace = Pace(clock)
    for waiting in (5, 0, 5, 5, 0):
        pace.add_waiting(waiting)
    assert not pace.slow, "a frame just being written is met now and then"
    for _ in range(WAITING_CHECKS):
        pace.add_waiting(2)
    assert pace.slow
    clock.now += KEPT_SECONDS - 1
    pace.add_waiting(0)
    assert pace.slow
    clock.now += 2
    assert not pace.slow


@pytest.mark.parametrize(("seconds", "slow"), [(SLOW_ANSWER_SECONDS / 2, False), (SLOW_ANSWER_SECONDS * 1.1, True)])
def test_a_terminal_is_slow_where_its_answer_is_late(seconds: float, slow: bool) -> None:
    clock = Clock()
    pace = Pace(clock)
    assert pace.start_question()
    assert not pace.start_question(), "one question at a time"
    clock.now += seconds
    pace.add_answer()
    assert pace.slow is slow


def test_a_terminal_is_slow_where_its_answer_does_not_come() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.start_question()
    clock.now += SLOW_ANSWER_SECONDS * 2
    pace.add_waiting(0)
    assert pace.slow


def attach(folder: RunFolder, *more: str, **given: Any) -> Heard:
    return Heard(["attach", str(folder.path), *more], columns=100, rows=30, **given)


@pytest.mark.slow
def test_the_window_s_title_follows_the_run_the_bell_rings_and_the_old_title_comes_back(record: Any) -> None:
    run = record().begin()
    for number in range(1, 8):
        run.epoch(number, steps=False, val_accuracy=0.976)
    with attach(run.folder) as terminal:
        terminal.wait_for(lambda _: "mnist-tui · raw · epoch 7 of 20 · 97.6 %" in terminal.titles)
        assert not terminal.bells
        run.finish("finished", test_accuracy=0.9764)
        terminal.wait_for("Finished: test accuracy 97.64 %")
        terminal.wait_for(lambda _: terminal.bells == 1)
        assert terminal.titles[-1] == "mnist-tui · raw · finished · epoch 7 of 20 · 97.6 %"
        terminal.press("q")
        assert terminal.wait_for_exit() == 0
    assert terminal.heard.count(b"\x1b[22;0t") == terminal.heard.count(b"\x1b[23;0t") == 1
    assert terminal.heard.rindex(b"\x1b[23;0t") > terminal.heard.rindex(b"\x1b]2;")


@pytest.mark.slow
def test_the_bell_can_be_silenced(record: Any) -> None:
    save_settings(bell=False)
    run = record().begin().epoch(1)
    with attach(run.folder) as terminal:
        terminal.wait_for("running")
        run.finish("finished", test_accuracy=0.9764)
        terminal.wait_for("Finished: test accuracy 97.64 %")
        terminal.press(CTRL_Q)
        terminal.wait_for_exit()
    assert not terminal.bells


@pytest.mark.slow
def test_over_a_slow_line_the_app_draws_less_often_and_says_so_unless_told_otherwise(record: Any) -> None:
    run = record().begin().epoch(1)
    with attach(run.folder, answers_after=SLOW_ANSWER_SECONDS * 1.5) as terminal:
        terminal.wait_for("The terminal is slow: live screens")
    with attach(run.folder, "--refresh", "normal", answers_after=SLOW_ANSWER_SECONDS * 1.5) as terminal:
        terminal.wait_for("running")
        terminal.pump(5 * SLOW_ANSWER_SECONDS)
        assert "The terminal is slow" not in terminal.text
        assert terminal.heard.count(QUESTION) == 1, "Textual's own"


def test_the_app_ends_with_its_terminal_also_where_it_was_started_with_nohup(record: Any) -> None:
    run = record().begin().epoch(1)
    command = ["sh", "-c", "trap '' HUP; exec \"$@\"", "-", *COMMAND]
    with Terminal(["attach", str(run.folder.path)], command=command) as terminal:
        terminal.wait_for("running")
        terminal.hang_up()
        assert terminal.process.returncode == -signal.SIGHUP


@pytest.mark.slow
def test_a_quick_terminal_is_not_taken_for_a_slow_one(record: Any) -> None:
    run = record().begin().epoch(1)
    with attach(run.folder, answers_after=0.0) as terminal:
        terminal.wait_for(lambda _: terminal.heard.count(QUESTION) >= 4)
        assert "The terminal is slow" not in terminal.text


@pytest.mark.slow
def test_inside_tmux_a_copy_reaches_its_buffer_or_the_notice_says_what_would_let_it(
    record: Any, tmp_path: Path
) -> None:
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    run = with_results(record())
    tmux = ["tmux", "-f", "/dev/null", "-S", str(tmp_path / "socket")]

    def ask(*words: str) -> str:
        return subprocess.run([*tmux, *words], capture_output=True, text=True, check=True).stdout

    arguments, command = ["attach", str(run.folder.path)], [*tmux, "new-session", *COMMAND]
    with Terminal(arguments, columns=100, rows=30, command=command) as terminal:
        try:
            terminal.wait_for("finished")
            ask("set-option", "-s", "set-clipboard", "external")
            ask("set-option", "-g", "allow-passthrough", "off")
            terminal.press("r")
            terminal.wait_for("Export")
            terminal.press("y")
            terminal.wait_for("set-clipboard")
            ask("set-option", "-s", "set-clipboard", "on")
            terminal.press("y")
            terminal.wait_for("Copied; saved")
            assert ask("show-buffer") == (run.folder.exports / "copied-summary.md").read_text()
        finally:
            ask("kill-server")


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (140, 45)])
async def test_notices_do_not_cover_the_footer(size: tuple[int, int], until: Any, tmp_path: Path) -> None:
    app = BenchApp(AppOptions(runs_dir=tmp_path))
    async with app.run_test(size=size, notifications=True) as pilot:
        for place in ("presets", "runs", "studies", "draw", "settings"):
            app.action_go(place)
            app.notify("A run has ended,\nand something is said of it in two lines.")
            await until(pilot, lambda: any(toast.region for toast in app.screen.query(Toast)))
            (footer,) = app.screen.query(KeyFooter)
            assert footer.region.bottom == size[1]
            assert not any(toast.region.intersection(footer.region) for toast in app.screen.query(Toast))
