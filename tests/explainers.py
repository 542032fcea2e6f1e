"""Real processes that look into networks, but without TensorFlow: `tui/explaining.py`."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mnist_tui.runs.folder import RunFolder

EXPLAINING = Path(__file__).parent / "tui" / "explaining.py"


def explain_without_tensorflow(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Start such processes in place of the real ones; return the list of those that were started."""
    started: list[subprocess.Popen[bytes]] = []

    def start(_job: str, folder: RunFolder, errors: Any) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(EXPLAINING), str(folder.path)]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors))
        return started[-1]

    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    monkeypatch.setattr("mnist_tui.runs.worker_jobs.start_model_process", start)
    return started
