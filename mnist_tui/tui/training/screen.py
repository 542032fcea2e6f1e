"""The training screen: a run's curves, confusion matrix, progress and device. Commands go through the run's folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from textual import getters, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content

from mnist_tui.clocks import RemoteClock
from mnist_tui.errors import RunError
from mnist_tui.experiment.preset_files import PresetError
from mnist_tui.report.result_words import score_difference
from mnist_tui.runs import control
from mnist_tui.runs.diagnosis import Finding, diagnose, headlines
from mnist_tui.runs.events import DeviceLoad, Gpu, computation
from mnist_tui.runs.state import EXTENDABLE, RESUMABLE, EpochRow, RunState
from mnist_tui.runs.watch import BROKEN, RunSnapshot
from mnist_tui.settings import Glyphs
from mnist_tui.tui import run_commands
from mnist_tui.tui.bench import Route
from mnist_tui.tui.feed import RunFeed
from mnist_tui.tui.run_screen import RunScreen
from mnist_tui.tui.terminal.keymap import bind
from mnist_tui.tui.widgets.confusion import ConfusionView, class_names
from mnist_tui.tui.widgets.controls import KeyFooter, SidePanel
from mnist_tui.tui.widgets.plots.curves import CURVE_HELP, CURVE_KEYS, CurvePlots
from mnist_tui.tui.widgets.plots.plot import Plot
from mnist_tui.tui.widgets.run_status import Banner, RunProgress, StatusLine, sample_line
from mnist_tui.tui.widgets.tab_strip import TabStrip
from mnist_tui.tui.widgets.text import Line
from mnist_tui.wording import counted, loss, percent, size, size_of

VIEWS = ("-curves", "-matrix", "-device")
ROOMY_LINES = 8
"""The least number of lines with which the device panel shows each reading in a line of its own."""
DIAGNOSIS_SHARE = 0.005
"""The largest share of the time that a live run's diagnosis may take."""


class TrainingScreen(RunScreen):
    """The screen of a run, live or ended.

    Args:
        feed: the run's feed.
        clock: returns seconds since the Unix epoch; None for the clock of the run's worker.
    """

    CSS_PATH = "training.tcss"
    HELP = """
    **Training.** The network trains in a process of its own; pause, stop and checkpoint happen between two chunks of
    its steps. Detach leaves it training; `mnist-tui attach latest` shows it again. A run that was stopped, failed or
    crashed can be resumed. Arrow keys or the mouse look at an earlier epoch; `f` follows the newest again.
    """
    MORE_HELP = CURVE_HELP
    BINDINGS = [
        bind("training.pause", "p,space", "send('pause')", "Pause", "Pause the training"),
        bind("training.continue", "p,space", "send('continue')", "Resume", "Go on with the training"),
        bind("training.resume", "p,space", "resume", "Resume", "Go on from the last checkpoint"),
        bind("training.results", "r", "show('results')", "Results", "Scores, confusions, complexity, export"),
        bind("training.view", "v", "view", "View", "Curves, matrix or device, in a narrow window"),
        bind("training.stop", "s", "send('stop')", "Stop, save", "End the training now and save it"),
        bind("training.detach", "d", "detach", "Detach", "To the presets; the training goes on"),
        bind("training.presets", "d", "show('presets')", "Presets", "To the presets", hidden=True),
        bind("training.matrix", "m", "show('matrix')", "Matrix", "The confusion matrix in full"),
        bind("training.gallery", "g", "show('gallery')", "Images", "The images behind the matrix"),
        bind("training.weights", "w", "show('weights')", "Weights", "Weights and biases layer by layer"),
        bind("training.diagnosis", "i", "show('diagnosis')", "Diagnosis", "The figures in words"),
        bind("training.extend", "e", "extend", "Train longer", "Train to a later epoch, also after the end"),
        bind("training.checkpoint", "c", "send('checkpoint')", "Checkpoint", "Save a checkpoint now"),
        bind("training.step", "n", "send('step')", "One epoch", "Train one epoch, then pause"),
        bind("training.discard", "x", "discard", "Discard", "End it, save nothing, delete its files"),
        bind("training.back", "escape", "back", "Back", "Back to where you were; the training goes on"),
        *CURVE_KEYS,
    ]

    status = getters.query_one(StatusLine)
    sample = getters.query_one("#sample", Banner)
    outcome = getters.query_one("#outcome", Line)
    progress = getters.query_one(RunProgress)
    plots = getters.query_one(CurvePlots)
    matrix = getters.query_one(ConfusionView)
    panel = getters.query_one(SidePanel)
    side = getters.query_one("#device", Line)

    def __init__(self, feed: RunFeed, clock: Callable[[], float] | None = None) -> None:
        super().__init__(feed)
        self.folder = feed.folder
        self._worker_clock, self._clock = RemoteClock(), clock
        self._state = ""
        self._warned: int | None = None
        self._findings: tuple[Finding, ...] = ()
        self._diagnosed: tuple[str, tuple[EpochRow, ...]] = ("", ())
        self._next_diagnosis = 0.0
        try:
            self._preset = feed.folder.preset()
        except PresetError:
            self._preset = None

    def compose(self) -> ComposeResult:
        yield TabStrip()
        yield StatusLine(self._title(), self.folder.id)
        yield Banner(id="sample")
        yield RunProgress()
        yield Line(id="outcome")
        with Horizontal(id="body"):
            yield CurvePlots(id="curves")
            with Vertical(id="side"):
                yield ConfusionView()
                with SidePanel(id="device-panel"):
                    yield Line(id="device")
        yield KeyFooter()

    def _title(self) -> str:
        """Return the preset and the dataset: the requested dataset until the run has loaded one."""
        if self._preset is None:
            return "experiment.toml cannot be read"
        data = self.snapshot.run.data
        return f"{self._preset.name} on {data.name if data else self._preset.experiment.dataset.name}"

    def on_mount(self) -> None:
        self.add_class(VIEWS[0])

    def snapshot_changed(self) -> None:
        if self.snapshot.run.updated is not None:
            warnings = self.snapshot.run.warnings
            for text in warnings[len(warnings) if self._warned is None else self._warned :]:  # only new ones
                self.notify(text, severity="warning", timeout=10)
            self._warned = len(warnings)
        if self._state != self.snapshot.state:
            self._state = self.snapshot.state
            self.redraw()
            self.refresh_bindings()

    def tick(self) -> None:
        planned = self._preset.experiment.training.epochs if self._preset else 0
        now = self._clock() if self._clock else self._worker_clock(self.snapshot.run.updated)
        self.progress.show(self.snapshot.run, self.snapshot.state, now, planned)

    def draw(self) -> None:
        snapshot, run = self.snapshot, self.snapshot.run
        self.status.show(snapshot.state, self._title())
        self.sample.say(sample_line(run.data is not None and run.data.sample))
        self.outcome.say("\n".join(outcome_lines(snapshot)))
        self.outcome.display = not snapshot.live
        self.plots.show(run, self.feed.cursor)
        epoch = self.feed.epoch
        ended = self.feed.ended(epoch) if epoch != run.confusion_epoch else None
        matrix, epoch = (ended.confusion, epoch) if ended else (run.confusion, run.confusion_epoch)
        self.matrix.show(matrix, class_names(run), f"evaluated after epoch {epoch}")
        self.matrix.set_class(not snapshot.live and run.confusion is None, "-nothing")
        broken = snapshot.state in BROKEN
        if broken != self.has_class("-broken") or not self.panel.border_title:
            self.set_class(broken, "-broken")
            self.panel.border_title = Content.styled("log and device" if broken else "device", "bold")
        room = self.panel.scrollable_content_region
        width = room.width if room.height >= ROOMY_LINES else 0
        self.side.say("\n".join(side_lines(snapshot, width, self.app.settings.glyphs, self._diagnose())))

    def _diagnose(self) -> tuple[Finding, ...]:
        """Return the diagnosis. It is repeated when an epoch has ended, less often if it takes long."""
        run, now = self.snapshot.run, time.monotonic()
        if self._preset is None or not run.history:
            return ()
        state, history = self._diagnosed
        if state != self.snapshot.state or (history is not run.history and now >= self._next_diagnosis):
            self._findings = diagnose(run, self._preset.experiment, self.snapshot.state)
            self._diagnosed = (self.snapshot.state, run.history)
            self._next_diagnosis = now + (time.monotonic() - now) / DIAGNOSIS_SHARE
        return self._findings

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        state, live = self.snapshot.state, self.snapshot.live
        in_epochs = self._preset is None or self._preset.experiment.trains_in_epochs
        allowed = {
            "pause": state == "running",
            "continue": state == "paused",
            "step": state in {"running", "paused"} and not self._is_trained,
            "send": live,
            "detach": live,
            "resume": state in RESUMABLE,
            "extend": state in EXTENDABLE and not (live and self._is_trained) and in_epochs,
            "presets": not live,
            "results": not live,
            "view": self.has_class("-narrow"),
        }
        command = str(parameters[0]) if action in {"send", "show"} else action
        return allowed.get(command, allowed.get(action, True))

    def action_send(self, command: control.CommandName) -> None:
        try:
            control.send(self.folder, command)
        except (RunError, OSError) as error:
            self.notify(str(error), severity="warning")
            return
        if command in {"stop", "checkpoint"}:
            self.notify("asked to stop and save" if command == "stop" else "checkpoint asked for", timeout=3)

    @property
    def _is_trained(self) -> bool:
        """Whether training is over, and the network is being evaluated or saved."""
        phase = self.snapshot.run.phase
        return phase is not None and phase.name in {"evaluating", "saving"}

    def action_extend(self) -> None:
        run_commands.ask_to_extend(self.app, self.snapshot, self._preset.experiment if self._preset else None)

    def action_discard(self) -> None:
        run_commands.ask_to_discard(self.app, self.snapshot)

    def action_resume(self) -> None:
        run_commands.resume(self.app, self.folder)

    def action_detach(self) -> None:
        self.notify(f"{self.folder.id} goes on; mnist-tui attach latest shows it", title="Detached")
        self.app.show(Route("presets"))

    def action_plot(self, what: str) -> None:
        """Zoom, pan, scale or choose the curves."""
        self.plots.action_view(what)

    @on(ConfusionView.CellChosen)
    def _cell_chosen(self, message: ConfusionView.CellChosen) -> None:
        self.app.show(Route("gallery", run=self.folder, cell=(message.true, message.predicted)))

    @on(Plot.EpochPointed)
    def _epoch_pointed(self, message: Plot.EpochPointed) -> None:
        self.look_at(message.epoch)

    def action_view(self) -> None:
        """Show the next view (curves, matrix or device) if there is no room for all."""
        now = next(view for view in VIEWS if self.has_class(view))
        self.remove_class(now)
        self.add_class(VIEWS[(VIEWS.index(now) + 1) % len(VIEWS)])


def outcome_lines(snapshot: RunSnapshot) -> list[str]:
    """Return lines about the end of a run and its scores, compared with the published ones; none while it is live."""
    if snapshot.live:
        return []
    ended, state = snapshot.run.ended, snapshot.state.capitalize()
    lines = [f"{state}: {snapshot.reason}" if snapshot.reason and snapshot.state != "finished" else f"{state}."]
    if ended is not None and ended.test_accuracy is not None:
        scores = f"test accuracy {percent(ended.test_accuracy)}, test loss {loss(ended.test_loss)}"
        if ended.macro_f1 is not None:
            scores += f", macro F1 {percent(ended.macro_f1)}"
        lines.append(scores)
    if ended is not None and ended.refused:
        lines.append(f"Not resumed: {ended.refused}")
    if len(lines) == 2 and len(lines[0]) <= len("Finished."):
        lines = [f"{lines[0].rstrip('.')}: {lines[1]}"]
    return lines + _published(snapshot)


def _published(snapshot: RunSnapshot) -> list[str]:
    """Return a comparison, ``Published: test accuracy 97.62 % (ours −0.02 points), …``; nothing without scores."""
    reference, ended = snapshot.reference, snapshot.run.ended
    if reference is None or ended is None or ended.test_accuracy is None:
        return []
    parts: list[str] = []
    for score, theirs, ours in (
        ("accuracy", reference.accuracy, ended.test_accuracy),
        ("loss", reference.loss, ended.test_loss),
    ):
        if theirs is not None:
            published = percent(theirs) if score == "accuracy" else loss(theirs)
            parts.append(f"{score} {published} ({'' if parts else 'ours '}{score_difference(score, ours, theirs)})")
    return [f"Published: test {', '.join(parts)}"] if parts else []


def side_lines(
    snapshot: RunSnapshot, width: int = 0, glyphs: Glyphs = "braille", findings: tuple[Finding, ...] = ()
) -> list[str]:
    """Return the lines of the side panel: warnings, the end of a failed run's log, data, model, device, mild findings.

    Args:
        width: characters of a line; the rest of a line shows the history of the device's load.
        findings: the run's diagnosis.
    """
    run, data, model = snapshot.run, snapshot.run.data, snapshot.run.model
    lines = [f"warning: {text}" for text in run.warnings]
    grave = tuple(finding for finding in findings if finding.severity in ("problem", "warning"))
    lines += headlines(grave)
    if snapshot.state in BROKEN:
        where = run.ended.where if run.ended else ""
        lines += [f"at {where}"] if where else []
        lines += ["last lines of the log:", *(snapshot.log or ("(the log has no line about the failure)",))]
        lines.append(f"whole log: {snapshot.folder.log_file}")
    if data is not None:
        lines.append(f"{data.title}: {data.train:,} training, {data.test:,} test images")
    if (total := model.total if model else run.start.total if run.start else None) is not None:
        inputs = f"{counted(data.inputs, 'input')}, " if data else ""
        lines.append(f"{inputs}{counted(total, 'parameter')}")
    lines += device_lines(run, width, glyphs)
    if data is not None:
        held_out = f"{counted(data.validation, 'image')} held out"
        lines.append(f"validation: {held_out if data.validation else 'the test images'}")
    if model is not None:
        name = f" ({model.device_name})" if model.device_name else ""
        lines.append(f"on {model.device}{name}, {computation(model)}")
    if run.checkpoint is not None:
        steps = f", step {run.checkpoint.step} of the next" if run.checkpoint.step else ""
        lines.append(f"checkpoint: after epoch {run.checkpoint.epoch}{steps}")
    return lines + headlines(tuple(finding for finding in findings if finding not in grave))


BARS: dict[Glyphs, str] = {"braille": "▁▂▃▄▅▆▇█", "block": "▁▂▃▄▅▆▇█", "ascii": "_.:-=+*#"}
LONGEST_HISTORY = 30
ROOMY = 44
"""The least width of a line, in characters, that has room for a history."""
HOTTEST = 100.0
"""Degrees Celsius at the top of a temperature's history."""


def spark(values: Sequence[float | None], top: float, width: int, glyphs: Glyphs = "braille") -> str:
    """Return the last `width` values as bars from 0 to `top`; an unknown value is a gap."""
    bars = BARS[glyphs]
    steps = len(bars) - 1
    shares = [None if value is None or top <= 0 else min(1.0, max(0.0, value / top)) for value in values[-width:]]
    return "".join(" " if share is None else bars[round(share * steps)] for share in shares)


def device_lines(run: RunState, width: int = 0, glyphs: Glyphs = "braille") -> list[str]:
    """Return the load of the machine and of the worker; GPUs first.

    Args:
        width: characters of a line; if there is room, each reading has its own line, which ends with its history.
    """
    if run.load is None:
        return ["device load: not measured yet"]
    cpu, memory, worker_cpu, worker_memory = machine = _machine_readings(run.load, run.loads)
    if width < ROOMY:
        gpus = [gpu_line(gpu) for gpu in run.load.gpus] or ["no GPU seen"]
        return [*gpus, f"{cpu.text}, {memory.text}", f"{worker_cpu.text}, {worker_memory.text.removeprefix('worker ')}"]
    rows: list[DeviceReading] = []
    for gpu in run.load.gpus:
        readings = _gpu_readings(gpu, run.loads)
        rows.append(DeviceReading(f"GPU {gpu.index} {gpu.name}{'' if readings else ': NVML tells nothing'}"))
        rows += [replace(each, text=f"GPU {gpu.index} {each.text}") for each in readings]
    no_gpu = [] if rows else ["no GPU seen (`mnist-tui doctor` says why)"]
    rows += machine
    column = max(len(row.text) for row in rows if row.history) + 2
    room = max(0, min(LONGEST_HISTORY, width - column))
    histories = [spark(row.history, row.top, room, glyphs) for row in rows]
    return [
        row.text.ljust(column if row.history else 0) + bars for row, bars in zip(rows, histories, strict=True)
    ] + no_gpu


def gpu_line(gpu: Gpu) -> str:
    """Return a line about a GPU, without the readings that NVML does not have."""
    texts = [reading.text.removeprefix("memory ") for reading in _gpu_readings(gpu, ())]
    return f"GPU {gpu.index} {gpu.name}: {', '.join(texts) or 'NVML tells nothing'}"


@dataclass(frozen=True)
class DeviceReading:
    """A reading of the device's load in words, and its history as bars from 0 to `top`."""

    text: str
    history: Sequence[float | None] = ()
    top: float = 0.0


def _gpu_readings(gpu: Gpu, loads: Sequence[DeviceLoad]) -> list[DeviceReading]:
    same = [next((each for each in load.gpus if each.index == gpu.index), None) for load in loads]

    def history(field: str) -> list[float | None]:
        return [each and getattr(each, field) for each in same]

    readings: list[DeviceReading] = []
    if gpu.utilization is not None:
        readings.append(DeviceReading(f"{gpu.utilization:.0f} % busy", history("utilization"), 100.0))
    if gpu.memory_used is not None:
        memory = f"memory {size_of(gpu.memory_used, gpu.memory_total)}"
        readings.append(DeviceReading(memory, history("memory_used"), float(gpu.memory_total or 0)))
    if gpu.temperature is not None:
        readings.append(DeviceReading(f"{gpu.temperature:.0f} °C", history("temperature"), HOTTEST))
    if gpu.power is not None:
        watts = history("power")
        readings.append(DeviceReading(f"{gpu.power:.0f} W", watts, max(filter(None, watts), default=0.0)))
    return readings


def _machine_readings(load: DeviceLoad, loads: Sequence[DeviceLoad]) -> list[DeviceReading]:
    memory, worker_memory = ([getattr(each, name) for each in loads] for name in ("memory_used", "worker_memory"))
    worker_cpu = f"worker {load.worker_cpu:.0f} % of one core"
    return [
        DeviceReading(f"CPU {load.cpu:.0f} % of {counted(load.cores, 'core')}", [each.cpu for each in loads], 100.0),
        DeviceReading(f"memory {size_of(load.memory_used, load.memory_total)}", memory, float(load.memory_total)),
        DeviceReading(worker_cpu, [each.worker_cpu for each in loads], 100.0 * load.cores),
        DeviceReading(f"worker memory {size(load.worker_memory)}", worker_memory, float(max(worker_memory))),
    ]
