"""`compare`: show runs side by side, and groups of seeds with means, intervals and paired differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import typer

from mnist_tui.cli.options import Json, Runs, RunsDir, runs_folder, runs_of
from mnist_tui.cli.output import TextTable, print_json, print_line, print_note, print_table
from mnist_tui.cli.runs import figure_columns
from mnist_tui.errors import RequestError
from mnist_tui.report import result_words
from mnist_tui.runs.collection.seed_groups import (
    GroupPair,
    SeedGroup,
    differing,
    differing_parameters,
    pairs,
    seed_groups,
)
from mnist_tui.runs.collection.summaries import RunSummary, all_scored_on, summary_of
from mnist_tui.runs.model_tests import ModelTests, tests_of_runs
from mnist_tui.runs.robustness import overall_error
from mnist_tui.wording import DASH, count, listed, percent

OVER_SEEDS = (
    ("test accuracy (%)", "test_accuracy", 100, 2),
    ("macro F1 (%)", "macro_f1", 100, 2),
    ("test loss", "test_loss", 1, 4),
)
CORRUPTED = "mean error, corrupted"
FIGURES = ("n", "mean", "standard deviation", "95 % interval", "lowest", "highest")


def compare(ctx: typer.Context, *, runs: Runs, as_json: Json = False, runs_dir: RunsDir = None) -> None:
    """Compare runs, and groups of seeds: mean, deviation, 95 % interval, and the paired difference over seeds."""
    folder = runs_folder(ctx, runs_dir)
    folders = {run.id: run for text in runs for run in runs_of(folder, text)}
    if len(folders) < 2:
        raise RequestError("compare needs at least two different runs; `mnist-tui runs` lists them")
    summaries = [summary_of(folder) for folder in folders.values()]
    groups = seed_groups(summaries)
    errors = {run: overall_error(folder) for run, folder in folders.items()}
    tests = tests_of_runs(list(folders.values()), {run.run for group in groups for run in group.runs})
    if as_json:
        print_json(
            {
                **document(summaries),
                "corrupted_mean_error": list(errors.values()),
                "tests": [each.to_document() for each in tests],
            }
        )
        return
    names = {name: texts for name, texts in differing_parameters(summaries).items() if name != "epochs"}
    figures = {
        **figure_columns(summaries, of=all_scored_on(summaries)),
        CORRUPTED: lambda run: percent(errors[run.run]),
    }
    figures = {name: text_of for name, text_of in figures.items() if any(text_of(run) != DASH for run in summaries)}
    table = TextTable("run", "name", "state", *names, *figures, right=tuple(figures))
    for at, run in enumerate(summaries):
        own = (texts[at] or DASH for texts in names.values())
        table.add_row(run.run, run.shown_name, run.state, *own, *(text_of(run) for text_of in figures.values()))
    print_table(table)
    if groups:
        _print_groups(groups)
    _print_tests(tests, {run.run: run.shown_name if run.name else run.run for run in summaries})
    tested = {model.name for each in tests for model in each.models}
    if not groups and (untested := [run.run for run in summaries if run.run not in tested]):
        which = f"{listed(untested)} with another run" if tested else "these runs"
        print_note(f"note: no test compares {which}: a test needs predictions of two runs for the same test images")


def document(runs: list[RunSummary]) -> dict[str, Any]:
    """Return the JSON document of a comparison: runs, differing parameters, groups of seeds, and pairs of groups."""
    groups = seed_groups(runs)
    names = result_words.distinct_names(groups)

    def words(pair: GroupPair) -> str:
        first, second = names[pair.first.group], names[pair.second.group]
        return result_words.comparison_sentence(first, second, pair.paired("test_accuracy"))

    return {
        "runs": [run.to_document() for run in runs],
        "differ": {name: list(texts) for name, texts in differing(runs).items()},
        "groups": [
            {**group.to_document(), "words": result_words.group_sentence(names[group.group], group)} for group in groups
        ],
        "paired": [{**pair.to_document(), "words": words(pair)} for pair in pairs(groups)],
    }


TEST_COLUMNS = (
    *("only it right", "only the other", "difference (points)", "95 % interval"),
    *("McNemar's p", "p after Holm"),
)


def _print_tests(tests: Sequence[ModelTests], names: Mapping[str, str]) -> None:
    for each in tests:
        print_line(f"\nThe same {count(len(each.models[0].labels))} test images of {each.models[0].dataset}:")
        table = TextTable("run", "against", *TEST_COLUMNS, right=TEST_COLUMNS)
        for first, second, test in each.pairs:
            runs = (names[each.models[at].name] for at in (first, second))
            table.add_row(*runs, *result_words.pair_cells(test))
        print_table(table)
        if each.cochran is not None:
            print_line(result_words.cochran_sentence(each))
    if tests:
        print_line(result_words.TWO_MODELS)


def _print_groups(groups: list[SeedGroup]) -> None:
    names = result_words.distinct_names(groups)
    over = " or ".join(sorted({f"{group.repetition}s" for group in groups}, reverse=True))
    table = TextTable(f"over {over}", "figure", *FIGURES, right=FIGURES)
    for group in groups:
        for heading, field, scale, digits in OVER_SEEDS:
            if (summary := group.summary(field)) is not None:
                mean, deviation, low, high = (
                    DASH if value is None else f"{scale * value:.{digits}f}"
                    for value in (summary.mean, summary.std, summary.minimum, summary.maximum)
                )
                interval = result_words.interval_in_words(summary, scale, digits)
                figure = heading.replace("test", "held-out") if group.folds else heading
                table.add_row(names[group.group], figure, str(summary.n), mean, deviation, interval, low, high)
    if table.table.row_count:
        print_line()
        print_table(table)
    for sentence in result_words.seed_sentences(groups):
        print_line(f"\n{sentence}")
