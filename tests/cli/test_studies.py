"""`studies` and what the commands about runs say of studies; on recorded ones, without a process."""

import json
from pathlib import Path
from typing import Any

from mnist_tui.experiment.parameters import apply_texts
from mnist_tui.experiment.presets import edited, find_preset
from mnist_tui.runs.folder import Launch, create
from mnist_tui.studies.folder import StudyFolder
from tests.cli.conftest import Command, sentence
from tests.tui.recorded_studies import RecordedStudy


def finished(runs_dir: Path, **given: Any) -> StudyFolder:
    study = RecordedStudy(runs_dir, **given).begin()
    for trial in study.trials:
        study.run(trial.number, 12).end(trial.number)
    return study.finish().folder


def test_studies_are_listed_newest_first(cli: Command, runs_dir: Path) -> None:
    first, second = finished(runs_dir), RecordedStudy(runs_dir, created=1_700_001_000.0).under_way().folder
    listed = cli("studies")
    assert listed.exit_code == 0
    assert [line.split()[0] for line in listed.stdout.splitlines()[2:]] == [second.id, first.id]
    docs = json.loads(cli("studies", "--json").stdout)
    assert [(doc["study"], doc["state"], doc["done"], doc["trials"]) for doc in docs] == [
        (second.id, "running", 4, 6),
        (first.id, "finished", 6, 6),
    ]


def test_no_studies_is_said_with_what_makes_one(cli: Command) -> None:
    listed = cli("studies")
    assert (listed.exit_code, listed.stdout) == (0, "")
    assert "`mnist-tui sweep`" in listed.stderr
    assert json.loads(cli("studies", "--json").stdout) == []
    assert "there are no studies" in sentence(cli("studies", "show", "latest"))


def test_a_broken_study_does_not_hide_the_others(cli: Command, runs_dir: Path) -> None:
    good, broken = finished(runs_dir), finished(runs_dir)
    broken.status_file.write_text("{")
    listed = cli("studies")
    assert good.id in listed.stdout
    assert broken.id not in listed.stdout
    assert f"note: {broken.status_file} cannot be read" in listed.stderr


def test_show_has_the_trials_best_first_and_the_best_ones_command(cli: Command, runs_dir: Path) -> None:
    folder = finished(runs_dir)
    doc = json.loads(cli("studies", "show", folder.id[-4:], "--json").stdout)
    best = max(doc["trials"], key=lambda trial: trial["score"])
    assert doc["best"]["number"] == best["number"]
    assert doc["best"]["command"].endswith(
        f"{folder.id}/presets/raw.toml --hidden {best['values']['hidden']} "
        f"--activation {best['values']['activation']} --seed 0"
    )
    text = cli("studies", "show", "latest").stdout
    rows = [line.split() for line in text.splitlines() if " finished" in line and " % " in line]
    assert int(rows[0][0]) == best["number"]
    assert f"command    {doc['best']['command']}" in text
    assert f"study      {folder.id}" in text


def test_seeds_of_a_sweep_are_told_together(cli: Command, runs_dir: Path) -> None:
    folder = finished(runs_dir, axes=({"name": "hidden", "values": ["5", "6"]},), seeds=3)
    text = cli("studies", "show", "latest").stdout
    trials = json.loads(cli("studies", "show", "latest", "--json").stdout)["trials"]
    means = {
        value: sum(trial["score"] for trial in trials if trial["values"] == {"hidden": value}) / 3 for value in "56"
    }
    lines = text.splitlines()
    head = next(at for at, line in enumerate(lines) if "mean val accuracy" in line)
    assert [line.split()[0] for line in lines[head + 2 : head + 4]] == sorted(means, key=lambda v: -means[v])
    assert f"{100 * max(means.values()):.2f} ± " in lines[head + 2]
    assert f"its values have the best mean over 3 seeds: {100 * max(means.values()):.2f} ± " in text
    assert folder.id in text


def test_what_no_longer_runs_cannot_be_stopped_and_what_runs_is_not_deleted(cli: Command, runs_dir: Path) -> None:
    done = finished(runs_dir)
    assert sentence(cli("studies", "stop", done.id)) == f"study {done.id} is finished: there is nothing to stop"
    live = RecordedStudy(runs_dir, created=1_700_001_000.0).under_way().folder
    assert "is running; stop it first" in sentence(cli("studies", "delete", live.id, "-y"))
    assert cli("studies", "stop", "latest").exit_code == 0
    assert len(list(live.control.iterdir())) == 1


def test_delete_leaves_the_runs_unless_told(cli: Command, runs_dir: Path) -> None:
    study = RecordedStudy(runs_dir, axes=(), seeds=1).begin()
    run = create(runs_dir, study.preset, Launch(created=1_700_000_000.0, command="", study=study.folder.id))
    run.write_status(type(run.status())(state="finished"))
    study.run(1, 12, run=run.id).end(1, run=run.id).finish()
    assert json.loads(cli("runs", "--json").stdout)[0]["study"] == study.folder.id
    assert study.folder.id.split("-", 2)[-1] in cli("runs").stdout
    assert f"study      {study.folder.id}" in cli("show", "latest").stdout
    assert cli("studies", "delete", study.folder.id, "-y").exit_code == 0
    assert not study.folder.path.exists()
    assert run.path.exists()


def test_a_study_where_a_run_is_meant_is_said_to_be_one(cli: Command, runs_dir: Path) -> None:
    folder = finished(runs_dir)
    raw = find_preset("raw")
    create(runs_dir, edited(raw, apply_texts(raw.experiment, {})), Launch(created=1_700_000_000.0, command=""))
    assert "is a study, and this command takes one run; for a study" in sentence(cli("show", folder.id))
    assert "there is no run 'nothing'" in sentence(cli("resume", "nothing"))
    assert "all 6 trials" in sentence(cli("resume", folder.id))
    assert "leave --device and --data-dir out" in sentence(cli("resume", folder.id, "--device", "cpu"))
