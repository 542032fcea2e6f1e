"""Dropout masks by counter: the stated formula, and that nobody can tell them from chance."""

import math
from itertools import combinations

import numpy as np
import pytest

from mnist_tui.training.inputs import order

pytestmark = pytest.mark.slow

SHAPE = (256, 256)
Z = 4.5
"""Standard deviations that a fair figure exceeds once in 150,000 times; everything here is drawn from fixed seeds."""


def mask(*, seed=3, layer=2, epoch=0, step=0, shape=SHAPE, rate=0.5):
    import tensorflow as tf

    from mnist_tui.data.random_words import layer_keys
    from mnist_tui.training.forward import dropout_mask
    from mnist_tui.training.models import NOISE

    moment = tf.constant(epoch, tf.uint32), tf.constant(step, tf.uint32)
    return dropout_mask(layer_keys(seed, layer, NOISE), *moment, shape, rate).numpy()


def triple32(word, key=0):
    """The hash in Python's own integers, its second key after the first round."""
    word ^= word >> 17
    word = word * 0xED5AD4BB % 2**32 ^ key
    word ^= word >> 11
    word = word * 0xAC4C1B51 % 2**32
    word ^= word >> 15
    word = word * 0x31848BAB % 2**32
    return word ^ word >> 14


def correlation(one, other):
    """Of two masks of equal size, in standard deviations of independent ones."""
    a, b = (np.asarray(each, float).ravel() for each in (one, other))
    return float(np.corrcoef(a, b)[0, 1] * math.sqrt(a.size))


def test_each_unit_follows_from_its_counter_by_the_stated_formula():
    from mnist_tui.data.random_words import layer_keys
    from mnist_tui.training.models import NOISE

    epoch, step, rate = 70_000, 468, 0.3
    first, second = (triple32((triple32((key + epoch) % 2**32) + step) % 2**32) for key in layer_keys(3, 2, NOISE))
    expected = [triple32((position + first) % 2**32, second) >= int(rate * 2**32) for position in range(15)]
    assert mask(epoch=epoch, step=step, shape=(5, 3), rate=rate).ravel().tolist() == expected


def test_graph_and_xla_draw_the_same_inside_a_program():
    import tensorflow as tf

    from mnist_tui.training.forward import dropout_mask

    def draw(step):
        return dropout_mask((11, 12), tf.constant(1, tf.uint32), step, SHAPE, 0.5)

    step = tf.constant(9, tf.uint32)
    graph, xla = (tf.function(draw, jit_compile=compiled)(step).numpy() for compiled in (False, True))
    assert np.array_equal(graph, xla)


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5, 0.9])
def test_units_are_kept_at_their_rate_in_all_and_in_every_row_and_column(rate):
    masks = np.stack([mask(step=step, rate=rate) for step in range(16)])
    spread = math.sqrt(rate * (1 - rate))
    assert abs(masks.mean() - (1 - rate)) < Z * spread / math.sqrt(masks.size)
    for axis in (1, 2):
        means = masks.mean(axis=axis)
        worst = np.abs(means - (1 - rate)).max() * math.sqrt(masks.shape[axis]) / spread
        assert worst < Z + 1


def test_the_number_kept_in_a_step_varies_as_a_binomial_does():
    counts = np.array([mask(step=step, shape=(64, 64)).sum() for step in range(400)])
    expected = 64 * 64 / 4
    assert abs(counts.var(ddof=1) / expected - 1) < Z * math.sqrt(2 / 399)


@pytest.mark.parametrize("distance", [1, 2, 3, 7, 16, 255, 256, 257, 4096])
def test_units_do_not_know_their_neighbours(distance):
    words = mask(step=5).ravel()
    assert abs(correlation(words[:-distance], words[distance:])) < Z


@pytest.mark.parametrize("bit", range(16))
def test_units_whose_positions_differ_in_one_bit_are_independent(bit):
    words, positions = mask(step=6).ravel(), np.arange(SHAPE[0] * SHAPE[1])
    low = positions[positions & 1 << bit == 0]
    assert abs(correlation(words[low], words[low | 1 << bit])) < Z


@pytest.mark.parametrize("what", ["step", "epoch", "layer", "seed"])
def test_masks_of_different_steps_epochs_layers_and_seeds_are_independent(what):
    masks = [mask(**{what: value}) for value in (0, 1, 2, 3, 4, 8, 64, 255, 256, 65_536)]
    assert max(abs(correlation(one, other)) for one, other in combinations(masks, 2)) < Z


def test_step_and_epoch_are_not_exchangeable():
    assert abs(correlation(mask(epoch=1, step=2), mask(epoch=2, step=1))) < Z


def test_pairs_of_units_take_their_four_values_equally_often_over_the_steps():
    seen = np.stack([mask(step=step, shape=(1, 12)).ravel() for step in range(2_000)])
    for one, other in combinations(range(12), 2):
        counts = np.bincount(seen[:, one] * 2 + seen[:, other], minlength=4)
        assert ((counts - 500) ** 2 / 500).sum() < 30


def test_the_order_of_the_images_is_fair_and_differs_between_epochs_and_seeds():
    count = 1_000
    orders = np.stack([order(3, epoch, count) for epoch in range(400)])
    assert all(sorted(each) == list(range(count)) for each in orders[:5].tolist())
    spread = count / math.sqrt(12 * len(orders))
    assert np.abs(orders.mean(axis=0) - (count - 1) / 2).max() < Z * spread
    for one, other in ((order(3, 0, count), order(3, 1, count)), (order(3, 0, count), order(4, 0, count))):
        assert abs(correlation(one, other)) < Z
        assert (one == other).sum() < 10
