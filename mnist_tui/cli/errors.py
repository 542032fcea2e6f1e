"""Turn every error into one sentence on stderr and an exit code.

0: done. 1: the work failed. 2: the request was wrong. The traceback of an unexpected error goes into a log whose path
is printed. No typer here: the app starts without it.
"""

from __future__ import annotations

import contextlib
import errno
import sys
from collections.abc import Callable
from typing import Any

from mnist_tui.cli.output import lost_output, print_note
from mnist_tui.data.catalogue import DataError
from mnist_tui.errors import RequestError
from mnist_tui.files import FORBIDDEN, FULL, why_unwritten
from mnist_tui.unexpected import logged

DONE, FAILED, WRONG_REQUEST = 0, 1, 2


class WorkFailedError(Exception):
    """The work failed for a reason that its text says; no traceback would help."""


def guarded(action: Callable[[], Any]) -> int:
    """Run an action, print its error if there is one, and return the exit code."""
    try:
        code = action()
        return _checked(code if isinstance(code, int) else DONE)
    except (RequestError, DataError) as error:
        return _report(str(error), WRONG_REQUEST)
    except WorkFailedError as error:
        return _report(str(error), FAILED)
    except KeyboardInterrupt:
        return _report("interrupted", 130)
    except SystemExit as end:
        return _checked(end.code if isinstance(end.code, int) else DONE)
    except OSError as error:
        if error.errno in FORBIDDEN and error.filename:
            return _report(f"you may not read or write {error.filename} ({error.strerror})", WRONG_REQUEST)
        if error.errno in (*FULL, *FORBIDDEN, errno.EROFS):  # a person can mend it: no traceback
            return _report(why_unwritten(error), FAILED if error.errno in FULL else WRONG_REQUEST)
        return _report(logged(error), FAILED)
    except Exception as error:  # the last line of defence: its traceback goes into the log
        return _report(logged(error), FAILED)


def _checked(code: int) -> int:
    """Return the exit code of a command that has done its work: 1 if its results did not reach stdout."""
    why = lost_output()
    return _report(f"not all results could be written to stdout: {why}", FAILED) if why and code == DONE else code


def _report(sentence: str, code: int) -> int:
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    with contextlib.suppress(OSError, ValueError):
        print_note(f"error: {' '.join(sentence.split())}")
    return code
