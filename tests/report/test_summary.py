"""The Markdown summary of a run."""

from dataclasses import replace
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from mnist_tui.experiment.presets import find_preset
from mnist_tui.report.contents.documents import run_summary
from mnist_tui.runs.folder import Launch, create
from tests.report.furnished import changed
from tests.report.recorded import CREATED, recorded_run

READER = MarkdownIt("commonmark").enable("table")


def cells(text: str) -> list[list[str]]:
    """The rows of all tables, as a reader sees their cells."""
    rows: list[list[str]] = []
    inside = False
    for token in READER.parse(text):
        if token.type == "tr_open":
            rows.append([])
        inside = inside or token.type in ("td_open", "th_open")
        if inside and token.type == "inline":
            rows[-1].append("".join(child.content for child in token.children or []))
            inside = False
    return rows


def test_the_summary_has_the_facts_of_the_source_reports_page(tmp_path: Path) -> None:
    rows = {
        row[0]: row[1:]
        for row in cells(run_summary(recorded_run(tmp_path, changed("cnn", optimizer="adam", epochs="3"))))
    }
    assert rows["cnn"] == ["7,465", "3", "256", "98.00 %", "99.50 %"]
    assert rows["Name"] == ["MNIST"]
    assert rows["Training set"] == ["60,000 images"]
    assert rows["Test set"] == ["10,000 images"]
    assert rows["Validation (dev) set"] == ["the test images; none are held out of the training images"]
    assert rows["Image size"] == ["28 × 28 pixels, 1 channel"]
    assert rows["SHA-256, train images"][0].startswith("ba891046")
    assert rows["Optimizer"] == ["Adam (Kingma and Ba, 2015)"]
    assert (rows["Beta 1"], rows["Beta 2"], rows["Epsilon"]) == (["0.9"], ["0.999"], ["1e-07"])
    assert (rows["Learning rate"], rows["Amsgrad"]) == (["0.001"], ["no"])
    assert rows["Loss"] == ["categorical cross-entropy"]
    assert (rows["Batch size"], rows["Shuffle"], rows["Seed"]) == (["256 images"], ["yes, before every epoch"], ["0"])
    assert rows["Training time, without evaluation"] == ["4.50 s (1.50 s an epoch)"]
    assert rows["Device used"] == ["Test CPU (CPU:0)"]
    assert rows["Computation"] == ["graph program in float32, 4 threads"]
    assert rows["Instructions used"] == ["avx2 fma"]
    assert rows["Processor"] == ["Test | CPU_1 *fast*, 4 cores, x86_64"]
    assert rows["Software"] == ["Python 3.11.9, TensorFlow 2.21.0, Keras 3.12.0"]
    assert rows["Other packages"] == ["numpy 2.3.0"]
    assert rows["Weights"][0].endswith("model.keras")
    assert rows["Timestamp"][0].startswith("2026-02-25")
    assert rows["2"] == ["max_pooling2d_1 (MaxPooling2D)", "(14, 14, 9)", "2×2 windows, step 2, valid", "0", "conv2d_1"]
    assert rows["8"][0] == "dense_1 (Dense)"
    assert "25 neurons, relu" in rows["8"][2]
    assert rows["8"][3:] == ["3,625", "flatten_1"]


def test_scores_classes_matrix_confusions_and_history_are_there(tmp_path: Path) -> None:
    text = run_summary(recorded_run(tmp_path))
    rows = cells(text)
    assert ["test", "98.00 %", "97.71 % to 98.26 %", "0.0700", "98.00 %"] in rows
    assert ["training images, measured after training, without dropout", "99.50 %", "–", "0.0200", "–"] in rows
    assert ["7", "98.00 %", "98.00 %", "98.00 %", "1,000"] in rows
    assert ["9", "20", *["0"] * 8, "980"] in rows
    assert "9 read as 0: 20 of 1,000, 2.0 %" in text
    assert ["3", "not finite", "93.00 %", "0.1667", "95.00 %", "0.001", "1.50", "40,000"] in rows


def test_published_figures_stand_beside_ours_while_the_experiment_is_the_sources(tmp_path: Path) -> None:
    source = recorded_run(tmp_path, changed("hog", seed="5"))
    rows = cells(run_summary(source))
    name = "test, published in ARN – Report – Labo04 (labo04-hog-sigmoid-ppc4)"
    assert [name, "98.41 %", "–", "0.0540", "–"] in rows
    assert ["test, ours − published", "−0.41 points", "–", "+0.0160", "–"] in rows
    assert "speaks of 9 orientations; its run lists 8" in run_summary(source)
    assert rows[0][-1] == "Published test accuracy"
    other = run_summary(recorded_run(tmp_path, changed("hog", hidden="100")))
    assert "ublished in" not in other
    assert "Published test accuracy" not in other
    assert "orientations; its run" not in other


def test_figures_of_sample_data_stand_beside_nothing_published(tmp_path: Path) -> None:
    folder = recorded_run(tmp_path, find_preset("hog"), title="digits sample", sample=True)
    assert folder.preset().reference is not None
    assert "ublished in" not in run_summary(folder)


@pytest.mark.parametrize(
    ("state", "reason", "said"),
    [
        ("stopped", "stopped after 3 of 100 epochs, and saved", "This run was stopped before its last epoch"),
        ("diverged", "the loss is not finite", "This run diverged"),
        ("failed", "there was not enough memory", "This run failed"),
    ],
)
def test_the_summary_of_an_unfinished_run_begins_with_its_state(
    tmp_path: Path, state: str, reason: str, said: str
) -> None:
    head = run_summary(recorded_run(tmp_path, state=state, reason=reason)).split("## Summary")[0]
    assert said in head
    assert reason in head


def test_a_crashed_run_has_a_summary_of_the_known_facts(tmp_path: Path) -> None:
    folder = create(tmp_path, find_preset("raw"), Launch(created=CREATED, command="mnist-tui train --preset raw"))
    folder.write_status(replace(folder.status(), process_start=1.0))
    text = run_summary(folder)
    assert "worker process died unexpectedly" in text
    assert "## Model" in text
    assert "## Results" not in text


def test_the_sample_is_named_as_such_and_never_called_mnist_alone(tmp_path: Path) -> None:
    text = run_summary(recorded_run(tmp_path, title="digits sample", sample=True))
    assert "The data are the bundled digits sample" in text
    assert ["Name", "digits sample"] in cells(text)


def test_text_of_a_user_is_shown_unchanged(tmp_path: Path) -> None:
    names = ("a|b", "*c*", "_d_", "<e>", "[f](g)", "# h", "`i`", "1. j", "k & l", "m")
    rows = cells(run_summary(recorded_run(tmp_path, class_names=names)))
    assert ["true ╲ predicted", *names] in rows
    assert all([name, "98.00 %", "98.00 %", "98.00 %", "1,000"] in rows for name in names)


def test_the_whole_experiment_is_in_it(tmp_path: Path) -> None:
    run = recorded_run(tmp_path)
    fences = [token.content for token in READER.parse(run_summary(run)) if token.type == "fence"]
    assert fences[0] == "mnist-tui train --preset raw --epochs 3\n"
    assert fences[-1].strip() == run.experiment_file.read_text(encoding="utf-8").strip()
