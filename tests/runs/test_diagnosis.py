"""Findings on simulated runs: each case is found, its figures are the run's own, and healthy runs are left in peace."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_tui.experiment.layers import Dense, Dropout, Flatten, PlainInitializer
from mnist_tui.experiment.presets import find_preset
from mnist_tui.experiment.spec import EarlyStopping, Experiment, with_part
from mnist_tui.runs.advice import Action, Edit, Extend, Resume
from mnist_tui.runs.diagnosis import diagnose, fall, jumps, noise, trend
from mnist_tui.runs.events import Ended, Event, LayerWeights, Matrix, Phase, RunStarted, WeightsSeen
from mnist_tui.runs.state import RunState, reduce
from tests.present import present
from tests.runs.sample_events import epoch
from tests.runs.simulated_histories import Simulation, simulate

RAW = find_preset("raw").experiment
PLAIN = RAW.model_copy(update={"layers": (Flatten(), Dense(units=250, activation="relu"))})
GOOD: Matrix = tuple(tuple(90 if row == column else 1 for column in range(10)) for row in range(10))
seeds = st.integers(0, 10_000)
steady = settings(derandomize=True)
"""Rules about noise are wrong now and then: the same noise each time, so that a failure means a change."""


def run_of(
    losses: list[float | None],
    val_losses: list[float | None],
    val_accuracies: list[float] | None = None,
    *,
    matrix: Matrix = GOOD,
    plain: float | None = None,
    rate: float | list[float] = 0.001,
    ended: str = "finished",
    more: tuple[Event, ...] = (),
) -> RunState:
    """The state of a run with these curves."""
    accuracies = val_accuracies or [0.95] * len(losses)
    rates = rate if isinstance(rate, list) else [rate] * len(losses)
    events: list[Event] = [RunStarted(run="r", epochs=len(losses), total=1, trainable=1), Phase(name="training")]
    events += [
        epoch(
            number,
            loss=loss,
            val_loss=val_loss,
            val_accuracy=accuracy,
            learning_rate=rates[number - 1],
            confusion=matrix,
            plain_loss=plain,
        )
        for number, (loss, val_loss, accuracy) in enumerate(zip(losses, val_losses, accuracies, strict=True), start=1)
    ]
    events += more
    return reduce(RunState(), [*events, Ended(state=ended, reason="")] if ended else events)


def kinds(run: RunState, experiment: Experiment = RAW) -> list[str]:
    return [finding.kind for finding in diagnose(run, experiment)]


def noisy(curve: list[float], seed: int, share: float = 0.01) -> list[float | None]:
    rng = random.Random(seed)
    return [value * (1 + rng.gauss(0, share)) for value in curve]


def falling(epochs: int, start: float = 1.2, end: float = 0.1, pace: float = 5.0) -> list[float]:
    return [end + start * math.exp(-epoch / pace) for epoch in range(epochs)]


@steady
@given(seeds, st.integers(35, 120), st.floats(0.0, 0.015))
def test_a_run_that_has_converged_is_left_in_peace(seed: int, epochs: int, share: float) -> None:
    run = run_of(
        noisy(falling(epochs, pace=4), seed, share / 2), noisy(falling(epochs, end=0.12, pace=3), seed + 1, share)
    )
    assert kinds(run)[0] == "converged"


@pytest.mark.parametrize(("epochs", "headline"), [(15, "Levelled off after 15 epochs"), (40, "Converged: more epochs")])
def test_few_epochs_are_not_called_converged(epochs: int, headline: str) -> None:
    level = noisy([0.1] * epochs, 3, 0.01)
    (found,) = (each for each in diagnose(run_of(level, level), RAW) if each.kind == "converged")
    assert found.headline.startswith(headline)
    assert any(isinstance(action, Extend) for action in found.actions) == (epochs < 20)


@steady
@given(seeds, st.integers(5, 12), st.integers(12, 40), st.floats(0.0, 0.01))
def test_overfitting_is_found_with_the_epoch_of_the_lowest_validation_loss(
    seed: int, low: int, after: int, share: float
) -> None:
    down = [0.3 + 0.7 * math.exp(-epoch / 2) for epoch in range(low)]
    values = down + [down[-1] * (1 + 0.03 * step) for step in range(1, after + 1)]
    run = run_of(noisy([math.exp(-epoch / 8) for epoch in range(low + after)], seed, 0.005), noisy(values, seed, share))
    found = next(finding for finding in diagnose(run, RAW) if finding.kind == "overfitting")
    assert run.best is not None
    assert found.since == run.best.epoch
    assert abs(present(found.since) - low) <= 3
    assert f"{run.best.val_loss:.4f}" in found.evidence
    assert f"{run.history[-1].val_loss:.4f}" in found.evidence
    assert "improving" not in kinds(run)


@steady
@given(seeds)
def test_a_rising_validation_loss_without_falling_training_loss_is_not_overfitting(seed: int) -> None:
    values = [0.2 + 0.02 * epoch for epoch in range(20)]
    assert "overfitting" not in kinds(run_of(noisy([0.3] * 20, seed, 0.005), noisy(values, seed)))


def test_early_stopping_that_is_on_is_not_advised() -> None:
    values: list[float | None] = [0.3, 0.2, *(0.2 + 0.02 * step for step in range(1, 12))]
    run = run_of([0.5 * 0.8**epoch for epoch in range(13)], values)
    stopping = with_part(RAW, "training", early_stopping=EarlyStopping(patience=5))
    labels = {
        on: [action.label for f in diagnose(run, experiment) if f.kind == "overfitting" for action in f.actions]
        for on, experiment in ((False, RAW), (True, stopping))
    }
    assert labels[False] == [
        "Train again with early stopping after 5 epochs without improvement, and validation images held out",
        "Train again with dropout 0.7",
    ]
    assert labels[True] == ["Train again with dropout 0.7"]


@steady
@given(seeds, st.integers(6, 60), st.floats(0.0, 0.003))
def test_a_run_that_still_improves_is_told_to_keep_going_or_to_train_longer(
    seed: int, epochs: int, share: float
) -> None:
    curve = noisy([0.97**epoch for epoch in range(epochs)], seed, share)
    lower = noisy([0.9 * 0.97**epoch for epoch in range(epochs)], seed + 1, share)
    accuracies = [0.95] * epochs
    found = diagnose(run_of(curve, lower, accuracies), RAW)[0]
    assert (found.headline, found.actions) == ("Still improving: train longer", (Extend(max(10, epochs // 2)),))
    live = diagnose(run_of(curve, lower, accuracies, ended=""), RAW)
    assert (live[0].headline, live[0].actions) == ("Still improving: keep going", ())
    assert not [finding for finding in live if finding.severity in {"problem", "warning"}]


def test_a_schedule_that_has_ended_is_not_asked_to_go_on() -> None:
    curve: list[float | None] = [0.9 * 0.95**epoch for epoch in range(30)]
    rates = [0.0005 * (1 + math.cos(math.pi * epoch / 30)) for epoch in range(30)]
    (found,) = diagnose(run_of(curve, curve, rate=rates), RAW)
    assert found.headline == "Still improving when its schedule ended"
    assert [action.label for action in found.actions] == ["Train again with epochs 60"]


def test_no_new_minimum_for_some_epochs_is_not_called_improving() -> None:
    values: list[float | None] = [*(1 * 0.95**epoch for epoch in range(40)), *([0.95**39 * 1.01] * 5)]
    assert "improving" not in kinds(run_of(values, values))


def test_a_bad_last_epoch_among_good_ones_is_not_called_well() -> None:
    curve: list[float | None] = [*falling(60, end=0.03, pace=4)]
    run = run_of(curve, [*curve[:-1], 0.065], [*([0.99] * 59), 0.989])
    (found,) = [finding for finding in diagnose(run, PLAIN) if finding.severity != "note"]
    assert found.kind == "last-epoch"
    assert "0.0650" in found.evidence
    assert run.best is not None
    assert f"{run.best.val_loss:.4f}, after epoch 59" in found.evidence
    assert "was 99.00 % after that epoch and is 98.90 % now." in found.evidence
    kept = EarlyStopping(patience=80, restore_best_weights=True)
    keeping = PLAIN.model_copy(update={"training": PLAIN.training.model_copy(update={"early_stopping": kept})})
    assert "last-epoch" not in kinds(run, keeping)
    assert [action.label for action in found.actions] == [
        "Train again with early stopping after 10 epochs without improvement, and validation images held out",
        "Train again with schedule cosine",
    ]
    left = kept.model_copy(update={"restore_best_weights": False})
    leaving = PLAIN.model_copy(update={"training": PLAIN.training.model_copy(update={"early_stopping": left})})
    (found,) = [finding for finding in diagnose(run, leaving) if finding.severity != "note"]
    restoring = found.actions[0]
    assert isinstance(restoring, Edit)
    assert restoring.label == "Train again with the best epoch's weights kept"
    assert restoring.applied(leaving) == keeping
    assert restoring.command("r", "e.toml").endswith("--set training.early_stopping.restore_best_weights=true")
    assert "last-epoch" not in kinds(run_of(curve, [*curve[:-1], 0.065], ended=""), PLAIN)


@pytest.mark.parametrize(("last", "outlier"), [(0.985, False), (0.975, True)])
def test_a_last_epoch_far_below_the_ten_before_it_is_an_outlier(last: float, outlier: bool) -> None:
    curve: list[float | None] = [*falling(30, pace=4)]
    usual = [0.99, 0.988, 0.991, 0.987, 0.99, 0.989, 0.992, 0.988, 0.99, 0.989]  # median 0.9895, deviation 0.0015
    run = run_of(curve, curve, [*([0.98] * 19), *usual, last])
    assert ("last-outlier" in kinds(run, PLAIN)) == outlier
    if outlier:
        found = diagnose(run, PLAIN)[0]
        assert "After the last epoch, 30, the validation accuracy is 97.50 %" in found.evidence
        assert (
            "median of the 10 epochs before it is 98.95 %, with a standard deviation of 0.15 points" in found.evidence
        )
        kept = with_part(PLAIN, "training", early_stopping=EarlyStopping(patience=80, restore_best_weights=True))
        assert "last-outlier" not in kinds(run, kept)
        assert "last-outlier" not in kinds(replace(run, state="running", ended=None), PLAIN)


def test_an_outlier_at_the_end_hides_neither_jumps_nor_overfitting() -> None:
    rng = random.Random(4)
    values = [0.3 * 0.8**epoch + 0.03 + 0.0004 * epoch + rng.gauss(0, 0.002) for epoch in range(50)]
    accuracies = [0.99 + rng.gauss(0, 0.0005) for _ in range(50)]
    run = run_of([0.3 * 0.9**epoch for epoch in range(50)], [*values[:-1], 0.09], [*accuracies[:-1], 0.98])
    assert kinds(run, PLAIN) == ["last-outlier", "overfitting"]
    alike = tuple(replace(row, val_accuracy=0.99 + 1e-4 * row.epoch) for row in run.history[:-1])
    figures = diagnose(replace(run, history=(*alike, run.history[-1])), PLAIN)[1].evidence
    assert "its median over the 10 epochs before the last one is" in figures and "0.0900" not in figures
    assert figures.endswith("disagree: the number of mistakes has not grown, but the mean loss has.")


def test_overfitting_that_only_an_outlying_last_epoch_shows_is_said_to_depend_on_it() -> None:
    rng = random.Random(1)
    values = [0.3 * 0.8**epoch + 0.03 + 0.0002 * epoch + abs(rng.gauss(0, 0.008)) for epoch in range(50)]
    accuracies = [0.99 + 0.0005 * (epoch % 2) for epoch in range(50)]
    falling = [0.3 * 0.9**epoch for epoch in range(50)]
    assert "overfitting" not in kinds(run_of([*falling[:-1]], [*values[:-1]], [*accuracies[:-1]]), PLAIN)
    run = run_of([*falling], [*values[:-1], 0.15], [*accuracies[:-1], 0.98])
    found = next(finding for finding in diagnose(run, PLAIN) if finding.kind == "overfitting")
    assert found.evidence.endswith("Without the last epoch, no overfitting would be found.")


def test_a_loss_that_is_not_finite_has_diverged_and_the_rate_is_named() -> None:
    found = diagnose(run_of([0.5, 0.4, None], [0.5, 0.4, None]), with_part(RAW, "optimizer", learning_rate=0.5))
    assert [finding.kind for finding in found] == ["diverged"]
    assert found[0].since == 3
    (action,) = found[0].actions
    assert action.label == "Train again with learning rate 0.05"
    assert action.command("r", "my run/e.toml") == "mnist-tui train --preset 'my run/e.toml' --lr 0.05"
    assert "0.4000" in found[0].evidence


def test_a_run_that_diverged_in_its_first_epoch_has_no_epochs_and_is_told_so() -> None:
    assert kinds(run_of([], [], ended="diverged")) == ["diverged"]


@steady
@given(seeds, st.integers(3, 30))
def test_a_run_at_chance_is_stuck(seed: int, epochs: int) -> None:
    rng = random.Random(seed)
    ln10 = [2.3026 + rng.gauss(0, 0.002) for _ in range(epochs)]
    one_column: Matrix = tuple((100, *([0] * 9)) for _ in range(10))
    run = run_of([*ln10], [*ln10], [0.1 + rng.uniform(-0.01, 0.015) for _ in range(epochs)], matrix=one_column)
    found = diagnose(run, RAW)
    assert [finding.kind for finding in found] == ["stuck"]
    assert found[0].since == 1
    assert "2.303" in found[0].evidence


def test_a_run_that_fell_back_to_chance_says_since_when() -> None:
    losses: list[float | None] = [1.0, 0.5, 0.4, 2.31, 2.303, 2.303]
    found = diagnose(run_of(losses, losses, [0.7, 0.85, 0.9, 0.1, 0.1, 0.1]), RAW)
    assert (found[0].kind, found[0].since) == ("stuck", 4)


def test_equal_weights_are_named_as_the_cause_where_the_run_began_with_them() -> None:
    zeros = PlainInitializer(name="zeros")
    experiment = RAW.model_copy(update={"layers": (Flatten(), Dense(units=9, kernel_initializer=zeros))})
    stuck = run_of([2.302] * 5, [2.302] * 5, [0.1] * 5)
    assert [action.label for action in diagnose(stuck, experiment)[0].actions] == [
        "Train again with initializer glorot_uniform"
    ]
    assert [action.label for action in diagnose(stuck, RAW)[0].actions] == [
        "Train again with learning rate 0.0001",
        "Train again with learning rate 0.01",
    ]


@steady
@given(seeds, st.integers(5, 40))
def test_a_steady_small_fall_is_a_rate_that_is_too_low(seed: int, epochs: int) -> None:
    curve = [2.6 - 0.3 * epoch / epochs for epoch in range(epochs)]
    assert kinds(run_of(noisy(curve, seed, 0.0003), noisy(curve, seed, 0.0003), [0.12] * epochs)) == ["rate-too-low"]


@steady
@given(seeds, st.integers(5, 40), st.floats(1.5, 6))
def test_a_usual_beginning_is_not_called_too_slow(seed: int, epochs: int, pace: float) -> None:
    curve = noisy(falling(epochs, start=1.5, end=0.3, pace=pace), seed, 0.005)
    assert "rate-too-low" not in kinds(run_of(curve, curve, [0.85] * epochs))


def test_a_training_loss_above_guessing_is_not_the_rates_fault_if_it_contains_penalties() -> None:
    penalised = PLAIN.model_copy(update={"layers": (Flatten(), Dense(units=250, l2=0.1))})
    run = run_of([9.0, 8.9, 8.8, 8.7], [0.5, 0.45, 0.4, 0.38])
    assert "rate-too-high" in kinds(run, PLAIN)
    assert "rate-too-high" not in kinds(run, penalised)
    (gap,) = [finding for finding in diagnose(run, penalised) if finding.kind == "loss-gap"]
    assert "penalties of the weights" in gap.evidence


def test_class_weights_make_the_training_loss_no_measure_of_guessing_or_of_a_gap() -> None:
    weighted = with_part(PLAIN, "training", class_weights={"0": 9.0})
    learning = run_of([4.0, 3.6, 3.2, 2.9], [2.1, 1.8, 1.5, 1.2], [0.3, 0.4, 0.5, 0.6])
    assert "rate-too-high" in kinds(learning, PLAIN)
    assert "rate-too-high" not in kinds(learning, weighted)
    (gap,) = [finding for finding in diagnose(learning, weighted) if finding.kind == "loss-gap"]
    assert "counts each image by the weight of its class" in gap.evidence
    stuck = run_of([0.4] * 5, [2.303] * 5, [0.1] * 5)
    assert kinds(stuck, weighted) == ["stuck"]
    assert "the validation loss 2.3030, where guessing gives" in diagnose(stuck, weighted)[0].evidence


def test_guessing_between_two_classes_is_not_called_learnt() -> None:
    two = with_part(PLAIN, "dataset", classes=2)
    run = run_of([0.9, 0.9, 0.9, 0.9], [0.7, 0.7, 0.7, 0.7], [0.52] * 4)
    assert "every mistake is made with certainty" not in " ".join(each.evidence for each in diagnose(run, two))


def test_a_training_loss_that_jumps_or_lies_above_guessing_is_a_rate_that_is_too_high() -> None:
    jumpy: list[float | None] = [1.0, 0.7, 1.1, 0.6, 0.9, 0.5, 0.8, 0.6]
    assert kinds(run_of(jumpy, jumpy, [0.7] * 8)) == ["rate-too-high"]
    huge: list[float | None] = [203.0, 74.0, 59.0, 55.0, 54.0]
    found = diagnose(run_of(huge, huge, [0.8] * 5), with_part(RAW, "optimizer", learning_rate=1.0))
    assert found[0].kind == "rate-too-high"
    assert "80.00 %" in found[0].evidence
    assert [action.label for action in found[0].actions] == [
        "Train again with learning rate 0.33",
        "Train again with learning rate 0.1",
    ]


def test_a_validation_loss_that_jumps_under_a_smooth_training_loss_is_told_apart() -> None:
    values: list[float | None] = [0.8, 0.6, 0.5, 0.8, 0.4, 0.34, 0.32, 0.2, 0.59, 0.17, 0.24, 0.25, 0.15, 0.32]
    smooth: list[float | None] = [1.8 * 0.82**epoch for epoch in range(14)]
    assert "jumping" in kinds(run_of(smooth, values))
    scattered = noisy([0.3] * 20, 3, 0.1)
    assert "jumping" in kinds(run_of([*smooth, *smooth[-6:]], scattered))


def test_training_above_validation_loss_is_explained_by_dropout_and_proven_where_it_was_measured() -> None:
    losses: list[float | None] = [0.5, 0.3, 0.25, 0.24, 0.24, 0.24]
    lower: list[float | None] = [0.3, 0.2, 0.19, 0.19, 0.19, 0.19]
    unproven = _gap(run_of(losses, lower), RAW)
    assert "dropout (rate 0.5) on" in unproven
    assert "Train again with the plain loss, too" in unproven
    below = _gap(run_of(losses, lower, plain=0.15), RAW)
    assert "0.1500: below the validation loss" in below
    assert "Train again with" not in below
    assert "about the validation loss" in _gap(run_of(losses, lower, plain=0.195), RAW)
    assert "explains only a part" in _gap(run_of(losses, lower, plain=0.22), RAW)


def test_without_dropout_the_averaging_alone_explains_it() -> None:
    text = _gap(run_of([1.0, 0.4], [0.5, 0.3]), PLAIN)
    assert "no dropout" in text
    assert "0.5000 before the epoch and 0.3000 after it; the training loss lies between" in text


@pytest.mark.parametrize("experiment", [RAW, PLAIN])
def test_training_below_validation_loss_needs_no_explanation(experiment: Experiment) -> None:
    assert "loss-gap" not in kinds(run_of([0.3, 0.2, 0.1], [0.3, 0.25, 0.2]), experiment)


def test_a_rate_of_zero_is_no_dropout() -> None:
    experiment = RAW.model_copy(update={"layers": (*PLAIN.layers, Dropout(rate=0.0))})
    assert "no dropout" in _gap(run_of([1.0, 0.4], [0.5, 0.3]), experiment)


def _gap(run: RunState, experiment: Experiment) -> str:
    found = next(finding for finding in diagnose(run, experiment) if finding.kind == "loss-gap")
    return " ".join([found.evidence, found.advice, *(action.label for action in found.actions)])


def test_a_class_that_is_never_predicted_is_named_with_its_images() -> None:
    matrix: Matrix = tuple(tuple(0 if column == 8 else 100 for column in range(10)) for _ in range(10))
    found = next(f for f in diagnose(run_of([0.5, 0.4], [0.5, 0.4], matrix=matrix), RAW) if f.kind == "never-predicted")
    assert found.headline == "Class 8 is never predicted"
    assert "8: 0 of 9,000, though 900 are" in found.evidence


def test_a_class_without_images_is_not_missed() -> None:
    matrix = (*GOOD[:9], (0,) * 10)
    without: Matrix = tuple((*row[:9], 0) for row in matrix)
    assert "never-predicted" not in kinds(run_of([0.5, 0.4], [0.5, 0.4], matrix=without))


def test_dead_relus_are_counted_from_the_share_of_the_layers_units() -> None:
    def seen(share: float, epoch: int = 5) -> RunState:
        event = WeightsSeen(epoch=epoch, layers=(LayerWeights(name="dense_1", dead=share), LayerWeights(name="output")))
        return run_of([0.3] * 5, [0.3] * 5, more=(event,))

    found = next(finding for finding in diagnose(seen(0.208), PLAIN) if finding.kind == "dead-units")
    assert "52 of 250 units of dense_1 (20.80 %)" in found.evidence
    assert found.severity == "warning"
    assert diagnose(seen(0.6), PLAIN)[0].severity == "problem"
    assert "dead-units" not in kinds(seen(0.05), PLAIN)
    assert "dead-units" not in kinds(seen(0.6, epoch=0), PLAIN)


@pytest.mark.parametrize("epochs", [0, 1, 2])
def test_too_few_epochs_are_said_to_be_too_few(epochs: int) -> None:
    found = diagnose(run_of([0.3] * epochs, [0.4] * epochs, ended=""), RAW)
    assert [finding.kind for finding in found] == ["too-early"]


@given(
    st.lists(st.tuples(*[st.none() | st.floats(1e-9, 1e9)] * 2, st.floats(0, 1)), max_size=40),
    st.sampled_from(["", "finished", "diverged", "stopped"]),
    st.none() | st.floats(0, 1e6),
)
def test_whatever_the_curves_there_is_a_finding_that_fits_a_panel(
    curves: list[tuple[float | None, float | None, float]], ended: str, plain: float | None
) -> None:
    run = run_of(
        [a for a, _, _ in curves], [b for _, b, _ in curves], [c for _, _, c in curves], ended=ended, plain=plain
    )
    found = diagnose(run, RAW)
    assert found
    assert all(len(finding.headline) <= 48 for finding in found)
    assert all(len(finding.headline) <= 48 and finding.evidence.endswith(".") for finding in found)
    assert all(finding.since is None or 1 <= finding.since <= len(curves) + 1 for finding in found)


@steady
@given(seeds, st.floats(0.01, 1.0), st.floats(-0.1, 0.1))
def test_noise_is_the_deviation_about_a_straight_trend(seed: int, deviation: float, slope: float) -> None:
    rng = random.Random(seed)
    values = [slope * at + rng.gauss(0, deviation) for at in range(4000)]
    assert noise(values) == pytest.approx(deviation, rel=0.1)


def test_trend_is_the_share_of_rising_pairs_less_that_of_falling_ones() -> None:
    assert trend([1, 2, 3]) == 1
    assert trend([3, 2, 1]) == -1
    assert trend([1, 3, 2]) == pytest.approx(1 / 3)
    assert trend([5]) == 0
    assert trend([*range(10_000)]) == 1


def test_jumps_and_falls_are_relative() -> None:
    assert jumps([1, 1.3, 1.31, 1.0, 1.5], 0.2, 0.02) == [1, 4]
    assert fall([4, 4, 4, 2, 2, 2], 3) == pytest.approx(0.5)
    assert fall([1, 2, 1, 2, 1, 2], 3) == 0


def test_ten_thousand_epochs_are_judged_at_once() -> None:
    run = run_of(noisy(falling(10_000, pace=500), 1), noisy(falling(10_000, pace=400), 2))
    assert kinds(run) == ["converged"]


@given(
    st.lists(st.floats(0.05, 2.0), min_size=3, max_size=20),
    st.floats(0.1, 0.93),
    st.sampled_from(["finished", "stopped", ""]),
)
def test_a_run_that_plainly_improves_is_never_called_converged(before: list[float], share: float, ended: str) -> None:
    mean = sum(before[-3:]) / 3
    last = [min([share * mean, *before]) * step for step in (1.0, 0.99, 0.98)]
    assert "converged" not in kinds(run_of([*before, *last], [*before, *last], ended=ended))


@pytest.mark.parametrize("state", ["stopped", "failed", "crashed"])
def test_a_run_that_ended_too_soon_is_advised_to_resume(state: str) -> None:
    improving: list[float | None] = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5]
    level: list[float | None] = [0.1] * 8
    for curve, words in (
        (improving, "while still improving"),
        (level, "after epoch 8 of 20"),
        ([], "before its first"),
    ):
        run = replace(run_of(curve, curve, ended=""), epochs=20)
        (found,) = (each for each in diagnose(run, RAW, state) if each.kind != "loss-gap")
        assert found.headline.startswith(f"{state.capitalize()} {words}")
        cause = "remove the cause, then " if state == "failed" else ""
        assert found.headline.endswith(f": {cause}resume it")
        (action,) = found.actions
        assert action == Resume(20 - len(curve))
        assert action.command("r", "e.toml") == "mnist-tui resume r"


def test_the_simulated_histories_get_the_verdict_that_was_simulated() -> None:
    for name in get_args(Simulation):
        simulated = [simulate(name, seed) for seed in range(300)]
        found = [diagnose(each.run, each.experiment) for each in simulated]
        named = sum(findings[0].kind == name for findings in found)
        assert named >= 0.95 * len(simulated), f"{name}: {named} of {len(simulated)}"
        if name == "improving":
            assert not [findings for findings in found if "converged" in {each.kind for each in findings}]
        for each, findings in zip(simulated, found, strict=True):
            assert all(_fits(action, each.experiment) for finding in findings for action in finding.actions)


def _fits(action: Action, experiment: Experiment) -> bool:
    return not isinstance(action, Edit) or action.applied(experiment) != experiment
