"""Time to list a thousand runs, without a cache and with it: `python -m tests.benchmarks.runs_open`."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

from mnist_tui.runs.collection.summaries import CACHE, RunListing, RunSummary
from tests.benchmarks import results
from tests.runs.synthetic import many_runs

RUNS, EPOCHS, REPEATS = 1000, 20, 5
LONG_EPOCHS = 10_000


def opened(runs_dir: Path) -> tuple[float, float, dict[str, RunSummary]]:
    """Seconds until the first rows, until all, and the rows."""
    began = time.perf_counter()
    listing, first = RunListing(runs_dir), 0.0
    for _ in listing.changes():
        first = first or time.perf_counter() - began
    listing.save()
    return first, time.perf_counter() - began, listing.runs


def medians(runs_dir: Path, *, cold: bool) -> tuple[float, float]:
    times: list[tuple[float, float]] = []
    for _ in range(REPEATS):
        if cold:
            (runs_dir / CACHE).unlink(missing_ok=True)
        first, whole, found = opened(runs_dir)
        assert len(found) == RUNS
        times.append((first, whole))
    return statistics.median(first for first, _ in times), statistics.median(whole for _, whole in times)


def looks(runs_dir: Path, *, whole: bool) -> float:
    """Median seconds of one more look at runs that have not changed."""
    listing = RunListing(runs_dir)
    list(listing.changes())
    times: list[float] = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        assert not list(listing.changes(whole=whole))
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        os.environ["MNIST_TUI_CONFIG"] = f"{place}/settings.toml"
        runs_dir = Path(place) / "runs"
        many_runs(runs_dir, RUNS, EPOCHS)
        cold, warm = medians(runs_dir, cold=True), medians(runs_dir, cold=False)
        again, live_only = looks(runs_dir, whole=True), looks(runs_dir, whole=False)
        long = Path(place) / "long"
        many_runs(long, 1, LONG_EPOCHS)
        one = opened(long)[1]
        size = (runs_dir / CACHE).stat().st_size
    body = "\n".join(
        (
            f"| {RUNS:,} runs of {EPOCHS} epochs | first rows | all rows |",
            "|---|---|---|",
            f"| without a cache | {cold[0]:.2f} s | {cold[1]:.2f} s |",
            f"| with it ({size / 1e6:.1f} MB) | {warm[0]:.3f} s | {warm[1]:.3f} s |",
            "",
            f"A look at all files again takes {1000 * again:.0f} ms, "
            f"one for live runs and new files {1000 * live_only:.0f} ms; "
            f"one run of {LONG_EPOCHS:,} epochs is summed up in {one:.2f} s.",
        )
    )
    print(body)
    results.write("A thousand runs", body)


if __name__ == "__main__":
    main()
