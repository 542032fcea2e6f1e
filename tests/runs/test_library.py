"""Lists of runs: what a summary says, that the cache is quick and never believed over the folders, labels, groups."""

from __future__ import annotations

import dataclasses
import json
import os
import statistics
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_tui.errors import RunError
from mnist_tui.experiment.complexity import of
from mnist_tui.experiment.presets import find_preset, save_preset
from mnist_tui.runs.collection import summaries
from mnist_tui.runs.collection.seed_groups import band, differing, differing_parameters, grouped, seed_groups
from mnist_tui.runs.collection.summaries import CACHE, RunListing, RunSummary, list_runs, summary_of
from mnist_tui.runs.event_log import EventLog, FiguresReader, encode, replayed
from mnist_tui.runs.events import Ended, Event, Extended, Progress, Resumed, RunStarted
from mnist_tui.runs.folder import LONGEST_NAME, Label, read_label, write_label
from mnist_tui.runs.process_folder import Status, this_process
from mnist_tui.runs.state import EpochRow
from tests.runs.sample_events import epoch
from tests.runs.synthetic import epoch_ended, finished_run, settle, write_events


def looked(runs: RunListing, *, whole: bool = True) -> dict[str, RunSummary]:
    """What a look found to be new or changed."""
    return {run.run: run for change in runs.changes(whole=whole) for run in change.runs}


def rewritten(path: Path, text: str) -> None:
    """Another content at the time of before: only the size tells."""
    found = path.stat()
    path.write_text(text)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def test_a_summary_tells_what_was_run_how_it_differs_and_what_it_reached(tmp_path):
    folder = finished_run(tmp_path, "hog", epochs=3, texts={"ppc": "7", "seed": "4"}, test_accuracy=0.96)
    run = summary_of(folder)
    assert run.differs == "ppc 7, 3 epochs, seed 4"
    assert (run.preset, run.state, run.epochs_done, run.epochs) == ("hog", "finished", 3, 3)
    assert (run.test_accuracy, run.macro_f1, run.test_loss, run.seconds) == (0.96, pytest.approx(0.959), 0.1, 6.0)
    assert run.parameters == of(folder.preset().experiment).total
    assert (run.values["ppc"], run.values["hidden"], run.seed) == ("7", "200", 4)
    assert run.short == folder.id.split("-", 2)[2]


def test_of_the_path_of_own_data_only_the_name_is_told(tmp_path):
    (tmp_path / "photos").mkdir()
    folder = finished_run(tmp_path, "raw", epochs=3, texts={"dataset": str(tmp_path / "photos")})
    assert summary_of(folder).differs == "photos, 3 epochs"


def test_what_no_option_sets_is_told_by_its_path(tmp_path):
    folder = finished_run(tmp_path, "raw", epochs=find_preset("raw").experiment.training.epochs)
    assert summary_of(folder).differs == ""
    text = folder.experiment_file.read_text()
    folder.experiment_file.write_text(text.replace("rho = 0.9", "rho = 0.8"))
    assert summary_of(folder).differs == "optimizer.rho 0.8"


@st.composite
def logs(draw: st.DrawFn) -> list[Event]:
    """A log of workers that end epochs, die, and go on from an epoch that was done, or from the beginning."""
    events: list[Event] = [RunStarted(time=1.0, run="r", epochs=9, total=7, trainable=7)]
    done = 0
    for kind in draw(st.lists(st.sampled_from(["epoch", "epoch", "progress", "resume", "extend", "end"]), max_size=20)):
        match kind:
            case "epoch":
                done += 1
                found = epoch_ended(done, seed=draw(st.integers(0, 99)))
                loss = draw(st.sampled_from([found.loss, float("nan")]))
                events.append(dataclasses.replace(found, loss=loss))
            case "progress":
                events.append(Progress(epoch=done + 1, step=1, steps=9, images_per_second=1.0, loss=1.0, accuracy=0.1))
            case "resume":
                done = draw(st.integers(0, done))
                events.append(RunStarted(time=2.0, run="r", epochs=9, total=7, trainable=7))
                events.append(Resumed(from_epoch=done))
            case "extend":
                events.append(Extended(epochs=9 + draw(st.integers(1, 5))))
            case _:
                events.append(Ended(state="stopped", reason="as asked", test_accuracy=0.5))
    return events


@given(events=logs(), cuts=st.lists(st.floats(0, 1), max_size=3))
@settings(max_examples=60, deadline=None)
def test_a_glance_sees_what_the_whole_replay_sees(tmp_path_factory, events, cuts):
    log = tmp_path_factory.mktemp("log") / "events.jsonl"
    text = "".join(f"{encode(event)}\n" for event in events).encode()
    glance = FiguresReader(log)
    for cut in sorted(cuts):
        log.write_bytes(text[: round(cut * len(text))])
        glance.state()
    log.write_bytes(text)
    seen, whole = glance.state(), replayed(log)
    assert (seen.history, seen.epochs, seen.ended, seen.start) == (
        whole.history,
        whole.epochs,
        whole.ended,
        whole.start,
    )


def test_a_glance_reads_logs_of_before_the_plain_loss(tmp_path):
    log = tmp_path / "events.jsonl"
    doc = json.loads(encode(epoch_ended(1)))
    del doc["plain_loss"], doc["plain_accuracy"]
    log.write_text(json.dumps(doc, separators=(",", ":")) + "\n" + '{"type":"epoch","epoch":' + "\n")
    assert FiguresReader(log).state().history == replayed(log).history
    assert len(replayed(log).history) == 1


def test_a_second_program_reads_nothing_of_runs_that_have_not_changed(tmp_path, monkeypatch):
    first = finished_run(tmp_path, epochs=2)
    before = list_runs(tmp_path)
    monkeypatch.setattr(summaries, "fixed_of", lambda *_: pytest.fail("a run was read again"))
    assert list_runs(tmp_path) == before
    assert [run.run for run in before] == [first.id]


@pytest.mark.parametrize("name", ["experiment.toml", "events.jsonl", "status.json", "label.json", "results.json"])
def test_any_change_of_a_runs_files_is_seen_through_the_cache(tmp_path, name):
    folder = finished_run(tmp_path, epochs=2)
    list_runs(tmp_path)
    match name:
        case "experiment.toml":
            rewritten(folder.experiment_file, folder.experiment_file.read_text().replace("units = 250", "units = 9"))
        case "events.jsonl":
            write_events(folder, [Ended(time=9.0, state="finished", reason="again", test_accuracy=0.5)])
        case "status.json":
            folder.write_status(Status("stopped", reason="as asked"))
        case "label.json":
            write_label(folder, Label("mine", "the best"))
        case _:
            folder.results_file.write_text("{}")
    (run,) = list_runs(tmp_path)
    assert run == summary_of(folder)
    assert list_runs(tmp_path) == [run]


def test_a_moved_runs_folder_tells_its_new_place(tmp_path):
    finished_run(tmp_path / "one")
    list_runs(tmp_path / "one")
    (tmp_path / "one").rename(tmp_path / "two")
    (run,) = list_runs(tmp_path / "two")
    assert run.folder == str(tmp_path / "two" / run.run)


def test_a_changed_preset_changes_what_differs_from_it(tmp_path, monkeypatch):
    monkeypatch.setenv("MNIST_TUI_CONFIG", str(tmp_path / "settings.toml"))
    raw = find_preset("raw")
    save_preset(raw, "mine")
    finished_run(tmp_path / "runs", "mine", epochs=4)
    assert list_runs(tmp_path / "runs")[0].differs == "4 epochs"
    training = raw.experiment.training.model_copy(update={"epochs": 4})
    same = dataclasses.replace(raw, experiment=raw.experiment.model_copy(update={"training": training}))
    save_preset(same, "mine", overwrite=True)
    assert list_runs(tmp_path / "runs")[0].differs == ""


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("finished", "finish3d"),
        lambda text: "",
        lambda text: "\x00" * 40,
        lambda text: "0.0.1" + text[text.index(" ") :],
    ],
)
def test_a_damaged_cache_is_made_anew(tmp_path, damage):
    folder = finished_run(tmp_path)
    before = list_runs(tmp_path)
    cache = tmp_path / CACHE
    whole = cache.read_text()
    cache.write_text(damage(whole))
    assert list_runs(tmp_path) == before == [summary_of(folder)]
    assert cache.read_text() == whole


def test_what_has_just_been_written_is_read_again(tmp_path):
    """Within a tick of the clock a file may change without another time or size."""
    folder = finished_run(tmp_path)
    now = time.time()
    os.utime(folder.events_file, (now, now))
    list_runs(tmp_path)
    text = folder.events_file.read_text()
    folder.events_file.write_text(text.replace('"test_accuracy":0.97', '"test_accuracy":0.12'))
    os.utime(folder.events_file, (now, now))
    assert list_runs(tmp_path)[0].test_accuracy == 0.12


def test_a_folder_that_cannot_be_written_is_listed_all_the_same(tmp_path):
    finished_run(tmp_path)
    (tmp_path / CACHE).mkdir()
    assert len(list_runs(tmp_path)) == 1


def test_a_live_run_is_followed_and_its_death_is_seen_without_a_change_of_any_file(tmp_path):
    folder = finished_run(tmp_path, epochs=2, state="running")
    folder.events_file.write_text("")
    write_events(folder, [RunStarted(run=folder.id, epochs=5, total=7, trainable=7), epoch_ended(1)])
    folder.write_status(this_process("running"))
    settle(folder)
    runs = RunListing(tmp_path)
    assert looked(runs)[folder.id].state == "running"
    assert looked(runs, whole=False) == {}
    log = EventLog(folder.events_file)
    log.append(epoch_ended(2))
    log.close()
    assert looked(runs, whole=False)[folder.id].epochs_done == 2
    folder.write_status(dataclasses.replace(this_process("running"), process_start=1.0))
    settle(folder)
    assert looked(runs, whole=False)[folder.id].state == "crashed"
    runs.save()
    assert list_runs(tmp_path)[0].state == "crashed"


def test_runs_that_come_and_go_are_told(tmp_path):
    first = finished_run(tmp_path)
    runs = RunListing(tmp_path)
    looked(runs)
    second = finished_run(tmp_path, created=1_700_000_100.0)
    assert list(looked(runs, whole=False)) == [second.id]
    for path in sorted(first.path.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    first.path.rmdir()
    assert [change.gone for change in runs.changes(whole=False)] == [(first.id,)]
    assert list(runs.runs) == [second.id]


def test_a_label_is_a_line_of_text_each_and_an_empty_one_no_file(tmp_path):
    folder = finished_run(tmp_path)
    assert read_label(folder) == Label()
    assert write_label(folder, Label(" the\tbest ", "line one\nline\x1b two")) == Label("the best", "line one line two")
    assert (summary_of(folder).name, summary_of(folder).note) == ("the best", "line one line two")
    with pytest.raises(RunError, match=f"the name has {LONGEST_NAME + 1} characters; at most {LONGEST_NAME} work"):
        write_label(folder, Label("x" * (LONGEST_NAME + 1)))
    write_label(folder, Label())
    assert not folder.label_file.exists()
    folder.label_file.write_text("[1, 2")
    assert read_label(folder) == Label()


def test_seeds_are_one_group_and_count_once_each_when_they_finished(tmp_path):
    accuracies = {0: 0.95, 1: 0.96, 2: 0.98}
    for seed, accuracy in accuracies.items():
        finished_run(tmp_path, texts={"seed": str(seed)}, test_accuracy=accuracy, created=1_700_000_000.0 + seed)
    finished_run(tmp_path, texts={"seed": "1"}, test_accuracy=0.97, created=1_700_001_000.0)
    finished_run(tmp_path, texts={"seed": "5"}, test_accuracy=0.5, created=1_700_002_000.0, state="stopped")
    finished_run(tmp_path, texts={"hidden": "9"}, created=1_700_003_000.0)
    finished_run(tmp_path, texts={"seed": "8"}, created=1_700_004_000.0, sample=True)
    runs = list_runs(tmp_path)
    (group,) = [found for found in seed_groups(runs) if len(found.scored) > 1]
    found = group.spread("test_accuracy")
    expected = [0.95, 0.97, 0.98]
    assert [run.seed for run in group.scored] == [0, 1, 2]
    assert found is not None
    assert (found.mean, found.std, found.n) == (statistics.mean(expected), statistics.stdev(expected), 3)
    assert len(grouped(runs)) >= 2
    assert set(differing(list(group.runs))) == {"seed"}


@pytest.mark.parametrize(
    ("places", "shown"),
    [
        (("mnist", "/data/own/letters"), ("mnist", "letters")),
        (("/data/one/letters", "/data/two/letters"), ("one/letters", "two/letters")),
        (("/data/" + 30 * "a", "/data/b"), (12 * "a" + "…" + 11 * "a", "b")),
    ],
)
def test_paths_that_differ_are_told_by_their_ends(places: tuple[str, str], shown: tuple[str, str]) -> None:
    runs = [RunSummary(f"{at}", "", "finished", values={"dataset": place}) for at, place in enumerate(places)]
    assert differing_parameters(runs) == {"dataset": shown}


def test_a_band_has_the_epochs_that_all_runs_have_and_are_finite_in():
    def history(*losses: float | None) -> list[EpochRow]:
        return [EpochRow(at, 0.0, 0.0, loss, 0.0, 0.1, 1.0, 1.0) for at, loss in enumerate(losses, 1)]

    found = band([history(1.0, 2.0, None, 4.0), history(3.0, 2.0, 3.0)], "val_loss")
    assert (found.epochs, found.mean) == ((1, 2), (2.0, 2.0))
    assert found.std == (pytest.approx(statistics.stdev([1.0, 3.0])), 0.0)


def test_a_row_is_whole_though_its_matrix_was_cut_out(tmp_path):
    ended = epoch(1, val_loss=None, plain_loss=0.75, plain_accuracy=0.625)
    log = tmp_path / "events.jsonl"
    log.write_text(encode(ended) + "\n")
    (row,) = FiguresReader(log).state().history
    assert (row.plain_loss, row.plain_accuracy, row.val_loss) == (0.75, 0.625, None)
