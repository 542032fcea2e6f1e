"""Walks: every declared layer kind, optimizer and schedule through everything that must support it.

A kind that is declared and not supported somewhere fails here by its name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_tui.experiment import complexity
from mnist_tui.experiment.fields import facts_of
from mnist_tui.experiment.layers import LAYER_KINDS, Dense, Flatten, Layer
from mnist_tui.experiment.optimizers import CLIPPING, OPTIMIZERS, SCHEDULE_KINDS, Schedule
from mnist_tui.experiment.parameters import apply_texts, by_name
from mnist_tui.experiment.presets import Preset, find_preset
from mnist_tui.experiment.spec import Experiment, from_mapping, to_mapping
from mnist_tui.runs.weight_formats import WEIGHT_FORMATS
from mnist_tui.tui.editor.draft import Draft, layer_fields, optimizer_fields, parameter_fields
from tests.experiment.texts import with_text
from tests.report.recorded import recorded_run
from tests.training.support import digits, new_run

kinds = pytest.mark.parametrize("kind", LAYER_KINDS)
optimizers = pytest.mark.parametrize("name", OPTIMIZERS)
schedules = pytest.mark.parametrize("kind", SCHEDULE_KINDS)
IMAGES = 32


def position_of(kind: str) -> int:
    """Where `with_layer` puts the layer."""
    return 0 if LAYER_KINDS[kind].suggested(None).takes_images or kind == "flatten" else 2


def with_layer(kind: str, **changes: Any) -> Experiment:
    """A small valid experiment with one layer of that kind."""
    layer = LAYER_KINDS[kind].suggested(None).model_copy(update=changes)
    dense = Dense(units=9, activation="tanh")
    stacks: dict[bool, tuple[Layer, ...]] = {True: (layer, Flatten(), dense), False: (Flatten(), dense, layer)}
    layers = (Flatten(), dense) if kind == "flatten" else stacks[layer.takes_images]
    whole = Experiment(layers=layers).model_dump(mode="json", exclude_none=True)
    return from_mapping({**whole, "dataset": {"name": "digits"}, "training": {"batch_size": IMAGES, "epochs": 1}})


def with_optimizer(name: str) -> Experiment:
    """The output layer alone, trained by that optimizer: the fewest variables to compile an update for."""
    alone = with_layer("flatten").model_copy(update={"layers": (Flatten(),)})
    return apply_texts(alone, {"optimizer": name})


# ── what needs no TensorFlow ──


@kinds
def test_a_layer_kind_is_written_and_read_back(kind: str) -> None:
    experiment = with_layer(kind)
    assert from_mapping(to_mapping(experiment)) == experiment


@kinds
def test_a_layer_kind_can_be_added_in_the_editor_and_has_a_field_for_all_that_it_declares(kind: str) -> None:
    draft = Draft(find_preset("cnn"))
    place = draft.add_layer(kind, -1)
    assert draft.experiment.layers[place].kind == kind
    fields = {field.key.rpartition(".")[2]: field for field in layer_fields(draft.experiment, place)}
    assert set(fields) == set(LAYER_KINDS[kind].model_fields) - {"kind", "layers"}
    for field in fields.values():
        assert field.help and field.hint, field.key
        assert field.change(draft.experiment, field.read(draft.experiment)) == draft.experiment, field.key
    assert LAYER_KINDS[kind].TITLE and LAYER_KINDS[kind].about()


@kinds
def test_every_field_of_a_layer_kind_can_be_set_by_its_path(kind: str) -> None:
    experiment, place = with_layer(kind), position_of(kind)
    layer = to_mapping(experiment)["layers"][place]
    for field in LAYER_KINDS[kind].model_fields:
        if field in layer and not isinstance(layer[field], (dict, list)):
            value = str(layer[field]).lower() if isinstance(layer[field], bool) else layer[field]
            assert apply_texts(experiment, {}, [f"layers.{place}.{field}={value}"]) == experiment, field


@kinds
def test_a_layer_kind_is_told_of_in_words_and_drawn(kind: str) -> None:
    from matplotlib.figure import Figure

    from mnist_tui.report.complexity.breakdown import FORMATS, complexity_in_format
    from mnist_tui.report.figures.diagram import GLYPHS, diagram_figure

    experiment = with_layer(kind)
    layer = next(layer for layer in complexity.of(experiment).layers if layer.kind == kind)
    assert (layer.kind, layer.total) == (kind, layer.weights + layer.biases + layer.other)
    for form in FORMATS:
        assert complexity_in_format(experiment, form)
    assert kind in GLYPHS
    figure = Figure()
    diagram_figure("network", experiment, complexity.of(experiment)).paint(figure)


@optimizers
def test_an_optimizer_can_be_chosen_by_its_flag_by_its_path_and_in_the_editor(name: str) -> None:
    experiment = with_optimizer(name)
    assert experiment.optimizer == OPTIMIZERS[name]()
    assert by_name("optimizer").read(experiment) == name
    for field in OPTIMIZERS[name].model_fields:
        facts = facts_of(OPTIMIZERS[name], field)
        assert field == "name" or (facts.help and facts.hint), field
        if isinstance(value := getattr(experiment.optimizer, field), (int, float, str)):
            text = str(value).lower() if isinstance(value, bool) else value
            assert apply_texts(experiment, {}, [f"optimizer.{field}={text}"]) == experiment, field
    shown = {field.key.partition(".")[2] for field in optimizer_fields(experiment)}
    assert shown | {"name", "learning_rate", "momentum", *CLIPPING} >= set(OPTIMIZERS[name].model_fields)


@schedules
def test_a_schedule_is_typed_as_it_is_read_and_reaches_the_optimizers_rate(kind: str) -> None:
    text = SCHEDULE_KINDS[kind].EXAMPLE
    experiment = with_text(with_layer("dense"), "schedule", text)
    assert experiment.training.schedule.kind == kind
    assert by_name("schedule").read(experiment) == text
    rates = [experiment.training.schedule.rate_of(0.5, tenth / 10, 10) for tenth in range(101)]
    assert max(rates) == pytest.approx(0.5)
    assert rates[0] == 0.5 or SCHEDULE_KINDS[kind].BY_STEP
    field = next(field for field in parameter_fields() if field.key == "schedule")
    assert field.change(experiment, field.read(experiment)) == experiment
    assert kind in field.hint


def report_and_card(experiment: Experiment, tmp_path: Path) -> tuple[str, str]:
    """The report on a recorded run of the experiment, and the card beside its weights."""
    from mnist_tui.report.contents.documents import run_summary
    from mnist_tui.report.model_card import card

    folder = recorded_run(tmp_path, Preset("own", experiment, origin="run"))
    (tmp_path / WEIGHT_FORMATS["npz"].file).write_bytes(b"weights")
    return run_summary(folder), card(folder, ["npz"], tmp_path)


@optimizers
def test_an_optimizer_is_described_in_a_report_with_all_its_arguments_and_named_in_the_model_card(
    name: str, tmp_path: Path
) -> None:
    report, model_card = report_and_card(with_optimizer(name), tmp_path)
    kind = OPTIMIZERS[name]
    assert kind.about().partition(" (")[0].lower() in report.replace("\n", " ").lower()
    if kind.TRAINS_IN_EPOCHS:
        for field in set(kind.model_fields) - {"name", *CLIPPING}:
            assert field.replace("_", " ").capitalize() in report, field
    assert "softmax" in model_card


@schedules
def test_a_schedule_is_described_in_a_report_as_no_other_is(kind: str, tmp_path: Path) -> None:
    experiment = with_text(with_layer("dense"), "schedule", SCHEDULE_KINDS[kind].EXAMPLE)
    words = experiment.training.schedule.in_words(0.001, 1)
    report, model_card = report_and_card(experiment, tmp_path)
    assert words in report and model_card
    assert [each for each in SCHEDULE_KINDS.values() if example(each).in_words(0.001, 1) == words] == [
        SCHEDULE_KINDS[kind]
    ]


def example(kind: type[Schedule]) -> Schedule:
    return with_text(with_layer("dense"), "schedule", kind.EXAMPLE).training.schedule


# ── with TensorFlow, in this process ──


def stepped(experiment: Experiment) -> list[np.ndarray]:
    """The weights after one step of our engine."""
    from mnist_tui.training import models
    from mnist_tui.training.device import Resident
    from mnist_tui.training.programs import GRAPH, LoopProgram, Sums

    data = digits()
    model, optimizer = models.build(experiment), models.optimizer(experiment)
    examples = Resident(data.train_images[:IMAGES], data.train_labels[:IMAGES])
    LoopProgram(GRAPH, model, optimizer, examples, batch_size=IMAGES, seed=0).run(0, 1, Sums())
    return model.get_weights()


def stepped_by_keras(experiment: Experiment) -> list[np.ndarray]:
    from mnist_tui.training import models

    data = digits()
    model = models.compiled(models.build(experiment), models.optimizer(experiment))
    inputs = data.train_images[:IMAGES, ..., np.newaxis].astype(np.float32) / 255
    model.train_on_batch(inputs, data.train_labels[:IMAGES])
    return model.get_weights()


@pytest.mark.slow
@kinds
def test_keras_counts_a_layer_kinds_parameters_alike(kind: str) -> None:
    from mnist_tui.training import models

    for changes in ({}, {"trainable": False} if "trainable" in LAYER_KINDS[kind].model_fields else {}):
        experiment = with_layer(kind, **changes)
        model = models.build(experiment)
        models.check_counts(model, experiment)
        shapes = {f"{layer.name}/{one.name}": tuple(one.shape) for layer in model.layers for one in layer.weights}
        assert complexity.weight_shapes(experiment) == shapes


@pytest.mark.slow
@kinds
def test_a_training_step_through_a_layer_kind_is_kerass(kind: str) -> None:
    """Dropped values are drawn otherwise than by Keras: they are left out here and must come again."""
    drops = LAYER_KINDS[kind].DRAWS
    strength = {"stddev": 0.0} if kind == "gaussian_noise" else {"rate": 0.0}
    experiment = with_layer(kind, **(strength if drops else {}))
    for ours, theirs in zip(stepped(experiment), stepped_by_keras(experiment), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-5)
    if drops:
        first, again = stepped(with_layer(kind)), stepped(with_layer(kind))
        assert all((a == b).all() for a, b in zip(first, again, strict=True))
        assert not all(np.allclose(a, b) for a, b in zip(first, stepped(experiment), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, each in OPTIMIZERS.items() if each.TRAINS_IN_EPOCHS])
def test_a_training_step_of_an_optimizer_is_kerass(name: str) -> None:
    experiment = with_optimizer(name)
    for ours, theirs in zip(stepped(experiment), stepped_by_keras(experiment), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-5)


@pytest.mark.slow
@optimizers
def test_a_model_file_holds_the_optimizer_and_is_exported_with_it(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from mnist_tui.training import models
    from mnist_tui.training.backend import keras
    from mnist_tui.training.export import export

    experiment = with_optimizer(name)
    model = models.compiled(models.build(experiment), models.optimizer(experiment))
    model.optimizer.build(model.trainable_variables)
    folder = new_run(tmp_path / "runs", experiment)
    model.save(folder.model_file)
    export(folder, ["keras"], tmp_path)
    assert capsys.readouterr().out
    again = keras.models.load_model(tmp_path / WEIGHT_FORMATS["keras"].file)
    (kept, config) = ({**each.optimizer.get_config(), "name": ""} for each in (again, model))
    assert kept == config
    assert len(again.optimizer.variables) == len(model.optimizer.variables)


def exported(kind: str, tmp_path: Path, formats: list[str]) -> tuple[Experiment, np.ndarray, Path]:
    """A run with a layer of that kind, its model's answers to some images, and its weights in these formats."""
    from mnist_tui.training import models
    from mnist_tui.training.export import export

    experiment = with_layer(kind)
    model = models.compiled(models.build(experiment), models.optimizer(experiment))
    folder = new_run(tmp_path / "runs", experiment)
    model.save(folder.model_file)
    export(folder, formats, tmp_path / "out")
    inputs = digits().test_images[:9, ..., np.newaxis].astype(np.float32) / 255
    return experiment, model.predict(inputs, verbose=0), tmp_path / "out"


def check_programs(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, formats: list[str]) -> None:
    """The model card's program for each format gives the model's own answers."""
    from mnist_tui.report.model_card import example_program

    experiment, wanted, out = exported(kind, tmp_path, formats)
    monkeypatch.chdir(out)
    for name in formats:
        values: dict[str, Any] = {"images": digits().test_images[:9]}
        exec(example_program(WEIGHT_FORMATS[name], experiment).code, values)
        np.testing.assert_allclose(values["probabilities"], wanted, atol=1e-5, err_msg=name)


ARRAYS = [name for name, form in WEIGHT_FORMATS.items() if form.holds == "arrays"]
OTHERS = [name for name in WEIGHT_FORMATS if name not in ARRAYS]


@pytest.mark.slow
@kinds
def test_a_layer_kinds_arrays_and_their_programs(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    check_programs(kind, tmp_path, monkeypatch, ARRAYS)
    assert capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.exhaustive
@kinds
def test_a_layer_kinds_whole_models_and_their_programs(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("onnx", "tf2onnx", "onnxruntime", "ai_edge_litert"):
        pytest.importorskip(package)
    check_programs(kind, tmp_path, monkeypatch, OTHERS)
