"""The classes of the commands and of their groups: what their help looks like, how errors are told, and late imports.

A group imports the module of a command only when that command is called; its help has a line about each without that.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from pkgutil import resolve_name
from types import MappingProxyType
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from mnist_tui import PROGRAM
from mnist_tui.cli.errors import guarded
from mnist_tui.errors import RequestError
from mnist_tui.wording import did_you_mean


def _laid_out(params: list[Any]) -> list[Any]:
    """Show flags without a type in the help, and list options without a heading last, under "Other options"."""
    options = [param for param in params if isinstance(param, TyperOption)]
    headed = any(option.rich_help_panel for option in options)
    for option in options:
        if option.is_flag and option.metavar is None:
            option.metavar = ""
        if option.name == "help" and option.default is None:
            option.default = False  # for None typer imports pydantic, to find out that it is no truth value
        if headed and not option.rich_help_panel:
            option.rich_help_panel = "Other options"
    return params


class BenchCommand(TyperCommand):
    """A command whose help shows flags without a type and options without a heading last."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _laid_out(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give an option whose value may be left out, whose metavar is in brackets, an empty value where it is."""
        optional = {
            name
            for param in self.params
            if isinstance(param, TyperOption) and (param.metavar or "").startswith("[")
            for name in param.opts
        }
        given = [
            f"{word}=" if word in optional and after.startswith("-") else word
            for word, after in zip_longest(args, args[1:], fillvalue="-")
        ]
        return super().parse_args(ctx, given)


@dataclass(frozen=True)
class CommandPlace:
    """The place of a command's function, whose module is imported only when the command is called.

    Attributes:
        place: a module of `mnist_tui.cli`, and the name in it of a function or of a group: ``train:stop``.
        summary: the first sentence of the command's help.
        example: the last line of the command's help.
    """

    name: str
    place: str
    summary: str
    example: str | None = None


class LateCommand(TyperCommand):
    """A command whose module is imported when it is called.

    Args:
        panel: the heading under which the help of the group lists the command.
    """

    def __init__(self, where: CommandPlace, panel: str | None = None) -> None:
        super().__init__(where.name, help=where.summary, rich_help_panel=panel)
        self._where = where

    @cached_property
    def command(self) -> Any:
        """The command itself."""
        found = resolve_name(f"mnist_tui.cli.{self._where.place}")
        if not isinstance(found, typer.Typer):
            alone = typer.Typer(add_completion=False)
            alone.command(self._where.name, cls=BenchCommand, epilog=self._where.example)(found)
            found = alone
        return typer.main.get_command(found)

    def make_context(self, *args: Any, **extra: Any) -> Any:
        return self.command.make_context(*args, **extra)


class BenchGroup(TyperGroup):
    """A group of commands that prints an error as one sentence and exits with the error's code.

    Attributes:
        LATE: the commands that are imported when they are called, by the headings under which the help lists them;
            an empty heading for none.
    """

    LATE: ClassVar[Mapping[str, Sequence[CommandPlace]]] = MappingProxyType({})

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for panel, places in self.LATE.items():
            for where in places:
                self.commands[where.name] = LateCommand(where, panel or None)

    def get_params(self, ctx: Any) -> list[Any]:
        return _laid_out(super().get_params(ctx))

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        if not standalone_mode:
            return super().main(*args, standalone_mode=False, **extra)
        sys.exit(guarded(lambda: self._main(*args, **extra)))

    def _main(self, *args: Any, **extra: Any) -> Any:
        try:
            return super().main(*args, standalone_mode=False, **extra)
        except typer.TyperException as error:
            raise RequestError(_usage_sentence(error)) from None
        except typer.Abort:
            raise KeyboardInterrupt from None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0] if args else "-"
        if self.get_command(ctx, name) is None and not name.startswith("-") and not ctx.resilient_parsing:
            offer = did_you_mean(name, self.commands)
            raise RequestError(f"there is no command {name!r}; {offer}`{ctx.command_path} --help` lists the commands")
        return super().resolve_command(ctx, args)


def _usage_sentence(error: typer.TyperException) -> str:
    """Return what is wrong with the syntax of a command line, and the command that shows the help."""
    context = getattr(error, "ctx", None)
    command = getattr(context, "command_path", "") or PROGRAM
    if hasattr(error, "possibilities"):
        name: str = getattr(error, "option_name", "")
        offer = did_you_mean(name, getattr(error, "possibilities", None) or ())
        return f"there is no option {name}; {offer}`{command} --help` lists the options"
    subcommands = getattr(getattr(context, "command", None), "commands", None)
    message = error.format_message().strip().rstrip(".").replace("Value error, ", "")
    if subcommands and message.startswith("Missing command"):
        return f"{command} needs a command: {', '.join(subcommands)}"
    return f"{message[:1].lower()}{message[1:]}; `{command} --help` shows how it is used"
