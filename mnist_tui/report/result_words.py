"""Write results in words: scores beside published ones, a closed form's solution, accuracies over seeds.

Screens, commands and reports use these pure functions. Accuracies are shares (0 to 1) and are written in per cent,
their differences and deviations in percentage points.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from mnist_tui.experiment.corruptions import STRENGTHS
from mnist_tui.experiment.presets import Measured, Reference
from mnist_tui.runs.collection.seed_groups import Interval, PairedDifference, SeedGroup, SeedStatistics, pairs, summary
from mnist_tui.runs.ensembles import EnsembleMember
from mnist_tui.runs.model_tests import McNemarTest, ModelTests
from mnist_tui.runs.robustness import Robustness
from mnist_tui.wording import DASH, count, counted, listed, loss, noun, percent, seconds, signed

MEASURED: dict[Measured, str] = {
    "running": "over the last epoch's batches, dropout on",
    "evaluated": "after training, dropout off",
    "unsaid": "dropout on or off is not said",
}
"""The ways in which a source measured its training figures, in words."""


@dataclass(frozen=True)
class PublishedScore:
    """A published score beside ours.

    Attributes:
        of: the set of images, ``test`` or ``training``.
        score: ``accuracy`` (0 to 1) or ``loss``.
        how: how a training score was measured, in words; empty for the test set.
        ours: our score; None if we have none that was measured in the same way.
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
        """Our score minus the published one: ``+0.12 points``, ``−0.0031``; a dash without our score."""
        return score_difference(self.score, self.ours, self.published)

    def written(self, value: float | None) -> str:
        """Return a value of this score with its unit."""
        return DASH if value is None else percent(value) if self.score == "accuracy" else loss(value)


def score_difference(score: str, ours: float | None, published: float) -> str:
    """Return our score minus the published one, accuracies in percentage points; a dash if ours is not finite."""
    if ours is None or not math.isfinite(ours):
        return DASH
    difference = round(ours, 4) - round(published, 4)  # of the printed values, so that a reader gets the same
    return f"{signed(100 * difference, 2)} points" if score == "accuracy" else signed(difference, 4)


def test_loss(document: Mapping[str, Any]) -> str:
    """Return the loss on the test images in words; a dash if only classes were predicted, which have none."""
    origin = document.get("origin")
    return DASH if origin and origin["labels_only"] else loss(document["test"]["loss"])


def published_scores(document: Mapping[str, Any]) -> tuple[PublishedScore, ...]:
    """Compare every published score of a run's experiment with ours; empty if none was published.

    A training score is compared only with a score that was measured in the same way. If the source does not say how it
    measured, ours is None.

    Args:
        document: the document of `runs.results.run_document`.
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
    """Cite the source of published scores: ``EFC2: … (efc2-cnn-developed), mean of 10 trainings``."""
    name = f" ({reference['id']})" if reference.get("id") else ""
    several = reference.get("seeds") or 1
    return f"{reference['source']}{name}{f', mean of {several} trainings' if several > 1 else ''}"


def reference_in_words(reference: Reference | None) -> str:
    """Return the scores that a source reports, and the source's citation; empty without a source."""
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

    For example ``1000, best of 8 on validation images``, ``60,000 images, held-out ones included`` and ``0.08951, set
    by the validation images``.

    Args:
        solution: the part ``closed_form`` of `results.json`.
    """
    ridges = len(solution["validation"])
    return (
        f"{solution['ridge']:g}{f', best of {ridges} on validation images' if ridges > 1 else ''}",
        f"{counted(solution['images'], 'image')}{', held-out ones included' if ridges else ''}",
        f"{solution['temperature']:.4g}, set by the {solution['tempered_on']} images",
    )


def ridge_accuracies(solution: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return each ridge with its accuracy on the validation images; empty if no ridges were compared."""
    return [(f"{trial['ridge']:g}", percent(trial["accuracy"])) for trial in solution.get("validation", ())]


NUMBER_WORDS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
USUAL_P = 0.05
"""The usual level of significance; a sentence says so if its few seeds cannot reach it."""
UNCORRECTED = "Each p belongs to one comparison; none is corrected for the number of comparisons."


def number_ranges(numbers: Iterable[int], dash: str = " to ") -> str:
    """Write whole numbers with their ranges: ``0``, ``0 and 1``, or ``0 to 2 and 7``."""
    texts: list[str] = []
    for _, group in groupby(enumerate(sorted(numbers)), key=lambda pair: pair[1] - pair[0]):  # equal in a range
        part = [number for _, number in group]
        texts += [f"{part[0]}{dash}{part[-1]}"] if len(part) > 2 else map(str, part)
    return listed(texts)


def counted_seeds(seeds: Sequence[int], what: str = "seed") -> str:
    """Write seeds and how many they are: ``seed 3``, ``two seeds 0 and 1``, or ``four seeds 0 to 2 and 7``.

    Args:
        what: ``seed`` or ``fold``.
    """
    if len(seeds) == 1:
        return f"{what} {seeds[0]}"
    return f"{_number_word(len(seeds))} {what}s {number_ranges(seeds)}"


def _number_word(number: int) -> str:
    return NUMBER_WORDS[number] if number < len(NUMBER_WORDS) else f"{number:,}"


def _minus_sign(text: str) -> str:
    """Return a number's text with a true minus sign; a number that is rounded to 0 has no sign."""
    return (text if float(text) else text.lstrip("-")).replace("-", "−")


def as_printed(share: float) -> float:
    """Return a share as `percent` prints it, so that differences agree with the accuracies that a reader sees."""
    return float(f"{100 * share:.2f}") / 100


def percentage_points(share: float) -> str:
    """Write a share in percentage points: ``0.40`` for 0.004; with three decimals if two would show 0."""
    text = f"{100 * share:.2f}"
    return _minus_sign(text if float(text) or not share else f"{100 * share:.3f}")


def p_value_in_words(p: float) -> str:
    """Write a p value: ``p = 0.0625``, ``p = 0.002``, or ``p < 0.0001``."""
    if p < 1e-4:
        return "p < 0.0001"
    return f"p = {p:{'.3g' if p >= 0.01 else '.3f' if p >= 0.001 else '.4f'}}"


def bare_p_value(p: float) -> str:
    """Write a p value for a column of them: ``0.0625``, ``< 0.0001``."""
    return p_value_in_words(p).removeprefix("p = ").removeprefix("p ")


def interval_in_words(
    statistics: SeedStatistics | PairedDifference | None, scale: float = 100, digits: int = 2, *, dash: str = " to "
) -> str:
    """Write the ends of a confidence interval without a unit: ``98.29 to 98.39``; a dash if there is no interval.

    Args:
        scale: a factor for the ends; 100 for shares, which are written in per cent.
    """
    return ends_in_words(statistics and statistics.interval, scale, digits, dash=dash)


def ends_in_words(ends: Interval | None, scale: float = 100, digits: int = 2, *, dash: str = " to ") -> str:
    """Write the ends of an interval like `interval_in_words`."""
    return DASH if ends is None else dash.join(_minus_sign(f"{scale * end:.{digits}f}") for end in ends)


def mean_sentence(name: str, accuracy: SeedStatistics, seeds: Sequence[int]) -> str:
    """Return a sentence about one experiment's test accuracy over its sorted seeds."""
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


FOLDS_DEPEND = (
    "The folds share training images, so their scores are not independent: there is no interval for the mean. The test "
    "set was not used."
)


def folds_sentence(name: str, accuracy: SeedStatistics, folds: Sequence[int]) -> str:
    """Return sentences about one experiment's accuracy in a cross-validation, over its sorted folds."""
    images = "the images of the fold" if len(folds) == 1 else "the images of the fold that was held out"
    if accuracy.std is None:
        what = f"On fold {folds[0]} alone {name} reached an accuracy of {percent(accuracy.mean)}, measured on {images}"
        return f"{what}. The test set was not used."
    return (
        f"Over the {counted_seeds(folds, 'fold')} {name} reached a mean accuracy of {percent(accuracy.mean)}, measured "
        f"on {images} (standard deviation {percentage_points(accuracy.std)} points, "
        f"lowest {percent(accuracy.minimum)}, highest {percent(accuracy.maximum)}). {FOLDS_DEPEND}"
    )


def group_sentence(name: str, group: SeedGroup) -> str:
    """Return sentences about the accuracy of a group of seeds or folds, and about those that do not count."""
    accuracy, what = group.summary("test_accuracy"), group.repetition
    if accuracy is None:
        return f"{name}: {counted(group.runs, 'run')} that differ in their {what}, none of which has an accuracy."
    scored = sorted(group.by_seed("test_accuracy"))
    sentence = (folds_sentence if group.folds else mean_sentence)(name, accuracy, scored)
    there = {run.repetition for run in group.runs}
    unscored, absent = sorted(there - set(scored)), sorted(set(range(1, (group.folds or 0) + 1)) - there)
    if unscored:
        verbs = ("has", "does") if len(unscored) == 1 else ("have", "do")
        seeds = f"{noun(unscored, what.capitalize())} {number_ranges(unscored)}"
        sentence += f" {seeds} {verbs[0]} not finished and {verbs[1]} not count."
    if absent:
        folds = f"{noun(absent, 'Fold')} {number_ranges(absent)} {noun(absent, 'is', 'are')}"
        sentence += f" {folds} not among these runs."
    return sentence


def comparison_sentence(first: str, second: str, accuracy: PairedDifference | None) -> str:
    """Return sentences that compare two experiments by their test accuracy, seed by seed, the better one first.

    Args:
        accuracy: the accuracy of the first experiment minus that of the second; None if they share no seed.
    """
    if accuracy is None:
        return f"{first} and {second} share no seed or fold, so they are not compared one by one."
    if accuracy.difference < 0:
        return comparison_sentence(second, first, accuracy.turned())
    what = "Fold" if accuracy.folds else "Seed"
    left_out = [
        f"{noun(seeds, what)} {number_ranges(seeds)}, which only {name} has, {noun(seeds, 'is', 'are')} left out."
        for name, seeds in ((first, accuracy.only_first), (second, accuracy.only_second))
        if seeds
    ]
    return " ".join([_difference_sentence(first, second, accuracy), *left_out])


def _difference_sentence(first: str, second: str, accuracy: PairedDifference) -> str:
    measured = "accuracy on the images held out" if accuracy.folds else "test accuracy"
    difference = (
        f"{first} was better than {second} by {percentage_points(accuracy.difference)} points of {measured}"
        if accuracy.difference
        else f"{first} and {second} had the same mean {measured}"
    )
    if accuracy.folds:
        spread = "" if accuracy.std is None else f" (standard deviation {percentage_points(accuracy.std)} points)"
        why = "folds share training images, so no test of the difference is made"
        return f"On the same {counted_seeds(accuracy.seeds, 'fold')} {difference}{spread}; {why}."
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


TWO_MODELS = (
    "These tests compare the trained networks on the same test images, not the experiments behind them: another seed "
    "gives other networks, and for experiments there are groups of seeds."
)
"""What the tests between networks compare."""


def network_sentence(first: str, second: str, test: McNemarTest) -> str:
    """Return a sentence that compares two trained networks on the same test images, the more accurate one first."""
    if not test.discordant:
        return f"{first} and {second} are right on the same {counted(test.both, 'image')}."
    points = percentage_points(test.difference) if test.difference else "0"
    difference = f"{points} points ({ends_in_words(test.interval)}, 95 %)"
    exact = "exact" if test.method == "exact" else f"χ² = {test.statistic:.2f}"
    corrected = f", {p_value_in_words(test.holm)} after Holm" if test.holm != test.p else ""
    chance = "" if test.holm < USUAL_P else ": this may be chance"
    return (
        f"{first} alone is right on {counted(test.only_first, 'image')}, {second} alone on {test.only_second:,}; the "
        f"difference is {difference}; McNemar's test ({exact}): {p_value_in_words(test.p)}{corrected}{chance}."
    )


def pair_cells(test: McNemarTest) -> tuple[str, str, str, str, str, str]:
    """Return the cells of a table's row about two networks.

    They are the images that only the first and only the second one classifies correctly, the difference of their
    accuracies in points with its 95 % interval, and the p value of McNemar's test without and with Holm's correction.
    """
    return (
        count(test.only_first),
        count(test.only_second),
        signed(100 * test.difference, 2),
        ends_in_words(test.interval),
        bare_p_value(test.p),
        bare_p_value(test.holm),
    )


def cochran_sentence(tests: ModelTests, where: str = "") -> str:
    """Return a sentence about Cochran's test of three or more networks on the same test images.

    Args:
        where: what follows the number of networks, such as `` on MNIST``; empty for nothing.
    """
    networks, test = f"{counted(tests.models, 'network')}{where}", tests.cochran
    if test is None or test.q is None or test.p is None:
        return f"Cochran's Q over the {networks} is not defined: each image is right in all of them or in none."
    meaning = "are not equally accurate" if test.p < USUAL_P else "may be equally accurate, and differ by chance"
    return (
        f"Cochran's Q over the {networks} is {test.q:,.2f} with {test.degrees} degrees of freedom, "
        f"{p_value_in_words(test.p)}: they {meaning}."
    )


def published_sentence(
    ours: SeedStatistics, accuracy: float | None, per_seed: Sequence[float] = (), seeds: int = 1
) -> str:
    """Return a sentence that compares our mean with a published accuracy; empty if none was published.

    Args:
        accuracy: the published accuracy, which is a mean if `seeds` is above 1.
        per_seed: the published accuracy of each seed; empty if the source does not tell them.
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
    """Return sentences about the accuracy of a group of seeds, and its comparison with the published accuracy."""
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
    """Return the name of each group by the group's id; if several groups have a name, the id is added to it."""
    names = {group.group: group.shown_name for group in groups}
    numbers = Counter(names.values())
    return {key: f"{name} [{key}]" if numbers[name] > 1 else name for key, name in names.items()}


def robustness_sentence(found: Robustness, names: Sequence[str] = ()) -> str:
    """Return the mean error of a run on corrupted images beside its error on clean ones, in words.

    Args:
        names: the corruptions, by default all that are measured.
    """
    chosen = names or found.names
    of = chosen[0] if len(chosen) == 1 else counted(chosen, "corruption")
    return (
        f"Mean error {percent(found.mean_error(chosen))} over {of} in {len(STRENGTHS)} strengths; "
        f"{percent(1 - found.clean)} without corruption ({counted(found.images, 'test image')})."
    )


def member_cells(member: EnsembleMember) -> tuple[str, str, str, str, str]:
    """Return the cells of a table's row about a member of an ensemble; dashes if its predictions are not there.

    They are its accuracy, by how much the ensemble is better, the images that only the ensemble and only the member
    classifies correctly, and the p value of McNemar's test.
    """
    if member.test is None or member.gain is None:
        return DASH, DASH, DASH, DASH, DASH
    alone = (count(member.test.only_first), count(member.test.only_second))
    gain = f"{percentage_points(member.gain)} points"
    return (percent(member.accuracy), gain, *alone, bare_p_value(member.test.p))


def ensemble_sentence(members: Sequence[EnsembleMember]) -> str:
    """Return by how much an ensemble is better or worse than its best member, with McNemar's test, as a sentence.

    Args:
        members: the most accurate first; the text is empty if its predictions are not there.
    """
    best = members[0] if members else None
    if best is None or best.test is None or best.gain is None:
        return ""
    if not best.gain:
        return f"The ensemble classifies as many images correctly as its best member, {best.label}."
    points, compared = percentage_points(best.gain).lstrip("+−"), "higher" if best.gain > 0 else "lower"
    return (
        f"The ensemble's accuracy is {points} points {compared} than that of its best member, {best.label}: "
        f"only the ensemble is right on {counted(best.test.only_first, 'image')}, only the member on "
        f"{best.test.only_second:,} (McNemar's test: {p_value_in_words(best.test.p)}). The best of several members "
        "looks better than it is, because it was chosen by these same images."
    )
