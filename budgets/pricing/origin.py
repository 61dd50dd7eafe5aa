"""Prices of another device, from which a transferred table begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from maenas.blocks.files.strict import parse
from maenas.budgets.pricing.kernels import KernelKind
from maenas.budgets.pricing.operator_file import kernel_named
from maenas.budgets.pricing.operator_model import Kernel, OperatorModel


@dataclass(frozen=True, slots=True)
class Origin:
    """Prices of another device, which few measurements adapt.

    Attributes:
        table: name or file of the other device's table, as the user typed it.
        about: description of that table.
        fingerprint: hash of that table's content.
        kernels: price of each kernel there.
    """

    table: str
    about: str
    fingerprint: str
    kernels: Mapping[KernelKind, Kernel] = field(repr=False)

    @classmethod
    def of(cls, name: str, model: OperatorModel) -> Origin:
        """The prices of a device, rounded as the file keeps them."""
        kernels = {
            kind: Kernel(
                tuple(float(f"{us:.6g}") for us in kernel.us),
                tuple((float(low), float(high)) for low, high in kernel.sizes),
            )
            for kind, kernel in model.kernels.items()
        }
        return cls(name, model.brief, model.fingerprint, kernels)

    def to_json(self) -> dict[str, Any]:
        """The prices as plain data, as they stand in a file."""
        return {
            "table": self.table,
            "about": self.about,
            "fingerprint": self.fingerprint,
            "kernels": {str(kind): asdict(kernel) for kind, kernel in self.kernels.items()},
        }


def read_origin(data: Mapping[str, Any], where: str) -> Origin:
    """Return the prices read from plain data.

    Args:
        data: content of the file's key `transfer`.
        where: file, for messages.
    Raises:
        SpecError: if a kernel or a price is not valid.
    """
    place = f"{where}: transfer"
    kernels = {
        kernel_named(text, place): parse(Kernel, kernel, f"{place}.kernels.{text}")
        for text, kernel in data["kernels"].items()
    }
    return parse(Origin, {**data, "kernels": kernels}, place)
