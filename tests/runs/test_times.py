"""The times of a run and its speed, which are the same wherever they are shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mnist_tui.cli.runs import as_text, figure_columns
from mnist_tui.report.contents.one_run import run_contents
from mnist_tui.report.evidence import read_evidence
from mnist_tui.runs.collection.summaries import RunSummary, all_scored_on, summary_of
from mnist_tui.runs.event_log import replayed
from mnist_tui.runs.events import DataReady
from mnist_tui.runs.results import run_document
from mnist_tui.runs.state import RunState, reduce
from mnist_tui.runs.times import REST, RunTimes, parts_of, times_of, total_seconds
from mnist_tui.tui.results.screen import timing_lines
from mnist_tui.tui.runs.run_rows import run_lines
from mnist_tui.tui.widgets.run_status import progress_parts
from tests.present import present
from tests.runs.sample_events import data_ready, epoch
from tests.runs.synthetic import finished_run


def test_the_speed_is_epochs_times_images_by_the_training_time_and_evaluation_is_in_neither() -> None:
    data: DataReady = data_ready(train=60_000)
    rows = [epoch(1, images_per_second=20_000.0, seconds=3.5), epoch(2, images_per_second=60_000.0, seconds=1.5)]
    times = times_of(reduce(RunState(), [data, *rows]))
    assert times.training == pytest.approx(3 + 1)
    assert times.images_per_second == pytest.approx(2 * 60_000 / 4)
    assert times.epoch_evaluation == pytest.approx(0.5 + 0.5)
    nothing = times_of(RunState())
    assert (nothing.training, nothing.total, nothing.images_per_second) == (None, None, None)


def test_without_the_number_of_images_there_is_a_time_but_no_speed() -> None:
    times = times_of(reduce(RunState(), [epoch(1, seconds=3.5)]))
    assert (times.training, times.images_per_second) == (3.5, None)


def test_the_parts_of_a_run_add_up_to_its_total_time() -> None:
    times = RunTimes(training=4.0, total=10.0, epoch_evaluation=1.0)
    parts = parts_of(times, {"data": 2.0, "features": None, "train": 5.0, "total": 9.9})
    assert parts[REST] == 3.0
    assert sum(parts.values()) == times.total
    assert REST not in parts_of(replace(times, total=None), {}), "without a total there is no rest"


def test_pauses_are_not_in_the_total_time() -> None:
    run = RunState(started=100.0, paused_since=150.0, paused_seconds=10.0, state="paused")
    assert total_seconds(run, 500.0) == 40.0
    assert total_seconds(replace(run, paused_since=None, updated=200.0, state="stopped")) == 90.0


def test_header_results_list_command_and_report_show_the_same_times(tmp_path: Path) -> None:
    folder = finished_run(tmp_path)
    state, document = replayed(folder.events_file), run_document(folder)
    times = times_of(state)
    assert (times.training, times.total) == (pytest.approx(4.5), 4.0)  # the recording's clock is not that of its speed
    shown = {
        "header": " ".join(text for _, text in progress_parts(state, "finished", 0.0, 3)),
        "results": "\n".join(line.plain for line in timing_lines(document, "braille")),
        "show": as_text(document, None, []),
        "report": " ".join(f"{name} {value}" for name, value in run_contents(read_evidence(folder))["training"]),
    }
    for where, text in shown.items():
        for figure in ("4.50 s", "40,000", "4.00 s"):
            assert figure in text, f"{where}: {figure} is not in {text}"
        assert "without evaluation" in text or where == "header", "the line of progress has no room for that"
    summary = summary_of(folder)
    assert figure_columns([summary])["training"](summary) == "4.50 s"
    assert "training 4.50 s, without evaluation" in run_lines(summary)[1]
    figures = {"training": 4.5, "epoch_evaluation": 1.5, "total": 4.0, "images_per_second": 40_000.0}
    assert document["times"] == figures
    assert present(summary.training_seconds) == 4.5


def test_the_details_of_a_run_begin_with_its_preset_or_with_what_it_is() -> None:
    trained = RunSummary("20260101-000000-raw-0001", "", "finished", preset="raw", dataset="mnist")
    assert run_lines(trained)[0].startswith("raw, unchanged · mnist")
    assert run_lines(replace(trained, differs="15 epochs"))[0].startswith("raw, 15 epochs · mnist")
    ensemble = replace(trained, differs="ensemble of 3", origin="ensemble of 3")
    assert run_lines(ensemble)[0].startswith("ensemble of 3 · mnist")


def test_the_score_of_a_fold_is_not_shown_as_one_on_the_test_set() -> None:
    values = {"validation": "fold:2/5"}
    fold = RunSummary("20260101-000000-raw-0001", "", "finished", test_accuracy=0.75, test_loss=1.0, values=values)
    tested = RunSummary("20260101-000000-raw-0002", "", "finished", test_accuracy=0.9)
    assert run_lines(fold)[1].startswith("held-out accuracy 75.00 %")
    assert run_lines(tested)[1].startswith("test accuracy 90.00 %")
    column = figure_columns([fold, tested])["test accuracy"]
    assert [column(fold), column(tested)] == ["–", "90.00 %"]
    assert figure_columns([fold])["held-out accuracy"](fold) == "75.00 %"
    assert figure_columns([fold, tested], of=all_scored_on([fold, tested]))["accuracy"](fold) == "75.00 %"
