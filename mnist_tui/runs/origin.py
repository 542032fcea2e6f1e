"""Where a run comes from that was not trained here: `origin.json` in its folder, and what such a run cannot do.

A run without that file was trained by this program. The three other kinds are a run evaluated on other data, an
ensemble of runs, and a model or predictions made elsewhere. They have results and predictions like trained runs, but no
epochs and no checkpoint.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mnist_tui.errors import RunError
from mnist_tui.experiment.complexity import Complexity, of
from mnist_tui.experiment.layers import ParameterCounts
from mnist_tui.runs.process_folder import read_record
from mnist_tui.wording import counted

if TYPE_CHECKING:
    from mnist_tui.experiment.spec import Experiment

Kind = Literal["evaluated", "ensemble", "imported"]
ENDINGS = {".keras": "Keras", ".h5": "Keras", ".onnx": "ONNX", ".npz": "predictions", ".csv": "predictions"}
"""What is in a file that can be imported, by the ending of its name."""
MODEL_ENDINGS = tuple(ending for ending, what in ENDINGS.items() if what != "predictions")


@dataclass(frozen=True)
class OriginSource:
    """What a run was made from: the id of a run, or the name of an imported file (without its path) and its SHA-256."""

    name: str
    sha256: str = ""


@dataclass(frozen=True)
class ForeignLayer:
    """A layer of a network that this program has not built.

    Attributes:
        kind: the kind in words, such as ``Conv2D``.
        output_shape: the shape of its output for one image; empty where it is not known.
        parameters: the number of its weights, biases and other parameters.
        trainable: the number of those that training changed.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    trainable: int


@dataclass(frozen=True)
class Origin:
    """Where a run comes from that was not trained here.

    Attributes:
        sources: the evaluated run, the members of an ensemble, or the imported file.
        dataset: the dataset whose test images were classified, as lists show it.
        trained_on: the dataset on which the evaluated run was trained; empty where that is not known.
        changes: the corruption of the test images in words; empty for none.
        corrupt: the same as `--corrupt` takes it: ``blur:3``.
        network: the layers of a network from elsewhere, of an ensemble those of all members; None where the layers are
            those of the run's experiment, and where there are only predictions.
        predictions_only: whether there is no model, only its predictions.
        labels_only: whether only classes were predicted: then the probabilities of the run are 0 and 1.
        settings: what a model from elsewhere takes and gives: `layout`, `scale`, `outputs`; for an ensemble `method`.
        notes: what was assumed or found, as sentences for results and reports.
        more: keys of a later version, which are kept when the file is written again.
    """

    kind: Kind
    sources: tuple[OriginSource, ...]
    dataset: str
    trained_on: str = ""
    changes: str = ""
    corrupt: str = ""
    network: tuple[ForeignLayer, ...] | None = None
    predictions_only: bool = False
    labels_only: bool = False
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    notes: tuple[str, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False)

    @property
    def words(self) -> str:
        """What the run is, for lists: ``evaluated on qmnist``, ``ensemble of 3`` or ``imported: file.keras``."""
        if self.kind == "evaluated":
            return f"evaluated on {self.dataset}{f' with {self.changes}' if self.changes else ''}"
        if self.kind == "ensemble":
            return f"ensemble of {len(self.sources)}"
        return f"imported: {self.sources[0].name}"

    @property
    def sentence(self) -> str:
        """Why the run has no training, as a part of a sentence: ``it is an ensemble of 3 runs``."""
        if self.kind == "evaluated":
            return f"it is run {self.sources[0].name}, evaluated on other test images"
        if self.kind == "ensemble":
            return f"it is an ensemble of {counted(len(self.sources), 'run')}"
        return f"it was imported from {self.sources[0].name}"

    @property
    def group(self) -> list[str]:
        """Texts that are the same only for runs whose scores are of the same kind, for groups of seeds."""
        same = [self.kind, self.trained_on, self.corrupt]
        return (
            same
            if self.kind == "evaluated"
            else [*same, *(f"{source.name} {source.sha256}" for source in self.sources)]
        )

    def to_document(self) -> dict[str, Any]:
        """Return the JSON object for `origin.json`."""
        document = asdict(self)
        return {**document.pop("more"), **document}


def read_origin(file: Path) -> Origin | None:
    """Return the origin in a run's `origin.json`; None without such a file: then the run was trained here.

    Raises:
        RunError: the file is damaged.
    """
    if not os.path.lexists(file):
        return None
    origin = read_record(file, Origin)
    if not origin.sources:
        raise RunError(f"{file} cannot be read: it names no source")
    return origin


def imported_file(run: Path, origin: Origin) -> Path:
    """Return the place of the copy of an imported file in the folder of its run."""
    ending = Path(origin.sources[0].name).suffix.lower()
    return run / f"imported{ending if ending in ENDINGS else ''}"


def complexity_of(experiment: Experiment, origin: Origin | None) -> Complexity | None:
    """Return the complexity of a run's network, layer by layer; None if its layers are not those of its experiment.

    Then `counts_of` has the numbers of parameters, and `Origin.network` the layers, where there is a network.
    """
    if origin is not None and (origin.kind == "imported" or origin.network is not None or origin.predictions_only):
        return None
    return of(experiment)


def counts_of(experiment: Experiment, origin: Origin | None) -> ParameterCounts | None:
    """Return the numbers of parameters of a run's network, of an ensemble their sum; None without a network.

    Of a network from elsewhere the weights include the biases, and the multiply-accumulates are 0, not counted.
    """
    if (complexity := complexity_of(experiment, origin)) is not None:
        return complexity
    if origin is None or origin.network is None:
        return None
    total = sum(layer.parameters for layer in origin.network)
    return ParameterCounts(weights=total, non_trainable=total - sum(layer.trainable for layer in origin.network))
