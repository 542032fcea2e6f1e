"""The results screen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mnist_tui.data.catalogue import KNOWN
from mnist_tui.tui.results.panes import ClassBars, ClassScores
from mnist_tui.tui.results.screen import score_lines
from tests.tui.sizes import at_sizes

DIGITS = tuple("0123456789")


def finished(record: Any, preset: str = "raw", names: tuple[str, ...] = DIGITS, epochs: int = 20) -> Any:
    run = record(preset, epochs=epochs).begin().epoch(1).epoch(2).results(2, names)
    run.finish("finished", "all epochs done", test_loss=0.0812, test_accuracy=0.9764, macro_f1=0.9762)
    return run


async def on_results(pilot: Any, shows: Any) -> None:
    await shows(pilot, " of 20 · training")
    await pilot.press("r")
    await shows(pilot, "1 Scores  2 Complexity  3 Details")


@at_sizes((80, 24), (60, 20), (120, 40), (140, 45))
async def test_the_accuracy_comes_first_with_the_published_one_and_the_worst_confusions(
    size: tuple[int, int], record: Any, app_on: Any, shows: Any
) -> None:
    run = finished(record)
    async with app_on(run.folder).run_test(size=size) as pilot:
        await on_results(pilot, shows)
        text = await shows(
            pilot,
            "finished",
            "est accuracy",
            "0.0812",
            "198,760",
            "2 of 20",
            "Published",
            "97.62 %",
            "+0.02 points",
            "Confusions",
            "0 read as",
        )
        assert all(len(line) <= size[0] for line in text.splitlines())


async def test_a_wide_window_has_confusions_classes_scores_and_matrix_beside_each_other(
    record: Any, app_on: Any, shows: Any
) -> None:
    run = finished(record, "fashion", KNOWN["fashion-mnist"].class_names)
    async with app_on(run.folder).run_test(size=(140, 45)) as pilot:
        await on_results(pilot, shows)
        text = await shows(
            pilot,
            "Precision",
            "Ankle boot",
            "1,009",
            "10,000 images of the test set",
            "T-shirt/top read as Trouser",
            "training accuracy, no dropout  99.21 %",
        )
        assert any("ours  published" in line and "difference" in line for line in text.splitlines()), text


async def test_the_pages_are_chosen_by_their_keys_and_by_clicks(record: Any, app_on: Any, shows: Any) -> None:
    run = finished(record)
    async with app_on(run.folder).run_test(size=(80, 24)) as pilot:
        await on_results(pilot, shows)
        await pilot.press("2")
        text = await shows(pilot, "dense_1", "784 × 250 = 196,000", "198,760: 198,500 weights + 260 biases")
        assert "Confusions" not in text
        await pilot.click("PartsLine", offset=(27, 0))
        await shows(pilot, "Training, without evaluation  1.96 s", f"Training images/s{' ' * 11}  61,234")
        screen = pilot.app.screen
        await pilot.press("w", "escape", "enter")
        assert pilot.app.screen is screen, "where no confusion is seen, Enter opens none"
        await pilot.press("pagedown")
        await shows(pilot, "Train again mnist-tui train", str(run.folder.path)[:30])
        await pilot.press("end")
        await shows(pilot, "Trained with", "raw, 20 epochs", "4,096", f"Epochs{' ' * 10}20   preset: 150")
        await pilot.press("1")
        await shows(pilot, "Confusions")


async def test_enter_and_a_click_open_the_images_of_the_chosen_confusion(
    record: Any, app_on: Any, shows: Any, until: Any
) -> None:
    run = finished(record)
    async with app_on(run.folder).run_test(size=(80, 24)) as pilot:
        await on_results(pilot, shows)
        await shows(pilot, " of ")
        screen: Any = pilot.app.screen
        pairs = screen.confusions.pairs
        for how, at in (("key", 1), ("click", 2)):
            await until(pilot, lambda: pilot.app.screen is screen)
            if how == "key":
                await pilot.press("down", "enter")
            else:
                await pilot.click("ConfusionList", offset=(5, 2))
            await until(pilot, lambda: type(pilot.app.screen).__name__ == "GalleryScreen")
            gallery: Any = pilot.app.screen
            assert (gallery.chosen.true, gallery.chosen.predicted) == (pairs[at].true, pairs[at].predicted)
            await pilot.press("escape")


def with_predictions(run: Any, *, absent: int = 10) -> Any:
    """Give a run predictions of 400 images, right in 9 of 10 cases; no image is of the class `absent`."""
    labels = np.arange(400, dtype=np.uint8) % absent
    said = np.where(np.arange(400) % 10 == 3, (labels + 1) % 10, labels)
    probabilities = np.full((400, 10), 0.02, np.float32)
    probabilities[np.arange(400), said] = np.linspace(0.3, 0.99, 400, dtype=np.float32)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    wrong = np.flatnonzero(said != labels).astype(np.int32)
    images = np.zeros((len(wrong), 28, 28), np.uint8)
    arrays = {"labels": labels, "probabilities": probabilities, "misclassified": wrong, "misclassified_images": images}
    np.savez(run.folder.predictions_file, **arrays)  # pyright: ignore[reportArgumentType]
    return run


@at_sizes((80, 24), (60, 20), (140, 45))
async def test_the_page_of_statistics_has_what_the_predictions_say_and_a_reliability_diagram(
    size: tuple[int, int], record: Any, app_on: Any, shows: Any
) -> None:
    run = with_predictions(finished(record), absent=9)
    async with app_on(run.folder).run_test(size=size) as pilot:
        await on_results(pilot, shows)
        await pilot.press("4")
        text = await shows(pilot, "Accuracy", "90.00 %", "95 % interval", "86.67 to 92.57 %", "Cohen's κ")
        assert "nan" not in text
        pages = [text]
        for key in ("pagedown", "pagedown", "end"):
            await pilot.press(key)
            pages.append(await shows(pilot, "4 Statistics"))
        seen = "\n".join(pages)
        assert all(words in seen for words in ("There are no images of 9", "Reliability", "ideal", "100 %"))
        assert all(len(line) <= size[0] for line in text.splitlines())


async def test_without_predictions_the_page_of_statistics_says_what_is_missing(
    record: Any, app_on: Any, shows: Any
) -> None:
    async with app_on(finished(record).folder).run_test(size=(80, 24)) as pilot:
        await on_results(pilot, shows)
        await pilot.press("4")
        text = await shows(pilot, "predictions of the final evaluation, which this run does")
        assert "Reliability" not in text


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("diverged", ("the loss was not finite", "i says what to change")),
        ("failed", ("the GPU's memory is full", "p resumes it, c shows the curves and the end of its log")),
        ("stopped", ("as asked", "p resumes it, c shows the curves.")),
    ],
)
async def test_a_run_without_scores_says_why_and_what_to_do_and_still_shows_its_complexity(
    state: str, words: tuple[str, str], record: Any, app_on: Any, shows: Any
) -> None:
    run = record().begin().epoch(1, finite=state != "diverged")
    run.finish(state, words[0])
    async with app_on(run.folder).run_test(size=(80, 24)) as pilot:
        await on_results(pilot, shows)
        text = await shows(pilot, "There are no test scores", "after 1 epoch of 20", *words, "mnist-tui train")
        assert "Confusions" not in text
        assert not pilot.app.screen.focused, "there is no list that could take the keys"
        await pilot.press("2")
        await shows(pilot, "198,760")


def test_the_lowest_score_of_a_column_is_told_and_bars_begin_below_it() -> None:
    bars = ClassBars()
    bars.show([ClassScores("0", 0.93, 0.871, 0.9, 980), ClassScores("1", None, 0.99, 0.95, 1135)])
    assert bars.start == 0.8
    assert bars.scale == "", "a narrow widget has no bars"


def test_scores_without_a_reference_have_no_column_for_it() -> None:
    test = {"accuracy": 0.5, "loss": None, "macro_f1": 0.4}
    lines = score_lines({"test": test, "train": None, "reference": None, "origin": None})
    assert [line.split("  ")[0] for line in lines] == ["Training images, without dropout: accuracy –, loss not finite."]
