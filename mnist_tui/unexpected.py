"""The log of what nobody expected: the whole traceback, in a file that a person can be sent to."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

from mnist_tui import PROGRAM, __version__
from mnist_tui.paths import log_folder


def _log(error: BaseException) -> Path:
    """Write the traceback into a new file in the user's log folder, else in the temporary folder."""
    heading = f"{PROGRAM} {__version__}, Python {sys.version.split()[0]}, {' '.join(sys.argv)}\n\n"
    text = heading + "".join(traceback.format_exception(error))
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    for place in (log_folder, lambda: Path(tempfile.gettempdir())):
        try:
            folder = place()
            path = folder / name
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError:
            continue
        return path
    return Path(os.devnull)


def logged(error: BaseException) -> str:
    """Write an unexpected error into a log; return the sentence that says so."""
    return f"something unexpected went wrong ({type(error).__name__}); the traceback is in {_log(error)}"
