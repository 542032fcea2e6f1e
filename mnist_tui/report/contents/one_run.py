"""Gather what a report says of one run: its data, training, notices, platform, scores and confusions."""

from __future__ import annotations

import shlex
import statistics
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from mnist_tui.experiment.layers import LAYER_KINDS
from mnist_tui.experiment.optimizers import Ridge
from mnist_tui.experiment.shapes import IMAGE_EDGE
from mnist_tui.experiment.spec import Experiment, HogFeatures
from mnist_tui.report import result_words
from mnist_tui.report.evidence import UNKNOWN, Evidence
from mnist_tui.report.markdown import Facts, MarkdownTable, MarkdownText, run_numbers, value_in_words
from mnist_tui.report.result_words import MEASURED, PublishedScore, citation, published_scores
from mnist_tui.runs.events import computation
from mnist_tui.runs.scores import in_words, worst_confusions
from mnist_tui.runs.state import LIVE
from mnist_tui.wording import DASH, count, counted, in_utc, listed, loss, noun, percent, seconds, size

IMAGE_SIZE = f"{IMAGE_EDGE} × {IMAGE_EDGE} pixels, 1 channel"


def dataset_facts(evidence: Evidence) -> Facts:
    """Describe the data that the run had, or was to have if it never read them."""
    data, spec = evidence.document["dataset"], evidence.experiment.dataset
    if data is None:
        return [("Name", spec.name), *_input_facts(evidence)]
    return [
        ("Name", dataset_title(data)),
        ("Training set", f"{counted(data['train'], 'image')}{' (limited)' if spec.limit else ''}"),
        ("Test set", counted(data["test"], "image")),
        ("Validation (dev) set", _validation_in_words(evidence, data["validation"])),
        *_input_facts(evidence),
        ("Source", str(data.get("source") or "not recorded")),
        ("Checksums", "the published ones" if data.get("verified") else "not those of a published dataset"),
        *((f"SHA-256, {part.replace('_', ' ')}", text) for part, text in data["sha256"].items()),
    ]


def dataset_title(data: dict[str, Any]) -> str:
    """Return the title of a document's dataset; the bundled sample is called a sample."""
    said = str(data.get("title") or data["name"])
    return f"{said} (sample)" if data.get("sample") and "sample" not in said else said


def _validation_in_words(evidence: Evidence, images: int) -> str:
    if not images:
        return "none; the test set is used for validation"
    share = evidence.experiment.dataset.validation
    drawn = f", {100 * share:g} % of the training images, drawn by the seed" if isinstance(share, float) else ""
    return f"{counted(images, 'image')}{drawn}"


def _input_facts(evidence: Evidence) -> Facts:
    return [
        ("Image size", IMAGE_SIZE),
        ("Features", features_in_words(evidence)),
        ("Inputs of the network", evidence.complexity.inputs_formula),
    ]


def features_in_words(evidence: Evidence) -> str:
    """Describe the features that enter the network."""
    found = evidence.experiment.features
    if not isinstance(found, HogFeatures):
        return "raw pixels, 0 to 1"
    return (
        f"histograms of oriented gradients (Dalal and Triggs, 2005), L2-Hys: {found.pixels_per_cell} × "
        f"{found.pixels_per_cell} pixels per cell, {found.orientations} orientations, "
        f"{found.cells_per_block} × {found.cells_per_block} cells per block"
    )


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
    """Return what a reader must know before the figures: the run's state, sample data, missing files."""
    document = evidence.document
    if document["state"] in LIVE:
        found = ["This run has not ended; the report shows what has been recorded so far."]
    else:
        reason = f" Reason: {document['reason']}." if document["reason"] else ""
        said = STATE_NOTICES.get(document["state"], f"This run is {document['state']}.")
        found = [f"{said}{reason}"] if said else []
    if document["dataset"] and document["dataset"].get("sample"):
        found.append(SAMPLE_NOTICE)
    return [*found, *evidence.missing]


def notices_and_warnings(evidence: Evidence) -> list[str]:
    """Return the notices, and the warnings that the run itself recorded."""
    return [*run_notices(evidence), *evidence.state.warnings]


def merged_notices(told: Mapping[int, Sequence[str]]) -> list[str]:
    """Return the notices of several runs, each once, with the numbers of the runs that it holds for.

    Args:
        told: the notices by the number of the run.
    """
    found: dict[str, list[int]] = {}
    for number, sentences in told.items():
        for sentence in sentences:
            found.setdefault(sentence, []).append(number)
    if len(told) == 1:
        return list(found)
    return [f"{noun(numbers, 'Run')} {run_numbers(numbers)}: {sentence}" for sentence, numbers in found.items()]


RERUN_COMMAND = shlex.join(["mnist-tui", "train", "--preset", "experiment.toml"])
"""The command that trains the experiment again, typed in the folder of `experiment.toml`."""


def platform_facts(evidence: Evidence) -> Facts:
    """Describe where a run was trained: device, machine, versions, time, and where its weights are."""
    known = evidence.document["platform"] or {}
    versions = {name: version for name, version in (known.get("versions") or {}).items() if version}
    model, folder = evidence.state.model, evidence.folder
    device = model.device_name or model.device if model else known.get("device_name") or known.get("device") or DASH
    on = f" ({model.device})" if model else ""
    machine = [known.get("cpu"), counted(known["cores"], "core") if known.get("cores") else None, known.get("machine")]
    return [
        ("Device used", f"{device}{on}"),
        ("Computation", ", ".join(filter(None, (computation(model), model.cpu_features))) if model else DASH),
        ("Processor", ", ".join(str(part) for part in machine if part) or DASH),
        ("Memory", size(known["memory"]) if known.get("memory") else DASH),
        ("Operating system", str(known.get("os") or DASH)),
        ("Python", str(known.get("python") or DASH)),
        ("TensorFlow", versions.pop("tensorflow", "") or (model.tensorflow if model else "") or DASH),
        ("Keras", versions.pop("keras", "") or (model.keras if model else "") or DASH),
        *versions.items(),
        ("Weights", f"{folder.id}/{folder.model_file.name}" if folder.model_file.exists() else "none saved"),
        ("Run", folder.id),
        ("Timestamp", in_utc(datetime.fromtimestamp(evidence.created, UTC)) if evidence.created is not None else DASH),
    ]


CONFUSIONS_TOLD = 10
"""The number of confusions told in words."""
SHORT_NAME = 6
"""The most letters of a class name above a column of the matrix."""


def score_table(evidence: Evidence) -> MarkdownTable | None:
    """Return the scores, one row a set of images, with the published ones and the difference below; None without."""
    document = evidence.document
    test, train = document["test"], document["train"]
    rows: list[tuple[object, ...]] = []
    if test:
        rows.append(("test", percent(test["accuracy"]), loss(test["loss"]), percent(test["macro_f1"])))
    if train:
        name = "training (after training, without dropout)"
        rows.append((name, percent(train["accuracy"]), loss(train["loss"]), DASH))
    if not rows:
        return None
    headings = ("Set", "Accuracy", "Loss", "Macro F1")
    return MarkdownTable(headings, tuple(rows + _published_rows(document)), frozenset((1, 2, 3)))


def _published_rows(document: Mapping[str, Any]) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for of in ("test", "training"):
        found = {one.score: one for one in published_scores(document) if one.of == of}
        if not found:
            continue
        how = next(iter(found.values())).how
        if how == MEASURED["running"] and any(one.ours is not None for one in found.values()):
            rows.append((f"training ({how})", *_score_cells(found, lambda one: one.written(one.ours))))
        name = f"{of}, published in {citation(document['reference'])}{f'; {how}' if how else ''}"
        rows.append((name, *_score_cells(found, lambda one: one.written(one.published))))
        if any(one.ours is not None for one in found.values()):
            rows.append((f"{of}, ours less published", *_score_cells(found, lambda one: one.difference)))
    return rows


def _score_cells(found: Mapping[str, PublishedScore], written: Callable[[PublishedScore], str]) -> tuple[str, str, str]:
    """Return accuracy, loss, and a dash for macro F1, which no source publishes."""
    accuracy, cost = (written(found[score]) if score in found else DASH for score in ("accuracy", "loss"))
    return accuracy, cost, DASH


def source_readings(evidence: Evidence) -> tuple[str, ...]:
    """Return the decisions that the source's text left open, a sentence each; empty without a source."""
    return tuple(evidence.reference.get("readings", ()))


def class_score_table(evidence: Evidence) -> MarkdownTable | None:
    """Return precision, recall, F1 and number of images of each class on the test images."""
    if not evidence.test.get("per_class"):
        return None
    rows = [
        (row["class"], percent(row["precision"]), percent(row["recall"]), percent(row["f1"]), count(row["support"]))
        for row in evidence.test["per_class"]
    ]
    return MarkdownTable(("Class", "Precision", "Recall", "F1", "Images"), tuple(rows), frozenset((1, 2, 3, 4)))


def confusion_table(evidence: Evidence) -> MarkdownTable | None:
    """Return the confusion matrix in counts; long class names stand at the rows only, numbers at the columns."""
    if evidence.matrix is None:
        return None
    names = evidence.class_names
    heads = names if max(map(len, names)) <= SHORT_NAME else tuple(map(str, range(len(names))))
    rows = [
        (name if heads is names else f"{number} {name}", *map(count, row))
        for number, (name, row) in enumerate(zip(names, evidence.matrix, strict=True))
    ]
    return MarkdownTable(("true ╲ predicted", *heads), tuple(rows), frozenset(range(1, len(names) + 1)))


def worst_confusions_in_words(evidence: Evidence) -> list[str]:
    """Return the most frequent confusions, a sentence each."""
    if evidence.matrix is None:
        return []
    return [in_words(one) for one in worst_confusions(evidence.matrix, evidence.class_names, CONFUSIONS_TOLD)]


def run_contents(evidence: Evidence) -> dict[str, Any]:
    """Return everything that the templates lay out for one run."""
    preset, closed = evidence.preset, not evidence.experiment.trains_in_epochs
    return {
        "preset": preset.name,
        "about": preset.about,
        "notices": notices_and_warnings(evidence),
        "dataset": dataset_facts(evidence),
        "training": closed_form_facts(evidence) if closed else training_facts(evidence),
        "loss": LEAST_SQUARES if closed else CROSS_ENTROPY,
        "ridges": ridge_table(evidence),
        "no_history": NO_EPOCHS if closed else "No epoch ended, or none was recorded.",
        "scores": score_table(evidence),
        "readings": source_readings(evidence),
        "per_class": class_score_table(evidence),
        "matrix": confusion_table(evidence),
        "matrix_of": evidence.matrix_of,
        "confusions": worst_confusions_in_words(evidence),
        "findings": evidence.findings,
        "platform": platform_facts(evidence),
        "command": evidence.document["command"],
        "again": RERUN_COMMAND,
    }


def history_table(evidence: Evidence) -> MarkdownTable | None:
    """Return the training history, one row an epoch; None without an epoch, and for a closed form."""
    if not evidence.experiment.trains_in_epochs:
        return None
    rows = [
        (
            str(row.epoch),
            loss(row.loss),
            percent(row.accuracy),
            loss(row.val_loss),
            percent(row.val_accuracy),
            _rate(row.learning_rate),
            f"{row.seconds:.2f}",
            count(round(row.images_per_second)),
        )
        for row in evidence.state.history
    ]
    headings = (
        "Epoch",
        "Loss",
        "Accuracy",
        "Validation loss",
        "Validation accuracy",
        "Learning rate",
        "Seconds",
        "Images/s",
    )
    return MarkdownTable(headings, tuple(rows), frozenset(range(len(headings)))) if rows else None


def _rate(value: float | None) -> str:
    return DASH if value is None else f"{value:.6g}"


def one_line_table(evidence: Evidence) -> MarkdownTable:
    """Return the run in one row, with the published accuracy where there is one."""
    test, train = evidence.test, evidence.train
    published = evidence.reference.get("accuracy")
    headings = ("Model", "Parameters", "Epochs", "Batch size", "Test accuracy", "Training accuracy")
    row = (
        evidence.preset.name,
        count(evidence.complexity.total),
        epochs_text(evidence),
        batch_size_text(evidence.experiment),
        percent(test.get("accuracy")) if test else DASH,
        percent(train.get("accuracy")) if train else DASH,
    )
    if published is not None:
        headings, row = (*headings, "Published test accuracy"), (*row, percent(published))
    return MarkdownTable(headings, (row,), frozenset(range(1, len(headings))))


CROSS_ENTROPY = (
    "The loss is the categorical cross-entropy",
    r"$$L = -\frac{1}{n} \sum_{i=1}^{n} \sum_{k=1}^{10} y_{ik} \ln \hat{y}_{ik}$$",
    r"over the $n$ images of a batch: $y_{ik}$ is 1 where $k$ is the true class of image $i$ and 0 elsewhere, and "
    r"$\hat{y}_{ik}$ the probability that the softmax gives that class.",
)
"""The loss that training minimises: a sentence, the formula, and what its letters mean."""
OTHER_TIMES = {"data": "reading", "features": "features", "build": "building", "total": "all"}
EARLY_STOPPING = "early stopping"


def training_facts(evidence: Evidence) -> Facts:
    """Describe the training: what was set, and how it went."""
    experiment, state = evidence.experiment, evidence.state
    spec = experiment.training
    facts: Facts = [("Epochs planned", count(state.epochs or spec.epochs)), ("Epochs run", count(epochs_run(evidence)))]
    if (weights_of := evidence.results.get("weights_of_epoch")) is not None:
        facts.append(("Weights are those after epoch", f"{weights_of:g}"))
    if state.best is not None:
        facts.append(("Lowest validation loss", f"{state.best.val_loss:.4f}, after epoch {state.best.epoch}"))
    facts += [
        *optimizer_facts(experiment),
        ("Learning rate over the epochs", schedule_in_words(experiment)),
        ("Early stopping", early_stopping_in_words(experiment)),
        ("Regularisation", regularisation_in_words(evidence)),
        ("Loss", "categorical cross-entropy"),
        ("Batch size", counted(spec.batch_size, "image")),
    ]
    if state.model is not None:
        facts.append(("Steps an epoch", count(state.model.steps)))
    return [*facts, ("Shuffle", "yes, before every epoch"), ("Seed", str(spec.seed)), *time_facts(evidence)]


def epochs_run(evidence: Evidence) -> int | None:
    """Return the number of epochs that ended; None where it is not known."""
    if evidence.state.history or evidence.state.start is not None:
        return len(evidence.state.history)
    return evidence.results.get("epochs_run")


def epochs_text(evidence: Evidence) -> str:
    """Return the number of epochs that ended: ``40 of 100`` where more were planned."""
    done, planned = epochs_run(evidence), evidence.state.epochs or evidence.experiment.training.epochs
    return count(done) if done == planned else f"{count(done)} of {count(planned)}"


def stopped_early(evidence: Evidence) -> bool:
    """Tell whether early stopping ended the run."""
    ended = evidence.state.ended
    return ended is not None and ended.reason.startswith(EARLY_STOPPING)


def optimizer_facts(experiment: Experiment) -> Facts:
    """Describe the optimizer with its paper, and each of its arguments."""
    chosen = experiment.optimizer
    names = [name for name in type(chosen).model_fields if name != "name"]
    return [
        ("Optimizer", chosen.about()),
        *((name.replace("_", " ").capitalize(), value_in_words(getattr(chosen, name))) for name in names),
    ]


def schedule_in_words(experiment: Experiment) -> MarkdownText:
    """Describe the learning rate over the epochs, as a formula where it changes."""
    training = experiment.training
    return MarkdownText(training.schedule.in_words(experiment.learning_rate(0), training.epochs))


def early_stopping_in_words(experiment: Experiment) -> str:
    rule = experiment.training.early_stopping
    if rule is None:
        return "none"
    kept = "the best epoch's weights kept" if rule.restore_best_weights else "the last weights kept"
    return f"on {rule.monitor}, patience {counted(rule.patience, 'epoch')}, least change {rule.min_delta:g}, {kept}"


def regularisation_in_words(evidence: Evidence) -> str:
    """Describe dropout, batch normalisation and weight decay, with their papers."""
    experiment, found = evidence.experiment, list[str]()
    named = list(zip(experiment.layers, evidence.complexity.layers, strict=False))
    for kind in LAYER_KINDS.values():
        used = [part.effect_in(layer.name) for part, layer in named if type(part) is kind]
        if kind.EFFECT and any(used):
            name, paper = kind.EFFECT
            found.append(f"{name}, {', '.join(filter(None, used))} ({paper})")
    return "; ".join(filter(None, (*found, experiment.optimizer.regularisation))) or "none"


def batch_size_text(experiment: Experiment) -> str:
    """Return the number of images a step; a dash where there are no steps."""
    return count(experiment.training.batch_size) if experiment.trains_in_epochs else DASH


def time_facts(evidence: Evidence, *, epochs: bool = True) -> Facts:
    """Return the times that the run and its parts took.

    Args:
        epochs: whether the time of an epoch is told, too.
    """
    timings, history = evidence.document["timings"] or {}, evidence.state.history
    whole = timings.get("train") if timings else sum(row.seconds for row in history) if history else None
    facts: Facts = [("Training time", seconds(whole))]
    if history and epochs:
        steady = [row.seconds for row in history[1:]] or [history[0].seconds]
        first = f" (median); the first {seconds(history[0].seconds)}" if len(history) > 1 else ""
        facts.append(("Time of an epoch", f"{seconds(statistics.median(steady))}{first}"))
    if timings.get("evaluate") is not None:
        facts.append(("Evaluation time", seconds(timings["evaluate"])))
    rest = ", ".join(
        f"{word} {seconds(timings[key])}" for key, word in OTHER_TIMES.items() if timings.get(key) is not None
    )
    return [*facts, *([("Other times", rest)] if rest else [])]


LEAST_SQUARES = (
    "The output layer's weights $W$ and biases $b$ are those with the least",
    r"$$\sum_{i=1}^{n} \lVert W x_i + b - y_i \rVert^2 + \lambda \lVert W \rVert^2$$",
    r"over the $n$ training images: $x_i$ is what enters the output layer for image $i$, $y_i$ is 1 for its true class "
    r"and 0 for the nine others, and $\lambda$ is the ridge. Probabilities are the softmax of $(W x_i + b) / T$ with "
    "one temperature $T$ for all images, that with the least categorical cross-entropy (Guo et al., 2017); it leaves "
    "every image's most probable class as it is. The losses reported are such cross-entropies.",
)
"""What the closed form minimises: a sentence, the formula, and what its letters mean."""
NO_EPOCHS = "The output layer was solved in closed form, at once: there are no epochs to draw."


def closed_form_facts(evidence: Evidence) -> Facts:
    """Describe how the output layer was solved: from what, with which ridge, and how long it took."""
    experiment, found = evidence.experiment, evidence.document["closed_form"]
    spec = experiment.optimizer
    assert isinstance(spec, Ridge)
    frozen = [layer.name for layer in evidence.complexity.layers if layer.non_trainable]
    facts: Facts = [
        ("Output layer", "ridge least squares in closed form (Hoerl and Kennard, 1970), biases not penalised"),
        ("Hidden layers", f"{listed(frozen)}, frozen as initialised" if frozen else "none with weights"),
        ("Ridges tried", ", ".join(f"{ridge:g}" for ridge in spec.ridges)),
    ]
    if found:
        facts += [
            ("Ridge", result_words.ridge_in_words(found)),
            ("Solved over", result_words.solved_images(found)),
            ("Temperature", result_words.temperature_in_words(found)),
        ]
    return [*facts, ("Seed", str(experiment.training.seed)), *time_facts(evidence, epochs=False)]


def ridge_table(evidence: Evidence) -> MarkdownTable | None:
    """Return the validation accuracy of each ridge; None where none was chosen."""
    found = evidence.document["closed_form"]
    rows = result_words.ridge_accuracies(found) if found else []
    return MarkdownTable(("Ridge", "Validation accuracy"), tuple(rows), frozenset((0, 1))) if rows else None
