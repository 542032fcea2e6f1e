"""What stands above a report's text in every format: its title, author and time; all of them plain text. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

from mnist_tui.report.formats.tree import Node, inlines, node
from mnist_tui.report.markdown import Report
from mnist_tui.wording import in_utc

_NOT_TEXT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\u200b\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)
"""Characters that XML or TeX refuse, those that reorder text, and the one that words are broken with."""


def clean_report(report: Report) -> Report:
    """The report with what is no character of a text shown as one that stands for it, and one-line titles."""
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
    """``2026-11-21 20:05:00 UTC``."""
    return in_utc(parse_time(timestamp))


def seconds_since_1970(timestamp: str) -> int:
    """Seconds since 1970."""
    return max(0, int(parse_time(timestamp).timestamp()))


def parse_time(timestamp: str) -> datetime:
    """A time in UTC; one without a zone is taken for UTC.

    Raises:
        ValueError: the text is not ISO 8601.
        OverflowError: in UTC it lies before the year 1 or after 9999.
    """
    there = datetime.fromisoformat(timestamp)
    return there.replace(tzinfo=UTC) if there.tzinfo is None else there.astimezone(UTC)


def metadata(report: Report) -> dict[str, Node]:
    """The same as pandoc's metadata, which its templates put where it belongs."""
    found = {
        "title": node("MetaInlines", inlines(report.title)),
        "date": node("MetaInlines", inlines(time_in_utc(report.timestamp))),
        "lang": node("MetaString", "en"),
    }
    if report.author:
        found["author"] = node("MetaList", [node("MetaInlines", inlines(report.author))])
    return found
