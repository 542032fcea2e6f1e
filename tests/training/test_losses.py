"""Label smoothing, class weights, clipped gradients and rates that change, against a bare Keras loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_tui.experiment.optimizers import PlateauSchedule
from mnist_tui.experiment.spec import Experiment
from mnist_tui.runs.events import EpochEnded, Progress
from mnist_tui.training import checkpoint
from mnist_tui.training.inputs import order
from tests.training.sameness import figures, same_snapshot
from tests.training.support import digits, experiment, training

pytestmark = pytest.mark.slow

TABLE = {"3": 4.0, "8": 0.25}


def by_bare_keras(of: Experiment) -> tuple[list[float], list[Any]]:
    """The figures of one epoch by `train_on_batch` and `evaluate`, and the weights after it."""
    from mnist_tui.training import models

    data, settings = digits(), of.training
    model = models.compiled(models.build(of), models.optimizer(of), settings.label_smoothing)
    images, test = (each[..., None].astype("float32") / 255 for each in (data.train_images, data.test_images))
    labels, test_labels = data.train_labels, data.test_labels
    if settings.label_smoothing:
        labels, test_labels = np.eye(10, dtype=np.float32)[labels], np.eye(10, dtype=np.float32)[test_labels]
    weights = settings.class_weights
    if weights == "balanced":
        from sklearn.utils.class_weight import compute_class_weight

        weights = compute_class_weight("balanced", classes=np.arange(10), y=data.train_labels)
    given = {int(number): weight for number, weight in weights.items()} if isinstance(weights, dict) else weights
    class_weight = dict(enumerate(given)) if isinstance(given, np.ndarray) else given
    places, batch, sums = order(settings.seed, 0, len(images)), settings.batch_size, np.zeros(2)
    steps = -(-len(images) // batch)
    for step in range(steps):
        chosen = places[step * batch : (step + 1) * batch]
        model.optimizer.learning_rate = of.learning_rate(0, step, steps)
        model.reset_metrics()
        loss, accuracy = model.train_on_batch(images[chosen], labels[chosen], class_weight=class_weight)
        sums += np.array([loss, accuracy]) * len(chosen)
    return [*(sums / len(images)), *model.evaluate(test, test_labels, verbose=0)], model.get_weights()


RMSPROP: dict[str, Any] = {"name": "rmsprop", "learning_rate": 0.005}
ADAM: dict[str, Any] = {"name": "adam", "learning_rate": 0.005, "global_clipnorm": 0.5}
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "label smoothing": {"training": {"label_smoothing": 0.1}},
    "balanced": {"training": {"class_weights": "balanced"}},
    "a table, smoothing": {"training": {"class_weights": TABLE, "label_smoothing": 0.2}},
    "clipvalue": {"optimizer": {**RMSPROP, "clipvalue": 0.003}},
    "clipnorm": {"optimizer": {**RMSPROP, "clipnorm": 0.1}},
    "global_clipnorm": {"optimizer": ADAM},
    "clipnorm without a kernel": {"optimizer": {"name": "sgd", "momentum": 0.9, "clipnorm": 0.1}},
    "warm-up": {"training": {"epochs": 4, "warmup": 2}},
    "one-cycle": {"training": {"epochs": 1, "schedule": {"kind": "one-cycle"}}},
    "warm-up, plateau": {"training": {"epochs": 4, "warmup": 1, "schedule": {"kind": "plateau"}}},
}


COMPILED = ("a table, smoothing", "one-cycle", "global_clipnorm")
"""The settings that are tested with XLA every time; the others, which cost more seconds, on request."""
CASES = [
    pytest.param(name, program, marks=() if (program == "graph") or name in COMPILED else pytest.mark.exhaustive)
    for name in SETTINGS
    for program in ("graph", "xla")
]
LOSSES: dict[str, float] = {}


@pytest.mark.parametrize(("name", "program"), CASES)
def test_an_epoch_equals_a_bare_keras_loop(name: str, program: str) -> None:
    changes = SETTINGS[name]
    of = experiment(**{**changes, "training": {**changes.get("training", {}), "program": program}})
    ours = training(of)
    row = next(moment for moment in ours.run() if isinstance(moment, EpochEnded))
    expected, weights = by_bare_keras(of)
    assert [row.loss, row.accuracy, row.val_loss, row.val_accuracy] == pytest.approx(expected, abs=1e-4)
    for mine, theirs in zip(ours.model.get_weights(), weights, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=2e-4)
    assert row.loss is not None
    others = [loss for other, loss in LOSSES.items() if other != name]
    assert all(abs(loss - row.loss) > 1e-5 for loss in others), "each setting changes what is trained"
    LOSSES[name] = row.loss


def test_the_rates_of_one_cycle_are_those_of_its_description() -> None:
    of = experiment(optimizer={"learning_rate": 0.5}, training={"epochs": 4, "schedule": {"kind": "one-cycle"}})
    rates = [of.learning_rate(epoch, step, 25) for epoch in range(4) for step in range(25)]
    expected = np.interp(np.arange(1, 101), [0, 45, 90, 100], [0.05, 0.5, 0.05, 0.00005])
    assert rates == pytest.approx(expected.tolist())
    assert max(rates) == of.highest_rate


def test_a_warm_up_rises_in_a_line_to_the_schedules_first_rate_and_the_schedule_begins_after_it() -> None:
    schedule = {"kind": "step", "every": 2, "factor": 0.1}
    of = experiment(optimizer={"learning_rate": 0.4}, training={"epochs": 7, "warmup": 2, "schedule": schedule})
    rises = [of.learning_rate(epoch, step, 4) for epoch in range(2) for step in range(4)]
    assert rises == pytest.approx([0.4 * number / 8 for number in range(1, 9)])
    assert [of.learning_rate(epoch) for epoch in range(2, 7)] == pytest.approx([0.4, 0.4, 0.04, 0.04, 0.004])


class FakeModel:
    """What ReduceLROnPlateau needs of a model: an optimizer with a rate."""

    def __init__(self, rate: float) -> None:
        import keras

        self.optimizer = keras.optimizers.SGD(rate)


@given(
    st.lists(st.sampled_from([1.0, 0.9, 0.89995, 0.8, 0.5, 0.499, 0.1]), min_size=1, max_size=25),
    st.integers(1, 3),
    st.integers(0, 3),
    st.sampled_from([0.0, 0.0001, 0.05]),
    st.sampled_from([0.0, 0.002]),
)
def test_a_plateau_lowers_the_rate_as_kerass_own_callback(
    losses: list[float], patience: int, cooldown: int, min_delta: float, min_lr: float
) -> None:
    import keras

    from mnist_tui.training.engine import RateOnPlateau

    arguments: dict[str, Any] = {"factor": 0.3, "patience": patience, "cooldown": cooldown}
    arguments |= {"min_delta": min_delta, "min_lr": min_lr}
    ours = RateOnPlateau(PlateauSchedule.model_validate(arguments), 0.1)
    theirs, model = keras.callbacks.ReduceLROnPlateau(**arguments), FakeModel(0.1)
    theirs.set_model(model)
    theirs.on_train_begin()
    for epoch, loss in enumerate(losses):
        ours.update(loss)
        theirs.on_epoch_end(epoch, {"val_loss": loss})
        assert np.float32(ours.state.rate) == np.float32(model.optimizer.learning_rate)


STILL = {"kind": "plateau", "factor": 0.5, "patience": 1, "min_delta": 0.2, "cooldown": 1}
"""Losses seldom fall by 0.2 an epoch: the rate falls again and again."""


@pytest.mark.parametrize(
    "schedule", [{"schedule": STILL}, {"schedule": {"kind": "one-cycle"}, "warmup": 1}], ids=["plateau", "one-cycle"]
)
def test_a_training_broken_off_in_mid_epoch_ends_with_the_same_bits(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, schedule: dict[str, Any]
) -> None:
    of = experiment(training={"epochs": 7, "batch_size": 50, **schedule})
    straight = training(of)
    expected = [moment for moment in straight.run() if isinstance(moment, EpochEnded)]
    assert len({row.learning_rate for row in expected}) >= 3
    with monkeypatch.context() as often:
        often.setattr("mnist_tui.training.engine.CHUNK_SECONDS", 0.0)
        broken_off = training(of)
        for moment in broken_off.run():
            if isinstance(moment, Progress) and moment.epoch == 5 and moment.step > 9:
                checkpoint.save(tmp_path, broken_off.snapshot())
                break
    resumed = training(of)
    resumed.restore(checkpoint.load(tmp_path))
    rest = [moment for moment in resumed.run() if isinstance(moment, EpochEnded)]
    assert figures(rest) == figures(expected[4:])
    assert same_snapshot(resumed.snapshot(), straight.snapshot())
    assert resumed.snapshot().plateau == straight.snapshot().plateau


def test_an_epoch_of_one_cycle_that_had_begun_keeps_its_rates_when_more_epochs_are_planned(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker killed after the extension continues the epoch by the old plan, as the one that was extended does."""
    from mnist_tui.experiment.spec import with_part

    monkeypatch.setattr("mnist_tui.training.engine.CHUNK_SECONDS", 0.0)
    of = experiment(training={"epochs": 3, "batch_size": 50, "schedule": {"kind": "one-cycle"}})
    longer, ends = with_part(of, "training", epochs=5), []
    extended = training(of)
    moments = extended.run()
    next(moment for moment in moments if isinstance(moment, Progress) and moment.epoch == 2 and moment.step > 9)
    extended.extend(longer)
    checkpoint.save(tmp_path, extended.snapshot())
    again = training(longer)
    again.restore(checkpoint.load(tmp_path))
    for each, run in ((extended, moments), (again, again.run())):
        ends.append((figures([row for row in run if isinstance(row, EpochEnded)]), each.snapshot()))
    assert ends[0][0] == ends[1][0]
    assert same_snapshot(ends[0][1], ends[1][1])
