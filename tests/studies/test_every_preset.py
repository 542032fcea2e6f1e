"""Every experiment of the sources trains by its name: through one worker that keeps TensorFlow loaded."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from mnist_tui.data.catalogue import FILE_NAMES, PARTS
from mnist_tui.data.idx import idx_header, read_idx
from mnist_tui.experiment.complexity import of
from mnist_tui.experiment.parameters import apply_texts
from mnist_tui.experiment.presets import Preset, edited, list_presets
from mnist_tui.report.document import write_report
from mnist_tui.studies import start
from mnist_tui.studies.spec import StudyBase, checked
from mnist_tui.studies.state import LIVE
from mnist_tui.studies.watch import read_study
from tests.studies.made import CREATED, folder
from tests.waiting import wait_for

pytestmark = pytest.mark.slow

TRAIN, TEST = 2_000, 500


@pytest.fixture(scope="module")
def beginnings(tmp_path_factory: pytest.TempPathFactory, real_data: Path) -> dict[str, Path]:
    """The first 2,000 training and 500 test images of both datasets, each a folder of its own."""
    found: dict[str, Path] = {}
    for name in ("mnist", "fashion-mnist"):
        found[name] = tmp_path_factory.mktemp("data") / f"{name}-beginning"
        found[name].mkdir()
        for part in PARTS:
            kind = "images" if part.endswith("images") else "labels"
            values = read_idx(real_data / name / f"{FILE_NAMES[part]}.gz", kind).values
            values = values[: TRAIN if part.startswith("train") else TEST]
            (found[name] / f"{FILE_NAMES[part]}.gz").write_bytes(
                gzip.compress(idx_header(values) + values.tobytes(), 1)
            )
    return found


def briefly(preset: Preset, data: dict[str, Path]) -> Preset:
    """One epoch on the beginning of the preset's data."""
    texts = {"dataset": str(data[preset.experiment.dataset.name]), "epochs": "1"}
    return replace(edited(preset, apply_texts(preset.experiment, texts)), name=preset.name)


@pytest.mark.parametrize("step", [pytest.param(1, id="all 60", marks=pytest.mark.exhaustive), 19])
def test_every_experiment_of_the_sources_trains_and_is_reported(
    tmp_path: Path, beginnings: dict[str, Path], step: int
) -> None:
    own = [preset for preset in list_presets() if preset.reference and preset.name == preset.reference.id]
    sources = [preset for preset in own if preset.path and preset.path.parent.name != "classics"]
    assert len(sources) == 60
    sources = sources[::step]
    study = checked(
        kind="reproduction",
        title="every source",
        created=CREATED,
        workers=1,
        bases=tuple(StudyBase(preset=preset.name) for preset in sources),
    )
    made = folder(tmp_path, study, {preset.name: briefly(preset, beginnings) for preset in sources})
    start.start(made)
    wait_for(lambda: made.state() not in LIVE)
    rows = read_study(made).rows
    assert [(row.base, row.state) for row in rows] == [(preset.name, "finished") for preset in sources]
    counted = {preset.name: of(preset.experiment) for preset in sources}
    for row in rows:
        results = made.run(row.run).results()
        assert results is not None and results["parameters"]["total"] == counted[row.base].total
        assert results["parameters"]["trainable"] == counted[row.base].trainable
        assert row.test_accuracy is not None and results["dataset"]["test"] == TEST
    report = tmp_path / "report.md"
    write_report([made.run(row.run) for row in rows[::4]], [report])
    text = report.read_text(encoding="utf-8")
    assert all(row.base in text for row in rows[::4])
