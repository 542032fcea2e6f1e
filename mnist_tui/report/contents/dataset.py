"""What a run was trained on: images, splits, checksums, and what of an image enters the network."""

from __future__ import annotations

from typing import Any

from mnist_tui.experiment.shapes import IMAGE_EDGE
from mnist_tui.experiment.spec import HogFeatures
from mnist_tui.report.contents.grid import Facts
from mnist_tui.report.evidence import Evidence
from mnist_tui.wording import counted

IMAGE_SIZE = f"{IMAGE_EDGE} × {IMAGE_EDGE} pixels, 1 channel"


def dataset_facts(evidence: Evidence) -> Facts:
    """The data that the run had; where it never got so far, those that it was to have."""
    data, spec = evidence.document["dataset"], evidence.experiment.dataset
    if data is None:
        return [("Name", spec.name), *_input_facts(evidence)]
    return [
        ("Name", dataset_title(data)),
        ("Training set", f"{counted(data['train'], 'image')}{' (limited)' if spec.limit else ''}"),
        ("Test set", counted(data["test"], "image")),
        ("Validation (dev) set", _validation_in_words(evidence, data["validation"])),
        *_input_facts(evidence),
        ("Source", str(data.get("source") or "not recorded")),
        ("Checksums", "the published ones" if data.get("verified") else "not those of a published dataset"),
        *((f"SHA-256, {part.replace('_', ' ')}", text) for part, text in data["sha256"].items()),
    ]


def dataset_title(data: dict[str, Any]) -> str:
    """A document's dataset by its title, the sample called one."""
    said = str(data.get("title") or data["name"])
    return f"{said} (sample)" if data.get("sample") and "sample" not in said else said


def _validation_in_words(evidence: Evidence, images: int) -> str:
    if not images:
        return "0; the test set plays validation"
    share = evidence.experiment.dataset.validation
    drawn = f", {100 * share:g} % of the training images, drawn by the seed" if isinstance(share, float) else ""
    return f"{counted(images, 'image')}{drawn}"


def _input_facts(evidence: Evidence) -> Facts:
    return [
        ("Image size", IMAGE_SIZE),
        ("Features", features_in_words(evidence)),
        ("Inputs of the network", evidence.complexity.inputs_formula),
    ]


def features_in_words(evidence: Evidence) -> str:
    """What of an image enters the network."""
    found = evidence.experiment.features
    if not isinstance(found, HogFeatures):
        return "raw pixels, 0 to 1"
    return (
        f"histograms of oriented gradients (Dalal and Triggs, 2005), L2-Hys: {found.pixels_per_cell} × "
        f"{found.pixels_per_cell} pixels per cell, {found.orientations} orientations, "
        f"{found.cells_per_block} × {found.cells_per_block} cells per block"
    )
