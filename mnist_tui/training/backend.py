"""The import of TensorFlow and Keras, with the settings that must precede or follow it."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from mnist_tui.runs.processor import choose_onednn

OPTIONAL = ("jax", "matplotlib", "pandas", "scipy", "sklearn")
"""Packages that TensorFlow and Keras import if they are installed, for features that no run needs.

Keras uses scikit-learn and pandas for wrappers of its models, TensorFlow's converter uses JAX, its older Keras SciPy;
Keras can draw images with matplotlib. On two cores scikit-learn, pandas and SciPy take 2 of the import's 10 seconds,
with JAX 3.5 of 11.3 and 180 MB.
"""
TURN_SECONDS = 0.0005
"""The interval for Python's lock. Reading releases the lock every few kilobytes; with the usual 5 ms to get it back,
half a second becomes seven."""


class Absent(MetaPathFinder):
    """A context in which packages that are not yet imported seem not to be installed, for the thread that enters it.

    Args:
        packages: names of top-level packages.
    """

    def __init__(self, packages: Sequence[str]) -> None:
        self._packages = frozenset(packages)
        self._thread = 0

    def __enter__(self) -> None:
        self._thread = threading.get_ident()
        sys.meta_path.insert(0, self)

    def __exit__(self, *_: object) -> None:
        sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if threading.get_ident() == self._thread and fullname.partition(".")[0] in self._packages:
            raise ModuleNotFoundError(f"{fullname} is not looked for now", name=fullname)
        return None


@contextmanager
def short_turns() -> Generator[None]:
    """Let threads alternate more often during the block."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(TURN_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["KERAS_BACKEND"] = "tensorflow"
choose_onednn()

# neither library has usable types
with Absent(OPTIONAL), short_turns():
    tf: Any = import_module("tensorflow")
    keras: Any = import_module("keras")

# a user's keras.json may have other values
keras.config.set_floatx("float32")
keras.config.set_image_data_format("channels_last")


def forget() -> None:
    """Free the memory that Keras and TensorFlow would keep for ever for networks that are no longer used.

    TensorFlow registers the gradient of every all-reduce in a traced optimizer update, and with it the whole graph and
    its data: 70 MB for each network trained on MNIST.
    """
    keras.utils.clear_session(free_memory=False)
    registry = import_module("tensorflow.python.framework.ops").gradient_registry
    for name in [each for each in registry.list() if each.startswith("CustomGradient-")]:
        del registry._registry[name]
