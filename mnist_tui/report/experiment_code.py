"""Write an experiment as a program with plain Keras, a script or a Jupyter notebook, which does not import this one.

The program reads the same data, and builds, compiles, trains and evaluates the network. It draws the learning curves by
Matplotlib and the confusion matrix by scikit-learn. Its random numbers are others than ours.
"""

from __future__ import annotations

import json
import shlex
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mnist_tui import PROGRAM
from mnist_tui.data.facts import facts_of
from mnist_tui.data.known import KNOWN
from mnist_tui.errors import RequestError
from mnist_tui.experiment.complexity import of
from mnist_tui.experiment.optimizers import Ridge
from mnist_tui.experiment.presets import Preset, heading
from mnist_tui.experiment.spec import Experiment
from mnist_tui.privacy import last_name
from mnist_tui.report import markdown
from mnist_tui.report.export import CODE_FORMATS
from mnist_tui.report.keras_augmentation import augmentation_classes, augmentation_lines
from mnist_tui.report.keras_data import DataCode, data_code, quoted
from mnist_tui.report.keras_program import (
    compile_lines,
    fit_lines,
    import_lines,
    inputs_function,
    inputs_lines,
    keras_imports,
    keras_layer,
    network_lines,
    seed_lines,
    solve_lines,
    split_lines,
    splits_of,
    test_pair,
)
from mnist_tui.runs.event_log import replayed
from mnist_tui.runs.folder import RunFolder, one_line
from mnist_tui.wording import counted, listed, percent

WIDTH = 100
"""The longest line of a text in a script, in characters."""
MANY_CLASSES = 20
"""With more classes, a confusion matrix has no numbers."""
IMPORTS = (
    "import matplotlib.pyplot as plt",
    "from sklearn.metrics import ConfusionMatrixDisplay, classification_report",
)
PACKAGES = {"skimage": "scikit-image", "PIL": "pillow"}
"""The packages of optional imports."""
NEEDED = ("tensorflow", "matplotlib", "numpy", "scikit-learn")


@dataclass(frozen=True)
class TrainedData:
    """The data that an experiment is trained on, for a program that reads them.

    Attributes:
        name: the dataset's name, as `--dataset` takes it.
        title: its name in texts.
        class_names: the classes, in the order of their numbers.
        sha256: the checksums of the parts; empty if they are not known.
    """

    name: str
    title: str
    class_names: tuple[str, ...]
    sha256: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class _Section:
    """A part of the program with its heading and a sentence about it."""

    title: str
    text: str
    lines: list[str]


@dataclass(frozen=True)
class _Program:
    """The whole program, before it becomes a script or a notebook.

    Attributes:
        about: a paragraph about the program and its results.
        needs: the command that installs the packages.
        imports: the import lines, without those of the script alone.
    """

    title: str
    about: str
    needs: str
    imports: set[str]
    reading: DataCode
    sections: list[_Section]


def code_of_run(folder: RunFolder, file: str) -> str:
    """Return the program of a run's experiment, which reads the data that the run was trained on.

    Args:
        file: one of the files of CODE_FORMATS.

    Raises:
        RequestError: the experiment cannot be written with Keras alone, or a person's own data are not here.
        RunError, PresetError: the run's folder cannot be read.
    """
    folder.check_trained_here("cannot be written as code")
    preset, read = folder.preset(), replayed(folder.events_file).data
    _check_start(preset, str(folder.experiment_file))
    if read is None:
        return code_of_preset(preset, file)
    name = read.name_or_path(preset.experiment.dataset.name)
    data = TrainedData(name, read.title, read.class_names, read.sha256)
    results = folder.results() or {}
    accuracy = (results.get("test") or {}).get("accuracy")
    score = f"The run {folder.id} reached a test accuracy of {percent(accuracy)}. " if accuracy is not None else ""
    return _written(preset, data, file, score)


def code_of_preset(preset: Preset, file: str) -> str:
    """Return the program of a preset's experiment.

    Args:
        file: one of the files of CODE_FORMATS.

    Raises:
        RequestError: the experiment cannot be written with Keras alone, or a person's own data are not here.
    """
    _check_start(preset, preset.name)
    name = preset.experiment.dataset.name
    known, facts = KNOWN.get(name), facts_of(name)
    title = known.title if known else last_name(name)
    published: dict[str, str] = {str(part): text for part, text in known.sha256.items()} if known else {}
    data = TrainedData(name, title, facts.class_names, published)
    return _written(preset, data, file)


def _check_start(preset: Preset, where: str) -> None:
    """Raise a RequestError if the experiment begins with other weights than random ones.

    Args:
        where: the experiment as `--preset` takes it.
    """
    if (start := preset.experiment.start) is not None:
        without = shlex.join(["mnist-tui", "presets", "save", "NAME", "--preset", where, "--start", "none"])
        raise RequestError(
            f"this experiment begins with the weights of {start.run}, which a program without this one cannot read; "
            f"`{without}` makes a preset that begins with random ones, whose code can be exported"
        )


def _written(preset: Preset, data: TrainedData, file: str, score: str = "") -> str:
    experiment = preset.experiment
    reading = data_code(data.name, experiment.image_shape, splits_of(experiment), data.sha256)
    imports = {*keras_imports(experiment), *IMPORTS, *reading.imports}
    about = (
        f"A network for {one_line(data.title)}, trained and evaluated with Keras. {PROGRAM} has written this program, "
        f"which runs without it. {score}It draws other random numbers: expect scores as with another seed."
    )
    needs = "pip install " + " ".join([*NEEDED, *(PACKAGES[name] for name in PACKAGES if name in str(imports))])
    is_notebook = file == CODE_FORMATS["notebook"]
    sections = _sections(preset, data, reading, shows=is_notebook)
    program = _Program(one_line(heading(preset)), about, needs, imports, reading, sections)
    return _notebook(program) if is_notebook else _script(program)


def _sections(preset: Preset, data: TrainedData, reading: DataCode, *, shows: bool) -> list[_Section]:
    """Return the parts of the program after the imports; with `shows` figures are shown, else written to files."""
    experiment = preset.experiment
    is_hog = experiment.features.kind == "hog"
    inputs = "HOG features of the images, by scikit-image." if is_hog else "Pixels from 0 to 1."
    matrix = "Rows are true classes, columns predicted ones."
    curves = _Section("Learning curves", "Loss and accuracy after each epoch.", _curve_lines(shows))
    return [
        _data_section(experiment, data, reading),
        _Section("Inputs", inputs, [*inputs_function(experiment), "", "", *inputs_lines(experiment)]),
        _network_section(experiment),
        _training_section(experiment, data.class_names),
        _Section("Test", "Scores on the test images, of all and of each class.", _test_lines(experiment)),
        *([curves] if experiment.trains_in_epochs else []),
        _Section("Confusion matrix", matrix, _matrix_lines(data.class_names, shows)),
    ]


def _data_section(experiment: Experiment, data: TrainedData, reading: DataCode) -> _Section:
    levels = "grey levels" if experiment.image_shape[2] == 1 else "levels of red, green and blue"
    share, fold = experiment.dataset.validation, experiment.dataset.fold
    if fold is not None:
        validation = f"The images of {fold.in_words} are held out, in place of the test images."
    elif isinstance(share, float):
        validation = f"{share * 100:g} % of the training images are the validation data."
    elif share == "own":
        validation = "The dataset has its own validation images."
    else:
        validation = "The test images are the validation data, too."
    names = _list_lines([quoted(one_line(name)) for name in data.class_names])
    lines = [*names, *(["", ""] if reading.lines[0].startswith("def ") else []), *reading.lines]
    text = f"{one_line(data.title)}: {levels} from 0 to 255, and classes from 0. {validation}"
    return _Section("Data", text, [*lines, *split_lines(experiment)])


def _list_lines(items: list[str]) -> list[str]:
    """Return the lines that define the list of the classes, as many items in a line as there is room for."""
    if len(line := f"CLASSES = [{', '.join(items)}]") <= WIDTH:
        return [line]
    lines = [""]
    for item in items:
        if lines[-1] and len(lines[-1]) + len(item) > WIDTH - 6:
            lines.append("")
        lines[-1] += f"{' ' if lines[-1] else '    '}{item},"
    return ["CLASSES = [", *lines, "]"]


def _network_section(experiment: Experiment) -> _Section:
    changes, text = experiment.augmentation, f"{counted(of(experiment).total, 'parameter')}."
    if changes is not None:
        text += f" The training images are changed at random: {listed(changes.in_words)}."
        text += " Keras resamples an image for each of these changes." if changes.moves_pixels else ""
    definitions = augmentation_classes(changes).strip("\n").split("\n")
    return _Section(
        "Network",
        text,
        [
            *([*definitions, "", ""] if definitions != [""] else []),
            *seed_lines(experiment),
            *network_lines(experiment, keras_layer(experiment)),
            "model.summary()",
            *augmentation_lines(changes, experiment.image_shape),
        ],
    )


def _training_section(experiment: Experiment, class_names: tuple[str, ...]) -> _Section:
    training, optimizer = experiment.training, experiment.optimizer
    if isinstance(optimizer, Ridge):
        penalties = "with a penalty" if len(optimizer.ridges) == 1 else "with the penalty that is the most accurate"
        text = f"The output layer is solved by least squares, {penalties}."
        return _Section("Training", text, solve_lines(experiment))
    text = (
        f"{type(optimizer).__name__} with a learning rate of {experiment.highest_rate:g}; "
        f"{counted(training.epochs, 'epoch')} of batches of {counted(training.batch_size, 'image')}."
    )
    return _Section("Training", text, [*compile_lines(experiment, class_names), *fit_lines(experiment, "history")])


def _test_lines(experiment: Experiment) -> list[str]:
    scores = [
        f"loss, accuracy = model.evaluate({test_pair(experiment)}, verbose=0)",
        'print(f"test loss {loss:.4f}, test accuracy {accuracy:.2%}")',
        "predicted = model.predict(x_test, verbose=0).argmax(axis=1)",
    ]
    if not experiment.trains_in_epochs:
        scores = [
            "predicted = solved.predict(h_test).argmax(axis=1)",
            "accuracy = np.mean(predicted == test_labels)",
            'print(f"test accuracy {accuracy:.2%}")',
        ]
    return [
        *scores,
        "numbers = range(len(CLASSES))",
        "print(classification_report(",
        "    test_labels, predicted, labels=numbers, target_names=CLASSES, digits=4, zero_division=0",
        "))",
    ]


def _curve_lines(shows: bool) -> list[str]:
    return [
        'figure, places = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")',
        'for axes, name in zip(places, ["loss", "accuracy"]):',
        "    epochs = range(1, len(history.history[name]) + 1)",
        '    axes.plot(epochs, history.history[name], label="training")',
        '    axes.plot(epochs, history.history[f"val_{name}"], label="validation")',
        '    axes.set(xlabel="epoch", ylabel=name)',
        "    axes.legend()",
        "plt.show()" if shows else 'figure.savefig("curves.png", dpi=150)',
    ]


def _matrix_lines(class_names: tuple[str, ...], shows: bool) -> list[str]:
    is_large = len(class_names) > MANY_CLASSES
    edge = 12 if is_large else 7
    turned = "vertical" if max(map(len, class_names)) > 3 else "horizontal"
    return [
        f'figure, axes = plt.subplots(figsize=({edge}, {edge}), layout="constrained")',
        "ConfusionMatrixDisplay.from_predictions(",
        "    test_labels, predicted, labels=numbers, display_labels=CLASSES, ax=axes,",
        f'    cmap="Blues", colorbar=False, include_values={not is_large}, xticks_rotation="{turned}",',
        ")",
        "plt.show()" if shows else 'figure.savefig("confusion_matrix.png", dpi=150)',
    ]


def _script(program: _Program) -> str:
    reading, sections, imports = program.reading, program.sections, program.imports
    needs, usage = f"    {program.needs}", f"    python {CODE_FORMATS['keras']}"
    how = ["Run it with", "", needs, f"{usage} [--data FOLDER]" if reading.folder else usage]
    text = "\n".join([*_wrapped(f"{program.title}."), "", *_wrapped(program.about), "", *how])
    if reading.folder:
        text += "\n\n" + "\n".join(_wrapped(_folder_text(reading)))
        first, imports = sections[0], {*imports, "import argparse"}
        default = "" if reading.folder == "None" else f", default={reading.folder}"
        options = [
            "parser = argparse.ArgumentParser()",
            f'parser.add_argument("--data", type=Path{default}, metavar="FOLDER")',
            "DATA = parser.parse_args().data",
        ]
        sections = [replace(first, lines=[*options, *first.lines]), *sections[1:]]
    safe = text.replace("\\", "\\\\").replace('"""', "'''").rstrip('"')
    blocks = ["\n".join(import_lines(imports)).rstrip()]
    for section in sections:
        about = [f"# {line}" for line in _wrapped(section.text, WIDTH - 2)]
        blocks.append("\n".join([f"# %% {section.title}", *about, _joined(section)]))
    return f'"""{safe}\n"""\n\n' + "\n\n\n".join(blocks) + "\n"


def _joined(section: _Section) -> str:
    return "\n".join(section.lines).strip("\n")


def _folder_text(reading: DataCode) -> str:
    if reading.folder == "None":
        return f"Keras downloads the data, unless FOLDER is given, which holds {reading.files}."
    usual = reading.folder.removeprefix('Path("').removesuffix('")')
    return f"FOLDER ({usual} if it is not given) holds {reading.files}."


def _wrapped(text: str, width: int = WIDTH) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def _notebook(program: _Program) -> str:
    """Return the program as a notebook (nbformat 4.5): for each section a Markdown cell and a cell of code."""
    head = f"# {markdown.escaped(program.title)}\n\n{markdown.escaped(program.about)}\n\nIt needs `{program.needs}`."
    cells = [("markdown", head), ("code", "\n".join(import_lines(program.imports)))]
    if program.reading.folder:
        text = markdown.escaped(_folder_text(program.reading).replace("FOLDER", "the folder DATA", 1))
        hint = '  # or Path("folder")' if program.reading.folder == "None" else ""
        cells += [("markdown", text[0].upper() + text[1:]), ("code", f"DATA = {program.reading.folder}{hint}")]
    for section in program.sections:
        cells += [("markdown", f"## {section.title}\n\n{markdown.escaped(section.text)}"), ("code", _joined(section))]
    document = {
        "cells": [_cell(number, kind, text) for number, (kind, text) in enumerate(cells, start=1)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _cell(number: int, kind: str, text: str) -> dict[str, Any]:
    code = {"execution_count": None, "outputs": list[Any]()} if kind == "code" else {}
    lines = text.strip("\n").splitlines(keepends=True)
    return {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, **code, "source": lines}
