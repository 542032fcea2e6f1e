"""Text made safe to show."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_tui.shown_text import isolated, parts_by_direction, visible, visible_line
from tests.hostile import NAMES, obeyed

EVERY = st.text(st.characters(exclude_categories=[]))


def test_escape_is_seen_and_line_ends_stay() -> None:
    assert visible("a\x1b[31m\nb\tc\x7f\x9b") == "a␛[31m\nb\tc␡�"
    assert visible_line("a\nb") == "a␊b"


@given(EVERY)
def test_no_text_has_anything_left_that_a_terminal_obeys_and_each_character_stays_one(text: str) -> None:
    for made in (visible(text), visible_line(text)):
        assert not obeyed(made)
        assert len(made) == len(text)
    assert not [char for char in visible_line(text) if unicodedata.category(char) in ("Cc", "Cs")]


@given(EVERY)
def test_isolating_adds_isolates_in_pairs_and_changes_nothing_else(text: str) -> None:
    text = visible(text)
    made = isolated(text)
    assert made.replace("\u2068", "").replace("\u2069", "") == text
    assert made.count("\u2068") == made.count("\u2069")
    assert "".join(part for part, _ in parts_by_direction(text)) == text


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("محمد علي · 2026-11-29 10:20", "\u2068محمد علي\u2069 · 2026-11-29 10:20"),
        ("דוד בן-גוריון, x", "\u2068דוד בן-גוריון\u2069, x"),
        ("א  ב", "\u2068א\u2069  \u2068ב\u2069"),
        ("Ada", "Ada"),
    ],
)
def test_words_from_right_to_left_are_isolated_but_not_across_columns(text: str, made: str) -> None:
    assert isolated(text) == made


def test_the_hostile_names_of_the_tests_are_hostile() -> None:
    assert any(obeyed(name) for name in NAMES)
