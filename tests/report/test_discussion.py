"""The discussion of a report: its sentences agree with the recorded figures and say no more than they allow."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_tui.experiment.presets import Preset, find_preset
from mnist_tui.report.contents.comparison import answer, comparability, compare_runs
from mnist_tui.report.contents.discussion import OPENINGS, comparing, gap_of, run_findings
from mnist_tui.report.contents.one_run import improvement_figures, run_notices
from mnist_tui.report.contents.references import Citations
from mnist_tui.report.contents.several_runs import ReportSection, report_sections, runs_caption
from mnist_tui.report.evidence import Evidence, read_evidence
from mnist_tui.runs.diagnosis import EXPLANATIONS, RULES, diagnose
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.state import EpochRow
from tests.report.furnished import changed, furnished_run, scored, seed_runs

FALLING = [1.0, 0.6, 0.4, 0.3, 0.25, 0.2, 0.17]
LEVEL = [1.0, 0.5, 0.3, *[0.2 + 0.001 * (at % 2) for at in range(20)]]
RISING = [1.0, 0.5, 0.3, 0.2, *[0.2 + 0.01 * at for at in range(20)]]


def with_curves(evidence: Evidence, validation: Sequence[float], training: Sequence[float] = ()) -> Evidence:
    """The evidence with other curves, and the diagnosis of these."""
    losses = training or [value / 2 for value in validation]
    rows = tuple(
        EpochRow(number, own, 0.9, loss, 0.9, 0.001, 1.0, 1000.0)
        for number, (loss, own) in enumerate(zip(validation, losses, strict=True), 1)
    )
    state = replace(evidence.state, history=rows, epochs=len(rows))
    return replace(evidence, state=state, findings=diagnose(state, evidence.experiment))


def evidence_of(tmp_path: Path, preset: Preset | None = None, **how: Any) -> Evidence:
    return read_evidence(furnished_run(tmp_path, preset or changed("raw", epochs="3"), **how))


def words(*evidences: Evidence) -> str:
    """The paragraphs about each run, and those that compare the runs."""
    sections, cite = report_sections(evidences), Citations()
    own = [text for one in sections for text in run_findings(one, cite, alone=len(sections) == 1)]
    return "\n\n".join([*own, *comparing(sections, cite)])


def paragraph(text: str, lead: str) -> str:
    return next(block for block in text.split("\n\n") if block.startswith(f"**{lead}"))


def section(evidence: Evidence) -> ReportSection:
    return report_sections([evidence])[0]


def test_a_run_that_still_improves_is_not_judged_by_its_gap(tmp_path: Path) -> None:
    evidence = with_curves(evidence_of(tmp_path), FALLING)
    fit = paragraph(words(evidence), "Fit")
    assert "levelled off" not in fit and "converged" not in fit.lower()
    assert fit.endswith("It may change if the training goes on.")
    assert run_notices(evidence)[-1] == "Still improving: the validation loss was falling when the training ended."
    figures = "The mean validation loss of epochs 5 to 7 is 0.2067, 52.3 % lower than that of the 3 epochs before."
    assert improvement_figures(evidence).startswith(f"{figures} The mean validation accuracy rose by 0.00 points")


def test_a_loss_that_falls_by_less_than_a_hundredth_an_epoch_improves_slowly(tmp_path: Path) -> None:
    evidence = with_curves(evidence_of(tmp_path), [0.5 * 0.996**epoch for epoch in range(100)])
    assert run_notices(evidence)[-1].startswith("Still improving slowly:")


def test_a_curve_that_has_levelled_off_names_the_epoch_of_its_lowest_loss(tmp_path: Path) -> None:
    level = "has levelled off: it is 0.2010 after the last epoch, 23, and was lowest after epoch 4, 0.2000."
    assert level in paragraph(words(with_curves(evidence_of(tmp_path), LEVEL)), "Fit")


def test_a_curve_that_still_falls_a_little_has_nearly_levelled_off(tmp_path: Path) -> None:
    levels = [*[0.3] * 80, *[0.295] * 20]
    values = [level + 0.0005 * (-1) ** at for at, level in enumerate(levels)]
    values[40] = 0.27
    fit = paragraph(words(with_curves(evidence_of(tmp_path), values)), "Fit")
    assert "has nearly levelled off" in fit and "0.2700: the last one is 9 % above it." in fit
    assert "Its mean over the last 20 epochs is 1.7 % lower than over the 20 before." in fit


def test_overfitting_is_said_with_its_epoch_and_its_figures(tmp_path: Path) -> None:
    training = [1 / number for number in range(1, len(RISING) + 1)]
    fit = paragraph(words(with_curves(evidence_of(tmp_path), RISING, training)), "Fit")
    assert "The curves show overfitting from epoch 4 on." in fit and "0.2000" in fit and "0.3900" in fit


def test_every_rule_of_the_diagnosis_has_an_opening() -> None:
    kinds = {rule.__name__.replace("_", "-") for rule in RULES} - EXPLANATIONS
    named = {"stuck-at-chance": "stuck", "jumping-validation-loss": "jumping"}
    assert {named.get(kind, kind) for kind in kinds} <= OPENINGS.keys()


def test_the_training_loss_above_the_validation_loss_is_explained_once(tmp_path: Path) -> None:
    higher = [value * 1.5 for value in LEVEL]
    runs = [with_curves(evidence_of(tmp_path / str(number)), LEVEL, higher) for number in range(2)]
    for evidences in (runs[:1], runs):
        assert words(*evidences).count("The two are measured differently") == 1
    assert (
        "In runs 1 and 2 the training loss of the last epoch is above the validation loss (0.3015 against 0.2010;"
        in words(*runs)
    )


@pytest.mark.parametrize(
    ("training", "test", "says"),
    [
        (0.999, 0.98, "larger than the choice of the test images explains"),
        (0.981, 0.98, "cannot be told from no gap"),
        (0.97, 0.98, "higher by more than their choice explains"),
    ],
)
def test_a_gap_means_something_only_beyond_its_interval(
    tmp_path: Path, training: float, test: float, says: str
) -> None:
    evidence = evidence_of(tmp_path)
    evidence.document["train"] = {**evidence.document["train"], "accuracy": training}
    evidence.document["test"] = {**evidence.document["test"], "accuracy": test}
    gap = gap_of(section(evidence))
    assert gap is not None and gap.low < training - test < gap.high
    reach = 1.96 * (training * (1 - training) / 60_000 + test * (1 - test) / 10_000) ** 0.5
    assert gap.high - gap.low == pytest.approx(2 * reach, rel=1e-3)
    assert says in paragraph(words(evidence), "Fit")


def test_confusions_have_counts_and_shares(tmp_path: Path) -> None:
    text = paragraph(words(evidence_of(tmp_path)), "Confusions")
    assert "200 of the 10,000 test images wrongly (2.00 %)" in text
    assert "0 read as 1 (20 of 1,000, 2.0 %)" in text and "together 30 % of all errors" in text


def test_few_errors_name_no_confusion(tmp_path: Path) -> None:
    few = tuple(tuple(999 if row == at else int(at == (row + 1) % 10) for at in range(10)) for row in range(10))
    text = paragraph(words(replace(evidence_of(tmp_path), matrix=few)), "Confusions")
    assert "no confusion stands out, the most frequent one has 1 image" in text


def test_a_source_with_two_published_accuracies_is_quoted_with_both(tmp_path: Path) -> None:
    folder = furnished_run(tmp_path, find_preset("fashion"))
    scored(folder, 0.9)
    text = paragraph(words(read_evidence(folder)), "Published score")
    assert "published a test accuracy of 90.55 %" in text
    assert "two pairs of figures for this model: a test loss of 0.29 with an accuracy of 0.89 in the text" in text


def test_a_published_accuracy_is_compared_in_points_and_not_by_an_interval_for_other_images(tmp_path: Path) -> None:
    folder = furnished_run(tmp_path, find_preset("hog"))
    scored(folder, 0.983)
    text = paragraph(words(read_evidence(folder)), "Published score")
    assert "[[1]](#ref-labo04) published a test accuracy of 98.41 %. Ours is 0.11 points lower." in text
    assert "told apart" not in text and "due to the seed" in text


def test_a_source_with_several_seeds_gives_their_range(tmp_path: Path) -> None:
    evidence = evidence_of(tmp_path, find_preset("hog"))
    evidence.document["reference"] = {
        **evidence.document["reference"],
        "accuracy": 0.982,
        "seeds": 3,
        "per_seed_accuracy": [0.981, 0.982, 0.983],
    }
    text = paragraph(words(evidence), "Published score")
    assert "98.20 % (the mean of 3 trainings)" in text and "seeds lie between 98.10 % and 98.30 %" in text


def test_runs_without_a_published_accuracy_are_named(tmp_path: Path) -> None:
    evidences = [evidence_of(tmp_path / name, find_preset(name)) for name in ("raw", "cnn")]
    text = paragraph(words(*evidences), "Published scores")
    nothing = "are those of [[1]](#ref-labo04), which published no test accuracy for them."
    assert text.endswith(f"The settings of run 2 {nothing}")
    assert f"The settings of this run {nothing}" in words(evidences[1])


def test_an_outlying_last_epoch_is_said_in_its_box_and_the_summary_and_marked_elsewhere(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    folders = [furnished_run(tmp_path / name, changed(name, epochs="3")) for name in ("raw", "hog")]
    scored(folders[0], 0.985)
    evidences = [with_curves(read_evidence(folder), LEVEL) for folder in folders]
    accuracies = [*(0.99 + 0.0005 * rng.standard_normal(len(LEVEL) - 1)), 0.98]
    rows = tuple(
        replace(row, val_accuracy=acc) for row, acc in zip(evidences[1].state.history, accuracies, strict=True)
    )
    state = replace(evidences[1].state, history=rows)
    evidences[1] = replace(evidences[1], state=state, findings=diagnose(state, evidences[1].experiment))
    notice = run_notices(evidences[1])[-1]
    assert notice.startswith("The last epoch is an outlier: after epoch 23 the validation accuracy is 98.00 %")
    row = state.history[-1]
    assert row.accuracy == 0.9
    evidences[1].document["train"] = {**evidences[1].document["train"], "accuracy": 0.85}
    assert "worse on the training images, too: 85.00 % of these" in run_notices(evidences[1])[-1]
    caveat = "The last epoch is an outlier in run 2 (98.00 % after epoch 23, a median of"
    sections = report_sections(evidences)
    assert caveat in answer(sections)[0] and "By this median, run 2 (hog" in answer(sections)[0]
    compared = compare_runs(sections, Citations())
    assert compared.tests is not None
    assert [row[column] for row in compared.tests[0].rows for column in (0, 1)] == [
        "[Run 1](#run-1)",
        "[Run 2 †](#run-2)",
    ]
    assert "†" in runs_caption(sections, Citations()) and "†" not in runs_caption(sections[:1], Citations())
    assert "outlier" not in words(*evidences), "the box of the run and the summary say it"
    turned = " %, ahead of run 1."
    note = compared.tests[1][-1]
    assert note.startswith("†: by its median of ") and note.endswith(turned) and note in words(*evidences)
    assert "In run 2 † the accuracy on the test images is higher" in words(*evidences)


def with_confusions(evidence: Evidence, wrong: dict[tuple[int, int], int], images: int = 900) -> Evidence:
    """The evidence with so many images of a first class read as a second one."""
    matrix = [[images if row == column else 0 for column in range(10)] for row in range(10)]
    for (true, predicted), number in wrong.items():
        matrix[true][predicted], matrix[true][true] = number, matrix[true][true] - number
    return replace(evidence, matrix=tuple(map(tuple, matrix)))


def test_the_confusions_of_all_runs_are_told_in_one_sentence(tmp_path: Path) -> None:
    raw, hog = (evidence_of(tmp_path / name, changed(name, epochs="3")) for name in ("raw", "hog"))
    runs = with_confusions(raw, {(4, 9): 20, (9, 4): 10, (3, 5): 8}), with_confusions(hog, {(7, 2): 65, (4, 9): 12})
    assert paragraph(words(*runs), "Confusions.** In these runs, the") == (
        "**Confusions.** In these runs, the pairs of classes that are confused most are 4 and 9 in both runs (first in "
        "run 1 and second in run 2); 2 and 7 (first in run 2 only)."
    )
    other = evidence_of(tmp_path / "other", title="Other")
    around = with_confusions(other, {(6, 0): 30, (2, 6): 20, (6, 4): 10})
    assert "On Other, run 3 confuses 6 with 0, 2 and 4 most often." in words(*runs, around)


def test_the_class_of_the_lowest_precision_is_named_where_its_recall_is_not_the_lowest(tmp_path: Path) -> None:
    text = words(with_confusions(evidence_of(tmp_path), {(0, 6): 100, (6, 0): 80, (2, 6): 90, (4, 6): 90}))
    own = paragraph(text, "Confusions")
    assert "lowest recall is 0 (88.9 %)" in own
    assert "Class 6 has the lowest precision (74.5 %) and the lowest F1 (82.0 %)." in own


def test_a_summary_says_that_one_case_is_one_case(tmp_path: Path) -> None:
    runs = [evidence_of(tmp_path / name, changed(name, epochs="3")) for name in ("raw", "hog")]
    assert "This is one case of the experiment, trained with one seed." in answer(report_sections(runs[:1]))[0]
    assert "there is one case of each experiment, with one seed: [](#comparison)" in answer(report_sections(runs))[0]
    cases = [evidence_of(tmp_path / units, changed("raw", epochs="3", hidden=units)) for units in ("50", "100")]
    assert "one case" not in answer(report_sections(cases))[0]


def test_confusions_as_frequent_as_the_last_named_one_are_counted(tmp_path: Path) -> None:
    matrix = [[900 if row == column else 0 for column in range(10)] for row in range(10)]
    matrix[4][9], matrix[9][4] = 20, 15
    matrix[7][2] = matrix[3][5] = matrix[8][1] = 10
    text = paragraph(words(replace(evidence_of(tmp_path), matrix=tuple(map(tuple, matrix)))), "Confusions")
    assert "2 other confusions are as frequent as the last of these." in text
    assert "In both directions together, 4 and 9 are confused most: 35 images, 54 % of all errors." in text


def test_a_class_that_is_answered_too_often_is_named(tmp_path: Path) -> None:
    matrix = [[900 if row == column else 0 for column in range(10)] for row in range(10)]
    matrix[7] = [0, 0, 65, 0, 0, 0, 0, 835, 0, 0]
    text = paragraph(words(replace(evidence_of(tmp_path), matrix=tuple(map(tuple, matrix)))), "Confusions")
    assert "The network answers “2” too often: 965 times, where 900 images are of that class." in text


def test_one_network_is_said_not_to_answer_what_needs_several(tmp_path: Path) -> None:
    text = words(evidence_of(tmp_path, changed("hog", epochs="3")))
    assert "takes several networks to answer; here is one, of 1 hidden layer and 80,610 parameters" in paragraph(
        text, "Capacity"
    )
    assert "mnist-tui" not in paragraph(text, "Capacity")
    assert "There is one case of this experiment" in paragraph(text, "Cases")
    assert "` mnist-tui sweep --preset hog --over hidden=100,200,400 ` trains other cases." in paragraph(text, "Cases")
    runs = [evidence_of(tmp_path / str(n), changed("hog", epochs="3", hidden=str(n))) for n in (50, 100, 200)]
    assert "**Cases" not in words(*runs) and "**Capacity" not in words(*runs)


def test_seeds_are_compared_with_the_choice_of_test_images(tmp_path: Path) -> None:
    folders = seed_runs(tmp_path, range(3))
    for folder, accuracy in zip(folders, (0.97, 0.98, 0.99), strict=True):
        scored(folder, accuracy)
    text = words(*map(read_evidence, folders))
    assert "varies by 1.00 points (standard deviation of 3 seeds)" in paragraph(text, "Seeds")
    assert "one seed" not in text


def test_runs_that_differ_in_one_setting_are_set_against_it(tmp_path: Path) -> None:
    folders = [furnished_run(tmp_path, changed("raw", epochs="3", lr=rate)) for rate in ("0.1", "0.01")]
    for folder, accuracy in zip(folders, (0.97, 0.98), strict=True):
        scored(folder, accuracy)
    between = paragraph(words(*map(read_evidence, folders)), "Between the runs")
    assert (
        "differ only in one setting, learning rate: the test accuracy is 97.00 % with 0.1 and 98.00 % with 0.01"
        in between
    )
    assert "the difference between run 1 and run 2 may be chance" in between


def test_runs_that_differ_in_more_are_named_once_as_not_comparable(tmp_path: Path) -> None:
    evidences = [evidence_of(tmp_path / name, changed(name, epochs="3")) for name in ("raw", "cnn")]
    assert "They are not comparable as they stand" in comparability(report_sections(evidences))[0]
    assert "no single one" not in paragraph(words(*evidences), "Between the runs")


def test_curves_that_separate_are_said_with_the_losses_at_their_closest_and_last_epoch(tmp_path: Path) -> None:
    training = [1.0, 0.5, 0.3, *[0.2 - 0.005 * at for at in range(20)]]
    fit = paragraph(words(with_curves(evidence_of(tmp_path), LEVEL, training)), "Fit")
    assert "the training loss fell from" in fit and "to 0.1050, while the validation loss went" in fit
    assert "the curves separate" not in words(with_curves(evidence_of(tmp_path), LEVEL, LEVEL))


def right_images(folder: RunFolder, number: int) -> RunFolder:
    """Let a run's network be right on the first `number` test images and wrong on the others."""
    arrays = dict(np.load(folder.predictions_file))
    labels = arrays["labels"]
    predicted = np.where(np.arange(len(labels)) < number, labels, (labels + 1) % 10)
    arrays["probabilities"] = np.eye(10, dtype=np.float32)[predicted]
    np.savez_compressed(folder.predictions_file, **arrays)
    scored(folder, number / len(labels))
    return folder


def test_a_difference_beyond_chance_is_told_from_one_that_may_be_chance_and_from_size(tmp_path: Path) -> None:
    rights = {"raw": 9700, "hog": 9805, "cnn": 9800}
    folders = [
        right_images(furnished_run(tmp_path / name, changed(name, epochs="3")), number)
        for name, number in rights.items()
    ]
    between = paragraph(words(*map(read_evidence, folders)), "Between the runs")
    assert "the difference between run 2 and run 3 may be chance" in between  # 5 images more right, none less
    corrected = "By [](#tab-tests), with p corrected for the number of tests, the choice of the test images alone would"
    assert (
        f"{corrected} rarely make a difference as large as that between run 2 and run 1 and between run 3 and run 1;"
        in between
    )
    assert "run 3 with 7,465 is more accurate than run 1 with 198,760" in between


def test_runs_on_different_data_are_not_set_side_by_side(tmp_path: Path) -> None:
    sample = evidence_of(tmp_path / "1", title="digits sample", sample=True)
    assert "**Between the runs" not in words(sample, evidence_of(tmp_path / "2"))


def test_a_closed_form_has_no_curves_to_judge(tmp_path: Path) -> None:
    text = words(evidence_of(tmp_path, find_preset("efc2-elm")))
    assert "there is no course of training to judge" in paragraph(text, "Fit")


@pytest.mark.parametrize("state", ["failed", "stopped"])
def test_a_run_without_scores_or_with_an_early_end_is_not_praised(tmp_path: Path, state: str) -> None:
    text = words(evidence_of(tmp_path, state=state, reason="someone"))
    assert "levelled off" not in text
    assert ("classified correctly" in text) == (state == "stopped")


def test_a_run_that_has_not_ended_gets_no_verdict(tmp_path: Path) -> None:
    evidence = with_curves(evidence_of(tmp_path), LEVEL)
    evidence.document["state"] = "running"
    assert "The training has not ended, so that its curves allow no verdict." in words(evidence)


def test_every_count_of_the_text_is_in_the_results_file(tmp_path: Path) -> None:
    folder = furnished_run(tmp_path, find_preset("hog"))
    results = json.loads(RunFolder(folder.path).results_file.read_text(encoding="utf-8"))
    text = words(read_evidence(folder))
    matrix = results["confusion_matrix"]
    for true, predicted, count, images in re.findall(r"(\d) read as (\d) \((\d+) of ([\d,]+),", text):
        assert matrix[int(true)][int(predicted)] == int(count)
        assert sum(matrix[int(true)]) == int(images.replace(",", ""))
    assert f"{100 * results['test']['accuracy']:.2f} % of the test images" in text
    assert f"{100 * results['train']['accuracy']:.2f} % of the training images" in text


def test_a_deep_network_alone_is_set_beside_a_shallow_one_with_as_many_parameters(tmp_path: Path) -> None:
    text = paragraph(words(evidence_of(tmp_path, changed("cnn", epochs="3"))), "Capacity")
    assert "about 9 neurons: (784 + 1 + 10) × 9 + 10 = 7,165 parameters" in text
