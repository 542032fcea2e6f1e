"""`ensemble`: score the mean of several runs' probabilities, or their majority vote, as a run of its own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from mnist_tui.cli.evaluate import RunName, computed, print_scores
from mnist_tui.cli.options import DataDir, Json, Runs, RunsDir, data_folder, option, runs_folder, runs_of
from mnist_tui.cli.output import TextTable, print_json, print_line, print_note, print_table, stdout_width, wrapped
from mnist_tui.cli.start_studies import this_command
from mnist_tui.report.result_words import ensemble_sentence, member_cells
from mnist_tui.runs.ensembles import EnsembleMember, members_of, start_ensemble
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.model_tests import answers_of
from mnist_tui.runs.statistics import document_with_statistics
from mnist_tui.wording import counted

VOTE_HELP = "Each run has one vote, for its most probable class; a tie is decided by the mean probability."


def ensemble(
    ctx: typer.Context,
    *,
    runs: Runs,
    vote: Annotated[bool, option("--vote", None, VOTE_HELP)] = False,
    name: RunName = "",
    as_json: Json = False,
    data_dir: DataDir = None,
    runs_dir: RunsDir = None,
) -> None:
    """Score the mean of several runs' probabilities, or their majority vote, as a run of its own.

    The runs must have been evaluated on the same test images. Nothing is trained.
    """
    members = [member for text in runs for member in _members(runs_folder(ctx, runs_dir), text)]
    data = data_folder(ctx, data_dir)
    folder = computed(
        partial(start_ensemble, members, vote=vote, command=lambda _: this_command(), data_dir=data, name=name)
    )
    found = members_of(folder)
    if as_json:
        print_json({**document_with_statistics(folder), "members": [member.to_document() for member in found]})
        return
    print_scores(folder)
    print_line()
    print_table(_table(found))
    if sentence := ensemble_sentence(found):
        print_line()
        print_line(wrapped(sentence, stdout_width()))


def _members(runs_dir: Path, text: str) -> list[RunFolder]:
    """Return the runs that a text names; of a study or a group of seeds, those that have predictions."""
    named = runs_of(runs_dir, text)
    if len(named) == 1:
        return named
    scored = [run for run in named if answers_of(run) is not None]
    if lacking := len(named) - len(scored):
        print_note(f"{counted(lacking, 'run')} of {text} without predictions left out")
    return scored


def _table(members: Sequence[EnsembleMember]) -> TextTable:
    figures = ("accuracy", "ensemble better by", "only ensemble right", "only member right", "McNemar's p")
    table = TextTable("member", "name", *figures, right=figures)
    for member in members:
        table.add_row(member.run, member.label, *member_cells(member))
    return table
