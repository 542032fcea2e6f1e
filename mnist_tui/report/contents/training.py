"""Describe how a run was trained: by epochs with an optimizer, or by solving the output layer in closed form."""

from __future__ import annotations

import statistics

from mnist_tui.experiment.layers import LAYER_KINDS
from mnist_tui.experiment.optimizers import Ridge
from mnist_tui.experiment.spec import Experiment
from mnist_tui.report import result_words
from mnist_tui.report.evidence import Evidence
from mnist_tui.report.markdown import Facts, MarkdownTable, MarkdownText, value_in_words
from mnist_tui.wording import DASH, count, counted, listed, seconds

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
