"""What a longer training is compared with: the source's figures, if it has become the source's experiment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mnist_tui.experiment.parameters import apply_texts
from mnist_tui.experiment.presets import edited, find_preset
from mnist_tui.runs import control
from mnist_tui.runs.control import Command
from mnist_tui.runs.events import Extended
from mnist_tui.runs.folder import Launch, create
from mnist_tui.training.extension import recover
from tests.runs.synthetic import write_events


@pytest.mark.parametrize(
    ("texts", "epochs", "is_compared"),
    [({}, 150, True), ({}, 20, False), ({"patience": "9"}, 150, False), ({"schedule": "cosine"}, 150, False)],
)
def test_a_run_that_reaches_the_sources_epochs_is_compared_with_its_figures(
    tmp_path: Path, texts: dict[str, str], epochs: int, is_compared: bool
) -> None:
    raw = find_preset("raw")
    short = edited(raw, apply_texts(raw.experiment, {"epochs": "15", **texts}))
    assert short.published(sample=False) is None
    folder = create(tmp_path, replace(short, origin="run"), Launch(created=1.0, command=""))
    command = Command("extend", epochs - 15)
    control.write_command(folder, command)
    write_events(folder, [Extended(epochs=epochs, commands=(control.waiting_commands(folder)[0].id,))])
    recover(folder)
    after = folder.preset()
    assert after.experiment.training.epochs == epochs
    assert after.published(sample=False) == (raw.reference if is_compared else None)
    assert (after.title == raw.title) is (not texts), "another number of epochs alone keeps the title"
