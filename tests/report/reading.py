"""The text that a reader of each format sees, by libraries that did not write the files."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import docx
import html5lib
import pypdf
import pytest
from markdown_it import MarkdownIt

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def shown(element: ElementTree.Element) -> str:
    """The visible text of an element."""
    return "".join(element.itertext())


def dense(text: str) -> str:
    """Text without blanks and places to break, because lines end in other places on every page."""
    return re.sub(r"[\s\u200b]+", "", text)


def pdf_text(path: Path) -> str:
    return dense("".join(page.extract_text() for page in pypdf.PdfReader(path).pages))


def docx_text(path: Path) -> str:
    body = docx.Document(str(path)).element.body
    return dense("".join(one.text or "" for one in body.iter() if one.tag.endswith("}t")))


def markdown_text(text: str) -> str:
    """The text that a reader of Markdown sees, with its code."""
    found: list[str] = []
    for token in READER.parse(text):
        found += [child.content for child in token.children or []] if token.type == "inline" else []
        found += [token.content] if token.type == "fence" else []
    return dense("".join(found))


READ: dict[str, Callable[[Path], str]] = {
    ".md": lambda path: markdown_text(path.read_text(encoding="utf-8")),
    ".html": lambda path: dense(shown(html5lib.parse(path.read_text(encoding="utf-8")))),
    ".pdf": pdf_text,
    ".docx": docx_text,
}


def compile_latex(source: Path, job: str) -> str:
    """Compile a document twice with pdfLaTeX and return the log; skip the test where pdfLaTeX is not installed."""
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed (Debian: texlive-latex-recommended, texlive-fonts-recommended)")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", f"-jobname={job}", source.name]
    for _ in range(2):
        ended = subprocess.run(command, cwd=source.parent, capture_output=True, check=False)
        assert ended.returncode == 0, ended.stdout.decode("utf-8", "replace")[-2000:]
    return source.with_name(f"{job}.log").read_text(encoding="latin-1")


def too_wide(log: str) -> float:
    """The largest width, in points, by which a line leaves the page of a compiled document."""
    return max(map(float, re.findall(r"Overfull \\hbox \((.+?)pt too wide", log)), default=0.0)
