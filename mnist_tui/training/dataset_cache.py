"""The cache of a process that trains run after run: datasets, features and networks. No TensorFlow."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

LIMIT_BYTES = 500_000_000
"""MNIST takes 55 MB, its HOG features of 4 pixels a cell 110 MB, of 2 pixels 440 MB."""


class DatasetCache:
    """Datasets, features and networks that a worker keeps from run to run; the longest unused are dropped first.

    Args:
        limit: bytes of all together.
    """

    def __init__(self, limit: int = LIMIT_BYTES) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    def get(self, key: Hashable) -> Any:
        """Return the value kept for `key`; None if there is none."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def values(self) -> tuple[Any, ...]:
        """Return all values."""
        with self._lock:
            return tuple(value for value, _ in self._values.values())

    def keep(self, key: Hashable, value: Any, size: int) -> None:
        """Keep a value of `size` bytes, and drop others beyond the limit."""
        with self._lock:
            self._values[key] = value, size
            self._values.move_to_end(key)
            while len(self._values) > 1 and sum(each for _, each in self._values.values()) > self._limit:
                self._values.popitem(last=False)
