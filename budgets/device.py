"""Devices by the name that a user types after `--device`."""

from __future__ import annotations

import logging
import os
import re
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path

import platformdirs

from maenas.blocks.errors import MaenasError
from maenas.blocks.files.plain_file import read_text
from maenas.blocks.files.suffixes import YAML, is_yaml, suffix_of
from maenas.blocks.files.words import did_you_mean
from maenas.blocks.files.yaml_file import LIMIT
from maenas.budgets.backends.load import NAMES
from maenas.budgets.latency import DeviceError, LatencyModel, Precision, split_precision
from maenas.budgets.pricing.operator_file import FORMATS as OPERATORS
from maenas.budgets.pricing.operator_file import load_operator_file
from maenas.budgets.pricing.operator_model import OperatorModel
from maenas.budgets.pricing.roofline import Roofline
from maenas.budgets.pricing.roofline_file import load_roofline
from maenas.budgets.pricing.table import LatencyTable, load_table

LOG = logging.getLogger(__name__)

FOLDER_VARIABLE = "MAENAS_TABLES"
TABLE = ".json"  # suffix of a latency table
DEFAULT_DEVICE = "t4"  # prices what was searched for no device


def load_device(name: str) -> LatencyModel:
    """Return the latency model of a device: the user's table if there is one, else an estimate.

    Args:
        name: name of a table or of an estimate in the user's folder, or of a bundled estimate; or
            path of a table (.json) or of an estimate (.yaml). A precision after a colon, as in
            "t4:int8", selects the device's table or estimate in this precision.
    Raises:
        DeviceError: if there is neither a table nor an estimate of the device.
        SpecError: if the file is damaged.
    """
    model = _found_device(resolved_name(name))
    LOG.debug("device %s: latency %s", name, model.about)
    return model


def device_of(named: str | None, searched_for: str | None) -> LatencyModel:
    """Return the latency model that prices a network beside other facts about it.

    The table of the device that it was searched for may lie on another machine. Such a network is
    priced on the default device, with a warning; `pricing_device` refuses it.

    Args:
        named: device that the user names; None without one.
        searched_for: device that the network was searched for; None if unknown.
    Raises:
        DeviceError: if the device that the user names is unknown.
        SpecError: if its file is damaged.
    """
    if named is None and searched_for is not None:
        try:
            return load_device(searched_for)
        except MaenasError as error:
            LOG.warning(
                f"latency is that of {DEFAULT_DEVICE}, as the device of the search cannot be read "
                f"here: {error}"
            )
    return load_device(named or DEFAULT_DEVICE)


def pricing_device(named: str | None, searched_for: str | None) -> LatencyModel:
    """Return the latency model of a network for a command whose answer is the latency.

    Args:
        named: device that the user names; None without one.
        searched_for: device that the network was searched for; None if unknown.
    Raises:
        DeviceError: if the device that the user names, or that of the search, is unknown.
        SpecError: if its file is damaged.
    """
    if named is not None or searched_for is None:
        return load_device(named or DEFAULT_DEVICE)
    try:
        return load_device(searched_for)
    except MaenasError as error:
        raise DeviceError(
            f"device: that of the search cannot be read here: {str(error).rstrip('.')}; "
            f"--device names another, such as {DEFAULT_DEVICE}."
        ) from None


def _found_device(name: str) -> LatencyModel:
    estimate = find_estimate(name)
    if estimate is not None:
        return load_estimate(estimate, estimate.stem)
    path = find_table(name)
    if path is not None:
        return load_table(path).model(name)
    if name in bundled_names():
        return load_bundled(name)
    if name in long_names():
        return load_estimate(_bundled_file(long_names()[name]), name)
    if name in NAMES:
        raise DeviceError(
            f"device: {name} was not measured here yet; run `maenas profile --device {name}` "
            "(minutes, once)."
        )
    raise DeviceError(
        f"device: no device {name!r}{did_you_mean(name, _known_names(name))}; --device names the "
        "target that latency is priced for, not where maenas computes, or a table's file."
    )


def resolved_name(name: str) -> str:
    """Return the name or file of a table or estimate, without a precision after a colon.

    "cpu-1t:int8" gives "cpu-int8-1t", and "t4:f16" gives "t4", which is in that precision.

    Raises:
        DeviceError: if the device has neither a table nor an estimate in the precision.
    """
    device, precision = split_precision(name)
    if precision is None:
        return name
    others = []
    for candidate in names_in(device, precision):
        if not is_priced(candidate):
            continue
        there = load_device(candidate).precision
        if there == precision:
            return candidate
        others.append(f"{candidate} is in {there}")
    told = (
        "; ".join(others)
        or f"there is no device {device!r}{did_you_mean(device, _known_names(device))}"
    )
    raise DeviceError(
        f"device: {name}: no table or estimate in {precision}: {told}{_way_to(device, precision)}"
    )


def _way_to(device: str, precision: Precision) -> str:
    """How to get the latency of a device in a precision, as the end of a message."""
    if is_file(device):
        return "."
    model = load_device(device) if is_priced(device) else None
    profile = (
        f"`maenas profile --device {device} --precision {precision}` measures one where it runs"
    )
    if model is None or model.kind == "measured":
        return f"; {profile}."
    ways = [profile] if model.hardware == "gpu" else []  # a profile's device is a runtime or a GPU
    ways += [
        f"`maenas calibrate ROWS.csv --runtime RUNTIME --precision {precision}` makes an estimate "
        "of networks that were timed there",
        "`maenas profile --kit DIR --runtime TOOL` writes graphs to measure there",
    ]
    return f"; {'; '.join(ways)}."


def _known_names(typed: str) -> list[str]:
    """The names of devices, with the full name that begins with the one that was typed."""
    return [
        *device_names(),
        *(long for long in long_names() if typed and long.startswith(typed.lower())),
    ]


def names_in(device: str, precision: Precision) -> list[str]:
    """Return the names that a table or estimate of a device in one precision may have."""
    if is_file(device):
        return [device]
    head, dash, threads = device.rpartition("-")
    names = [f"{device}-{precision}", device]
    if dash and re.fullmatch(r"\d+t", threads):  # the threads stand last in a table's name
        names.insert(0, f"{head}-{precision}-{threads}")
    names += [
        long
        for long in long_names()
        if long.startswith(f"{device}-") and long.endswith(f"-{precision}")
    ]
    return names


def is_file(device: str) -> bool:
    """Whether a device is given by the path of its table or estimate."""
    return suffix_of(device) in (TABLE, *YAML) or os.sep in device


def is_priced(name: str) -> bool:
    """Whether there is a table or an estimate of this name."""
    found = find_estimate(name) or find_table(name)
    return found is not None or name in bundled_names() or name in long_names()


def find_table(name: str) -> Path | None:
    """Return the file of a table, by path or by name in the user's folder; None if not found."""
    if is_yaml(name):
        return None
    if suffix_of(name) == TABLE or os.sep in name:
        return Path(name)
    path = tables_folder() / f"{name}.json"
    return path if path.is_file() else None


def find_estimate(name: str) -> Path | None:
    """Return the file of an estimate, by path or by name in the user's folder; None if not found.

    A measured table of the same name comes first.
    """
    if is_yaml(name):
        return Path(name)
    if suffix_of(name) == TABLE or os.sep in name or (tables_folder() / f"{name}.json").is_file():
        return None
    return next((path for path in _estimate_files() if path.stem == name), None)


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
    estimated = [path.stem for path in _estimate_files()]
    return list(dict.fromkeys([*measured, *estimated, *bundled_names()]))


def user_estimates() -> dict[str, LatencyModel | MaenasError]:
    """Return the estimates in the user's folder by name; an unreadable one gives its error."""
    found: dict[str, LatencyModel | MaenasError] = {}
    for path in _estimate_files():
        try:
            found[path.stem] = load_estimate(path, path.stem)
        except MaenasError as error:
            found[path.stem] = error
    return found


def load_bundled(name: str) -> LatencyModel:
    """Return a bundled estimate."""
    return load_estimate(_bundled_file(name), name)


def load_estimate(path: Path, name: str) -> Roofline | OperatorModel:
    """Return the estimate in a file, under the name that the user typed.

    Raises:
        SpecError: if the file is damaged.
    """
    text = read_text(path, limit=LIMIT)
    if any(each in text for each in OPERATORS):
        return load_operator_file(path, name)
    return replace(load_roofline(path), device=name)


def _estimate_files() -> list[Path]:
    """Files of estimates in the user's folder."""
    return sorted(path for path in tables_folder().glob("*") if is_yaml(path))


@cache
def long_names() -> dict[str, str]:
    """Return the bundled estimates by their full names, such as "t4-trt10-f16"."""
    found = {name: load_estimate(_bundled_file(name), name).means for name in bundled_names()}
    return {means: name for name, means in found.items() if means}


def _bundled_file(name: str) -> Path:
    return Path(str(files("maenas.budgets.devices") / f"{name}.yaml"))


def bundled_names() -> list[str]:
    """Return the devices with a bundled estimate."""
    return sorted(path.stem for path in Path(str(files("maenas.budgets.devices"))).glob("*.yaml"))
