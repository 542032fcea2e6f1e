"""`train --threads`: computed over so many, recorded, and refused beyond the cores."""

import json
import shlex

import pytest

from mnist_tui.runs.devices import usable_cores
from mnist_tui.runs.library import find_run
from tests.cli.conftest import sentence

SMALL = ["train", "--preset", "raw", "--dataset", "digits", "--hidden", "8", "--epochs", "1", "--limit", "200"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("0", f"--threads 0 is out of bounds; 1 to {usable_cores()} works"),
        (f"{usable_cores() + 1}", f"--threads {usable_cores() + 1} is out of bounds; 1 to {usable_cores()} works"),
        ("two", f"--threads two is not a whole number; 1 to {usable_cores()} works"),
    ],
)
def test_what_is_no_number_of_threads_here_gets_a_sentence(cli, given, said):
    assert sentence(cli(*SMALL, "--threads", given)) == said


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_run_computes_over_the_threads_it_was_given_and_its_command_names_them(cli, runs_dir):
    result = cli(*SMALL, "--threads", "1", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["platform"]["threads"] == 1
    launch = find_run(runs_dir, "latest").launch()
    assert launch.threads == 1
    assert shlex.split(launch.command)[-3:] == ["--threads", "1", "--json"]
