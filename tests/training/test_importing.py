"""What TensorFlow's import is spared, and that nothing else notices."""

import subprocess
import sys
import threading
from importlib import import_module
from importlib.metadata import requires

import pytest

from mnist_tui.training.backend import OPTIONAL, TURN_SECONDS, Absent, short_turns


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The name of a package that can be imported and has not been."""
    (tmp_path / "wanted_by_none").mkdir()
    (tmp_path / "wanted_by_none" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    yield "wanted_by_none"
    sys.modules.pop("wanted_by_none", None)


def test_a_package_seems_not_installed_and_can_be_imported_afterwards(package):
    with Absent([package]), pytest.raises(ImportError) as caught:
        import_module(package)
    assert caught.value.name == package
    assert import_module(package).__name__ == package


def test_other_threads_find_the_package(package):
    found = []
    with Absent([package]):
        thread = threading.Thread(target=lambda: found.append(import_module(package)))
        thread.start()
        thread.join()
        assert import_module(package) is found[0]


def test_turns_are_short_for_the_block_alone():
    usual = sys.getswitchinterval()
    with short_turns():
        assert sys.getswitchinterval() == pytest.approx(TURN_SECONDS)
    assert sys.getswitchinterval() == usual


@pytest.mark.parametrize("library", ["tensorflow", "keras"])
def test_what_is_left_out_is_no_dependency_of_what_leaves_it_out(library):
    needed = {line.partition(";")[0].strip() for line in requires(library) or [] if "extra ==" not in line}
    assert not {name for name in needed if name.startswith((*OPTIONAL, "scikit-learn"))}


@pytest.mark.slow
def test_a_workers_imports_leave_them_out_and_scikit_learn_still_works_afterwards():
    program = f"""
import sys
import mnist_tui.training.worker, mnist_tui.training.job
assert not set({OPTIONAL}) & set(sys.modules), set({OPTIONAL}) & set(sys.modules)
from sklearn.metrics import f1_score
from mnist_tui.training.backend import keras
keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).predict(__import__("numpy").zeros((3, 4)), verbose=0)
print(f1_score([0, 1], [0, 1]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout == "1.0\n", done.stderr


def test_a_worker_can_take_a_run_on_before_it_imports_tensorflow():
    program = "import sys, mnist_tui.training.worker; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout == "False\n", done.stderr
