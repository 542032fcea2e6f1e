"""Watch the folder of a study that another process writes: read its log, and correct it by what the folders show."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mnist_tui.errors import RequestError
from mnist_tui.python_process import UNKNOWN_END
from mnist_tui.runs.collection.cross_validation import OutOfFold, counted_together
from mnist_tui.runs.collection.seed_groups import LOSS, SHARE, SeedStatistics, summary
from mnist_tui.runs.event_log import MAX_READ
from mnist_tui.runs.watch import BROKEN, CHUNK, CHUNKS, FolderWatch
from mnist_tui.studies.events import StudyTail
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.studies.spec import Study
from mnist_tui.studies.state import ENDED, LIVE, Reducer, StudyState

DIED = "the study's process died while it was trained"
GONE = "its run was deleted"
LOG_LINES = 6
UNBOUNDED = ("val_loss", "test_loss", "seconds", "training_seconds")
"""The figures of a trial's row that can be larger than 1 and have a mean over seeds."""
SUMMARIZED = ("score", "val_accuracy", "test_accuracy", "macro_f1", *UNBOUNDED)
"""The figures of a trial's row that have a mean over seeds."""


@dataclass(frozen=True)
class StudySnapshot:
    """A study at one moment.

    Attributes:
        study: the study's state, from its log and its folders.
        requested: the settings in `study.toml`; None while they cannot be read.
        reason: why the study ended or cannot be read, in words; empty where there is no reason to give.
        log: the last lines of the study's output, for a study that failed or crashed.
        summaries: statistics over the finished seeds or folds, by the names in SUMMARIZED; only if all trials repeat
            one experiment.
        out_of_fold: the predictions of the finished folds; only in a study of kind folds.
    """

    folder: StudyFolder
    study: StudyState = field(default_factory=StudyState)
    requested: Study | None = None
    reason: str = ""
    log: tuple[str, ...] = ()
    summaries: Mapping[str, SeedStatistics] = field(default_factory=dict[str, SeedStatistics])
    out_of_fold: OutOfFold | None = None

    @property
    def state(self) -> str:
        return self.study.state

    @property
    def live(self) -> bool:
        return self.study.live


def read_study(folder: StudyFolder) -> StudyState:
    """Return the state of a study as it is now. Raises StudyError where the study cannot be read."""
    watch = StudyWatch(folder)
    while watch.read():
        pass
    return watch.study


class StudyWatch(FolderWatch[StudySnapshot]):
    """Follows a study: `new_snapshot` returns snapshots and raises no error; `read` only updates `study`."""

    def __init__(self, folder: StudyFolder) -> None:
        self.folder = folder
        self.study = StudyState(id=folder.id)
        self._tail = StudyTail(folder.events_file)
        self._reducer = Reducer(self.study)
        self._logged = self.study
        self._folder_seen: tuple[object, ...] = ()
        self._requested: Study | None = None
        self._finished = 0
        self._summaries: Mapping[str, SeedStatistics] = {}
        self._out_of_fold: OutOfFold | None = None

    def read(self, limit: int = MAX_READ) -> bool:
        """Read at most `limit` bytes of the log, and the state of the study's process and runs.

        Returns:
            Whether `study` may have changed, or more of the log is left to read.

        Raises:
            StudyError: the study cannot be read.
        """
        events = self._tail.read(limit)
        for event in events:
            self._reducer.add(event)
        state, reason = self.folder.state(), self.folder.status().reason
        try:
            changed = self.folder.runs_dir.stat().st_mtime_ns  # when a run was last made or deleted
        except OSError:
            changed = 0
        if not events and self._folder_seen == (state, reason, changed):
            return False
        self._folder_seen = (state, reason, changed)
        if events:
            self._logged = self._reducer.state()
        before, self.study = self.study, self._corrected(state, reason)
        return bool(events) or self.study != before

    def _corrected(self, state: str, reason: str) -> StudyState:
        """Return the logged state, corrected where the process has died or runs were deleted."""
        try:
            runs = {entry.name for entry in os.scandir(self.folder.runs_dir)}
        except OSError:
            runs = set[str]()
        study = replace(
            self._logged,
            id=self.folder.id,
            rows=tuple(
                replace(row, deleted=True, reason="; ".join(filter(None, (row.reason, GONE))))
                if row.run and row.run not in runs and row.state in ENDED
                else row
                for row in self._logged.rows
            ),
        )
        if state in LIVE and not study.live:  # a new process has not logged anything yet
            return replace(study, state=state, reason="", ended=None)
        if state in LIVE or not study.live:
            return study
        died = state == "crashed"
        return replace(
            study,
            state=state,
            rows=tuple(
                replace(row, state="stopped", reason=DIED) if row.state == "running" else row for row in study.rows
            ),
            workers=() if died else tuple(replace(worker, run="") for worker in study.workers),
            reason=reason or (DIED if died else ""),
        )

    def _snapshot(self) -> StudySnapshot:
        unreadable = ""
        try:
            if self._requested is None:
                try:
                    self._requested = self.folder.study()
                except RequestError as error:
                    unreadable = str(error)
            for _ in range(CHUNKS):
                if not self.read(CHUNK):
                    break
        except RequestError as error:
            why = str(error) if self.folder.path.is_dir() else f"the study's folder {self.folder.path} is gone"
            return StudySnapshot(self.folder, replace(self.study, state="crashed"), self._requested, why)
        study = self.study
        log = tuple(self.folder.last_log_lines(LOG_LINES)) if study.state in BROKEN else ()
        reason = study.reason
        if study.state == "crashed":
            reason = f"{reason or f'the process {self.folder.known_end() or UNKNOWN_END}'}; what has ended is kept"
        self._summarize()
        why = unreadable or reason
        return StudySnapshot(self.folder, study, self._requested, why, log, self._summaries, self._out_of_fold)

    def _summarize(self) -> None:
        """Update the statistics over the seeds or folds; here, in the reading thread, because this imports SciPy."""
        study = self.study
        rows = [row for row in study.rows if row.state == "finished"] if study.repeats else []
        if len(rows) == self._finished:
            return
        self._finished, is_folds = len(rows), study.kind == "folds"
        summaries: dict[str, SeedStatistics] = {}
        for name in SUMMARIZED:
            bounds = LOSS if (study.metric if name == "score" else name) in UNBOUNDED else SHARE
            values = (getattr(row, name) for row in rows)
            if (statistics := summary(values, within=bounds, interval=not is_folds)) is not None:
                summaries[name] = statistics
        self._summaries = summaries
        if is_folds:
            runs = [self.folder.run(row.run) for row in rows if not row.deleted]
            self._out_of_fold = counted_together(runs, study.total)
