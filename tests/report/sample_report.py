"""A small report with every construct of the Markdown source, and with text that looks like markup in each format."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mnist_tui.report.figures.drawing import Drawing, FigureData
from mnist_tui.report.markdown import Report, captioned, code_block, escaped, refer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = r"50% \alpha & <b>x</b> $1 #_{}~^"
HARD = (
    "#let x = -1 + - -? / // /* c */ @ref <lab> `code` *b* __e__ http://x.org/a_b $x^2$ $$ ~b~ -- --- ... \"q\" 's' "
    r'[a](b) ![a](b) \input{/etc/passwd} #read("/etc/passwd") <script>alert(1)</script> {{x}} ${y}$ \\ %d {#run-1} |z|'
)
SHA = "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
CLASSES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
TOML = f'# {TITLE}\n[dataset]\nname = "mnist"  # α 中\n\n    x = "{"y" * 150}"\nz = "{HARD[:-1]}"'

MARKDOWN = f"""
> **This run was stopped: {escaped(TITLE)}**

# Summary

{captioned("", f"The runs of {TITLE}", "tab-runs").strip()}

| № | Model | Parameters | Test accuracy | Reference |
| ---: | --- | ---: | ---: | --- |
| [1](#run-1) | {escaped(TITLE)} | 198,760 | 98.41 % | 98.2 %[^1] |
| [2](#run-2) | hog | 80,610 | – | – |

[^1]: A note: {escaped(TITLE)}

{escaped(HARD)}

Both runs are in {refer("tab-runs")}, their curves in {refer("fig-run-1-history")} and {refer("fig-run-2-history")}.
{refer("tab-classes")} has counts; {refer("run-2")} has every epoch; a source says so [\\[1\\]](#ref-source).

A [link to nowhere](#nowhere), α ≤ β ± 3 · 10⁻⁴, Straße № 4 × 4 → “quoted”, 中文 Ж.

![no figure of ours](/etc/passwd)

# Training reports

## Run 1: {escaped(TITLE)} {{#run-1}}

![History of {escaped(TITLE)}](figures/run-1-history){{alt="not this"}}

### Dataset

| | |
| --- | --- |
| Name | MNIST |
| SHA-256, train images | {SHA} |
| Path | {escaped("/some/long/path/with_many_parts" * 6)} |
| Words | {"several words that go on " * 12} |

The loss of [model 1](#model-1) is

$$\\begin{{aligned}}L &= -\\frac{{1}}{{n}}\\sum_{{i=1}}^{{n}} \\log p_{{i, y_i}}\\end{{aligned}}$$

where $p_{{i,k}}$ is a probability.

Table: {escaped("Counts of *images*, 50 % of them")} {{#tab-classes}}

| true ╲ predicted | {" | ".join(CLASSES)} |
| --- |{" ---: |" * 10}
{"".join(f"| **{name}** | {' | '.join(str(1000 + at) for at in range(10))} |{chr(10)}" for name in CLASSES)}
| № | Layer (type) | Output shape | Configuration | Parameters | Inbound layer |
| ---: | --- | --- | --- | ---: | --- |
| 0 | conv_1 (Conv2D) | 28 × 28 × 9 | 9 filters of 3 × 3, same padding, relu, glorot, L2 of 0.0001 | 90 | input |

## Run 2 {{#run-2}}

![{escaped(TITLE)}](figures/run-2-history)

- 4 read as 9: 31 of 982
- {escaped(TITLE)}

{code_block("mnist-tui train --preset raw " + "--set optimizer.rho=0.8 " * 8, "sh")}

{code_block(TOML, "toml")}

| Epoch | Loss |
| ---: | ---: |
{"".join(f"| {epoch} | 0.1 |{chr(10)}" for epoch in range(90))}

# Model architectures

## {escaped(TITLE)} {{#model-1}}

Used by [run 1](#run-1).

[\\[1\\]](anchor:ref-source) A. Author, *A source*.

## {escaped(TITLE)}
"""


def paint(figure: Figure) -> None:
    axes = figure.add_axes((0.1, 0.2, 0.8, 0.7))
    axes.plot([1, 2, 3], [1, 4, 2])


def sample() -> Report:
    """The report, with two figures."""
    drawings = tuple(
        Drawing(
            f"run-{number}-history",
            f"History of {TITLE}",
            f'It "rises", {TITLE}',
            FigureData(("epoch",), ((1,),)),
            (160.0, 40.0),
            paint,
        )
        for number in (1, 2)
    )
    return Report(TITLE, f"A. Student & {TITLE}", datetime(2026, 3, 1, 13, 5, tzinfo=UTC), MARKDOWN, drawings)
