"""The keys that move an epoch cursor: the same on every screen that has one."""

from __future__ import annotations

from textual.binding import Binding

JUMP = 10


def epoch_keys(section: str, verb: str) -> list[Binding]:
    """Keys for a screen's `action_epoch`; their ids begin with `section`, their tooltips with `verb`."""
    return [
        Binding(key, f"epoch({by})", name, tooltip=f"{verb} the epoch {where}", id=f"{section}.{id}", show=False)
        for key, by, name, where, id in (
            ("left,comma", -1, "Earlier", "before", "earlier"),
            ("right,full_stop", 1, "Later", "after", "later"),
            ("shift+left,less_than_sign", -JUMP, f"{JUMP} earlier", f"{JUMP} before", "much-earlier"),
            ("shift+right,greater_than_sign", JUMP, f"{JUMP} later", f"{JUMP} after", "much-later"),
        )
    ]
