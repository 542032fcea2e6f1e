"""What is compared: runs and groups of seeds as series with a mark each, their curves, points and rows. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mnist_tui.report.result_words import interval_in_words
from mnist_tui.report.result_words import percentage_points as points_of
from mnist_tui.runs.collection.seed_groups import SeedGroup, SeedStatistics, band, differing, grouped
from mnist_tui.runs.collection.summaries import RunSummary
from mnist_tui.runs.state import EpochRow
from mnist_tui.tui.runs.run_rows import tone
from mnist_tui.tui.widgets.plots.overlay import MOST_SERIES, OverlaidSeries
from mnist_tui.tui.widgets.plots.points import ScatterPoint, SeedScores
from mnist_tui.tui.widgets.plots.raster import Marks
from mnist_tui.tui.widgets.row_table import RowColumn, TableRow
from mnist_tui.wording import DASH, count, loss, percent, seconds, shortened

Histories = Mapping[str, Sequence[EpochRow]]
LONGEST = 42
"""Characters of a label in the legend; longer ones are cut in their middle."""
STATISTICS: tuple[tuple[str, str, Callable[[SeedStatistics], float | None]], ...] = (
    ("mean", "mean", lambda found: found.mean),
    ("deviation", "deviation", lambda found: found.std),
    ("lowest", "lowest", lambda found: found.minimum),
    ("highest", "highest", lambda found: found.maximum),
)
"""Rows below a group of seeds."""


@dataclass(frozen=True)
class ComparedSeries:
    """One curve: a run, or a group of seeds.

    Attributes:
        label: short, different from all others.
    """

    label: str
    runs: tuple[RunSummary, ...]

    @property
    def together(self) -> bool:
        return len(self.runs) > 1

    @property
    def group(self) -> SeedGroup:
        """The runs as a group of seeds; all are of one experiment."""
        (group,) = grouped(self.runs)
        return group


def series_of(runs: Sequence[RunSummary], *, together: bool) -> list[ComparedSeries]:
    """The runs, or where `together` their groups of seeds, in their order; a group's runs by seed."""
    groups = grouped(runs) if together else [SeedGroup(run.run, (run,), ()) for run in runs]
    members = [tuple(sorted(group.runs, key=lambda run: (run.seed, run.started))) for group in groups]
    return [ComparedSeries(label, runs) for label, runs in zip(_labels(members), members, strict=True)]


def _labels(members: Sequence[Sequence[RunSummary]]) -> list[str]:
    """A person's name, or the preset with what tells it from the others here; the id's end where that is not enough."""
    firsts = [runs[0] for runs in members]
    changes = [run.differs.split(", ") for run in firsts]
    shared = set(changes[0]).intersection(*changes[1:])
    labels: list[str] = []
    for run, runs, words in zip(firsts, members, changes, strict=True):
        own = [word for word in words if word not in shared and not (len(runs) > 1 and word.startswith("seed "))]
        label = run.name or " ".join([run.preset, ", ".join(own)]).strip()
        labels.append(shortened(label, LONGEST))
    return [
        label if labels.count(label) == 1 else f"{shortened(label, LONGEST - 5)} {run.run[-4:]}"
        for label, run in zip(labels, firsts, strict=True)
    ]


def telling(runs: Sequence[RunSummary]) -> dict[str, tuple[str, ...]]:
    """The parameters that differ, without those that merely do not apply to some of the runs."""
    return {name: texts for name, texts in differing(runs).items() if len(set(texts) - {""}) > 1}


def curves(series: Sequence[ComparedSeries], histories: Histories, metric: str) -> list[OverlaidSeries]:
    """Each series' curve of one of a row's figures; a group's is its mean with its deviation."""
    found: list[OverlaidSeries] = []
    for one in series:
        rows = [histories[run.run] for run in one.runs if histories.get(run.run)]
        if len(rows) > 1:
            spread = band(rows, metric)
            points = tuple((float(epoch), mean) for epoch, mean in zip(spread.epochs, spread.mean, strict=True))
            found.append(OverlaidSeries(f"{one.label}, n={len(rows)}", points, spread.std))
        else:
            points = tuple((float(row.epoch), getattr(row, metric)) for row in (rows[0] if rows else ()))
            found.append(OverlaidSeries(one.label, points))
    return found


def points(series: Sequence[ComparedSeries]) -> list[ScatterPoint]:
    """Test accuracy against parameters, where both are known."""
    found: list[ScatterPoint] = []
    for at, one in enumerate(series):
        size = next((run.parameters for run in one.runs if run.parameters), None)
        if size is None:
            continue
        if not one.together:
            accuracy = one.runs[0].test_accuracy
            found += [ScatterPoint(at, size, accuracy)] if accuracy is not None else []
            continue
        spread = one.group.spread("test_accuracy")
        found += [ScatterPoint(at, size, spread.mean, spread.std)] if spread else []
    return found


def table(series: Sequence[ComparedSeries], marks: Marks) -> tuple[list[RowColumn], list[TableRow]]:
    """A row a run, those of a group of seeds followed by their mean, interval and range.

    The columns are the parameters that differ, then the scores.
    """
    runs = [run for one in series for run in one.runs]
    own = telling(runs)
    sizes, states = {run.parameters for run in runs}, {run.state for run in runs}
    columns = [
        RowColumn("mark", ""),
        RowColumn("name", "run", least=13),
        *(RowColumn(name, name, right=True, need=12 - at if at < 3 else 2) for at, name in enumerate(own)),
        RowColumn("accuracy", "test acc.", right=True),
        RowColumn("f1", "macro F1", right=True, need=5),
        RowColumn("loss", "test loss", right=True, need=4),
        RowColumn("parameters", "parameters", right=True, need=7 if len(sizes) > 1 else 1),
        RowColumn("epochs", "epochs", right=True, need=6 if len({run.epochs_done for run in runs}) > 1 else 3),
        RowColumn("time", "time", right=True, need=3),
        RowColumn("state", "state", need=8 if len(states) > 1 else 2, toned=True),
    ]
    rows: list[TableRow] = []
    place = 0
    for at, one in enumerate(series):
        mark = marks.runs[at] if at < len(marks.runs) else marks.running
        for run in one.runs:
            cells = (
                mark,
                run.name or run.short,
                *(texts[place] or DASH for texts in own.values()),
                percent(run.test_accuracy),
                percent(run.macro_f1),
                _loss(run.test_loss),
                count(run.parameters),
                f"{run.epochs_done:,}/{run.epochs:,}",
                seconds(run.seconds),
                run.state,
            )
            rows.append(TableRow(run.run, cells, tone=tone(run.state)))
            place += 1
        if one.together:
            rows += _over_seeds(one, mark, len(own))
        rows += _published(one.runs[0], mark, len(own))
    return columns, rows


def _published(run: RunSummary, mark: str, own: int) -> list[TableRow]:
    """What the source published of the experiment; no row where it published nothing."""
    if run.published_accuracy is None and run.published_loss is None:
        return []
    scores = (percent(run.published_accuracy), DASH, _loss(run.published_loss))
    return [TableRow(f"{run.run} published", (mark, "published", *([""] * own), *scores, "", "", "", ""))]


def _over_seeds(one: ComparedSeries, mark: str, own: int) -> list[TableRow]:
    """Mean, deviation, the mean's 95 % interval, the lowest and the highest value of a group of seeds."""
    group = one.group
    accuracy, f1, cost, took = (group.summary(field) for field in ("test_accuracy", "macro_f1", "test_loss", "seconds"))
    size = count(one.runs[0].parameters)
    rows: list[TableRow] = []
    for key, name, value in STATISTICS:
        share = _points if key == "deviation" else percent
        scores = (share(accuracy and value(accuracy)), share(f1 and value(f1)), _loss(cost and value(cost)))
        time = seconds(took and value(took))
        told = f"{name}, n = {len(group.scored)}" if key == "mean" else name
        cells = (mark, told, *([""] * own), *scores, size if key == "mean" else "", "", time, "")
        rows.append(TableRow(f"{group.group} {key}", cells))
    around = (
        interval_in_words(accuracy, dash="–"),
        interval_in_words(f1, dash="–"),
        interval_in_words(cost, 1, 4, dash="–"),
    )
    rows.insert(2, TableRow(f"{group.group} interval", (mark, "95 % interval", *([""] * own), *around, "", "", "", "")))
    return rows if accuracy is not None and accuracy.n > 1 else rows[:1]


def seeded(series: Sequence[ComparedSeries]) -> list[SeedScores]:
    """The groups of seeds among them, by seed, where a run has a test accuracy."""
    found: list[SeedScores] = []
    for at, one in enumerate(series[:MOST_SERIES]):
        spread = one.group.spread("test_accuracy") if one.together else None
        if spread is not None:
            points = tuple(sorted(one.group.by_seed("test_accuracy").items()))
            found.append(SeedScores(at, one.label, points, spread.mean, spread.std))
    return found


def _points(value: float | None) -> str:
    return DASH if value is None else f"{points_of(value)} points"


def _loss(value: float | None) -> str:
    return DASH if value is None else loss(value)
