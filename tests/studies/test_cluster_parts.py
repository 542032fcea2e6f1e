"""What a cluster is made of, each part alone: packing, mirror's folders, shipped data, workers, and sentences."""

import io
import os
import socket
import stat
import sys
import zipfile
from dataclasses import replace
from typing import Any, ClassVar

import pytest

import mnist_tui
from mnist_tui.errors import RequestError, RunError
from mnist_tui.runs import control
from mnist_tui.runs.control import Command
from mnist_tui.runs.event_log import EventTail, encode, replayed
from mnist_tui.runs.events import Ended, Extended, Resumed, RunStarted
from mnist_tui.runs.process_folder import Lock
from mnist_tui.runs.state import RunState, reduce
from mnist_tui.studies import transport
from mnist_tui.studies.cluster import Cluster
from mnist_tui.studies.transport import RunMirror, TrialFiles, pack, unpack
from mnist_tui.studies.trial_worker import WorkerFacts
from mnist_tui.studies.workers import TRIAL_BYTES, plan_workers, why_unfit
from tests.present import present
from tests.runs.sample_events import epoch
from tests.studies.made import folder, study
from tests.training.support import experiment, new_run


def lines(*events):
    return b"".join(encode(event).encode() + b"\n" for event in events)


def started(run):
    return RunStarted(run=run, epochs=2, total=10, trainable=10, time=1.0)


ENDED = Ended(state="finished", reason="all 2 epochs done", test_accuracy=0.9, time=9.0)


def scratch_of(run, folder, *, log):
    """A run's folder as a worker leaves it."""
    there = folder / run.id
    (there / "checkpoint").mkdir(parents=True)
    (there / "checkpoint" / "checkpoint-2.npz").write_bytes(b"weights")
    (there / "checkpoint" / "checkpoint.json").write_text("{}")
    (there / "control").mkdir()
    (there / "control" / "1-stop.json").write_text("{}")
    for name in ("launch.json", "status.json", ".lock"):
        (there / name).write_text("the worker's own")
    (there / ".tmp-half").write_bytes(b"half")
    (there / "experiment.toml").write_bytes(run.experiment_file.read_bytes())
    (there / "results.json").write_text('{"state": "finished"}')
    (there / "worker.log").write_text("said")
    (there / "events.jsonl").write_bytes(log)
    return there


def test_a_packed_folder_comes_out_as_it_went_in_but_for_what_stays(tmp_path):
    run = new_run(tmp_path / "runs", experiment())
    there = scratch_of(run, tmp_path / "scratch", log=lines(started(run.id)))
    (there / "link").symlink_to("/etc/passwd")
    (tmp_path / "out").mkdir()
    names = unpack(pack(there), tmp_path / "out")
    assert sorted(map(str, names)) == [
        "checkpoint/checkpoint-2.npz",
        "checkpoint/checkpoint.json",
        "events.jsonl",
        "experiment.toml",
        "results.json",
        "worker.log",
    ]
    for name in names:
        assert (tmp_path / "out" / name).read_bytes() == (there / name).read_bytes()


def archive(name, content=b"x", mode=stat.S_IFREG | 0o644):
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as file:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        file.writestr(info, content)
    return into.getvalue()


@pytest.mark.parametrize(
    "packed",
    [
        archive("../outside"),
        archive("/outside"),
        archive("a/../../outside"),
        archive("..\\outside"),
        archive("link", b"/etc/passwd", stat.S_IFLNK | 0o777),
        archive("launch.json"),
        archive("control/1-discard.json"),
        archive("large", b"0" * 1001),
        archive("cut")[:-10],
        b"",
    ],
)
def test_what_does_not_belong_into_a_runs_folder_is_refused(tmp_path, packed):
    inside = tmp_path / "inside"
    inside.mkdir()
    with pytest.raises(RunError, match="worker sent"):
        unpack(packed, inside, most_bytes=1000)
    assert [path.name for path in tmp_path.rglob("*")] == ["inside"]


def test_a_runs_events_stream_home_and_its_end_waits_for_its_files(tmp_path):
    run = new_run(tmp_path / "runs", experiment())
    log = lines(started(run.id), epoch(1), epoch(2), ENDED)
    mirror = RunMirror(run)
    tail = EventTail(run.events_file)
    assert (run.state(), run.status().pid) == ("starting", os.getpid())
    with pytest.raises(RunError, match="is being written by process"):
        Lock(run)

    assert mirror.start_attempt("a") == []
    one = len(lines(started(run.id)))
    assert [event.type for event in mirror.append_events("a", 0, log[:one])] == ["run_started"]
    assert mirror.append_events("a", 0, log[:one]) == []
    assert mirror.append_events("a", len(log), b"{}\n") == []
    assert [event.type for event in mirror.append_events("a", one, log[one:])] == ["epoch", "epoch"]
    mirror.beat()
    assert run.state() == "running"
    assert reduce(RunState(), tail.read()).state == "running"
    assert not run.results_file.exists()

    there = scratch_of(run, tmp_path / "scratch", log=log)
    launch, written = (run.path / "launch.json").read_bytes(), run.events_file.stat().st_ino
    assert mirror.receive_files(TrialFiles("a", "finished", "all 2 epochs done", pack(there))) == [ENDED]
    assert run.events_file.read_bytes() == log
    assert run.events_file.stat().st_ino == written
    assert tail.read() == [ENDED]
    assert (run.state(), run.status().pid, run.status().host) == ("finished", 0, socket.gethostname())
    assert run.results() == {"state": "finished"}
    assert run.checkpoint_file.exists()
    assert (run.path / "launch.json").read_bytes() == launch
    assert not list(run.control.iterdir())
    assert not [path for path in run.path.iterdir() if path.name.startswith(".tmp-")]
    Lock(run).release()


def test_another_attempt_begins_anew_for_whoever_watches(tmp_path):
    run = new_run(tmp_path / "runs", experiment())
    mirror, tail = RunMirror(run), EventTail(run.events_file)
    mirror.start_attempt("a")
    mirror.append_events("a", 0, lines(started(run.id), epoch(1), epoch(2)))
    state = reduce(RunState(), tail.read())
    assert len(state.history) == 2

    (again,) = mirror.start_attempt("b")
    assert isinstance(again, Resumed)
    assert mirror.attempts == 2
    assert mirror.append_events("a", 0, lines(epoch(2))) == []
    log = lines(started(run.id), epoch(1), ENDED)
    mirror.append_events("b", 0, lines(started(run.id)))
    mirror.receive_files(TrialFiles("b", "finished", "", pack(scratch_of(run, tmp_path / "scratch", log=log))))
    state = reduce(state, tail.read())
    assert [row.epoch for row in state.history] == [1]
    assert state.state == "finished"
    assert state == replayed(run.events_file)


def test_a_result_of_which_nothing_was_told_before_is_whole_at_home(tmp_path):
    run = new_run(tmp_path / "runs", experiment())
    log = lines(started(run.id), epoch(1), ENDED)
    there = scratch_of(run, tmp_path / "scratch", log=log)
    events = RunMirror(run).receive_files(TrialFiles("z", "finished", "", pack(there)))
    assert [event.type for event in events] == ["run_started", "epoch", "ended"]
    assert run.events_file.read_bytes() == log


def test_a_lost_run_has_failed_and_keeps_its_log(tmp_path):
    run = new_run(tmp_path / "runs", experiment())
    mirror = RunMirror(run)
    mirror.start_attempt("a")
    there = scratch_of(run, tmp_path / "scratch", log=lines(started(run.id), epoch(1)) + b'{"type":"epo')
    (there / "results.json").unlink()
    mirror.receive_files(TrialFiles("a", "", "the worker died by SIGSEGV", pack(there)))
    state = replayed(run.events_file)
    assert (run.state(), run.status().reason) == ("failed", "the worker died by SIGSEGV")
    assert (state.state, len(state.history), present(state.ended).reason) == ("failed", 1, "the worker died by SIGSEGV")
    assert run.last_log_lines() == ["said"]


def test_a_damaged_result_leaves_nothing_at_home(tmp_path):
    run = new_run(tmp_path / "runs", experiment())
    mirror, before = RunMirror(run), sorted(run.path.iterdir())
    with pytest.raises(RunError):
        mirror.receive_files(TrialFiles("a", "finished", "", archive("../outside")))
    assert sorted(run.path.iterdir()) == before
    mirror.give_up("damaged")
    assert run.state() == "failed"


def test_data_are_kept_under_what_they_hold(tmp_path):
    own = tmp_path / "letters"
    own.mkdir()
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte"):
        (own / name).write_bytes(name.encode())
    (own / "t10k-labels-idx1-ubyte.gz").write_bytes(b"packed")
    (own / "classes.txt").write_text("ten lines\n")
    (own / "else.txt").write_text("not data")
    found = present(transport.find_dataset_bundle(str(own), None))
    assert (found.folder, found.known) == ("letters", False)
    files = found.read()
    assert [name for name, _ in files][-1] == "classes.txt"
    assert len(files) == 5

    transport.store_dataset(found, files, tmp_path / "cache")
    kept = tmp_path / "cache" / found.sha256 / "letters"
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == dict(files)
    transport.store_dataset(found, files, tmp_path / "cache")
    with pytest.raises(ValueError, match="letters arrived damaged"):
        transport.store_dataset(found, ((files[0][0], b"other"), *files[1:]), tmp_path / "elsewhere")
    assert transport.find_dataset_bundle("digits", None) is None


def test_a_folder_of_images_is_sent_with_its_class_folders_and_never_outside(tmp_path):
    own = tmp_path / "pets"
    for name in ("ant", "bee"):
        (own / name).mkdir(parents=True)
        for place in range(3):
            (own / name / f"{place}.png").write_bytes(f"{name} {place}".encode())
    found = present(transport.find_dataset_bundle(str(own), None))
    files = found.read()
    assert [name for name, _ in files] == [f"{name}/{place}.png" for name in ("ant", "bee") for place in range(3)]
    transport.store_dataset(found, files, tmp_path / "cache")
    assert (tmp_path / "cache" / found.sha256 / "pets" / "bee" / "2.png").read_bytes() == b"bee 2"
    outside = (("../outside.png", b"never written"),)
    with pytest.raises(ValueError, match="arrived damaged"):
        transport.store_dataset(replace(found, sha256=transport.digest(outside)), outside, tmp_path / "elsewhere")
    assert not list(tmp_path.rglob("outside.png"))


def test_a_data_folder_has_the_same_data_whatever_its_place(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    for place in ("one", "two"):
        (tmp_path / place / "mnist").mkdir(parents=True)
        (tmp_path / place / "mnist" / "mnist.npz").write_bytes(b"arrays")
    one, two = (present(transport.find_dataset_bundle("mnist", tmp_path / place)) for place in ("one", "two"))
    assert one == two
    assert one.known
    assert transport.find_dataset_bundle("fashion-mnist", tmp_path / "one") is None


GIB = 2**30


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ((None,) * 8, 1)),
        ({"memory": 4 * TRIAL_BYTES}, ((None,) * 4, 2)),
        ({"memory": 0}, ((None,), 8)),
        ({"workers": 3}, ((None,) * 3, 2)),
        ({"threads": 4}, ((None,) * 8, 4)),
        ({"workers": 16}, ((None,) * 16, 1)),
        ({"visible": ("0", "1")}, (("0", "1"), 4)),
        ({"visible": ("0", "1"), "device": "cpu"}, ((None,) * 8, 1)),
        ({"visible": ("4", "6"), "device": "gpu:1"}, (("6",), 8)),
        ({"visible": ("0", "1"), "workers": 3}, (("0", "1", "0"), 2)),
    ],
)
def test_workers_are_one_a_gpu_else_one_a_core_that_memory_allows(given, expected):
    asked = {"cores": 8, "memory": 64 * GIB, "visible": (), "device": "auto", "workers": None, "threads": None} | given
    planned = plan_workers(**asked)
    assert (planned.gpus, planned.threads) == expected


def test_what_a_worker_lacks_is_said_in_a_sentence():
    good = WorkerFacts("node", mnist_tui.__version__, ".".join(map(str, sys.version_info[:2])), True, None, 1)
    assert why_unfit("tcp://a:1", good) == ""
    for answer, words in [
        (ModuleNotFoundError("No module named 'mnist_tui'"), "has no mnist-tui"),
        (WorkerFacts("node", "0.0.1", good.python, True, None, 1), "on node has mnist-tui 0.0.1, and this is"),
        (WorkerFacts("node", good.version, "3.9", True, None, 1), "on node has Python 3.9, and this is Python"),
        (WorkerFacts("node", good.version, good.python, False, None, 1), "on node has no TensorFlow"),
        (OSError("gone"), "cannot report its hardware and packages: OSError: gone"),
    ]:
        assert words in why_unfit("tcp://a:1", answer)
        assert "tcp://a:1" in why_unfit("tcp://a:1", answer)


@pytest.mark.parametrize(
    ("address", "said"), [("tcp://127.0.0.1:9", "no scheduler answers at"), ("nonsense://x", "is not a valid address")]
)
def test_a_scheduler_that_is_not_there_is_named(tmp_path, address, said):
    with pytest.raises(RequestError, match=said):
        Cluster(folder(tmp_path, study(scheduler=address)), print)


class FakeClient:
    """In a Dask client's place: what workers are told is kept, and what they tell is said by the test."""

    connected, address = True, "tcp://x:1"

    def __init__(self, address, study, hear):
        del address, study
        self.hear, self.told = hear, []

    def train(self, request):
        del request
        return FakeFuture()

    def call_later(self, worker, function, study, run, command):
        del function, study, run
        self.told.append((worker, command.name, command.epochs))

    def says(self, kind, run, attempt_id, worker, **more):
        self.hear({"kind": kind, "run": run.id, "attempt_id": attempt_id, "worker": worker, **more})

    def close(self, timeout):
        del timeout


class FakeFuture:
    status = "pending"

    def add_done_callback(self, call):
        del call

    def cancel(self, force):
        del force


class FakePool:
    workers: ClassVar[dict[str, object]] = {}

    def __init__(self, *_, **__):
        pass

    def wait_for_first(self):
        pass

    update = wait_for_first


def test_orders_stay_at_home_until_they_are_obeyed_and_every_attempt_is_told_of_them(tmp_path, monkeypatch):
    monkeypatch.setattr("mnist_tui.studies.cluster.DaskClient", FakeClient)
    monkeypatch.setattr("mnist_tui.studies.cluster.WorkerPool", FakePool)
    monkeypatch.setattr("mnist_tui.studies.start.check_scheduler", lambda address: None)
    run = new_run(tmp_path / "runs", experiment())
    with Cluster(folder(tmp_path / "study", study(scheduler="tcp://x:1")), print) as there:
        client: Any = there._client
        there.submit(run)
        for name in ("extend", "pause"):
            control.write_command(run, Command(name, 2 if name == "extend" else 0))
        there.poll(0)
        assert client.told == []
        client.says("began", run, "a", "one")
        there.poll(0)
        assert client.told == [("one", "extend", 2), ("one", "pause", 0)]
        control.write_command(run, Command("continue"))
        there.poll(0)
        assert client.told[2:] == [("one", "continue", 0)]

        client.says("began", run, "b", "other")
        there.poll(0)
        assert client.told[3:] == [("other", "extend", 2), ("other", "pause", 0), ("other", "continue", 0)]
        assert len(control.waiting_commands(run)) == 3
        (extend,) = control.waiting_commands(run, "extend")
        log = lines(started(run.id), Extended(epochs=4, commands=(extend.id,), time=2.0))
        client.says("events", run, "b", "other", offset=0, lines=log.decode())
        there.poll(0)
        assert control.waiting_commands(run, "extend") == []
    assert control.waiting_commands(run) == []
    assert run.state() == "stopped"
