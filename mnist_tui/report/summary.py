"""A run's summary for a lab report, in Markdown: everything that is needed to judge one training and to repeat it.

What is said is gathered here, from the run's folder alone; how it is laid out is `templates/summary.md.j2`.
"""

from __future__ import annotations

import shlex
import time
from typing import Any

from mnist_tui.experiment.complexity import Complexity, of
from mnist_tui.experiment.layers import LAYER_KINDS, Part
from mnist_tui.experiment.presets import Preset, dump_preset
from mnist_tui.experiment.shapes import IMAGE_EDGE
from mnist_tui.experiment.spec import (
    CosineSchedule,
    Experiment,
    ExponentialSchedule,
    HogFeatures,
)
from mnist_tui.report import markdown
from mnist_tui.report.wording import DASH, computation, count, loss, percent, seconds, size
from mnist_tui.runs import scores
from mnist_tui.runs.document import document, results_of
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.state import LIVE, RunState, replayed

TEMPLATE = "summary.md.j2"
WORST = 10
Facts = list[tuple[str, str]]
"""Labels and values, one line each."""

STATE_WORDS = {
    "finished": "",
    "stopped": "This run was stopped before its last epoch; its figures are those of the moment.",
    "diverged": "This run diverged: its loss left every reasonable bound. Its figures show that, no more.",
    "failed": "This run failed; what follows is what was known until then.",
    "crashed": "This run's worker died without a word; what follows is what was known until then.",
}


def summary(folder: RunFolder) -> str:
    """The whole document.

    Raises:
        RunError, PresetError: the folder cannot be read.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("mnist_tui.report"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, autoescape=False,
    )  # fmt: skip
    environment.filters.update(
        md=markdown.escaped, paragraphs=markdown.paragraphs, code=markdown.code_block, count=count, percent=percent,
        loss=loss, seconds=seconds,
    )  # fmt: skip
    return environment.get_template(TEMPLATE).render(contents(folder)).rstrip() + "\n"


def contents(folder: RunFolder) -> dict[str, Any]:
    """What the template lays out."""
    preset, doc = folder.preset(), document(folder)
    state = replayed(folder.events_file)
    results = results_of(folder, state) or {}
    experiment = preset.experiment
    complexity = of(experiment)
    names = results.get("class_names") or (state.data.class_names if state.data else [str(n) for n in range(10)])
    matrix = doc["confusion_matrix"] or state.confusion
    return {
        "title": preset.title or preset.name,
        "preset": preset.name,
        "about": preset.about,
        "notices": _notices(doc, state),
        "line": _summary_line(preset, doc, state),
        "dataset": _dataset(doc, experiment, complexity),
        "training": _training(doc, experiment, state, results),
        "scores": _scores(doc),
        "reference": doc["reference"],
        "per_class": doc["test"]["per_class"] if doc["test"] else [],
        "class_names": list(names),
        "matrix": matrix,
        "matrix_of": _matrix_of(doc, state),
        "confusions": [scores.in_words(one) for one in scores.worst_confusions(matrix, names, WORST)] if matrix else [],
        "history": state.history,
        "layers": _layers(complexity, experiment),
        "complexity": complexity,
        "platform": _platform(doc, folder, state),
        "command": doc["command"],
        "again": shlex.join(["mnist-tui", "train", "--preset", "experiment.toml"]),
        "toml": dump_preset(preset),
    }


def _notices(doc: dict[str, Any], state: RunState) -> list[str]:
    reason = f" Reason: {doc['reason']}." if doc["reason"] else ""
    if doc["state"] in LIVE:
        notices = ["This run has not ended; what follows is what is known so far."]
    else:
        said = STATE_WORDS.get(doc["state"], f"This run is {doc['state']}.")
        notices = [f"{said}{reason}"] if said else []
    if doc["dataset"] and doc["dataset"].get("sample"):
        notices.append("The data are the bundled digits sample (scikit-learn, 1,797 images), not MNIST.")
    return [*notices, *state.warnings]


def _summary_line(preset: Preset, doc: dict[str, Any], state: RunState) -> dict[str, str]:
    training = preset.experiment.training
    return {
        "Model": preset.name,
        "Parameters": count(doc["parameters"]["total"]),
        "Epochs": _epochs(state, training.epochs),
        "Batch size": count(training.batch_size),
        "Test accuracy": percent(doc["test"]["accuracy"]) if doc["test"] else DASH,
        "Training accuracy": percent(doc["train"]["accuracy"]) if doc["train"] else DASH,
    }


def _epochs(state: RunState, planned: int) -> str:
    done = len(state.history)
    return count(done) if done == planned else f"{count(done)} of {count(planned)}"


def _dataset(doc: dict[str, Any], experiment: Experiment, complexity: Complexity) -> Facts:
    data, spec = doc["dataset"], experiment.dataset
    features = experiment.features
    edge = f"{IMAGE_EDGE} × {IMAGE_EDGE} pixels, 1 channel"
    seen: Facts = [("Image size", edge)]
    if isinstance(features, HogFeatures):
        words = (
            f"histograms of oriented gradients (Dalal and Triggs, 2005), L2-Hys: {features.pixels_per_cell} × "
            f"{features.pixels_per_cell} pixels per cell, {features.orientations} orientations, "
            f"{features.cells_per_block} × {features.cells_per_block} cells per block"
        )
        seen += [("Features", words)]
    else:
        seen += [("Features", "raw pixels, 0 to 1")]
    seen += [("Inputs of the network", complexity.inputs_formula)]
    if data is None:
        return [("Name", spec.name), *seen]
    held_out = count(data["validation"]) if data["validation"] else "0; the test set plays validation"
    facts: Facts = [
        ("Name", f"{data.get('title') or data['name']}{' (sample)' if data.get('sample') else ''}"),
        ("Training set", f"{count(data['train'])} images{' (limited)' if spec.limit else ''}"),
        ("Test set", f"{count(data['test'])} images"),
        ("Validation (dev) set", f"{held_out}{' images' if data['validation'] else ''}"),
        *seen,
        ("Source", str(data.get("source") or "not recorded")),
        ("Checksums", "the published ones" if data.get("verified") else "not those of a published dataset"),
    ]
    return [*facts, *((f"SHA-256, {part.replace('_', ' ')}", text) for part, text in data["sha256"].items())]


def _training(doc: dict[str, Any], experiment: Experiment, state: RunState, results: dict[str, Any]) -> Facts:
    training, optimizer, timings = experiment.training, experiment.optimizer, doc["timings"] or {}
    stopping = training.early_stopping
    facts: Facts = [("Epochs planned", count(training.epochs)), ("Epochs run", count(len(state.history)))]
    if results.get("weights_of_epoch") is not None:
        facts.append(("Weights are those after epoch", f"{results['weights_of_epoch']:g}"))
    facts.append(("Optimizer", _first_line(type(optimizer).__doc__)))
    for name in type(optimizer).model_fields:
        if name != "name":
            facts.append((name.replace("_", " ").capitalize(), _value(getattr(optimizer, name))))
    rule = "none"
    if stopping is not None:
        kept = "the best epoch's weights kept" if stopping.restore_best_weights else "the last weights kept"
        least = f"least change {stopping.min_delta:g}"
        rule = f"on {stopping.monitor}, patience {stopping.patience} epochs, {least}, {kept}"
    facts += [
        ("Learning rate over the epochs", _schedule(experiment)),
        ("Early stopping", rule),
        ("Loss", "categorical cross-entropy"),
        ("Batch size", f"{count(training.batch_size)} images"),
    ]
    if state.model is not None:
        facts.append(("Steps an epoch", count(state.model.steps)))
    facts += [
        ("Shuffle", "yes, before every epoch"),
        ("Seed", str(training.seed)),
        ("Training time", seconds(timings.get("train")) if timings else seconds(sum(r.seconds for r in state.history))),
    ]
    parts = {"data": "reading", "features": "features", "build": "building", "evaluate": "evaluation", "total": "all"}
    rest = ", ".join(f"{word} {seconds(timings[key])}" for key, word in parts.items() if key in timings)
    return [*facts, *([("Other times", rest)] if rest else [])]


def _schedule(experiment: Experiment) -> str:
    rate, schedule = experiment.optimizer.learning_rate, experiment.training.schedule
    match schedule:
        case ExponentialSchedule():
            return (
                f"{rate:g} before epoch {schedule.start} (counted from 0), then "
                f"{rate:g} · exp({schedule.rate:g} · ({schedule.start} − epoch))"
            )
        case CosineSchedule():
            return f"half a cosine from {rate:g} towards 0 (Loshchilov and Hutter, 2017)"
        case _:
            return f"constant, {rate:g}"


def _scores(doc: dict[str, Any]) -> list[dict[str, Any]]:
    """One row a set: ours, then what the source published; none while there are none of ours."""
    test, train, reference = doc["test"], doc["train"], doc["reference"] or {}
    rows: list[dict[str, Any]] = []
    if test:
        rows.append({"set": "test", **{key: test[key] for key in ("accuracy", "loss", "macro_f1")}})
    if train:
        rows.append({"set": "training (after training, without dropout)", **train, "macro_f1": None})
    if rows and (reference.get("accuracy") is not None or reference.get("loss") is not None):
        named = {"accuracy": reference["accuracy"], "loss": reference["loss"], "macro_f1": None}
        rows.append({"set": f"test, published ({reference['source']})", **named})
    if rows and (reference.get("train_accuracy") is not None or reference.get("train_loss") is not None):
        named = {"accuracy": reference["train_accuracy"], "loss": reference["train_loss"], "macro_f1": None}
        rows.append({"set": f"training, published ({reference['source']})", **named})
    return rows


def _matrix_of(doc: dict[str, Any], state: RunState) -> str:
    return "test images" if doc["confusion_matrix"] else f"validation images, after epoch {state.confusion_epoch}"


def _layers(complexity: Complexity, experiment: Experiment) -> list[dict[str, str]]:
    """The model's summary, a row a layer, the input first."""
    rows = [
        {
            "name": "input",
            "type": "InputLayer",
            "shape": str(experiment.input_shape),
            "words": "",
            "total": "0",
            "inbound": "",
        }
    ]
    parts = [*experiment.layers, experiment.output]
    for layer, part in zip(complexity.layers, parts, strict=True):
        rows.append(
            {
                "name": layer.name,
                "type": LAYER_KINDS[layer.kind].__name__,
                "shape": str(layer.output_shape),
                "words": "; ".join([layer.configuration, *_initialisers(part)]),
                "total": count(layer.total),
                "inbound": rows[-1]["name"],
            }
        )
    return rows


def _initialisers(part: Part) -> list[str]:
    words: list[str] = []
    for what, field in (("weights", "kernel_initializer"), ("biases", "bias_initializer")):
        initialiser = getattr(part, field, None)
        if initialiser is not None:
            arguments = ", ".join(f"{key} {_value(value)}" for key, value in initialiser if key != "name")
            words.append(f"{what} {initialiser.name}{f' ({arguments})' if arguments else ''}")
    return words


def _platform(doc: dict[str, Any], folder: RunFolder, state: RunState) -> Facts:
    known = doc["platform"] or {}
    versions = dict(known.get("versions") or {})
    model = state.model
    device = model.device_name or model.device if model else known.get("device_name") or known.get("device") or DASH
    on = f" ({model.device})" if model else ""
    facts: Facts = [
        ("Device used", f"{device}{on}"),
        ("Computation", ", ".join(filter(None, (computation(model), model.cpu_features))) if model else DASH),
        ("Processor", f"{known.get('cpu', DASH)}, {known.get('cores', DASH)} cores, {known.get('machine', DASH)}"),
        ("Memory", size(known["memory"]) if known.get("memory") else DASH),
        ("Operating system", str(known.get("os", DASH))),
        ("Python", str(known.get("python", DASH))),
        ("TensorFlow", versions.pop("tensorflow", "") or (model.tensorflow if model else "") or DASH),
        ("Keras", versions.pop("keras", "") or (model.keras if model else "") or DASH),
    ]
    facts += versions.items()
    weights = str(folder.model_file) if folder.model_file.exists() else "none saved"
    started = time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(folder.launch().created))
    return [*facts, ("Weights", weights), ("Run", folder.id), ("Timestamp", started)]


def _first_line(text: str | None) -> str:
    return (text or "").strip().splitlines()[0].rstrip(".")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.10g}" if isinstance(value, float) else str(value)
