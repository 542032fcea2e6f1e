"""`data status|get|import|clear`: show, download, import and delete the datasets on this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from mnist_tui.cli.groups import BenchCommand, BenchGroup
from mnist_tui.cli.options import DataDir, Json, among, data_folder
from mnist_tui.cli.output import LiveLine, TextTable, print_json, print_line, print_note, print_table
from mnist_tui.data.catalogue import KNOWN, DataProgress
from mnist_tui.paths import typed_path
from mnist_tui.wording import counted, size

app = typer.Typer(name="data", cls=BenchGroup, add_completion=False)
DOWNLOADABLE = tuple(name for name, known in KNOWN.items() if not known.sample)


@app.callback(invoke_without_command=True)
def data(ctx: typer.Context) -> None:
    """Show, download, import and delete datasets. Without a command: status."""
    if ctx.invoked_subcommand is None:
        status(ctx)


@app.command(cls=BenchCommand)
def status(ctx: typer.Context, as_json: Json = False, data_dir: DataDir = None) -> None:
    """Show where each dataset is, whether its checksums are the published ones, and the size of the feature cache."""
    from mnist_tui.data import datasets, feature_cache

    features = feature_cache.status()
    statuses = datasets.status(data_folder(ctx, data_dir))
    if as_json:
        docs: list[dict[str, Any]] = [
            {
                "name": dataset.name,
                "title": dataset.title,
                "state": dataset.state,
                "place": dataset.location.place if dataset.location else None,
                "source": dataset.location.source if dataset.location else None,
                "bytes": dataset.size,
                "problem": dataset.problem or None,
            }
            for dataset in statuses
        ]
        cache = {
            "name": "features",
            "title": "HOG features",
            "state": "kept" if features.files else "none",
            "place": "feature cache",
            "source": str(features.folder) if features.folder else None,
            "bytes": features.size,
            "problem": None,
            "files": features.files,
        }
        print_json([*docs, cache])
        return
    table = TextTable("name", "dataset", "state", "size", "where", right=("size",))
    for dataset in statuses:
        where = dataset.location.source if dataset.location else f"`mnist-tui data get {dataset.name}` downloads it"
        bytes_text = size(dataset.size) if dataset.size else ""
        table.add_row(dataset.name, dataset.title, dataset.state, bytes_text, dataset.problem or where)
    files = counted(features.files, "file") if features.files else "none"
    table.add_row("", "HOG features", files, size(features.size) if features.size else "", str(features.folder or ""))
    print_table(table)


@app.command(cls=BenchCommand)
def get(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help=" or ".join(DOWNLOADABLE), autocompletion=among(DOWNLOADABLE))
    ],
    data_dir: DataDir = None,
) -> None:
    """Download a dataset if it is not on this machine, and verify it."""
    from mnist_tui.data import datasets

    printed = ""

    def show(progress: DataProgress) -> None:
        nonlocal printed
        if sys.stderr.isatty():
            share = f" {100 * progress.done / progress.total:3.0f} %" if progress.total else ""
            line.show(f"{progress.text}{share}")
        elif progress.text != printed:
            printed = progress.text
            print_note(printed)

    with LiveLine(sys.stderr) as line:
        dataset = datasets.load(name, data_folder(ctx, data_dir), on_progress=show)
    train, test = len(dataset.train_labels), len(dataset.test_labels)
    print_line(f"{dataset.title}: {train:,} training and {test:,} test images in {dataset.source}")


@app.command("import", cls=BenchCommand)
def import_files(
    folder: Annotated[Path, typer.Argument(metavar="DIR", parser=typed_path, help="Folder that holds the files.")],
) -> None:
    """Copy MNIST or Fashion-MNIST from a folder to where every run finds it."""
    from mnist_tui.data import datasets

    for copy in datasets.import_folder(folder):
        print_line(f"{KNOWN[copy.name].title}: {copy.source}")


@app.command(cls=BenchCommand)
def clear() -> None:
    """Delete the datasets that were downloaded or imported, and the HOG features kept; other folders stay."""
    from mnist_tui.data import datasets, feature_cache

    freed = datasets.clear_cache() + feature_cache.clear()
    print_line(f"freed {size(freed)}" if freed else "there was nothing to delete")
