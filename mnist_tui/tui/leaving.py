"""Leave the app; ask first, so that no edits, exports or trainings are lost by accident."""

from __future__ import annotations

import asyncio
from collections.abc import Container, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from mnist_tui.errors import RequestError, RunError
from mnist_tui.runs import control
from mnist_tui.runs.state import LIVE
from mnist_tui.tui.bench import Bench, BenchScreen, Route
from mnist_tui.tui.dialogs import Choice, Question, answer_keys

if TYPE_CHECKING:
    from mnist_tui.runs.folder import RunFolder
    from mnist_tui.studies.folder import StudyFolder


class LeaveQuestion(Question):
    """The question whether to leave live trainings running (the default), to stop and save them, or to stay."""

    TITLE = "Close the program?"
    HELP = """
    **Closing the program while a network trains.** The training runs in a process of its own: it goes on without this
    window, and `mnist-tui attach latest` shows it again. Stop and save: it ends after the present step, with its
    weights saved.
    """
    ANSWERS = (
        Choice("detach", "d", "Close", "Close the program; the training goes on", "primary"),
        Choice("stop", "s", "Stop and save", "Stop the training, save it, and close the program", "warning"),
        Choice("stay", "escape,c", "Cancel", "Stay in the app"),
    )
    BINDINGS = answer_keys("leave", ANSWERS)

    def __init__(self, runs: Sequence[str], studies: Sequence[str]) -> None:
        named = (("run" if len(runs) == 1 else "runs", runs), ("study" if len(studies) == 1 else "studies", studies))
        listed = " and ".join(f"{what} {', '.join(ids)}" for what, ids in named if ids)
        train = "trains" if len(runs) + len(studies) == 1 else "train"
        shows = "`mnist-tui attach latest`" if runs else f"`mnist-tui attach {studies[0]}`"
        super().__init__(
            f"{listed[:1].upper()}{listed[1:]} still {train}.",
            f"The training goes on without this window; {shows} shows it again.",
        )


class UnsavedQuestion(Question):
    """The question whether to save unsaved edits as a preset, to discard them, or to stay (the default)."""

    TITLE = "Leave the editor?"
    HELP = "**Unsaved edits.** A preset keeps them under a name of your own; discarding them cannot be undone."
    ANSWERS = (
        Choice("stay", "escape,k", "Keep editing", "Stay in the editor", "primary"),
        Choice("save", "s", "Save …", "Save them as a preset, then leave"),
        Choice("discard", "d", "Discard", "Leave without them", "warning"),
    )
    BINDINGS = answer_keys("confirm", ANSWERS)

    def __init__(
        self, changes: Sequence[str], name: str, wrong: Sequence[str] = (), *, trained: bool, quits: bool, trains: bool
    ) -> None:
        """Ask about changes, a line each, of the preset `name`.

        Args:
            wrong: the problems of fields with a wrong text, a line each.
            trained: whether the changes are those since the last training.
            quits: whether the program closes, not only the editor.
            trains: whether a network trains, about which another question follows.
        """
        asks = f"Your changes of {name} are not saved as a preset, and nothing was trained with them:"
        if trained:
            asks = f"Your changes of {name} since its last training are not saved as a preset:"
        if wrong and not changes:
            asks = f"{name}: a field is not valid. Leaving discards what was typed:"
        follows = ["What trains now goes on; the next question is about it."] if quits and trains else []
        super().__init__(asks, "\n".join((*changes, *wrong)), *follows, title="Close the program?" if quits else "")


async def leave(bench: Bench) -> None:
    """Leave at once if nothing would be lost, else ask. If the question about trainings is open, detach."""
    if isinstance(bench.screen, LeaveQuestion):
        bench.screen.dismiss("detach")
    elif not isinstance(bench.screen, UnsavedQuestion):
        if bench.kept_edits and not _has_edits(bench.editor):
            bench.show(Route("editor", preset=next(iter(bench.kept_edits.values())).preset))
        editor = bench.editor
        if editor is not None and _has_edits(editor):
            await bench.run_action("leave('quit')", editor)
        else:
            await _leave_without_edits(bench)


def _has_edits(editor: BenchScreen[Any] | None) -> bool:
    draft = editor.edited if editor is not None else None
    return draft is not None and draft.is_unsaved


async def _leave_without_edits(bench: Bench) -> None:
    """Leave the app, after a question about live trainings; the edits have been saved or discarded."""
    writing = bench.running_exports
    if writing - bench.announced_exports:
        bench.announced_exports |= writing
        bench.warn("An export is being written. Leave again: this file is finished first, the others are left out.")
        return
    studies = [feed.folder for feed in bench.studies.followed if feed.snapshot.live]
    live = await asyncio.to_thread(_live_runs, bench, {study.id for study in studies})
    if live or studies:
        question = LeaveQuestion([folder.id for folder in live], [study.id for study in studies])
        bench.push_screen(question, partial(_leave_trainings, bench, live, studies))
    else:
        bench.exit()


def _live_runs(bench: Bench, studies: Container[str]) -> list[RunFolder]:
    """Return the live runs that are followed, without the trials of these studies: their study stops them."""
    live: list[RunFolder] = []
    for feed in bench.following.followed:
        with suppress(RunError):
            if feed.folder.state() in LIVE and feed.folder.launch().study not in studies:
                live.append(feed.folder)
    return live


def _leave_trainings(bench: Bench, live: list[RunFolder], studies: list[StudyFolder], choice: str | None) -> None:
    if choice in {"detach", "stop"}:
        bench.exit(message="\n".join(_detach_or_stop(folder, choice == "stop") for folder in (*live, *studies)))


def _detach_or_stop(folder: RunFolder | StudyFolder, stop: bool) -> str:
    """Stop a run or a study, or leave it running; return a sentence about it."""
    try:
        if stop and folder.state() != "stopping":  # a second command would end it at once
            control.send(folder, "stop")
    except (RequestError, OSError) as error:
        return str(error)
    outcome = "stops and saves" if stop else "goes on"
    command = f"start the program again to see it, or `mnist-tui attach {folder.id}`"
    if stop and folder.kind == "study":
        outcome, command = "stops", f"`mnist-tui resume {folder.id}` trains what is missing"
    return f"{folder.kind.capitalize()} {folder.id} {outcome}; {command}."
