"""All epochs of a log at once, for tests that compare whole runs."""

from collections.abc import Iterator
from pathlib import Path

from mnist_tui.runs.event_log import EventTail
from mnist_tui.runs.events import EpochEnded, Resumed


def epochs_of(path: Path) -> Iterator[EpochEnded]:
    """Every epoch of a log in order, matrices included, read anew; those that a resumption dropped are left out."""
    epochs: dict[int, EpochEnded] = {}
    for event in EventTail(path).read_all():
        match event:
            case EpochEnded():
                epochs[event.epoch] = event
            case Resumed(from_epoch=int(kept)):
                epochs = {number: epoch for number, epoch in epochs.items() if number <= kept}
            case _:
                pass
    yield from epochs.values()
