"""Studies and their parts, small, for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mnist_tui.experiment.parameters import apply_texts
from mnist_tui.experiment.presets import Preset, edited, find_preset
from mnist_tui.studies.folder import StudyFolder
from mnist_tui.studies.spec import Study, StudyBase, checked
from mnist_tui.studies.start import StudyRequest, create_study
from mnist_tui.studies.trials import parse_over

CREATED = 1_772_000_000.0


def base(**texts: str) -> Preset:
    """The preset `raw` on the bundled digits, with parameters changed."""
    raw = find_preset("raw")
    given = {"dataset": "digits", "epochs": "4", "validation": "0.2", **texts}
    return edited(raw, apply_texts(raw.experiment, given))


def study(*overs: str, seeds: int = 1, search: Mapping[str, Any] | None = None, **more: Any) -> Study:
    """A sweep over these axes; without any, the seeds of one experiment."""
    values: dict[str, Any] = {
        "kind": "sweep" if overs else "seeds",
        "title": "raw: a test",
        "created": CREATED,
        "command": "mnist-tui sweep",
        "bases": (StudyBase(preset="raw", first_seed=3, seeds=seeds),),
        "axes": tuple(map(parse_over, overs)),
    }
    return checked(**{**values, "search": dict(search or {}), **more})


def folder(runs_dir: Path, of: Study, bases: Mapping[str, Preset] | None = None) -> StudyFolder:
    return create_study(runs_dir, StudyRequest(of, bases or {"raw": base()}))


def curve(values: Sequence[float]) -> tuple[tuple[int, float], ...]:
    """A curve with a value for each epoch."""
    return tuple(enumerate(values, 1))
