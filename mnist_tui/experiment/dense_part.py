"""The dense hidden layers of a stack, changed together: what `--hidden`, `--activation`, `--dropout` act on.

A block is a dense layer with what follows it (batch normalisation, dropout) up to the next dense layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter

from mnist_tui.experiment.layers import BatchNormalization, Dense, Dropout, ExperimentPart, Flatten, Initializer, Layer

Layers = tuple[Layer, ...]
_INITIALIZER: TypeAdapter[Any] = TypeAdapter(Initializer)


def dense_layers(layers: Sequence[Layer]) -> list[Dense]:
    """The dense hidden layers, in order."""
    return [layer for layer in layers if isinstance(layer, Dense)]


def dropout_rates(layers: Sequence[Layer]) -> list[float]:
    """Each block's dropout rate; 0 where it has none."""
    _, blocks = _blocks(layers)
    return [next((layer.rate for layer in block if isinstance(layer, Dropout)), 0.0) for block in blocks]


def with_units(layers: Sequence[Layer], units: Sequence[int]) -> Layers:
    """Blocks of these sizes: the last block is repeated for more, blocks are dropped from the end for fewer."""
    before, blocks = _blocks(layers)
    if not blocks:
        before, blocks = list(flattened(before)) if before else [Flatten()], _new_block()
    sized: list[list[Layer]] = [blocks[min(index, len(blocks) - 1)] for index in range(len(units))]
    return _stack(before, [_each_dense(block, units=size) for block, size in zip(sized, units, strict=True)])


def with_values(layers: Sequence[Layer], **values: Any) -> Layers:
    """Every dense hidden layer with these values.

    Raises:
        ValueError: there is none.
    """
    before, blocks = _some_blocks(layers)
    return _stack(before, [_each_dense(block, **values) for block in blocks])


def with_initializer(layers: Sequence[Layer], name: str) -> Layers:
    """Every dense hidden layer's weights start so; one that has the initialiser already keeps its arguments.

    Raises:
        ValueError: there is none.
    """
    before, blocks = _some_blocks(layers)
    fresh = _INITIALIZER.validate_python(name)

    def changed(layer: Layer) -> Layer:
        if isinstance(layer, Dense) and layer.kernel_initializer.name != name:
            return layer.model_copy(update={"kernel_initializer": fresh})
        return layer

    return _stack(before, [[changed(layer) for layer in block] for block in blocks])


def with_dropout(layers: Sequence[Layer], rate: float) -> Layers:
    """Each block with this dropout: changed where it is, added where it is not, removed for 0.

    Raises:
        ValueError: there is no dense hidden layer.
    """
    before, blocks = _some_blocks(layers)
    return _stack(before, [_dropped(block, rate) for block in blocks])


def flattened(layers: Sequence[Layer]) -> Layers:
    """The stack for images: a flatten first, unless its first layer takes images."""
    if layers and layers[0].kind in ("conv2d", "max_pooling2d", "flatten"):
        return tuple(layers)
    return (Flatten(), *layers)


def unflattened(layers: Sequence[Layer]) -> Layers:
    """The stack for vectors: no flatten."""
    return tuple(layer for layer in layers if not isinstance(layer, Flatten))


def _dropped(block: list[Layer], rate: float) -> list[Layer]:
    if rate == 0:
        return [layer for layer in block if not isinstance(layer, Dropout)]
    if any(isinstance(layer, Dropout) for layer in block):
        return [layer.model_copy(update={"rate": rate}) if isinstance(layer, Dropout) else layer for layer in block]
    normalised = len(block) > 1 and isinstance(block[1], BatchNormalization)
    place = 2 if normalised else 1
    return [*block[:place], Dropout(rate=rate), *block[place:]]


def _new_block() -> list[list[Layer]]:
    return [[Dense(units=1)]]


def _each_dense(block: list[Layer], **values: Any) -> list[Layer]:
    return [layer.model_copy(update=values) if isinstance(layer, Dense) else layer for layer in block]


def _blocks(layers: Sequence[Layer]) -> tuple[list[Layer], list[list[Layer]]]:
    before: list[Layer] = []
    blocks: list[list[Layer]] = []
    for layer in layers:
        if isinstance(layer, Dense):
            blocks.append([layer])
        else:
            (blocks[-1] if blocks else before).append(layer)
    return before, blocks


def _some_blocks(layers: Sequence[Layer]) -> tuple[list[Layer], list[list[Layer]]]:
    before, blocks = _blocks(layers)
    if not blocks:
        raise ValueError("finds no dense hidden layer in this experiment; --hidden adds one")
    return before, blocks


def _stack(before: Sequence[ExperimentPart], blocks: Sequence[Sequence[ExperimentPart]]) -> Layers:
    return (*before, *(layer for block in blocks for layer in block))  # pyright: ignore[reportReturnType]
