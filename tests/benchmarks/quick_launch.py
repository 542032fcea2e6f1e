"""Typing `mnist-tui --preset hog --ppc 7` to the first point on the curve: `python -m tests.benchmarks.quick_launch`.

Whole processes on a pseudo-terminal, in interleaved pairs with `python -c 'import tensorflow'`, which is their bound.
Needs the real MNIST (MNIST_TUI_DATA); its HOG features are cached by a first launch that does not count.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from tests.benchmarks import results
from tests.benchmarks.first_point import seconds_to_a_point
from tests.benchmarks.pairs import ratio
from tests.benchmarks.startup import seconds_to_import

QUICK = ("--preset", "hog", "--ppc", "7")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.quick_launch", description=__doc__)
    parser.add_argument("--pairs", type=int, default=7, help="launches (default %(default)s)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        os.environ |= {"MNIST_TUI_RUNS": f"{place}/runs", "MNIST_TUI_CONFIG": f"{place}/settings.toml"}
        Path(place, "settings.toml").write_text("toured = true\n")
        seconds_to_a_point(*QUICK)
        found = ratio([(seconds_to_a_point(*QUICK), seconds_to_import()) for _ in range(asked.pairs)])
    body = (
        f"`mnist-tui {' '.join(QUICK)}` to the first loss on the curve {found.first:.2f} s, "
        f"`python -c 'import tensorflow'` {found.second:.2f} s, JAX hidden (medians of {found.pairs} pairs); "
        f"ratio **{found}**, at most 1.05 is wanted"
    )
    print(body)
    results.write("Quick launch", body)


if __name__ == "__main__":
    main()
