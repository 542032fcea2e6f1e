"""The confusion matrix in full, on recorded runs and as values."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.widgets import OptionList

from mnist_tui.data.catalogue import KNOWN
from mnist_tui.runs.collection.summaries import short_id
from mnist_tui.runs.scores import in_words, worst_confusions
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.feed import RunFeed
from mnist_tui.tui.gallery.screen import GalleryScreen
from mnist_tui.tui.matrix.screen import MatrixScreen
from mnist_tui.tui.widgets.confusion_cells import VIEWS, Room, bracketed, cells_of, layout_for, padded
from mnist_tui.wording import signed
from tests.tui.conftest import confusion
from tests.tui.sizes import at_sizes

DIGITS = tuple("0123456789")
counts = st.lists(st.lists(st.integers(0, 6000), min_size=10, max_size=10), min_size=10, max_size=10)


def recorded(record: Any, epochs: int = 4, dataset: str = "mnist") -> Any:
    run = record().begin(dataset)
    for epoch in range(1, epochs + 1):
        run.epoch(epoch, steps=False)
    return run


def bench(run: Any) -> BenchApp:
    return BenchApp(AppOptions(runs_dir=run.folder.path.parent))


async def on_matrix(pilot: Any, run: Any, shows: Any) -> MatrixScreen:
    screen = MatrixScreen(RunFeed(run.folder))
    pilot.app.push_screen(screen)
    await shows(pilot, "images evaluated after epoch")
    screen.matrix.look_at((0, 0))
    return screen


@given(counts)
def test_every_view_says_what_the_counts_say(matrix: list[list[int]]) -> None:
    frozen = tuple(map(tuple, matrix))
    shown, percent, errors = (cells_of(frozen, view, 8) for view in VIEWS)
    for true, row in enumerate(matrix):
        for column, count in enumerate(row):
            assert shown[true][column].text == (f"{count:,}" if count else "·")
            share = percent[true][column].text
            if not count:
                assert share == "·"
            elif not share.startswith("<"):
                assert abs(float(share) - 100 * count / sum(row)) <= 0.05 + 1e-9
            if true == column:
                assert errors[true][column].text == ""
            else:
                assert errors[true][column] == shown[true][column]


@given(counts)
def test_the_five_worst_cells_are_marked(matrix: list[list[int]]) -> None:
    frozen = tuple(map(tuple, matrix))
    marked = {(t, p) for t, row in enumerate(cells_of(frozen, "counts", 6)) for p, cell in enumerate(row) if cell.worst}
    assert marked == {(pair.true, pair.predicted) for pair in worst_confusions(frozen, DIGITS, 5)}


@given(counts, counts)
def test_a_difference_has_a_sign_and_is_toned_by_whether_it_is_better(a: list[list[int]], b: list[list[int]]) -> None:
    new, old = tuple(map(tuple, a)), tuple(map(tuple, b))
    for true, row in enumerate(cells_of(new, "counts", 8, old)):
        for column, cell in enumerate(row):
            change = new[true][column] - old[true][column]
            assert cell.text == (f"{change:+,d}".replace("-", "−") if change else "·")
            if change:
                assert (cell.tone == "right") == ((change > 0) == (true == column))


def test_a_matrix_against_itself_is_all_dots() -> None:
    matrix = confusion(3)
    for view in VIEWS:
        assert {cell.text for row in cells_of(matrix, view, 6, matrix) for cell in row} <= {"·", ""}


def test_signs_are_written_for_people() -> None:
    assert [signed(value, 1) for value in (1.25, -3.0, 0.0, -0.04)] == ["+1.2", "−3.0", "0.0", "0.0"]


@pytest.mark.parametrize("width", range(44, 200, 7))
@pytest.mark.parametrize("names", [KNOWN["mnist"].class_names, KNOWN["fashion-mnist"].class_names])
def test_every_cell_is_found_where_it_is_drawn(width: int, names: tuple[str, ...]) -> None:
    for height in (12, 24, 40):
        layout = layout_for(Room(width, height), names)
        for row in range(10):
            for column in range(10):
                x, y = layout.head + column * layout.cell, 1 + row * layout.lines + (layout.lines - 1) // 2
                assert layout.cells_at(x, y) == [(row, column)]
                assert layout.cells_at(x + layout.cell - 1, y) == [(row, column)]
        assert not layout.cells_at(0, 3)
        assert not layout.cells_at(layout.head, 0)


def test_the_cursor_is_seen_without_colour() -> None:
    assert [bracketed(text) for text in padded(["31", "·", "1234"], 6)] == ["[  31]", "[   ·]", "[1234]"]
    assert bracketed("1234") == "1234"


@at_sizes((80, 24), (60, 20), (140, 45), (200, 50))
async def test_matrix_margins_words_and_keys_are_all_there(
    size: tuple[int, int], record: Any, shows: Any, until: Any
) -> None:
    run = recorded(record)
    matrix = confusion(4)
    async with bench(run).run_test(size=size) as pilot:
        screen = await on_matrix(pilot, run, shows)
        worst = worst_confusions(matrix, DIGITS, 5)
        text = await shows(pilot, "recall", "10,000 images evaluated after epoch 4", in_words(worst[0]), "v View")
        assert f"[{matrix[0][0]:>4}]" in text.replace("[ ", "[ ") or "[ " in text
        assert "prec" in text
        assert f"0 read as 0: {matrix[0][0]:,} of 980" in text
        assert all(len(line) <= size[0] for line in text.splitlines())
        assert screen.matrix.has_focus
        for pair in worst:
            await pilot.press("n")
            await until(pilot, lambda pair=pair: screen.matrix.cell == (pair.true, pair.predicted))


async def test_the_epochs_are_scrubbed_and_the_newest_is_followed_again(record: Any, shows: Any, until: Any) -> None:
    run = recorded(record)
    async with bench(run).run_test(size=(80, 24)) as pilot:
        screen = await on_matrix(pilot, run, shows)
        for epoch in (3, 2, 1):
            await pilot.press("comma")
            await shows(pilot, f"10,000 images evaluated after epoch {epoch}", in_words(worst(epoch)))
        await pilot.press("comma")
        assert screen.feed.epoch == 1, "there is nothing before the first"
        run.epoch(5, steps=False)
        await until(pilot, lambda: screen.feed.newest == 5)
        assert screen.feed.epoch == 1, "a new epoch does not move the cursor"
        await pilot.press("full_stop")
        await shows(pilot, "evaluated after epoch 2")
        await pilot.press("f")
        await shows(pilot, "evaluated after epoch 5")
        run.epoch(6, steps=False)
        await shows(pilot, "evaluated after epoch 6", "the newest", in_words(worst(6)))


def worst(epoch: int) -> Any:
    return worst_confusions(confusion(epoch), DIGITS, 1)[0]


async def test_the_arrow_keys_move_the_cell_and_not_the_epoch(record: Any, shows: Any, until: Any) -> None:
    run = recorded(record)
    async with bench(run).run_test(size=(80, 24)) as pilot:
        screen = await on_matrix(pilot, run, shows)
        await pilot.press("down", "down", "right")
        assert (screen.matrix.cell, screen.feed.epoch) == ((2, 1), 4)
        await shows(pilot, f"2 read as 1: {confusion(4)[2][1]:,} of 1,032")
        await pilot.press("up", "up", "up", "left", "left")
        assert screen.matrix.cell == (9, 9), "it goes on at the other end"


async def test_the_cursor_begins_on_the_worst_confusion(record: Any, shows: Any) -> None:
    run = recorded(record)
    async with bench(run).run_test(size=(140, 45)) as pilot:
        screen = MatrixScreen(RunFeed(run.folder))
        pilot.app.push_screen(screen)
        await shows(pilot, "after epoch 4: ", " right")
        assert screen.matrix.cell == (worst(4).true, worst(4).predicted)


async def test_views_go_round(record: Any, shows: Any) -> None:
    run = recorded(record)
    async with bench(run).run_test(size=(80, 24)) as pilot:
        await on_matrix(pilot, run, shows)
        await pilot.press("v")
        await shows(pilot, "% of the true class", f"{100 * confusion(4)[9][9] / 1009:.1f}")
        await pilot.press("v")
        text = await shows(pilot, "wrong only")
        assert f" {confusion(4)[9][9]} " not in text
        await pilot.press("v")
        await shows(pilot, "Confusion  true ↓", "view (v): counts", f" {confusion(4)[9][9]} ")


async def test_an_epoch_is_compared_with_another(record: Any, shows: Any) -> None:
    run = recorded(record)
    async with bench(run).run_test(size=(80, 24)) as pilot:
        await on_matrix(pilot, run, shows)
        await pilot.press("b")
        await shows(pilot, "epoch 4, shown now", "epoch 1, the first", "another run …")
        await pilot.press("end", "up", "enter")
        text = await shows(pilot, " in epoch 4", "change of counts", "compared with epoch 4", "better   worse")
        assert "change in points" in text
        await pilot.press("comma", "comma")
        new, old = confusion(2), confusion(4)
        change = signed(new[0][0] - old[0][0], 0)
        await shows(pilot, "of epoch 2: ", "in epoch 4", f"epoch 4: {old[0][0]:,}, so the change is {change}")
        await pilot.press("x")
        await shows(pilot, "evaluated after epoch 2")


async def test_a_run_is_compared_with_another_run_on_the_same_data(record: Any, shows: Any, until: Any) -> None:
    other = recorded(record, 2).results(2, DIGITS)
    other.finish(test_loss=0.1, test_accuracy=0.9764, macro_f1=0.97)
    recorded(record, 2, "fashion-mnist")
    run = recorded(record)
    async with bench(run).run_test(size=(140, 45)) as pilot:
        screen = await on_matrix(pilot, run, shows)
        await pilot.press("o")
        await shows(pilot, "Compare with", short_id(other.folder.id), "97.64 %")
        assert pilot.app.screen.query_one(OptionList).option_count == 1, "neither itself nor a run on other data"
        await pilot.press("enter")
        await until(pilot, lambda: screen.base is not None)
        await shows(
            pilot, f"{short_id(other.folder.id)}, final evaluation", signed(confusion(4)[1][1] - confusion(2)[1][1], 0)
        )
        await pilot.press("o")
        await shows(pilot, "Compare with")
        await pilot.press("escape")
        assert screen.base is not None, "what was chosen stays"


async def test_without_another_run_it_is_said(record: Any, shows: Any) -> None:
    run = recorded(record)
    async with bench(run).run_test(size=(80, 24), notifications=True) as pilot:
        await on_matrix(pilot, run, shows)
        await pilot.press("o")
        await shows(pilot, "There is no other run")


async def test_matrices_of_different_images_are_said_to_be(record: Any, shows: Any, until: Any) -> None:
    other = record().begin().epoch(1, steps=False, confusion=confusion(1, (600,) * 10))
    run = recorded(record)
    async with bench(run).run_test(size=(140, 45)) as pilot:
        screen = await on_matrix(pilot, run, shows)
        await pilot.press("o")
        await shows(pilot, "Compare with", short_id(other.folder.id))
        await pilot.press("enter")
        await until(pilot, lambda: screen.base is not None)
        await shows(pilot, "different images")


async def test_the_final_evaluation_is_shown_and_left_by_the_epoch_keys(record: Any, shows: Any, until: Any) -> None:
    run = recorded(record).results(2, DIGITS)
    run.finish(test_loss=0.1, test_accuracy=0.9764, macro_f1=0.97)
    async with bench(run).run_test(size=(80, 24)) as pilot:
        await on_matrix(pilot, run, shows)
        await shows(pilot, "u After training")
        await pilot.press("u")
        await shows(pilot, "10,000 images of the test set", in_words(worst(2)), "u Epochs", "epochs (u)")
        await pilot.press("comma")
        await shows(pilot, "evaluated after epoch 3")


async def test_the_arrows_around_the_epoch_and_the_words_can_be_clicked(record: Any, shows: Any, until: Any) -> None:
    run = recorded(record)
    async with bench(run).run_test(size=(80, 24)) as pilot:
        screen = await on_matrix(pilot, run, shows)
        await shows(pilot, "◀ epoch 4 of")
        await pilot.click("PartsLine", offset=(1, 0))
        await shows(pilot, "◀ epoch 3 of", "evaluated after epoch 3")
        await pilot.click("PartsLine", offset=(17, 0))
        await until(pilot, lambda: screen.feed.epoch == 4)
        text = await shows(pilot, "view (v): counts")
        line = next(line for line in text.splitlines() if "view (v): counts" in line)
        await pilot.click("PartsLine", offset=(line.index("view"), 0))
        await shows(pilot, "view (v): % of the true class")


async def test_first_best_last_and_final_can_be_compared_with(record: Any, shows: Any, until: Any) -> None:
    run = recorded(record).results(2, DIGITS)
    run.finish(test_loss=0.1, test_accuracy=0.9764, macro_f1=0.97)
    async with bench(run).run_test(size=(80, 24)) as pilot:
        screen = await on_matrix(pilot, run, shows)
        await shows(pilot, "after training (u)")
        await pilot.press("comma", "b")
        await shows(pilot, "epoch 3, shown now", "epoch 4, the ", "the final evaluation")
        await pilot.press("enter")
        await until(pilot, lambda: screen.base is not None)
        assert screen.base is not None and screen.base.words == "epoch 1"
        await shows(pilot, "of epoch 3: ", "in epoch 1", "end (x)")


async def test_enter_or_a_click_opens_the_gallery_of_the_cell(record: Any, shows: Any, until: Any) -> None:
    run = recorded(record)
    async with bench(run).run_test(size=(80, 24)) as pilot:
        screen = await on_matrix(pilot, run, shows)
        await pilot.press("right", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, GalleryScreen))
        assert isinstance(pilot.app.screen, GalleryScreen)
        assert pilot.app.screen.chosen.words(DIGITS) == "0 read as 1"
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)
        layout = screen.matrix.layout_now
        await pilot.click(screen.matrix, offset=(layout.head + 3 * layout.cell + 2, 1 + 1 + 7))
        await until(pilot, lambda: isinstance(pilot.app.screen, GalleryScreen))
        assert isinstance(pilot.app.screen, GalleryScreen)
        assert pilot.app.screen.chosen.words(DIGITS) == "7 read as 3"


async def test_before_the_first_epoch_no_key_does_harm(record: Any, shows: Any) -> None:
    run = record().begin()
    async with bench(run).run_test(size=(80, 24)) as pilot:
        pilot.app.push_screen(MatrixScreen(RunFeed(run.folder)))
        await shows(pilot, "The matrix appears after the first epoch.")
        await pilot.press("v", "b", "x", "n", "enter", "comma", "full_stop", "down", "7", "u", "f")
        await shows(pilot, "The matrix appears after the first epoch.")


@pytest.mark.parametrize(("width", "text"), [(5, "1109"), (6, "1,109")])
def test_counts_have_separators_where_all_cells_have_room(width: int, text: str) -> None:
    assert cells_of(((1109, 2), (3, 1000)), "counts", width)[0][0].text == text
