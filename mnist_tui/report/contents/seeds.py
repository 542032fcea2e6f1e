"""A group of seeds: each seed's scores, what they are together, the source's beside them; and groups in pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from mnist_tui.experiment.presets import Reference
from mnist_tui.report import seed_words
from mnist_tui.report.contents.grid import MarkdownTable
from mnist_tui.report.contents.overview import SPREAD_HEADINGS, epochs_text, hundredths, loss_text, score_spreads
from mnist_tui.report.contents.sections import NumberedRun, ReportSection
from mnist_tui.report.markdown import link
from mnist_tui.report.seed_words import interval_in_words
from mnist_tui.runs.collection.seed_groups import SHARE, GroupPair, SeedGroup, SeedStatistics, pairs, summary
from mnist_tui.wording import DASH, seconds

STATISTIC_ROWS: tuple[tuple[str, Callable[[SeedStatistics, int, int], str]], ...] = (
    ("mean", lambda found, scale, digits: f"{scale * found.mean:.{digits}f}"),
    ("deviation (n − 1)", lambda found, scale, digits: _scaled(found.std, scale, digits)),
    ("95 % interval", interval_in_words),
    ("lowest", lambda found, scale, digits: f"{scale * found.minimum:.{digits}f}"),
    ("highest", lambda found, scale, digits: f"{scale * found.maximum:.{digits}f}"),
)
"""Rows below the seeds."""


def seed_table(section: ReportSection) -> MarkdownTable:
    """A row a run, then mean, deviation, interval and range of those that count, the source's values beside."""
    counted = {run.number for run in section.counted}
    runs = sorted(section.runs, key=lambda run: (run.evidence.summary.seed, run.number))
    theirs = published_by_seed(section)
    rows = [_seed_row(run, counts=run.number in counted) for run in runs]
    for name, told in STATISTIC_ROWS:
        cells = [DASH if one is None else told(one, scale, digits) for one, scale, digits in score_spreads(section)]
        rows.append((name, "", "", "", *cells, ""))
    headings = ("№", "Seed", "State", "Epochs", *SPREAD_HEADINGS, "Training time")
    if theirs:
        rows = [(*row, cell) for row, cell in zip(rows, _published_column(runs, theirs), strict=True)]
        headings = (*headings, "Published accuracy (%)")
    return MarkdownTable(headings, tuple(rows), frozenset((0, 1, *range(3, len(headings)))))


def _published_column(runs: Sequence[NumberedRun], theirs: Sequence[float]) -> list[str]:
    """The source's accuracy of each run's seed, then what they are together."""
    found, of_seed = summary(theirs, within=SHARE), dict(enumerate(theirs))
    each = [hundredths(of_seed.get(run.evidence.summary.seed)) for run in runs]
    return each + [DASH if found is None else told(found, 100, 2) for _, told in STATISTIC_ROWS]


def _scaled(value: float | None, scale: int, digits: int) -> str:
    return DASH if value is None else f"{scale * value:.{digits}f}"


def published_by_seed(section: ReportSection) -> tuple[float, ...]:
    """The source's test accuracies in the order of its seeds from 0 on; empty where it has none."""
    reference = _reference(section)
    return reference.per_seed_accuracy if reference else ()


def _reference(section: ReportSection) -> Reference | None:
    """What was published of the experiment; None where the bundled sample stood in for the source's data."""
    evidence = section.shown.evidence
    return evidence.preset.reference if evidence.document["reference"] else None


def group_in_words(section: ReportSection) -> list[str]:
    """What the seeds reached, and how that lies beside what the source published."""
    group = _counted_group(section)
    if group is None:
        return []
    found, reference = group.summary("test_accuracy"), _reference(section)
    said = [seed_words.group_sentence(section.called, group)]
    if found is not None and reference is not None:
        said.append(
            seed_words.published_sentence(found, reference.accuracy, reference.per_seed_accuracy, reference.seeds)
        )
    return [sentence for sentence in said if sentence]


def _counted_group(section: ReportSection) -> SeedGroup | None:
    """The section's group, of which those runs count that the report has the scores of."""
    if section.group is None:
        return None
    scored = tuple(run.evidence.summary for run in section.counted)
    return SeedGroup(section.group.group, section.group.runs, scored)


def pair_table(sections: Sequence[ReportSection]) -> tuple[MarkdownTable, tuple[str, ...]] | None:
    """On each dataset the best group of seeds against each other one, as a table and in sentences; None without two."""
    found = {group.group: (section, group) for section in sections if (group := _counted_group(section)) is not None}
    compared = pairs(group for _, group in found.values())
    if not compared:
        return None
    several = Counter(section.called for section, _ in found.values())
    names = {
        key: f"{section.called} ({section.numbers})" if several[section.called] > 1 else section.called
        for key, (section, _) in found.items()
    }
    rows = [_pair_row(pair, found[pair.first.group][0], found[pair.second.group][0]) for pair in compared]
    said = [seed_words.pair_sentence(names[pair.first.group], names[pair.second.group], pair) for pair in compared]
    said += [seed_words.UNCORRECTED] if len(compared) > 1 else []
    headings = (
        "№",
        "Against",
        "Shared seeds",
        "Test accuracy: difference (points)",
        "95 % interval (points)",
        "p",
        "Test loss: difference",
        "95 % interval",
        "p",
    )
    return MarkdownTable(headings, tuple(rows), frozenset(range(2, len(headings)))), tuple(said)


def _pair_row(pair: GroupPair, first: ReportSection, second: ReportSection) -> tuple[object, ...]:
    accuracy, losses = pair.paired("test_accuracy"), pair.paired("test_loss")
    cells: list[str] = []
    for found, scale, digits in ((accuracy, 100, 2), (losses, 1, 4)):
        if found is None:
            cells += [DASH] * 3
            continue
        p = DASH if found.std is None else seed_words.p_value_in_words(found.p).removeprefix("p = ").removeprefix("p ")
        cells += [
            f"{scale * found.difference:+.{digits}f}".replace("-", "−"),
            interval_in_words(found, scale, digits),
            p,
        ]
    shared = str(accuracy.n) if accuracy else "0"
    return (link(first.numerals, first.anchor), link(second.numerals, second.anchor), shared, *cells)


def _seed_row(run: NumberedRun, *, counts: bool) -> tuple[object, ...]:
    evidence = run.evidence
    test, train = evidence.document["test"] or {}, evidence.document["train"] or {}
    state = evidence.state.state if counts else f"{evidence.state.state}, not counted"
    return (
        str(run.number),
        str(evidence.summary.seed),
        state,
        epochs_text(evidence),
        hundredths(test.get("accuracy")),
        hundredths(train.get("accuracy")),
        loss_text(test),
        hundredths(test.get("macro_f1")),
        seconds((evidence.document["timings"] or {}).get("train")),
    )


def seed_scores(section: ReportSection) -> list[tuple[float | None, ...]]:
    """For the figure and its data: seed, test accuracy, test loss, macro F1 of each run that counts."""
    found: list[tuple[float | None, ...]] = []
    for run in section.counted:
        test = run.evidence.document["test"] or {}
        found.append((run.evidence.summary.seed, test.get("accuracy"), test.get("loss"), test.get("macro_f1")))
    return found


SEED_SCORE_HEADINGS = ("test loss", "macro F1 (1 = best)")
"""Headings of `values` beyond seed and accuracy."""
