"""Which trials are hopeless: Optuna's median rule on the validation curve, with a warm-up, and why in words."""

from __future__ import annotations

from dataclasses import replace
from statistics import median

from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_tui.studies.search import FINISHED_FIRST, Pruner
from mnist_tui.studies.state import TrialRow
from tests.studies.made import curve

VALUE = st.floats(0.1, 0.99)


def row(*values: float, state: str = "running", epochs: int = 10) -> TrialRow:
    return TrialRow(1, "raw", (), 0, state=state, epoch=len(values), epochs=epochs, curve=curve(values))


def finished(*values: float) -> TrialRow:
    return row(*values, state="finished")


@given(
    others=st.lists(st.lists(VALUE, min_size=6, max_size=6), min_size=5, max_size=9),
    shown=st.lists(VALUE, min_size=1, max_size=6),
)
@settings(max_examples=60, deadline=None)
def test_it_is_the_median_stopping_rule(others: list[list[float]], shown: list[float]) -> None:
    for metric, best, sign in (("val_accuracy", max, -1), ("val_loss", min, 1)):
        pruner = Pruner(metric, [finished(*values) for values in others])  # pyright: ignore[reportArgumentType]
        there = median(values[len(shown) - 1] for values in others)
        worse = sign * best(shown) > sign * there
        assert bool(pruner.prune_reason(row(*shown))) == (worse and len(shown) > 2)


def test_the_reason_says_after_which_epoch_and_against_what() -> None:
    pruner = Pruner("val_accuracy", [finished(0.8, 0.85, 0.9, 0.95)] * 5)
    assert pruner.prune_reason(row(0.5, 0.6, 0.7)) == (
        "pruned after epoch 3: its best validation accuracy so far, 70.00 %, is worse than 90.00 %, the median of 5 "
        "finished trials after that epoch"
    )
    losses = Pruner("val_loss", [finished(0.5, 0.4, 0.3)] * 6)
    assert "validation loss so far, 0.6000, is worse than 0.3000, the median of 6" in losses.prune_reason(
        row(0.9, 0.7, 0.6)
    )


def test_nothing_is_pruned_before_some_have_finished() -> None:
    pruner = Pruner("val_accuracy", [finished(0.9, 0.9, 0.9)] * (FINISHED_FIRST - 1))
    assert not pruner.prune_reason(row(0.1, 0.1, 0.1))
    for state in ("stopped", "failed", "pruned", "diverged"):
        pruner.add_finished(row(0.9, 0.9, 0.9, state=state))
    assert not pruner.prune_reason(row(0.1, 0.1, 0.1))
    pruner.add_finished(finished(0.9, 0.9, 0.9))
    assert pruner.prune_reason(row(0.1, 0.1, 0.1))


def test_nothing_is_pruned_in_its_first_epochs_nor_in_its_last() -> None:
    pruner = Pruner("val_accuracy", [finished(*[0.9] * 20)] * 5)
    hopeless = [bool(pruner.prune_reason(row(*[0.1] * epoch, epochs=20))) for epoch in range(1, 21)]
    assert hopeless == [False] * 4 + [True] * 15 + [False]
    assert not any(pruner.prune_reason(row(*[0.1] * epoch, epochs=2)) for epoch in (1, 2))


def test_an_epoch_that_no_finished_trial_was_told_of_decides_nothing() -> None:
    pruner = Pruner("val_accuracy", [finished(0.9, 0.9, 0.9)] * 5)
    assert not pruner.prune_reason(row(*[0.1] * 7))
    assert not pruner.prune_reason(replace(row(*[0.1] * 3), curve=()))
