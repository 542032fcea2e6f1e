"""Put together the commands of `mnist-tui`, which opens the app without a command.

A command's module is imported when the command is called, and the options before a command when there are any.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import typer

from mnist_tui import PROGRAM
from mnist_tui.cli.groups import BenchGroup, CommandPlace

TRAIN = "Example: mnist-tui train --preset raw --hidden 200x100 --dropout 0.3 --epochs 10"
SWEEP = "Example: mnist-tui sweep --preset raw --validation 0.1 --over hidden=150,250 --over activation=tanh,relu"
COMPLEXITY = "Examples: mnist-tui complexity --preset cnn --hidden 5, mnist-tui complexity raw hog cnn"
EVALUATE = (
    "Examples: mnist-tui evaluate latest --dataset qmnist, mnist-tui evaluate raw-4b66 --dataset mnist --corrupt blur:3"
)
EXPORT = "Examples: mnist-tui export latest --weights keras,onnx, mnist-tui export cnn --code notebook"
IMPORT = "Examples: mnist-tui import theirs.keras --dataset mnist, mnist-tui import answers.csv --dataset fashion-mnist"
LR_RANGE = "Examples: mnist-tui lr-range --preset cnn, mnist-tui lr-range --preset raw --optimizer sgd --json"
ENSEMBLE = "Examples: mnist-tui ensemble RUN RUN RUN, mnist-tui ensemble STUDY --vote --name five-seeds"
ROBUSTNESS = (
    "Examples: mnist-tui robustness latest, mnist-tui robustness RUN RUN --corrupt blur,noise -o accuracies.csv"
)
EXPLAIN = "Examples: mnist-tui explain latest '#7' --method gradcam, mnist-tui explain latest digit.png -o map.png"
DOCTOR = "Examples: mnist-tui doctor, mnist-tui doctor --train --device gpu"

COMMANDS = {
    "Train": (
        CommandPlace(
            "train",
            "train:train",
            "Train without screens: a line an epoch, or one JSON document. Ctrl-C and SIGTERM stop and save.",
            TRAIN,
        ),
        CommandPlace(
            "resume",
            "train:resume",
            "Continue a run that was stopped, failed or crashed from its checkpoint, "
            "or train what is missing of a study.",
        ),
        CommandPlace(
            "extend",
            "train:extend",
            "Train a run N epochs more: while it trains, or from its checkpoint after it has ended.",
        ),
        CommandPlace("pause", "train:pause", "Pause a run's training."),
        CommandPlace("continue", "train:go_on", "Continue a paused run's training."),
        CommandPlace("step", "train:step", "Train one epoch, or finish one, and pause."),
        CommandPlace("stop", "train:stop", "Stop a run's training, evaluate and save it."),
        CommandPlace("checkpoint", "train:checkpoint", "Save a checkpoint of a run now."),
    ),
    "Look at runs": (
        CommandPlace("runs", "runs:runs", "List all runs, newest first."),
        CommandPlace("show", "runs:show", "Show one run: its experiment, history and scores."),
        CommandPlace("logs", "runs:logs", "Print the log of a run: what its worker and libraries printed."),
        CommandPlace(
            "attach", "runs:attach", "Open the app on a run's training screen, or on a study's screen for a study's id."
        ),
        CommandPlace(
            "predict",
            "predict:predict",
            "Classify image files with a run's model: the class and the probabilities (of many classes the largest).",
        ),
        CommandPlace(
            "explain",
            "explain:explain",
            "Look inside a run's network for one image: activations, a map of what matters, or the nearest training "
            "images.",
            EXPLAIN,
        ),
        CommandPlace(
            "evaluate",
            "evaluate:evaluate",
            "Score a run on the test images of other data, as a new run with scores, matrix and images.",
            EVALUATE,
        ),
        CommandPlace(
            "import",
            "import_model:import_model",
            "Make a run of a model or of predictions from another program: with scores, matrix and images, untrained.",
            IMPORT,
        ),
        CommandPlace("delete", "runs:delete", "Delete a run that no longer trains, with all its files."),
        CommandPlace("prune", "runs:prune", "List runs and files that are of no use, and delete them with --yes."),
    ),
    "Compare and vary": (
        CommandPlace(
            "compare",
            "compare:compare",
            "Compare runs, and groups of seeds: mean, deviation, 95 % interval, and the paired difference over seeds.",
        ),
        CommandPlace(
            "sweep",
            "sweep:sweep",
            "Train every combination of the values that --over names, or a sample of them. "
            "Ctrl-C and SIGTERM stop and save.",
            SWEEP,
        ),
        CommandPlace(
            "ensemble",
            "ensemble:ensemble",
            "Score the mean of several runs' probabilities, or their majority vote, as a run of its own.",
            ENSEMBLE,
        ),
        CommandPlace(
            "robustness",
            "robustness:robustness",
            "Measure the accuracy of runs on corrupted test images: shifted, rotated, blurred, with noise and more.",
            ROBUSTNESS,
        ),
        CommandPlace(
            "lr-range",
            "lr_range:lr_range",
            "Train briefly while the learning rate rises, and suggest a rate from the curve of the loss. "
            "No run is made.",
            LR_RANGE,
        ),
        CommandPlace("studies", "studies:app", "List all studies, newest first; `show`, `stop` and `delete` take one."),
        CommandPlace(
            "reproduce",
            "reproduce:reproduce",
            "Train the published experiments that have no run yet, and compare the published scores with ours.",
        ),
    ),
    "Export": (
        CommandPlace("report", "export:report", "Write a report about runs, ready to hand in; print the files' paths."),
        CommandPlace(
            "export",
            "export:export",
            "Export weights, complexity, history, a summary and code of a run, or of each run of a study; "
            "print the paths.",
            EXPORT,
        ),
        CommandPlace(
            "complexity",
            "complexity:complexity",
            "Count the inputs, weights, biases and multiply-accumulates of every layer, before anything is trained.",
            COMPLEXITY,
        ),
    ),
    "Data and presets": (
        CommandPlace("presets", "presets:app", "List, show and save named experiments. Without a command: list them."),
        CommandPlace("data", "data:app", "Show, download, import and delete datasets. Without a command: status."),
    ),
    "This machine and this program": (
        CommandPlace(
            "doctor",
            "doctor:doctor",
            "Check Python, TensorFlow, devices, terminal, folders, data and logout, and say what to do.",
            DOCTOR,
        ),
        CommandPlace(
            "serve",
            "serve:serve",
            "Open the app in web browsers, at an address that is printed. Ctrl-C ends it; trainings go on.",
        ),
        CommandPlace("guide", "guide:guide", "Read a page of the user's guide, or list its pages."),
    ),
}
"""All commands, by the heading under which the help lists them; each with the first sentence of its own help."""


class ProgramGroup(BenchGroup):
    """The commands of the program."""

    LATE = COMMANDS


def program(arguments: Sequence[str]) -> typer.Typer:
    """Return the program for a command line. If that begins with a command, no option before it is made."""
    has_options = not arguments or arguments[0] not in {where.name for places in COMMANDS.values() for where in places}
    app = typer.Typer(
        name=PROGRAM,
        cls=ProgramGroup,
        help="A terminal lab bench for MNIST-class neural networks. Without a command: the app.",
        epilog="Examples:\n\n"
        "mnist-tui: the app, on its list of presets\n\n"
        "mnist-tui --preset hog --ppc 7: the app, training\n\n"
        "mnist-tui train --preset raw --epochs 10: without screens\n\n"
        "Exit codes: 0 done, 1 the work failed, 2 the request was wrong.",
        context_settings={"help_option_names": ["--help", "-h"]},
        pretty_exceptions_enable=False,
        add_completion=has_options,
    )
    callback: Callable[..., None] = _without_options
    if has_options:
        from mnist_tui.cli.bench import bench as callback
    app.callback(invoke_without_command=True)(callback)
    return app


def _without_options() -> None:
    """A terminal lab bench for MNIST-class neural networks. Without a command: the app."""
