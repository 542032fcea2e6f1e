"""Single epochs out of a log: matrices and weights of any epoch, while the log grows, tears and is resumed."""

from dataclasses import replace

import pytest

from mnist_tui.runs.event_log import EpochReader, EventLog, encode
from mnist_tui.runs.events import Distribution, LayerWeights, Resumed, WeightsSeen
from tests.present import present
from tests.runs import sample_events
from tests.runs.epochs_of import epochs_of


def ended(epoch, hits=5):
    matrix = tuple(tuple(hits if row == column else 0 for column in range(10)) for row in range(10))
    return sample_events.epoch(epoch, confusion=matrix)


def weights(epoch, mean=0.5):
    spread = Distribution(low=-1.0, high=2.0, counts=(3, 4), mean=mean, deviation=0.25)
    layers = (LayerWeights(name="dense_1", weights=spread, dead=0.5), LayerWeights(name="output", biases=spread))
    return WeightsSeen(time=1.0, epoch=epoch, layers=layers)


def progress(epoch):
    return sample_events.progress(epoch=epoch)


@pytest.fixture
def log(tmp_path):
    """Its path, and what appends to it."""
    path = tmp_path / "events.jsonl"
    writer = EventLog(path)
    yield path, writer.append
    writer.close()


def test_any_epoch_is_found_with_its_matrix(log):
    path, write = log
    write(weights(0))
    for epoch in range(1, 30):
        write(progress(epoch))
        write(ended(epoch, hits=epoch))
    there = EpochReader(path)
    for epoch in (29, 1, 17):
        assert there.epoch(epoch) == ended(epoch, hits=epoch)
    assert [there.epoch(1 + index) for index in range(29)] == list(epochs_of(path))
    assert there.epoch(0) is None
    assert there.epoch(30) is None


def test_weights_are_the_newest_told_of_at_an_epoch_or_before_it(log):
    path, write = log
    for epoch in (0, 1, 2, 5, 9):
        write(weights(epoch, mean=float(epoch)))
    there = EpochReader(path)
    assert [present(there.weights(epoch)).epoch for epoch in (0, 1, 3, 4, 5, 8, 100)] == [0, 1, 2, 2, 5, 5, 9]
    assert there.weights(3) == weights(2, mean=2.0)
    assert there.all_weights() == [weights(epoch, mean=float(epoch)) for epoch in (0, 1, 2, 5, 9)]


def test_before_there_is_a_log_there_is_nothing(tmp_path):
    there = EpochReader(tmp_path / "events.jsonl")
    assert (there.epoch(1), there.weights(1), there.all_weights()) == (None, None, [])


def test_a_log_that_grows_is_followed(log):
    path, write = log
    there = EpochReader(path)
    for epoch in (1, 2, 3):
        assert there.epoch(epoch) is None
        write(ended(epoch))
        write(weights(epoch))
        assert there.epoch(epoch) == ended(epoch)
        assert there.weights(3) == weights(epoch)


def test_a_torn_last_line_is_waited_for(log):
    path, write = log
    write(ended(1))
    there = EpochReader(path)
    line = encode(ended(2)).encode() + b"\n"
    for cut in (20, len(line) - 1):
        with path.open("ab") as file:
            begun = file.tell()
            file.write(line[:cut])
        assert there.epoch(2) is None
        assert there.epoch(1) == ended(1)
        with path.open("ab") as file:
            file.truncate(begun)
    with path.open("ab") as file:
        file.write(line)
    assert there.epoch(2) == ended(2)


def test_a_line_that_a_killed_writer_left_torn_hides_nothing_that_follows(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(encode(ended(1)).encode() + b"\n" + encode(ended(2)).encode()[:40])
    there = EpochReader(path)
    assert there.epoch(2) is None
    writer = EventLog(path)
    writer.append(Resumed(from_epoch=1))
    writer.append(ended(2, hits=7))
    writer.append(ended(3))
    writer.close()
    assert there.epoch(2) == ended(2, hits=7)
    assert there.epoch(3) == ended(3)


def test_a_resumption_drops_what_lies_beyond_and_what_comes_again_replaces_it(log):
    path, write = log
    for epoch in (1, 2, 3):
        write(ended(epoch))
        write(weights(epoch))
    there = EpochReader(path)
    assert there.epoch(3) == ended(3)
    write(Resumed(time=2.0))
    assert there.weights(3) == weights(3), "a pause drops nothing"
    write(replace(Resumed(time=3.0), from_epoch=1, step=4))
    assert there.epoch(3) is None
    for reader in (there, EpochReader(path)):
        assert reader.weights(3) == weights(1)
        assert reader.all_weights() == [weights(1)]
        assert (reader.epoch(1), reader.epoch(2)) == (ended(1), None)
    write(ended(2, hits=9))
    write(weights(2, mean=9.0))
    assert there.epoch(2) == EpochReader(path).epoch(2) == ended(2, hits=9)
    assert there.weights(2) == weights(2, mean=9.0)
    assert [each.epoch for each in there.all_weights()] == [1, 2]


def test_a_log_that_was_replaced_by_a_shorter_one_is_read_anew(log):
    path, write = log
    for epoch in (1, 2, 3):
        write(ended(epoch))
    there = EpochReader(path)
    assert there.epoch(3) == ended(3)
    path.write_text(encode(ended(1, hits=2)) + "\n")
    assert there.epoch(4) is None
    assert there.epoch(1) == ended(1, hits=2)
    assert there.epoch(3) is None
