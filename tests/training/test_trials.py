"""A worker that serves run after run: each equal to the bit to one of its own, whatever came before it."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from zipfile import ZipFile

import psutil
import pytest

from mnist_tui.errors import RunError
from mnist_tui.runs import control
from mnist_tui.runs.devices import usable_cores
from mnist_tui.runs.event_log import EventTail
from mnist_tui.runs.events import DataReady, EpochEnded, ModelBuilt, Phase, Progress
from mnist_tui.runs.process_folder import Lock
from mnist_tui.runs.start import start_worker
from mnist_tui.runs.worker_jobs import TrialServer
from tests.present import present
from tests.training.sameness import events, same_run
from tests.training.support import FLATTEN, Watch, experiment, new_run
from tests.waiting import wait_for

pytestmark = pytest.mark.slow

THREADS = min(2, usable_cores())
DENSE = [FLATTEN, {"kind": "dense", "units": 64, "activation": "relu"}, {"kind": "dropout", "rate": 0.5}]
ADAM = {"name": "adam", "learning_rate": 0.001}


def dense(seed, rate=0.001, epochs=2):
    return experiment(
        layers=DENSE,
        optimizer={"name": "adam", "learning_rate": rate},
        training={"seed": seed, "epochs": epochs},
        dataset={"limit": 450},
    )


HOG = experiment(
    features={"kind": "hog", "pixels_per_cell": 7},
    layers=[{"kind": "dense", "units": 32, "activation": "sigmoid"}],
    dataset={"validation": 0.2},
)
CONVOLUTIONAL = experiment(
    layers=[
        {"kind": "conv2d", "filters": 4, "kernel_size": 3, "activation": "relu"},
        {"kind": "max_pooling2d"},
        FLATTEN,
        {"kind": "dropout", "rate": 0.25},
    ],
    optimizer={"name": "rmsprop", "learning_rate": 0.001},
    dataset={"limit": 450},
)
NORMALISED = experiment(
    layers=[FLATTEN, {"kind": "dense", "units": 40}, {"kind": "batch_normalization"}, *DENSE[1:]],
    optimizer=ADAM,
    dataset={"limit": 450},
)
NETWORKS = {
    "dense": dense(1),
    "hog": HOG,
    "convolutional": CONVOLUTIONAL,
    "normalised": NORMALISED,
    "another seed": dense(2, rate=0.01),
}
ENDLESS = experiment(training={"epochs": 1_000_000, "batch_size": 7})


class Enough(Exception):
    pass


def new(place, of, threads=THREADS, **launch):
    return new_run(place, of, threads=threads, **launch)


def trained(server, folder):
    assert server.run(folder, lambda: None) == 0, folder.last_log_lines(40)
    return folder


@pytest.fixture(
    scope="module",
    params=[("dense", "convolutional", "another seed"), pytest.param(tuple(NETWORKS), marks=pytest.mark.exhaustive)],
    ids=("three", "all"),
)
def served(request, tmp_path_factory):
    """Two servers at once with the same runs in different orders, and what they are asked for between."""
    place, names = tmp_path_factory.mktemp("trials"), request.param
    with pytest.MonkeyPatch.context() as patch:
        # the digits' features are no more than a moment's work; a cache on disk would hide the one in memory
        patch.setenv("XDG_CACHE_HOME", str(place / "cache"))
        servers = [TrialServer(place / f"server-{number}.log") for number in range(2)]

    def first(server):
        runs = {}
        for name in names:
            runs[name] = trained(server, new(place / "first", NETWORKS[name]))
            if name == "dense":
                bad = [
                    new(place / "bad", dense(1), device="gpu:7"),
                    new(place / "bad", dense(1), threads=THREADS + 1),
                    new(place / "bad", experiment(dataset={"name": str(place)})),
                    new(place / "bad", dense(1)),
                ]
                held = Lock(bad[-1])
                runs["bad"] = [(server.run(folder, lambda: None), folder) for folder in bad]
                held.release()
        return runs

    def second(server):
        return {name: trained(server, new(place / "second", NETWORKS[name])) for name in reversed(names)}

    alone = new(place / "alone", NETWORKS["another seed"])
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(work, server) for work, server in zip((first, second), servers, strict=True)]
        found = [each.result() for each in both]
    start_worker(alone)
    Watch(alone).wait_for_end()
    yield servers, *found, alone
    for server in servers:
        server.close()


def test_each_network_is_the_same_to_the_bit_in_two_processes_that_share_the_cores(served):
    _, first, second, _ = served
    for name in second:
        assert same_run(first[name], second[name]), name
    (built,) = events(first["convolutional"], ModelBuilt)
    assert (built.program, built.threads, built.deterministic) == ("graph", THREADS, None)
    assert first["dense"].results()["platform"]["threads"] == THREADS


def test_a_run_served_after_others_equals_one_of_a_fresh_worker_to_the_bit(served):
    _, first, _, alone = served
    assert same_run(first["another seed"], alone)
    assert not same_figures(first["another seed"], first["dense"])
    assert saved(first["another seed"]) == saved(alone) != saved(first["dense"])


def same_figures(one, other):
    return one.results()["test"] == other.results()["test"]


def saved(folder):
    """What the saved model says of itself: layers, initialisers, seeds, optimizer."""
    with ZipFile(folder.model_file) as archive:
        return archive.read("config.json")


def test_a_failed_or_refused_run_is_an_answer_and_the_next_is_unharmed(served):
    _, first, _, _ = served
    (device, no_device), (threads, other_threads), (data, no_data), (refused, held) = first["bad"]
    assert (device, threads, data, refused) == (1, 1, 1, 2)
    assert [folder.state() for _, folder in first["bad"]] == ["failed"] * 4
    assert no_device.status().reason.startswith("there is no gpu:7 here")
    wanted = f"--threads {THREADS + 1} is not possible: this worker computes over {THREADS} since its first run"
    assert other_threads.status().reason == wanted
    assert "holds no dataset" in no_data.status().reason
    assert f"is being written by process {os.getpid()}" in held.status().reason
    assert not held.events_file.exists()


def test_what_was_read_or_computed_for_one_run_is_there_for_the_next(served):
    _, first, _, _ = served
    assert "reading" in phases(first["dense"])
    assert not {"verifying", "importing", "downloading"} & set(phases(first["another seed"]))
    assert len(events(first["another seed"], DataReady)) == 1


def phases(folder):
    return [event.name for event in EventTail(folder.events_file).read_all() if isinstance(event, Phase)]


def test_each_run_has_its_own_log(served):
    _, first, _, _ = served
    (_, no_device), *_ = first["bad"]
    assert any("there is no gpu:7" in line for line in no_device.last_log_lines())
    assert not any("gpu:7" in line for line in first["another seed"].last_log_lines(1000))


def test_orders_end_a_run_and_not_the_server(served, tmp_path):
    server = served[0][0]
    discarded = new(tmp_path, ENDLESS)
    watch = Watch(discarded)
    asked = []

    def discard():
        if watch.all(EpochEnded) and not asked:
            asked.append(control.send(discarded, "discard"))

    assert server.run(discarded, discard) == 0
    assert (discarded.state(), discarded.status().reason) == ("stopped", control.DISCARDED)
    assert discarded.results() is None
    early = new(tmp_path, ENDLESS)
    control.write_command(early, control.Command("stop"))
    assert server.run(early, lambda: None) == 0
    assert (early.state(), early.status().reason) == ("stopped", "stopped before training began")
    assert server.run(after := new(tmp_path, dense(1)), lambda: None) == 0
    assert same_run(after, served[1]["dense"])


def test_a_signal_stops_and_saves_the_present_run_and_ends_the_server(served, tmp_path):
    server = served[0][0]
    folder = new(tmp_path, ENDLESS)
    watch = Watch(folder)
    told = []

    def terminate():
        if watch.all(EpochEnded) and not told:
            told.append(os.kill(server.pid, signal.SIGTERM))

    assert server.run(folder, terminate) == 0
    assert folder.status().reason.endswith("and saved")
    assert present(folder.results())["state"] == "stopped"
    assert wait_for(lambda: not server.alive)


def test_the_end_of_its_stdin_ends_the_server_in_the_middle_of_a_run(served, tmp_path):
    server = served[0][1]
    folder = new(tmp_path, ENDLESS)
    watch = Watch(folder)

    def leave():
        if watch.all(Progress):
            raise Enough

    with pytest.raises(Enough):
        server.run(folder, leave)
    pid = server.pid
    server.close()
    assert not psutil.pid_exists(pid)
    assert folder.state() == "crashed"


def test_a_servers_death_is_told_with_how_it_died(tmp_path):
    server = TrialServer(tmp_path / "server.log")
    folder = new(tmp_path, ENDLESS)
    with pytest.raises(RunError, match=rf"the worker of run {folder.id} was killed \(SIGKILL\)"):
        server.run(folder, lambda: os.kill(server.pid, signal.SIGKILL))
    assert not server.alive
    with pytest.raises(RunError, match=r"was killed \(SIGKILL\)"):
        server.run(folder, lambda: None)
    server.close()


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", NETWORKS)
def test_two_fresh_processes_train_the_same_over_all_images_beside_a_busy_core(tmp_path, real_data, name):
    whole = NETWORKS[name].dataset.model_copy(update={"name": "mnist", "limit": None})
    of = NETWORKS[name].model_copy(update={"dataset": whole})
    runs = [new(tmp_path, of, data_dir=str(real_data)) for _ in range(2)]
    for folder in runs:
        with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
            try:
                start_worker(folder)
                assert Watch(folder).wait_for_end().state == "finished"
            finally:
                busy.kill()
    assert same_run(*runs)
