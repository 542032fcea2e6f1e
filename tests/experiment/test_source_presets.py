"""The presets of the source reports: their experiments, their published figures, and what is read into them."""

import os
import re
import shutil
import tomllib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mnist_tui.experiment.complexity import of
from mnist_tui.experiment.preset_files import STARTERS, BrokenPreset, PresetError, builtin_folder, names, user_folder
from mnist_tui.experiment.preset_index import grouped, list_entries
from mnist_tui.experiment.presets import (
    Preset,
    Reference,
    dump_preset,
    edited,
    find_preset,
    list_presets,
    load_preset,
    read_presets,
    save_preset,
)
from mnist_tui.experiment.spec import Experiment, from_mapping
from mnist_tui.report.result_words import MEASURED, published_scores, reference_in_words

SOURCES = {
    "000": ("mnist-training", "MNIST Training"),
    "001": ("efc2", "EFC2: MNIST MLP and CNN Classifier"),
    "002": ("various-mlp", "Various architectures on MNIST data"),
    "003": ("cnn-architectures", "Different architectures for CNN on MNIST dataset"),
    "004": ("labo04", "ARN – Report – Labo04"),
}
MEASURED_IN = {"000": "unsaid", "002": "running", "003": "evaluated"}
FIGURES = {
    "test_accuracy": "accuracy",
    "test_loss": "loss",
    "train_accuracy": "train_accuracy",
    "train_loss": "train_loss",
    "per_seed_accuracy": "per_seed_accuracy",
    "per_seed_epochs": "per_seed_epochs",
    "trainable_params": "trainable_parameters",
    "params": "parameters",
    "train_seconds": "train_seconds",
}
SEEDS = builtin_folder().parent.parent / "shared" / "seeds" / "experiments.toml"
CLOSED_FORM = {"efc-linear", "efc2-elm"}
UNSTATED_EPOCHS = 100

PRESETS = {
    preset.name: preset
    for preset in list_presets()
    if preset.name not in STARTERS and preset.path and preset.path.parent.name != "classics"
}
"""The presets of the five source reports."""
TRAINED = sorted(PRESETS.keys() - CLOSED_FORM)


def reference(name: str) -> Reference:
    found = PRESETS[name].reference
    assert found is not None
    return found


@pytest.fixture(scope="module")
def source_experiments() -> dict[str, dict[str, Any]]:
    if not SEEDS.is_file():
        pytest.skip(f"the table of the sources' experiments is not beside the checkout ({SEEDS})")
    listed = tomllib.loads(SEEDS.read_text(encoding="utf-8"))["experiment"]
    return {entry["id"]: entry for entry in listed}


def initializer(text: str) -> Any:
    normal = re.fullmatch(r"random_normal\(([\d.]+)\)", text)
    return {"name": "random_normal", "stddev": float(normal[1])} if normal else text


def layer(text: str) -> dict[str, Any]:
    """One layer of the table's shorthand."""
    match text.split():
        case ["dense", units, activation, *start]:
            found = {"kind": "dense", "units": int(units), "activation": activation}
        case ["conv", filters, kernel, activation, padded, *start]:
            padding, _, step = padded.partition("/")
            found = {
                "kind": "conv2d",
                "filters": int(filters),
                "kernel_size": int(kernel.split("x")[0]),
                "activation": activation,
                "padding": padding,
                "strides": int(step or 1),
            }
        case ["dropout", rate]:
            return {"kind": "dropout", "rate": float(rate)}
        case ["pool", size]:
            return {"kind": "max_pooling2d", "pool_size": int(size)}
        case ["bn"]:
            return {"kind": "batch_normalization"}
        case _:
            return {"kind": text}
    return found | ({"kernel_initializer": initializer(start[0])} if start else {})


def experiment(entry: dict[str, Any]) -> Experiment:
    """The experiment of an entry of the table."""
    training = {"batch_size": entry["batch_size"], "epochs": entry.get("epochs", UNSTATED_EPOCHS)}
    if "early_stopping" in entry:
        training["early_stopping"] = entry["early_stopping"]
    if "schedule" in entry:
        start, rate = re.search(r"first (\d+) epochs.*exp\(([\d.]+) \*", entry["schedule"]).groups()  # type: ignore[union-attr]
        training["schedule"] = {"kind": "exp", "start": int(start), "rate": float(rate)}
    rate = {"learning_rate": entry["learning_rate"]} if "learning_rate" in entry else {}
    return from_mapping(
        {
            "dataset": {"name": entry["dataset"], "validation": entry.get("validation_split", "test")},
            "features": entry.get("features", {"kind": "raw"}),
            "layers": [layer(text) for text in entry["layers"]],
            "optimizer": {"name": entry["optimizer"], **rate},
            "training": training,
        }
    )


def test_every_experiment_of_the_sources_is_a_preset_in_its_sources_folder(source_experiments: Any) -> None:
    assert set(PRESETS) == set(source_experiments)
    for name, entry in source_experiments.items():
        folder, title = SOURCES[entry["source"]]
        path = PRESETS[name].path
        assert path is not None
        assert (path.parent.name, path.stem) == (folder, name)
        assert (reference(name).source, reference(name).id) == (title, name)


def test_every_experiment_is_the_sources(source_experiments: Any) -> None:
    for name in TRAINED:
        assert PRESETS[name].experiment == experiment(source_experiments[name]), name


def test_every_published_figure_is_the_sources_and_none_is_left_out(source_experiments: Any) -> None:
    for name, entry in source_experiments.items():
        told = reference(name)
        for key, field in FIGURES.items():
            value = getattr(told, field)
            if key in entry:
                assert (list(value) if isinstance(value, tuple) else value) == entry[key], (name, field)
            elif key not in ("trainable_params", "train_seconds"):
                assert not value, (name, field)
        assert told.seeds == entry.get("seeds", 1)
        if "train_accuracy" in entry:
            assert told.train_measured == MEASURED_IN[entry["source"]]


def test_published_means_are_those_of_their_seeds() -> None:
    for name, preset in PRESETS.items():
        told = reference(name)
        for mean, each in ((told.accuracy, told.per_seed_accuracy), (told.loss, told.per_seed_loss)):
            if each:
                assert mean is not None
                assert len(each) == told.seeds
                assert abs(sum(each) / len(each) - mean) < 1e-4, preset.name


def test_every_published_count_is_ours() -> None:
    counted = [name for name in PRESETS if reference(name).parameters is not None]
    assert len(counted) >= 23
    for name in counted:
        counts, told = of(PRESETS[name].experiment), reference(name)
        assert counts.total == told.parameters, name
        assert told.trainable_parameters in (None, counts.trainable), name


def test_the_starters_are_experiments_of_their_source_with_its_figures() -> None:
    for name in STARTERS:
        starter = find_preset(name)
        assert starter.reference is not None
        same = find_preset(starter.reference.id)
        assert (starter.experiment, starter.reference) == (same.experiment, same.reference)


@pytest.mark.parametrize("name", [*STARTERS, *sorted(PRESETS)])
def test_every_file_survives_being_written_and_says_what_it_is(name: str, tmp_path: Path) -> None:
    preset = find_preset(name)
    path = tmp_path / f"{name}.toml"
    path.write_text(dump_preset(preset), encoding="utf-8")
    assert load_preset(path) == replace(preset, origin="file")
    assert preset.title
    assert preset.about.rstrip().endswith(".")
    told = preset.reference
    assert told is not None
    assert all(reading.endswith(".") for reading in told.readings)
    if told.accuracy is not None:
        assert f"{100 * told.accuracy:.2f} %" in preset.about


def test_what_was_read_into_a_source_is_said() -> None:
    for name, said in {
        "cnn-model1": "optimizer's name",
        "cnn-model3": "biases",
        "report-mlp5layers": "rate 0.0",
        "labo04-fashion-model1": "16,382",
        "labo04-fashion-final": "144 inputs",
        "labo04-hog-sigmoid-ppc4": "9 orientations",
        "efc2-mlp-step3": "number of epochs",
        "efc2-cnn-step5": "learning rate",
        "efc2-mlp-developed": "train_test_split",
        "efc2-cnn-developed": "stopped_epoch",
        "various-mlp2": "He-normal",
        "labo04-cnn-tanh-25": "only in pictures",
    }.items():
        assert any(said in reading for reading in reference(name).readings), name


def test_a_published_training_figure_says_how_it_was_measured() -> None:
    for name in PRESETS:
        told = reference(name)
        if told.train_accuracy is not None:
            assert MEASURED[told.train_measured] in reference_in_words(told)
    assert "mean of 10 trainings" in reference_in_words(reference("efc2-mlp-reference"))
    assert reference_in_words(reference("labo04-cnn-relu-10")).startswith("no scores")


def document(told: Reference | None) -> dict[str, Any]:
    return {
        "state": "finished",
        "reference": told.model_dump(mode="json") if told else None,
        "test": {"accuracy": 0.98, "loss": 0.07},
        "train": {"accuracy": 0.99, "loss": 0.03},
        "epochs": [{"accuracy": 0.5, "loss": 1.0}, {"accuracy": 0.97, "loss": 0.1}],
    }


def test_a_training_figure_stands_beside_ours_only_where_both_were_measured_alike() -> None:
    ours = {
        kind: {one.name: one.ours for one in published_scores(document(reference(name)))}["training accuracy"]
        for kind, name in (("running", "various-mlp2"), ("evaluated", "cnn-model1"), ("unsaid", "report-mlp5layers"))
    }
    assert ours == {"running": 0.97, "evaluated": 0.99, "unsaid": None}


def test_differences_are_in_points_of_accuracy_and_nothing_stands_beside_no_reference() -> None:
    accuracy, cost = published_scores(document(reference("labo04-raw-tanh-250")))
    assert (accuracy.difference, cost.difference) == ("+0.38 points", "−0.0113")
    assert published_scores(document(None)) == ()
    assert published_scores(document(reference("labo04-cnn-relu-10"))) == ()


def test_an_edited_preset_has_no_reference_but_another_seed_keeps_it() -> None:
    preset = PRESETS["efc2-mlp-reference"]
    training = preset.experiment.training
    seeded = preset.experiment.model_copy(update={"training": training.model_copy(update={"seed": 7})})
    longer = preset.experiment.model_copy(update={"training": training.model_copy(update={"epochs": 7})})
    assert edited(preset, seeded).reference == preset.reference
    assert edited(preset, longer).reference is None


def test_presets_are_grouped_by_source_between_the_starters_and_the_saved_ones() -> None:
    path = save_preset(find_preset("raw"), "mine")
    path.with_name("torn.toml").write_text("[training]\nepochs = 0\n")
    groups = grouped(list_entries())
    titles = [group.title for group in groups]
    assert (titles[0], titles[-1]) == ("Starters", "Saved")
    assert titles[1] == "Classics"
    assert set(titles[2:-1]) == {title for _, title in SOURCES.values()}
    assert [one.name for one in groups[-1].presets] == ["mine", "torn"]
    neurons = [one.name for group in groups for one in group.presets if one.name.startswith("labo04-cnn-relu")]
    assert neurons == [f"labo04-cnn-relu-{count}" for count in (5, 10, 25, 35)]


@contextmanager
def as_another_user(home: Path) -> Generator[None]:
    """File modes do not stop root: for the block this process is nobody."""
    if os.geteuid() != 0:
        yield
        return
    for folder in (home, *home.parents[:-1]):
        if not folder.stat().st_mode & 0o001:
            pytest.skip(f"{folder} lets nobody else in")
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_folder_that_may_not_be_searched_is_said_and_the_built_in_presets_are_there() -> None:
    folder = user_folder()
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.parent.chmod(0o000)
    try:
        with as_another_user(builtin_folder()):
            assert find_preset("raw").origin == "built-in"
            assert set(STARTERS) <= set(names())
            broken = [found for found in read_presets() if isinstance(found, BrokenPreset)]
            assert [(found.name, "cannot be searched" in found.message) for found in broken] == [("presets", True)]
            with pytest.raises(PresetError, match=r"there is no preset .mine.*cannot be searched"):
                find_preset("mine")
    finally:
        folder.parent.chmod(0o755)


def test_a_preset_is_found_by_the_experiments_name() -> None:
    found: Preset = find_preset("various-mlp3-bn-dropout")
    assert found.origin == "built-in"
    assert found.experiment.shapes()[1] == (784,)
