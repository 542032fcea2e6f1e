"""Time of small commands against importing Rich's console: `python -m tests.benchmarks.small_commands`.

Whole processes, taking turns. The first turn, in which the index of presets is written, is not counted.
"""

import os
import subprocess
import sys
import tempfile
import time

from tests.benchmarks import results
from tests.benchmarks.pairs import ratio
from tests.terminal import COMMAND

TURNS = 15
IMPORT = (sys.executable, "-c", "import rich.console")
LINES = ("--version", "presets list", "runs", "--help")


def seconds_of(command: tuple[str, ...]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    took: dict[str, list[tuple[float, float]]] = {line: [] for line in LINES}
    with tempfile.TemporaryDirectory() as place:
        os.environ |= {"MNIST_TUI_RUNS": f"{place}/runs", "XDG_CACHE_HOME": place}
        for _ in range(TURNS + 1):
            of_import = seconds_of(IMPORT)
            for line in LINES:
                took[line].append((seconds_of((*COMMAND, *line.split())), of_import))
    imported = ratio(took[LINES[0]][1:]).second
    rows = [f"`import rich.console` {imported:.2f} s; for `--version` a ratio of at most 2 is wanted", ""]
    rows += ["| command | s | ratio |", "|---|---|---|"]
    for line, pairs in took.items():
        found = ratio(pairs[1:])
        rows.append(f"| `mnist-tui {line}` | {found.first:.2f} | **{found}** |")
    body = "\n".join(rows)
    print(body)
    results.write("Small commands", body)


if __name__ == "__main__":
    main()
