"""The guide: its pages, its links, and every command that it and the README show."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from mnist_tui import PROGRAM, guide
from mnist_tui.cli.main import program
from mnist_tui.experiment.presets import load_preset
from tests.cli.conftest import Command, sentence
from tests.cli.test_earlier_versions import WRITTEN

ROOT = Path(__file__).parents[2]
PAGES = Path(guide.__file__).parent
TEXTS = {"README": (ROOT / "README.md").read_text(), **{topic: guide.page(topic) for topic in guide.TOPICS}}
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
QUICK = re.compile(
    r"(presets (list|show)|complexity|runs|(studies )?show latest|studies$|logs latest|data status|guide|prune)\b"
)
"""Commands that are run, not only parsed."""


def blocks(language: str) -> list[tuple[str, str]]:
    """Page and text of each code block in a language."""
    return [(name, text) for name, page in TEXTS.items() for kind, text in BLOCK.findall(page) if kind == language]


def commands() -> list[list[str]]:
    """The arguments of every `mnist-tui` command line, without `uv run` and its options."""
    found: list[list[str]] = []
    for line in (line for _, text in blocks("sh") for line in text.splitlines()):
        words = shlex.split(line, comments=True)
        if PROGRAM in words and words[0] in {"uv", PROGRAM} and words[:2] != ["uv", "tool"]:
            found.append(words[words.index(PROGRAM) + 1 :])
    return found


def test_every_page_is_a_topic() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == set(guide.TOPICS)


@pytest.mark.parametrize("name", TEXTS)
def test_every_link_to_a_file_leads_somewhere(name: str) -> None:
    folder = ROOT if name == "README" else PAGES
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", TEXTS[name])
    assert [link for link in links if not (folder / link).exists()] == []


@pytest.mark.parametrize("arguments", commands(), ids=" ".join)
def test_every_command_that_is_shown_can_be_typed(cli: Command, runs_dir: Path, arguments: list[str]) -> None:
    if QUICK.match(" ".join(arguments)):
        shutil.copytree(WRITTEN / "0.1.0", runs_dir)
        result = cli(*arguments)
        assert result.exit_code == 0, result.stderr
        return
    group = typer.main.get_command(program([]))
    assert isinstance(group, TyperGroup)
    context = group.make_context(PROGRAM, list(arguments), allow_extra_args=True, allow_interspersed_args=False)
    rest = [*context._protected_args, *context.args]
    while rest:
        name, command, rest = group.resolve_command(context, rest)
        assert command is not None, name
        context = command.make_context(name, rest, parent=context)
        if not isinstance(context.command, TyperGroup):
            return
        group, rest = context.command, [*context._protected_args, *context.args]


def test_every_experiment_that_is_shown_in_toml_can_be_trained(tmp_path: Path) -> None:
    shown = [text for name, text in blocks("toml") if name in {"presets", "README"}]
    assert shown
    for text in shown:
        (tmp_path / "shown.toml").write_text(text)
        load_preset(tmp_path / "shown.toml")


def test_the_command_lists_the_pages_and_prints_one(cli: Command) -> None:
    assert [line.split()[0] for line in cli("guide").stdout.splitlines()] == list(guide.TOPICS)
    assert cli("guide", "data").stdout == guide.page("data")
    assert sentence(cli("guide", "preset")).startswith("the guide has no page 'preset'; did you mean presets?")
