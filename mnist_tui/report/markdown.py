"""Text that Markdown shows as it stands: escapes, code, and table rows (CommonMark, with GitHub's tables)."""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"[\\`*\[\]<|~&$]|(?<![^\W_])_|_(?![^\W_])")
"""What means something anywhere in a line; an underscore inside a word does not."""
_STARTING = re.compile(r"^[-=+#>]")
_NUMBERED = re.compile(r"^(\d+)([.)])(?=\s|$)")


def escaped(text: object) -> str:
    """One line of text with every character that means something to Markdown made to mean itself."""
    line = " ".join(str(text).split())
    line = _SPECIAL.sub(r"\\\g<0>", line)
    line = _NUMBERED.sub(r"\1\\\2", line)
    return _STARTING.sub(r"\\\g<0>", line)


def paragraphs(text: str) -> str:
    """Text of several paragraphs, each escaped."""
    return "\n\n".join(escaped(part) for part in re.split(r"\n\s*\n", text.strip()) if part.strip())


def code_block(text: str, language: str = "") -> str:
    """A fenced block; the fence is longer than any run of backticks inside."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
