"""The diagnosis and weights screens on recorded runs, and the arithmetic of what they draw."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment

from mnist_tui.errors import RunError
from mnist_tui.experiment.presets import find_preset
from mnist_tui.experiment.spec import HogFeatures
from mnist_tui.files import replacing, write_json
from mnist_tui.runs import start as run_start
from mnist_tui.runs.events import CheckpointSaved, Distribution, LayerWeights, WeightsSeen
from mnist_tui.runs.explanations import sign_of
from mnist_tui.runs.first_weights import first_weights
from mnist_tui.runs.folder import RunFolder
from mnist_tui.tui.editor.screen import EditorScreen
from mnist_tui.tui.feed import RunFeed
from mnist_tui.tui.matrix.screen import MatrixScreen
from mnist_tui.tui.results.diagnosis import Advised, DiagnosisScreen
from mnist_tui.tui.training.screen import TrainingScreen
from mnist_tui.tui.weights.distributions import (
    DistributionView,
    EpochSpread,
    LayerTable,
    ValueAxis,
    bands,
    epoch_columns,
    shares,
    value_axis,
)
from mnist_tui.tui.weights.screen import WeightPictures, WeightsScreen, resampled, sizes_of
from tests.tui.conftest import screen_text
from tests.tui.sizes import at_sizes

RNG = np.random.default_rng(1)


def distribution(values: np.ndarray[Any, Any], bins: int = 32) -> Distribution:
    counts, edges = np.histogram(values, bins=bins)
    return Distribution(
        low=float(edges[0]),
        high=float(edges[-1]),
        counts=tuple(counts.tolist()),
        mean=float(values.mean()),
        deviation=float(values.std()),
    )


def seen(epoch: int) -> WeightsSeen:
    """What a worker tells of a raw network whose weights spread out."""
    weights = RNG.normal(0, 0.05 + 0.01 * epoch, 196_000)
    return WeightsSeen(
        epoch=epoch,
        layers=(
            LayerWeights(name="dense_1", weights=distribution(weights), biases=distribution(weights[:250]), dead=0.208),
            LayerWeights(name="output", weights=distribution(weights[:2500]), biases=distribution(weights[:10])),
        ),
    )


def trained(record: Any, epochs: int = 6, **given: Any) -> Any:
    recording = record(epochs=epochs).begin()
    recording.write(seen(0))
    for epoch in range(1, epochs + 1):
        recording.epoch(epoch, steps=False, **given).write(seen(epoch))
    return recording


def checkpoint(folder: RunFolder, kernel: np.ndarray[Any, Any], name: str, epoch: int) -> None:
    """A checkpoint in the layout that workers write."""
    folder.checkpoint.mkdir(exist_ok=True)
    arrays = f"epoch-{epoch}.npz"
    values: dict[str, Any] = {"model-00000": kernel, "model-00001": np.zeros(kernel.shape[-1])}
    np.savez(folder.checkpoint / arrays, **values)
    document = {
        "arrays": arrays,
        "position": {"epoch": epoch, "step": 0},
        "model": [f"m/{name}/kernel", f"m/{name}/bias"],
    }
    write_json(folder.checkpoint_file, document)


def model(folder: RunFolder, kernel: np.ndarray[Any, Any], kind: str, epoch: int) -> None:
    """A `model.keras` as Keras lays it out, and the results beside it."""
    weights = folder.path / "model.weights.h5"
    with h5py.File(weights, "w") as file:
        file[f"layers/{kind}/vars/0"] = kernel
    write_json(folder.results_file, {"weights_of_epoch": epoch})
    with replacing(folder.model_file) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        archive.write(weights, "model.weights.h5")


async def on_screen(app: Any, pilot: Any, kind: type[Any]) -> Any:
    await pilot.pause()
    feed = RunFeed(app.options.run)
    app.push_screen(kind(feed))
    await pilot.pause()
    return app.screen


async def test_a_diagnosis_stands_with_its_evidence_and_its_actions(
    record: Any, app_on: Any, shows: Any, until: Any
) -> None:
    recording = record(epochs=14).begin()
    for epoch in range(1, 15):
        val_loss = 0.5 - 0.1 * epoch if epoch < 4 else 0.2 + 0.02 * (epoch - 4)
        recording.epoch(epoch, steps=False, loss=0.5 * 0.8**epoch, val_loss=val_loss, val_accuracy=0.95)
    app = app_on(recording.finish().folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, DiagnosisScreen))
        screen = app.screen
        text = await shows(
            pilot,
            "Warning Overfitting since epoch 3",
            "Advice:",
            "Train again with early stopping after 5 epochs without improvement",
            "Train again with dropout 0.7  2",
            "Show epoch 3, where it begins, in the curves  3",
        )
        assert "epoch 3 (0.2000)" in " ".join(text.split())
        await pilot.press("x", "p", "s", "up", "down", "pagedown", "pageup")
        assert app.screen is screen
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, EditorScreen))
        draft = app.screen.draft
        assert (draft.experiment.layers[-1].rate, draft.preset.experiment.layers[-1].rate) == (0.7, 0.5)
        await pilot.press("ctrl+z")
        await until(pilot, lambda: not draft.is_edited)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        await pilot.click(screen.query(Advised).last())
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen) and app.screen.feed.cursor == 3)


@pytest.fixture(params=["finished", "stopped"])
def state(request: pytest.FixtureRequest) -> str:
    return request.param


async def test_a_wide_window_has_the_curves_beside_the_diagnosis(
    record: Any, app_on: Any, shows: Any, until: Any
) -> None:
    recording = record(epochs=14).begin()
    for epoch in range(1, 15):
        val_loss = 0.5 - 0.1 * epoch if epoch < 4 else 0.2 + 0.02 * (epoch - 4)
        recording.epoch(epoch, steps=False, loss=0.5 * 0.8**epoch, val_loss=val_loss, val_accuracy=0.95)
    app = app_on(recording.finish().folder)
    async with app.run_test(size=(140, 45)) as pilot:
        screen = await on_screen(app, pilot, DiagnosisScreen)
        await shows(pilot, "Overfitting since epoch 3", "Loss", "Accuracy", "best epoch 3")
        await pilot.click(screen.query(Advised).last())
        await until(pilot, lambda: screen.feed.cursor == 3)
        await shows(pilot, "cursor at 3", "val 0.2000")
        assert app.screen is screen
        feed = screen.feed
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen))
        assert feed.cursor is None, "other screens show the epoch that they showed before"
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, DiagnosisScreen))
        screen = app.screen
        assert isinstance(screen, DiagnosisScreen)
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: not screen.plots.display)


async def test_a_key_of_the_diagnosis_trains_on_and_shows_the_training(
    record: Any, app_on: Any, shows: Any, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    words = {"finished": "Train 10 more epochs  a", "stopped": "Resume: train the remaining 5 epochs  p"}[state]
    done: list[tuple[str, int | None]] = []
    monkeypatch.setattr(run_start, "extend", lambda folder, more: done.append((folder.id, more)) or True)
    monkeypatch.setattr(run_start, "resume", lambda folder: done.append((folder.id, None)))
    recording = record(epochs=15 if state == "stopped" else 10).begin()
    for epoch in range(1, 11):
        recording.epoch(epoch, steps=False, loss=0.9**epoch, val_loss=0.9**epoch, val_accuracy=0.95)
    folder = recording.finish(state).folder
    app = app_on(folder)
    async with app.run_test(size=(60, 20)) as pilot:
        await on_screen(app, pilot, DiagnosisScreen)
        await shows(pilot, "Note", "till improving", words)
        await pilot.press(words[-1])
        if state == "finished":
            await shows(pilot, "Train to epoch:", "10 more epochs")
            await pilot.press("enter")
        await shows(pilot, "Loss", "epoch 10 of")
        await app.workers.wait_for_complete()
        assert isinstance(app.screen, TrainingScreen)
    assert done == [(folder.id, 10 if state == "finished" else None)]


async def test_findings_follow_a_live_run(record: Any, app_on: Any, shows: Any) -> None:
    recording = record(epochs=20).begin()
    app = app_on(recording.folder)
    async with app.run_test(size=(60, 20)) as pilot:
        await on_screen(app, pilot, DiagnosisScreen)
        await shows(pilot, "Note Too few epochs to say", "no epoch has ended")
        for epoch in range(1, 9):
            recording.epoch(epoch, steps=False)
        await shows(pilot, "Good Still improving: keep going", "Why training loss is above validation loss")
        recording.epoch(9, steps=False, finite=False)
        await shows(pilot, "Problem Diverged in epoch 9")


async def test_an_experiment_that_cannot_be_read_is_said(record: Any, app_on: Any, shows: Any) -> None:
    recording = record().begin().epoch(1, steps=False)
    recording.folder.experiment_file.write_text("nonsense = [")
    app = app_on(recording.folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await on_screen(app, pilot, DiagnosisScreen)
        await shows(pilot, "experiment.toml cannot be read")
        app.pop_screen()
        await on_screen(app, pilot, WeightsScreen)
        await pilot.press("p")
        await shows(pilot, "experiment.toml cannot be read")


@at_sizes((80, 24), (60, 20), (140, 45))
async def test_weights_follow_the_cursor_the_layer_and_the_kind(
    record: Any, app_on: Any, shows: Any, until: Any, size: tuple[int, int]
) -> None:
    app = app_on(trained(record).finish().folder)
    async with app.run_test(size=size) as pilot:
        screen = await on_screen(app, pilot, WeightsScreen)
        text = await shows(pilot, "Weights of dense_1", "after epoch 6", "52 of 250, 20.8 %")
        assert f"{screen.view.selected.spread.deviation:.4f}" in text
        assert ("Half of the values: " in text) == (size != (60, 20))
        await pilot.press("down", "b", "home")
        await shows(pilot, "Biases of output", "after epoch 1", "> ")
        assert screen.view.selected.spread.counts == screen._recorded[1].layers[1].biases.counts
        await pilot.press("down", "down", "up", "b")
        await shows(pilot, "Weights of dense_1")
        await pilot.click(LayerTable, offset=(5, 2))
        await shows(pilot, "Weights of output")
        await pilot.click(DistributionView, offset=(9, 3))
        await shows(pilot, "before training" if screen.feed.epoch == 0 else "after epoch 1")
        await pilot.press("end", "escape")
        await until(pilot, lambda: app.screen is not screen)


async def test_a_run_without_weights_says_so(record: Any, app_on: Any, shows: Any) -> None:
    app = app_on(record().begin().epoch(1, steps=False).finish().folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await on_screen(app, pilot, WeightsScreen)
        await shows(pilot, "This run recorded no weights.")
        await pilot.press("p")
        await shows(pilot, "There is no checkpoint yet")


async def test_pictures_come_from_the_checkpoint_and_follow_a_newer_one(
    record: Any, app_on: Any, shows: Any, until: Any
) -> None:
    recording = trained(record)
    kernel = RNG.normal(size=(784, 250)).astype(np.float32)
    checkpoint(recording.folder, kernel, "dense_1", 4)
    app = app_on(recording.folder)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await on_screen(app, pilot, WeightsScreen)
        await pilot.press("p")
        await shows(pilot, "neurons 1 to 10 of 250, after epoch 4 (checkpoint)", "positive", "negative")
        checkpoint(recording.folder, kernel * 2, "dense_1", 5)
        recording.write(CheckpointSaved(epoch=5, step=0))
        await shows(pilot, "after epoch 5 (checkpoint)")
        await pilot.press("pagedown")
        await shows(pilot, "neurons 11 to 20")
        await pilot.press("pageup", "pageup", "z")
        await shows(pilot, "neurons 1 to 1 of 250")
        await pilot.press("z", "s")
        await shows(pilot, "+ # positive, - = negative")
        await pilot.press("r")
        await until(pilot, lambda: any(recording.folder.control.glob("*checkpoint.json")))
        await pilot.press("p")
        assert not screen.has_class("-pictures")


def test_first_weights_are_the_kernels_columns_as_the_pixels_lie(record: Any) -> None:
    folder: RunFolder = record().folder
    kernel = np.arange(784 * 250, dtype=np.float32).reshape(784, 250)
    checkpoint(folder, kernel, "dense_1", 3)
    found = first_weights(folder, find_preset("raw").experiment)
    assert (found.layer, found.units, found.epoch, found.source) == ("dense_1", "neurons", 3, "checkpoint")
    assert np.array_equal(found.pictures[17], kernel[:, 17].reshape(28, 28))
    assert found.strong == pytest.approx(np.quantile(kernel, 0.995), rel=1e-4)


def test_first_weights_of_an_ended_run_are_its_models(record: Any) -> None:
    folder: RunFolder = record("cnn").folder
    kernel = RNG.normal(size=(5, 5, 1, 9)).astype(np.float32)
    checkpoint(folder, kernel * 0, "conv2d_1", 8)
    model(folder, kernel, "conv2d", 6)
    found = first_weights(folder, find_preset("cnn").experiment)
    assert (found.units, found.epoch, found.source) == ("filters", 6, "model.keras")
    assert np.array_equal(found.pictures[4], kernel[:, :, 0, 4])


def test_first_weights_of_colour_images_have_three_channels(record: Any) -> None:
    folder: RunFolder = record("cnn", image=(20, 14, 3)).folder
    kernel = RNG.normal(size=(5, 5, 3, 9)).astype(np.float32)
    checkpoint(folder, kernel, "conv2d_1", 8)
    found = first_weights(folder, folder.preset().experiment)
    assert np.array_equal(found.pictures[4], kernel[..., 4])
    flat = RNG.normal(size=(20 * 14 * 3, 250)).astype(np.float32)
    dense: RunFolder = record("raw", image=(20, 14, 3)).folder
    checkpoint(dense, flat, "dense_1", 8)
    assert np.array_equal(first_weights(dense, dense.preset().experiment).pictures[7], flat[:, 7].reshape(20, 14, 3))


async def test_weights_of_colours_are_one_picture_in_colour_and_three_of_signs(
    record: Any, app_on: Any, shows: Any
) -> None:
    recording = record("cnn", image=(20, 14, 3)).begin()
    recording.epoch(1, steps=False)
    kernel = np.zeros((5, 5, 3, 9), np.float32)
    kernel[:, :, 0] = 1
    checkpoint(recording.finish().folder, kernel, "conv2d_1", 1)
    app = app_on(recording.folder)
    async with app.run_test(size=(140, 45)) as pilot:
        screen = await on_screen(app, pilot, WeightsScreen)
        await pilot.press("p")
        await shows(pilot, "filters 1 to 9 of 9", "grey is 0")
        styles = [segment.style for segment in screen.query_one(WeightPictures).render_line(0)]
        red, green, _ = next(style.bgcolor.triplet for style in styles if style and style.bgcolor)
        assert red > 240 and 120 < green < 136
        await pilot.press("s")
        await shows(pilot, "1 red", "1 green", "###")


def test_weights_of_hog_features_are_by_cell_with_those_of_all_its_blocks(record: Any) -> None:
    folder: RunFolder = record("hog").folder
    hog = HogFeatures(kind="hog", pixels_per_cell=7, orientations=8, cells_per_block=2)
    experiment = find_preset("hog").experiment.model_copy(update={"features": hog})
    checkpoint(folder, np.ones((3 * 3 * 4 * 8, 100), np.float32), "dense_1", 3)
    found = first_weights(folder, experiment)
    assert found.is_hog and found.pictures.shape == (100, 4, 4, 8)
    of_blocks = np.outer([1, 2, 2, 1], [1, 2, 2, 1])
    assert np.array_equal(found.pictures, np.broadcast_to(of_blocks[..., None], found.pictures.shape))


async def test_weights_of_hog_features_are_strokes_along_the_edges(record: Any, app_on: Any, shows: Any) -> None:
    recording = record("hog").begin()
    recording.epoch(1, steps=False)
    kernel = np.zeros((7, 7, 8, 250), np.float32)
    kernel[:, :2, 0], kernel[:, 4:, 4] = 1, -1  # edges upwards, and to the right
    kernel = kernel.reshape(7 * 7 * 8, 250)
    checkpoint(recording.finish().folder, kernel, "dense_1", 1)
    app = app_on(recording.folder)
    async with app.run_test(size=(80, 24)) as pilot:
        pictures = (await on_screen(app, pilot, WeightsScreen)).query_one(WeightPictures)
        await pilot.press("p")
        await shows(pilot, "neurons 1 to 10 of 250", "the edge with the largest weight", "│ │")
        styles = {segment.text: segment.style for segment in pictures.render_line(0) if segment.text.strip()}
        assert set(styles) == {"│", "─"} and styles["│"].color != styles["─"].color
        await pilot.press("s")
        await shows(pilot, "plain strokes positive, reversed ones negative")
        reversed_texts = {s.text for s in pictures.render_line(0) if s.style and s.style.reverse and s.text.strip()}
        assert reversed_texts == {"─"}


def test_what_cannot_be_had_is_a_sentence(record: Any) -> None:
    folder: RunFolder = record().folder
    raw = find_preset("raw").experiment
    with pytest.raises(RunError, match="no checkpoint yet"):
        first_weights(folder, raw)
    checkpoint(folder, np.zeros((784, 250)), "dense_1", 1)
    next(folder.checkpoint.glob("*.npz")).unlink()
    with pytest.raises(RunError, match="cannot be read"):
        first_weights(folder, raw)
    folder.model_file.write_bytes(b"no zip")
    with pytest.raises(RunError, match=r"model\.keras cannot be read"):
        first_weights(folder, raw)


values = st.lists(st.floats(-5, 5), min_size=1, max_size=200)


@given(values, values, st.integers(1, 40))
def test_every_value_is_in_some_line_of_the_axis(one: list[float], other: list[float], lines: int) -> None:
    told = [EpochSpread(epoch, distribution(np.array(part))) for epoch, part in enumerate((one, other))]
    axis = value_axis(told, lines)
    for part in told:
        assert sum(shares(part.spread, axis)) == pytest.approx(1, abs=1e-6)


def test_values_that_are_all_the_same_fill_one_line() -> None:
    same = Distribution(low=0.0, high=0.0, counts=(10, *([0] * 31)), mean=0.0, deviation=0.0)
    assert sorted(shares(same, value_axis([EpochSpread(0, same)], 7))) == [0, 0, 0, 0, 0, 0, 1]


def test_shares_agree_with_numpy_where_lines_and_bins_do() -> None:
    sample = RNG.normal(size=5000)
    spread = distribution(sample, bins=12)
    counts, _ = np.histogram(sample, bins=12, range=(spread.low, spread.high))
    found = shares(spread, ValueAxis(spread.low, spread.high, 12))
    assert found == pytest.approx((counts / 5000)[::-1].tolist())


@given(st.integers(0, 50), st.integers(0, 10_000), st.integers(1, 200))
def test_columns_go_from_the_first_epoch_to_the_last(first: int, more: int, width: int) -> None:
    columns = epoch_columns(first, first + more, width)
    assert columns[0] == first
    assert columns == sorted(columns)
    assert columns[-1] == first + more or width == 1


def test_pictures_are_means_when_made_smaller_and_repeated_when_larger() -> None:
    picture = RNG.normal(size=(28, 28))
    half = picture.reshape(14, 2, 14, 2).mean(axis=(1, 3))
    assert np.allclose(resampled(picture, 14, 14), half)
    assert np.allclose(resampled(picture, 56, 56), picture.repeat(2, 0).repeat(2, 1))
    colours = RNG.normal(size=(28, 28, 3))
    assert np.allclose(resampled(colours, 14, 14)[..., 1], resampled(colours[..., 1], 14, 14))
    assert sizes_of(28, 28) == [(56, 28), (28, 14), (14, 7)]
    assert sizes_of(20, 14)[1] == (14, 10)
    assert sizes_of(64, 64)[-1] == (16, 8)
    assert sizes_of(3, 1)[-1] == (2, 3)


def test_signs_tell_weak_from_strong_and_what_is_no_number() -> None:
    signs = "".join(sign_of(part, 1.0) for part in (-0.9, -0.3, -0.1, 0, 0.1, 0.3, 0.9, float("nan")))
    assert signs == "=-   +#?"


async def test_without_colour_pictures_are_signs(
    record: Any, app_on: Any, shows: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    recording = trained(record)
    half = np.where(np.arange(784) < 392, 1.0, -1.0)
    checkpoint(recording.folder, np.repeat(half[:, None], 250, axis=1), "dense_1", 2)
    app = app_on(recording.folder)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await on_screen(app, pilot, WeightsScreen)
        await pilot.press("p")
        await shows(pilot, "#" * 14, "=" * 14)
        drawn: list[Segment] = list(screen.query_one(WeightPictures).render_line(0))
        assert "▀" not in "".join(segment.text for segment in drawn)


FIRST = {MatrixScreen: "8 read as 9: 117 of 974", DiagnosisScreen: "Diagnosis after epoch 3", WeightsScreen: "finished"}


@pytest.mark.parametrize("kind", FIRST)
async def test_a_screen_of_a_run_that_is_known_shows_it_from_its_first_frame(
    kind: type[Any], record: Any, app_on: Any, shows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = record(epochs=3).begin()
    for epoch in range(1, 4):
        recording.epoch(epoch, steps=False)
    app = app_on(recording.finish().folder)
    frames: list[str] = []
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "finished", "epoch 3 of 3")
        display = app._display

        def seen(screen: Any, renderable: Any) -> None:
            display(screen, renderable)
            if isinstance(app.screen, kind) and app.screen.size:
                frames.append(screen_text(app))

        monkeypatch.setattr(app, "_display", seen)
        app.push_screen(kind(app.screen.feed))
        await shows(pilot, FIRST[kind])
    assert FIRST[kind] in frames[0], frames[0]


@given(st.integers(0, 2**32 - 1), st.sampled_from(["normal", "skewed", "narrow"]), st.integers(3, 40))
def test_the_bands_lie_where_the_quantiles_of_the_values_are(seed: int, kind: str, lines: int) -> None:
    rng = np.random.default_rng(seed)
    drawn = {
        "normal": rng.normal(0, 0.1, 4000),
        "skewed": rng.exponential(0.2, 4000),
        "narrow": rng.normal(3, 1e-4, 4000),
    }
    values = drawn[kind]
    spread = distribution(values)
    axis = value_axis([EpochSpread(1, spread)], lines)
    numbers = bands(spread, axis)
    assert len(numbers) == 2 * lines
    half, bin_width = axis.step / 2, (spread.high - spread.low) / len(spread.counts)
    for number, (lower, upper) in ((2, (0.05, 0.95)), (3, (0.25, 0.75)), (4, (0.5, 0.5))):
        places = [at for at, found in enumerate(numbers) if found >= number]
        for share, edge in ((upper, places[0]), (lower, places[-1])):
            value = min(max(float(np.quantile(values, share)), axis.low), axis.high)
            middle = axis.high - (edge + 0.5) * half
            assert abs(middle - value) <= half / 2 + bin_width
