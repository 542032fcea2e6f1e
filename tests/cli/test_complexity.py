"""`complexity`: the figures of the fourth report, to the digit."""

import csv
import io
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command


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
