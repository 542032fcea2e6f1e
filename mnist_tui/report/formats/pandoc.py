"""Call pandoc: a report's Markdown becomes a tree, and a tree becomes a document.

pandoc runs without a shell and without its user's settings. Title, author and time are plain text in every format.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mnist_tui.python_process import end_words
from mnist_tui.report.export import ExportError
from mnist_tui.report.formats.tree import (
    FigureMaker,
    Nodes,
    inlines,
    node,
    with_ids,
    with_pictures,
    without_foreign_pictures,
)
from mnist_tui.report.markdown import Report
from mnist_tui.wording import in_utc

READER = "commonmark+pipe_tables+tex_math_dollars+footnotes+strikeout-raw_html"
"""The Markdown that GitHub reads, too: no raw HTML or TeX, no attributes, no citations."""
TEMPLATES = Path(__file__).with_name("templates")
PATIENCE_S = 120.0

Tree = dict[str, Any]
"""pandoc's document as JSON: ``{"pandoc-api-version": …, "meta": {…}, "blocks": […]}``."""


def read_markdown(markdown: str) -> Tree:
    """Return the tree of a Markdown text; an ExportError where pandoc is not there or failed."""
    return json.loads(_run(["--sandbox", "--from", READER, "--to", "json"], markdown.encode(), 0, None))


def write_document(
    tree: Tree, form: str, options: Sequence[str] = (), *, epoch: int = 0, folder: Path | None = None
) -> bytes:
    """Return a tree as a document.

    Args:
        form: one of pandoc's output formats.
        options: more arguments of pandoc.
        epoch: the time of making, in seconds since 1970, for formats that record one.
        folder: where pictures are read from; without it pandoc reads no file but its template.

    Raises:
        ExportError: pandoc is not there or failed.
    """
    sandbox = [] if folder else ["--sandbox"]
    return _run([*sandbox, "--from", "json", "--to", form, *options], json.dumps(tree).encode(), epoch, folder)


def _run(arguments: Sequence[str], given: bytes, epoch: int, folder: Path | None) -> bytes:
    command = [pandoc_path(), "--data-dir", str(TEMPLATES.parent), *arguments]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "LC_ALL": "C.UTF-8"}
    try:
        process = subprocess.run(
            command, input=given, capture_output=True, env=environment, cwd=folder, timeout=PATIENCE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ExportError(f"pandoc cannot be run: {error}", refused=False) from None
    if process.returncode < 0:
        raise ExportError(f"pandoc {end_words(process.returncode)}", refused=False)
    if process.returncode != 0:
        why = " ".join(process.stderr.decode("utf-8", "replace").split())
        raise ExportError(f"pandoc could not write the report: {why[:500]}", refused=False)
    return process.stdout


def pandoc_path() -> str:
    """Return the pandoc of the package pypandoc-binary, else one on the PATH; an ExportError where there is none."""
    package = find_spec("pypandoc")
    if package and package.origin and (own := Path(package.origin).parent / "files" / "pandoc").is_file():
        return str(own)
    if path := shutil.which("pandoc"):
        return path
    raise ExportError("pandoc is missing; `pip install pypandoc-binary` adds it", refused=False)


_NOT_TEXT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\u200b\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)
"""Characters that XML or TeX refuse, those that reorder text, and the one used to break words."""


def clean_report(report: Report) -> Report:
    """Return the report with one-line titles, and with a replacement for each character that is not text."""
    return replace(
        report,
        title=_line(report.title),
        author=_line(report.author),
        markdown=_text(report.markdown.replace("\r\n", "\n").replace("\r", "\n")),
        drawings=tuple(
            replace(drawing, caption=_line(drawing.caption), alt=_line(drawing.alt)) for drawing in report.drawings
        ),
    )


def _line(text: str) -> str:
    return " ".join(_text(" ".join(text.split())).split())


def _text(text: str) -> str:
    return _NOT_TEXT.sub(lambda found: "" if found[0] == "\u200b" else "\ufffd", text)


def time_in_utc(timestamp: str) -> str:
    """Return ``2026-11-21 20:05:00 UTC``."""
    return in_utc(parse_time(timestamp))


def seconds_since_1970(timestamp: str) -> int:
    return max(0, int(parse_time(timestamp).timestamp()))


def parse_time(timestamp: str) -> datetime:
    """Return a time in UTC; one without a zone is taken for UTC.

    Raises:
        ValueError: the text is not ISO 8601.
        OverflowError: in UTC it lies before the year 1 or after 9999.
    """
    time = datetime.fromisoformat(timestamp)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


@dataclass(frozen=True)
class PreparedReport:
    """A report ready to be converted.

    Attributes:
        report: the report, cleaned of characters that are not text.
        version: pandoc's version of its tree.
        blocks: the report's text; headings have ids, and only its own pictures are in it.
        figures: the folder that holds its figures, ``NAME.svg`` and so on.
    """

    report: Report
    version: tuple[int, ...]
    blocks: Nodes
    figures: Path

    def with_pictures(self, place: Callable[[str], str], made: FigureMaker) -> Nodes:
        """Return the text with its figures; `place` returns the path by which the document finds one, from its name."""
        return with_pictures(self.blocks, self.report.drawings, place, made)

    def tree(self, blocks: Nodes) -> Tree:
        """Return a whole document of some blocks, with title, author and time, which pandoc's templates place."""
        report = self.report
        meta = {
            "title": node("MetaInlines", inlines(report.title)),
            "date": node("MetaInlines", inlines(time_in_utc(report.timestamp))),
            "lang": node("MetaString", "en"),
        }
        if report.author:
            meta["author"] = node("MetaList", [node("MetaInlines", inlines(report.author))])
        return {"pandoc-api-version": [*self.version], "meta": meta, "blocks": blocks}


def prepare_report(report: Report, figures: Path) -> PreparedReport:
    """Read the report's Markdown; an ExportError where pandoc is not there or failed."""
    clean = clean_report(report)
    tree = read_markdown(clean.markdown)
    blocks = without_foreign_pictures(with_ids(tree["blocks"]), [drawing.name for drawing in clean.drawings])
    return PreparedReport(clean, tuple(tree["pandoc-api-version"]), blocks, figures)
