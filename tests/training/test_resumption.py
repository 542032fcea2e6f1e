"""Whether the bits of a resumed run can still be the same: what is compared, and what is said."""

from dataclasses import replace

import pytest

from mnist_tui.runs.events import ModelBuilt

pytestmark = pytest.mark.slow

BUILT = ModelBuilt(
    device="CPU:0",
    device_name="A CPU",
    program="xla",
    total=1,
    trainable=1,
    steps=9,
    keras="3.12",
    tensorflow="2.21",
    threads=4,
    cpu_features="AVX2 FMA",
    onednn=True,
)


def said(**changes):
    from mnist_tui.training.job import differences

    return differences(BUILT, replace(BUILT, **changes))


def test_the_same_circumstances_say_nothing():
    assert said() == said(device="CPU:1", time=3.0) == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"device_name": "Another"}, "device A CPU then, Another now"),
        ({"threads": 8}, "threads of an operation 4 then, 8 now"),
        ({"cpu_features": "AVX512F"}, "CPU features AVX2 FMA then, AVX512F now"),
        ({"onednn": False}, "oneDNN on then, off now"),
        ({"precision": "mixed_bfloat16"}, "precision float32 then, mixed_bfloat16 now"),
        ({"tensorflow": "2.22", "program": "graph"}, "program xla then, graph now; TensorFlow 2.21 then, 2.22 now"),
    ],
)
def test_what_differs_is_named(changes, words):
    assert said(**changes) == f"resumed in other circumstances, so the last bits of its figures may differ: {words}"


def test_what_was_not_recorded_is_not_compared():
    assert said(threads=0, cpu_features="", onednn=None, tf32=True) == ""
