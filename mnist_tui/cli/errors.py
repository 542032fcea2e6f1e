"""What went wrong, as one sentence on stderr and an exit code. The only place that turns errors into either.

No typer here: the app starts without it.

0 done, 1 the work failed, 2 the request was wrong. What nobody expected goes whole into a log whose path is shown.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable
from typing import Any

from mnist_tui.cli.output import print_note
from mnist_tui.data.errors import DataError
from mnist_tui.experiment.problem import RequestError
from mnist_tui.unexpected import logged

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
        print_note(f"error: {' '.join(sentence.split())}")
    return code


def _unexpected(error: BaseException) -> int:
    return _told(logged(error), FAILED)


def _forget_stdout() -> None:
    """The reader has gone (``| head``): nothing more is written, not even when the interpreter ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
