"""Bundled files of estimated operator prices, for devices that the user cannot measure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maenas.blocks.errors import SpecError
from maenas.blocks.files.atomic_write import write_text
from maenas.blocks.files.dump import flow
from maenas.blocks.files.strict import parse
from maenas.blocks.files.yaml_file import read_versioned
from maenas.budgets.latency import Hardware, Precision
from maenas.budgets.pricing.fit import Fit, fit_lines
from maenas.budgets.pricing.kernels import KernelKind
from maenas.budgets.pricing.operator_model import Kernel, OperatorModel

FORMATS = ("maenas/operators@2", "maenas/operators@1")
_LABELS = ("device", "means", "hardware", "precision", "protocol", "source", "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorFile:
    """Content of a file of operator prices.

    Attributes:
        device: name the user types after `--device`.
        hardware: "cpu", "gpu" or "npu".
        precision: number format that the network runs in.
        source: data that the prices were calibrated on.
        error: description of the error of the prices.
        kernels: price and sizes of each kernel.
        fit: errors of the calibration; None in files of the first version.
        protocol: runtime, precision, and what is inside of each number.
        means: full name of the device, with runtime and precision, if `device` is short for it.
    """

    device: str
    hardware: Hardware
    precision: Precision
    source: str
    error: str
    kernels: Mapping[KernelKind, Kernel]
    fit: Fit | None = None
    protocol: str = ""
    means: str = ""

    @classmethod
    def of(cls, model: OperatorModel) -> OperatorFile:
        """The file of a calibrated model."""
        return cls(
            device=model.device,
            hardware=model.hardware,
            precision=model.precision,
            source=model.brief.removeprefix("estimated: "),
            error="" if model.fit is None else model.fit.text,
            kernels=model.kernels,
            fit=model.fit,
            protocol=model.protocol,
            means=model.means,
        )

    @property
    def fingerprint(self) -> str:
        """Hash of the prices, under the names that they have in the file."""
        named = {str(kind): kernel for kind, kernel in self.kernels.items()}
        return hashlib.sha256(repr(named).encode()).hexdigest()[:32]

    def model(self) -> OperatorModel:
        """Return the latency model with these prices."""
        known = f"{self.device} means {self.means}, " if self.means not in ("", self.device) else ""
        return OperatorModel(
            device=self.device,
            hardware=self.hardware,
            precision=self.precision,
            kind="estimated",
            about=f"estimated: {known}{self.source}; {self.error}",
            kernels=self.kernels,
            command=f"maenas profile --device NAME, on the {self.device} itself",
            fingerprint=self.fingerprint,
            fit=self.fit,
            protocol=self.protocol,
            means=self.means,
        )

    def save(self, path: Path, receipt: str) -> None:
        """Write the file, with `receipt` as comments at the top."""
        head: dict[str, Any] = {
            name: getattr(self, name) for name in _LABELS if getattr(self, name)
        }
        lines = [f"# {line}".rstrip() for line in receipt.splitlines()]
        lines += [f"format: {FORMATS[0]}"]
        lines += [flow({name: value})[1:-1] for name, value in head.items()]
        if self.fit is not None:
            lines += fit_lines(self.fit)
        lines += [
            "kernels:  # microseconds for each term of budgets/pricing/kernels.py; fitted sizes"
        ]
        for kind, kernel in self.kernels.items():
            prices = [float(f"{us:.4g}") for us in kernel.us]
            sizes = [list(pair) for pair in kernel.sizes]
            lines.append(f"  {kind}: {flow({'us': prices, 'sizes': sizes})}")
        write_text(path, "\n".join(lines) + "\n")


def load_operator_file(path: Path, device: str | None = None) -> OperatorModel:
    """Read the prices from a file.

    Args:
        path: file to read.
        device: name that the user typed for it; that in the file if None.
    Raises:
        SpecError: if the file is invalid.
    """
    data, _ = read_versioned(path, FORMATS)
    listed = data.get("kernels")
    if isinstance(listed, dict):
        data["kernels"] = {
            kernel_named(name, str(path)): parse(Kernel, kernel, f"{path}: kernels.{name}")
            for name, kernel in listed.items()
        }
    if data.get("fit") is not None:
        data["fit"] = parse(Fit, data["fit"], f"{path}: fit")
    file = parse(OperatorFile, data, str(path))
    return replace(file, device=device or file.device).model()


def kernel_named(name: object, where: str) -> KernelKind:
    """Return the kernel that a key of a file names.

    Args:
        name: key.
        where: file, and place in it, for messages.
    Raises:
        SpecError: if it names none.
    """
    try:
        return KernelKind.parse(str(name))
    except SpecError as error:
        raise SpecError(f"{where}: kernels.{error}") from None
