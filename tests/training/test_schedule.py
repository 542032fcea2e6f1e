"""Learning rates and the order of images, against their formulas."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_tui.training.inputs import order
from tests.training.support import experiment

EPOCHS = st.integers(0, 299)


def scheduled(**schedule):
    return experiment(optimizer={"learning_rate": 0.2}, training={"epochs": 300, "schedule": schedule})


@given(EPOCHS)
def test_a_constant_rate_stays(epoch):
    assert scheduled(kind="constant").learning_rate(epoch) == 0.2


@given(EPOCHS, st.integers(0, 100), st.floats(0.001, 2))
def test_the_exponential_schedule_decays_from_its_start_on(epoch, start, rate):
    expected = 0.2 if epoch < start else 0.2 * math.exp(rate * (start - epoch))
    assert scheduled(kind="exp", start=start, rate=rate).learning_rate(epoch) == pytest.approx(expected)


def test_the_exponential_schedule_is_continuous_at_its_start():
    schedule = scheduled(kind="exp", start=15, rate=0.05)
    assert schedule.learning_rate(14) == schedule.learning_rate(15) == 0.2
    assert schedule.learning_rate(16) == pytest.approx(0.2 * math.exp(-0.05))


@given(EPOCHS)
def test_the_cosine_schedule_is_half_a_cosine(epoch):
    expected = 0.2 * 0.5 * (1 + math.cos(math.pi * epoch / 300))
    assert scheduled(kind="cosine").learning_rate(epoch) == pytest.approx(expected)


@given(st.integers(0, 2**31 - 1), st.integers(0, 10_000), st.integers(1, 500))
def test_an_epochs_order_visits_every_image_once_and_depends_on_seed_and_epoch_alone(seed, epoch, count):
    first = order(seed, epoch, count)
    assert sorted(first.tolist()) == list(range(count))
    assert np.array_equal(first, order(seed, epoch, count))


def test_epochs_and_seeds_have_orders_of_their_own():
    orders = {order(seed, epoch, 1000).tobytes() for seed in range(5) for epoch in range(5)}
    assert len(orders) == 25
