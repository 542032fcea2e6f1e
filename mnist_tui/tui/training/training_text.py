"""What the training screen says in words: how a run ended, and the lines of its side panel. Text only."""

from __future__ import annotations

from mnist_tui.report.result_words import score_difference
from mnist_tui.runs.diagnosis.finding import Finding
from mnist_tui.runs.diagnosis.rules import headlines
from mnist_tui.settings import Glyphs
from mnist_tui.tui.watch import BROKEN, Snapshot
from mnist_tui.tui.widgets.load import data_line, device_lines, model_line, place_line, validation_line
from mnist_tui.wording import loss, percent

GRAVE = ("problem", "warning")
"""Findings that come before everything else."""


def outcome_lines(snapshot: Snapshot) -> list[str]:
    """How the run ended, in a few lines, with what was published of it; empty while it lives."""
    if snapshot.live:
        return []
    ended = snapshot.run.ended
    word = snapshot.word.capitalize()
    lines = [f"{word}: {snapshot.reason}" if snapshot.reason and snapshot.word != "finished" else f"{word}."]
    if ended is not None and ended.test_accuracy is not None:
        scores = f"test accuracy {percent(ended.test_accuracy)}, test loss {loss(ended.test_loss)}"
        if ended.macro_f1 is not None:
            scores += f", macro F1 {ended.macro_f1:.4f}"
        lines.append(scores)
    if ended is not None and ended.refused:
        lines.append(f"Not resumed: {ended.refused}")
    if len(lines) == 2 and len(lines[0]) <= len("Finished."):
        lines = [f"{lines[0].rstrip('.')}: {lines[1]}"]
    return lines + _published(snapshot)


def _published(snapshot: Snapshot) -> list[str]:
    """``Published: test accuracy 97.62 % (ours −0.02 points), …``; none where nothing was, or there is none of ours."""
    reference, ended = snapshot.reference, snapshot.run.ended
    if reference is None or ended is None or ended.test_accuracy is None:
        return []
    parts: list[str] = []
    for score, theirs, ours in (
        ("accuracy", reference.accuracy, ended.test_accuracy),
        ("loss", reference.loss, ended.test_loss),
    ):
        if theirs is not None:
            told = percent(theirs) if score == "accuracy" else loss(theirs)
            parts.append(f"{score} {told} ({'' if parts else 'ours '}{score_difference(score, ours, theirs)})")
    return [f"Published: test {', '.join(parts)}"] if parts else []


def side_lines(
    snapshot: Snapshot, width: int = 0, glyphs: Glyphs = "braille", findings: tuple[Finding, ...] = ()
) -> list[str]:
    """Warnings and the log's end where there are such, then data, model, device and checkpoint; what is well, last.

    Args:
        width: characters of a line; the load's histories take what is left of one.
        findings: the run's diagnosis.
    """
    run = snapshot.run
    lines = [f"warning: {text}" for text in run.warnings]
    grave = tuple(finding for finding in findings if finding.severity in GRAVE)
    lines += headlines(grave)
    if snapshot.word in BROKEN:
        where = run.ended.where if run.ended else ""
        lines += [f"at {where}"] if where else []
        lines += ["last lines of the log:", *(snapshot.log or ("(it has none that tell of this)",))]
        lines.append(f"whole log: {snapshot.folder.log_file}")
    lines += [line for line in (data_line(run), model_line(run)) if line]
    lines += device_lines(run, width, glyphs)
    lines += [line for line in (validation_line(run), place_line(run)) if line]
    if run.checkpoint is not None:
        steps = f", step {run.checkpoint.step} of the next" if run.checkpoint.step else ""
        lines.append(f"checkpoint: after epoch {run.checkpoint.epoch}{steps}")
    return lines + headlines(tuple(finding for finding in findings if finding not in grave))
