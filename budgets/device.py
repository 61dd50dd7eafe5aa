"""Devices by the name that a user types after `--device`."""

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
    """Return the latency model of a device: the user's table if there is one, else an estimate.

    Args:
        name: name of a table in the user's folder or of a bundled estimate, or path of a table.
    Raises:
        DeviceError: if there is neither a table nor an estimate of the device.
        SpecError: if the table is damaged.
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
    """Return the file of a table, by path or by name in the user's folder; None if not found."""
    if name.endswith(".json") or os.sep in name:
        return Path(name)
    path = tables_folder() / f"{name}.json"
    return path if path.is_file() else None


def user_tables() -> dict[str, LatencyTable | MaenasError]:
    """Return the tables in the user's folder by name; an unreadable table gives its error."""
    found: dict[str, LatencyTable | MaenasError] = {}
    for path in sorted(tables_folder().glob("*.json")):
        try:
            found[path.stem] = load_table(path)
        except MaenasError as error:
            found[path.stem] = error
    return found


def tables_folder() -> Path:
    """Return the folder where `maenas profile` keeps tables: `$MAENAS_TABLES` or a data folder."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    return Path(chosen) if chosen else platformdirs.user_data_path("maenas") / "tables"


def device_names() -> list[str]:
    """Return the devices with a latency model, measured ones first."""
    measured = sorted(path.stem for path in tables_folder().glob("*.json"))
    return [*measured, *(name for name in bundled_names() if name not in measured)]


def load_bundled(name: str) -> LatencyModel:
    """Return a bundled estimate."""
    path = Path(str(files("maenas.budgets.devices") / f"{name}.yaml"))
    if OPERATORS in path.read_text(encoding="utf-8"):
        return load_operator_file(path)
    return load_roofline(path)


def bundled_names() -> list[str]:
    """Return the devices with a bundled estimate."""
    return sorted(path.stem for path in Path(str(files("maenas.budgets.devices"))).glob("*.yaml"))
