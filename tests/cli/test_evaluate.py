"""`evaluate` and `import`: wrong requests are answered in one sentence, and leave no run."""

from pathlib import Path

import numpy as np
import pytest

from mnist_tui.cli import evaluate
from mnist_tui.cli.errors import WorkFailedError
from mnist_tui.runs.events import Ended
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.library import run_folders
from mnist_tui.runs.origin import Origin, OriginSource
from mnist_tui.runs.state import RunState
from tests.cli.conftest import Command, sentence
from tests.runs.synthetic import BEGIN, finished_run

ANSWERS = Origin("imported", (OriginSource("answers.csv"),), "mnist", predictions_only=True)


@pytest.fixture
def trained(runs_dir: Path) -> RunFolder:
    folder = finished_run(runs_dir)
    folder.model_file.touch()
    return folder


@pytest.fixture
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--dataset", "nosuch"), "'nosuch' is neither a dataset nor a folder"),
        (("--dataset", "digits", "--corrupt", "blur:9"), "the strength of blur is a whole number from 1 to 5"),
        (("--dataset", "digits", "--corrupt", "smear:1"), "there is no corruption 'smear'"),
        (("--dataset", "digits", "--corrupt", ""), "no corruption is named"),
        (("--dataset", "digits", "--name", "x" * 61), "the name has 61 characters; at most 60 work"),
        ((), "--dataset"),
    ],
)
def test_a_wrong_evaluation_is_refused(cli: Command, trained: RunFolder, words: tuple[str, ...], why: str) -> None:
    assert why in sentence(cli("evaluate", trained.id, *words))
    assert run_folders(trained.path.parent) == [trained]


def test_an_evaluation_that_is_stopped_says_so(trained: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = Ended(state="stopped", reason="stopped before the test images were classified")
    monkeypatch.setattr(evaluate, "follow", lambda *_: RunState(state="stopped", ended=ended))
    why = "^the evaluation was stopped before the test images were classified; no run is left of it$"
    with pytest.raises(WorkFailedError, match=why):
        evaluate.computed(lambda: trained)
    assert not trained.path.exists()


def test_a_run_without_a_model_is_not_evaluated(cli: Command, runs_dir: Path) -> None:
    answers = finished_run(runs_dir, origin=ANSWERS)
    untrained = finished_run(runs_dir, created=BEGIN + 60)

    assert "holds only predictions" in sentence(cli("evaluate", answers.id, "--dataset", "digits"))
    assert "has no model" in sentence(cli("evaluate", untrained.id, "--dataset", "digits"))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("missing.keras", "--dataset", "digits"), "there is no file missing.keras"),
        (("model.keras", "--dataset", "digits"), "model.keras cannot be imported: it is not an archive of Keras"),
        (("model.pkl", "--dataset", "digits"), "must end in .keras, .h5, .onnx, .npz or .csv"),
        (("answers.npz", "--dataset", "nosuch"), "'nosuch' is neither a dataset nor a folder"),
        (("answers.npz", "--dataset", "digits", "--scale", "1"), "--scale is for models"),
        (("missing.keras", "--dataset", "digits", "--scale", "2"), "--scale '2' is neither 1"),
        (("missing.keras", "--dataset", "digits", "--scale", ""), "--scale '' is neither 1"),
    ],
)
@pytest.mark.usefixtures("in_a_folder")
def test_a_wrong_import_is_refused(cli: Command, runs_dir: Path, words: tuple[str, ...], why: str) -> None:
    np.savez("answers.npz", labels=[1])
    Path("model.pkl").touch()
    Path("model.keras").touch()

    assert why in sentence(cli("import", *words))
    assert not runs_dir.exists()


@pytest.mark.parametrize(
    "words",
    [
        ("resume",),
        ("extend", "--epochs", "3"),
        ("pause",),
        ("export", "--weights", "keras"),
        ("export", "--history", "csv"),
        ("export", "--complexity", "md"),
        ("export", "--code", "keras"),
        ("complexity",),
    ],
)
def test_what_needs_a_training_is_refused_for_an_import(cli: Command, runs_dir: Path, words: tuple[str, ...]) -> None:
    answers = finished_run(runs_dir, origin=ANSWERS)

    said = sentence(cli(words[0], answers.id, *words[1:]))

    assert "it was imported from answers.csv, so it has no training here" in said
