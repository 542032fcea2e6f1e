"""Commands on a disk that is full or read-only, or to a run of somebody else: a sentence, code 2, nothing begun."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mnist_tui.experiment.presets import find_preset
from mnist_tui.runs.folder import Launch, RunFolder, create
from mnist_tui.runs.process_folder import Status, this_process
from mnist_tui.studies.folder import StudyFolder
from tests.cli.conftest import Command
from tests.report.recorded import CREATED, recorded_run
from tests.tui.recorded_studies import RecordedStudy

TRAIN = ("--preset", "raw", "--dataset", "digits", "--epochs", "1", "--detach")


EMPTY = (".lock", "worker.log", "runner.log")
"""Files that may be there, empty, although nothing could be written."""


class Runs:
    """Runs and studies of every kind that commands are given to."""

    def __init__(self, runs_dir: Path) -> None:
        self.finished = recorded_run(runs_dir)
        self.finished.checkpoint.mkdir()
        self.finished.checkpoint_file.write_text("{}")
        self.live = self._made(runs_dir, this_process("running"))
        self.stopped = self._made(runs_dir, Status("stopped"))
        self.study: StudyFolder = RecordedStudy(runs_dir).under_way().folder
        self.study.write_status(this_process("running"))
        self.over: StudyFolder = RecordedStudy(runs_dir, created=CREATED + 99).under_way().folder
        self.over.write_status(Status("stopped"))

    def _made(self, runs_dir: Path, status: Status) -> RunFolder:
        folder = create(runs_dir, find_preset("raw"), Launch(created=CREATED + 60, command="mnist-tui train"))
        folder.write_status(status)
        return folder

    @property
    def commands(self) -> list[tuple[str | Path, ...]]:
        """What writes in a run's, a study's or the runs' folder."""
        told = ("pause", "continue", "step", "stop", "checkpoint")
        return [
            *((name, self.live.id) for name in told),
            ("extend", self.live.id, "--epochs", "2"),
            ("extend", self.finished.id, "--epochs", "2", "--detach"),
            ("resume", self.stopped.id, "--detach"),
            ("train", *TRAIN),
            ("sweep", *TRAIN, "--over", "hidden=3,4"),
            ("studies", "stop", self.study.id),
            ("resume", self.over.id, "--detach"),
            ("export", self.finished.id, "--summary"),
            ("report", self.finished.id, "-o", self.finished.path / "report.md"),
        ]


def files(place: Path) -> list[str]:
    found = [path for path in place.rglob("*") if path.is_file() and path.name not in EMPTY]
    return sorted(str(path.relative_to(place)) for path in found)


def all_are_refused(cli: Command, runs: Runs, commands: list[tuple[str | Path, ...]], said: str) -> None:
    place = runs.live.path.parent
    before, states = files(place), [run.status() for run in (runs.live, runs.stopped, runs.finished)]
    for line in commands:
        result = cli(*line)
        error = result.stderr.splitlines()[-1]
        code = 1 if line[0] in ("export", "report") and said == os.strerror(errno.ENOSPC) else 2
        assert (result.exit_code, result.stdout) == (code, ""), line
        assert error.startswith("error: "), line
        assert said in error, line
        assert "Traceback" not in result.stderr, line
        assert "unexpected" not in error, line
    assert files(place) == before
    assert [run.status() for run in (runs.live, runs.stopped, runs.finished)] == states


@pytest.fixture(autouse=True)
def data(monkeypatch: pytest.MonkeyPatch) -> None:
    """The data of recorded runs are taken to be here."""
    monkeypatch.setattr("mnist_tui.cli.train.check_data", lambda *_, **__: None)


@pytest.fixture
def mounted(runs_dir: Path) -> Iterator[Callable[[str], None]]:
    """A disk of the runs' own; called, it is made full or read-only."""
    runs_dir.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(runs_dir)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a disk")

    def make(what: str) -> None:
        if what == "read-only":
            subprocess.run(["mount", "-o", "remount,ro", str(runs_dir)], check=True)
            return
        with (runs_dir / ".filling").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
            while True:
                file.write(bytes(4096))

    yield make
    subprocess.run(["umount", "-l", str(runs_dir)], check=True)


@pytest.mark.parametrize(
    ("what", "said"), [("full", "No space left on device"), ("read-only", "Read-only file system")]
)
def test_a_disk_that_is_full_or_read_only_is_told_by_every_command(
    cli: Command, runs_dir: Path, mounted: Callable[[str], None], what: str, said: str
) -> None:
    runs = Runs(runs_dir)
    mounted(what)
    delete = [("delete", runs.stopped.id, "-y"), ("studies", "delete", runs.over.id, "-y")]
    all_are_refused(cli, runs, runs.commands + (delete if what == "read-only" else []), said)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_what_cannot_be_written_is_told_where_there_is_no_such_disk(
    cli: Command, runs_dir: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    runs = Runs(runs_dir)

    def fails(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), "there")

    for name in ("mkstemp", "mkdtemp"):
        monkeypatch.setattr(f"mnist_tui.files.tempfile.{name}", fails)
    written = [line for line in runs.commands if line[0] not in ("export", "report")]
    all_are_refused(cli, runs, written, os.strerror(number))
