"""What is taken home from runs: what can be chosen, what was, and its writing in a thread. No widgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.app import App
    from textual.worker import Worker


EXPORTS = "export"
"""The group of the workers that write exports."""


def unfinished(app: App[Any]) -> set[Worker[Any]]:
    """The exports that an app still writes."""
    return {worker for worker in app.workers if worker.group == EXPORTS and not worker.is_finished}
