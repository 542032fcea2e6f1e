"""Log unexpected errors: the whole traceback goes into a file, and the message names the file."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from pathlib import Path

from mnist_tui import PROGRAM, __version__
from mnist_tui.paths import log_folder


def logged(error: BaseException) -> str:
    """Write an unexpected error into a new file in the user's log folder, and return the message about it.

    If that folder cannot be written, the temporary folder is used.
    """
    heading = f"{PROGRAM} {__version__}, Python {sys.version.split()[0]}, {' '.join(sys.argv)}\n\n"
    text = heading + "".join(traceback.format_exception(error))
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    for folder in (log_folder, lambda: Path(tempfile.gettempdir())):
        with suppress(OSError):
            path = folder() / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", errors="backslashreplace")
            break
    else:
        path = Path(os.devnull)
    return f"something unexpected went wrong ({type(error).__name__}); the traceback is in {path}"
