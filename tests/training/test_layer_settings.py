"""Settings of layers in training: penalties, constraints, pairs, residual blocks and noise, against Keras' own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.support import FLATTEN, digits, experiment, new_run

pytestmark = pytest.mark.slow

IMAGES = 32
SMALL = {"kind": "conv2d", "filters": 3, "activation": "tanh"}
PENALISED = [
    {**SMALL, "l1": 0.01, "l2": 0.02},
    {"kind": "depthwise_conv2d", "l2": 0.05, "max_norm": 0.5, "activation": "tanh"},
    {"kind": "separable_conv2d", "filters": 4, "l1": 0.03, "max_norm": 0.4, "activation": "tanh"},
    FLATTEN,
    {"kind": "dense", "units": 8, "activation": "tanh", "l2": 0.01, "max_norm": 0.2},
    {"kind": "dense", "units": 8, "activation": "tanh", "l2": 1.0, "trainable": False},
]
STACKS: dict[str, list[dict[str, Any]]] = {
    "penalties": PENALISED,
    "pairs": [
        {**SMALL, "kernel_size": [3, 5], "strides": [1, 2], "use_bias": False},
        {"kind": "max_pooling2d", "pool_size": [2, 1]},
        {**SMALL, "dilation_rate": [2, 1], "trainable": False},
        {"kind": "average_pooling2d", "pool_size": [1, 2], "padding": "same"},
        FLATTEN,
        {"kind": "dense", "units": 5, "use_bias": False},
    ],
    "residual blocks": [
        {**SMALL, "padding": "same"},
        {
            "kind": "residual",
            "layers": [
                {"kind": "max_pooling2d"},
                {**SMALL, "filters": 4, "padding": "same", "use_bias": False},
                {"kind": "batch_normalization"},
                {"kind": "activation", "activation": "tanh"},
                {"kind": "residual", "layers": [{**SMALL, "filters": 4, "padding": "same", "activation": "linear"}]},
            ],
        },
        {"kind": "global_average_pooling2d"},
        {"kind": "residual", "layers": [{"kind": "dense", "units": 6, "activation": "tanh"}]},
    ],
}


def of(layers: list[dict[str, Any]], **changes: Any) -> Any:
    return experiment(layers=layers, training={"batch_size": IMAGES, "seed": 4}, **changes)


def stepped(spec: Any, kind: str, steps: int = 2) -> tuple[list[float], list[Any]]:
    """The mean loss of each step of our engine on the same images, and the weights afterwards."""
    from mnist_tui.training import models
    from mnist_tui.training.device import Resident
    from mnist_tui.training.programs import LoopProgram, Sums

    examples = Resident(digits().train_images[:IMAGES], digits().train_labels[:IMAGES])
    model, optimizer = models.build(spec), models.optimizer(spec)
    program = LoopProgram(kind, model, optimizer, examples, batch_size=IMAGES, seed=spec.training.seed)
    losses: list[float] = []
    for epoch in range(steps):
        program.begin_epoch(epoch, np.arange(IMAGES), float(optimizer.learning_rate))
        losses.append(program.run(0, 1, Sums()).loss / IMAGES)
    return losses, model.get_weights()


def stepped_by_keras(spec: Any, steps: int = 2) -> tuple[list[float], list[Any]]:
    from mnist_tui.training import models

    model = models.compiled(models.build(spec), models.optimizer(spec))
    inputs = digits().train_images[:IMAGES, ..., np.newaxis].astype(np.float32) / 255
    history = model.fit(inputs, digits().train_labels[:IMAGES], IMAGES, epochs=steps, verbose=0, shuffle=False)
    return history.history["loss"], model.get_weights()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((name, "graph") for name in STACKS),
        ("pairs", "xla"),
        pytest.param("residual blocks", "xla", marks=pytest.mark.exhaustive),
        pytest.param("penalties", "xla", marks=pytest.mark.exhaustive),  # XLA compiles its convolutions for a minute
    ],
)
def test_steps_and_their_reported_losses_are_those_of_keras_fit(name: str, kind: str) -> None:
    spec = of(STACKS[name], output={"l2": 0.1, "max_norm": 0.7})
    (losses, weights), (wanted, keras_weights) = stepped(spec, kind), stepped_by_keras(spec)
    assert losses == pytest.approx(wanted, abs=1e-5)
    for ours, theirs in zip(weights, keras_weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_a_units_weights_are_never_longer_than_the_norm_whatever_computes_the_update(optimizer: str) -> None:
    layers = [FLATTEN, {"kind": "dense", "units": 9, "max_norm": 0.5}]
    _, weights = stepped(of(layers, optimizer={"name": optimizer, "learning_rate": 0.05}), "graph")
    lengths = np.linalg.norm(weights[0], axis=0)
    assert lengths.max() <= 0.5 + 1e-5
    assert np.isclose(lengths, 0.5, atol=1e-5).any()


def test_a_penalty_is_not_part_of_the_losses_that_are_measured() -> None:
    from mnist_tui.training import models
    from mnist_tui.training.device import Resident
    from mnist_tui.training.evaluation import Scorer

    examples = Resident(digits().test_images, digits().test_labels)
    plain, penalised = (of([FLATTEN, {"kind": "dense", "units": 9, "l2": l2}]) for l2 in (0.0, 1.0))
    losses = [Scorer(models.build(each), examples, 784).score_all(examples, lambda _: None)[0].loss
              for each in (plain, penalised)]  # fmt: skip
    assert losses[0] == losses[1]


def moment(step: int) -> tuple[Any, Any]:
    import tensorflow as tf

    return tf.constant(0, tf.uint32), tf.constant(step, tf.uint32)


def test_noise_is_normally_distributed_and_a_function_of_its_place() -> None:
    from mnist_tui.training.forward import gaussian_noise

    first, again, later, other = (
        gaussian_noise(keys, *moment(step), (500, 40)).numpy()
        for keys, step in (((1, 2), 0), ((1, 2), 0), ((1, 2), 1), ((3, 4), 0))
    )
    assert (first == again).all()
    assert abs(np.corrcoef([first.ravel(), later.ravel(), other.ravel()]) - np.eye(3)).max() < 0.03
    assert abs(first.mean()) < 0.03 and abs(first.std() - 1) < 0.02
    sorted_values = np.sort(first.ravel())
    assert np.allclose(np.quantile(sorted_values, [0.0228, 0.1587, 0.5, 0.8413, 0.9772]), [-2, -1, 0, 1, 2], atol=0.07)


def test_spatial_dropout_drops_whole_channels_and_scales_the_others() -> None:
    import keras
    import tensorflow as tf

    from mnist_tui.training.forward import RANDOM

    layer = keras.layers.SpatialDropout2D(0.25)
    values = RANDOM[type(layer)](layer, tf.ones((64, 3, 5, 30)), (7, 8), moment(3)).numpy()
    channels = values.reshape(64, 15, 30)
    assert (channels == channels[:, :1]).all()
    assert set(np.unique(channels).tolist()) == {0.0, np.float32(1 / 0.75).item()}
    assert abs((channels[:, 0] == 0).mean() - 0.25) < 0.03


LENET = [
    {"kind": "conv2d", "filters": 6, "kernel_size": 5, "padding": "same", "activation": "tanh"},
    {"kind": "average_pooling2d"},
    {"kind": "conv2d", "filters": 16, "kernel_size": 5, "activation": "tanh"},
    {"kind": "average_pooling2d"},
    FLATTEN,
    {"kind": "dense", "units": 120, "activation": "tanh"},
    {"kind": "dense", "units": 84, "activation": "tanh"},
]


def test_lenet_5_has_as_many_parameters_as_published_and_learns() -> None:
    from mnist_tui.experiment.complexity import of as complexity_of
    from mnist_tui.runs.events import EpochEnded
    from tests.training.support import training

    spec = experiment(layers=LENET, optimizer={"name": "adam", "learning_rate": 0.002}, training={"epochs": 1})
    counts = complexity_of(spec)
    assert counts.total == 61_706
    assert [layer.total for layer in counts.layers if layer.total] == [156, 2_416, 48_120, 10_164, 850]
    (epoch,) = [event for event in training(spec).run() if isinstance(event, EpochEnded)]
    assert epoch.val_accuracy is not None and epoch.val_accuracy > 0.6


@pytest.mark.exhaustive
def test_lenet_5_is_exported_in_every_format_and_read_back_by_outside_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mnist_tui.report.model_card import example_program
    from mnist_tui.runs.weight_formats import WEIGHT_FORMATS
    from mnist_tui.training import models
    from mnist_tui.training.export import export

    for package in ("onnx", "tf2onnx", "onnxruntime", "ai_edge_litert"):
        pytest.importorskip(package)
    spec = experiment(layers=LENET)
    model = models.compiled(models.build(spec), models.optimizer(spec))
    folder = new_run(tmp_path / "runs", spec)
    model.save(folder.model_file)
    export(folder, list(WEIGHT_FORMATS), tmp_path / "out")
    images = digits().test_images[:9]
    wanted = model.predict(images[..., np.newaxis].astype(np.float32) / 255, verbose=0)
    monkeypatch.chdir(tmp_path / "out")
    for name, form in WEIGHT_FORMATS.items():
        values: dict[str, Any] = {"images": images}
        exec(example_program(form, spec).code, values)
        np.testing.assert_allclose(values["probabilities"], wanted, atol=1e-5, err_msg=name)
