"""All runs at a glance: the summary table, groups of seeds, what was published beside ours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from mnist_tui.report.contents.grid import MarkdownTable
from mnist_tui.report.contents.models import Network
from mnist_tui.report.contents.sections import NumberedRun, ReportSection
from mnist_tui.report.contents.training import batch_size_text, epochs_run
from mnist_tui.report.evidence import Evidence
from mnist_tui.report.markdown import link
from mnist_tui.report.published import citation, score_difference
from mnist_tui.report.seed_words import interval_in_words
from mnist_tui.runs.collection.seed_groups import LOSS, SHARE, SeedStatistics, summary
from mnist_tui.wording import DASH, count, loss


def runs_table(sections: Sequence[ReportSection], models: Sequence[Network]) -> MarkdownTable:
    """A row a run, its number linked to its section and its model to the model's."""
    used = {number: model for model in models for number in model.runs}
    told = [(run, section) for section in sections for run in section.runs]
    rows = [_run_row(run, section, used[run.number]) for run, section in sorted(told, key=lambda one: one[0].number)]
    headings = (
        "№",
        "Run",
        "Model",
        "Parameters",
        "Epochs",
        "Batch size",
        "Test accuracy (%)",
        "Training accuracy (%)",
        "Test loss",
        "Macro F1 (%)",
        "Published accuracy (%)",
    )
    return MarkdownTable(headings, tuple(rows), frozenset((0, *range(3, len(headings)))))


def _run_row(run: NumberedRun, section: ReportSection, model: Network) -> tuple[object, ...]:
    evidence = run.evidence
    test, train = evidence.document["test"] or {}, evidence.document["train"] or {}
    reference = evidence.document["reference"] or {}
    return (
        link(run.number, section.anchor),
        _run_name(run, section),
        link(model.number, model.anchor),
        count(evidence.complexity.total),
        epochs_text(evidence),
        batch_size_text(evidence.experiment),
        hundredths(test.get("accuracy")),
        hundredths(train.get("accuracy")),
        loss_text(test),
        hundredths(test.get("macro_f1")),
        hundredths(reference.get("accuracy")),
    )


def _run_name(run: NumberedRun, section: ReportSection) -> str:
    """``raw``, ``raw (lr 1, 12 epochs)``, ``hog, seed 3``; of a group, the changes stand once, beside its mean."""
    summary, state = run.evidence.summary, run.evidence.state.state
    changed = f" ({summary.differs})" if summary.differs and section.group is None else ""
    seed = f", seed {summary.seed}" if section.group is not None else ""
    return f"{summary.shown_name}{changed}{seed}{'' if state == 'finished' else f', {state}'}"


def epochs_text(evidence: Evidence) -> str:
    """Epochs that ended, ``40 of 100`` where more were planned."""
    done, planned = epochs_run(evidence), evidence.state.epochs or evidence.experiment.training.epochs
    return count(done) if done == planned else f"{count(done)} of {count(planned)}"


def groups_table(sections: Sequence[ReportSection]) -> MarkdownTable | None:
    """A row a group of seeds: mean ± deviation, the accuracy's interval and range; None without groups."""
    groups = [section for section in sections if section.group is not None]
    if not groups:
        return None
    headings = (
        "№",
        "Runs",
        "Seeds counted",
        *SPREAD_HEADINGS,
        "95 % interval of the test accuracy (%)",
        "Lowest and highest test accuracy (%)",
        "Published accuracy (%)",
    )
    rows = [_group_row(section) for section in groups]
    return MarkdownTable(headings, tuple(rows), frozenset(range(2, len(headings))))


def _group_row(section: ReportSection) -> tuple[object, ...]:
    found = score_spreads(section)
    accuracy = found[0][0]
    return (
        link(section.numerals, section.anchor),
        section.name,
        count(len(section.counted)),
        *(spread_in_words(*one) for one in found),
        interval_in_words(accuracy),
        f"{hundredths(accuracy.minimum)}, {hundredths(accuracy.maximum)}" if accuracy else DASH,
        hundredths((section.shown.evidence.document["reference"] or {}).get("accuracy")),
    )


SPREAD_HEADINGS = ("Test accuracy (%)", "Training accuracy (%)", "Test loss", "Macro F1 (%)")
_SPREADS = (
    ("test", "accuracy", 100, 2),
    ("train", "accuracy", 100, 2),
    ("test", "loss", 1, 4),
    ("test", "macro_f1", 100, 2),
)


def score_spreads(section: ReportSection) -> list[tuple[SeedStatistics | None, int, int]]:
    """Summary, factor and decimals of each of SPREAD_HEADINGS, over the runs that count."""
    return [
        (summary(_scores(section.counted, part, key), within=LOSS if key == "loss" else SHARE), scale, digits)
        for part, key, scale, digits in _SPREADS
    ]


def _scores(runs: Iterable[NumberedRun], part: str, key: str) -> list[float | None]:
    return [(run.evidence.document[part] or {}).get(key) for run in runs]


def spread_in_words(found: SeedStatistics | None, scale: int, digits: int) -> str:
    """``98.35 ± 0.06``; no deviation for one value."""
    if found is None:
        return DASH
    deviation = "" if found.std is None else f" ± {scale * found.std:.{digits}f}"
    return f"{scale * found.mean:.{digits}f}{deviation}"


def published_table(sections: Sequence[ReportSection]) -> MarkdownTable | None:
    """Published figures beside ours, a row a section that has some, with their source; None where none has."""
    rows: list[tuple[object, ...]] = []
    for section in sections:
        reference = section.shown.evidence.document["reference"]
        if not reference or (reference.get("accuracy"), reference.get("loss")) == (None, None):
            continue
        accuracy, _, losses, _ = score_spreads(section)
        rows.append(
            (
                link(section.numerals, section.anchor),
                citation(reference),
                hundredths(reference.get("accuracy")),
                spread_in_words(*accuracy),
                _published_difference("accuracy", accuracy[0], reference.get("accuracy")),
                DASH if reference.get("loss") is None else loss(reference["loss"]),
                spread_in_words(*losses),
                _published_difference("loss", losses[0], reference.get("loss")),
            )
        )
    headings = (
        "№",
        "Source",
        "Published accuracy (%)",
        "Ours (%)",
        "Difference (points)",
        "Published loss",
        "Ours",
        "Difference",
    )
    return MarkdownTable(headings, tuple(rows), frozenset(range(2, 8))) if rows else None


def _published_difference(score: str, ours: SeedStatistics | None, theirs: float | None) -> str:
    if ours is None or theirs is None:
        return DASH
    return score_difference(score, ours.mean, theirs).removesuffix(" points")


def hundredths(share: float | None) -> str:
    """``0.9835`` → ``98.35``, for a column whose heading says per cent."""
    return DASH if share is None else f"{100 * share:.2f}"


def loss_text(scores: dict[str, Any]) -> str:
    """The loss of a document's scores; a dash where there are none."""
    return loss(scores["loss"]) if scores else DASH
