"""Download a known dataset from its mirrors; a file gets its name only when it is complete and verified."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final, cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from mnist_tui.data.catalogue import (
    FILE_NAMES,
    PART_TITLES,
    PARTS,
    DataError,
    DataProgress,
    KnownDataset,
    OnProgress,
    Part,
)
from mnist_tui.data.reading import read_idx
from mnist_tui.files import is_abandoned, temporary_prefix

PROBE_TIMEOUT, CONNECT_TIMEOUT, SILENCE_TIMEOUT, _SETTLE = 2.5, 1.5, 10.0, 0.3
"""Seconds; a machine without network is recognised in under five."""
TEMPORARY: Final = ".download-"


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
        wanted: list[Part] = [part for part in PARTS if _problem(folder / packed_name(part), known, part) is not None]
        if not wanted:
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


def packed_name(part: Part) -> str:
    """Return the name of a part's gzip file, on the mirrors and on disk."""
    return f"{FILE_NAMES[part]}.gz"


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
    wanted: Sequence[Part],
    mirrors: Sequence[str],
    *,
    folder: Path,
    temporary: Path,
    on_progress: OnProgress | None,
) -> None:
    sizes = known.packed_bytes
    total, before = sum(sizes[part] for part in wanted), 0
    for part in wanted:
        name = packed_name(part)
        complaints: list[str] = []
        for mirror in mirrors:
            text = f"downloading {known.title}: {name} from {_host(mirror)}"
            bar = on_progress and _Bar(on_progress, before, sizes[part], total, text)
            complaint = _fetch(mirror + name, temporary / name, bar) or _problem(temporary / name, known, part)
            if complaint is None:
                (temporary / name).replace(folder / name)
                break
            complaints.append(f"{_host(mirror)} {complaint}")
        else:
            raise DownloadError(f"{name}: {', '.join(complaints)}")
        before += sizes[part]


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


def _problem(file: Path, known: KnownDataset, part: Part) -> str | None:
    """Return why a file is not the published one; None if it is."""
    try:
        content = read_idx(file, "images" if part.endswith("images") else "labels")
    except DataError as error:
        return f"gave a file that cannot be used ({str(error).removeprefix(f'{file} ')})"
    if content.sha256 != known.sha256[part]:
        return f"gave a file that is not {known.title}'s {PART_TITLES[part]} (its checksum differs)"
    return None


def _host(url: str) -> str:
    return urlsplit(url).hostname or url
