"""One training step: gather, forward, loss, gradient, update. Traced into a program, never run by itself.

Layers, loss and optimizer are Keras' own; what differs is that dropout draws its mask by counter and that the loss
takes the output layer's logits, as Keras' own training does.
"""

from __future__ import annotations

from typing import Any

from mnist_tui.training import counter
from mnist_tui.training.backend import keras, tf
from mnist_tui.training.models import NOISE
from mnist_tui.training.resident import Resident


class TrainingStep:
    """A step of the optimizer on some of the examples.

    Args:
        model, optimizer: Keras' own, the optimizer built.
        examples: where its rows come from.
        seed: of the dropout masks.
        own_update: whether the update is compiled for itself: into one pass over each variable, where the program
            around it is not compiled.
    """

    def __init__(self, model: Any, optimizer: Any, examples: Resident, seed: int, own_update: bool) -> None:
        self._model, self._optimizer, self._examples, self._seed = model, optimizer, examples, seed
        self._update = tf.function(self._apply, jit_compile=True, autograph=False) if own_update else self._apply

    def __call__(self, places: Any, epoch: Any, step: Any) -> tuple[Any, Any]:
        """Takes the step.

        Args:
            places: which examples, int32 of a length known when tracing.
            epoch, step: int32 scalars, counted from 0, that the masks are drawn for.

        Returns:
            The loss before the step and the hits, both summed over the examples, float64.
        """
        inputs = self._examples.inputs(tf.gather(self._examples.rows, places))
        labels = tf.gather(self._examples.labels, places)
        with tf.GradientTape() as tape:
            logits = self.logits(inputs, epoch, step)
            losses = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
            loss = tf.reduce_mean(losses)
            if hasattr(self._optimizer, "scale_loss"):
                loss = self._optimizer.scale_loss(loss)
        self._update(tape.gradient(loss, self._model.trainable_variables))
        hits = tf.argmax(logits, axis=1, output_type=tf.int32) == labels
        return tf.cast(tf.reduce_sum(losses), tf.float64), tf.reduce_sum(tf.cast(hits, tf.float64))

    def logits(self, inputs: Any, epoch: Any, step: Any) -> Any:
        """The network's outputs before softmax, float32 ``(rows, 10)``, dropout on, with the masks of that step."""
        *layers, output = self._model.layers
        values = inputs
        for position, layer in enumerate(layers):
            if isinstance(layer, keras.layers.Dropout):
                values = self._dropped(values, layer.rate, position, epoch, step)
            else:
                values = layer(values, training=True)
        return tf.matmul(tf.cast(values, tf.float32), output.kernel) + output.bias

    def _dropped(self, values: Any, rate: float, position: int, epoch: Any, step: Any) -> Any:
        if rate == 0:
            return values
        keys = counter.layer_keys(self._seed, position, NOISE)
        moment = tf.cast(epoch, tf.uint32), tf.cast(step, tf.uint32)
        kept = counter.keep(keys, *moment, tuple(values.shape), rate)
        return tf.where(kept, values / (1 - rate), tf.zeros((), values.dtype))

    def _apply(self, gradients: Any) -> None:
        self._optimizer.apply(gradients, self._model.trainable_variables)
