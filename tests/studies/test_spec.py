"""A study's file says all of it; what has no sense is refused in a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from mnist_tui.errors import RequestError
from mnist_tui.experiment.spec import SpecError
from mnist_tui.studies import spec
from mnist_tui.studies.trials import parse_over
from tests.studies.made import study


@pytest.mark.parametrize(
    "made",
    [
        study(seeds=10),
        study("hidden=150,250,200x100", "activation=tanh,sigmoid", seeds=3, threads=2, workers=4),
        study(
            "lr=0.0001..0.01:log",
            search={"kind": "tpe", "trials": 30, "seed": 7, "metric": "val_loss"},
            scheduler="tcp://host:8786",
            device="gpu:1",
            data_dir="/somewhere",
            allow_sample=True,
        ),
    ],
)
def test_a_study_comes_back_from_its_file_as_it_was(made: spec.Study) -> None:
    assert spec.from_toml(spec.to_toml(made)) == made


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("hidden=150,250,200x100", ("150", "250", "200x100")),
        (" --lr = 0.1 , 0.01 ", ("0.1", "0.01")),
        ("training.early_stopping={patience=3,x=1},{patience=5}", ("{patience=3,x=1}", "{patience=5}")),
        ('layers.0.kernel_initializer="a,b",zeros', ('"a,b"', "zeros")),
        ("epochs=5", ("5",)),
    ],
)
def test_values_are_parted_by_commas_outside_of_brackets_and_quotes(text: str, values: tuple[str, ...]) -> None:
    assert parse_over(text).values == values


@pytest.mark.parametrize(
    ("text", "low", "high", "whole", "log"),
    [
        ("hidden=50..400", 50, 400, True, False),
        ("lr=0.0001..0.01:log", 0.0001, 0.01, False, True),
        ("lr=1e-4..1e-2:log", 1e-4, 1e-2, False, True),
        ("dropout=0..0.5", 0, 0.5, False, False),
        ("batch-size=16..512:log", 16, 512, True, True),
    ],
)
def test_a_range_is_whole_where_both_ends_are(text: str, low: float, high: float, whole: bool, log: bool) -> None:
    assert parse_over(text).range == spec.ValueRange(low, high, whole, log)


@pytest.mark.parametrize("text", ["hidden=50..400,500", "start=../model.keras", "hidden=150"])
def test_other_texts_with_dots_are_values(text: str) -> None:
    assert parse_over(text).range is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hidden", "is not of the form NAME=VALUE,VALUE"),
        ("hidden=", "is not of the form"),
        ("hidden=1,,2", "is not of the form"),
        ("hiden=1,2", "did you mean hidden"),
        ("zzzz=1,2", "there are dataset, validation"),
        ("hidden=150,150", "hidden has 150 twice"),
        ("hidden=400..50", "its second end must be larger"),
        ("lr=0..0.1:log", "a logarithmic range must begin above 0"),
        ("seed=1,2,3", "--seeds N trains each trial with N"),
    ],
)
def test_an_axis_without_sense_is_refused_in_a_sentence(text: str, says: str) -> None:
    with pytest.raises(RequestError, match=says):
        parse_over(text)


@pytest.mark.parametrize(
    ("overs", "more", "says"),
    [
        (("hidden=50..400",), {}, "is a range, of which a grid cannot train every value"),
        (("hidden=50,100",), {"search": {"trials": 5}}, "a grid trains every combination"),
        ((), {"search": {"kind": "tpe"}}, "needs at least one axis"),
        (("hidden=50", "hidden=100"), {}, "hidden is given twice"),
        (("hidden=50",), {"kind": "seeds"}, "has no axes"),
        ((), {"bases": ({"preset": "raw", "seeds": 2, "folds": 5},)}, "folds are made with one seed"),
        (("validation=0.1,0.2",), {"bases": ({"preset": "raw", "folds": 5},)}, "is not a parameter to vary with folds"),
    ],
)
def test_a_study_without_sense_is_refused_in_a_sentence(
    overs: tuple[str, ...], more: dict[str, Any], says: str
) -> None:
    with pytest.raises(SpecError, match=says):
        study(*overs, **more)
