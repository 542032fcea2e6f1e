"""Columns of a table in a given width."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_tui.columns import NARROWEST, Column, cut_end, cut_words, fit, text_table

COLUMNS = [Column("a"), Column("b", least=4), Column("c", need=1), Column("d", need=2)]


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (31, {0: 5, 1: 10, 2: 5, 3: 5}),
        (27, {0: 5, 1: 6, 2: 5, 3: 5}),
        (24, {0: 5, 1: 10, 3: 5}),
        (12, {0: 5, 1: 5}),
        (3, {0: 5, 1: 4}),
    ],
)
def test_columns_are_cut_then_left_out_the_least_needed_first(width: int, shown: dict[int, int]) -> None:
    assert fit(COLUMNS, [5, 10, 5, 5], width, 2) == shown


def test_a_column_without_text_is_left_out() -> None:
    assert fit(COLUMNS, [5, 0, 5, 0], 40, 2) == {0: 5, 2: 5}


def test_columns_that_are_cut_last_give_way_together_once_no_other_can_be_left_out() -> None:
    columns = [Column("preset", least=20), Column("axis", least=12), Column("run", need=1)]
    assert fit(columns, [20, 12, 16], 40, 3) == {0: 20, 1: 12}
    assert fit(columns, [20, 12, 16], 25, 3) == {0: 11, 1: 11}
    assert fit(columns, [20, 12, 16], 5, 3) == {0: NARROWEST, 1: NARROWEST}


anything = st.lists(
    st.tuples(st.builds(Column, st.just(""), need=st.integers(0, 3), least=st.integers(0, 9)), st.integers(0, 30)),
    min_size=1,
    max_size=8,
)


@given(anything, st.integers(1, 120), st.integers(0, 3))
def test_what_is_shown_fits_or_nothing_more_can_be_done(
    columns: list[tuple[Column, int]], width: int, gap: int
) -> None:
    wanted = [size for _, size in columns]
    shown = fit([column for column, _ in columns], wanted, width, gap)
    assert list(shown) == sorted(shown)
    assert all(size <= wanted[at] for at, size in shown.items())
    assert {at for at, (column, size) in enumerate(columns) if size and not column.need} <= shown.keys()
    if sum(shown.values()) + gap * (len(shown) - 1) > width:
        assert all(not columns[at][0].need for at in shown)
        assert all(size <= NARROWEST for at, size in shown.items() if columns[at][0].least)


@pytest.mark.parametrize("width", range(12, 60, 4))
def test_a_table_never_exceeds_its_width_and_leaves_out_the_least_needed_column_first(width: int) -> None:
    columns = [Column("Name", least=4), Column("A", right=True, need=2), Column("B", right=True, need=1)]
    fitted = text_table(columns, [("a long name", "1,000", "2,000"), ("short", "1", "2")], width)
    assert all(len(line) <= width for line in (fitted.header, *fitted.lines))
    assert fitted.shown in ((0, 1, 2), (0, 1), (0,))


def test_a_text_that_is_cut_says_so() -> None:
    assert (cut_end("sequential", 6), cut_end("dense", 6)) == ("seque…", "dense")


@pytest.mark.parametrize(
    ("width", "cut"),
    [(26, "16 filters 5×5, relu, same"), (20, "16 filters 5×5, …"), (16, "16 filters 5×5,…"), (12, "16 filters …")],
)
def test_a_cut_list_ends_after_a_whole_part_or_word(width: int, cut: str) -> None:
    assert cut_words("16 filters 5×5, relu, same", width) == cut
