"""How a run's output layer was solved, in the place of how it was trained."""

from __future__ import annotations

from mnist_tui.experiment.optimizers import Ridge
from mnist_tui.report import solution
from mnist_tui.report.contents.grid import Facts, MarkdownTable
from mnist_tui.report.contents.training import time_facts
from mnist_tui.report.evidence import Evidence
from mnist_tui.wording import listed

LEAST_SQUARES = (
    "The output layer's weights $W$ and biases $b$ are those with the least",
    r"$$\sum_{i=1}^{n} \lVert W x_i + b - y_i \rVert^2 + \lambda \lVert W \rVert^2$$",
    r"over the $n$ training images: $x_i$ is what enters the output layer for image $i$, $y_i$ is 1 for its true class "
    r"and 0 for the nine others, and $\lambda$ is the ridge. Probabilities are the softmax of $(W x_i + b) / T$ with "
    "one temperature $T$ for all images, that with the least categorical cross-entropy (Guo et al., 2017); it leaves "
    "every image's most probable class as it is. The losses told are such cross-entropies.",
)
"""What is minimised: the sentence before it, the formula, and what its letters mean."""
NO_EPOCHS = "The output layer was solved in closed form, at once: there are no epochs to draw."


def closed_form_facts(evidence: Evidence) -> Facts:
    """What was solved, with what, and how long it took."""
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
            ("Ridge", solution.ridge_in_words(found)),
            ("Solved over", solution.solved_images(found)),
            ("Temperature", solution.temperature_in_words(found)),
        ]
    return [*facts, ("Seed", str(experiment.training.seed)), *time_facts(evidence, epochs=False)]


def ridge_table(evidence: Evidence) -> MarkdownTable | None:
    """A row a ridge; None where nothing was chosen."""
    found = evidence.document["closed_form"]
    rows = solution.ridge_accuracies(found) if found else []
    return MarkdownTable(("Ridge", "Validation accuracy"), tuple(rows), frozenset((0, 1))) if rows else None
