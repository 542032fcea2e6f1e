"""Each wrong request gets one helpful sentence and exit code 2."""

import errno
import gzip
import os
import struct
from pathlib import Path

import pytest
from textual.app import App

from mnist_tui import unexpected
from mnist_tui.cli import errors, open_app
from mnist_tui.data import download
from mnist_tui.runs import devices
from mnist_tui.tui.app import BenchApp
from mnist_tui.tui.presets.screen import PresetsScreen
from tests.cli.conftest import Command, sentence


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--ppc", "0"], "--ppc 0 is not a size of a cell; 1 to 28 work"),
        (["--ppc", "29"], "--ppc 29 is larger than the 28-pixel image; 1 to 28 work"),
        (["--epochs", "-1"], "--epochs -1 is out of bounds"),
        (["--dropout", "1"], "--dropout 1 is out of bounds"),
        (["--lr", "nan"], "--lr nan is not a finite number"),
        (["--hidden", "0"], "--hidden 0 is out of bounds"),
        (["--optimizer", "adma"], "--optimizer adma is not known; choose from rmsprop, adam"),
        (["--filters", "9"], "--filters 9 finds no convolution"),
        (["--ppc", "7", "--cells-per-block", "5"], "1 to 4 cells per block work"),
        (["--set", "optimizer.rho"], "is not of the form PATH=VALUE"),
        (["--set", "optimizer.foo=1"], "optimizer.foo: no such key"),
        (["--device", "tpu"], "--device tpu is not known; it is auto, cpu, gpu"),
        (["--dataset", "minst"], "did you mean mnist or qmnist?"),
    ],
)
def test_a_wrong_value_is_named_with_what_would_be_right(cli: Command, options: list[str], said: str) -> None:
    assert said in sentence(cli("train", "--preset", "raw", *options))


@pytest.mark.parametrize("command", [["complexity"], ["presets", "save", "mine"], []])
def test_the_same_value_is_refused_in_the_same_words_everywhere(cli: Command, command: list[str]) -> None:
    options = ["--preset", "raw", "--ppc", "29"]
    assert sentence(cli(*command, *options)) == sentence(cli("train", *options))


def test_an_unknown_preset_is_answered_with_the_nearest(cli: Command) -> None:
    assert "did you mean raw?" in sentence(cli("train", "--preset", "rwa"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[training]\nepochs = 3\nepohcs = 4\n", "line 3: training.epohcs: no such key"),
        ('titel = "x"\n', "line 1: titel: no such key"),
        ("[training\n", "is not valid TOML: expected ']'"),
        ("[training]\nepochs = 0\n", "line 2: training.epochs: 0 is too small"),
    ],
)
def test_a_preset_file_is_refused_with_the_place_of_its_mistake(
    cli: Command, tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    answer = sentence(cli("train", "--preset", path))
    assert str(path) in answer
    assert said in answer


def test_options_without_a_preset_are_told_to_name_one(cli: Command) -> None:
    for command in ([], ["train"], ["complexity"]):
        assert "--ppc changes a preset: add --preset" in sentence(cli(*command, "--ppc", "7"))


@pytest.mark.parametrize(
    ("line", "right"),
    [
        (["--preset", "hog", "train"], "mnist-tui train --preset hog`"),
        (["--preset", "hog", "--ppc", "7", "train", "--json"], "mnist-tui train --json --preset hog --ppc 7`"),
        (["--epochs", "3", "complexity", "--preset", "raw"], "mnist-tui complexity --preset raw --epochs 3`"),
        (["--preset", "hog", "presets", "save", "x"], "mnist-tui presets save x --preset hog`"),
    ],
)
def test_experiment_options_before_a_command_are_refused_with_the_right_order(
    cli: Command, line: list[str], right: str
) -> None:
    assert right in sentence(cli(*line))


def test_experiment_options_do_not_go_with_a_command_that_takes_none(cli: Command) -> None:
    assert "--preset does not go with runs" in sentence(cli("--preset", "hog", "runs"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["trian"], "there is no command 'trian'; did you mean train?"),
        (["presets", "shw"], "there is no command 'shw'; did you mean show?"),
        (["presets", "--json", "list"], "--json belongs after its command"),
        (["train", "--epoch", "3"], "there is no option --epoch; did you mean --epochs"),
        (["train", "--preset"], "option '--preset' requires an argument"),
        (["show"], "missing argument 'RUN'"),
        (
            ["complexity", "--preset", "raw", "--format", "xml"],
            "--format xml is not known; it is table, json, csv, md, tex or text",
        ),
    ],
)
def test_a_mistyped_command_line_is_answered_with_what_is_near(cli: Command, line: list[str], said: str) -> None:
    assert said in sentence(cli(*line))


def test_a_runs_folder_that_cannot_be_written_is_named(cli: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    for place in (tmp_path / "file", Path("/proc/mnist-tui")):
        line = ["train", "--preset", "raw", "--dataset", "digits", "--runs-dir", place]
        assert f"the runs folder {place} cannot be written" in sentence(cli(*line))


@pytest.mark.parametrize("command", [("complexity",), ("presets", "save", "mine"), ("train",), ("lr-range",)])
@pytest.mark.parametrize(
    ("dataset", "said"), [("nosuch", "neither a dataset nor a folder"), ("empty", "holds no dataset")]
)
def test_a_dataset_that_is_not_there_is_refused_and_not_taken_for_one_like_mnist(
    cli: Command, command: tuple[str, ...], dataset: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    name = str(tmp_path / dataset) if dataset == "empty" else dataset
    assert said in sentence(cli(*command, "--preset", "raw", "--dataset", name))


@pytest.mark.parametrize("command", ["train", "lr-range"])
def test_a_network_that_the_machine_cannot_hold_is_refused_with_both_sizes(
    cli: Command, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "machine_memory", lambda: 8_000_000_000)
    said = sentence(cli(command, "--preset", "raw", "--hidden", "65536x65536", "--allow-sample"))
    assert "4,347,133,962 parameters are too many for this machine: training them takes at least 52.2 GB" in said
    assert "there are 8.0 GB" in said


def test_the_app_needs_a_terminal_and_names_the_headless_command(cli: Command) -> None:
    for line in ([], ["--preset", "raw"], ["--preset", "raw", "--edit"]):
        assert "`mnist-tui train --preset NAME`" in sentence(cli(*line))


def idx(kind: int, *shape: int, content: bytes | None = None) -> bytes:
    size = 1
    for length in shape:
        size *= length
    body = bytes(size) if content is None else content
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, kind, len(shape), *shape) + body


def folder_of_idx(folder: Path, **changed: bytes) -> Path:
    """A folder of 20 training and 10 test images, one file of which may be something else."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "train-images-idx3-ubyte": idx(8, 20, 28, 28),
        "train-labels-idx1-ubyte": idx(8, 20),
        "t10k-images-idx3-ubyte": idx(8, 10, 28, 28),
        "t10k-labels-idx1-ubyte": idx(8, 10),
    }
    for name, content in files.items():
        (folder / name).write_bytes(changed.get(name.split("-idx")[0].replace("-", "_"), content))
    return folder


@pytest.mark.parametrize(
    "changed",
    [
        {"train_images": idx(8, 20, 28, 28)[:-100]},
        {"train_images": gzip.compress(idx(8, 20, 28, 28))[:-8]},
        {"t10k_images": b"\x89PNG and so on"},
        {"t10k_labels": idx(8, 9)},
        {"train_labels": idx(8, 10, 28, 28)},
    ],
    ids=["truncated", "truncated gzip", "wrong magic", "mismatched", "images for labels"],
)
def test_damaged_data_in_a_named_folder_are_refused_before_anything_starts(
    cli: Command, tmp_path: Path, runs_dir: Path, changed: dict[str, bytes]
) -> None:
    folder_of_idx(tmp_path / "data" / "mnist", **changed)
    answer = sentence(cli("train", "--preset", "raw", "--data-dir", tmp_path / "data"))
    assert str(tmp_path / "data" / "mnist") in answer
    assert not runs_dir.exists()


def test_files_that_are_not_mnist_are_not_taken_for_it(cli: Command, tmp_path: Path) -> None:
    folder_of_idx(tmp_path / "data" / "mnist")
    assert "MNIST" in sentence(cli("train", "--preset", "raw", MNIST_TUI_DATA=str(tmp_path / "data")))


def test_without_data_and_without_a_network_train_says_how_to_bring_them(
    cli: Command, tmp_path: Path, runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "reachable", lambda _: ())
    nowhere = {"MNIST_TUI_DATA": str(tmp_path)}
    for preset in ("raw", "fashion"):
        answer = sentence(cli("train", "--preset", preset, **nowhere))
        assert f"into {tmp_path}" in answer
        assert "--dataset digits" in answer
    assert "Fashion-MNIST" in sentence(cli("train", "--preset", "fashion", "--allow-sample", **nowhere))
    assert not runs_dir.exists()


def test_the_sample_may_stand_in_for_mnist_only_where_that_was_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MNIST_TUI_DATA", str(tmp_path))
    monkeypatch.setattr(download, "reachable", lambda _: pytest.fail("the network was asked"))
    open_app.check_data("mnist", None, allow_sample=True)
    open_app.check_data("digits", None, allow_sample=False)


def test_what_nobody_expected_goes_whole_into_a_log_whose_path_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(unexpected, "log_folder", lambda: tmp_path / "log")

    def broken() -> None:
        raise KeyError("the reason")

    assert errors.guarded(broken) == 1
    said = capsys.readouterr().err
    (log,) = (tmp_path / "log").iterdir()
    assert said == f"error: something unexpected went wrong (KeyError); the traceback is in {log}\n"
    text = log.read_text(encoding="utf-8")
    assert "the reason" in text
    assert "in broken" in text


@pytest.mark.parametrize("in_a_worker", [False, True])
def test_an_unexpected_error_of_the_app_goes_into_a_log_and_not_onto_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], in_a_worker: bool
) -> None:
    async def work() -> None:
        raise KeyError("the reason")

    def broken(screen: PresetsScreen) -> None:
        if in_a_worker:
            screen.run_worker(work)
        else:
            raise KeyError("the reason")

    monkeypatch.setattr(unexpected, "log_folder", lambda: tmp_path / "log")
    monkeypatch.setattr(open_app, "_require_terminal", lambda: None)
    monkeypatch.setattr(BenchApp, "run", lambda app: App.run(app, headless=True))
    monkeypatch.setattr(PresetsScreen, "on_mount", broken)

    assert errors.guarded(lambda: open_app.open_app(tmp_path / "runs")) == 1
    (log,) = (tmp_path / "log").iterdir()
    said = capsys.readouterr().err
    assert said == f"error: something unexpected went wrong (KeyError); the traceback is in {log}\n"
    assert "the reason" in log.read_text(encoding="utf-8")


def test_an_errors_text_is_one_line_whatever_it_holds(capsys: pytest.CaptureFixture[str]) -> None:
    def wrong() -> None:
        raise errors.RequestError("a\nb\n  c")

    assert errors.guarded(wrong) == 2
    assert capsys.readouterr().err == "error: a b c\n"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM])
def test_a_disk_that_refuses_is_told_in_a_sentence(capsys: pytest.CaptureFixture[str], number: int) -> None:
    def refused() -> None:
        raise OSError(number, os.strerror(number), "/runs/status.json")

    assert errors.guarded(refused) == (1 if number in (errno.ENOSPC, errno.EDQUOT) else 2)
    said = capsys.readouterr().err
    assert "/runs/status.json" in said
    assert os.strerror(number) in said
    assert "unexpected" not in said
