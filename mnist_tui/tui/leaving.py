"""The way out of the app: what is asked first, so that neither edits nor exports nor trainings are lost unawares."""

from __future__ import annotations

import asyncio
from collections.abc import Container
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.worker import Worker

from mnist_tui.tui.export import unfinished

if TYPE_CHECKING:
    from mnist_tui.runs.folder import RunFolder
    from mnist_tui.studies.folder import StudyFolder
    from mnist_tui.tui.app import BenchApp

NOTICE_SECONDS = 10
WRITING = "An export is being written. Leave again: the file it is at is finished first, the rest is left out."


class Leaving:
    """Leaves an app."""

    def __init__(self, app: BenchApp) -> None:
        self._app = app
        self._told_of: set[Worker[Any]] = set()

    async def ask(self) -> None:
        """Leaves at once where nothing would be lost; else asks. Asked again about a training, it detaches."""
        from mnist_tui.tui.form.confirm import UnsavedScreen
        from mnist_tui.tui.screens.leave import LeaveScreen

        app = self._app
        if isinstance(app.screen, LeaveScreen):
            app.screen.dismiss("detach")
        elif app.editor is None and not app.come_back_to_edits():
            await self.leave_without_edits()
        elif app.editor is not None and not isinstance(app.screen, UnsavedScreen):
            app.editor.action_leave("quit")

    async def leave_without_edits(self) -> None:
        """As `ask`, once it is known what becomes of edits."""
        from mnist_tui.tui.screens.leave import LeaveScreen

        writing = unfinished(self._app)
        if writing - self._told_of:
            self._told_of |= writing
            self._app.notify(WRITING, severity="warning", timeout=NOTICE_SECONDS)
            return
        studies = self._app.studies.live
        live = await asyncio.to_thread(self._live_runs, {study.id for study in studies})
        if live or studies:
            asking = LeaveScreen([folder.id for folder in live], [study.id for study in studies])
            self._app.push_screen(asking, partial(self._leave, live, studies))
        else:
            self._app.exit()

    def _live_runs(self, studies: Container[str]) -> list[RunFolder]:
        """Those that are followed and live, but for the trials of these studies: they go where their study goes."""
        from mnist_tui.tui.starting import live

        return [folder for folder in live(self._app.following.folders) if folder.launch().study not in studies]

    def _leave(self, live: list[RunFolder], studies: list[StudyFolder], choice: str | None) -> None:
        from mnist_tui.tui.starting import left, left_studies

        if choice in {"detach", "stop"}:
            stop = choice == "stop"
            self._app.exit(message="\n".join([*left(live, stop=stop), *left_studies(studies, stop=stop)]))
