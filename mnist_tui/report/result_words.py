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
from mnist_tui.runs.collection.seed_groups import GroupPair, PairedDifference, SeedGroup, SeedStatistics, pairs, summary
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
    apart = ours - published
    text = f"{100 * apart:+.2f} points" if score == "accuracy" else f"{apart:+.4f}"
    return text.replace("-", "−")


def published_scores(document: Mapping[str, Any]) -> tuple[PublishedScore, ...]:
    """Compare every published score of a run's experiment with ours; empty where none was published.

    A training score is compared only with one that was measured in the same way. Where the source does not say how it
    measured, ours is None.

    Args:
        document: as `runs.results.run_document` makes it.
    """
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
    """Return our training scores that were measured like the source's; None where there are none."""
    if measured == "evaluated":
        return document["train"]
    finished = document["state"] == "finished"
    return document["epochs"][-1] if measured == "running" and finished and document["epochs"] else None


def citation(reference: Mapping[str, Any]) -> str:
    """Return ``EFC2: … (efc2-cnn-developed), mean of 10 trainings``."""
    name = f" ({reference['id']})" if reference.get("id") else ""
    several = reference.get("seeds") or 1
    return f"{reference['source']}{name}{f', mean of {several} trainings' if several > 1 else ''}"


def reference_in_words(reference: Reference | None) -> str:
    """Return what a source reports, and its citation; empty for no source."""
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


Solution = Mapping[str, Any]
"""The part ``closed_form`` of `results.json`."""


def ridge_in_words(found: Solution) -> str:
    """Return ``1000, best of 8 on validation images``."""
    tried = len(found["validation"])
    chosen = f", best of {tried} on validation images" if tried > 1 else ""
    return f"{found['ridge']:g}{chosen}"


def solved_images(found: Solution) -> str:
    """Return ``60,000 images, held-out ones included``."""
    return f"{counted(found['images'], 'image')}{', held-out ones included' if found['validation'] else ''}"


def temperature_in_words(found: Solution) -> str:
    """Return ``0.08951, set by the validation images``."""
    return f"{found['temperature']:.4g}, set by the " + found["tempered_on"] + " images"


def ridge_accuracies(found: Solution) -> list[tuple[str, str]]:
    """Return each ridge with its accuracy on the validation images; empty where none was chosen."""
    return [(f"{one['ridge']:g}", percent(one["accuracy"])) for one in found["validation"]]


NUMBER_WORDS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
USUAL_P = 0.05
"""The usual level of significance; if so few seeds cannot reach it, the sentence says so."""
UNCORRECTED = "Each p belongs to one comparison; none is corrected for the number of comparisons."


def counted_seeds(seeds: Sequence[int]) -> str:
    """Return ``seed 3``, ``two seeds 0 and 1``, ``ten seeds 0 to 9``, or ``four seeds 0 to 2 and 7``."""
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    return f"{_number_word(len(seeds))} seeds {number_ranges(seeds)}"


def number_ranges(numbers: Iterable[int]) -> str:
    """Return ``0``, ``0 and 1``, or ``0 to 2 and 7``."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return listed([text for part in parts for text in _range(part)])


def percentage_points(share: float) -> str:
    """Return ``0.40`` for 0.004: percentage points, in thousandths where hundredths would show 0."""
    text = f"{100 * share:.2f}"
    return _signed(text if float(text) or not share else f"{100 * share:.3f}")


def p_value_in_words(p: float) -> str:
    """Return ``p = 0.0625``, ``p = 0.002``, or ``p < 0.0001``."""
    if p < 1e-4:
        return "p < 0.0001"
    digits = ".3g" if p >= 0.01 else ".3f" if p >= 0.001 else ".4f"
    return f"p = {p:{digits}}"


def interval_in_words(
    found: SeedStatistics | PairedDifference | None, scale: float = 100, digits: int = 2, *, dash: str = " to "
) -> str:
    """Return ``98.29 to 98.39``; a dash without an interval."""
    if found is None or found.interval is None:
        return DASH
    return dash.join(_signed(f"{scale * end:.{digits}f}") for end in found.interval)


def mean_sentence(name: str, found: SeedStatistics, seeds: Sequence[int]) -> str:
    """Return a sentence about one experiment's test accuracy over its seeds.

    Args:
        found: the summary of the test accuracy.
        seeds: the seeds it is computed from, rising.
    """
    if found.interval is None or found.std is None:
        return (
            f"With {counted_seeds(seeds)} alone {name} reached a test accuracy of {percent(found.mean)}; one seed has "
            f"no standard deviation and no interval."
        )
    low, high = found.interval
    cut = ", where it is cut off" if high >= 1 else ""
    return (
        f"Over the {counted_seeds(seeds)} {name} reached a mean test accuracy of {percent(found.mean)} "
        f"(standard deviation {percentage_points(found.std)} points, 95 % interval {percent(low)} to "
        f"{percent(high)}{cut}, lowest {percent(found.minimum)}, highest {percent(found.maximum)})."
    )


def group_sentence(name: str, group: SeedGroup) -> str:
    """Return what a group of seeds reached, and which of its seeds do not count."""
    found = group.summary("test_accuracy")
    if found is None:
        return f"{name}: {counted(group.runs, 'run')} that differ in their seed, none of which has a test accuracy."
    scored = sorted(group.by_seed("test_accuracy"))
    rest = sorted({run.seed for run in group.runs} - set(scored))
    said = [mean_sentence(name, found, scored)]
    if rest:
        said.append(
            f"{_seeds_in_words(rest).capitalize()} {'has' if len(rest) == 1 else 'have'} not finished and "
            f"{'does' if len(rest) == 1 else 'do'} not count."
        )
    return " ".join(said)


def pair_sentence(first: str, second: str, pair: GroupPair) -> str:
    """Return how much better one group of seeds was by its test accuracy; seeds of one group alone are named."""
    return comparison_sentence(first, second, pair.paired("test_accuracy"))


def comparison_sentence(first: str, second: str, found: PairedDifference | None) -> str:
    """Return the comparison of two experiments, seed by seed.

    Args:
        found: of the test accuracy, first − second; None where they share no seed.
    """
    if found is None:
        return f"{first} and {second} share no seed, so they are not compared seed by seed."
    if found.difference < 0:
        return comparison_sentence(second, first, found.turned())
    out = [
        f"{_seeds_in_words(seeds).capitalize()}, which only {name} has, {'is' if len(seeds) == 1 else 'are'} left out."
        for name, seeds in ((first, found.only_first), (second, found.only_second))
        if seeds
    ]
    return " ".join([_difference_sentence(first, second, found), *out])


def _difference_sentence(first: str, second: str, found: PairedDifference) -> str:
    apart = (
        f"{first} was better than {second} by {percentage_points(found.difference)} points of test accuracy"
        if found.difference
        else f"{first} and {second} had the same mean test accuracy"
    )
    if found.std is None:
        seed = f"With {counted_seeds(found.seeds)}, the only one that both have,"
        return f"{seed} {apart}; one seed allows no interval and no test."
    over = f"Over the {counted_seeds(found.seeds)}"
    if not found.difference and not found.std:
        return f"{over} {first} and {second} reached the same test accuracy, seed by seed."
    low, high = found.interval or (found.difference, found.difference)
    ends = f"{percentage_points(low)} to {percentage_points(high)} points"
    return f"{over} {apart} (95 % interval {ends}; {test_in_words(found)})."


def test_in_words(found: PairedDifference) -> str:
    """Return ``exact permutation test over 1,024 sign changes, p = 0.002``, with the least p of few seeds."""
    kind = "exact permutation test over" if found.exact else "permutation test over"
    changes = f"{found.tried:,} {'' if found.exact else 'random '}sign changes"
    few = (
        f", which cannot be smaller than {found.least_p:g} with {_number_word(found.n)} seeds"
        if found.least_p > USUAL_P
        else ""
    )
    return f"{kind} {changes}, {p_value_in_words(found.p)}{few}"


def published_sentence(
    found: SeedStatistics, accuracy: float | None, per_seed: Sequence[float] = (), seeds: int = 1
) -> str:
    """Return our mean compared with what a source published; empty where it published no accuracy.

    Args:
        accuracy: the published accuracy, a mean where `seeds` is above 1.
        per_seed: the published accuracies, one a seed; empty where the source has none.
    """
    theirs = summary(per_seed)
    if theirs is not None and theirs.std is not None:
        mean = theirs.mean
        what = (
            f"a mean of {percent(mean)} over {_number_word(theirs.n)} seeds (standard deviation "
            f"{percentage_points(theirs.std)} points, lowest {percent(theirs.minimum)}, "
            f"highest {percent(theirs.maximum)})"
        )
    elif accuracy is not None:
        mean = accuracy
        what = (
            f"{percent(mean)}, a mean over {_number_word(seeds)} seeds"
            if seeds > 1
            else f"{percent(mean)} of one training"
        )
    else:
        return ""
    ours, difference = "our accuracy" if found.n == 1 else "our mean", found.mean - mean
    if abs(difference) < 1e-9:
        return f"The source published {what}; {ours} is the same."
    return (
        f"The source published {what}; {ours} lies {percentage_points(abs(difference))} points "
        f"{'above' if difference > 0 else 'below'} it."
    )


def seed_sentences(groups: Sequence[SeedGroup]) -> tuple[str, ...]:
    """Compare the best group of seeds on each dataset with each other group, then describe each group."""
    names, compared = distinct_names(groups), pairs(groups)
    alone = [group_sentence(names[group.group], group) for group in groups]
    against = [pair_sentence(names[pair.first.group], names[pair.second.group], pair) for pair in compared]
    return (*against, *([UNCORRECTED] if len(compared) > 1 else []), *alone)


def distinct_names(groups: Sequence[SeedGroup]) -> dict[str, str]:
    """Return the name of each group by its id; the id is added to a name that several groups have."""
    names = {group.group: group.called for group in groups}
    several = list(names.values())
    return {key: f"{name} [{key}]" if several.count(name) > 1 else name for key, name in names.items()}


def _number_word(count: int) -> str:
    return NUMBER_WORDS[count] if count < len(NUMBER_WORDS) else f"{count:,}"


def _seeds_in_words(seeds: Sequence[int]) -> str:
    return f"{noun(seeds, 'seed')} {number_ranges(seeds)}"


def _range(part: Sequence[int]) -> list[str]:
    return [f"{part[0]} to {part[-1]}"] if len(part) > 2 else [str(number) for number in part]


def _signed(text: str) -> str:
    return (text if float(text) else text.lstrip("-")).replace("-", "−")
