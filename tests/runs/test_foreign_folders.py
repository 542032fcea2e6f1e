"""Run folders from elsewhere: nothing is written or deleted outside of them, and no damaged file stops a command."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mnist_tui.errors import RequestError, RunError
from mnist_tui.report.export import export
from mnist_tui.runs.collection import summaries
from mnist_tui.runs.collection.summaries import CACHE, list_runs, summary_of
from mnist_tui.runs.control import Command, Inbox, write_command
from mnist_tui.runs.deletion import Waste, delete_run, discard_run, remove_waste
from mnist_tui.runs.event_log import LONGEST_LINE, EventLog, EventTail
from mnist_tui.runs.events import Warned
from mnist_tui.runs.folder import Label, Launch, RunFolder, check_place_in_run, write_label
from mnist_tui.runs.library import find_run, skipped_entries
from mnist_tui.runs.process_folder import Lock, Status
from mnist_tui.runs.start import extend, resume
from mnist_tui.studies.folder import StudyError, delete_study
from tests.runs.synthetic import finished_run
from tests.studies import made

LINKED = ("events.jsonl", "worker.log", ".lock", "predicted.bin", "control", "checkpoint", "exports", "exports/figures")


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder with a file that nobody may touch."""
    place = tmp_path / "outside"
    place.mkdir()
    (place / "kept.json").write_text("{}\n")
    return place


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run that was stopped."""
    return finished_run(tmp_path / "runs", state="stopped")


def linked(run: RunFolder, name: str, outside: Path) -> None:
    """Puts a link in the place of a part of the run."""
    part = run.path / name
    part.parent.mkdir(exist_ok=True)
    if part.is_dir():
        part.rmdir()
    part.unlink(missing_ok=True)
    part.symlink_to(outside if "." not in name else outside / "kept.json")


@pytest.mark.parametrize("name", LINKED)
def test_a_run_with_a_link_in_it_is_neither_written_nor_deleted(run, outside, name):
    linked(run, name, outside)
    waste = Waste(run.path, "", 0, run)
    for act in (
        lambda: Lock(run),
        lambda: resume(run),
        lambda: extend(run, 1),
        lambda: delete_run(run),
        lambda: discard_run(run),
        lambda: remove_waste(waste),
        lambda: write_command(run, Command("stop")),
        lambda: write_label(run, Label("mine")),
    ):
        with pytest.raises(RunError, match=r"symbolic link.*nothing is written"):
            act()
    assert sorted(path.name for path in outside.iterdir()) == ["kept.json"]
    assert (outside / "kept.json").read_text() == "{}\n"
    assert run.path.is_dir()


def test_a_run_that_is_a_link_is_neither_written_nor_deleted(run, tmp_path):
    before = sorted(run.path.iterdir())
    link = RunFolder(tmp_path / "runs" / "20250101-000000-linked")
    link.path.symlink_to(run.path)
    for act in (lambda: Lock(link), lambda: delete_run(link), lambda: write_command(link, Command("stop"))):
        with pytest.raises(RunError, match="the folder itself is a symbolic link"):
            act()
    assert sorted(run.path.iterdir()) == before


def test_a_runs_folder_that_is_a_link_is_fine(run, tmp_path):
    (tmp_path / "elsewhere").symlink_to(tmp_path / "runs")
    there = RunFolder(tmp_path / "elsewhere" / run.id)
    Lock(there).release()
    delete_run(there)
    assert not run.path.exists()


def test_a_study_with_a_link_in_it_is_not_deleted(tmp_path, outside):
    study = made.folder(tmp_path / "runs", made.study("hidden=5,9"))
    study.write_status(Status("finished"))
    (study.path / "scratch").symlink_to(outside)
    with pytest.raises(StudyError, match="its scratch is a symbolic link"):
        delete_study(study)
    assert (outside / "kept.json").exists()


@pytest.mark.parametrize("run", ["../../outside", "/", "..", "."])
def test_a_study_deletes_no_run_that_its_events_name_by_a_path(tmp_path, outside, run):
    study = made.folder(tmp_path / "runs", made.study("hidden=5,9"))
    study.write_status(Status("finished"))
    (outside / "status.json").write_text('{"state": "finished"}')
    planned = {
        "type": "trial_planned",
        "number": 0,
        "base": "raw",
        "values": [],
        "seed": 1,
        "epochs": 1,
        "parameters": 1,
    }
    submitted = {"type": "trial_submitted", "number": 0, "run": run}
    study.events_file.write_text(f"{json.dumps(planned)}\n{json.dumps(submitted)}\n")
    delete_study(study, runs=True)
    assert (outside / "kept.json").exists()
    assert not study.path.exists()


def test_a_log_is_neither_read_nor_written_through_a_link_or_a_pipe(run, outside):
    linked(run, "events.jsonl", outside)
    assert EventTail(run.events_file).read_all() == []
    with pytest.raises(OSError, match="symbolic link"):
        EventLog(run.events_file)
    run.events_file.unlink()
    os.mkfifo(run.events_file)
    assert EventTail(run.events_file).read_all() == []
    with pytest.raises(OSError, match="is a pipe"):
        EventLog(run.events_file)


def test_a_line_without_end_is_passed_over_in_bounded_memory(run):
    with run.events_file.open("ab") as log:
        for _ in range(3):
            log.write(b'{"type":"warning","text":"' + b"x" * LONGEST_LINE)
        log.write(b'"}\n')
    written = EventLog(run.events_file)
    written.append(Warned(text="after it"))
    written.close()
    last = EventTail(run.events_file).read_all()[-1]
    assert isinstance(last, Warned)
    assert last.text == "after it"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"created": "x"}, "created must be a finite number"),
        ({"created": 1e300}, "created must be a time"),
        ({"threads": -1}, "threads must be a whole number"),
        ({"study": "../other"}, "study must be a name"),
        ({"command": ["a"]}, "command must be text"),
    ],
)
def test_a_damaged_launch_is_told_in_a_sentence(run, change, why):
    path = run.path / "launch.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(RunError, match=why):
        run.launch()


@pytest.mark.parametrize(
    "text", ["[" * 3000 + "]" * 3000, '{"state": ' + "1" * 5000 + "}", "[]", "", "\0", "nul"], ids=range(6)
)
def test_a_status_that_is_no_document_is_told_in_a_sentence(run, text):
    run.status_file.write_text(text)
    with pytest.raises(RunError, match="cannot be read"):
        run.status()


def test_keys_of_a_later_version_are_passed_over_and_kept(run):
    path = run.path / "launch.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "queue": {"name": "long"}}))
    run.status_file.write_text(json.dumps({"state": "stopped", "boots": 3}))
    launch = run.launch()
    assert isinstance(launch, Launch)
    run.write_launch(launch)
    run.write_status(run.status())
    assert json.loads(path.read_text())["queue"] == {"name": "long"}
    assert json.loads(run.status_file.read_text())["boots"] == 3


def test_no_crafted_command_is_in_the_way_of_others(run, outside):
    place = run.control
    (place / "1-a.json").write_text("[" * 3000)
    (place / "1-b.json").write_text('{"name": "extend", "epochs": 1e999}')
    (place / "1-c.json").write_text('{"name": "extend", "epochs": ' + "9" * 5000 + "}")
    (place / "1-d.json").mkdir()
    os.mkfifo(place / "1-e.json")
    (place / "1-f.json").symlink_to(outside / "kept.json")
    (place / "1-g.json").write_text('{"name": "extend", "epochs": -3}')
    (place / "1-h.json").write_text('{"name": ["stop"]}')
    (place / "1-i.json").write_bytes(b"\xff\xfe\x00")
    (place / "2-pause.json").write_text('{"name": "pause", "by": "a later version"}')
    inbox = Inbox(run)
    assert inbox.new_commands() == [Command("pause")]
    assert inbox.new_commands() == []
    assert (outside / "kept.json").read_text() == "{}\n"
    assert sorted(path.name for path in place.iterdir()) == ["1-d.json", "2-pause.json"]


def test_commands_are_not_taken_through_a_link(run, outside):
    (outside / "1-stop.json").write_text('{"name": "stop"}')
    linked(run, "control", outside)
    assert Inbox(run).new_commands() == []
    assert (outside / "1-stop.json").exists()


def entries(place: Path) -> dict[str, Path]:
    """Entries of a runs folder that are no runs, and cannot be followed or entered."""
    place.mkdir(exist_ok=True)
    loop, broken = place / "loop", place / "broken"
    loop.symlink_to(loop)
    broken.symlink_to(place / "nowhere")
    return {"loop": loop, "broken": broken}


def test_an_entry_that_cannot_be_followed_is_passed_over_alone(run, tmp_path):
    entries(tmp_path / "runs")
    (tmp_path / "runs" / "a-file").write_text("")
    (tmp_path / "runs" / "a-folder").mkdir()
    assert [found.run for found in list_runs(tmp_path / "runs")] == [run.id]
    assert find_run(tmp_path / "runs", "latest") == run
    assert [str(entry) for entry in skipped_entries(tmp_path / "runs")] == [
        "loop (a link that leads nowhere)",
        "broken (a link that leads nowhere)",
    ]


def test_a_folder_that_may_not_be_entered_is_passed_over_alone(run, tmp_path, monkeypatch):
    closed = tmp_path / "runs" / "lost+found"
    closed.mkdir()
    real = os.lstat

    def refused(path, **how):
        if str(path).startswith(str(closed)):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, **how)

    monkeypatch.setattr(os, "lstat", refused)
    monkeypatch.setattr(Path, "lstat", refused)
    assert [found.run for found in list_runs(tmp_path / "runs")] == [run.id]
    assert find_run(tmp_path / "runs", run.id) == run
    assert [str(entry) for entry in skipped_entries(tmp_path / "runs")] == ["lost+found (Permission denied)"]
    with pytest.raises(RunError, match="cannot be examined: Permission denied"):
        find_run(tmp_path / "runs", "lost+found")


@pytest.mark.parametrize("text", ["x" * 5000, "a\0b", "~nobody-of-that-name/runs", "/etc/passwd/x"])
def test_a_text_that_can_be_no_path_names_no_run(run, tmp_path, text):
    with pytest.raises(RequestError, match=r"there is no|is not a path"):
        find_run(tmp_path / "runs", text)


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("launch.json", '{"created": "x", "command": ""}', "launch.json cannot be read: created must be"),
        ("status.json", "[" * 3000, "status.json cannot be read: it is not JSON"),
        ("experiment.toml", "preset = ", "experiment.toml is not valid TOML"),
        ("experiment.toml", "seed = 0x" + "f" * 5000, "thousands of digits"),
    ],
    ids=["launch", "status", "toml", "digits"],
)
def test_a_run_that_cannot_be_read_is_listed_as_damaged_beside_the_others(run, tmp_path, name, text, why):
    other = finished_run(tmp_path / "runs")
    (run.path / name).write_text(text)
    found = {summary.run: summary for summary in list_runs(tmp_path / "runs")}
    assert found[other.id] == summary_of(other)
    assert found[run.id].state == "damaged"
    assert why in found[run.id].damaged
    assert str(tmp_path) not in found[run.id].damaged


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("label.json", "[" * 3000 + "]" * 3000, "label.json cannot be read: it is not JSON"),
        ("label.json", '{"name": 5}', "label.json cannot be read: name must be text"),
        ("results.json", '{"test": {"loss": "low", "accuracy": 1}}', "results.json cannot be read: test.loss"),
    ],
)
def test_a_run_that_can_be_read_keeps_its_state_and_says_what_is_damaged(run, tmp_path, name, text, why):
    (run.path / name).write_text(text)
    (found,) = list_runs(tmp_path / "runs")
    assert found.state == "stopped"
    assert why in found.damaged
    (run.path / name).unlink()
    (found,) = list_runs(tmp_path / "runs")
    assert found.damaged == ""


def test_a_run_with_a_link_is_listed_with_a_sentence(run, tmp_path, outside):
    linked(run, "worker.log", outside)
    (found,) = list_runs(tmp_path / "runs")
    assert found.state == "stopped"
    assert found.damaged == "its worker.log is a symbolic link; nothing is written to this run"


def test_a_crafted_cache_is_not_believed(run, tmp_path):
    list_runs(tmp_path / "runs")
    cache = tmp_path / "runs" / CACHE
    body = cache.read_text().partition("\n")[2].rstrip("\n").replace('"started": 1700000000.0', '"started": "x"')
    assert '"x"' in body
    cache.write_text(f"{summaries._heading(body)}\n{body}\n")
    assert list_runs(tmp_path / "runs") == [summary_of(run)]


def test_a_damaged_run_can_be_deleted_unless_its_lock_is_held(run):
    run.status_file.write_text("[")
    lock = Lock(run)
    with pytest.raises(RunError):
        delete_run(run)
    lock.release()
    delete_run(run)
    assert not run.path.exists()


def test_nothing_is_exported_into_a_run_with_a_link_in_it(run, outside):
    linked(run, "exports", outside)
    for path in (run.exports / "summary.md", run.exports / "figures" / "curves.svg"):
        with pytest.raises(RunError, match="its exports is a symbolic link"):
            check_place_in_run(path)
    with pytest.raises(RunError, match="its exports is a symbolic link"):
        export(run, ["history.csv"], run.exports)
    assert [path.name for path in outside.iterdir()] == ["kept.json"]
    check_place_in_run(outside / "summary.md")
