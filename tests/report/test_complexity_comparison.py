"""Models side by side: the numbers are each model's own, and the sentences follow from them."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from mnist_tui.experiment.complexity import of
from mnist_tui.experiment.preset_files import STARTERS
from mnist_tui.experiment.presets import find_preset
from mnist_tui.report.complexity import breakdown, comparison
from mnist_tui.report.complexity.comparison import ComparedModel, comparison_sentences, comparison_table
from mnist_tui.report.tabular import SYMBOLS, tex_escaped
from mnist_tui.runs.collection.seed_groups import summary
from tests.experiment.texts import with_text
from tests.report.reading import compile_latex


def model(preset: str, accuracy: float | None = None, *, hidden: str = "", name: str = "") -> ComparedModel:
    experiment = find_preset(preset).experiment
    experiment = with_text(experiment, "hidden", hidden) if hidden else experiment
    return ComparedModel(name or preset, of(experiment), experiment, summary([accuracy]))


STARTING = [model(name) for name in STARTERS]


def test_each_row_has_its_models_numbers() -> None:
    headings, *rows = comparison_table([model("raw"), model("cnn")])
    raw, cnn = (dict(zip(headings, row, strict=True)) for row in rows)
    assert (raw["parameters"], raw["weights"], raw["biases"], raw["inputs"]) == ("198,760", "198,500", "260", "784")
    assert (cnn["convolutions (filters)"], cnn["dense hidden layers (neurons)"]) == ("9-9-16", "25")
    assert (cnn["fully connected, weights"], raw["convolutions (filters)"]) == ("3,850", "none")
    assert (cnn["MACs an image"], cnn["memory (float32)"]) == ("640,654", "29.9 kB")
    assert "test accuracy" not in headings
    assert "dataset" not in headings


def test_depth_is_set_against_parameters() -> None:
    words = " ".join(comparison_sentences([model("raw"), model("cnn"), model("raw", hidden="300x300", name="two")]))
    assert "With 328,810 parameters, two has the most, 44 times as many as cnn, which has the fewest, 7,465." in words
    assert "cnn has the most hidden layers, 4 (3 convolutions, 1 dense), and 7,465 parameters" in words
    assert "fewer than raw (1 hidden layer, 198,760) and two (2 hidden layers, 328,810)" in words


def test_the_same_parameters_in_one_layer_are_nearly_as_many() -> None:
    deep = model("raw", hidden="200x200x200", name="deep")
    words = " ".join(comparison_sentences([deep, model("raw")]))
    (neurons,) = (neurons for neurons in range(1, 1000) if f"would have about {neurons} neurons:" in words)
    assert f"{neurons} neurons: (784 + 1 + 10) × {neurons} + 10 = {795 * neurons + 10:,} parameters." in words
    as_many = [of(with_text(deep.experiment, "hidden", str(neurons + more))).total for more in (-1, 0, 1)]
    assert min(as_many, key=lambda total: abs(total - deep.complexity.total)) == as_many[1]


def test_equal_depths_are_called_so() -> None:
    words = comparison_sentences([model("raw"), model("hog")])[0]
    assert words.endswith(
        "These models cannot answer it: all have 1 hidden layer; they differ in the inputs and the "
        "sizes of their layers."
    )
    sizes = [model("raw", hidden=str(units), name=str(units)) for units in (50, 100)]
    assert comparison_sentences(sizes)[0].endswith("they differ in the sizes of their layers.")


def test_the_answer_comes_first_with_its_reason_and_a_counterexample() -> None:
    words = comparison_sentences(STARTING)[0]
    assert words.startswith(f"{comparison.QUESTION} No, not in general: cnn has the most hidden layers")
    assert "the convolutions have only 3,546 weights, and pooling leaves its dense part only 144 inputs." in words
    assert "But fashion (2 hidden layers) has 2.2 times as many parameters as hog (1 hidden layer)" in words
    assert "1,764 × 100 = 176,400 weights" in words
    assert "? No: cnn has" in comparison_sentences([model("raw"), model("cnn")])[0]
    deep = model("raw", hidden="300x300", name="two")
    assert "? Here, yes: two has" in comparison_sentences([model("raw"), deep])[0]


def test_the_most_accurate_model_is_named() -> None:
    models = [model("raw", 0.9762), model("hog", 0.9841), model("cnn", 0.98)]
    assert comparison_sentences(models)[-1] == "Of those tested, hog is the most accurate, 98.41 %."
    assert "most accurate" not in " ".join(comparison_sentences([model("raw", 0.9762), model("cnn")]))


def test_accuracies_of_different_data_are_not_ranked() -> None:
    models = [model("raw", 0.97), model("fashion", 0.9)]
    words = " ".join(comparison_sentences(models))
    assert "different datasets (fashion-mnist and mnist) and cannot be compared" in words
    assert "most accurate" not in words
    assert comparison_table(models)[0][1] == "dataset"


@pytest.mark.parametrize("form", comparison.COMPARISON_FORMATS)
def test_every_format_ends_with_one_line_end(form: str) -> None:
    text = comparison.comparison_in_format(STARTING, form)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


def in_csv(value: object) -> str:
    return "" if value is None else "-".join(map(str, value)) if isinstance(value, list) else str(value)


def test_documents_have_the_same_numbers_in_json_and_csv() -> None:
    models = [model("raw", 0.97), model("cnn")]
    doc = json.loads(comparison.comparison_in_format(models, "json"))
    rows = list(csv.DictReader(io.StringIO(comparison.comparison_in_format(models, "csv"))))
    assert [one["total"] for one in doc["models"]] == [198_760, 7_465]
    assert [[in_csv(value) for value in one.values()] for one in doc["models"]] == [list(row.values()) for row in rows]


def test_the_markdown_shows_a_name_as_it_is() -> None:
    name = "50% | _x_ <b>"
    tokens = (
        MarkdownIt("commonmark")
        .enable("table")
        .parse(comparison.comparison_in_format([model("raw", name=name), model("hog")], "md"))
    )
    cells = [token for token in tokens if token.type == "inline"]
    shown = ["".join(part.content for part in cell.children or ()) for cell in cells]
    assert name in shown


def test_models_beyond_a_pages_width_are_in_further_latex_tables() -> None:
    names = [f"model{number}" for number in range(8)]
    text = comparison.comparison_in_format([model("raw", 0.9, name=name) for name in names], "tex")
    heads = [line for line in text.splitlines() if line.startswith("model &")]
    assert [head.removesuffix(r" \\").split(" & ")[1:] for head in heads] == [names[:5], names[5:]]
    assert text.count("Of those tested, ") == 1


LETTERS = [chr(code) for span in ((0xA0, 0x180), (0x370, 0x400), (0x2010, 0x2030)) for code in range(*span)]


def test_any_letter_compiles_in_plain_latex(tmp_path: Path) -> None:
    titles = ["Modèle α ≤ 中 e\u0301 🙂 ﬁ \x07", *LETTERS, *SYMBOLS, "²³ x₁"]
    source = [
        "\\documentclass{article}",
        "\\begin{document}",
        *map(tex_escaped, titles),
        breakdown.complexity_in_format(STARTING[0].experiment, "tex", title=titles[0]),
        "\\end{document}",
    ]
    compiled(tmp_path, source)


def test_the_tables_compile_in_plain_latex_and_fit_the_page(tmp_path: Path) -> None:
    title = "50% \\alpha & <b>x</b> $1 #_{}~^"
    tables = [breakdown.complexity_in_format(one.experiment, "tex", title=title) for one in STARTING]
    tables.append(
        comparison.comparison_in_format(
            [*STARTING, replace(model("raw", name="50% & _x_"), scores=summary([0.96, 0.98] * 5))], "tex"
        )
    )
    tables.append(comparison.comparison_in_format([*STARTING, *STARTING], "tex"))
    source = ["\\documentclass[a4paper,11pt]{article}", "\\begin{document}", *tables, "\\end{document}"]
    assert "Overfull" not in compiled(tmp_path, source)


def compiled(folder: Path, source: list[str]) -> str:
    """Compile the lines of a LaTeX document and return the log."""
    (folder / "a.tex").write_text("\n".join(source), encoding="utf-8")
    return compile_latex(folder / "a.tex", "a")
