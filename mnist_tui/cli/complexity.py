"""`complexity`: an experiment's counts by arithmetic, in the format that is asked for."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mnist_tui.cli.options import Request, with_experiment
from mnist_tui.experiment.complexity import of
from mnist_tui.experiment.problem import RequestError
from mnist_tui.report.complexity_tables import FORMATS, in_format

Format = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="|".join(FORMATS),
        help="What to print.",
        autocompletion=lambda incomplete: [name for name in FORMATS if name.startswith(incomplete)],
    ),
]


@with_experiment
def complexity(
    request: Request,
    form: Format = "table",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write to a file instead of stdout.")
    ] = None,
) -> None:
    """Inputs, weights, biases and multiply-accumulates of every layer, before anything is trained."""
    if form not in FORMATS:
        raise RequestError(f"--format {form} is not known; {', '.join(FORMATS)} are")
    preset = request.chosen()
    text = in_format(of(preset.experiment), form, title=preset.title or preset.name)
    if output is None:
        sys.stdout.write(text)
        return
    from mnist_tui.experiment.files import write_text

    try:
        write_text(output, text)
    except OSError as error:
        raise RequestError(f"{output} cannot be written: {error.strerror or error}") from None
    print(f"wrote {output}", file=sys.stderr)
