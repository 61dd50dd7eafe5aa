"""The commands of pages with parameters so small that a test can wait for them."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

FEWEST = ["--evaluations", "1000", "--finalists", "0"]
SHORTEST = ["--epochs", "1", "--input-size", "64", "--workers", "0"]
# Start of a command -> options that replace those shown; the first start that fits counts.
SMALL = {
    "data make-shapes": ["--images", "24", "--size", "64"],
    "search --budget 3.4ms --device t4": ["--finalists", "0"],  # whose card is compared
    "search --budget 3ms --device cpu": [*FEWEST, "--verify", "1"],
    "search --budget 2ms..8ms": [*FEWEST, "--points", "2"],
    "search --budget 2.7ms..5ms@t4": [*FEWEST, "--points", "2"],
    "search": FEWEST,
    "profile --extend": [],
    "profile --from-table": [],
    "profile --kit": [],
    "profile": ["--quick", "--space", "mob", "--minutes", "0.1"],
    "run": [
        "--evaluations", "500", "--epochs", "1", "--input-size", "64", "--template", "ns",
    ],
    "train-family": SHORTEST,
    "train": SHORTEST,
    "distill": SHORTEST,
    "val": ["--no-save"],
}  # fmt: skip
FITTING = 3.0  # factor from a predicted latency to a budget that every machine can meet


def smaller(arguments: Sequence[str], predicted_ms: Callable[[str, str], float]) -> list[str]:
    """A command as a test runs it: smaller, and within the reach of this machine.

    A page shows milliseconds of one CPU; the budget here is a multiple of what the table of this
    machine says.

    Args:
        arguments: words of the command behind `maenas`.
        predicted_ms: latency of a published model at an input size, by the table of this machine.
    """
    words, line = list(arguments), shlex.join(arguments)
    small = next((more for start, more in SMALL.items() if f"{line} ".startswith(f"{start} ")), [])
    for option in small:
        if option.startswith("--") and option in words:
            place = words.index(option)
            flag = words[place + 1 : place + 2] == [] or words[place + 1].startswith("--")
            del words[place : place + (1 if flag else 2)]
    words += small
    if value_of(words, "--device") == "cpu" and value_of(words, "--budget"):
        name = f"zoo:damo-yolo-{value_of(words, '--template') or 'ns'}"
        latency = predicted_ms(name, value_of(words, "--input-size") or "416")
        words[words.index("--budget") + 1] = f"{FITTING * latency:.1f}ms"
    return words


def value_of(words: Sequence[str], option: str) -> str:
    """Value of an option on a command line; "" without it."""
    return words[words.index(option) + 1] if option in words else ""
