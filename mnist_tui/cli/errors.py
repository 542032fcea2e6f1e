"""Turn every error into one sentence on stderr and an exit code: 0 done, 1 the work failed, 2 the request was wrong.

The traceback of an unexpected error is written to a log file whose path is printed. This module does without typer,
as the app's start does.
"""

from __future__ import annotations

import contextlib
import errno
import sys
from collections.abc import Callable
from typing import Any

from mnist_tui.cli.output import lost_output, print_note
from mnist_tui.data.errors import DataError
from mnist_tui.errors import RequestError
from mnist_tui.files import FORBIDDEN, FULL, why_unwritten
from mnist_tui.unexpected import logged

DONE, FAILED, WRONG_REQUEST = 0, 1, 2


class WorkFailedError(Exception):
    """The work failed for an expected reason, which is the error's text; no traceback is written."""


def guarded(action: Callable[[], Any]) -> int:
    """Run an action, print the error that it raises, and return the exit code."""
    try:
        code = action()
        return _exit_code(code if isinstance(code, int) else DONE)
    except (RequestError, DataError) as error:
        return _report(str(error), WRONG_REQUEST)
    except WorkFailedError as error:
        return _report(str(error), FAILED)
    except KeyboardInterrupt:
        return _report("interrupted", 130)
    except SystemExit as end:
        return _exit_code(end.code if isinstance(end.code, int) else DONE)
    except OSError as error:
        if error.errno in FORBIDDEN and error.filename:
            return _report(f"you may not read or write {error.filename} ({error.strerror})", WRONG_REQUEST)
        if error.errno in (*FULL, *FORBIDDEN, errno.EROFS):  # a person can mend it: no traceback
            return _report(why_unwritten(error), FAILED if error.errno in FULL else WRONG_REQUEST)
        return _report(logged(error), FAILED)
    except Exception as error:  # the last line of defence: its traceback goes into the log
        return _report(logged(error), FAILED)


def _exit_code(code: int) -> int:
    """Return a command's exit code, but 1 instead of 0 if some results could not be written to stdout."""
    why = lost_output()
    return _report(f"not all results could be written to stdout: {why}", FAILED) if why and code == DONE else code


def _report(sentence: str, code: int) -> int:
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    with contextlib.suppress(OSError, ValueError):
        print_note(f"error: {' '.join(sentence.split())}")
    return code
