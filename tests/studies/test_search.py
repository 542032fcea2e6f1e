"""What a search tries next: from its seed and the points before alone, and nothing twice."""

from __future__ import annotations

from statistics import median

from mnist_tui.studies.search import SampledPoint, next_values, sampled_point
from mnist_tui.studies.spec import Study
from mnist_tui.studies.state import TrialRow, Values
from tests.studies.made import study

LR = "lr=0.0001..1:log"


def anything(values: Values) -> bool:
    return True


def tried(asked: Study, score: float | None = None) -> list[SampledPoint]:
    """The points of a search whose points all finish; the score is best at a learning rate of 0.01, or `score`."""
    points: list[SampledPoint] = []
    while (values := next_values(asked, points, anything)) is not None:
        points.append(SampledPoint(values, "finished", score if score is not None else goodness(values)))
    return points


def goodness(values: Values) -> float:
    from math import log10

    return 1 - abs(log10(float(dict(values)["lr"])) + 2) / 4


def asking(*overs: str, kind: str = "tpe", trials: int = 12, seed: int = 0) -> Study:
    return study(*overs, search={"kind": kind, "trials": trials, "seed": seed})


def test_the_same_seed_and_the_same_results_give_the_same_points() -> None:
    for kind in ("random", "tpe"):
        one, again = tried(asking(LR, kind=kind)), tried(asking(LR, kind=kind))
        assert one == again
        assert tried(asking(LR, kind=kind, seed=1)) != one


def test_a_search_that_was_interrupted_goes_on_as_it_would_have() -> None:
    asked = asking(LR, "activation=tanh,relu", trials=14)
    whole = tried(asked)
    assert next_values(asked, whole[:11], anything) == whole[11].values


def test_tpe_draws_near_to_what_was_good_and_random_does_not() -> None:
    late = {kind: tried(asking(LR, kind=kind, trials=40))[20:] for kind in ("tpe", "random")}
    means = {kind: median(point.score or 0 for point in points) for kind, points in late.items()}
    assert means["tpe"] > means["random"] + 0.1


def test_points_are_within_the_axes_and_whole_where_they_are_to_be() -> None:
    for point in tried(asking("hidden=50..400", LR, "dropout=0..0.5", "activation=tanh,relu", kind="random")):
        values = dict(point.values)
        assert list(values) == ["hidden", "lr", "dropout", "activation"]
        assert 50 <= int(values["hidden"]) <= 400
        assert 0.0001 <= float(values["lr"]) <= 1 and 0 <= float(values["dropout"]) <= 0.5
        assert values["activation"] in ("tanh", "relu")


def test_a_finite_space_is_tried_whole_and_no_point_twice() -> None:
    for kind in ("random", "tpe"):
        points = tried(asking("hidden=1..4", "activation=tanh,relu,elu", kind=kind, trials=30), score=0.5)
        assert len(points) == len({point.values for point in points}) == 12


def test_a_point_that_makes_no_experiment_is_passed_over() -> None:
    asked = asking("hidden=1..6", kind="random", trials=6)
    points: list[SampledPoint] = []
    while (values := next_values(asked, points, lambda values: int(dict(values)["hidden"]) % 2 == 0)) is not None:
        points.append(SampledPoint(values, "finished", 0.5))
    assert sorted(dict(point.values)["hidden"] for point in points) == ["2", "4", "6"]


def test_points_under_way_pruned_and_failed_are_taken_into_account() -> None:
    asked = asking(LR, trials=40)
    states = ("running", "pruned", "failed", "finished")
    points = [
        SampledPoint(point.values, states[index % 4], point.score if index % 4 == 3 else None, ((1, 0.5),))
        for index, point in enumerate(tried(asking(LR, trials=24)))
    ]
    values = next_values(asked, points, anything)
    assert values is not None and values not in {point.values for point in points}


def row(number: int, seed: int, state: str, score: float | None = None, *curve: float) -> TrialRow:
    values = (("lr", "0.1"),)
    return TrialRow(number, "raw", values, seed, state=state, score=score, curve=tuple(enumerate(curve, 1)))


def test_a_point_is_judged_by_the_mean_over_its_seeds() -> None:
    rows = [row(1, 0, "finished", 0.8, 0.5, 0.8), row(2, 1, "finished", 0.9, 0.6, 0.8, 0.9)]
    point = sampled_point(rows[0].values, rows)
    assert (point.state, round(point.score or 0, 9)) == ("finished", 0.85)
    assert [(epoch, round(value, 9)) for epoch, value in point.curve] == [(1, 0.55), (2, 0.8)]


def test_a_point_is_done_once_all_its_seeds_are() -> None:
    def state(*rows: TrialRow) -> str:
        return sampled_point(rows[0].values, rows).state

    good = row(1, 0, "finished", 0.8)
    assert state(good, row(2, 1, "waiting")) == state(good, row(2, 1, "running")) == "running"
    assert state(good, row(2, 1, "pruned")) == state(good, row(2, 1, "diverged")) == "pruned"
    assert state(good, row(2, 1, "failed")) == state(good, row(2, 1, "stopped")) == "failed"
