"""Whether the data that a training needs can be had, asked before anything is started."""

from __future__ import annotations

from pathlib import Path

from mnist_tui.data.catalogue import KNOWN

SAMPLE_STANDS_FOR = "mnist"
"""The only dataset for which the bundled digits may stand in."""


def check_data(name: str, data_dir: Path | None, *, allow_sample: bool) -> None:
    """Sees that the dataset is here and sound where a person named its place, else that it could be downloaded.

    Without a network this takes as long as the download's own look for one: under three seconds.

    Raises:
        DataError: the name means nothing, or the files in a folder that was named cannot be used.
        MissingDataError: the data are nowhere, and no mirror answers.
    """
    sample_will_do = allow_sample and name == SAMPLE_STANDS_FOR
    if check_named_data(name, data_dir) or sample_will_do or name not in KNOWN:
        return

    from mnist_tui.data.datasets import MissingDataError, missing_message
    from mnist_tui.data.download import reachable

    if not reachable(KNOWN[name].mirrors):
        raise MissingDataError(missing_message(name, data_dir, reason="and no mirror can be reached to download it"))


def check_named_data(name: str, data_dir: Path | None) -> bool:
    """Whether the dataset is on this machine; read and verified where a person named its folder.

    Raises:
        DataError: the name means nothing, or the files in a folder that was named cannot be used.
    """
    from mnist_tui.data.places import find

    found = find(name, data_dir)
    if found is not None and found.binding:
        from mnist_tui.data.datasets import load

        load(name, data_dir, download=False)
    return found is not None
