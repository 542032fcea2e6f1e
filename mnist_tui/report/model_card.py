"""Write MODEL.md: what somebody who gets exported weights must know, and a program for each format."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mnist_tui.experiment.complexity import weight_shapes
from mnist_tui.experiment.spec import HogFeatures
from mnist_tui.files import read_text
from mnist_tui.report import evidence, markdown
from mnist_tui.report.contents.one_run import SAMPLE_NOTICE
from mnist_tui.report.evidence import Evidence
from mnist_tui.report.markdown import template_environment
from mnist_tui.report.model_code import example_program, hog_call
from mnist_tui.runs.folder import RunFolder
from mnist_tui.runs.weight_formats import CARD, WEIGHT_FORMATS
from mnist_tui.wording import DASH, count, counted, loss, percent, size

TEMPLATE = "MODEL.md.j2"
Rows = tuple[tuple[str, ...], ...]
"""A table, its headings first."""


def card(folder: RunFolder, formats: Sequence[str], out: Path) -> str:
    """Return the model card of the weights in the folder `out`.

    Args:
        folder: the run.
        formats: those just written. Formats of the same weights that an earlier card there describes are kept.

    Raises:
        RunError, PresetError: the run's folder cannot be read.
        OSError: the exported files cannot be read.
    """
    kept = _described(folder, out)
    wanted = [name for name in WEIGHT_FORMATS if name in formats or name in kept]
    template = template_environment(md=markdown.escaped, code=markdown.code_block, table=_table).get_template(TEMPLATE)
    return template.render(contents(folder, wanted, out)).rstrip() + "\n"


def is_card_of(folder: RunFolder, path: Path) -> bool:
    """Tell whether a file is a card of this run, so that a newer card may replace it."""
    try:
        return f"{markdown.escaped(folder.id)} |" in read_text(path, follow_links=True)
    except (OSError, ValueError):
        return False


def contents(folder: RunFolder, formats: Sequence[str], out: Path) -> dict[str, Any]:
    """Return what the template lays out."""
    known = evidence.read_evidence(folder)
    experiment, spec = known.experiment, known.experiment.features
    chosen = [WEIGHT_FORMATS[name] for name in formats]
    shapes = weight_shapes(experiment) if any(form.holds == "arrays" for form in chosen) else {}
    return {
        "title": known.preset.title or known.preset.name,
        "notices": _notices(known),
        "facts": _facts(known),
        "whole": [form.file for form in chosen if form.holds == "whole model"],
        "bare": [form.file for form in chosen if form.holds != "whole model"],
        "input_shape": f"({', '.join(['n', *map(str, experiment.input_shape)])})",
        "hog": hog_call(spec) if isinstance(spec, HogFeatures) else "",
        "classes": (("Column", "Class"), *((str(n), name) for n, name in enumerate(known.class_names))),
        "files": (("File", "Size", "SHA-256"), *_files(formats, out)),
        "weights": (("Weight", "Shape"), *((name, str(shape)) for name, shape in shapes.items())) if shapes else (),
        "programs": [{"name": form.file, **vars(example_program(form, experiment))} for form in chosen],
    }


def _notices(known: Evidence) -> list[str]:
    state, reason = known.document["state"], known.document["reason"]
    found = [] if state == "finished" else [f"The run is {state}{f': {reason}' if reason else ''}."]
    if (known.document["dataset"] or {}).get("sample"):
        found.append(SAMPLE_NOTICE)
    if not known.test:
        found.append("These weights were not evaluated on the test images.")
    precision = known.experiment.training.precision
    if precision != "float32":
        apart = "thousandths" if precision == "mixed_float16" else "hundredths"
        found.append(
            f"Trained in {precision}, in which model.keras computes, too. All else here computes in float32, so that "
            f"probabilities differ by some {apart} from the run's own."
        )
    return found


def _facts(known: Evidence) -> Rows:
    data, test = known.document["dataset"] or {}, known.test
    digest = _source(known.folder)
    images = f"{data.get('title') or data.get('name')}, {counted(data['train'], 'image')}" if data else DASH
    tested = counted(data["test"], "image") if data and test else DASH
    return (
        ("Fact", "Value"),
        ("Run", known.folder.id),
        ("Preset", known.preset.name),
        ("Parameters", count(known.complexity.total)),
        ("Trained on", images),
        ("Tested on", tested),
        ("Test accuracy", percent(test.get("accuracy"))),
        ("Test loss (cross-entropy)", loss(test["loss"]) if test else DASH),
        ("Macro F1", percent(test.get("macro_f1"))),
        ("Made from", f"the run's {digest[0]}, SHA-256 {digest[1]}"),
    )


def _files(formats: Sequence[str], out: Path) -> Iterator[tuple[str, str, str]]:
    for name in formats:
        for path in _parts(out / WEIGHT_FORMATS[name].file):
            yield path.relative_to(out).as_posix(), size(path.stat().st_size), _digest(path)


def _parts(path: Path) -> list[Path]:
    """Return the file itself, or the files of a folder."""
    return sorted(part for part in path.rglob("*") if part.is_file()) if path.is_dir() else [path]


def _described(folder: RunFolder, out: Path) -> list[str]:
    """Return the formats that the card in `out` describes, unchanged since and made from the run's present weights."""
    try:
        text = read_text(out / CARD, follow_links=True)
    except (OSError, ValueError):
        return []
    if _source(folder)[1] not in text:
        return []
    there = {name: _parts(out / form.file) for name, form in WEIGHT_FORMATS.items() if (out / form.file).exists()}
    return [name for name, parts in there.items() if parts and all(_digest(part) in text for part in parts)]


def _source(folder: RunFolder) -> tuple[str, str]:
    """Return what the weights were made from, and its checksum."""
    for what, path in (("model", folder.model_file), ("checkpoint", folder.checkpoint_file)):
        if path.exists():
            return what, _digest(path)
    return "model", DASH


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _table(rows: Rows) -> str:
    return markdown.table(rows[0], rows[1:])
