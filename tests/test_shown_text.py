"""Text made safe to show, and nouns that agree with their numbers."""

import ast
import itertools
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mnist_tui
from mnist_tui.shown_text import isolated, parts_by_direction, visible, visible_line
from mnist_tui.wording import counted, noun, plural
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


@pytest.mark.parametrize(("number", "said"), [(0, "0 epochs"), (1, "1 epoch"), (2, "2 epochs"), (1234, "1,234 epochs")])
def test_a_noun_agrees_with_its_number(number: int, said: str) -> None:
    assert counted(number, "epoch") == said


def test_plurals_that_are_irregular_are_known_and_others_can_be_given() -> None:
    assert (noun(2, "study"), noun([1], "test class"), noun(3, "test class")) == (
        "studies",
        "test class",
        "test classes",
    )
    assert noun(2, "is", "are") == "are"


def test_the_hostile_names_of_the_tests_are_hostile() -> None:
    assert any(obeyed(name) for name in NAMES)


NOUNS = (
    "epoch run seed trial image parameter core neuron filter input weight bias layer preset entry study worker thread"
)
SEVERAL = re.compile(rf"^ ({'|'.join(map(plural, NOUNS.split()))})\b(?![-'/])")
OTHERWISE = ("none of the", "leaves no", "runs from 0 to 1", "Keras counts", "_summed(", "listed(")
"""Sentences in which the noun does not depend on the number, or that are only said of several."""


def test_numbers_are_put_before_nouns_by_the_one_function() -> None:
    """No f-string has a number of its own before a plural, for where it is 1 that reads ``1 epochs``.

    Numbers that are never 1 are named in capitals, or the sentence has another form for one.
    """
    found: list[str] = []
    root = Path(mnist_tui.__file__).parent
    for path in sorted(root.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        guarded = {
            id(inner)
            for one in ast.walk(tree)
            if isinstance(one, ast.IfExp)
            for half in (one.body, one.orelse)
            for inner in ast.walk(half)
        }
        for one in ast.walk(tree):
            if isinstance(one, ast.JoinedStr) and id(one) not in guarded and not _said_otherwise(one):
                for number, text in itertools.pairwise(one.values):
                    if isinstance(number, ast.FormattedValue) and isinstance(text, ast.Constant) and _own(number, text):
                        found.append(f"{path.relative_to(root)}:{one.lineno} {ast.unparse(one)}")
    assert found == []


def _said_otherwise(one: ast.JoinedStr) -> bool:
    return any(words in ast.unparse(one) for words in OTHERWISE)


def _own(number: ast.FormattedValue, text: ast.Constant) -> bool:
    named = ast.unparse(number.value)
    return bool(SEVERAL.match(str(text.value))) and not named.isupper() and "_number(" not in named
