"""What ARCHITECTURE.md says of the program is so."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import mnist_tui
from mnist_tui.runs.event_log import replayed

PACKAGE = Path(mnist_tui.__file__).parent
MAP = (PACKAGE / "ARCHITECTURE.md").read_text()
TREES = {path: ast.parse(path.read_bytes()) for path in sorted(PACKAGE.rglob("*.py"))}
MOST_FILES, MOST_LINES = 358, 82_400
LARGEST_CYCLE = 2
ONLY_IN = {
    "tensorflow": "training",
    "keras": "training",
    "tensorboard": "runs",
    "numba": "training",
    "textual": "tui",
    "typer": "cli",
}
"""Libraries that one package alone imports."""
KNOWN_TWICE: set[str] = set()
"""Class names that exist more than once; to become none."""
PRESET = """
[dataset]
name = "digits"

[[layers]]
kind = "flatten"

[training]
epochs = 100000
"""


def test_every_package_and_module_that_is_named_is_there() -> None:
    folders = re.findall(r"^\| `(\w+)/` \|", MAP, re.MULTILINE)
    assert sorted(folders) == sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
    for name in re.findall(r"`(\w+/\w+\.py)`", MAP):
        assert (PACKAGE / name).is_file(), name


def test_the_program_is_no_larger_than_it_was() -> None:
    assert len(TREES) <= MOST_FILES
    assert sum(len(path.read_text().splitlines()) for path in TREES) <= MOST_LINES


def test_no_class_name_exists_twice() -> None:
    classes = [node.name for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    assert {name for name, count in Counter(classes).items() if count > 1} - KNOWN_TWICE == set()


def test_a_heavy_library_is_imported_by_the_package_that_is_for_it() -> None:
    for path, tree in TREES.items():
        room = path.relative_to(PACKAGE).parts[0]
        used = {name.partition(".")[0] for name in imported(path, tree)}
        assert {library for library in used if ONLY_IN.get(library, room) != room} == set(), path
        assert not (room == "experiment" and "numpy" in used), path


def test_at_most_two_modules_import_each_other_in_a_circle() -> None:
    names = {path: ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts) for path in TREES}
    modules = {name.removesuffix(".__init__"): path for path, name in names.items()}
    graph = {
        module: {found for found in imported(path, TREES[path]) if found in modules and found != module}
        for module, path in modules.items()
    }
    circles = [sorted(circle) for circle in circles_of(graph) if len(circle) > LARGEST_CYCLE]
    assert circles == []


def imported(path: Path, tree: ast.Module) -> Iterator[str]:
    """Yield the modules that a file imports, also for types alone: `a.b` and, where it may be one, `a.b.name`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, path
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def circles_of(graph: Mapping[str, set[str]]) -> list[set[str]]:
    """Return the sets of modules of which each reaches every other (strongly connected components, after Kosaraju)."""
    order: list[str] = []
    seen: set[str] = set()

    def walk(start: str, edges: Mapping[str, set[str]]) -> list[str]:
        """Return what is reached from `start` and was not seen, each after what it leads to."""
        reached: list[str] = []
        stack = [(start, iter(edges[start]))]
        seen.add(start)
        while stack:
            node, rest = stack[-1]
            new = next((each for each in rest if each not in seen), None)
            if new is None:
                reached.append(node)
                stack.pop()
            else:
                seen.add(new)
                stack.append((new, iter(edges[new])))
        return reached

    for module in graph:
        if module not in seen:
            order += walk(module, graph)
    back: dict[str, set[str]] = {module: set() for module in graph}
    for module, targets in graph.items():
        for target in targets:
            back[target].add(module)
    seen = set()
    return [set(walk(module, back)) for module in reversed(order) if module not in seen]


@pytest.mark.slow
def test_the_third_front_end_starts_follows_and_stops_a_run_without_the_other_two(tmp_path: Path) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```", MAP, re.MULTILINE | re.DOTALL)
    seen = "print([name for name in ('textual', 'typer', 'tensorflow', 'mnist_tui.cli') if name in sys.modules])"
    (tmp_path / "tiny.toml").write_text(PRESET)
    ended = subprocess.run(
        [sys.executable, "-c", program + seen, str(tmp_path / "runs"), str(tmp_path / "tiny.toml")],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    told, imported = ended.stdout.splitlines()
    run, state = told.split()
    assert state == "stopped"
    assert imported == "[]"
    assert len(replayed(tmp_path / "runs" / run / "events.jsonl").history) >= 2
