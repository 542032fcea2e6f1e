"""Text that something might take for more than text, and what of it must never reach a terminal."""

from __future__ import annotations

import re

from mnist_tui.shown_text import visible_line

NAMES = (
    "weights in [/scratch/ada]",
    "[best]",
    "[/]",
    "[bold red]x[/bold red]",
    "[@click=app.quit]x[/]",
    "[link=file:///etc/passwd]x[/link]",
    "tea :100: :smile:",
    "open [ and \\[ and \\",
    "\x1b]0;owned\x07 \x1b[31mred \x1b[2J",
    "\x9b31mred\x9d0;owned\x9c",
    "\u202egnp.exe\u2066",
    "half \udcff",
    "\\input{/etc/passwd} $x^2$ 100 % & # ~ {} \\end{document}",
    '#read("/etc/passwd") #eval("1") @cite <label> = not a heading',
    "<script>alert(1)</script> <img src=x onerror=alert(1)> &amp;",
    "**bold** _it_ `code` ~~s~~ | cell [a](http://b) ![c](d) --- \u200b",
    "محمد علي",
)
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066\u2067\ud800-\udfff]")
"""Control characters but line ends and tabs; isolates that this package writes are none of them."""


def obeyed(text: str) -> list[str]:
    """Return the characters of a text that a terminal would obey."""
    return _OBEYED.findall(text)


def seen(name: str) -> str:
    """Return how a name is shown on one line."""
    return " ".join(visible_line(name).split())
