"""Run a module of this package as a program: `python -P run_module.py MODULE ARGUMENT…`, for `python_process`.

This script is started by its path, so that this copy of the package is found without an entry in PYTHONPATH: other
files beside the package would then be imported before Python's own library.
"""

from __future__ import annotations

import os
import runpy
import sys


def main() -> None:
    """Run the module that the command line names."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - before pathlib is loaded
    _make_findable(root)
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _make_findable(root: str) -> None:
    """Put the package's folder into `sys.path`: before the first folder with another copy of the package, else last."""
    package = os.path.basename(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH119, PTH120
    for place, folder in enumerate(sys.path):
        if folder == root:
            return
        if os.path.isdir(os.path.join(folder, package)):  # noqa: PTH112, PTH118
            sys.path.insert(place, root)
            return
    sys.path.append(root)


if __name__ == "__main__":
    main()
