"""Lay out the help of commands, and explain mistakes in the form of a command line."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from mnist_tui import PROGRAM
from mnist_tui.cli.errors import guarded
from mnist_tui.errors import RequestError

OTHER_OPTIONS = "Other options"
"""Heading of the options without a heading of their own, in the help of a command that has headings."""


def _laid_out(params: list[Any]) -> list[Any]:
    """Return the options as the help lists them: flags without a type, and options without a heading last."""
    options = [param for param in params if isinstance(param, TyperOption)]
    headed = any(option.rich_help_panel for option in options)
    for option in options:
        if option.is_flag and option.metavar is None:
            option.metavar = ""
        if headed and not option.rich_help_panel:
            option.rich_help_panel = OTHER_OPTIONS
    return params


class BenchCommand(TyperCommand):
    """A command whose options are laid out as `_laid_out` says."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _laid_out(super().get_params(ctx))


class BenchGroup(TyperGroup):
    """A group of commands whose errors are sentences."""

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
            raise RequestError(usage_sentence(error)) from None
        except typer.Abort:
            raise KeyboardInterrupt from None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0] if args else "-"
        if self.get_command(ctx, name) is None and not name.startswith("-") and not ctx.resilient_parsing:
            offer = _offer(get_close_matches(name, self.commands, n=2, cutoff=0.5))
            raise RequestError(f"there is no command {name!r}; {offer}`{ctx.command_path} --help` lists the commands")
        return super().resolve_command(ctx, args)


def usage_sentence(error: typer.TyperException) -> str:
    """Return what is wrong with a command line's form, and where to look for help."""
    context = getattr(error, "ctx", None)
    command = getattr(context, "command_path", "") or PROGRAM
    if hasattr(error, "possibilities"):
        near: list[str] = list(getattr(error, "possibilities", None) or ())
        offer = _offer(near[:2])
        return f"there is no option {getattr(error, 'option_name', '')}; {offer}`{command} --help` lists the options"
    subcommands = getattr(getattr(context, "command", None), "commands", None)
    message = error.format_message().strip().rstrip(".").replace("Value error, ", "")
    if subcommands and message.startswith("Missing command"):
        return f"{command} needs a command: {', '.join(subcommands)}"
    return f"{message[:1].lower()}{message[1:]}; `{command} --help` shows how it is used"


def _offer(near: list[str]) -> str:
    return f"did you mean {' or '.join(near)}? " if near else ""
