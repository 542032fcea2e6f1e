"""The program's own colour themes, and one colour for each state of a run, in these and in Textual's themes."""

from __future__ import annotations

from collections.abc import Mapping

from textual.theme import Theme


def _variables(*, border: str, blurred: str, muted: str, track: str) -> dict[str, str]:
    """Return the variables of a theme that Textual does not derive well from the theme's other colours."""
    bars = {"scrollbar": blurred, "scrollbar-hover": muted, "scrollbar-background": track}
    return {"border": border, "border-blurred": blurred, "text-muted": muted, "foreground-muted": muted, **bars}


THEMES = (
    Theme(
        name="bench-dark",
        primary="#61afef",
        secondary="#9aa5f5",
        accent="#ffa55c",
        success="#6cce8b",
        warning="#f0c75e",
        error="#ff7b85",
        foreground="#dde3ec",
        background="#10141b",
        surface="#171c25",
        panel="#1f2631",
        variables=_variables(border="#ffa55c", blurred="#3b4658", muted="#95a0b3", track="#171c25"),
    ),
    Theme(
        name="bench-light",
        primary="#1259b5",
        secondary="#5547b8",
        accent="#a34608",
        success="#1d6f36",
        warning="#855a00",
        error="#b3202d",
        foreground="#1c2430",
        background="#fbfbfa",
        surface="#f1f2f4",
        panel="#e6e9ee",
        dark=False,
        variables=_variables(border="#a34608", blurred="#b4bcc8", muted="#515c6c", track="#f1f2f4"),
    ),
    Theme(
        name="bench-contrast",
        primary="#7cc4ff",
        secondary="#c3b5ff",
        accent="#ffb84d",
        success="#6ff09a",
        warning="#ffe066",
        error="#ff9a9a",
        foreground="#ffffff",
        background="#000000",
        surface="#000000",
        panel="#1b1b1b",
        variables=_variables(border="#ffb84d", blurred="#a8a8a8", muted="#d0d0d0", track="#1b1b1b"),
    ),
)
"""Dark, light and with high contrast; tests check the contrast of their texts by the formula of WCAG 2.2."""

STATE_TOKENS = {
    "starting": "foreground-muted",
    "waiting": "foreground-muted",
    "running": "primary",
    "stopping": "warning",
    "paused": "warning",
    "finished": "success",
    "stopped": "secondary",
    "pruned": "secondary",
    "failed": "error",
    "diverged": "error",
    "crashed": "error",
    "damaged": "error",
    "broken": "error",
}
"""The theme's colour for each state of a run, a trial or a study."""


def state_colours(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables ``state-running`` and so on for style sheets, from the variables of a theme."""
    return {f"state-{state}": variables[token] for state, token in STATE_TOKENS.items()}


RUN_TOKENS = ("primary", "accent", "success", "error", "foreground", "secondary", "warning", "foreground-muted")
"""The theme's colours for the runs of a comparison, in order: in plots, and beside the runs' names in tables."""
