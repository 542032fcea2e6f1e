"""`report`: which runs it takes, where it writes, and what it says when it cannot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mnist_tui.experiment.parameters import apply_texts
from mnist_tui.experiment.presets import Preset, edited, find_preset
from mnist_tui.runs.collection.summaries import summary_of
from mnist_tui.runs.folder import Label, RunFolder, write_label
from tests.cli.conftest import Command, sentence
from tests.report.recorded import CREATED, recorded_run
from tests.report.sample_report import TITLE

WHEN = ("--timestamp", "2026-03-01T14:05+01:00")


def raw(seed: int) -> Preset:
    preset = find_preset("raw")
    return edited(preset, apply_texts(preset.experiment, {"epochs": "3", "seed": str(seed)}))


@pytest.fixture
def run(runs_dir: Path) -> RunFolder:
    return recorded_run(runs_dir)


def test_several_formats_of_one_report_and_their_paths(cli: Command, run: RunFolder, tmp_path: Path) -> None:
    md, html = tmp_path / "report.md", tmp_path / "out" / "report.html"
    command = ["report", run.id, "-o", md, "-o", html, "--title", TITLE, "--author", "A. Student", *WHEN]
    result = cli(*command)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [str(md), str(html)]
    text = md.read_text(encoding="utf-8")
    assert text.splitlines()[2] == "A. Student · 2026-03-01 13:05:00 UTC"
    assert cli(*command, "--force").exit_code == 0
    assert md.read_text(encoding="utf-8") == text


def test_the_full_report_has_the_experiment_and_folders_of_figures_are_named(
    cli: Command, run: RunFolder, tmp_path: Path
) -> None:
    short, full = tmp_path / "short.md", tmp_path / "full.md"
    said = cli("report", run.id, "-o", short, *WHEN)
    assert said.stdout == f"{short}\n"
    assert f"the figures of short.md are in {tmp_path / 'short_files'}/" in said.stderr
    assert cli("report", run.id, "-o", full, "--full", *WHEN).exit_code == 0
    assert "batch_size = 4096" in full.read_text(encoding="utf-8")
    assert "batch_size = 4096" not in short.read_text(encoding="utf-8")


def test_files_that_are_there_are_named_with_the_option_that_replaces_them(
    cli: Command, run: RunFolder, tmp_path: Path
) -> None:
    (tmp_path / "report.html").write_text("mine", encoding="utf-8")
    said = sentence(cli("report", run.id, "-o", tmp_path / "report.html"))
    assert str(tmp_path / "report.html") in said
    assert "--force" in said


def test_wrong_requests_are_answered_in_one_sentence(cli: Command, run: RunFolder, tmp_path: Path) -> None:
    assert ".md, .tex, .html, .pdf or .docx" in sentence(cli("report", run.id, "-o", tmp_path / "report.odt"))
    assert "-o report.pdf" in sentence(cli("report", run.id))
    assert "is not a time such as" in sentence(
        cli("report", run.id, "-o", tmp_path / "r.md", "--timestamp", "yesterday")
    )
    assert "is not a time such as" in sentence(
        cli("report", run.id, "-o", tmp_path / "r.md", "--timestamp", "0001-01-01T00:00+23:00")
    )
    assert "there is no run 'zzz'" in sentence(cli("report", "zzz", "-o", tmp_path / "r.md"))
    assert list(tmp_path.glob("r*.md")) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_named(cli: Command, run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    said = sentence(cli("report", run.id, "-o", tmp_path / "locked" / "report.md"))
    assert "Permission denied" in said


def test_a_group_of_seeds_is_all_its_runs(cli: Command, runs_dir: Path, tmp_path: Path) -> None:
    seeds = [recorded_run(runs_dir, raw(seed), created=CREATED + 60 * seed) for seed in (2, 0, 1)]
    single = recorded_run(runs_dir, find_preset("hog"), created=CREATED + 900)
    by_id, by_name = tmp_path / "id.md", tmp_path / "name.md"
    group = summary_of(seeds[0]).group
    assert cli("report", group, single.id, "-o", by_id, *WHEN).exit_code == 0
    assert cli("report", "raw", single.id, "-o", by_name, *WHEN).exit_code == 0
    text = by_id.read_text(encoding="utf-8")
    assert text.replace("id_files", "name_files") == by_name.read_text(encoding="utf-8")
    assert "seeds 0–2" in text
    assert "hog" in text


def test_a_run_named_in_several_ways_is_reported_once(cli: Command, run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(run.path.parent)
    once, often = tmp_path / "once.md", tmp_path / "often.md"
    assert cli("report", run.id, "-o", once, *WHEN).exit_code == 0
    names = [run.id, "latest", run.path, tmp_path / "link" / run.id]
    assert cli("report", *names, "-o", often, *WHEN).exit_code == 0
    through_link = cli("report", *names, "-o", tmp_path / "linked.md", "--runs-dir", tmp_path / "link", *WHEN)
    assert through_link.exit_code == 0
    for other in (often, tmp_path / "linked.md"):
        text = other.read_text(encoding="utf-8").replace(f"{other.stem}_files", "once_files")
        assert text == once.read_text(encoding="utf-8")


def test_a_name_of_two_groups_asks_for_an_id(cli: Command, runs_dir: Path, tmp_path: Path) -> None:
    for seed in (0, 1):
        recorded_run(runs_dir, raw(seed), created=CREATED + seed)
        other = edited(raw(seed), apply_texts(raw(seed).experiment, {"hidden": "20"}))
        write_label(recorded_run(runs_dir, other, created=CREATED + 10 + seed), Label("raw"))
    said = sentence(cli("report", "raw", "-o", tmp_path / "r.md"))
    assert "'raw' is the name of 2 groups of seeds" in said
    assert said.count("(2 runs)") == 2
