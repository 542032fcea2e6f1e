"""Processes told apart without a clock; temporary files told from abandoned ones by their maker."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mnist_tui import processes
from mnist_tui.files import OTHERS_SECONDS, discard_abandoned, is_abandoned, replacing, temporary_name
from tests.waiting import wait_for

linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


def test_a_process_is_known_by_its_start_and_only_while_it_lives():
    child = subprocess.Popen(["sleep", "60"])
    start = processes.start_of(child.pid)
    assert processes.is_running(child.pid, start)
    assert not processes.is_running(child.pid, start - 0.01)
    assert not processes.is_running(child.pid, 0.0)
    child.kill()
    wait_for(lambda: not processes.is_running(child.pid, start))  # a zombie until it is fetched
    child.wait()
    assert processes.start_of(child.pid) == 0.0


@linux
def test_the_start_does_not_move_with_the_system_clock(tmp_path):
    """As `psutil` tells it, it does: with btime in /proc/stat, which a step of the clock changes."""
    if os.getuid():
        pytest.skip("a mount over /proc/stat needs root")
    stat = tmp_path / "stat"
    now = Path("/proc/stat").read_text()
    stat.write_text(re.sub(r"(?m)^btime (\d+)$", lambda found: f"btime {int(found[1]) + 3600}", now))
    code = (
        "import sys; from mnist_tui import processes; print(processes.start_of(int(sys.argv[1])), processes.system())"
    )
    script = 'mount --bind "$1" /proc/stat && exec "$2" -c "$3" "$4"'
    line = ["unshare", "-m", "bash", "-c", script, "-", stat, sys.executable, code, str(os.getpid())]
    stepped = subprocess.run(line, capture_output=True, text=True, check=False)
    if "unshare" in stepped.stderr or "mount" in stepped.stderr:
        pytest.skip(f"no mounts here: {stepped.stderr.strip()}")
    assert stepped.stdout.split() == [str(processes.start_of(os.getpid())), processes.system()], stepped.stderr


@linux
def test_a_suspended_process_is_seen():
    child = subprocess.Popen(["sleep", "60"])
    assert not processes.is_stopped(child.pid)
    child.send_signal(signal.SIGSTOP)
    wait_for(lambda: processes.is_stopped(child.pid))
    child.kill()
    child.wait()


def test_temporary_files_are_abandoned_once_their_maker_is_dead_whatever_their_age(tmp_path):
    with replacing(tmp_path / "a.json") as own:
        os.utime(own, (0, 0))
        assert not is_abandoned(own)
    code = (
        "import os, sys; from pathlib import Path; from mnist_tui.files import replacing\n"
        "with replacing(Path(sys.argv[1])): os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "b.json"], check=True)
    (left,) = tmp_path.glob(".tmp-*")
    assert is_abandoned(left)
    (mine := tmp_path / ".tmp-mine").mkdir()
    os.utime(mine, (0, 0))
    discard_abandoned(tmp_path)
    assert left not in tmp_path.iterdir()
    assert mine.is_dir(), "it is a person's own"


@pytest.mark.parametrize("name", [".tmp-b1jx2_f7.json", ".tmp-1.1.00000000-abc"])
def test_temporary_files_of_others_are_abandoned_after_a_day(tmp_path, name):
    path = tmp_path / name
    path.touch()
    for age, expected in ((0.0, False), (3601.0, False), (OTHERS_SECONDS + 60, True)):
        then = time.time() - age
        os.utime(path, (then, then))
        assert is_abandoned(path) == expected


def test_a_temporary_name_lies_beside_and_is_no_longer_than_names_may_be(tmp_path):
    path = tmp_path / ("x" * 255)
    path.mkdir()
    aside = path.rename(temporary_name(path))
    assert aside.parent == tmp_path
    assert not is_abandoned(aside)


def test_something_is_unchanged_since_it_was_first_seen(monkeypatch):
    now = [10.0]
    monkeypatch.setattr(processes.time, "monotonic", lambda: now[0])
    key = "tests/unchanged"
    assert processes.unchanged_seconds(key, 1) == 0.0
    now[0] = 14.0
    assert processes.unchanged_seconds(key, 1) == 4.0
    assert processes.unchanged_seconds(key, 2) == 0.0
