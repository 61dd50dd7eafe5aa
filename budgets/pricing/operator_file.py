"""Bundled files of estimated operator prices, for devices that the user cannot measure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from maenas.blocks.errors import SpecError
from maenas.blocks.files.atomic_write import write_text
from maenas.blocks.files.dump import flow
from maenas.blocks.files.strict import parse
from maenas.blocks.files.yaml_file import read_yaml
from maenas.budgets.latency import Precision
from maenas.budgets.pricing.kernels import KernelKind
from maenas.budgets.pricing.operator_model import Kernel, OperatorModel

FORMAT = "maenas/operators@1"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorFile:
    """Content of a file of operator prices.

    Attributes:
        device: name the user types after `--device`.
        hardware: "cpu" or "gpu".
        precision: number format that the network runs in.
        source: data that the prices were calibrated on.
        error: description of the error of the prices.
        kernels: price and sizes of each kernel.
    """

    device: str
    hardware: Literal["cpu", "gpu"]
    precision: Precision
    source: str
    error: str
    kernels: Mapping[KernelKind, Kernel]

    @property
    def fingerprint(self) -> str:
        """Hash of the prices, under the names that they have in the file."""
        named = {str(kind): kernel for kind, kernel in self.kernels.items()}
        return hashlib.sha256(repr(named).encode()).hexdigest()[:32]

    def model(self) -> OperatorModel:
        """Return the latency model with these prices."""
        return OperatorModel(
            device=self.device,
            hardware=self.hardware,
            precision=self.precision,
            kind="estimated",
            about=f"estimated: {self.source}; {self.error}",
            kernels=self.kernels,
            command=f"maenas profile --device NAME, on the {self.device} itself",
            fingerprint=self.fingerprint,
        )

    def save(self, path: Path, receipt: str) -> None:
        """Write the file, with `receipt` as comments at the top."""
        head: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("device", "hardware", "precision", "source", "error")
        }
        lines = [f"# {line}".rstrip() for line in receipt.splitlines()]
        lines += [f"format: {FORMAT}"]
        lines += [flow({name: value})[1:-1] for name, value in head.items()]
        lines += [
            "kernels:  # microseconds for each term of budgets/pricing/kernels.py; fitted sizes"
        ]
        for kind, kernel in self.kernels.items():
            prices = [float(f"{us:.4g}") for us in kernel.us]
            sizes = [list(pair) for pair in kernel.sizes]
            lines.append(f"  {kind}: {flow({'us': prices, 'sizes': sizes})}")
        write_text(path, "\n".join(lines) + "\n")


def load_operator_file(path: Path) -> OperatorModel:
    """Read the prices from a file.

    Raises:
        SpecError: if the file is invalid.
    """
    data = read_yaml(path, FORMAT)
    listed = data.get("kernels")
    if isinstance(listed, dict):
        data["kernels"] = {
            _kind(name, path): parse(Kernel, kernel, f"{path}: kernels.{name}")
            for name, kernel in listed.items()
        }
    return parse(OperatorFile, data, str(path)).model()


def _kind(name: object, path: Path) -> KernelKind:
    """The kernel that a key of the file names."""
    try:
        return KernelKind.parse(str(name))
    except SpecError as error:
        raise SpecError(f"{path}: kernels.{error}") from None
