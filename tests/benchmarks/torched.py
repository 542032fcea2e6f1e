"""PyTorch by hand, for plain convolutional networks: `python -m tests.benchmarks.torched FOLDER`, an epoch a turn.

The data are tensors in memory, permuted once an epoch and sliced; images and network are in PyTorch's channels-last
format, which its convolutions on a CPU like best. Validation counts the confusion matrix. PyTorch is in no dependency
group, because it is some gigabytes: `uv pip install torch` brings it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mnist_tui.experiment.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from mnist_tui.experiment.spec import Experiment
from mnist_tui.runs.folder import RunFolder
from tests.benchmarks.arrays import Arrays, arrays
from tests.benchmarks.turns import Turns

PREDICTED_AT_ONCE = 1_000


def covers(experiment: Experiment) -> bool:
    """Whether the layers and the optimizer are among those written here, and the images are unchanged."""
    known = all(isinstance(layer, Conv2D | MaxPooling2D | Flatten | Dense | Dropout) for layer in experiment.layers)
    convolves = any(isinstance(layer, Conv2D) for layer in experiment.layers)
    plain = experiment.augmentation is None and experiment.optimizer.name in ("rmsprop", "adam")
    return known and convolves and plain


def network(experiment: Experiment) -> Any:
    """The experiment's network up to the logits, with PyTorch's own initial weights."""
    from torch import nn

    activations = {"linear": nn.Identity, "relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
    modules: list[Any] = []
    for layer in experiment.layers:
        match layer:
            case Conv2D(kernel_size=kernel, padding=padding):
                convolution: Any = nn.LazyConv2d
                modules += convolution(layer.filters, kernel, padding=padding), activations[layer.activation]()
            case MaxPooling2D():
                modules.append(nn.MaxPool2d(layer.pool_size))
            case Flatten():
                modules.append(nn.Flatten())
            case Dense():
                modules += nn.LazyLinear(layer.units), activations[layer.activation]()
            case Dropout():
                modules.append(nn.Dropout(layer.rate))
    return nn.Sequential(*modules, nn.LazyLinear(10))


class Epochs:
    """Trains epoch after epoch; call it for one.

    Args:
        experiment: one that `covers` accepts.
    """

    def __init__(self, experiment: Experiment, data: Arrays) -> None:
        import torch

        def images(values: Any) -> Any:
            return torch.from_numpy(values).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)

        self._torch, self._batch = torch, experiment.training.batch_size
        self._train, self._labels = images(data.train), torch.from_numpy(data.labels).long()
        self._test, self._test_labels = images(data.test), torch.from_numpy(data.test_labels).long()
        self._network = network(experiment)
        self._network(self._train[:1])
        self._network = self._network.to(memory_format=torch.channels_last)
        spec: Any = experiment.optimizer
        parameters, rate, epsilon = self._network.parameters(), spec.learning_rate, spec.epsilon
        if spec.name == "adam":
            self._optimizer: Any = torch.optim.Adam(parameters, rate, (spec.beta_1, spec.beta_2), epsilon)
        else:
            self._optimizer = torch.optim.RMSprop(parameters, rate, spec.rho, epsilon)

    def __call__(self) -> tuple[float, Any]:
        """An epoch's mean training loss, and the 10×10 confusion counts after it."""
        torch, loss_of = self._torch, self._torch.nn.functional.cross_entropy
        order, total = torch.randperm(len(self._labels)), torch.zeros(())
        self._network.train()
        for places in order.split(self._batch):
            self._optimizer.zero_grad(set_to_none=True)
            loss = loss_of(self._network(self._train[places]), self._labels[places])
            loss.backward()
            self._optimizer.step()
            total += loss.detach() * len(places)
        self._network.eval()
        with torch.inference_mode():
            logits = torch.cat([self._network(part) for part in self._test.split(PREDICTED_AT_ONCE)])
            loss_of(logits, self._test_labels)
            counts = torch.bincount(self._test_labels * 10 + logits.argmax(1), minlength=100).reshape(10, 10)
        return float(total) / len(order), counts


def main() -> None:
    turns = Turns()
    import torch

    experiment = RunFolder(Path(sys.argv[1])).preset().experiment
    epoch = Epochs(experiment, arrays(experiment))
    turns.answer(platform="gpu" if torch.cuda.is_available() else "cpu", version=torch.__version__)
    turns.take_epochs(epoch)


if __name__ == "__main__":
    main()
