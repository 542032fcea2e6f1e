"""The contents of a report: its Markdown, read by markdown-it, and the figures that it names."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from mnist_tui.report.contents.documents import build_report
from mnist_tui.report.evidence import read_evidence
from mnist_tui.report.markdown import Report
from mnist_tui.report.result_words import number_ranges
from mnist_tui.runs.folder import Label, Launch, RunFolder, create, write_label
from tests.report.furnished import changed, furnished_run, scored, seed_runs
from tests.report.recorded import CREATED

READER = MarkdownIt("commonmark").enable("table")
MADE = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
IDS = re.compile(r" \{#([\w-]+)\}$")


def made(*folders: RunFolder, title: str = "Lab 4", author: str = "") -> Report:
    return build_report([read_evidence(folder) for folder in folders], title=title, author=author, timestamp=MADE)


def tables(text: str) -> list[list[list[str]]]:
    """All tables, as rows of cells as a reader sees them."""
    found: list[list[list[str]]] = []
    inside = False
    for token in READER.parse(text):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        inside = inside or token.type in ("td_open", "th_open")
        if inside and token.type == "inline":
            found[-1][-1].append("".join(child.content for child in token.children or []))
            inside = False
    return found


def facts(text: str, number: int = 0) -> dict[str, str]:
    """The values by labels of all tables with two columns; of equal labels, the value with this number, from 0."""
    found: dict[str, list[str]] = {}
    for row in (row for table in tables(text) for row in table if len(row) == 2):
        found.setdefault(row[0], []).append(row[1])
    return {label: values[min(number, len(values) - 1)] for label, values in found.items()}


def headings(text: str) -> list[str]:
    tokens = READER.parse(text)
    return [after.content for token, after in pairwise(tokens) if token.type == "heading_open"]


def quotes(text: str) -> list[str]:
    """The text of quotation blocks, as a reader sees it."""
    found: list[str] = []
    for part in re.findall(r"^> .*$", text, re.MULTILINE):
        found += ["".join(c.content for c in token.children or []) for token in READER.parse(part) if token.children]
    return found


def column(table: Sequence[Sequence[str]], heading: str) -> list[str]:
    at = table[0].index(heading)
    return [row[at] for row in table[1:]]


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Report:
    runs = tmp_path_factory.mktemp("runs")
    presets = [changed(name, epochs="3") for name in ("raw", "hog", "cnn", "fashion")]
    return made(*(furnished_run(runs, preset) for preset in presets))


def test_every_link_leads_to_a_heading_and_every_figure_is_drawn_once(four: Report) -> None:
    ids = [found[1] for heading in headings(four.markdown) if (found := IDS.search(heading))]
    links = re.findall(r"\]\(#([\w-]+)\)", four.markdown)
    assert len(ids) == len(set(ids))
    assert set(links) <= set(ids)
    assert {"run-1", "run-4", "model-1", "model-4", "experiment-1", "epochs-1"} <= set(links)
    shown = re.findall(r"^!\[.+\]\(figures/([\w-]+)\)\{alt=\".+\"\}$", four.markdown, re.MULTILINE)
    assert shown == list(dict.fromkeys(shown))
    assert sorted(shown) == sorted(drawing.name for drawing in four.drawings)
    assert {"run-1-history", "run-1-confusion", "run-1-mistakes", "run-1-weights", "model-3"} <= set(shown)


def test_the_summary_has_a_line_a_run(four: Report) -> None:
    table = tables(four.markdown)[0]
    assert column(table, "Run") == [f"{name} (3 epochs)" for name in ("raw", "hog", "cnn", "fashion")]
    assert column(table, "Parameters") == ["198,760", "80,610", "7,465", "177,600"]
    assert column(table, "Test accuracy (%)") == ["98.00"] * 4
    assert column(table, "Training accuracy (%)") == ["99.50"] * 4
    assert column(table, "Test loss") == ["0.0700"] * 4


def test_models_are_described_once_with_links_both_ways(tmp_path: Path) -> None:
    one = furnished_run(tmp_path, changed("raw", epochs="3"))
    same_network = furnished_run(tmp_path, changed("raw", epochs="3", optimizer="adam"))
    other = furnished_run(tmp_path, changed("raw", epochs="3", hidden="100"))
    text = made(one, same_network, other).markdown
    assert column(tables(text)[0], "Model") == ["1", "1", "2"]
    models = text.split("# Model architectures")[1]
    assert "## Model 1 – 784-250-10 {#model-1}" in models
    assert "## Model 2 – 784-100-10 {#model-2}" in models
    used = models.split("## Model 2")[0]
    assert "](#run-1)" in used
    assert "](#run-2)" in used
    assert "](#run-3)" not in used
    assert facts(text)["Model"] == "model 1, 198,760 parameters"
    layers = next(table for table in tables(models) if table[0][:2] == ["№", "Layer (type)"])
    assert column(layers, "Inbound layer") == ["", "input", "flatten_1", "dense_1", "dropout_1"]


def test_networks_stand_side_by_side_each_by_its_most_accurate_run(tmp_path: Path) -> None:
    runs = [furnished_run(tmp_path, changed("raw", epochs="3", lr=rate)) for rate in ("0.01", "0.02")]
    scored(runs[1], 0.985)
    found = made(*runs, furnished_run(tmp_path, changed("cnn", epochs="3")))
    table = next(table for table in tables(found.markdown) if table[0][0] == "model")
    assert table[0][1:] == ["raw", "cnn"]
    rows = {row[0]: row[1:] for row in table}
    assert rows["parameters"] == ["198,760", "7,465"]
    assert rows["test accuracy"] == ["98.50 %", "98.00 %"]
    assert [drawing.name for drawing in found.drawings if drawing.name.startswith("capacity")] == ["capacity-1"]
    assert "# Comparison" not in made(*runs).markdown


def test_sample_data_are_another_dataset_than_the_one_of_the_same_name(tmp_path: Path) -> None:
    raw = furnished_run(tmp_path, changed("raw", epochs="3"))
    cnn = furnished_run(tmp_path, changed("cnn", epochs="3"), title="digits sample", sample=True)
    found = made(raw, cnn)
    table = next(table for table in tables(found.markdown) if table[0][0] == "model")
    assert {row[0]: row[1:] for row in table}["dataset"] == ["MNIST", "digits sample"]
    assert "different datasets (MNIST and digits sample) and cannot be compared" in found.markdown
    assert "most accurate of those tested" not in found.markdown
    assert not [drawing for drawing in found.drawings if drawing.name.startswith("capacity")]


def test_a_run_that_never_read_its_data_is_listed_with_the_other_runs(tmp_path: Path) -> None:
    raw = furnished_run(tmp_path, changed("raw", epochs="3"))
    dead = create(tmp_path, changed("cnn"), Launch(created=CREATED, command="mnist-tui train --preset cnn"))
    dead.write_status(replace(dead.status(), process_start=1.0))
    table = next(table for table in tables(made(raw, dead).markdown) if table[0][0] == "model")
    assert table[0][1:] == ["raw", "cnn (crashed)"]
    assert "dataset" not in [row[0] for row in table]
    folder = create(tmp_path, changed("cnn", dataset="/home/ada/my-images"), Launch(created=CREATED, command=""))
    table = next(table for table in tables(made(raw, folder).markdown) if table[0][0] == "model")
    assert {row[0]: row[1:] for row in table}["dataset"] == ["MNIST", "my-images"]


def test_the_state_of_an_unfinished_run_is_beside_its_accuracy(tmp_path: Path) -> None:
    stopped = furnished_run(tmp_path, changed("raw"), state="stopped", reason="stopped")
    table = next(
        table
        for table in tables(made(stopped, furnished_run(tmp_path, changed("cnn", epochs="3"))).markdown)
        if table[0][0] == "model"
    )
    assert table[0][1:] == ["raw (stopped)", "cnn"]


def test_seeds_share_a_section_with_mean_and_deviation_of_the_sample(tmp_path: Path) -> None:
    runs = seed_runs(tmp_path, range(3))
    for run, accuracy in zip(runs, (0.96, 0.98, 0.97), strict=True):
        scored(run, accuracy)
    single = furnished_run(tmp_path, changed("raw", epochs="3"))
    text = made(single, *runs).markdown
    assert "## Run 1 – raw (3 epochs) {#run-1}" in text
    assert "## Runs 2–4 – hog (3 epochs) {#run-2}" in text
    assert column(tables(text)[0], "Run")[1:] == ["hog, seed 0", "hog, seed 1", "hog, seed 2"]
    assert "97.00 ± 1.00" in tables(text)[1][1]
    seeds = next(table for table in tables(text) if table[0][:2] == ["№", "Seed"])
    assert column(seeds, "Test accuracy (%)") == [
        "96.00",
        "98.00",
        "97.00",
        "97.00",
        "1.00",
        "94.52 to 99.48",
        "96.00",
        "98.00",
    ]
    assert "Over the three seeds 0 to 2 hog (3 epochs) reached a mean test accuracy of 97.00 %" in text
    assert "Seeds in pairs" not in text
    assert "those of run 4, the one with the median" in text
    assert text.count("\n### Dataset\n") == 2


def test_a_seed_that_ran_twice_counts_once_and_a_run_that_stopped_does_not(tmp_path: Path) -> None:
    first, second = seed_runs(tmp_path, range(2))
    again = furnished_run(tmp_path, changed("hog", epochs="3"), created=CREATED + 100)
    stopped = furnished_run(
        tmp_path, changed("hog", epochs="3", seed="2"), state="stopped", reason="stopped", created=CREATED + 3
    )
    text = made(first, second, again, stopped).markdown
    seeds = next(table for table in tables(text) if table[0][:2] == ["№", "Seed"])
    counted = dict(zip(column(seeds, "№"), column(seeds, "State"), strict=True))
    assert (counted["1"], counted["2"], counted["3"]) == ("finished, not counted", "finished", "finished")
    assert counted["4"] == "stopped, not counted"
    assert tables(text)[1][1][2] == "2"


def test_a_group_of_which_no_run_counts_has_no_middle(tmp_path: Path) -> None:
    runs = [
        furnished_run(tmp_path, changed("hog", epochs="3", seed=seed), state="stopped", reason="stopped")
        for seed in ("0", "1")
    ]
    text = made(*runs).markdown
    assert "below are those of run 1.\n" in text
    assert tables(text)[1][1][2] == "0"


def test_a_finished_run_whose_scores_are_lost_is_not_counted(tmp_path: Path) -> None:
    runs = seed_runs(tmp_path, range(4))
    for run, accuracy in zip(runs, (0.96, 0.97, 0.98, 0.99), strict=True):
        scored(run, accuracy)
    runs[1].results_file.unlink()
    text = made(*runs).markdown
    assert tables(text)[1][1][2] == "3"
    seeds = next(table for table in tables(text) if table[0][:2] == ["№", "Seed"])
    assert column(seeds, "State")[:4] == ["finished", "finished, not counted", "finished", "finished"]
    assert "those of run 3, the one with the median" in text


def test_published_figures_stand_beside_ours_with_their_source(tmp_path: Path) -> None:
    source, other = furnished_run(tmp_path, changed("hog", seed="5")), furnished_run(tmp_path, changed("hog", lr="1"))
    text = made(source, other).markdown
    assert column(tables(text)[0], "Published accuracy (%)") == ["98.41", "–"]
    rows = tables(text)[1][1:]
    source = "ARN – Report – Labo04 (labo04-hog-sigmoid-ppc4)"
    assert rows == [["1", source, "98.41", "98.00", "−0.41", "0.0540", "0.0700", "+0.0160"]]


def test_optimizer_loss_and_schedule_have_papers_and_formulas(tmp_path: Path) -> None:
    preset = changed("cnn", optimizer="adam", schedule="exp:15:0.05", lr="0.00001", patience="7", epochs="3")
    text = made(furnished_run(tmp_path, preset)).markdown
    told = facts(text)
    assert told["Optimizer"] == "Adam (Kingma and Ba, 2015)"
    assert (told["Beta 1"], told["Beta 2"], told["Epsilon"], told["Amsgrad"]) == ("0.9", "0.999", "1e-07", "no")
    assert r"$\eta_e = 1 \cdot 10^{-5} \cdot \exp(0.05 \cdot (15 - e))$" in text
    assert r"$$L = -\frac{1}{n} \sum_{i=1}^{n} \sum_{k=1}^{10} y_{ik} \ln \hat{y}_{ik}$$" in text
    assert told["Early stopping"].startswith("on val_loss, patience 7 epochs")
    assert told["Time per epoch, with evaluation"] == "1.50 s (median); the first 1.50 s"
    assert told["SHA-256, train images"] == "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"


def test_regularisation_names_its_layers(tmp_path: Path) -> None:
    told = facts(made(furnished_run(tmp_path, changed("raw", epochs="3", optimizer="adamw"))).markdown)
    assert told["Regularisation"] == (
        "dropout, rate 0.5 in dropout_1 (Srivastava et al., 2014); "
        "weight decay 0.004, decoupled (Loshchilov and Hutter, 2019)"
    )


def test_notices_about_the_figures_are_at_the_head(tmp_path: Path) -> None:
    sample = furnished_run(tmp_path, title="digits sample", sample=True)
    stopped = furnished_run(tmp_path, changed("hog"), state="stopped", reason="stopped in epoch 3", sample=True)
    broken = furnished_run(tmp_path, changed("cnn"))
    broken.results_file.unlink()
    text = made(sample, stopped, broken).markdown
    head = quotes(text.split("# Summary")[0])
    assert any(line.startswith("Runs 1 and 2: The data are the bundled digits sample") for line in head)
    assert any(line.startswith("Run 2: This run was stopped") and "stopped in epoch 3" in line for line in head)
    assert any(line.startswith("Run 3: results.json is not there") for line in head)
    section = text.split("{#run-2}")[1].split("###")[0]
    assert any(line.startswith("This run was stopped") for line in quotes(section))


def test_a_run_that_never_got_to_its_data_is_reported_as_far_as_it_is_known(tmp_path: Path) -> None:
    folder = create(tmp_path, changed("raw"), Launch(created=CREATED, command="mnist-tui train --preset raw"))
    folder.write_status(replace(folder.status(), process_start=1.0))
    found = made(folder)
    assert "worker process died unexpectedly" in quotes(found.markdown)[0]
    assert "No epoch ended, or none was recorded." in found.markdown
    assert [drawing.name for drawing in found.drawings] == ["model-1"]
    assert facts(found.markdown)["Name"] == "mnist"


@pytest.mark.parametrize("absent", ["events.jsonl", "results.json", "predictions.npz", "launch.json", "status.json"])
def test_a_report_is_made_whatever_is_missing(tmp_path: Path, absent: str) -> None:
    run = furnished_run(tmp_path)
    (run.path / absent).unlink()
    text = made(run).markdown
    expected = absent != "status.json"
    assert any(line.startswith(absent) for line in quotes(text)) is expected
    assert ("Diagnosis" in headings(text)) is (absent != "events.jsonl")
    assert headings(text)[0] == "Summary"


def test_a_users_text_is_data(tmp_path: Path) -> None:
    wild = r"50% \alpha & <b>x</b> $1 #_{}~^ [a](#b) | `c`"
    names = (wild, "*c*", "_d_", "<e>", "[f](g)", "# h", "`i`", "1. j", "k & l", "![m](n)")
    run = furnished_run(tmp_path, class_names=names, title=wild)
    write_label(run, Label(wild, wild))
    found = made(run, title=wild, author=wild)
    assert (found.title, found.author) == (wild, wild)
    text = found.markdown
    assert facts(text)["Name"] == wild
    assert facts(text)["Note on run 1"] == wild
    assert f"Run 1 – {wild} {{#run-1}}" in [
        "".join(child.content for child in token.children or []) for token in READER.parse(text) if token.children
    ]
    classes = next(table for table in tables(text) if table[0][0] == "Class")
    assert column(classes, "Class") == list(names)
    kinds = {child.type for token in READER.parse(text) for child in token.children or []}
    assert "html_inline" not in kinds
    figures = [
        child.attrs["src"] for token in READER.parse(text) for child in token.children or [] if child.type == "image"
    ]
    assert all(str(source).startswith("figures/") for source in figures)


def test_experiments_and_short_histories_are_in_the_appendix_once(tmp_path: Path) -> None:
    preset = changed("raw", epochs="3")
    text = made(furnished_run(tmp_path, preset), furnished_run(tmp_path, preset)).markdown
    fences = [token for token in READER.parse(text) if token.type == "fence" and token.info == "toml"]
    assert len(fences) == 1
    assert "## Experiment 1 – runs 1 and 2 {#experiment-1}" in text
    epochs = [table for table in tables(text) if table[0][0] == "Epoch"]
    assert [len(table) - 1 for table in epochs] == [3, 3]


def test_a_folder_named_twice_is_reported_once(tmp_path: Path) -> None:
    run = furnished_run(tmp_path)
    (tmp_path / "again").symlink_to(run.path)
    assert len(tables(made(run, run, RunFolder(tmp_path / "again")).markdown)[0]) == 2


SCRIPT = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from mnist_tui.report.contents.documents import build_report
from mnist_tui.report.evidence import read_evidence
from mnist_tui.runs.folder import RunFolder
runs = [read_evidence(RunFolder(Path(path))) for path in sys.argv[1:]]
sys.stdout.write(build_report(runs, title="t", author="", timestamp=datetime(2026, 3, 1, tzinfo=UTC)).markdown)
heavy = {"tensorflow", "keras", "sklearn", "skimage", "matplotlib"} & set(sys.modules)
assert not heavy, heavy
"""


def test_the_same_runs_make_the_same_bytes_in_any_process_and_any_time_zone(tmp_path: Path) -> None:
    runs = [str(run.path) for run in (*seed_runs(tmp_path, range(2)), furnished_run(tmp_path))]
    texts = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT, *runs],
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone},
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    ]
    assert texts[0] == texts[1]
    assert b"2026-02-25 06:13:20 UTC" in texts[0]


@pytest.mark.parametrize(
    ("numbers", "words"),
    [([1], "1"), ([2, 1], "1 and 2"), ([1, 2, 3], "1–3"), ([1, 3, 5, 6, 7], "1, 3 and 5–7"), ([4, 5, 9], "4, 5 and 9")],
)
def test_numbers_in_words(numbers: list[int], words: str) -> None:
    assert number_ranges(numbers, "–") == words
