"""The assigners by their name in a recipe."""

from __future__ import annotations

from maenas.blocks.errors import SpecError
from maenas.blocks.files.words import did_you_mean
from maenas.blocks.plugins.load import entry_points
from maenas.blocks.plugins.registry import add_named, derived
from maenas.detector.assign.align_ota import AlignOTA
from maenas.detector.assign.assigner import Assigner
from maenas.detector.assign.atss import ATSS
from maenas.detector.assign.sim_ota import SimOTA
from maenas.detector.assign.tood import TOOD

ASSIGNERS: dict[str, type[Assigner]] = {kind.name: kind for kind in (AlignOTA, ATSS, SimOTA, TOOD)}


def assigner_class(name: str, where: str) -> type[Assigner]:
    """The class of an assigner by its name, plugins included.

    Args:
        name: name in a recipe.
        where: file and key that name it, for the message.
    Raises:
        SpecError: if there is no assigner of that name.
    """
    if name not in ASSIGNERS:
        for found in entry_points("maenas.assigners"):
            register_assigner(found)
    if name not in ASSIGNERS:
        raise SpecError(f"{where}: no assigner {name!r}{did_you_mean(name, list(ASSIGNERS))}")
    return ASSIGNERS[name]


def register_assigner(assigner: object) -> None:
    """Register an assigner class under its name.

    Raises:
        SpecError: if it is no assigner, or the name is taken.
    """
    kind = derived(assigner, Assigner, "assigner")
    if not hasattr(kind, "__dataclass_fields__") or not hasattr(kind, "name"):
        raise SpecError(
            f"plugin: assigner {kind.__qualname__} must be a frozen dataclass with a `name`."
        )
    add_named(ASSIGNERS, kind.name, kind, "assigner")
