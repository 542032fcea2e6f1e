"""Every declared format has its writer; and what a library's error about a file means, without the libraries."""

import errno
import tomllib
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from mnist_tui.runs.weight_formats import WEIGHT_FORMATS
from mnist_tui.training.export import WRITERS, Source, disk_error, write_h5


class Unwritable(Source):
    """Its model fails to save, as Keras' does."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    @cached_property
    def model(self) -> Any:
        return self

    def save_weights(self, path: Path) -> None:
        raise self.error


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (OSError(errno.ENOTDIR, "Unable to synchronously create file"), errno.ENOTDIR),
        (OSError("Can't write data (errno = 28, error message = 'No space left on device')"), errno.ENOSPC),
        (RuntimeError("{{node save}} model; Permission denied"), errno.EACCES),
        (RuntimeError("shapes do not match"), None),
    ],
)
def test_only_an_error_of_the_disk_is_told_as_one(error: Exception, number: int | None, tmp_path: Path) -> None:
    found = disk_error(error)
    assert (found and found.errno) == number
    with pytest.raises(OSError if number else RuntimeError) as raised:
        write_h5(Unwritable(error), tmp_path / "model.weights.h5")
    if number is None:
        assert raised.value is error


def test_every_format_of_weights_has_a_writer_and_its_packages_are_in_its_extra() -> None:
    assert list(WRITERS) == list(WEIGHT_FORMATS)
    extras = tomllib.loads(Path("pyproject.toml").read_text())["project"]["optional-dependencies"]
    for name, form in WEIGHT_FORMATS.items():
        listed = " ".join(extras[form.extra]) if form.extra else ""
        assert all(package in listed for package in form.writer_packages), name
