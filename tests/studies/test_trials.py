"""What comes of a study: every combination once, in the order given, valid before anything starts."""

from __future__ import annotations

import itertools
import shlex
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_tui.errors import RequestError
from mnist_tui.experiment.parameters import apply_texts, by_name
from mnist_tui.experiment.presets import edited, find_preset
from mnist_tui.studies.spec import SweepAxis
from mnist_tui.studies.trials import command_of, count_points, count_trials, parse_over, plan_point, plan_trials
from tests.present import present
from tests.studies.made import base, study

RAW = {"raw": base()}
VALUES = {
    "hidden": ("10", "20", "30x5"),
    "activation": ("tanh", "relu"),
    "lr": ("0.1", "0.01"),
    "dropout": ("0", "0.5"),
}


@given(
    names=st.lists(st.sampled_from(sorted(VALUES)), unique=True, min_size=1), seeds=st.integers(1, 3), data=st.data()
)
@settings(max_examples=40, deadline=None)
def test_a_grid_is_every_combination_once_with_the_last_axis_fastest_and_seeds_innermost(
    names: list[str], seeds: int, data: st.DataObject
) -> None:
    axes = [
        SweepAxis(name=name, values=tuple(data.draw(st.lists(st.sampled_from(VALUES[name]), unique=True, min_size=1))))
        for name in names
    ]
    asked = study(*(one.text for one in axes), seeds=seeds)
    trials = plan_trials(asked, RAW)
    wanted = [
        (*values, seed) for values in itertools.product(*(one.values for one in axes)) for seed in range(3, 3 + seeds)
    ]
    assert [(*trial.values.values(), trial.seed) for trial in trials] == wanted
    assert [trial.number for trial in trials] == list(range(1, len(wanted) + 1))
    assert len({hash(present(trial.preset).experiment) for trial in trials}) == len(trials) == count_trials(asked)


def test_a_trial_is_the_base_with_its_values_and_its_seed() -> None:
    trials = plan_trials(study("hidden=7,9x5", "optimizer.rho=0.5", seeds=2), RAW)
    last = trials[-1]
    assert dict(last.values) == {"hidden": "9x5", "optimizer.rho": "0.5"} and last.seed == 4
    assert by_name("hidden").read(last.preset.experiment) == "9x5"
    assert last.preset.experiment.optimizer.model_dump()["rho"] == 0.5
    assert last.preset.experiment.training.seed == 4
    assert last.preset.experiment.dataset.name == "digits"


def test_what_was_published_stays_with_trials_that_are_still_the_source_s() -> None:
    raw = find_preset("raw")
    assert raw.reference is not None
    assert all(trial.preset.reference == raw.reference for trial in plan_trials(study(seeds=2), {"raw": raw}))
    changed = plan_trials(study("hidden=7,9"), {"raw": raw})
    assert [trial.preset.reference for trial in changed] == [None, None]


@pytest.mark.parametrize(
    ("overs", "says"),
    [
        (("hidden=150,0",), r"--over hidden=0: --hidden 0 is out of bounds"),
        (("activation=tanh,sigmod",), r"--over activation=sigmod: .* is not known"),
        (("ppc=7,14", "cells-per-block=1,3"), r"ppc=14, cells-per-block=3: .*does not fit"),
        (("optimizer.rho=0.5,2",), r"optimizer.rho=2"),
        (("features=raw,hog", "ppc=4,7"), r"features=raw, ppc=4 and --over features=hog, ppc=4 are the same"),
        (("lr=0.1,0.10",), r"are the same experiment"),
        (("filters=8,16",), r"finds no convolution"),
    ],
)
def test_a_bad_value_is_refused_before_anything_starts(overs: tuple[str, ...], says: str) -> None:
    with pytest.raises(RequestError, match=says):
        plan_trials(study(*overs), RAW)


def test_a_search_refuses_values_that_go_with_none_of_the_others() -> None:
    search = {"kind": "random", "trials": 5}
    with pytest.raises(RequestError, match="hidden=0: --hidden 0 is out of bounds"):
        plan_trials(study("hidden=0..50", search=search), RAW)
    with pytest.raises(RequestError, match="activation=sigmod"):
        plan_trials(study("activation=tanh,sigmod", "lr=0.1..0.5", search=search), RAW)
    assert plan_trials(study("ppc=7,14", "cells-per-block=1,3", search=search), RAW) == ()


@pytest.mark.parametrize(
    ("overs", "trials", "seeds", "rows"),
    [
        (("hidden=1..5", "activation=tanh,relu"), 6, 2, 12),
        (("hidden=1..5", "activation=tanh,relu"), 30, 2, 20),
        (("lr=0.1..0.5", "activation=tanh,relu"), 30, 1, 30),
    ],
)
def test_a_search_has_no_more_trials_than_there_are_points(
    overs: tuple[str, ...], trials: int, seeds: int, rows: int
) -> None:
    assert count_trials(study(*overs, seeds=seeds, search={"kind": "tpe", "trials": trials})) == rows


def test_an_unknown_dataset_is_refused_before_a_trial_is_trained() -> None:
    with pytest.raises(RequestError, match="--over dataset=digits,epo: 'epo' is neither a dataset nor a folder"):
        parse_over("dataset=digits,epo")


def test_the_space_counts_whole_numbers_and_no_others() -> None:
    assert count_points([parse_over("hidden=1..5"), parse_over("lr=1,2")]) == 10
    assert count_points([parse_over(f"limit=1..{10**20}")]) == 10**20
    assert count_points([SweepAxis(name="lr", values=("0.1..0.5",))]) is None


def test_a_sampled_point_is_trained_with_each_seed() -> None:
    asked = study("lr=0.1..0.5", seeds=3, search={"kind": "tpe"})
    trials = plan_point(asked, RAW, (("lr", "0.25"),), 7)
    assert [(trial.number, trial.seed) for trial in trials] == [(7, 3), (8, 4), (9, 5)]
    assert {trial.preset.experiment.optimizer.model_dump()["learning_rate"] for trial in trials} == {0.25}


def test_each_combination_is_trained_once_for_each_fold() -> None:
    asked = study("hidden=7,9", bases=({"preset": "raw", "first_seed": 3, "folds": 3},))
    trials = plan_trials(asked, RAW)
    assert count_trials(asked) == len(trials) == 6
    assert [(trial.values["hidden"], trial.fold, trial.seed) for trial in trials] == [
        (hidden, fold, 3) for hidden in ("7", "9") for fold in (1, 2, 3)
    ]
    assert [trial.preset.experiment.dataset.validation for trial in trials[:3]] == ["fold:1/3", "fold:2/3", "fold:3/3"]


def test_the_command_of_a_fold_trains_the_same_fold(tmp_path: Path) -> None:
    raw = find_preset("raw")
    asked = study(kind="folds", bases=({"preset": "raw", "folds": 5},))
    words = shlex.split(command_of(plan_trials(asked, {"raw": raw})[1], raw, asked, None, tmp_path / "run.toml"))
    assert words == ["mnist-tui", "train", "--preset", "raw", "--validation", "fold:2/5"]


def test_an_experiment_that_would_choose_on_the_fold_is_refused() -> None:
    closed = find_preset("efc-linear")
    ridge = closed.experiment.optimizer.model_copy(update={"ridges": (0.1, 1.0)})
    chooses = edited(closed, closed.experiment.model_copy(update={"optimizer": ridge}))
    with pytest.raises(RequestError, match="the held-out fold may not choose among 2 ridges"):
        plan_trials(study(kind="folds", bases=({"preset": "raw", "folds": 5},)), {"raw": chooses})


def test_the_command_of_a_trial_of_a_known_preset_names_its_values(tmp_path: Path) -> None:
    raw = find_preset("raw")
    asked = study("hidden=7,9", "optimizer.rho=0.5", device="cpu", data_dir="/some where")
    words = shlex.split(command_of(plan_trials(asked, {"raw": raw})[1], raw, asked, 2, tmp_path / "experiment.toml"))
    assert words == [
        "mnist-tui",
        "train",
        "--preset",
        "raw",
        "--hidden",
        "9",
        "--set",
        "optimizer.rho=0.5",
        "--seed",
        "3",
        "--device",
        "cpu",
        "--threads",
        "2",
        "--data-dir",
        "/some where",
    ]


@given(
    edits=st.fixed_dictionaries(
        {},
        optional={
            "features": st.sampled_from(("raw", "hog")),
            "optimizer": st.sampled_from(("adam", "sgd", "rmsprop")),
            "lr": st.sampled_from(("0.1", "0.003")),
            "dropout": st.sampled_from(("0", "0.25")),
            "validation": st.sampled_from(("0.1", "test")),
            "initializer": st.sampled_from(("glorot_uniform", "he_normal")),
            "patience": st.just("3"),
        },
    )
)
@settings(max_examples=40, deadline=None)
def test_the_command_of_a_trial_of_an_edited_preset_makes_the_same_experiment(edits: dict[str, str]) -> None:
    edited_base = base(**edits)
    asked = study("hidden=7,9", "batch-size=64")
    trial = plan_trials(asked, {"raw": edited_base})[1]
    words = shlex.split(command_of(trial, edited_base, asked, None, Path("run.toml")))
    assert words[:4] == ["mnist-tui", "train", "--preset", "raw"]
    texts = {flag.removeprefix("--"): value for flag, value in zip(words[4::2], words[5::2], strict=True)}
    assert apply_texts(find_preset("raw").experiment, texts) == trial.preset.experiment


def test_the_command_of_a_trial_that_no_options_make_names_its_file(tmp_path: Path) -> None:
    raw = find_preset("raw")
    edited_base = edited(raw, apply_texts(raw.experiment, {}, ["optimizer.rho=0.5"]))
    asked = study("hidden=7,9", allow_sample=True)
    trial = plan_trials(asked, {"raw": edited_base})[0]
    words = shlex.split(command_of(trial, edited_base, asked, None, tmp_path / "experiment.toml"))
    assert words == ["mnist-tui", "train", "--preset", str(tmp_path / "experiment.toml"), "--allow-sample"]
