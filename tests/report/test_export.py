"""Exports from a run's folder; most need no TensorFlow."""

import contextlib
import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from mnist_tui.experiment.complexity import of, to_document
from mnist_tui.report import export as exports
from mnist_tui.report.export import ITEMS, ExistsError, ExportError, export
from mnist_tui.runs.folder import RunFolder
from tests.report.recorded import copying_job, recorded_run

TEXTS = ["complexity.md", "complexity.csv", "complexity.json", "summary.md", "history.csv"]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return recorded_run(tmp_path / "runs")


def test_text_items_are_written_without_a_worker(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "run_job", lambda *_: pytest.fail("a worker was started"))
    out = tmp_path / "a" / "b"
    paths = export(run, TEXTS, out)
    assert paths == [out / name for name in TEXTS]
    assert sorted(path.name for path in out.iterdir()) == sorted(path.name for path in paths)
    assert json.loads((out / "complexity.json").read_text(encoding="utf-8")) == to_document(of(run.preset().experiment))


def test_the_history_has_one_line_for_each_epoch_and_gaps_for_values_that_are_not_finite(
    run: RunFolder, tmp_path: Path
) -> None:
    (path,) = export(run, ["history.csv"], tmp_path)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert rows[0]["val_loss"] == "0.5"
    assert rows[2]["loss"] == ""


def test_files_that_are_there_are_not_replaced_unless_asked(run: RunFolder, tmp_path: Path) -> None:
    mine = tmp_path / "history.csv"
    mine.write_text("mine", encoding="utf-8")
    with pytest.raises(ExistsError) as caught:
        export(run, ["summary.md", "history.csv"], tmp_path)
    assert caught.value.paths == (mine,)
    assert mine.read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "summary.md").exists()
    export(run, ["history.csv"], tmp_path, overwrite=True)
    assert mine.read_text(encoding="utf-8").startswith("epoch,")


def test_a_model_that_is_written_elsewhere_is_never_the_file_of_the_runs_folder(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed: list[str] = []

    def job(name: str, folder: RunFolder, arguments: list[str]) -> subprocess.CompletedProcess[bytes]:
        passed.extend(arguments)
        return copying_job(name, folder, arguments)

    monkeypatch.setattr(exports, "run_job", job)
    out = tmp_path / "out"
    assert export(run, ["keras", "summary.md"], out) == [out / "model.keras", out / "summary.md", out / "MODEL.md"]
    assert passed[0] == "keras", "the worker builds it from the experiment"


def test_exporting_the_model_onto_itself_leaves_it(run: RunFolder) -> None:
    before = run.model_file.read_bytes()
    assert export(run, ["keras"], run.path, overwrite=True)[0] == run.model_file
    assert run.model_file.read_bytes() == before


def test_an_unknown_item_is_refused_with_those_that_there_are(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"'pickle' cannot be exported; choose from keras, h5, npz"):
        export(run, ["pickle"], tmp_path)


def test_a_folder_that_cannot_be_made_is_named(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ExportError, match="file cannot be written: it is a file, not a folder"):
        export(run, ["history.csv"], tmp_path / "file")


def test_a_name_that_is_too_long_is_an_error(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="cannot be written: File name too long") as caught:
        export(run, ["history.csv"], tmp_path / ("n" * 300))
    assert caught.value.refused


def test_a_full_disk_is_not_a_wrong_request(run: RunFolder, tmp_path: Path) -> None:
    """A limit on the size of files replaces the full disk: writing fails in the same way."""
    script = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from mnist_tui.report.export import ExportError, export\n"
        "from mnist_tui.runs.folder import RunFolder\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50, 50))\n"
        "try:\n"
        "    export(RunFolder(Path(sys.argv[1])), ['history.csv'], Path(sys.argv[2]))\n"
        "except ExportError as error:\n"
        "    print(error.refused, error)\n"
    )
    command = [sys.executable, "-c", script, str(run.path), str(tmp_path / "out")]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout == f"False {tmp_path / 'out'} cannot be written: File too large\n"
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(("code", "refused"), [(2, True), (1, False)])
def test_the_error_message_is_the_last_line_of_the_worker(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, refused: bool
) -> None:
    ended = subprocess.CompletedProcess(["worker"], code, b"", b"noise\nthe checkpoint is torn\n")
    monkeypatch.setattr(exports, "run_job", lambda *_: ended)
    with pytest.raises(ExportError, match=r"^the checkpoint is torn$") as caught:
        export(run, ["npz"], tmp_path / "out")
    assert caught.value.refused is refused
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("state", "items", "slow"),
    [
        ("finished", ["summary.md"], False),
        ("finished", ["keras"], True),
        ("finished", ["keras", "npz"], True),
        ("failed", ["keras"], True),
    ],
)
def test_the_progress_mentions_tensorflow_only_if_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str, items: list[str], slow: bool
) -> None:
    run = recorded_run(tmp_path / "runs", state=state)
    messages: list[str] = []
    ended = subprocess.CompletedProcess([], 1, b"", b"no")
    monkeypatch.setattr(exports, "run_job", lambda *_: ended)
    with contextlib.suppress(ExportError):
        export(run, items, tmp_path / "out", progress=lambda what, *_: messages.append(what))
    assert [("starts TensorFlow" in what) for what in messages] == [slow]


def test_every_item_has_a_file_of_its_own(tmp_path: Path) -> None:
    assert len({exports.path_of_item(item, tmp_path) for item in ITEMS}) == len(ITEMS)
