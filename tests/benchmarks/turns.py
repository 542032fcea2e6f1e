"""Processes that take turns: each does one piece of work when asked, so that only one of them works at a time.

A child answers on what was its stdout, a JSON object a line; whatever it prints goes to its log.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


class ChildError(Exception):
    """A child ended instead of answering; the text has the end of its log."""


class Child:
    """The asking end: `python -m MODULE ARGUMENTS…`, ready to take turns. It ends with the block.

    Args:
        log: where its stderr goes.
        environment: variables beside this process's own.

    Attributes:
        facts: what it told of itself when it was ready.
    """

    def __init__(self, module: str, arguments: list[str], log: Path, environment: Mapping[str, str] = {}) -> None:
        self._name, self._log = module, log
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **environment},
            )
        self.facts = self._answer()

    def ask(self, what: str = "epoch") -> dict[str, Any]:
        """Its answer, once it has done what it was asked."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n".encode())
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            last = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
            raise ChildError("\n".join([f"{self._name} ended instead of answering; its last words:", *last]))
        return json.loads(line)

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


class Turns:
    """The answering end, in the child's main thread. To be made before anything prints."""

    def __init__(self) -> None:
        self._answers = os.fdopen(os.dup(1), "w", buffering=1)
        os.dup2(2, 1)

    def wait(self) -> str:
        """What is asked next; ends the process where there is nothing more."""
        line = sys.stdin.readline()
        if not line:
            os._exit(0)
        return line.strip()

    def take_epochs(self, epoch: Callable[[], tuple[float, Any]]) -> None:
        """Trains an epoch a turn and tells its seconds, mean loss and accuracy, until nothing more is asked.

        Args:
            epoch: trains one, and returns its mean loss and the confusion counts after it.
        """
        while self.wait():
            began = time.perf_counter()
            loss, counts = epoch()
            accuracy = int(counts.trace()) / int(counts.sum())
            self.answer(seconds=time.perf_counter() - began, loss=loss, accuracy=accuracy)

    def answer(self, **figures: Any) -> None:
        """Answers; `peak` is the most memory that this process has held, in bytes."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        self._answers.write(json.dumps({**figures, "peak": peak}) + "\n")
