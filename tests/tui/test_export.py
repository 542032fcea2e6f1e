"""The export dialog: on one run and on several, with files in the way, with what goes wrong, and closed early."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual.binding import Binding
from textual.pilot import Pilot
from textual.widget import Widget

from mnist_tui.experiment.presets import find_preset
from mnist_tui.report.parts import PARTS
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.weight_formats import WEIGHT_FORMATS
from mnist_tui.settings import load_settings
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.export.request import PART_LABELS, REPORTS, ExportRequest, sections, write_export
from mnist_tui.tui.export.screen import ExportScreen, ExportSections, PresetCodeScreen
from mnist_tui.tui.terminal.desktop import show
from mnist_tui.tui.terminal.keymap import commands_of
from mnist_tui.tui.widgets.controls import KeyedCheckbox
from mnist_tui.tui.widgets.text import Line
from tests.report.recorded import CREATED, recorded_run
from tests.tui.conftest import browse, exists
from tests.tui.sizes import at_sizes

Shows = Callable[..., Any]


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def run(runs_dir: Path) -> RunFolder:
    return recorded_run(runs_dir)


def bench(runs_dir: Path) -> BenchApp:
    return BenchApp(AppOptions(action="browse", runs_dir=runs_dir))


async def dialog(pilot: Pilot[Any], *runs: RunFolder, choose: tuple[str, ...] = ()) -> ExportScreen:
    """The dialog on these runs, with nothing but `choose` chosen."""
    screen = ExportScreen(runs)
    await pilot.app.push_screen(screen)
    for choice in screen.query(KeyedCheckbox):
        choice.value = choice.key in choose
    await pilot.pause()
    return screen


def wish(*runs: RunFolder, out: Path, items: tuple[str, ...] = (), reports: tuple[str, ...] = ()) -> ExportRequest:
    return ExportRequest(
        runs=runs, items=items, reports=reports, figures=False, full=False, without=(), title="", author="", out=out
    )


def in_view(screen: ExportScreen, widget: Widget) -> bool:
    scrolled = screen.query_one(ExportSections)
    window = scrolled.region if scrolled in widget.ancestors else screen.region
    return bool(widget.region.height) and widget.region in window


def noticed(pilot: Pilot[Any], text: str) -> bool:
    """Whether a notice says that."""
    return any(text in f"{note.title} {note.message}".replace("/\n", "/") for note in pilot.app._notifications)  # pyright: ignore[reportPrivateUsage]


def says(screen: ExportScreen, *texts: str) -> bool:
    """Whether the dialog's message has all that; a line may end after a slash of a path."""
    said = str(screen.message.content).replace("/\n", "/")
    return all(text in said for text in texts)


def quiet(what: str, done: int, total: int) -> None:
    assert 0 <= done <= total, what


@at_sizes((60, 20), (140, 45))
async def test_every_choice_and_field_is_reached_by_the_arrow_keys_and_is_in_view_then(
    size: tuple[int, int], run: RunFolder, until: Any
) -> None:
    async with bench(run.path.parent).run_test(size=size) as pilot:
        screen = await dialog(pilot, run)
        wanted = {offer.key for offers in sections([run]).values() for offer in offers if not offer.lacks}
        reached: set[str] = set()
        for _ in range(len(wanted) + 5):
            focused = screen.focused
            assert focused is not None
            reached.add(focused.key if isinstance(focused, KeyedCheckbox) else str(focused.id))
            await until(pilot, partial(in_view, screen, focused))
            await pilot.press("down")
        assert wanted | {"export-title", "export-author", "export-into", "export-write"} <= reached


async def test_the_page_keys_go_from_section_to_section_and_a_section_says_how_much_of_it_is_chosen(
    run: RunFolder, shows: Shows
) -> None:
    async with bench(run.path.parent).run_test(size=(80, 24)) as pilot:
        await dialog(pilot, run)
        await shows(pilot, "Report · 0 of 6", "Nothing is chosen.")
        await pilot.press("space", *["pagedown"] * 4, "space")
        await shows(pilot, "Complexity · 1 of", "Will write report.pdf (about 4 pages), complexity.md.")
        await pilot.press(*["pageup"] * 5, "space")
        await shows(pilot, "Report · 0 of 6", "Will write complexity.md.")


async def test_a_part_of_the_report_that_is_not_chosen_is_left_out(run: RunFolder, shows: Shows) -> None:
    async with bench(run.path.parent).run_test(size=(140, 45)) as pilot:
        screen = ExportScreen([run])
        await pilot.app.push_screen(screen)
        possible = PARTS.keys() - {"members", "pairs", "robustness"}  # one run, no ensemble, nothing was measured
        text = await shows(pilot, f"Parts of the report · {len(possible)} of {len(possible)}")
        assert {name for name in PARTS if PART_LABELS[name] in text} == possible, "a part's label is whole"
        part = next(choice for choice in screen.query(KeyedCheckbox) if choice.key == "statistics")
        part.focus()
        await shows(pilot, PARTS["statistics"].capitalize())
        assert screen.request.without == ()
        part.value = False
        await shows(pilot, f"Parts of the report · {len(possible) - 1} of {len(possible)}")
        assert screen.request.without == ("statistics",)


async def test_a_report_is_chosen_at_first_alone_and_its_length_is_told(run: RunFolder, shows: Shows) -> None:
    async with bench(run.path.parent).run_test(size=(140, 45)) as pilot:
        screen = ExportScreen([run])
        await pilot.app.push_screen(screen)
        await shows(
            pilot, "Appendix", "details of each run (8 pages instead of 5)", "Will write report.pdf (about 5 pages)"
        )
        assert (screen.request.reports, screen.request.items, screen.request.full) == (("pdf",), (), False)
        screen.details.value = True
        await shows(pilot, "Will write report.pdf (about 8 pages)")
        assert screen.request.full
        for choice in screen.query(KeyedCheckbox):
            choice.value = choice.value and choice.key not in PARTS
        await shows(pilot, "(7 pages instead of 4)", "Will write report.pdf (about 7 pages)")


async def test_every_key_says_what_it_is_for_and_is_there(run: RunFolder) -> None:
    async with bench(run.path.parent).run_test(size=(80, 24)) as pilot:
        screen = await dialog(pilot, run)
        own = [binding for binding in ExportScreen.BINDINGS if isinstance(binding, Binding) and binding.description]
        assert all(binding.tooltip for binding in own)
        assert all(exists(screen.app, command) for command in commands_of(screen) if command.own)


async def test_a_format_without_its_extra_cannot_be_chosen_and_says_why(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = replace(WEIGHT_FORMATS["onnx"], writer_packages=("a_package_that_is_nowhere",))
    monkeypatch.setitem(WEIGHT_FORMATS, "onnx", without)
    async with bench(run.path.parent).run_test(size=(140, 45)) as pilot:
        screen = await dialog(pilot, run)
        assert "onnx" not in {choice.key for choice in screen.query(KeyedCheckbox)}
        lines = [str(line.content) for line in screen.query(".lacks").results(Line)]
        assert [line for line in lines if "pip install 'mnist-tui[onnx]'" in line] == lines
        assert len(lines) == 1


async def test_what_is_chosen_is_written_and_named_and_nothing_is_copied(run: RunFolder, until: Any) -> None:
    async with bench(run.path.parent).run_test(size=(140, 45)) as pilot:
        screen = await dialog(pilot, run, choose=("complexity.csv",))
        await pilot.press("ctrl+s")
        written = run.exports / "complexity.csv"
        await until(pilot, lambda: says(screen, f"Written: complexity.csv\nin {run.exports}"))
        assert written.read_text().startswith("name,kind")
        assert pilot.app.clipboard == ""
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, ExportScreen))


async def test_of_several_files_the_folder_is_named(run: RunFolder, tmp_path: Path, until: Any) -> None:
    async with bench(run.path.parent).run_test(size=(140, 45)) as pilot:
        screen = await dialog(pilot, run, choose=("complexity.csv", "history.csv"))
        screen.target.value = str(tmp_path / "home")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: says(screen, f"Written: complexity.csv, history.csv\nin {tmp_path / 'home'}"))


async def test_files_that_are_there_are_named_and_replaced_only_when_told_so(
    run: RunFolder, shows: Shows, until: Any
) -> None:
    there = run.exports / "complexity.csv"
    there.parent.mkdir()
    there.write_text("mine")
    async with bench(run.path.parent).run_test(size=(80, 24)) as pilot:
        screen = await dialog(pilot, run, choose=("history.csv", "complexity.csv"))
        await pilot.press("ctrl+o")
        await pilot.press("ctrl+s")
        await shows(pilot, "Already there: complexity.csv", "Ctrl+O overwrites", "Overwrite Ctrl+O")
        assert there.read_text() == "mine"
        assert not (run.exports / "history.csv").exists(), "nothing is written before the answer"
        screen.query_one("#export-author").value = "x"  # pyright: ignore[reportAttributeAccessIssue]
        await shows(pilot, "Will write")
        await pilot.press("ctrl+o")
        assert there.read_text() == "mine", "another question has to be asked anew"
        await pilot.press("ctrl+s")
        await shows(pilot, "Overwrite Ctrl+O")
        await pilot.press("ctrl+o")
        await until(pilot, lambda: there.read_text().startswith("name,kind"))
        await shows(pilot, "Written: ")
        assert not screen.query_one("#export-overwrite").display


async def test_what_is_chosen_anew_while_it_writes_is_not_overwritten_unasked(run: RunFolder, until: Any) -> None:
    run.exports.mkdir()
    for name in ("history.csv", "complexity.csv"):
        (run.exports / name).write_text("mine")
    async with bench(run.path.parent).run_test(size=(80, 24)) as pilot:
        screen = await dialog(pilot, run, choose=("history.csv",))
        screen.action_write(False)
        for choice in screen.query(KeyedCheckbox):
            choice.value = choice.key == "complexity.csv"
        await until(pilot, lambda: not screen.app.running_exports)
        assert not screen.query_one("#export-overwrite").display
        screen.action_write(True)
        await until(pilot, lambda: not screen.app.running_exports)
        assert {path.read_text() for path in run.exports.iterdir()} == {"mine"}


async def test_enter_on_a_choice_exports_what_is_chosen(run: RunFolder, until: Any) -> None:
    async with bench(run.path.parent).run_test(size=(80, 24)) as pilot:
        screen = await dialog(pilot, run, choose=("history.csv",))
        screen.query(KeyedCheckbox).first().focus()
        await pilot.press("enter")
        await until(pilot, (run.exports / "history.csv").is_file)


async def test_enter_writes_in_no_other_line_than_the_folder_s(run: RunFolder, until: Any) -> None:
    async with bench(run.path.parent).run_test(size=(80, 24)) as pilot:
        screen = await dialog(pilot, run, choose=("history.csv",))
        for field in ("#export-title", "#export-author"):
            screen.query_one(field).focus()
            await pilot.press("enter")
        assert not screen.app.running_exports
        assert not run.exports.exists()
        screen.target.focus()
        await pilot.press("enter")
        await until(pilot, (run.exports / "history.csv").is_file)


async def test_a_long_answer_is_scrolled_by_keys(run: RunFolder, shows: Shows, until: Any) -> None:
    run.exports.mkdir()
    names = ("history.csv", "complexity.csv", "complexity.md", "summary.md")
    for name in names:
        (run.exports / name).write_text("mine")
    async with bench(run.path.parent).run_test(size=(60, 20)) as pilot:
        screen = await dialog(pilot, run, choose=names)
        screen.target.value = f"{run.exports}/{'./' * 40}"
        await pilot.press("ctrl+s")
        await shows(pilot, "Already there")
        screen.message.say("\n".join(map(str, range(9))))
        await until(pilot, lambda: screen.answer.max_scroll_y > 2)
        await pilot.press("ctrl+down", "ctrl+down")
        assert screen.answer.scroll_offset.y == 2
        await pilot.press("ctrl+up")
        assert screen.answer.scroll_offset.y == 1


async def test_a_run_s_name_and_keys_of_one_s_own_are_shown_as_they_are(run: RunFolder, shows: Shows) -> None:
    odd = RunFolder(run.path.rename(run.path.with_name("[b]bold")))
    app = bench(odd.path.parent)
    app.settings = replace(app.settings, keys={"export.write": "f12", "export.close": "left_square_bracket"})
    async with app.run_test(size=(80, 24)) as pilot:
        await dialog(pilot, odd)
        await shows(pilot, "Export of [b]bold", "Export F12", "Close [")


async def test_a_folder_that_cannot_be_written_is_told_in_a_sentence_and_nothing_is_lost(
    run: RunFolder, tmp_path: Path, shows: Shows, until: Any
) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file")
    async with bench(run.path.parent).run_test(size=(140, 45)) as pilot:
        screen = await dialog(pilot, run, choose=("history.csv", "md"))
        for field in ("#export-title", "#export-author"):
            screen.query_one(field).value = "kept"  # pyright: ignore[reportAttributeAccessIssue]
        screen.target.value = str(blocked / "below")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: says(screen, f"Not written: {blocked / 'below'} cannot be written: Not a directory"))
        await shows(pilot, "kept")
        assert blocked.read_text() == "a file"
        screen.target.value = f"/{'x' * 300}"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: says(screen, "File name too long"))
        screen.target.value = str(tmp_path / "a\0b")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: says(screen, "a\\x00b' is not a path"))
        screen.target.value = "~nobody-of-this-name/x"
        await until(pilot, lambda: says(screen, "Will write"))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: says(screen, "there is no user 'nobody-of-this-name'"))
        screen.target.value = str(tmp_path / "elsewhere")
        for choice in screen.query(KeyedCheckbox):
            choice.value = choice.key == "history.csv"
        await pilot.press("ctrl+s")
        await until(pilot, (tmp_path / "elsewhere" / "history.csv").is_file)


async def test_without_a_choice_or_a_folder_nothing_happens_but_a_word(run: RunFolder, shows: Shows) -> None:
    async with bench(run.path.parent).run_test(size=(80, 24)) as pilot:
        screen = await dialog(pilot, run)
        await pilot.press("ctrl+s")
        await shows(pilot, "Nothing is chosen.")
        screen.query(KeyedCheckbox).first().value = True
        screen.target.value = " "
        await pilot.press("ctrl+s")
        await shows(pilot, "No folder is given.")
        assert not run.exports.exists()


async def test_marked_runs_are_exported_each_into_its_folder(
    runs_dir: Path, tmp_path: Path, shows: Shows, until: Any
) -> None:
    runs = [recorded_run(runs_dir, created=CREATED + number) for number in range(3)]
    async with bench(runs_dir).run_test(size=(140, 45)) as pilot:
        await browse(pilot, until, 3)
        await pilot.press("space", "down", "space", "E")
        await shows(pilot, "Export of 2 runs", "Report over 2 runs", "Weights of each run")
        screen = pilot.app.screen
        assert isinstance(screen, ExportScreen)
        assert screen.runs == (runs[1], runs[2]), "in the order in which they were made"
        for choice in screen.query(KeyedCheckbox):
            choice.value = choice.key in {"complexity.md", "summary.md"}
        screen.target.value = str(tmp_path / "out")
        await shows(pilot, "Will write in a folder for each of the 2 runs: complexity.md, summary.md")
        await pilot.press("ctrl+s")
        await shows(pilot, "Written: ")
        found = sorted(path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*.md"))
        assert [str(path) for path in found] == [
            f"{each.id}/{name}" for each in runs[1:] for name in ("complexity.md", "summary.md")
        ]


async def test_a_group_of_seeds_counts_as_its_runs_and_a_run_that_lives_is_left_out(
    runs_dir: Path, record: Any, shows: Shows, until: Any
) -> None:
    from mnist_tui.experiment.parameters import apply_texts
    from mnist_tui.experiment.presets import edited, find_preset

    raw = find_preset("raw")
    for seed in range(3):
        recorded_run(runs_dir, edited(raw, apply_texts(raw.experiment, {"seed": str(seed)})), created=CREATED + seed)
    live = record("fashion").begin().epoch(1)
    async with bench(runs_dir).run_test(size=(100, 30)) as pilot:
        screen = await browse(pilot, until, 4)
        await pilot.press("v")
        await until(pilot, lambda: len(screen.table.keys) < 4)
        group = next(run.group for run in screen.runs.values() if run.preset == "raw")
        screen.table.choose(group)
        await pilot.press("E")
        await shows(pilot, "Export of 3 runs")
        await pilot.press("escape", "v", "a", "E")
        await shows(pilot, "Export of 3 runs")
        assert noticed(pilot, "The run is not exported")
        assert live.folder.id not in {folder.id for folder in pilot.app.screen.runs}  # pyright: ignore[reportAttributeAccessIssue]


class HeldBack:
    """Whoever reads a run's experiment while the context lasts waits until it is let go; so does an export."""

    def __init__(self, run: RunFolder) -> None:
        self._run, self._patch, self._free = run, pytest.MonkeyPatch(), threading.Event()

    async def __aenter__(self) -> HeldBack:
        read = RunFolder.preset

        def held(run: RunFolder) -> Any:
            if run == self._run and threading.current_thread() is not threading.main_thread():
                self._free.wait()
            return read(run)

        self._patch.setattr(RunFolder, "preset", held)
        return self

    async def __aexit__(self, *error: object) -> None:
        self.let_go()
        self._patch.undo()

    def let_go(self) -> None:
        self._free.set()


async def writing(pilot: Pilot[Any], run: RunFolder, out: Path, shows: Shows) -> ExportScreen:
    """A dialog whose export has begun, and waits for who holds the run back."""
    screen = await dialog(pilot, run, choose=("complexity.md", "history.csv"))
    screen.target.value = str(out)
    await pilot.press("ctrl+s")
    await shows(pilot, "writing ")
    return screen


async def test_what_is_being_written_is_told_and_a_closed_dialog_lets_it_go_on_and_tells_the_end(
    run: RunFolder, tmp_path: Path, shows: Shows, until: Any
) -> None:
    async with bench(tmp_path / "none").run_test(size=(100, 30)) as pilot, HeldBack(run) as back:
        screen = await writing(pilot, run, tmp_path / "out", shows)
        assert screen.bar.has_class("-busy")
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, ExportScreen))
        back.let_go()
        await until(pilot, (tmp_path / "out" / "history.csv").is_file)
        await until(pilot, lambda: noticed(pilot, f"Export Written: complexity.md, history.csv\nin {tmp_path / 'out'}"))
        assert pilot.app.clipboard == "", "nothing is copied behind one's back"


async def test_while_one_export_is_written_no_other_begins(
    run: RunFolder, tmp_path: Path, shows: Shows, until: Any
) -> None:
    async with bench(tmp_path / "none").run_test(size=(100, 30)) as pilot, HeldBack(run) as back:
        await writing(pilot, run, tmp_path / "out", shows)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, ExportScreen))
        again = await dialog(pilot, run, choose=("history.csv",))
        again.target.value = str(tmp_path / "out")
        await pilot.press("ctrl+s")
        await shows(pilot, "Another export is still being written")
        back.let_go()
        await until(pilot, lambda: not again.app.running_exports)
        await pilot.press("ctrl+s")
        await shows(pilot, "Already there: history.csv")


async def test_leaving_the_app_while_it_writes_asks_once_then_leaves_the_rest_out(
    run: RunFolder, tmp_path: Path, shows: Shows, until: Any
) -> None:
    async with bench(tmp_path / "none").run_test(size=(100, 30)) as pilot, HeldBack(run) as back:
        await writing(pilot, run, tmp_path / "out", shows)
        await pilot.press("ctrl+q")
        await until(pilot, lambda: noticed(pilot, "this file is finished first, the others are left out"))
        assert pilot.app.is_running
        await pilot.press("ctrl+q")
        await until(pilot, lambda: not pilot.app.is_running or pilot.app._exit)  # pyright: ignore[reportPrivateUsage]
        back.let_go()
    assert not (tmp_path / "out" / "history.csv").exists()


def test_a_run_that_cannot_be_exported_does_not_keep_the_others_from_it(runs_dir: Path, tmp_path: Path) -> None:
    good, bad = recorded_run(runs_dir), recorded_run(runs_dir, created=CREATED + 1)
    bad.experiment_file.write_text("not [ toml")
    outcome = write_export(
        wish(bad, good, out=tmp_path / "out", items=("complexity.md",)), overwrite=False, progress=quiet
    )
    assert outcome.written == (tmp_path / "out" / good.id / "complexity.md",)
    assert len(outcome.failed) == 1
    assert outcome.failed[0].startswith(bad.id)


def test_what_is_in_the_way_is_known_before_anything_is_written(runs_dir: Path, tmp_path: Path) -> None:
    one, two = recorded_run(runs_dir), recorded_run(runs_dir, created=CREATED + 1)
    out = tmp_path / "out"
    there = [out / two.id / "history.csv", out / "report.md"]
    for path in there:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    wanted = wish(one, two, out=out, items=("history.csv",), reports=("md",))
    assert list(write_export(wanted, overwrite=False, progress=quiet).existing) == there
    assert not (out / one.id).exists()
    assert {path.read_text() for path in there} == {"mine"}


@pytest.mark.slow
async def test_one_report_over_marked_runs_with_title_and_author_is_written_remembered_and_opened(
    runs_dir: Path, tmp_path: Path, shows: Shows, until: Any, desktop: Path
) -> None:
    for number in range(2):
        recorded_run(runs_dir, created=CREATED + number)
    async with bench(runs_dir).run_test(size=(140, 45)) as pilot:
        await browse(pilot, until, 2)
        await pilot.press("a", "E")
        await shows(pilot, "Export of 2 runs")
        screen = pilot.app.screen
        assert isinstance(screen, ExportScreen)
        for choice in screen.query(KeyedCheckbox):
            choice.value = choice.key in {"md", "html", "history.csv"}
        screen.query_one("#export-title").value = "50% of <b>x</b>"  # pyright: ignore[reportAttributeAccessIssue]
        screen.query_one("#export-author").value = "Ada Lovelace"  # pyright: ignore[reportAttributeAccessIssue]
        screen.target.value = str(tmp_path / "out")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: says(screen, "Written: "))
        page = (tmp_path / "out" / "report.html").read_text()
        assert "50% of &lt;b&gt;x&lt;/b&gt;" in page
        assert "Ada Lovelace" in page
        assert "Ada Lovelace" in (tmp_path / "out" / "report.md").read_text()
        assert load_settings()[0].author == "Ada Lovelace"
        await pilot.press("ctrl+r")
        await until(pilot, desktop.is_file)
        assert desktop.read_text().strip() == str(tmp_path / "out" / "report.html")


@pytest.fixture
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A desktop whose opener writes down what it was to open."""
    folder, opened = tmp_path / "bin", tmp_path / "opened"
    folder.mkdir()
    command = folder / "xdg-open"
    command.write_text(f'#!/bin/sh\necho "$1" > {opened}.new && mv {opened}.new {opened}\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("sys.platform", "linux")
    return opened


async def test_a_written_report_is_offered_to_be_opened_only_where_there_is_a_desktop(
    run: RunFolder, desktop: Path, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(run.path.parent).run_test(size=(80, 24)) as pilot:
        screen = await dialog(pilot, run, choose=("md",))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: says(screen, "Written: "))
        assert screen.query_one("#export-open").display
        monkeypatch.delenv("DISPLAY")
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        screen.action_write(False)
        await until(pilot, lambda: says(screen, "Already there: "))
        await pilot.press("ctrl+o")
        await until(pilot, lambda: says(screen, f"Written: report.md\nin {run.exports}"))
        assert not screen.query_one("#export-open").display


async def test_the_report_of_a_run_is_opened_from_the_list_and_named_where_there_is_no_desktop(
    run: RunFolder, desktop: Path, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(run.path.parent).run_test(size=(140, 45)) as pilot:
        await browse(pilot, until, 1)
        await pilot.press("O")
        await until(pilot, lambda: noticed(pilot, f"There is none in {run.exports}; E exports one."))
        run.exports.mkdir()
        for ending in REPORTS:
            (run.exports / f"report.{ending}").write_text("a report")
        await pilot.press("O")
        await until(pilot, desktop.is_file)
        assert desktop.read_text().strip() == str(run.exports / "report.pdf")
        monkeypatch.delenv("DISPLAY")
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        await pilot.press("O")
        await until(pilot, lambda: noticed(pilot, f"It is saved as\n{run.exports / 'report.pdf'}"))


async def test_the_report_over_several_marked_runs_is_looked_for_where_those_are_exported(
    runs_dir: Path, tmp_path: Path, desktop: Path, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runs = [recorded_run(runs_dir, created=CREATED + number) for number in range(2)]
    place = tmp_path / "mnist-tui-exports"
    async with bench(runs_dir).run_test(size=(140, 45)) as pilot:
        await browse(pilot, until, 2)
        await pilot.press("a", "O")
        await until(pilot, lambda: noticed(pilot, f"There is none in {place}"))
        for folder in (place, runs[0].exports):
            folder.mkdir()
            (folder / "report.html").write_text("a report")
        await pilot.press("O")
        await until(pilot, desktop.is_file)
        assert desktop.read_text().strip() == str(place / "report.html")


async def test_a_report_that_has_gone_is_told_to_a_visitor_of_the_page(
    runs_dir: Path, tmp_path: Path, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BenchApp, "is_web", property(lambda app: True))
    async with bench(runs_dir).run_test(size=(80, 24)) as pilot:
        show(pilot.app, tmp_path / "report.pdf", "Report")
        await until(pilot, lambda: noticed(pilot, f"{tmp_path / 'report.pdf'} cannot be opened: No such file"))


def test_every_format_of_the_report_is_on_offer() -> None:
    from mnist_tui.report.document import REPORT_FORMATS

    assert {f".{ending}" for ending in REPORTS} == set(REPORT_FORMATS)


async def test_a_preset_is_written_as_code_from_the_list_and_what_exists_only_after_a_second_time(
    runs_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shows: Shows, until: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    written = tmp_path / "mnist-tui-exports" / "raw"
    async with BenchApp(AppOptions(runs_dir=runs_dir)).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "raw")
        await pilot.press("E")
        await shows(pilot, "Experiment as code", "Keras program (.py)")
        await pilot.press("down", "space", "enter")
        await until(pilot, lambda: not isinstance(pilot.app.screen, PresetCodeScreen))
        assert [path.name for path in written.iterdir()] == ["experiment.py"]
        (written / "experiment.py").write_text("mine")
        pilot.app.push_screen(PresetCodeScreen(find_preset("raw")))
        await pilot.press("enter")
        await shows(pilot, "exists already", "replaces it")
        assert (written / "experiment.py").read_text() == "mine"
        await pilot.press("enter")
        await until(pilot, (written / "experiment.ipynb").exists)
        assert "keras" in (written / "experiment.py").read_text()
