"""Commands to a worker, from the run's folder and from signals.

A command becomes a flag that the training loop reads. The loop calls `settle` for commands whose effect is on the disk.
"""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections.abc import Callable

from mnist_tui.runs.control import DISCARDED, Command, CommandName, Inbox, is_waiting, settle
from mnist_tui.runs.folder import RunFolder

POLL_SECONDS = 0.1
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Left(Exception):
    """Raised in the training loop when a command has ended the run and the run's last event is written."""


class Orders:
    """A run's commands (pause, continue, step, checkpoint, extend, stop, discard) as flags.

    Args:
        leave: ends the run at once with a reason, and may end the process; called for a discard, for a second signal,
            and for a stop if there is nothing to save.

    Attributes:
        stop_reason: the reason for a stop if there is nothing to save.
        paused, stopping: whether a pause or a stop is requested now.
        left: set once `leave` has ended the run.
    """

    def __init__(self, leave: Callable[[str], None]) -> None:
        self._leave = leave
        self._lock = threading.RLock()
        self._changed, self._over, self.left = threading.Event(), threading.Event(), threading.Event()
        self._watcher: threading.Thread | None = None
        self._folder: RunFolder | None = None
        self._signals = 0
        self._worth_saving = self._stepping = self.paused = self.stopping = False
        self.stop_reason = "stopped before training began"
        self._open: list[Command] = []
        self._extensions: list[Command] = []
        self._checkpoints: list[Command] = []

    def watch(self, folder: RunFolder) -> None:
        """Obey the commands in the run's folder: waiting ones at once, later ones in a thread, until `unwatch`.

        Each command stays in the folder until `settle`.
        """
        self._folder, inbox = folder, Inbox(folder)

        def obey_new() -> None:
            for command in inbox.new_commands():
                if command.name != "discard" or is_waiting(folder, command):  # a discard may be withdrawn
                    self.obey(command)

        def obey_later() -> None:
            while not self._over.wait(POLL_SECONDS):
                try:
                    obey_new()
                except Exception as error:  # later commands must still be read
                    traceback.print_exception(error)

        obey_new()
        self._watcher = threading.Thread(target=obey_later, name="orders", daemon=True)
        self._watcher.start()

    def unwatch(self) -> None:
        """Stop reading the folder's commands."""
        self._over.set()
        if self._watcher is not None:
            self._watcher.join()

    def obey(self, command: Command) -> None:
        """Obey one command."""
        with self._lock:
            if command.name == "continue":
                self.settle("pause", "step")
            self._open.append(command)
            match command.name:
                case "pause":
                    self.paused, self._stepping = True, False
                case "continue":
                    self.paused = self._stepping = False
                case "step":
                    self.paused, self._stepping = False, True
                case "checkpoint":
                    self._checkpoints.append(command)
                case "extend":
                    self._extensions.append(command)
                case "discard":
                    self._end(DISCARDED)
                case "stop":
                    self.stopping = True
                    if not self._worth_saving:
                        self._end(self.stop_reason)
            self._changed.set()

    def _end(self, reason: str) -> None:
        self._leave(reason)
        self.left.set()
        self._changed.set()

    def raise_if_ended(self) -> None:
        """Raise `Left` if a command has ended the run."""
        if self.left.is_set():
            raise Left

    def signalled(self) -> None:
        """Obey a signal: the first one stops and saves, the second one ends the run at once."""
        self._signals += 1
        if self._signals > 1:
            self._end("stopped at once by a second signal; its last checkpoint is what is left")
        self.obey(Command("stop"))

    def start_training(self) -> None:
        """Leave a stop to the training loop, which saves first, from now on; raise `Left` if the run has ended."""
        with self._lock:
            self.raise_if_ended()
            self._worth_saving = True

    def checkpoints(self) -> list[Command]:
        """Return the requests for checkpoints since the last call."""
        with self._lock:
            requests, self._checkpoints = self._checkpoints, []
            return requests

    def extensions(self) -> list[Command]:
        """Return the requests for more epochs since the last call."""
        with self._lock:
            requests, self._extensions = self._extensions, []
            return requests

    def settle(self, *names: CommandName) -> None:
        """Delete the files of commands with these names, or of all commands: they are done, or have no effect now."""
        with self._lock:
            done = [command for command in self._open if not names or command.name in names]
        self.settle_commands(done)

    def settle_commands(self, commands: list[Command]) -> None:
        """Delete the files of these commands."""
        with self._lock:
            self._open = [command for command in self._open if not any(command is each for each in commands)]
        if self._folder is not None:
            settle(self._folder, commands)

    def epoch_ended(self) -> None:
        """Pause if only one epoch was requested; to be called when an epoch has ended and another follows."""
        with self._lock:
            if self._stepping:
                self.paused, self._stepping = True, False

    def wait(self, seconds: float) -> None:
        """Wait for the next command, at most this number of seconds."""
        self._changed.wait(seconds)
        self._changed.clear()


class Signals:
    """A thread that delivers SIGTERM and SIGINT, so that a long call into TensorFlow does not delay them.

    It must be made in the main thread. SIGHUP is ignored: training outlives its terminal.

    Args:
        has_run: whether a run exists already; if so, signals wait for `deliver_to`, else they end the process.
    """

    def __init__(self, has_run: bool) -> None:
        self._lock = threading.Lock()
        self._receiver: Callable[[], None] | None = None
        self._has_run = has_run
        self._early = 0
        self._pipe, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for number in SIGNALS:
            # Python runs this handler in the main thread, when it can; the thread below has done everything
            signal.signal(number, lambda *_: None)
        threading.Thread(target=self._listen, name="signals", daemon=True).start()

    def _listen(self) -> None:
        while True:
            if os.read(self._pipe, 1)[0] not in SIGNALS:
                continue
            with self._lock:
                receiver = self._receiver
                self._early += 1
            if receiver is not None:
                receiver()
            elif not self._has_run:
                os._exit(0)

    def deliver_to(self, receiver: Callable[[], None]) -> None:
        """Call `receiver` for each signal from now on, and at once for each earlier one."""
        with self._lock:
            self._receiver, early = receiver, self._early
        for _ in range(early):
            receiver()
