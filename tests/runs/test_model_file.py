"""The arrays of a `model.keras` that may be somebody else's."""

import io
import os
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from mnist_tui.runs.first_weights import WEIGHTS, array, weights_of


def archive(path: Path, weights: bytes, name: str = WEIGHTS) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("config.json", "{}")
        file.writestr(name, weights)
    return path


def test_an_array_is_read(tmp_path: Path) -> None:
    whole = io.BytesIO()
    with h5py.File(whole, "w") as file:
        file["layers/dense/vars/0"] = np.arange(6.0).reshape(2, 3)
    path = archive(tmp_path / "model.keras", whole.getvalue())
    with h5py.File(weights_of(path, 100_000), "r") as file:
        assert array(file, "layers/dense/vars/0", 100).tolist() == [[0, 1, 2], [3, 4, 5]]
        with pytest.raises(ValueError, match="is larger than 40 bytes"):
            array(file, "layers/dense/vars/0", 40)
        with pytest.raises(ValueError, match="is not an array"):
            array(file, "layers/dense", 100)


def test_an_array_in_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(b"secret  ")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = [1.0]
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        file["link"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "secret")
        file.create_dataset("raw", (1,), "f8", external=[(str(tmp_path / "secret.bin"), 0, 8)])
        layout = h5py.VirtualLayout((1,), "f8")
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "secret", (1,))
        file.create_virtual_dataset("virtual", layout)
    path = archive(tmp_path / "model.keras", (tmp_path / "weights.h5").read_bytes())
    with h5py.File(weights_of(path, 100_000), "r") as file:
        for name in ("raw", "virtual"):
            with pytest.raises(ValueError, match="is not an array of this file"):
                array(file, name, 100)
        with pytest.raises((ValueError, KeyError)):
            array(file, "link", 100)


def test_what_is_too_large_no_archive_a_link_or_a_pipe_is_refused(tmp_path: Path) -> None:
    bomb = archive(tmp_path / "bomb.keras", bytes(10_000_000))
    assert bomb.stat().st_size < 20_000
    with pytest.raises(ValueError, match="larger than 1,000 bytes"):
        weights_of(bomb, 1_000)
    with pytest.raises(ValueError, match=f"it has no {WEIGHTS}"):
        weights_of(archive(tmp_path / "other.keras", b"", "other.h5"), 1_000)
    (tmp_path / "text.keras").write_text("no archive")
    with pytest.raises(ValueError, match="not a zip file"):
        weights_of(tmp_path / "text.keras", 1_000)
    (tmp_path / "link.keras").symlink_to(bomb)
    os.mkfifo(tmp_path / "pipe.keras")
    for name, why in (("link", "symbolic link"), ("pipe", "a pipe")):
        with pytest.raises(OSError, match=why):
            weights_of(tmp_path / f"{name}.keras", 1_000)
