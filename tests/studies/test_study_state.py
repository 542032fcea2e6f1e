"""The reducer of a study: any beginning of a log reduces, and a trial has one row whatever was told of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_tui.runs.event_log import EventLog
from mnist_tui.studies.events import (
    StudyEnded,
    StudyEvent,
    StudyNoted,
    StudyStarted,
    StudyStopping,
    StudyTail,
    TrialBegan,
    TrialEnded,
    TrialEpoch,
    TrialPlanned,
    TrialSubmitted,
    Worker,
    WorkersSeen,
    decode,
    is_logged,
)
from mnist_tui.studies.state import ROW_STATES, SETTLED, STATES, StudyState, TrialRow, best_of, reduced, replayed
from mnist_tui.studies.trial_table import workers_text

WORKERS = (Worker(address="tcp://a:1", host="a", name="0", gpu=0), Worker(address="tcp://b:1", host="b", name="1"))
STARTED = StudyStarted(
    time=1.0,
    study="s",
    title="a study",
    kind="sweep",
    metric="val_accuracy",
    axes=("hidden",),
    trials=2,
    compares=True,
    threads=1,
)


def rows_planned(count: int, seeds: int = 1) -> list[StudyEvent]:
    return [
        TrialPlanned(
            number=n,
            base="raw",
            values=(("hidden", str((n - 1) // seeds)),),
            seed=(n - 1) % seeds,
            epochs=9,
            parameters=50,
        )
        for n in range(1, count + 1)
    ]


def ended(number: int, state: str = "finished", **values: float) -> TrialEnded:
    return TrialEnded(number=number, run=f"r{number}", state=state, epoch=9, seconds=2.0, **values)  # pyright: ignore[reportArgumentType]


def course(number: int) -> list[StudyEvent]:
    return [
        TrialSubmitted(number=number, run=f"r{number}"),
        TrialBegan(time=2.0, number=number, run=f"r{number}", attempt=1, worker="tcp://a:1"),
        TrialEpoch(number=number, epoch=1, val_loss=1.0, val_accuracy=0.5),
        TrialEpoch(number=number, epoch=2, val_loss=0.5, val_accuracy=0.8),
    ]


EVENTS = st.sampled_from(
    [
        STARTED,
        WorkersSeen(workers=WORKERS),
        WorkersSeen(workers=()),
        StudyNoted(text="mind"),
        StudyStopping(),
        StudyEnded(time=9.0, state="stopped", reason="asked"),
        StudyEnded(time=9.0, state="finished"),
        *rows_planned(3),
        *course(1),
        *course(2),
        *course(4),
        TrialBegan(time=3.0, number=1, run="r1", attempt=2, worker="tcp://b:1"),
        *(
            ended(number, state, val_accuracy=0.9, score=0.9)
            for number in (1, 2, 3)
            for state in ("finished", "stopped", "failed", "pruned")
        ),
    ]
)


@given(st.lists(EVENTS, max_size=40), st.integers(0, 40))
@settings(max_examples=200, deadline=None)
def test_events_in_any_order_make_one_row_a_trial_and_may_come_in_any_portions(
    events: list[StudyEvent], cut: int
) -> None:
    whole = reduced(StudyState(), events)
    assert reduced(reduced(StudyState(), events[:cut]), events[cut:]) == whole
    numbers = [row.number for row in whole.rows]
    assert numbers == sorted(set(numbers))
    assert whole.state in STATES and {row.state for row in whole.rows} <= set(ROW_STATES)
    for row in whole.rows:
        epochs = [epoch for epoch, _ in row.curve]
        assert epochs == sorted(set(epochs))
    assert whole.best is None or whole.best_row is not None


@given(st.lists(EVENTS, max_size=40))
@settings(max_examples=200, deadline=None)
def test_what_is_settled_stays_whatever_comes(events: list[StudyEvent]) -> None:
    state = StudyState()
    for event in events:
        before, state = state, reduced(state, [event])
        for row in before.rows:
            if row.state in SETTLED:
                assert state.row(row.number) == row


@given(st.lists(EVENTS, max_size=30), st.integers(0, 400))
@settings(max_examples=60, deadline=None)
def test_any_beginning_of_a_log_reduces_to_what_its_whole_lines_say(
    tmp_path_factory: pytest.TempPathFactory, events: list[StudyEvent], cut: int
) -> None:
    path = tmp_path_factory.mktemp("log") / "events.jsonl"
    log = EventLog(path)
    for event in events:
        log.append(event)
    log.close()
    text = path.read_bytes()
    path.write_bytes(text[: min(cut, len(text))])
    assert replayed(path) == reduced(StudyState(), events[: text[: min(cut, len(text))].count(b"\n")])


@given(EVENTS)
def test_an_event_comes_back_from_its_line(tmp_path_factory: pytest.TempPathFactory, event: StudyEvent) -> None:
    path = tmp_path_factory.mktemp("log") / "events.jsonl"
    log = EventLog(path)
    log.append(event)
    log.close()
    assert StudyTail(path).read() == [event]


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b'{"type":"other"}', b'{"type":"trial_epoch"}', b'{"type":1}'])
def test_a_line_that_is_no_event_is_passed_over(line: bytes) -> None:
    assert decode(line) is None


def test_a_trial_s_course_is_in_its_row_and_its_worker_is_busy() -> None:
    state = reduced(StudyState(), [STARTED, WorkersSeen(workers=WORKERS), *rows_planned(2), *course(1)])
    row = state.rows[0]
    assert (row.state, row.run, row.attempt, row.worker, row.epoch) == ("running", "r1", 1, "tcp://a:1", 2)
    assert row.curve == ((1, 0.5), (2, 0.8)) and row.val_loss == 0.5
    assert [(worker.name, worker.state, worker.run) for worker in state.workers] == [
        ("0", "busy", "r1"),
        ("1", "idle", ""),
    ]
    assert state.rows[1].state == "waiting" and state.done == 0


def test_an_attempt_that_a_worker_lost_leaves_nothing_behind() -> None:
    again = TrialBegan(time=5.0, number=1, run="r1", attempt=2, worker="tcp://b:1")
    row = reduced(StudyState(), [STARTED, *rows_planned(1), *course(1), again]).rows[0]
    assert (row.attempt, row.worker, row.epoch, row.curve, row.val_accuracy) == (2, "tcp://b:1", 0, (), None)


def test_a_study_that_goes_on_keeps_what_is_settled_and_waits_for_the_rest() -> None:
    first = [
        STARTED,
        *rows_planned(5),
        *course(1),
        ended(1, score=0.9),
        *course(2),
        ended(2, "failed"),
        *course(3),
        ended(3, "stopped"),
        *course(4),
        StudyEnded(time=8.0, state="stopped", reason="asked"),
    ]
    assert [row.state for row in reduced(StudyState(), first).rows] == [
        "finished",
        "failed",
        "stopped",
        "stopped",
        "waiting",
    ]
    again = reduced(StudyState(), [*first, STARTED])
    assert [row.state for row in again.rows] == ["finished", "waiting", "waiting", "waiting", "waiting"]
    assert (again.state, again.ended, again.reason) == ("running", None, "")
    assert again.rows[1] == TrialRow(2, "raw", (("hidden", "1"),), 0, epochs=9, parameters=50)


def scored(number: int, hidden: int, seed: int, score: float | None, state: str = "finished") -> TrialRow:
    return TrialRow(number, "raw", (("hidden", str(hidden)),), seed, state=state, score=score, val_loss=0.1)


@pytest.mark.parametrize(
    ("rows", "metric", "best"),
    [
        ([scored(1, 5, 0, 0.8), scored(2, 6, 0, 0.9)], "val_accuracy", 2),
        ([scored(1, 5, 0, 0.8), scored(2, 6, 0, 0.9)], "val_loss", 1),
        ([scored(1, 5, 0, 0.9), scored(2, 6, 0, 0.9)], "val_accuracy", 1),
        ([scored(1, 5, 0, 0.8), scored(2, 6, 0, None)], "val_accuracy", 1),
        ([scored(1, 5, 0, 0.8), scored(2, 6, 0, 0.9, "pruned")], "val_accuracy", 1),
        # the best mean, not the luckiest seed
        ([scored(1, 5, 0, 0.99), scored(2, 5, 1, 0.5), scored(3, 6, 0, 0.8), scored(4, 6, 1, 0.9)], "val_accuracy", 4),
        # a point with a seed missing does not count beside a whole one
        ([scored(1, 5, 0, 0.99), scored(2, 5, 1, None, "running"), scored(3, 6, 0, 0.8)], "val_accuracy", 3),
        ([scored(1, 5, 0, 0.99), scored(2, 5, 1, None, "running")], "val_accuracy", 1),
        ([scored(1, 5, 0, None, "failed")], "val_accuracy", None),
        ([], "val_accuracy", None),
    ],
)
def test_the_best_is_the_best_row_of_the_values_with_the_best_mean(
    rows: Sequence[TrialRow], metric: str, best: int | None
) -> None:
    assert best_of(rows, metric) == best


def test_a_study_that_compares_nothing_has_no_best() -> None:
    from dataclasses import replace

    events = [replace(STARTED, compares=False), *rows_planned(2), *course(1), ended(1, score=0.9)]
    assert reduced(StudyState(), events).best is None


def test_the_time_left_counts_what_runs_and_what_waits() -> None:
    begun = [STARTED, WorkersSeen(workers=WORKERS), *rows_planned(4)]
    done = [*course(1), TrialEnded(number=1, run="r1", state="finished", seconds=10.0)]
    state = reduced(StudyState(), [*begun, *done, *course(2), *course(3)])
    assert reduced(StudyState(), begun).seconds_left(5.0) is None
    assert state.seconds_left(7.0) == pytest.approx((3 * 10 - 2 * 5) / 2)
    assert reduced(state, [StudyStopping()]).seconds_left(7.0) == pytest.approx((2 * 10 - 2 * 5) / 2)
    assert reduced(state, [StudyEnded(state="finished")]).seconds_left(7.0) is None


def test_few_epochs_of_many_are_told_and_the_same_for_all() -> None:
    assert [epoch for epoch in range(1, 33) if is_logged(epoch)] == [*range(1, 9), 10, 12, 14, 16, 20, 24, 28, 32]
    assert sum(map(is_logged, range(1, 1001))) == 35


def test_a_thousand_trials_of_a_hundred_epochs_keep_a_log_that_is_soon_read(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    log = EventLog(file)
    log.append(STARTED)
    for event in rows_planned(1000):
        log.append(event)
    for number in range(1, 1001):
        log.append(TrialBegan(time=2.0, number=number, run=f"r{number}", attempt=1, worker="tcp://a:1"))
        for epoch in filter(is_logged, range(1, 101)):
            log.append(
                TrialEpoch(time=3.0, number=number, epoch=epoch, val_loss=1 / epoch, val_accuracy=1 - 0.3 / epoch)
            )
        log.append(ended(number, score=0.9, val_accuracy=0.9, val_loss=0.2))
    log.close()
    assert replayed(file).done == 1000
    assert file.stat().st_size < 4_000_000


def test_the_workers_are_told_in_one_line_with_their_machines_threads_gpus_and_trials() -> None:
    state = reduced(StudyState(), [STARTED, WorkersSeen(workers=WORKERS), *rows_planned(2)])
    assert workers_text(state) == "2 workers on a and b, 1 thread each, 1 with a GPU · 0 busy"
    assert workers_text(reduced(state, course(1)[:2])) == (
        "2 workers on a and b, 1 thread each, 1 with a GPU · 1 busy with #1"
    )
    assert workers_text(StudyState()) == ""
