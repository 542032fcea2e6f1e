"""`compare`: runs side by side, and groups of seeds as mean, standard deviation and count."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mnist_tui.cli.options import Json, RunsDir, chosen_run, complete_run
from mnist_tui.cli.output import plain_table, print_json, print_table
from mnist_tui.experiment.problem import RequestError
from mnist_tui.report.wording import DASH, count, loss, percent, seconds
from mnist_tui.runs.collection.groups import SeedGroup, Spread, differing, seed_groups
from mnist_tui.runs.collection.summaries import RunSummary, summary_of

SCORES = ("test accuracy", "macro F1", "test loss", "parameters", "time")


def compare(
    ctx: typer.Context,
    *,
    runs: Annotated[
        list[str],
        typer.Argument(metavar="RUN…", help="Two runs or more: ids, folders, or latest.", autocompletion=complete_run),
    ],
    as_json: Json = False,
    runs_dir: RunsDir = None,
) -> None:
    """Runs side by side: the parameters that differ, and the scores; groups of seeds as mean and deviation."""
    folders = {folder.id: folder for folder in (chosen_run(ctx, text, runs_dir) for text in runs)}
    if len(folders) < 2:
        raise RequestError("compare needs two different runs or more; `mnist-tui runs` lists them")
    found = [summary_of(folder) for folder in folders.values()]
    if as_json:
        print_json(document(found))
        return
    names = differing(found)
    table = plain_table("run", "name", "state", *names, "epochs", *SCORES, right=("epochs", *SCORES))
    for at, run in enumerate(found):
        own = (texts[at] or DASH for texts in names.values())
        table.add_row(run.run, run.shown_name, run.state, *own, f"{run.epochs_done:,}/{run.epochs:,}", *_scores(run))
    print_table(table)
    for group in seed_groups(found):
        print(f"\n{in_words(group)}")


def document(runs: list[RunSummary]) -> dict[str, Any]:
    """What `--json` prints: a row a run, the parameters that differ, and the groups of seeds."""
    return {
        "runs": [run.to_document() for run in runs],
        "differ": {name: list(texts) for name, texts in differing(runs).items()},
        "groups": [group.to_document() for group in seed_groups(runs)],
    }


def in_words(group: SeedGroup) -> str:
    """``raw, seeds 0, 1, 2: test accuracy 97.62 % ± 0.11 %, macro F1 …, test loss … (n = 3)``."""
    seeds = ", ".join(str(run.seed) for run in group.scored)
    accuracy, f1, cost = (group.spread(field) for field in ("test_accuracy", "macro_f1", "test_loss"))
    if accuracy is None:
        return f"{group.runs[0].shown_name}: {len(group.runs)} runs that differ in their seed, none of them finished"
    return (
        f"{group.runs[0].shown_name}, seeds {seeds}: test accuracy {_spread(accuracy, percent)}, "
        f"macro F1 {_spread(f1, percent)}, test loss {_spread(cost, loss)} "
        f"(mean ± standard deviation, n = {accuracy.n})"
    )


def _spread(found: Spread | None, written: Any) -> str:
    if found is None:
        return DASH
    return written(found.mean) + (f" ± {written(found.std)}" if found.std is not None else "")


def _scores(run: RunSummary) -> tuple[str, ...]:
    cost = loss(run.test_loss) if run.test_loss is not None else DASH
    return percent(run.test_accuracy), percent(run.macro_f1), cost, count(run.parameters), seconds(run.seconds)
