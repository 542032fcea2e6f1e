"""`data status|get|import|clear`: show, download, import and delete the datasets on this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnist_tui.cli.groups import BenchCommand, BenchGroup
from mnist_tui.cli.options import DataDir, Force, Json, among, data_folder, may_replace, option
from mnist_tui.cli.output import LiveLine, ProgressView, TextTable, print_json, print_line, print_note, print_table
from mnist_tui.data.errors import DataError, DataProgress
from mnist_tui.data.known import KNOWN
from mnist_tui.errors import RequestError
from mnist_tui.experiment.shapes import LARGEST_EDGE, SMALLEST_EDGE
from mnist_tui.files import why_unwritten
from mnist_tui.paths import typed_path
from mnist_tui.wording import count, counted, listed, size

if TYPE_CHECKING:
    from mnist_tui.data.conversion import ImageForm

app = typer.Typer(name="data", cls=BenchGroup, add_completion=False)
MOST_NAMED = 20
"""So many duplicates and unreadable files are named, and the others counted."""
SPLIT_WORDS = {"train": "training", "test": "test", "validation": "validation"}
RIGHT = ("classes", "images", "size")
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
                "licence": KNOWN[dataset.name].licence,
                "classes": len(KNOWN[dataset.name].class_names),
                "image": list(KNOWN[dataset.name].image),
                "images": dict(KNOWN[dataset.name].counts),
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
    table = TextTable("name", "classes", "images", "licence", "state", "size", right=RIGHT)
    for dataset in statuses:
        known = KNOWN[dataset.name]
        space = size(dataset.size or known.download_bytes) if dataset.size or known.download_bytes else ""
        classes, images = str(len(known.class_names)), count(sum(known.counts.values()))
        table.add_row(known.name, classes, images, known.licence, dataset.state, space)
    files = counted(features.files, "file") if features.files else "none"
    table.add_row("HOG features", "", "", "", files, size(features.size) if features.size else "")
    print_table(table)
    for dataset in statuses:
        if dataset.location is not None:
            print_line(f"{dataset.name}: {dataset.problem or dataset.location.source}")
    if missing := [dataset.name for dataset in statuses if dataset.state == "missing"]:
        print_line(
            f"`mnist-tui data get {missing[0]}` downloads a dataset that is missing; its size is that of the download"
        )


@app.command(cls=BenchCommand)
def get(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help=listed(DOWNLOADABLE, "or"), autocompletion=among(DOWNLOADABLE))
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
    images = [counted(dataset.train_labels, "training image"), counted(dataset.test_labels, "test image")]
    if dataset.validation_labels is not None:
        images.insert(1, counted(dataset.validation_labels, "validation image"))
    print_line(f"{dataset.title}: {listed(images)} in {dataset.source}; licence: {KNOWN[name].licence}")


@app.command("import", cls=BenchCommand)
def import_files(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", parser=typed_path, help="Folder that holds the files, or an npz or CSV file."),
    ],
    *,
    size_text: Annotated[
        str | None,
        option(
            "--size",
            "N|HxW",
            "Height and width of the new images in pixels; without it the size that all images share, else 28.",
        ),
    ] = None,
    gray: Annotated[bool, option("--gray", None, "Make grey images; the default if an image is grey.")] = False,
    rgb: Annotated[bool, option("--rgb", None, "Make images in colour; the default if all images are.")] = False,
    invert: Annotated[bool, option("--invert", None, "Make dark light, as for dark strokes on white paper.")] = False,
    output: Annotated[
        Path | None, option("-o --output", "DIR", "The new folder; else one beside DIR.", parser=typed_path)
    ] = None,
    force: Force = False,
) -> None:
    """Copy known datasets to where every run finds them, or bring your own images to one size.

    Your own images are written as a new folder of IDX files, which --dataset takes; DIR is not changed.
    """
    from mnist_tui.data import datasets

    wanted = _settings(size_text, gray=gray, rgb=rgb, invert=invert)
    converts = any((size_text, gray, rgb, invert, output)) or not folder.is_dir()
    copies = () if converts else datasets.import_folder(folder)
    for copy in copies:
        print_line(f"{KNOWN[copy.name].title}: {copy.source}")
    if not copies:
        _convert(folder, output, wanted, force)


def _settings(size_text: str | None, *, gray: bool, rgb: bool, invert: bool) -> ImageForm:
    from mnist_tui.data.conversion import ImageForm

    if gray and rgb:
        raise RequestError("--gray and --rgb do not go together; give one of them")
    edges = None
    if size_text is not None:
        down, cross, across = size_text.lower().partition("x")
        try:
            edges = int(down), int(across if cross else down)
        except ValueError:
            raise RequestError(f"--size {size_text} is not a size such as 28 or 32x24") from None
        if not all(SMALLEST_EDGE <= edge <= LARGEST_EDGE for edge in edges):
            raise RequestError(f"--size {size_text} is out of bounds; {SMALLEST_EDGE} to {LARGEST_EDGE} pixels work")
    return ImageForm(edges, 1 if gray else 3 if rgb else None, invert)


def _convert(folder: Path, output: Path | None, wanted: ImageForm, force: bool) -> None:
    from mnist_tui.data.catalogue import validate_name
    from mnist_tui.data.conversion import convert

    folder = Path(validate_name(str(folder)))
    size_name = "x".join(map(str, dict.fromkeys(wanted.size))) if wanted.size else "idx"
    target = output or folder.with_name(f"{folder.stem if folder.is_file() else folder.name}-{size_name}")
    there = f"{target} exists"
    if target.exists() and not force and not may_replace(there, "-o"):
        raise typer.Exit(1)
    with ProgressView(sys.stderr) as view:
        try:
            made = convert(folder, target, wanted, view.show)
        except OSError as error:
            raise DataError(f"{target} cannot be written: {why_unwritten(error)}") from None
    for name, first in made.duplicates[:MOST_NAMED]:
        print_note(f"left out: {name} has the pixels of {first}")
    for sentence in made.unreadable[:MOST_NAMED]:
        print_note(f"left out: {sentence}")
    for what, left_out in (("duplicate", made.duplicates), ("unreadable file", made.unreadable)):
        if len(left_out) > MOST_NAMED:
            print_note(f"left out: {counted(len(left_out) - MOST_NAMED, f'more {what}')}")
    for note in made.notes:
        print_note(f"note: {note}")
    images = [counted(number, f"{SPLIT_WORDS[split]} image") for split, number in made.counts.items()]
    kind = "colour" if made.image[2] > 1 else "grey"
    print_line(
        f"{target}: {listed(images)} of {made.image[0]} × {made.image[1]} pixels in {kind}, "
        f"{counted(made.class_names, 'class')}; train with --dataset {target}"
    )


@app.command(cls=BenchCommand)
def clear() -> None:
    """Delete the datasets that were downloaded or imported, and the HOG features kept; other folders stay."""
    from mnist_tui.data import datasets, feature_cache

    freed = datasets.clear_cache() + feature_cache.clear()
    print_line(f"freed {size(freed)}" if freed else "there was nothing to delete")
