"""Workers killed at any moment: resumed, they end as one left alone, to the bit."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mnist_tui.experiment.parameters import apply_texts
from mnist_tui.experiment.presets import find_preset
from mnist_tui.experiment.spec import from_mapping, to_mapping
from mnist_tui.runs import start
from mnist_tui.runs.event_log import EventTail
from mnist_tui.runs.events import CheckpointSaved, Resumed
from mnist_tui.runs.state import LIVE
from tests.cli.test_process import command
from tests.training import killer, stepping_clock
from tests.training.killer import PHASES
from tests.training.sameness import events, same_run
from tests.training.stepping_clock import SteppingClock
from tests.training.support import FLATTEN, experiment, new_run
from tests.waiting import wait_for

pytestmark = pytest.mark.slow

EVERY = 0.15
"""Seconds between two checkpoints, so that short trainings have many."""


def undisturbed(runs_dir, of):
    folder = new_run(runs_dir, of)
    start.start_worker(folder)
    return folder


def worker(folder, *death):
    """A worker on the run that saves often and may kill itself."""
    line = [sys.executable, killer.__file__, "--run", str(folder.path), "--every", str(EVERY), *map(str, death)]
    environment = {**os.environ, "PYTHONPATH": str(Path(killer.__file__).parents[2])}
    with folder.log_file.open("ab") as log:
        return subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)


def killed_in_a_write(folder, phase, write):
    process = worker(folder, "--phase", phase, "--write", write)
    code = process.wait()
    if code != 0:
        assert code == -signal.SIGKILL, folder.last_log_lines(30)
        assert folder.state() == "crashed"
    return code != 0


def killed_at_random(folder, rng):
    """SIGKILL once the worker's own events have made the log longer by a random length."""
    begun = folder.events_file.stat().st_size if folder.events_file.exists() else 0
    process = worker(folder)
    length = rng.randrange(1000, 15_000)

    def grown():
        taken_on = folder.status().pid == process.pid
        assert not taken_on or folder.state() != "crashed" or process.poll() is not None
        size = folder.events_file.stat().st_size if folder.events_file.exists() else 0
        return process.poll() is not None or size - begun > length

    wait_for(grown)
    process.kill()
    return process.wait() == -signal.SIGKILL


def resumed_to_its_end(folder):
    line = command("resume", str(folder.path), "--json")
    ended = subprocess.run(line, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr + "\n".join(folder.last_log_lines(30))
    doc = json.loads(ended.stdout)
    assert doc["state"] == "finished"
    assert [row["epoch"] for row in doc["epochs"]] == list(range(1, len(doc["epochs"]) + 1))


@pytest.mark.exhaustive
def test_a_worker_killed_in_training_and_inside_a_checkpoint_ends_as_one_left_alone(tmp_path):
    of = experiment(
        layers=[FLATTEN, {"kind": "dense", "units": 50}, {"kind": "dropout"}],
        training={"epochs": 12, "batch_size": 4, "early_stopping": {"patience": 12}, "plain_loss": True},
        augmentation={"shift": 2, "rotation": 10},
    )
    alone = undisturbed(tmp_path, of)
    folder = new_run(tmp_path, of)
    process = worker(folder)
    wait_for(lambda: len(events(folder, CheckpointSaved)) >= 2)
    process.kill()
    process.wait()
    assert killed_in_a_write(folder, PHASES.index("the arrays in place, the pointer still the old one"), 2)
    resumed_to_its_end(folder)
    assert len(events(folder, Resumed)) == 2
    wait_for(lambda: alone.state() == "finished")
    assert same_run(folder, alone)


@pytest.fixture
def stepping(tmp_path_factory, monkeypatch):
    """A clock of all processes that the test starts, set by -3,600 to 3,600 seconds at random moments."""
    library = stepping_clock.built(tmp_path_factory.mktemp("clock"))
    if library is None:
        pytest.skip("the stepping clock is a preloaded library, which needs Linux and a C compiler")
    with SteppingClock(library, random.Random(7)) as clock:
        for name, value in clock.environment.items():
            monkeypatch.setenv(name, value)
        yield clock


def times_of(folder):
    return [event.time for event in EventTail(folder.events_file).read_all()]


@pytest.mark.exhaustive
def test_kills_leave_no_trace_while_the_clock_steps(tmp_path, stepping):
    of = experiment(
        layers=[FLATTEN, {"kind": "dense", "units": 50}, {"kind": "dropout"}],
        training={"epochs": 40, "batch_size": 4, "early_stopping": {"patience": 40}, "plain_loss": True},
    )
    rng = random.Random("stepping")
    alone, folder = undisturbed(tmp_path, of), new_run(tmp_path, of)
    kills = [None] * 10 + [*range(len(PHASES))] * 2
    rng.shuffle(kills)
    done, finished = 0, []
    while kills:
        kill = kills[0]
        hit = killed_at_random(folder, rng) if kill is None else killed_in_a_write(folder, kill, rng.randrange(1, 4))
        if hit:
            kills.pop(0)
            done += 1
            assert folder.state() == "crashed"
        else:
            finished.append(folder)
            folder = new_run(tmp_path, of)
    both = [
        subprocess.Popen(
            command("resume", str(folder.path), "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    wait_for(lambda: folder.state() in LIVE)
    deleted = subprocess.run(command("delete", "-y", str(folder.path)), capture_output=True, text=True, check=False)
    assert deleted.returncode == 2, deleted.stderr
    said = [process.communicate(timeout=600) for process in both]
    assert sorted(process.returncode for process in both) == [0, 2], said
    wait_for(lambda: alone.state() == "finished")
    print(f"{done} kills in {len(finished) + 1} runs, {stepping.steps} steps of the clock")
    for run in [*finished, folder]:
        assert same_run(run, alone)
        assert times_of(run) == sorted(times_of(run))


STARTERS = {
    "raw": ({"limit": "20000", "batch-size": "48", "epochs": "40"}, "xla"),
    "hog": ({"limit": "20000", "batch-size": "48", "epochs": "40"}, "xla"),
    "cnn": ({"limit": "4000", "batch-size": "32", "epochs": "20"}, "graph"),
}


def starter(name):
    texts, program = STARTERS[name]
    of = apply_texts(find_preset(name).experiment, texts)
    doc = to_mapping(of)
    return from_mapping({**doc, "training": {**doc["training"], "program": program}})


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("name", "random_kills", "phases"), [("raw", 4, [0, 1, 2]), ("hog", 3, [3, 4, 0]), ("cnn", 3, [1, 2, 3, 4])]
)
def test_twenty_kills_leave_no_trace(tmp_path, real_data, name, random_kills, phases):
    rng = random.Random(name)
    of = starter(name)
    alone = undisturbed(tmp_path, of)
    kills = [None] * random_kills + phases
    rng.shuffle(kills)
    done, folder, finished = 0, new_run(tmp_path, of), []
    while kills:
        kill = kills[0]
        write = rng.randrange(1, 4)
        hit = killed_at_random(folder, rng) if kill is None else killed_in_a_write(folder, kill, write)
        if hit:
            kills.pop(0)
            done += 1
        else:
            finished.append(folder)
            folder = new_run(tmp_path, of)
    resumed_to_its_end(folder)
    wait_for(lambda: alone.state() == "finished")
    resumptions = [event for run in [*finished, folder] for event in events(run, Resumed)]
    inside = sum(event.step > 0 for event in resumptions)
    print(f"{name}: {done} kills in {len(finished) + 1} runs, {len(resumptions)} resumptions, {inside} inside an epoch")
    for run in [*finished, folder]:
        assert same_run(run, alone)
