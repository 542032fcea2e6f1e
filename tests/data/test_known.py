"""Every kind of known dataset, with small files of the same form: from a server on this machine, and from a folder."""

from __future__ import annotations

import gzip
import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_tui.data import catalogue, datasets
from mnist_tui.data.catalogue import search
from mnist_tui.data.datasets import load
from mnist_tui.data.download import address
from mnist_tui.data.errors import DataError, MissingDataError
from mnist_tui.data.facts import facts_of
from mnist_tui.data.idx import idx_header
from mnist_tui.data.known import FILE_NAMES, KNOWN, PARTS, Part
from mnist_tui.experiment.shapes import LARGEST_EDGE, MOST_CLASSES
from mnist_tui.report.contents.documents import DATASET_WORKS

pytestmark = pytest.mark.usefixtures("bare_machine")
Arrays = dict[Part, NDArray[Any]]
COUNTS = {"train": 30, "validation": 12, "test": 12}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address at which a server on this machine offers its files."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def images_and_labels(name: str) -> Arrays:
    """Images and labels from 0, as the dataset has them when it is read."""
    known, generator = KNOWN[name], np.random.default_rng(7)
    shape = known.image if known.image[2] > 1 else known.image[:2]
    arrays: Arrays = {}
    for part in known.parts:
        count = COUNTS[part.split("_")[0]]
        if part.endswith("images"):
            arrays[part] = generator.integers(0, 256, (count, *shape), dtype=np.uint8)
        else:
            arrays[part] = (np.arange(count) % len(known.class_names)).astype(np.uint8)
    return arrays


def idx(values: NDArray[Any]) -> bytes:
    return idx_header(values) + values.tobytes()


def extended(labels: NDArray[Any]) -> bytes:
    """QMNIST's labels: eight columns of 32 bits."""
    table = np.full((len(labels), 8), 2_000_000, ">i4")
    table[:, 0] = labels
    return bytes((0, 0, 0x0C, 2)) + np.array(table.shape, ">i4").tobytes() + table.tobytes()


def published(name: str, arrays: Arrays) -> dict[str, bytes]:
    """The files of a dataset as its publisher packs them: transposed, counted from 1, with more columns."""
    known = KNOWN[name]
    if known.archive.endswith(".npz"):
        keys = {part: part.replace("validation", "val") for part in arrays}
        labels = {keys[part]: values.reshape(-1, 1) for part, values in arrays.items() if part.endswith("labels")}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **{keys[part]: each for part, each in arrays.items()} | labels)  # type: ignore[arg-type]
        return {known.archive: buffer.getvalue()}
    files: dict[str, bytes] = {}
    for part, values in arrays.items():
        if part.endswith("images"):
            raw = idx(np.ascontiguousarray(values.swapaxes(1, 2)) if known.transposed else values)
        else:
            raw = extended(values) if name == "qmnist" else idx((values + known.first_label).astype(np.uint8))
        files[f"{known.file_names[part]}.gz"] = gzip.compress(raw)
    if not known.archive:
        return files
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file, content in files.items():
            archive.writestr(f"gzip/{file}", content)
        archive.writestr("../outside.txt", "never written")
    return {known.archive: buffer.getvalue()}


def publish(monkeypatch: pytest.MonkeyPatch, name: str, files: Mapping[str, bytes], mirror: str = "") -> None:
    """Let the catalogue state the checksums, counts and address of small files."""
    md5 = {file: hashlib.md5(content, usedforsecurity=False).hexdigest() for file, content in files.items()}
    counts = {split: COUNTS[split] for split in KNOWN[name].counts}
    small = replace(KNOWN[name], md5=md5, counts=counts, mirrors=(mirror,) if mirror else ())
    monkeypatch.setitem(KNOWN, name, small)  # type: ignore[arg-type]


def assert_holds(name: str, arrays: Arrays) -> None:
    dataset = load(name, download=False)
    for part, values in arrays.items():
        np.testing.assert_array_equal(getattr(dataset, part), values)
    assert (dataset.image_shape, dataset.class_names) == (KNOWN[name].image, KNOWN[name].class_names)


DOWNLOADED = ["kmnist", "qmnist", "emnist-letters", "emnist-balanced", "pathmnist", "octmnist"]


@pytest.mark.parametrize("name", DOWNLOADED)
def test_a_download_is_read_as_the_images_and_classes_that_it_holds(
    served: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder, url = served
    arrays = images_and_labels(name)
    files = published(name, arrays)
    for file, content in files.items():
        (folder / file).write_bytes(content)
    publish(monkeypatch, name, files, f"{url}{{}}?download=1" if name == "pathmnist" else url)
    dataset = load(name)
    assert dataset.verified == (not name.startswith("emnist"))
    assert_holds(name, arrays)
    (status,) = (each for each in datasets.status() if each.name == name)
    assert status.state == ("complete" if name.startswith("emnist") else "verified")


@pytest.mark.parametrize("name", DOWNLOADED)
@pytest.mark.parametrize("fault", ["other bytes", "cut off", "absent"])
def test_a_wrong_download_is_refused_and_leaves_nothing(
    served: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, name: str, fault: str
) -> None:
    folder, url = served
    files = published(name, images_and_labels(name))
    publish(monkeypatch, name, files, url)
    for file, content in files.items():
        if fault != "absent":
            (folder / file).write_bytes(content[:-50] if fault == "cut off" else content + b"\0")
    sentence = "answered 404" if fault == "absent" else r"its MD5 differs"
    with pytest.raises(MissingDataError, match=sentence):
        load(name)
    assert not any(file.is_file() for file in catalogue.download_cache().rglob("*"))


def test_one_download_brings_all_the_datasets_of_an_archive(
    served: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder, url = served
    letters, digits = images_and_labels("emnist-letters"), images_and_labels("emnist-digits")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, arrays in (("emnist-letters", letters), ("emnist-digits", digits)):
            with zipfile.ZipFile(io.BytesIO(published(name, arrays)["gzip.zip"])) as inner:
                for entry in inner.infolist():
                    archive.writestr(entry.filename, inner.read(entry))
    files = {"gzip.zip": buffer.getvalue()}
    (folder / "gzip.zip").write_bytes(files["gzip.zip"])
    for name in ("emnist-letters", "emnist-digits"):
        publish(monkeypatch, name, files, url)
    load("emnist-letters")
    (folder / "gzip.zip").unlink()
    assert_holds("emnist-digits", digits)
    assert_holds("emnist-letters", letters)
    cached = {file.name for file in catalogue.download_cache().rglob("*") if file.is_file()}
    assert cached == {
        f"{name}.gz" for each in ("letters", "digits") for name in KNOWN[f"emnist-{each}"].file_names.values()
    }
    assert not list(tmp_path.rglob("outside.txt"))


@pytest.mark.parametrize("name", DOWNLOADED)
def test_the_published_files_are_imported_from_a_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    arrays = images_and_labels(name)
    files = published(name, arrays)
    publish(monkeypatch, name, files)
    for file, content in files.items():
        (tmp_path / file).write_bytes(content)
    assert [copy.name for copy in datasets.import_folder(tmp_path)] == [name]
    assert_holds(name, arrays)


def test_the_four_archives_of_kmnist_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    arrays = images_and_labels("kmnist")
    publish(monkeypatch, "kmnist", {})
    folder = tmp_path / "kmnist"
    folder.mkdir()
    for part, values in arrays.items():
        split, what = part.split("_")
        np.savez_compressed(folder / f"kmnist-{split}-{what.replace('images', 'imgs')}.npz", values)
    dataset = load("kmnist", tmp_path)
    for part, values in arrays.items():
        np.testing.assert_array_equal(getattr(dataset, part), values)
    assert not dataset.verified


def test_unpacked_files_are_counted_where_no_checksum_is_published_for_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    arrays = images_and_labels("kmnist")
    publish(monkeypatch, "kmnist", published("kmnist", arrays))
    folder = tmp_path / "kmnist"
    folder.mkdir()
    for part, values in arrays.items():
        (folder / FILE_NAMES[part]).write_bytes(idx(values))
    assert not load("kmnist", tmp_path).verified
    for part in ("train_images", "train_labels"):
        (folder / FILE_NAMES[part]).write_bytes(idx(arrays[part][:-1]))
    with pytest.raises(DataError, match=r"holds 29 images; KMNIST's training images are 30"):
        load("kmnist", tmp_path)


def test_a_packed_file_with_another_md5_is_refused_under_a_known_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    files = published("octmnist", images_and_labels("octmnist"))
    publish(monkeypatch, "octmnist", files)
    (tmp_path / "octmnist.npz").write_bytes(files["octmnist.npz"] + b"\0")
    with pytest.raises(DataError, match=r"is not OCTMNIST's octmnist.npz: its MD5 is"):
        load("octmnist", tmp_path)


def test_several_labels_for_an_image_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    arrays = images_and_labels("octmnist")
    keys = {part: part.replace("validation", "val") for part in arrays}
    arrays["train_labels"] = np.ones((30, 14), np.uint8)
    np.savez(tmp_path / "octmnist.npz", **{keys[part]: values for part, values in arrays.items()})  # type: ignore[arg-type]
    publish(monkeypatch, "octmnist", {})
    with pytest.raises(DataError, match=r"train_labels has the shape \(30, 14\).*one class for each image is needed"):
        load("octmnist", tmp_path)


def test_a_dataset_that_cannot_be_trained_on_says_why() -> None:
    with pytest.raises(DataError, match="several findings in one image"):
        load("ChestMNIST")


def test_medmnist_is_found_where_its_own_package_keeps_it(monkeypatch: pytest.MonkeyPatch, bare_machine: Path) -> None:
    arrays = images_and_labels("octmnist")
    files = published("octmnist", arrays)
    publish(monkeypatch, "octmnist", files)
    (bare_machine / ".medmnist").mkdir()
    (bare_machine / ".medmnist" / "octmnist.npz").write_bytes(files["octmnist.npz"])
    assert [place.place for place in search("octmnist")] == ["MedMNIST cache"]
    assert_holds("octmnist", arrays)


@pytest.mark.parametrize("name", KNOWN)
def test_an_entry_of_the_catalogue_is_complete(name: str) -> None:
    known = KNOWN[name]
    assert known.title and known.licence and known.about
    assert 2 <= len(known.class_names) == len(set(known.class_names)) <= MOST_CLASSES
    assert max(known.image[:2]) <= LARGEST_EDGE and known.image[2] in (1, 3)
    assert {"train", "test"} <= set(known.counts) and set(known.file_names) >= set(PARTS)
    assert facts_of(name).class_names == known.class_names
    if known.sample:
        return
    assert known.mirrors and known.download_bytes
    addresses = [address(mirror, known.archive or "name") for mirror in known.mirrors]
    assert all(each.startswith("http") and "{}" not in each for each in addresses)
    assert known.sha256 or all(len(md5) == 32 for md5 in known.md5.values())
    assert set(known.sha256) == set(PARTS) or set(known.md5) == (
        {known.archive} if known.archive else {f"{known.file_names[part]}.gz" for part in PARTS}
    )


def test_reports_cite_the_work_of_each_dataset() -> None:
    assert set(DATASET_WORKS) == set(KNOWN)


def test_no_checksum_stands_twice() -> None:
    md5 = [each for known in KNOWN.values() if known.place == known.name for each in known.md5.values()]
    assert len(md5) == len(set(md5))
