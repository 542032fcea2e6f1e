"""A study's folder: found by what a person types, told apart, true about its process."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from mnist_tui.errors import RequestError, RunError
from mnist_tui.runs.event_log import EventLog
from mnist_tui.runs.folder import Launch, RunFolder, create
from mnist_tui.runs.library import run_folders
from mnist_tui.runs.process_folder import Lock, Status, this_process
from mnist_tui.studies import start
from mnist_tui.studies.events import (
    StudyEnded,
    StudyEvent,
    StudyStarted,
    TrialBegan,
    TrialEnded,
    TrialPlanned,
    Worker,
    WorkersSeen,
)
from mnist_tui.studies.folder import StudyError, StudyFolder, delete_study, find_study, study_folders
from mnist_tui.studies.start import StudyRequest, find_same_study
from mnist_tui.studies.watch import DIED, GONE, StudyWatch, read_study
from tests.studies.made import CREATED, base, folder, study


def write(to: StudyFolder, *events: StudyEvent) -> None:
    log = EventLog(to.events_file)
    for event in events:
        log.append(event)
    log.close()


def status(of: StudyFolder, state: str, *, dead: bool = False, reason: str = "") -> None:
    """The test's own process plays the study's."""
    me = this_process(state)
    of.write_status(replace(me, process_start=me.process_start - (500 if dead else 0), reason=reason))


def begun(of: StudyFolder, run: str = "r1") -> list[StudyEvent]:
    started = StudyStarted(study=of.id, title="t", kind="sweep", metric="val_accuracy", trials=2, compares=True)
    planned = [TrialPlanned(number=n, base="raw", values=(), seed=n, epochs=4, parameters=1) for n in (1, 2)]
    return [started, *planned, TrialBegan(number=1, run=run, attempt=1, worker="tcp://a:1")]


def a_run(of: StudyFolder) -> RunFolder:
    run = create(of.runs_dir, base(), Launch(CREATED, "", study=of.id))
    run.write_status(Status("finished"))
    return run


def test_a_new_study_has_all_that_its_process_needs(tmp_path: Path) -> None:
    asked, preset = study("hidden=5,6"), replace(base(), title="A title")
    made = folder(tmp_path, asked, {"raw": preset})
    assert made.study() == asked
    assert made.bases()["raw"].experiment == preset.experiment
    assert (made.bases()["raw"].name, made.bases()["raw"].title) == ("raw", "A title")
    assert made.runs_dir == tmp_path and made.status().state == "starting"
    assert run_folders(tmp_path) == []


def test_a_preset_whose_name_is_no_option_s_keeps_it(tmp_path: Path) -> None:
    asked = study("hidden=5,6", bases=({"preset": "my own (2)", "seeds": 1},))
    made = folder(tmp_path, asked, {"my own (2)": replace(base(), name="my own (2)")})
    assert made.bases()["my own (2)"].name == "my own (2)"


def test_a_study_is_found_by_what_a_person_types(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="there are no studies"):
        find_study(tmp_path, "latest")
    old = folder(tmp_path, study("hidden=5"))
    new = folder(tmp_path, study("hidden=5", created=CREATED + 60))
    assert study_folders(tmp_path) == [new, old]
    assert find_study(tmp_path, "latest") == new
    assert find_study(tmp_path, old.id) == find_study(tmp_path, old.id[-4:]) == old
    assert find_study(tmp_path, old.id[:15]) == old
    assert find_study(tmp_path / "elsewhere", str(old.path)).path == old.path
    with pytest.raises(StudyError, match="is the beginning of 2 studies"):
        find_study(tmp_path, "2")
    with pytest.raises(StudyError, match="there is no study 'zzz'"):
        find_study(tmp_path, "zzz")


def test_an_unfinished_study_that_asks_for_the_same_is_found_wherever_its_trials_ran(tmp_path: Path) -> None:
    presets = {"raw": base()}
    made = folder(tmp_path, study("hidden=5,6", workers=2))
    status(made, "stopped")
    again = study("hidden=5,6", created=CREATED + 99, scheduler="tcp://host:1", command="other", title="other")
    assert find_same_study(tmp_path, StudyRequest(again, presets)) == made
    assert find_same_study(tmp_path, StudyRequest(study("hidden=5,7"), presets)) is None
    assert find_same_study(tmp_path, StudyRequest(study("hidden=5,6", seeds=2), presets)) is None
    assert find_same_study(tmp_path, StudyRequest(study("hidden=5,6", threads=2), presets)) is None
    assert find_same_study(tmp_path, StudyRequest(study("hidden=5,6"), {"raw": base(epochs="5")})) is None
    status(made, "running", dead=True)
    assert find_same_study(tmp_path, StudyRequest(again, presets)) == made
    status(made, "finished")
    assert find_same_study(tmp_path, StudyRequest(again, presets)) is None


def test_a_study_whose_process_died_is_crashed_and_its_trials_under_way_are_stopped(tmp_path: Path) -> None:
    made = folder(tmp_path, study("hidden=5,6"))
    write(made, *begun(made))
    status(made, "running")
    assert read_study(made).state == "running" and read_study(made).rows[0].state == "running"
    status(made, "running", dead=True)
    seen = read_study(made)
    assert (seen.state, made.state(), seen.reason) == ("crashed", "crashed", DIED)
    assert [(row.state, row.reason) for row in seen.rows] == [("stopped", DIED), ("waiting", "")]


def test_a_study_whose_status_is_ahead_of_its_log_has_workers_without_a_trial(tmp_path: Path) -> None:
    made = folder(tmp_path, study("hidden=5,6"))
    worker = Worker(address="tcp://a:1", host="a", name="0")
    write(made, *begun(made), WorkersSeen(workers=(worker,)))
    status(made, "running")
    assert [worker.run for worker in read_study(made).workers] == ["r1"]
    status(made, "stopped", reason="asked")
    seen = read_study(made)
    assert (seen.state, seen.reason, [worker.run for worker in seen.workers]) == ("stopped", "asked", [""])


def test_a_study_that_goes_on_again_is_not_taken_for_over(tmp_path: Path) -> None:
    made = folder(tmp_path, study("hidden=5,6"))
    write(made, *begun(made), StudyEnded(time=9.0, state="stopped", reason="asked"))
    status(made, "stopped", reason="asked")
    assert read_study(made).state == "stopped" and read_study(made).rows[0].state == "stopped"
    status(made, "starting")
    assert (read_study(made).state, read_study(made).ended) == ("starting", None)


def test_a_run_that_was_deleted_leaves_a_row_that_says_so(tmp_path: Path) -> None:
    made = folder(tmp_path, study("hidden=5,6"))
    run = a_run(made)
    write(made, *begun(made, run.id), TrialEnded(number=1, run=run.id, state="finished", reason="all done", score=0.9))
    status(made, "running")
    watch = StudyWatch(made)
    assert watch.read() and not watch.study.rows[0].deleted
    assert not watch.read()
    for path in sorted(run.path.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    run.path.rmdir()
    assert watch.read()
    row = watch.study.rows[0]
    assert row.deleted and row.reason == f"all done; {GONE}" and row.score == 0.9 and watch.study.best == 1


def test_a_watch_reads_on_and_waits_for_a_torn_line(tmp_path: Path) -> None:
    made = folder(tmp_path, study("hidden=5,6"))
    status(made, "running")
    watch = StudyWatch(made)
    watch.read()
    write(made, *begun(made))
    whole = made.events_file.read_bytes()
    made.events_file.write_bytes(whole[:-10])
    assert watch.read() and watch.study.rows[0].state == "waiting"
    made.events_file.write_bytes(whole)
    assert watch.read() and watch.study.rows[0].state == "running"


def test_a_study_is_deleted_with_its_runs_only_if_that_is_wanted(tmp_path: Path) -> None:
    kept, gone = folder(tmp_path, study("hidden=5")), folder(tmp_path, study("hidden=5"))
    runs = [a_run(kept), a_run(gone)]
    for made, run in zip((kept, gone), runs, strict=True):
        write(made, *begun(made, run.id), TrialEnded(number=1, run=run.id, state="finished"))
        status(made, "running")
        with pytest.raises(StudyError, match="stop it first"):
            delete_study(made)
        status(made, "finished")
    delete_study(kept)
    delete_study(gone, runs=True)
    assert study_folders(tmp_path) == [] and run_folders(tmp_path) == [runs[0]]


def test_a_folder_that_cannot_be_read_is_told_in_a_sentence(tmp_path: Path) -> None:
    made = folder(tmp_path, study("hidden=5"))
    made.study_file.write_text("kind = 5", encoding="utf-8")
    with pytest.raises(StudyError, match=r"study.toml cannot be read"):
        made.study()
    made.status_file.write_text("{", encoding="utf-8")
    with pytest.raises(StudyError, match=r"status.json cannot be read"):
        read_study(made)
    assert find_same_study(tmp_path, StudyRequest(study("hidden=5"), {"raw": base()})) is None


def test_a_place_that_cannot_be_written_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "studies").write_text("a file")
    with pytest.raises(RunError, match="cannot be written"):
        folder(tmp_path, study("hidden=5"))


def test_a_study_without_a_process_cannot_be_stopped_and_a_done_one_not_continued(tmp_path: Path) -> None:
    made = folder(tmp_path, study("hidden=5"))
    write(made, *begun(made)[:2], TrialEnded(number=1, run="r", state="finished"), StudyEnded(state="finished"))
    status(made, "finished")
    with pytest.raises(StudyError, match="is finished: there is nothing to stop"):
        start.stop(made)
    with pytest.raises(StudyError, match=r"all 1 trial .* are done"):
        start.resume(made)
    status(made, "running")
    with pytest.raises(StudyError, match="is running"):
        start.resume(made)
    start.stop(made)
    assert len(list(made.control.iterdir())) == 1


def test_a_missing_extra_is_named_with_the_command_that_adds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "EXTRA", {"distributed": "dask.distributed", "no_such_module": "optuna"})
    with pytest.raises(RequestError, match=r"need optuna, .* pip install 'mnist-tui\[study\]'"):
        start.require_extra()


def test_a_study_that_someone_writes_is_not_deleted_and_a_killed_deletion_leaves_nothing_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = folder(tmp_path, study("hidden=5"))
    status(made, "stopped")
    lock = Lock(made)
    with pytest.raises(StudyError, match=rf"cannot be deleted: .* is being written by process {os.getpid()}"):
        delete_study(made)
    lock.release()

    class Killed(BaseException):
        pass

    def killed(path: Path) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("mnist_tui.runs.deletion.shutil.rmtree", killed)
        delete_study(made)
    assert study_folders(tmp_path) == []
    assert [made.id in path.name for path in made.path.parent.iterdir()] == [True]
