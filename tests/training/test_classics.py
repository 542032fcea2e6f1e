"""The well-known networks among the presets have the numbers of parameters that textbooks and publications name."""

import pytest

from mnist_tui.experiment.complexity import of
from mnist_tui.experiment.preset_files import builtin_folder
from mnist_tui.experiment.presets import find_preset, list_presets

pytestmark = pytest.mark.slow

CLASSICS = sorted(
    preset.name for preset in list_presets() if preset.path == builtin_folder() / "classics" / f"{preset.name}.toml"
)
PARAMETERS = {
    "lenet-300-100": 784 * 300 + 300 + 300 * 100 + 100 + 100 * 10 + 10,
    "lenet-5": 61_706,
    "keras-convnet": 34_826,
    "simard-mlp": 784 * 800 + 800 + 800 * 10 + 10,
    "kmnist-convnet": 1_199_882,
}


@pytest.mark.parametrize("name", CLASSICS)
def test_a_classic_is_built_with_the_published_number_of_parameters(name: str) -> None:
    from mnist_tui.training import models

    experiment = find_preset(name).experiment
    counted = models.check_counts(models.build(experiment), experiment)
    assert counted.total == PARAMETERS.get(name, counted.total)


def test_the_small_network_has_fewer_than_ten_thousand_parameters() -> None:
    assert of(find_preset("small-cnn").experiment).total < 10_000


def test_what_was_measured_here_is_never_called_published() -> None:
    measured = [preset for preset in list_presets() if "Measured here" in preset.about]
    assert measured
    for preset in measured:
        published, _, own = preset.about.partition("Measured here")
        assert ("Published" in published) == (preset.reference is not None), preset.name
        assert "one training: test accuracy" in own, preset.name
