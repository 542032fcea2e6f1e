"""What the study screen draws, without a screen: states in words, rows, points over seeds, what the plots get."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mnist_tui.runs.collection.learning_curve import curve_in_words
from mnist_tui.studies import trial_table
from mnist_tui.studies.state import StudyState, TrialRow
from mnist_tui.studies.watch import StudyWatch
from mnist_tui.tui.studies import plots, study_view
from mnist_tui.tui.studies.plots import plot_of
from mnist_tui.tui.studies.study_view import default_order, machine_of, screen_shape, sorted_trials, table_columns
from mnist_tui.tui.widgets.plots.raster import MARKS, paint
from mnist_tui.tui.widgets.plots.trials import grid_of, score_picture
from mnist_tui.tui.widgets.row_table import RowOrder
from tests.tui.recorded_studies import AXES, RecordedStudy


def test_a_stopped_trial_has_not_ended_and_is_missing(under_way: RecordedStudy) -> None:
    under_way.end(5, "stopped").finish("stopped", "as asked")
    seen = StudyWatch(under_way.folder).new_snapshot() or pytest.fail("nothing to see")
    texts = [text for _, text in study_view.progress_parts(seen, 0.0)]
    assert texts[:4] == ["3 of 6 finished", "1 stopped", "1 waiting", "1 pruned"]
    assert texts[4].startswith("best #")


def test_a_stopped_trial_does_not_wait_while_the_study_goes_on(under_way: RecordedStudy) -> None:
    under_way.end(5, "stopped")
    seen = StudyWatch(under_way.folder).new_snapshot() or pytest.fail("nothing to see")
    texts = [text for _, text in study_view.progress_parts(seen, 0.0)]
    assert texts[1:5] == ["0 running", "1 waiting", "1 pruned", "1 stopped"]


def test_a_study_that_is_still_planned_has_no_figures_yet(place: Path) -> None:
    seen = StudyWatch(RecordedStudy(place).folder).new_snapshot() or pytest.fail("nothing to see")
    assert (seen.live, study_view.progress_parts(seen, 0.0)) == (True, [])


def test_a_point_with_a_failed_seed_is_no_longer_running(place: Path) -> None:
    study = RecordedStudy(place, AXES[:1], seeds=2).begin()
    for number in range(1, 6):
        study.run(number, 12).end(number)
    study.run(6, 2).end(6, "failed", "no memory").finish()
    state = (StudyWatch(study.folder).new_snapshot() or pytest.fail("nothing to see")).study
    points = study_view.points(state.rows, default_order(state), trial_table.table_shape(state))
    assert {one.state for one, _ in points} == {"finished"}
    assert [len(trials) for _, trials in points] == [2, 2, 2]


def test_trials_that_are_no_contest_come_as_they_are_trained(place: Path) -> None:
    contest = (
        StudyWatch(RecordedStudy(place).under_way().folder).new_snapshot() or pytest.fail("nothing to see")
    ).study
    assert default_order(contest) == RowOrder("val_accuracy", True)
    assert default_order(replace(contest, compares=False, kind="reproduction")) == RowOrder("number")
    assert default_order(replace(contest, compares=False, kind="seeds")) == RowOrder("seed")
    assert plot_of(replace(contest, kind="reproduction"), "curves") == "multiples"


def test_events_of_a_newer_version_are_passed_over(under_way: RecordedStudy) -> None:
    with under_way.folder.events_file.open("a", encoding="utf-8") as log:
        log.write('{"type":"trial_dreamed","time":1.0,"number":5}\n')
    under_way.run(6, 3)
    seen = StudyWatch(under_way.folder).new_snapshot() or pytest.fail("nothing to see")
    assert (seen.state, seen.reason, seen.study.count("running")) == ("running", "", 2)


def test_a_thousand_trials_are_listed_in_the_order_of_every_column(place: Path) -> None:
    axes = tuple(
        {"name": name, "values": values}
        for name, values in (
            ("hidden", [str(n) for n in range(50, 300, 10)]),
            ("activation", ["tanh", "sigmoid", "relu", "elu"]),
            ("batch-size", [str(n) for n in range(10, 110, 10)]),
        )
    )
    study = RecordedStudy(place, axes, epochs=20).begin()
    for number in range(1, 951):
        study.run(number, 2).end(number)
    state = (StudyWatch(study.folder).new_snapshot() or pytest.fail("nothing to see")).study
    shape = trial_table.table_shape(state)
    rows = study_view.RowCache()
    for column in study_view.table_columns(shape):
        found = sorted_trials(state.rows, RowOrder(column.key), shape)
        assert len(rows.of(found, shape, (), None, "braille")) == 1000


def test_parallel_axes_have_the_values_in_their_order_and_the_best_score_at_the_top(under_way: RecordedStudy) -> None:
    study = (StudyWatch(under_way.folder).new_snapshot() or pytest.fail("nothing to see")).study
    axes, strands = plots.parallel(study.rows, trial_table.table_shape(study))
    assert [axis.title for axis in axes] == ["hidden", "activation", "Val. acc."]
    assert [label for _, label in axes[0].ticks] == ["50", "150", "250"]
    heights = {strand.key: strand.heights for strand in strands}
    assert heights[str(study.best)][-1] == 1.0
    assert heights["6"][-1] is None, "it has no score yet"


def one_parameter(
    place: Path, name: str, values: list[str], seeds: int = 1
) -> tuple[StudyState, trial_table.TableShape]:
    """A study in which the scores of a parameter's n-th value are n per cent, and 0.3 more with each seed."""
    study = RecordedStudy(place, ({"name": name, "values": values},), seeds=seeds).begin()
    for number in range(1, len(study.trials) + 1):
        study.run(number, 2).end(number)
    state = (StudyWatch(study.folder).new_snapshot() or pytest.fail("nothing to see")).study
    known = {value: at for at, value in enumerate(values, 1)}
    rows = tuple(replace(row, score=(known[row.values[0][1]] + 0.3 * row.seed) / 100) for row in state.rows)
    return replace(state, rows=rows), trial_table.table_shape(state)


@pytest.mark.parametrize(
    ("name", "values", "places"),
    [
        ("hidden", ["200", "50", "100"], {"50": math.log10(50), "100": 2.0, "200": math.log10(200)}),
        ("hidden", ["50", "150", "250"], {"50": 50.0, "150": 150.0, "250": 250.0}),
        ("dropout", ["0", "0.25", "0.5"], {"0": 0.0, "0.25": 0.25, "0.5": 0.5}),
        ("activation", ["tanh", "relu", "sigmoid"], {"tanh": 0.0, "relu": 1.0, "sigmoid": 2.0}),
    ],
)
def test_the_scores_of_one_parameter_stand_at_its_values_on_an_axis_that_suits_them(
    place: Path, name: str, values: list[str], places: dict[str, float]
) -> None:
    study, shape = one_parameter(place, name, values, seeds=2)
    assert plot_of(study, "") == f"scores:{name}"
    axes, scores = plots.by_parameter(study.rows, shape, name)
    assert axes is not None
    assert {text: x for x, text in axes.ticks} == pytest.approx(places)
    assert axes.numbers == (name != "activation")
    assert ("log" in axes.note) == (values[0] == "200")
    known = {str(row.number): row for row in study.rows}
    for score in scores:
        row = known[score.key]
        assert score.x == pytest.approx(places[row.values[0][1]])
        assert score.y == pytest.approx(values.index(row.values[0][1]) + 1 + 0.3 * row.seed)


@pytest.mark.parametrize("glyphs", ["braille", "block", "ascii"])
def test_the_line_of_one_parameter_goes_through_the_means_of_the_seeds(place: Path, glyphs: Any) -> None:
    marks = MARKS[glyphs]
    study, shape = one_parameter(place, "hidden", ["50", "150", "250"], seeds=3)
    axes, scores = plots.by_parameter(study.rows, shape, "hidden")
    assert axes is not None
    plane, picture = score_picture(axes, scores, (60, 16), marks, chosen="1", best="9")
    means, trials, best, chosen = picture.strokes
    for dot, point in zip(means.dots, ((50.0, 1.3), (150.0, 2.3), (250.0, 3.3)), strict=True):
        assert math.dist(dot, plane.dot(*point)) <= 1
    assert (len(trials.dots), len(best.dots), len(chosen.dots)) == (9, 1, 1)
    text = ["".join(part for _, part in line) for line in paint(picture, marks)]
    assert text[-1].split() == ["50", "150", "250"]
    assert any(marks.best in line for line in text)


def test_a_study_of_several_parameters_or_of_seeds_has_no_plot_of_one_parameter(
    under_way: RecordedStudy, place: Path
) -> None:
    study = (StudyWatch(under_way.folder).new_snapshot() or pytest.fail("nothing to see")).study
    assert plot_of(study, "") == "map"
    seeds = RecordedStudy(place, (), seeds=3).begin()
    assert plot_of((StudyWatch(seeds.folder).new_snapshot() or pytest.fail("nothing to see")).study, "") == "curves"


def of_two_parameters(place: Path) -> tuple[StudyState, trial_table.TableShape]:
    """A finished study over hidden and lr, in which the score of trial n is n per cent."""
    axes = ({"name": "hidden", "values": ["50", "100"]}, {"name": "lr", "values": ["0.1", "0.01", "0.001"]})
    study = RecordedStudy(place, axes).begin()
    for number in range(1, 7):
        study.run(number, 2).end(number)
    state = (StudyWatch(study.folder).new_snapshot() or pytest.fail("nothing to see")).study
    state = replace(state, rows=tuple(replace(row, score=row.number / 100) for row in state.rows))
    return state, trial_table.table_shape(state)


def test_several_parameters_have_a_map_their_scores_and_their_importances(place: Path) -> None:
    study, shape = of_two_parameters(place)
    assert plots.plots_of(study) == ("map", "parallel", "scores:hidden", "scores:lr", "importances", "multiples")
    assert plot_of(study, "parallel", after=-1) == "map"
    found = plots.score_map(study.rows, shape, ("hidden", "lr"))
    assert found is not None
    assert (found.columns, found.rows) == (("50", "100"), ("0.001", "0.01", "0.1"))
    assert found.scores[0, 2] == pytest.approx(0.01)  # hidden 50 and lr 0.1 is the first trial
    assert found.scores[1, 0] == pytest.approx(0.06)
    assert found.cell_of["6"] == (1, 0)
    assert (found.shade((0, 2)), found.shade((1, 0))) == (0, 4)
    axes, scores = plots.by_parameter(study.rows, shape, "lr", alone=False)
    assert axes is not None
    assert not axes.means
    assert len(scores) == 6
    content = plots.PlotContent((("lr", 0.7), ("hidden", 0.3)))
    assert plots.map_axes(study.rows, shape, content) == ("lr", "hidden")


def test_many_sampled_values_are_put_together_into_ranges(place: Path) -> None:
    study, shape = of_two_parameters(place)
    numbers = [f"{10 ** (-4 + at / 10):.6g}" for at in range(21)]
    rows = tuple(
        replace(study.rows[0], number=at, values=(("hidden", "50"), ("lr", text)), score=at / 100)
        for at, text in enumerate(numbers, 1)
    )
    found = plots.score_map(rows, shape, ("lr", "hidden"))
    assert found is not None
    assert len(found.columns) == plots.MOST_CELLS
    assert found.columns[0] == "~1.6e-4"
    assert found.scores[plots.MOST_CELLS - 1, 0] == pytest.approx(sum((18, 19, 20, 21)) / 400)
    ticks = plots.parameter_axis(numbers).ticks
    assert (-4.0, "0.0001") in ticks
    assert len(ticks) <= plots.LISTED


def test_training_set_sizes_have_a_learning_curve(place: Path) -> None:
    study = RecordedStudy(place, ({"name": "limit", "values": ["1000", "4000", "none"]},), seeds=2).begin()
    for number in range(1, 7):
        study.run(number, 2).end(number)
    state = (StudyWatch(study.folder).new_snapshot() or pytest.fail("nothing to see")).study
    images, scores = {"1000": 1000, "4000": 4000, "none": 16000}, {"1000": 0.9, "4000": 0.95, "none": 0.975}
    rows = tuple(
        replace(row, train_images=images[text], test_accuracy=scores[text] + row.seed / 1000, train_accuracy=0.999)
        for row in state.rows
        for text in [row.values[0][1]]
    )
    state = replace(state, rows=rows)
    assert plot_of(state, "") == "learning"
    points = trial_table.study_learning_curve(state)
    assert [(point.images, point.train) for point in points] == [(1000, 0.999), (4000, 0.999), (16000, 0.999)]
    assert [point.score for point in points] == pytest.approx([0.9005, 0.9505, 0.9755])
    words = " ".join(curve_in_words(points))
    assert "From 1,000 to 16,000 training images the test accuracy went from 90.05 % to 97.55 %." in words
    assert "the errors fell by 30 % for each doubling of the images: more images would probably help" in words
    assert "2.35 points more than of the others" in words


def test_small_multiples_of_several_presets_are_told_apart_by_what_their_names_do_not_share(place: Path) -> None:
    study = RecordedStudy(place, AXES[:1]).begin()
    for number in (1, 2):
        study.run(number, 2).end(number)
    state = (StudyWatch(study.folder).new_snapshot() or pytest.fail("nothing to see")).study
    names = ("labo04-hog-tanh-ppc7", "labo04-hog-tanh-ppc7-or16")
    rows = tuple(replace(row, base=name, values=()) for row, name in zip(state.rows, names, strict=False))
    several = replace(state, kind="reproduction", axes=(), rows=rows)
    panels, _ = plots.multiples(rows, several, trial_table.table_shape(several))
    assert [panel.about for panel in panels] == ["ppc7", "ppc7-or16"]


@pytest.mark.parametrize("count", [1, 2, 5, 9, 40])
@pytest.mark.parametrize("size", [(22, 6), (80, 16), (140, 20)])
def test_small_multiples_fill_the_place_and_show_as_many_as_fit(count: int, size: tuple[int, int]) -> None:
    grid = grid_of(count, size)
    assert grid.across * grid.width <= size[0]
    assert grid.down * grid.height <= size[1]
    most = max(1, size[0] // 22) * max(1, size[1] // 6)
    assert min(count, most) <= grid.count


def test_columns_with_one_value_are_omitted_and_the_value_is_named_once() -> None:
    first = TrialRow(1, "raw", (("hidden", "50"),), 0, epochs=8, epoch=8, parameters=100, worker="tcp://127.0.0.1:1")
    second = replace(first, number=2, values=(("hidden", "100"),), parameters=200, worker="tcp://127.0.0.1:2")
    shape, same = screen_shape(StudyState(rows=(first, second), axes=("hidden",)))
    keys = [column.key for column in table_columns(shape)]
    assert "epochs" not in keys
    assert "worker" not in keys
    assert {"axis:hidden", "parameters"} <= set(keys)
    assert same == {"epochs": "8/8"}


@pytest.mark.parametrize(
    ("address", "machine"), [("tcp://127.0.0.1:41233", "this machine"), ("tcp://10.0.0.7:41233", "10.0.0.7"), ("", "")]
)
def test_a_worker_is_shown_by_its_machine(address: str, machine: str) -> None:
    assert machine_of(address) == machine
