"""Filters of a list of runs."""

from __future__ import annotations

import dataclasses

import pytest

from mnist_tui.runs.collection.filters import FilterError, parse
from mnist_tui.runs.collection.summaries import RunSummary

BASE = RunSummary(
    run="20260301-120000-raw-0000",
    folder="/runs/raw",
    state="finished",
    preset="raw",
    name="",
    note="",
    differs="",
    dataset="mnist",
    sample=False,
    started=1_772_000_000.0,
    epochs_done=20,
    epochs=20,
    parameters=198_760,
    test_accuracy=0.95,
    test_loss=0.1,
    macro_f1=0.94,
    val_accuracy=0.95,
    val_loss=0.1,
    training_seconds=60.0,
    values={"hidden": "250", "lr": "0.001", "optimizer": "rmsprop", "ppc": "", "seed": "0", "patience": "none"},
    group="g",
)


def run(run_id: str, values: dict[str, str] | None = None, **changes: object) -> RunSummary:
    return dataclasses.replace(BASE, run=run_id, values={**BASE.values, **(values or {})}, **changes)


RUNS = [
    run("small", {"hidden": "100", "lr": "0.01"}, test_accuracy=0.98, note="the best so far"),
    run("deep", {"hidden": "200x300", "lr": "1e-4", "optimizer": "adam"}, state="crashed", test_accuracy=None),
    run("hog", {"ppc": "7", "patience": "5"}, preset="hog", dataset="fashion-mnist", parameters=80_610, name="Mine"),
]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "small deep hog"),
        ("hidden>200", "deep hog"),
        ("hidden>=250 hidden<300", "hog"),
        ("hidden=200x300", "deep"),
        ("hidden!=100", "deep hog"),
        ("lr<=0.001", "deep hog"),
        ("lr=0.0001", "deep"),
        ("lr==1e-2", "small"),
        ("optimizer=adam", "deep"),
        ("optimizer!=adam", "small hog"),
        ("ppc=7", "hog"),
        ("ppc>1", "hog"),
        ("ppc!=7", "small deep"),
        ("patience>1", "hog"),
        ("patience=none", "small deep"),
        ("dataset=fashion-mnist", "hog"),
        ("state=finished", "small hog"),
        ("state!=finished", "deep"),
        ("accuracy>0.97", "small"),
        ("accuracy>97%", "small"),
        ("accuracy>97", "small"),
        ("Accuracy > 97 %", "small"),
        ("acc>97", "small"),
        ("test_accuracy ≥ 97,5", "small"),
        ("val_acc>94", "small deep hog"),
        ("macro-f1>=94", "small deep hog"),
        ("Hid=100", "small"),
        ("learning-rate=0,01", "small"),
        ("opt=adam", "deep"),
        ("parameters>100,000", "small deep"),
        ("state=fin", "small hog"),
        ("STATE = Crashed", "deep"),
        ("note= state=crashed", "deep"),
        ("hidden> 150 dataset =mnist", "deep"),
        ("accuracy>97", "small"),
        ("accuracy>=95%", "small hog"),
        ("accuracy!=0.98", "deep hog"),
        ("parameters<100,000", "hog"),
        ("preset=h*", "hog"),
        ("name=mine", "hog"),
        ('note="the best so far"', "small"),
        ("note=", "deep hog"),
        ("BEST", "small"),
        ("fashion", "hog"),
        ('"so far" state=finished', "small"),
        ("state=finished hidden>200 lr<0.01", "hog"),
        ("time>=60 done=20 f1>0.9", "small deep hog"),
        ("started>=2026 started<2027", "small deep hog"),
        ("started<2026-01", ""),
    ],
)
def test_terms_must_all_hold(text, found):
    assert [run.run for run in RUNS if parse(text)(run)] == found.split()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hiden>200", "'hiden' cannot be compared; did you mean hidden"),
        ("qqq=1", "'qqq' cannot be compared; compare state, accuracy, hidden"),
        ("hidden>", "hidden> needs a value"),
        ("accuracy=", "accuracy= needs a value"),
        ("val>0.9", "'val' may be val-accuracy, val-loss or validation"),
        ("hidden>many", "hidden is compared with a number, not 'many'"),
        ("accuracy>197", "accuracy is at most 100 %; accuracy>0.94, accuracy>94 and accuracy>94% are the same"),
        ("loss<nan", "loss is compared with a finite number"),
        ("optimizer>adam", "optimizer can only be compared with = and !="),
        ("optimizer=adem", "there is no optimizer 'adem'"),
        ("state=done", "there is no state 'done'; choose from starting, running"),
        ("state>finished", "state can only be compared"),
        ("dataset>a", "dataset can only be compared"),
        ('note="the', "a quote is not closed"),
    ],
)
def test_a_filter_that_means_nothing_is_explained(text, said):
    with pytest.raises(FilterError) as caught:
        parse(text)
    assert said in str(caught.value)
