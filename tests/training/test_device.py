"""Which device a training takes, and what is said of it."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mnist_tui.runs import processor
from mnist_tui.runs.devices import usable_cores
from mnist_tui.runs.events import ModelBuilt

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
    assert choose("cpu") == Device("CPU:0", processor.cpu_name())
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
    features = processor.cpu_features().split()
    assert set(features) <= listed
    assert ("avx2" in features) == ("avx2" in listed)


BUILT = ModelBuilt(device="CPU:0", device_name="A CPU", program="graph", total=1, trainable=1, steps=1)
AVX2, VNNI = {"avx", "avx2", "fma"}, {"avx", "avx2", "fma", "avx512f", "avx512_vnni"}


@pytest.mark.parametrize(
    ("features", "earlier", "choice"),
    [
        (AVX2, None, True),
        (VNNI, None, True),
        ({"avx"}, None, None),
        ({"asimd"}, None, None),
        (AVX2, BUILT, False),
        (VNNI, BUILT, True),
        (AVX2, replace(BUILT, onednn=True), True),
        (VNNI, replace(BUILT, onednn=False), False),
    ],
)
def test_onednn_is_on_where_it_helps_and_a_resumed_run_keeps_its_kernels(
    features: set[str], earlier: ModelBuilt | None, choice: bool | None
):
    assert processor.onednn_choice(features, earlier) is choice


@pytest.mark.parametrize(("users", "on"), [("0", False), ("1", True), (None, True)])
def test_onednn_is_chosen_before_tensorflow_and_the_users_variable_comes_first(users: str | None, on: bool):
    if not set(processor.cpu_features().split()) >= processor.NEEDED_BY_ONEDNN:
        pytest.skip("this processor has no AVX2 or no FMA")
    program = "from mnist_tui.training import backend; from mnist_tui.runs import processor; print(processor.onednn())"
    variables = {name: value for name, value in os.environ.items() if name != processor.ONEDNN}
    if users is not None:
        variables[processor.ONEDNN] = users
    done = subprocess.run([sys.executable, "-c", program], env=variables, capture_output=True, text=True, check=False)
    assert done.stdout == f"{on}\n", done.stderr
    assert ("oneDNN custom operations are on" in done.stderr) == on
