"""Which trials a study has and which of them is next: a grid knows them all, a search samples them one by one."""

from __future__ import annotations

from collections.abc import Container, Mapping

from mnist_tui.experiment.complexity import of
from mnist_tui.experiment.presets import Preset
from mnist_tui.experiment.problem import RequestError
from mnist_tui.studies import search, trials
from mnist_tui.studies.events import TrialPlanned
from mnist_tui.studies.spec import Study
from mnist_tui.studies.state import StudyState, Values
from mnist_tui.studies.trials import Trial


class TrialQueue:
    """The trials of a study, by number.

    Args:
        bases: the experiment of each of the study's bases, by its name there.
        state: what its log tells; a search goes on from the points that were sampled before.

    Raises:
        RequestError: a value makes no valid experiment.
    """

    def __init__(self, study: Study, bases: Mapping[str, Preset], state: StudyState) -> None:
        self._study, self._bases = study, bases
        self.trials = {trial.number: trial for trial in trials.planned(study, bases)}
        self.complete = study.search.kind == "grid"
        if not self.complete:
            for (_, values), rows in state.points.items():
                self._add(values, rows[0].number)

    def waiting(self, state_of: Mapping[int, str], but: Container[int]) -> Trial | None:
        """The first trial that waits.

        Args:
            state_of: the rows' states, by number.
            but: trials under way.
        """
        found = (n for n in sorted(self.trials) if n not in but and state_of.get(n, "waiting") == "waiting")
        number = next(found, None)
        return None if number is None else self.trials[number]

    def sample(self, state: StudyState) -> bool:
        """Adds the trials of one more point; False where the search is over, and of a grid."""
        if self.complete:
            return False
        values = search.next_values(self._study, search.sampled(state.points), self._fits)
        if values is None:
            self.complete = True
            return False
        self._add(values, len(state.rows) + 1)
        return True

    def rows(self, state: StudyState) -> list[TrialPlanned]:
        """The trials that have no row yet."""
        known = {row.number for row in state.rows}
        return [_row(trial) for number, trial in sorted(self.trials.items()) if number not in known]

    def _add(self, values: Values, number: int) -> None:
        made = trials.point(self._study, self._bases, values, number)
        self.trials |= {trial.number: trial for trial in made}

    def _fits(self, values: Values) -> bool:
        try:
            trials.point(self._study, self._bases, values, 1)
        except RequestError:
            return False
        return True


def _row(trial: Trial) -> TrialPlanned:
    experiment = trial.preset.experiment
    return TrialPlanned(
        number=trial.number,
        base=trial.base,
        values=tuple(trial.values.items()),
        seed=trial.seed,
        epochs=experiment.training.epochs,
        parameters=of(experiment).total,
    )
