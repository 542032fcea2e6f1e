"""Commands about runs that there are, on recorded ones."""

import json
from pathlib import Path

import pytest
from typer.testing import Result

from mnist_tui.experiment.presets import find_preset
from mnist_tui.files import write_json
from mnist_tui.report import export as exports
from mnist_tui.runs.folder import Launch, RunFolder, create
from mnist_tui.runs.origin import Origin, OriginSource
from mnist_tui.runs.predictions import read_predictions
from mnist_tui.runs.process_folder import this_process
from tests.cli.conftest import Command, sentence
from tests.present import present
from tests.report.furnished import furnished_run, with_statistics
from tests.report.recorded import CREATED, copying_job, recorded_run
from tests.runs.commands import taken


@pytest.fixture
def run(runs_dir: Path) -> RunFolder:
    return recorded_run(runs_dir)


@pytest.fixture
def live(runs_dir: Path) -> RunFolder:
    """A run whose worker is this process."""
    folder = create(runs_dir, find_preset("hog"), Launch(created=CREATED + 60, command="mnist-tui train --preset hog"))
    folder.write_status(this_process("running"))
    return folder


def test_runs_are_listed_newest_first(cli: Command, run: RunFolder, live: RunFolder) -> None:
    listed = json.loads(cli("runs", "--json").stdout)
    assert [one["run"] for one in listed] == [live.id, run.id]
    assert {"run", "state", "preset", "started", "epochs_done", "epochs", "test_accuracy"} <= listed[0].keys()
    assert (listed[1]["state"], listed[1]["test_accuracy"], listed[1]["epochs_done"]) == ("finished", 0.98, 3)
    text = cli("runs").stdout
    assert run.id in text
    assert "98.00 %" in text


def test_no_runs_are_an_empty_list_and_a_word_on_stderr(cli: Command) -> None:
    assert json.loads(cli("runs", "--json").stdout) == []
    result = cli("runs")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "there are no runs" in result.stderr


def test_the_runs_folder_may_be_named_before_or_after_the_command(cli: Command, tmp_path: Path) -> None:
    other = recorded_run(tmp_path / "elsewhere")
    for line in (["--runs-dir", other.path.parent, "runs"], ["runs", "--runs-dir", other.path.parent]):
        assert other.id in cli(*line).stdout


def test_show_prints_the_document_of_the_contract(cli: Command, run: RunFolder) -> None:
    doc = json.loads(cli("show", "latest", "--json").stdout)
    assert {
        "run",
        "folder",
        "state",
        "preset",
        "dataset",
        "experiment",
        "parameters",
        "epochs",
        "test",
        "train",
        "confusion_matrix",
        "timings",
        "platform",
        "reference",
    } <= doc.keys()
    assert doc["epochs"][2]["loss"] is None
    assert doc["dataset"]["sha256"]["train_images"].startswith("ba891046")
    assert sum(map(sum, doc["confusion_matrix"])) == 10_000
    text = cli("show", run.id[:12]).stdout
    assert "accuracy 98.00 %" in text
    assert "not finite" in text


def test_show_has_the_statistics_of_the_predictions(cli: Command, runs_dir: Path) -> None:
    run = furnished_run(runs_dir)
    found = json.loads(cli("show", run.id, "--json").stdout)["statistics"]
    assert found["accuracy"] == found["right"] / found["images"]
    assert found["interval"][0] < found["accuracy"] < found["interval"][1]
    assert sum(each["images"] for each in found["reliability"]) == found["images"] == 10_000
    assert [each["class"] for each in found["per_class"]] == [*"0123456789"]
    text = cli("show", run.id).stdout
    for words in ("Cohen's κ", "ROC-AUC, macro", "Calibration error", "95 % interval", "There is no temperature:"):
        assert words in text
    assert "nan" not in text
    with_statistics(run).predictions_file.unlink()
    assert json.loads(cli("show", run.id, "--json").stdout)["statistics"] == found, "those that the worker saved"
    assert cli("show", run.id).stdout == text


def test_show_lists_the_wrong_images_surest_first_by_the_numbers_that_explain_takes(
    cli: Command, runs_dir: Path
) -> None:
    run = furnished_run(runs_dir)
    found = present(read_predictions(run.predictions_file))
    rows = json.loads(cli("show", run.id, "--wrong", "--json").stdout)
    assert sorted(row["number"] - 1 for row in rows) == sorted(found.misclassified.tolist())
    assert rows == sorted(rows, key=lambda row: -row["probability"])
    first, at = rows[0], rows[0]["number"] - 1
    assert first["class"] == str(found.labels[at])
    assert first["predicted"] == str(found.probabilities[at].argmax()) != first["class"]
    text = cli("show", run.id, "--wrong")
    assert text.stdout.splitlines()[2].split()[:3] == [f"#{first['number']}", first["class"], first["predicted"]]
    assert f"explain {run.id} '#{first['number']}'" in text.stderr


def test_show_without_predictions_has_no_statistics(cli: Command, run: RunFolder) -> None:
    assert "has no predictions" in sentence(cli("show", run.id, "--wrong"))
    assert json.loads(cli("show", run.id, "--json").stdout)["statistics"] is None
    assert "Cohen" not in cli("show", run.id).stdout


def test_show_of_a_run_that_still_trains_tells_what_is_known(cli: Command, live: RunFolder) -> None:
    result = cli("show", live.id)
    assert result.exit_code == 0, result.stderr
    assert "state      running" in result.stdout


def test_an_unknown_run_is_refused(cli: Command, run: RunFolder) -> None:
    for command in ("show", "logs", "attach", "delete", "stop"):
        assert "there is no run 'zzz'" in sentence(cli(command, "zzz"))


def test_logs_prints_what_the_worker_printed(cli: Command, run: RunFolder) -> None:
    assert "has printed nothing" in cli("logs", run.id).stderr
    run.log_file.write_text("one\ntwo\nthree\n", encoding="utf-8")
    assert cli("logs", run.id).stdout == "one\ntwo\nthree\n"
    assert cli("logs", run.id, "-n", "2").stdout == "two\nthree\n"


@pytest.mark.parametrize("name", ["pause", "continue", "stop", "checkpoint"])
def test_commands_reach_the_runs_worker(cli: Command, live: RunFolder, name: str) -> None:
    assert cli(name, "latest").exit_code == 0
    assert [command.name for command in taken(live)] == [name]


def test_commands_to_a_run_that_has_ended_are_refused(cli: Command, run: RunFolder) -> None:
    assert "is finished: there is no worker" in sentence(cli("pause", run.id))


def test_delete_without_a_terminal_to_ask_on_needs_yes(cli: Command, run: RunFolder) -> None:
    assert "nothing was deleted" in sentence(cli("delete", run.id))
    assert run.path.exists()


def test_delete_removes_a_run_but_not_one_that_trains(cli: Command, run: RunFolder, live: RunFolder) -> None:
    assert "stop it first" in sentence(cli("delete", live.id, "-y"))
    assert live.path.exists()
    assert cli("delete", run.id, "-y").exit_code == 0
    assert not run.path.exists()


def test_attach_needs_a_terminal(cli: Command, run: RunFolder) -> None:
    assert "the app needs a terminal" in sentence(cli("attach", run.id))


def test_export_prints_the_files_and_refuses_to_replace_them(
    cli: Command, run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "run_job", copying_job)
    out = tmp_path / "out"
    line = ["export", "latest", "--weights", "keras", "--complexity", "md,csv,json", "--summary", "--history", "csv"]
    result = cli(*line, "-o", out)
    assert result.exit_code == 0, result.stderr
    names = ["model.keras", "complexity.md", "complexity.csv", "complexity.json", "summary.md", "history.csv"]
    assert result.stdout.splitlines() == [str(out / name) for name in [*names, "MODEL.md"]]
    started = "writing model.keras (this starts TensorFlow, some seconds) …\nwriting complexity.md …\n"
    assert result.stderr.startswith(started)
    assert "6 files exist already" in sentence(cli(*line, "-o", out))
    assert cli(*line, "-o", out, "--force").exit_code == 0
    assert cli(*line).stdout.splitlines()[0] == str(run.exports / "model.keras")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "nothing to export: give --weights keras,h5,npz"),
        (["--weights", "pt"], "--weights has no format 'pt'; keras, h5, npz, safetensors, onnx,"),
        (["--history", ""], "--history names no format; csv, tensorboard are"),
    ],
)
def test_export_says_what_there_is_to_export(cli: Command, run: RunFolder, options: list[str], said: str) -> None:
    assert said in sentence(cli("export", "latest", *options))


def test_a_preset_is_exported_as_code_without_a_run_into_the_present_folder(
    cli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli("export", "raw", "--code", "keras,notebook").stdout.splitlines() == ["experiment.py", "experiment.ipynb"]
    assert "1 file exists already" in sentence(cli("export", "raw", "--code", "keras"))
    assert cli("export", "hog", "--code", "keras", "--force").exit_code == 0
    assert "from skimage.feature import hog" in (tmp_path / "experiment.py").read_text(encoding="utf-8")
    assert "raw is a preset, of which only --code" in sentence(cli("export", "raw", "--code", "keras", "--summary"))
    unknown = sentence(cli("export", "cn", "--code", "keras"))
    assert "there is no run 'cn'" in unknown
    assert "did you mean cnn?" in unknown


def test_the_code_of_a_run_lies_among_its_exports(cli: Command, run: RunFolder) -> None:
    assert cli("export", "latest", "--code", "notebook").stdout == f"{run.exports / 'experiment.ipynb'}\n"


@pytest.mark.parametrize("options", [("--code", "keras"), ("--history", "tensorboard")])
def test_a_run_that_was_not_trained_here_has_no_code_and_no_epochs(
    cli: Command, run: RunFolder, options: tuple[str, str]
) -> None:
    origin = Origin("imported", (OriginSource("net.keras"),), "mnist")
    write_json(run.origin_file, origin.to_document())
    assert "it was imported from net.keras" in sentence_after_notes(cli("export", "latest", *options))


def sentence_after_notes(result: Result) -> str:
    """The sentence of a refusal that comes after notes about the work."""
    assert (result.exit_code, result.stdout) == (2, "")
    return result.stderr.splitlines()[-1].removeprefix("error: ")
