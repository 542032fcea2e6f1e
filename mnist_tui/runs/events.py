"""The events of a run: all that a worker reports to front ends. `event_log` writes and reads them.

Epochs and steps are counted from 1. Losses that are not finite arrive as None.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from mnist_tui.wording import counted

Matrix = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Event:
    """The base of all events; `time` is in seconds since the Unix epoch."""

    type: ClassVar[str]
    time: float = 0.0


@dataclass(frozen=True, kw_only=True)
class RunStarted(Event):
    """A worker has started on the run. Written before TensorFlow is imported.

    Attributes:
        epochs: epochs planned.
        platform: operating system, CPU, Python, host, package versions; for reports.
        total, trainable: parameters, by arithmetic.
    """

    type: ClassVar[str] = "run_started"
    run: str
    epochs: int
    total: int
    trainable: int
    platform: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, kw_only=True)
class Phase(Event):
    """A new activity of the worker, before, during or after training.

    Attributes:
        name: waiting (for a device), importing, downloading, reading, verifying, features, building, compiling,
            training, solving (a closed form), evaluating or saving.
        done, total: progress in `unit`; total 0 where it is not known.
    """

    type: ClassVar[str] = "phase"
    name: str
    done: float = 0
    total: float = 0
    unit: str = ""
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class DataReady(Event):
    """The data that the run uses.

    Attributes:
        train, validation, test: images in each part; validation is 0 where the test set is used for it.
        sample: True for the bundled digits, which are never called MNIST.
        inputs: the number of the network's inputs for one image.
    """

    type: ClassVar[str] = "data"
    name: str
    title: str
    class_names: tuple[str, ...]
    sha256: dict[str, str]
    source: str
    sample: bool
    verified: bool
    train: int
    validation: int
    test: int
    inputs: int


@dataclass(frozen=True, kw_only=True)
class ModelBuilt(Event):
    """The model as Keras built it, and where it runs.

    Attributes:
        device: TensorFlow's name of the device (``CPU:0``, ``GPU:0``).
        device_name: the hardware's own name.
        program: how the steps are run (``graph``, ``xla``), or ``closed-form``.
        precision: what the layers compute in, as in the experiment.
        threads: threads that one operation of TensorFlow's is spread over; 0 where it was not recorded.
        cpu_features: the processor's vector instructions, which decide TensorFlow's kernels.
        tf32: whether a GPU may multiply float32 in TensorFloat-32; None without a GPU.
        deterministic: whether a GPU computes the same bits each time; None without a GPU (a CPU always does).
        total, trainable: parameters by Keras' count.
        steps: steps an epoch.
    """

    type: ClassVar[str] = "model"
    device: str
    device_name: str
    program: str
    total: int
    trainable: int
    steps: int
    keras: str = ""
    tensorflow: str = ""
    precision: str = "float32"
    threads: int = 0
    cpu_features: str = ""
    tf32: bool | None = None
    deterministic: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Progress(Event):
    """The progress of training inside an epoch.

    Attributes:
        loss, accuracy: means over the epoch so far, on the training batches (dropout on).
        images_per_second: over the last moment.
    """

    type: ClassVar[str] = "progress"
    epoch: int
    step: int
    steps: int
    images_per_second: float
    loss: float | None
    accuracy: float | None
    learning_rate: float | None = None


@dataclass(frozen=True, kw_only=True)
class EpochEnded(Event):
    """An epoch's figures.

    Attributes:
        seconds: training and validation together, pauses left out.
        learning_rate: None where there is none (a closed form).
        confusion: counts on the validation images, rows true, columns predicted.
        plain_loss, plain_accuracy: after the epoch, dropout off, on a fixed part of the training images; None where
            that was not asked for.
    """

    type: ClassVar[str] = "epoch"
    epoch: int
    loss: float | None
    accuracy: float | None
    val_loss: float | None
    val_accuracy: float | None
    learning_rate: float | None
    seconds: float
    images_per_second: float
    confusion: Matrix
    plain_loss: float | None = None
    plain_accuracy: float | None = None


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """The distribution of the values of one array.

    Attributes:
        low, high: the smallest and the largest; the ends of the histogram.
        counts: values in each of equally wide bins from `low` to `high`.
        mean, deviation: of the values; the deviation is the population's.
    """

    low: float
    high: float
    counts: tuple[int, ...]
    mean: float
    deviation: float


@dataclass(frozen=True, kw_only=True)
class LayerWeights:
    """One layer's parameters at one moment.

    Attributes:
        name: as in `complexity.of`.
        weights, biases: of batch normalisation: its scale and offset. None where the layer has none, or where one is
            not finite.
        dead: share of its units (neurons; a convolution's filters) whose output is zero for every image of a sample;
            None for activations other than relu, and where a weight up to here is not finite.
    """

    name: str
    weights: Distribution | None = None
    biases: Distribution | None = None
    dead: float | None = None


@dataclass(frozen=True, kw_only=True)
class WeightsSeen(Event):
    """The weights and biases after an epoch (epoch 0: the initial ones); a long run records only some epochs."""

    type: ClassVar[str] = "weights"
    epoch: int
    layers: tuple[LayerWeights, ...]


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One GPU's load, as NVML reports it; None where it does not.

    Attributes:
        utilization: percent. memory_used, memory_total: bytes. temperature: degrees Celsius. power: watts.
    """

    index: int
    name: str
    utilization: float | None = None
    memory_used: int | None = None
    memory_total: int | None = None
    temperature: float | None = None
    power: float | None = None


@dataclass(frozen=True, kw_only=True)
class DeviceLoad(Event):
    """The load of the machine and of the worker itself.

    Attributes:
        cpu: percent of all cores. worker_cpu: percent of one core. memory in bytes.
    """

    type: ClassVar[str] = "device"
    cpu: float
    cores: int
    memory_used: int
    memory_total: int
    worker_cpu: float
    worker_memory: int
    gpus: tuple[Gpu, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Paused(Event):
    """Training is paused."""

    type: ClassVar[str] = "paused"
    epoch: int
    step: int


@dataclass(frozen=True, kw_only=True)
class Resumed(Event):
    """Training goes on after a pause or, with `from_epoch`, in another worker; later epochs are dropped.

    Attributes:
        from_epoch: whole epochs that are kept; None after a pause.
        step: steps of the next epoch that are kept. Both are 0 where there was no checkpoint to go on from.
    """

    type: ClassVar[str] = "resumed"
    from_epoch: int | None = None
    step: int = 0


@dataclass(frozen=True, kw_only=True)
class Extended(Event):
    """The number of planned epochs has changed to `epochs`.

    Attributes:
        commands: ids of the commands that asked for it; none is obeyed again once it is named here.
    """

    type: ClassVar[str] = "extended"
    epochs: int
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CheckpointSaved(Event):
    """A checkpoint is complete on disk; `epoch` epochs and `step` steps of the next are in it."""

    type: ClassVar[str] = "checkpoint"
    epoch: int
    step: int


@dataclass(frozen=True, kw_only=True)
class Warned(Event):
    """A warning for the user, in plain words."""

    type: ClassVar[str] = "warning"
    text: str


@dataclass(frozen=True, kw_only=True)
class Ended(Event):
    """The last event of a run, unless the run is resumed.

    Attributes:
        state: finished, stopped, diverged or failed.
        reason: in words.
        test_loss, test_accuracy, macro_f1: the final evaluation; None where there was none.
        where: file and line of a failure.
        refused: why the run could not be resumed; the other fields are those of its earlier end.
    """

    type: ClassVar[str] = "ended"
    state: str
    reason: str
    test_loss: float | None = None
    test_accuracy: float | None = None
    macro_f1: float | None = None
    where: str = ""
    refused: str = ""


def computation(model: ModelBuilt) -> str:
    """Return how a run computes: ``xla program in float32, TF32 on, 8 threads``; what was not recorded is left out."""
    parts = [f"{model.program} program in {model.precision}"]
    if model.tf32 is not None:
        parts.append(f"TF32 {'on' if model.tf32 else 'off'}")
    if model.deterministic is not None:
        parts.append("deterministic" if model.deterministic else "not deterministic")
    if model.threads:
        parts.append(counted(model.threads, "thread"))
    return ", ".join(parts)


EVENTS: dict[str, type[Event]] = {kind.type: kind for kind in Event.__subclasses__()}
"""The events by the type that stands on their line of the log."""
