"""What a source published beside what came out here: figures of the same kind, and their difference. Pure.

A training figure is only held against one that was measured in the same way; where a source does not say how it
measured, the figure is told and not compared. Documents are those of `runs.results.run_document`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mnist_tui.experiment.presets import Measured, Reference
from mnist_tui.wording import DASH, count, counted, loss, percent, seconds

MEASURED: dict[Measured, str] = {
    "running": "over the last epoch's batches, dropout on",
    "evaluated": "after training, dropout off",
    "unsaid": "dropout on or off is not said",
}
"""How a source measured its training figures."""


@dataclass(frozen=True)
class PublishedScore:
    """One score, ours and the published one.

    Attributes:
        of: test or training.
        score: accuracy, from 0 to 1, or loss.
        how: how a training figure was measured, in words; empty for the test set.
        ours: None where there is none that was measured alike.
    """

    of: str
    score: str
    how: str
    ours: float | None
    published: float

    @property
    def name(self) -> str:
        return f"{self.of} {self.score}"

    @property
    def difference(self) -> str:
        """``+0.12 points``, ``−0.0031``: ours less the published one; a dash without ours."""
        return score_difference(self.score, self.ours, self.published)

    def written(self, value: float | None) -> str:
        """A value of this score in its unit."""
        return DASH if value is None else percent(value) if self.score == "accuracy" else loss(value)


def score_difference(score: str, ours: float | None, published: float) -> str:
    """Ours less the published one: of accuracies in percentage points, of losses as it is; a dash without ours."""
    if ours is None or not math.isfinite(ours):
        return DASH
    apart = ours - published
    text = f"{100 * apart:+.2f} points" if score == "accuracy" else f"{apart:+.4f}"
    return text.replace("-", "−")


def published_scores(document: Mapping[str, Any]) -> tuple[PublishedScore, ...]:
    """Every published score of a run with ours; empty where nothing was published for its experiment."""
    reference = document["reference"]
    if not reference:
        return ()
    found: list[PublishedScore] = []
    measured: Measured = reference.get("train_measured", "unsaid")
    for of, how, ours in (
        ("test", "", document["test"]),
        ("training", MEASURED[measured], _measured_alike(document, measured)),
    ):
        prefix = "train_" if of == "training" else ""
        for score in ("accuracy", "loss"):
            value = reference.get(prefix + score)
            if value is not None:
                found.append(PublishedScore(of, score, how, (ours or {}).get(score), value))
    return tuple(found)


def _measured_alike(document: Mapping[str, Any], measured: Measured) -> Mapping[str, Any] | None:
    """Our training scores that were measured as the source's; None where there are none."""
    if measured == "evaluated":
        return document["train"]
    finished = document["state"] == "finished"
    return document["epochs"][-1] if measured == "running" and finished and document["epochs"] else None


def citation(reference: Mapping[str, Any]) -> str:
    """``EFC2: … (efc2-cnn-developed), mean of 10 trainings``."""
    name = f" ({reference['id']})" if reference.get("id") else ""
    several = reference.get("seeds") or 1
    return f"{reference['source']}{name}{f', mean of {several} trainings' if several > 1 else ''}"


def reference_in_words(reference: Reference | None) -> str:
    """What a source says it reached, and which source; empty where there is none."""
    if reference is None:
        return ""
    train = (reference.train_accuracy, reference.train_loss)
    parts = [_scores_in_words("test", reference.accuracy, reference.loss), _scores_in_words("training", *train)]
    if parts[1]:
        parts[1] += f" ({MEASURED[reference.train_measured]})"
    if len(per_seed := reference.per_seed_accuracy) > 1:
        parts.append(f"its seeds from {percent(min(per_seed))} to {percent(max(per_seed))}")
    if len(epochs := reference.per_seed_epochs) > 1:
        parts.append(f"best epochs {min(epochs)} to {max(epochs)}")
    if reference.parameters is not None:
        parts.append(_parameters_in_words(reference))
    if reference.train_seconds is not None:
        machine = f" on a {reference.hardware}" if reference.hardware else ""
        parts.append(f"trained in {seconds(reference.train_seconds)}{machine}")
    said = [] if reference.has_scores else ["no scores"]
    return "; ".join([*said, *filter(None, parts), f"in {citation(reference.model_dump())}"])


def _parameters_in_words(reference: Reference) -> str:
    total, trainable = reference.parameters, reference.trainable_parameters
    frozen = f", {count(trainable)} of them trainable" if trainable not in (None, total) else ""
    return f"{counted(total, 'parameter')}{frozen}"


def _scores_in_words(of: str, accuracy: float | None, cost: float | None) -> str:
    parts = [f"accuracy {percent(accuracy)}"] if accuracy is not None else []
    parts += [f"loss {loss(cost)}"] if cost is not None else []
    return f"{of} {', '.join(parts)}" if parts else ""
