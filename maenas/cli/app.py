"""The command line: commands in groups, errors in one line."""

from __future__ import annotations

import os
import sys
from errno import EACCES, EDQUOT, ELOOP, ENAMETOOLONG, ENOSPC, EROFS
from itertools import pairwise
from typing import Annotated, Any

import typer
from typer.rich_utils import rich_format_error

from maenas.cli.commands import GROUPS
from maenas.cli.everywhere import HelpJson, NoColor, Plugins, Quiet, Verbose, everywhere
from maenas.cli.options import TRAINING
from maenas.cli.training.data import data
from maenas.runs.signals import exit_code, ignore_signals
from maenas.terminal.log import printed
from maenas.terminal.streams import OutputError, prepare_streams

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Search for backbones of object detectors without training, within the latency budget "
    "of a device.",
)
# Errors caused by the machine or by a file name, never by a bug.
OF_THE_MACHINE = {EACCES, EDQUOT, ELOOP, ENAMETOOLONG, ENOSPC, EROFS}
USAGE_ERROR: Any = typer.BadParameter.__bases__[0]  # typer has it only under a private name
COMPLETIONS = ("--show-completion", "--install-completion")
SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")
READ_SHELL = "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION"  # typer then reads the shell's name
for panel, commands in GROUPS.items():
    for command in commands:
        app.command(rich_help_panel=panel)(everywhere(command))
app.add_typer(data, name="data", rich_help_panel=TRAINING)


def main_and_exit() -> None:
    """Run `main`, then end the process.

    C++ threads of Ray outlive `ray.shutdown`: in 2 of 8 interrupted searches one crashed while the
    interpreter shut down, and if the head of a cluster is gone they wait for it. A process that
    used Ray therefore ends at once, without interpreter shutdown.

    A signal that arrives when the command is done no longer counts: while the interpreter shuts
    down, it would replace the exit code of a command that has finished its work.
    """
    prepare_streams()
    try:
        main()
    except SystemExit as end:
        ignore_signals()
        code = end.code
        try:
            sys.stdout.flush()
        except BrokenPipeError:  # the reader has closed the pipe
            pass
        except OutputError as error:
            code = stopped_by(error)
        if "ray" in sys.modules and not isinstance(code, str):
            sys.stderr.flush()
            os._exit(code or 0)
        sys.exit(code)


def main() -> None:
    """Run the command line; errors that the user can fix are one line without a traceback.

    Ctrl-C before a command begins, while the tree of commands is built or its words are read, ends
    with the exit code of a shell: nothing was begun that could be told.
    """
    try:
        with printed():
            code = app(args=arguments(sys.argv[1:]), prog_name="maenas", standalone_mode=False)
    except KeyboardInterrupt as error:
        sys.exit(exit_code(error))
    except Exception as error:
        sys.exit(stopped_by(error))
    sys.exit(code if isinstance(code, int) else 0)


def stopped_by(error: Exception) -> int:
    """Report an error that the user can fix, and return the exit code.

    Raises:
        Exception: the error itself, if it is a bug.
    """
    # not at the top, so that help starts without loading `blocks` and the console
    from maenas.blocks.errors import MaenasError
    from maenas.blocks.files.words import printable, shortened
    from maenas.terminal.console import ERR

    if isinstance(error, MaenasError | OutputError):
        ERR.print(f"error: {error}")
        return error.exit_code if isinstance(error, MaenasError) else MaenasError.exit_code
    if isinstance(error, OSError) and error.errno in OF_THE_MACHINE:
        where = "" if error.filename is None else f"{error.filename}: "
        ERR.print(f"error: {shortened(f'{where}{error.strerror}.')}")
        return MaenasError.exit_code
    if isinstance(error, USAGE_ERROR):
        error.message = shortened(printable(error.message))
        rich_format_error(error)
        return MaenasError.exit_code
    raise error


def arguments(words: list[str]) -> list[str]:
    """The words of the command line; `maenas help COMMAND` is `maenas COMMAND --help`."""
    if "--no-color" in words:  # before any console is made, those of typer included
        os.environ["NO_COLOR"] = "1"
    if any(first in COMPLETIONS and second in SHELLS for first, second in pairwise(words)):
        os.environ[READ_SHELL] = "1"
    return [*words[1:], "--help"] if words[:1] == ["help"] else words


def version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        from maenas import __version__

        print(f"maenas {__version__}")
        raise typer.Exit


@app.callback()
def options(
    show_version: Annotated[
        bool, typer.Option("--version", callback=version, is_eager=True, help="Print the version.")
    ] = False,
    plugin_modules: Plugins = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    no_color: NoColor = False,
    help_json: HelpJson = False,
) -> None:
    """Options before the command."""


@data.callback()
def data_options(
    plugin_modules: Plugins = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    no_color: NoColor = False,
    help_json: HelpJson = False,
) -> None:
    """Check, show or generate data sets."""
