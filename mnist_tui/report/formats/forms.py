"""The formats of a report by their suffixes, and what each needs. The only place that knows them all."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mnist_tui.report.export import ExportError
from mnist_tui.report.formats import docx, html, latex, markdown, pdf
from mnist_tui.report.formats.job import Job


@dataclass(frozen=True)
class Form:
    """A format.

    Attributes:
        figures: the format that it has its figures in.
        beside: whether they lie in a folder beside it, not inside.
        write: the document, from a job and that folder's name.
        lacking: a warning of characters that the document shows as boxes; empty where there are none.
    """

    figures: str
    beside: bool
    write: Callable[[Job, str], bytes]
    lacking: Callable[[Job], str] = lambda _: ""  # the reader's own fonts


FORMS = {
    ".md": Form("svg", True, markdown.write),
    ".tex": Form("pdf", True, latex.write, latex.lacking),
    ".html": Form("svg", False, lambda job, _: html.write(job)),
    ".pdf": Form("svg", False, lambda job, _: pdf.write(job), pdf.lacking),
    ".docx": Form("png", False, lambda job, _: docx.write(job)),
}


def form_of(path: Path) -> Form:
    """The format that a file's name asks for.

    Raises:
        ExportError: none of them.
    """
    form = FORMS.get(path.suffix.lower())
    if form is None:
        *names, last = FORMS
        told = f"ends in {path.suffix}" if path.suffix else "has no ending"
        raise ExportError(f"{path.name} {told}; a report is written as {', '.join(names)} or {last}")
    return form


def beside(path: Path) -> str:
    """The folder for a document's figures: ``report_files``; ``my report.md`` has ``my-report-9110ab62_files``.

    TeX and links might stumble over some characters; where they are replaced, part of the name's hash keeps folders
    of different documents apart.
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-.")
    if name != path.stem:
        part = hashlib.sha256(path.stem.encode(errors="surrogatepass")).hexdigest()[:8]
        name = f"{name}-{part}".lstrip("-")
    return f"{name}_files"
