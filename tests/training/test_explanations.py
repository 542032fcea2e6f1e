"""What is computed inside a network, for networks where the answer is known."""

import base64
import json
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_tui.data.facts import resolved
from mnist_tui.experiment.spec import Experiment, HogFeatures
from mnist_tui.runs.explanations import HeatMap, NearestImages, explanation_in
from mnist_tui.training.session import Session
from tests.training.support import FLATTEN, digits, experiment, new_run

pytestmark = pytest.mark.slow

LINEAR = [FLATTEN]
CONVOLUTION = {"kind": "conv2d", "filters": 2, "kernel_size": 1, "activation": "relu"}
POOLED = [CONVOLUTION, {"kind": "global_average_pooling2d"}]
HOG = {"kind": "hog", "pixels_per_cell": 7, "orientations": 6}
RANDOM = np.random.default_rng(4)


def network(of: Experiment, weights: Sequence[Any] | None = None) -> Any:
    """A network with these weights, or with random ones: the first ones of the training are too alike."""
    from mnist_tui.training import models
    from mnist_tui.training.explanations import ExplainedNetwork

    model = models.build(of)
    model.set_weights(weights or [RANDOM.normal(size=weight.shape) for weight in model.get_weights()])
    return ExplainedNetwork(of, model)


def small(layers: list[Any], *image: int) -> Experiment:
    """An experiment on images of this shape, with 3 classes."""
    return experiment(layers=layers, dataset={"image": image, "classes": 3})


def an_image(*shape: int) -> np.ndarray:
    return RANDOM.integers(0, 256, shape or (28, 28), np.uint8)


def test_the_gradient_of_a_linear_network_is_the_row_of_its_weights():
    kernel, bias = RANDOM.normal(size=(784, 10)), RANDOM.normal(size=10)
    of, image = experiment(layers=LINEAR), an_image()
    linear = network(of, [kernel, bias])
    row = kernel[:, 3].reshape(28, 28)
    gradient = linear.gradients(image.reshape(1, 28, 28, 1) / 255, 3)
    assert np.allclose(gradient[0, ..., 0], row, atol=1e-6)
    assert np.allclose(linear.saliency(image, 3), np.abs(row), atol=1e-6)
    assert np.allclose(linear.smoothgrad(image, 3, seed=1), np.abs(row), atol=1e-5)


def test_of_a_colour_image_the_strongest_channel_counts():
    linear, image = network(small(LINEAR, 8, 6, 3)), an_image(8, 6, 3)
    channels = linear.gradients(image[np.newaxis] / 255, 2)[0]
    assert np.allclose(linear.saliency(image, 2), np.abs(channels).max(axis=2))
    assert linear.occlusion(image, 2).shape == (8, 6)


def test_smoothgrad_depends_on_its_seed_alone_and_on_no_noise_where_the_image_is_flat():
    net, image = network(experiment()), digits().test_images[5]
    first = net.smoothgrad(image, 1, seed=7)
    assert np.array_equal(first, net.smoothgrad(image, 1, seed=7))
    assert not np.allclose(first, net.smoothgrad(image, 1, seed=8), rtol=0.1)
    flat = np.full((28, 28), 90, np.uint8)
    assert np.allclose(net.smoothgrad(flat, 1, seed=7), net.saliency(flat, 1), rtol=1e-3, atol=1e-3)


def test_the_gradient_through_hog_is_that_of_finite_differences():
    import tensorflow as tf

    net, image = (
        network(experiment(features=HOG, layers=[{"kind": "dense", "units": 5, "activation": "tanh"}])),
        an_image(),
    )
    levels = image.reshape(1, 28, 28, 1) / 255
    gradient = net.gradients(levels, 4)[0, ..., 0]

    def score(pixels: np.ndarray) -> float:
        features = net._differentiable_features(tf.constant(pixels, tf.float32))
        return float(net._score(net._outputs(features), 4))

    step = 0.2 / 255  # less than half a level, so that no gradient changes its bin
    for row, column in [(3, 4), (10, 20), (27, 14), (0, 0)]:
        changed = np.zeros_like(levels)
        changed[0, row, column] = step
        slope = (score(levels + changed) - score(levels - changed)) / (2 * step)
        assert gradient[row, column] == pytest.approx(slope, rel=0.05, abs=0.02)


def test_hog_of_levels_as_floating_point_numbers_is_that_of_whole_numbers():
    import tensorflow as tf

    from mnist_tui.training.export import hog

    spec = HogFeatures(pixels_per_cell=4, orientations=9)
    for images in (digits().test_images[:20], an_image(6, 12, 12, 3)):
        assert np.allclose(hog(images, spec), hog(tf.constant(images, tf.float32), spec), atol=1e-6)


def test_covering_background_changes_nothing_and_covering_ink_what_the_definition_says():
    net = network(small([FLATTEN, {"kind": "dense", "units": 4, "activation": "tanh"}], 8, 8, 1))
    assert not net.occlusion(np.zeros((8, 8), np.uint8), 0).any()
    image = np.zeros((8, 8), np.uint8)
    image[4:6, 3] = 200
    values = net.occlusion(image, 1)
    assert not np.delete(np.delete(values, [4, 5], axis=0), [3], axis=1).any()

    whole = an_image(14, 14)
    whole[0] = whole[-1] = whole[:, 0] = whole[:, -1] = 17
    net = network(small(LINEAR, 14, 14, 1))
    before = net.probabilities(whole[np.newaxis])[0, 2]
    falls: dict[tuple[int, ...], list[float]] = {place: [] for place in product(range(14), repeat=2)}
    for top, left in product(range(13), repeat=2):
        covered = whole.copy()
        covered[top : top + 2, left : left + 2] = 17
        fall = float(before - net.probabilities(covered[np.newaxis])[0, 2])
        for place in product((top, top + 1), (left, left + 1)):
            falls[place].append(fall)
    expected = np.array([np.mean(values) for values in falls.values()]).reshape(14, 14)
    assert np.allclose(net.occlusion(whole, 2), expected, atol=1e-6)


def test_grad_cam_is_what_one_computes_by_hand():
    filters = np.array([2.0, -1.0]).reshape(1, 1, 1, 2)
    kernel = np.array([[1.0, -3.0, 0.0], [4.0, 2.0, 0.0]])
    net = network(small(POOLED, 4, 4, 1), [filters, np.array([0.0, 0.5]), kernel, np.zeros(3)])
    image = an_image(4, 4)
    pixels = image / 255
    first, second = np.maximum(2 * pixels, 0), np.maximum(0.5 - pixels, 0)
    # the score is the sum of the channels' means times their weights, so that its derivative is a weight / 16
    assert np.allclose(net.gradcam(image, 0, "conv2d_1"), (1 * first + 4 * second) / 16, atol=1e-6)
    assert np.allclose(net.gradcam(image, 1, "conv2d_1"), np.maximum(-3 * first + 2 * second, 0) / 16, atol=1e-6)
    assert not net.gradcam(image, 2, "conv2d_1").any()
    activations = net.activations(image)
    assert list(activations) == ["conv2d_1", "global_average_pooling2d_1", "output"]
    assert np.allclose(activations["conv2d_1"], np.stack([first, second], axis=-1))


@pytest.mark.parametrize("features", [{"kind": "raw"}, HOG])
def test_the_nearest_images_are_those_with_the_smallest_distances(features: dict[str, Any]):
    from mnist_tui.training.explanations import HiddenSpace

    layers = [{"kind": "dense", "units": 6, "activation": "tanh"}, {"kind": "dropout", "rate": 0.5}]
    net = network(experiment(features=features, layers=layers if features is HOG else [FLATTEN, *layers]))
    images, done = digits().train_images[:90], list[tuple[int, int]]()
    space = HiddenSpace(net, images)
    indices, distances = space.nearest(images[42], 5, lambda *counts: done.append(counts))
    outputs = np.stack([net.activations(image)["dense_1"] for image in images])
    expected = np.sqrt(((outputs - outputs[42]) ** 2).sum(axis=1))
    assert (indices[0], net.last_hidden) == (42, "dense_1")
    assert np.allclose(distances, np.sort(expected)[:5], atol=1e-4)
    assert done[-1] == (90, 90)
    again, _ = space.nearest(images[42], 5, lambda *counts: done.append((0, 0)))
    assert np.array_equal(again, indices)
    assert (0, 0) not in done


def request(image: np.ndarray, method: str, **more: Any) -> bytes:
    return json.dumps({"image": base64.b64encode(image.tobytes()).decode(), "method": method, **more}).encode()


def test_the_job_answers_for_a_run_and_refuses_in_a_sentence(tmp_path: Path):
    from mnist_tui.training.explainer import NEAREST, NetworkExplainer

    folder = new_run(tmp_path, resolved(experiment(dataset={"validation": 0.2}, training={"epochs": 1})))
    assert Session(folder, importing=False).train() == 0
    sent = list[dict[str, Any]]()
    job, image = NetworkExplainer(folder, sent.append), digits().train_images[8]

    explained = explanation_in(job.answer(request(image, "saliency", **{"class": 4})))
    assert isinstance(explained, HeatMap)
    assert (explained.label, explained.values.shape) == (4, (28, 28))
    assert sum(explained.probabilities) == pytest.approx(1, abs=1e-5)
    likely = job.answer(request(image, "occlusion"))
    assert likely["class"] == int(np.argmax(likely["probabilities"]))
    nearest = explanation_in(job.answer(request(image, "nearest")))
    assert isinstance(nearest, NearestImages)
    assert (nearest.count, len(nearest.images)) == (1150, NEAREST)  # a fifth of 1,437 images was held out
    for each in nearest.images[:3]:
        assert np.array_equal(each.pixels, digits().train_images[each.number - 1])
        assert each.label == digits().train_labels[each.number - 1]
    assert sent[-1] == {"progress": "comparing the training images", "done": 1150, "total": 1150}

    for line, why in (
        (b"nonsense", "Expecting value"),
        (b"[]", "a request is a JSON object"),
        (request(image, "tealeaves"), "there is no method 'tealeaves'"),
        (request(image[1:], "saliency"), "784 bytes, not 756"),
        (request(image, "saliency", **{"class": 10}), "there is no class 10"),
        (request(image, "gradcam"), "Grad-CAM needs a convolutional layer"),
        (request(image, "saliency", layer="dense_1"), "has no layer to choose"),
    ):
        assert why in job.answer(line)["error"]
    assert job.answer(json.dumps({"run": str(folder.path)}).encode())["ready"]
