"""The export dialog: what can be exported from runs, what is asked for, and its writing in a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.app import App
    from textual.worker import Worker


EXPORTS = "export"
"""The group of Textual's workers that write exports."""


def running_exports(app: App[Any]) -> set[Worker[Any]]:
    """Return the exports that an app is still writing."""
    return {worker for worker in app.workers if worker.group == EXPORTS and not worker.is_finished}
