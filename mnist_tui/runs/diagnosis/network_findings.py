"""What a run's weights and its confusion matrix say: dead ReLUs, classes that are never predicted."""

from __future__ import annotations

from mnist_tui.experiment.complexity import of
from mnist_tui.experiment.spec import Experiment
from mnist_tui.runs.diagnosis.curve_findings import learning_rate
from mnist_tui.runs.diagnosis.finding import Finding
from mnist_tui.runs.state import RunState
from mnist_tui.wording import counted, percent

DEAD_SHARE, MOSTLY_DEAD = 0.2, 0.5
"""Healthy networks lose a few per cent of their ReLUs, and one filter of nine is already 11 %."""
FEWEST_EPOCHS = 2
"""After its first epoch a network may not have come to every class yet."""
FEWEST_IMAGES = 10
"""Of a class with fewer, it says nothing that none was predicted."""


def dead_units(run: RunState, experiment: Experiment) -> Finding | None:
    """ReLUs whose output is zero for every image looked at: without a gradient, they stay so."""
    seen = run.weights
    if seen is None or seen.epoch < 1:
        return None
    dead = [(layer.name, layer.dead) for layer in seen.layers if layer.dead is not None and layer.dead >= DEAD_SHARE]
    if not dead:
        return None
    units = {layer.name: layer.output_shape[-1] for layer in of(experiment).layers}
    told = [f"{round(share * units[name])} of {units[name]} units of {name} ({percent(share)})" for name, share in dead]
    worst = max(share for _, share in dead)
    many = counted(dead, "layer") if len(dead) > 1 else dead[0][0]
    lower = learning_rate(run, experiment) / 10
    return Finding(
        "dead-units",
        "problem" if worst >= MOSTLY_DEAD else "warning",
        f"Dead ReLUs in {many}",
        f"After epoch {seen.epoch} the output is zero for every image looked at: {'; '.join(told)}.",
        f"A dead unit gets no gradient. Lower the learning rate (--lr {lower:.3g}), or take an "
        "activation without a flat side (leaky_relu, elu).",
        seen.epoch,
    )


def never_predicted(run: RunState) -> Finding | None:
    """Classes that the network never names."""
    matrix = run.confusion
    if matrix is None or len(run.history) < FEWEST_EPOCHS:
        return None
    columns = [sum(row[at] for row in matrix) for at in range(len(matrix))]
    missing = [at for at, count in enumerate(columns) if not count and sum(matrix[at]) >= FEWEST_IMAGES]
    if not missing:
        return None
    names = run.data.class_names if run.data is not None else tuple(map(str, range(len(matrix))))
    told = "; ".join(f"{names[at]}: 0 of {sum(columns):,}, though {sum(matrix[at]):,} are" for at in missing)
    which = f"Class {names[missing[0]]} is" if len(missing) == 1 else f"{counted(missing, 'class')} are"
    return Finding(
        "never-predicted",
        "warning",
        f"{which} never predicted",
        f"Validation images predicted as the class after epoch {run.confusion_epoch}: {told}.",
        "Look at the images of its row in the matrix. Train longer; if that changes nothing, lower the learning rate "
        "or check that the training images hold the class often enough.",
        run.confusion_epoch,
    )
