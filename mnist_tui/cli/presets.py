"""`presets list|show|save`: list, show and save named experiments."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from mnist_tui.cli.options import BenchGroup, Json, Request, complete_preset, option, refuse_early_json, with_experiment
from mnist_tui.cli.output import TextTable, print_data, print_json, print_line, print_note, print_table
from mnist_tui.errors import RequestError
from mnist_tui.experiment.preset_files import BrokenPreset, user_folder
from mnist_tui.experiment.preset_index import PresetEntry, entry_of, grouped, list_entries
from mnist_tui.wording import count, percent

app = typer.Typer(name="presets", cls=BenchGroup)


@app.callback(invoke_without_command=True)
def presets(ctx: typer.Context, as_json: Json = False) -> None:
    """List, show and save named experiments. Without a command: list them."""
    if ctx.invoked_subcommand is None:
        list_all(as_json)
    elif as_json:
        refuse_early_json(ctx)


@app.command("list")
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


@app.command()
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


@app.command()
@with_experiment
def save(
    request: Request,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name for the preset.")],
    force: Annotated[bool, option("--force", None, "Replace your preset of that name.")] = False,
) -> None:
    """Save an experiment as a preset of your own."""
    from mnist_tui.experiment.presets import save_preset

    request.one_seed("a preset is one experiment")
    preset = request.chosen()
    taken = user_folder() / f"{name}.toml"
    if os.path.lexists(taken) and not force:
        raise RequestError(f"there is a preset {name!r} of yours already ({taken}); --force replaces it")
    print_data(f"{save_preset(preset, name, overwrite=force)}\n")


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
