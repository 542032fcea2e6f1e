"""The export dialog's sections: choices under a title that counts them."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll

from mnist_tui.tui.exporting.offers import Offer
from mnist_tui.tui.widgets.choice import Choice
from mnist_tui.tui.widgets.text import Line


class ExportSection(Vertical):
    """One section: its title with how many of it are chosen, and the choices."""

    def __init__(
        self, title: str, offers: Sequence[Offer], chosen: Sequence[str], about: str = "", *, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self._title, self._offers, self._about = title, offers, about
        self._head = Line(classes="head", fixed=True)
        self._choices = {
            offer.key: Choice(offer.label, offer.key, offer.key in chosen) for offer in offers if not offer.lacks
        }

    def compose(self) -> ComposeResult:
        yield self._head
        for offer in self._offers:
            if offer.lacks:
                yield Line(f"    {offer.label}: {offer.lacks}", classes="lacks")
            else:
                yield self._choices[offer.key]

    @property
    def chosen(self) -> tuple[str, ...]:
        """The keys of what is chosen."""
        return tuple(key for key, choice in self._choices.items() if choice.value)

    def count(self) -> None:
        """Says in the title how many are chosen."""
        self._head.say(f"{self._title}{self._about} · {len(self.chosen)} of {len(self._choices)}")


class ExportSections(VerticalScroll, can_focus=False, inherit_bindings=False):
    """All sections. The arrow keys go from field to field, so they do not scroll."""
