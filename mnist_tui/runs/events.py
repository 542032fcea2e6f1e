"""The events of a run, by which its worker informs the front ends. `event_log` writes and reads them.

Epochs and steps are counted from 1. A loss that is not finite is None.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from mnist_tui.wording import counted

Matrix = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Event:
    """The base of all events; `type` names an event's kind in the log, `time` is in seconds since the Unix epoch."""

    type: ClassVar[str]
    time: float = 0.0

    def __init_subclass__(cls, type: str = "") -> None:
        if type:
            cls.type = type


@dataclass(frozen=True, kw_only=True)
class RunStarted(Event, type="run_started"):
    """A worker has started on the run. The event is written before TensorFlow is imported.

    Attributes:
        epochs: the number of planned epochs.
        total, trainable: the numbers of parameters, as computed from the experiment; 0 where they are not known yet.
        platform: operating system, CPU, Python, host and package versions, for reports.
    """

    run: str
    epochs: int
    total: int
    trainable: int
    platform: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, kw_only=True)
class Phase(Event, type="phase"):
    """The worker has begun an activity, or reports the activity's progress.

    Attributes:
        name: waiting (for a device), importing, downloading, reading, verifying, features, building, compiling,
            training, solving (a closed form), evaluating or saving.
        done, total: the progress in `unit`; total is 0 where it is not known.
    """

    name: str
    done: float = 0
    total: float = 0
    unit: str = ""
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class DataReady(Event, type="data"):
    """The data that the run uses.

    Attributes:
        train, validation, test: images in each part; validation is 0 where the test images are used for it. In a
            cross-validation the test images are those of the fold that is held out, and the test set is not used.
        sample: True for the bundled digits, which are not MNIST.
        inputs: the number of inputs of the network for one image.
        evaluated: the images of the final evaluation, in words: test images, or the images of a fold.
    """

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
    evaluated: str = "test images"

    def name_or_path(self, dataset: str) -> str:
        """Return the name or the path by which the data are found again.

        Args:
            dataset: the dataset of the run's experiment, in place of which the sample may have been used.
        """
        return "digits" if self.sample else dataset


@dataclass(frozen=True, kw_only=True)
class ModelBuilt(Event, type="model"):
    """The model as Keras built it, and the device that it runs on.

    Attributes:
        device: TensorFlow's name of the device (``CPU:0``, ``GPU:0``).
        device_name: the name of the hardware.
        program: how the steps are run (``graph``, ``xla``), or ``closed-form``.
        total, trainable: the numbers of parameters, as counted by Keras.
        steps: the number of steps in an epoch.
        precision: the number format of the layers' computations, as in the experiment.
        threads: the number of threads for one TensorFlow operation; 0 where it was not recorded.
        cpu_features: the processor's vector instructions, on which TensorFlow's choice of kernels depends.
        onednn: whether TensorFlow used oneDNN's kernels on the CPU; None in older runs and where TensorFlow chose.
        tf32: whether a GPU may multiply float32 in TensorFloat-32; None without a GPU.
        deterministic: whether a GPU computes the same bits each time; None without a GPU (a CPU always does).
        start: the layers that began with the weights of another run or a file, in words; empty for none.
    """

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
    onednn: bool | None = None
    tf32: bool | None = None
    deterministic: bool | None = None
    start: str = ""


@dataclass(frozen=True, kw_only=True)
class Progress(Event, type="progress"):
    """The progress of training inside an epoch.

    Attributes:
        loss, accuracy: means over the epoch so far, on the training batches (dropout on).
        images_per_second: the present speed.
    """

    epoch: int
    step: int
    steps: int
    images_per_second: float
    loss: float | None
    accuracy: float | None
    learning_rate: float | None = None


@dataclass(frozen=True, kw_only=True)
class EpochEnded(Event, type="epoch"):
    """An epoch has ended, with these figures.

    Attributes:
        learning_rate: None where there is none (a closed form).
        seconds: the time of training and validation, without pauses.
        confusion: counts of the validation images; rows are true classes, columns predicted ones.
        plain_loss, plain_accuracy: measured after the epoch, without dropout and augmentation, on a fixed part
            of the training images; None where the experiment does not request that.
    """

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
        low, high: the smallest and the largest value.
        counts: the number of values in each of equally wide bins from `low` to `high`.
        mean, deviation: mean and standard deviation of the values (of the population).
    """

    low: float
    high: float
    counts: tuple[int, ...]
    mean: float
    deviation: float

    def quantile(self, share: float) -> float:
        """Return a quantile (`share` from 0 to 1); the values are assumed even within each bin."""
        left = share * sum(self.counts)
        width = (self.high - self.low) / len(self.counts)
        for number, inside in enumerate(self.counts):
            if inside and left <= inside:
                return self.low + (number + left / inside) * width
            left -= inside
        return self.high


@dataclass(frozen=True, kw_only=True)
class LayerWeights:
    """The parameters of one layer at one moment.

    Attributes:
        name: the layer's name, as in `complexity.of`.
        weights, biases: for batch normalisation, scale and offset. None where the layer has none, or where a value is
            not finite.
        dead: the share of the layer's units (neurons, filters) whose output is zero for every image of a sample;
            None for activations other than relu, and where a weight of this or an earlier layer is not finite.
    """

    name: str
    weights: Distribution | None = None
    biases: Distribution | None = None
    dead: float | None = None


@dataclass(frozen=True, kw_only=True)
class WeightsSeen(Event, type="weights"):
    """The weights and biases after an epoch. Epoch 0 means the initial ones; a long run records only some epochs."""

    epoch: int
    layers: tuple[LayerWeights, ...]


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One GPU's load in percent, bytes, degrees Celsius and watts; None for a value that NVML does not report."""

    index: int
    name: str
    utilization: float | None = None
    memory_used: int | None = None
    memory_total: int | None = None
    temperature: float | None = None
    power: float | None = None


@dataclass(frozen=True, kw_only=True)
class DeviceLoad(Event, type="device"):
    """The load of machine and worker: `cpu` is in percent of all cores, `worker_cpu` of one core; memory in bytes."""

    cpu: float
    cores: int
    memory_used: int
    memory_total: int
    worker_cpu: float
    worker_memory: int
    gpus: tuple[Gpu, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Paused(Event, type="paused"):
    """Training is paused."""

    epoch: int
    step: int


@dataclass(frozen=True, kw_only=True)
class Resumed(Event, type="resumed"):
    """Training continues, after a pause or in another worker, which drops the epochs after its checkpoint.

    Attributes:
        from_epoch: the number of whole epochs that are kept, 0 without a checkpoint; None after a pause.
        step: the number of steps of the next epoch that are kept.
    """

    from_epoch: int | None = None
    step: int = 0


@dataclass(frozen=True, kw_only=True)
class Extended(Event, type="extended"):
    """The number of planned epochs is now `epochs`. `commands` has the ids of the commands that requested this."""

    epochs: int
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CheckpointSaved(Event, type="checkpoint"):
    """A checkpoint is complete on disk, as of `step` steps after the end of epoch `epoch`."""

    epoch: int
    step: int


@dataclass(frozen=True, kw_only=True)
class Warned(Event, type="warning"):
    """A warning for the user, as a sentence."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Ended(Event, type="ended"):
    """The last event of a run, unless the run is resumed.

    Attributes:
        state: finished, stopped, diverged or failed.
        reason: why it ended, in words.
        test_loss, test_accuracy, macro_f1: from the final evaluation; None where there was none.
        where: file and line of a failure.
        refused: why the run could not be resumed; then the other fields are those of the earlier end.
    """

    state: str
    reason: str
    test_loss: float | None = None
    test_accuracy: float | None = None
    macro_f1: float | None = None
    where: str = ""
    refused: str = ""


def computation(model: ModelBuilt) -> str:
    """Describe how a run computes: ``graph program in float32, oneDNN on, 8 threads``; unknown parts are left out."""
    parts = [f"{model.program} program in {model.precision}"]
    if model.onednn is not None and model.device.startswith("CPU"):
        parts.append(f"oneDNN {'on' if model.onednn else 'off'}")
    if model.tf32 is not None:
        parts.append(f"TF32 {'on' if model.tf32 else 'off'}")
    if model.deterministic is not None:
        parts.append("deterministic" if model.deterministic else "not deterministic")
    if model.threads:
        parts.append(counted(model.threads, "thread"))
    return ", ".join(parts)


EVENTS: dict[str, type[Event]] = {kind.type: kind for kind in Event.__subclasses__()}
"""The classes of events by their `type`."""
