"""`complexity`: the figures of the fourth report, to the digit."""

import csv
import io
import json
import resource
import signal
from pathlib import Path

import pytest

from mnist_tui.runs.process_folder import Status
from tests.cli.conftest import Command, sentence
from tests.runs.synthetic import BEGIN, finished_run


def document(cli: Command, *options: str) -> dict[str, int]:
    result = cli("complexity", *options, "--format", "json")
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    return json.loads(result.stdout)


@pytest.mark.parametrize(
    ("options", "dense", "total", "inputs"),
    [
        (["--preset", "raw"], (198_500, 260), 198_760, 784),
        (["--preset", "hog"], (80_400, 210), 80_610, 392),
        (["--preset", "cnn"], (3_850, 35), 7_465, 784),
        (["--preset", "fashion"], (177_400, 110), 177_600, 784),
        (["--preset", "cnn", "--hidden", "5"], (770, 15), 4_365, 784),
    ],
)
def test_the_reports_figures(cli: Command, options: list[str], dense: tuple[int, int], total: int, inputs: int) -> None:
    doc = document(cli, *options)
    assert (doc["dense_weights"], doc["dense_biases"]) == dense
    assert (doc["total"], doc["inputs"], doc["outputs"]) == (total, inputs, 10)


def test_the_document_has_the_contracts_keys(cli: Command) -> None:
    doc = document(cli, "--preset", "hog")
    assert {
        "inputs",
        "outputs",
        "layers",
        "dense_weights",
        "dense_biases",
        "weights",
        "biases",
        "total",
        "trainable",
        "non_trainable",
        "macs",
    } <= doc.keys()
    first = doc["layers"][0]  # type: ignore[index]
    assert {key: first[key] for key in ("name", "kind", "inputs", "output_shape", "weights", "biases", "formula")} == {
        "name": "dense_1",
        "kind": "dense",
        "inputs": 392,
        "output_shape": [200],
        "weights": 78400,
        "biases": 200,
        "formula": "392 × 200 = 78400",
    }


def test_a_file_gets_what_stdout_would_have(cli: Command, tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    printed = cli("complexity", "--preset", "raw", "--format", "csv")
    written = cli("complexity", "--preset", "raw", "--format", "csv", "-o", path)
    assert written.exit_code == 0
    assert written.stdout == ""
    assert path.read_text(encoding="utf-8") == printed.stdout
    assert next(csv.DictReader(io.StringIO(printed.stdout)))["name"] == "flatten_1"


def test_a_file_that_is_there_is_replaced_only_if_asked(cli: Command, tmp_path: Path) -> None:
    path = tmp_path / "counts.md"
    path.write_text("mine", encoding="utf-8")
    asked = ["complexity", "--preset", "raw", "--format", "md", "-o", path]
    assert "1 file exists already" in sentence(cli(*asked))
    assert path.read_text(encoding="utf-8") == "mine"
    assert cli(*asked, "--force").exit_code == 0
    assert path.read_text(encoding="utf-8") != "mine"


def test_a_disk_without_room_is_no_wrong_request(cli: Command, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
        result = cli("complexity", "--preset", "raw", "-o", tmp_path / "counts.txt")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert result.exit_code == 1
    assert "cannot be written: File too large" in result.stderr
    assert list(tmp_path.glob("*.txt")) == []


def test_the_table_is_what_a_person_gets(cli: Command) -> None:
    result = cli("complexity", "--preset", "raw")
    assert "fully connected part: 198,500 weights and 260 biases behind 784 inputs" in result.stdout


def test_the_answer_in_words(cli: Command) -> None:
    text = cli("complexity", "cnn", "--hidden", "5", "--format", "text").stdout
    assert "144 × 5 = 720 weights between the inputs and the hidden layer and 5 × 10 = 50" in text
    assert "5 + 10 = 15 biases" in text
    assert cli("complexity", "cnn", "--hidden", "5", "--format", "txt").stdout == text


def test_an_export_calls_words_by_both_names(cli: Command, runs_dir: Path) -> None:
    run = finished_run(runs_dir)
    written = cli("export", run.id, "--complexity", "text").stdout
    assert Path(written.strip()).name == "complexity.txt"
    assert cli("export", run.id, "--complexity", "txt", "--force").stdout == written


def test_a_name_is_as_good_as_an_option(cli: Command) -> None:
    assert cli("complexity", "hog").stdout == cli("complexity", "--preset", "hog").stdout


def test_several_models_stand_side_by_side(cli: Command, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('layers = [{ kind = "flatten" }]\n', encoding="utf-8")
    result = cli("complexity", "raw", file, "cnn", "--format", "json")
    assert result.exit_code == 0, result.stderr
    models = json.loads(result.stdout)["models"]
    assert [(one["name"], one["total"]) for one in models] == [("raw", 198_760), ("mine", 7_850), ("cnn", 7_465)]
    assert all(one["accuracy"] is None for one in models)


def test_options_change_every_model(cli: Command) -> None:
    doc = json.loads(cli("complexity", "raw", "cnn", "--hidden", "7", "--format", "json").stdout)
    assert [(one["filters"], one["units"]) for one in doc["models"]] == [([], [7]), ([9, 9, 16], [7])]


def test_runs_bring_their_accuracy_and_seeds_are_one_model(cli: Command, runs_dir: Path) -> None:
    accuracies = (0.96, 0.98)
    seeds = [
        finished_run(runs_dir, texts={"seed": str(seed)}, test_accuracy=accuracy, created=BEGIN + 60 * seed)
        for seed, accuracy in enumerate(accuracies)
    ]
    other = finished_run(runs_dir, "hog", created=BEGIN + 900)
    asked = ["complexity", seeds[0].id, other.id, "raw", seeds[1].id]
    raw, hog, preset = json.loads(cli(*asked, "--format", "json").stdout)["models"]
    assert raw["accuracy"] == pytest.approx(0.97)
    assert (hog["total"], hog["accuracy"], preset["accuracy"]) == (80_610, 0.97, None)
    assert (raw["deviation"], raw["runs"]) == (pytest.approx(0.0141421, abs=1e-6), 2)
    assert [
        one["accuracy"] for one in json.loads(cli(*asked, "--hidden", "9", "--format", "json").stdout)["models"]
    ] == [None] * 4


def test_a_name_that_means_nothing_is_refused(cli: Command, runs_dir: Path) -> None:
    assert "no preset 'rww'; did you mean raw" in sentence(cli("complexity", "raw", "rww"))
    assert "no preset file nowhere.toml" in sentence(cli("complexity", "nowhere.toml"))


def test_a_run_named_twice_counts_once(cli: Command, runs_dir: Path) -> None:
    run = finished_run(runs_dir, test_accuracy=0.96, created=BEGIN)
    asked = ["complexity", run.id, "latest", run.path, "raw", "--format", "json"]
    one, preset = json.loads(cli(*asked).stdout)["models"]
    assert (one["name"], one["runs"], one["deviation"]) == (run.id.split("-", 2)[-1], 1, None)
    assert preset["name"] == "raw"


def test_only_runs_whose_accuracy_was_averaged_are_counted_as_more(cli: Command, runs_dir: Path) -> None:
    seeds = [finished_run(runs_dir, texts={"seed": str(seed)}, created=BEGIN + seed) for seed in (0, 1)]
    broken = finished_run(runs_dir, texts={"seed": "2"}, created=BEGIN + 2)
    broken.write_status(Status("failed"))
    asked = ["complexity", broken.id, *(run.id for run in seeds), "raw", "--format", "json"]
    models = json.loads(cli(*asked).stdout)["models"]
    assert [(one["name"], one["runs"]) for one in models] == [
        (f"{seeds[0].id.split('-', 2)[-1]} and 1 more", 2),
        ("raw", 0),
    ]


def test_where_nothing_has_finished_each_run_is_told_with_its_state(cli: Command, runs_dir: Path) -> None:
    runs = [
        finished_run(runs_dir, texts={"seed": str(seed)}, state="stopped", test_accuracy=accuracy, created=BEGIN + seed)
        for seed, accuracy in enumerate((0.5, 0.9))
    ]
    models = json.loads(cli("complexity", *(run.id for run in runs), "--format", "json").stdout)["models"]
    assert [(one["name"].partition(" ")[2], one["accuracy"]) for one in models] == [
        ("(stopped)", 0.5),
        ("(stopped)", 0.9),
    ]


def test_the_beginning_of_several_runs_is_not_taken_for_a_missing_preset(cli: Command, runs_dir: Path) -> None:
    for seed in (0, 1):
        finished_run(runs_dir, texts={"seed": str(seed)}, created=BEGIN + seed)
    assert "'20' is the beginning of 2 runs" in sentence(cli("complexity", "raw", "20"))
