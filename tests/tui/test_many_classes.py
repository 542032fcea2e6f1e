"""Two to a hundred classes on the screens: the matrix with its layouts, shades and keys, and the choice of a class."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult

from mnist_tui.runs.collection.summaries import short_id, summary_of
from mnist_tui.runs.events import Matrix
from mnist_tui.runs.scores import f1_scores, precisions, recalls, worst_confusions
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.compare.screen import CompareScreen
from mnist_tui.tui.dialogs import ChooseClassScreen, found_classes
from mnist_tui.tui.feed import RunFeed
from mnist_tui.tui.gallery.screen import GalleryScreen
from mnist_tui.tui.matrix.screen import MatrixScreen
from mnist_tui.tui.results.screen import ResultsScreen
from mnist_tui.tui.training.screen import TrainingScreen
from mnist_tui.tui.widgets.confusion import ConfusionView
from mnist_tui.tui.widgets.confusion_cells import Room, cells_of, heads, layout_for, row_heads, shades_of
from mnist_tui.tui.widgets.probabilities import Probabilities, most_probable, others_line
from mnist_tui.wording import counted, percent
from tests.tui.conftest import confusion
from tests.tui.sizes import at_sizes

BALANCED = tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt")
TISSUES = ("squamous cell carcinoma", "squamous cell papilloma", "smooth muscle", "lymphocytes")


def matrix_of(classes: int, epoch: int = 4) -> Matrix:
    return confusion(epoch, (400,) * classes)


def recorded(record: Any, names: tuple[str, ...], epochs: int = 3, preset: str = "raw") -> Any:
    run = record(preset).begin(class_names=names)
    for epoch in range(1, epochs + 1):
        run.epoch(epoch, steps=False, confusion=matrix_of(len(names), epoch))
    return run


def bench(run: Any) -> BenchApp:
    return BenchApp(AppOptions(runs_dir=run.folder.path.parent))


async def on_matrix(pilot: Any, run: Any, shows: Any) -> MatrixScreen:
    screen = MatrixScreen(RunFeed(run.folder))
    pilot.app.push_screen(screen)
    await shows(pilot, "images evaluated after epoch")
    return screen


@given(
    classes=st.integers(2, 100),
    width=st.integers(44, 200),
    height=st.integers(13, 60),
    length=st.integers(1, 30),
    flags=st.tuples(st.booleans(), st.booleans(), st.booleans()),
)
def test_a_matrix_fits_its_room_and_shows_each_cell_once(
    classes: int, width: int, height: int, length: int, flags: tuple[bool, bool, bool]
) -> None:
    names = tuple(f"{at:02}{'x' * length}"[-length:] + str(at) for at in range(classes))
    layout = layout_for(Room(width, height, 3, *flags), names)
    assert layout.head + layout.columns * layout.cell + layout.margin <= width
    assert layout.heading + layout.row_lines + 1 <= max(height, 12)
    points = [layout.cells_at(x, y) for y in range(height) for x in range(width)]
    found = {cell for cells in points for cell in cells}
    shown = [range(min(count * layout.together, classes)) for count in (layout.rows, layout.columns)]
    assert found == {(true, predicted) for true in shown[0] for predicted in shown[1]}
    if classes > 10 and not flags[1] and not flags[2]:
        assert layout.is_whole, "a matrix without a cursor is never cut"


@pytest.mark.parametrize(
    ("classes", "width", "height", "kind"),
    [(26, 120, 40, "numbers"), (26, 62, 28, "whole lines"), (47, 90, 37, "halves"), (47, 44, 13, "together")],
)
def test_the_form_of_the_cells_depends_on_the_room(classes: int, width: int, height: int, kind: str) -> None:
    layout = layout_for(Room(width, height, 3), tuple(BALANCED[:classes]))
    form = (
        "numbers"
        if layout.numbers
        else "together"
        if layout.together > 1
        else "halves"
        if layout.halves
        else "whole lines"
    )
    assert form == kind


@given(st.integers(1, 6))
def test_a_point_of_several_classes_is_as_strong_as_its_strongest_confusion(together: int) -> None:
    matrix = matrix_of(13)
    single = shades_of(matrix, "counts")
    points = shades_of(matrix, "counts", None, together)
    for row, line in enumerate(points):
        for column, point in enumerate(line):
            block = [
                single[true][predicted].heat
                for true in range(row * together, min(13, (row + 1) * together))
                for predicted in range(column * together, min(13, (column + 1) * together))
                if row != column or true == predicted
            ]
            assert point.heat == max(block)
            assert row != column or point.tone == "right"


def test_shades_are_those_of_the_cells_with_numbers() -> None:
    matrix, base = matrix_of(12, 3), matrix_of(12, 1)
    for old in (None, base):
        numbers, shades = cells_of(matrix, "counts", 8, old), shades_of(matrix, "counts", old)
        assert [[(cell.tone, cell.heat) for cell in row] for row in numbers] == [
            [(cell.tone, cell.heat) for cell in row] for row in shades
        ]


def test_names_that_are_equal_when_cut_are_numbered_in_both_heads() -> None:
    layout = layout_for(Room(44, 13), TISSUES)
    assert layout.numbered
    assert heads(TISSUES, 8) == ["0", "1", "2", "3"]
    rows = row_heads(TISSUES, 12, numbered=True)
    assert rows[:3] == ["0 squamous  ", "1 squamous  ", "2 smooth    "]
    assert {len(head) for head in rows} == {12}


@pytest.mark.parametrize("width", range(44, 130, 3))
def test_the_shares_of_few_classes_never_touch_and_are_there_if_shorter_names_make_room(width: int) -> None:
    layout = layout_for(Room(width, 24), ("a very long class name", *TISSUES))
    assert layout.has_shares == (layout.cell > len("100.0 %"))
    assert layout.has_shares or width < 62
    assert layout.head + 5 * layout.cell + layout.margin <= width


@at_sizes((80, 24))
async def test_before_its_data_are_read_a_run_has_the_matrix_of_its_classes(
    size: tuple[int, int], record: Any, app_on: Any, shows: Any
) -> None:
    run = record(classes=4)
    async with app_on(run.folder).run_test(size=size) as pilot:
        await shows(pilot, "The matrix appears after the first epoch.")
        assert len(pilot.app.screen.query_one(ConfusionView).shown.names) == 4


def test_names_with_the_same_start_are_cut_from_the_front() -> None:
    names = tuple(f"letter {at:02}" for at in range(47))
    assert heads(names, 4)[:2] == ["…00", "…01"]
    assert heads(names, 2)[46] == "46"


def test_a_number_before_a_name_leaves_where_only_the_name_alone_can_be_told_apart() -> None:
    names = ("ape", "asp", "ant", "auk", "ass", "aye")
    assert row_heads(names, 8, numbered=True)[1] == "1 asp   "
    assert row_heads(names, 3, numbered=True) == list(names)


@at_sizes((80, 24))
async def test_each_row_of_shades_has_its_whole_name_and_the_precisions_a_label(
    size: tuple[int, int], record: Any, shows: Any
) -> None:
    run = recorded(record, tuple(f"k{at:02}" for at in range(47)))
    async with bench(run).run_test(size=size) as pilot:
        await on_matrix(pilot, run, shows)
        text = await shows(pilot, "30 of 47 rows", "wrong only (v): off", ": recall ", ": precision ")
        assert not any(line[54:].strip() == "%" for line in text.splitlines())
        starts = [line[:4].strip() for line in text.splitlines()]
        assert sum(start.startswith("k") and len(start) == 3 for start in starts) == 15
        assert "prec" in starts
        await pilot.press("z")
        await shows(pilot, "16 × 8 of 47 × 47", "view (v): counts")
        await pilot.press("z")
        await shows(pilot, "wrong only (v): off")
        await pilot.press("v")
        await shows(pilot, "wrong only (v): on")


async def test_bars_too_narrow_for_all_names_show_the_most_probable_classes(until: Any) -> None:
    names = tuple(f"class {at}" for at in range(18))
    values = [0.9, *[0.0] * 15, 0.06, 0.04]

    class Bars(App[None]):
        def compose(self) -> ComposeResult:
            yield Probabilities()

    async with Bars().run_test(size=(40, 3)) as pilot:
        bars = pilot.app.query_one(Probabilities)
        bars.styles.height = 3
        bars.show(names, values)
        await until(pilot, lambda: bars.size.height == 3)
        lines = [strip.text.rstrip() for strip in bars.render_lines(bars.region.reset_offset)]
        assert [line[1:9].strip() for line in lines[:2]] == ["class 0", "class 16"]
        assert lines[2] == "14 others 0.0 %"


def test_wide_characters_take_two_columns() -> None:
    assert row_heads(("お", "きききき"), 6, numbered=False) == ["お    ", "きき… "]


@at_sizes((80, 24), (60, 20), (140, 45), (200, 50))
async def test_a_matrix_of_47_classes_is_scrubbed(size: tuple[int, int], record: Any, shows: Any, until: Any) -> None:
    run = recorded(record, BALANCED)
    async with bench(run).run_test(size=size) as pilot:
        screen = await on_matrix(pilot, run, shows)
        assert screen.matrix.has_shades
        for epoch in (3, 2, 1):
            await shows(pilot, f"18,800 images evaluated after epoch {epoch}")
            assert screen.matrix.shown.matrix == matrix_of(47, epoch)
            await pilot.press("comma")
        await pilot.press("n")
        matrix = matrix_of(47, 1)
        worst = worst_confusions(matrix, BALANCED, 1)[0]
        await until(pilot, lambda: screen.matrix.cell == (worst.true, worst.predicted))
        recall, precision = recalls(matrix)[worst.true], precisions(matrix)[worst.predicted]
        await shows(pilot, f"{worst.true_name}: recall {percent(recall, 1)}", f"precision {percent(precision, 1)}")


async def test_the_numbers_around_the_cell_are_shown_and_follow_the_cursor(record: Any, shows: Any, until: Any) -> None:
    run = recorded(record, BALANCED)
    matrix = matrix_of(47, 3)
    async with bench(run).run_test(size=(80, 24)) as pilot:
        screen = await on_matrix(pilot, run, shows)
        await pilot.press("z")
        await shows(pilot, "zoom (z): on", "recall")
        for true, predicted in ((0, 0), (46, 46), (20, 46)):
            screen.matrix.look_at((true, predicted))
            text = await shows(pilot, f"{BALANCED[true]} read as {BALANCED[predicted]}: ")
            row = next(line for line in text.splitlines() if line.startswith(f"{BALANCED[true]} "))
            assert row[row.index("[") + 1 : row.index("]")].strip() == str(matrix[true][predicted] or "·")
        await pilot.press("z")
        await shows(pilot, "zoom (z): off")


async def test_page_keys_and_names_go_far(record: Any, shows: Any, until: Any) -> None:
    run = recorded(record, BALANCED)
    async with bench(run).run_test(size=(80, 24)) as pilot:
        screen = await on_matrix(pilot, run, shows)
        screen.matrix.look_at((3, 5))
        await pilot.press("pagedown", "end")
        assert screen.matrix.cell == (13, 46)
        await pilot.press("pageup", "pageup", "home")
        assert screen.matrix.cell == (0, 0)
        await pilot.press("up")
        assert screen.matrix.cell == (46, 0), "it goes on at the other end"
        await pilot.press("t")
        await until(pilot, lambda: isinstance(pilot.app.screen, ChooseClassScreen))
        await pilot.press("f", "enter")
        await until(pilot, lambda: screen.matrix.cell == (BALANCED.index("f"), 0))
        await pilot.press("p")
        await until(pilot, lambda: isinstance(pilot.app.screen, ChooseClassScreen))
        await pilot.press("4", "0", "enter")
        await until(pilot, lambda: screen.matrix.cell == (BALANCED.index("f"), 40))


async def test_a_click_on_a_shade_selects_and_a_second_one_opens(record: Any, shows: Any, until: Any) -> None:
    run = recorded(record, BALANCED)
    async with bench(run).run_test(size=(140, 45)) as pilot:
        screen = await on_matrix(pilot, run, shows)
        layout = screen.matrix.layout_now
        assert layout.halves
        at = (layout.head + 8 + 1, layout.heading + 7 // 2 + 1)  # column 8, rows 6 and 7; the frame is one cell
        await pilot.click(screen.matrix, offset=at)
        await until(pilot, lambda: screen.matrix.cell in {(6, 8), (7, 8)})
        chosen = screen.matrix.cell
        await pilot.click(screen.matrix, offset=at)
        await until(pilot, lambda: isinstance(pilot.app.screen, GalleryScreen))
        assert isinstance(pilot.app.screen, GalleryScreen)
        assert (pilot.app.screen.chosen.true, pilot.app.screen.chosen.predicted) == chosen


@pytest.mark.parametrize("glyphs", ["braille", "ascii"])
async def test_without_colours_characters_are_the_shades(
    glyphs: str, record: Any, shows: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    run = recorded(record, BALANCED)
    async with bench(run).run_test(size=(140, 60)) as pilot:
        pilot.app.change_settings(glyphs=glyphs)  # pyright: ignore[reportAttributeAccessIssue]
        screen = await on_matrix(pilot, run, shows)
        layout = screen.matrix.layout_now
        assert not layout.halves
        lines = [strip.text for strip in screen.matrix.strips()][layout.heading :]
        for true in range(47):
            cells = lines[true][layout.head :][: 47 * layout.cell : layout.cell]
            assert cells[true] in "▓█*#"
            blank = [at for at, count in enumerate(matrix_of(47, 3)[true]) if not count]
            assert {cells[at] for at in blank} <= {" ", "."}


async def test_while_it_trains_a_small_pane_draws_several_classes_as_one(record: Any, shows: Any, until: Any) -> None:
    run = recorded(record, BALANCED, 1)
    async with bench(run).run_test(size=(80, 24)) as pilot:
        screen = TrainingScreen(RunFeed(run.folder))
        pilot.app.push_screen(screen)
        await shows(pilot, "18,800 images evaluated after epoch 1", "a point: 3 × 3 classes")
        run.epoch(2, steps=False, confusion=matrix_of(47, 2))
        await shows(pilot, "18,800 images evaluated after epoch 2")


async def test_two_classes_have_large_cells_with_counts_and_shares(record: Any, shows: Any) -> None:
    run = recorded(record, ("malignant", "benign"))
    matrix = matrix_of(2, 3)
    async with bench(run).run_test(size=(140, 45)) as pilot:
        await on_matrix(pilot, run, shows)
        shares = [percent(matrix[true][true] / 400, 1) for true in range(2)]
        await shows(pilot, "malignant", "benign", str(matrix[0][1]), *shares, "sensitivity, the recall")


@pytest.mark.parametrize(
    ("text", "best"),
    [("f", "f"), ("F", "F"), ("41", "g"), ("squ", "squamous cell"), ("CELL", "squamous cell"), ("?", None)],
)
def test_a_class_is_found_by_number_name_or_a_part_of_it(text: str, best: str | None) -> None:
    names = (*BALANCED, "squamous cell")
    found = found_classes(names, text)
    assert (names[found[0]] if found else None) == best


async def test_the_gallery_asks_for_one_of_many_classes(record: Any, shows: Any, until: Any) -> None:
    run = recorded(record, BALANCED)
    async with bench(run).run_test(size=(80, 24)) as pilot:
        screen = GalleryScreen(RunFeed(run.folder))
        pilot.app.push_screen(screen)
        await pilot.press("t")
        await shows(pilot, "True class", "any class", "type a part of the name or the number")
        await pilot.press("1", "4")
        await shows(pilot, "14 E")
        await pilot.press("enter")
        await until(pilot, lambda: screen.chosen.true == 14)
        await pilot.press("t")
        await until(pilot, lambda: isinstance(pilot.app.screen, ChooseClassScreen))
        await pilot.press("down", "escape")
        assert screen.chosen.true == 14


async def test_results_list_many_classes_with_the_lowest_f1_first(record: Any, shows: Any, until: Any) -> None:
    run = recorded(record, BALANCED).results(3, BALANCED)
    run.finish(test_loss=0.1, test_accuracy=0.79, macro_f1=0.79)
    lowest = min(zip(f1_scores(matrix_of(47, 3)), BALANCED, strict=True))
    async with bench(run).run_test(size=(140, 45)) as pilot:
        screen = ResultsScreen(run.folder)
        pilot.app.push_screen(screen)
        text = await shows(pilot, "lowest F1 first", "18,800 images of the test set", percent(lowest[0], 1))
        lines = text.splitlines()
        heading = next(at for at, line in enumerate(lines) if "Precision" in line and "Recall" in line)
        assert lines[heading + 1].strip("│ ").startswith(lowest[1])
        await pilot.press("tab", "end")
        assert screen.query_one("#classes").has_focus
        await until(pilot, lambda: screen.query_one("#classes").scroll_y > 0)


async def test_matrices_of_runs_with_other_classes_stand_side_by_side(record: Any, shows: Any, until: Any) -> None:
    classes = {"raw": BALANCED, "hog": ("malignant", "benign"), "cnn": BALANCED[:26]}
    runs = [recorded(record, names, preset=preset) for preset, names in classes.items()]
    summaries = [summary_of(run.folder) for run in runs]
    async with bench(runs[0]).run_test(size=(200, 50)) as pilot:
        screen = CompareScreen(summaries)
        pilot.app.push_screen(screen)
        await until(pilot, lambda: screen._names)  # pyright: ignore[reportPrivateUsage]
        await pilot.press("m")
        await shows(pilot, "18,800 images after epoch 3", "800 images after epoch 3", "10,400 images after epoch 3")


async def test_a_run_with_other_classes_is_not_compared(record: Any, shows: Any, until: Any) -> None:
    other, run = recorded(record, ("malignant", "benign")), recorded(record, BALANCED)
    async with bench(run).run_test(size=(140, 45), notifications=True) as pilot:
        screen = await on_matrix(pilot, run, shows)
        await pilot.press("o")
        await shows(pilot, "Compare with", short_id(other.folder.id))
        await pilot.press("enter")
        await shows(pilot, "has 2 classes, this run 47: they cannot be compared")
        assert screen.base is None


@given(st.lists(st.floats(0, 1), min_size=21, max_size=100), st.integers(2, 12), st.data())
def test_the_true_class_is_always_among_the_most_probable(values: list[float], most: int, data: st.DataObject) -> None:
    true = data.draw(st.integers(0, len(values) - 1))
    shown = most_probable(values, most, true)
    assert true in shown
    assert len(shown) == most
    assert shown[0] == max(range(len(values)), key=lambda at: values[at]) or most == 1
    rest = [value for at, value in enumerate(values) if at not in shown]
    assert others_line(values, shown) == f"{counted(rest, 'other')} {percent(sum(rest), 1)}"
