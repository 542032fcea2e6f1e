"""Follows a study that its own process runs. The only thing that crosses to the screens is a frozen `StudySnapshot`.

Nothing of Textual here: a `Reader` calls `StudySnapshots.look` in a thread of its own, tests call it themselves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mnist_tui.experiment.problem import RequestError
from mnist_tui.python_process import UNKNOWN_END
from mnist_tui.runs.collection.seed_groups import LOSS, SHARE, SeedStatistics, summary
from mnist_tui.runs.watch import BROKEN, CHECK_SECONDS, CHUNK, CHUNKS, FolderWatch
from mnist_tui.studies import watch
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.studies.spec import Study
from mnist_tui.studies.state import LIVE, StudyState

LOG_LINES = 6
SUMMED = ("score", "val_accuracy", "val_loss", "test_accuracy", "test_loss", "macro_f1", "seconds")
"""Of a trial's row, the figures that have a mean over seeds."""
UNBOUNDED = ("val_loss", "test_loss", "seconds")
"""Of them those that are no shares of 1."""


@dataclass(frozen=True)
class StudySnapshot:
    """A study at one moment.

    Attributes:
        study: what the reducer makes of the events so far.
        asked: what was asked for; None while, or where, it cannot be read.
        state: one of `state.STATES`; unlike `study.state` it knows of crashes.
        reason: why it ended, or cannot be read, in words; empty where there is nothing to say.
        log: the log's last lines, for a study that failed or crashed.
        summaries: over the seeds that finished, in a study of seeds alone, by the fields of SUMMED.
    """

    folder: StudyFolder
    study: StudyState = field(default_factory=StudyState)
    asked: Study | None = None
    state: str = "starting"
    reason: str = ""
    log: tuple[str, ...] = ()
    summaries: Mapping[str, SeedStatistics] = field(default_factory=dict[str, SeedStatistics])

    @property
    def live(self) -> bool:
        return self.state in LIVE


class StudySnapshots(FolderWatch[StudySnapshot]):
    """Looks at a study's folder again and again.

    Args:
        clock: seconds, for how often what was asked for is looked at.
    """

    def __init__(self, folder: StudyFolder, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder = folder
        self._clock = clock
        self._watch = watch.StudyWatch(folder)
        self._asked: Study | None = None
        self._broken = ""
        self._checked: float | None = None
        self._log: tuple[str, ...] = ()
        self._summaries: tuple[int, Mapping[str, SeedStatistics]] = (0, {})

    def _snapshot(self) -> StudySnapshot:
        try:
            self._check()
            for _ in range(CHUNKS):
                if not self._watch.look(CHUNK):
                    break
            return self._made(self._watch.state)
        except RequestError as error:
            there = self.folder.path.is_dir()
            why = str(error) if there else f"the study's folder {self.folder.path} is gone"
            return StudySnapshot(self.folder, self._watch.state, self._asked, "crashed", why)

    def _check(self) -> None:
        """What was asked for, and the log of a study that broke."""
        now = self._clock()
        if self._checked is not None and now - self._checked < CHECK_SECONDS:
            return
        self._checked = now
        if self._asked is None:
            try:
                self._asked, self._broken = self.folder.study(), ""
            except RequestError as error:
                self._broken = str(error)
        if self._watch.state.state in BROKEN:
            self._log = tuple(self.folder.last_log_lines(LOG_LINES))

    def _made(self, study: StudyState) -> StudySnapshot:
        word = study.state
        if word in BROKEN and not self._log:
            self._log = tuple(self.folder.last_log_lines(LOG_LINES))
        reason = study.reason
        if word == "crashed":
            reason = f"{reason or f'the process {self.folder.known_end() or UNKNOWN_END}'}; what has ended is kept"
        reason = self._broken or reason
        return StudySnapshot(
            self.folder, study, self._asked, word, reason, self._log if word in BROKEN else (), self._summed(study)
        )

    def _summed(self, study: StudyState) -> Mapping[str, SeedStatistics]:
        """Made here, in the reading thread: SciPy is imported for it."""
        if study.kind != "seeds":
            return {}
        rows = [row for row in study.rows if row.state == "finished"]
        if len(rows) != self._summaries[0]:
            measured = {name: study.metric if name == "score" else name for name in SUMMED}
            found = {
                name: summary((getattr(row, name) for row in rows), within=LOSS if what in UNBOUNDED else SHARE)
                for name, what in measured.items()
            }
            self._summaries = (len(rows), {name: one for name, one in found.items() if one is not None})
        return self._summaries[1]
