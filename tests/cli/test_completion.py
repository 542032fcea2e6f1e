"""What a shell is offered for the word that is being typed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mnist_tui.data.known import KNOWN
from mnist_tui.experiment.fields import assigned, paths_of
from mnist_tui.experiment.layers import EVERY_FIELD
from mnist_tui.experiment.presets import find_preset
from tests.cli.conftest import Command


def offered(cli: Command, line: str) -> set[str]:
    result = cli(_MNIST_TUI_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(line.count(" ")))
    return set(result.stdout.split())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("mnist-tui train --dataset ", set(KNOWN)),
        ("mnist-tui train --device g", {"gpu", "gpu:0"}),
        ("mnist-tui resume latest --device c", {"cpu"}),
        ("mnist-tui train --schedule co", {"constant", "cosine"}),
        ("mnist-tui export latest --weights keras,s", {"keras,safetensors", "keras,savedmodel"}),
        ("mnist-tui export latest --complexity t", {"tex", "text"}),
        ("mnist-tui export latest --history ", {"csv", "tensorboard"}),
        ("mnist-tui export latest --code k", {"keras"}),
        ("mnist-tui train --preset hog --set features.p", {"features.pixels_per_cell="}),
        ("mnist-tui sweep --search t", {"tpe"}),
        ("mnist-tui guide gl", {"glossary"}),
    ],
)
def test_a_word_is_completed(cli: Command, line: str, expected: set[str]) -> None:
    assert offered(cli, line) == expected


def test_every_path_that_is_offered_can_be_set_to_what_it_is() -> None:
    experiment = find_preset("cnn").experiment
    paths = paths_of(experiment)
    assert {"layers.0.filters", "optimizer.learning_rate", "training.epochs"} <= set(paths)
    for path in paths:
        value: Any = experiment.model_dump(mode="json", context=EVERY_FIELD)
        for key in path.split("."):
            value = value[int(key)] if isinstance(value, list) else value[key]
        text = json.dumps(value)
        assert assigned(experiment, f"{path}={text}") == experiment, path
