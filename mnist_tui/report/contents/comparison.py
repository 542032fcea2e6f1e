"""Compare the runs of a report: whether they can be compared, what differs, their curves, and tests of differences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mnist_tui.report.contents.references import Citations
from mnist_tui.report.contents.run_facts import EPOCHS, IMAGES, difference_tables, differing_facts, differing_settings
from mnist_tui.report.contents.several_runs import ReportSection, by_dataset, counted_group, short_names, titles
from mnist_tui.report.figures.drawing import Drawing
from mnist_tui.report.figures.epochs import RUN_STYLES, RunCurves, comparison_figure
from mnist_tui.report.markdown import MarkdownTable, MarkdownText, escaped, link, refer
from mnist_tui.report.result_words import (
    UNCORRECTED,
    USUAL_P,
    bare_p_value,
    cochran_sentence,
    comparison_sentence,
    interval_in_words,
    number_ranges,
    pair_cells,
    percentage_points,
)
from mnist_tui.runs.collection.seed_groups import GroupPair, pairs
from mnist_tui.runs.diagnosis import RECENT
from mnist_tui.runs.model_tests import Answers, McNemarTest, ModelTests, compare_models, evaluated_images
from mnist_tui.wording import DASH, count, counted, listed, noun, percent

if TYPE_CHECKING:
    pass

MOST_PAIRED = 4
"""Of more runs on a dataset, only the most accurate one is tested against each other one."""
CURVES = "comparison-curves"
"""The name of the figure with the curves of all runs."""


@dataclass(frozen=True)
class RunComparison:
    """The chapter that compares the runs of a report.

    Attributes:
        words: paragraphs that say whether the runs can be compared as they stand.
        differences: tables of what differs between the runs, with their accuracies.
        curves: the curves of all runs; None if fewer than two have any.
        tests: the tests between trained networks, and sentences on each; None if no two can be tested.
        pairs: the tests between groups of seeds, and sentences on each; None for fewer than two groups.
        together: a sentence about the test of three or more networks together, for each dataset that has them.
    """

    words: list[MarkdownText]
    differences: list[MarkdownTable]
    curves: Drawing | None
    tests: tuple[MarkdownTable, list[str]] | None
    pairs: tuple[MarkdownTable, list[str]] | None
    together: list[str]


def compare_runs(sections: Sequence[ReportSection], cite: Citations, *, tested: bool = True) -> RunComparison:
    """Compare two or more sections of a report.

    Args:
        tested: whether there are tests between networks and between groups of seeds.
    """
    return RunComparison(
        comparability(sections),
        difference_tables(sections),
        _curves(sections),
        _network_tests(sections) if tested else None,
        pair_table(sections) if tested else None,
        _together(sections) if tested else [],
    )


def comparability(sections: Sequence[ReportSection]) -> list[MarkdownText]:
    """Say for the sections on each dataset what they differ in, and whether they can be compared as they stand."""
    on = by_dataset(sections)
    paragraphs: list[MarkdownText] = []
    if len(on) > 1:
        *others, last = [f"{_numbers(alike)} on the test images of {escaped(title)}" for title, alike in on.items()]
        tested = ", ".join([*others, f"and {last}"]) if len(others) > 1 else f"{others[0]} and {last}"
        paragraphs.append(
            MarkdownText(
                f"The scores of {tested} cannot be compared with each other, because the test images are different."
            )
        )
    paragraphs += [_comparability_of(alike) for alike in on.values() if len(alike) > 1]
    if "Computation" in differing_facts(sections):
        paragraphs.append(MarkdownText("The runs were computed in different ways: their times are not comparable."))
    return paragraphs


def comparable(sections: Sequence[ReportSection]) -> bool:
    """Return whether at most one setting differs between sections on one dataset, and not the length or the images."""
    settings = differing_settings(sections)
    return len(settings) < 2 and not _LENGTH_AND_IMAGES & set(settings)


_LENGTH_AND_IMAGES = {EPOCHS.lower(), IMAGES.lower()}


def _comparability_of(sections: Sequence[ReportSection]) -> MarkdownText:
    settings, who = differing_settings(sections), _numbers(sections).capitalize()
    if not settings:
        return MarkdownText(f"{who} have the same settings: their scores differ by chance alone.")
    differ = escaped(listed(settings))
    if comparable(sections):
        return MarkdownText(
            f"{who} differ only in {differ}, so that a difference in their scores, if it is larger than chance, may "
            "come from that."
        )
    only = "only " if len(settings) == 1 else ""
    why = (
        "a difference in their scores cannot be put down to one of these"
        if len(settings) > 1
        else "the one that trained on more could owe its scores to that"
    )
    return MarkdownText(f"{who} differ {only}in {differ}. They are not comparable as they stand: {why}.")


def _numbers(sections: Sequence[ReportSection]) -> str:
    numbers = [run.number for section in sections for run in section.runs]
    return f"{noun(numbers, 'run')} {number_ranges(numbers, '–')}" if numbers else ""


def _curves(sections: Sequence[ReportSection]) -> Drawing | None:
    """Lay the curves of the sections' shown runs over each other; of many, those of the most accurate ones."""
    drawn = [
        section
        for section in sections
        if section.shown.evidence.state.history and section.shown.evidence.experiment.trains_in_epochs
    ]
    if len(drawn) < 2:
        return None
    best = sorted(drawn, key=lambda section: -(section.accuracy.mean if section.accuracy else -1))[: len(RUN_STYLES)]
    shown = [section for section in drawn if section in best]
    names = short_names(sections)
    runs = [
        RunCurves(names[section.anchor], section.shown.evidence.state.history, title)
        for title, alike in by_dataset(shown).items()
        for section in alike
    ]
    left_out = len(sections) - len(shown)
    more = (
        f"; {counted(left_out, 'other run')} of the report {noun(left_out, 'is', 'are')} left out" if left_out else ""
    )
    return comparison_figure(CURVES, runs, images=f"{_measured_on(shown)}{more}")


def _measured_on(sections: Sequence[ReportSection]) -> str:
    on_test = {section.shown.evidence.validates_on_test for section in sections}
    different = " of different datasets" if len(by_dataset(sections)) > 1 else ""
    if len(on_test) > 1:
        return f"on images held out of training or on the test images, as each run validates{different}"
    return f"on {'the test images' if on_test.pop() else 'images held out of training'}{different}"


@dataclass(frozen=True)
class NetworkTest:
    """McNemar's test of the networks of two sections on the same test images, the more accurate one first."""

    first: ReportSection
    second: ReportSection
    test: McNemarTest


def network_tests(sections: Sequence[ReportSection]) -> list[NetworkTest]:
    """Test runs on the same test images in pairs (`runs.model_tests`); groups of seeds have tests of their own."""
    of = {section.anchor: section for section in sections}
    return [
        NetworkTest(of[tests.models[first].name], of[tests.models[second].name], test)
        for tests in _tests_on_same_images(sections)
        for first, second, test in tests.pairs
    ]


def _tests_on_same_images(sections: Sequence[ReportSection]) -> list[ModelTests]:
    return compare_models(filter(None, map(_answers, sections)))


def _answers(section: ReportSection) -> Answers | None:
    """Return which images the network of a single run classified correctly, under the anchor of its section."""
    evidence = section.shown.evidence
    predictions, data = evidence.predictions, evidence.results.get("dataset")
    if section.group is not None or predictions is None or not data:
        return None
    right = predictions.probabilities.argmax(axis=1) == predictions.labels
    images = evaluated_images(data, evidence.origin)
    return Answers(section.anchor, "", images, predictions.labels, right)


def _network_tests(sections: Sequence[ReportSection]) -> tuple[MarkdownTable, list[str]] | None:
    pairs_tested = network_tests(sections)
    if not pairs_tested:
        return None
    several = len(pairs_tested) > 1
    rows: list[tuple[object, ...]] = []
    for pair in pairs_tested:
        runs = (
            link(f"{section.numbers.capitalize()}{section.mark}", section.anchor)
            for section in (pair.first, pair.second)
        )
        cells = pair_cells(pair.test)
        rows.append((*runs, *(cells if several else cells[:-1])))
    headings = ("Run", "Against", "Only the first right (images)", "Only the second right (images)")
    p_headings = ("p", "p after Holm") if several else ("p",)
    table = MarkdownTable(
        (*headings, "Difference (points)", "95 % interval", *p_headings), rows, range(2, 6 + len(p_headings))
    )
    meaning = (
        f"If p{' after Holm' if several else ''} is below {USUAL_P:g}, such unequal counts would be unlikely if "
        "both networks were equally accurate."
    )
    return table, [meaning, *reversals((pair.first, pair.second) for pair in pairs_tested)]


def _together(sections: Sequence[ReportSection]) -> list[str]:
    """Return Cochran's test of three or more networks on the same test images, in a sentence for each dataset."""
    titles_of = titles(sections)
    found = [tests for tests in _tests_on_same_images(sections) if tests.cochran is not None]
    return [
        cochran_sentence(tests, f" on {titles_of[tests.models[0].name]}" if len(found) > 1 else "") for tests in found
    ]


def reversal(first: ReportSection, second: ReportSection) -> str:
    """Say that the median of a run with an outlying last epoch turns the order of two runs round; empty if not."""
    worse, better = sorted((first, second), key=lambda section: section.accuracy_or_zero)
    end = worse.shown.evidence.outlying_end
    if not worse.mark or better.mark or end is None or not worse.shown.evidence.validates_on_test:
        return ""
    if not worse.accuracy_or_zero < better.accuracy_or_zero < end.usual:
        return ""
    return f"{worse.mark.strip()}: by its median of {percent(end.usual)}, ahead of {better.numbers}."


def reversals(pairs_of_runs: Iterable[tuple[ReportSection, ReportSection]]) -> list[str]:
    """Return what `reversal` says of pairs of runs on the same test images."""
    alike = (pair for pair in pairs_of_runs if len(by_dataset(pair)) == 1)
    return [words for first, second in alike if (words := reversal(first, second))]


def outlier_caveats(sections: Sequence[ReportSection]) -> list[str]:
    """Say of which runs the last epoch is an outlier, so that their accuracies stand for this epoch only."""
    ends = {run.number: end for section in sections for run in section.runs if (end := run.evidence.outlying_end)}
    if not ends:
        return []
    alone = len(sections) == 1 and len(sections[0].runs) == 1
    figures = [
        f"{'' if alone else f'in run {number} '}({percent(end.accuracy)} after epoch {end.epoch}, a median of "
        f"{percent(end.usual)} over the {RECENT} epochs before)"
        for number, end in ends.items()
    ]
    what = "accuracy and confusions" if alone else "accuracy, rank and confusions"
    return [
        f"The last epoch is an outlier {listed(figures)}: {noun(ends, 'its', 'their')} {what} are those of this one "
        "epoch and say little about the network.",
        *_by_median(sections),
    ]


def _by_median(sections: Sequence[ReportSection]) -> list[str]:
    """Say which runs a run with an outlying last epoch would be ahead of by the median of the epochs before."""
    sentences: list[str] = []
    for section in sections:
        end = section.shown.evidence.outlying_end
        if not section.mark or end is None or not section.shown.evidence.validates_on_test:
            continue
        alike = next(alike for alike in by_dataset(sections).values() if section in alike)
        behind = [
            f"{other.in_words}, {percent(other.accuracy_or_zero)}"
            for other in alike
            if not other.mark and section.accuracy_or_zero < other.accuracy_or_zero < end.usual
        ]
        if behind:
            sentences.append(f"By this median, {section.in_words} would be more accurate than {listed(behind)}.")
    return sentences


def answer(sections: Sequence[ReportSection]) -> list[MarkdownText]:
    """Return the main result of a report in sentences, without the figures of the summary's table."""
    sentences: list[str] = []
    fair = True
    on = by_dataset(sections)
    for title, alike in on.items():
        scored = sorted(
            (section for section in alike if section.accuracy), key=lambda section: -(section.accuracy_or_zero)
        )
        if not scored:
            continue
        best, images = scored[0], scored[0].shown.evidence.test_images
        if len(scored) > 1:
            fair = fair and comparable(scored)
            sentences.append(
                f"On the {counted(images, 'test image')} of {title}, {best.in_words} is the most accurate and "
                f"{scored[-1].in_words} the least."
            )
        elif best.group is None:
            right = round(images * best.accuracy_or_zero)
            sentences.append(
                f"After training, {best.in_words} classifies {count(right)} of the {counted(images, 'test image')} of "
                f"{title} correctly."
            )
        sentences += [words for section in scored if (words := _other_test_images(section))]
    sentences += outlier_caveats(sections)
    if len(sections) > 1:
        cases = Counter(section.shown.evidence.preset.name for section in sections if section.group is None)
        alone = len(cases) == len(sections)
        one_case = ", and there is one case of each experiment, with one seed" if alone else ""
        unfair = "" if fair else f"Runs on the same data are not comparable as they stand{one_case}: "
        sees = "compares the runs" if fair else "says in what they differ"
        sentences.append(MarkdownText(f"{unfair}{refer('comparison')} {sees}."))
    elif sections[0].group is None and sections[0].accuracy is not None and not sections[0].shown.evidence.origin:
        sentences.append("This is one case of the experiment, trained with one seed.")
    return [MarkdownText(" ".join(map(escaped, sentences)))]


def _other_test_images(section: ReportSection) -> str:
    """Say how far a group's accuracy is uncertain beyond its interval, which is for other seeds; empty for one run."""
    ends = section.shown.evidence.test_interval
    if section.group is None or ends is None or section.group.folds:
        return ""
    half = percentage_points((ends[1] - ends[0]) / 2)
    return (
        f"The interval of {section.in_words} is for other seeds alone; on other test images, its accuracy could lie "
        f"{half} points higher or lower (95 %)."
    )


def pair_table(sections: Sequence[ReportSection]) -> tuple[MarkdownTable, list[str]] | None:
    """Compare the best group of seeds on each dataset with each other group, as a table and in sentences.

    Returns:
        The table and the sentences; None for fewer than two groups.
    """
    groups = [(section, group) for section in sections if (group := counted_group(section)) is not None]
    section_of = {group.group: section for section, group in groups}
    compared = pairs(group for _, group in groups)
    if not compared:
        return None
    names = Counter(section.called for section in section_of.values())
    rows: list[tuple[object, ...]] = []
    sentences: list[str] = []
    for pair in compared:
        two = section_of[pair.first.group], section_of[pair.second.group]
        rows.append((*(link(section.numerals, section.anchor) for section in two), *_pair_cells(pair)))
        first, second = (
            f"{section.called} ({section.numbers})" if names[section.called] > 1 else section.called for section in two
        )
        sentences.append(comparison_sentence(first, second, pair.paired("test_accuracy")))
    headings = (
        *("Runs", "Against", "Shared seeds", "Test accuracy: difference (points)", "95 % interval (points)", "p"),
        *("Test loss: difference", "95 % interval", "p"),
    )
    table = MarkdownTable(headings, rows, range(2, len(headings)))
    return table, [*sentences, *([UNCORRECTED] if len(compared) > 1 else [])]


def _pair_cells(pair: GroupPair) -> list[str]:
    accuracy, losses = pair.paired("test_accuracy"), pair.paired("test_loss")
    cells = [str(accuracy.n) if accuracy else "0"]
    for paired, scale, digits in ((accuracy, 100, 2), (losses, 1, 4)):
        if paired is None:
            cells += [DASH] * 3
            continue
        tested = paired.std is not None and not paired.folds
        p = bare_p_value(paired.p) if tested else DASH
        difference = f"{scale * paired.difference:+.{digits}f}".replace("-", "−")
        cells += [difference, interval_in_words(paired, scale, digits), p]
    return cells
