"""The parts of reports about corrupted test images and about ensembles."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mnist_tui.experiment.corruptions import CORRUPTIONS, VERSION
from mnist_tui.files import write_json
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.origin import ForeignLayer, Origin, OriginSource
from mnist_tui.runs.robustness import Robustness, write_robustness
from tests.report.furnished import changed, furnished_run
from tests.report.recorded import CREATED
from tests.report.test_report_contents import captioned, column, made


def measured(first: float) -> Robustness:
    accuracies = tuple(first - 0.1 * step for step in range(5))
    return Robustness(VERSION, 10_000, "mnist", 0.97, dict.fromkeys(CORRUPTIONS, accuracies))


@pytest.fixture
def runs(tmp_path: Path) -> list[RunFolder]:
    names = enumerate(("raw", "hog"))
    return [furnished_run(tmp_path, changed(name, epochs="3"), created=CREATED + at) for at, name in names]


def test_runs_for_which_robustness_was_measured_are_in_its_table_and_figure(runs):
    assert "Robustness" not in made(*runs).markdown
    for run, first in zip(runs, (0.9, 0.8), strict=True):
        write_robustness(run, measured(first))
    report = made(*runs)
    table = captioned(report.markdown, "tab-robustness")
    assert column(table, "Corruption") == ["none", *CORRUPTIONS, "all"]
    assert column(table, "Run 1") == ["3.00 %", *["30.00 %"] * 9]
    assert column(table, "Run 2") == ["3.00 %", *["40.00 %"] * 9]
    assert "blur standard deviation 0.5, 1, 1.5, 2 and 2.5 px" in report.markdown
    (drawing,) = [drawing for drawing in report.drawings if drawing.name == "robustness"]
    assert len(drawing.data.rows) == 2 * len(CORRUPTIONS) * 6
    assert drawing.millimetres[1] < 75
    alone = captioned(made(runs[0]).markdown, "tab-robustness")
    assert alone[1] == ["shift", "90.00 %", "80.00 %", "70.00 %", "60.00 %", "50.00 %", "30.00 %"]
    without = made(*runs, without=("robustness",))
    assert "Robustness" not in without.markdown
    assert "robustness" not in [drawing.name for drawing in without.drawings]


def test_an_ensemble_names_its_members_and_what_it_gains(runs):
    ensemble = RunFolder(runs[0].path.parent / f"{runs[0].id}-both")
    shutil.copytree(runs[0].path, ensemble.path)
    members = tuple(OriginSource(run.id) for run in runs)
    network = (ForeignLayer("output", "Dense", (10,), 7850, 7850),)
    write_json(ensemble.origin_file, Origin("ensemble", members, dataset="mnist", network=network).to_document())
    text = made(ensemble, *runs).markdown
    table = captioned(text, "tab-members-1")
    assert sorted(column(table, "Member")) == sorted(run.id for run in runs)
    assert column(table, "Ensemble better by") == ["0.00 points"] * 2
    assert column(table, "McNemar's p") == ["1"] * 2
    assert "classifies as many images correctly as its best member" in text
    assert "tab-members-2" not in text
    differing = {row[0]: row[1:] for row in captioned(text, "tab-differences-1")[1:]}
    assert differing["Network"] == ["–", "784-250-10", "392-200-10"]
    assert "Learning rate" not in differing, "the ensemble has none, and that of its members is the same"
    assert "its best member" not in made(ensemble, without=("members",)).markdown
