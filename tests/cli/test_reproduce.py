"""`reproduce`: what it would train, the table of what is there, and a real one from end to end."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mnist_tui.data.catalogue import find
from mnist_tui.studies.folder import study_folders
from tests.cli.conftest import Command, sentence
from tests.cli.test_process import command, environment
from tests.studies.reproduced import finished

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def some(runs_dir: Path) -> Path:
    """Five seeds of one that agrees, one of one that misses, one without a published accuracy."""
    for seed in range(5):
        finished(runs_dir, "various-mlp2", seed, 0.9790 + seed / 10_000, seconds=20.0 + seed)
    finished(runs_dir, "report-mlp5layers", 0, 0.9000)
    finished(runs_dir, "labo04-raw-sigmoid-250", 1, 0.9715, platform={"cpu": "Other", "threads": 1})
    return runs_dir


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ([], "name what to reproduce: a source (efc2, labo04 …), an experiment's id, or all"),
        (["efc-liner"], "efc-liner is neither a source nor an experiment of one; did you mean efc-linear"),
        (["efc2", "--seeds", "0"], "--seeds 0 is out of bounds"),
        (["efc2", "--from-runs", "--dry-run"], "--from-runs does not go with --dry-run"),
        (["efc2", "--dry-run", "-o", "x.md"], "-o does not go with --dry-run"),
        (["efc2", "--from-runs", "-o", "x.html"], "-o x.html is not a Markdown file"),
        (["efc2", "--from-runs", "-o", "nowhere/x.md"], "-o nowhere/x.md: there is no folder"),
        (["efc2", "--workers", "2", "--scheduler", "tcp://a:1"], "--workers does not go with --scheduler"),
        (["efc-linear", "--device", "tpu"], "--device tpu is not known"),
    ],
)
def test_a_request_that_cannot_be_is_refused_before_anything_is_made(
    cli: Command, runs_dir: Path, line: list[str], said: str
) -> None:
    assert said in sentence(cli("reproduce", *line))
    assert not runs_dir.exists()


def test_without_the_extra_the_command_that_adds_it_is_named(
    cli: Command, runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    result = cli("reproduce", "efc-linear")
    assert result.exit_code == 2
    assert result.stderr.rstrip().endswith("pip install 'mnist-tui[study]'")
    assert not runs_dir.exists()


def test_a_dry_run_says_what_is_missing_and_about_how_long_it_takes(cli: Command, some: Path) -> None:
    result = cli("reproduce", "various-mlp2", "labo04-raw-tanh-250", "report-mlp5layers", "cnn-model1", "--dry-run")
    assert result.stdout.splitlines() == [
        "cnn-model1: 5 trainings, time not known",
        "labo04-raw-tanh-250: 5 trainings, about 1 min 00 s by labo04-raw-sigmoid-250 each",
        "report-mlp5layers: 4 trainings, about 1 min 00 s each",
        "14 trainings to do: about 9 min 00 s one after the other, and 5 trainings whose time is not known; "
        "6 finished runs from before",
    ]
    doc = json.loads(cli("reproduce", "report-mlp5layers", "--dry-run", "--json").stdout)
    assert doc["missing"] == [
        {
            "id": "report-mlp5layers",
            "seeds": [1, 2, 3, 4],
            "estimate": {"seconds": 60.0, "at_most": False, "like": "report-mlp5layers"},
        }
    ]
    again = cli("reproduce", "various-mlp2", "--dry-run", "--again").stdout
    assert again.startswith("various-mlp2: 5 trainings, about 22.0 s each")
    assert study_folders(some) == []


def test_nothing_is_started_where_nothing_is_missing(cli: Command, some: Path) -> None:
    result = cli("reproduce", "various-mlp2")
    assert result.exit_code == 0
    assert result.stderr.strip() == "nothing is missing; 5 finished runs from before"
    assert "agrees" in result.stdout
    assert study_folders(some) == []


def test_the_table_has_published_beside_ours_with_difference_and_verdict(cli: Command, some: Path) -> None:
    lines = cli("reproduce", "--from-runs", "various-mlp", "mnist-training", "labo04-raw-sigmoid-250").stdout
    rows = {line.split("  ")[0]: re.split(r"\s{2,}", line.strip()) for line in lines.splitlines() if "  " in line}
    assert rows["various-mlp2"] == [
        "various-mlp2",
        "97.87 %",
        "97.92 %",
        "0.02",
        "0 to 4",
        "+0.05 points",
        "agrees",
        "0.0967",
        "0.0208 ± 0.0002",
        "22.0 s (20.0 s to 24.0 s)",
        "20",
        "CPU, 2 threads, machine A",
    ]
    assert rows["report-mlp5layers"][2:7] == ["90.00 %", "–", "0: 1 of 5", "−2.23 points", "misses, provisional"]
    assert rows["labo04-raw-sigmoid-250"][1:7] == ["–", "97.15 %", "–", "1: 1 of 5", "–", "not comparable"]
    assert rows["labo04-raw-sigmoid-250"][-1] == "CPU, 1 thread, machine B"
    assert rows["various-mlp3"][2] == "not run"
    assert rows["report-mlp2layers-a, b"][1] == "91.09 %"
    assert "report-mlp5layers: misses by −2.23 points (so far 1 seed of 5), not explained yet" in lines
    assert lines.splitlines()[-1] == (
        "10 experiments: 1 agrees, 1 misses (1 of them provisional), 1 not comparable, 7 not run"
    )


def test_a_terminal_of_80_shows_the_published_accuracy_ours_and_the_verdict_whole(some: Path) -> None:
    from mnist_tui.cli.reproduction_table import as_text
    from tests.studies.test_reproduction import table

    lines = as_text(table(some), 80).splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert not any("…" in line for line in lines)
    for width in (120, 200):
        assert all(len(line) <= width for line in as_text(table(some), width).splitlines())


def test_the_document_has_the_same_as_numbers(cli: Command, some: Path) -> None:
    doc = json.loads(cli("reproduce", "--from-runs", "various-mlp2", "--json").stdout)
    (source,) = doc["sources"]
    (found,) = source["experiments"]
    assert (found["verdict"], found["provisional"], found["margin"]) == ("agrees", False, 0.005)
    assert found["difference"] == pytest.approx(0.9792 - 0.9787)
    assert [run["seed"] for run in found["runs"]] == [0, 1, 2, 3, 4]
    assert doc["study"] is None


def test_the_kept_table_says_its_rule_its_machines_and_its_honesty_and_is_the_same_each_time(
    cli: Command, some: Path, tmp_path: Path
) -> None:
    path = tmp_path / "table.md"
    texts: list[bytes] = []
    for _ in range(2):
        assert cli("reproduce", "--from-runs", "-o", path).exit_code == 0
        texts.append(path.read_bytes())
    assert texts[0] == texts[1]
    text = texts[0].decode()
    assert "7 runs, 2026-02-25 (UTC), on 2 machines:" in text
    assert r"- Machine A: Test \| CPU_1 \*fast\*, 4 cores, 16 GB memory, Testix 1, Python 3.11.9" in text
    assert "| 97.87 % | 97.92 % ± 0.02 | 0 to 4 | +0.05 points | agrees (± 0.50) |" in text
    assert "| 91.09 % (mean of 2 trainings) | not run |" in text
    for said in ("at most 0.5 points or 2", "clock on the wall", "by their checksums", "not the error of the mean"):
        assert said in text
    for secret in (str(tmp_path), str(ROOT), "bench", *(folder.name for folder in some.iterdir())):
        assert secret not in text
    tables = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(tables) == 58 + 5 + 2 * 6, "the experiments of five reports, five classics, a head of two lines for each"
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 12 for line in tables)
    assert "](" not in text


def test_inside_a_checkout_presets_are_linked(cli: Command, some: Path) -> None:
    from mnist_tui.cli.reproduction_table import as_markdown
    from tests.studies.test_reproduction import table

    text = as_markdown(table(some, "efc-linear", "report-convnet2layers-a"), ROOT / "presets" / "REPRODUCTIONS.md")
    links = re.findall(r"\]\((\S+)\)", text)
    assert links[0] == "efc2/efc-linear.toml"
    assert len(links) == 3
    assert all((ROOT / "presets" / link).is_file() for link in links)


@pytest.mark.slow
def test_the_linear_classifier_is_reproduced_on_the_real_data_once(tmp_path: Path) -> None:
    if find("mnist") is None:
        pytest.skip("MNIST is not here")
    there = {key: value for key, value in os.environ.items() if key == "MNIST_TUI_DATA"}
    surroundings = environment(tmp_path, **there)
    line = command("reproduce", "efc-linear", "--workers", "1", "--json", "-o", str(tmp_path / "table.md"))
    first = subprocess.run(line, env=surroundings, capture_output=True, text=True, check=True)
    assert "1 training to do" in first.stderr
    doc = json.loads(first.stdout)
    (experiment,) = doc["sources"][0]["experiments"]
    assert experiment["verdict"] == "agrees"
    assert not experiment["provisional"]
    assert abs(experiment["difference"]) <= 0.003
    again = subprocess.run(line, env=surroundings, capture_output=True, text=True, check=True)
    assert "nothing is missing" in again.stderr
    assert json.loads(again.stdout)["sources"] == doc["sources"]
    assert "1 agrees" in (tmp_path / "table.md").read_text()
