"""The chapter about the learning algorithm: what is shared is said once, and what differs is in one table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mnist_tui.experiment.optimizers import CLIPPING, GRADIENT_OPTIMIZERS, SGD
from mnist_tui.experiment.parameters import apply_texts
from mnist_tui.experiment.presets import Preset, edited, find_preset
from mnist_tui.experiment.spec import StartSpec, with_part
from mnist_tui.report.contents.learning import LearningAlgorithm, learning_algorithm
from mnist_tui.report.contents.references import Citations
from mnist_tui.report.equations import step_in_tex
from mnist_tui.report.evidence import Evidence, read_evidence
from mnist_tui.report.markdown import escaped
from tests.report.furnished import changed
from tests.report.recorded import recorded_run

STARTERS = ("raw", "hog", "cnn", "fashion")


def chapter(tmp_path: Path, *presets: Preset) -> LearningAlgorithm:
    return chapter_of([read_evidence(recorded_run(tmp_path, preset)) for preset in presets])


def chapter_of(runs: list[Evidence]) -> LearningAlgorithm:
    algorithm = learning_algorithm(runs, Citations())
    assert algorithm is not None
    return algorithm


def part(algorithm: LearningAlgorithm, title: str) -> str:
    return "\n\n".join(next(part.blocks for part in algorithm.parts if part.title == title))


def argument(text: str, name: str) -> list[str]:
    """The cells of an argument's row in the table of arguments."""
    row = next(line for line in text.splitlines() if line.startswith(f"| `{name}` |"))
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_the_questions_of_the_lab_are_answered_for_one_run(tmp_path: Path) -> None:
    algorithm = chapter(tmp_path, find_preset("raw"))
    assert "**RMSprop** [[1]](#ref-tieleman2012)" in algorithm.intro and "categorical cross-entropy" in algorithm.intro
    optimizer = part(algorithm, "Optimizer: RMSprop")
    assert r"w_t &= w_{t-1} - \frac{\eta\, g_t}{\sqrt{v_t + \varepsilon}}" in optimizer
    assert argument(optimizer, "rho")[1:4] == [r"$\rho$", "0.9", "default"]
    assert argument(optimizer, "epsilon")[1:4] == [r"$\varepsilon$", "$10^{-7}$", "default"]
    assert argument(optimizer, "centered")[1:4] == ["–", "no", "default"]
    off = "`momentum` ($\\alpha$) and `centered` are switched off here; with them a step has"
    assert off in optimizer
    for equation in (
        r"\bar{g}_t &= \rho\, \bar{g}_{t-1} + (1 - \rho)\, g_t",
        r"m_t &= \alpha\, m_{t-1} + \frac{\eta\, g_t}{\sqrt{v_t - \bar{g}_t^{2} + \varepsilon}}",
        "w_t &= w_{t-1} - m_t",
    ):
        assert equation in optimizer
    assert "$m_t$ is the momentum" in optimizer
    assert "`clipnorm`" in optimizer
    assert r"L = -\frac{1}{n} \sum_{i=1}^{n} \sum_{k=1}^{10} y_{ik} \ln \hat{y}_{ik}" in part(
        algorithm, "Loss function"
    )
    assert "rate 0.5 in dropout_1" in part(algorithm, "Regularisation")
    batches = part(algorithm, "Batches, learning rate, initial weights")
    assert "The 60,000 training images" in batches and "Batch size: 4,096 images;" in batches
    assert "planned epochs: 150." in batches
    assert "The last batch of an epoch has only the images that are left: 2,656 images." in batches
    assert batches.endswith(
        "Random numbers from the seed 0 give the initial weights, the order of the images and the dropout masks."
    )


def test_every_optimizer_has_its_equations_and_all_its_arguments(tmp_path: Path) -> None:
    presets = [changed("raw", optimizer=name) for name in GRADIENT_OPTIMIZERS]
    algorithm = chapter(tmp_path, *presets)
    for number, (preset, kind) in enumerate(zip(presets, GRADIENT_OPTIMIZERS.values(), strict=True), 1):
        optimizer = part(algorithm, f"Optimizer: {kind.__name__} in run {number}")
        assert step_in_tex(preset.experiment.optimizer.step) in optimizer
        for name in kind.model_fields:
            assert name in ("name", *CLIPPING) or argument(optimizer, name)[3:4] == ["default"], name
    text = "\n\n".join(block for part in algorithm.parts for block in part.blocks)
    assert text.count("`clipnorm`") == 1 and "`weight_decay` of all but AdamW" in text


def test_a_changed_argument_is_said_to_be_changed_and_one_that_differs_has_its_runs(tmp_path: Path) -> None:
    presets = [changed("raw", optimizer="sgd", momentum="0.9", lr=rate) for rate in ("0.1", "0.02")]
    algorithm = chapter(tmp_path, *presets)
    optimizer = part(algorithm, "Optimizer: SGD")
    assert argument(optimizer, "momentum")[2:4] == ["0.9", "changed from 0"]
    assert argument(optimizer, "learning_rate")[2:4] == [
        "0.1 in run 1 and 0.02 in run 2",
        "differs; the default is 0.01",
    ]


def test_many_different_values_are_left_to_the_table_of_differences(tmp_path: Path) -> None:
    algorithm = chapter(tmp_path, *(changed("raw", lr=f"0.00{number}") for number in range(1, 6)))
    assert argument(part(algorithm, "Optimizer: RMSprop"), "learning_rate")[2] == "different ([](#tab-differences-1))"


def test_the_starters_share_everything_but_batches_epochs_and_dropout(tmp_path: Path) -> None:
    runs = [read_evidence(recorded_run(tmp_path, find_preset(name))) for name in STARTERS]
    algorithm = chapter_of(runs)
    assert [part.title for part in algorithm.parts].count("Optimizer: RMSprop") == 1
    batches = part(algorithm, "Batches, learning rate, initial weights")
    assert "Batch size: 4,096 images in runs 1 and 4, 512 images in run 2 and 256 images in run 3" in batches
    assert "planned epochs: 150 in run 1, 100 in runs 2 and 4 and 50 in run 3" in batches
    assert "in runs 1 and 2" in part(algorithm, "Regularisation")
    assert "No regularisation is used in runs 3 and 4" in part(algorithm, "Regularisation")


def test_seeds_alone_are_no_difference(tmp_path: Path) -> None:
    algorithm = chapter(tmp_path, *(changed("hog", seed=str(seed)) for seed in range(3)))
    text = part(algorithm, "Batches, learning rate, initial weights")
    assert "each run's seed (0 to 2)" in text and "in run" not in text


def test_schedule_and_early_stopping_are_equations_and_the_test_set_is_named(tmp_path: Path) -> None:
    preset = changed("cnn", schedule="cosine", patience="7", epochs="3")
    text = part(chapter(tmp_path, preset), "Batches, learning rate, initial weights")
    assert r"\eta_e = \eta \cdot \frac{1}{2} (1 + \cos(\pi e / E)), \quad \eta = 0.001, \quad E = 3" in text
    assert r"L_e < b_{e-1} - \delta" in text and "$p = 7$ (`patience`)" in text
    assert "The validation images are the test images" in text
    honest = changed("cnn", patience="7", validation="0.2")
    assert "test images" not in part(chapter(tmp_path, honest), "Batches, learning rate, initial weights")


def test_label_smoothing_and_class_weights_are_equations_of_the_loss(tmp_path: Path) -> None:
    presets = [changed("raw", **{"label-smoothing": "0.1"}), changed("raw", **{"class-weights": "balanced"})]
    algorithm = chapter(tmp_path, *presets, changed("raw", **{"class-weights": "3:4,8:0.5"}))
    text = part(algorithm, "Loss function")
    assert r"(1 - \alpha)\, y_{ik} + \frac{\alpha}{K}, \quad \alpha = 0.1" in text
    assert re.search(r"Label smoothing \[\[\d+\]\]\(#ref-szegedy2016\) in run 1", text)
    assert "in run 2" in text and "$w_k = n / (K n_k)$" in text
    assert "in run 3" in text and "class 3: 4, class 8: 0.5; every other class has 1" in text
    assert "without these weights, as Keras' `evaluate` computes them" in text
    assert "Label smoothing in run 1" in part(algorithm, "Regularisation")


def test_clipping_is_an_equation_with_its_limit_and_no_longer_switched_off(tmp_path: Path) -> None:
    presets = [
        changed("raw", clipnorm="0.5"),
        changed("raw", **{"global-clipnorm": "2"}),
        changed("raw", clipvalue="1"),
    ]
    text = chapter(tmp_path, *presets).parts[0].blocks
    whole = "\n".join(text)
    for said in (
        "(`clipnorm` 0.5)",
        "(`global_clipnorm` 2)",
        "(`clipvalue` 1)",
        r"\lVert g \rVert_2",
        "\\max(g, -c), c)",
    ):
        assert said in whole, said
    assert "no clipping of gradients" not in whole
    assert "no clipping of gradients" in "\n".join(chapter(tmp_path, changed("raw")).parts[0].blocks)


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ("step:5:0.5", r"\eta_e = \eta \cdot 0.5^{\lfloor e / 5 \rfloor}"),
        ("plateau:0.5:3", r"\text{after } 3 \text{ epochs without a better validation loss}"),
        ("one-cycle", r"\lvert \tau / 0.45 - 1 \rvert"),
    ],
)
def test_a_schedule_and_its_warm_up_are_equations(tmp_path: Path, schedule: str, said: str) -> None:
    text = part(
        chapter(tmp_path, changed("cnn", schedule=schedule, warmup="2")), "Batches, learning rate, initial weights"
    )
    assert said in text
    assert re.search(r"begins with a warm-up \[\[\d+\]\]\(#ref-goyal2017\): in the first 2 epochs", text)


def test_nesterov_is_cited_where_the_step_has_momentum() -> None:
    assert SGD(nesterov=True).papers == SGD().papers
    assert SGD(momentum=0.9, nesterov=True).papers == (*SGD(momentum=0.9).papers, "nesterov1983")


@pytest.mark.parametrize(("precision", "paper"), [("float16", "micikevicius2018"), ("bfloat16", "kalamkar2019")])
def test_mixed_precision_is_named_with_its_paper_and_the_scaling_of_the_loss(
    precision: str, paper: str, tmp_path: Path
) -> None:
    raw = find_preset("raw")
    half = edited(raw, with_part(raw.experiment, "training", precision=f"mixed_{precision}"))
    text = part(chapter(tmp_path, half), "Batches, learning rate, initial weights")
    assert re.search(rf"compute in mixed_{precision} \[\[\d+\]\]\(#ref-{paper}\): weights stay float32", text)
    assert ("the loss is scaled" in text) == (precision == "float16")


def test_weight_decay_is_a_term_of_the_step(tmp_path: Path) -> None:
    algorithm = chapter(tmp_path, changed("raw", optimizer="adamw"))
    assert r"- \eta\, \lambda\, w_{t-1}" in part(algorithm, "Optimizer: AdamW")
    assert "Weight decay" in part(algorithm, "Regularisation")
    assert "no weight decay" not in part(algorithm, "Optimizer: AdamW")


def test_a_closed_form_has_its_sum_its_solution_and_its_ridges(tmp_path: Path) -> None:
    algorithm = chapter(tmp_path, find_preset("raw"), find_preset("efc2-elm"))
    assert "in run 1" in algorithm.intro and "In run 2 the output layer is not trained in steps" in algorithm.intro
    text = part(algorithm, "Closed form of the output layer")
    assert r"\lambda \lVert W \rVert^2" in text and "| `ridges` |" in text
    assert r"The penalty $\lambda \lVert W \rVert^2$ is the regularisation in run 2" in part(
        algorithm, "Regularisation"
    )
    assert "No regularisation" not in part(algorithm, "Regularisation")
    assert "Loss function" in [part.title for part in algorithm.parts]


def test_weights_from_another_run_are_named_and_only_the_others_are_random(tmp_path: Path) -> None:
    preset = find_preset("raw")
    started = edited(preset, preset.experiment.model_copy(update={"start": StartSpec(run="20260101-120000-raw")}))
    taken = "the weights of 1 layer (dense_1) are those of run *x*; output has random ones"
    evidences = [read_evidence(recorded_run(tmp_path, started, start=taken))]
    text = part(chapter_of(evidences), "Batches, learning rate, initial weights")
    assert f"Before the training, {escaped(taken)}. The other initial weights are uniform on" in text
    assert "The other biases start at 0. Random numbers from the seed 0 give the other initial weights" in text
    evidences.append(read_evidence(recorded_run(tmp_path, preset)))
    text = part(chapter_of(evidences), "Batches, learning rate, initial weights")
    assert "Before the training in run 1, the weights of 1 layer" in text


def test_the_augmentation_is_described_with_its_strengths_formulas_and_papers(tmp_path: Path) -> None:
    cnn = find_preset("cnn")
    assert "Augmentation" not in [each.title for each in chapter(tmp_path / "plain", cnn).parts]
    settings = {"shift": "2", "rotation": "10", "elastic": "34", "noise": "0.1", "erasing": "0.5", "flip": "on"}
    algorithm = chapter(tmp_path, edited(cnn, apply_texts(cnn.experiment, settings)))
    text = part(algorithm, "Augmentation")
    assert "shift up to 2 px, rotation up to 10°, elastic distortion (α 34, σ 4), noise" in text
    assert r"$$I'(p) = I(c + A^{-1} (p - c - t) + d(p)), \qquad A = R_\theta F$$" in text
    assert r"$$d = \alpha \, (G_\sigma * u)$$" in text
    assert "ref-simard2003" in text and "ref-zhong2020" in text
    assert "Validation and test images are never changed" in text
    assert "the changes of the images" in part(algorithm, "Batches, learning rate, initial weights")


def test_of_the_augmentation_only_the_changes_that_are_made_are_described(tmp_path: Path) -> None:
    raw = find_preset("raw")
    runs = (raw, edited(raw, apply_texts(raw.experiment, {"shift": "1"})))
    text = part(chapter(tmp_path, *runs), "Augmentation")
    assert "shift up to 1 px in run 2" in text
    assert "$$I'(p) = I(p - t)$$" in text
    assert "zhong2020" not in text and "Gaussian" not in text
