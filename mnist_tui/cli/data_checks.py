"""Check that the data of a training can be had, before anything is started."""

from __future__ import annotations

from pathlib import Path

from mnist_tui.data.catalogue import KNOWN

SAMPLE_STANDS_FOR = "mnist"
"""The only dataset that the bundled digits may replace."""


def check_data(name: str, data_dir: Path | None, *, allow_sample: bool) -> None:
    """Check that a dataset is on this machine, or could be downloaded; a folder that was named is read and verified.

    Without a network this takes under three seconds.

    Raises:
        DataError: there is no such dataset, or the files in a folder that was named cannot be used.
        MissingDataError: the data are not on this machine, and no mirror answers.
    """
    sample_will_do = allow_sample and name == SAMPLE_STANDS_FOR
    if check_named_data(name, data_dir) or sample_will_do or name not in KNOWN:
        return

    from mnist_tui.data.datasets import MissingDataError, missing_message
    from mnist_tui.data.download import reachable

    if not reachable(KNOWN[name].mirrors):
        raise MissingDataError(missing_message(name, data_dir, reason="and no mirror can be reached to download it"))


def check_named_data(name: str, data_dir: Path | None) -> bool:
    """Return whether a dataset is on this machine; read and verify it if its folder was named.

    Raises:
        DataError: there is no such dataset, or the files in a folder that was named cannot be used.
    """
    from mnist_tui.data.places import find

    found = find(name, data_dir)
    if found is not None and found.binding:
        from mnist_tui.data.datasets import load

        load(name, data_dir, download=False)
    return found is not None
