"""The command line: which commands there are, and what becomes of what they raise.

Each command stands in a module of its own below `stresslab.commands` and imports what it needs when it is called, so
that help and the checking of files answer at once.
"""

from __future__ import annotations

import difflib
import gc
import importlib
import logging
import os
import platform
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

import stresslab
from stresslab.commands.messages import print_faults
from stresslab.documents.faults import InputError

COMMANDS = (
    "run",
    "report",
    "verify",
    "batch",
    "compare",
    "replay",
    "validate",
    "explain",
    "allocate",
    "rare",
    "estimate",
    "calibrate",
    "backtest",
    "uncertainty",
    "sensitivities",
    "import-positions",
    "schema",
    "venues",
)

# Exit statuses (DESIGN section 7.4).
DONE, OUR_FAULT, INPUT_FAULT, INTERRUPTED = 0, 1, 2, 130

_OBJECTS_BETWEEN_COLLECTIONS = 200_000


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order in which a reader meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; None where there is no such name."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"stresslab.commands.{cmd_name.replace('-', '_')}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first argument names; an unknown one is answered with what was likely meant."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            remedy = f"did you mean {close[0]!r}?" if close else f"the commands are {', '.join(COMMANDS)}"
            ctx.fail(f"there is no command {args[0]!r}; {remedy}")
        return super().resolve_command(ctx, args)


def _print_versions(ctx: click.Context, parameter: click.Parameter, asked: bool) -> None:
    if not asked:
        return
    from importlib.metadata import version

    libraries = ("numpy", "scipy", "jax", "jaxlib", "xarray", "matplotlib", "typst")
    click.echo(f"stresslab {stresslab.__version__}")
    click.echo(
        ", ".join([f"Python {platform.python_version()}", *(f"{library} {version(library)}" for library in libraries)])
    )
    ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_versions,
    help="Print the versions of stresslab and of the libraries that its numbers depend on.",
)
@click.option("-v", "--verbose", count=True, help="Say what is being done; twice for more.")
def cli(verbose: int) -> None:
    """Monte Carlo stress simulator for leveraged portfolios of perpetual futures.

    Exit status: 0 done, 1 stresslab is at fault, 2 the input is, 3 a limit is breached or numbers differ,
    130 interrupted.
    """
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    logging.basicConfig(
        level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr, force=True
    )
    logging.getLogger("stresslab").setLevel(level)


def process() -> NoReturn:
    """Run the command of this process's words, and end it.

    A short run spends most of its time in starting: libraries are read and programs traced, which makes many objects
    and hardly any garbage. So garbage is looked for seldom, and what is left at the end goes with the process.

    Raises
    ------
    SystemExit
        Always, with the status of `main`.
    """
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, 20, 20)
    status = main()
    gc.freeze()
    sys.exit(status)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after the program's name; by default those of the process.

    Returns
    -------
    int
        Exit status: 0 done, 1 stresslab is at fault, 2 the input is, 3 a limit is breached or numbers differ,
        130 interrupted.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        # Not click's own way to run a group: that one decides on exit statuses itself.
        with cli.make_context("stresslab", words) as context:
            status = cli.invoke(context)
    except click.exceptions.Exit as asked:
        return asked.exit_code
    except InputError as error:
        print_faults(error.faults)
        return INPUT_FAULT
    except click.ClickException as error:
        error.show()
        return INPUT_FAULT
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough. Python would complain once more when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as error:
        logging.getLogger("stresslab").info("the place of the failure", exc_info=True)
        click.echo(f"stresslab failed: {type(error).__name__}: {error}", err=True)
        click.echo("this is a fault of stresslab, not of the input; `stresslab -v ...` shows the place", err=True)
        return OUR_FAULT
    return status if isinstance(status, int) else DONE
