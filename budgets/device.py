"""Devices by the name a user types after `--device`."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

import platformdirs

from maenas.blocks.errors import MaenasError
from maenas.blocks.files.words import did_you_mean
from maenas.budgets.backends.load import NAMES
from maenas.budgets.latency import DeviceError, LatencyModel
from maenas.budgets.pricing.operator_file import FORMAT as OPERATORS
from maenas.budgets.pricing.operator_file import load_operator_file
from maenas.budgets.pricing.roofline import load_roofline
from maenas.budgets.pricing.table import LatencyTable, load_table

FOLDER_VARIABLE = "MAENAS_TABLES"


def load_device(name: str) -> LatencyModel:
    """The latency model of a device: a table measured by this user comes before an estimate.

    Args:
        name: of a table in the user's folder or of a bundled estimate, or the path of a table.
    Raises:
        DeviceError: for a device nobody has measured or estimated.
        SpecError: for a table that is damaged.
    """
    path = find_table(name)
    if path is not None:
        return load_table(path).model(name)
    if name in bundled_names():
        return load_bundled(name)
    if name in NAMES:
        raise DeviceError(
            f"device: {name} was not measured here yet; run `maenas profile --device {name}` "
            "(minutes, once)."
        )
    raise DeviceError(
        f"device: no device {name!r}{did_you_mean(name, device_names())}; --device names the "
        "target that latency is priced for, not where maenas computes, or a table's file."
    )


def find_table(name: str) -> Path | None:
    """The file of a table, by its path or by its name in the user's folder; None if it is none."""
    if name.endswith(".json") or os.sep in name:
        return Path(name)
    path = tables_folder() / f"{name}.json"
    return path if path.is_file() else None


def user_tables() -> dict[str, LatencyTable | MaenasError]:
    """Tables in the user's folder by name, or why one cannot be read."""
    found: dict[str, LatencyTable | MaenasError] = {}
    for path in sorted(tables_folder().glob("*.json")):
        try:
            found[path.stem] = load_table(path)
        except MaenasError as error:
            found[path.stem] = error
    return found


def tables_folder() -> Path:
    """Where `maenas profile` keeps tables: `$MAENAS_TABLES`, or the user's data folder."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    return Path(chosen) if chosen else platformdirs.user_data_path("maenas") / "tables"


def device_names() -> list[str]:
    """Devices that can be priced: measured ones first."""
    measured = sorted(path.stem for path in tables_folder().glob("*.json"))
    return [*measured, *(name for name in bundled_names() if name not in measured)]


def load_bundled(name: str) -> LatencyModel:
    """An estimate that comes with maenas."""
    path = Path(str(files("maenas.budgets.devices") / f"{name}.yaml"))
    if OPERATORS in path.read_text(encoding="utf-8"):
        return load_operator_file(path)
    return load_roofline(path)


def bundled_names() -> list[str]:
    """Devices that come with an estimate."""
    return sorted(path.stem for path in Path(str(files("maenas.budgets.devices"))).glob("*.yaml"))
