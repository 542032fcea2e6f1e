"""Download a known dataset from its mirrors; a file gets its name only when it is complete and verified."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
import time
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final, cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from mnist_tui.data.errors import DataError, DataProgress, OnProgress
from mnist_tui.data.idx import read_idx
from mnist_tui.data.known import KNOWN, PART_TITLES, PARTS, KnownDataset, Part
from mnist_tui.data.reading import file_md5
from mnist_tui.files import is_abandoned, temporary_prefix

PROBE_TIMEOUT, CONNECT_TIMEOUT, SILENCE_TIMEOUT, _SETTLE = 2.5, 1.5, 10.0, 0.3
"""Seconds; a machine without network is recognised in under five."""
TEMPORARY: Final = ".download-"
_MOST_BYTES: Final = 2_000_000_000
"""The largest file that is taken out of an archive."""


class DownloadError(DataError):
    """The error for a dataset that no mirror delivered; the message says what each mirror did."""


def download(known: KnownDataset, folder: Path, on_progress: OnProgress | None = None) -> None:
    """Download the dataset's files into a folder; files in it that are complete and right are kept.

    Raises:
        DownloadError: No mirror answers, no mirror has the right files, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(f"{TEMPORARY}*"):
            if is_abandoned(left):  # by a download or an import that was killed
                shutil.rmtree(left, ignore_errors=True)
        files = _published(known)
        wanted = [file for file in files if _problem(folder / file.name, known, file) is not None]
        if not wanted or _taken_out(known, folder):
            return
        mirrors = reachable(known.mirrors)
        if not mirrors:
            hosts = ", ".join(dict.fromkeys(_host(mirror) for mirror in known.mirrors))
            raise DownloadError(f"no connection to {hosts}")
        with tempfile.TemporaryDirectory(prefix=temporary_prefix(TEMPORARY), dir=folder) as temporary:
            _fetch_all(known, wanted, mirrors, folder=folder, temporary=Path(temporary), on_progress=on_progress)
    except DataError:
        raise
    except OSError as failure:
        raise DownloadError(f"{folder} cannot be written: {failure.strerror or failure}") from None


@dataclass(frozen=True, slots=True)
class _Published:
    """A published file: its name on the mirrors and on disk, about its size, and the part in it (None: all parts)."""

    name: str
    size: int
    part: Part | None


def _published(known: KnownDataset) -> tuple[_Published, ...]:
    if known.archive:
        return (_Published(known.archive, known.download_bytes, None),)
    return tuple(_Published(f"{known.file_names[part]}.gz", known.packed_bytes[part], part) for part in PARTS)


def _taken_out(known: KnownDataset, folder: Path) -> bool:
    """Return whether all files of a dataset that is published in a ZIP archive are in the folder already."""
    return known.archive.endswith(".zip") and all((folder / f"{known.file_names[part]}.gz").is_file() for part in PARTS)


def take_out(archive: Path, folder: Path, temporary: Path) -> None:
    """Move the files of all datasets of a ZIP archive like EMNIST's into a folder; other files in it are ignored.

    Raises:
        DataError: The archive is damaged.
        OSError: The folder cannot be written.
    """
    wanted = {
        f"{name}.gz" for known in KNOWN.values() if known.archive == archive.name for name in known.file_names.values()
    }
    try:
        with zipfile.ZipFile(archive) as opened:
            for entry in opened.infolist():
                name = entry.filename.rpartition("/")[2]
                if name not in wanted or entry.file_size > _MOST_BYTES:
                    continue
                with opened.open(entry) as source, (temporary / name).open("wb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
                (temporary / name).replace(folder / name)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as damage:
        raise DataError(f"{archive} is damaged: {damage}; copy or download it again") from None


def reachable(mirrors: Sequence[str]) -> tuple[str, ...]:
    """Return the mirrors whose host (or proxy) accepts a connection, in their order; all are tried at once.

    Name resolution has no timeout, so each mirror is tried in a thread of its own, which may outlive this call.
    """
    answers: SimpleQueue[tuple[str, bool]] = SimpleQueue()
    for mirror in mirrors:
        threading.Thread(target=_probe, args=(mirror, answers), daemon=True).start()
    accepted: set[str] = set()
    deadline = time.monotonic() + PROBE_TIMEOUT
    for _ in mirrors:
        try:
            mirror, accepts = answers.get(timeout=max(deadline - time.monotonic(), 0.001))
        except Empty:
            break
        if accepts:
            accepted.add(mirror)
            deadline = min(deadline, time.monotonic() + _SETTLE)
    return tuple(mirror for mirror in mirrors if mirror in accepted)


def _probe(mirror: str, answers: SimpleQueue[tuple[str, bool]]) -> None:
    try:
        socket.create_connection(_address(mirror), timeout=PROBE_TIMEOUT).close()
        answers.put((mirror, True))
    except (OSError, ValueError):
        answers.put((mirror, False))


def _address(url: str) -> tuple[str, int]:
    """Return the host and port that a request for the URL connects to: the URL's, or the proxy's."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxies = {} if proxy_bypass(host) else getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if proxy:
        parts = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


class _Bar:
    """A progress bar as pooch expects it, which reports `DataProgress`."""

    def __init__(self, on_progress: OnProgress, before: int, size: int, total: int, text: str) -> None:
        self.total = 0
        self._on_progress = on_progress
        self._before, self._size, self._all, self._text = before, size, total, text
        self._done = 0

    def update(self, count: int) -> None:
        self._done += count
        done = min(self._before + min(self._done, self._size), self._all)
        self._on_progress(DataProgress("downloading", done, self._all, self._text))

    def reset(self) -> None:
        self._done = 0

    def close(self) -> None:
        pass


def _fetch_all(
    known: KnownDataset,
    wanted: Sequence[_Published],
    mirrors: Sequence[str],
    *,
    folder: Path,
    temporary: Path,
    on_progress: OnProgress | None,
) -> None:
    total, before = sum(file.size for file in wanted), 0
    for file in wanted:
        complaints: list[str] = []
        for mirror in mirrors:
            text = f"downloading {known.title}: {file.name} from {_host(mirror)}"
            bar = on_progress and _Bar(on_progress, before, file.size, total, text)
            got = temporary / file.name
            complaint = _fetch(address(mirror, file.name), got, bar) or _problem(got, known, file)
            if complaint is None:
                if known.archive.endswith(".zip"):
                    take_out(got, folder, temporary)
                else:
                    got.replace(folder / file.name)
                break
            complaints.append(f"{_host(mirror)} {complaint}")
        else:
            raise DownloadError(f"{file.name}: {', '.join(complaints)}")
        before += file.size


def address(mirror: str, name: str) -> str:
    """Return the address of a file on a mirror; `{}` in the mirror's address stands for the name."""
    return mirror.replace("{}", name) if "{}" in mirror else mirror + name


def _fetch(url: str, file: Path, bar: _Bar | None) -> str | None:
    """Download a file from its beginning; return the failure in words, or None."""
    import pooch  # type: ignore[import-untyped]
    import requests

    timeout = (CONNECT_TIMEOUT, SILENCE_TIMEOUT)
    downloader = pooch.HTTPDownloader(progressbar=cast(bool, bar or False), chunk_size=1 << 16, timeout=timeout)
    try:
        downloader(url, str(file), None)
    except requests.HTTPError as error:
        return "answered with an error" if error.response is None else f"answered {error.response.status_code}"
    except requests.Timeout:
        return "did not answer in time"
    except requests.RequestException:
        return "closed the connection"
    return None


def _problem(path: Path, known: KnownDataset, file: _Published) -> str | None:
    """Return why a file is not the published one; None if it is."""
    if (published := known.md5.get(file.name)) is not None:
        if not path.is_file():
            return "gave no file"
        what = "file" if file.part is None else PART_TITLES[file.part]
        return (
            None if file_md5(path) == published else f"gave a file that is not {known.title}'s {what} (its MD5 differs)"
        )
    assert file.part is not None, "an archive has a published MD5"
    try:
        content = read_idx(path, "images" if file.part.endswith("images") else "labels")
    except DataError as error:
        return f"gave a file that cannot be used ({str(error).removeprefix(f'{path} ')})"
    if content.sha256 != known.sha256[file.part]:
        return f"gave a file that is not {known.title}'s {PART_TITLES[file.part]} (its checksum differs)"
    return None


def _host(url: str) -> str:
    return urlsplit(url).hostname or url
