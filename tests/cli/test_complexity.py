"""`complexity`: the figures of the fourth report, to the digit."""

import csv
import io
import json
from pathlib import Path

import pytest

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
        "inputs", "outputs", "layers", "dense_weights", "dense_biases", "weights", "biases", "total", "trainable",
        "non_trainable", "macs",
    } <= doc.keys()  # fmt: skip
    first = doc["layers"][0]  # type: ignore[index]
    assert {key: first[key] for key in ("name", "kind", "inputs", "output_shape", "weights", "biases", "formula")} == {
        "name": "dense_1", "kind": "dense", "inputs": 392, "output_shape": [200], "weights": 78400, "biases": 200,
        "formula": "392 × 200 = 78400",
    }  # fmt: skip


def test_a_file_gets_what_stdout_would_have(cli: Command, tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    printed = cli("complexity", "--preset", "raw", "--format", "csv")
    written = cli("complexity", "--preset", "raw", "--format", "csv", "-o", path)
    assert written.exit_code == 0
    assert written.stdout == ""
    assert path.read_text(encoding="utf-8") == printed.stdout
    assert next(csv.DictReader(io.StringIO(printed.stdout)))["name"] == "flatten_1"


def test_the_table_is_what_a_person_gets(cli: Command) -> None:
    result = cli("complexity", "--preset", "raw")
    assert "fully connected part: 198,500 weights and 260 biases behind 784 inputs" in result.stdout


def test_the_answer_in_words(cli: Command) -> None:
    text = cli("complexity", "cnn", "--hidden", "5", "--format", "text").stdout
    assert "144 × 5 = 720 weights between the inputs and the hidden layer and 5 × 10 = 50" in text
    assert "5 + 10 = 15 biases" in text


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
    assert raw["points_per_1000_parameters"] == pytest.approx(87 / 198.76, abs=1e-6)
    assert (hog["total"], hog["accuracy"], preset["accuracy"]) == (80_610, 0.97, None)
    assert (raw["deviation"], raw["runs"]) == (pytest.approx(0.0141421, abs=1e-6), 2)
    assert [
        one["accuracy"] for one in json.loads(cli(*asked, "--hidden", "9", "--format", "json").stdout)["models"]
    ] == [None] * 4


def test_a_name_that_means_nothing_is_refused(cli: Command, runs_dir: Path) -> None:
    assert "no preset 'rww'; did you mean raw" in sentence(cli("complexity", "raw", "rww"))
    assert "no preset file nowhere.toml" in sentence(cli("complexity", "nowhere.toml"))
