"""`presets list|show|save`: list, show and save named experiments."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Any

import typer

from mnist_tui.cli.groups import BenchCommand, BenchGroup, CommandPlace
from mnist_tui.cli.options import Json, complete_preset, refuse_early_json
from mnist_tui.cli.output import TextTable, print_data, print_json, print_line, print_note, print_table
from mnist_tui.experiment.preset_files import BrokenPreset
from mnist_tui.experiment.preset_index import PresetEntry, entry_of, grouped, list_entries
from mnist_tui.wording import count, percent


class PresetsGroup(BenchGroup):
    """The commands of presets."""

    LATE = MappingProxyType(
        {"": (CommandPlace("save", "save_preset:save", "Save an experiment as a preset of your own."),)}
    )


app = typer.Typer(name="presets", cls=PresetsGroup, add_completion=False)


@app.callback(invoke_without_command=True)
def presets(ctx: typer.Context, as_json: Json = False) -> None:
    """List, show and save named experiments. Without a command: list them."""
    if ctx.invoked_subcommand is None:
        list_all(as_json)
    elif as_json:
        refuse_early_json(ctx)


@app.command("list", cls=BenchCommand)
def list_all(as_json: Json = False) -> None:
    """List the presets: the starters, those of each source, your own."""
    usable: list[tuple[str, list[PresetEntry]]] = []
    for group in grouped(list_entries()):
        usable.append((group.title, [preset for preset in group.presets if isinstance(preset, PresetEntry)]))
        for broken in (preset for preset in group.presets if isinstance(preset, BrokenPreset)):
            print_note(f"note: {broken.name} cannot be used: {broken.message}")
    if as_json:
        print_json([{**summary(preset), "group": title} for title, presets in usable for preset in presets])
        return
    for at, (title, presets) in enumerate((title, presets) for title, presets in usable if presets):
        print_line(f"{chr(10) if at else ''}{title}\n")
        table = TextTable("name", "title", "dataset", "parameters", "published", right=("parameters", "published"))
        for preset in presets:
            published = "" if preset.reference is None else percent(preset.accuracy)
            table.add_row(preset.name, preset.title, preset.dataset, count(preset.parameters), published)
        print_table(table)


@app.command(cls=BenchCommand)
def show(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A preset's name or file.", autocompletion=complete_preset)
    ],
    as_json: Json = False,
) -> None:
    """Show a preset as TOML, as in a preset file of your own."""
    from mnist_tui.experiment.presets import dump_preset, find_preset
    from mnist_tui.experiment.spec import to_mapping

    preset = find_preset(name)
    if as_json:
        more = {"about": preset.about.strip(), "experiment": to_mapping(preset.experiment)}
        print_json(summary(entry_of(preset)) | more)
        return
    print_data(dump_preset(preset))


def summary(preset: PresetEntry) -> dict[str, Any]:
    """Return the JSON document of a preset without its experiment, as in `presets list --json`."""
    return {
        "name": preset.name,
        "title": preset.title,
        "origin": preset.origin,
        "path": str(preset.path),
        "dataset": preset.dataset,
        "inputs": preset.inputs,
        "parameters": {"total": preset.parameters, "trainable": preset.trainable},
        "source": preset.source,
        "reference": preset.reference,
    }
