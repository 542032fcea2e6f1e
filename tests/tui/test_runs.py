"""The browser of all runs, and the screen that compares some: on recorded runs, by keys and by mouse."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.widgets import Input

from mnist_tui.runs.collection.summaries import RunSummary, list_runs
from mnist_tui.runs.folder import Label, RunFolder, read_label
from mnist_tui.runs.process_folder import this_process
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.bench import Route
from mnist_tui.tui.compare.matrices import ComparedMatrices
from mnist_tui.tui.compare.screen import CompareScreen
from mnist_tui.tui.editor.screen import EditorScreen
from mnist_tui.tui.gallery.screen import GalleryScreen
from mnist_tui.tui.presets.screen import PresetsScreen
from mnist_tui.tui.results.screen import ResultsScreen
from mnist_tui.tui.runs.run_rows import COLUMNS, changes_of, sorted_runs, sparklines
from mnist_tui.tui.runs.screen import DeleteRunsQuestion, RunsScreen
from mnist_tui.tui.training.screen import TrainingScreen
from mnist_tui.tui.widgets.confusion import AXES
from mnist_tui.tui.widgets.plots.compared import OverlaidCurves, Scatter
from mnist_tui.tui.widgets.row_table import RowOrder, RowTable
from mnist_tui.wording import signed
from tests.runs.synthetic import BEGIN, epoch_ended, finished_run, many_runs, write_events
from tests.tui.conftest import browse, screen_text
from tests.tui.sizes import at_sizes

ACCURACIES = (0.95, 0.96, 0.98)
Opened = Callable[..., Any]


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    """Three seeds of one experiment, and a smaller one on other data."""
    place = tmp_path / "runs"
    for seed, accuracy in enumerate(ACCURACIES):
        texts = {"seed": str(seed)}
        finished_run(place, epochs=5, texts=texts, test_accuracy=accuracy, created=BEGIN + 60 * seed)
    finished_run(place, "fashion", epochs=4, texts={"hidden": "60"}, test_accuracy=0.85, created=BEGIN + 600)
    return place


@pytest.fixture
def runs(runs_dir: Path) -> list[RunFolder]:
    return [RunFolder(path) for path in sorted(runs_dir.iterdir())]


def bench(runs_dir: Path) -> BenchApp:
    """The app, on a place without presets to look at."""
    return BenchApp(AppOptions(action="browse", runs_dir=runs_dir))


@at_sizes((80, 24), (60, 20), (140, 45), (200, 50))
async def test_every_size_shows_state_name_and_accuracy_and_overflows_nowhere(
    size: tuple[int, int], runs_dir: Path, shows: Any, until: Any
) -> None:
    async with bench(runs_dir).run_test(size=size) as pilot:
        await browse(pilot, until, 4)
        text = await shows(pilot, "finished", "fashion", "85.00 %", "98.00 %", "Runs  4", "hidden 60")
        assert all(len(line) <= size[0] for line in text.splitlines())
        if size[0] >= 140:
            await shows(pilot, "Macro F1", "Started", "5/5")


async def test_rows_are_sorted_by_any_column_by_key_and_by_a_click_on_its_head(
    runs_dir: Path, runs: list[RunFolder], shows: Any, until: Any
) -> None:
    async with bench(runs_dir).run_test(size=(140, 45)) as pilot:
        screen = await browse(pilot, until, 4)
        newest_first = [folder.id for folder in reversed(runs)]
        assert screen.table.keys == newest_first
        await pilot.press("S")
        assert screen.table.keys == newest_first[::-1]
        head = await shows(pilot, "Test acc.")
        line = next(line for line in head.splitlines() if "Test acc." in line)
        await pilot.click(RowTable, offset=(line.index("Test acc."), 0))
        by_accuracy = [runs[2].id, runs[1].id, runs[0].id, runs[3].id]
        await until(pilot, lambda: screen.table.keys == by_accuracy)
        await shows(pilot, "Test acc. ▼")
        await pilot.click(RowTable, offset=(line.index("Test acc."), 0))
        await until(pilot, lambda: screen.table.keys == by_accuracy[::-1])
        await pilot.press("s")
        await shows(pilot, "Macro F1 ▼")


async def test_every_column_sorts_both_ways_with_what_is_missing_last(runs_dir: Path) -> None:

    found = list_runs(runs_dir)
    found[1] = dataclasses.replace(found[1], test_accuracy=None, macro_f1=None, parameters=None, training_seconds=None)
    for column in COLUMNS:
        for descending in (False, True):
            order = sorted_runs(found, RowOrder(column.key, descending))
            assert sorted(run.run for run in order) == sorted(run.run for run in found)
            if column.key in {"accuracy", "f1", "parameters", "time"}:
                assert order[-1] == found[1]


def test_what_few_runs_of_a_preset_share_comes_first_in_their_changes() -> None:
    changes = ("limit 8000, hidden 50", "limit 8000, hidden 50, seed 1", "limit 8000, (1, 2)")
    runs = [RunSummary(f"{at}", "", "finished", preset="hog", differs=text) for at, text in enumerate(changes)]
    assert list(changes_of(runs).values()) == [
        "hidden 50, limit 8000",
        "seed 1, hidden 50, limit 8000",
        "(1, 2), limit 8000",
    ]


def test_the_small_curve_of_each_run_has_its_own_scale() -> None:
    assert sparklines([(0.2, 0.55, 0.9), (None, 0.9), (0.9, 0.95), ()]) == ["▁▅█", " ▁", "▁█", ""]


async def test_a_short_list_leaves_the_room_to_the_chosen_run(runs_dir: Path, shows: Any, until: Any) -> None:
    async with bench(runs_dir).run_test(size=(110, 32)) as pilot:
        screen = await browse(pilot, until, 4)
        await shows(pilot, "images evaluated after epoch")
        assert screen.table.size.height < screen.preview.size.height
        await pilot.resize_terminal(110, 24)
        await until(pilot, lambda: not screen.preview.display)


async def test_a_filter_narrows_the_list_and_a_wrong_one_is_explained_and_loses_nothing(
    runs_dir: Path, runs: list[RunFolder], shows: Any, until: Any
) -> None:
    async with bench(runs_dir).run_test(size=(80, 24)) as pilot:
        screen = await browse(pilot, until, 4)
        await pilot.press("slash")
        screen.terms.value = "hidden>200"
        await until(pilot, lambda: len(screen.table.keys) == 3)
        await shows(pilot, "3 of 4")
        screen.terms.value = "hidden>200 hiden<3"
        await shows(pilot, "did you mean hidden", "the list is as before")
        assert len(screen.table.keys) == 3
        screen.terms.value = "hidden>200 accuracy >"
        await until(pilot, lambda: not screen.wrong.has_class("-shown"))
        assert len(screen.table.keys) == 3, "a term that is still being typed is no mistake"
        screen.terms.value = "hidden>200 accura"
        await shows(pilot, "accuracy: type >, < or = and a value", "3 of 4")
        screen.terms.value = "dataset=mnist zzz"
        await shows(pilot, "No run fits the filter; Esc clears it.", "0 of 4", "Test acc.", "No run is chosen.")
        await pilot.press("enter", "o", "x", "n", "w", "e", "p", "r", "space", "v", "v")
        assert isinstance(pilot.app.screen, RunsScreen)
        await pilot.press("escape")
        await until(pilot, lambda: len(screen.table.keys) == 4)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, PresetsScreen))


async def test_marked_runs_are_compared_with_curves_table_and_points(
    runs_dir: Path, runs: list[RunFolder], shows: Any, until: Any
) -> None:
    async with bench(runs_dir).run_test(size=(140, 45)) as pilot:
        screen = await browse(pilot, until, 4)
        await pilot.press("space", "down", "space")
        await shows(pilot, "2 marked", " * finished")
        await pilot.press("space")
        await shows(pilot, "1 marked")
        await pilot.press("space")
        await shows(pilot, "2 marked")
        await pilot.press("o")
        await until(pilot, lambda: isinstance(pilot.app.screen, CompareScreen))
        await shows(
            pilot,
            "2 runs",
            "Validation accuracy",
            "Validation loss",
            "Test accuracy by number of parameters",
            "dataset",
            "fashion-mnist",
            "85.00 %",
            "98.00 %",
        )
        compare = pilot.app.screen
        assert isinstance(compare, CompareScreen)
        assert list(compare.table.keys) == [runs[3].id, runs[2].id], "in the order of their marks"
        await pilot.press("left", "left")
        await shows(pilot, "Validation accuracy  │ epoch 3")
        await pilot.press("f", "plus")
        await until(pilot, lambda: compare.accuracy.window == compare.loss.window != OverlaidCurves().window)
        await pilot.press("plus", "plus", "left")
        start, end = compare.accuracy.window.limits(compare.accuracy.axis)
        await until(
            pilot, lambda: any(start <= n <= end and f"│ epoch {n}" in screen_text(pilot.app) for n in range(6))
        )
        await pilot.press("0", "l")
        await shows(pilot, "log scale: on")
        await pilot.press("m")
        text = await shows(pilot, "1,040 images after epoch 4: 91.35 % right", "after epoch 5", AXES, "m Curves")
        assert "Zoom in" not in text, "there is no curve to zoom in"
        await pilot.press("plus", "escape")
        await shows(pilot, "Validation accuracy", "m Matrices")
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)
        await shows(pilot, "2 marked")


async def test_seeds_are_one_row_and_one_curve_with_mean_deviation_and_count(
    runs_dir: Path, shows: Any, until: Any
) -> None:
    async with bench(runs_dir).run_test(size=(140, 45)) as pilot:
        screen = await browse(pilot, until, 4)
        await pilot.press("v")
        await shows(pilot, "3/3 seeds", "96.33 ± 1.53 %")
        assert len(screen.table.keys) == 2
        await pilot.press("end", "enter")
        await shows(pilot, "3 runs, 1 curve", "mean, n = 3", "96.33 ± 1.53 %", "n=3")
        compare = pilot.app.screen
        assert isinstance(compare, CompareScreen)
        point = next(iter(compare.query_one(Scatter)._points or ()))
        assert point.y == pytest.approx(sum(ACCURACIES) / 3)
        await pilot.press("g")
        await until(pilot, lambda: len(compare.query_one(Scatter)._points or ()) == 3)


@at_sizes((80, 24), (60, 20))
async def test_a_small_window_shows_one_view_of_a_comparison_at_a_time(
    size: tuple[int, int], runs_dir: Path, shows: Any, until: Any
) -> None:
    async with bench(runs_dir).run_test(size=size) as pilot:
        await browse(pilot, until, 4)
        await pilot.press("a", "o")
        await shows(pilot, "1 Curves   2 Table   3 By seed   4 By size   m Matrices", "Validation loss", "v View")
        curve = pilot.app.screen.query_one("#accuracy", OverlaidCurves)
        assert curve.plane is not None, "the curves have room"
        await pilot.press("4")
        await shows(pilot, "Test accuracy by number of parameters", "198,760 parameters")
        await pilot.press("m", "2")
        await shows(pilot, "Test acc.", "mean, n = 3")
        await pilot.press("v")
        await shows(pilot, "Test accuracy by seed", "Over the three seeds 0 to 2")
        await pilot.press("v")
        text = await shows(pilot, "Test accuracy by number of parameters")
        assert all(len(line) <= size[0] for line in text.splitlines())
        await pilot.press("v")
        await shows(pilot, "Validation loss")


async def test_a_small_window_shows_one_compared_matrix_at_a_time_and_then_the_difference(
    runs_dir: Path, shows: Any, until: Any
) -> None:
    async with bench(runs_dir).run_test(size=(80, 24)) as pilot:
        await browse(pilot, until, 4)
        await pilot.press("a", "o", "m")
        await shows(pilot, "True read as predicted", "Enter Images")
        matrices = pilot.app.screen.query_one(ComparedMatrices)
        await until(pilot, lambda: len(matrices.matrices) == 1)
        view = matrices.matrices[0]
        titles: list[str] = []
        for _ in range(4):
            titles.append(f"{view.border_title}".strip())
            await pilot.press("v")
            await until(pilot, lambda: f"{view.border_title}".strip() != titles[-1])
        first, second, difference, again = titles
        assert "● " in first and "▲ " in second and "▲ − ●" in difference
        assert again == first, "the first one again"
        await pilot.press("v")
        await shows(pilot, "change of counts", "better", "worse")


async def test_compared_matrices_have_one_cursor_and_its_images_are_those_of_the_matrix_with_the_focus(
    runs_dir: Path, shows: Any, until: Any
) -> None:
    async with bench(runs_dir).run_test(size=(140, 45)) as pilot:
        await browse(pilot, until, 4)
        await pilot.press("a", "o", "m")
        matrices = pilot.app.screen.query_one(ComparedMatrices)
        await until(pilot, lambda: len(matrices.matrices) == 3)
        first, second, difference = matrices.matrices
        await pilot.press("home", "right", "down")
        row, column = first.cell
        await until(pilot, lambda: second.cell == difference.cell == (row, column) and column == 1)
        counts = [view.shown.matrix[row][column] for view in (first, second) if view.shown.matrix]
        names = first.shown.names
        await shows(pilot, f"{names[row]} read as {names[column]}", signed(counts[1] - counts[0], 0))
        await pilot.press("n")
        await until(pilot, lambda: first.cell == second.cell != (row, column))
        title = str(second.border_title)
        await pilot.press("tab", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, GalleryScreen))
        gallery = pilot.app.screen
        assert isinstance(gallery, GalleryScreen)
        assert gallery.shown_run.preset().name in title, "the images of the second run"
        assert (gallery.chosen.true, gallery.chosen.predicted) == second.cell


async def test_o_without_marks_compares_the_seeds_and_says_where_there_are_none(
    runs_dir: Path, shows: Any, until: Any
) -> None:
    async with bench(runs_dir).run_test(size=(140, 45), notifications=True) as pilot:
        await browse(pilot, until, 4)
        await pilot.press("o")
        await shows(pilot, "Mark two runs or more")
        await pilot.press("down", "o")
        await shows(pilot, "3 runs, 1 curve")


async def test_a_run_is_named_and_noted_and_its_folder_keeps_its_name(
    runs_dir: Path, runs: list[RunFolder], shows: Any, until: Any
) -> None:
    async with bench(runs_dir).run_test(size=(140, 45)) as pilot:
        await browse(pilot, until, 4)
        await pilot.press("R")
        await shows(pilot, f"Name of {runs[3].id}")
        await pilot.press(*"small", "enter")
        await shows(pilot, "finished  small")
        await pilot.press("n", *"odd", "space", *"one", "enter")
        await shows(pilot, "odd one")
        assert read_label(runs[3]) == Label("small", "odd one")
        await pilot.press("n", "x", "escape")
        assert read_label(runs[3]) == Label("small", "odd one")
        assert runs[3].path.is_dir()


async def test_deleting_asks_unless_that_is_off_and_never_deletes_what_lives(
    runs_dir: Path, runs: list[RunFolder], shows: Any, until: Any
) -> None:
    runs[2].write_status(this_process("running"))
    app = bench(runs_dir)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await browse(pilot, until, 4)
        await pilot.press("delete")
        await shows(pilot, "Delete a run", runs[3].id)
        await pilot.press("escape")
        assert runs[3].path.exists()
        await pilot.press("delete", "d")
        await until(pilot, lambda: not runs[3].path.exists() and len(screen.table.keys) == 3)
        await pilot.press("home", "x")
        await shows(pilot, "stop it first")
        assert runs[2].path.exists()
        app.settings = dataclasses.replace(app.settings, confirm=False)
        await pilot.press("down", "x")
        await until(pilot, lambda: not runs[1].path.exists())
        await until(pilot, lambda: len(screen.table.keys) == 2)
        await pilot.press("a", "x")
        await until(pilot, lambda: isinstance(pilot.app.screen, DeleteRunsQuestion) or not runs[0].path.exists())
        assert runs[2].path.exists()


async def test_a_live_run_is_followed_and_opens_on_its_training_screen(
    runs_dir: Path, record: Any, shows: Any, until: Any
) -> None:
    run = record("hog", epochs=30).begin()
    async with bench(runs_dir).run_test(size=(140, 45)) as pilot:
        screen = await browse(pilot, until, 5)
        text = await shows(pilot, "The curves appear here as it trains; Enter watches it.")
        assert "Confusion" not in text
        run.epoch(1)
        await shows(pilot, "running", "1/30", "Confusion")
        run.epoch(2)
        await shows(pilot, "2/30")
        newest = finished_run(runs_dir, created=BEGIN + 5000)
        await until(pilot, lambda: newest.id in screen.table.keys)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, TrainingScreen))


async def test_an_ended_run_opens_on_its_results_watches_its_curves_and_is_edited_anew(
    runs_dir: Path, runs: list[RunFolder], until: Any
) -> None:
    async with bench(runs_dir).run_test(size=(140, 45)) as pilot:
        for keys, screen in (("enter", ResultsScreen), ("r", ResultsScreen), ("w", TrainingScreen)):
            await browse(pilot, until, 4)
            await pilot.press(keys)
            await until(pilot, lambda kind=screen: isinstance(pilot.app.screen, kind))
        await browse(pilot, until, 4)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, EditorScreen))


async def test_what_was_stopped_is_resumed_and_what_finished_is_not(
    runs_dir: Path, no_worker: list[RunFolder], until: Any
) -> None:
    stopped = finished_run(runs_dir, state="stopped", created=BEGIN + 5000)
    async with bench(runs_dir).run_test(size=(140, 45)) as pilot:
        await browse(pilot, until, 5)
        await pilot.press("p")
        await until(pilot, lambda: [folder.id for folder in no_worker] == [stopped.id])
        await pilot.press("down", "p")
        assert len(no_worker) == 1


async def test_a_mouse_chooses_marks_and_opens(runs_dir: Path, runs: list[RunFolder], shows: Any, until: Any) -> None:
    async with bench(runs_dir).run_test(size=(140, 45)) as pilot:
        screen = await browse(pilot, until, 4)
        await pilot.click(RowTable, offset=(20, 3))
        await until(pilot, lambda: screen.table.chosen == runs[1].id)
        await pilot.click(RowTable, offset=(1, 2))
        await shows(pilot, "1 marked")
        await pilot.click(RowTable, offset=(20, 4), times=2)
        await until(pilot, lambda: isinstance(pilot.app.screen, ResultsScreen))


async def test_no_runs_are_said_and_no_key_fails(tmp_path: Path, shows: Any) -> None:
    async with bench(tmp_path / "none").run_test(size=(80, 24)) as pilot:
        pilot.app.show(Route("runs"))  # pyright: ignore[reportAttributeAccessIssue]
        await shows(pilot, "there are no runs in")
        await pilot.press(
            "enter", "space", "o", "s", "S", "v", "a", "w", "r", "n", "R", "e", "p", "x", "end", "up", "pagedown"
        )
        await shows(pilot, "there are no runs in")


async def test_a_run_without_epochs_is_compared_all_the_same(
    runs_dir: Path, record: Any, shows: Any, until: Any
) -> None:
    record("hog", epochs=30)
    async with bench(runs_dir).run_test(size=(200, 50)) as pilot:
        await browse(pilot, until, 5)
        await pilot.press("a", "o")
        await shows(pilot, "5 runs", "0/30", "running")


async def test_hundreds_of_runs_scroll_under_a_cursor_that_stays_in_view(
    tmp_path: Path, shows: Any, until: Any
) -> None:
    many_runs(tmp_path / "runs", 120, 1)
    async with bench(tmp_path / "runs").run_test(size=(80, 24)) as pilot:
        screen = await browse(pilot, until, 120)
        await pilot.press("end")
        await until(pilot, lambda: screen.table.chosen == screen.table.keys[-1])
        await shows(pilot, f"· {screen.table.chosen}", "> finished")
        await pilot.press("pageup", "home")
        await shows(pilot, f"· {screen.table.keys[0]}", "> finished")


async def test_a_live_run_that_is_compared_is_followed(runs_dir: Path, record: Any, shows: Any, until: Any) -> None:
    run = record("hog", epochs=30).begin().epoch(1)
    async with bench(runs_dir).run_test(size=(200, 50)) as pilot:
        await browse(pilot, until, 5)
        await pilot.press("a", "o")
        await shows(pilot, "1/30")
        write_events(run.folder, [epoch_ended(2)])
        await shows(pilot, "2/30")


async def test_esc_leads_back_through_results_and_curves_to_the_list_as_it_was_left(
    runs_dir: Path, shows: Any, until: Any
) -> None:
    async with bench(runs_dir).run_test(size=(140, 45)) as pilot:
        screen = await browse(pilot, until, 4)
        await pilot.press("slash", *"raw", "enter")
        screen.table.focus()
        await until(pilot, lambda: len(screen.table.keys) == 3)
        await pilot.press("down", "down")
        chosen = screen.table.chosen
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ResultsScreen))
        await pilot.press("c")
        await until(pilot, lambda: isinstance(pilot.app.screen, TrainingScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, ResultsScreen))
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert (screen.table.chosen, screen.terms.value) == (chosen, "raw")
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, EditorScreen))
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert screen.table.chosen == chosen


async def test_a_note_that_is_too_long_says_so_and_is_kept_once_it_fits(runs_dir: Path, shows: Any, until: Any) -> None:
    async with bench(runs_dir).run_test(size=(100, 30)) as pilot:
        screen = await browse(pilot, until, 4)
        folder = RunFolder(Path(screen.chosen[0].folder))
        await pilot.press("n")
        await until(pilot, lambda: pilot.app.screen is not screen)
        pilot.app.post_message(events.Paste("a" * 620))
        await shows(pilot, "620 characters; 500 are kept at most: 120 have to go.")
        await pilot.press("enter")
        assert pilot.app.screen is not screen
        pilot.app.screen.query_one(Input).value = "a" * 500
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert read_label(folder).note == "a" * 500


async def test_all_lines_of_a_pasted_note_are_kept(runs_dir: Path, shows: Any, until: Any) -> None:
    async with bench(runs_dir).run_test(size=(100, 30)) as pilot:
        screen = await browse(pilot, until, 4)
        await pilot.press("n")
        await until(pilot, lambda: pilot.app.screen is not screen)
        pilot.app.post_message(events.Paste("\r\nwider than before\r\n  and longer\n"))
        await shows(pilot, "wider than before and longer")
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert read_label(RunFolder(Path(screen.chosen[0].folder))).note == "wider than before and longer"


@at_sizes((80, 24), (140, 45))
async def test_the_examples_of_filters_are_whole(size: tuple[int, int], runs_dir: Path, shows: Any, until: Any) -> None:
    async with bench(runs_dir).run_test(size=size) as pilot:
        screen = await browse(pilot, until, 4)
        await shows(pilot, "state=finished" if size == (80, 24) else "dataset=fashion-mnist")
        assert not screen.terms.placeholder.endswith(",")
