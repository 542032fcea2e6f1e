"""Real clusters: a scheduler, workers and TensorFlow, each in processes of their own."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import psutil
import pytest

from mnist_tui.data.catalogue import FILE_NAMES, Part
from mnist_tui.data.idx import idx_header
from mnist_tui.errors import RunError
from mnist_tui.runs import control
from mnist_tui.runs.event_log import replayed
from mnist_tui.runs.events import EpochEnded, Resumed
from mnist_tui.runs.library import run_folders
from mnist_tui.studies.cluster import MOST_ATTEMPTS, Cluster
from tests.present import present
from tests.studies.dask_processes import DaskProcesses, listening
from tests.studies.made import folder, study
from tests.training.support import digits, experiment, new_run
from tests.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.slow

LONG = 500
"""Epochs enough that a worker is killed before its trial is done."""
ENDLESS = experiment(training={"epochs": 1_000_000, "batch_size": 7})


@pytest.fixture
def letters(tmp_path):
    """A folder of 200 training and 100 test images of one's own."""
    folder, data = tmp_path / "letters", digits()
    folder.mkdir()
    parts: dict[Part, Any] = {
        "train_images": data.train_images[:200],
        "train_labels": data.train_labels[:200],
        "test_images": data.test_images[:100],
        "test_labels": data.test_labels[:100],
    }
    for part, values in parts.items():
        (folder / FILE_NAMES[part]).write_bytes(idx_header(values) + values.tobytes())
    return folder


def cluster(tmp_path, said=None, **more):
    options: dict[str, Any] = {"workers": 2, "threads": 1, "device": "cpu", **more}
    asked = study(**options)
    return Cluster(folder(tmp_path / "study", asked), print if said is None else said.append)


UNREAD = WeakKeyDictionary()
"""News of each cluster that came with others and were not asked for yet."""


def polled(cluster, until):
    """All that is told up to the first of which `until` is true; what came with it waits for the next call."""
    told, unread = [], UNREAD.setdefault(cluster, [])

    def over():
        unread.extend(() if unread else cluster.poll(1))
        while unread:
            told.append(unread.pop(0))
            if until(told[-1]):
                return True
        return False

    wait_for(over, lambda: told[-5:])
    return told


def all_of(cluster, runs, seen=()):
    """What is told until all runs have ended."""
    open_ = {run.id for run in runs} - {news.run for news in seen if news.kind in ("ended", "lost")}

    def last(news):
        if news.kind in ("ended", "lost"):
            open_.discard(news.run)
        return not open_

    return [*seen, *(polled(cluster, last) if open_ else [])]


def complete(run, epochs):
    """Whether a run's folder has all that a run trained here would have."""
    state, results = replayed(run.events_file), run.results()
    assert (run.state(), state.state, results["state"]) == ("finished",) * 3
    assert [row.epoch for row in state.history] == list(range(1, epochs + 1))
    assert results["epochs_run"] == epochs
    assert run.model_file.stat().st_size > 10_000
    assert run.predictions_file.exists()
    assert run.checkpoint_file.exists()
    return True


def trained_through(address, runs, dask, said):
    """Trains runs on a cluster whose workers come late, and kills one in the middle; what was told, and the run hit."""
    options = {"workers": None, "threads": None, "device": "auto"}
    with cluster(runs[0].path.parents[1], said, scheduler=address, **options) as there:
        assert (there.workers(), there.capacity, there.threads) == ((), 1, None)
        for run in runs:
            there.submit(run)
        for _ in range(2):
            dask.add_worker()
        telling = dict[str, str]()

        def fourth(news):
            if news.kind == "event":
                telling[news.run] = news.worker
            return len(telling) == 4

        seen = polled(there, fourth)
        listening(seen[-1].worker, *(nanny.pid for nanny in dask.workers)).kill()
        return all_of(there, runs, seen), seen[-1].run


def all_are_home_once(runs, told, killed):
    assert sorted(news.run for news in told if news.kind == "ended") == sorted(run.id for run in runs)
    assert not [news for news in told if news.kind == "lost"]
    assert all(complete(run, LONG) for run in runs)
    of_killed = [news for news in told if news.run == killed]
    assert [news.attempt for news in of_killed if news.kind == "began"] == [1, 2]
    assert next(news.event for news in of_killed if isinstance(news.event, Resumed)).from_epoch == 0
    attempts = {news.run: news.attempt for news in told if news.kind == "ended"}
    assert attempts.pop(killed) == 2
    assert set(attempts.values()) == {1}


def test_trials_on_an_existing_cluster_without_data_come_home_though_a_worker_is_killed(tmp_path, letters):
    own = experiment(dataset={"name": str(letters)}, training={"epochs": LONG})
    runs = [new_run(tmp_path / "runs", own) for _ in range(6)]
    said, dask = [], DaskProcesses(tmp_path, threads=2)
    try:
        told, killed = trained_through(dask.address, runs, dask, said)
        servers = [p for p in psutil.process_iter(["cmdline"]) if "--trials" in (p.info["cmdline"] or ())]
        assert not [p for p in servers if any(parent.pid in {w.pid for w in dask.workers} for parent in p.parents())]
    finally:
        dask.close()
    all_are_home_once(runs, told, killed)
    assert {run.path for run in run_folders(tmp_path / "runs")} == {run.path for run in runs}
    assert 2 <= len([text for text in said if "letters is sent to" in text]) <= 3
    for run in runs:
        assert run.preset().experiment == own
        assert run.launch().threads is None
        state = replayed(run.events_file)
        data, model = present(state.data), present(state.model)
        assert (data.name, data.train, model.threads) == ("letters", 200, 2)


def test_a_cluster_of_this_machine_obeys_survives_a_crash_and_leaves_nothing(tmp_path):
    with cluster(tmp_path) as here:
        processes = psutil.Process().children(recursive=True)
        sockets = [c for p in (psutil.Process(), *processes) for c in p.net_connections() if c.status == "LISTEN"]
        assert {connection.laddr.ip for connection in sockets} == {"127.0.0.1"}
        assert [(worker.threads, worker.gpu) for worker in here.workers()] == [(1, None)] * 2
        assert (here.threads, here.capacity) == (1, 2)
        endless, crashing, waiting, short = (
            new_run(tmp_path / "runs", of, threads=1) for of in (ENDLESS, ENDLESS, ENDLESS, experiment())
        )
        for run in (endless, crashing, waiting, short):
            here.submit(run)
        assert {run.state() for run in (endless, crashing, waiting, short)} == {"starting"}
        trained = set()
        polled(here, lambda news: isinstance(news.event, EpochEnded) and (trained.add(news.run), len(trained) == 2)[1])
        assert endless.state() == "running"
        processes = psutil.Process().children(recursive=True)

        control.send(waiting, "stop")
        told = polled(here, lambda news: (news.run, news.kind) == (waiting.id, "ended"))
        assert (waiting.state(), waiting.status().reason) == ("stopped", "stopped before training began")

        # TensorFlow crashes: its process is the child of the worker that has the run.
        (server,) = [
            p for p in processes if "--trials" in _cmdline(p) and any(crashing.id in f.path for f in p.open_files())
        ]
        server.send_signal(signal.SIGSEGV)
        told = polled(here, lambda news: news.kind == "lost")
        assert told[-1].run == crashing.id
        assert "crashed (SIGSEGV)" in told[-1].reason
        assert crashing.state() == "failed"
        assert present(replayed(crashing.events_file).ended).reason == told[-1].reason

        control.send(endless, "pause")
        wait_for(lambda: here.poll(0.2) and endless.state() == "paused")
        here.stop(endless.id)
        all_of(here, [endless, short], told)
        assert endless.state() == "stopped"
        assert present(endless.results())["state"] == "stopped"
        assert endless.status().reason.endswith("and saved")
        assert complete(short, 2)

        deleted = new_run(tmp_path / "runs", ENDLESS, threads=1)
        here.submit(deleted)
        polled(here, lambda news: (news.run, news.kind) == (deleted.id, "began"))
        shutil.rmtree(deleted.path)
        told = polled(here, lambda news: news.kind == "lost")
        assert (told[-1].run, told[-1].reason) == (deleted.id, "its folder was deleted meanwhile")

        left = new_run(tmp_path / "runs", ENDLESS, threads=1)
        here.submit(left)
        polled(here, lambda news: (news.run, news.kind) == (left.id, "began"))
        processes += psutil.Process().children(recursive=True)
    assert (left.state(), left.status().reason) == ("stopped", "stopped with its study, before it was done")
    assert not list((tmp_path / "study").rglob("scratch"))
    gone = [process for process in processes if "resource_tracker" not in "".join(_cmdline(process))]
    psutil.wait_procs(gone, PATIENCE)
    assert not [process for process in gone if process.is_running()]


@pytest.mark.exhaustive
@pytest.mark.parametrize("place", ["here", "elsewhere"])
def test_nothing_outlives_the_process_that_has_a_cluster(tmp_path, place):
    run = new_run(tmp_path / "runs", ENDLESS, threads=1)
    program = tmp_path / "study.py"
    program.write_text(
        textwrap.dedent("""
        import sys
        from pathlib import Path
        from mnist_tui.runs.folder import RunFolder
        from mnist_tui.studies.cluster import Cluster
        from mnist_tui.studies.folder import StudyFolder

        if __name__ == "__main__":
            cluster = Cluster(StudyFolder(Path(sys.argv[2])), print)
            cluster.submit(RunFolder(Path(sys.argv[1])))
            while True:
                cluster.poll(1)
        """)
    )
    dask = DaskProcesses(tmp_path) if place == "elsewhere" else None
    try:
        if dask is not None:
            dask.add_worker()
        asked = study(workers=1, threads=1, device="cpu", scheduler=dask.address if dask else None)
        made = folder(tmp_path / "study", asked)
        process = psutil.Popen(
            [sys.executable, str(program), str(run.path), str(made.path)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        above = psutil.Process(dask.workers[0].pid) if dask else process

        def servers():
            return [child for child in above.children(recursive=True) if "--trials" in _cmdline(child)]

        wait_for(servers)
        wait_for(lambda: replayed(run.events_file).start)
        everyone = process.children(recursive=True) + servers()
        process.kill()
        process.wait()
        _, alive = psutil.wait_procs(everyone, PATIENCE)
        assert not alive
        assert run.state() == "crashed"
        if dask is not None:
            wait_for(lambda: not list((tmp_path / "scratch-0").rglob("experiment.toml")))
    finally:
        if dask is not None:
            dask.close()


def test_a_worker_that_cannot_train_is_named_before_anything_starts(tmp_path):
    dask = DaskProcesses(tmp_path, bare=True)
    try:
        dask.add_worker()
        dask.wait_for_workers()
        with pytest.raises(RunError, match=r"the worker tcp://127.0.0.1:\d+ has no mnist-tui"):
            cluster(tmp_path, scheduler=dask.address)
    finally:
        dask.close()


@pytest.mark.exhaustive
def test_a_worker_that_hangs_keeps_no_trial_waiting_and_is_given_some_once_it_answers(tmp_path, monkeypatch):
    monkeypatch.setattr("mnist_tui.studies.workers.FIRST_ANSWER_SECONDS", 2)
    dask, said = DaskProcesses(tmp_path), []
    runs = [new_run(tmp_path / "runs", of) for of in (experiment(), ENDLESS)]
    try:
        for _ in range(2):
            dask.add_worker()
        dask.wait_for_workers()
        (hung,) = [each for each in psutil.Process(dask.workers[0].pid).children(recursive=True) if _listens(each)]
        hung.suspend()
        with cluster(tmp_path, said, scheduler=dask.address) as there:
            (fit,) = there.workers()
            assert [text for text in said if text.endswith("has not answered yet; it is given trials once it has")]
            for run in runs:
                there.submit(run)
            told = polled(there, lambda news: (news.run, news.kind) == (runs[1].id, "began"))
            assert {news.worker for news in told if news.worker} == {fit.address}
            assert complete(runs[0], 2)
            hung.resume()
            wait_for(lambda: there.poll(0.2) and len(there.workers()) == 2)
    finally:
        dask.close()


def test_a_scheduler_that_goes_takes_its_runs_with_it_and_says_so(tmp_path):
    dask = DaskProcesses(tmp_path)
    run, another = new_run(tmp_path / "runs", ENDLESS), new_run(tmp_path / "runs", ENDLESS)
    try:
        with cluster(tmp_path, scheduler=dask.address) as there:
            there.submit(run)
            assert there.poll(0) == []
            dask.end_scheduler()
            (lost,) = there.poll(30)
            assert (lost.run, lost.kind) == (run.id, "lost")
            assert lost.reason == f"the Dask scheduler at {dask.address} is gone"
            assert (run.state(), run.status().reason) == ("failed", lost.reason)
            with pytest.raises(RunError, match="is gone"):
                there.submit(another)
            assert there.workers() == ()
    finally:
        dask.close()


@pytest.mark.parametrize("attempts", [1, pytest.param(MOST_ATTEMPTS, marks=pytest.mark.exhaustive)])
def test_a_trial_that_kills_every_worker_is_given_up(tmp_path, monkeypatch, attempts):
    monkeypatch.setattr("mnist_tui.studies.cluster.MOST_ATTEMPTS", attempts)
    with cluster(tmp_path, workers=1) as here:
        run, after = new_run(tmp_path / "runs", ENDLESS), new_run(tmp_path / "runs", ENDLESS)
        here.submit(run)
        told = []
        while not told or told[-1].kind != "lost":
            told += polled(here, lambda news: news.kind in ("began", "lost"))
            if told[-1].kind == "began":
                listening(told[-1].worker, os.getpid()).kill()
        assert [news.attempt for news in told if news.kind == "began"] == list(range(1, attempts + 1))
        assert told[-1].reason.startswith(f"given up after {attempts} attempts, in each of which the worker died")
        assert (run.state(), run.status().reason) == ("failed", told[-1].reason)
        here.submit(after)
        polled(here, lambda news: (news.run, news.kind) == (after.id, "began"))


def _cmdline(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _listens(process):
    return any(connection.status == "LISTEN" for connection in process.net_connections())
