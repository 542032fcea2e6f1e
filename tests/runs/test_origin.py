"""Runs that were not trained here: what lists and documents say of them, and what is refused."""

from pathlib import Path

import pytest

from mnist_tui.errors import RunError
from mnist_tui.runs.collection.seed_groups import grouped
from mnist_tui.runs.collection.summaries import list_runs, summary_of
from mnist_tui.runs.origin import ForeignLayer, Origin, OriginSource, counts_of
from mnist_tui.runs.results import run_document
from mnist_tui.runs.start import check_extendable, check_resumable
from tests.runs.synthetic import BEGIN, finished_run

EVALUATED = Origin("evaluated", (OriginSource("20260101-000000-raw-aaaa"),), "qmnist", "mnist", "blur 3", "blur:3")
ENSEMBLE = Origin(
    "ensemble",
    (OriginSource("raw-aaaa"), OriginSource("raw-bbbb")),
    "mnist",
    network=(ForeignLayer("raw-aaaa: output", "Dense", (10,), 7850, 7850),) * 2,
)
IMPORTED = Origin("imported", (OriginSource("theirs.npz", "ab" * 32),), "mnist", predictions_only=True)


@pytest.mark.parametrize(
    ("origin", "words", "parameters"),
    [
        (EVALUATED, "evaluated on qmnist with blur 3", 198_760),
        (ENSEMBLE, "ensemble of 2", 15_700),
        (IMPORTED, "imported: theirs.npz", None),
    ],
)
def test_lists_and_documents_say_what_a_run_is_that_was_not_trained_here(
    tmp_path: Path, origin: Origin, words: str, parameters: int | None
) -> None:
    folder = finished_run(tmp_path, origin=origin)

    (summary,) = list_runs(tmp_path)
    document = run_document(folder)

    assert folder.origin == origin
    assert summary == summary_of(folder)
    assert summary.origin == words
    assert summary.differs.startswith(words)
    is_ours = origin is EVALUATED
    assert (summary.values["epochs"], summary.values["dataset"]) == ("3" if is_ours else "", "mnist")
    assert summary.dataset == ("mnist with blur 3" if origin is EVALUATED else "mnist")
    assert (summary.epochs_in_words, summary.parameters, summary.published_accuracy) == ("–", parameters, None)
    assert document["origin"]["words"] == words
    assert (document["parameters"]["total"], document["reference"]) == (parameters, None)


def test_a_trained_run_has_no_origin(tmp_path: Path) -> None:
    folder = finished_run(tmp_path)

    assert folder.origin is None
    assert (summary_of(folder).origin, run_document(folder)["origin"]) == ("", None)


def test_an_evaluated_run_says_how_its_training_differs_but_not_its_data_twice(tmp_path: Path) -> None:
    folder = finished_run(tmp_path, texts={"dataset": "fashion-mnist", "hidden": "99"}, origin=EVALUATED)

    assert summary_of(folder).differs == "evaluated on qmnist with blur 3, hidden 99, 3 epochs"


def test_only_evaluations_of_one_kind_form_a_group_of_seeds_apart_from_trained_runs(tmp_path: Path) -> None:
    origins = (None, EVALUATED, EVALUATED, ENSEMBLE, IMPORTED)
    for number, origin in enumerate(origins):
        finished_run(tmp_path, texts={"seed": str(number)}, origin=origin, created=BEGIN + 60 * number)

    groups = sorted([run.origin for run in group.runs] for group in grouped(list_runs(tmp_path)))

    assert groups == [[""], ["ensemble of 2"], ["evaluated on qmnist with blur 3"] * 2, ["imported: theirs.npz"]]


@pytest.mark.parametrize("origin", [EVALUATED, ENSEMBLE, IMPORTED], ids=lambda origin: origin.kind)
def test_a_run_without_a_training_is_neither_resumed_nor_extended(tmp_path: Path, origin: Origin) -> None:
    folder = finished_run(tmp_path, origin=origin, state="crashed")

    with pytest.raises(RunError, match=r"^run \S+ cannot be extended: it (is|was) .* no training here$"):
        check_extendable(folder)
    with pytest.raises(RunError, match=r" cannot be resumed: .* no training here; `mnist-tui .*` makes it again$"):
        check_resumable(folder)


def test_a_damaged_origin_makes_a_damaged_run(tmp_path: Path) -> None:
    folder = finished_run(tmp_path, origin=IMPORTED)
    folder.origin_file.write_text('{"kind": "stolen", "sources": [], "dataset": "mnist"}')

    (summary,) = list_runs(tmp_path)

    assert summary.state == "damaged"
    assert "kind must be one of evaluated, ensemble, imported" in summary.damaged


def test_the_parameters_of_a_network_from_elsewhere_are_those_of_its_layers(tmp_path: Path) -> None:
    experiment = finished_run(tmp_path).preset().experiment
    layers = (ForeignLayer("a", "Dense", (10,), 100, 100), ForeignLayer("b", "BatchNormalization", (10,), 40, 20))

    counts = counts_of(experiment, Origin("imported", (OriginSource("m.keras"),), "mnist", network=layers))

    assert counts is not None
    assert (counts.total, counts.trainable, counts.non_trainable) == (140, 120, 20)
