"""What works on this machine and on a cluster: the result of `checks`."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from maenas import __version__
from maenas.blocks import MaenasError
from maenas.blocks.plugins.extras import EXTRAS
from maenas.budgets import LatencyModel, device_names, load_device
from maenas.budgets.backends import Availability, available
from maenas.budgets.backends.load import NAMES, ON_CPU
from maenas.budgets.cluster import ClusterNode, ask_nodes, here, joined

SCHEMA = "maenas/checks@1"
# package -> (purpose, how to install it)
PACKAGES = {
    "numpy": ("search", "pip install numpy"),
    "torch": ("scores on random networks, modules", "pip install torch"),
    "torchvision": ("images", "pip install torchvision"),
    "onnx": ("graphs for export and latency", "pip install onnx"),
    "onnxruntime": ("runs what is exported, latency on CPUs", "pip install onnxruntime"),
    "pillow": ("reads images, draws on them", "pip install pillow"),
    "pycocotools": ("COCO metrics", "pip install pycocotools"),
    "matplotlib": ("plots", "pip install matplotlib"),
    "safetensors": ("weights", "pip install safetensors"),
    "nvidia-ml-py": ("clocks of NVIDIA GPUs while measuring", "pip install nvidia-ml-py"),
}
# Names of optional packages in the index, where they differ from those that are imported.
DISTRIBUTIONS = {"cv2": "opencv-python-headless"}
PACKAGES |= {
    DISTRIBUTIONS.get(module, module): (extra.purpose, extra.install)
    for module, extra in EXTRAS.items()
}
# What only a GPU needs: without one, nothing is missing.
GPU_PACKAGES = (EXTRAS["tensorrt"].module, "nvidia-ml-py")
GPU_RUNTIMES = ("tensorrt", "torch")
# job -> packages that it cannot do without, beside the runtime of a measurement
JOBS = {
    "searching": ("numpy",),
    "training": ("torch", "torchvision", "pillow", "pycocotools", "safetensors"),
    "measuring": ("torch", "onnx"),
}


@dataclass(frozen=True, slots=True)
class ChecksResult:
    """What works on this machine, and on a cluster.

    Attributes:
        maenas: version of this package.
        python: version of Python.
        machine: operating system and architecture.
        cores: number of CPU cores.
        gpu: name of the GPU that torch uses; None without one.
        packages: version of each package that a part of maenas needs; None if it is missing.
        runtimes: runtimes that measure latency, and why one cannot be used here.
        damaged: latency tables that cannot be read, with the reason.
        devices: latency models that `--device` can name.
        nodes: nodes of the cluster; None if no cluster was asked about.
    """

    maenas: str
    python: str
    machine: str
    cores: int | None
    gpu: str | None
    packages: Mapping[str, str | None]
    runtimes: tuple[Availability, ...]
    damaged: Mapping[str, str]
    devices: tuple[LatencyModel, ...]
    nodes: tuple[ClusterNode, ...] | None = None

    @property
    def lacking(self) -> dict[str, str]:
        """What is missing for each job of this project on this CPU; {} if all can be done."""
        lacking = {}
        for job, packages in JOBS.items():
            reasons = [
                f"{name} is not installed; {PACKAGES[name][1]}"
                for name in packages
                if not self.packages[name]
            ]
            if job == "measuring":
                reasons += self._no_runtime()
            if reasons:
                lacking[job] = ", ".join(reasons)
        return lacking

    def _no_runtime(self) -> list[str]:
        """Why no runtime can measure on this CPU; [] if one can."""
        own = {each.backend: each.why_not for each in self.runtimes if each.backend in ON_CPU}
        return [] if None in own.values() else [str(own[NAMES["cpu"]]).rstrip(".")]

    def to_json(self) -> dict[str, Any]:
        """The result as plain data."""
        missing = {name: PACKAGES[name][1] for name, found in self.packages.items() if not found}
        result: dict[str, Any] = {
            "schema": SCHEMA,
            "maenas": self.maenas,
            "python": self.python,
            "machine": self.machine,
            "cores": self.cores,
            "gpu": self.gpu,
            "packages": dict(self.packages),
            "missing": missing,
            "runtimes": [
                {"runtime": each.backend, "about": each.about, "why_not": each.why_not}
                for each in self.runtimes
            ],
            "tables": dict(self.damaged),
            "devices": [
                {"device": each.device, "kind": each.kind, "about": each.about}
                for each in self.devices
            ],
        }
        if self.nodes is not None:
            result["nodes"] = [
                {
                    "address": node.address,
                    "id": node.id,
                    "resources": dict(node.resources),
                    "versions": dict(node.versions),
                    "differs": node.differences(here()),
                }
                for node in self.nodes
            ]
        return result


def run_checks(ray: str | None = None) -> ChecksResult:
    """Versions, missing packages, runtimes, devices with a latency model, nodes of a cluster.

    Args:
        ray: address of a Ray cluster; None for no cluster.
    Raises:
        ClusterError: if there is no cluster at this address.
    """
    nodes = None if ray is None else tuple(_nodes(ray))
    packages = {name: _version(name) for name in PACKAGES}
    devices, damaged = [], {}
    for name in device_names():
        try:
            devices.append(load_device(name))
        except MaenasError as damage:
            damaged[name] = str(damage)
    return ChecksResult(
        maenas=__version__,
        python=platform.python_version(),
        machine=f"{platform.system()} {platform.machine()}",
        cores=os.cpu_count(),
        gpu=_gpu() if packages["torch"] else "unknown without torch",
        packages=packages,
        runtimes=tuple(available()),
        damaged=damaged,
        devices=tuple(devices),
        nodes=nodes,
    )


def _nodes(ray: str) -> list[ClusterNode]:
    with joined(ray) as connected:
        return ask_nodes(connected)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _gpu() -> str | None:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None
