"""The course of a study: order, failures, stopping, going on, pruning, with an executor that only writes curves."""

from __future__ import annotations

import shlex
import time
from collections import Counter
from pathlib import Path
from typing import Any, cast

import pytest

from mnist_tui.errors import RequestError
from mnist_tui.runs import control
from mnist_tui.runs.control import Command, write_command
from mnist_tui.runs.deletion import delete_run
from mnist_tui.runs.event_log import EventLog
from mnist_tui.runs.events import Extended
from mnist_tui.runs.folder import Launch, RunFolder, create
from mnist_tui.runs.library import run_folders
from mnist_tui.runs.process_folder import Status, this_process
from mnist_tui.studies.coordinator import Coordinator
from mnist_tui.studies.events import Worker
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.studies.state import StudyState
from mnist_tui.studies.watch import read_study
from tests.studies.fake_executor import FakeExecutor, coordinated
from tests.studies.made import base, folder, study


def seen(made: StudyFolder) -> StudyState:
    return read_study(made)


def row_states(made: StudyFolder) -> list[str]:
    return [row.state for row in seen(made).rows]


def runs_of(made: StudyFolder) -> Counter[str]:
    """The states of the runs that lie beside the study."""
    return Counter(run.status().state for run in run_folders(made.runs_dir))


def test_the_best_of_cross_validated_values_has_the_best_mean_over_its_folds(tmp_path: Path) -> None:
    asked = study("hidden=5,6", bases=({"preset": "raw", "first_seed": 3, "folds": 3},))
    made, executor = folder(tmp_path, asked), FakeExecutor(curve=lambda hidden, epoch: {"5": 0.8, "6": 0.9}[hidden])
    assert coordinated(made, executor) == ("finished", "6 of 6 trials finished")
    found = seen(made)
    assert [(row.fold, row.repetition) for row in found.rows] == [(1, "fold 1"), (2, "fold 2"), (3, "fold 3")] * 2
    assert found.best == 4
    (note,) = found.notes
    assert "the test set is not used" in note
    assert "their scores are not independent" in note


class Stopper:
    """Tells a study to stop once so many trials have ended."""

    def __init__(self, made: StudyFolder, after: int, *, by_signal: bool = False) -> None:
        self.made, self.after, self.by_signal, self.signals = made, after, by_signal, 0

    def __call__(self) -> None:
        if seen(self.made).done >= self.after and not self.signals:
            self.signals = 1
            if not self.by_signal:
                write_command(self.made, Command("stop"))


def test_a_grid_is_trained_whole_in_order_with_as_many_under_way_as_there_are_workers(tmp_path: Path) -> None:
    made, executor = folder(tmp_path, study("hidden=5,6,7", seeds=2)), FakeExecutor()
    assert coordinated(made, executor) == ("finished", "6 of 6 trials finished")
    assert executor.submitted == ["5", "5", "6", "6", "7", "7"] and executor.most == 2
    state = seen(made)
    assert [(row.seed, row.state, row.score, row.test_accuracy) for row in state.rows[:2]] == [
        (3, "finished", 0.9, 0.8),
        (4, "finished", 0.9, 0.8),
    ]
    assert state.rows[0].curve == ((1, 0.9), (2, 0.9), (3, 0.9), (4, 0.9))
    assert (state.metric, state.axes, state.trials, state.threads) == ("val_accuracy", ("hidden",), 6, 1)


@pytest.mark.parametrize("of_all", [3, None])
def test_a_trial_s_run_names_its_study_and_can_be_trained_alone(tmp_path: Path, of_all: int | None) -> None:
    made = folder(tmp_path, study("hidden=5,6", device="cpu"))
    coordinated(
        made, FakeExecutor(threads=of_all, places=[Worker(address="tcp://a:1", host="here", name="", threads=3)])
    )
    for row in seen(made).rows:
        run = made.run(row.run)
        launch = run.launch()
        assert (launch.study, launch.threads, launch.device) == (made.id, 3, "cpu")
        words = shlex.split(launch.command)
        assert words == [
            "mnist-tui",
            "train",
            "--preset",
            "raw",
            "--dataset",
            "digits",
            "--validation",
            "0.2",
            "--hidden",
            dict(row.values)["hidden"],
            "--epochs",
            "4",
            "--seed",
            "3",
            "--device",
            "cpu",
            "--threads",
            "3",
        ]


def test_one_failed_trial_is_a_row_and_not_the_end(tmp_path: Path) -> None:
    made = folder(tmp_path, study("hidden=5,6,7,8"))
    executor = FakeExecutor(broken=frozenset({"5"}), lost=frozenset({"6"}), refuses=frozenset({"7"}))
    assert coordinated(made, executor) == ("finished", "1 of 4 trials finished, 3 failed")
    assert [(row.state, row.reason) for row in seen(made).rows] == [
        ("failed", "it broke"),
        ("failed", "three workers died"),
        ("failed", "its data mean nothing here"),
        ("finished", "all done"),
    ]
    assert seen(made).best == 4


def test_a_trial_whose_worker_died_is_there_once_with_its_second_attempt(tmp_path: Path) -> None:
    made = folder(tmp_path, study("hidden=5,6"))
    coordinated(made, FakeExecutor(dies={"5": 2}, curve=lambda hidden, epoch: epoch / 10))
    first, second = seen(made).rows
    assert (first.state, first.attempt, first.curve) == ("finished", 2, ((1, 0.1), (2, 0.2), (3, 0.3), (4, 0.4)))
    assert second.attempt == 1


@pytest.mark.parametrize("by_signal", [False, True])
def test_a_stopped_study_goes_on_with_what_is_missing(tmp_path: Path, by_signal: bool) -> None:
    made = folder(tmp_path, study("hidden=5,6,7,8,9"))
    stopper = Stopper(made, 2, by_signal=by_signal)
    state, reason = coordinated(made, FakeExecutor(after=stopper), lambda: stopper.signals if by_signal else 0)
    assert (state, reason) == ("stopped", "2 of 5 trials finished, 2 stopped")
    assert row_states(made) == ["finished", "finished", "stopped", "stopped", "waiting"]
    before = seen(made).rows
    again = FakeExecutor()
    assert coordinated(made, again) == ("finished", "5 of 5 trials finished")
    assert again.submitted == ["7", "8", "9"]
    assert seen(made).rows[:2] == before[:2]
    assert runs_of(made) == {"finished": 5}
    assert sorted(row.run for row in seen(made).rows) == sorted(run.id for run in run_folders(tmp_path))


@pytest.mark.parametrize(("commands", "signals"), [(2, 0), (0, 2), (1, 1)])
def test_told_twice_to_stop_it_ends_at_once_though_a_trial_obeys_nothing(
    tmp_path: Path, commands: int, signals: int
) -> None:
    made, looks = folder(tmp_path, study("hidden=5,6,7"), {"raw": base(epochs="20")}), [0]

    def tell() -> None:
        looks[0] += 1
        if looks[0] in (2, 8)[:commands]:
            write_command(made, Command("stop"))

    def stops() -> int:
        return sum(looks[0] > after for after in (8, 2)[:signals])

    state, reason = coordinated(made, FakeExecutor(deaf=frozenset({"5"}), after=tell), stops)
    assert (state, reason) == ("stopped", "0 of 3 trials finished, 2 stopped")
    assert [row.reason for row in seen(made).rows] == [
        "the study was stopped without waiting for its trials",
        "asked to",
        "",
    ]
    coordinated(made, FakeExecutor())
    assert row_states(made) == ["finished"] * 3 and len(run_folders(tmp_path)) == 3


def test_what_failed_is_tried_again_when_the_study_goes_on(tmp_path: Path) -> None:
    made = folder(tmp_path, study("hidden=5,6"))
    coordinated(made, FakeExecutor(broken=frozenset({"6"})))
    assert row_states(made) == ["finished", "failed"]
    again = FakeExecutor()
    coordinated(made, again)
    assert row_states(made) == ["finished", "finished"] and again.submitted == ["6"]
    assert len(run_folders(tmp_path)) == 2


class Killed(Exception):
    """As SIGKILL: nothing is written any more."""


def test_a_study_whose_process_was_killed_takes_in_what_came_home_and_trains_the_rest(tmp_path: Path) -> None:
    made = folder(tmp_path, study("hidden=5,6,7,8"))

    def kill() -> None:
        if any(run.status().state == "finished" for run in run_folders(tmp_path)):
            raise Killed

    with pytest.raises(Killed):
        Coordinator(made, cast(Any, FakeExecutor(dies={"6": 1}, after=kill)), lambda: 0, print).run()
    lost = {row.run for row in seen(made).rows if row.run}
    begun = next(run for run in run_folders(tmp_path) if run.status().state == "starting")
    begun.write_status(Status("running", 2**22, 1.0, begun.status().host))
    untold = create(tmp_path, base(), Launch(time.time(), "", study=made.id))
    another_s = create(tmp_path, base(), Launch(time.time(), "", study="another"))
    again = FakeExecutor()
    coordinated(made, again)
    assert again.submitted == ["6", "7", "8"]
    state = seen(made)
    assert [row.state for row in state.rows] == ["finished"] * 4
    assert state.rows[0].run in lost and len(state.rows[0].curve) == 4 and state.rows[0].score == 0.9
    assert not untold.path.exists()
    assert sorted([another_s.id, *(row.run for row in state.rows)]) == sorted(run.id for run in run_folders(tmp_path))


def test_a_run_that_a_person_goes_on_with_is_left_alone(tmp_path: Path) -> None:
    made = folder(tmp_path, study("hidden=5"))
    coordinated(made, FakeExecutor(broken=frozenset({"5"})))
    mine = made.run(seen(made).rows[0].run)
    mine.write_status(this_process("running"))
    coordinated(made, FakeExecutor())
    assert row_states(made) == ["finished"] and mine.path.is_dir() and len(run_folders(tmp_path)) == 2


def test_epochs_that_a_trial_was_asked_for_are_not_lost_with_the_study_s_process(tmp_path: Path) -> None:
    made = folder(tmp_path, study("hidden=5"))
    coordinated(made, FakeExecutor(), stops=lambda: 2)
    coordinated(made, FakeExecutor(broken=frozenset({"5"})))
    earlier = made.run(seen(made).rows[0].run)
    obeyed, waiting = (write_command(earlier, Command("extend", epochs)) for epochs in (3, 2))
    log = EventLog(earlier.events_file)
    log.append(Extended(epochs=4 + 3, commands=(obeyed.stem,)))
    log.close()
    assert waiting.exists()
    executor = FakeExecutor(lost=frozenset({"5"}))
    coordinated(made, executor)
    assert not earlier.path.exists()
    (again,) = run_folders(tmp_path)
    assert [command.epochs for command in control.waiting_commands(again, "extend")] == [5]


def test_a_deleted_run_s_trial_stays_as_it_is(tmp_path: Path) -> None:
    made = folder(tmp_path, study("hidden=5,6"))
    coordinated(made, FakeExecutor(broken=frozenset({"6"})))
    delete_run(made.run(seen(made).rows[0].run))
    again = FakeExecutor()
    coordinated(made, again)
    assert again.submitted == ["6"]
    assert [(row.state, row.deleted) for row in seen(made).rows] == [("finished", True), ("finished", False)]


def test_hopeless_trials_are_pruned_and_say_against_what(tmp_path: Path) -> None:
    good = [str(n) for n in range(20, 26)]
    asked = study(f"hidden={','.join([*good, '1', '2'])}", search={"prune": True})
    made = folder(tmp_path, asked, {"raw": base(epochs="10")})
    executor = FakeExecutor(curve=lambda hidden, epoch: 0.9 if hidden in good else 0.1)
    assert coordinated(made, executor) == ("finished", "6 of 8 trials finished, 2 pruned")
    state = seen(made)
    assert {(row.state, row.epoch) for row in state.rows[6:]} == {("pruned", 3)}
    assert state.rows[6].reason.startswith("pruned after epoch 3: its best validation accuracy so far, 10.00 %")
    assert state.best == 1
    again = FakeExecutor()
    coordinated(made, again)
    assert again.submitted == []


def test_without_pruning_every_trial_is_trained_whole(tmp_path: Path) -> None:
    asked = study("hidden=20,21,22,23,24,25,1", search={"prune": False})
    made = folder(tmp_path, asked, {"raw": base(epochs="10")})
    coordinated(made, FakeExecutor(curve=lambda hidden, epoch: int(hidden) / 100))
    assert row_states(made) == ["finished"] * 7


def test_other_seeds_of_hopeless_values_are_not_begun(tmp_path: Path) -> None:
    asked = study("hidden=20,21,22,1", seeds=3)
    made = folder(tmp_path, asked, {"raw": base(epochs="10")})
    executor = FakeExecutor(
        places=[Worker(address="tcp://a:1", host="here", name="")], curve=lambda hidden, epoch: int(hidden) / 100
    )
    coordinated(made, executor)
    assert executor.submitted.count("1") == 1
    assert [row.reason for row in seen(made).rows[-2:]] == [
        "not trained: trial 10 of the same values was pruned after epoch 3"
    ] * 2


def test_a_search_is_trained_point_by_point_with_every_seed_and_goes_on_as_it_would_have(tmp_path: Path) -> None:
    search = {"kind": "tpe", "trials": 13, "prune": False}
    asked = study("hidden=1..200", seeds=2, search=search)

    def curve(hidden: str, epoch: int) -> float:
        return 1 - abs(int(hidden) - 150) / 200

    def values(made: StudyFolder) -> list[tuple[str, int]]:
        return [(dict(row.values)["hidden"], row.seed) for row in seen(made).rows]

    whole, parted = folder(tmp_path / "whole", asked), folder(tmp_path / "parted", asked)
    one = [Worker(address="tcp://a:1", host="here", name="")]
    assert coordinated(whole, FakeExecutor(curve=curve, places=one)) == ("finished", "26 of 26 trials finished")
    assert [seed for _, seed in values(whole)] == [3, 4] * 13 and len(set(values(whole))) == 26
    stopper = Stopper(parted, 21)
    assert coordinated(parted, FakeExecutor(curve=curve, places=one, after=stopper))[0] == "stopped"
    assert coordinated(parted, FakeExecutor(curve=curve, places=one))[0] == "finished"
    assert values(parted) == values(whole)
    assert seen(whole).best_row is not None and curve(values(whole)[(seen(whole).best or 0) - 1][0], 1) > 0.9


def test_a_space_that_is_too_small_is_trained_whole_and_said(tmp_path: Path) -> None:
    made = folder(tmp_path, study("hidden=1..3", search={"kind": "random", "trials": 9}))
    assert coordinated(made, FakeExecutor()) == ("finished", "3 of 3 trials finished")
    assert "9 trials were asked for, but there are only 3 different ones" in seen(made).notes


def test_comparing_on_the_test_set_is_said(tmp_path: Path) -> None:
    held_out, chosen = study("hidden=5,6"), study("hidden=5,6")
    one = folder(tmp_path / "one", held_out)
    other = folder(tmp_path / "other", chosen, {"raw": base(validation="test")})
    seeds = folder(tmp_path / "seeds", study(seeds=2), {"raw": base(validation="test")})
    for made in (one, other, seeds):
        coordinated(made, FakeExecutor())
    assert seen(one).notes == () and seen(seeds).notes == ()
    assert (
        seen(other).notes[0].startswith("trials are compared on the test set")
        and "--validation 0.2" in seen(other).notes[0]
    )


def test_seeds_of_one_experiment_have_no_best(tmp_path: Path) -> None:
    made = folder(tmp_path, study(seeds=3))
    coordinated(made, FakeExecutor())
    assert seen(made).best is None and [row.seed for row in seen(made).rows] == [3, 4, 5]


def test_the_threads_of_the_first_session_stay_those_of_all_its_trials(tmp_path: Path) -> None:
    made = folder(tmp_path, study("hidden=5,6"))
    coordinated(made, FakeExecutor(threads=2, broken=frozenset({"6"})))
    coordinated(made, FakeExecutor(threads=4))
    assert [made.run(row.run).launch().threads for row in seen(made).rows] == [2, 2]


def test_workers_that_come_and_go_are_seen(tmp_path: Path) -> None:
    made, executor = (
        folder(tmp_path, study("hidden=5,6,7,8,9,10")),
        FakeExecutor(places=[Worker(address="tcp://a:1", host="here", name="", gpu=0)]),
    )
    workers: list[tuple[str, ...]] = []

    def after() -> None:
        workers.append(tuple(worker.address for worker in seen(made).workers))
        if seen(made).done == 2 and len(executor.places) == 1:
            executor.places.append(Worker(address="tcp://b:1", host="here", name=""))

    executor.after = after
    coordinated(made, executor)
    assert ("tcp://a:1",) in workers and ("tcp://a:1", "tcp://b:1") in workers and executor.most == 2
    assert seen(made).workers == ()


def test_a_cluster_that_is_gone_ends_the_study_with_its_sentence(tmp_path: Path) -> None:
    made = folder(tmp_path, study("hidden=5,6"))

    class Gone(FakeExecutor):
        @property
        def capacity(self) -> int:
            return 1

        def submit(self, folder: RunFolder) -> None:
            raise RequestError("the Dask scheduler has gone")

    with pytest.raises(RequestError, match="the Dask scheduler has gone"):
        Coordinator(made, cast(Any, Gone(places=[])), lambda: 0, print).run()
