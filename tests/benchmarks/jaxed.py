"""A jitted JAX epoch by hand, for dense networks: `python -m tests.benchmarks.jaxed FOLDER`, an epoch a turn.

One call an epoch: a scan over the permuted batches of device-resident arrays, the last partial batch after it, the
parameters and the optimizer's state donated. Validation and confusion counts are jitted too.
"""

from __future__ import annotations

import sys
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from mnist_tui.experiment.layers import Dense, Dropout, Flatten
from mnist_tui.experiment.spec import Experiment
from mnist_tui.runs.folder import RunFolder
from tests.benchmarks.arrays import Arrays, arrays
from tests.benchmarks.turns import Turns


def covers(experiment: Experiment) -> bool:
    """Whether the network and the optimizer are among those written here."""
    dense = all(isinstance(layer, Dense | Dropout | Flatten) for layer in experiment.layers)
    return dense and experiment.optimizer.name in ("rmsprop", "adam")


class Epochs:
    """Trains epoch after epoch; call it for one.

    Args:
        experiment: one that `covers` accepts.
    """

    def __init__(self, experiment: Experiment, data: Arrays) -> None:
        import jax

        self._experiment, self._batch = experiment, experiment.training.batch_size
        self._count = len(data.labels)
        self._order = np.random.default_rng(experiment.training.seed)
        self._key = jax.random.key(experiment.training.seed)
        parts = (data.train.reshape(self._count, -1), data.labels, data.test.reshape(len(data.test), -1))
        self._train, self._labels, self._test = map(jax.device_put, parts)
        self._test_labels = jax.device_put(data.test_labels)
        self._state = self._begin()
        self._epoch = jax.jit(self._scan, donate_argnums=0)
        self._evaluate = jax.jit(self._score)

    def __call__(self) -> tuple[float, Any]:
        """An epoch's mean training loss, and the 10×10 confusion counts after it."""
        import jax

        self._key, noise = jax.random.split(self._key)
        order = self._order.permutation(self._count).astype(np.int32)
        self._state, loss = self._epoch(self._state, order, noise, self._train, self._labels)
        _, counts = self._evaluate(self._state[0], self._test, self._test_labels)
        return float(loss), np.asarray(counts)

    def _begin(self) -> Any:
        """Parameters by Glorot's uniform rule, the optimizer's two slots for each, and the steps done."""
        import jax
        import jax.numpy as jnp

        units = [layer.units for layer in self._experiment.layers if isinstance(layer, Dense)]
        sizes = [self._train.shape[1], *units, 10]
        parameters = []
        for fan_in, fan_out in pairwise(sizes):
            bound = (6 / (fan_in + fan_out)) ** 0.5
            weights = self._order.uniform(-bound, bound, (fan_in, fan_out)).astype(np.float32)
            parameters.append((jnp.asarray(weights), jnp.zeros(fan_out)))
        first, second = (jax.tree.map(jnp.zeros_like, parameters) for _ in range(2))
        return parameters, first, second, jnp.zeros((), jnp.int32)

    def _logits(self, parameters: Any, inputs: Any, noise: Any) -> Any:
        """The network; dropout only with a key."""
        import jax
        import jax.numpy as jnp

        values, rest = inputs, iter(parameters)
        for position, layer in enumerate(self._experiment.layers):
            if isinstance(layer, Dense):
                weights, biases = next(rest)
                values = getattr(jax.nn, layer.activation)(values @ weights + biases)
            elif isinstance(layer, Dropout) and noise is not None:
                keep = jax.random.bernoulli(jax.random.fold_in(noise, position), 1 - layer.rate, values.shape)
                values = jnp.where(keep, values / (1 - layer.rate), 0)
        weights, biases = next(rest)
        return values @ weights + biases

    def _losses(self, logits: Any, labels: Any) -> Any:
        import jax
        import jax.numpy as jnp

        return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1)[:, 0]

    def _step(self, state: Any, rows: Any, labels: Any, noise: Any) -> Any:
        import jax

        parameters, first, second, step = state

        def loss_of(parameters: Any) -> Any:
            logits = self._logits(parameters, rows, noise)
            losses = self._losses(logits, labels)
            return losses.mean(), (losses.sum(), (logits.argmax(axis=1) == labels).sum())

        gradients, sums = jax.grad(loss_of, has_aux=True)(parameters)
        update = partial(getattr(self, f"_{self._experiment.optimizer.name}"), step + 1)
        updated = jax.tree.map(update, parameters, gradients, first, second)
        parameters, first, second = jax.tree.transpose(
            jax.tree.structure(parameters), jax.tree.structure((0, 0, 0)), updated
        )
        return (parameters, first, second, step + 1), sums

    def _rmsprop(self, _step: Any, value: Any, gradient: Any, mean_square: Any, unused: Any) -> Any:
        import jax

        spec: Any = self._experiment.optimizer
        mean_square = spec.rho * mean_square + (1 - spec.rho) * gradient**2
        return value - spec.learning_rate * gradient * jax.lax.rsqrt(mean_square + spec.epsilon), mean_square, unused

    def _adam(self, step: Any, value: Any, gradient: Any, first: Any, second: Any) -> Any:
        import jax.numpy as jnp

        spec: Any = self._experiment.optimizer
        first = first + (gradient - first) * (1 - spec.beta_1)
        second = second + (gradient**2 - second) * (1 - spec.beta_2)
        rate = spec.learning_rate * jnp.sqrt(1 - spec.beta_2**step) / (1 - spec.beta_1**step)
        return value - rate * first / (jnp.sqrt(second) + spec.epsilon), first, second

    def _scan(self, state: Any, order: Any, noise: Any, train: Any, labels: Any) -> Any:
        """All steps of an epoch: the new state and the mean loss."""
        import jax
        import jax.numpy as jnp

        whole = self._count // self._batch
        keys = jax.random.split(noise, whole + 1)

        def body(state: Any, batch: Any) -> Any:
            places, key = batch
            return self._step(state, train[places], labels[places], key)

        batches = order[: whole * self._batch].reshape(whole, self._batch)
        state, (losses, _) = jax.lax.scan(body, state, (batches, keys[:whole]))
        total = jnp.sum(losses)
        if left := self._count - whole * self._batch:
            state, (loss, _) = body(state, (order[-left:], keys[whole]))
            total += loss
        return state, total / self._count

    def _score(self, parameters: Any, inputs: Any, labels: Any) -> Any:
        import jax.numpy as jnp

        logits = self._logits(parameters, inputs, None)
        counts = jnp.zeros(100, jnp.int32).at[labels * 10 + logits.argmax(axis=1)].add(1)
        return self._losses(logits, labels).mean(), counts.reshape(10, 10)


def main() -> None:
    turns = Turns()
    import jax

    experiment = RunFolder(Path(sys.argv[1])).preset().experiment
    epoch = Epochs(experiment, arrays(experiment))
    turns.answer(platform=jax.default_backend(), version=jax.__version__)
    turns.take_epochs(epoch)


if __name__ == "__main__":
    main()
