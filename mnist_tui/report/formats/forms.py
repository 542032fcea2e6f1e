"""The formats of a report by their suffixes, and what each needs. The only place that knows them all."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mnist_tui.report.export import ExportError
from mnist_tui.report.formats import docx, html, latex, markdown, pdf
from mnist_tui.report.formats.job import PreparedReport


@dataclass(frozen=True)
class ReportFormat:
    """A format.

    Attributes:
        figures: the format that it has its figures in.
        beside: whether they lie in a folder beside it, not inside.
        write: the document, from a job and that folder's name.
        lacking: a warning of characters that the document shows as boxes; empty where there are none.
    """

    figures: str
    beside: bool
    write: Callable[[PreparedReport, str], bytes]
    lacking: Callable[[PreparedReport], str] = lambda _: ""  # the reader's own fonts


REPORT_FORMATS = {
    ".md": ReportFormat("svg", True, markdown.write_markdown),
    ".tex": ReportFormat("pdf", True, latex.write_latex, latex.missing_in_latex),
    ".html": ReportFormat("svg", False, lambda job, _: html.write_html(job)),
    ".pdf": ReportFormat("svg", False, lambda job, _: pdf.write_pdf(job), pdf.missing_in_pdf_document),
    ".docx": ReportFormat("png", False, lambda job, _: docx.write_docx(job)),
}


def report_format(path: Path) -> ReportFormat:
    """The format that a file's name asks for.

    Raises:
        ExportError: none of them.
    """
    form = REPORT_FORMATS.get(path.suffix.lower())
    if form is None:
        *names, last = REPORT_FORMATS
        told = f"ends in {path.suffix}" if path.suffix else "has no ending"
        raise ExportError(f"{path.name} {told}; a report is written as {', '.join(names)} or {last}")
    return form


def figure_folder(path: Path) -> str:
    """The folder for a document's figures: ``report_files``; ``my report.md`` has ``my-report-9110ab62_files``.

    TeX and links might stumble over some characters; where they are replaced, part of the name's hash keeps folders
    of different documents apart.
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-.")
    if name != path.stem:
        part = hashlib.sha256(path.stem.encode(errors="surrogatepass")).hexdigest()[:8]
        name = f"{name}-{part}".lstrip("-")
    return f"{name}_files"
