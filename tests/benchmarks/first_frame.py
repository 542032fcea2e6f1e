"""Time to the app's first frame: `python -m tests.benchmarks.first_frame`.

Against a Textual app that shows one label and, where Weights & Biases is installed, against its terminal viewer. Whole
processes on a pseudo-terminal, from start to the text being on the screen, taking turns.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks import results
from tests.benchmarks.pairs import ratio
from tests.terminal import COMMAND, Terminal

TURNS = 9
ONE_LABEL = """
from textual.app import App
from textual.widgets import Label
class OneLabel(App[None]):
    def compose(self):
        yield Label("one label drawn")
OneLabel().run()
"""
WANDB_RUN = """
import wandb
run = wandb.init(project="digits", mode="offline")
for epoch in range(20):
    run.log({"loss": 1 / (epoch + 1)})
run.finish()
"""


def seconds_until(seen: str, command: tuple[str, ...], leave: str = "\x11") -> float:
    began = time.perf_counter()
    with Terminal([], columns=120, rows=40, command=command) as terminal:
        terminal.wait_for(seen)
        took = time.perf_counter() - began
        terminal.press(leave)
        terminal.wait_for_exit()
    return took


def wandb_viewer(place: Path) -> tuple[str, ...] | None:
    """The command that shows a recorded run in Weights & Biases' terminal viewer; None where it is not installed."""
    beside = shutil.which("wandb", path=str(Path(sys.executable).parent))
    command = beside or shutil.which("wandb")
    if command is None:
        return None
    script = place / "record.py"
    script.write_text(WANDB_RUN)
    python = Path(command).parent / "python"
    subprocess.run([str(python), str(script)], cwd=place, check=True, capture_output=True)
    return (command, "leet", str(place / "wandb"))


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        os.environ |= {"MNIST_TUI_RUNS": f"{place}/runs", "MNIST_TUI_CONFIG": f"{place}/settings.toml"}
        Path(place, "settings.toml").write_text("toured = true\n")
        script = Path(place) / "one_label.py"
        script.write_text(ONE_LABEL)
        viewer = wandb_viewer(Path(place))
        ours: list[float] = []
        label: list[float] = []
        wandb: list[float] = []
        for _ in range(TURNS + 1):
            ours.append(seconds_until("fashion", COMMAND))
            label.append(seconds_until("one label drawn", (sys.executable, str(script))))
            if viewer is not None:
                wandb.append(seconds_until("Run Overview", viewer, leave="q"))
    found = ratio(list(zip(ours, label, strict=True))[1:])
    body = (
        f"presets {found.first:.2f} s, one label {found.second:.2f} s (medians of {found.pairs} turns); "
        f"ratio **{found}**, at most 1.8 is wanted"
    )
    if wandb:
        other = ratio(list(zip(ours, wandb, strict=True))[1:])
        body += f"\n\n`wandb leet` on a recorded run {other.second:.2f} s; ratio **{other}**, below 1 is wanted"
    print(body)
    results.write("First frame", body)


if __name__ == "__main__":
    main()
