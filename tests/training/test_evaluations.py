"""A trained run on other data: its scores against the arithmetic on its own predictions, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from mnist_tui.data.corruptions import corrupted
from mnist_tui.data.datasets import load
from mnist_tui.data.errors import DataError
from mnist_tui.data.facts import facts_of
from mnist_tui.errors import RequestError
from mnist_tui.experiment.corruptions import parse
from mnist_tui.runs import evaluations
from mnist_tui.runs.evaluations import refusal, start_evaluated
from mnist_tui.runs.event_log import replayed
from mnist_tui.runs.folder import RunFolder, read_label
from mnist_tui.training.classifiers import classifier_of
from mnist_tui.training.evaluation_job import class_order
from mnist_tui.training.inputs import DatasetCache
from mnist_tui.training.session import Session
from tests.own_data import write_folder
from tests.present import present
from tests.training.support import digits, experiment, new_run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = new_run(tmp_path_factory.mktemp("runs"), experiment(training={"label_smoothing": 0.1}))
    assert Session(folder, importing=False).train() == 0
    return folder


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker of a new run works in this process, which has TensorFlow already, instead of one of its own."""

    def work(folder: RunFolder, _: object) -> None:
        Session(folder, importing=False, cache=DatasetCache()).train()

    monkeypatch.setattr(evaluations, "start_worker", work)


def scores(folder: RunFolder) -> tuple[float, float]:
    test = present(folder.results())["test"]
    return test["accuracy"], test["loss"]


def test_a_run_evaluated_on_its_own_test_images_has_its_own_scores(trained: RunFolder) -> None:
    again = start_evaluated(trained, "digits", name="once more")

    ended = present(replayed(again.events_file).ended)
    assert (again.state(), ended.test_accuracy) == ("finished", scores(trained)[0])
    assert scores(again) == pytest.approx(scores(trained), abs=1e-6)
    assert present(again.results())["confusion_matrix"] == present(trained.results())["confusion_matrix"]
    assert (read_label(again).name, again.model_file.exists()) == ("once more", False)
    with np.load(again.predictions_file) as ours, np.load(trained.predictions_file) as theirs:
        assert {name: ours[name].dtype for name in ours} == {name: theirs[name].dtype for name in theirs}
        assert np.allclose(ours["probabilities"], theirs["probabilities"], atol=1e-6)


def test_corrupted_images_are_classified_and_kept_as_the_network_saw_them(trained: RunFolder) -> None:
    folder = start_evaluated(trained, "digits", corrupt="noise:5,shift:2")

    images = corrupted(digits().test_images, parse("noise:5,shift:2"))
    expected = classifier_of(trained).probabilities(images)
    with np.load(folder.predictions_file) as saved:
        assert np.allclose(saved["probabilities"], expected, atol=1e-6)
        assert np.array_equal(saved["misclassified_images"], images[saved["misclassified"]])
    assert present(folder.origin).words == "evaluated on digits with noise 5 and shift 2"


def test_other_data_are_read_by_the_network_class_by_class(trained: RunFolder, tmp_path: Path) -> None:
    own = write_folder(tmp_path / "mine", (28, 28, 1), [*"9876543210"])

    folder = start_evaluated(trained, str(own))

    data = load(str(own))
    predicted = classifier_of(trained).probabilities(data.test_images).argmax(axis=1)
    right = [data.class_names[label] == str(guess) for label, guess in zip(data.test_labels, predicted, strict=True)]
    assert scores(folder)[0] == pytest.approx(np.mean(right))


def test_an_evaluation_of_an_evaluation_is_one_of_the_trained_run(trained: RunFolder) -> None:
    first = start_evaluated(trained, "digits", corrupt="blur:5")

    second = start_evaluated(first, "digits")

    assert present(second.origin).sources == present(first.origin).sources
    assert scores(second)[0] == scores(trained)[0]


@pytest.mark.parametrize(
    ("image", "names", "why"),
    [
        ((28, 28, 1), "abcdefghijk", r"mine has 11 classes, but run \S+ knows 10"),
        ((20, 28, 1), "0123456789", r"mine has images of 20×28×1, but run \S+ takes images of 28×28×1; .* converts"),
        ((28, 28, 3), "0123456789", r"mine has images of 28×28×3 in colour, but"),
    ],
)
def test_data_of_another_form_are_refused_and_leave_no_run(
    trained: RunFolder, tmp_path: Path, image: tuple[int, int, int], names: str, why: str
) -> None:
    own = write_folder(tmp_path / "mine", image, [*names])
    before = {*trained.path.parent.iterdir()}

    folder = start_evaluated(trained, str(own))

    with pytest.raises(AssertionError, match=why):
        raise AssertionError(refusal(folder, replayed(folder.events_file)))
    facts = facts_of(str(own))
    with pytest.raises(RequestError, match=why):  # no worker is started if the form is known
        start_evaluated(trained, str(own), form=(len(facts.class_names), facts.image))
    assert {*trained.path.parent.iterdir()} == before


def test_a_run_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"is starting; it can be evaluated on other data once it has ended"):
        start_evaluated(new_run(tmp_path, experiment()), "digits")


@pytest.mark.parametrize(
    ("known", "wanted", "order", "says"),
    [
        ("abc", "abc", [0, 1, 2], ""),
        ("abc", "cab", [2, 0, 1], "names decide"),
        ("abc", "abx", [0, 1, 2], "numbers decide: c as x"),
    ],
)
def test_classes_belong_together_by_name_and_else_by_number(
    known: str, wanted: str, order: list[int], says: str
) -> None:
    found, note = class_order([*known], [*wanted])

    assert found == order
    assert says in note
    assert bool(note) == bool(says)


def test_another_number_of_classes_is_refused() -> None:
    with pytest.raises(DataError, match="knows 2 classes, but the data have 3"):
        class_order("ab", "abc")
