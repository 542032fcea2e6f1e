"""Recorded studies: folders with the events that a study's process would have written, and no process."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

from mnist_tui.experiment.presets import find_preset
from mnist_tui.runs.event_log import EventLog
from mnist_tui.runs.process_folder import this_process
from mnist_tui.studies.events import (
    StudyEnded,
    StudyEvent,
    StudyNoted,
    StudyStarted,
    TrialBegan,
    TrialEnded,
    TrialEpoch,
    TrialPlanned,
    TrialSubmitted,
    Worker,
    WorkersSeen,
)
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.studies.spec import checked
from mnist_tui.studies.start import StudyRequest, create_study
from mnist_tui.studies.trials import Trial, plan_trials

BEGIN = 1_700_000_000.0
WORKERS = (
    Worker(address="tcp://127.0.0.1:40001", host="bench", name="0", threads=1),
    Worker(address="tcp://127.0.0.1:40002", host="bench", name="1", threads=1),
)
AXES = ({"name": "hidden", "values": ["50", "150", "250"]}, {"name": "activation", "values": ["tanh", "sigmoid"]})


class RecordedStudy:
    """One study's folder that a test writes as its process would.

    Args:
        runs_dir: where the runs lie.
        axes: of the sweep; none makes it one of seeds.
    """

    def __init__(
        self, runs_dir: Path, axes: Any = AXES, *, seeds: int = 1, epochs: int = 12, preset: str = "raw", **given: Any
    ) -> None:
        found = find_preset(preset)
        training = found.experiment.training.model_copy(update={"epochs": epochs})
        self.preset = replace(found, experiment=found.experiment.model_copy(update={"training": training}))
        names = " and ".join(axis["name"] for axis in axes)
        first = training.seed
        values = {
            "kind": "sweep" if axes else "seeds",
            "title": f"{preset} over {names}" if axes else f"{preset}, seeds {first} to {first + seeds - 1}",
            "bases": ({"preset": preset, "first_seed": first, "seeds": seeds},),
            "axes": axes,
            "created": BEGIN,
            "command": f"mnist-tui sweep --preset {preset}",
        }
        study = checked(**{**values, **given})
        self.study = study
        self.folder: StudyFolder = create_study(runs_dir, StudyRequest(study, {preset: self.preset}))
        self.trials: tuple[Trial, ...] = plan_trials(study, {preset: self.preset})
        self.epochs = epochs
        self.clock = BEGIN

    def write(self, *events: StudyEvent) -> None:
        log = EventLog(self.folder.events_file)
        for event in events:
            self.clock += 0.1
            log.append(replace(event, time=event.time or self.clock))
        log.close()

    def begin(self) -> RecordedStudy:
        study = self.study
        self.write(
            StudyStarted(
                study=self.folder.id,
                title=study.title,
                kind=study.kind,
                metric=study.search.metric,
                axes=tuple(axis.name for axis in study.axes),
                trials=len(self.trials),
                compares=study.compares,
                threads=1,
            ),
            *(
                TrialPlanned(
                    number=trial.number,
                    base=trial.base,
                    values=tuple(trial.values.items()),
                    seed=trial.seed,
                    epochs=self.epochs,
                    parameters=100 * trial.number,
                    fold=trial.fold,
                )
                for trial in self.trials
            ),
            WorkersSeen(workers=WORKERS),
        )
        return self.status("running")

    def score(self, number: int) -> float:
        """The validation accuracy that a trial nears: another for each, the same each time."""
        return 0.98 - 0.06 * random.Random(number).random()

    def epoch(self, number: int, epoch: int) -> TrialEpoch:
        accuracy = self.score(number) - 0.3 * math.exp(-epoch / 3)
        return TrialEpoch(number=number, epoch=epoch, val_loss=1.2 - accuracy, val_accuracy=accuracy)

    def run(self, number: int, epochs: int, run: str = "", attempt: int = 1) -> RecordedStudy:
        """A trial begins and trains so many epochs."""
        run = run or f"20260101-120000-raw-{number:04}"
        worker = WORKERS[number % 2].address
        self.folder.run(run).path.mkdir(exist_ok=True)
        self.write(
            TrialSubmitted(number=number, run=run),
            TrialBegan(number=number, run=run, attempt=attempt, worker=worker),
            *(self.epoch(number, epoch) for epoch in range(1, epochs + 1)),
        )
        return self

    def end(
        self, number: int, state: str = "finished", reason: str = "", run: str = "", epoch: int = 0
    ) -> RecordedStudy:
        run = run or f"20260101-120000-raw-{number:04}"
        last = self.epoch(number, epoch or self.epochs)
        scored = state == "finished"
        accuracy, cost = last.val_accuracy, last.val_loss
        self.write(
            TrialEnded(
                number=number,
                run=run,
                state=state,
                reason=reason,
                epoch=last.epoch,
                score=(cost if self.study.search.metric == "val_loss" else accuracy) if scored else None,
                val_loss=cost,
                val_accuracy=accuracy,
                test_loss=cost if scored else None,
                test_accuracy=accuracy - 0.002 if scored and accuracy else None,
                macro_f1=accuracy - 0.003 if scored and accuracy else None,
                seconds=10.0 + number % 7,
            )
        )
        return self

    def finish(self, state: str = "finished", reason: str = "") -> RecordedStudy:
        self.write(StudyEnded(state=state, reason=reason))
        return self.status(state, reason=reason)

    def note(self, text: str) -> RecordedStudy:
        self.write(StudyNoted(text=text))
        return self

    def status(self, state: str, *, dead: bool = False, reason: str = "") -> RecordedStudy:
        """What `status.json` says; the test's own process plays the study's."""
        me = this_process(state)
        start = me.process_start - (500 if dead else 0)
        self.folder.write_status(replace(me, process_start=start, reason=reason))
        return self

    def under_way(self) -> RecordedStudy:
        """Most states at once: some trials finished, one failed, one pruned, two running, the rest to come."""
        self.begin()
        last = len(self.trials)
        for number in range(1, max(3, last // 2) + 1):
            self.run(number, self.epochs).end(number)
        self.run(2, 3)
        third = max(3, last // 2) + 1
        self.run(third, 4).end(third, "pruned", "at epoch 4 below the median of 3 trials", epoch=4)
        return self.run(third + 1, 7)
