"""The validation split."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_tui.data.datasets import validation_split


@given(count=st.integers(2, 500), share=st.floats(0.01, 0.99), seed=st.integers(0, 2**32))
def test_every_image_is_in_exactly_one_part_and_the_sizes_are_as_asked(count: int, share: float, seed: int) -> None:
    validation_count = round(count * share)
    if not 0 < validation_count < count:
        with pytest.raises(ValueError, match="leaves no"):
            validation_split(count, share, seed)
        return
    train, validation = validation_split(count, share, seed)
    assert len(validation) == validation_count
    assert sorted([*train, *validation]) == list(range(count))


def test_the_seed_alone_decides() -> None:
    one, again = (validation_split(1000, 0.1, 7)[1] for _ in range(2))
    np.testing.assert_array_equal(one, again)
    assert set(one) != set(validation_split(1000, 0.1, 8)[1])


def test_the_split_of_a_seed_is_the_same_on_every_machine() -> None:
    assert validation_split(60_000, 0.1, 0)[1][:5].tolist() == [4013, 23840, 29603, 43011, 58703]


def test_the_validation_images_are_not_the_first_or_last_ones() -> None:
    validation = np.sort(validation_split(60_000, 0.1, 0)[1])
    assert validation[0] < 100
    assert validation[-1] > 59_900


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, float("nan")])
def test_a_share_out_of_bounds_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="not between 0 and 1"):
        validation_split(100, share, 0)
