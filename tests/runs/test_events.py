"""Events as lines: what one writes, the other reads, torn or not."""

import json
import math
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mnist_tui.runs.event_log import EventLog, EventTail, decode, encode
from mnist_tui.runs.events import EVENTS, DeviceLoad, Gpu, Phase, Progress, Resumed, RunStarted
from tests.runs.epochs_of import epochs_of
from tests.runs.sample_events import epoch, progress


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 10**9), st.text())
def test_an_event_survives_its_line(loss, step, text):
    for event in (progress(step, loss=loss), Phase(time=3.0, name="reading", text=text), epoch(step)):
        line = encode(event)
        assert "\n" not in line
        assert decode(line) == event


def test_nested_gpus_survive():
    gpu = Gpu(index=0, name="H200", utilization=80.0, memory_used=2**30)
    load = DeviceLoad(
        time=1.0, cpu=5.0, cores=2, memory_used=1, memory_total=2, worker_cpu=3.0, worker_memory=4, gpus=(gpu,)
    )
    assert decode(encode(load)) == load


def test_a_loss_that_is_not_finite_travels_as_null_with_a_flag():
    for loss in (math.nan, math.inf, -math.inf):
        doc = json.loads(encode(progress(1, loss=loss)))
        assert (doc["loss"], doc["nonfinite"]) == (None, ["loss"])
        event = decode(encode(progress(1, loss=loss)))
        assert isinstance(event, Progress)
        assert event.loss is None


def test_an_unknown_event_or_field_or_garbage_is_passed_over():
    assert decode('{"type": "from the future", "time": 1}') is None
    assert decode("{half a li") is None
    assert decode("[]") is None
    assert decode('{"type": "phase", "time": 1.0, "name": "reading", "new": 3}') == Phase(time=1.0, name="reading")
    assert set(EVENTS) >= {"run_started", "phase", "progress", "epoch", "device", "paused", "resumed", "checkpoint"}


def test_a_torn_last_line_is_waited_for(tmp_path):
    path = tmp_path / "events.jsonl"
    tail = EventTail(path)
    assert tail.read() == []
    whole = encode(progress(1)).encode() + b"\n"
    path.write_bytes(whole + whole[:20])
    assert tail.read() == [progress(1)]
    assert tail.read() == []
    with path.open("ab") as log:
        log.write(whole[20:])
    assert tail.read() == [progress(1)]


def test_a_writer_that_follows_a_killed_one_does_not_glue_its_line_to_half_a_line(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(encode(progress(1)).encode() + b'\n{"type":"prog')
    log = EventLog(path)
    log.append(progress(2))
    log.close()
    assert EventTail(path).read_all() == [progress(1), progress(2)]


def test_reading_is_bounded_and_complete(tmp_path):
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    for number in range(1, 301):
        log.append(epoch(number))
    log.close()
    tail = EventTail(path)
    first = tail.read(limit=10_000)
    assert 0 < len(first) < 300
    found: list[Any] = [*first, *tail.read_all()]
    assert [event.epoch for event in found] == list(range(1, 301))
    assert sum(1 for _ in epochs_of(path)) == 300


def test_epochs_that_a_resumption_dropped_are_left_out_and_none_comes_twice(tmp_path):
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    again = [replace(epoch(number), loss=9.0) for number in (3, 4)]
    for event in (*map(epoch, range(1, 6)), Resumed(), Resumed(from_epoch=2, step=3), *again):
        log.append(event)
    log.close()
    assert [(row.epoch, row.loss) for row in epochs_of(path)] == [(1, 0.1), (2, 0.1), (3, 9.0), (4, 9.0)]


def test_the_first_event_needs_no_platform():
    started = RunStarted(time=1.0, run="r", epochs=3, total=1, trainable=1)
    assert decode(encode(started)) == started
