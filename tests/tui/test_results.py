"""The results screen."""

from __future__ import annotations

from typing import Any

from mnist_tui.data.catalogue import KNOWN
from mnist_tui.tui.results.screen import score_lines
from tests.tui.sizes import at_sizes

DIGITS = tuple("0123456789")


def finished(record: Any, preset: str = "raw", names: tuple[str, ...] = DIGITS, epochs: int = 20) -> Any:
    run = record(preset, epochs=epochs).begin().epoch(1).epoch(2).results(2, names)
    run.finish("finished", "all epochs done", test_loss=0.0812, test_accuracy=0.9764, macro_f1=0.9762)
    return run


@at_sizes((80, 24), (120, 40), (140, 45))
async def test_scores_stand_beside_what_was_published(
    size: tuple[int, int], record: Any, app_on: Any, shows: Any
) -> None:
    run = finished(record)
    async with app_on(run.folder).run_test(size=size) as pilot:
        await shows(pilot, "r Results")
        await pilot.press("r")
        text = await shows(
            pilot,
            "finished",
            "ours  published",
            "97.64 %",
            "97.62 %",
            "0.0812",
            "0.0813",
            "macro F1 (test)                97.62 %",
            "training accuracy, no dropout  99.21 %",
            "most confused",
            "0 read as",
            "ARN – Report – Labo04",
        )
        assert all(len(line) <= size[0] for line in text.splitlines())


async def test_a_wide_window_has_classes_matrix_and_timings_beside_each_other(
    record: Any, app_on: Any, shows: Any
) -> None:
    run = finished(record, "fashion", KNOWN["fashion-mnist"].class_names)
    async with app_on(run.folder).run_test(size=(140, 45)) as pilot:
        await shows(pilot, "r Results")
        await pilot.press("r")
        await shows(
            pilot,
            "precision",
            "Ankle boot",
            "1,009",
            "10,000 images of the test set",
            "T-shirt/top read as Trouser:",
            "reading the data",
            "training, evaluation left out  1.96 s",
            "images/s                       61,234",
            "complexity",
            "dense_1",
        )


async def test_a_small_window_scrolls_to_everything(record: Any, app_on: Any, shows: Any) -> None:
    run = finished(record)
    async with app_on(run.folder).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "r Results")
        await pilot.press("r")
        await shows(pilot, "ours  published")
        await pilot.press("end")
        await shows(
            pilot,
            "parameters: 198,760 = 198,500 weights + 260 biases",
            "again    mnist-tui train",
            str(run.folder.path)[:30],
        )


async def test_a_run_without_results_says_so_and_still_shows_its_complexity(
    record: Any, app_on: Any, shows: Any
) -> None:
    run = record().begin().epoch(1, finite=False)
    run.finish("diverged", "the loss was not finite in epoch 1")
    async with app_on(run.folder).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "r Results")
        await pilot.press("r")
        await shows(pilot, "there are no scores", "complexity")
        await pilot.press("end")
        await shows(pilot, "diverged: the loss was not finite in epoch 1")


def test_scores_without_a_reference_have_no_column_for_it() -> None:
    test = {"accuracy": 0.5, "loss": None, "macro_f1": 0.4}
    lines = score_lines({"test": test, "train": None, "reference": None})
    assert lines[:2] == ["test accuracy                     50.00 %", "test loss                      not finite"]
    assert not any("published" in line for line in lines)
