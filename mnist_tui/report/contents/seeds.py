"""A group of seeds: each seed's scores, their mean and their deviation."""

from __future__ import annotations

from mnist_tui.report.contents.grid import Grid
from mnist_tui.report.contents.overview import SPREAD_HEADINGS, cost, epochs, hundredths, spreads
from mnist_tui.report.contents.sections import Numbered, Section
from mnist_tui.report.wording import DASH, seconds


def per_seed(section: Section) -> Grid:
    """A row a run, then mean and deviation of those that count."""
    counted = {run.number for run in section.counted}
    runs = sorted(section.runs, key=lambda run: (run.evidence.summary.seed, run.number))
    found = spreads(section)
    mean = [DASH if one is None else f"{scale * one.mean:.{digits}f}" for one, scale, digits in found]
    deviation = [
        DASH if one is None or one.std is None else f"{scale * one.std:.{digits}f}" for one, scale, digits in found
    ]
    rows = [_row(run, counts=run.number in counted) for run in runs]
    rows += [("mean", "", "", "", *mean, ""), ("deviation (n − 1)", "", "", "", *deviation, "")]
    headings = ("№", "Seed", "State", "Epochs", *SPREAD_HEADINGS, "Training time")
    return Grid(headings, tuple(rows), frozenset((0, 1, *range(3, len(headings)))))


def _row(run: Numbered, *, counts: bool) -> tuple[object, ...]:
    evidence = run.evidence
    test, train = evidence.document["test"] or {}, evidence.document["train"] or {}
    state = evidence.state.state if counts else f"{evidence.state.state}, not counted"
    return (
        str(run.number), str(evidence.summary.seed), state, epochs(evidence), hundredths(test.get("accuracy")),
        hundredths(train.get("accuracy")), cost(test), hundredths(test.get("macro_f1")),
        seconds((evidence.document["timings"] or {}).get("train")),
    )  # fmt: skip


def values(section: Section) -> list[tuple[float | None, ...]]:
    """For the figure and its data: seed, test accuracy, test loss, macro F1 of each run that counts."""
    found: list[tuple[float | None, ...]] = []
    for run in section.counted:
        test = run.evidence.document["test"] or {}
        found.append((run.evidence.summary.seed, test.get("accuracy"), test.get("loss"), test.get("macro_f1")))
    return found


VALUES = ("test loss", "macro F1 (1 = best)")
"""Headings of `values` beyond seed and accuracy."""
