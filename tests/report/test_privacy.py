"""Reports, summaries and model cards say nothing about the machine: no folder, no user, no host."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pypdf
import pytest

from mnist_tui.experiment.presets import dump_preset, find_preset
from mnist_tui.experiment.spec import with_part
from mnist_tui.privacy import command_without_places, without_places
from mnist_tui.report import export as exports
from mnist_tui.report.document import write_report
from mnist_tui.report.export import export
from mnist_tui.runs.event_log import EventLog
from mnist_tui.runs.events import Ended, Warned
from mnist_tui.runs.folder import RunFolder
from tests.report import recorded
from tests.report.furnished import furnished_run
from tests.report.recorded import copying_job

USER, HOST = "ada-lovelace", "analytical-engine"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / USER
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setattr(recorded, "PLATFORM", {**recorded.PLATFORM, "host": HOST})
    monkeypatch.setattr(exports, "run_job", copying_job)
    return folder


@pytest.fixture
def run(home: Path) -> RunFolder:
    """A run of a dataset, a preset and a runs folder in a person's home, with paths and a host in every text of it."""
    digits = home / "my digits"
    raw = find_preset("raw")
    own = replace(raw, experiment=with_part(raw.experiment, "dataset", name=str(digits)), reference=None)
    folder = furnished_run(home / "lab runs", own, title=str(digits))
    launch = json.loads(folder.launch_file.read_text())
    launch |= {"command": f"mnist-tui train --preset '{home}/my first.toml' --data-dir {home}", "data_dir": str(home)}
    folder.launch_file.write_text(json.dumps(launch))
    status = json.loads((folder.path / "status.json").read_text())
    (folder.path / "status.json").write_text(json.dumps(status | {"host": HOST}))
    results: dict[str, Any] = json.loads(folder.results_file.read_text())
    results["dataset"] |= {"name": str(digits), "source": str(digits)}
    results["state"] = "stopped"
    folder.results_file.write_text(json.dumps(results))
    log = EventLog(folder.events_file)
    log.append(Warned(time=7.0, text=f"{folder.path}/checkpoint of {HOST} could not be written to {home}/x"))
    reason = f"asked for on {HOST}, in {digits}"
    log.append(Ended(time=8.0, state="stopped", reason=reason, test_loss=0.07, test_accuracy=0.98, macro_f1=0.98))
    log.close()
    return folder


def contents(path: Path) -> str:
    """Everything in a file that a program could read, a PDF's text and properties, and all parts of a Word document."""
    if path.suffix == ".pdf":
        pdf = pypdf.PdfReader(path)
        return (
            "".join(page.extract_text() for page in pdf.pages) + str(pdf.metadata) + path.read_bytes().decode("latin1")
        )
    if path.suffix == ".docx":
        with zipfile.ZipFile(path) as parts:
            return "".join(parts.read(name).decode("latin1") for name in parts.namelist())
    return path.read_bytes().decode("latin1")


@pytest.mark.parametrize("full", [False, True])
def test_no_format_of_a_report_nor_its_figures_names_a_folder_a_user_or_a_host(
    run: RunFolder, tmp_path: Path, full: bool
) -> None:
    out = tmp_path / "out"
    outputs = [out / f"report.{ending}" for ending in ("md", "tex", "html", "pdf", "docx")]
    when = datetime(2026, 3, 1, tzinfo=UTC)
    write_report([run], outputs, timestamp=when, figures=out / "figures", full=full, overwrite=True)
    told = {path: contents(path) for path in out.rglob("*") if path.is_file()}
    assert {".md", ".tex", ".html", ".pdf", ".docx", ".csv", ".svg"} <= {path.suffix for path in told}
    for path, text in told.items():
        for private in (USER, HOST, str(tmp_path), "/data/mnist"):
            assert private not in text, path
    assert "my digits" in told[outputs[0]]


def test_no_summary_nor_model_card_names_a_folder_a_user_or_a_host(run: RunFolder, tmp_path: Path) -> None:
    for path in export(run, ["summary.md", "npz", "history.csv", "complexity.md"], tmp_path / "out"):
        text = contents(path)
        for private in (USER, HOST, str(tmp_path), "/data/mnist"):
            assert private not in text, path


def test_the_experiment_of_a_report_still_names_its_dataset(run: RunFolder, tmp_path: Path) -> None:
    (path,) = export(run, ["summary.md"], tmp_path)
    assert 'name = "my digits"' in path.read_text()
    assert "my digits" in dump_preset(run.preset())


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("mnist-tui train --preset hog --epochs 3", "mnist-tui train --preset hog --epochs 3"),
        (
            "mnist-tui train --preset /home/ada/a.toml --runs-dir /r --seed 2",
            "mnist-tui train --preset a.toml --seed 2",
        ),
        ("mnist-tui --data-dir=/d train --dataset '/home/ada b/my digits'", "mnist-tui train --dataset 'my digits'"),
        ("mnist-tui sweep --over dataset=/a/one,/a/two,mnist", "mnist-tui sweep --over dataset=one,two,mnist"),
        ("mnist-tui sweep --scheduler tcp://10.0.0.1:8786 --over lr=0.1", "mnist-tui sweep --over lr=0.1"),
        ("mnist-tui train --tensorboard --epochs 3", "mnist-tui train --epochs 3"),
        ("mnist-tui train --tensorboard /home/ada/logs --epochs 3", "mnist-tui train --epochs 3"),
        ("""mnist-tui train --set 'dataset.name="/home/ada/x"'""", """mnist-tui train --set 'dataset.name="x"'"""),
    ],
)
def test_a_command_is_shown_without_places(command: str, shown: str) -> None:
    assert command_without_places(command) == shown


def test_of_a_path_only_the_last_name_stays_and_no_other_slash_changes(home: Path) -> None:
    assert without_places(f"no room in {home}/data/mnist: 3 of 5") == "no room in mnist: 3 of 5"
    assert without_places("~bob/x, file:///a/b.png, (/etc/passwd)") == "x, b.png, (passwd)"
    assert without_places("in /my data/mnist", ["/my data/mnist"]) == "in mnist"
    assert without_places("on vm and vmware", hosts=["vm"]) == "on a machine and vmware"
    for text in ("372 images/s", "epoch 3/10", "1 / 2", "https://keras.io/api/", "T-shirt/top", r"\frac{a}/2", "a/b/c"):
        assert without_places(text) == text
