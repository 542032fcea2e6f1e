"""IDX files, whole and broken: each fault gets one sentence that names the file."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from mnist_tui.data.errors import DataError
from mnist_tui.data.idx import Kind, idx_header, idx_sha256, read_idx

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 28, 28), dtype=np.uint8)
LABELS = (np.arange(12) % 10).astype(np.uint8)
RAW_IMAGES = idx_header(IMAGES) + IMAGES.tobytes()
RAW_LABELS = idx_header(LABELS) + LABELS.tobytes()
GZIPPED = gzip.compress(RAW_IMAGES)


@pytest.mark.parametrize("name", ["images", "images.gz"])
@pytest.mark.parametrize("content", [RAW_IMAGES, GZIPPED], ids=["plain", "gzipped"])
def test_packing_is_told_by_content_not_by_name(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    read = read_idx(tmp_path / name, "images")
    np.testing.assert_array_equal(read.values, IMAGES)
    assert read.sha256 == idx_sha256(IMAGES)
    assert not read.values.flags.writeable


def test_labels_are_read_with_their_checksum(tmp_path: Path) -> None:
    (tmp_path / "labels").write_bytes(RAW_LABELS)
    read = read_idx(tmp_path / "labels", "labels")
    np.testing.assert_array_equal(read.values, LABELS)
    assert read.sha256 == idx_sha256(LABELS)


def test_the_position_in_the_file_ends_at_its_size(tmp_path: Path) -> None:
    (tmp_path / "images").write_bytes(GZIPPED)
    positions: list[int] = []
    read_idx(tmp_path / "images", "images", positions.append)
    assert positions[-1] == len(GZIPPED)


def header(*sizes: int, magic: int = 0x803) -> bytes:
    return struct.pack(f">{1 + len(sizes)}I", magic, *sizes)


@pytest.mark.parametrize(
    ("content", "kind", "sentence"),
    [
        pytest.param(b"", "images", "is empty", id="empty"),
        pytest.param(b"\0", "images", "not an IDX file", id="one byte"),
        pytest.param(header(5_000_000, 64, 64), "images", "far more than a file of 16 bytes", id="more than fits"),
        pytest.param(RAW_IMAGES[:10], "images", "cut off within its header", id="half a header"),
        pytest.param(RAW_IMAGES[:-1], "images", "9,408 bytes.*only 9,407 bytes follow", id="one byte short"),
        pytest.param(RAW_IMAGES + b"\0", "images", "goes on after the 12 images", id="one byte more"),
        pytest.param(gzip.compress(RAW_IMAGES[:-5]), "images", "cut off", id="short within a whole gzip"),
        pytest.param(GZIPPED[:-200], "images", "gzip stream ends early", id="gzip cut off"),
        pytest.param(GZIPPED[:5], "images", "gzip stream ends early", id="gzip header cut off"),
        pytest.param(GZIPPED[:3000] + b"\xff" * 500 + GZIPPED[3500:], "images", "damaged", id="gzip overwritten"),
        pytest.param(GZIPPED[:-8] + bytes(8), "images", "damaged", id="gzip checksum wrong"),
        pytest.param(RAW_LABELS, "images", "holds labels.*where images are needed", id="labels for images"),
        pytest.param(RAW_IMAGES, "labels", "holds images.*where labels are needed", id="images for labels"),
        pytest.param(header(12, 784, magic=0x802), "images", "has 2 dimensions", id="two dimensions"),
        pytest.param(header(1, 28, 28, magic=0xD03), "images", "float32 values", id="floats"),
        pytest.param(header(1, 65, 32), "images", "65×32 pixels; edges of 4 to 64 .* data import", id="65×32"),
        pytest.param(header(1, 28, 28, 4, magic=0x804), "images", "images of 4 channels", id="four channels"),
        pytest.param(header(9, 3, magic=0xC02), "labels", "has 3 columns of labels", id="three columns"),
        pytest.param(header(2**32 - 1, 28, 28), "images", "4,294,967,295 images", id="absurd count"),
        pytest.param(header(0, 28, 28), "images", "holds 0 images", id="no images"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(50), "images", "a PNG picture", id="png"),
        pytest.param(b"<!doctype html><p>Sign in", "images", "a web page", id="html"),
        pytest.param(gzip.compress(b"<html>"), "images", "a web page", id="html in gzip"),
        pytest.param(b"PK\x03\x04" + bytes(50), "images", "a ZIP archive", id="zip"),
        pytest.param(b"\x93NUMPY" + bytes(50), "images", "a NumPy array", id="npy"),
        pytest.param(b"\x80\x04\x95" + bytes(50), "images", "not an IDX file", id="pickle"),
    ],
)
def test_a_broken_file_gets_one_sentence(tmp_path: Path, content: bytes, kind: Kind, sentence: str) -> None:
    file = tmp_path / "train-images-idx3-ubyte"
    file.write_bytes(content)
    with pytest.raises(DataError, match=sentence) as caught:
        read_idx(file, kind)
    message = str(caught.value)
    assert message.startswith(str(file))
    assert "\n" not in message
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_every_truncation_of_a_gzip_is_a_data_error(tmp_path: Path) -> None:
    packed = gzip.compress(RAW_LABELS)
    for length in range(len(packed)):
        (tmp_path / "labels").write_bytes(packed[:length])
        with pytest.raises(DataError):
            read_idx(tmp_path / "labels", "labels")


def test_a_file_that_is_not_there_and_a_folder_in_its_place_get_a_sentence(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            read_idx(path, "images")
