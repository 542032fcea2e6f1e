"""pandoc, called as a program: Markdown in, a tree out; a tree in, a document out. Without a shell or settings."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mnist_tui.python_process import end_words
from mnist_tui.report.export import ExportError

READER = "commonmark+pipe_tables+tex_math_dollars+footnotes+strikeout-raw_html"
"""What GitHub reads, too; no raw HTML or TeX, no attributes, no citations."""
TEMPLATES = Path(__file__).with_name("templates")
PATIENCE_S = 120.0

Tree = dict[str, Any]
"""pandoc's document as JSON: ``{"pandoc-api-version": …, "meta": {…}, "blocks": […]}``."""


def read_markdown(markdown: str) -> Tree:
    """The tree of a Markdown text.

    Raises:
        ExportError: pandoc is not there or failed.
    """
    return json.loads(_run(["--sandbox", "--from", READER, "--to", "json"], markdown.encode(), 0, None))


def write_document(
    tree: Tree, form: str, options: Sequence[str] = (), *, epoch: int = 0, folder: Path | None = None
) -> bytes:
    """A tree as a document.

    Args:
        form: one of pandoc's output formats.
        epoch: the time of making, for formats that record one; seconds since 1970.
        folder: where the pictures are read from; without it pandoc reads no file but its template.

    Raises:
        ExportError: pandoc is not there or failed.
    """
    sandbox = [] if folder else ["--sandbox"]
    return _run([*sandbox, "--from", "json", "--to", form, *options], json.dumps(tree).encode(), epoch, folder)


def _run(arguments: Sequence[str], given: bytes, epoch: int, folder: Path | None) -> bytes:
    command = [pandoc_path(), "--data-dir", str(TEMPLATES.parent), *arguments]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "LC_ALL": "C.UTF-8"}
    try:
        ended = subprocess.run(
            command, input=given, capture_output=True, env=environment, cwd=folder, timeout=PATIENCE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ExportError(f"pandoc cannot be run: {error}", refused=False) from None
    if ended.returncode < 0:
        raise ExportError(f"pandoc {end_words(ended.returncode)}", refused=False)
    if ended.returncode != 0:
        said = " ".join(ended.stderr.decode("utf-8", "replace").split())
        raise ExportError(f"pandoc could not write the report: {said[:500]}", refused=False)
    return ended.stdout


def pandoc_path() -> str:
    """The pandoc of the package pypandoc-binary, whose output does not depend on the machine; else one on the path.

    Raises:
        ExportError: there is none.
    """
    found = find_spec("pypandoc")
    if found and found.origin:
        own = Path(found.origin).parent / "files" / "pandoc"
        if own.is_file():
            return str(own)
    there = shutil.which("pandoc")
    if there is None:
        raise ExportError("pandoc is missing; `pip install pypandoc-binary` adds it", refused=False)
    return there
