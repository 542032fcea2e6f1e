"""Small datasets on disk, and a machine that has no data of its own."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_tui.data.idx import idx_header, idx_sha256
from mnist_tui.data.known import FILE_NAMES, KNOWN, PARTS, Part

Arrays = Mapping[Part, NDArray[np.uint8]]
WriteIdx = Callable[..., Path]


@pytest.fixture
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Home and caches are empty folders, no data folder is named, no proxy stands before 127.0.0.1."""
    home = tmp_path / "home"
    home.mkdir()
    for variable in ("MNIST_TUI_DATA", "KERAS_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return home


@pytest.fixture
def arrays() -> Arrays:
    """30 training and 10 test images of noise, labels 0 to 9 in turn."""
    generator = np.random.default_rng(1)
    return {
        part: generator.integers(0, 256, (30 if "train" in part else 10, 28, 28), dtype=np.uint8)
        if part.endswith("images")
        else (np.arange(30 if "train" in part else 10) % 10).astype(np.uint8)
        for part in PARTS
    }


@pytest.fixture
def as_mnist(monkeypatch: pytest.MonkeyPatch, arrays: Arrays) -> Arrays:
    """The small arrays are what the catalogue has published as MNIST."""
    published = replace(
        KNOWN["mnist"],
        sha256={part: idx_sha256(values) for part, values in arrays.items()},
        packed_bytes=dict.fromkeys(PARTS, 10_000),
        mirrors=(),
    )
    monkeypatch.setitem(KNOWN, "mnist", published)  # type: ignore[arg-type]
    return arrays


@pytest.fixture
def write_idx() -> WriteIdx:
    """Writes arrays as the four IDX files of a folder, gzipped or plain."""

    def write(folder: Path, arrays: Arrays, *, packed: bool = True) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for part, values in arrays.items():
            raw = idx_header(values) + values.tobytes()
            name = FILE_NAMES[part]
            (folder / (f"{name}.gz" if packed else name)).write_bytes(gzip.compress(raw) if packed else raw)
        return folder

    return write


@pytest.fixture
def write_npz() -> Callable[[Path, Arrays], Path]:
    """Writes arrays as an archive like Keras' `mnist.npz`."""

    def write(file: Path, arrays: Arrays) -> Path:
        file.parent.mkdir(parents=True, exist_ok=True)
        train, test = (arrays["train_images"], arrays["train_labels"]), (arrays["test_images"], arrays["test_labels"])
        np.savez_compressed(file, x_train=train[0], y_train=train[1], x_test=test[0], y_test=test[1])
        return file

    return write


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The data folder with the real MNIST and Fashion-MNIST."""
    folder = Path(os.environ.get("MNIST_TUI_DATA", ""))
    if not os.environ.get("MNIST_TUI_DATA") or not (folder / "mnist").is_dir():
        pytest.skip("MNIST_TUI_DATA names no folder with the real mnist/ and fashion-mnist/")
    return folder
