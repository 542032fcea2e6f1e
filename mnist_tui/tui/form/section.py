"""Fields under a title. Which fields there are may change while one edits: another optimizer has other arguments."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical

from mnist_tui.tui.form.draft import State
from mnist_tui.tui.form.field_row import FieldRow
from mnist_tui.tui.form.fields import Field
from mnist_tui.tui.widgets.text import Line


class Section(Vertical):
    """Fields of one kind; without any, only its title is left, if it `stays`."""

    DEFAULT_CSS = """
    Section {
        height: auto;
        & > .section--title {
            height: 1;
            color: $text-secondary;
            text-style: bold;
            text-wrap: nowrap;
            text-overflow: ellipsis;
        }
        &.-empty { display: none; }
    }
    """

    def __init__(
        self, title: str, fields: Sequence[Field], state: State, *, stays: bool = False, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self._title = Line(title, classes="section--title", fixed=True)
        self._fields = tuple(fields)
        self._rows = [FieldRow(entry, state.experiment) for entry in fields]
        self._stays = stays
        self._replacing = asyncio.Lock()
        self.set_class(not (fields or stays), "-empty")

    def compose(self) -> ComposeResult:
        yield self._title
        yield from self._rows

    @property
    def rows(self) -> Sequence[FieldRow]:
        return self._rows

    def follow(self, state: State, typing: str = "") -> None:
        """Shows the draft's state; the field of the key `typing` keeps its text."""
        for row in self._rows:
            row.show(state, typing=row.entry.key == typing)

    async def replace(self, title: str, fields: Sequence[Field], state: State, typing: str = "") -> None:
        """Shows these fields, made anew only where they are others than before."""
        async with self._replacing:
            self._title.say(title)
            if _form(fields) != _form(self._fields):
                self._fields = tuple(fields)
                self._rows = [FieldRow(entry, state.experiment) for entry in fields]
                with self.app.batch_update():
                    await self.remove_children(FieldRow)
                    await self.mount_all(self._rows)
                self.set_class(not (fields or self._stays), "-empty")
            self.follow(state, typing)


def _form(fields: Sequence[Field]) -> list[tuple[str, ...]]:
    """What a row is made from."""
    return [(entry.key, entry.help, entry.bounds, *entry.choices) for entry in fields]
