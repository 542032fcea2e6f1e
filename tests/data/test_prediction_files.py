"""Predictions of other programs: archives and tables, as they are written in the wild."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from scipy.special import softmax

from mnist_tui.data.errors import DataError
from mnist_tui.data.prediction_files import probabilities_in, read_predictions_file

NAMES = ("cat", "dog", "owl")
SHARES = [[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]]


def table(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "answers.csv"
    path.write_text(text, encoding="utf-8")
    return path


def archive(tmp_path: Path, **found: object) -> Path:
    path = tmp_path / "answers.npz"
    arrays: dict[str, Any] = {name: np.array(values) for name, values in found.items()}
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "0.7,0.2,0.1\n0.1,0.2,0.7\n",
        "cat,dog,owl\n0.7,0.2,0.1\n0.1,0.2,0.7\n",
        "owl,cat,dog\n0.1,0.7,0.2\n0.7,0.1,0.2\n",
        "p0;p1;p2\n0.7;0.2;0.1\n0.1;0.2;0.7",
    ],
    ids=["plain", "by name", "by name in another order", "with words and semicolons"],
)
def test_a_table_of_probabilities_is_read_by_class(tmp_path: Path, text: str) -> None:
    found = read_predictions_file(table(tmp_path, text), 2, NAMES)

    assert found.probabilities.dtype == np.float32
    assert found.probabilities == pytest.approx(np.array(SHARES))
    assert (found.labels_only, found.notes) == (False, ())


@pytest.mark.parametrize(
    ("text", "labels_only"),
    [
        (",0,1,2\n0,0.7,0.2,0.1\n1,0.1,0.2,0.7\n", False),
        (",cat,dog,owl\n1,0.7,0.2,0.1\n2,0.1,0.2,0.7\n", False),
        ("0,0.7,0.2,0.1\n1,0.1,0.2,0.7\n2,0.5,0.5,0\n", False),
        ("ImageId,Label\n1,0\n2,2\n", True),
        (",0\n0,0\n1,owl\n", True),
    ],
    ids=["data frame", "from 1", "without a head", "Kaggle", "series"],
)
def test_a_first_column_that_numbers_the_images_is_left_out(tmp_path: Path, text: str, labels_only: bool) -> None:
    images = 3 if text[0] == "0" else 2

    found = read_predictions_file(table(tmp_path, text), images, NAMES)

    assert found.probabilities[:2].argmax(axis=1).tolist() == [0, 2]
    assert (found.labels_only, found.notes[0]) == (
        labels_only,
        "The first column of the table numbers the images, and is left out.",
    )


@pytest.mark.parametrize("text", ["0,1,2\n0.7,0.2,0.1\n0.1,0.2,0.7\n", "y_pred\n0\n2\n"])
def test_a_first_line_more_than_images_that_holds_no_prediction_is_a_head(tmp_path: Path, text: str) -> None:
    found = read_predictions_file(table(tmp_path, text), 2, NAMES)

    assert found.probabilities.argmax(axis=1).tolist() == [0, 2]


@pytest.mark.parametrize("values", [SHARES, [0, 2]])
def test_an_array_without_a_name_is_known_by_its_shape(tmp_path: Path, values: object) -> None:
    found = read_predictions_file(archive(tmp_path, arr_0=values), 2, NAMES)

    assert found.probabilities.argmax(axis=1).tolist() == [0, 2]
    assert found.labels_only == (values != SHARES)


@pytest.mark.parametrize("text", ["2\n0\n", "owl\ncat\n", "label\nowl\n0\n", "2.0\n0.0\n"])
def test_a_column_of_labels_has_numbers_or_names(tmp_path: Path, text: str) -> None:
    found = read_predictions_file(table(tmp_path, text), 2, NAMES)

    assert found.probabilities.tolist() == [[0, 0, 1], [1, 0, 0]]
    assert found.labels_only


def test_names_that_are_numbers_come_before_numbers(tmp_path: Path) -> None:
    found = read_predictions_file(table(tmp_path, "1\n2\n0\n"), 3, ("1", "2", "3"))

    assert found.probabilities.argmax(axis=1).tolist() == [0, 1, 0]


@pytest.mark.parametrize("labels", [[2, 0], [[2], [0]], [2.0, 0.0], ["owl", "cat"]])
@pytest.mark.parametrize("name", ["labels", "predictions"])
def test_an_archive_has_labels_of_any_type(tmp_path: Path, labels: list[object], name: str) -> None:
    found = read_predictions_file(archive(tmp_path, **{name: labels}), 2, NAMES)

    assert found.probabilities.tolist() == [[0, 0, 1], [1, 0, 0]]


def test_probabilities_come_before_labels(tmp_path: Path) -> None:
    found = read_predictions_file(archive(tmp_path, probabilities=SHARES, labels=[1, 1]), 2, NAMES)

    assert (found.labels_only, found.probabilities.argmax(axis=1).tolist()) == (False, [0, 2])


@settings(max_examples=50, deadline=None)
@given(arrays_of.arrays(np.float64, (4, 3), elements=st.floats(-50, 50)))
def test_logits_become_scipys_softmax_and_probabilities_stay(logits: np.ndarray) -> None:
    probabilities, changed = probabilities_in(logits, "it")
    again, changed_again = probabilities_in(probabilities, "it")

    if changed:
        assert probabilities == pytest.approx(softmax(logits, axis=1), abs=1e-6)
    assert not changed_again
    assert np.array_equal(again, probabilities)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "the table is empty"),
        ("0.5,0.5\n0.5,0.5\n", "has 2 columns; 3, one for each class, are needed, or one column of labels"),
        ("0.7,0.2,0.1\n0.7,0.2\n", "line 2 of the table has 2 values, line 1 has 3"),
        ("0.7,0.2,0.1\n0.7,oops,0.1\n", "'oops' in line 2 of the table is not a number"),
        ("0.7,0.2,0.1\nnan,0.2,0.1\n", "a value in row 2 is not a finite number"),
        ("cat\nfish\n", "'fish' in row 2 is no class; classes are numbers from 0 to 2 or their names"),
        ("0\n3\n", "'3' in row 2 is no class"),
        ("0\n0\n2\n", "there are 3 predictions for 2 test images; .*; if line 1 is a head line, write label there"),
        ("0\n", "there are 1 prediction for 2 test images"),
    ],
)
def test_what_is_wrong_with_a_table_is_said_with_its_row(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(DataError, match=why.replace("1 prediction ", "1 predictions? ")):
        read_predictions_file(table(tmp_path, text), 2, NAMES)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        ({"answers": [1, 2]}, "no array probabilities, predictions or labels; it has 'answers'"),
        ({"probabilities": [1, 2]}, r"the array probabilities has the shape \(2,\); \(n, classes\) is needed"),
        ({"labels": SHARES}, r"the array labels has the shape \(2, 3\); \(n,\) is needed"),
        ({"labels": [0.5, 1]}, "'0.5' in row 1 is no class"),
        ({"labels": [0, -1]}, "'-1' in row 2 is no class"),
        ({"probabilities": [[1j] * 3] * 2}, "holds complex128 values; numbers are needed"),
        ({"labels": np.array([object(), None])}, "holds Python objects, which are never read"),
    ],
)
def test_what_is_wrong_with_an_archive_is_said(tmp_path: Path, found: dict[str, object], why: str) -> None:
    with pytest.raises(DataError, match=why):
        read_predictions_file(archive(tmp_path, **found), 2, NAMES)
