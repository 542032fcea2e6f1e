"""Mutated runs, studies, presets, settings and commands: each ends in a sentence or in nothing, and harms nothing else.

Every mutation goes through the commands that read, write and delete; many of them together through the app's list.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mnist_tui import settings
from mnist_tui.errors import RequestError
from mnist_tui.experiment.presets import find_preset, read_presets
from mnist_tui.runs.control import Command, Inbox, write_command
from mnist_tui.runs.deletion import delete_run
from mnist_tui.runs.epoch_predictions import append
from mnist_tui.runs.folder import Label, RunFolder, write_label
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.bench import Route
from mnist_tui.tui.run_commands import open_run
from mnist_tui.tui.runs.screen import RunsScreen
from tests.invoked import invoke
from tests.mutations import mutated
from tests.report.furnished import furnished_run
from tests.tui.recorded_studies import RecordedStudy

SHORT, LONG = 60, 2000
REPORTED = 30
"""One in so many mutated runs is reported on, which takes a second."""
VICTIM = "20260225-064640-raw-0bad"


class Bench:
    """Folders with a run that is mutated, another run, a study, presets and settings; and what may never change.

    Args:
        place: an empty folder.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self.template, self.runs, self.outside = place / "template", place / "runs", place / "outside"
        self.outside.mkdir()
        (self.outside / "kept.json").write_text('{"state": "finished"}\n')
        run = furnished_run(self.template, state="stopped", reason="as asked")
        run.path.rename(self.template / VICTIM)
        run = RunFolder(self.template / VICTIM)
        for name in ("checkpoint", "exports"):
            (run.path / name).mkdir()
        (run.path / "exports" / "report.md").write_text("# A report\n")
        arrays: dict[str, Any] = {"model-00000": np.zeros((784, 250), np.float32)}
        np.savez(run.checkpoint / "epoch-1.npz", **arrays)
        checkpoint = {
            "format": 1,
            "arrays": "epoch-1.npz",
            "model": ["dense/kernel"],
            "position": {"epoch": 1, "step": 0},
        }
        run.checkpoint_file.write_text(json.dumps(checkpoint))
        append(run.predicted_file, 1, np.full((10_000, 10), 0.1))
        run.log_file.write_text("a worker's words\n")
        run.lock_file.write_text("")
        write_label(run, Label("mine", "a note"))
        (run.control / "1-stop.json").write_text('{"name": "stop", "epochs": 0}')
        self.other = furnished_run(self.runs)
        self.unchanged = self.seen()

    def fresh(self, name: str = VICTIM) -> RunFolder:
        """The run as it was, in its place."""
        there = self.runs / name
        if there.is_symlink() or there.is_file():
            there.unlink()
        elif there.exists():
            shutil.rmtree(there)
        shutil.copytree(self.template / VICTIM, there)
        return RunFolder(there)

    def seen(self) -> dict[str, tuple[int, int]]:
        """Every file of the other run and outside, with its size and time."""
        stats = {path: path.lstat() for place in (self.other.path, self.outside) for path in (place, *place.rglob("*"))}
        return {str(path): (stat.st_size, stat.st_mtime_ns) for path, stat in stats.items()}


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """The folders; no process is started, and no report draws its figures."""
    found = Bench(tmp_path)
    monkeypatch.setenv("MNIST_TUI_RUNS", str(found.runs))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for start in ("mnist_tui.runs.start.start_next_worker", "mnist_tui.studies.start.start"):
        monkeypatch.setattr(start, lambda *_: None)
    monkeypatch.setattr("mnist_tui.cli.train.check_data", lambda *_, **__: None)
    yield found
    assert found.seen() == found.unchanged


def told(done: str, *words: str | Path) -> None:
    """Runs a command, which may refuse in a sentence but never says that something unexpected went wrong.

    Args:
        done: the mutation, for the failure's text.
    """
    line = [str(word) for word in words]
    result = invoke(line)
    said = f"{done}; {' '.join(line)}: {result.output[-800:]}"
    if "something unexpected" in result.output:
        (log,) = (word for word in result.output.split() if word.endswith(".log"))
        pytest.fail(f"{said}\n{Path(log).read_text()}")
    assert result.exit_code in (0, 1, 2), said
    assert result.exception is None or isinstance(result.exception, SystemExit), said
    assert "Traceback" not in result.output, said


def through_commands(bench: Bench, seed: int) -> None:
    """One mutated run through the commands."""
    run = bench.fresh()
    done = mutated(run.path, bench.outside, seed)
    told(done, "runs")
    told(done, "show", VICTIM, *(["--json"] if seed % 2 else []))
    told(done, "compare", VICTIM, bench.other.id, *(["--json"] if seed % 3 else []))
    if seed % 5 == 0:
        told(done, "logs", VICTIM)
        told(done, "export", VICTIM, "--format", "summary.md", "--format", "history.csv", "--force")
    if seed % REPORTED == 0:
        told(done, "report", VICTIM, bench.other.id, "-o", bench.place / "report.md", "--force")
    obey(run)
    told(done, *(("resume", VICTIM) if seed % 2 else ("extend", VICTIM, "--epochs", "2")), "--detach")
    if seed % 3 == 0:
        told(done, "prune", "--yes")
    told(done, "delete", VICTIM, "-y")
    assert bench.seen() == bench.unchanged, done


def obey(run: RunFolder) -> None:
    """Takes the commands that wait, as a worker does; one that comes later is taken, too."""
    inbox = Inbox(run)
    inbox.new_commands()
    try:
        write_command(run, Command("pause"))
    except (RequestError, OSError):
        return
    assert "pause" in [command.name for command in inbox.new_commands()]


def mutations(count: int, begin: int = 0) -> range:
    return range(begin, begin + count)


def study_through_commands(bench: Bench, template: Path, seed: int) -> None:
    """One mutated study through the commands that studies have."""
    there = bench.runs / "studies" / template.name
    shutil.rmtree(there.parent, ignore_errors=True)
    shutil.copytree(template, there)
    done = mutated(there, bench.outside, seed)
    told(done, "studies")
    told(done, "studies", "show", template.name, *(["--json"] if seed % 2 else []))
    told(done, "resume", template.name, "--detach")
    told(done, "studies", "delete", template.name, "--runs", "-y")
    assert bench.seen() == bench.unchanged, done


def preset_read(place: Path, outside: Path, seed: int) -> None:
    """One mutated preset, by its name and by its file."""
    folder = place / "config" / "presets"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    path = folder / "mine.toml"
    path.write_text((find_preset(("raw", "hog", "cnn")[seed % 3]).path or path).read_text())
    done = mutated(folder, outside, seed)
    assert len(list(read_presets())) > 20, done
    if seed % 4 == 0:
        told(done, "presets", "show", str(path))
        told(done, "complexity", "--preset", "mine")


def settings_read(place: Path, outside: Path, seed: int) -> None:
    """One mutated settings file, read and written to."""
    folder = place / "config"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    text = 'theme = "nord"\nconfirm = false\nruns_dir = "/runs"\nauthor = "Ada"\n[keys]\n"app.runs" = "f3"\n'
    (folder / "settings.toml").write_text(text)
    mutated(folder, outside, seed)
    settings.load_settings()


def test_mutated_runs_go_through_every_command(bench):
    for seed in mutations(SHORT):
        through_commands(bench, seed)


def test_mutated_studies_go_through_every_command(bench):
    template = RecordedStudy(bench.place / "template").under_way().folder.path
    for seed in mutations(SHORT // 4):
        study_through_commands(bench, template, seed)


def test_mutated_presets_and_settings_are_read(bench, tmp_path, monkeypatch):
    monkeypatch.setenv("MNIST_TUI_CONFIG", str(tmp_path / "config" / "settings.toml"))
    for seed in mutations(SHORT // 4):
        preset_read(tmp_path, bench.outside, seed)
        settings_read(tmp_path, bench.outside, seed)


@pytest.mark.exhaustive
def test_two_thousand_mutations_go_through_every_command(bench, tmp_path, monkeypatch):
    monkeypatch.setenv("MNIST_TUI_CONFIG", str(tmp_path / "config" / "settings.toml"))
    template = RecordedStudy(bench.place / "template").under_way().folder.path
    for seed in mutations(LONG, SHORT):
        match seed % 5:
            case 0:
                study_through_commands(bench, template, seed)
                shutil.rmtree(bench.runs / "studies", ignore_errors=True)
            case 1:
                preset_read(tmp_path, bench.outside, seed)
                settings_read(tmp_path, bench.outside, seed)
            case _:
                through_commands(bench, seed)


async def through_the_app(bench: Bench, seeds: range, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many mutated runs in the list of the app: each comes under the cursor, is opened, and deleted."""
    standby = SimpleNamespace(waiting=True, dismiss=lambda: None)
    monkeypatch.setattr("mnist_tui.runs.start.Standby", lambda: standby)
    names = {f"20260226-000000-raw-{seed:04x}": seed for seed in seeds}
    done = {name: mutated(bench.fresh(name).path, bench.outside, seed) for name, seed in names.items()}
    app = BenchApp(AppOptions(runs_dir=bench.runs))
    async with app.run_test(size=(120, 40)) as pilot:

        async def listed() -> RunsScreen:
            app.show(Route("runs"))
            await until(pilot, lambda: isinstance(app.screen, RunsScreen) and app.screen.is_mounted)
            screen = app.screen
            assert isinstance(screen, RunsScreen)
            await until(pilot, lambda: screen.has_read_all)
            return screen

        screen = await listed()
        runs = dict(screen.runs)
        assert bench.other.id in runs
        assert len(runs) > 0.8 * len(names)
        await pilot.press("s", "v", "v", "S", *["down"] * len(runs), "a", "o")
        await pilot.pause()
        await listed()
        for name in done:
            if name in runs:
                open_run(app, runs[name])
                await pilot.pause()
                app.show(Route("training", run=RunFolder(bench.runs / name)))
                await pilot.pause(0.05)
                await listed()
        for name, what in done.items():
            with suppress(RequestError):
                delete_run(RunFolder(bench.runs / name))
            assert bench.seen() == bench.unchanged, what
    for name in names:
        bench.fresh(name)
        shutil.rmtree(bench.runs / name)


async def until(pilot: Any, condition: Callable[[], bool]) -> None:
    """Waits for a condition."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        await pilot.pause(0.02)


async def test_mutated_runs_are_listed_and_opened_by_the_app(bench, monkeypatch):
    await through_the_app(bench, mutations(SHORT // 5), monkeypatch)


@pytest.mark.exhaustive
@pytest.mark.parametrize("part", range(10))
async def test_four_hundred_mutated_runs_are_listed_and_opened_by_the_app(bench, monkeypatch, part):
    await through_the_app(bench, mutations(40, 10_000 + 40 * part), monkeypatch)
