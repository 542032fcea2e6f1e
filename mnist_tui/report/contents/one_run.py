"""Gather the contents of a report about one run: data, training, notices, platform, scores and confusions."""

from __future__ import annotations

import shlex
import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from mnist_tui.experiment.layers import LAYER_KINDS
from mnist_tui.experiment.optimizers import Ridge
from mnist_tui.experiment.shapes import IMAGE_EDGE
from mnist_tui.experiment.spec import Experiment, HogFeatures
from mnist_tui.report.evidence import UNKNOWN, Evidence
from mnist_tui.report.markdown import Facts, MarkdownTable, MarkdownText, table_of, value_in_words
from mnist_tui.report.result_words import (
    MEASURED,
    citation,
    number_ranges,
    published_scores,
    ridge_accuracies,
    solution_in_words,
)
from mnist_tui.runs.events import computation
from mnist_tui.runs.scores import in_words, worst_confusions
from mnist_tui.runs.state import LIVE
from mnist_tui.runs.times import ALONE, times_of
from mnist_tui.wording import DASH, count, counted, in_utc, listed, loss, noun, percent, seconds, size

RERUN_COMMAND = shlex.join(["mnist-tui", "train", "--preset", "experiment.toml"])
"""The command that trains the experiment again, for the folder with `experiment.toml`."""


def run_contents(evidence: Evidence) -> dict[str, Any]:
    """Return the contents that the templates show for one run, by the names in the templates."""
    preset, closed = evidence.preset, not evidence.experiment.trains_in_epochs
    solution = evidence.document["closed_form"]
    matrix, names = evidence.matrix, evidence.class_names
    return {
        "preset": preset.name,
        "about": preset.about,
        "notices": notices_and_warnings(evidence),
        "dataset": _dataset_facts(evidence),
        "training": _closed_form_facts(evidence) if closed else _training_facts(evidence),
        "loss": LEAST_SQUARES if closed else CROSS_ENTROPY,
        "ridges": table_of(
            [{"Ridge": ridge, "Validation accuracy": text} for ridge, text in ridge_accuracies(solution or {})]
        ),
        "no_history": NO_EPOCHS if closed else "No epoch ended, or none was recorded.",
        "scores": _score_table(evidence),
        "readings": evidence.reference.get("readings", ()),
        "per_class": table_of(
            [
                {
                    "Class": row["class"],
                    "Precision": percent(row["precision"]),
                    "Recall": percent(row["recall"]),
                    "F1": percent(row["f1"]),
                    "Images": count(row["support"]),
                }
                for row in evidence.test.get("per_class") or ()
            ],
            words=["Class"],
        ),
        "matrix": _confusion_table(matrix, names) if matrix else None,
        "matrix_of": evidence.matrix_of,
        "confusions": [in_words(one) for one in worst_confusions(matrix or (), names, 10)],
        "findings": evidence.findings,
        "id": evidence.folder.id,
        "platform": platform_facts(evidence),
        "command": evidence.document["command"],
        "again": RERUN_COMMAND,
    }


def _dataset_facts(evidence: Evidence) -> Facts:
    """Describe the run's dataset; a run that never read it has only the dataset's name from the experiment."""
    data, spec, features = evidence.document["dataset"], evidence.experiment.dataset, evidence.experiment.features
    described = "raw pixels, 0 to 1"
    if isinstance(features, HogFeatures):
        cell, block = (f"{edge} × {edge}" for edge in (features.pixels_per_cell, features.cells_per_block))
        described = (
            f"histograms of oriented gradients (Dalal and Triggs, 2005), L2-Hys: {cell} pixels per cell, "
            f"{features.orientations} orientations, {block} cells per block"
        )
    inputs: Facts = [
        ("Image size", f"{IMAGE_EDGE} × {IMAGE_EDGE} pixels, 1 channel"),
        ("Features", described),
        ("Inputs of the network", evidence.complexity.inputs_formula),
    ]
    if data is None:
        return [("Name", spec.name), *inputs]
    validation = "none; the test set is used for validation"
    if data["validation"]:
        share = spec.validation
        drawn = f", {100 * share:g} % of the training images, drawn by the seed" if isinstance(share, float) else ""
        validation = f"{counted(data['validation'], 'image')}{drawn}"
    return [
        ("Name", dataset_title(data)),
        ("Training set", f"{counted(data['train'], 'image')}{' (limited)' if spec.limit else ''}"),
        ("Test set", counted(data["test"], "image")),
        ("Validation (dev) set", validation),
        *inputs,
        ("Source", str(data.get("source") or "not recorded")),
        ("Checksums", "the published ones" if data.get("verified") else "not those of a published dataset"),
        *((f"SHA-256, {part.replace('_', ' ')}", text) for part, text in data["sha256"].items()),
    ]


def dataset_title(data: Mapping[str, Any]) -> str:
    """Return the title of a run document's dataset; the bundled sample is marked as a sample."""
    title = str(data.get("title") or data["name"])
    return f"{title} (sample)" if data.get("sample") and "sample" not in title else title


STATE_NOTICES = {
    "finished": "",
    "stopped": "This run was stopped before its last epoch; its scores are those that it had then.",
    "diverged": "This run diverged: its loss grew beyond every bound, so its scores say nothing about the network.",
    "failed": "This run failed; the report shows what was recorded until then.",
    "crashed": "This run's worker process died unexpectedly; the report shows what was recorded until then.",
    UNKNOWN: "",
}
SAMPLE_NOTICE = "The data are the bundled digits sample (scikit-learn, 1,797 images), not MNIST."


def run_notices(evidence: Evidence) -> list[str]:
    """Return the notices at the start of a run's section: an unusual state, sample data, missing files."""
    document = evidence.document
    if document["state"] in LIVE:
        state = "This run has not ended; the report shows what has been recorded so far."
    else:
        state = STATE_NOTICES.get(document["state"], f"This run is {document['state']}.")
        state += f" Reason: {document['reason']}." if state and document["reason"] else ""
    sample = SAMPLE_NOTICE if document["dataset"] and document["dataset"].get("sample") else ""
    return [*filter(None, (state, sample)), *evidence.missing]


def notices_and_warnings(evidence: Evidence) -> list[str]:
    """Return the notices together with the warnings that the run recorded."""
    return [*run_notices(evidence), *evidence.state.warnings]


def merged_notices(notices: Mapping[int, Sequence[str]]) -> list[str]:
    """Return the notices of several numbered runs, each notice once, with the numbers of its runs."""
    numbers_of: dict[str, list[int]] = {}
    for number, sentences in notices.items():
        for sentence in sentences:
            numbers_of.setdefault(sentence, []).append(number)
    if len(notices) == 1:
        return list(numbers_of)
    return [
        f"{noun(numbers, 'Run')} {number_ranges(numbers, '–')}: {sentence}" for sentence, numbers in numbers_of.items()
    ]


def platform_facts(evidence: Evidence) -> Facts:
    """Describe the platform of a run: device, machine, versions and time, and the file of its weights."""
    platform = evidence.document["platform"] or {}
    versions = {name: version for name, version in (platform.get("versions") or {}).items() if version}
    model, folder = evidence.state.model, evidence.folder
    device = model.device_name or model.device if model else platform.get("device_name") or platform.get("device")
    cores = counted(platform["cores"], "core") if platform.get("cores") else None
    processor = ", ".join(str(part) for part in (platform.get("cpu"), cores, platform.get("machine")) if part)
    facts: Facts = [
        ("Device used", f"{device or DASH}{f' ({model.device})' if model else ''}"),
        ("Computation", ", ".join(filter(None, (computation(model), model.cpu_features))) if model else ""),
        ("Processor", processor),
        ("Memory", size(platform["memory"]) if platform.get("memory") else ""),
        ("Operating system", platform.get("os")),
        ("Python", platform.get("python")),
        ("TensorFlow", versions.pop("tensorflow", "") or (model.tensorflow if model else "")),
        ("Keras", versions.pop("keras", "") or (model.keras if model else "")),
        *versions.items(),
        ("Weights", f"{folder.id}/{folder.model_file.name}" if folder.model_file.exists() else "none saved"),
        ("Run", folder.id),
        ("Timestamp", in_utc(datetime.fromtimestamp(evidence.created, UTC)) if evidence.created is not None else ""),
    ]
    return [(label, value or DASH) for label, value in facts]


def _score_table(evidence: Evidence) -> MarkdownTable | None:
    """Return the scores, one row for each set of images, then the published ones; None if the run has no scores."""
    test, train = evidence.test, evidence.train
    rows: list[tuple[str, ...]] = []
    if test:
        rows.append(("test", percent(test["accuracy"]), loss(test["loss"]), percent(test["macro_f1"])))
    if train:
        name = "training images, measured after training, without dropout"
        rows.append((name, percent(train["accuracy"]), loss(train["loss"]), DASH))
    if not rows:
        return None
    headings = ("Set", "Accuracy", "Loss", "Macro F1")
    return MarkdownTable(headings, [*rows, *_published_rows(evidence)], (1, 2, 3))


def _published_rows(evidence: Evidence) -> list[tuple[str, ...]]:
    """Return rows of published scores, and of our scores minus them; sources publish no macro F1."""
    rows: list[tuple[str, ...]] = []
    for of in ("test", "training"):
        scores = {one.score: one for one in published_scores(evidence.document) if one.of == of}
        if not scores:
            continue
        how = next(iter(scores.values())).how
        published = {score: one.written(one.published) for score, one in scores.items()}
        lines = [(f"{of}, published in {citation(evidence.reference)}{f'; {how}' if how else ''}", published)]
        if any(one.ours is not None for one in scores.values()):
            lines.append((f"{of}, ours − published", {score: one.difference for score, one in scores.items()}))
            if how == MEASURED["running"]:
                ours = {score: one.written(one.ours) for score, one in scores.items()}
                lines.insert(0, (f"training ({how})", ours))
        rows += [(name, cells.get("accuracy", DASH), cells.get("loss", DASH), DASH) for name, cells in lines]
    return rows


def _confusion_table(matrix: Sequence[Sequence[int]], names: Sequence[str]) -> MarkdownTable:
    """Return the confusion matrix in counts; if class names are long, the columns have their numbers instead."""
    short = max(map(len, names)) <= 6
    heads = names if short else [str(number) for number in range(len(names))]
    rows = [
        (name if short else f"{number} {name}", *map(count, row))
        for number, (name, row) in enumerate(zip(names, matrix, strict=True))
    ]
    return MarkdownTable(("true ╲ predicted", *heads), rows, range(1, len(names) + 1))


def history_table(evidence: Evidence) -> MarkdownTable | None:
    """Return the training history, one row for each epoch; None without epochs."""
    if not evidence.experiment.trains_in_epochs:
        return None
    return table_of(
        [
            {
                "Epoch": str(row.epoch),
                "Loss": loss(row.loss),
                "Accuracy": percent(row.accuracy),
                "Validation loss": loss(row.val_loss),
                "Validation accuracy": percent(row.val_accuracy),
                "Learning rate": DASH if row.learning_rate is None else f"{row.learning_rate:.6g}",
                "Seconds": f"{row.seconds:.2f}",
                "Images/s": count(round(row.images_per_second)),
            }
            for row in evidence.state.history
        ]
    )


def one_line_table(evidence: Evidence) -> MarkdownTable | None:
    """Return a table with the run in one row, and the published accuracy if there is one."""
    published = evidence.reference.get("accuracy")
    row = {
        "Model": evidence.preset.name,
        "Parameters": count(evidence.complexity.total),
        "Epochs": epochs_text(evidence),
        "Batch size": batch_size_text(evidence.experiment),
        "Test accuracy": percent(evidence.test.get("accuracy")),
        "Training accuracy": percent(evidence.train.get("accuracy")),
    }
    return table_of([row if published is None else {**row, "Published test accuracy": percent(published)}], ["Model"])


CROSS_ENTROPY = (
    "The loss is the categorical cross-entropy",
    r"$$L = -\frac{1}{n} \sum_{i=1}^{n} \sum_{k=1}^{10} y_{ik} \ln \hat{y}_{ik}$$",
    r"over the $n$ images of a batch: $y_{ik}$ is 1 where $k$ is the true class of image $i$ and 0 elsewhere, and "
    r"$\hat{y}_{ik}$ the probability that the softmax gives that class.",
)
"""The loss that training minimises: a sentence, the formula, and the meaning of the formula's letters."""
OTHER_TIMES = {"data": "reading", "features": "features", "build": "building"}


def _training_facts(evidence: Evidence) -> Facts:
    """Describe the training: its settings, its epochs and its times."""
    experiment, state, spec = evidence.experiment, evidence.state, evidence.experiment.training
    weights_of, optimizer = evidence.results.get("weights_of_epoch"), experiment.optimizer
    rates = spec.schedule.in_words(experiment.learning_rate(0), spec.epochs)
    rule, stopping = spec.early_stopping, "none"
    if rule is not None:
        kept = "the best epoch's weights kept" if rule.restore_best_weights else "the last weights kept"
        patience = counted(rule.patience, "epoch")
        stopping = f"on {rule.monitor}, patience {patience}, minimum change {rule.min_delta:g}, {kept}"
    return [
        ("Epochs planned", count(state.epochs or spec.epochs)),
        ("Epochs run", count(_epochs_run(evidence))),
        ("Weights saved are those after epoch", None if weights_of is None else f"{weights_of:g}"),
        ("Lowest validation loss", state.best and f"{state.best.val_loss:.4f}, after epoch {state.best.epoch}"),
        ("Optimizer", optimizer.about()),
        *(
            (name.replace("_", " ").capitalize(), value_in_words(getattr(optimizer, name)))
            for name in type(optimizer).model_fields
            if name != "name"
        ),
        ("Learning rate over the epochs", MarkdownText(rates)),
        ("Early stopping", stopping),
        ("Regularisation", _regularisation_in_words(evidence)),
        ("Loss", "categorical cross-entropy"),
        ("Batch size", counted(spec.batch_size, "image")),
        ("Steps per epoch", state.model and count(state.model.steps)),
        ("Shuffle", "yes, before every epoch"),
        ("Seed", str(spec.seed)),
        *_time_facts(evidence),
    ]


def _epochs_run(evidence: Evidence) -> int | None:
    """Return the number of complete epochs; None if it is not known."""
    if evidence.state.history or evidence.state.start is not None:
        return len(evidence.state.history)
    return evidence.results.get("epochs_run")


def epochs_text(evidence: Evidence) -> str:
    """Return the number of complete epochs, with the planned number if it differs: ``40 of 100``."""
    done, planned = _epochs_run(evidence), evidence.state.epochs or evidence.experiment.training.epochs
    return count(done) if done == planned else f"{count(done)} of {count(planned)}"


def _regularisation_in_words(evidence: Evidence) -> str:
    """Describe dropout, batch normalisation and weight decay, with their papers."""
    experiment, sentences = evidence.experiment, list[str]()
    named = list(zip(experiment.layers, evidence.complexity.layers, strict=False))
    for kind in LAYER_KINDS.values():
        used = [part.effect_in(layer.name) for part, layer in named if type(part) is kind]
        if kind.EFFECT and any(used):
            name, paper = kind.EFFECT
            sentences.append(f"{name}, {', '.join(filter(None, used))} ({paper})")
    return "; ".join(filter(None, (*sentences, experiment.optimizer.regularisation))) or "none"


def batch_size_text(experiment: Experiment) -> str:
    """Return the number of images in a step; a dash if the experiment has no steps."""
    return count(experiment.training.batch_size) if experiment.trains_in_epochs else DASH


def _time_facts(evidence: Evidence, *, epochs: bool = True) -> Facts:
    """Return the times of the training, of one epoch (if `epochs` is set), and of the other parts of the run."""
    timings, whole = evidence.document["timings"] or {}, times_of(evidence.state)
    times = [row.seconds for row in evidence.state.history]
    facts: Facts = [(f"Training time, {ALONE}", seconds(whole.training))]
    if whole.images_per_second is not None and epochs:
        facts.append((f"Images per second, {ALONE}", count(round(whole.images_per_second))))
    if times and epochs:
        first = f" (median); the first {seconds(times[0])}" if len(times) > 1 else ""
        facts.append(("Time per epoch, with evaluation", f"{seconds(statistics.median(times[1:] or times))}{first}"))
    if timings.get("evaluate") is not None:
        facts.append(("Time of the final evaluation", seconds(timings["evaluate"])))
    if whole.total is not None:
        facts.append(("Total time", seconds(whole.total)))
    others = [f"{word} {seconds(timings[key])}" for key, word in OTHER_TIMES.items() if timings.get(key) is not None]
    return [*facts, ("Other times", ", ".join(others) or None)]


LEAST_SQUARES = (
    "The output layer's weights $W$ and biases $b$ are those with the least",
    r"$$\sum_{i=1}^{n} \lVert W x_i + b - y_i \rVert^2 + \lambda \lVert W \rVert^2$$",
    r"over the $n$ training images: $x_i$ is what enters the output layer for image $i$, $y_i$ is 1 for its true class "
    r"and 0 for the nine others, and $\lambda$ is the ridge. Probabilities are the softmax of $(W x_i + b) / T$ with "
    "one temperature $T$ for all images, that with the least categorical cross-entropy (Guo et al., 2017); it leaves "
    "every image's most probable class as it is. The losses reported are such cross-entropies.",
)
"""The sum that the closed form minimises: a sentence, the formula, and the meaning of the formula's letters."""
NO_EPOCHS = "The output layer was solved in closed form, at once: there are no epochs to draw."


def _closed_form_facts(evidence: Evidence) -> Facts:
    """Describe a closed form: the frozen layers, the ridges, the solution of the output layer, and the times."""
    experiment, solution = evidence.experiment, evidence.document["closed_form"]
    assert isinstance(experiment.optimizer, Ridge)
    frozen = [layer.name for layer in evidence.complexity.layers if layer.non_trainable]
    labels = ("Ridge", "Solved over", "Temperature")
    return [
        ("Output layer", "ridge least squares in closed form (Hoerl and Kennard, 1970), biases not penalised"),
        ("Hidden layers", f"{listed(frozen)}, frozen as initialised" if frozen else "none with weights"),
        ("Ridges tried", ", ".join(f"{ridge:g}" for ridge in experiment.optimizer.ridges)),
        *(zip(labels, solution_in_words(solution), strict=True) if solution else ()),
        ("Seed", str(experiment.training.seed)),
        *_time_facts(evidence, epochs=False),
    ]
