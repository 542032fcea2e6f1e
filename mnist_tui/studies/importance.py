"""How much each varied parameter of a study decides the score, as computed by Optuna.

As a program, `python -m mnist_tui.studies.importance FOLDER` prints one JSON document: the app starts it, because
Optuna's evaluator imports scikit-learn and SciPy.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnist_tui.errors import RequestError
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.studies.search import optuna_study, sampled_point
from mnist_tui.studies.spec import Study
from mnist_tui.studies.start import require_extra
from mnist_tui.studies.state import StudyState, by_point
from mnist_tui.studies.watch import read_study
from mnist_tui.wording import noun

LEAST_POINTS = 4
"""Fewer finished combinations of values tell nothing about single parameters."""
SEED = 0


@dataclass(frozen=True)
class Importances:
    """The share of the score's variance over all combinations that each parameter explains alone, the largest first.

    Attributes:
        shares: pairs of a parameter and its share; together 1.
        points: the number of combinations from which they are computed.
    """

    shares: tuple[tuple[str, float], ...]
    points: int

    def to_document(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        return {"shares": dict(self.shares), "points": self.points, "evaluator": "fANOVA (Optuna)"}


def importances(study: Study, state: StudyState) -> Importances:
    """Return the importance of each parameter by functional analysis of variance of a random forest.

    The method is fANOVA (Hutter, Hoos and Leyton-Brown, 2014), as in Optuna's `FanovaImportanceEvaluator`. Combinations
    that were pruned or failed do not count.

    Raises:
        RequestError: the extra `study` is not installed, fewer than two parameters vary, too few combinations have a
            score, or all have the same score.
    """
    points = [sampled_point(values, rows) for (_, values), rows in by_point(state.rows).items()]
    scored = [point for point in points if point.state == "finished"]
    varied = [axis.name for axis in study.axes if len({dict(point.values).get(axis.name) for point in scored}) > 1]
    if len(study.axes) < 2:
        raise RequestError("importances compare parameters with each other; this study varies fewer than two")
    if len(scored) < LEAST_POINTS:
        raise RequestError(
            f"importances need {LEAST_POINTS} combinations of values with a score; so far there "
            f"{noun(scored, 'is', 'are')} {len(scored)}"
        )
    if len(varied) < 2:
        raise RequestError("importances compare parameters with each other; fewer than two vary among these trials")
    require_extra()
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    try:
        found = get_param_importances(
            optuna_study(study, scored), evaluator=FanovaImportanceEvaluator(seed=SEED), params=varied
        )
    except RuntimeError:  # "Encountered zero total variance in all trees."
        raise RequestError("all combinations have the same score, so no parameter is important") from None
    return Importances(tuple(found.items()), len(scored))


def main(argv: list[str] | None = None) -> int:
    """Print the importances of a study as JSON, or the reason why there are none. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m mnist_tui.studies.importance", description=__doc__)
    parser.add_argument("study", type=Path, metavar="FOLDER", help="the study's folder")
    folder = StudyFolder(parser.parse_args(argv).study)
    try:
        document = importances(folder.study(), read_study(folder)).to_document()
    except RequestError as error:
        document = {"problem": str(error)}
    json.dump(document, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
