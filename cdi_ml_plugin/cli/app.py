"""``cdi-ml``: the command line. A command's module is imported when the command is called."""

from __future__ import annotations

import difflib
import sys
import traceback
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import NoReturn

import click

from ..errors import CdiMlError, shortened
from ..utils.inputs import printable
from ..utils.interrupt import termination
from ..utils.memory import check_libraries, ended
from ..utils.plugins import summary
from ..version import __version__

# Command → the module of this room that holds it, as a function of the command's name.
COMMANDS = {
    "algorithms": "algorithms",
    "analyse": "analyse",
    "bench": "bench",
    "cdiutils-modes": "cdiutils",
    "cdiutils-phase": "cdiutils",
    "cohere-guess": "hosts",
    "compare": "compare",
    "demo": "demo",
    "export": "export",
    "figure": "figure",
    "fine-tune": "fine_tune",
    "geometry": "geometry",
    "hosts": "hosts",
    "readers": "readers",
    "inspect": "inspect",
    "reconstruct": "reconstruct",
    "series": "series",
    "simulate": "demo",
    "train": "network",
    "view": "view",
    "weights": "network",
}


class Commands(click.Group):
    """The commands of `COMMANDS`, listed without an import."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        check_libraries()
        module = import_module(f".{COMMANDS[cmd_name]}", __package__)
        command: click.Command = getattr(module, _function(cmd_name))
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS:
            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f"Did you mean {close[0]}?" if close else f"There are {', '.join(COMMANDS)}"
            ctx.fail(f"No such command {args[0]!r}. {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = []
        for name, module in COMMANDS.items():
            line = summary(f"{__package__}.{module}", _function(name))
            limit = formatter.width - 6 - max(map(len, COMMANDS))
            rows.append((name, click.Command(name, help=line).get_short_help_str(limit)))
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _function(command: str) -> str:
    return command.replace("-", "_")


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="cdi-ml")
@click.option(
    "--traceback", "trace", is_flag=True, help="For developers: where an error came from."
)
@click.pass_context
def cli(context: click.Context, trace: bool) -> None:
    """Phase Bragg coherent diffraction patterns with ER, HIO, RAAR and neural networks."""
    context.ensure_object(dict)["traceback"] = trace


def main() -> None:
    """Entry point: whatever is wrong with the input is one line and exit code 2."""
    settings: dict[str, bool] = {}
    fail = partial(_fail, settings)
    for word in sys.argv[1:]:
        if (text := printable(word)) != word:
            fail(f"{text}: is not UTF-8, and could stand in no file of a result: rename it")
    try:
        with termination():
            code = cli(prog_name="cdi-ml", standalone_mode=False, obj=settings)
        if code:
            sys.exit(code)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.Abort:
        click.echo("cdi-ml: interrupted", err=True)
        sys.exit(130)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(2)
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "cdi-ml"
        fail(f"{error.format_message().rstrip('.')} (try '{command} --help')")
    except click.ClickException as error:
        fail(error.format_message())
    except CdiMlError as error:
        fail(str(error))
    except (OSError, MemoryError, RuntimeError, ImportError) as error:
        if ended(error):
            said = str(error).partition("\n")[0].partition(". ")[0]
            detail = f" ({said})" if said else ""
            fail(f"out of memory{detail}: crop or bin the data, or use another device")
        if not isinstance(error, OSError):
            raise
        fail(f"{type(error).__name__}: {error}")


def _fail(settings: Mapping[str, bool], message: str) -> NoReturn:
    if settings.get("traceback"):
        traceback.print_exc()
    click.echo(f"cdi-ml: error: {shortened(' '.join(message.split()))}", err=True)
    sys.exit(2)
