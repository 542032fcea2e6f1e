"""The contents of a report: its Markdown, read by markdown-it, and the figures that it names."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from markdown_it import MarkdownIt
from scipy.stats import binomtest

from mnist_tui.errors import RequestError
from mnist_tui.report.contents.documents import build_report
from mnist_tui.report.contents.one_run import experiment_command
from mnist_tui.report.contents.parts import SECTION_PARTS, WHOLE_PARTS
from mnist_tui.report.evidence import read_evidence
from mnist_tui.report.markdown import Report, led
from mnist_tui.report.parts import PARTS, named_parts
from mnist_tui.report.result_words import number_ranges, score_difference
from mnist_tui.runs.event_log import EventLog
from mnist_tui.runs.events import Ended
from mnist_tui.runs.folder import Label, Launch, RunFolder, create, write_label
from mnist_tui.runs.scores import accuracy_interval
from mnist_tui.runs.statistics import NO_VALIDATION, statistics_of
from tests.present import present
from tests.report.furnished import changed, furnished_run, scored, seed_runs, with_statistics
from tests.report.recorded import CREATED
from tests.runs.sample_events import epoch

READER = MarkdownIt("commonmark").enable("table")
MADE = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def made(
    *folders: RunFolder, title: str = "Lab 4", author: str = "", full: bool = False, without: Collection[str] = ()
) -> Report:
    evidences = [read_evidence(folder) for folder in folders]
    return build_report(evidences, title=title, author=author, timestamp=MADE, full=full, without=without)


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


def headings(text: str) -> list[str]:
    tokens = READER.parse(text)
    return [after.content for token, after in pairwise(tokens) if token.type == "heading_open"]


def quotes(text: str) -> list[str]:
    """The text of quotation blocks, as a reader sees it."""
    found: list[str] = []
    for part in re.findall(r"^> .*$", text, re.MULTILINE):
        found += ["".join(c.content for c in token.children or []) for token in READER.parse(part) if token.children]
    return found


def captioned(text: str, anchor: str) -> list[list[str]]:
    """The table whose caption has this anchor."""
    return tables(text.split(f"{{#{anchor}}}\n", 1)[1])[0]


def column(table: Sequence[Sequence[str]], heading: str) -> list[str]:
    at = table[0].index(heading)
    return [row[at] for row in table[1:]]


STARTERS = ("raw", "hog", "cnn", "fashion")


@pytest.fixture(scope="module")
def starters(tmp_path_factory: pytest.TempPathFactory) -> list[RunFolder]:
    runs = tmp_path_factory.mktemp("runs")
    return [furnished_run(runs, changed(name, epochs="3")) for name in STARTERS]


@pytest.fixture(scope="module")
def four(starters: list[RunFolder]) -> Report:
    return made(*starters)


@pytest.mark.parametrize(("full", "without"), [(False, ()), (True, ()), (False, tuple(PARTS))])
def test_every_reference_leads_to_something_and_every_table_and_figure_is_referred_to(
    starters: list[RunFolder], full: bool, without: tuple[str, ...]
) -> None:
    report = made(*starters, full=full, without=without)
    ids = re.findall(r" \{#([\w-]+)\}$", report.markdown, re.MULTILINE)
    shown = re.findall(r"^!\[.+\]\(figures/([\w-]+)\)\{alt=\".+\"\}$", report.markdown, re.MULTILINE)
    works = re.findall(r"\(anchor:([\w-]+)\)", report.markdown)
    links = set(re.findall(r"\]\(#([\w-]+)\)", report.markdown))
    anchors = [*ids, *works, *(f"fig-{name}" for name in shown)]
    assert len(anchors) == len(set(anchors))
    assert not links - set(anchors)
    assert {"run-1", "run-4", "model-1", "model-4", "comparison"} <= links
    assert not {anchor for anchor in anchors if anchor.startswith(("tab-", "fig-"))} - links
    assert sorted(shown) == sorted(drawing.name for drawing in report.drawings)


def test_a_part_that_is_left_out_is_nowhere_in_the_report(starters: list[RunFolder]) -> None:
    whole, short = (made(*starters, without=without).markdown for without in ((), ("pairs",)))
    assert "McNemar" in whole
    assert "McNemar" not in short
    assert "Holm" not in short
    assert "95 % interval of" in short


def test_parts_are_named_with_commas_and_an_unknown_one_is_refused() -> None:
    assert named_parts("pairs, Statistics,pairs") == ("pairs", "statistics")
    assert PARTS.keys() >= {*SECTION_PARTS, *WHOLE_PARTS}
    with pytest.raises(RequestError, match="no part 'pears'; did you mean pairs"):
        named_parts("pears")
    with pytest.raises(RequestError, match="no part is named"):
        named_parts(" ,")


def test_the_chapters_are_in_the_order_of_the_labs_questions(four: Report) -> None:
    chapters = re.findall(r"^# (.+?) \{#", four.markdown, re.MULTILINE)
    wanted = (
        "Summary",
        "Model complexity",
        "Capacity: deep against shallow",
        "Performance",
        "Comparison",
        "References",
    )
    assert [chapter for chapter in chapters if chapter in wanted] == list(wanted)


def test_one_run_has_no_comparison_and_no_capacity(starters: list[RunFolder]) -> None:
    text = made(starters[0]).markdown
    assert "# Performance" in text
    assert "# Comparison" not in text
    assert "# Capacity" not in text


def paragraphs(text: str) -> list[str]:
    """The paragraphs, captions and notices, without tables, code and the list of references; numbers are anchors."""
    chapters = re.sub(r"\[\]\(#([\w-]+)\)", r"\1", text.split("# References", maxsplit=1)[0])
    captions = re.findall(r"^!\[(.+)\]\(figures", chapters, re.MULTILINE)
    tokens = [
        token for token in READER.parse(chapters) if token.type == "inline" and not token.content.startswith("![")
    ]
    shown = ["".join(child.content for child in token.children or []) for token in tokens]
    return [words for words in [*shown, *captions] if words.endswith((".", ":")) and len(words.split()) > 4]


def test_no_paragraph_and_outside_of_the_models_no_sentence_stands_in_a_report_twice(four: Report) -> None:
    told = Counter(paragraphs(four.markdown))
    assert len(told) > 30
    assert not [words for words, times in told.items() if times > 1]
    before, models = four.markdown.split("# Model complexity")
    shared, sections = models.partition("# Capacity")[2].split("## Run 1", maxsplit=1)
    others = paragraphs(f"{before}# {shared}# {sections.partition('# Comparison')[2]}")  # these four runs end alike
    sentences = Counter(sentence for words in others for sentence in re.split(r"(?<=[.?]) (?=[A-Z])", words))
    assert not [sentence for sentence, times in sentences.items() if times > 1 and len(sentence.split()) > 4]


def test_no_row_of_facts_stands_in_a_report_twice(starters: list[RunFolder]) -> None:
    text = made(*starters, full=True).markdown
    hashes = [row[1] for table in tables(text) for row in table if re.fullmatch("[0-9a-f]{64}", row[-1])]
    assert len(hashes) == len(set(hashes)) == 4
    facts_at = [tuple(row) for table in tables(made(*starters).markdown) for row in table if len(row) == 2 and row[0]]
    assert len(facts_at) == len(set(facts_at))


def test_every_figure_of_the_summarys_table_is_that_of_the_results(starters: list[RunFolder], four: Report) -> None:
    headings, *rows = captioned(four.markdown, "tab-runs")
    for folder, cells in zip(starters, rows, strict=True):
        row, results = dict(zip(headings, cells, strict=True)), json.loads(folder.results_file.read_text())
        low, high = (100 * end for end in accuracy_interval(results["test"]["accuracy"], 10_000) or ())
        assert row["Test accuracy (%)"] == f"{100 * results['test']['accuracy']:.2f}"
        assert row["95 % interval (%)"] == f"{low:.2f} to {high:.2f}"
        assert row["Test loss"] == f"{results['test']['loss']:.4f}"
        assert row["Macro F1 (%)"] == f"{100 * results['test']['macro_f1']:.2f}"
        assert row["Training accuracy (%)"] == f"{100 * results['train']['accuracy']:.2f}"
        assert row["Epochs"] == str(results["epochs_run"])
    assert [row[headings.index("Name")] for row in rows] == list(STARTERS)
    assert [row[headings.index("Parameters")] for row in rows] == ["198,760", "80,610", "7,465", "177,600"]


def test_the_facts_that_all_runs_share_stand_in_one_table_and_the_others_side_by_side(four: Report) -> None:
    shared = dict(captioned(four.markdown, "tab-facts"))
    assert shared["Dataset"] == "MNIST"
    assert shared["Validation images"] == "the test images; none are held out of the training images"
    assert shared["Software"] == "Python 3.11.9, TensorFlow 2.21.0, Keras 3.12.0"
    headings, *rows = captioned(four.markdown, "tab-differences-1")
    differing = {row[0]: row[1:] for row in rows}
    assert headings[1:] == [f"Run {at} ({name})" for at, name in enumerate(STARTERS, 1)]
    assert differing["Batch size"] == [f"{size} images" for size in ("4,096", "512", "256", "4,096")]
    assert differing["Network"][2] == "convolutions 9-9-16, dense 144-25-10"
    assert "Conv. activation" not in differing  # only two of the networks have it
    assert not {label for label in differing if "accuracy" in label}  # they stand in the summary
    assert not shared.keys() & differing.keys()


def test_the_validation_on_the_test_images_is_said_with_a_way_out(tmp_path: Path) -> None:
    text = made(furnished_run(tmp_path, changed("raw", epochs="3"))).markdown
    assert "with ` --validation 0.1 ` added to its command" in text
    assert "validation on the test images; lowest validation loss at epoch 3" in text
    assert "No epoch was chosen on them: the weights after the last planned epoch are evaluated" in text
    stopping = furnished_run(tmp_path / "early", changed("raw", epochs="3", patience="2"))
    assert "Early stopping chose the last epoch on them" in made(stopping).markdown
    held_out = made(furnished_run(tmp_path, changed("raw", epochs="3", validation="0.1"))).markdown
    assert "--validation" not in held_out
    assert "No epoch was chosen" not in held_out
    assert "validation on images held out of training" in held_out


def test_a_run_that_still_improved_is_said_to_improve_at_the_head_of_its_section(tmp_path: Path) -> None:
    short = furnished_run(tmp_path, changed("raw", epochs="12"))
    lines = short.events_file.read_text(encoding="utf-8").splitlines(keepends=True)
    short.events_file.write_text("".join(line for line in lines if '"epoch"' not in line), encoding="utf-8")
    log = EventLog(short.events_file)
    for number in range(1, 13):
        log.append(epoch(number, time=20.0 + number, loss=1 / number, val_loss=0.5 / number, val_accuracy=0.95))
    log.append(Ended(time=40.0, state="finished", reason="done", test_loss=0.07, test_accuracy=0.98, macro_f1=0.98))
    log.close()
    text = made(short, furnished_run(tmp_path, changed("hog", epochs="3"))).markdown
    section = text.split("{#run-1}")[1].split("{#run-2}")[0]
    assert quotes(section)[0].startswith("Still improving: the validation loss was falling when the training ended.")
    assert "cannot be said" in quotes(section)[0]
    assert "All well" not in text
    assert not quotes(text.split("{#run-2}")[1].split("{#comparison}")[0])


def test_runs_that_differ_in_one_setting_are_comparable(tmp_path: Path) -> None:
    runs = [furnished_run(tmp_path, changed("hog", epochs="3", hidden=hidden)) for hidden in ("50", "100", "200")]
    text = made(*runs).markdown
    assert "Runs 1–3 differ only in network, so that a difference in their scores" in text
    assert "not comparable" not in text


def test_runs_that_differ_in_more_are_not_comparable_as_they_stand(tmp_path: Path) -> None:
    raw = furnished_run(tmp_path, changed("raw", epochs="3"))
    other = furnished_run(tmp_path, changed("raw", epochs="3", lr="0.01", dropout="0.2"))
    longer = furnished_run(tmp_path, changed("raw", epochs="5"))
    assert "Runs 1 and 2 differ in dropout and learning rate. They are not comparable" in made(raw, other).markdown
    assert "Runs 1 and 2 differ only in epochs. They are not comparable as they stand" in made(raw, longer).markdown
    networks = [furnished_run(tmp_path, changed(name, epochs="3")) for name in ("raw", "cnn")]
    text = made(*networks).markdown
    everything = "batch size, network, activation and dropout"
    assert f"Runs 1 and 2 differ in {everything}. They are not comparable" in text
    rows = captioned(text, "tab-differences-1")[1:]
    assert [row[0].lower() for row in rows][:4] == everything.replace(" and", ",").split(", ")
    again = furnished_run(tmp_path, changed("raw", epochs="3"))
    assert "Runs 1 and 2 have the same settings" in made(raw, again).markdown


def predicted(folder: RunFolder, wrong: Iterable[int]) -> RunFolder:
    """Let the run classify these of its 10,000 test images as the next class, and all others correctly."""
    labels = np.repeat(np.arange(10, dtype=np.uint8), 1000)
    chosen = np.array(sorted(wrong), np.int32)
    answers = labels.copy()
    answers[chosen] = (labels[chosen] + 1) % 10
    np.savez_compressed(
        folder.predictions_file,
        probabilities=np.eye(10, dtype=np.float32)[answers],
        labels=labels,
        misclassified=chosen,
        misclassified_images=np.zeros((len(chosen), 28, 28), np.uint8),
    )
    return folder


def test_networks_that_see_hog_features_are_named_with_the_papers(tmp_path: Path) -> None:
    raw, hog = (furnished_run(tmp_path, changed(name, epochs="3")) for name in ("raw", "hog"))
    assert "The inputs in run 2 are not pixels but histograms of oriented gradients (HOG)" in made(raw, hog).markdown
    alone = made(hog).markdown
    assert "The inputs are not pixels but" in alone
    assert all(f"anchor:ref-{key}" in alone for key in ("dalal2005", "lowe2004", "vanderwalt2014"))
    assert "dalal2005" not in made(raw).markdown


def test_two_networks_on_the_same_images_are_tested_by_mcnemar(tmp_path: Path) -> None:
    one = predicted(furnished_run(tmp_path, changed("raw", epochs="3")), range(100, 250))
    two = predicted(furnished_run(tmp_path, changed("raw", epochs="3", lr="0.01")), range(200, 300))
    three = predicted(furnished_run(tmp_path, changed("fashion", epochs="3", dataset="fashion-mnist")), range(5))
    text = made(one, two).markdown
    (row,) = captioned(text, "tab-tests")[1:]
    p = binomtest(50, 150).pvalue
    assert row[2:] == ["100", "50", "+0.50", "0.26 to 0.74", "< 0.0001" if p < 1e-4 else f"{p:.4f}".rstrip("0")]
    assert "If p is below 0.05, such unequal counts would be unlikely if both networks were equally accurate." in text
    assert "trained networks, not experiments" in text
    labelled = made(one, three)
    assert "tab-tests" in labelled.markdown  # the recorded data are those of one dataset
    three.predictions_file.unlink()
    assert "tab-tests" not in made(one, three).markdown


def test_equal_counts_of_wrong_images_may_be_chance(tmp_path: Path) -> None:
    one = predicted(furnished_run(tmp_path, changed("raw", epochs="3")), range(0, 60))
    two = predicted(furnished_run(tmp_path, changed("raw", epochs="3", lr="0.01")), range(5, 66))
    text = made(one, two).markdown
    assert captioned(text, "tab-tests")[1][2:6] == ["6", "5", "+0.01", "−0.06 to 0.08"]


def test_of_many_runs_only_the_most_accurate_one_is_tested_against_the_others(tmp_path: Path) -> None:
    runs = [
        predicted(furnished_run(tmp_path, changed("raw", epochs="3", lr=f"0.0{at}")), range(60 - 10 * at))
        for at in range(1, 6)
    ]
    rows = captioned(made(*runs).markdown, "tab-tests")[1:]
    assert [row[0].split()[1] for row in rows] == ["5"] * 4
    assert {row[1].split()[1] for row in rows} == {"1", "2", "3", "4"}


def test_the_details_of_a_run_stand_in_the_appendix_of_a_full_report_alone(starters: list[RunFolder]) -> None:
    short, full = made(starters[0]), made(starters[0], full=True)
    for said in (
        "MNIST, train images",
        "```toml",
        "Weights and biases by epoch",
        "What the rules of the diagnosis find",
    ):
        assert said not in short.markdown
        assert said in full.markdown
    assert {drawing.name for drawing in full.drawings} - {drawing.name for drawing in short.drawings} == {
        "run-1-weights"
    }
    sums = dict(captioned(full.markdown, "tab-checksums"))
    assert sums["MNIST, train images"] == "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
    assert dict(captioned(full.markdown, "tab-details-1"))["Run"] == starters[0].id
    headings, *classes = captioned(full.markdown, "tab-classes-1")
    assert headings[-3:] == ["ROC-AUC", "Average precision", "Images"]
    assert [*classes[7][:4], classes[7][-1]] == ["7", "98.00 %", "98.00 %", "98.00 %", "1,000"]
    found = present(read_evidence(starters[0]).statistics)
    assert classes[7][4:6] == [f"{found.roc_auc[7]:.4f}", f"{found.average_precision[7]:.4f}"]
    assert len(captioned(full.markdown, "tab-epochs-1")) == 4
    layers = captioned(full.markdown, "tab-model-1")
    assert column(layers, "Inbound layer") == ["", "input", "flatten_1", "dense_1", "dropout_1"]


def test_models_are_described_once_with_links_both_ways(tmp_path: Path) -> None:
    one = furnished_run(tmp_path, changed("raw", epochs="3"))
    same_network = furnished_run(tmp_path, changed("raw", epochs="3", optimizer="adam"))
    other = furnished_run(tmp_path, changed("raw", epochs="3", hidden="100"))
    text = made(one, same_network, other).markdown
    assert column(tables(text)[0], "Model") == ["1", "1", "2"]
    models = text.split("# Model complexity")[1]
    assert "## Model 1 – 784-250-10 {#model-1}" in models
    assert "## Model 2 – 784-100-10 {#model-2}" in models
    used = models.split("## Model 2")[0]
    assert "](#run-1)" in used
    assert "](#run-2)" in used
    assert "](#run-3)" not in used


def test_networks_stand_side_by_side_and_accuracy_against_parameters_for_the_best_run_of_each(tmp_path: Path) -> None:
    runs = [furnished_run(tmp_path, changed("raw", epochs="3", lr=rate)) for rate in ("0.01", "0.02")]
    scored(runs[1], 0.985)
    found = made(*runs, furnished_run(tmp_path, changed("cnn", epochs="3")))
    headings, *rows = captioned(found.markdown, "tab-capacity-1")
    assert headings[1:] == ["model 1", "model 2"]
    assert {row[0]: row[1:] for row in rows}["Parameters"] == ["198,760", "7,465"]
    (drawing,) = (drawing for drawing in found.drawings if drawing.name.startswith("capacity"))
    assert [row[:3] for row in drawing.data.rows] == [
        ("Run 2 (raw, lr 0.02)", 198_760, 0.985),
        ("Run 3 (cnn)", 7_465, 0.98),
    ]
    drawn = found.markdown.split("sets the accuracy of each network")[1].split("\n")
    assert drawn[1] == "" and drawn[2].startswith("![")
    assert "# Capacity" not in made(*runs).markdown


def test_sample_data_are_another_dataset_than_the_one_of_the_same_name(tmp_path: Path) -> None:
    raw = furnished_run(tmp_path, changed("raw", epochs="3"))
    cnn = furnished_run(tmp_path, changed("cnn", epochs="3"), title="digits sample", sample=True)
    found = made(raw, cnn)
    differing = {row[0]: row[1:] for row in captioned(found.markdown, "tab-differences-1")}
    assert differing["Dataset"] == ["MNIST", "digits sample"]
    words = "The scores of run 1 on the test images of MNIST and run 2 on the test images of digits sample cannot be"
    assert f"{words} compared" in found.markdown
    assert "is the most accurate" not in found.markdown
    assert not [drawing for drawing in found.drawings if drawing.name.startswith("capacity")]


def test_a_run_that_never_read_its_data_is_listed_with_the_other_runs(tmp_path: Path) -> None:
    raw = furnished_run(tmp_path, changed("raw", epochs="3"))
    dead = create(tmp_path, changed("cnn"), Launch(created=CREATED, command="mnist-tui train --preset cnn"))
    dead.write_status(replace(dead.status(), process_start=1.0))
    text = made(raw, dead).markdown
    assert column(captioned(text, "tab-runs"), "Name") == ["raw", "cnn, crashed"]
    assert "Dataset" in dict(row for row in captioned(text, "tab-facts"))
    folder = create(tmp_path, changed("cnn", dataset="/home/ada/my-images"), Launch(created=CREATED, command=""))
    text = made(raw, folder).markdown
    assert {row[0]: row[1:] for row in captioned(text, "tab-differences-1")}["Dataset"] == ["MNIST", "my-images"]


def test_seeds_share_a_section_with_mean_and_deviation_of_the_sample(tmp_path: Path) -> None:
    runs = seed_runs(tmp_path, range(3))
    for run, accuracy in zip(runs, (0.96, 0.98, 0.97), strict=True):
        scored(run, accuracy)
    single = furnished_run(tmp_path, changed("raw", epochs="3"))
    text = made(single, *runs).markdown
    assert "## Run 1 – Raw pixels: 784-250-10, tanh (3 epochs instead of 150) {#run-1}" in text
    assert "## Runs 2–4 – HOG features: 392-200-10, sigmoid (3 epochs instead of 100) {#run-2}" in text
    headings, _, group = captioned(text, "tab-runs")
    row = dict(zip(headings, group, strict=True))
    assert (row["Run"], row["Name"], row["Seeds counted"]) == ("2–4", "hog (3 epochs), seeds 0–2", "3")
    assert (row["Test accuracy (%)"], row["95 % interval (%)"]) == ("97.00 ± 1.00", "94.52 to 99.48")
    seeds = captioned(text, "tab-run-2-seeds")
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
    assert "tab-pairs" not in text
    assert "those of run 4, the one with the median" in text


def test_a_seed_that_ran_twice_counts_once_and_a_run_that_stopped_does_not(tmp_path: Path) -> None:
    first, second = seed_runs(tmp_path, range(2))
    again = furnished_run(tmp_path, changed("hog", epochs="3"), created=CREATED + 100)
    stopped = furnished_run(
        tmp_path, changed("hog", epochs="3", seed="2"), state="stopped", reason="stopped", created=CREATED + 3
    )
    text = made(first, second, again, stopped).markdown
    seeds = next(table for table in tables(text) if table[0][:2] == ["Run", "Seed"])
    counted = dict(zip(column(seeds, "Run"), column(seeds, "State"), strict=True))
    assert (counted["1"], counted["2"], counted["3"]) == ("finished, not counted", "finished", "finished")
    assert counted["4"] == "stopped, not counted"
    assert column(captioned(text, "tab-runs"), "Seeds counted") == ["2"]


def test_a_group_of_which_no_run_counts_has_no_middle(tmp_path: Path) -> None:
    runs = [
        furnished_run(tmp_path, changed("hog", epochs="3", seed=seed), state="stopped", reason="stopped")
        for seed in ("0", "1")
    ]
    text = made(*runs).markdown
    assert "The curves and the confusions are those of run 1.\n" in text
    assert column(captioned(text, "tab-runs"), "Seeds counted") == ["0"]


def test_a_finished_run_whose_scores_are_lost_is_not_counted(tmp_path: Path) -> None:
    runs = seed_runs(tmp_path, range(4))
    for run, accuracy in zip(runs, (0.96, 0.97, 0.98, 0.99), strict=True):
        scored(run, accuracy)
    runs[1].results_file.unlink()
    text = made(*runs).markdown
    assert column(captioned(text, "tab-runs"), "Seeds counted") == ["3"]
    seeds = next(table for table in tables(text) if table[0][:2] == ["Run", "Seed"])
    assert column(seeds, "State")[:4] == ["finished", "finished, not counted", "finished", "finished"]
    assert "those of run 3, the one with the median" in text


def test_published_figures_stand_beside_ours_with_their_source(tmp_path: Path) -> None:
    source, other = furnished_run(tmp_path, changed("hog", seed="5")), furnished_run(tmp_path, changed("hog", lr="1"))
    text = made(source, other).markdown
    rows = captioned(text, "tab-published")[1:]
    assert re.fullmatch(r"\[\d+\]", rows[0][1]) and len(rows) == 1
    assert [rows[0][0], *rows[0][2:]] == ["1", "98.41", "98.00", "−0.41", "0.0540", "0.0700", "+0.0160"]


def test_a_notice_is_at_the_head_of_the_report_if_all_runs_have_it_else_at_the_head_of_its_section(
    tmp_path: Path,
) -> None:
    sample = furnished_run(tmp_path, title="digits sample", sample=True)
    stopped = furnished_run(tmp_path, changed("hog"), state="stopped", reason="stopped in epoch 3", sample=True)
    broken = furnished_run(tmp_path, changed("cnn"))
    broken.results_file.unlink()
    text = made(sample, stopped, broken).markdown
    sections = [quotes(part) for part in re.split(r"\{#run-\d\}", text)[1:]]
    assert sections[0][0].startswith("The data are the bundled digits sample")
    assert any(line.startswith("This run was stopped") and "stopped in epoch 3" in line for line in sections[1])
    assert any(line.startswith("results.json is not there") for line in sections[2])
    assert quotes(made(sample, stopped).markdown.split("# Summary {#")[0]) == [sections[0][0]]


def test_a_run_that_never_got_to_its_data_is_reported_as_far_as_it_is_known(tmp_path: Path) -> None:
    folder = create(tmp_path, changed("raw"), Launch(created=CREATED, command="mnist-tui train --preset raw"))
    folder.write_status(replace(folder.status(), process_start=1.0))
    found = made(folder)
    assert "worker process died unexpectedly" in quotes(found.markdown)[0]
    assert "No epoch ended, or none was recorded." in found.markdown
    assert [drawing.name for drawing in found.drawings] == ["model-1"]
    assert dict(captioned(found.markdown, "tab-facts"))["Dataset"] == "mnist"


@pytest.mark.parametrize("absent", ["events.jsonl", "results.json", "predictions.npz", "launch.json", "status.json"])
def test_a_report_is_made_whatever_is_missing(tmp_path: Path, absent: str) -> None:
    run = furnished_run(tmp_path)
    (run.path / absent).unlink()
    text = made(run, full=True).markdown
    expected = absent != "status.json"
    assert any(line.startswith(absent) for line in quotes(text)) is expected
    assert ("the rules of the diagnosis find" in text) is (absent != "events.jsonl")
    assert headings(text)[0] == "Summary {#summary}"


def test_a_users_text_is_data(tmp_path: Path) -> None:
    wild = r"50% \alpha & <b>x</b> $1 #_{}~^ [a](#b) | `c`"
    names = (wild, "*c*", "_d_", "<e>", "[f](g)", "# h", "`i`", "1. j", "k & l", "![m](n)")
    run = furnished_run(tmp_path, class_names=names, title=wild)
    write_label(run, Label(wild, wild))
    found = made(run, title=wild, author=wild, full=True)
    assert (found.title, found.author) == (wild, wild)
    text = found.markdown
    assert dict(captioned(text, "tab-facts"))["Dataset"] == wild
    shown = ["".join(child.content for child in token.children or []) for token in READER.parse(text) if token.children]
    assert f"Note on run 1: {wild}" in shown
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
    text = made(furnished_run(tmp_path, preset), furnished_run(tmp_path, preset), full=True).markdown
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
from mnist_tui.errors import RequestError
from mnist_tui.report.contents.documents import build_report
from mnist_tui.report.contents.one_run import experiment_command
from mnist_tui.report.evidence import read_evidence
from mnist_tui.runs.folder import RunFolder
runs = [read_evidence(RunFolder(Path(path))) for path in sys.argv[1:]]
report = build_report(runs, title="t", author="", timestamp=datetime(2026, 3, 1, tzinfo=UTC), full=True)
sys.stdout.write(report.markdown)
heavy = {"tensorflow", "keras", "sklearn", "skimage", "matplotlib"} & set(sys.modules)
assert not heavy, heavy
"""


def test_the_same_runs_make_the_same_bytes_in_any_process_and_any_time_zone(tmp_path: Path) -> None:
    found = (*seed_runs(tmp_path, range(2)), furnished_run(tmp_path))
    runs = [str(with_statistics(run).path) for run in found]
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


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("mnist-tui train --preset raw --detach", "mnist-tui train --preset raw"),
        (
            "mnist-tui train --preset hog --hidden 50 --epochs 8 --set layers.0.units=50 --threads 1",
            "mnist-tui train --preset hog --hidden 50 --epochs 8",
        ),
        ("mnist-tui train --preset hog --set layers.0.units=200", "mnist-tui train --preset hog"),
        (
            "mnist-tui train --preset hog --hidden 50 --set layers.0.units=60",
            "mnist-tui train --preset hog --hidden 50 --set layers.0.units=60",
        ),
        (
            "mnist-tui train --preset 'my own.toml' --set optimizer.rho=0.8 --threads=2",
            "mnist-tui train --preset 'my own.toml' --set optimizer.rho=0.8",
        ),
    ],
)
def test_a_command_is_shown_without_what_is_no_part_of_the_experiment(given: str, shown: str) -> None:
    assert experiment_command(given) == shown


def test_the_time_of_an_epoch_times_the_epochs_is_the_training_time(tmp_path: Path) -> None:
    facts = dict(captioned(made(furnished_run(tmp_path, changed("raw", epochs="3"))).markdown, "tab-facts"))
    words = re.fullmatch(r"([\d.]+) s \(([\d.]+) s an epoch\)", facts["Training time, without evaluation"])
    assert words is not None
    assert float(words[1]) == pytest.approx(3 * float(words[2]), abs=0.02)


def test_a_difference_is_that_of_the_printed_values() -> None:
    assert score_difference("accuracy", 0.98965, 0.98054) == "+0.92 points"  # 98.97 and 98.05
    assert score_difference("loss", 0.051149, 0.05400) == "−0.0029"
    assert score_difference("accuracy", 0.98, 0.98) == "0.00 points"


def test_the_findings_about_a_run_stand_beside_its_figures(four: Report) -> None:
    section = four.markdown.split("{#run-2}")[1].split("{#run-3}")[0]
    found = [
        section.index(words)
        for words in (
            "**Fit** ([](#fig-run-2-history))**.**",
            "](figures/run-2-history)",
            "**Confusions** ([](#fig-run-2-confusion), [](#fig-run-2-mistakes))**.**",
            "](figures/run-2-confusion)",
            "](figures/run-2-mistakes)",
        )
    ]
    assert found == sorted(found)
    assert "wrongly" not in four.markdown.split("{#discussion}")[1]


def test_headings_leave_out_the_dropout_and_the_epochs_that_all_runs_share(tmp_path: Path) -> None:
    runs = [furnished_run(tmp_path, changed("hog", epochs="3", hidden=hidden)) for hidden in ("50", "200")]
    text = made(*runs).markdown
    assert "## Run 1 – HOG features: 392-50-10, sigmoid {#run-1}" in text
    assert "## Run 2 – HOG features: 392-200-10, sigmoid {#run-2}" in text
    other = furnished_run(tmp_path, changed("hog", epochs="4", hidden="9", dropout="0"))
    text = made(*runs, other).markdown
    assert "392-50-10, sigmoid (3 epochs instead of 100) {#run-1}" in text
    assert "392-9-10, sigmoid, no dropout (4 epochs instead of 100) {#run-3}" in text


def test_the_first_words_of_a_notice_are_bold() -> None:
    assert led("Still improving: the loss fell. Yes") == "**Still improving:** the loss fell. Yes"
    assert led("results.json is not there: gone") == "**results.json is not there:** gone"
    assert led("nothing more") == "**nothing more**"


def test_the_statistics_of_several_networks_stand_in_one_table_and_those_of_one_beside_their_calibration(
    starters: list[RunFolder], four: Report
) -> None:
    table = captioned(four.markdown, "tab-statistics")
    found = [present(statistics_of(folder)) for folder in starters]
    assert column(table, "Run") == ["1", "2", "3", "4"]
    assert column(table, "κ") == [f"{present(each.kappa):.4f}" for each in found]
    assert column(table, "Calibration (%)") == [f"{100 * present(each.calibration).error:.2f}" for each in found]
    assert f"There is no temperature: {NO_VALIDATION}." in four.markdown
    assert "Temperature" not in table[0]
    assert "nan" not in str(table)
    assert "reliability" not in [drawing.name for drawing in four.drawings]
    one = made(starters[0])
    assert "reliability" in [drawing.name for drawing in one.drawings]
    assert captioned(one.markdown, "tab-statistics")[3][:2] == ["Cohen's κ", f"{present(found[0].kappa):.4f}"]
    short = made(starters[0], without=("statistics",))
    assert "Cohen" not in short.markdown
    assert "reliability" not in [drawing.name for drawing in short.drawings]
