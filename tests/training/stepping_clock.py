"""A system clock that is set back and forth while processes run: for them alone, by a preloaded library. For tests."""

from __future__ import annotations

import os
import random
import shutil
import struct
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType

SOURCE = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long seconds(void) {
    static volatile long *shared;
    if (!shared) {
        int file = open(getenv("CLOCK_STEP"), O_RDONLY | O_CLOEXEC);
        shared = file < 0 ? 0 : mmap(0, sizeof(long), PROT_READ, MAP_SHARED, file, 0);
        if (file >= 0) close(file);
        if (!shared || shared == MAP_FAILED) { shared = 0; return 0; }
    }
    return *shared;
}
int clock_gettime(clockid_t which, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, which, now);
    if (!failed && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) now->tv_sec += seconds();
    return failed;
}
int gettimeofday(struct timeval *now, void *zone) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    now->tv_sec = t.tv_sec; now->tv_usec = t.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *now) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (now) *now = t.tv_sec;
    return t.tv_sec;
}
"""


def built(place: Path) -> Path | None:
    """The library, compiled in `place`; None where there is no compiler or no such preloading."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        return None
    source, library = place / "step.c", place / "step.so"
    source.write_text(SOURCE)
    compiled = subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source], check=False)
    return library if compiled.returncode == 0 else None


class SteppingClock:
    """Sets the clock of all processes with `environment` at random moments; a context manager.

    Args:
        furthest: seconds by which the clock is off at most, in either direction.

    Attributes:
        environment: what such a process has beside its own.
        steps: how often the clock was set.
    """

    def __init__(self, library: Path, rng: random.Random, furthest: int = 3600) -> None:
        self._file, self._rng, self._furthest = library.with_suffix(".offset"), rng, furthest
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_STEP": str(self._file)}
        self.steps = 0
        self.set(0)

    def set(self, seconds: int) -> None:
        """Has the clock be off by so much."""
        handle = os.open(self._file, os.O_WRONLY | os.O_CREAT, 0o600)
        os.pwrite(handle, struct.pack("l", seconds), 0)
        os.close(handle)

    def __enter__(self) -> SteppingClock:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._rng.uniform(0.02, 0.6)):
            self.set(self._rng.randint(-self._furthest, self._furthest))
            self.steps += 1
