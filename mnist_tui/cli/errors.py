"""What went wrong, as one sentence on stderr and an exit code. The only place that turns errors into either.

No typer here: the app starts without it.

0 done, 1 the work failed, 2 the request was wrong. What nobody expected goes whole into a log whose path is shown.
"""

from __future__ import annotations

import contextlib
import errno
import sys
from collections.abc import Callable
from typing import Any

from mnist_tui.cli.output import lost, print_note
from mnist_tui.data.catalogue import DataError
from mnist_tui.experiment.problem import RequestError
from mnist_tui.files import FORBIDDEN, FULL, why_unwritten
from mnist_tui.unexpected import logged

DONE, FAILED, WRONG_REQUEST = 0, 1, 2
DISK = (*FULL, *FORBIDDEN, errno.EROFS)
"""Errors that a person can mend: they are told in a sentence, wherever they come from."""


class WorkFailedError(Exception):
    """The work failed for a reason that its text tells; no traceback would help."""


def guarded(action: Callable[[], Any]) -> int:
    """The exit code of `action`, once whatever it raised has been told on stderr."""
    try:
        code = action()
        return _delivered(code if isinstance(code, int) else DONE)
    except (RequestError, DataError) as error:
        return _told(str(error), WRONG_REQUEST)
    except WorkFailedError as error:
        return _told(str(error), FAILED)
    except KeyboardInterrupt:
        return _told("interrupted", 130)
    except SystemExit as end:
        return _delivered(end.code if isinstance(end.code, int) else DONE)
    except OSError as error:
        if error.errno not in DISK:
            return _unexpected(error)
        return _told(_refused_by_disk(error), FAILED if error.errno in FULL else WRONG_REQUEST)
    except Exception as error:  # the last line of defence: logged whole, told in one sentence
        return _unexpected(error)


def _delivered(code: int) -> int:
    """The exit code of a command that has done its work: 1 where its results did not reach stdout."""
    why = lost()
    return _told(f"not all results could be written to stdout: {why}", FAILED) if why and code == DONE else code


def _told(sentence: str, code: int) -> int:
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    with contextlib.suppress(OSError, ValueError):
        print_note(f"error: {' '.join(sentence.split())}")
    return code


def _refused_by_disk(error: OSError) -> str:
    """A sentence for a disk that is full or read-only, and for files of somebody else."""
    if error.errno in FORBIDDEN and error.filename:
        return f"you may not read or write {error.filename} ({error.strerror})"
    return why_unwritten(error)


def _unexpected(error: BaseException) -> int:
    return _told(logged(error), FAILED)
