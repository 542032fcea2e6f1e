"""Downloading, from a server on this machine that misbehaves as asked."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from mnist_tui.data import catalogue, download
from mnist_tui.data.datasets import load
from mnist_tui.data.errors import DataProgress, MissingDataError
from mnist_tui.data.idx import idx_header
from mnist_tui.data.known import FILE_NAMES, KNOWN, PARTS

from .conftest import Arrays, WriteIdx

pytestmark = pytest.mark.usefixtures("bare_machine")

IMAGES = f"{FILE_NAMES['train_images']}.gz"


class Mirror:
    """A server: what it sends for each path, and which paths were asked for. `promised` beats a body's length."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        self.promised: dict[str, int] = {}
        self.asked: list[str] = []
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.rsplit("/", 1)[-1]
                mirror.asked.append(name)
                body = mirror.bodies.get(name)
                if body is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(mirror.promised.get(name, len(body))))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/mnist/"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def mirrors(as_mnist: Arrays, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Mirror, Mirror]]:
    """Two mirrors of MNIST, both whole until a test breaks them."""
    both = (Mirror(), Mirror())
    for mirror in both:
        for part in PARTS:
            raw = idx_header(as_mnist[part]) + as_mnist[part].tobytes()
            mirror.bodies[f"{FILE_NAMES[part]}.gz"] = gzip.compress(raw)
    published = replace(KNOWN["mnist"], mirrors=tuple(mirror.url for mirror in both))
    monkeypatch.setitem(KNOWN, "mnist", published)  # type: ignore[arg-type]
    yield both
    for mirror in both:
        mirror.server.shutdown()
        mirror.server.server_close()


def cached_names() -> set[str]:
    folder = catalogue.download_cache() / "mnist"
    return {file.name for file in folder.iterdir()} if folder.is_dir() else set()


ALL = {f"{name}.gz" for name in FILE_NAMES.values()}


def test_a_download_is_verified_kept_and_not_repeated(mirrors: tuple[Mirror, Mirror], as_mnist: Arrays) -> None:
    dataset = load("mnist")
    np.testing.assert_array_equal(dataset.train_images, as_mnist["train_images"])
    assert dataset.verified
    assert dataset.source == str(catalogue.download_cache() / "mnist")
    assert cached_names() == ALL
    first, second = mirrors
    assert sorted(first.asked) == sorted(ALL)
    load("mnist")
    assert len(first.asked) == 4
    assert not second.asked


def test_progress_counts_bytes_up_to_the_published_size(mirrors: tuple[Mirror, Mirror]) -> None:
    seen: list[DataProgress] = []
    load("mnist", on_progress=seen.append)
    downloading = [progress for progress in seen if progress.phase == "downloading"]
    assert {progress.total for progress in downloading} == {40_000}
    assert all(0 < progress.done <= 40_000 for progress in downloading)
    assert f"{IMAGES} from 127.0.0.1" in downloading[0].text
    assert seen[-1].phase == "verifying"


@pytest.mark.parametrize("fault", ["body cut off", "gzip cut off", "other images", "web page", "absent"])
def test_what_one_mirror_gets_wrong_another_mends(mirrors: tuple[Mirror, Mirror], as_mnist: Arrays, fault: str) -> None:
    first, second = mirrors
    whole = first.bodies[IMAGES]
    match fault:
        case "body cut off":
            first.bodies[IMAGES], first.promised[IMAGES] = whole[:5000], len(whole)
        case "gzip cut off":
            first.bodies[IMAGES] = whole[:5000]
        case "other images":
            inverted = 255 - as_mnist["train_images"]
            first.bodies[IMAGES] = gzip.compress(idx_header(inverted) + inverted.tobytes())
        case "web page":
            first.bodies[IMAGES] = b"<html>Please sign in to the network"
        case _:
            del first.bodies[IMAGES]
    assert load("mnist").verified
    assert second.asked == [IMAGES]


def test_after_a_break_the_next_attempt_fetches_what_is_left(mirrors: tuple[Mirror, Mirror]) -> None:
    whole = mirrors[0].bodies["t10k-images-idx3-ubyte.gz"]
    for mirror in mirrors:
        mirror.bodies["t10k-images-idx3-ubyte.gz"] = whole[:1000]
        mirror.promised["t10k-images-idx3-ubyte.gz"] = len(whole)
    with pytest.raises(MissingDataError, match=r"t10k-images-idx3-ubyte.gz: 127.0.0.1 closed the connection"):
        load("mnist")
    assert cached_names() == {IMAGES, "train-labels-idx1-ubyte.gz"}

    for mirror in mirrors:
        mirror.bodies["t10k-images-idx3-ubyte.gz"] = whole
        mirror.asked.clear()
    assert load("mnist").verified
    assert cached_names() == ALL
    assert mirrors[0].asked == ["t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"]


def test_an_interrupted_download_leaves_no_half_file(mirrors: tuple[Mirror, Mirror]) -> None:
    def interrupt(progress: DataProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load("mnist", on_progress=interrupt)
    assert cached_names() == set()


def test_a_damaged_file_in_the_own_cache_is_fetched_again(
    mirrors: tuple[Mirror, Mirror], as_mnist: Arrays, write_idx: WriteIdx
) -> None:
    folder = write_idx(catalogue.download_cache() / "mnist", as_mnist)
    (folder / IMAGES).write_bytes(b"torn")
    assert load("mnist").verified
    assert mirrors[0].asked == [IMAGES]


def test_leftovers_of_killed_downloads_are_removed_but_not_those_of_running_ones(
    mirrors: tuple[Mirror, Mirror], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = catalogue.download_cache() / "mnist"
    (folder / ".download-running").mkdir(parents=True)
    load("mnist")
    assert ".download-running" in cached_names()
    (folder / IMAGES).unlink()
    now = time.time()
    monkeypatch.setattr("mnist_tui.data.download.time.time", lambda: now + 25 * 3600)
    load("mnist")
    assert cached_names() == ALL


def test_a_cache_that_cannot_be_written_gets_a_sentence(
    mirrors: tuple[Mirror, Mirror], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(MissingDataError, match="cannot be written"):
        load("mnist")


def test_nothing_is_asked_of_the_network_when_a_download_is_not_wanted(mirrors: tuple[Mirror, Mirror]) -> None:
    with pytest.raises(MissingDataError):
        load("mnist", download=False)
    assert not mirrors[0].asked


def publish_at(monkeypatch: pytest.MonkeyPatch, *mirrors: str) -> None:
    monkeypatch.setitem(KNOWN, "mnist", replace(KNOWN["mnist"], mirrors=mirrors))  # type: ignore[arg-type]


@pytest.mark.usefixtures("as_mnist")
def test_a_refused_connection_says_how_to_bring_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    publish_at(monkeypatch, f"http://127.0.0.1:{port}/", f"http://127.0.0.1:{port}/again/")
    with pytest.raises(MissingDataError, match=r"no connection to 127.0.0.1") as caught:
        load("mnist")
    assert all(name in str(caught.value) for name in FILE_NAMES.values())


def test_a_machine_without_network_is_found_out_in_under_five_seconds() -> None:
    assert download.PROBE_TIMEOUT + download.CONNECT_TIMEOUT < 5


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same limits, shorter, so that the tests need not wait for them."""
    monkeypatch.setattr(download, "PROBE_TIMEOUT", 0.1)
    monkeypatch.setattr(download, "CONNECT_TIMEOUT", 0.1)


@pytest.mark.usefixtures("as_mnist", "hurried")
def test_a_name_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def hang(*address: object, **options: object) -> socket.socket:
        release.wait()
        raise OSError

    publish_at(monkeypatch, "https://one.invalid/", "https://two.invalid/")
    monkeypatch.setattr(socket, "create_connection", hang)
    with pytest.raises(MissingDataError, match=r"no connection to one.invalid, two.invalid"):
        load("mnist")
    release.set()


@pytest.mark.usefixtures("as_mnist")
def test_a_network_that_accepts_but_never_shakes_hands_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "CONNECT_TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        publish_at(monkeypatch, f"https://127.0.0.1:{port}/", f"https://127.0.0.1:{port}/again/")
        with pytest.raises(MissingDataError, match="did not answer in time"):
            load("mnist")


def test_a_proxy_is_what_is_asked_for_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    from mnist_tui.data.download import reachable

    monkeypatch.delenv("no_proxy", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        assert reachable(["https://mirror.invalid/"]) == ("https://mirror.invalid/",)
    monkeypatch.setenv("no_proxy", "mirror.invalid")
    assert reachable(["https://mirror.invalid/"]) == ()
