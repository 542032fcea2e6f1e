"""What went wrong, as one sentence on stderr and an exit code. The only place that turns errors into either.

No typer here: the app starts without it.

0 done, 1 the work failed, 2 the request was wrong. What nobody expected goes whole into a log whose path is shown.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs

from mnist_tui import __version__
from mnist_tui.data.errors import DataError
from mnist_tui.experiment.problem import RequestError

PROGRAM = "mnist-tui"
DONE, FAILED, WRONG_REQUEST = 0, 1, 2


class WorkFailedError(Exception):
    """The work failed for a reason that its text tells; no traceback would help."""


def guarded(action: Callable[[], Any]) -> int:
    """The exit code of `action`, once whatever it raised has been told on stderr."""
    try:
        code = action()
        sys.stdout.flush()
        return code if isinstance(code, int) else DONE
    except (RequestError, DataError) as error:
        return _told(str(error), WRONG_REQUEST)
    except WorkFailedError as error:
        return _told(str(error), FAILED)
    except KeyboardInterrupt:
        return _told("interrupted", 130)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else DONE
    except OSError as error:
        if error.errno == errno.EPIPE:
            _forget_stdout()
            return FAILED
        return _unexpected(error)
    except Exception as error:  # the last line of defence: logged whole, told in one sentence
        return _unexpected(error)


def _told(sentence: str, code: int) -> int:
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    with contextlib.suppress(OSError, ValueError):
        print(f"error: {' '.join(sentence.split())}", file=sys.stderr, flush=True)
    return code


def _unexpected(error: BaseException) -> int:
    path = log_traceback(error)
    return _told(f"something unexpected went wrong ({type(error).__name__}); the whole story is in {path}", FAILED)


def log_traceback(error: BaseException) -> Path:
    """The whole traceback in a file of its own: in the user's log folder, else in the temporary one."""
    heading = f"mnist-tui {__version__}, Python {sys.version.split()[0]}, {' '.join(sys.argv)}\n\n"
    text = heading + "".join(traceback.format_exception(error))
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    for folder in (Path(platformdirs.user_log_dir(PROGRAM)), Path(tempfile.gettempdir())):
        path = folder / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError:
            continue
        return path
    return Path(os.devnull)


def _forget_stdout() -> None:
    """The reader has gone (``| head``): nothing more is written, not even when the interpreter ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
