"""Bare Keras, as a notebook has it: `model.fit` on float32 numpy arrays.

`python -m tests.benchmarks.fit FOLDER` takes turns: one call of `fit` for all epochs, and a callback that waits between
two. The confusion matrix comes from `predict` in that callback, and its time is told apart. With `--epochs N` it fits,
shows the matrix and ends.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mnist_tui.experiment.layers import Residual
from mnist_tui.experiment.spec import Experiment
from mnist_tui.runs.folder import RunFolder
from tests.benchmarks.arrays import Arrays, arrays
from tests.benchmarks.turns import Turns

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# TensorFlow imports JAX where it finds it, 2 s and 100 MB; a notebook does not have it, these benchmarks do.
sys.modules["jax"] = None  # type: ignore[assignment]
ALL_EPOCHS = 1_000_000


def model(experiment: Experiment) -> Any:
    """The experiment's network, compiled by Keras' defaults; layers are Keras' own with the experiment's arguments."""
    import keras

    def layer(spec: Any) -> Any:
        arguments = spec.model_dump(exclude={"kind"})
        for key in ("kernel_initializer", "bias_initializer"):
            if isinstance(given := arguments.get(key), dict):
                arguments[key] = {"class_name": given.pop("name"), "config": given}
        return getattr(keras.layers, type(spec).__name__)(**arguments)

    def through(values: Any, specs: Sequence[Any]) -> Any:
        for spec in specs:
            inside = isinstance(spec, Residual)  # of the benchmarks' blocks, input and output have the same shape
            values = keras.layers.add([through(values, spec.layers), values]) if inside else layer(spec)(values)
        return values

    image = values = keras.Input(experiment.input_shape)
    for change in changes(experiment):
        values = change(values)
    network = keras.Model(image, keras.layers.Dense(10, "softmax")(through(values, experiment.layers)))
    used = experiment.optimizer
    optimizer = getattr(keras.optimizers, type(used).__name__)(**used.model_dump())
    network.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return network


def changes(experiment: Experiment) -> list[Any]:
    """Keras' own preprocessing layers for the augmentation of the benchmarks: shift, rotation and zoom."""
    import keras

    settings = experiment.augmentation
    if settings is None:
        return []
    assert settings.used == ("shift", "rotation", "zoom"), settings.used
    height, width, _ = experiment.image_shape
    shift = settings.shift / height, settings.shift / width
    return [
        keras.layers.RandomTranslation(*shift, fill_mode="constant"),
        keras.layers.RandomRotation(settings.rotation / 360, fill_mode="constant"),
        keras.layers.RandomZoom(settings.zoom, fill_mode="constant"),
    ]


def fit(network: Any, data: Arrays, batch_size: int, epochs: int, callbacks: list[Any]) -> Any:
    """Keras' history of `fit`, the test images as validation."""
    return network.fit(
        data.train,
        data.labels,
        batch_size=batch_size,
        epochs=epochs,
        validation_data=(data.test, data.test_labels),
        callbacks=callbacks,
        verbose=0,
    )


def confusion(network: Any, data: Arrays) -> Any:
    """Counts on the test images, rows true, columns predicted."""
    predicted = network.predict(data.test, batch_size=1_000, verbose=0).argmax(axis=1)
    return np.bincount(data.test_labels * 10 + predicted, minlength=100).reshape(10, 10)


def take_turns(experiment: Experiment) -> None:
    """Fits an epoch whenever it is asked to."""
    turns = Turns()
    import keras

    data, network = arrays(experiment), model(experiment)

    class TakingTurns(keras.callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            turns.answer()
            self._turn()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            fitted = time.perf_counter()
            confusion(network, data)
            turns.answer(seconds=fitted - self._began, with_confusion=time.perf_counter() - self._began)
            self._turn()

        def _turn(self) -> None:
            turns.wait()
            self._began = time.perf_counter()

    fit(network, data, experiment.training.batch_size, ALL_EPOCHS, [TakingTurns()])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.fit", description=__doc__)
    parser.add_argument("folder", type=Path, help="of a run, whose experiment it is")
    parser.add_argument("--epochs", type=int, help="fit that many and end, rather than take turns")
    asked = parser.parse_args()
    experiment = RunFolder(asked.folder).preset().experiment
    if asked.epochs is None:
        take_turns(experiment)
        return
    data, network = arrays(experiment), model(experiment)
    fit(network, data, experiment.training.batch_size, asked.epochs, [])
    print(confusion(network, data))


if __name__ == "__main__":
    main()
