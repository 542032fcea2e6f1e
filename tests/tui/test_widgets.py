"""What the widgets draw, from values: confusion cells, progress and device in words."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.strip import Strip

from mnist_tui.data.catalogue import KNOWN
from mnist_tui.runs.events import Phase
from mnist_tui.runs.state import RunState, reduce
from mnist_tui.tui.training.screen import device_lines, gpu_line
from mnist_tui.tui.widgets import run_status
from mnist_tui.tui.widgets.confusion import heads, padded, sizes_for
from mnist_tui.tui.widgets.text import Line, changed_regions
from tests.tui.conftest import screen_text


@given(st.lists(st.integers(0, 999), min_size=9, max_size=9), st.integers(0, 9), st.integers(0, 1999))
def test_no_two_numbers_of_a_row_touch_in_the_narrowest_cells(others: list[int], place: int, right: int) -> None:
    others = [count if sum(others) < 2000 else count % 100 for count in others]
    counts = [*others[:place], right, *others[place:]]
    texts = padded([str(count) for count in counts], 4)
    if right < 1000 or sum(count >= 100 for count in others) < 2:
        assert [0 if word == "·" else int(word) for word in "".join(texts).split()] == counts
    assert {len(text) for text in texts} == {4}


def test_class_names_are_cut_at_words_and_stay_distinct() -> None:
    names = KNOWN["fashion-mnist"].class_names
    assert heads(names, 3) == ["T-s", "Tro", "Pul", "Dre", "Coa", "San", "Shi", "Sne", "Bag", "Ank"]
    assert heads(names, 6)[:5] == ["T-shi…", "Trous…", "Pullo…", "Dress", "Coat"]
    assert heads(names, 7)[0::9] == ["T-shirt", "Ankle"]
    assert heads([f"class {digit}" for digit in range(10)], 3) == [str(digit) for digit in range(10)]


@pytest.mark.parametrize("names", [KNOWN["mnist"].class_names, KNOWN["fashion-mnist"].class_names])
@pytest.mark.parametrize("width", range(44, 130))
def test_a_matrix_never_is_wider_than_its_room(names: tuple[str, ...], width: int) -> None:
    sizes = sizes_for(width, 30, names)
    assert sizes.head + 10 * sizes.cell + (9 if sizes.margins else 0) <= width


def test_the_pace_line_names_every_number(record: Any) -> None:
    run = record().begin().epoch(1).epoch(2)
    run.write(run.progress(3, 60, 0.4))
    state = _state(run)
    text = run_status.pace_text(state, "running", (state.started or 0) + 75)
    assert text == "learning rate 0.001 · 61,234 images/s · ETA 34 s · elapsed 1 min 15 s"


@pytest.mark.parametrize(
    ("phase", "text", "numbers"),
    [
        (Phase(name="importing", text="TensorFlow"), "importing TensorFlow", "importing"),
        (
            Phase(name="reading", done=2e5, total=1.13e7, unit="bytes", text="reading x.gz"),
            "reading x.gz",
            "0.2 of 11.3 MB",
        ),
        (
            Phase(name="features", done=1000, total=70000, unit="images"),
            "extracting features",
            "1,000 of 70,000 images",
        ),
    ],
)
def test_phases_are_told_in_words_and_with_units(phase: Phase, text: str, numbers: str) -> None:
    assert run_status.phase_text(phase) == text
    assert run_status.phase_numbers(phase) == numbers


def test_a_gpu_is_told_with_what_nvml_knows_of_it(record: Any) -> None:
    run = record().begin(gpu=True)
    line = device_lines(_state(run))[0]
    assert line == "GPU 0 NVIDIA H200: 43 % busy, 12.9 of 149.3 GB, 54 °C, 312 W"


def test_a_gpu_that_tells_nothing_is_said_to(record: Any) -> None:
    gpu = replace(record().load(gpu=True).gpus[0], utilization=None, memory_used=None, temperature=None, power=None)
    assert gpu_line(gpu) == "GPU 0 NVIDIA H200: NVML tells nothing"


def test_where_there_is_room_every_reading_has_its_history(record: Any) -> None:
    run = record().begin(gpu=True)
    for busy in (0, 25, 50, 75, 100):
        reading = run.load(gpu=True)
        run.write(replace(reading, gpus=(replace(reading.gpus[0], utilization=busy),)))
    lines = device_lines(_state(run), 60)
    assert lines[0] == "GPU 0 NVIDIA H200"
    assert lines[1].split("  ")[0] == "GPU 0 100 % busy"
    assert lines[1].endswith("▄▁▃▅▆█"), "43 %, then the five"
    assert [line.split("  ")[0] for line in lines[2:5]] == [
        "GPU 0 memory 12.9 of 149.3 GB",
        "GPU 0 54 °C",
        "GPU 0 312 W",
    ]
    assert all(len(line) <= 60 for line in lines)
    assert device_lines(_state(run), 60, "ascii")[1].isascii()


def test_a_machine_without_a_gpu_says_so_and_where_to_ask(record: Any) -> None:
    assert "no GPU seen (`mnist-tui doctor` says why)" in device_lines(_state(record().begin()), 60)
    assert device_lines(_state(record().begin()), 30)[0] == "no GPU seen"


def _state(run: Any) -> RunState:
    from mnist_tui.runs.event_log import EventTail

    return reduce(RunState(), EventTail(run.folder.events_file).read_all())


class TwoLines(App[None]):
    """A line that is told one text after another, above one that was made with the last of them."""

    CSS = "Line { width: 30; height: auto; }"

    def __init__(self, texts: list[str], *, cut: bool) -> None:
        super().__init__()
        self.texts, self.cut = texts, cut

    def compose(self) -> ComposeResult:
        yield Line(self.texts[0], cut=self.cut, id="told")
        yield Line(self.texts[-1], cut=self.cut, id="made")


@pytest.mark.parametrize("cut", [True, False])
async def test_a_line_shows_each_new_text_as_a_line_that_was_made_with_it(cut: bool) -> None:
    drawn = random.Random(1)
    words = [
        "epoch",
        "12",
        "of",
        "150",
        "·",
        "21,452",
        "images/s",
        "ETA",
        "3 min",
        "🎲",
        "a-word-that-is-longer-than-a-line",
    ]
    texts = ["\n".join(" ".join(drawn.choices(words, k=drawn.randint(0, 6))) for _ in range(3)) for _ in range(30)]
    for end in range(1, len(texts) + 1, 5):
        app = TwoLines(texts[:end], cut=cut)
        async with app.run_test(size=(40, 40)) as pilot:
            for text in app.texts:
                app.query_one("#told", Line).say(text)
                await pilot.pause()
            told, made = (app.query_one(f"#{name}", Line) for name in ("told", "made"))
            shown = screen_text(app).splitlines()
            assert told.size == made.size
            assert shown[: told.size.height] == shown[told.size.height : 2 * told.size.height]


def test_only_the_changed_part_of_a_line_is_sent() -> None:
    before = [Strip([Segment("epoch 9 of 150")]), Strip([Segment("the same")])]
    after = [Strip([Segment("epoch 10 of 150")]), Strip([Segment("the same")]), Strip([Segment("new")])]
    assert changed_regions(before[:1] * 2, [before[0], after[0]]) == [Region(6, 1, 9, 1)]
    assert changed_regions(before, after) == [Region(6, 0, 9, 1), Region(0, 2, 3, 1)]
    assert changed_regions(before, before) == []
    wide = [[Strip([Segment(text)])] for text in ("漢 9", "漢 10")]
    assert changed_regions(*wide) == [Region(0, 0, 5, 1)]
