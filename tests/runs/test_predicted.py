"""`predicted.bin`: what one writes the other reads, torn or not, dropped or come again."""

import resource

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_tui.experiment.shapes import MAX_EPOCHS
from mnist_tui.runs.epoch_predictions import EVERY_EPOCH, PredictionsReader, append, continue_after, is_kept


def probabilities(epoch, images=50):
    values = np.random.default_rng(epoch).random((images, 10)).astype(np.float32) ** 4
    return values / values.sum(axis=1, keepdims=True)


def same(read, epoch, given):
    assert read is not None
    assert read.epoch == epoch
    assert np.array_equal(read.classes, given.argmax(axis=1))
    assert np.abs(read.probabilities - given.max(axis=1)).max() <= 0.5 / 255 + 1e-6
    assert (read.classes.dtype, read.probabilities.dtype) == (np.uint8, np.float32)
    return True


def written(path, epochs):
    for epoch in epochs:
        append(path, epoch, probabilities(epoch))
    return path


def test_each_epoch_is_read_as_it_was_written(tmp_path):
    path = written(tmp_path / "predicted.bin", range(1, 6))
    there = PredictionsReader(path)
    assert there.epochs() == [1, 2, 3, 4, 5]
    assert all(same(there.read(epoch), epoch, probabilities(epoch)) for epoch in (5, 1, 3))
    assert there.read(6) is None


def test_a_file_that_grows_is_followed_and_one_that_is_not_there_is_empty(tmp_path):
    path = tmp_path / "predicted.bin"
    there = PredictionsReader(path)
    assert (there.epochs(), there.read(1)) == ([], None)
    for epoch in (1, 2, 3):
        append(path, epoch, probabilities(epoch))
        assert there.epochs() == list(range(1, epoch + 1))
        assert same(there.read(epoch), epoch, probabilities(epoch))


def test_probabilities_that_are_no_numbers_are_class_0_for_certain_of_nothing(tmp_path):
    path = tmp_path / "predicted.bin"
    append(path, 1, np.full((3, 10), np.nan, np.float32))
    read = PredictionsReader(path).read(1)
    assert read is not None
    assert (read.classes.tolist(), read.probabilities.tolist()) == ([0, 0, 0], [0.0, 0.0, 0.0])


@given(st.data())
def test_a_writer_killed_in_mid_record_spoils_nothing_that_follows(tmp_path_factory, data):
    path = written(tmp_path_factory.mktemp("run") / "predicted.bin", (1, 2))
    whole = path.stat().st_size
    written(path, (3,))
    torn = data.draw(st.integers(whole + 1, path.stat().st_size - 1))
    with path.open("r+b") as file:
        file.truncate(torn)
    there = PredictionsReader(path)
    assert there.epochs() == [1, 2]
    continue_after(path, 2)
    written(path, (3, 4))
    for reader in (there, PredictionsReader(path)):
        assert reader.epochs() == [1, 2, 3, 4]
        assert all(same(reader.read(epoch), epoch, probabilities(epoch)) for epoch in (1, 2, 3, 4))


def test_a_resumption_drops_what_lies_beyond_also_for_who_was_reading_all_the_time(tmp_path):
    path = written(tmp_path / "predicted.bin", (1, 2, 3, 4))
    there = PredictionsReader(path)
    assert there.epochs() == [1, 2, 3, 4]
    continue_after(path, 2)
    assert there.epochs() == PredictionsReader(path).epochs() == [1, 2]
    assert there.read(3) is None
    other = probabilities(99)
    append(path, 3, other)
    assert there.epochs() == PredictionsReader(path).epochs() == [1, 2, 3]
    assert same(there.read(3), 3, other)


def test_going_on_where_nothing_lies_beyond_leaves_the_file_as_it_is(tmp_path):
    path = tmp_path / "predicted.bin"
    continue_after(path, 0)
    assert not path.exists()
    before = written(path, (1, 2)).read_bytes()
    continue_after(path, 2)
    assert path.read_bytes() == before


def test_an_epoch_that_cannot_be_written_whole_is_not_written_at_all(tmp_path):
    path = written(tmp_path / "predicted.bin", (1,))
    size = path.stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, hard))
    try:
        with pytest.raises(OSError, match=r"too large|No space"):
            append(path, 2, probabilities(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.stat().st_size == size
    written(path, (3,))
    assert PredictionsReader(path).epochs() == [1, 3]


def test_nonsense_in_the_file_is_no_epoch(tmp_path):
    path = written(tmp_path / "predicted.bin", (1,))
    with path.open("ab") as file:
        file.write(b"\x02\0\0\0\x05\0\0\0nonsense")
    assert PredictionsReader(path).read(2) is None
    assert PredictionsReader(path).read(1) is not None
    path.unlink()
    path.mkdir()
    assert PredictionsReader(path).epochs() == []


def test_of_a_long_run_every_epoch_is_kept_at_first_and_then_fewer():
    assert all(is_kept(epoch) for epoch in range(1, EVERY_EPOCH + 1))
    for doubling in (1, 2, 4, 1024):
        epochs = range(EVERY_EPOCH * doubling + 1, 2 * EVERY_EPOCH * doubling + 1)
        assert sum(map(is_kept, epochs)) == EVERY_EPOCH / 2
    assert sum(map(is_kept, range(1, MAX_EPOCHS + 1))) < 3300


def test_the_nearest_epoch_is_the_one_asked_for_or_the_newest_before_it(tmp_path):
    there = PredictionsReader(written(tmp_path / "predicted.bin", (2, 4, 8)))
    assert [there.nearest(epoch) for epoch in (1, 2, 3, 7, 8, 100)] == [None, 2, 2, 4, 8, 8]


def test_ten_thousand_predictions_take_little_space(tmp_path):
    path = tmp_path / "predicted.bin"
    labels = np.random.default_rng(0).integers(0, 10, 10_000)
    sure = np.full((10_000, 10), 0.001, np.float32)
    sure[np.arange(10_000), labels] = 0.991
    append(path, 1, sure)
    assert path.stat().st_size < 10_000
