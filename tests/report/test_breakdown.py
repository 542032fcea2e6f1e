"""Complexity as text."""

import csv
import io
import json

import pytest
from hypothesis import given
from markdown_it import MarkdownIt

from mnist_tui.experiment.complexity import of, to_document
from mnist_tui.experiment.preset_files import STARTERS
from mnist_tui.experiment.presets import find_preset
from mnist_tui.experiment.spec import Experiment
from mnist_tui.report.complexity.breakdown import FORMATS, complexity_in_format
from mnist_tui.report.tabular import tex_escaped
from tests.experiment.strategies import experiments


@pytest.mark.parametrize("name", STARTERS)
def test_the_table_fits_a_terminal_of_80_columns(name: str) -> None:
    text = complexity_in_format(find_preset(name).experiment, "table", title=name)
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_ends_with_one_line_end(form: str) -> None:
    text = complexity_in_format(find_preset("cnn").experiment, form, title="cnn")
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


def test_the_table_names_layers_sums_and_the_formula() -> None:
    text = complexity_in_format(find_preset("hog").experiment, "table")
    assert "7 × 7 cells × 8 orientations = 392" in text
    assert "392 × 200 = 78,400" in text
    assert "fully connected part: 80,400 weights and 210 biases behind 392 inputs" in text
    assert "parameters: 80,610 = 80,400 weights + 210 biases" in text


@given(experiments())
def test_the_csv_holds_the_documents_numbers(experiment: Experiment) -> None:
    complexity = of(experiment)
    doc = to_document(complexity)
    rows = list(csv.DictReader(io.StringIO(complexity_in_format(experiment, "csv"))))
    layers = [row for row in rows if row["kind"] != "sum"]
    for key in ("weights", "biases", "other", "trainable", "non_trainable", "macs", "inputs"):
        assert [int(row[key]) for row in layers] == [layer[key] for layer in doc["layers"]]
    dense, total = [row for row in rows if row["kind"] == "sum"]
    assert (int(dense["weights"]), int(dense["biases"])) == (doc["dense_weights"], doc["dense_biases"])
    assert all(int(total[key]) == doc[key] for key in ("weights", "biases", "other", "trainable", "macs"))


def test_the_json_is_the_document() -> None:
    experiment = find_preset("fashion").experiment
    assert json.loads(complexity_in_format(experiment, "json")) == to_document(of(experiment))


def test_the_markdown_is_a_table_with_as_many_cells_in_every_row() -> None:
    experiment = find_preset("cnn").experiment
    tokens = MarkdownIt("commonmark").enable("table").parse(complexity_in_format(experiment, "md", title="a | b"))
    rows = [token for token in tokens if token.type == "tr_open"]
    cells = [token for token in tokens if token.type in ("td_open", "th_open")]
    assert len(rows) == 1 + len(of(experiment).layers) + 2
    assert len(cells) == 10 * len(rows)
    assert next(token.content for token in tokens if token.type == "inline") == r"a \| b"


def test_tex_escapes_what_latex_would_read_as_its_own() -> None:
    assert tex_escaped("a_b & 5% of {x}^2") == r"a\_b \& 5\% of \{x\}\textasciicircum{}2"
    text = complexity_in_format(find_preset("raw").experiment, "tex", title="50% _off_")
    assert r"\caption{50\% \_off\_}" in text
    assert r"784 \ensuremath{\times} 250 & 196\,000" in text
