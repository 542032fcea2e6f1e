"""The study screen and the list of studies: on recorded studies, by keys and by mouse."""

from __future__ import annotations

import csv
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from mnist_tui.experiment.presets import find_preset
from mnist_tui.runs.folder import Launch
from mnist_tui.studies import trial_table
from mnist_tui.studies.folder import StudyFolder, study_folders
from mnist_tui.studies.watch import StudyWatch
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.bench import Route
from mnist_tui.tui.compare.screen import CompareScreen
from mnist_tui.tui.editor.screen import EditorScreen
from mnist_tui.tui.leaving import LeaveQuestion
from mnist_tui.tui.results.screen import ResultsScreen
from mnist_tui.tui.studies import study_view
from mnist_tui.tui.studies.list_screen import StudiesScreen
from mnist_tui.tui.studies.screen import StudyScreen
from mnist_tui.tui.studies.study_commands import CsvScreen, DeleteStudyQuestion, StopStudyQuestion
from mnist_tui.tui.studies.study_view import sorted_trials
from mnist_tui.tui.terminal.keymap import commands_of
from mnist_tui.tui.training.screen import TrainingScreen
from mnist_tui.tui.widgets.plots.trials import MultiplesPlot, ParallelPlot
from mnist_tui.tui.widgets.row_table import RowOrder, RowTable
from tests.runs.synthetic import finished_run
from tests.tui.conftest import exists, screen_text
from tests.tui.recorded_studies import AXES, RecordedStudy
from tests.tui.sizes import at_sizes


@pytest.fixture
def orders(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What the study's process would have been told."""
    told: list[tuple[str, str]] = []
    for name in ("start", "stop", "resume"):
        monkeypatch.setattr(
            f"mnist_tui.studies.start.{name}", lambda folder, *_, name=name: told.append((name, folder.id))
        )
    return told


def bench(study: StudyFolder) -> BenchApp:
    return BenchApp(AppOptions(action="study", study=study, runs_dir=study.runs_dir))


async def shown(pilot: Pilot[Any], until: Any, rows: int) -> StudyScreen:
    """The study's screen, once it has its rows."""
    await until(pilot, lambda: isinstance(pilot.app.screen, StudyScreen) and pilot.app.screen.is_mounted)
    screen = pilot.app.screen
    assert isinstance(screen, StudyScreen)
    await until(pilot, lambda: len(screen.table.keys) == rows)
    return screen


@at_sizes((80, 24), (60, 20), (140, 45))
async def test_every_size_tells_state_progress_and_the_trials_best_first_and_overflows_nowhere(
    size: tuple[int, int], under_way: RecordedStudy, shows: Any, until: Any
) -> None:
    async with bench(under_way.folder).run_test(size=size) as pilot:
        screen = await shown(pilot, until, 6)
        text = await shows(
            pilot, "running", "4 of 6 ended", "1 running · 1 waiting · 1 pruned", "hidden", "Val. acc. ▼"
        )
        assert all(len(line) <= size[0] for line in text.splitlines())
        rows = {row.number: row for row in screen.snapshot.study.rows}
        finished = sorted((n for n in rows if rows[n].state == "finished"), key=lambda n: -(rows[n].score or 0))
        assert screen.table.keys == [*map(str, finished), "5", "4", "6"], "finished, running, pruned, to come"
        assert screen.table.chosen == str(screen.snapshot.study.best)


async def test_a_study_that_has_planned_nothing_says_so_without_empty_panes(place: Path, shows: Any) -> None:
    study = RecordedStudy(place).status("starting")
    async with bench(study.folder).run_test(size=(80, 24)) as pilot:
        text = await shows(pilot, "starting", "It plans the trials and starts the workers")
        assert "Chosen trial" not in text
        assert "View" not in text


async def test_the_screen_follows_the_study_and_tells_its_end(under_way: RecordedStudy, shows: Any, until: Any) -> None:
    async with bench(under_way.folder).run_test(size=(140, 45), notifications=True) as pilot:
        await shown(pilot, until, 6)
        under_way.write(under_way.epoch(5, 9))
        await shows(pilot, "9/12")
        under_way.end(5).run(6, 12).end(6, "failed", "no memory").finish()
        await shows(pilot, "6 of 6 ended", "1 failed")
        assert not pilot.app._notifications, "the screen says it itself"
        await pilot.press("end")
        await shows(pilot, "no memory")


async def test_every_column_sorts_both_ways_with_what_is_missing_last(under_way: RecordedStudy) -> None:
    study = (StudyWatch(under_way.folder).new_snapshot() or pytest.fail("nothing to see")).study
    shape = trial_table.table_shape(study)
    for column in study_view.table_columns(shape):
        for descending in (False, True):
            found = sorted_trials(study.rows, RowOrder(column.key, descending), shape)
            assert sorted(row.number for row in found) == [1, 2, 3, 4, 5, 6]
            if column.key in {"test_accuracy", "seconds", "macro_f1"}:
                assert found[-1].number == 6
    hidden = sorted_trials(study.rows, RowOrder("axis:hidden", True), shape)
    assert [dict(row.values)["hidden"] for row in hidden] == ["250", "250", "150", "150", "50", "50"]
    assert study_view.best_first("val_loss") == RowOrder("val_loss")


async def test_a_click_on_a_head_and_the_keys_sort(under_way: RecordedStudy, shows: Any, until: Any) -> None:
    async with bench(under_way.folder).run_test(size=(140, 45), notifications=True) as pilot:
        screen = await shown(pilot, until, 6)
        best_first = screen.table.keys
        head = next(line for line in (await shows(pilot, "hidden")).splitlines() if "Val. acc. ▼" in line)
        await pilot.click(RowTable, offset=(head.index("#"), 0))
        await until(pilot, lambda: screen.table.keys == ["1", "2", "3", "4", "5", "6"])
        await pilot.press("S")
        await until(pilot, lambda: screen.table.keys == ["6", "5", "4", "3", "2", "1"])
        await pilot.press("b")
        await until(pilot, lambda: screen.table.keys == best_first)


async def test_the_plots_show_the_chosen_trial_and_the_arrow_keys_choose_there_too(
    under_way: RecordedStudy, shows: Any, until: Any
) -> None:
    async with bench(under_way.folder).run_test(size=(80, 24)) as pilot:
        screen = await shown(pilot, until, 6)
        await pilot.press("p")
        await shows(pilot, "Mean validation accuracy", "★ chosen, the best")
        await pilot.press("p")
        await shows(pilot, "Parameters and score", "★ chosen, the best", "activation", "250", "sigmoid")
        assert isinstance(screen.focused, ParallelPlot)
        await pilot.press("down")
        second = screen.table.keys[1]
        await until(pilot, lambda: screen.plots.parallel.chosen == second)
        await pilot.press("P", "P")
        await shows(pilot, f">#{second}", "Validation accuracy", "epochs 1 to 12, all alike")
        assert isinstance(screen.focused, MultiplesPlot)
        first = screen.plots.multiples.region
        await pilot.click(offset=(first.x + 2, first.y + 2))
        await until(pilot, lambda: screen.table.chosen == screen.table.keys[0])
        await pilot.press("v")
        await shows(pilot, "Worker 1 on bench", "Worker 2 on bench: #5, epoch 7 of 12")


async def test_a_study_of_one_parameter_shows_its_scores_by_it_and_a_click_chooses_the_nearest_trial(
    place: Path, shows: Any, until: Any
) -> None:
    study = RecordedStudy(place, ({"name": "hidden", "values": ["50", "100", "200"]},)).begin()
    for number in (1, 2, 3):
        study.run(number, 12).end(number)
    async with bench(study.finish().folder).run_test(size=(140, 45)) as pilot:
        screen = await shown(pilot, until, 3)
        text = await shows(pilot, "Validation accuracy by hidden (log axis)", "★ chosen, the best", "p another plot")
        lines = text.splitlines()
        labels = next(line for line in lines if line.split()[1:4] == ["50", "100", "200"])
        top, bottom = screen.plots.scores.region.y + 4, lines.index(labels) - 5
        for label, key, row in (("50", "1", top), ("200", "3", top), ("100", "2", bottom)):
            await pilot.click(offset=(labels.index(f" {label} ") + 2, row))
            await until(pilot, lambda key=key: screen.table.chosen == key == screen.plots.scores.chosen)
        await pilot.press("p")
        await shows(pilot, "epochs 1 to 12, all alike")


async def test_enter_opens_a_run_live_or_its_results_and_escape_leads_back_to_the_same_trial(
    place: Path, shows: Any, until: Any
) -> None:
    done = finished_run(place, epochs=3)
    study = RecordedStudy(place, epochs=3).begin()
    study.run(1, 3, run=done.id).end(1, run=done.id)
    live = finished_run(place, epochs=3, state="stopped")
    study.run(2, 2, run=live.id)
    async with bench(study.folder).run_test(size=(140, 45), notifications=True) as pilot:
        screen = await shown(pilot, until, 6)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ResultsScreen))
        await pilot.press("escape")
        screen = await shown(pilot, until, 6)
        await pilot.press("down")
        assert screen.table.chosen == "2"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, TrainingScreen))
        await pilot.press("escape")
        screen = await shown(pilot, until, 6)
        await until(pilot, lambda: screen.table.chosen == "2")
        await pilot.press("end", "enter")
        await shows(pilot, "Its run was deleted" if screen.chosen and screen.chosen.run else "has no run yet")


async def test_a_trial_opens_as_an_editor_preset_also_before_it_has_a_run(under_way: RecordedStudy, until: Any) -> None:
    async with bench(under_way.folder).run_test(size=(140, 45), notifications=True) as pilot:
        await shown(pilot, until, 6)
        await pilot.press("end", "e")
        await until(pilot, lambda: isinstance(pilot.app.screen, EditorScreen))
        screen = pilot.app.screen
        assert isinstance(screen, EditorScreen)
        layers = screen.draft.experiment.layers
        assert [getattr(layer, "units", None) for layer in layers if layer.kind == "dense"] == [250]
        assert screen.draft.experiment.training.epochs == 12


async def test_marked_trials_are_compared_and_marks_stay(place: Path, shows: Any, until: Any) -> None:
    study = RecordedStudy(place, epochs=3).begin()
    for number in (1, 2, 3):
        run = finished_run(place, epochs=3, texts={"hidden": str(50 * number)}).id
        study.run(number, 3, run=run).end(number, run=run)
    async with bench(study.folder).run_test(size=(140, 45), notifications=True) as pilot:
        screen = await shown(pilot, until, 6)
        await pilot.press("o")
        await shows(pilot, "Nothing to compare with")
        await pilot.press("space", "down", "space", "o")
        await until(pilot, lambda: isinstance(pilot.app.screen, CompareScreen))
        await pilot.press("escape")
        await shown(pilot, until, 6)
        assert screen.feed.view.marked == tuple(map(int, screen.table.keys[:2]))


async def test_stop_asks_and_resume_is_for_what_is_missing(
    under_way: RecordedStudy, orders: list[tuple[str, str]], shows: Any, until: Any
) -> None:
    async with bench(under_way.folder).run_test(size=(140, 45), notifications=True) as pilot:
        screen = await shown(pilot, until, 6)
        await pilot.press("r")
        assert not orders, "nothing is resumed while it runs"
        await pilot.press("x")
        await until(pilot, lambda: isinstance(pilot.app.screen, StopStudyQuestion))
        await pilot.press("escape", "x")
        await until(pilot, lambda: isinstance(pilot.app.screen, StopStudyQuestion))
        await pilot.press("s")
        await until(pilot, lambda: orders == [("stop", under_way.folder.id)])
        under_way.finish("stopped", "as asked")
        await until(pilot, lambda: screen.snapshot.state == "stopped")
        await shows(pilot, "3 of 6 finished · 1 stopped · 1 waiting", "Resume")
        await pilot.press("r")
        await until(pilot, lambda: orders[-1] == ("resume", under_way.folder.id))
        under_way.begin()
        await until(pilot, lambda: screen.snapshot.live)
        await pilot.press("q")
        await until(pilot, lambda: isinstance(pilot.app.screen, LeaveQuestion))


async def test_an_unexpected_error_while_the_study_is_read_ends_the_app_and_is_not_silent(
    under_way: RecordedStudy, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ZeroDivisionError):
        async with bench(under_way.folder).run_test(size=(140, 45)) as pilot:
            await shown(pilot, until, 6)
            monkeypatch.setattr(StudyWatch, "new_snapshot", lambda watch: 1 / 0)
            await until(pilot, lambda: pilot.app.return_code)


async def test_seeds_have_a_row_each_then_mean_deviation_and_interval_and_a_band(
    place: Path, shows: Any, until: Any
) -> None:
    study = RecordedStudy(place, (), seeds=4, epochs=6).begin()
    for number in (1, 2, 3):
        study.run(number, 6).end(number)
    study.run(4, 2)
    async with bench(study.folder).run_test(size=(140, 45), notifications=True) as pilot:
        screen = await shown(pilot, until, 8)
        assert screen.table.keys == ["1", "2", "3", "4", "mean", "std", "interval", "range"]
        text = await shows(pilot, "mean, n=3", "deviation", "95 % interval", "lowest–highest", "seed 0")
        scores = [row.score for row in screen.snapshot.study.rows if row.score]
        assert f"{100 * sum(scores) / 3:.2f} %" in text
        await pilot.press("end")
        await shows(pilot, "over 3 seeds", "95 % interval of the mean")
        await pilot.press("enter", "e")
        assert pilot.app.screen is screen, "a mean is no trial"


async def test_seeds_of_a_sweep_are_taken_together(place: Path, shows: Any, until: Any) -> None:
    study = RecordedStudy(place, AXES[:1], seeds=2).begin()
    for number in range(1, 6):
        study.run(number, 12).end(number)
    async with bench(study.folder).run_test(size=(140, 45), notifications=True) as pilot:
        screen = await shown(pilot, until, 6)
        await pilot.press("g")
        await until(pilot, lambda: len(screen.table.keys) == 3)
        await shows(pilot, "2/2 seeds", "1/2 seeds", "±", "n=2")
        await pilot.press("b")
        chosen = screen.chosen
        assert chosen is not None
        assert chosen.number == screen.snapshot.study.best
        await pilot.press("space")
        assert len(screen.feed.view.marked) == 2


async def test_leaving_the_app_asks_where_a_study_goes_on_and_detaching_stops_nothing(
    under_way: RecordedStudy, orders: list[tuple[str, str]], until: Any, shows: Any
) -> None:
    app = bench(under_way.folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot, until, 6)
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, LeaveQuestion))
        await shows(pilot, under_way.folder.id[:30])
        await pilot.press("d")
        await until(pilot, lambda: not app.is_running or app.return_code is not None)
    assert not orders


async def test_a_broken_study_and_one_that_is_gone_are_told_in_a_sentence(
    under_way: RecordedStudy, shows: Any, until: Any
) -> None:
    under_way.folder.study_file.write_text("kind = 'sweep'\n")
    app = bench(under_way.folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "cannot be read:", "best 1")
        shutil.rmtree(under_way.folder.path)
        await shows(pilot, "crashed", "is gone")
        for key in ("enter", "e", "o", "x", "r", "p", "v", "s", "g", "b", "space", "E", "y"):
            await pilot.press(key)
        assert app.is_running


async def test_a_died_process_is_crashed_and_what_has_ended_stays(
    under_way: RecordedStudy, shows: Any, until: Any
) -> None:
    under_way.folder.log_file.write_text("Killed\n")
    async with bench(under_way.folder).run_test(size=(140, 45), notifications=True) as pilot:
        await shown(pilot, until, 6)
        under_way.status("running", dead=True)
        await shows(pilot, "crashed", "what has ended is kept", "Killed", "1 stopped · 1 waiting")


async def test_the_list_of_studies_opens_and_deletes_with_or_without_runs(
    place: Path, under_way: RecordedStudy, shows: Any, until: Any
) -> None:
    other = RecordedStudy(place, (), seeds=2, epochs=3).begin()
    for number in (1, 2):
        run = finished_run(place, epochs=3, texts={"seed": str(number - 1)}).id
        other.run(number, 3, run=run).end(number, run=run)
    other.finish()
    broken = place / "studies" / "20260101-000000-broken-0000"
    broken.mkdir()
    (broken / "study.toml").write_text("nonsense")
    app = BenchApp(AppOptions(action="browse", runs_dir=place))
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        app.action_go("studies")
        await until(pilot, lambda: isinstance(app.screen, StudiesScreen) and app.screen.is_mounted)
        await until(pilot, lambda: len(app.screen.query_one(RowTable).keys) == 3)
        screen = app.screen
        assert isinstance(screen, StudiesScreen)
        await shows(pilot, "Studies  3", "4/6", "2/2", "broken", "finished", "running")
        screen.action_sort()
        assert screen.table.keys[0] == broken.name, "sorted by the state, the first column"
        screen.table.choose(under_way.folder.id)
        await pilot.press("delete")
        await shows(pilot, "It is running; stop it first")
        screen.table.choose(other.folder.id)
        await pilot.press("delete")
        await until(pilot, lambda: isinstance(app.screen, DeleteStudyQuestion))
        await shows(pilot, "2 runs")
        await pilot.press("d")
        await until(pilot, lambda: len(screen.table.keys) == 2)
        assert sum((path / "experiment.toml").exists() for path in place.iterdir()) == 2
        screen.table.choose(under_way.folder.id)
        await pilot.press("enter")
        await shown(pilot, until, 6)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, StudiesScreen))
    assert other.folder.id not in {folder.id for folder in study_folders(place)}


async def test_the_list_shows_the_plot_of_the_chosen_study_and_the_mean_of_its_folds(
    place: Path, shows: Any, until: Any
) -> None:
    sweep = RecordedStudy(place, ({"name": "hidden", "values": ["50", "100", "200"]},)).begin()
    folds = RecordedStudy(place, (), kind="folds", bases=({"preset": "raw", "folds": 3},), title="raw, 3 folds").begin()
    for number in (1, 2, 3):
        sweep.run(number, 12).end(number)
        folds.run(number, 12).end(number)
    app = BenchApp(AppOptions(action="browse", runs_dir=place))
    async with app.run_test(size=(140, 45)) as pilot:
        app.action_go("studies")
        await until(pilot, lambda: isinstance(app.screen, StudiesScreen) and app.screen.is_mounted)
        screen = app.screen
        assert isinstance(screen, StudiesScreen)
        await until(pilot, lambda: len(screen.table.keys) == 2)
        screen.table.choose(sweep.folder.id)
        await shows(pilot, "Validation accuracy by hidden (log axis)", "best #")
        screen.table.choose(folds.folder.id)
        await shows(pilot, "mean accuracy on the images held out", "over 3 folds", "fold 3")


async def test_c_writes_the_table_of_trials_and_asks_before_it_replaces_a_file(
    place: Path, tmp_path: Path, shows: Any, until: Any
) -> None:
    study = RecordedStudy(place, ({"name": "hidden", "values": ["50", "100"]},)).begin()
    for number in (1, 2):
        study.run(number, 12).end(number)
    target = tmp_path / "trials.csv"
    target.write_text("kept\n")
    async with bench(study.finish().folder).run_test(size=(140, 45), notifications=True) as pilot:
        await shown(pilot, until, 2)
        await pilot.press("c")
        await until(pilot, lambda: isinstance(pilot.app.screen, CsvScreen))
        pilot.app.screen.query_one(Input).value = str(target)
        await pilot.press("enter")
        await shows(pilot, "Enter once more replaces it")
        assert target.read_text() == "kept\n"
        await pilot.press("enter")
        await until(pilot, lambda: target.read_text() != "kept\n")
    rows = list(csv.DictReader(target.read_text().splitlines()))
    assert [(row["trial"], row["hidden"], row["state"]) for row in rows] == [
        ("1", "50", "finished"),
        ("2", "100", "finished"),
    ]
    assert float(rows[0]["score"]) == pytest.approx(study.epoch(1, 12).val_accuracy)


async def test_importances_that_cannot_be_computed_say_why(place: Path, shows: Any, until: Any) -> None:
    study = RecordedStudy(place).begin()
    for number in (1, 2, 3):
        study.run(number, 12).end(number)
    async with bench(study.finish().folder).run_test(size=(140, 45)) as pilot:
        await shown(pilot, until, 6)
        await pilot.press("P", "P")  # from the map back to the plot before the last
        await shows(pilot, "Importance of the parameters")
        await shows(pilot, "importances need 4 combinations of values with a score")


async def test_a_run_of_a_study_jumps_to_its_trial(place: Path, shows: Any, until: Any) -> None:
    study = RecordedStudy(place, epochs=3).begin()
    run = finished_run(place, epochs=3)
    run.write_launch(Launch(created=time.time(), command="", study=study.folder.id))
    alone = finished_run(place, "hog", epochs=3)
    study.run(1, 3).end(1).run(4, 3, run=run.id).end(4, run=run.id)
    app = BenchApp(AppOptions(action="browse", runs_dir=place))
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        app.action_go("runs")
        await until(
            pilot, lambda: len(app.screen.query(RowTable)) == 1 and len(app.screen.query_one(RowTable).keys) == 2
        )
        app.screen.query_one(RowTable).choose(alone.id)
        await pilot.press("T")
        await shows(pilot, "belongs to no study")
        app.clear_notifications()
        app.screen.query_one(RowTable).choose(run.id)
        await pilot.press("T")
        screen = await shown(pilot, until, 6)
        await until(pilot, lambda: screen.table.chosen == "4")


@pytest.mark.parametrize(
    "name",
    [
        "studies",
        pytest.param("study", marks=pytest.mark.exhaustive),
        pytest.param("sweep", marks=pytest.mark.exhaustive),
    ],
)
async def test_no_key_of_the_sheet_breaks_the_app_and_each_says_what_it_is_for(
    name: str, under_way: RecordedStudy, orders: list[tuple[str, str]], until: Any
) -> None:
    app = bench(under_way.folder)

    async def arrive() -> None:
        if name == "study":
            app.show(Route("study", study=under_way.folder))
        elif name == "studies":
            app.show(Route("studies"))
        else:
            app.show(Route("sweep", preset=find_preset("raw")))
        await until(pilot, lambda: type(app.screen).__name__.startswith(name.capitalize()) and app.screen.is_mounted)
        await pilot.pause()

    async with app.run_test(size=(120, 36)) as pilot:
        await shown(pilot, until, 6)
        await arrive()
        sheet = [command for command in commands_of(app.screen) if command.own]
        assert len(sheet) >= 5
        assert all(exists(app, command) and (command.about or command.name) for command in sheet)
        names = {command.action for command in sheet}
        keys = [
            key
            for key, each in app.screen.active_bindings.items()
            if each.enabled and each.binding.action in names and each.node is not app
        ]
        here = app.screen
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
            assert app.is_running, key
            if app.screen is not here:
                while len(app.screen_stack) > 2:
                    app.pop_screen()
                await arrive()
                here = app.screen


# ── as it was last looked at ──


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The test's own folder is the present one; ids and times are always the same."""
    monkeypatch.chdir(tmp_path)
    Path("settings.toml").write_text('toured = true\ntheme = "bench-dark"\n')
    monkeypatch.setenv("MNIST_TUI_CONFIG", "settings.toml")
    monkeypatch.setenv("MNIST_TUI_RUNS", "runs")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr("mnist_tui.runs.naming.random_ending", lambda: "0001")
    Path("runs").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@at_sizes((80, 24), (140, 45))
@pytest.mark.parametrize("kind", ["sweep", "multiples", "seeds"])
@pytest.mark.usefixtures("at_home")
def test_the_screen_looks_as_before(kind: str, size: tuple[int, int], until: Any, snap_compare: Any) -> None:
    if kind == "seeds":
        study = RecordedStudy(Path("runs"), (), seeds=5, epochs=14).begin()
    else:
        study = RecordedStudy(Path("runs")).under_way()
        study.end(5).run(6, 3).end(6, "failed", "ResourceExhaustedError: no memory for the batch", epoch=3)
    if kind == "seeds":
        for number in range(1, 6):
            study.run(number, 14).end(number)
    study.note("trials are compared on the test set").finish()
    app = bench(StudyFolder(Path("runs") / "studies" / study.folder.id))
    app.animation_level = "none"

    async def go(pilot: Pilot[Any]) -> None:
        await shown(pilot, until, 9 if kind == "seeds" else 6)
        await pilot.press(
            *(["P", "P"] if kind == "multiples" and size[0] == 80 else ["P"] if kind == "multiples" else [])
        )
        await pilot.app.workers.wait_for_complete()
        seen: list[str] = []

        def still() -> bool:
            screen = pilot.app.screen
            assert isinstance(screen, StudyScreen)
            screen.redraw()
            seen.append(screen_text(pilot.app))
            return len(seen) > 4 and len(set(seen[-4:])) == 1

        await until(pilot, still)

    assert snap_compare(app, terminal_size=size, run_before=go)


async def test_an_empty_list_says_how_to_start_a_study_and_starts_one(place: Path, shows: Any, until: Any) -> None:
    app = BenchApp(AppOptions(action="browse", runs_dir=place))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f5")
        await shows(pilot, "There are no studies yet", "w starts one of the preset raw")
        await pilot.press("w")
        await shows(pilot, "Sweep of raw", "Parameters to vary")
