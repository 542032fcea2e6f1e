"""Say results in words: scores beside published ones, a closed form's solution, accuracies over seeds.

Used by screens, commands and reports. Accuracies are shares (0 to 1), written in per cent; their differences and
deviations in percentage points. Pure functions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mnist_tui.experiment.presets import Measured, Reference
from mnist_tui.runs.collection.seed_groups import PairedDifference, SeedGroup, SeedStatistics, pairs, summary
from mnist_tui.wording import DASH, count, counted, listed, loss, noun, percent, seconds

MEASURED: dict[Measured, str] = {
    "running": "over the last epoch's batches, dropout on",
    "evaluated": "after training, dropout off",
    "unsaid": "dropout on or off is not said",
}
"""How a source measured its training figures, in words."""


@dataclass(frozen=True)
class PublishedScore:
    """A published score beside ours.

    Attributes:
        of: ``test`` or ``training``.
        score: ``accuracy`` (0 to 1) or ``loss``.
        how: how a training figure was measured, in words; empty for the test set.
        ours: None without one that was measured in the same way.
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
        """Ours less the published one: ``+0.12 points``, ``−0.0031``; a dash without ours."""
        return score_difference(self.score, self.ours, self.published)

    def written(self, value: float | None) -> str:
        """Return a value of this score in its unit."""
        return DASH if value is None else percent(value) if self.score == "accuracy" else loss(value)


def score_difference(score: str, ours: float | None, published: float) -> str:
    """Return ours less the published score: accuracies in percentage points, losses as they are; else a dash."""
    if ours is None or not math.isfinite(ours):
        return DASH
    difference = ours - published
    text = f"{100 * difference:+.2f} points" if score == "accuracy" else f"{difference:+.4f}"
    return text.replace("-", "−")


def published_scores(document: Mapping[str, Any]) -> tuple[PublishedScore, ...]:
    """Compare every published score of a run's experiment with ours; empty where none was published.

    A training score is compared only with one that was measured in the same way. Where the source does not say how it
    measured, ours is None.

    Args:
        document: as `runs.results.run_document` makes it.
    """
    reference = document["reference"] or {}
    measured: Measured = reference.get("train_measured", "unsaid")
    ours: Mapping[str, Any] | None = None
    if measured == "evaluated":
        ours = document["train"]
    elif measured == "running" and document["state"] == "finished" and document["epochs"]:
        ours = document["epochs"][-1]
    return tuple(
        PublishedScore(of, score, how, (scores or {}).get(score), reference[prefix + score])
        for of, prefix, how, scores in (
            ("test", "", "", document["test"]),
            ("training", "train_", MEASURED[measured], ours),
        )
        for score in ("accuracy", "loss")
        if reference.get(prefix + score) is not None
    )


def citation(reference: Mapping[str, Any]) -> str:
    """Return ``EFC2: … (efc2-cnn-developed), mean of 10 trainings``."""
    name = f" ({reference['id']})" if reference.get("id") else ""
    several = reference.get("seeds") or 1
    return f"{reference['source']}{name}{f', mean of {several} trainings' if several > 1 else ''}"


def reference_in_words(reference: Reference | None) -> str:
    """Return what a source reports, and its citation; empty for no source."""
    if reference is None:
        return ""
    parts = [] if reference.has_scores else ["no scores"]
    for of, accuracy, cost, how in (
        ("test", reference.accuracy, reference.loss, ""),
        ("training", reference.train_accuracy, reference.train_loss, f" ({MEASURED[reference.train_measured]})"),
    ):
        scores = [f"accuracy {percent(accuracy)}"] if accuracy is not None else []
        scores += [f"loss {loss(cost)}"] if cost is not None else []
        parts += [f"{of} {', '.join(scores)}{how}"] if scores else []
    if len(per_seed := reference.per_seed_accuracy) > 1:
        parts.append(f"its seeds from {percent(min(per_seed))} to {percent(max(per_seed))}")
    if len(epochs := reference.per_seed_epochs) > 1:
        parts.append(f"best epochs {min(epochs)} to {max(epochs)}")
    if reference.parameters is not None:
        trainable = reference.trainable_parameters
        frozen = f", {count(trainable)} of them trainable" if trainable not in (None, reference.parameters) else ""
        parts.append(f"{counted(reference.parameters, 'parameter')}{frozen}")
    if reference.train_seconds is not None:
        machine = f" on a {reference.hardware}" if reference.hardware else ""
        parts.append(f"trained in {seconds(reference.train_seconds)}{machine}")
    return "; ".join([*parts, f"in {citation(reference.model_dump())}"])


def solution_in_words(solution: Mapping[str, Any]) -> tuple[str, str, str]:
    """Describe a closed form's ridge, the images it was solved over, and its temperature.

    ``1000, best of 8 on validation images``; ``60,000 images, held-out ones included``; ``0.08951, set by the
    validation images``.

    Args:
        solution: the part ``closed_form`` of `results.json`.
    """
    tried = len(solution["validation"])
    return (
        f"{solution['ridge']:g}{f', best of {tried} on validation images' if tried > 1 else ''}",
        f"{counted(solution['images'], 'image')}{', held-out ones included' if tried else ''}",
        f"{solution['temperature']:.4g}, set by the {solution['tempered_on']} images",
    )


def ridge_accuracies(solution: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return each ridge with its accuracy on the validation images; empty where none was chosen."""
    return [(f"{trial['ridge']:g}", percent(trial["accuracy"])) for trial in solution["validation"]]


NUMBER_WORDS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
USUAL_P = 0.05
"""The usual level of significance; if so few seeds cannot reach it, the sentence says so."""
UNCORRECTED = "Each p belongs to one comparison; none is corrected for the number of comparisons."


def number_ranges(numbers: Iterable[int], dash: str = " to ") -> str:
    """Return ``0``, ``0 and 1``, or ``0 to 2 and 7``."""
    ranges: list[list[int]] = []
    for number in sorted(numbers):
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1].append(number)
        else:
            ranges.append([number])
    texts: list[str] = []
    for part in ranges:
        texts += [f"{part[0]}{dash}{part[-1]}"] if len(part) > 2 else map(str, part)
    return listed(texts)


def counted_seeds(seeds: Sequence[int]) -> str:
    """Return ``seed 3``, ``two seeds 0 and 1``, ``ten seeds 0 to 9``, or ``four seeds 0 to 2 and 7``."""
    return f"seed {seeds[0]}" if len(seeds) == 1 else f"{_number_word(len(seeds))} seeds {number_ranges(seeds)}"


def _number_word(number: int) -> str:
    return NUMBER_WORDS[number] if number < len(NUMBER_WORDS) else f"{number:,}"


def _minus_sign(text: str) -> str:
    """Write a true minus sign; what is rounded to 0 has none."""
    return (text if float(text) else text.lstrip("-")).replace("-", "−")


def percentage_points(share: float) -> str:
    """Return ``0.40`` for 0.004: percentage points, in thousandths where hundredths would show 0."""
    text = f"{100 * share:.2f}"
    return _minus_sign(text if float(text) or not share else f"{100 * share:.3f}")


def p_value_in_words(p: float) -> str:
    """Return ``p = 0.0625``, ``p = 0.002``, or ``p < 0.0001``."""
    if p < 1e-4:
        return "p < 0.0001"
    return f"p = {p:{'.3g' if p >= 0.01 else '.3f' if p >= 0.001 else '.4f'}}"


def interval_in_words(
    statistics: SeedStatistics | PairedDifference | None, scale: float = 100, digits: int = 2, *, dash: str = " to "
) -> str:
    """Return ``98.29 to 98.39``; a dash without an interval."""
    if statistics is None or statistics.interval is None:
        return DASH
    return dash.join(_minus_sign(f"{scale * end:.{digits}f}") for end in statistics.interval)


def mean_sentence(name: str, accuracy: SeedStatistics, seeds: Sequence[int]) -> str:
    """Return a sentence about one experiment's test accuracy over its seeds, which are sorted."""
    if accuracy.interval is None or accuracy.std is None:
        return (
            f"With {counted_seeds(seeds)} alone {name} reached a test accuracy of {percent(accuracy.mean)}; one seed "
            f"has no standard deviation and no interval."
        )
    low, high = accuracy.interval
    cut = ", where it is cut off" if high >= 1 else ""
    return (
        f"Over the {counted_seeds(seeds)} {name} reached a mean test accuracy of {percent(accuracy.mean)} "
        f"(standard deviation {percentage_points(accuracy.std)} points, 95 % interval {percent(low)} to "
        f"{percent(high)}{cut}, lowest {percent(accuracy.minimum)}, highest {percent(accuracy.maximum)})."
    )


def group_sentence(name: str, group: SeedGroup) -> str:
    """Return what a group of seeds reached, and which of its seeds do not count."""
    accuracy = group.summary("test_accuracy")
    if accuracy is None:
        return f"{name}: {counted(group.runs, 'run')} that differ in their seed, none of which has a test accuracy."
    scored = sorted(group.by_seed("test_accuracy"))
    sentence = mean_sentence(name, accuracy, scored)
    unscored = sorted({run.seed for run in group.runs} - set(scored))
    if unscored:
        verbs = ("has", "does") if len(unscored) == 1 else ("have", "do")
        sentence += f" {_seeds(unscored)} {verbs[0]} not finished and {verbs[1]} not count."
    return sentence


def _seeds(seeds: Sequence[int]) -> str:
    return f"{noun(seeds, 'Seed')} {number_ranges(seeds)}"


def comparison_sentence(first: str, second: str, accuracy: PairedDifference | None) -> str:
    """Return the comparison of two experiments by their test accuracy, seed by seed; the better one comes first.

    Args:
        accuracy: first − second; None where they share no seed.
    """
    if accuracy is None:
        return f"{first} and {second} share no seed, so they are not compared seed by seed."
    if accuracy.difference < 0:
        return comparison_sentence(second, first, accuracy.turned())
    left_out = [
        f"{_seeds(seeds)}, which only {name} has, {noun(seeds, 'is', 'are')} left out."
        for name, seeds in ((first, accuracy.only_first), (second, accuracy.only_second))
        if seeds
    ]
    return " ".join([_difference_sentence(first, second, accuracy), *left_out])


def _difference_sentence(first: str, second: str, accuracy: PairedDifference) -> str:
    difference = (
        f"{first} was better than {second} by {percentage_points(accuracy.difference)} points of test accuracy"
        if accuracy.difference
        else f"{first} and {second} had the same mean test accuracy"
    )
    seeds = counted_seeds(accuracy.seeds)
    if accuracy.std is None:
        return f"With {seeds}, the only one that both have, {difference}; one seed allows no interval and no test."
    if not accuracy.difference and not accuracy.std:
        return f"Over the {seeds} {first} and {second} reached the same test accuracy, seed by seed."
    interval = " to ".join(map(percentage_points, accuracy.interval or (accuracy.difference, accuracy.difference)))
    exact, random = ("exact ", "") if accuracy.exact else ("", "random ")
    few = (
        f", which cannot be smaller than {accuracy.least_p:g} with {_number_word(accuracy.n)} seeds"
        if accuracy.least_p > USUAL_P
        else ""
    )
    return (
        f"Over the {seeds} {difference} (95 % interval {interval} points; {exact}permutation test over "
        f"{accuracy.tried:,} {random}sign changes, {p_value_in_words(accuracy.p)}{few})."
    )


def published_sentence(
    ours: SeedStatistics, accuracy: float | None, per_seed: Sequence[float] = (), seeds: int = 1
) -> str:
    """Return our mean compared with what a source published; empty where it published no accuracy.

    Args:
        accuracy: the published accuracy, a mean where `seeds` is above 1.
        per_seed: the published accuracies, one a seed; empty where the source has none.
    """
    theirs = summary(per_seed)
    if theirs is not None and theirs.std is not None:
        accuracy = theirs.mean
        published = (
            f"a mean of {percent(accuracy)} over {_number_word(theirs.n)} seeds (standard deviation "
            f"{percentage_points(theirs.std)} points, lowest {percent(theirs.minimum)}, highest "
            f"{percent(theirs.maximum)})"
        )
    elif accuracy is None:
        return ""
    else:
        many = f", a mean over {_number_word(seeds)} seeds" if seeds > 1 else " of one training"
        published = f"{percent(accuracy)}{many}"
    what, difference = "our accuracy" if ours.n == 1 else "our mean", ours.mean - accuracy
    if abs(difference) < 1e-9:
        return f"The source published {published}; {what} is the same."
    side = "above" if difference > 0 else "below"
    return f"The source published {published}; {what} lies {percentage_points(abs(difference))} points {side} it."


def group_sentences(name: str, group: SeedGroup, reference: Reference | None) -> list[str]:
    """Return what a group of seeds reached, and how that compares with the published accuracy."""
    sentences, accuracy = [group_sentence(name, group)], group.summary("test_accuracy")
    if accuracy is not None and reference is not None:
        published = (reference.accuracy, reference.per_seed_accuracy, reference.seeds)
        sentences.append(published_sentence(accuracy, *published))
    return [sentence for sentence in sentences if sentence]


def seed_sentences(groups: Sequence[SeedGroup]) -> tuple[str, ...]:
    """Compare the best group of seeds on each dataset with each other group, then describe each group."""
    names, compared = distinct_names(groups), pairs(groups)
    return (
        *(
            comparison_sentence(names[pair.first.group], names[pair.second.group], pair.paired("test_accuracy"))
            for pair in compared
        ),
        *([UNCORRECTED] if len(compared) > 1 else []),
        *(group_sentence(names[group.group], group) for group in groups),
    )


def distinct_names(groups: Sequence[SeedGroup]) -> dict[str, str]:
    """Return the name of each group by its id; the id is added to a name that several groups have."""
    names = {group.group: group.called for group in groups}
    several = list(names.values())
    return {key: f"{name} [{key}]" if several.count(name) > 1 else name for key, name in names.items()}
