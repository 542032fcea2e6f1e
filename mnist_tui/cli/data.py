"""`data status|get|import|clear`: the datasets on this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mnist_tui.cli.options import BenchGroup, DataDir, Json, among, data_folder
from mnist_tui.cli.output import LiveLine, plain_table, print_json, print_line, print_note, print_table
from mnist_tui.data.catalogue import KNOWN, DataProgress
from mnist_tui.paths import typed_path
from mnist_tui.wording import size

app = typer.Typer(cls=BenchGroup)
DOWNLOADABLE = tuple(name for name, known in KNOWN.items() if not known.sample)


@app.callback(invoke_without_command=True)
def data(ctx: typer.Context) -> None:
    """Show, download, import and delete datasets. Without a command: status."""
    if ctx.invoked_subcommand is None:
        status(ctx)


@app.command()
def status(ctx: typer.Context, as_json: Json = False, data_dir: DataDir = None) -> None:
    """Show where each dataset is, whether its checksums are the published ones, and the size of the feature cache."""
    from mnist_tui.data import datasets, feature_cache

    kept = feature_cache.status()
    found = datasets.status(data_folder(ctx, data_dir))
    if as_json:
        print_json(
            [
                {
                    "name": one.name,
                    "title": one.title,
                    "state": one.state,
                    "place": one.location.place if one.location else None,
                    "source": one.location.source if one.location else None,
                    "bytes": one.size,
                    "problem": one.problem or None,
                }
                for one in found
            ]
            + [
                {
                    "name": "features",
                    "title": "HOG features",
                    "state": "kept" if kept.files else "none",
                    "place": "feature cache",
                    "source": str(kept.folder) if kept.folder else None,
                    "bytes": kept.size,
                    "problem": None,
                    "files": kept.files,
                }
            ]
        )
        return
    table = plain_table("name", "dataset", "state", "size", "where", right=("size",))
    for one in found:
        where = one.problem or (
            one.location.source if one.location else f"`mnist-tui data get {one.name}` downloads it"
        )
        table.add_row(one.name, one.title, one.state, size(one.size) if one.size else "", where)
    files = f"{kept.files} file{'s' * (kept.files != 1)}" if kept.files else "none"
    table.add_row("", "HOG features", files, size(kept.size) if kept.size else "", str(kept.folder or ""))
    print_table(table)


@app.command()
def get(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help=" or ".join(DOWNLOADABLE), autocompletion=among(DOWNLOADABLE))
    ],
    data_dir: DataDir = None,
) -> None:
    """Download a dataset if it is not on this machine, and verify it."""
    from mnist_tui.data import datasets

    printer = _ProgressPrinter()
    try:
        dataset = datasets.load(name, data_folder(ctx, data_dir), on_progress=printer)
    finally:
        printer.end()
    train, test = len(dataset.train_labels), len(dataset.test_labels)
    print_line(f"{dataset.title}: {train:,} training and {test:,} test images in {dataset.source}")


@app.command("import")
def import_files(
    folder: Annotated[Path, typer.Argument(metavar="DIR", parser=typed_path, help="Folder that holds the files.")],
) -> None:
    """Copy MNIST or Fashion-MNIST from a folder to where every run finds it."""
    from mnist_tui.data import datasets

    for copy in datasets.import_folder(folder):
        print_line(f"{KNOWN[copy.name].title}: {copy.source}")


@app.command()
def clear() -> None:
    """Delete the datasets downloaded or imported and the HOG features kept; other folders are not touched."""
    from mnist_tui.data import datasets, feature_cache

    freed = datasets.clear_cache() + feature_cache.clear()
    print_line(f"freed {size(freed)}" if freed else "there was nothing to delete")


class _ProgressPrinter:
    """Print a download's progress on stderr: a line that is replaced on a terminal, elsewhere a line for each phase."""

    def __init__(self) -> None:
        self._line = LiveLine(sys.stderr) if sys.stderr.isatty() else None
        self._said = ""

    def __call__(self, progress: DataProgress) -> None:
        if self._line:
            share = f" {100 * progress.done / progress.total:3.0f} %" if progress.total else ""
            self._line.show(f"{progress.text}{share}")
        elif progress.text != self._said:
            print_note(progress.text)
        self._said = progress.text

    def end(self) -> None:
        if self._line:
            self._line.clear()
