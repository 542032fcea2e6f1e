"""Gather the contents of a report about one run: data, training, notices, platform, scores and confusions."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import PurePath
from typing import Any

from mnist_tui.data.known import KNOWN
from mnist_tui.experiment.complexity import effects
from mnist_tui.experiment.optimizers import Ridge
from mnist_tui.experiment.parameters import PARAMETERS, ParameterError, apply_texts
from mnist_tui.experiment.preset_files import PresetError
from mnist_tui.experiment.presets import find_preset
from mnist_tui.experiment.spec import Experiment, HogFeatures, TrainingSpec
from mnist_tui.report.contents.learning import loss_in_words, smoothing_in_words, weights_in_words, weights_text
from mnist_tui.report.contents.references import by_name
from mnist_tui.report.evidence import UNKNOWN, Evidence, scored_on
from mnist_tui.report.markdown import Facts, MarkdownTable, MarkdownText, code_span, table_of, value_in_words
from mnist_tui.report.result_words import (
    MEASURED,
    citation,
    number_ranges,
    percentage_points,
    published_scores,
    ridge_accuracies,
    solution_in_words,
)
from mnist_tui.report.statistics_words import class_statistics
from mnist_tui.runs.diagnosis import LEAST_DROP, RECENT, Improvement, improvement
from mnist_tui.runs.events import computation
from mnist_tui.runs.scores import (
    MOST_IN_ORDER,
    WORST_LISTED,
    Counts,
    f1_scores,
    in_words,
    lowest_f1_first,
    precisions,
    recalls,
    worst_confusions,
)
from mnist_tui.runs.state import LIVE
from mnist_tui.runs.times import ALONE, times_of
from mnist_tui.wording import DASH, count, counted, in_utc, listed, loss, noun, percent, size

RERUN_COMMAND = shlex.join(["mnist-tui", "train", "--preset", "experiment.toml"])
"""The command that trains the experiment again, for the folder with `experiment.toml`."""


def run_contents(evidence: Evidence, *, ranking: bool = False) -> dict[str, Any]:
    """Return the contents that the templates show for one run, by the names in the templates.

    Args:
        ranking: whether the scores of each class include the area under the ROC curve and the average precision.
    """
    preset, closed = evidence.preset, not evidence.experiment.trains_in_epochs
    solution = evidence.document["closed_form"]
    untrained = "" if evidence.origin is None else "The run was not trained here: it has no epochs."
    matrix, names = evidence.matrix, evidence.class_names
    is_long = len(names) > MOST_IN_ORDER
    return {
        "preset": preset.name,
        "about": preset.about,
        "notices": run_notices(evidence),
        "dataset": _dataset_facts(evidence),
        "training": _closed_form_facts(evidence) if closed else _training_facts(evidence),
        "loss": (
            *loss_in_words(by_name, closed=closed, classes={evidence.experiment.classes}),
            *_labels(evidence.experiment),
        ),
        "ridges": table_of(
            [{"Ridge": ridge, "Validation accuracy": text} for ridge, text in ridge_accuracies(solution or {})]
        ),
        "no_history": untrained or (NO_EPOCHS if closed else "") or "No epoch ended, or none was recorded.",
        "scores": _score_table(evidence),
        "readings": evidence.reference.get("readings", ()),
        "evaluated": evidence.experiment.dataset.evaluated_images,
        "per_class": _class_table(evidence, ranking=ranking),
        "weakest": table_of(_weakest(matrix, names), words=["Class"]) if matrix and is_long else None,
        "worst": table_of(_worst(matrix, names), words=["True class", "Read as"]) if matrix and is_long else None,
        "matrix": _confusion_table(matrix, names) if matrix and not is_long else None,
        "no_matrix": f"The matrix has {counted(names, 'class')} and is too wide for a table." if is_long else "",
        "matrix_of": evidence.matrix_of,
        "confusions": [in_words(one) for one in worst_confusions(matrix or (), names, WORST_LISTED)],
        "findings": evidence.findings,
        "id": evidence.folder.id,
        "platform": platform_facts(evidence),
        "command": experiment_command(evidence.document["command"]),
        "again": RERUN_COMMAND,
    }


def _class_table(evidence: Evidence, *, ranking: bool) -> MarkdownTable | None:
    """Return the scores of each class; None if the run has none. For `ranking` see `run_contents`."""
    found, rows = evidence.statistics if ranking else None, list[dict[str, str]]()
    more = {name: scores for name, *scores in class_statistics(found, evidence.class_names)} if found else {}
    for row in evidence.test.get("per_class") or ():
        cells = _class_row(row["class"], row["precision"], row["recall"], row["f1"], row["support"])
        images = cells.pop("Images")
        rankings = zip(("ROC-AUC", "Average precision"), more.get(row["class"], ()), strict=False)
        rows.append({**cells, **dict(rankings), "Images": images})
    return table_of(rows, words=["Class"])


def _class_row(
    name: str, precision: float | None, recall: float | None, f1: float | None, images: int
) -> dict[str, str]:
    return {
        "Class": name,
        "Precision": percent(precision),
        "Recall": percent(recall),
        "F1": percent(f1),
        "Images": count(images),
    }


def _weakest(matrix: Counts, names: Sequence[str]) -> list[dict[str, str]]:
    """Return the scores of the classes with the lowest F1, lowest first."""
    scores = zip(names, precisions(matrix), recalls(matrix), f1_scores(matrix), map(sum, matrix), strict=True)
    return [_class_row(*row) for row in lowest_f1_first(scores, lambda row: row[3])[:WORST_LISTED]]


def _worst(matrix: Counts, names: Sequence[str]) -> list[dict[str, str]]:
    """Return the most frequent confusions as the rows of a table."""
    return [
        {
            "True class": one.true_name,
            "Read as": one.predicted_name,
            "Images": count(one.count),
            "Of the true class": f"{percent(one.share, 1)} of {count(one.total)}",
        }
        for one in worst_confusions(matrix, names, WORST_LISTED)
    ]


def _dataset_facts(evidence: Evidence) -> Facts:
    """Describe the run's dataset; a run that never read it has only the dataset's name from the experiment."""
    data, spec = evidence.document["dataset"], evidence.experiment.dataset
    inputs: Facts = [
        ("Image size", image_in_words(evidence.experiment)),
        ("Classes", str(evidence.experiment.classes)),
        ("Features", features_in_words(evidence.experiment)),
        *([("Augmentation", augmented)] if (augmented := augmentation_in_words(evidence.experiment)) else []),
        *([("Inputs of the network", evidence.complexity.inputs_formula)] if evidence.has_own_layers else []),
    ]
    if data is None:
        return [("Name", dataset_name(evidence)), *inputs]
    return [
        ("Name", dataset_name(evidence)),
        ("Training set", f"{counted(data['train'], 'image')}{' (limited)' if spec.limit else ''}"),
        ("Test set", counted(data["test"], "image")),
        ("Validation (dev) set", validation_in_words(evidence)),
        *inputs,
        ("Checksums", checksums_in_words(data)),
        *checksum_facts(evidence),
    ]


def image_in_words(experiment: Experiment) -> str:
    """Describe an image of the dataset: ``28 × 28 pixels, 1 channel``."""
    height, width, channels = experiment.image_shape
    return f"{height} × {width} pixels, {counted(channels, 'channel')}"


def features_in_words(experiment: Experiment) -> str:
    """Describe what enters the network: raw pixels, or histograms of oriented gradients with their settings."""
    features = experiment.features
    if not isinstance(features, HogFeatures):
        return "raw pixels, 0 to 1"
    cell, block = (f"{edge} × {edge}" for edge in (features.pixels_per_cell, features.cells_per_block))
    return f"HOG (L2-Hys): {cell} pixels per cell, {features.orientations} orientations, {block} cells per block"


def augmentation_in_words(experiment: Experiment) -> str:
    """Name the changes of the training images with their strengths; empty if there are none."""
    settings = experiment.augmentation
    return "" if settings is None else listed(settings.in_words)


def validation_in_words(evidence: Evidence) -> str:
    """Say which images are the validation data, and how they were chosen."""
    data, share = evidence.document["dataset"], evidence.experiment.dataset.validation
    if share == "test":
        return "the test images; none are held out of the training images"
    if (fold := evidence.experiment.dataset.fold) is not None:
        images = counted(data["test"], "image") if data else "images"
        return (
            f"{images}, {fold.in_words} of the training images, stratified by class and drawn by the seed; the model "
            "is also evaluated on them, and the test set is not used"
        )
    held_out = counted(data["validation"], "image") if data else "images"
    if share == "own":
        return f"{held_out}, the dataset's own validation split"
    return f"{held_out}, {100 * share:g} % of the training images, drawn by the seed"


def validation_advice(evidences: Sequence[Evidence]) -> MarkdownText:
    """Say what it means that the test set plays validation, and how to hold images out; empty if no run does it."""
    on_test = [evidence for evidence in evidences if evidence.validates_on_test and evidence.origin is None]
    if not on_test:
        return MarkdownText("")
    added = code_span("--validation 0.1")
    source = PUBLISHED_SETTINGS if any(evidence.reference for evidence in on_test) else ""
    return MarkdownText(
        f"The validation images are the test images. {_chosen_on_test(on_test)} A setting that is changed after a look "
        f"at these curves is chosen on the test images, too; with {added} added to its command, a run holds a tenth of "
        f"the training images out for such choices.{source}"
    )


PUBLISHED_SETTINGS = (
    " The settings of published experiments may have been chosen by their authors after a look at these test images."
)


def _chosen_on_test(on_test: Sequence[Evidence]) -> str:
    """Say whether early stopping chose the evaluated epoch of runs on the test images."""
    chosen = [evidence for evidence in on_test if evidence.experiment.training.early_stopping is not None]
    if not chosen:
        return (
            "No epoch was chosen on them: the weights after the last planned epoch are evaluated, and the epoch with "
            "the lowest validation loss is only marked in the curves."
        )
    which = "" if len(chosen) == len(on_test) else f" of {counted(chosen, 'run')}"
    return f"Early stopping chose the last epoch{which} on them, so that its scores are a little too good."


WITHOUT_VALUE, WITH_VALUE = {"--detach", "--wait", "--new", "--json", "--force"}, {"--threads", "--refresh"}
"""Options of commands that say how a training is run and shown, not what is trained."""


def experiment_command(command: str) -> str:
    """Return a command without the options that do not belong to the experiment, and without settings said twice.

    For example ``mnist-tui train --preset hog --hidden 50`` for
    ``mnist-tui train --preset hog --hidden 50 --set layers.0.units=50 --threads 1``.
    """
    try:
        words = shlex.split(command)
    except ValueError:
        return command
    kept: list[str] = []
    left = iter(words)
    for word in left:
        if word in WITH_VALUE:
            next(left, None)
        elif word not in WITHOUT_VALUE and word.partition("=")[0] not in WITH_VALUE:
            kept.append(word)
    return shlex.join(_without_repeated_settings(kept))


def _without_repeated_settings(words: Sequence[str]) -> list[str]:
    """Leave out each ``--set PATH=VALUE`` that does not change the experiment of the other options."""
    kept = list(words)
    for setting in [word for option, word in pairwise(words) if option == "--set"]:
        at = kept.index(setting) - 1
        others = [*kept[:at], *kept[at + 2 :]]
        before, after = _experiment_of(kept), _experiment_of(others)
        if before is not None and before == after:
            kept = others
    return kept


def _experiment_of(words: Sequence[str]) -> Experiment | None:
    """Return the experiment that the options of a command name; None if they are not understood."""
    names = {parameter.flag: parameter.name for parameter in PARAMETERS}
    options = dict(zip(words[2::2], words[3::2], strict=False))
    texts = {names[option]: value for option, value in options.items() if option in names}
    sets = [value for option, value in zip(words[2::2], words[3::2], strict=False) if option == "--set"]
    if len(words) % 2 or not {*words[2::2]} <= names.keys() | {"--preset", "--set", "--device"}:
        return None
    try:
        return apply_texts(find_preset(options["--preset"]).experiment, texts, sets)
    except (KeyError, PresetError, ParameterError):
        return None


def dataset_name(evidence: Evidence) -> str:
    """Return the dataset's title; of a run that never read its data, the dataset's name without folders."""
    data = evidence.document["dataset"]
    return dataset_title(data) if data else PurePath(evidence.experiment.dataset.name).name


def checksums_in_words(data: Mapping[str, Any]) -> str:
    if data.get("verified"):
        return "the published ones"
    known = KNOWN.get(data["name"])
    if known is not None and known.title == data.get("title") and not known.sample:
        return "none are published for these files; the images are as many as the dataset has"
    return "not those of a published dataset"


def checksum_facts(evidence: Evidence) -> Facts:
    """Return the SHA-256 of each part of the run's dataset; empty if the run never read it."""
    data = evidence.document["dataset"] or {"sha256": {}}
    return [(f"SHA-256, {part.replace('_', ' ')}", text) for part, text in data["sha256"].items()]


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


FOLD_NOTICE = (
    "A cross-validation: the scores are measured on the images of the fold that was held out of training, and the "
    "dataset's test set was not used."
)


def run_notices(evidence: Evidence) -> list[str]:
    """Return what a reader must know about a run before its figures.

    An unusual state, sample data, missing files, the warnings that the run recorded, and a training that ended while
    it still improved.
    """
    document = evidence.document
    if document["state"] in LIVE:
        state = "This run has not ended; the report shows what has been recorded so far."
    else:
        state = STATE_NOTICES.get(document["state"], f"This run is {document['state']}.")
        state += f" Reason: {document['reason']}." if state and document["reason"] else ""
    sample = SAMPLE_NOTICE if document["dataset"] and document["dataset"].get("sample") else ""
    fold = FOLD_NOTICE if evidence.experiment.dataset.fold else ""
    ended = (outlier_in_words(evidence), improving_in_words(evidence))
    return [*filter(None, (state, sample, fold)), *evidence.missing, *evidence.state.warnings, *filter(None, ended)]


def outlier_in_words(evidence: Evidence) -> str:
    """Say that a run's scores are those of a last epoch that is an outlier; empty if they are not."""
    end = evidence.outlying_end
    if end is None:
        return ""
    return (
        f"The last epoch is an outlier: after epoch {end.epoch} the validation accuracy is {percent(end.accuracy)}, "
        f"but the median of the {RECENT} epochs before it is {percent(end.usual)} (standard deviation "
        f"{percentage_points(end.deviation)} points). The scores and the confusions of this run are those of epoch "
        f"{end.epoch}: they say little about the network after another epoch.{_also_in_training(evidence)}"
    )


def _also_in_training(evidence: Evidence) -> str:
    """Say that the last weights are worse on the training images, too, than those during the epoch; empty if not."""
    evaluated = (evidence.document["train"] or {}).get("accuracy")
    during = evidence.state.history[-1].accuracy
    if evaluated is None or during is None or evaluated >= during - LEAST_DROP:
        return ""
    return (
        f" The weights at its end are worse on the training images, too: {percent(evaluated)} of these are classified "
        f"correctly, {percent(during)} on average during the epoch."
    )


IMPROVING = {
    False: "Still improving: the validation loss was falling when the training ended.",
    True: "Still improving slowly: the validation loss was falling a little when the training ended.",
}
"""The notice of a run that finished all its epochs while it still improved, by whether it did so slowly."""


def improving_in_words(evidence: Evidence) -> str:
    """Return the notice of a run that finished all its epochs while it still improved; empty if it did not."""
    found = still_improved(evidence)
    return IMPROVING[found.slow] if found is not None else ""


def still_improved(evidence: Evidence) -> Improvement | None:
    """Return by how much a run that finished all its epochs still improved at its end; None if it did not."""
    found = evidence.state.state == "finished" and any(finding.kind == "improving" for finding in evidence.findings)
    return improvement(evidence.state) if found else None


def improvement_figures(evidence: Evidence) -> str:
    """Return how much a run still improved, and what therefore cannot be judged, in sentences; empty if it did not."""
    found = still_improved(evidence)
    if found is None:
        return ""
    figures = next(finding.evidence for finding in evidence.findings if finding.kind == "improving")
    gained = ""
    if found.gained is not None:
        points = percentage_points(abs(found.gained))
        change = f"{'rose' if found.gained >= 0 else 'fell'} by {points} points"
        gained = f" The mean validation accuracy {change} between the two."
    open_ = "What accuracy more epochs would reach, and whether the validation loss would rise later, cannot be said."
    return f"{figures}{gained} {open_}"


def shared_notices(notices: Mapping[int, Sequence[str]]) -> list[str]:
    """Return the notices that all runs have in common, for the head of a report over several runs.

    That a run still improved stands with its figures in the run's own section.
    """
    first, *others = notices.values()
    own = IMPROVING.values()
    return [text for text in first if text not in own and all(text in other for other in others)]


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
    """Describe the platform of a run: device, machine and versions, and the file of its weights."""
    return [(label, value or DASH) for label, value in (*machine_facts(evidence), *_more_platform_facts(evidence))]


def machine_facts(evidence: Evidence) -> list[tuple[str, str]]:
    """Return device, processor, operating system and software of a run; an empty text where it is not known."""
    platform, model = evidence.document["platform"] or {}, evidence.state.model
    versions = platform.get("versions") or {}
    device = model.device_name or model.device if model else platform.get("device_name") or platform.get("device")
    if device and device == platform.get("cpu"):
        device = "the processor"
    cores = counted(platform["cores"], "core") if platform.get("cores") else None
    software = {
        "Python": platform.get("python"),
        "TensorFlow": versions.get("tensorflow") or (model.tensorflow if model else ""),
        "Keras": versions.get("keras") or (model.keras if model else ""),
    }
    return [
        ("Device used", f"{device}{f' ({model.device})' if model else ''}" if device else ""),
        ("Computation", computation(model) if model else ""),
        ("Processor", ", ".join(str(part) for part in (platform.get("cpu"), cores, platform.get("machine")) if part)),
        ("Operating system", platform.get("os") or ""),
        ("Software", ", ".join(f"{name} {version}" for name, version in software.items() if version)),
    ]


def _more_platform_facts(evidence: Evidence) -> Facts:
    """Return what is known beyond `machine_facts`: memory, other packages, the weights' file, the run and its start."""
    platform, folder, model = evidence.document["platform"] or {}, evidence.folder, evidence.state.model
    versions = (platform.get("versions") or {}).items()
    packages = ", ".join(f"{name} {version}" for name, version in versions if version and name not in _IN_SOFTWARE)
    return [
        ("Instructions used", model.cpu_features if model else ""),
        ("Memory", size(platform["memory"]) if platform.get("memory") else ""),
        ("Other packages", packages),
        ("Weights", f"{folder.id}/{folder.model_file.name}" if folder.model_file.exists() else "none saved"),
        ("Run", folder.id),
        ("Timestamp", in_utc(datetime.fromtimestamp(evidence.created, UTC)) if evidence.created is not None else ""),
    ]


_IN_SOFTWARE = {"tensorflow", "keras"}


def appendix_facts(evidence: Evidence) -> Facts:
    """Return the facts of a run that only its appendix has: more of its platform, and of its times."""
    return [*((label, value) for label, value in _more_platform_facts(evidence) if value), *_other_times(evidence)]


def _score_table(evidence: Evidence) -> MarkdownTable | None:
    """Return the scores, one row for each set of images, then the published ones; None if the run has no scores."""
    test, train = evidence.test, evidence.train
    rows: list[tuple[str, ...]] = []
    if test:
        ends = evidence.test_interval
        interval = " to ".join(map(percent, ends)) if ends else DASH
        scores = percent(test["accuracy"]), interval, loss(test["loss"]), percent(test["macro_f1"])
        rows.append((scored_on([evidence]), *scores))
    if train:
        name = "training images, measured after training, without dropout"
        rows.append((name, percent(train["accuracy"]), DASH, loss(train["loss"]), DASH))
    if not rows:
        return None
    headings = ("Set", "Accuracy", "95 % interval", "Loss", "Macro F1")
    return MarkdownTable(headings, [*rows, *_published_rows(evidence)], (1, 2, 3, 4))


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
        rows += [(name, cells.get("accuracy", DASH), DASH, cells.get("loss", DASH), DASH) for name, cells in lines]
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
        "Parameters": count(evidence.parameters),
        "Epochs": epochs_text(evidence),
        "Batch size": batch_size_text(evidence.experiment),
        f"{scored_on([evidence]).capitalize()} accuracy": percent(evidence.test.get("accuracy")),
        "Training accuracy": percent(evidence.train.get("accuracy")),
    }
    return table_of([row if published is None else {**row, "Published test accuracy": percent(published)}], ["Model"])


OTHER_TIMES = {"data": "reading", "features": "features", "build": "building"}


def _training_facts(evidence: Evidence) -> Facts:
    """Describe the training: its settings, its epochs and its times."""
    experiment, state, spec = evidence.experiment, evidence.state, evidence.experiment.training
    weights_of, optimizer = evidence.results.get("weights_of_epoch"), experiment.optimizer
    rates = spec.schedule.in_words(experiment.highest_rate, spec.epochs - (spec.warmup or 0))
    if spec.warmup:
        rates = f"warm-up of {counted(spec.warmup, 'epoch')} (Goyal et al., 2017), then {rates}"
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
            if name != "name" and getattr(optimizer, name) is not None
        ),
        ("Learning rate over the epochs", MarkdownText(rates)),
        ("Early stopping", stopping),
        ("Regularisation", _regularisation_in_words(evidence)),
        ("Loss", loss_name(spec)),
        ("Batch size", counted(spec.batch_size, "image")),
        ("Initial weights", (state.model and state.model.start) or None),
        ("Steps per epoch", state.model and count(state.model.steps)),
        ("Shuffle", "yes, before every epoch"),
        ("Seed", str(spec.seed)),
        *time_facts(evidence),
        *_other_times(evidence),
    ]


def _epochs_run(evidence: Evidence) -> int | None:
    """Return the number of complete epochs; None if it is not known."""
    if evidence.state.history or evidence.state.start is not None:
        return len(evidence.state.history)
    return evidence.results.get("epochs_run")


def epochs_text(evidence: Evidence) -> str:
    """Return the number of complete epochs, with the planned number if it differs: ``40 of 100``.

    A run that was not trained here has a dash.
    """
    if evidence.origin is not None:
        return DASH
    done, planned = _epochs_run(evidence), evidence.state.epochs or evidence.experiment.training.epochs
    return count(done) if done == planned else f"{count(done)} of {count(planned)}"


def _labels(experiment: Experiment) -> tuple[str, ...]:
    """Return label smoothing and class weights in Markdown blocks; none if they are off."""
    spec = experiment.training
    return (*smoothing_in_words(spec.label_smoothing, "", by_name), *weights_in_words(spec.class_weights, "", by_name))


def loss_name(spec: TrainingSpec) -> str:
    """Return the name of the training's loss, with label smoothing and class weights."""
    weights = weights_text(spec.class_weights)
    smoothing = f", label smoothing {spec.label_smoothing:g}" if spec.label_smoothing else ""
    return f"categorical cross-entropy{smoothing}{f', class weights {weights}' if weights else ''}"


def _regularisation_in_words(evidence: Evidence) -> str:
    """Describe dropout, normalisation, penalties and weight decay, with their papers."""
    experiment, sentences = evidence.experiment, list[str]()
    for effect, places in effects(evidence.complexity).items():
        sentences.append(f"{effect.name}, {', '.join(places)} {by_name(effect.paper)}")
    if share := experiment.training.label_smoothing:
        sentences.append(f"label smoothing {share:g} {by_name('szegedy2016')}")
    return "; ".join(filter(None, (*sentences, experiment.optimizer.regularisation))) or "none"


def batch_size_text(experiment: Experiment) -> str:
    """Return the number of images in a step; a dash if the experiment has no steps."""
    return count(experiment.training.batch_size) if experiment.trains_in_epochs else DASH


def time_facts(evidence: Evidence) -> list[tuple[str, str]]:
    """Return the time of the training, and the mean of its epochs: ``52.0 s (0.35 s an epoch)``."""
    training, epochs = times_of(evidence.state).training, len(evidence.state.history)
    each = ""
    if training is not None and evidence.experiment.trains_in_epochs:
        each = f" ({_in_seconds(training / epochs)} an epoch)"
    return [(f"Training time, {ALONE}", f"{_in_seconds(training)}{each}")]


def _in_seconds(value: float | None) -> str:
    """Write a time in seconds, however long it is, so that the times of a table can be compared."""
    if value is None or not math.isfinite(value):
        return DASH
    return f"{value:,.2f} s" if value < 10 else f"{value:,.1f} s"


def _other_times(evidence: Evidence) -> Facts:
    """Return the times of the parts of a run beside its training, and the speed of the training."""
    timings, whole = evidence.document["timings"] or {}, times_of(evidence.state)
    facts: Facts = []
    if whole.images_per_second is not None and evidence.experiment.trains_in_epochs:
        facts.append((f"Images per second, {ALONE}", count(round(whole.images_per_second))))
    parts = {**OTHER_TIMES, "evaluate": "final evaluation"}
    others = [f"{word} {_in_seconds(timings[key])}" for key, word in parts.items() if timings.get(key) is not None]
    total = None if whole.total is None else _in_seconds(whole.total)
    return [*facts, ("Other times", ", ".join(others) or None), ("Total time", total)]


NO_EPOCHS = "The output layer was solved in closed form, at once: there are no epochs to draw."


def _closed_form_facts(evidence: Evidence) -> Facts:
    """Describe a closed form: the frozen layers, the ridges, the solution of the output layer, and the times."""
    experiment, solution = evidence.experiment, evidence.document["closed_form"]
    assert isinstance(experiment.optimizer, Ridge)
    frozen = [layer.name for layer in evidence.complexity.layers if layer.non_trainable]
    labels = ("Ridge", "Solved over", "Temperature")
    return [
        ("Output layer", "ridge least squares in closed form (Hoerl and Kennard, 1970), biases not penalised"),
        ("Hidden layers", f"{listed(frozen)}, frozen: not changed by the training" if frozen else "none with weights"),
        ("Initial weights", (evidence.state.model and evidence.state.model.start) or None),
        ("Ridges tried", ", ".join(f"{ridge:g}" for ridge in experiment.optimizer.ridges)),
        *(zip(labels, solution_in_words(solution), strict=True) if solution else ()),
        ("Seed", str(experiment.training.seed)),
        *time_facts(evidence),
        *_other_times(evidence),
    ]
