"""What the benchmarks write: sections of a Markdown file, and ratios of pairs."""

import numpy as np
import pytest

from tests.benchmarks import results
from tests.benchmarks.pairs import ratio


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FILE", tmp_path / "RESULTS.md")
    return results.FILE


def test_a_section_is_replaced_where_it_stands_and_a_new_one_goes_to_the_end(file):
    for section, body in (("one", "first"), ("two", "second"), ("one", "first again"), ("three", "third")):
        results.write(section, body)
    text = file.read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "# Benchmarks",
        "## one",
        "## two",
        "## three",
    ]
    assert "first\n" not in text
    assert results.body("one") == "first again"
    assert results.body("two") == "second"
    assert results.body("four") == ""


def test_a_section_names_machine_and_versions(file):
    results.write("one", "body", gpu="a GPU")
    facts, _, dated = results.machine("a GPU").rpartition(" · ")
    assert f"## one\n\n{facts} · {dated.partition(',')[0]}, load " in file.read_text(encoding="utf-8")
    assert "GPU a GPU" in results.machine("a GPU")
    assert "cores" in results.machine()


def test_a_body_measured_elsewhere_is_not_mixed_with_figures_of_this_machine(file):
    results.write("one", "body", gpu="a GPU")
    assert results.body("one", gpu="a GPU") == "body"
    assert results.body("one", gpu="another GPU") == ""


def test_ratios_have_the_median_and_quartiles_of_the_pairs():
    pairs = [(3.0, 1.0), (8.0, 2.0), (10.0, 2.0), (7.0, 1.0), (1.0, 1.0)]
    found = ratio(pairs)
    low, median, high = np.percentile([3, 4, 5, 7, 1], [25, 50, 75])
    assert (found.low, found.median, found.high) == (low, median, high)
    assert (found.first, found.second, found.pairs) == (7.0, 1.0, 5)
    assert str(ratio([(3.0, 2.0)])) == "1.50 (1.50–1.50)"
