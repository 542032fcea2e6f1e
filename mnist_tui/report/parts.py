"""The parts of a report that can be left out, by the names that `--without` takes.

What a part says is in `contents.parts`.
"""

from __future__ import annotations

from mnist_tui.errors import RequestError
from mnist_tui.wording import did_you_mean, listed

PARTS = {
    "statistics": "statistics of each network, with its calibration",
    "robustness": "accuracy on corrupted test images, where measured",
    "explanations": "what a network looks at in its worst confusions; of several networks, in full reports",
    "members": "the members of an ensemble, and its gain over them",
    "pairs": "tests between networks and between groups of seeds",
}
"""The parts by their names, in words."""


def named_parts(text: str) -> tuple[str, ...]:
    """Return the parts that a text such as ``statistics,pairs`` names, each once.

    Raises:
        RequestError: a name is unknown, or there is none.
    """
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        raise RequestError(
            f"a report has no part {unknown[0]!r}; {did_you_mean(unknown[0], PARTS)}"
            f"{listed(list(PARTS), 'or')} can be left out"
        )
    if not names:
        raise RequestError(f"no part is named; {listed(list(PARTS), 'or')} can be left out")
    return tuple(dict.fromkeys(names))
