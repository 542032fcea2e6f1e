"""The main job in a real terminal: train, watch, detach, attach again, lose the terminal, find it training on."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mnist_tui.runs import control
from mnist_tui.runs.library import default_runs_dir, find_run
from tests.terminal import ENTER, ESCAPE, Terminal
from tests.training.support import end_trainings
from tests.waiting import wait_for

pytestmark = pytest.mark.slow
EVALUATED = re.compile(r"([\d,]+) images evaluated after epoch (\d+)")
CELLS = re.compile(r"(?<![\d,.])(\d)((?:\s+(?:\d+|·)){10})(?![\d,])")


@pytest.fixture(autouse=True)
def nothing_trains_on(own_places: None) -> Iterator[None]:
    yield
    end_trainings(default_runs_dir())


def matrix_of(lines: list[str]) -> list[list[int]]:
    """The ten rows of counts that the screen shows."""
    rows: dict[int, list[int]] = {}
    for line in lines:
        half = line[len(line) // 3 :]
        for found in CELLS.finditer(half):
            rows[int(found[1])] = [0 if cell == "·" else int(cell) for cell in found[2].split()]
    return [rows[label] for label in sorted(rows)]


def frames(terminal: Terminal, count: int) -> list[tuple[str, int, int]]:
    """Different frames while it trains: text, images evaluated, sum of the matrix shown with them."""
    seen: list[tuple[str, int, int]] = []

    def enough() -> bool:
        terminal.settle()
        found = EVALUATED.search(terminal.text)
        rows = matrix_of(terminal.lines)
        if found and len(rows) == 10 and (not seen or seen[-1][0] != terminal.text):
            seen.append((terminal.text, int(found[1].replace(",", "")), sum(map(sum, rows))))
        return len(seen) >= count

    wait_for(enough, lambda: terminal.text)
    return seen


def detached(terminal: Terminal) -> int:
    """Leave the app and let the training go on, as a person does: the question is answered once it is seen.

    A key that arrives before the app knows that the question has been drawn does not answer it; then one presses again.
    """
    terminal.wait_for("The training goes on without this window")

    def gone() -> bool:
        if terminal.process.poll() is None:
            terminal.press(ENTER)
            terminal.settle()
        return terminal.process.poll() is not None

    wait_for(gone, lambda: terminal.text)
    return terminal.wait_for_exit()


def test_a_training_is_watched_left_found_again_and_outlives_its_terminal(real_data: Path):
    arguments = ["--preset", "hog", "--ppc", "7", "--epochs", "50000", "--batch-size", "128"]
    with Terminal(arguments, columns=120, rows=40) as terminal:
        terminal.wait_for("images evaluated after epoch")
        wide = frames(terminal, 5)
        assert len({text for text, _, _ in wide}) >= 5
        assert all(images == total == 10_000 for _, images, total in wide), terminal.text
        terminal.press("q")
        assert detached(terminal) == 0

    run = find_run(default_runs_dir(), "latest")
    assert run.state() == "running"

    with Terminal(["attach", "latest"], columns=80, rows=24) as terminal:
        terminal.wait_for("images evaluated after epoch")
        small = frames(terminal, 5)
        assert len({text for text, _, _ in small}) >= 5
        assert all(images == total == 10_000 for _, images, total in small), terminal.text
        assert "Loss" in terminal.text
        assert re.search(r"epoch \d+ of 50,?000", terminal.text)
        terminal.hang_up()
        assert terminal.process.returncode is not None

    assert run.state() == "running"
    control.send(run, "pause")
    wait_for(lambda: run.state() == "paused")
    control.send(run, "continue")
    wait_for(lambda: run.state() == "running")
    control.send(run, "stop")
    wait_for(lambda: run.state() == "stopped")
    results = run.results()
    assert results is not None
    assert sum(map(sum, results["confusion_matrix"])) == 10_000


def test_offline_without_data_the_app_says_so_and_trains_on_the_bundled_digits(tmp_path: Path):
    nowhere = {
        "MNIST_TUI_DATA": "",
        "KERAS_HOME": str(tmp_path / "keras"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "https_proxy": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
    }
    with Terminal(["--preset", "raw", "--epochs", "2"], columns=100, rows=30, environment=nowhere) as terminal:
        terminal.wait_for(lambda text: "not MNIST" in text or "sample" in text)
        terminal.wait_for("360 images evaluated after epoch 2")
        assert "sample" in terminal.text
    run = find_run(default_runs_dir(), "latest")
    wait_for(lambda: run.state() == "finished")
    results = run.results()
    assert results is not None
    assert results["dataset"]["sample"] is True
    assert "MNIST" not in results["dataset"]["title"]


@pytest.mark.exhaustive
def test_a_person_watches_looks_back_opens_the_images_leaves_comes_back_and_exports(real_data: Path):
    with Terminal(["--preset", "hog", "--ppc", "7", "--epochs", "2000"], columns=120, rows=40) as terminal:
        terminal.wait_for("images evaluated after epoch 4")
        terminal.press("p")
        terminal.wait_for("paused")
        terminal.settle()
        here = evaluated_after(terminal)
        terminal.press(",")
        terminal.wait_for(f"evaluated after epoch {here - 1}")
        terminal.press(",")
        terminal.wait_for(f"evaluated after epoch {here - 2}")
        scrubbed = matrix_of(terminal.lines)

        terminal.press("m")
        terminal.wait_for(lambda text: "worst confusions" in text and f"evaluated after epoch {here - 2}" in text)
        terminal.press("n")
        terminal.settle()
        true, said, count = worst_of(scrubbed)
        terminal.press(ENTER)
        terminal.wait_for(f"{count} images: {true} read as {said}, after epoch {here - 2}")
        terminal.press(ESCAPE)
        terminal.wait_for("worst confusions")
        terminal.press(ESCAPE)
        terminal.wait_for("device")

        terminal.press("p")
        terminal.wait_for("running")
        terminal.press("d")
        terminal.wait_for("presets")
        terminal.press("q")
        assert detached(terminal) == 0

    run = find_run(default_runs_dir(), "latest")
    assert run.state() == "running"
    with Terminal(["attach", "latest"], columns=120, rows=40) as terminal:
        terminal.wait_for("running")
        terminal.press("s")
        terminal.wait_for("Stopped")
        terminal.press("r")
        terminal.wait_for("Confusions")
        terminal.press("e")
        terminal.wait_for("Will write")
        terminal.press("\x13")
        terminal.wait_for("written:")
        terminal.press(ESCAPE)
        terminal.wait_for(lambda text: "Will write" not in text and "written:" not in text)
        terminal.press("q")
        assert terminal.wait_for_exit() == 0
    assert run.state() == "stopped"
    assert any(run.exports.iterdir())


def evaluated_after(terminal: Terminal) -> int:
    found = EVALUATED.search(terminal.text)
    assert found is not None, terminal.text
    return int(found[2])


def worst_of(matrix: list[list[int]]) -> tuple[int, int, int]:
    """The most frequent confusion: true class, predicted class, images."""
    wrong = [(count, -true, -said) for true, row in enumerate(matrix) for said, count in enumerate(row) if true != said]
    count, true, said = max(wrong)
    return -true, -said, count
