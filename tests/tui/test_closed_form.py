"""Closed forms in the app: its form, its tables, its progress."""

from __future__ import annotations

from typing import Any

import pytest

from mnist_tui.experiment.optimizers import Ridge
from mnist_tui.experiment.presets import find_preset
from mnist_tui.tui import experiment_words
from mnist_tui.tui.editor.draft import Draft, Field, layer_fields, misfit_of, optimizer_fields, parameter_fields
from mnist_tui.tui.results.screen import solution_lines

FIELDS = {field.key: field for field in parameter_fields()}
DOCUMENT = {
    "closed_form": {
        "ridge": 1000.0,
        "validation": [{"ridge": 10.0, "accuracy": 0.8445}, {"ridge": 1000.0, "accuracy": 0.8496}],
        "temperature": 0.0895147,
        "tempered_on": "validation",
        "images": 60_000,
    }
}


def ridges_of(draft: Draft) -> Field:
    (field,) = optimizer_fields(draft.experiment)
    return field


def trainable_of(draft: Draft, place: int) -> Field:
    return next(field for field in layer_fields(draft.experiment, place) if field.key.endswith("trainable"))


def test_choosing_ridge_says_at_each_layer_what_it_needs_until_it_is_frozen() -> None:
    draft = Draft(find_preset("raw"))
    draft.enter(FIELDS["optimizer"], "ridge")
    assert draft.problems == (
        "ridge solves the output layer and trains no other; freeze this layer (trainable = false) or remove it",
    )
    misfit = misfit_of(draft.experiment)
    assert misfit is not None
    assert misfit.place == 1
    draft.enter(trainable_of(draft, 1), "off")
    assert draft.ready
    assert draft.experiment.dataset.validation == 0.2


def test_a_validation_that_does_not_fit_is_said_at_its_field() -> None:
    draft = Draft(find_preset("efc2-elm"))
    draft.enter(FIELDS["validation"], "test")
    misfit = misfit_of(draft.experiment)
    assert misfit is not None
    assert (misfit.place, misfit.key) == (None, "validation")
    assert draft.state.problem_of(FIELDS["validation"]) == draft.problems[0]
    assert "the test set may not choose among 8 ridges" in draft.problems[0]
    draft.enter(ridges_of(draft), "10")
    assert draft.ready


@pytest.mark.parametrize("text", ["0.1, 1, 1000", "0.1 1 1000", "0.1,1,1e3"])
def test_ridges_are_a_row_of_numbers(text: str) -> None:
    draft = Draft(find_preset("efc-linear"))
    draft.enter(ridges_of(draft), text)
    assert draft.experiment.optimizer == Ridge(ridges=(0.1, 1.0, 1000.0))
    assert ridges_of(draft).read(draft.experiment) == "0.1, 1, 1000"


@pytest.mark.parametrize(
    ("text", "said"),
    [("0.1, x", "'x' is not a number"), ("", "0 ridges are given"), ("1, -1", "it must be greater than 0")],
)
def test_wrong_ridges_stay_in_their_field_with_the_reason(text: str, said: str) -> None:
    draft = Draft(find_preset("efc-linear"))
    draft.enter(ridges_of(draft), text)
    assert said in draft.problems[0]
    assert draft.experiment == draft.preset.experiment


def test_fields_that_mean_nothing_to_a_closed_form_do_not_apply() -> None:
    linear, raw = find_preset("efc-linear").experiment, find_preset("raw").experiment
    for name in ("lr", "schedule", "epochs", "batch-size", "patience"):
        assert FIELDS[name].applies(raw)
        assert not FIELDS[name].applies(linear)


def test_the_preset_screen_tells_how_it_is_solved() -> None:
    facts = experiment_words.facts(find_preset("efc-linear"))
    assert facts["Optimizer"] == "ridge least squares in closed form, the best of 8 penalties from 0.001 to 10000"
    assert facts["Training"] == "output layer solved at once, seed 0"


def test_the_results_screen_shows_ridge_temperature_and_every_candidate() -> None:
    assert solution_lines(DOCUMENT) == [
        "ridge        1000, best of 2 on validation images",
        "solved over  60,000 images, held-out ones included",
        "temperature  0.08951, set by the validation images",
        "losses are those of softmax(scores / temperature)",
        "",
        "ridge  validation accuracy",
        "10                 84.45 %",
        "1000               84.96 %",
    ]
    assert solution_lines({"closed_form": None}) == []


async def test_a_solved_run_shows_no_bar_for_batches(record: Any, app_on: Any, shows: Any) -> None:
    run = record(epochs=1).begin().epoch(1, steps=False).finish()
    async with app_on(run.folder).run_test(size=(120, 40)) as pilot:
        assert "Batch" not in await shows(pilot, "finished", "epoch 1 of 1")
