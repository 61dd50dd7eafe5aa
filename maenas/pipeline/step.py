"""A step of a run: one function of the Python API, shown as the command that a user would type."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from maenas.budgets.profiling.partial_profile import PARTIAL
from maenas.terminal.console import count_of

Value = str | int | float | bool | tuple[str, ...] | tuple[int, int] | None

# Functions whose command has another name; all others are commands of their own name.
COMMANDS = {
    "make_shapes": ("data", "make-shapes"),
    "check_data": ("data", "check"),
    "build_detector": ("build-detector",),
}
OPTION_NAMES = {"devices": "device"}  # names that differ on the command line
SHOWN_ARGUMENTS = 3
RESUMABLE = ("profile", "search", "train")


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a run.

    Attributes:
        name: name of the step, unique in a run.
        function: function of `maenas` that does the work.
        arguments: positional arguments.
        options: keyword arguments; those that are None or False are left to the command.
        leaves: file or folder that the step writes; None if it only reads.
    """

    name: str
    function: str
    arguments: tuple[str, ...] = ()
    options: Mapping[str, Value] = field(default_factory=dict)
    leaves: Path | None = None

    @property
    def given(self) -> dict[str, Value]:
        """The keyword arguments that differ from the command's defaults."""
        options = self.options.items()
        return {key: value for key, value in options if value is not None and value is not False}

    @property
    def positional(self) -> tuple[str | list[str], ...]:
        """The positional arguments of the function: `detect` takes its sources as a list."""
        if self.function == "detect":
            return (self.arguments[0], list(self.arguments[1:]))
        return self.arguments

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the command line, without `maenas`."""
        words = [*COMMANDS.get(self.function, (self.function,)), *self.arguments]
        for key, value in self.given.items():
            option = f"--{OPTION_NAMES.get(key, key).replace('_', '-')}"
            if value is True:
                words.append(option)
                continue
            for word in words_of(value):
                words += [option, word]
        return tuple(words)

    @property
    def command(self) -> str:
        """The command as a user would type it."""
        return shlex.join(("maenas", *self.words))

    @property
    def announcement(self) -> str:
        """The command, with the first of many files alone."""
        more = len(self.arguments) - SHOWN_ARGUMENTS
        if more <= 0:
            return self.command
        short = replace(self, arguments=self.arguments[:SHOWN_ARGUMENTS]).command
        return f"{short}, and {count_of(more, 'more file')}"

    def again(self) -> Step:
        """The step after a start that did not finish: it continues, or replaces what it left."""
        if self.leaves is None:
            return self
        unfinished = self.leaves.with_name(f"{self.leaves.name}{PARTIAL}")
        if not self.leaves.exists() and not unfinished.exists():
            return self
        key = "resume" if self.function in RESUMABLE else "exist_ok"
        return replace(self, options={**self.options, key: True})


def words_of(value: object) -> tuple[str, ...]:
    """The values that an option has on the command line; (height, width) is one, as in 384x640."""
    if value is None:
        return ()
    if not isinstance(value, tuple):
        return (str(value),)
    texts = tuple(map(str, value))
    return texts if all(isinstance(each, str) for each in value) else ("x".join(texts),)
