"""The shape of `results.json` that front ends rely on; what else is in it is passed over, any part may be absent."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mnist_tui.experiment.problem import problems_of
from mnist_tui.experiment.shapes import CLASSES
from mnist_tui.runs.records import LARGEST

Count = Annotated[int, Field(ge=0, le=LARGEST)]


class Part(BaseModel):
    """An object of the document."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class Score(Part):
    loss: float | None
    accuracy: float


class ClassScore(Part):
    name: str = Field(alias="class")
    precision: float | None
    recall: float | None
    f1: float | None
    support: Count


class TestScore(Score):
    macro_f1: float | None
    per_class: list[ClassScore]


class Data(Part):
    name: str
    title: str | None = None
    sha256: dict[str, str] = Field(default_factory=dict)
    train: Count
    validation: Count = 0
    test: Count


class Platform(Part):
    device: str | None = None
    device_name: str | None = None
    cpu: str | None = None
    cores: Count | None = None
    machine: str | None = None
    memory: Count | None = None
    os: str | None = None
    python: str | None = None
    versions: dict[str, str | None] | None = None


class Ridge(Part):
    ridge: float
    accuracy: float


class Solution(Part):
    ridge: float
    images: Count
    temperature: float
    tempered_on: str
    validation: list[Ridge]


class Results(Part):
    """The whole document."""

    state: str | None = None
    dataset: Data | None = None
    class_names: Annotated[list[str], Field(min_length=CLASSES, max_length=CLASSES)] | None = None
    test: TestScore | None = None
    train: Score | None = None
    confusion_matrix: list[list[Count]] | None = None
    timings: dict[str, float | None] | None = None
    platform: Platform | None = None
    epochs_run: Count | None = None
    weights_of_epoch: float | None = None
    closed_form: Solution | None = None


def check_results(doc: Any) -> None:
    """Check the types of what is there.

    Raises:
        ValueError: a part is not what it should be; the text names it.
    """
    try:
        Results.model_validate(doc)
    except ValidationError as error:
        problem = problems_of(error, doc)[0]
        raise ValueError(str(problem)) from None
