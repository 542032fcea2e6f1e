"""Archives of arrays are read within limits, whatever they claim to hold."""

from __future__ import annotations

import contextlib
import io
import os
import tracemalloc
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_tui.data.errors import DataError
from mnist_tui.data.npz import read_npz
from mnist_tui.files import ALWAYS_BYTES, UnreadableFileError, read_arrays
from mnist_tui.runs.epoch_predictions import HEAD, PredictionsReader, append
from mnist_tui.runs.predictions import read_predictions


@pytest.fixture
def bomb(tmp_path: Path) -> Path:
    """An archive of 300 kB that unpacks to 300 MB."""
    path = tmp_path / "bomb.npz"
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (300_000_000,)})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("labels", "x_train", "model-00000"):
            with archive.open(f"{name}.npy", "w") as member:
                member.write(header.getvalue())
                for _ in range(100):
                    member.write(bytes(1_000_000))
    return path


def test_arrays_come_back_as_they_were_written(tmp_path):
    path = tmp_path / "some.npz"
    arrays: dict[str, Any] = {
        "scalar": np.float32(3.5),
        "rows": np.arange(12, dtype=np.int64).reshape(3, 4),
        "columns": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        "empty": np.empty((0, 28, 28), np.uint8),
        "names": np.array(["a", "bc"]),
    }
    for save in (np.savez, np.savez_compressed):
        save(path, **arrays)
        found = read_arrays(path)
        assert found.keys() == arrays.keys()
        for name, array in arrays.items():
            np.testing.assert_array_equal(found[name], array)
            assert found[name].dtype == array.dtype
    assert list(read_arrays(path, ["rows", "absent"])) == ["rows"]


def test_a_bomb_is_refused_before_it_is_unpacked(bomb):
    tracemalloc.start()
    try:
        for read in (read_arrays, lambda path: read_arrays(path, ["labels"])):
            with pytest.raises(UnreadableFileError, match=r"unpack to far more|larger than"):
                read(bomb)
        assert read_predictions(bomb, 10) is None
        with pytest.raises(DataError, match="unpack to far more"):
            read_npz({"train_labels": (bomb, "labels")})
        assert tracemalloc.get_traced_memory()[1] < ALWAYS_BYTES / 4
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '|u1', 'fortran_order': False, 'shape': (4,), 'x",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (-4,), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (" + "9" * 5000 + ",), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999,), }",
        "(" * 3000,
        "",
    ],
)
def test_a_damaged_header_is_told_in_a_sentence(tmp_path, header):
    path = tmp_path / "some.npz"
    text = header.encode() + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + b"abcd")
    with pytest.raises(UnreadableFileError, match="is not an archive of plain NumPy arrays"):
        read_arrays(path)


@given(st.data())
def test_any_damage_is_told_in_a_sentence(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("archive") / "some.npz"
    np.savez_compressed(path, a=np.arange(50), b=np.ones((3, 3), np.float32))
    whole = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    with contextlib.suppress(UnreadableFileError):
        read_arrays(path)


def test_a_pipe_and_a_link_are_no_archive(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    (tmp_path / "link.npz").symlink_to("/dev/zero")
    for name, why in (("pipe.npz", "is a pipe"), ("link.npz", "is a symbolic link")):
        with pytest.raises(UnreadableFileError, match=why):
            read_arrays(tmp_path / name)


def test_a_bomb_among_the_predictions_of_epochs_is_no_prediction(tmp_path):
    path = tmp_path / "predicted.bin"
    append(path, 1, np.full((20, 10), 0.1))
    packed = zlib.compress(bytes(100_000_000))
    with path.open("ab") as file:
        file.write(HEAD.pack(2, len(packed)) + packed)
    append(path, 3, np.full((20, 10), 0.1))
    found = PredictionsReader(path)
    tracemalloc.start()
    try:
        assert found.read(2) is None
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()
    assert found.epochs() == [1, 2, 3]
    three = found.read(3)
    assert three is not None
    assert len(three.classes) == 20


def test_many_records_that_drop_each_other_are_read_quickly(tmp_path):
    path = tmp_path / "predicted.bin"
    many = b"".join(HEAD.pack(epoch, 1) + b"x" for epoch in range(50_000))
    path.write_bytes(many + (HEAD.pack(60_000, 1) + b"x" + HEAD.pack(59_999, 0)) * 50_000)
    assert PredictionsReader(path).epochs()[-1] == 49_999
