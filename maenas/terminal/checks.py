"""`maenas checks`: what works on this machine."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from rich.table import Table
from rich.text import Text

from maenas import __version__
from maenas.blocks import MaenasError
from maenas.budgets import device_names, load_device
from maenas.budgets.backends import available
from maenas.budgets.cluster import ClusterNode, ask_nodes, here, joined
from maenas.terminal.console import OUT, print_json

SCHEMA = "maenas/checks@1"
# package -> (purpose, how to install it)
PACKAGES = {
    "numpy": ("search", "pip install numpy"),
    "torch": ("scores on random networks, modules", "pip install torch"),
    "torchvision": ("images", "pip install torchvision"),
    "onnx": ("graphs for export and latency", "pip install onnx"),
    "onnxruntime": ("runs what is exported, latency on CPUs", "pip install onnxruntime"),
    "openvino": ("latency on CPUs", "pip install openvino"),
    "tensorrt": (
        "latency on NVIDIA GPUs",
        "pip install -e '.[tensorrt]' (Linux with an NVIDIA GPU)",
    ),
    "nvidia-ml-py": ("clocks of NVIDIA GPUs while measuring", "pip install nvidia-ml-py"),
    "nncf": ("INT8 export", "pip install -e '.[int8]'"),
    "pillow": ("reads images, draws on them", "pip install pillow"),
    "av": ("reads videos", "pip install -e '.[video]'"),
    "ray": ("clusters", "pip install ray"),
    "pycocotools": ("COCO metrics", "pip install pycocotools"),
    "matplotlib": ("plots", "pip install matplotlib"),
    "safetensors": ("weights", "pip install safetensors"),
}


def print_checks(as_json: bool, ray: str | None = None) -> None:
    """Print versions, missing packages, devices with a latency model, and nodes of a cluster.

    Args:
        as_json: whether to print one JSON object instead of tables.
        ray: address of a Ray cluster; None for no cluster.
    Raises:
        ClusterError: if there is no cluster at this address.
    """
    nodes = None if ray is None else _nodes(ray)
    packages = {name: _version(name) for name in PACKAGES}
    gpu = _gpu() if packages["torch"] else "unknown without torch"
    runtimes = available()
    devices, broken = [], {}
    for name in device_names():
        try:
            devices.append(load_device(name))
        except MaenasError as damage:
            broken[name] = damage
    result: dict[str, Any] = {
        "schema": SCHEMA,
        "maenas": __version__,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "gpu": gpu,
        "packages": packages,
        "missing": {name: PACKAGES[name][1] for name, found in packages.items() if not found},
        "runtimes": [
            {"runtime": r.backend, "about": r.about, "why_not": r.why_not} for r in runtimes
        ],
        "tables": {name: str(why) for name, why in broken.items()},
        "devices": [{"device": d.device, "kind": d.kind, "about": d.about} for d in devices],
    }
    if nodes is not None:
        result["nodes"] = [
            {
                "address": node.address,
                "id": node.id,
                "resources": dict(node.resources),
                "versions": dict(node.versions),
                "differs": node.differences(here()),
            }
            for node in nodes
        ]
    if as_json:
        print_json(result)
        return
    OUT.print(
        f"maenas {__version__}, Python {result['python']}, {result['machine']}, "
        f"{result['cores']} cores, GPU: {gpu or 'none'}"
    )
    table = Table()
    for column in ("package", "version", "for", "to install"):
        table.add_column(column)
    for name, (purpose, how) in PACKAGES.items():
        found = packages[name]
        table.add_row(name, found or Text("missing", "yellow"), purpose, "" if found else how)
    OUT.print(table)
    for runtime in runtimes:
        OUT.print(f"maenas measure with {runtime.about}: {runtime.why_not or 'ready'}")
    for name, why in broken.items():
        OUT.print(f"--device {name}: damaged: {why}")
    for device in devices:
        OUT.print(f"--device {device.device}: latency {device.about}")
    if nodes is not None:
        OUT.print(_table_of(nodes))


def _nodes(ray: str) -> list[ClusterNode]:
    with joined(ray) as connected:
        return ask_nodes(connected)


def _table_of(nodes: list[ClusterNode]) -> Table:
    """A table of a cluster's nodes: their resources, and whether they can be used."""
    table = Table()
    for column in ("node", "CPUs", "GPUs", "devices", "maenas", "torch", "usable"):
        table.add_column(column)
    for node in nodes:
        others = {"CPU", "GPU", "memory"}
        devices = ", ".join(f"{n} {a:g}" for n, a in node.resources.items() if n not in others)
        different = "; ".join(node.differences(here()))
        table.add_row(
            node.address,
            f"{node.resources.get('CPU', 0):g}",
            f"{node.resources.get('GPU', 0):g}",
            devices,
            node.versions.get("maenas", "missing"),
            node.versions.get("torch", "missing"),
            Text(f"no: {different}", "yellow") if different else "yes",
        )
    return table


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _gpu() -> str | None:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None
