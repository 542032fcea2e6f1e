"""From pressing train on the presets screen to the first loss on the curve: `python -m tests.benchmarks.first_point`.

The app stands on the presets for 15 s first, as a person reads; needs the real MNIST (MNIST_TUI_DATA).
"""

import os
import statistics
import tempfile
import time

from tests.benchmarks import results
from tests.terminal import ENTER, Terminal

TIMES = 5
READING_SECONDS = 15.0


def seconds_to_a_point(*arguments: str) -> float:
    """Seconds to the first loss on the curve: from Enter on the presets; with arguments, from the program's start."""
    began = time.perf_counter()
    with Terminal(arguments, columns=120, rows=40) as terminal:
        if not arguments:
            terminal.wait_for("fashion")
            terminal.pump(READING_SECONDS)
            began = time.perf_counter()
            terminal.press(ENTER)
        terminal.wait_for("running mean")
        took = time.perf_counter() - began
        terminal.press("s")
        terminal.wait_for("topped")
        terminal.press("q")
        terminal.wait_for_exit()
    return took


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        os.environ |= {"MNIST_TUI_RUNS": f"{place}/runs", "MNIST_TUI_CONFIG": f"{place}/settings.toml"}
        times = sorted(seconds_to_a_point() for _ in range(TIMES))
    body = (
        f"train pressed to first loss on the curve: median {statistics.median(times):.2f} s, "
        f"from {times[0]:.2f} to {times[-1]:.2f} s in {TIMES} trainings of raw; at most 3 s is wanted"
    )
    print(body)
    results.write("First point", body)


if __name__ == "__main__":
    main()
