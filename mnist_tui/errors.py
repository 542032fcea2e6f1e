"""The errors that every package raises where a person asked for something that cannot be done."""

from __future__ import annotations


class RequestError(ValueError):
    """A request that cannot be met as stated; its text is meant for the person who made it."""


class RunError(RequestError):
    """A run or a study that does not exist, or that does not allow what was requested."""
