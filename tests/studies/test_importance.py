"""The importances of a study's parameters: those of Optuna, from the points that have a score."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mnist_tui.errors import RequestError
from mnist_tui.report.tabular import csv_text
from mnist_tui.studies.importance import importances
from mnist_tui.studies.spec import Study
from mnist_tui.studies.state import StudyState, TrialRow
from mnist_tui.studies.trial_table import csv_rows
from mnist_tui.studies.trials import plan_trials
from tests.studies.made import base, study


def scored(of: Study, weights: dict[str, float]) -> StudyState:
    """A finished study in which each axis adds its value, times its weight, to the score."""
    rows = tuple(
        TrialRow(
            trial.number,
            trial.base,
            tuple(trial.values.items()),
            trial.seed,
            fold=trial.fold,
            state="finished",
            score=0.5 + sum(weights[name] * float(value) for name, value in trial.values.items()),
        )
        for trial in plan_trials(of, {"raw": base()})
    )
    return StudyState(kind="sweep", axes=tuple(axis.name for axis in of.axes), rows=rows)


def test_the_parameter_that_moves_the_score_is_the_important_one() -> None:
    asked = study("dropout=0,0.1,0.2,0.3", "hidden=10,20,30")
    found = importances(asked, scored(asked, {"dropout": 0.5, "hidden": 0.0001}))
    assert found.points == 12
    (first, share), (second, other) = found.shares
    assert (first, second) == ("dropout", "hidden")
    assert share > 0.9
    assert share + other == pytest.approx(1)
    assert found == importances(asked, scored(asked, {"dropout": 0.5, "hidden": 0.0001}))


def test_folds_and_seeds_of_the_same_values_are_one_point() -> None:
    asked = study("dropout=0,0.2", "hidden=10,20", bases=({"preset": "raw", "folds": 3},))
    assert importances(asked, scored(asked, {"dropout": 0.5, "hidden": 0.001})).points == 4


def test_what_has_no_importances_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    two, one = study("dropout=0,0.2", "hidden=10,20"), study("hidden=10,20,30,40")
    whole = scored(two, {"dropout": 0.5, "hidden": 0.001})
    few = replace(whole, rows=whole.rows[:3])
    for asked, state, why in (
        (one, scored(one, {"hidden": 0.001}), "this study varies fewer than two"),
        (two, few, "so far there are 3"),
        (two, scored(two, {"dropout": 0.0, "hidden": 0.0}), "all combinations have the same score"),
    ):
        with pytest.raises(RequestError, match=why):
            importances(asked, state)
    monkeypatch.setattr("mnist_tui.studies.start.find_spec", lambda name: None)
    with pytest.raises(RequestError, match=r"pip install 'mnist-tui\[study\]'"):
        importances(two, whole)


def test_the_table_of_trials_has_a_column_for_each_axis_and_hides_formulas_from_spreadsheets(tmp_path: Path) -> None:
    asked = study("dropout=0,0.2", "hidden=10,20", bases=({"preset": "raw", "first_seed": 3, "folds": 3},))
    state = scored(asked, {"dropout": 0.5, "hidden": 0.001})
    state = replace(state, rows=(replace(state.rows[0], reason="=1+1"), *state.rows[1:]))
    headings, first, *others = csv_rows(state)
    assert headings[:7] == ["trial", "state", "preset", "dropout", "hidden", "seed", "fold"]
    assert first[:7] == [1, "finished", "raw", "0", "10", 3, 1]
    assert csv_text([first]).endswith(",'=1+1\n")
    assert first[headings.index("held_out_accuracy")] is None
    assert len(others) == 11
