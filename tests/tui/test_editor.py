"""The editor: what is typed is checked, counted and drawn at once; what is wrong is kept, said, and not trained."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.widgets import Input, OptionList, Select

from mnist_tui.data.augmentation import augmented
from mnist_tui.data.catalogue import FILE_NAMES
from mnist_tui.experiment.augmentation import Augmentation
from mnist_tui.experiment.layers import Dense
from mnist_tui.experiment.presets import Preset, find_preset
from mnist_tui.tui import run_commands
from mnist_tui.tui.app import AppOptions, BenchApp
from mnist_tui.tui.editor import screen as editor_screen
from mnist_tui.tui.editor.image import ImagePane
from mnist_tui.tui.editor.panes import FieldRow
from mnist_tui.tui.editor.screen import EditorScreen
from mnist_tui.tui.presets.screen import PresetsScreen
from tests.present import present
from tests.tui.conftest import screen_text
from tests.tui.sizes import at_sizes

HIDDEN_0 = "0 is out of bounds; 1 to 65,536 in each layer works"


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files of MNIST's names: a bright square in the middle of each of three images."""
    monkeypatch.setenv("HOME", str(tmp_path))
    image = bytes(255 if 8 <= row < 20 and 8 <= column < 20 else 0 for row in range(28) for column in range(28))
    folder = tmp_path / "data" / "mnist"
    folder.mkdir(parents=True)
    for part, name in FILE_NAMES.items():
        if part.endswith("images"):
            (folder / name).write_bytes(struct.pack(">4B3I", 0, 0, 8, 3, 3, 28, 28) + 3 * image)
        else:
            (folder / name).write_bytes(struct.pack(">4BI", 0, 0, 8, 1, 3) + bytes([7, 2, 1]))
    return tmp_path / "data"


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Preset]:
    """The presets that the app was asked to train."""
    presets: list[Preset] = []
    monkeypatch.setattr(run_commands, "train", lambda _, preset, **_more: presets.append(preset))
    return presets


@pytest.fixture
def editing(tmp_path: Path, data_dir: Path) -> Callable[[str], BenchApp]:
    def edit(name: str) -> BenchApp:
        options = AppOptions(preset=find_preset(name), action="edit", runs_dir=tmp_path / "runs", data_dir=data_dir)
        return BenchApp(options)

    return edit


def editor(app: BenchApp) -> EditorScreen:
    assert isinstance(app.screen, EditorScreen)
    return app.screen


def hog_lines(size: tuple[int, int]) -> str:
    """A part of a HOG picture: half blocks, or a stroke for each cell where it has the size of the image."""
    return "─── ───" if size[0] == 80 else "▀▀"


def row(app: BenchApp, key: str) -> FieldRow:
    return next(row for row in app.screen.query(FieldRow) if row.entry.key == key)


async def type_into(pilot: Any, key: str, text: str) -> None:
    """Replaces a field's text, as a person does who tabs to it and types."""
    row(pilot.app, key).control.focus()
    await pilot.pause()
    names = {".": "full_stop", "-": "minus"}
    await pilot.press("ctrl+u", *(names.get(character, character) for character in text))


@at_sizes((80, 24), (140, 45))
async def test_the_number_of_inputs_follows_the_pixels_per_cell_as_one_types(
    size: tuple[int, int], editing: Any, shows: Any
) -> None:
    async with editing("hog").run_test(size=size) as pilot:
        await shows(pilot, "392 inputs · 80,610 parameters")
        await type_into(pilot, "ppc", "7")
        await shows(pilot, "hog · edited", "128 inputs · 27,810 parameters", "Pixels per cell", "4 → 7")
        await pilot.press("f8")
        await shows(pilot, "128 = 4 × 4 cells × 8 orientations", "27,600 weights + 210 biases", "128 × 200 = 25,600")


async def test_a_wrong_text_is_said_once_at_its_field_kept_and_not_trained(
    editing: Any, shows: Any, trained: list[Preset]
) -> None:
    app = editing("raw")
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await shows(pilot, "Hidden neurons")
        await type_into(pilot, "hidden", "0")
        text = await shows(pilot, HIDDEN_0, "not valid yet")
        assert text.count("out of bounds") == 1
        assert row(app, "hidden").control.value == "0"
        await pilot.press("f8", "ctrl+t")
        await shows(pilot, "Not trained", "Correct Hidden neurons first.", HIDDEN_0)
        assert app.focused is row(app, "hidden").control
        assert trained == []
        await pilot.press("f8")
        await shows(pilot, "these are the counts of the last valid state", "198,500")
        await type_into(pilot, "hidden", "50")
        await shows(pilot, "784 inputs · 39,760 parameters")
        await pilot.press("ctrl+t")
        assert [layer.units for layer in trained[0].experiment.layers if layer.kind == "dense"] == [50]
        assert trained[0].reference is None


async def test_only_the_seed_edited_keeps_what_was_published(editing: Any, trained: list[Preset], shows: Any) -> None:
    async with editing("raw").run_test(size=(140, 45)) as pilot:
        await shows(pilot, "Seed")
        await type_into(pilot, "seed", "7")
        await pilot.press("ctrl+t")
        assert trained[0].experiment.training.seed == 7
        assert trained[0].reference is not None


async def test_another_optimizer_brings_its_own_arguments_and_what_does_not_apply_is_hidden(
    editing: Any, shows: Any, until: Any
) -> None:
    app = editing("raw")
    async with app.run_test(size=(140, 45)) as pilot:
        text = await shows(pilot, "Arguments of rmsprop", "Rho", "Centered", "Momentum")
        assert not any(label in text for label in ("Pixels per cell", "Filters", "Conv. activation"))
        select = row(app, "optimizer").control
        assert isinstance(select, Select)
        select.value = "adam"
        text = await shows(pilot, "Arguments of adam", "Beta 1", "Amsgrad", "rmsprop → adam")
        assert "Momentum" not in text
        await type_into(pilot, "optimizer.beta_2", "2")
        await shows(pilot, "2 is out of bounds; 0 or more, less than 1, works")
        await type_into(pilot, "optimizer.beta_2", "0.99")
        await until(pilot, lambda: editor(app).draft.ready)
        row(app, "optimizer.amsgrad").control.focus()
        await pilot.press("space")
        await until(pilot, lambda: editor(app).draft.experiment.optimizer.model_dump()["amsgrad"])
        assert editor(app).draft.experiment.optimizer.model_dump()["beta_2"] == 0.99


async def test_early_stopping_shows_its_own_fields_once_it_is_on(editing: Any, shows: Any, until: Any) -> None:
    app = editing("raw")
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "Epochs")
        await type_into(pilot, "patience", "5")
        await until(
            pilot, lambda: any(row.entry.key.endswith("restore_best_weights") for row in app.screen.query(FieldRow))
        )
        rule = editor(app).draft.experiment.training.early_stopping
        assert rule is not None
        assert rule.patience == 5


async def test_layers_are_added_where_they_fit_moved_edited_and_removed(editing: Any, shows: Any, until: Any) -> None:
    app = editing("cnn")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f7")
        await shows(pilot, "max_pooling2d_3", "Layer 1: a two-dimensional convolution", "Kernel size")
        await pilot.press("a")
        await shows(pilot, "Add a layer", "separable convolution 2-D")
        await pilot.press("enter")
        await shows(pilot, "dense_2", "100 neurons, relu")
        assert editor(app).draft.ready, "a dense layer goes after the flatten"
        kinds = [layer.kind for layer in editor(app).draft.experiment.layers]
        assert kinds[-2:] == ["dense", "dense"]
        await pilot.press("J")
        await until(pilot, lambda: editor(app).draft.experiment.layers[-1].model_dump()["units"] == 100)
        await pilot.press("enter", *"64")
        await shows(pilot, "64 neurons, relu")
        assert row(app, "hidden").control.value == "25x64"
        await pilot.press("f7", "x")
        await until(pilot, lambda: row(app, "hidden").control.value == "25")
        await pilot.press("ctrl+z")
        await until(pilot, lambda: row(app, "hidden").control.value == "25x64")


async def test_esc_in_a_layers_field_goes_to_the_list_then_asks_and_names_the_layer(
    editing: Any, shows: Any, until: Any
) -> None:
    app = editing("cnn")
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "Hidden neurons")
        await pilot.press("f7", "enter", "ctrl+u", "a")
        await shows(pilot, "not valid yet")
        await pilot.press("escape")
        await until(pilot, lambda: app.focused is editor(app).stack.listing)
        assert isinstance(app.screen, EditorScreen)
        await pilot.press("escape")
        await shows(pilot, "Leave the editor?", "Layer 1, Filters: a (")


@at_sizes((80, 24), (140, 45))
async def test_a_layer_to_add_is_found_by_typing_and_described_in_full(
    size: tuple[int, int], editing: Any, shows: Any, until: Any
) -> None:
    app = editing("cnn")
    async with app.run_test(size=size) as pilot:
        await pilot.press("f7", "a")
        text = await shows(pilot, "Add a layer", "type to search", "A two-dimensional convolution")
        assert not any("…" in line for line in text.splitlines() if "│   " in line and "sa…" not in line)
        await pilot.press(*"srivas")
        await until(pilot, lambda: app.screen.query_one(OptionList).option_count == 1)
        await pilot.press("enter")
        await until(pilot, lambda: [layer.kind for layer in editor(app).draft.experiment.layers][1] == "dropout")


async def test_the_layers_have_room_while_they_are_edited_and_all_columns(editing: Any, shows: Any, until: Any) -> None:
    app = editing("cnn")
    async with app.run_test(size=(140, 45)) as pilot:
        await shows(pilot, "Layers F7", "F9 Image")  # many layers have the room of the image at once
        assert not editor(app).image.display
        await pilot.press("f7")
        text = await shows(pilot, "Enter edits the chosen layer's fields", "1 to 64 or 3x5", "28×28×9", "Parameters")
        assert {"Filters", "Kernel size", "Strides", "Padding", "Use bias"} <= {
            each.entry.label for each in editor(app).stack.section.rows if app.screen.can_view_entire(each)
        }
        assert "Output" in next(line for line in text.splitlines() if "Configuration" in line)
        await pilot.press("f9")
        await shows(pilot, "Image F9", "MNIST, test image 1: 7")


async def test_without_hidden_layers_there_are_no_hidden_neurons(editing: Any, shows: Any, until: Any) -> None:
    app = editing("raw")
    async with app.run_test(size=(140, 45)) as pilot:
        await shows(pilot, "Hidden neurons")
        await pilot.press("f7", *["x"] * 3)
        await until(pilot, lambda: not editor(app).draft.rows)
        await shows(pilot, "250 → none")
        await type_into(pilot, "hidden", "50")
        await until(pilot, lambda: editor(app).draft.experiment.layers_of(Dense)[0].units == 50)


async def test_layers_that_do_not_fit_stay_and_say_why_until_they_do(
    editing: Any, shows: Any, trained: list[Preset]
) -> None:
    app = editing("cnn")
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "Hidden neurons")
        await pilot.press("f7", "end", "up", "up")
        await shows(pilot, "Layer 7: lays an image's rows")
        await pilot.press("delete")
        await shows(pilot, "a dense layer takes a vector, not 3×3×16", "not valid yet")
        await pilot.press("ctrl+t", "ctrl+s")
        assert trained == []
        assert isinstance(app.screen, EditorScreen)
        await pilot.press("ctrl+z")
        await shows(pilot, "784 inputs · 7,465 parameters")


async def test_undo_takes_back_a_whole_text_and_reset_goes_back_to_the_preset(
    editing: Any, shows: Any, until: Any
) -> None:
    app = editing("hog")
    async with app.run_test(size=(140, 45)) as pilot:
        await shows(pilot, "80,610")
        await type_into(pilot, "hidden", "300x20")
        await type_into(pilot, "epochs", "3")
        await until(pilot, lambda: editor(app).draft.experiment.training.epochs == 3)
        await pilot.press("f7", "ctrl+z")
        await until(pilot, lambda: row(app, "epochs").control.value == "100")
        await shows(pilot, "Undone: Epochs 3 → 100")
        control = row(app, "epochs").control
        assert app.focused is control and isinstance(control, Input)
        assert control.selected_text == "100", "typing replaces it"
        assert row(app, "hidden").control.value == "300x20"
        await pilot.press("ctrl+z")
        await until(pilot, lambda: row(app, "hidden").control.value == "200")
        await pilot.press("ctrl+y", "ctrl+r")
        await until(pilot, lambda: not editor(app).draft.is_edited)


async def test_what_was_done_is_said_for_a_while(
    editing: Any, shows: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(editor_screen, "DONE_SECONDS", 0.3)
    app = editing("hog")
    async with app.run_test(size=(140, 45)) as pilot:
        await shows(pilot, "80,610")
        await type_into(pilot, "epochs", "3")
        await pilot.press("ctrl+z")
        await until(pilot, lambda: "Undone:" not in screen_text(app))
        assert not editor(app).hint.has_class("-done")


@at_sizes((80, 24), (140, 45))
async def test_a_digit_stands_beside_its_hog_picture_and_follows_the_cells(
    size: tuple[int, int], editing: Any, shows: Any, until: Any
) -> None:
    app = editing("hog")
    async with app.run_test(size=size) as pilot:
        await pilot.press("f9")
        await shows(pilot, "MNIST, test image 1: 7", "HOG: 7×7 cells of 4×4 pixels, 8 orientations", hog_lines(size))
        image, hog = editor(app).image.views or pytest.fail("there are no pictures")
        assert image.pixels[14][14] == 255
        assert len(hog.pixels) == 28
        before = hog.pixels
        await pilot.press("ctrl+n")
        await shows(pilot, "MNIST, test image 2: 2")
        await type_into(pilot, "ppc", "14")
        await until(pilot, lambda: hog.pixels is not before)
        await pilot.press("f9")
        await shows(pilot, "HOG: 2×2 cells of 14×14 pixels")


async def test_the_digit_is_drawn_for_raw_pixels_and_gets_its_picture_with_hog(editing: Any, shows: Any) -> None:
    app = editing("raw")
    async with app.run_test(size=(140, 45)) as pilot:
        await shows(pilot, "Image F9", "MNIST, test image 1: 7", "Raw: 28×28 = 784 pixels")
        _, hog = editor(app).image.views or pytest.fail("there are no pictures")
        assert not hog.display
        select = row(app, "features").control
        assert isinstance(select, Select)
        select.value = "hog"
        await shows(pilot, "HOG: 7×7 cells", "392 inputs", "raw → hog", "Pixels per cell")
        assert hog.display


async def test_a_changed_value_is_marked_with_the_presets_value_and_the_cost(editing: Any, shows: Any) -> None:
    app = editing("raw")
    async with app.run_test(size=(140, 45)) as pilot:
        await shows(pilot, "1 to 65,536")
        await type_into(pilot, "hidden", "200")
        await shows(pilot, "250 → 200, −39,750", "159,010 parameters (−39,750)")
        await type_into(pilot, "hidden", "250")
        await shows(pilot, "1 to 65,536", "784 inputs · 198,760 parameters ")


@at_sizes((110, 32), (80, 24))
async def test_epochs_come_first_and_hints_are_never_cut_within_a_value(
    size: tuple[int, int], editing: Any, shows: Any
) -> None:
    app = editing("raw")
    async with app.run_test(size=size) as pilot:
        text = await shows(pilot, "Epochs", "Train 150 epochs", "1 or more", "0 or more, less than 1", "Hidden neurons")
        assert app.focused is row(app, "epochs").control
        assert not any(re.search("(?<!, )…", line[: size[0] // 2]) for line in text.splitlines())
        await pilot.press("5")
        await shows(pilot, "Train 5 epochs", "150 → 5")
        await pilot.press("pagedown")
        assert app.focused is row(app, "hidden").control
        await pilot.press("pageup", "pageup")
        assert app.focused is row(app, "epochs").control
        await pilot.press(*["pagedown"] * 9)
        assert app.focused is row(app, "flip").control
        await shows(pilot, "Training images", "all")


async def test_all_images_and_no_early_stopping_are_words_of_the_form(editing: Any, shows: Any, until: Any) -> None:
    app = editing("raw")
    async with app.run_test(size=(140, 45)) as pilot:
        await shows(pilot, "1 or more, or all", "1 or more, or off")
        for text, limit in (("500", 500), ("all", None), ("none", None)):
            await type_into(pilot, "limit", text)
            await until(pilot, lambda limit=limit: editor(app).draft.experiment.dataset.limit == limit)
        await type_into(pilot, "patience", "5")
        await until(pilot, lambda: editor(app).draft.experiment.training.early_stopping is not None)
        await shows(pilot, "off → 5")
        await type_into(pilot, "patience", "off")
        await until(pilot, lambda: editor(app).draft.experiment.training.early_stopping is None)


async def test_the_value_is_selected_again_where_one_comes_back(editing: Any, shows: Any, until: Any) -> None:
    app = editing("raw")
    async with app.run_test(size=(140, 45)) as pilot:
        await shows(pilot, "Epochs")
        await pilot.press("end", "f3", "escape")
        await until(pilot, lambda: isinstance(app.screen, EditorScreen))
        await pilot.press("7")
        assert row(app, "epochs").control.value == "7"


async def test_up_and_down_stay_in_the_pane_at_its_ends(editing: Any, shows: Any) -> None:
    app = editing("raw")
    async with app.run_test(size=(140, 45)) as pilot:
        await shows(pilot, "Epochs")
        rows = [each for each in editor(app).parameters.query(FieldRow) if each.display]
        rows[0].control.focus()
        await pilot.press("up")
        assert app.focused is rows[0].control
        rows[-1].control.focus()
        await pilot.press("down")
        assert app.focused is rows[-1].control
        await pilot.press("f7", "end", "down")
        assert editor(app).stack.listing.place == len(editor(app).draft.experiment.layers)


@pytest.mark.parametrize("way", ["key", "click"])
async def test_typing_replaces_the_text_of_a_field_that_gets_the_focus(way: str, editing: Any, shows: Any) -> None:
    app = editing("raw")
    async with app.run_test(size=(140, 45)) as pilot:
        await shows(pilot, "Epochs")
        field = row(app, "hidden").control
        if way == "click":
            await pilot.click(field, offset=(2, 0))
        else:
            row(app, "plain-loss").control.focus()
            await pilot.press("down")
        await pilot.press(*"50")
        assert field.value == "50"


async def test_the_cost_of_adding_and_removing_a_layer_is_shown(editing: Any, shows: Any) -> None:
    app = editing("raw")
    async with app.run_test(size=(140, 45)) as pilot:
        await pilot.press("f7", "down")
        await shows(pilot, "x Remove (−190,910 parameters)")
        await pilot.press("down", "a")
        await shows(pilot, "dense  +23,600 parameters")
        await pilot.press("enter")
        await shows(pilot, "Added dense: +23,600 parameters")
        await pilot.press("x")
        await shows(pilot, "Removed dense: −23,600 parameters")


async def test_an_edited_experiment_is_saved_under_a_name_and_replacing_one_is_asked(
    editing: Any, shows: Any, until: Any
) -> None:
    app = editing("hog")
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "Epochs")
        await type_into(pilot, "ppc", "7")
        await pilot.press("ctrl+s")
        await shows(pilot, "Save as a preset", "hog-mine", "HOG features: 128-200-10")
        app.screen.name_field.value = "raw"
        await pilot.press("enter")
        await shows(pilot, "'raw' is a built-in preset; choose another name")
        app.screen.name_field.value = "coarse"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, EditorScreen))
        saved = find_preset("coarse")
        assert saved.experiment.features.model_dump()["pixels_per_cell"] == 7
        assert saved.about == "Edited from hog: Pixels per cell: 4 → 7"
        assert saved.reference is None
        assert not editor(app).draft.is_edited
        await type_into(pilot, "ppc", "14")
        await pilot.press("ctrl+s", "enter")
        await shows(pilot, "There is a preset 'coarse' already", "Replace")
        await pilot.press("enter")
        await until(pilot, lambda: find_preset("coarse").experiment.features.model_dump()["pixels_per_cell"] == 14)


async def test_leaving_with_edits_asks_and_without_them_does_not(editing: Any, shows: Any, until: Any) -> None:
    app = editing("hog")
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "Epochs")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, PresetsScreen))
        await pilot.press("e")
        await shows(pilot, "Epochs")
        await type_into(pilot, "ppc", "7")
        await pilot.press("escape")
        await shows(pilot, "Leave the editor?", "Pixels per cell: 4 → 7")
        await pilot.press("escape")
        await shows(pilot, "128 inputs")
        await pilot.press("escape", "d")
        await until(pilot, lambda: isinstance(app.screen, PresetsScreen))
        await pilot.press("e")
        await shows(pilot, "392 inputs")


async def test_the_question_names_only_what_came_after_the_last_training(editing: Any, shows: Any) -> None:
    app = editing("hog")
    async with app.run_test(size=(120, 40)) as pilot:
        await shows(pilot, "Epochs")
        await type_into(pilot, "ppc", "7")
        app.screen.draft.hold()
        await type_into(pilot, "epochs", "1x")
        await pilot.press("escape")
        text = await shows(pilot, "Leave the editor?", "Epochs: 1x (")
        assert "Pixels per cell: 4" not in text and "nothing was trained" not in text
        await pilot.press("escape")
        await type_into(pilot, "epochs", "9")
        await pilot.press("escape")
        text = await shows(pilot, "Epochs: 100 → 9")
        assert "Pixels per cell: 4" not in text


async def test_keys_that_arrive_at_once_go_to_the_fields_they_were_meant_for(editing: Any, shows: Any) -> None:
    app = editing("hog")
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "Epochs")
        row(app, "features").control.focus()
        await pilot.pause()
        keys = ("down", "7", "tab", "9", "up", "up", "up", "up", "up", "5")
        for key in keys:
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await shows(pilot, "144 inputs")
        assert row(app, "ppc").control.value == "7"
        assert row(app, "dropout").control.value == "0.5"


async def test_help_names_the_focused_field_and_its_bounds(editing: Any, shows: Any) -> None:
    app = editing("hog")
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "Epochs")
        row(app, "dropout").control.focus()
        await shows(pilot, "Dropout after each dense hidden layer; 0 removes it")
        await pilot.press("f1")
        await shows(pilot, "Dropout after each dense hidden layer", "Values: 0 or more, less than 1")


@at_sizes((60, 20), (120, 30), (200, 50))
async def test_every_pane_can_be_reached_at_every_size(size: tuple[int, int], editing: Any, shows: Any) -> None:
    async with editing("hog").run_test(size=size) as pilot:
        await shows(pilot, "Epochs", "392 inputs")
        for key, expected in (
            ("f7", "200 neurons, "),
            ("f8", "392 × 200 = 78,400"),
            ("f9", hog_lines(size)),
            ("f6", "Batch size"),
        ):
            await pilot.press(key)
            text = await shows(pilot, expected)
            assert all(len(line) <= size[0] for line in text.splitlines())


async def test_edits_left_by_the_keys_of_the_apps_places_are_there_again_and_asked_about_at_the_end(
    editing: Any, shows: Any, until: Any
) -> None:
    app = editing("hog")
    async with app.run_test(size=(120, 30)) as pilot:
        await shows(pilot, "Epochs", "392 inputs")
        await type_into(pilot, "ppc", "7")
        await shows(pilot, "hog · edited")
        await pilot.press("f4")
        await shows(pilot, "Canvas")
        await pilot.press("f3")
        await shows(pilot, "there are no runs")
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(app.screen, PresetsScreen))
        await pilot.press("e")
        await shows(pilot, "hog · edited", "128 inputs")
        await pilot.press("f3")
        await shows(pilot, "there are no runs")
        await pilot.press("ctrl+q")
        await shows(pilot, "Close the program?", "Pixels per cell: 4 → 7")
        await pilot.press("d")
        await until(pilot, lambda: app._exit)


@pytest.mark.parametrize("over", [None, "f4"])
async def test_leaving_the_app_asks_where_edits_would_be_lost(
    over: str | None, editing: Any, shows: Any, until: Any
) -> None:
    app = editing("hog")
    async with app.run_test(size=(120, 30)) as pilot:
        await shows(pilot, "Epochs", "392 inputs")
        await type_into(pilot, "ppc", "7")
        await shows(pilot, "hog · edited")
        if over:
            await pilot.press(over)
            await shows(pilot, "Canvas")
        await pilot.press("ctrl+q")
        await shows(pilot, "Close the program?", "Pixels per cell: 4 → 7")
        await pilot.press("ctrl+q")
        await shows(pilot, "Close the program?")
        assert not app._exit
        await pilot.press("escape")
        await shows(pilot, "Canvas" if over else "hog · edited")
        await pilot.press("ctrl+q")
        await shows(pilot, "Close the program?")
        await pilot.press("d")
        await until(pilot, lambda: app._exit)


async def test_leaving_the_app_asks_nothing_of_an_editor_without_edits(editing: Any, shows: Any, until: Any) -> None:
    app = editing("hog")
    async with app.run_test(size=(120, 30)) as pilot:
        await shows(pilot, "Epochs", "392 inputs")
        await pilot.press("ctrl+q")
        await until(pilot, lambda: app._exit)


@at_sizes((140, 45), (60, 20))
async def test_variants_of_the_image_are_those_that_training_makes(
    size: tuple[int, int], editing: Any, shows: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mnist_tui.tui.editor.variants import MOST, VariantsScreen

    app = editing("cnn")
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.screen.query(FieldRow) and editor(app).image.shown is not None)
        image = present(editor(app).image.shown)
        await pilot.press("ctrl+o")
        await shows(pilot, "No augmentation is set")
        await type_into(pilot, "rotation", "20")
        with monkeypatch.context() as patched:
            patched.setattr(ImagePane, "shown", None)
            await pilot.press("ctrl+o")
            await shows(pilot, "The image is still being read.")
        await pilot.press("ctrl+o")
        await shows(pilot, "rotation up to 20°", "unchanged", "epoch 2")
        screen = app.screen
        assert isinstance(screen, VariantsScreen)
        assert (len(screen.variants) == MOST - 1) == (size == (140, 45))
        made = augmented(image[None], Augmentation(rotation=20), seed=0, epoch=1, step=0)
        assert (screen.variants[1] == made[0]).all()
        await pilot.press("full_stop")
        await shows(pilot, f"epoch {len(screen.variants) + 1}")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, EditorScreen))


async def test_arguments_of_a_change_appear_with_it_and_hog_has_no_changes(editing: Any, shows: Any) -> None:
    app = editing("raw")
    async with app.run_test(size=(140, 60)) as pilot:
        text = await shows(pilot, "Augmentation", "Elastic")
        assert "Elastic sigma" not in text
        await type_into(pilot, "elastic", "34")
        await shows(pilot, "Arguments of the augmentation", "Elastic sigma")
        select = row(app, "features").control
        assert isinstance(select, Select)
        select.value = "hog"
        await shows(pilot, "Not valid yet", "choose raw")
        await type_into(pilot, "elastic", "0")
        text = await shows(pilot, "392 inputs")
        assert "Augmentation" not in text


async def test_an_editor_below_another_screen_has_the_titles_of_the_window_that_it_comes_back_to(
    editing: Any, shows: Any, until: Any
) -> None:
    app = editing("raw")
    async with app.run_test(size=(140, 45)) as pilot:
        await shows(pilot, "Parameters", "Layers")
        panes = app.screen.query("#panes .pane")
        await pilot.press("f3")
        await pilot.resize_terminal(80, 24)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, EditorScreen))
        await until(pilot, lambda: not any(pane.border_title for pane in panes))


async def test_the_border_marks_the_pane_with_the_focus_and_follows_it(editing: Any, shows: Any, until: Any) -> None:
    app = editing("raw")
    async with app.run_test(size=(140, 45)) as pilot:
        await shows(pilot, "Parameters", "Layers")
        parameters, layers = (app.screen.query_one(f"#{name}").styles for name in ("parameters", "layers"))
        marked = parameters.border_top
        await pilot.press("down", "down")
        assert (parameters.border_top, layers.border_top == marked) == (marked, False)
        await pilot.press("f7")
        await until(pilot, lambda: layers.border_top == marked != parameters.border_top)
        await pilot.press("f6")
        await until(pilot, lambda: parameters.border_top == marked != layers.border_top)
