"""Names that the shell completes: devices, networks, spaces, templates, recipes."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Signature
from pathlib import Path


def devices(typed: str) -> list[str]:
    """Names of devices, of the user's tables and estimates included."""
    from maenas.budgets import device_names

    return starting(typed, device_names())


def networks(typed: str) -> list[str]:
    """The published backbones as `zoo:NAME`, and files."""
    from maenas.blocks.backbone_file import zoo_names

    return [*starting(typed, [f"zoo:{name}" for name in zoo_names()]), *files(typed)]


def spaces(typed: str) -> list[str]:
    """Names of the bundled search spaces, and files."""
    from maenas.search_spaces import space_names

    return [*starting(typed, space_names()), *files(typed)]


def formats(typed: str) -> list[str]:
    """Names of the file formats."""
    from maenas.file_formats.formats import FORMATS

    return starting(typed, list(FORMATS))


def files(typed: str) -> list[str]:
    """Files and folders whose path begins with what was typed."""
    path = Path(typed)
    folder = path if typed.endswith("/") else path.parent
    try:
        found = sorted(folder.iterdir()) if typed else []
    except OSError:
        return []
    return starting(typed, [f"{each}/" if each.is_dir() else str(each) for each in found])


def starting(typed: str, names: list[str]) -> list[str]:
    """Names that begin with what was typed."""
    return [name for name in names if name.startswith(typed)]


# What is completed, by the name of an argument or option.
COMPLETED: dict[str, Callable[[str], list[str]]] = {
    "device": devices,
    "space": spaces,
    **dict.fromkeys(("spec", "network", "networks", "model", "student"), networks),
    **dict.fromkeys(("detector", "teacher", "sources"), networks),
    "format": formats,
}


def add_completion(signature: Signature) -> None:
    """Set the completion of the arguments and options of a command."""
    for name, parameter in signature.parameters.items():
        if name in COMPLETED:
            for info in getattr(parameter.annotation, "__metadata__", ()):
                info.autocompletion = COMPLETED[name]
