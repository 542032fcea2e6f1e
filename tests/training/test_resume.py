"""Resumption: a run that was killed or stopped ends as one that was left alone, to the bit."""

from __future__ import annotations

import json
import os

import pytest

from mnist_tui.data.errors import MissingDataError
from mnist_tui.data.facts import resolved
from mnist_tui.experiment.spec import from_mapping, to_mapping
from mnist_tui.runs.control import Command
from mnist_tui.runs.events import Ended, EpochEnded, ModelBuilt, Phase, Progress, Resumed, Warned
from mnist_tui.runs.results import run_document
from mnist_tui.training import checkpoint
from mnist_tui.training.session import Session
from tests.own_data import write_folder
from tests.present import present
from tests.runs.epochs_of import epochs_of
from tests.training.sameness import events, figures, same_run, same_snapshot
from tests.training.support import FLATTEN, experiment, new_run, training

pytestmark = pytest.mark.slow


def epochs(moments):
    return [moment for moment in moments if isinstance(moment, EpochEnded)]


STOPPING = experiment(
    layers=[FLATTEN, {"kind": "dense", "units": 20}, {"kind": "batch_normalization"}, {"kind": "dropout"}],
    optimizer={"name": "rmsprop", "learning_rate": 0.02, "momentum": 0.5},
    training={
        "epochs": 30,
        "batch_size": 50,
        "early_stopping": {"patience": 3},
        "schedule": {"kind": "exp", "start": 1, "rate": 0.1},
    },
)


ADAM = from_mapping({**to_mapping(STOPPING), "optimizer": {"name": "adam", "learning_rate": 0.01}})


AUGMENTED = from_mapping({**to_mapping(STOPPING), "augmentation": {"shift": 2, "noise": 0.1}})


@pytest.mark.parametrize(
    ("of", "epoch"),
    [(STOPPING, 1), pytest.param(ADAM, 4, marks=pytest.mark.exhaustive), (AUGMENTED, 2)],
    ids=["rmsprop", "adam", "augmented"],
)
def test_a_training_restored_in_mid_epoch_ends_as_one_left_alone(tmp_path, monkeypatch, of, epoch):
    straight = training(of)
    expected = epochs(straight.run())
    assert len(expected) < 30, "early stopping ends it"

    with monkeypatch.context() as often:
        often.setattr("mnist_tui.training.engine.CHUNK_SECONDS", 0.0)
        broken_off = training(of)
        for moment in broken_off.run():
            if isinstance(moment, Progress) and moment.epoch == epoch and 5 < moment.step < moment.steps:
                checkpoint.save(tmp_path, broken_off.snapshot())
                break
    resumed = training(of)
    resumed.restore(checkpoint.load(tmp_path))
    assert (resumed.position.epoch, resumed.position.step > 5) == (epoch - 1, True)
    rest = epochs(resumed.run())

    assert figures(rest) == figures(expected[epoch - 1 :])
    assert resumed.outcome == straight.outcome
    assert resumed.restore_best() == straight.restore_best()
    assert same_snapshot(resumed.snapshot(), straight.snapshot())


class Killed(BaseException):
    """What ends a session of this process as suddenly as a signal would end a worker."""


def session_of(folder, on_event=None):
    """A session; `on_event` sees every event right after it was written."""
    session = Session(folder, importing=False)
    if on_event is not None:
        emit = session.reporter.emit

        def seen(event):
            emit(event)
            on_event(session, event)

        session.reporter.emit = seen
    return session


def ran(folder, on_event=None):
    """One session on the folder, to its end, whatever that is; its exit code, None where it was killed."""
    session = session_of(folder, on_event)
    try:
        return session.train()
    except Killed:
        return None
    finally:
        session.reporter._over.set()


def stop_after(epoch):
    def look(session, event):
        if isinstance(event, EpochEnded) and event.epoch == epoch:
            session.orders.obey(Command("stop"))

    return look


def die_at(kind, **values):
    def look(session, event):
        if isinstance(event, kind) and all(getattr(event, key) == value for key, value in values.items()):
            raise Killed

    return look


FOUR = experiment(
    layers=[FLATTEN, {"kind": "dense", "units": 20}, {"kind": "dropout"}], training={"epochs": 4, "plain_loss": True}
)


@pytest.fixture(scope="module")
def left_alone(tmp_path_factory):
    folder = new_run(tmp_path_factory.mktemp("runs"), FOUR)
    assert ran(folder) == 0
    return folder


def test_a_stopped_run_goes_on_and_shows_no_earlier_results_meanwhile(tmp_path, left_alone):
    folder = new_run(tmp_path, FOUR)
    assert ran(folder, stop_after(2)) == 0
    stopped = run_document(folder)
    assert (stopped["state"], len(stopped["epochs"]), stopped["test"] is not None) == ("stopped", 2, True)
    spent = checkpoint.load(folder.checkpoint).spent
    shown = []

    def look(session, event):
        if isinstance(event, (Phase, Resumed)):
            shown.append((run_document(folder)["test"], folder.model_file.exists() and isinstance(event, Resumed)))

    assert ran(folder, look) == 0
    assert set(shown) == {(None, False)}
    (resumed,) = events(folder, Resumed)
    assert (resumed.from_epoch, resumed.step) == (2, 0)
    assert not [event for event in events(folder, Warned) if "bits" in event.text]
    assert same_run(folder, left_alone)
    timings = present(folder.results())["timings"]
    assert timings["train"] > spent.train > 0
    assert timings["train"] >= sum(row.seconds for row in epochs_of(folder.events_file))
    assert timings["total"] > spent.total > spent.train


@pytest.mark.parametrize(
    ("death", "begins"),
    [
        (die_at(EpochEnded, epoch=2), 0),
        pytest.param(die_at(Phase, name="compiling"), 0, marks=pytest.mark.exhaustive),
        (die_at(Phase, name="evaluating"), 4),
    ],
    ids=["before its first checkpoint", "before training", "while it was evaluated"],
)
def test_a_crashed_run_goes_on_from_what_there_is(tmp_path, left_alone, death, begins):
    folder = new_run(tmp_path, FOUR)
    assert ran(folder, death) is None
    assert ran(folder) == 0
    assert events(folder, Resumed)[-1].from_epoch == begins
    assert same_run(folder, left_alone)


@pytest.mark.exhaustive
def test_early_stopping_that_ended_a_training_is_not_trained_past(tmp_path):
    runs = [new_run(tmp_path, STOPPING) for _ in range(2)]
    assert ran(runs[0]) == 0
    assert ran(runs[1], die_at(Phase, name="evaluating")) is None
    assert ran(runs[1]) == 0
    assert same_run(*runs)
    assert runs[0].status().reason == runs[1].status().reason


@pytest.mark.exhaustive
def test_other_circumstances_are_told_and_change_nothing_else(tmp_path):
    folder = new_run(tmp_path, FOUR)
    assert ran(folder, stop_after(1)) == 0
    (built,) = events(folder, ModelBuilt)
    text = folder.events_file.read_text().replace(f'"tensorflow":"{built.tensorflow}"', '"tensorflow":"1.0"')
    folder.events_file.write_text(text)
    assert ran(folder) == 0
    (warning,) = [event.text for event in events(folder, Warned) if "bits" in event.text]
    assert f"TensorFlow 1.0 then, {built.tensorflow} now" in warning


def test_a_run_goes_on_with_its_own_data_only_and_stays_as_it_was(tmp_path):
    folder = new_run(tmp_path, FOUR)
    assert ran(folder, stop_after(1)) == 0
    before = run_document(folder)
    log = folder.events_file.read_text()
    other = json.loads(next(line for line in log.splitlines() if '"type":"data"' in line))["sha256"]["train_images"]
    folder.events_file.write_text(log.replace(other, "0" * 64))
    with pytest.MonkeyPatch.context() as patched:
        codes = []
        patched.setattr(os, "_exit", codes.append)
        session = session_of(folder)
        session._data.join()
        session._lock.release()
    assert codes == [1]
    end = events(folder, Ended)[-1]
    assert end.state == "stopped"
    assert "train images of" in present(end.refused)
    assert "are not those that this run was trained on" in present(end.refused)
    assert folder.state() == "stopped"
    after = run_document(folder)
    assert (after["test"], after["epochs"], after["state"]) == (before["test"], before["epochs"], "stopped")
    folder.events_file.write_text(folder.events_file.read_text().replace("0" * 64, other))
    assert ran(folder) == 0
    assert folder.state() == "finished"


def test_a_run_on_the_sample_in_mnists_place_goes_on_with_the_sample(tmp_path, monkeypatch):
    from mnist_tui.data import datasets

    real, asked = datasets.load, []

    def load(name, *arguments, **options):
        asked.append(name)
        if name == "mnist" and len(asked) == 1:
            raise MissingDataError("mnist is not here")
        return real("digits" if name == "mnist" else name, *arguments, **options)

    monkeypatch.setattr(datasets, "load", load)
    folder = new_run(tmp_path, experiment(dataset={"name": "mnist"}, training={"epochs": 3}), allow_sample=True)
    assert ran(folder, stop_after(1)) == 0
    assert ran(folder) == 0
    assert asked == ["mnist", "digits", "digits"]
    assert present(folder.results())["dataset"]["sample"] is True


def test_a_crashed_run_on_colour_images_of_four_classes_goes_on_to_the_bit(tmp_path):
    fruit = write_folder(tmp_path / "fruit", (20, 14, 3), ["apple", "kiwi", "lemon", "plum"])
    of = resolved(
        experiment(
            dataset={"name": str(fruit)},
            layers=[{"kind": "conv2d", "filters": 4}, {"kind": "max_pooling2d"}, FLATTEN, {"kind": "dropout"}],
            training={"epochs": 2, "batch_size": 7},
        )
    )
    assert (of.classes, of.image_shape) == (4, (20, 14, 3))
    straight, killed = (new_run(tmp_path / name, of) for name in ("straight", "killed"))
    assert ran(straight) == 0
    assert ran(killed, die_at(Phase, name="evaluating")) is None
    assert ran(killed) == 0
    assert events(killed, Resumed)[-1].from_epoch == 2
    assert same_run(killed, straight)
    document = run_document(killed)
    assert [len(row) for row in document["confusion_matrix"]] == [4] * 4
    assert [row["class"] for row in document["test"]["per_class"]] == ["apple", "kiwi", "lemon", "plum"]
