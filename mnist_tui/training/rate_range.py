"""Measure the losses of a learning-rate range test (`runs.rate_range`), in a worker process.

The network, the optimizer and the steps are those of a run of the experiment, with the initial weights of its seed;
only the learning rate is another one in every step. The schedule and early stopping are not used.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from mnist_tui.experiment.spec import from_mapping
from mnist_tui.runs.events import DataReady, Event
from mnist_tui.runs.folder import Launch
from mnist_tui.runs.rate_range import HIGHEST, LEAST_STEPS, LOWEST, MOST_POINTS, RatePoint, has_diverged, smoothed
from mnist_tui.training import device
from mnist_tui.training.device import Resident
from mnist_tui.training.evaluation import finite
from mnist_tui.training.inputs import order, prepare
from mnist_tui.training.losses import class_weights
from mnist_tui.training.programs import Network, Sums, kind_for

Message = dict[str, Any]


class Announcer:
    """Reports the reading of data as messages, as `Reporter` does as a run's events."""

    def __init__(self, report: Callable[[Message], None]) -> None:
        self._report, self._last = report, ""

    def phase(self, name: str, done: float = 0, total: float = 0, unit: str = "", text: str = "") -> None:
        """Report a new activity."""
        del done, total, unit
        if name != self._last:
            self._last = name
            self._report({"phase": text if text.startswith(name) else f"{name} {text}".strip()})

    def emit(self, event: Event) -> None:
        """Report the title of the data; other events are not needed."""
        if isinstance(event, DataReady):
            self._report({"dataset": event.title})


def measure(request: Message, report: Callable[[Message], None]) -> None:
    """Train one epoch, or more if it has fewer than LEAST_STEPS steps, with a rising rate.

    Args:
        request: the experiment as a TOML form, `device`, `data_dir` and `allow_sample`, as `runs.rate_range` sends it.
        report: receives the messages: ``phase``, ``dataset``, ``epochs`` with ``steps``, and for each point of the
            curve ``point`` with its ``rate`` and ``loss`` (null if not finite).

    Raises:
        RequestError, DataError: the device or the data cannot be used.
    """
    experiment = from_mapping(request["experiment"])
    launch = Launch(0.0, "", request["device"], request["data_dir"], request["allow_sample"])
    inputs = prepare(experiment, launch, Announcer(report))
    report({"phase": "compiling"})
    chosen = device.choose(launch.device)
    device.set_determinism(chosen, experiment.training.deterministic)
    train, settings = Resident(inputs.train.features, inputs.train.labels), experiment.training
    weights = class_weights(experiment, inputs.train.labels, inputs.dataset.class_names)
    kind = kind_for(experiment, chosen.is_gpu)
    program = Network(experiment).program(
        kind, train, batch_size=settings.batch_size, seed=settings.seed, weights=weights
    )
    steps = -(-train.count // settings.batch_size)
    epochs = -(-LEAST_STEPS // steps)
    rates = np.geomspace(LOWEST, HIGHEST, epochs * steps)
    report({"phase": "", "epochs": epochs, "steps": epochs * steps})
    chunk, losses = -(-epochs * steps // MOST_POINTS), list[RatePoint]()
    for epoch in range(epochs):
        of_epoch = rates[epoch * steps : (epoch + 1) * steps]
        program.begin_epoch(epoch, order(settings.seed, epoch, train.count), of_epoch)
        for first in range(0, steps, chunk):
            last = min(first + chunk, steps)
            sums = program.run(first, last, Sums())
            rate, loss = math.sqrt(of_epoch[first] * of_epoch[last - 1]), finite(sums.loss / sums.images)
            means = smoothed([*(point.loss for point in losses), loss])
            losses.append(RatePoint(rate, loss, means[-1]))
            report({"point": {"rate": rate, "loss": loss}})
            if has_diverged(losses):
                return
