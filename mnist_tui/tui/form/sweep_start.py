"""Makes the study that a sweep's form asks for and starts its process. Blocks for a moment: for a thread."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from mnist_tui.data.places import validate_name, with_whole_name
from mnist_tui.studies import scheduler_address, start
from mnist_tui.studies.folder import StudyFolder, create, same_study
from mnist_tui.studies.state import LIVE
from mnist_tui.tui.form.sweep_wish import Wish, command_of, study_of


def begun(runs_dir: Path, wish: Wish) -> tuple[StudyFolder, str]:
    """Starts the study's process; an unfinished study that asks for the same goes on instead.

    Returns:
        The study's folder, and a sentence where it was there already.

    Raises:
        RequestError: the wish is wrong, the extra is not installed, no scheduler answers, or the folder cannot be
            written.
        OSError: no process can be started.
    """
    start.require_extra()
    validate_name(wish.preset.experiment.dataset.name)
    wish = replace(wish, preset=replace(wish.preset, experiment=with_whole_name(wish.preset.experiment)))
    study, bases = study_of(wish, time.time()), {wish.base: wish.preset}
    before = same_study(runs_dir, study, bases)
    if before is not None and before.state() in LIVE:
        return before, "A study that asks for the same is under way: this is it."
    if before is not None:
        start.resume(before, study)
        return before, "An unfinished study asks for the same: it goes on with what is missing."
    if study.scheduler is not None:
        scheduler_address.check(study.scheduler)
    folder = create(runs_dir, study, bases)
    command = command_of(wish, study, str(folder.presets / f"{wish.base}.toml"))
    folder.write_study(study.model_copy(update={"command": command}))
    start.start(folder)
    return folder, ""
