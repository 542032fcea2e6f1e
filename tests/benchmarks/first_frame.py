"""Time to the app's first frame, against a Textual app that shows one label: `python -m tests.benchmarks.first_frame`.

Whole processes on a pseudo-terminal, from start to the text being on the screen, in interleaved pairs.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks import results
from tests.benchmarks.pairs import ratio
from tests.terminal import COMMAND, Terminal

PAIRS = 9
ONE_LABEL = """
from textual.app import App
from textual.widgets import Label
class OneLabel(App[None]):
    def compose(self):
        yield Label("one label drawn")
OneLabel().run()
"""


def seconds_until(seen: str, command: tuple[str, ...]) -> float:
    began = time.perf_counter()
    with Terminal([], columns=120, rows=40, command=command) as terminal:
        terminal.wait_for(seen)
        took = time.perf_counter() - began
        terminal.press("\x11")
        terminal.wait_for_exit()
    return took


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        os.environ |= {"MNIST_TUI_RUNS": f"{place}/runs", "MNIST_TUI_CONFIG": f"{place}/settings.toml"}
        script = Path(place) / "one_label.py"
        script.write_text(ONE_LABEL)
        pairs = [
            (seconds_until("fashion", COMMAND), seconds_until("one label drawn", (sys.executable, str(script))))
            for _ in range(PAIRS + 1)
        ][1:]
    found = ratio(pairs)
    body = (
        f"presets {found.first:.2f} s, one label {found.second:.2f} s (medians of {found.pairs} pairs); "
        f"ratio **{found}**, at most 2 is wanted"
    )
    print(body)
    results.write("First frame", body)


if __name__ == "__main__":
    main()
