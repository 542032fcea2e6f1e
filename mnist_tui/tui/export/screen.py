"""The export dialogs: of runs, and of a preset as code.

They ask what to export and where, write the files in a thread, and show the result.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from textual import events, getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input, Label, Static
from textual.widgets.button import ButtonVariant
from textual.worker import Worker, get_current_worker

from mnist_tui.errors import RequestError
from mnist_tui.experiment.presets import Preset
from mnist_tui.paths import PathError, typed_path
from mnist_tui.report.export import CODE_FORMATS, ITEMS, ExistsError, export_preset
from mnist_tui.report.parts import PARTS
from mnist_tui.runs.folder import RunFolder
from mnist_tui.tui.bench import EXPORTS, Bench, BenchModal
from mnist_tui.tui.dialogs import FormDialog
from mnist_tui.tui.export.request import (
    FIGURES,
    FULL,
    REPORT,
    REPORT_PARTS,
    REPORTS,
    ExportCancelledError,
    ExportOutcome,
    ExportRequest,
    Offer,
    default_folder,
    sections,
    write_export,
)
from mnist_tui.tui.terminal.keymap import bind, key_of, labelled
from mnist_tui.tui.widgets.controls import KeyedCheckbox, KeyFooter
from mnist_tui.tui.widgets.path_input import PathInput
from mnist_tui.tui.widgets.text import Bar, Line
from mnist_tui.wording import counted, noun

if TYPE_CHECKING:
    from mnist_tui.report.document import ReportLength

NAMED = 4
"""The number of files that a message names; the others are only counted."""
NOTICE_SECONDS, NOTICE_COLUMNS = 20, 44
DETAILS = "details of each run"


class ExportChoice(KeyedCheckbox, inherit_bindings=False):
    """Something that can be exported; Enter exports what is chosen."""

    BINDINGS = [Binding("space", "toggle_button", show=False), Binding("enter", "screen.write(False)", show=False)]


class ExportScreen(BenchModal[None]):
    """The dialog that exports files of one run, or of several runs with one report about all of them."""

    CSS_PATH = "export.tcss"
    GUIDE = "reports"
    AUTO_FOCUS = ""
    HELP = """
    **Export.** Space chooses, Page Down goes to the next section. Ctrl+S, or Enter in the folder's line, writes. One
    report is made over all runs; it leaves out the parts that are not chosen. Weights and tables are written for each
    run, with several runs in a folder for each. A report with appendix has also the experiment, the epochs, the
    checksums and the platform of each run. Weights take some seconds, as TensorFlow writes them. You are asked before
    existing files are replaced. Ctrl+R opens the written report, if there is a desktop. Ctrl and the arrow keys scroll
    a long message. Esc closes the dialog; an export under way goes on and ends with a notice.
    """
    BINDINGS = [
        bind("export.write", "ctrl+s", "write(False)", "Export", "Write the chosen files"),
        bind("export.overwrite", "ctrl+o", "write(True)", "Overwrite", "Replace the existing files"),
        bind("export.open", "ctrl+r", "open", "Open", "Open the report that was written"),
        bind("export.next", "pagedown", "section(1)", "Next section", "To the next section", hidden=True),
        bind("export.before", "pageup", "section(-1)", "Section before", "To the one before", hidden=True),
        bind("export.answer-down", "ctrl+down", "answer(1)", "Message down", "Scroll the message", hidden=True),
        bind("export.answer-up", "ctrl+up", "answer(-1)", "Message up", "Scroll the message back", hidden=True),
        bind("export.close", "escape", "dismiss", "Close", "Close; an export under way goes on"),
        Binding("down", "app.focus_within(1)", show=False),
        Binding("up", "app.focus_within(-1)", show=False),
    ]

    target = getters.query_one("#export-into", Input)
    message = getters.query_one("#export-said", Line)
    answer = getters.query_one("#export-answer", VerticalScroll)
    hint = getters.query_one("#export-hint", Line)
    bar = getters.query_one(Bar)

    def __init__(self, runs: Sequence[RunFolder]) -> None:
        super().__init__()
        self.runs = tuple(runs)
        self._busy = False
        self._overwrites: ExportRequest | None = None
        self._worker: Worker[None] | None = None
        self._report: Path | None = None
        self.details = ExportChoice(DETAILS, FULL, value=False)
        self._length: ReportLength | None = None

    def compose(self) -> ComposeResult:
        several = "" if len(self.runs) == 1 else counted(self.runs, "run")
        with Vertical(id="export") as box:
            box.border_title = Content(f"Export of {several or self.runs[0].id}")
            box.border_subtitle = Content(f"Space chooses · Enter exports · {self._key_of('export.next')} next section")
            with ExportSections(), Container(id="export-columns"):
                yield from self._columns(several)
            yield Line(id="export-hint", cut=True)
            yield _field("Folder", PathInput(str(default_folder(self.runs)), id="export-into", folders=True))
            yield Bar()
            with VerticalScroll(id="export-answer", can_focus=False):
                yield Line(id="export-said")
            with Horizontal(id="export-buttons"):
                yield self._button("Export", "export.write", "write(False)", "primary")
                yield self._button("Overwrite", "export.overwrite", "write(True)", "warning")
                yield self._button("Open", "export.open", "open")
                yield self._button("Close", "export.close", "dismiss")
        yield KeyFooter()

    def _columns(self, several: str) -> Iterator[Widget]:
        chosen, offered = ("pdf",), sections(self.runs)
        over, each = (f" over {several}", " of each run") if several else ("", "")
        report = ExportSection(REPORT, offered.pop(REPORT), chosen, over, id="export-reports")
        parts = ExportSection(REPORT_PARTS, offered.pop(REPORT_PARTS), tuple(PARTS), id="export-parts")
        training, *others = (ExportSection(title, offers, chosen, each) for title, offers in offered.items())
        author = self.app.settings.author or ""
        yield Vertical(
            report,
            _field("Appendix", self.details),
            _field("Title", Input(placeholder="made from the data's name", compact=True, id="export-title")),
            _field("Author", Input(author, placeholder="none", compact=True, id="export-author"), "last"),
            parts,
            training,
        )
        yield Vertical(*others)

    def _key_of(self, name: str) -> str:
        return key_of(name, ExportScreen, self.app.settings.keys)

    def _button(self, label: str, name: str, action: str, variant: ButtonVariant = "default") -> Button:
        id, action = name.replace(".", "-"), f"screen.{action}"
        return Button(labelled(label, self._key_of(name)), variant, compact=True, id=id, action=action)

    def on_mount(self) -> None:
        self._changed()
        self.query(KeyedCheckbox).first().focus(scroll_visible=False)
        self._read_length()

    @work(thread=True, exit_on_error=False)
    def _read_length(self) -> None:
        from mnist_tui.report.document import length_of_report

        with suppress(RequestError):  # the export says what is wrong with a run
            self.app.call_from_thread(self._show_length, length_of_report(self.runs))

    def _show_length(self, length: ReportLength) -> None:
        untouched = str(self.message.content) == self._plan()
        self._length = length
        if untouched:
            self._changed()

    def _plan(self) -> str:
        """Say what would be written, and about how many pages the report would have."""
        request, length = self.request, self._length
        words = request.files_text(length and length.about_pages(full=request.full, without=request.without))
        return f"Will write {words}." if words else "Nothing is chosen."

    @property
    def request(self) -> ExportRequest:
        """The content of the dialog."""
        chosen = [key for section in self.query(ExportSection) for key in section.chosen]
        left_out = {choice.key for choice in self.query(ExportChoice) if not choice.value}
        return ExportRequest(
            runs=self.runs,
            items=tuple(key for key in ITEMS if key in chosen),
            reports=tuple(key for key in chosen if key in REPORTS),
            figures=FIGURES in chosen,
            full=self.details.value,
            without=tuple(name for name in PARTS if name in left_out),
            title=self.query_one("#export-title", Input).value.strip(),
            author=self.query_one("#export-author", Input).value.strip(),
            out=self._folder.absolute(),
        )

    @property
    def _folder(self) -> Path:
        """The typed folder; a text that is not a path is refused later, when files are written."""
        try:
            return typed_path(self.target.value.strip())
        except PathError:
            return Path(self.target.value.strip())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "write":
                return not self._busy and (self._overwrites is not None or not parameters[0])
            case "open":
                return self._report is not None
            case _:
                return True

    @on(Input.Submitted, "#export-into")
    def _submitted(self) -> None:
        self.action_write(False)

    @on(Input.Changed)
    @on(KeyedCheckbox.Changed)
    def _changed(self) -> None:
        """Show what would be written; a question whether to overwrite files is dropped."""
        for section in self.query(ExportSection):
            section.count()
        if self._length is not None:
            short, full = (self._length.about_pages(full=full, without=self.request.without) for full in (False, True))
            self.details.label = Content(f"{DETAILS} ({full} pages instead of {short})")
        if not self._busy:
            self._say(self._plan())

    @on(events.DescendantFocus)
    def _explain(self, event: events.DescendantFocus) -> None:
        """Say what the chosen part of the report contains."""
        words = PARTS.get(event.widget.key, "") if isinstance(event.widget, KeyedCheckbox) else ""
        self.hint.say(words.partition(";")[0].capitalize())

    def action_section(self, by: int) -> None:
        """Move the focus to the first choice of another section."""
        usable = [section for section in self.query(ExportSection) if section.query(KeyedCheckbox)]
        focused = (at for at, section in enumerate(usable) if section.has_focus_within)
        section = usable[max(0, min(len(usable) - 1, next(focused, -1 if by > 0 else len(usable)) + by))]
        section.query(KeyedCheckbox).first().focus(scroll_visible=False)
        section.scroll_visible(top=True, animate=False)

    def action_answer(self, by: int) -> None:
        self.answer.scroll_relative(y=by, animate=False)

    def action_open(self) -> None:
        from mnist_tui.tui.terminal.desktop import show

        if self._report is not None:
            show(self.app, self._report, REPORT)

    def action_write(self, overwrite: bool) -> None:
        """Start the export if the dialog is complete and no other export runs; overwrite only files that were named."""
        request = self.request
        if self._busy or (overwrite and request != self._overwrites):
            return
        if not request.files_text() or not self.target.value.strip():
            self._say("No folder is given." if request.files_text() else "Nothing is chosen.", wrong=True)
            return
        try:
            typed_path(self.target.value.strip())
        except PathError as error:
            self._say(str(error), wrong=True)
            return
        if any(worker is not self._worker for worker in self.app.running_exports):
            self._say("Another export is still being written; a notice tells when it ends.", wrong=True)
            return
        author = request.author or None
        if request.reports and author != self.app.settings.author:
            self.app.change_settings(author=author)
        self._busy, self._report = True, None
        self._say("writing …")
        self.bar.show(0.0)
        writing = self._write(self.app, request, overwrite)
        self._worker = self.app.run_worker(writing, group=EXPORTS, exit_on_error=False)

    async def _write(self, app: Bench, request: ExportRequest, overwrite: bool) -> None:
        """Write the files in a thread and show the result; if the dialog was closed meanwhile, show it in a notice."""
        from mnist_tui.tui.terminal.desktop import opener

        worker = get_current_worker()

        def progress(what: str, done: int, total: int) -> None:
            if worker.is_cancelled:
                raise ExportCancelledError
            self.call_later(self._show_progress, what, done, total)

        outcome = await asyncio.to_thread(write_export, request, overwrite=overwrite, progress=progress)
        self._busy = False
        is_closed = self not in app.screen_stack
        text = _outcome_text(outcome, request.out, NOTICE_COLUMNS if is_closed else self.answer.size.width)
        if is_closed:
            severity = "warning" if outcome.failed or outcome.existing else "information"
            app.notify(text, title="Export", severity=severity, timeout=NOTICE_SECONDS)
            return
        self._report = outcome.report if app.is_web or opener() is not None else None
        overwrites = request if outcome.existing and request == self.request else None
        if overwrites:
            text += f"\n{self._key_of('export.overwrite')} overwrites"
        self._say(text, overwrites=overwrites, wrong=bool(outcome.failed))

    def _show_progress(self, what: str, done: int, total: int) -> None:
        if self._busy:
            self.message.say(f"{what}, {done:,} of {total:,} …")
            self.bar.show(done / total if total else 0.0)

    def _say(self, text: str, *, overwrites: ExportRequest | None = None, wrong: bool = False) -> None:
        """Show a message and the buttons that go with it; `overwrites` is what the overwrite button would write."""
        self._overwrites = overwrites
        self.answer.scroll_home(animate=False)
        self.message.say(text)
        self.message.set_class(wrong, "-wrong")
        self.bar.set_class(self._busy, "-busy")
        self.query_one("#export-overwrite").display = overwrites is not None
        self.query_one("#export-open").display = self._report is not None
        self.refresh_bindings()


def _field(label: str, control: Widget, classes: str = "") -> Horizontal:
    return Horizontal(Label(label, markup=False), control, classes=f"export-field {classes}")


def _outcome_text(outcome: ExportOutcome, out: Path, width: int) -> str:
    lines = [f"Not written: {failed}" for failed in outcome.failed]
    if outcome.existing:
        lines.append(f"Already there: {_names(outcome.existing, out)}")
    if outcome.written:
        lines += [f"Written: {_names(outcome.written, out)}", _broken_at_slashes(f"in {out}", width)]
    lines += [f"Warning: {text}" for text in outcome.warnings]
    return "\n".join(lines)


def _broken_at_slashes(text: str, width: int) -> str:
    """Return a text with a path in lines of at most `width` characters, as far as its folders' names are shorter."""
    lines = [""]
    for part in re.split("(?<=/)", text):
        if lines[-1] and len(lines[-1]) + len(part) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def _names(paths: Sequence[Path], out: Path) -> str:
    names = [str(path.relative_to(out)) if path.is_relative_to(out) else str(path) for path in paths]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


class ExportSection(Vertical):
    """A section of the dialog: a title with the number of chosen items, and a checkbox for each item."""

    def __init__(
        self, title: str, offers: Sequence[Offer], chosen: Sequence[str], about: str = "", *, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self._title, self._offers, self._about = title, offers, about
        self._head = Line(classes="head")
        self._choices = {
            offer.key: ExportChoice(offer.label, offer.key, offer.key in chosen) for offer in offers if not offer.lacks
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
        """The keys of the chosen items."""
        return tuple(key for key, choice in self._choices.items() if choice.value)

    def count(self) -> None:
        """Update the number of chosen items in the title."""
        self._head.say(f"{self._title}{self._about} · {len(self.chosen)} of {len(self._choices)}")


class ExportSections(VerticalScroll, can_focus=False, inherit_bindings=False):
    """The container of all sections; as the arrow keys move between fields, they do not scroll it."""


class CodeForm(KeyedCheckbox, inherit_bindings=False):
    """A form of the program; Enter writes the chosen ones."""

    DEFAULT_CSS = "CodeForm { width: 1fr; background: transparent; }"
    BINDINGS = [Binding("space", "toggle_button", show=False), Binding("enter", "screen.accept", show=False)]


class PresetCodeScreen(FormDialog[None]):
    """The dialog that asks for the forms of the program and for a folder, and writes the files.

    Args:
        preset: its experiment is written; for the editor, with the edits.
    """

    TITLE = "Experiment as code"
    ACCEPT = "Write"
    GUIDE = "weights"
    HELP = """
    **Code.** The experiment as a program with plain Keras, which needs no mnist-tui: it reads the same data, trains,
    evaluates and draws. Space chooses the forms, Enter writes them. `mnist-tui export PRESET --code keras` does the
    same. The export of a run has its code, too.
    """
    BINDINGS = [
        bind("code.cancel", "escape", "cancel", "Cancel", "Write nothing"),
        bind("code.write", "ctrl+s", "accept", "Write", "Write the chosen files"),
    ]

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        self._preset = preset
        self._forms = {file: CodeForm(ITEMS[file], file, value=True) for file in CODE_FORMATS.values()}
        self._folder = PathInput(str(Path.cwd() / "mnist-tui-exports" / preset.name), folders=True)
        self._warned: tuple[Path, list[str]] | None = None

    def fields(self) -> Iterable[Widget]:
        yield Static(f"Preset {self._preset.name}: {self._preset.title}", markup=False)
        yield from self._forms.values()
        yield Label("Folder")
        yield self._folder

    @on(Input.Changed)
    @on(CodeForm.Changed)
    def _changed(self) -> None:
        self._warned = None
        self.show_problem("")

    def accept(self) -> None:
        """Write the chosen files; files that exist are replaced only after a second time."""
        files = [file for file, choice in self._forms.items() if choice.value]
        if not files or not self._folder.value.strip():
            self.show_problem("No form is chosen." if not files else "No folder is named.")
            return
        try:
            self._write(typed_path(self._folder.value.strip()), files)
        except RequestError as error:
            self.show_problem(f"{error}.")

    @work(exclusive=True, exit_on_error=False)
    async def _write(self, folder: Path, files: list[str]) -> None:
        overwrite = self._warned == (folder, files)
        try:
            paths = await asyncio.to_thread(export_preset, self._preset, files, folder, overwrite=overwrite)
        except ExistsError as error:
            self._warned = (folder, files)
            self.show_problem(f"{error}; {self.ACCEPT} once more replaces {noun(error.paths, 'it', 'them')}.")
        except RequestError as error:
            self.show_problem(f"{error}.")
        else:
            self.app.notify(f"Written into {folder}: {', '.join(path.name for path in paths)}.", title="Code written")
            self.dismiss(None)
