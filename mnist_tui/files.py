"""Read files that somebody else may have made, and write files so that no reader ever sees an incomplete one.

Text, JSON, TOML and archives of arrays are read from regular files only, up to limits of size and depth, so that a
damaged or hostile file ends in one sentence instead of a hang, a full memory or a traceback. Nothing is unpickled.
Files are written beside their place and then renamed.
"""

from __future__ import annotations

import codecs
import errno
import json
import math
import os
import re
import shutil
import stat
import tempfile
import time
import tokenize
import tomllib
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from functools import cache
from io import FileIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast

from mnist_tui import processes
from mnist_tui.wording import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray


TEMPORARY = ".tmp-"
"""The beginning of the names of temporary files and folders, which remain when a process is killed."""
OTHERS_SECONDS = 24 * 3600.0
"""A temporary file of another system counts as abandoned if it has not changed for so long."""
_OWNER = re.compile(r"\.[a-z]+-(?P<pid>[0-9a-f]+)\.(?P<start>[0-9a-f]+)\.(?P<system>[0-9a-f]{8})-")

TEXT_BYTES = 4_000_000
"""The largest text file that is read unless a caller allows more."""
MAX_BITS = 10_000
"""The longest whole number that is accepted, in bits; Python refuses to print numbers of about 14,300 bits."""
MAX_DEPTH = 64
"""The deepest nesting of JSON and TOML that is accepted; our own files have at most 6 levels."""

FULL = (errno.ENOSPC, errno.EDQUOT)
"""The error numbers of a full disk."""
FORBIDDEN = (errno.EACCES, errno.EPERM)
"""The error numbers of missing permissions."""


class UnreadableFileError(OSError):
    """A file that cannot be used; `strerror` says why and follows the file's name: "is a symbolic link"."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(errno.EINVAL, why, str(path))

    def __str__(self) -> str:
        return f"{self.filename} {self.strerror}"


def open_regular(path: Path, *, follow_links: bool = False) -> BinaryIO:
    """Open a regular file for reading, without ever waiting for a pipe or reading a device.

    Args:
        follow_links: whether `path` itself may be a symbolic link. That is allowed for files that a person names, but
            not in the folder of a run or study, which can come from somebody else.

    Raises:
        UnreadableFileError: the path is a link, a folder, a pipe, a socket or a device.
        OSError: the file does not exist or may not be read.
    """
    return os.fdopen(open_checked(path, os.O_RDONLY | (0 if follow_links else os.O_NOFOLLOW)), "rb")


def open_append(path: Path) -> FileIO:
    """Open a file of a run for appending and reading, unbuffered; raises as `open_regular`. A missing file is made."""
    return FileIO(open_checked(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW), "a+")


def open_checked(path: Path, flags: int) -> int:
    """Open a regular file, without ever waiting, and return its file descriptor; raises as `open_regular`.

    Args:
        flags: the flags of `os.open`; with O_NOFOLLOW a symbolic link is refused.
    """
    try:
        handle = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP and path.is_symlink():
            raise UnreadableFileError(path, "is a symbolic link, which is not followed") from None
        if error.errno == errno.ENXIO:
            raise UnreadableFileError(path, "is a socket, not a file") from None
        raise
    kind = os.fstat(handle).st_mode
    if not stat.S_ISREG(kind):
        os.close(handle)
        raise UnreadableFileError(path, f"is {kind_of(kind)}, not a file")
    return handle


def read_bytes(path: Path, limit: int = TEXT_BYTES, *, follow_links: bool = False) -> bytes:
    """Read a whole regular file of at most `limit` bytes; raises as `open_regular`, and if the file is larger."""
    with open_regular(path, follow_links=follow_links) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise UnreadableFileError(path, f"is larger than {counted(limit, 'byte')}")
    return data


def read_text(path: Path, limit: int = TEXT_BYTES, *, follow_links: bool = False) -> str:
    """Read a whole UTF-8 text file, without the byte order mark; raises as `read_bytes`, and if it is not UTF-8."""
    data = read_bytes(path, limit, follow_links=follow_links)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise UnreadableFileError(path, "is UTF-16 text; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableFileError(path, f"is not UTF-8 text (byte {error.start + 1:,})") from None


def read_json(path: Path, limit: int = TEXT_BYTES, *, follow_links: bool = False) -> Any:
    """Read a JSON file; raises as `read_text`, and if the text is not JSON that `parse_json` accepts."""
    text = read_text(path, limit, follow_links=follow_links)
    try:
        return parse_json(text)
    except ValueError as error:
        raise UnreadableFileError(path, f"is not JSON that can be used: {error}") from None


def parse_json(text: str | bytes) -> Any:
    """Parse a JSON text.

    Raises:
        ValueError: the text is not JSON, is nested deeper than MAX_DEPTH, or holds a number of more than MAX_BITS.
    """
    return _parse_within_limits(json.loads, text)


def parse_toml(text: str) -> dict[str, Any]:
    """Parse a TOML text; raises a ValueError if it is not TOML or exceeds the limits of `parse_json`."""
    return _parse_within_limits(tomllib.loads, text)


def _parse_within_limits(parse: Callable[[Any], Any], text: str | bytes) -> Any:
    try:
        doc = parse(text)
    except RecursionError:  # the parsers go one call deeper for each level
        raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels") from None
    level = [doc]
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                inner += cast(dict[str, Any], value).values()
            elif isinstance(value, list):
                inner += cast(list[Any], value)
        if any(isinstance(value, int) and value.bit_length() > MAX_BITS for value in inner):
            raise ValueError("it holds a number with thousands of digits")
        if not inner:
            return doc
        level = [value for value in inner if isinstance(value, dict | list)]
    raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")


ALWAYS_BYTES = 64_000_000
"""An archive of any size may unpack to so many bytes; numpy's own reader would unpack whatever it claims to hold."""
MAX_RATIO = 50
"""A larger archive may unpack to so many times its size. Images pack to a fifth of it, weights hardly at all."""
NPY, ZIP = b"\x93NUMPY", b"PK"
"""The first bytes of a file that holds a single array, and of an archive of arrays."""
MAX_ARRAYS = 100_000
HEADER_BYTES = 10_000


def read_arrays(
    path: Path, names: Iterable[str] | None = None, *, follow_links: bool = False
) -> dict[str, NDArray[Any]]:
    """Read arrays from an npz archive, by name.

    Args:
        names: the arrays to read, None for all; missing ones are left out.
        follow_links: as for `open_regular`.

    Raises:
        UnreadableFileError: the file is not an archive of plain arrays, is damaged, or would unpack to far more bytes.
        OSError: the file does not exist or may not be read.
    """
    with _archive(path, follow_links) as (archive, size):
        return _arrays(archive, names, max(ALWAYS_BYTES, MAX_RATIO * size))


def read_array_shapes(path: Path, *, follow_links: bool = False) -> dict[str, tuple[int, ...]]:
    """Return the shape of each array in an npz archive, from the arrays' headers; raises as `read_arrays`."""
    with _archive(path, follow_links) as (archive, _):
        shapes: dict[str, tuple[int, ...]] = {}
        for name, entry in _entries(archive).items():
            with archive.open(entry) as member, _reading(name):
                shapes[name] = _array_header(member)[0]
        return shapes


@contextmanager
def _archive(path: Path, follow_links: bool) -> Generator[tuple[zipfile.ZipFile, int]]:
    """Open an archive of arrays and yield it with its size in bytes; every error becomes an UnreadableFileError."""
    with open_regular(path, follow_links=follow_links) as file:
        magic = file.read(len(NPY))
        if magic == NPY:
            raise UnreadableFileError(path, "is a single NumPy array, not an archive of arrays")
        if magic and not magic.startswith(ZIP):
            raise UnreadableFileError(path, "is not an archive of plain NumPy arrays")
        try:
            with zipfile.ZipFile(file) as archive:
                yield archive, os.fstat(file.fileno()).st_size
        except (EOFError, zipfile.BadZipFile, zlib.error):
            raise UnreadableFileError(path, "is cut off or damaged") from None
        except (ValueError, KeyError, RuntimeError, NotImplementedError, MemoryError, OverflowError) as error:
            raise UnreadableFileError(path, f"is not an archive of plain NumPy arrays: {error}") from None


def _arrays(archive: zipfile.ZipFile, names: Iterable[str] | None, allowed: int) -> dict[str, NDArray[Any]]:
    entries = _entries(archive)
    arrays: dict[str, NDArray[Any]] = {}
    for name in entries if names is None else [name for name in names if name in entries]:
        entry = entries[name]
        allowed -= entry.file_size
        if allowed < 0:
            raise ValueError("would unpack to far more than it holds")
        with archive.open(entry) as member, _reading(name):
            arrays[name] = _array(member, entry.file_size)
    return arrays


def _entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
    if len(entries) > MAX_ARRAYS:
        raise ValueError(f"it holds more than {MAX_ARRAYS:,} arrays")
    return entries


@contextmanager
def _reading(name: str) -> Generator[None]:
    try:
        yield
    except (ValueError, TypeError, SyntaxError, RecursionError, tokenize.TokenError) as error:
        raise ValueError(f"{name} is not an array: {str(error).partition(chr(10))[0][:200]}") from None


def _array_header(member: IO[bytes]) -> tuple[tuple[int, ...], bool, Any]:
    """Return the shape, whether columns come first, and the dtype that an array's header states."""
    import numpy as np

    npy, version = np.lib.format, np.lib.format.read_magic(member)
    read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
    if read_header is None:
        raise ValueError(f"the array's format {version} is not known")
    shape, column_major, dtype = read_header(member, max_header_size=HEADER_BYTES)
    if dtype.hasobject or dtype.itemsize == 0:
        raise ValueError("it holds Python objects, which are never read")
    if any(type(length) is not int or length < 0 for length in shape):
        raise ValueError("an array's shape is not whole numbers")
    return shape, column_major, dtype


def _array(member: IO[bytes], size: int) -> NDArray[Any]:
    import numpy as np

    shape, column_major, dtype = _array_header(member)
    length = math.prod(shape) * dtype.itemsize
    if length > size:
        raise ValueError("an array is cut off")
    data = np.empty(length, np.uint8)
    done = 0
    while done < length and (read := member.readinto(data.data[done:])):  # pyright: ignore[reportAttributeAccessIssue]
        done += read
    if done < length:
        raise ValueError("an array is cut off")
    if member.read(1):  # reading to the end also checks the checksum
        raise ValueError("an array is longer than it says")
    values: NDArray[Any] = data.view(dtype)
    return values.reshape(shape[::-1]).transpose() if column_major else values.reshape(shape)


def temporary_prefix(kind: str = TEMPORARY) -> str:
    """Return the beginning of the names of this process's temporary files, from which `is_abandoned` knows the owner.

    Args:
        kind: the beginning that all names of a kind share: a dot, small letters and a dash.
    """
    pid = os.getpid()
    return f"{kind}{pid:x}.{_hundredths(pid):x}.{_system_mark()}-"


def temporary_name(path: Path) -> Path:
    """Return a new temporary name beside `path`, to which it can be renamed before it is deleted."""
    return path.with_name(f"{temporary_prefix()}{os.urandom(4).hex()}-{path.name[:40]}")


def is_abandoned(path: Path) -> bool:
    """Return whether the process that made a temporary file or folder has ended.

    For another machine, an earlier boot or version that is not known; then a file counts as abandoned after a day
    without a change.
    """
    match = _OWNER.match(path.name)
    if match and match["system"] == _system_mark():
        pid = int(match["pid"], 16)
        return _hundredths(pid) != int(match["start"], 16) or not int(match["start"], 16)
    try:
        return abs(time.time() - path.lstat().st_mtime) > OTHERS_SECONDS
    except OSError:
        return False


def discard_abandoned(folder: Path) -> None:
    """Delete the temporary files and folders that killed processes have left in a person's folder, as far as possible.

    What is not named by `temporary_prefix` can be the person's own, and stays.
    """
    for left in folder.glob(f"{TEMPORARY}*"):
        if _OWNER.match(left.name) and is_abandoned(left):
            with suppress(OSError):
                discard(left)


def _hundredths(pid: int) -> int:
    return round(processes.start_of(pid) * 100)


@cache
def _system_mark() -> str:
    return f"{zlib.crc32(processes.system().encode()):08x}"


def kind_of(mode: int) -> str:
    """Return the kind of a file that is not a regular one, in words: "a folder", "a pipe"."""
    kinds = {stat.S_IFDIR: "folder", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket", stat.S_IFLNK: "symbolic link"}
    return f"a {kinds.get(stat.S_IFMT(mode), 'device')}"


@contextmanager
def replacing(path: Path) -> Generator[Path]:
    """Yield a temporary file beside `path` (same suffixes), which is renamed to `path` if the block raises no error."""
    handle, name = tempfile.mkstemp(prefix=temporary_prefix(), suffix="".join(path.suffixes[-2:]), dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def replacing_folder(path: Path) -> Generator[Path]:
    """Yield an empty temporary folder beside `path`; it replaces `path` if the block raises no error."""
    temporary = Path(tempfile.mkdtemp(prefix=temporary_prefix(), dir=path.parent))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        move(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def move(source: Path, path: Path) -> None:
    """Rename a file or a folder to `path` on the same disk; a folder at `path` is replaced and then deleted."""
    if not path.is_dir() or path.is_symlink():
        source.replace(path)
        return
    with tempfile.TemporaryDirectory(prefix=temporary_prefix(), dir=path.parent, ignore_cleanup_errors=True) as aside:
        old = path.rename(Path(aside) / path.name)
        try:
            source.rename(path)
        except BaseException:
            old.rename(path)
            raise


def discard(path: Path) -> None:
    """Delete a file, a link, or a folder with its content, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_text(path: Path, text: str, *, durable: bool = False) -> None:
    """Replace a whole text file; if `durable`, it is on the disk when this returns, even if the power fails."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
        if durable:
            sync(temporary)
    if durable:
        sync(path.parent)


def write_json(path: Path, doc: Any, *, durable: bool = False) -> None:
    """Replace a whole JSON file, as `write_text` does; raises a ValueError for NaN and infinity, which JSON lacks."""
    write_text(path, json.dumps(doc, indent=1, allow_nan=False) + "\n", durable=durable)


def sync(path: Path) -> None:
    """Wait until a file or a folder is on the disk, where the file system supports that."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP):
            raise
    finally:
        os.close(handle)


def why_unwritten(error: OSError) -> str:
    """Say why a file or a folder could not be written: "the disk is full (…)"."""
    message = error.strerror or str(error)
    if error.filename:
        message += f": {error.filename}"
    if error.errno in FULL:
        return f"the disk is full ({message})"
    if error.errno == errno.EROFS:
        return f"the disk is read-only ({message})"
    return f"you may not write there ({message})" if error.errno in FORBIDDEN else message


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
