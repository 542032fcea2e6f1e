"""`mnist.npz`, whole and broken."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_tui.data.errors import DataError
from mnist_tui.data.idx import idx_sha256
from mnist_tui.data.npz import Arrays as Contents
from mnist_tui.data.npz import keys_of, read_npz

from .conftest import Arrays

WriteNpz = Callable[[Path, Arrays], Path]


def read(file: Path) -> Contents:
    return read_npz(keys_of([file], ()))


def test_arrays_are_read_by_their_usual_names(tmp_path: Path, arrays: Arrays, write_npz: WriteNpz) -> None:
    contents = read(write_npz(tmp_path / "mnist.npz", arrays))
    for part, values in arrays.items():
        np.testing.assert_array_equal(contents[part], values)
        assert contents[part].dtype == values.dtype


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        pytest.param({"x_train": np.zeros((30, 28, 28), np.float32)}, "x_train holds float32", id="floats"),
        pytest.param({"x_test": np.zeros((10, 784), np.uint8)}, r"x_test has the shape \(10, 784\)", id="flat"),
        pytest.param({"y_test": np.zeros((10, 10), np.uint8)}, "y_test has the shape", id="one-hot"),
        pytest.param({"x_test": np.zeros((0, 28, 28), np.uint8)}, "x_test has the shape", id="no images"),
        pytest.param({"y_train": np.array([{}] * 30)}, "plain NumPy arrays", id="pickled objects"),
    ],
)
def test_arrays_that_are_not_mnist_shaped_get_a_sentence(
    tmp_path: Path, changed: dict[str, Any], sentence: str
) -> None:
    whole: dict[str, Any] = {
        "x_train": np.zeros((30, 28, 28), np.uint8),
        "y_train": np.zeros(30, np.uint8),
        "x_test": np.zeros((10, 28, 28), np.uint8),
        "y_test": np.zeros(10, np.uint8),
    }
    file = tmp_path / "mnist.npz"
    np.savez(file, **(whole | changed))
    with pytest.raises(DataError, match=sentence) as caught:
        read(file)
    assert str(file) in str(caught.value)


def test_a_missing_array_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "mnist.npz", x_train=np.zeros((1, 28, 28), np.uint8))
    with pytest.raises(DataError, match="no train labels; an archive holds x_train"):
        read(tmp_path / "mnist.npz")


def npy() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    return buffer.getvalue()


def zip_of_text() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for key in ("x_train", "y_train", "x_test", "y_test"):
            archive.writestr(f"{key}.npy", "not an array")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(b"", "cut off", id="empty"),
        pytest.param(npy(), "single NumPy array", id="npy"),
        pytest.param(b"PK\x03\x04" + bytes(99), "cut off or damaged", id="torn zip"),
        pytest.param(zip_of_text(), "x_train is not an array", id="zip of text"),
        pytest.param(b"\x80\x04\x95 pickle", "plain NumPy arrays", id="pickle"),
        pytest.param(b"<html>", "plain NumPy arrays", id="html"),
    ],
)
def test_what_is_no_archive_gets_a_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    file = tmp_path / "mnist.npz"
    file.write_bytes(content)
    with pytest.raises(DataError, match=sentence):
        read(file)


def test_any_damage_to_an_archive_is_a_data_error_or_seen_by_checksum(
    tmp_path: Path, arrays: Arrays, write_npz: WriteNpz
) -> None:
    file = write_npz(tmp_path / "mnist.npz", arrays)
    whole = file.read_bytes()
    published = {part: idx_sha256(values) for part, values in arrays.items()}
    for place in range(0, len(whole), len(whole) // 150):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            contents = read(file)
        except DataError:
            continue
        assert {part: idx_sha256(content) for part, content in contents.items()} == published


def test_a_missing_file_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path / "mnist.npz")
