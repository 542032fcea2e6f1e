"""Numbers, units, plurals, lists, durations and sizes in words."""

import ast
import itertools
import math
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mnist_tui
from mnist_tui.wording import (
    BYTE_UNITS,
    count,
    counted,
    grouped,
    in_utc,
    listed,
    loss,
    moment,
    noun,
    percent,
    percent_plus_minus,
    plural,
    plus_minus,
    roughly,
    seconds,
    shortened,
    signed,
    size,
    size_of,
    ticking,
)


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


def test_an_unknown_number_is_a_dash() -> None:
    assert (counted(None, "neuron"), count(None), percent(None), seconds(None)) == ("– neurons", "–", "–", "–")
    assert (ticking(None), moment(None), percent(math.nan), seconds(math.inf)) == ("–", "–", "–", "–")
    assert (loss(None), loss(math.nan), loss(math.inf)) == ("not finite",) * 3


@pytest.mark.parametrize(
    ("parts", "said"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_a_list_has_one_and(parts: list[str], said: str) -> None:
    assert listed(parts) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "0.00 s"),
        (0.42, "0.42 s"),
        (9.994, "9.99 s"),
        (9.996, "10.0 s"),
        (12.34, "12.3 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (60, "1 min 00 s"),
        (245, "4 min 05 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 00 min"),
        (7800, "2 h 10 min"),
        (90_000, "25 h 00 min"),
    ],
)
def test_durations(value: float, said: str) -> None:
    assert seconds(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.2, "about 1 s"), (8.4, "about 8 s"), (32.1, "about 30 s"), (254.0, "about 4 min"), (9000.0, "about 2.5 h")],
)
def test_an_estimated_time_is_a_round_number(value: float, said: str) -> None:
    assert roughly(value) == said


@pytest.mark.parametrize(
    ("value", "said"), [(-3.0, "0 s"), (0.9, "0 s"), (59.99, "59 s"), (192, "3 min 12 s"), (3720, "1 h 02 min")]
)
def test_a_ticking_clock_shows_no_fractions_and_does_not_run_ahead(value: float, said: str) -> None:
    assert ticking(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (999_940, "999.9 kB"),
        (999_960, "1.0 MB"),
        (12_640_000, "12.6 MB"),
        (3.21e9, "3.2 GB"),
        (2.5e12, "2500.0 GB"),
    ],
)
def test_sizes(value: float, said: str) -> None:
    assert size(value) == said


@given(st.floats(0, 1e15))
def test_a_size_is_near_what_it_says(value: float) -> None:
    number, unit = size(value).split(" ")
    of_one = BYTE_UNITS.get(unit, 1)
    assert abs(float(number) * of_one - value) <= (0.5 if of_one == 1 else 0.0501 * of_one)
    assert float(number) < 1000 or unit == "GB"


def test_a_part_of_a_size() -> None:
    assert size_of(3.14e9, 8.2e9) == "3.1 of 8.2 GB"
    assert size_of(2e5, 1.13e7, "MB") == "0.2 of 11.3 MB"
    assert size_of(3.14e9, None) == "3.1 GB"


def test_shares_losses_and_their_spread() -> None:
    assert (percent(0.9841), percent(0.97623, 1), percent(1.0, 0)) == ("98.41 %", "97.6 %", "100 %")
    assert (loss(0.08124), loss(9999.0), loss(12345.6)) == ("0.0812", "9999.0000", "1.235e+04")
    assert (percent_plus_minus(0.9762, 0.0011), percent_plus_minus(0.9762, None)) == ("97.62 ± 0.11 %", "97.62 %")
    assert (plus_minus(0.0812, 0.0011, loss), plus_minus(0.0812, None, loss)) == ("0.0812 ± 0.0011", "0.0812")


@given(st.floats(-1e6, 1e6), st.integers(0, 3))
def test_a_signed_number_has_a_sign_unless_it_shows_zero(value: float, digits: int) -> None:
    text = signed(value, digits)
    shows_zero = not float(text.lstrip("+−").replace(",", ""))
    assert (text[0] in "+−") is not shows_zero
    assert "-" not in text
    assert abs(float(text.replace("−", "-").replace(",", "")) - value) <= 0.5001 * 10**-digits


@given(st.lists(st.integers(0, 10**9)))
def test_grouping_changes_nothing_but_commas(numbers: list[int]) -> None:
    assert grouped("1764 × 100 = 176400") == "1,764 × 100 = 176,400"
    assert grouped("L2 0.0001 of 12345.00012") == "L2 0.0001 of 12,345.00012"
    text = " × ".join(map(str, numbers))
    assert grouped(text) == " × ".join(f"{number:,}" for number in numbers)


def test_times_are_local_or_say_their_zone() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", moment(1.7e9))
    there = datetime(2026, 2, 25, 8, 13, 20, tzinfo=timezone(timedelta(hours=2)))
    assert in_utc(there) == in_utc(there.astimezone(UTC)) == "2026-02-25 06:13:20 UTC"


NOUNS = (
    "epoch run seed trial image parameter core neuron filter input weight bias layer preset entry study worker thread"
)
SEVERAL = re.compile(rf"^ ({'|'.join(map(plural, NOUNS.split()))})\b(?![-'/])")
OTHERWISE = (
    "none of the",
    "leaves no",
    "runs from 0 to 1",
    "Keras counts",
    "_sum_in_words(",
    "listed(",
    "scored_on(",
    "written(",
    "set by",
)
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
    return bool(SEVERAL.match(str(text.value))) and not named.isupper() and "number_word(" not in named


@given(st.text(max_size=40), st.integers(0, 45))
def test_a_shortened_text_fits_and_keeps_both_its_ends(text: str, width: int) -> None:
    short = shortened(text, width)
    assert len(short) <= width
    if len(text) <= width:
        assert short == text
    elif width >= 3:
        assert (short[0], short[-1]) == (text[0], text[-1])
        assert "…" in short
