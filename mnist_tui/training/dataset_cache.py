"""What a process that trains run after run keeps between them: datasets read and checked, features. No TensorFlow."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

LIMIT_BYTES = 500_000_000
"""MNIST takes 55 MB, its HOG features of 4 pixels a cell 110 MB, of 2 pixels 440 MB."""


class DatasetCache:
    """Values by what they are of; beyond a limit those longest unused go, but never the newest.

    Args:
        limit: bytes of all together.
    """

    def __init__(self, limit: int = LIMIT_BYTES) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    def get(self, key: Hashable) -> Any:
        """The value kept for `key`; None where there is none."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def values(self) -> tuple[Any, ...]:
        """All that is kept."""
        with self._lock:
            return tuple(value for value, _ in self._values.values())

    def keep(self, key: Hashable, value: Any, size: int) -> None:
        """Keeps a value of `size` bytes."""
        with self._lock:
            self._values[key] = value, size
            self._values.move_to_end(key)
            while len(self._values) > 1 and sum(each for _, each in self._values.values()) > self._limit:
                self._values.popitem(last=False)
