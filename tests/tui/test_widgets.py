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
from mnist_tui.settings import Settings
from mnist_tui.tui.training.device import DeviceLoads, history_text, readings
from mnist_tui.tui.widgets import run_status
from mnist_tui.tui.widgets.confusion_cells import Room, heads, layout_for, padded
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
    layout = layout_for(Room(width, 30), names)
    assert layout.head + 10 * layout.cell + layout.margin <= width


def test_the_line_of_progress_names_every_number_and_leaves_out_what_does_not_fit(record: Any) -> None:
    run = record().begin().epoch(1).epoch(2)
    run.write(run.progress(3, 60, 0.4))
    state = _state(run)
    parts = run_status.progress_parts(state, "running", (state.started or 0) + 75, 20)
    whole = "epoch 3 of 20 · step 60 of 118 · 61,234 images/s · 34 s left · elapsed 1 min 15 s · learning rate 0.001"
    assert run_status.fitting_text(parts, len(whole)) == whole
    assert run_status.fitting_text(parts, 60) == "epoch 3 of 20 · 61,234 images/s · 34 s left"
    assert run_status.fitting_text(parts, 5) == "epoch 3 of 20"


@pytest.mark.parametrize(
    ("phase", "text"),
    [
        (Phase(name="importing", text="TensorFlow"), "importing TensorFlow"),
        (
            Phase(name="reading", done=2e5, total=1.13e7, unit="bytes", text="reading x.gz"),
            "reading x.gz: 0.2 of 11.3 MB",
        ),
        (Phase(name="features", done=1000, total=70000, unit="images"), "extracting features: 1,000 of 70,000 images"),
    ],
)
def test_phases_are_told_in_words_and_with_units(phase: Phase, text: str) -> None:
    assert run_status.phase_progress(phase) == text


def test_a_gpu_is_told_with_what_nvml_knows_of_it(record: Any) -> None:
    heading, busy, memory = readings(_state(record().begin(gpu=True)).loads)[:3]
    assert (heading.name, heading.value, heading.share) == ("GPU 0  NVIDIA H200", "54 °C, 312 W", None)
    assert (busy.value, busy.share, busy.level) == ("43 % busy", 0.43, "light")
    assert (memory.name, memory.value) == ("GPU 0 memory", "12.9 of 149.3 GB")


def test_a_gpu_that_tells_nothing_is_said_to(record: Any) -> None:
    load = record().load(gpu=True)
    gpu = replace(load.gpus[0], utilization=None, memory_used=None, temperature=None, power=None)
    first, second = readings([replace(load, gpus=(gpu,))])[:2]
    assert (first.value, second.name) == ("NVML tells nothing", "CPU")


def test_a_load_is_light_medium_or_heavy_and_has_its_history(record: Any) -> None:
    loads = [replace(record().load(), cpu=cpu) for cpu in (0.0, 59.0, 60.0, 90.0, 100.0)]
    assert [readings(loads[: at + 1])[0].level for at in range(5)] == ["light", "light", "medium", "heavy", "heavy"]
    assert readings(loads)[0].history == (0.0, 0.59, 0.6, 0.9, 1.0)
    assert history_text(readings(loads)[0].history, 6, "block") == " ▁▅▅▇█"
    assert history_text([0.0, 1.0, None, 0.5], 2, "braille") == chr(0x28F8) + chr(0x28B0)
    assert history_text(readings(loads)[0].history, 6, "ascii").isascii()


@pytest.mark.parametrize(("size", "lines"), [((60, 9), 7), ((44, 3), 3), ((30, 5), 5), ((60, 5), 5)])
async def test_every_bar_fits_and_two_columns_make_room(size: tuple[int, int], lines: int, record: Any) -> None:
    loads = _state(record().begin(gpu=True)).loads

    class Alone(App[None]):
        settings = Settings()

        def compose(self) -> ComposeResult:
            yield DeviceLoads()

    async with Alone().run_test(size=size) as pilot:
        widget = pilot.app.query_one(DeviceLoads)
        widget.show(loads)
        drawn = widget.strips()
    text = "\n".join(strip.text for strip in drawn)
    assert len(drawn) == lines
    assert max(strip.cell_length for strip in drawn) <= size[0]
    assert all(word in text for word in ("GPU 0 mem", "CPU", "87 %", "Training"))


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
