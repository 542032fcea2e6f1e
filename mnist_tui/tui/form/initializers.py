"""Initialisers as one line of text: ``he_normal``, ``random_normal(stddev=0.05)``. Free of Textual."""

from __future__ import annotations

import re
from typing import Any

from mnist_tui.experiment.layers import INITIALIZERS, ExperimentPart
from mnist_tui.experiment.problem import RequestError

_FORM = re.compile(r"\s*(\w+)\s*(?:\((.*)\)\s*)?")


def initializer_text(initializer: ExperimentPart) -> str:
    """The name, with those arguments that are not Keras' defaults."""
    arguments = initializer.model_dump(exclude_defaults=True)
    name = arguments.pop("name")
    listed = ", ".join(f"{key}={value:g}" for key, value in arguments.items())
    return f"{name}({listed})" if listed else name


def initializer_value(text: str) -> dict[str, Any]:
    """The TOML form of what `initializer_text` writes; names and bounds are left to the experiment's validation.

    Raises:
        RequestError: the text is of another form.
    """
    form = _FORM.fullmatch(text)
    if form is None:
        raise RequestError(f"{text!r} is no initialiser; a name such as he_normal, or random_normal(stddev=0.05), is")
    name, arguments = form[1], (form[2] or "").strip()
    if name not in INITIALIZERS:
        raise RequestError(f"{name!r} is not known; {', '.join(INITIALIZERS)} are")
    value: dict[str, Any] = {"name": name}
    for argument in arguments.split(",") if arguments else ():
        key, equals, number = (part.strip() for part in argument.partition("="))
        if not (key and equals and number):
            raise RequestError(f"{argument.strip()!r} is no argument; stddev=0.05 is the form")
        value[key] = number
    return value
