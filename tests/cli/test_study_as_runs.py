"""A study's id means its runs, wherever runs are taken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mnist_tui.runs.collection.filters import parse
from mnist_tui.runs.collection.summaries import list_runs
from mnist_tui.runs.event_log import EventLog
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.process_folder import Status
from mnist_tui.studies.events import StudyEnded, TrialEnded, TrialPlanned, TrialSubmitted
from mnist_tui.studies.folder import StudyFolder
from tests.cli.conftest import Command, sentence
from tests.runs.synthetic import BEGIN, finished_run
from tests.studies import made


@pytest.fixture
def runs(runs_dir: Path) -> list[RunFolder]:
    """Three runs that differ in their seed alone, of which the study knows the last two."""
    return [finished_run(runs_dir, texts={"seed": str(seed)}, created=BEGIN + 60 * seed) for seed in range(3)]


@pytest.fixture
def study(runs_dir: Path, runs: list[RunFolder]) -> StudyFolder:
    folder = made.folder(runs_dir, made.study(seeds=3))
    log = EventLog(folder.events_file)
    for number, run in enumerate([*(run.id for run in reversed(runs[1:])), "20260101-000000-gone-0000"], 1):
        log.append(TrialPlanned(number=number, base="raw", values=(), seed=number, epochs=3, parameters=100))
        log.append(TrialSubmitted(number=number, run=run))
        log.append(TrialEnded(number=number, run=run, state="finished"))
    log.close()
    return folder


def compared(cli: Command, *named: object) -> list[str]:
    result = cli("compare", *named, "--json")
    assert result.exit_code == 0, result.output
    return [row["run"] for row in json.loads(result.stdout)["runs"]]


def test_compare_takes_a_study_as_its_runs_that_are_there_in_the_order_of_its_trials(
    cli: Command, study: StudyFolder, runs: list[RunFolder]
) -> None:
    expected = [runs[2].id, runs[1].id]
    in_id = study.id.split("-", 2)[-1].rpartition("-")[0]
    for name in (study.id, study.id[:-2], study.id.split("-", 2)[-1], study.path, in_id, study.study().title):
        assert compared(cli, name) == expected, name
    assert compared(cli, study.id, runs[0].id) == [*expected, runs[0].id]
    assert compared(cli, runs[1].id, study.id) == [runs[1].id, runs[2].id], "each run once"


def test_a_name_of_several_studies_asks_for_an_id(cli: Command, runs_dir: Path, study: StudyFolder) -> None:
    other = made.folder(runs_dir, made.study(seeds=3))
    said = sentence(cli("compare", study.study().title))
    assert study.id in said
    assert other.id in said


def test_an_ended_study_ends_with_the_commands_that_report_and_compare_it(
    cli: Command, runs_dir: Path, study: StudyFolder
) -> None:
    log = EventLog(study.events_file)
    log.append(StudyEnded(state="finished"))
    log.close()
    study.write_status(Status("finished"))
    lines = cli("studies", "show", study.id).stdout.splitlines()
    report, compare = (line.split("mnist-tui ")[1].split() for line in lines[-2:])
    assert report == ["report", study.id, "-o", "report.pdf"]
    assert cli(*compare, "--json").exit_code == 0
    elsewhere = cli("studies", "show", study.id, "--runs-dir", runs_dir, MNIST_TUI_RUNS=str(runs_dir / "other")).stdout
    assert elsewhere.endswith(f"mnist-tui compare {study.id} --runs-dir {runs_dir}\n")


def test_a_stopped_study_ends_with_the_command_that_goes_on_with_it_first(cli: Command, study: StudyFolder) -> None:
    log = EventLog(study.events_file)
    log.append(StudyEnded(state="stopped"))
    log.close()
    study.write_status(Status("stopped"))
    lines = cli("studies", "show", study.id).stdout.splitlines()
    assert [line.split("mnist-tui ")[1].split()[0] for line in lines[-3:]] == ["resume", "report", "compare"]
    assert lines[-3] == f"next       mnist-tui resume {study.id}"


def test_report_takes_a_study_as_its_runs(
    cli: Command, study: StudyFolder, runs: list[RunFolder], tmp_path: Path
) -> None:
    by_study, by_runs = tmp_path / "study.md", tmp_path / "runs.md"
    moment = ("--timestamp", "2026-03-01T14:05")
    assert cli("report", study.id, "-o", by_study, *moment).exit_code == 0
    assert cli("report", runs[2].id, runs[1].id, "-o", by_runs, *moment).exit_code == 0
    assert by_study.read_text().replace("study_files", "runs_files") == by_runs.read_text()


def test_export_writes_each_run_of_a_study_into_a_folder_of_its_own(
    cli: Command, study: StudyFolder, runs: list[RunFolder], tmp_path: Path
) -> None:
    result = cli("export", study.id, "--history", "csv", "-o", tmp_path / "lab")
    assert result.exit_code == 0, result.output
    there = [tmp_path / "lab" / run.id / "history.csv" for run in (runs[2], runs[1])]
    assert result.stdout.split() == [str(path) for path in there]
    assert all(path.is_file() for path in there)
    assert cli("export", study.id, "--history", "csv").exit_code == 0
    assert (runs[1].exports / "history.csv").is_file()
    assert not runs[0].exports.exists()


def test_weights_of_a_study_are_those_of_its_runs_that_have_some(
    cli: Command, study: StudyFolder, runs: list[RunFolder]
) -> None:
    for run in runs:
        run.model_file.unlink(missing_ok=True)
    assert "none of the 2 runs has weights" in cli("export", study.id, "--weights", "npz").stderr


def test_complexity_takes_a_study_as_its_runs(cli: Command, study: StudyFolder, runs: list[RunFolder]) -> None:
    by_study = cli("complexity", study.id, "hog")
    assert by_study.exit_code == 0, by_study.output
    assert by_study.stdout == cli("complexity", runs[2].id, runs[1].id, "hog").stdout


def test_a_study_without_runs_and_what_takes_one_run_say_so(cli: Command, runs_dir: Path, study: StudyFolder) -> None:
    empty = made.folder(runs_dir, made.study("hidden=5,6"))
    assert sentence(cli("compare", empty.id)) == f"study {empty.id} has no runs yet"
    assert "is a study, and this command takes one run" in sentence(cli("show", study.id))
    assert "there is no run 'nothing'" in sentence(cli("compare", "nothing"))


def test_the_list_of_runs_is_filtered_by_a_study(runs_dir: Path, study: StudyFolder, runs: list[RunFolder]) -> None:
    for run in runs[1:]:
        launch = json.loads((run.path / "launch.json").read_text())
        (run.path / "launch.json").write_text(json.dumps(launch | {"study": study.id}))
    for text in (study.id, f"study={study.id}", f"study=*{study.id[-4:]}"):
        assert {run.run for run in list_runs(runs_dir) if parse(text)(run)} == {run.id for run in runs[1:]}, text
