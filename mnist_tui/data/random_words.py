"""Random numbers as functions of a seed and a position, the same in NumPy and in TensorFlow.

They come from the integer hash triple32 (C. Wellons, "Prospecting for Hash Functions", 2018): three multiplications
that a compiler merges into the loop around them, and no state, so that a resumed training draws the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

WORDS = 2**32


@dataclass(frozen=True)
class ArrayLibrary:
    """NumPy or TensorFlow: the functions that have the same name in both, and those that have not.

    Attributes:
        same: the module with `where`, `floor`, `reshape` and other functions of the same name.
        cast: returns values as a NumPy type; a number becomes an array without dimensions.
        upto: returns the whole numbers from 0 to below a number, int32.
        shifted_right: returns uint32 values shifted by a number of bits.
        log: the natural logarithm.
        take: returns elements of a vector by their indices.
        compiled: returns a function in the form that is fastest where it is called again and again.
        apart: returns the result of a function without arguments, computed apart from what its values come from. It is
            also given a step, counted from 0, and a value of the result's form.
    """

    same: Any
    cast: Callable[[Any, Any], Any]
    upto: Callable[[int], Any]
    shifted_right: Callable[[Any, int], Any]
    log: Callable[[Any], Any]
    take: Callable[[Any, Any], Any]
    compiled: Callable[[Any], Any]
    apart: Callable[[Any, Callable[[], Any], Any], Any]


NUMPY = ArrayLibrary(
    same=np,
    cast=lambda values, kind: np.asarray(values).astype(kind),
    upto=lambda count: np.arange(count, dtype=np.int32),
    shifted_right=lambda values, bits: values >> np.uint32(bits),
    log=np.log,
    take=np.take,
    compiled=lambda function: function,
    apart=lambda step, function, like: function(),
)


def layer_keys(seed: int, layer: int, use: int) -> tuple[int, int]:
    """Return two 32-bit keys for one use of random numbers in a layer, independent of all others (SeedSequence)."""
    first, second = np.random.SeedSequence([seed, layer, use]).generate_state(2).tolist()
    return first, second


def mixed(library: ArrayLibrary, word: Any, key: Any = None) -> Any:
    """Return triple32 of uint32 values, with ``xor key`` after the first round."""
    word = _shift_xor(library, word, 17) * library.cast(0xED5AD4BB, np.uint32)
    if key is not None:
        word = word ^ key
    word = _shift_xor(library, word, 11) * library.cast(0xAC4C1B51, np.uint32)
    word = _shift_xor(library, word, 15) * library.cast(0x31848BAB, np.uint32)
    return _shift_xor(library, word, 14)


def _shift_xor(library: ArrayLibrary, word: Any, bits: int) -> Any:
    return word ^ library.shifted_right(word, bits)


def moment_keys(library: ArrayLibrary, keys: Any, epoch: Any, step: Any) -> list[Any]:
    """Return two keys combined with epoch and step, uint32 scalars counted from 0."""
    return [mixed(library, mixed(library, library.cast(key, np.uint32) + epoch) + step) for key in keys]


def words_at(library: ArrayLibrary, positions: Any, moment: Any) -> Any:
    """Return the random word of each position, uint32.

    Args:
        positions: whole numbers, uint32.
        moment: what `moment_keys` returns.
    """
    first, second = moment
    return mixed(library, positions + first, second)
