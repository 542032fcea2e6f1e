"""Discuss the results of a report in sentences: fit, gap, confusions, published scores, and the runs side by side.

Every sentence is made from recorded figures; where these do not allow a judgement, the sentence says so.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from mnist_tui.experiment.layers import Dense, Dropout
from mnist_tui.report.complexity.comparison import ComparedModel, as_shallow
from mnist_tui.report.contents.comparison import network_tests, reversal, reversals
from mnist_tui.report.contents.one_run import improvement_figures, improving_in_words, still_improved
from mnist_tui.report.contents.references import Citations
from mnist_tui.report.contents.run_facts import differing_facts, differing_settings
from mnist_tui.report.contents.several_runs import ReportSection, by_dataset, counted_group, network_key, score_spreads
from mnist_tui.report.evidence import Evidence
from mnist_tui.report.markdown import (
    MarkdownTable,
    MarkdownText,
    captioned,
    code_span,
    escaped,
    link,
    refer,
    table,
    table_of,
)
from mnist_tui.report.result_words import (
    USUAL_P,
    as_printed,
    ends_in_words,
    number_ranges,
    percentage_points,
    published_scores,
)
from mnist_tui.runs.collection.seed_groups import pairs
from mnist_tui.runs.diagnosis import EXPLANATIONS, Finding, fall
from mnist_tui.runs.scores import NORMAL_QUANTILE, Confusion, f1_scores, precisions, recalls, total, worst_confusions
from mnist_tui.runs.state import LIVE
from mnist_tui.wording import DASH, count, counted, listed, loss, noun, percent

FEWEST_CONFUSED = 5
"""A confusion of fewer images does not stand out from the others."""
NAMED_CONFUSIONS = 3


MUCH_SMALLER = 1.5
"""The discussion names a more accurate network if it has at least this many times fewer parameters."""
PREFERRED = 0.05
"""The discussion names a class if the network answers it more often than its images by at least this share."""


def run_findings(section: ReportSection, cite: Citations, *, alone: bool = True) -> tuple[MarkdownText, ...]:
    """Return paragraphs about one section on its own: fit and gap, seeds, confusions, the published score.

    Args:
        alone: whether it is the only section; else `comparing` says what would be the same for several sections.
    """
    paragraphs = (
        _paragraph("Fit", [*_verdict(section), *_gap(section), *(_meaning_of_losses(section) if alone else [])]),
        _paragraph("Folds" if section.group is not None and section.group.folds else "Seeds", _seeds(section)),
        _paragraph("Confusions", [*_confusions(section), *_more_about_confusions(section)]),
        _paragraph("Published score", _published(section, cite) if alone else []),
    )
    return tuple(filter(None, paragraphs))


def comparing(sections: Sequence[ReportSection], cite: Citations, *, tested: bool = True) -> tuple[str, ...]:
    """Return paragraphs, and a table, about what compares the sections of a report; of one section, its limits.

    The limits of runs that are tested against each other stand beside the tests.

    Args:
        tested: whether the report has the tests of its comparison.
    """
    blocks = _of_several(sections, cite, tested=tested) if len(sections) > 1 else []
    networks = {
        network_key(section.shown.evidence) if section.shown.evidence.has_own_layers else "" for section in sections
    }
    limits = [] if tested and network_tests(sections) else _limits(sections)
    capacity = (
        [_paragraph("Capacity", _capacity_of_one(sections[0]))] if len(networks) == 1 and "" not in networks else []
    )
    return tuple(
        filter(None, [*blocks, *capacity, _paragraph("Limits", limits), _paragraph("Cases", _cases(sections))])
    )


def _of_several(sections: Sequence[ReportSection], cite: Citations, *, tested: bool) -> list[str]:
    errors = _error_table(sections)
    table_of_errors = [MarkdownText(f"{refer(ERRORS)} lists the gaps and the errors of the runs.")] if errors else []
    on = by_dataset(sections)
    between = {title: _between(alike, tested=tested) for title, alike in on.items() if len(alike) > 1}
    return [
        _paragraph("Gap between training and test", [*table_of_errors, *_gaps(sections), *_why_above(sections)]),
        captioned(
            table(errors.headings, errors.rows, errors.right),
            " ".join([ERRORS_CAPTION, *reversals(combinations(sections, 2))]),
            ERRORS,
        )
        if errors
        else "",
        _paragraph("Confusions", _frequent_confusions(sections)),
        _paragraph("Published scores", _all_published(sections, cite)),
        *(
            _paragraph(f"Between the runs{f' on {title}' if len(on) > 1 else ''}", sentences)
            for title, sentences in between.items()
        ),
    ]


ERRORS = "tab-errors"
ERRORS_CAPTION = (
    "Gap between the accuracies on training and test images, with its 95 % interval (normal approximation for the "
    "difference of two shares), and errors on the test images."
)


def _error_table(sections: Sequence[ReportSection]) -> MarkdownTable | None:
    """Return a table of the sections' gaps and errors; None without any."""
    rows: list[dict[str, object]] = []
    for section in sections:
        evidence, gap = section.shown.evidence, gap_of(section)
        if gap is None and evidence.matrix is None:
            continue
        wrong, images = _wrong(evidence), total(evidence.matrix or ())
        rows.append(
            {
                "Run": link(f"{section.numbers.capitalize()}{section.mark}", section.anchor),
                "Gap (points)": DASH if gap is None else f"{gap.sign}{gap.points}",
                "95 % interval": DASH if gap is None else ends_in_words((gap.low, gap.high)),
                "Wrong images": f"{count(wrong)} of {count(images)}" if images else DASH,
                "Most confused, both directions (% of errors)": _most_confused(evidence),
                "Lowest recall": _lowest_recall(evidence),
            }
        )
    return table_of(rows, words=("Run", "Most confused, both directions (% of errors)", "Lowest recall"))


def _most_confused(evidence: Evidence) -> str:
    """Return the classes confused most, their images and their share of the errors; a dash without errors."""
    both = confused_pairs(evidence)
    if not both or not both[0][2]:
        return DASH
    first, second, images = both[0]
    return f"{first} and {second} ({count(images)}, {percent(images / _wrong(evidence), 0)})"


def _lowest_recall(evidence: Evidence) -> str:
    known = _known_recalls(evidence)
    return f"{min(known)[1]} ({percent(min(known)[0], 1)})" if known else DASH


def confused_pairs(evidence: Evidence) -> list[tuple[str, str, int]]:
    """Return each two classes with the number of images confused in both directions together, the most first."""
    matrix, names = evidence.matrix or (), evidence.class_names
    both = [
        (names[first], names[second], matrix[first][second] + matrix[second][first])
        for second in range(len(matrix))
        for first in range(second)
    ]
    return sorted(both, key=lambda pair: -pair[2])


def _known_recalls(evidence: Evidence) -> list[tuple[float, str]]:
    values = zip(recalls(evidence.matrix or ()), evidence.class_names, strict=False)
    return [(recall, name) for recall, name in values if recall is not None]


def _paragraph(lead: str, sentences: Iterable[str]) -> MarkdownText:
    """Return a paragraph with a lead in bold; empty without sentences."""
    text = " ".join(escaped(sentence) for sentence in sentences if sentence)
    return MarkdownText(f"**{escaped(lead)}.** {text}" if text else "")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _numbers(sections: Sequence[ReportSection]) -> str:
    """Return the numbers of all runs of sections: ``run 1``, ``runs 1–3``."""
    numbers = [run.number for section in sections for run in section.runs]
    return f"{noun(numbers, 'run')} {number_ranges(numbers, '–')}"


OPENINGS = {
    "diverged": "The training diverged.",
    "stuck": "The network learnt nothing: it stays at chance.",
    "rate-too-high": "The learning rate is too high.",
    "rate-too-low": "The training is slow, and its loss does not level off.",
    "jumping": "The validation loss jumps from epoch to epoch.",
    "overfitting": "The curves show overfitting from epoch {since} on.",
    "improving": "The validation loss still fell when the schedule of the learning rate ended.",
    "last-outlier": "The last epoch, whose weights are evaluated, is an outlier.",
    "last-epoch": "The last epoch, whose weights are evaluated, is not a good one.",
    "never-predicted": "Not every class is ever predicted.",
    "dead-units": "Part of the units are dead.",
    "stopped": "The run ended before its last planned epoch.",
    "too-early": "There are too few epochs for a verdict on the curves.",
    "closed-form": "The output layer was solved in closed form, so there is no course of training to judge.",
}
"""What a report says first about a finding, by the finding's kind; `converged` has sentences of its own."""
SAID_BY_GAP = {"closed-form", "too-early"}
"""Kinds of findings whose evidence adds nothing to the opening and to the other sentences."""


IN_NOTICES = {"last-outlier"}
"""Kinds of findings that the notices at the head of a run's section tell with their figures."""


def _findings(evidence: Evidence) -> list[Finding]:
    """Return the findings that say something about a run, the verdict first; a good one only as the verdict."""
    verdict, *others = [finding for finding in evidence.findings if finding.kind not in EXPLANATIONS] or [None]
    return [*([verdict] if verdict else []), *(other for other in others if other and other.severity != "good")]


def _verdict(section: ReportSection) -> list[str]:
    """Say what the curves of the section's shown run show, besides its notices; nothing if they are not known."""
    evidence = section.shown.evidence
    findings = _findings(evidence)
    if _is_live(evidence) and findings:
        more = [_finding(finding, evidence) for finding in findings[1:]]
        return ["The training has not ended, so that its curves allow no verdict.", *more]
    told = {*IN_NOTICES, *({"improving"} if still_improved(evidence) else ())}
    figures = [improvement_figures(evidence)] if section.group is not None else []
    return [*figures, *(_finding(finding, evidence) for finding in findings if finding.kind not in told)]


def _is_live(evidence: Evidence) -> bool:
    return evidence.document["state"] in LIVE


def _opening(finding: Finding, evidence: Evidence) -> str:
    if finding.kind == "converged":
        return "The validation loss has levelled off."
    if finding.kind == "improving":
        return improving_in_words(evidence) or OPENINGS["improving"]
    return OPENINGS.get(finding.kind, f"{finding.headline}.").format(since=finding.since)


def _finding(finding: Finding, evidence: Evidence) -> str:
    if finding.kind == "converged":
        return _levelled_off(evidence)
    opening = _opening(finding, evidence)
    return opening if finding.kind in SAID_BY_GAP else f"{opening} {finding.evidence}"


def _levelled_off(evidence: Evidence) -> str:
    best, last = evidence.state.best, evidence.state.history[-1]
    falls = _falls_a_little(evidence)
    levelled = f"has {'nearly ' if falls else ''}levelled off"
    words = f"The validation loss {levelled}: it is {loss(last.val_loss)} after the last epoch, {last.epoch}"
    falls += _separation(evidence)
    if best is None or best is last:
        return f"{words}, and nowhere lower.{falls}"
    lowest = f"{words}, and was lowest after epoch {best.epoch}, {loss(best.val_loss)}"
    above = percent(last.val_loss / best.val_loss - 1, 0) if last.val_loss and best.val_loss else percent(0, 0)
    return f"{lowest}.{falls}" if above == percent(0, 0) else f"{lowest}: the last one is {above} above it.{falls}"


def _separation(evidence: Evidence) -> str:
    """Say by how much the training loss fell while the validation loss fell less, from where both were closest."""
    rows = [
        (row.epoch, row.loss, row.val_loss)
        for row in evidence.state.history
        if row.loss is not None and row.val_loss is not None
    ]
    if not rows:
        return ""
    since, training, validation = min(rows, key=lambda row: abs(row[1] - row[2]))
    last, training_now, validation_now = rows[-1]
    if training_now > 0.9 * training or validation_now < (1 + SEPARATE) * training_now or since == last:
        return ""
    only = "only " if validation_now < validation else ""
    return (
        f" From epoch {since}, where the two losses were closest, to epoch {last} the training loss fell from "
        f"{loss(training)} to {loss(training_now)}, while the validation loss went {only}from {loss(validation)} to "
        f"{loss(validation_now)}: the curves separate."
    )


SEPARATE = 0.1
"""The curves separate if the last validation loss is above the training loss by this share."""


def _falls_a_little(evidence: Evidence) -> str:
    """Say by how much the mean loss of the last epochs is below that of the epochs before; empty if it is noise."""
    values = [row.val_loss for row in evidence.state.history if row.val_loss is not None]
    window = min(LONGEST_WINDOW, len(values) // 5)
    fallen = fall(values, window) if window > 1 else 0.0
    if fallen <= 0:
        return ""
    last = counted(window, "epoch")
    return f" Its mean over the last {last} is {percent(fallen, 1)} lower than over the {window} before."


LONGEST_WINDOW = 20
"""The number of the last epochs whose mean loss is compared with that of the epochs before."""


@dataclass(frozen=True)
class Gap:
    """The accuracy on the training images minus that on the test images, as shares, with its 95 % interval.

    The interval is that of a difference of two shares of independent images (normal approximation).
    The difference is that of the rounded accuracies, so that a reader who subtracts them finds the same.
    """

    training: float
    test: float
    low: float
    high: float

    @property
    def sign(self) -> str:
        return "−" if self.training < self.test else ""

    @property
    def points(self) -> str:
        """The gap in percentage points, without its sign."""
        return percentage_points(abs(as_printed(self.training) - as_printed(self.test)))


def gap_of(section: ReportSection) -> Gap | None:
    """Return the gap of a section's run, or of the means over its seeds; None if a score is missing."""
    data = section.shown.evidence.document["dataset"]
    (test, *_), (train, *_) = score_spreads(section)[:2]
    if not data or test is None or train is None:
        return None
    parts = (train.mean * (1 - train.mean) / data["train"], test.mean * (1 - test.mean) / data["test"])
    reach, difference = NORMAL_QUANTILE * math.sqrt(sum(parts)), train.mean - test.mean
    return Gap(train.mean, test.mean, difference - reach, difference + reach)


def _gap(section: ReportSection) -> list[str]:
    """Compare the accuracies on training and test images, and say what their difference means."""
    gap = gap_of(section)
    if gap is None:
        return []
    mean = "on average " if len(section.counted) > 1 else ""
    images = "images of the fold that was held out" if section.shown.evidence.summary.fold else "test images"
    return [
        f"{_capital(f'{mean}after training')}, {percent(gap.training)} of the training images and {percent(gap.test)} "
        f"of the {images} are classified correctly, a gap of {gap.sign}{gap.points} points (95 % interval "
        f"{ends_in_words((gap.low, gap.high))}, {GAP_INTERVAL})."
    ]


GAP_INTERVAL = "by the normal approximation"


def _meaning_of_losses(section: ReportSection) -> list[str]:
    """Say what the gap of the only section means, and why its training loss is above its validation loss."""
    gap = gap_of(section)
    return [*([_meaning(gap, section)] if gap is not None else []), *_why_above([section])]


def _meaning(gap: Gap, section: ReportSection) -> str:
    evidence = section.shown.evidence
    early = " It may change if the training goes on." if still_improved(evidence) else ""
    if gap.low > 0:
        return (
            "Such a gap is larger than the choice of the test images explains: the network knows its training images "
            f"better than new ones.{early}"
        )
    if gap.high < 0:
        return f"{EASIER}{early}"
    if early:
        return f"That cannot be told from no gap.{early}"
    trained = evidence.experiment.trains_in_epochs
    others = "its regularisation or the length of its training" if trained else "or the ridge"
    return (
        "That cannot be told from no gap: what limits the accuracy is not a better knowledge of the training images, "
        f"but the features, the size of the network{', ' if trained else ' '}{others}."
    )


EASIER = "The accuracy on the test images is higher by more than their choice explains."


def _gaps(sections: Sequence[ReportSection]) -> list[str]:
    """Say in which sections the gap is more than the choice of images explains."""
    gaps = [(section, gap) for section in sections if (gap := gap_of(section)) is not None]
    above = [section for section, gap in gaps if gap.low > 0]
    below = [section for section, gap in gaps if gap.high < 0]
    none = [section for section, gap in gaps if gap.low <= 0 <= gap.high]
    sentences: list[str] = []
    if above:
        sentences.append(
            f"In {_marked(above)} the gap is larger than the choice of the test images explains: "
            f"{noun(above, 'this network knows its', 'these networks know their')} training images better than new "
            "ones."
        )
    if none:
        sentences.append(f"In {_marked(none)} the gap cannot be told from none.")
    if below:
        sentences.append(
            f"In {_marked(below)} the accuracy on the test images is higher than that on the training images by more "
            "than the choice of the images explains."
        )
    early = [section for section, _ in gaps if still_improved(section.shown.evidence)]
    if early:
        sentences.append(f"As {_numbers(early)} still improved, {noun(early, 'its gap', 'their gaps')} may change.")
    return sentences


def _marked(sections: Sequence[ReportSection]) -> str:
    """Return the numbers of runs with the mark of those whose last epoch is an outlier: ``runs 1–4 (run 3 †)``."""
    marked = [f"{section.numbers}{section.mark}" for section in sections if section.mark]
    if len(sections) == 1:
        return f"{_numbers(sections)}{sections[0].mark}"
    return f"{_numbers(sections)} ({listed(marked)})" if marked else _numbers(sections)


def _why_above(sections: Sequence[ReportSection]) -> list[str]:
    """Explain once why training losses are above validation losses, so that nobody takes the test images for easier."""
    above = [
        section
        for section in sections
        if any(finding.kind == "loss-gap" for finding in section.shown.evidence.findings)
    ]
    if not above:
        return []
    rows = [section.shown.evidence.state.history[-1] for section in above]
    figures = [f"{loss(row.loss)} against {loss(row.val_loss)}" for row in rows]
    where = "The" if len(sections) == 1 else f"In {_numbers(above)} the"
    dropout = any(section.shown.evidence.experiment.layers_of(Dropout) for section in above)
    changed = any(section.shown.evidence.experiment.augmentation for section in above)
    on, off = (" and with dropout on", " and with dropout off") if dropout else ("", "")
    if changed:
        on, off = f"{on} and on randomly changed images", f"{off} and on images as they are"
    only = list(
        dict.fromkeys(name for section in above for name in section.shown.evidence.experiment.in_training_loss_only)
    )
    also = f" {listed(only).capitalize()} are in the training loss only." if only else ""
    return [
        f"{where} training loss of the last epoch is above the validation loss ({'; '.join(figures)}). The two are "
        f"measured differently: the training loss during the epoch, while the weights still improve{on}; the "
        f"validation loss after it{off}.{also}"
    ]


def _seeds(section: ReportSection) -> list[str]:
    """Say how far the accuracy varies between seeds or folds, and between seeds and test images."""
    accuracy, interval = section.accuracy, section.shown.evidence.test_interval
    if section.group is None or accuracy is None or accuracy.std is None or interval is None:
        return []
    if section.group.folds:
        return [
            f"From fold to fold the accuracy of {section.numbers} varies by {percentage_points(accuracy.std)} points "
            f"(standard deviation of {counted(accuracy.n, 'fold')}): each fold has other training images and is scored "
            "on other images. As the folds share training images, this is no measure of how far the mean could change."
        ]
    half = (interval[1] - interval[0]) / 2
    return [
        f"From seed to seed the test accuracy of {section.numbers} varies by {percentage_points(accuracy.std)} points "
        f"(standard deviation of {counted(accuracy.n, 'seed')}). All seeds are tested on the same images; on other "
        f"test images each accuracy could lie about {percentage_points(half)} points higher or lower (95 %)."
    ]


def _confusions(section: ReportSection) -> list[str]:
    """Say how many images are wrong, and which classes are confused most often."""
    evidence = section.shown.evidence
    matrix, names = evidence.matrix, evidence.class_names
    if matrix is None or not total(matrix):
        return []
    images, wrong = total(matrix), _wrong(evidence)
    who = f"Run {section.shown.number} classifies" if section.group is not None else "The network classifies"
    if not wrong:
        return [f"{who} all {count(images)} {evidence.matrix_of} correctly."]
    start = f"{who} {count(wrong)} of the {count(images)} {evidence.matrix_of} wrongly ({percent(wrong / images)})"
    named = _outstanding(evidence)
    if not named:
        most = worst_confusions(matrix, names, 1)[0].count
        return [f"{start}; no confusion stands out, the most frequent one has {counted(most, 'image')}."]
    words = [f"{one.true_name} read as {one.predicted_name} ({_images(one)})" for one in named]
    share = percent(sum(one.count for one in named) / wrong, 0)
    together = "together " if len(named) > 1 else ""
    return [f"{start}, most often {listed(words)}: {together}{share} of all errors.", *_tied(evidence)]


def _tied(evidence: Evidence) -> list[str]:
    """Say how many other confusions are as frequent as the last one that is named."""
    named = _outstanding(evidence)
    everything = worst_confusions(evidence.matrix or (), evidence.class_names, len(evidence.class_names) ** 2)
    others = [one for one in everything[len(named) :] if named and one.count == named[-1].count]
    if not others:
        return []
    return [f"{counted(others, 'other confusion')} {noun(others, 'is', 'are')} as frequent as the last of these."]


def _outstanding(evidence: Evidence) -> list[Confusion]:
    """Return the most frequent confusions that are frequent enough to be named."""
    worst = worst_confusions(evidence.matrix or (), evidence.class_names, NAMED_CONFUSIONS)
    return [one for one in worst if one.count >= FEWEST_CONFUSED]


def _images(one: Confusion) -> str:
    return f"{count(one.count)} of {count(one.total)}, {percent(one.share, 1)}"


def _wrong(evidence: Evidence) -> int:
    matrix = evidence.matrix or ()
    return total(matrix) - sum(row[index] for index, row in enumerate(matrix))


def _frequent_confusions(sections: Sequence[ReportSection]) -> list[str]:
    """Say for each dataset which classes are confused most often in its runs, in both directions together."""
    on = by_dataset(sections)
    sentences: list[str] = []
    for title, alike in on.items():
        known = [section for section in alike if section.shown.evidence.matrix is not None]
        if known:
            where = f"On {title}" if len(on) > 1 else "In these runs"
            sentences.append(f"{where}, {_confused_in(known)}.")
    return sentences


def _confused_in(alike: Sequence[ReportSection]) -> str:
    """Name the classes that are confused most in runs on the same data, with their places in each run."""
    places = {section.anchor: _places(section.shown.evidence) for section in alike}
    named = list(dict.fromkeys(pair for ranks in places.values() for pair in ranks))
    if not named:
        return f"no two classes are confused in {FEWEST_CONFUSED} images or more"
    if len(alike) == 1:
        return f"run {alike[0].shown.number}{alike[0].mark} confuses {_around_one_class(named)} most often"
    users = {pair: [section for section in alike if pair in places[section.anchor]] for pair in named}
    told = [
        pair
        for pair in named
        if len(users[pair]) == len(alike) or any(places[section.anchor][pair] == 1 for section in users[pair])
    ]
    told.sort(key=lambda pair: -len(users[pair]))
    pairs_in_words = "; ".join(_in_runs(pair, users[pair], alike, places) for pair in told)
    return f"the pairs of classes that are confused most are {pairs_in_words}"


def _places(evidence: Evidence) -> dict[tuple[str, str], int]:
    """Return the most confused pairs of classes with their places, 1 for the first; equal pairs share a place."""
    pairs_ = [(pair, images) for *pair, images in confused_pairs(evidence) if images >= FEWEST_CONFUSED]
    places = {(pair[0], pair[1]): 1 + sum(other > images for _, other in pairs_) for pair, images in pairs_}
    return {pair: place for pair, place in places.items() if place <= NAMED_CONFUSIONS}


def _around_one_class(pairs_: Sequence[tuple[str, str]]) -> str:
    """Name pairs of classes, as one class with several others if it is in all of them."""
    common = set(pairs_[0]).intersection(*pairs_)
    if len(pairs_) == 1 or len(common) != 1:
        return listed([f"{first} and {second}" for first, second in pairs_])
    (one,) = common
    return f"{one} with {listed([second if first == one else first for first, second in pairs_])}"


PLACES = ("first", "second", "third")


def _in_runs(
    pair: tuple[str, str],
    users: Sequence[ReportSection],
    alike: Sequence[ReportSection],
    places: Mapping[str, Mapping[tuple[str, str], int]],
) -> str:
    """Say in which runs two classes are confused, and how often: ``4 and 9 in all runs (first in run 1, …)``."""
    at: dict[int, list[ReportSection]] = {}
    for section in users:
        at.setdefault(places[section.anchor][pair], []).append(section)
    shown = listed([f"{PLACES[place - 1]} in {_shown_numbers(at[place])}" for place in sorted(at)])
    what = f"{pair[0]} and {pair[1]}"
    if len(users) == len(alike):
        return f"{what} in {'both runs' if len(alike) == 2 else 'all runs'} ({shown})"
    return f"{what} ({shown}{'' if len(users) > 1 else ' only'})"


def _shown_numbers(sections: Sequence[ReportSection]) -> str:
    marks = "".join({section.mark: None for section in sections})
    return f"{noun(sections, 'run')} {number_ranges([section.shown.number for section in sections], '–')}{marks}"


def _more_about_confusions(section: ReportSection) -> list[str]:
    """Name the two classes that are confused most in both directions together, and the classes of extreme recall."""
    evidence = section.shown.evidence
    wrong = _wrong(evidence)
    if not wrong:
        return []
    (first, second, images), *others = confused_pairs(evidence)
    sentences: list[str] = []
    one_way = worst_confusions(evidence.matrix or (), evidence.class_names, 1)[0].count == images
    if images >= FEWEST_CONFUSED and not one_way:
        alike = sum(other[2] == images for other in others)
        tied = f"; {counted(alike, 'other pair')} {noun(alike, 'has', 'have')} as many" if alike else ""
        sentences.append(
            f"In both directions together, {first} and {second} are confused most: {counted(images, 'image')}, "
            f"{percent(images / wrong, 0)} of all errors{tied}."
        )
    known = _known_recalls(evidence)
    (low, hardest), (high, easiest) = min(known), max(known)
    if percent(low, 1) != percent(high, 1):
        sentences.append(
            f"The class with the lowest recall is {hardest} ({percent(low, 1)}), that with the highest {easiest} "
            f"({percent(high, 1)})."
        )
        sentences += _worst_otherwise(evidence, hardest)
    return [*sentences, *_preferred(evidence)]


def _worst_otherwise(evidence: Evidence, hardest: str) -> list[str]:
    """Name the classes with the lowest precision and F1, where it is not the one with the lowest recall."""
    matrix, worst = evidence.matrix or (), dict[str, list[str]]()
    for name, values in (("precision", precisions(matrix)), ("F1", f1_scores(matrix))):
        known = [(value, own) for value, own in zip(values, evidence.class_names, strict=False) if value is not None]
        low, own = min(known)
        if own != hardest:
            worst.setdefault(own, []).append(f"the lowest {name} ({percent(low, 1)})")
    return [f"Class {own} has {listed(words)}." for own, words in worst.items()]


def _preferred(evidence: Evidence) -> list[str]:
    """Say which class the network answers far more often than it is there, if one stands out."""
    matrix = evidence.matrix or ()
    answered = {at: sum(row[at] for row in matrix) for at, own in enumerate(matrix) if sum(own)}
    at, times = max(answered.items(), key=lambda item: item[1] / sum(matrix[item[0]]))
    images, name = sum(matrix[at]), evidence.class_names[at]
    if times < (1 + PREFERRED) * images:
        return []
    return [
        f"The network answers “{name}” too often: {counted(times, 'time')}, where {counted(images, 'image')} "
        f"{noun(images, 'is', 'are')} of that class."
    ]


@dataclass(frozen=True)
class PublishedAccuracy:
    """A run's test accuracy beside the published one, as shares."""

    ours: float
    published: float

    @property
    def difference(self) -> str:
        """Our accuracy seen from the published one, both rounded: ``0.06 points lower``."""
        if percent(self.ours) == percent(self.published):
            return "the same"
        side = "lower" if self.ours < self.published else "higher"
        return f"{percentage_points(abs(as_printed(self.ours) - as_printed(self.published)))} points {side}"


def _published_accuracy(section: ReportSection) -> PublishedAccuracy | None:
    """Return a single run's accuracy beside the published one; None without one, and for groups of seeds.

    The means of groups of seeds are compared with published ones in the sections of the groups.
    """
    scores = [one for one in published_scores(section.shown.evidence.document) if one.name == "test accuracy"]
    if section.group is not None or not scores or scores[0].ours is None:
        return None
    return PublishedAccuracy(scores[0].ours, scores[0].published)


def _source(section: ReportSection, cite: Citations) -> str:
    reference = section.shown.evidence.reference
    return cite.source(reference) or escaped(str(reference["source"]))


def _published(section: ReportSection, cite: Citations) -> list[str]:
    """Compare a run's accuracy with the published one, by its difference and by the spread of the source's seeds."""
    score, reference = _published_accuracy(section), section.shown.evidence.reference
    if score is None:
        return [] if section.group is not None else _nothing_published([section], cite)
    many = reference.get("seeds") or 1
    of = f" (the mean of {many} trainings)" if many > 1 else ""
    return [
        MarkdownText(
            f"The source {_source(section, cite)} published a test accuracy of {percent(score.published)}{of}. Ours is "
            f"{score.difference}."
        ),
        _spread_of_source(reference) or ONE_TRAINING,
        *_notes_on_score(reference),
    ]


SAME_IMAGES = (
    "Both are measured on the same test images, so that the 95 % interval, which is for other images, does not help."
)
ONE_TRAINING = (
    f"{SAME_IMAGES} With one training of each, it is not known how much of the difference is due to the seed."
)


def _notes_on_score(reference: Mapping[str, Any]) -> list[str]:
    """Return the notes on a source that name its published accuracy, as a share."""
    return [note for note in reference.get("readings") or () if f"{reference['accuracy']:g}" in note]


def _spread_of_source(reference: Mapping[str, Any]) -> str:
    """Return the range of the accuracies that a source published for its seeds; empty for fewer than two."""
    seeds = reference.get("per_seed_accuracy") or ()
    if len(seeds) < 2:
        return ""
    return f"The accuracies of its seeds lie between {percent(min(seeds))} and {percent(max(seeds))}."


def _nothing_published(sections: Sequence[ReportSection], cite: Citations) -> list[str]:
    """Name the runs whose experiment has a source that published no test accuracy."""
    silent = [
        section
        for section in sections
        if section.group is None
        and section.shown.evidence.reference
        and section.shown.evidence.reference.get("accuracy") is None
    ]
    if not silent:
        return []
    sources = listed(list(dict.fromkeys(_source(section, cite) for section in silent)))
    whose = "this run" if len(sections) == 1 else _numbers(silent)
    return [MarkdownText(f"The settings of {whose} are those of {sources}, which published no test accuracy for them.")]


def _all_published(sections: Sequence[ReportSection], cite: Citations) -> list[str]:
    """Say how far the runs are from the published accuracies, and for which runs nothing was published."""
    scores = {section.shown.number: score for section in sections if (score := _published_accuracy(section))}
    nothing = _nothing_published(sections, cite)
    if not scores:
        return nothing
    with_score = [section for section in sections if section.shown.number in scores]
    sources = listed(list(dict.fromkeys(_source(section, cite) for section in with_score)))
    far = listed([f"{scores[one.shown.number].difference} in run {one.shown.number}" for one in with_score])
    return [
        MarkdownText(
            f"{refer('tab-published')} lists the accuracies that {sources} published. Compared with the published "
            f"accuracy, ours is {far}."
        ),
        SAME_IMAGES,
        *(
            f"On the source of run {one.shown.number}: {note}"
            for one in with_score
            for note in _notes_on_score(one.shown.evidence.reference)
        ),
        *nothing,
    ]


def _between(alike: Sequence[ReportSection], *, tested: bool) -> list[str]:
    """Say for sections on one dataset what changed and what it did, and which of them cannot be told apart."""
    scored = [section for section in alike if section.accuracy is not None]
    if len(scored) < 2:
        return []
    return [*_what_changed(scored), *(_told_apart(scored) if tested else []), *_may_change(scored)]


def _may_change(scored: Sequence[ReportSection]) -> list[str]:
    """Say that an order of runs that still improved may change with more epochs."""
    early = [section for section in scored if still_improved(section.shown.evidence)]
    if not early:
        return []
    who = ("Both" if len(scored) == 2 else "All of them") if len(early) == len(scored) else _capital(_numbers(early))
    return [f"{who} still improved when the training ended: more epochs may change the order of the accuracies."]


def _what_changed(scored: Sequence[ReportSection]) -> list[str]:
    settings = differing_settings(scored)
    if not settings:
        return []
    if len(settings) > 1:
        best, *_, worst = sorted(scored, key=lambda section: -section.accuracy_or_zero)
        return [
            f"{_capital(best.in_words)} has the highest test accuracy, {_accuracy(best)}, {worst.in_words} the lowest, "
            f"{_accuracy(worst)}."
        ]
    facts = {label.lower(): values for label, values in differing_facts(scored).items()}
    values = facts[settings[0].lower()]
    reached = [f"{_accuracy(section)} with {value or 'none'}" for value, section in zip(values, scored, strict=True)]
    return [f"The runs differ only in one setting, {settings[0]}: the test accuracy is {listed(reached)}."]


def _accuracy(section: ReportSection) -> str:
    return percent(section.accuracy_or_zero)


def _told_apart(scored: Sequence[ReportSection]) -> list[str]:
    """Say which differences may be chance: by McNemar's test for runs, seed by seed for groups of seeds."""
    tests = network_tests(scored)
    compared = [(test.first, test.second, test.test.holm < USUAL_P) for test in tests]
    groups = {group.group: (section, group) for section in scored if (group := counted_group(section)) is not None}
    for pair in pairs(group for _, group in groups.values()):
        paired = pair.paired("test_accuracy")
        if paired is not None and paired.interval is not None:
            low, high = paired.interval
            compared.append((groups[pair.first.group][0], groups[pair.second.group][0], not low <= 0 <= high))
    if not compared:
        return []
    tables = [*([refer("tab-tests")] if tests else []), *([refer("tab-pairs")] if len(compared) > len(tests) else [])]
    alike, apart = (
        listed(
            [
                f"between {one.numbers}{one.mark} and {two.numbers}{two.mark}"
                for one, two, different in compared
                if different == wanted
            ]
        )
        for wanted in (False, True)
    )
    corrected = ", with p corrected for the number of tests" if len(tests) > 1 else ""
    sentences: list[str] = []
    pointer = ""
    if apart:
        sentences.append(f"the choice of the test images alone would rarely make a difference as large as that {apart}")
    if alike:
        sentences.append(f"the difference {alike} may be chance")
        if any(reversal(one, two) for one, two, different in compared if not different):
            pointer = f" By the median of the run marked † their order turns round: see below {refer('tab-tests')}."
    return [MarkdownText(f"By {listed(tables)}{corrected}, {'; '.join(sentences)}.{pointer}"), *_size(compared)]


def _size(compared: Sequence[tuple[ReportSection, ReportSection, bool]]) -> list[str]:
    """Name the pair in which the more accurate network is smallest beside the other, by the number of parameters."""
    sizes = [
        (second.shown.evidence.complexity.total / first.shown.evidence.complexity.total, first, second)
        for first, second, different in compared
        if different and first.shown.evidence.has_own_layers and second.shown.evidence.has_own_layers
    ]
    ratio, first, second = max(sizes, key=lambda size: size[0], default=(0.0, None, None))
    if ratio < MUCH_SMALLER or first is None or second is None:
        return []
    few, many = (count(section.shown.evidence.complexity.total) for section in (first, second))
    end = first.shown.evidence.outlying_end
    too = f", by its median of {percent(end.usual)}, too" if first.mark and end else ""
    return [
        f"More parameters do not always mean a higher accuracy: {first.numbers} with {few} is more accurate than "
        f"{second.numbers} with {many}{too}."
    ]


def _limits(sections: Sequence[ReportSection]) -> list[str]:
    """Say what the intervals of single runs do not cover."""
    single = [
        section
        for section in sections
        if section.group is None and section.accuracy is not None and section.shown.evidence.origin is None
    ]
    if not single:
        return []
    if len(sections) == 1:
        who, its = "The experiment was trained once", "its accuracy covers"
    elif len(single) == len(sections):
        who, its = "Each experiment was trained once", "an accuracy covers"
    else:
        who, its = f"{_capital(_numbers(single))} have one seed each", "such an accuracy covers"
    return [
        f"{who}, with one seed. The 95 % interval of {its} the choice of the test images, not that of the seed: how "
        "much of a result is due to the initial weights and to the order of the images would be shown by several seeds."
    ]


def _capacity_of_one(section: ReportSection) -> list[str]:
    """Say what a single network tells of deep and shallow ones: a shallow one with as many parameters."""
    evidence = section.shown.evidence
    model = ComparedModel("", evidence.complexity, evidence.experiment)
    return [
        f"Whether deep networks have more capacity, that is more parameters, than shallow ones takes several networks "
        f"to answer; here is one, of {counted(model.depth, 'hidden layer')} and "
        f"{counted(evidence.complexity.total, 'parameter')}.",
        as_shallow(model),
    ]


FEWEST_CASES = 3
"""With fewer cases of an experiment its settings are hardly compared."""


def _cases(sections: Sequence[ReportSection]) -> list[str]:
    """Say of which experiments there are too few cases to see what a setting does, and how to train others."""
    cases: dict[str, list[ReportSection]] = {}
    for section in sections:
        if section.shown.evidence.origin is None:
            cases.setdefault(section.shown.evidence.preset.name, []).append(section)
    few = {name: alike for name, alike in cases.items() if len(alike) < FEWEST_CASES}
    if not few:
        return []
    number = {"one" if len(alike) == 1 else "two" for alike in few.values()}
    many = f"{' or '.join(sorted(number))} {'case' if number == {'one'} else 'cases'}"
    of = "this experiment" if len(cases) == 1 else listed([f"`{name}`" for name in few])
    command = next(filter(None, (_sweep(alike[0].shown.evidence) for alike in few.values())), "")
    more = f" {code_span(command)} trains other cases." if command else ""
    return [
        MarkdownText(
            f"There {'is' if number == {'one'} else 'are'} {many} of {of}{' each' if len(few) > 1 else ''}: what a "
            f"single setting does to the accuracy cannot be seen from that.{more}"
        )
    ]


def _sweep(evidence: Evidence) -> str:
    """Return a command that trains the experiment with half and twice its neurons, too; empty without hidden layers."""
    sizes = [layer.units for layer in evidence.experiment.layers_of(Dense)]
    if not sizes or min(sizes) < 2:
        return ""
    cases = ([size // 2 for size in sizes], sizes, [2 * size for size in sizes])
    values = ",".join("x".join(map(str, case)) for case in cases)
    return shlex.join(["mnist-tui", "sweep", "--preset", evidence.preset.name, "--over", f"hidden={values}"])
