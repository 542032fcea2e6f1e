"""The base classes of the errors for requests that cannot be met."""

from __future__ import annotations


class RequestError(ValueError):
    """A request that cannot be met; the text of the error is shown to the user."""


class RunError(RequestError):
    """A run or a study that does not exist, or that does not allow what was requested."""
