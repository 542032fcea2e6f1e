"""The text that a reader of each format sees, by libraries that did not write the files."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import docx
import html5lib
import pypdf
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
