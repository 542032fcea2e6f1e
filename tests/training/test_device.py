"""Which device a training takes, and what is said of it."""

import re
from pathlib import Path

import pytest

from mnist_tui.runs.devices import usable_cores
from mnist_tui.training import machine

pytestmark = pytest.mark.slow


@pytest.fixture
def gpus(monkeypatch):
    """Gives TensorFlow as many GPUs as asked for, and tells what was then made visible and may grow."""
    from mnist_tui.training import backend

    class Gpus:
        def __init__(self):
            self.visible, self.growing = None, []

        def are(self, *names):
            found = [backend.tf.config.PhysicalDevice(f"/physical_device:GPU:{n}", "GPU") for n in range(len(names))]
            config, experimental = backend.tf.config, backend.tf.config.experimental
            details = {gpu: {"device_name": name} for gpu, name in zip(found, names, strict=True)}
            monkeypatch.setattr(config, "list_physical_devices", lambda kind: found if kind == "GPU" else [])
            monkeypatch.setattr(config, "set_visible_devices", lambda devices, _: setattr(self, "visible", devices))
            monkeypatch.setattr(experimental, "set_memory_growth", lambda gpu, on: self.growing.append((gpu, on)))
            monkeypatch.setattr(experimental, "get_device_details", details.__getitem__)
            return found

    return Gpus()


def test_auto_takes_the_first_gpu_hides_the_others_and_lets_its_memory_grow(gpus):
    from mnist_tui.training.device import Device, choose

    first, _ = gpus.are("NVIDIA A", "NVIDIA B")
    assert choose("auto") == Device("GPU:0", "NVIDIA A")
    assert (gpus.visible, gpus.growing) == ([first], [(first, True)])


def test_a_gpu_is_taken_by_its_number_and_named_by_it(gpus):
    from mnist_tui.training.device import Device, choose

    _, second = gpus.are("NVIDIA A", "NVIDIA B")
    chosen = choose("gpu:1")
    assert chosen == Device("GPU:1", "NVIDIA B")
    assert gpus.visible == [second]
    assert chosen.is_gpu


def test_cpu_hides_every_gpu(gpus):
    from mnist_tui.training.device import Device, choose

    gpus.are("NVIDIA A")
    assert choose("cpu") == Device("CPU:0", machine.cpu_name())
    assert gpus.visible == []


@pytest.mark.parametrize(
    ("names", "asked", "said"),
    [
        ((), "gpu", "there is no gpu here: TensorFlow finds no GPU"),
        (("A",), "gpu:1", "there is no gpu:1 here: TensorFlow finds 1, gpu:0; --device cpu trains without"),
        (("A", "B"), "gpu:2", "TensorFlow finds 2, gpu:0 to gpu:1"),
        (("A",), "tpu", "there is no device 'tpu'; choose auto, cpu, gpu or gpu:N"),
    ],
)
def test_a_device_that_is_not_there_is_refused_with_those_that_are(gpus, names, asked, said):
    from mnist_tui.training.device import DeviceError, choose

    gpus.are(*names)
    with pytest.raises(DeviceError, match=re.escape(said)):
        choose(asked)


def test_tf32_is_tensorflows_setting_on_a_gpu_and_nothing_on_a_cpu():
    from mnist_tui.training import backend, device

    here = backend.tf.config.experimental
    usual = here.tensor_float_32_execution_enabled()
    try:
        for setting in (True, False):
            here.enable_tensor_float_32_execution(setting)
            assert device.tf32(device.Device("GPU:0", "NVIDIA A")) is setting
            assert device.tf32(device.Device("CPU:0", "a CPU")) is None
    finally:
        here.enable_tensor_float_32_execution(usual)


def test_determinism_is_a_gpus_alone():
    from mnist_tui.training.device import Device, deterministic, set_determinism

    gpu, cpu = Device("GPU:0", "NVIDIA A"), Device("CPU:0", "a CPU")
    try:
        for wanted in (True, False, True):
            set_determinism(gpu, wanted)
            assert deterministic(gpu) is wanted
        set_determinism(cpu, False)
        assert deterministic(gpu) is True
        assert deterministic(cpu) is None
    finally:
        set_determinism(gpu, False)


def test_threads_are_those_set_from_outside_else_the_cores_one_may_use(monkeypatch):
    from mnist_tui.training import device

    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    assert device.threads() == usable_cores()
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")
    assert device.threads() == 3


def test_cpu_features_are_among_those_that_the_kernel_lists():
    info = Path("/proc/cpuinfo")
    if not info.exists():
        pytest.skip("this system lists no CPU features")
    listed = set(info.read_text(encoding="utf-8").split())
    features = machine.cpu_features().split()
    assert set(features) <= listed
    assert ("avx2" in features) == ("avx2" in listed)
