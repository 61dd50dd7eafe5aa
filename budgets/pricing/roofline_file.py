"""Files of rooflines: those that ship, and those that `maenas calibrate` writes."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from maenas.blocks.files.atomic_write import write_text
from maenas.blocks.files.dump import flow
from maenas.blocks.files.strict import parse
from maenas.blocks.files.suffixes import is_yaml
from maenas.blocks.files.words import did_you_mean
from maenas.blocks.files.yaml_file import read_versioned
from maenas.budgets.latency import DeviceError
from maenas.budgets.pricing.fit import Fit, fit_lines
from maenas.budgets.pricing.roofline import COEFFICIENTS, REFINEMENTS, Roofline

FORMATS = ("maenas/roofline@2", "maenas/roofline@1")


def load_roofline(name: str | Path) -> Roofline:
    """Load a bundled model by the name of its device, or a model from a YAML file.

    Raises:
        DeviceError: if the name is neither a bundled model nor a file.
        SpecError: if the file is invalid.
    """
    path = Path(name)
    if not is_yaml(path):
        if str(name) not in roofline_names():
            known = roofline_names()
            raise DeviceError(
                f"device: no bundled model of {str(name)!r}{did_you_mean(str(name), known)}"
            )
        path = Path(str(files("maenas.budgets.devices") / f"{name}.yaml"))
    data, _ = read_versioned(path, FORMATS)
    data["fit"] = parse(Fit, data.get("fit"), f"{path}: fit")
    return parse(Roofline, data, str(path))


def roofline_names() -> list[str]:
    """Return the devices with a bundled roofline."""
    folder = Path(str(files("maenas.budgets.devices")))
    return sorted(
        path.stem
        for path in folder.glob("*.yaml")
        if any(form in path.read_text("utf-8") for form in FORMATS)
    )


def save_roofline(
    model: Roofline, path: Path, receipt: str, origins: dict[str, str] | None = None
) -> None:
    """Write a model, with `receipt` as comments at the top.

    Args:
        model: model to write.
        path: file to write.
        receipt: comments on how the model was made.
        origins: source of coefficients by name, as a comment behind each.
    """
    sources = origins or {}
    lines = [f"# {line}".rstrip() for line in receipt.splitlines()]
    lines.append(f"format: {FORMATS[0]}")
    for name in ("device", "means", "protocol", "source", "precision"):
        if getattr(model, name):
            lines.append(flow({name: getattr(model, name)})[1:-1])
    lines += fit_lines(model.fit)
    lines.append(f"serial: {str(model.serial).lower()}")
    for name in (*COEFFICIENTS, *REFINEMENTS):
        comment = f"  # {sources[name]}" if name in sources else ""
        lines.append(f"{name}: {getattr(model, name)}{comment}")
    lines.append("sizes:  # input channels, output channels and positions in those networks")
    for family, sizes in model.sizes.items():
        pairs = ", ".join(f"[{least:g}, {most:g}]" for least, most in sizes)
        lines.append(f"  {family}: [{pairs}]")
    write_text(path, "\n".join(lines) + "\n")
