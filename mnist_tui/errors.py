"""The error that every package raises where a person asked for something that cannot be done."""

from __future__ import annotations


class RequestError(ValueError):
    """A request that cannot be met as stated; its text is meant for the person who made it."""
