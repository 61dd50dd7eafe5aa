"""Entry point of all benchmarks: options with help and defaults, and mistakes as one line.

It imports nothing but the standard library, so that `gpu_check` can name the packages that a
machine lacks.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NoReturn

CONTINUES = "the same command continues"
USAGE = 2  # exit code of a command that cannot be carried out as it was given
INTERRUPTED = 130
PIPE_CLOSED = 1


def run_main(main: Callable[[], int | None], advice: str = "") -> NoReturn:
    """Run a benchmark and exit: a mistake of the user and a command that fails are one line.

    Args:
        main: the benchmark; returns its exit code, None for 0.
        advice: sentence on how to continue after Ctrl-C; "" for a benchmark that keeps nothing.
    """
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has closed the pipe, as `head` does
        from maenas.terminal.streams import STDOUT, silence

        silence(STDOUT)
        code = PIPE_CLOSED
    except KeyboardInterrupt:
        print(f"interrupted; {advice}" if advice else "interrupted", file=sys.stderr)
        code = INTERRUPTED
    except subprocess.CalledProcessError as error:
        print(f"error: {failure(error)}", file=sys.stderr)
        code = USAGE
    except Exception as error:
        from maenas.cli.app import stopped_by

        code = stopped_by(error)  # raises what is a bug
    sys.exit(code)


def failure(error: subprocess.CalledProcessError) -> str:
    """The command that failed, its exit code, and its last line unless the terminal shows it."""
    from maenas.blocks.files.words import printable, shortened

    said = error.stderr or ""
    text = said if isinstance(said, str) else said.decode(errors="replace")
    words = text.strip().split("\n")[-1:] if text.strip() else []
    what = f"{shlex.join(map(str, error.cmd))}: failed with exit code {error.returncode}"
    return printable(shortened(": ".join((what, *words))))


class Parser(argparse.ArgumentParser):
    """A parser whose help ends with the defaults, and whose errors are one line.

    Args:
        doc: docstring of the benchmark.
    """

    def __init__(self, doc: str | None) -> None:
        super().__init__(description=doc, formatter_class=Help)

    def error(self, message: str) -> NoReturn:
        """End the process with the line; `--help` shows the usage."""
        self.exit(USAGE, f"error: {message}; --help lists all options\n")


class Help(argparse.RawDescriptionHelpFormatter):
    """Help with the docstring as it is, and the default of each option that has one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        default = action.default
        if default is None or default is False or default in ("", [], argparse.SUPPRESS):
            return action.help
        words = default if isinstance(default, list | tuple) else [default]
        shown = " ".join(map(str, words)).replace("%", "%%")
        return f"{action.help} (default: {shown})"


def existing(word: str) -> Path:
    """The path of a file or a folder that exists."""
    return _required(word, Path(word).exists(), "there is no such file or folder")


def existing_file(word: str) -> Path:
    """The path of a file that exists."""
    return _required(word, Path(word).is_file(), "there is no such file")


def existing_folder(word: str) -> Path:
    """The path of a folder that exists."""
    return _required(word, Path(word).is_dir(), "there is no such folder")


def output_folder(word: str) -> Path:
    """The path of a folder to write into, which the benchmark makes."""
    return _required(word, Path(word).is_dir() or not Path(word).exists(), "is no folder")


def output_file(word: str) -> Path:
    """The path of a file to write, in a folder that exists."""
    fits = Path(word).parent.is_dir() and not Path(word).is_dir()
    return _required(word, fits, "must be a file in a folder that exists")


def positive(word: str) -> int:
    """A whole number of at least 1."""
    if not word.isdecimal() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {word}")
    return int(word)


def one_of(names: Collection[str]) -> Callable[[str], str]:
    """The type of a word that must be one of some names; also where none need be given."""

    def name(word: str) -> str:
        if word not in names:
            raise argparse.ArgumentTypeError(f"must be one of {', '.join(names)}, got {word}")
        return word

    return name


def _required(word: str, fits: bool, fault: str) -> Path:
    if not (word and fits):  # Path("") would be the folder that one is in
        raise argparse.ArgumentTypeError(f"{word or 'an empty name'}: {fault}")
    return Path(word)
