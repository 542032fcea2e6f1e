"""The own themes: texts with enough contrast by the formula of WCAG 2.2, and a colour for every state."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

from mnist_tui.runs.state import STATES
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.terminal.themes import STATE_TOKENS, THEMES, state_colours

COLOURS = ("primary", "secondary", "accent", "success", "warning", "error")
TEXTS = ("foreground", "text-muted", "foreground-muted", *COLOURS, *(f"text-{colour}" for colour in COLOURS))


def luminance(colour: Color) -> float:
    """The relative luminance as WCAG 2.2 defines it."""

    def linear(value: int) -> float:
        share = value / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    return 0.2126 * linear(colour.r) + 0.7152 * linear(colour.g) + 0.0722 * linear(colour.b)


def contrast(text: str, background: str) -> float:
    below = Color.parse(background)
    above = Color.parse(text)
    lighter, darker = sorted((luminance(below.blend(above, above.a, alpha=1)), luminance(below)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_the_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
@pytest.mark.parametrize("background", ["background", "surface", "panel"])
def test_texts_are_readable_on_every_background(theme: Theme, background: str) -> None:
    variables = theme.to_color_system().generate()
    variables |= state_colours(variables)
    least = 7.0 if theme.name == "bench-contrast" else 4.5
    names = (*TEXTS, *(f"state-{state}" for state in STATE_TOKENS))
    ratios = {name: contrast(variables[name], variables[background]) for name in names}
    assert not {name: ratio for name, ratio in ratios.items() if ratio < least}
    assert contrast(variables["border"], variables[background]) >= 3.0, "the border of the pane with the focus"


def test_each_state_has_a_colour_in_every_theme(tmp_path: Path) -> None:
    assert set(STATES) <= set(STATE_TOKENS)
    for theme in (*THEMES, *BUILTIN_THEMES.values()):
        colours = state_colours(theme.to_color_system().generate())
        kinds = [colours[f"state-{state}"] for state in ("running", "paused", "finished", "failed", "starting")]
        assert all(kinds)
        if theme in THEMES:
            assert len(set(kinds)) == len(kinds)
    assert BenchApp(AppOptions(runs_dir=tmp_path)).theme == "bench-dark"
