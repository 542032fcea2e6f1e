"""The gallery: which images, in what order, drawn how. On the bundled digits, so that it needs no other data."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.color import Color

from mnist_tui.data import datasets
from mnist_tui.data.datasets import load, validation_split
from mnist_tui.data.errors import DataError
from mnist_tui.experiment.spec import HogFeatures
from mnist_tui.report.run_images import Images, validation_images
from mnist_tui.runs import epoch_predictions
from mnist_tui.runs.events import DataReady, Resumed, RunStarted
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.feed import RunFeed
from mnist_tui.tui.gallery.predictions import ORDERS, ImageFilter, ImagePredictions, RunPredictions, drawn_image, picked
from mnist_tui.tui.gallery.screen import GalleryScreen
from mnist_tui.tui.matrix.screen import MatrixScreen
from mnist_tui.tui.widgets.pixels import (
    HogPicture,
    Ink,
    PixelView,
    hog_picture_of,
    layout_for,
    picture_sizes,
    scaled,
    size_in,
)
from tests.present import present
from tests.tui.recorded_answers import counted, probabilities
from tests.tui.sizes import at_sizes

DIGITS = tuple("0123456789")
EPOCHS = 3


@pytest.fixture(scope="module")
def digits() -> Any:
    return datasets.load("digits")


def recorded(
    record: Any, digits: Any, *, preset: str = "raw", keep: bool = True, sha256: dict[str, str] | None = None
) -> Any:
    """A run on the bundled digits with matrices and predictions that belong together."""
    run = record(preset)
    run.write(RunStarted(run=run.folder.id, epochs=20, total=1, trainable=1), data_ready(digits, sha256))
    for epoch in range(1, EPOCHS + 1):
        values = probabilities(digits.test_labels, epoch)
        if keep:
            epoch_predictions.append(run.folder.predicted_file, epoch, values)
        run.epoch(epoch, steps=False, confusion=counted(digits.test_labels, values))
    return run


def data_ready(digits: Any, sha256: dict[str, str] | None = None, validation: int = 0) -> DataReady:
    return DataReady(
        name="digits",
        title=digits.title,
        class_names=digits.class_names,
        source=digits.source,
        sample=True,
        sha256=dict(digits.sha256) if sha256 is None else sha256,
        verified=False,
        train=len(digits.train_labels) - validation,
        validation=validation,
        test=len(digits.test_labels),
        inputs=784,
    )


def finish(run: Any, digits: Any) -> Any:
    """What the final evaluation writes."""
    values = probabilities(digits.test_labels, 7)
    wrong = np.flatnonzero(values.argmax(axis=1) != digits.test_labels)
    np.savez_compressed(
        run.folder.predictions_file,
        probabilities=values,
        labels=digits.test_labels,
        misclassified=wrong,
        misclassified_images=digits.test_images[wrong],
    )
    matrix = [list(row) for row in counted(digits.test_labels, values)]
    run.folder.results_file.write_text(json.dumps({"state": "finished", "confusion_matrix": matrix}))
    return run.finish(test_loss=0.1, test_accuracy=0.95, macro_f1=0.95)


def bench(run: Any) -> BenchApp:
    return BenchApp(AppOptions(runs_dir=run.folder.path.parent))


async def open_gallery(pilot: Any, run: Any, until: Any, cell: tuple[int, int] | None = None) -> GalleryScreen:
    screen = GalleryScreen(RunFeed(run.folder), cell)
    pilot.app.push_screen(screen)
    await until(pilot, lambda: screen.predictions is not None)
    return screen


async def test_a_cell_opens_exactly_its_images_at_every_epoch(record: Any, digits: Any, shows: Any, until: Any) -> None:
    run = recorded(record, digits)
    app = bench(run)
    async with app.run_test(size=(80, 24)) as pilot:
        matrix = MatrixScreen(app.following.feed(run.folder))
        pilot.app.push_screen(matrix)
        await shows(pilot, "360 images evaluated after epoch 3", "bundled digits sample")
        await pilot.press("n", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, GalleryScreen))
        gallery: Any = pilot.app.screen
        true, said = matrix.matrix.cell
        for epoch in (3, 2, 1):
            await until(pilot, lambda epoch=epoch: getattr(gallery.predictions, "epoch", None) == epoch)
            values = probabilities(digits.test_labels, epoch)
            expected = np.flatnonzero((digits.test_labels == true) & (values.argmax(axis=1) == said))
            assert sorted(gallery.indices) == expected.tolist()
            event = gallery.feed.ended(epoch)
            assert len(gallery.indices) == event.confusion[true][said]
            await shows(pilot, f"{true} read as {said}, after epoch {epoch}")
            await pilot.press("comma")
        await pilot.press("escape")
        await shows(pilot, "evaluated after epoch 1")


def test_the_cells_of_an_epoch_share_all_images_among_them(record: Any, digits: Any) -> None:
    run = recorded(record, digits)
    predictions = RunPredictions(run.folder).of_epoch(2, data_ready(digits))
    assert isinstance(predictions, ImagePredictions)
    matrix = counted(digits.test_labels, probabilities(digits.test_labels, 2))
    found = [len(picked(predictions, ImageFilter(true, said), "worst")) for true in range(10) for said in range(10)]
    assert found == [count for row in matrix for count in row]
    assert all(
        np.array_equal(present(predictions.images.picture(index)), digits.test_images[index]) for index in (0, 17, 359)
    )


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 255)), min_size=1, max_size=60))
def test_every_order_holds_the_same_images_and_worst_first_begins_with_the_surest_error(
    triples: list[tuple[int, int, int]],
) -> None:
    labels, classes, levels = (np.array(column, np.uint8) for column in zip(*triples, strict=True))
    n = len(labels)
    images = Images("images", np.zeros((n, 28, 28), np.uint8), labels, np.arange(1, n + 1))
    predictions = ImagePredictions(1, images, classes, (levels / 255).astype(np.float32))
    for chosen in (
        ImageFilter(),
        ImageFilter(errors=True),
        ImageFilter(true=int(labels[0])),
        ImageFilter(predicted=int(classes[0])),
    ):
        orders = [picked(predictions, chosen, order).tolist() for order in ORDERS]
        assert len({tuple(sorted(found)) for found in orders}) == 1
    found = picked(predictions, ImageFilter(), "worst").tolist()
    keys = [(labels[at] == classes[at], levels[at] if labels[at] == classes[at] else -int(levels[at])) for at in found]
    assert keys == sorted(keys)
    assert len(found) == n


def test_a_held_out_share_is_the_one_that_training_held_out(record: Any, digits: Any) -> None:
    run = record("raw")
    experiment = run.folder.preset().experiment
    text = run.folder.experiment_file.read_text()
    run.folder.experiment_file.write_text(text.replace('validation = "test"', "validation = 0.2"))
    changed = run.folder.preset().experiment
    assert changed.dataset.validation == 0.2, "the file says so"
    images = validation_images(run.folder, data_ready(digits, validation=287))
    _, aside = validation_split(1437, 0.2, experiment.training.seed)
    assert np.array_equal(images.labels, digits.train_labels[aside])
    assert np.array_equal(images.pixels, digits.train_images[aside])
    assert images.what == f"held-out {digits.title} training images"
    with pytest.raises(DataError, match="does not say which training images were held out"):
        validation_images(run.folder, data_ready(digits, validation=100))


def test_the_images_of_a_datasets_own_validation_split_are_shown(record: Any, digits: Any, tmp_path: Path) -> None:
    arrays = {"train": digits.train_images[:60], "val": digits.train_images[60:90], "test": digits.test_images[:30]}
    labels = {"train": digits.train_labels[:60], "val": digits.train_labels[60:90], "test": digits.test_labels[:30]}
    named = {f"{split}_images": each for split, each in arrays.items()}
    np.savez(tmp_path / "own.npz", **named, **{f"{split}_labels": each for split, each in labels.items()})
    own: Any = load(str(tmp_path / "own.npz"))
    run = record("raw")
    text = run.folder.experiment_file.read_text().replace('validation = "test"', 'validation = "own"')
    run.folder.experiment_file.write_text(text.replace('name = "mnist"', f'name = "{tmp_path / "own.npz"}"'))
    assert run.folder.preset().experiment.dataset.validation == "own"
    facts = replace(data_ready(own, dict(own.sha256), validation=30), name=own.name, sample=False)
    images = validation_images(run.folder, facts)
    assert np.array_equal(images.pixels, arrays["val"])
    assert np.array_equal(images.labels, own.validation_labels)
    assert images.what == "own validation images"


def test_images_with_another_checksum_are_not_taken(record: Any, digits: Any) -> None:
    run = recorded(record, digits)
    other = data_ready(digits, dict.fromkeys(digits.sha256, "0" * 64))
    with pytest.raises(DataError, match="their SHA-256 differ"):
        validation_images(run.folder, other)


async def test_filters_orders_and_jumps(record: Any, digits: Any, shows: Any, until: Any) -> None:
    run = recorded(record, digits)
    labels = digits.test_labels
    said = probabilities(labels, 3).argmax(axis=1)
    async with bench(run).run_test(size=(80, 24), notifications=True) as pilot:
        screen = await open_gallery(pilot, run, until)
        wrong = int((said != labels).sum())
        await shows(pilot, f"{wrong} wrong images, after epoch 3", "worst first", "page 1 of")
        await pilot.press("h")
        await shows(pilot, "This network has no HOG features.")
        first = screen.indices[0]
        sure = probabilities(labels, 3).max(axis=1)
        assert sure[first] == pytest.approx(sure[said != labels].max(), abs=1 / 255)
        await pilot.press("e")
        await shows(pilot, "360 images")
        await pilot.press("t")
        await shows(pilot, "True class", "any class")
        await pilot.press("4")
        await shows(pilot, f"{int((labels == 4).sum())} images of 4,")
        await pilot.press("p")
        await shows(pilot, "Read as")
        await pilot.press("9")
        await shows(pilot, "4 read as 9, after epoch 3")
        assert len(screen.indices) == int(((labels == 4) & (said == 9)).sum())
        await pilot.press("j")
        await shows(pilot, "Jump to an image", "1 to 360")
        number = int(np.flatnonzero(labels == 7)[0]) + 1
        await pilot.press(*str(number), "enter")
        await shows(pilot, "not among", "x shows all")
        await pilot.press("x", "j")
        await shows(pilot, "Jump to an image")
        await pilot.press("9", "9", "9", "enter")
        await shows(pilot, "There is no image 999")
        await pilot.press("backspace", "backspace", "backspace", *str(number), "enter")
        await shows(pilot, f"image {number} of the", "7 read as")
        for words in ("surest first", "most doubtful first", "by number", "worst first"):
            await pilot.press("o")
            await shows(pilot, words)


async def test_pictures_are_walked_through_by_key_and_by_mouse(
    record: Any, digits: Any, shows: Any, until: Any
) -> None:
    run = recorded(record, digits)
    async with bench(run).run_test(size=(80, 24)) as pilot:
        screen = await open_gallery(pilot, run, until)
        grid = screen.grid
        columns, page = grid.plan.columns, grid.plan.page
        for key, expected in (
            ("right", 1),
            ("down", 1 + columns),
            ("left", columns),
            ("up", 0),
            ("left", 0),
            ("up", 0),
            ("pagedown", page),
            ("pageup", 0),
            ("end", grid.count - 1),
            ("pagedown", grid.count - 1),
            ("right", grid.count - 1),
            ("home", 0),
        ):
            await pilot.press(key)
            assert (key, grid.selected) == (key, expected)
        await pilot.click(grid, offset=(1 + grid.plan.width + 4, 3))
        assert grid.selected == 1
        assert screen.feed.epoch == EPOCHS, "no key of these moved the epoch"


@at_sizes((80, 24), (60, 20), (140, 45), (200, 50))
async def test_several_pictures_stand_in_a_row_with_what_was_said_of_them(
    size: tuple[int, int], record: Any, digits: Any, shows: Any, until: Any
) -> None:
    run = recorded(record, digits)
    async with bench(run).run_test(size=size) as pilot:
        screen = await open_gallery(pilot, run, until)
        index = screen.indices[0]
        true, said = digits.test_labels[index], probabilities(digits.test_labels, 3)[index].argmax()
        text = await shows(pilot, f"✗ {true} read as {said}", f"#{index + 1}", "Order", "▀▀")
        assert max(line.count("✗") for line in text.splitlines()) >= 3
        assert all(len(line) <= size[0] for line in text.splitlines())


async def test_a_hog_run_has_the_hog_picture_beside_each_digit(
    record: Any, digits: Any, shows: Any, until: Any
) -> None:
    run = recorded(record, digits, preset="hog")
    async with bench(run).run_test(size=(80, 24)) as pilot:
        screen = await open_gallery(pilot, run, until)
        await until(pilot, lambda: screen._tile(0, 57).pictures[1] is not None)
        tile = screen._tile(0, 57)
        assert len(tile.pictures) == 2
        digit, hog = map(present, tile.pictures)
        assert isinstance(hog, HogPicture) and not isinstance(digit, HogPicture)
        assert hog.pixels.max() == 255
        assert not np.array_equal(digit, hog.pixels)
        await pilot.press("h")
        assert len(screen._tile(0, 57).pictures) == 1


async def test_the_final_evaluation_has_all_ten_probabilities(record: Any, digits: Any, shows: Any, until: Any) -> None:
    run = finish(recorded(record, digits), digits)
    values = probabilities(digits.test_labels, 7)
    async with bench(run).run_test(size=(140, 45)) as pilot:
        screen = await open_gallery(pilot, run, until)
        await pilot.press("u")
        await until(pilot, lambda: screen.predictions is not None and screen.predictions.epoch is None)
        index = screen.indices[0]
        best = 100 * values[index].max()
        await shows(pilot, "final evaluation", "Probabilities", f"probability {best:.1f} %", "u Epochs")
        body, plan = screen.query_one("#body").content_region, screen.grid.plan
        free = body.width - plan.columns_wide
        assert screen.side.region.right == body.right, "the pictures leave no empty column"
        assert screen.side.size.width <= free < screen.side.size.width + plan.width
        assert len(screen.indices) == int((values.argmax(axis=1) != digits.test_labels).sum())
        await pilot.press("comma")
        await shows(pilot, "after epoch 2")


@at_sizes((140, 45), (80, 24), (60, 20))
async def test_an_image_is_shown_large_with_all_probabilities_and_the_arrows_go_on_in_the_gallery(
    record: Any, digits: Any, shows: Any, until: Any, size: tuple[int, int]
) -> None:
    run = finish(recorded(record, digits), digits)
    values = probabilities(digits.test_labels, 7)
    async with bench(run).run_test(size=size) as pilot:
        screen = await open_gallery(pilot, run, until)
        await pilot.press("u")
        await until(pilot, lambda: screen.predictions is not None and screen.predictions.epoch is None)
        await pilot.press("enter", "right")
        index = screen.indices[1]
        true, read = digits.test_labels[index], values[index].argmax()
        text = await shows(
            pilot, f"Image {index + 1:,}", f"2 of {len(screen.indices):,}", f"Wrong: the true class is {true}"
        )
        assert f"read as {read} with {100 * values[index].max():.1f} %" in text
        shown = pilot.app.screen.query_one(PixelView).pixels
        assert np.array_equal(shown, digits.test_images[index])
        bars, frame = pilot.app.screen.query_one("#image-bars"), pilot.app.screen.query_one("#image")
        assert bars.region in frame.region, "no class is cut off"
        before, after = screen.indices[0], screen.indices[2]
        neighbours = [f"{digits.test_labels[at]} read as {values[at].argmax()}" for at in (before, after)]
        if size == (140, 45):
            await shows(pilot, "← ✗ " + neighbours[0], "→ ✗ " + neighbours[1])
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen and screen.grid.selected == 1)


async def test_a_run_without_predictions_of_epochs_shows_its_final_evaluation_and_says_so(
    record: Any, digits: Any, shows: Any, until: Any
) -> None:
    run = finish(recorded(record, digits, keep=False), digits)
    async with bench(run).run_test(size=(80, 24)) as pilot:
        await open_gallery(pilot, run, until)
        await shows(pilot, "keeps no predictions of single epochs: this is the final evaluation", "final evaluation ·")


async def test_a_run_with_neither_says_so_and_no_key_does_harm(record: Any, digits: Any, shows: Any) -> None:
    run = recorded(record, digits, keep=False)
    async with bench(run).run_test(size=(80, 24)) as pilot:
        pilot.app.push_screen(GalleryScreen(RunFeed(run.folder)))
        await shows(pilot, "this run keeps no predictions of single epochs")
        await pilot.press("o", "e", "x", "j", "h", "z", "u", "right", "down", "pagedown", "end", "home", "enter", "5")
        await shows(pilot, "this run keeps no predictions of single epochs")


async def test_where_the_data_are_gone_the_misclassified_images_of_the_end_are_left(
    record: Any, digits: Any, shows: Any, until: Any
) -> None:
    run = finish(recorded(record, digits, sha256=dict.fromkeys(digits.sha256, "0" * 64)), digits)
    async with bench(run).run_test(size=(80, 24)) as pilot:
        screen = await open_gallery(pilot, run, until)
        await shows(pilot, "SHA-256 differ", "only the images that were wrong in the end are kept")
        await pilot.press("u")
        await until(pilot, lambda: screen.predictions is not None and screen.predictions.epoch is None)
        index = screen.indices[0]
        assert screen.predictions is not None
        assert np.array_equal(present(screen.predictions.images.picture(index)), digits.test_images[index])


async def test_while_training_the_gallery_follows_the_newest_epoch(
    record: Any, digits: Any, shows: Any, until: Any
) -> None:
    run = recorded(record, digits)
    async with bench(run).run_test(size=(80, 24)) as pilot:
        await open_gallery(pilot, run, until)
        values = probabilities(digits.test_labels, 4)
        run.epoch(4, steps=False, confusion=counted(digits.test_labels, values))
        epoch_predictions.append(run.folder.predicted_file, 4, values)
        wrong = int((values.argmax(axis=1) != digits.test_labels).sum())
        text = await shows(pilot, f"{wrong} wrong images, after epoch 4")
        assert "After training" not in text, "there is no final evaluation yet"
        finish(run, digits)
        await shows(pilot, "u After training")


async def test_a_run_that_begins_anew_shows_no_picture_of_before(
    record: Any, digits: Any, shows: Any, until: Any
) -> None:
    run = recorded(record, digits)
    async with bench(run).run_test(size=(80, 24)) as pilot:
        screen = await open_gallery(pilot, run, until)
        run.write(Resumed(from_epoch=0, step=0))
        await shows(pilot, "no epoch has ended")
        assert screen.grid.count == 0
        await pilot.press("right", "down", "pagedown", "end", "home", "z", "h", "e", "o")
        await shows(pilot, "no epoch has ended")


async def test_an_epoch_of_which_nothing_was_kept_is_not_passed_off_for_another(
    record: Any, digits: Any, shows: Any, until: Any
) -> None:
    run = recorded(record, digits)
    for epoch in (4, 5):
        run.epoch(epoch, steps=False)
    async with bench(run).run_test(size=(80, 24)) as pilot:
        await open_gallery(pilot, run, until)
        await shows(pilot, "after epoch 3 (nothing was kept of epoch 5)")


SHAPES = st.tuples(st.integers(4, 64), st.integers(4, 64))


@given(st.integers(20, 300), st.integers(8, 100), st.integers(1, 2), SHAPES)
def test_a_plan_fits_its_room_and_has_at_least_one_tile(
    width: int, height: int, pictures: int, shape: tuple[int, int]
) -> None:
    plan = layout_for(width, height, pictures, "automatic", shape)
    assert plan.page >= 1
    if width >= plan.width and height >= plan.height:
        assert plan.columns * (plan.width + 2) - 2 <= width
        assert plan.rows * (plan.height + 1) - 1 <= height


@pytest.mark.parametrize(
    ("size", "pictures", "edge", "page"),
    [
        ((138, 41), 1, 20, 18),
        ((110, 41), 1, 20, 15),
        ((138, 41), 2, 20, 9),
        ((110, 41), 2, 20, 6),
        ((198, 46), 1, 28, 12),
        ((78, 20), 1, 14, 10),
    ],
)
def test_a_page_has_the_largest_pictures_of_which_there_are_plenty(
    size: tuple[int, int], pictures: int, edge: int, page: int
) -> None:
    shape = (28, 28)
    plan = layout_for(*size, pictures, "automatic", shape)
    assert (plan.picture, plan.page) == ((edge, edge), page)
    sizes = [layout_for(*size, pictures, wanted, shape).picture for wanted in ("medium", "small")]
    assert sizes == [(20, 20), (14, 14)]


@given(SHAPES)
def test_the_sizes_of_a_picture_keep_its_proportions_and_small_ones_are_enlarged_in_whole_steps(
    shape: tuple[int, int],
) -> None:
    sizes = picture_sizes(shape)
    assert list(sizes) == sorted(sizes, reverse=True)
    assert 19 <= max(sizes[0]) <= 64
    assert sizes[0][0] * shape[1] == sizes[0][1] * shape[0]
    assert all(abs(height * shape[1] - width * shape[0]) <= max(shape) for height, width in sizes)


@given(SHAPES, st.integers(1, 200), st.integers(1, 60))
def test_a_picture_fills_its_room_in_whole_steps_or_is_made_smaller(
    shape: tuple[int, int], columns: int, lines: int
) -> None:
    height, width = size_in(shape, columns, lines)
    assert width <= columns and height <= 2 * lines
    if width < shape[1]:
        assert columns < shape[1] or 2 * lines < shape[0]
    else:
        assert (height % shape[0], width % shape[1]) == (0, 0)


def test_colours_are_drawn_as_they_are_an_odd_row_stands_over_paper_and_shades_are_their_brightness() -> None:
    picture = np.zeros((3, 4, 3), np.uint8)
    picture[..., 0], picture[2] = 255, (0, 0, 255)
    paper = Color(1, 2, 3)
    first, last = Ink(paper, Color(255, 255, 255)).lines(picture)
    assert [segment.text for segment in (*first, *last)] == ["    ", "▀▀▀▀"]
    styles: list[Any] = [line[0].style for line in (first, last)]
    assert tuple(styles[0].bgcolor.triplet) == (255, 0, 0)
    assert (tuple(styles[1].color.triplet), tuple(styles[1].bgcolor.triplet)) == ((0, 0, 255), paper.rgb)
    assert ["".join(segment.text for segment in line) for line in Ink().lines(picture)] == ["░░░░", "    "]


def test_half_blocks_hold_two_pixels_each_and_shades_need_no_colour() -> None:
    picture = np.zeros((28, 28), np.uint8)
    picture[0, :14], picture[2:4] = 255, 255
    coloured = Ink(Color(0, 0, 0), Color(255, 255, 255)).lines(picture)
    assert len(coloured) == 14
    assert [segment.text for segment in coloured[0]] == ["▀" * 14, " " * 14]
    style: Any = coloured[0][0].style
    assert (style.color.triplet.red, style.bgcolor.triplet.red) == (255, 0)
    shades = ["".join(segment.text for segment in line) for line in Ink().lines(picture)]
    assert shades[:3] == ["▀" * 14 + " " * 14, "█" * 28, " " * 28]
    plain = ["".join(segment.text for segment in line) for line in Ink(glyphs="ascii").lines(picture)]
    assert "".join(plain).isascii()
    assert plain[1] == "@" * 28


@pytest.mark.parametrize("edge", [14, 20, 27])
def test_shrinking_is_the_mean_of_the_area_as_bright_as_before(edge: int) -> None:
    assert (scaled(np.full((28, 28), 90, np.uint8), (edge, edge)) == 90).all()
    picture = np.random.default_rng(edge).integers(0, 100, (28, 28)).astype(np.uint8)
    small = scaled(picture, (edge, edge))
    assert small.shape == (edge, edge)
    assert small.max() == picture.max()
    rows = np.add.reduceat(np.repeat(np.repeat(picture.astype(float), edge, 0), edge, 1), range(0, 28 * edge, 28), 0)
    means = np.add.reduceat(rows, range(0, 28 * edge, 28), 1) / 28**2
    assert np.abs(small - means * picture.max() / means.max()).max() <= 0.5 + 1e-9


def test_halving_averages_and_keeps_the_brightest_point() -> None:
    picture = np.zeros((28, 28), np.uint8)
    picture[0:2, 0:2], picture[2, 2] = 200, 200
    small = scaled(picture, (14, 14))
    assert small.shape == (14, 14)
    assert (small[0, 0], small[1, 1], small[5, 5]) == (200, 50, 0)


@pytest.mark.parametrize(("right", "down", "stroke"), [(0, 1, "─"), (1, 1, "╱"), (1, 0, "│"), (-1, 1, "╲")])
def test_a_stroke_of_a_hog_picture_runs_along_the_edge(right: int, down: int, stroke: str) -> None:
    rows, columns = np.mgrid[0:28, 0:28] - 13.5
    image = np.where(right * columns + down * rows > 0, 255, 0).astype(np.uint8)
    picture = hog_picture_of(image, HogFeatures(kind="hog", pixels_per_cell=7, orientations=8))
    lines = ["".join(segment.text for segment in line) for line in picture.lines(Ink(), (28, 28))]
    assert [len(line) for line in lines] == [28] * 14
    assert set("".join(lines)) == {" ", stroke}
    plain = ["".join(segment.text for segment in line) for line in picture.lines(Ink(glyphs="ascii"), (28, 28))]
    assert "".join(plain).isascii()


def test_grey_photographs_are_drawn_from_black_to_white_and_strokes_in_the_themes_colours(record: Any) -> None:
    pixels = np.full((1, 64, 64), 255, np.uint8)
    one = np.ones(1, np.int64)
    light = Ink(Color(255, 255, 255), Color(0, 0, 0))
    for photographs, red in ((True, 255), (False, 0)):
        images = Images("images", pixels, one.astype(np.uint8), one, photographs=photographs)
        style: Any = light.lines(present(drawn_image(images, 0)))[0][0].style
        assert style.bgcolor.triplet.red == red


def test_captions_fit_and_name_both_classes(record: Any, digits: Any) -> None:
    run = recorded(record, digits)
    predictions = RunPredictions(run.folder).of_epoch(1, data_ready(digits))
    assert isinstance(predictions, ImagePredictions)
    fashion = datasets.KNOWN["fashion-mnist"].class_names
    for names in (DIGITS, fashion):
        for width in (14, 28, 57):
            for index in range(40):
                first, second = predictions.caption(index, names, width, "block")
                assert len(first) <= width
                assert len(second) <= width
                assert second.endswith(f" % sure, image {index + 1}" if width > 14 else f" % #{index + 1}")


def test_a_missing_data_folder_is_said_and_not_fallen_over(record: Any, digits: Any, tmp_path: Path) -> None:
    run = recorded(record, digits)
    found = validation_images(run.folder, data_ready(digits), tmp_path / "nowhere")
    assert len(found.labels) == 360, "the other places are looked in"
