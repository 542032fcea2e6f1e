"""The command as a process of its own: what it imports, how it ends, what it does with broken streams."""

import json
import os
import pty
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mnist_tui.cli.groups import LateCommand
from tests.invoked import COMMANDS
from tests.report.recorded import recorded_run

HEAVY = (
    "tensorflow",
    "keras",
    "sklearn",
    "skimage",
    "scipy",
    "matplotlib",
    "numpy",
    "textual",
    "jinja2",
    "distributed",
    "dask",
    "optuna",
)
NO_EXPERIMENTS = ("pydantic", "mnist_tui.experiment.spec", "mnist_tui.studies", "mnist_tui.report", "mnist_tui.runs")
NO_COMMANDS = ("mnist_tui.cli.train", "mnist_tui.cli.runs", "mnist_tui.studies", "mnist_tui.report", "mnist_tui.runs")
ASK = """
import json, sys
from mnist_tui.cli.entry import main
sys.argv = ["mnist-tui", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    print(json.dumps([end.code, list(sys.modules)]), file=sys.stderr)
"""


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    """This process's, with a home of its own."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "MNIST_TUI_", "TEXTUAL"))}
    return {**kept, "HOME": str(tmp_path), "MNIST_TUI_RUNS": str(tmp_path / "runs"), **more}


def test_a_system_without_unix_locks_is_told_in_a_sentence(tmp_path: Path) -> None:
    code = "import sys; sys.modules['fcntl'] = None; from mnist_tui.cli.entry import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", code, "runs"], env=environment(tmp_path), capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: mnist-tui needs Unix file locks")
    assert len(ended.stderr.splitlines()) == 1


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "mnist_tui", *map(str, arguments)]


@pytest.mark.parametrize(
    "line",
    [
        ["--help"],
        ["presets", "list"],
        ["complexity", "--preset", "cnn"],
        ["train", "--preset", "raw", "--ppc", "29"],
        ["sweep", "--preset", "raw", "--over", "ppc=29"],
        *(
            pytest.param(line, marks=pytest.mark.exhaustive)
            for line in (["--version"], ["runs"], ["show", "latest"], ["studies"])
        ),
    ],
    ids=" ".join,
)
def test_light_commands_import_nothing_heavy(tmp_path: Path, line: list[str]) -> None:
    recorded_run(tmp_path / "runs")
    ended = subprocess.run(
        [sys.executable, "-c", ASK, *line], env=environment(tmp_path), capture_output=True, text=True, check=True
    )
    code, imported = json.loads(ended.stderr.splitlines()[-1])
    assert set(imported) & set(HEAVY) == set()
    assert code == (2 if "29" in line[-1] else 0)


@pytest.mark.parametrize(
    ("line", "without"),
    [
        (["--version"], (*NO_EXPERIMENTS, "typer", "rich", "asyncio")),
        (["presets", "list"], NO_EXPERIMENTS),
        (["presets", "list", "--json"], NO_EXPERIMENTS),
        (["guide"], NO_EXPERIMENTS[1:]),
        (["--help"], NO_COMMANDS),
        (["runs"], ("mnist_tui.studies", "mnist_tui.report", "mnist_tui.cli.train", "asyncio")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_small_commands_import_only_what_they_print(tmp_path: Path, line: list[str], without: tuple[str, ...]) -> None:
    recorded_run(tmp_path / "runs")
    asked, own = [sys.executable, "-c", ASK, *line], environment(tmp_path)
    subprocess.run(asked, env=own, capture_output=True, check=True)  # it writes the index of presets
    ended = subprocess.run(asked, env=own, capture_output=True, text=True, check=True)
    code, imported = json.loads(ended.stderr.splitlines()[-1])
    assert (code, set(imported) & set(without)) == (0, set())


def test_the_help_of_a_group_says_of_each_command_what_its_own_help_says_first() -> None:
    commands: dict[str, Any] = getattr(COMMANDS, "commands")  # noqa: B009
    late = [found for found in commands.values() if isinstance(found, LateCommand)]
    late.append(commands["presets"].command.commands["save"])
    assert len(late) > 25
    for found in late:
        assert found.help == found.command.help.partition("\n\n")[0].replace("\n", " "), found.name
        assert found.name == found.command.name


def test_a_wrong_request_is_one_sentence_and_code_2_of_the_process(tmp_path: Path) -> None:
    ended = subprocess.run(
        command("train", "--preset", "hgo"), env=environment(tmp_path), capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("error: there is no preset 'hgo'; did you mean hog")
    assert ended.stderr.count("\n") == 1


def test_a_reader_that_leaves_early_ends_nothing_and_gets_no_traceback(tmp_path: Path) -> None:
    recorded_run(tmp_path / "runs")
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        command("show", "latest", "--json"),
        env=environment(tmp_path),
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("redirected", "code", "said"),
    [
        (">/dev/full", 1, "error: not all results could be written to stdout: No space left on device"),
        (">/dev/full 2>/dev/full", 1, ""),
        (">&-", 0, ""),
        ("<&- >&- 2>&-", 0, ""),
    ],
)
def test_results_that_cannot_be_written_are_told_and_a_closed_stdout_is_meant(
    tmp_path: Path, redirected: str, code: int, said: str
) -> None:
    words = f"{shlex.join(command('presets', 'show', 'raw'))} {redirected}"
    ended = subprocess.run(["sh", "-c", words], env=environment(tmp_path), capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr.strip()) == (code, "", said)


def test_output_survives_a_locale_that_cannot_write_it(tmp_path: Path) -> None:
    ascii_only = environment(tmp_path, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    for form in ("table", "json"):
        line = command("complexity", "--preset", "raw", "--format", form)
        ended = subprocess.run(line, env=ascii_only, capture_output=True, text=True, check=True)
        assert ended.stderr == ""


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_terminal_that_cannot_draw_is_refused(tmp_path: Path, term: str) -> None:
    master, slave = pty.openpty()
    ended = subprocess.run(
        command(), env=environment(tmp_path, TERM=term), stdin=slave, stdout=slave, stderr=subprocess.PIPE, check=False
    )
    os.close(slave)
    os.close(master)
    assert ended.returncode == 2
    assert b"mnist-tui train --preset NAME" in ended.stderr


@pytest.mark.parametrize(("answer", "replaced"), [("y", True), ("", False)])
def test_on_a_terminal_existing_files_are_replaced_only_after_a_yes(
    tmp_path: Path, answer: str, replaced: bool
) -> None:
    run = recorded_run(tmp_path / "runs")
    mine = tmp_path / "history.csv"
    mine.write_text("mine")
    master, slave = pty.openpty()
    line = command("export", run.id, "--history", "csv", "-o", str(tmp_path))
    os.write(master, f"{answer}\n".encode())
    ended = subprocess.run(
        line, env=environment(tmp_path), stdin=slave, stdout=subprocess.PIPE, stderr=slave, check=True
    )
    os.close(slave)
    asked = os.read(master, 10_000).decode()
    os.close(master)
    assert "history.csv; replace? [y/N]" in " ".join(asked.split())
    assert ended.stdout.decode().split() == ([str(mine)] if replaced else [])
    assert mine.read_text().startswith("epoch," if replaced else "mine")


def test_offline_train_says_how_to_bring_data(tmp_path: Path) -> None:
    # a proxy that nobody serves is a network without an end
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
    ended = subprocess.run(
        command("train", "--preset", "fashion"),
        env=environment(tmp_path, no_proxy="", NO_PROXY="", **nowhere),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert "Fashion-MNIST is not on this machine" in ended.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_shown(tmp_path: Path, shell: str) -> None:
    asked = environment(tmp_path, _MNIST_TUI_COMPLETE=f"source_{shell}")
    ended = subprocess.run(command(), env=asked, capture_output=True, text=True, check=False)
    assert "_MNIST_TUI_COMPLETE" in ended.stdout


def test_completion_knows_presets_and_runs(tmp_path: Path) -> None:
    run = recorded_run(tmp_path / "runs")
    for words, expected in (("mnist-tui train --preset f", "fashion"), (f"mnist-tui show {run.id[:6]}", run.id)):
        asked = environment(
            tmp_path, _MNIST_TUI_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(words.count(" "))
        )
        ended = subprocess.run(command(), env=asked, capture_output=True, text=True, check=False)
        assert ended.stdout.split() == [expected]


QUICK_LAUNCH = """
import sys, types

class Bench:
    return_code, error = 0, None

    def __init__(self, options):
        assert "textual" not in sys.modules
        self.standby = options.standby

    def run(self):
        print(self.standby.waiting if self.standby else None)
        if self.standby:
            self.standby.dismiss()

sys.modules["mnist_tui.tui.app"] = types.SimpleNamespace(BenchApp=Bench, AppOptions=types.SimpleNamespace)
sys.argv = ["mnist-tui", *sys.argv[1:]]
from mnist_tui.cli.entry import main
main()
"""


@pytest.mark.parametrize(("options", "standby"), [(["--ppc", "7"], "True"), (["--ppc", "7", "--edit"], "None")])
def test_a_quick_launch_starts_its_worker_before_the_app_is_imported(
    options: list[str], standby: str, tmp_path: Path
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", QUICK_LAUNCH, "--preset", "hog", *options],
        env=environment(tmp_path, TEXTUAL_DRIVER="none"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.stdout.strip(), ended.returncode) == (standby, 0), ended.stderr
