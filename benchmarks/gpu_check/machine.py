"""Section: GPUs, driver, versions and clocks; torch alone is enough."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from benchmarks.gpu_check.report import Part

QUERY = (
    "name,driver_version,pstate,clocks.sm,clocks.max.sm,clocks.mem,clocks.max.mem,power.draw,"
    "power.limit,temperature.gpu,utilization.gpu,memory.used,memory.total"
)
PACKAGES = ("numpy", "pydantic", "pyyaml", "platformdirs", "onnx", "pillow", "torchvision",
            "scipy", "safetensors", "matplotlib", "typer", "rich", "nvidia-ml-py",
            "tensorrt")  # fmt: skip
NEEDED = PACKAGES[:-2]
SIDE = 4096  # rows and columns of the matrices multiplied


def run(part: Part, fake: bool) -> None:
    """See the module."""
    part.tell("available", torch.cuda.is_available())
    if not part.result["available"]:
        raise RuntimeError(f"no NVIDIA GPU that torch {torch.__version__} can use was found")
    gpus = [_gpu(index) for index in range(torch.cuda.device_count())]
    part.tell("gpus", gpus, ", ".join(gpu["name"] for gpu in gpus))
    software: dict[str, Any] = {
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        "python": platform.python_version(),
        "system": platform.system(),
        "cores": os.cpu_count(),
    }
    packages = {name: _version(name) for name in PACKAGES}
    part.tell("software", software | {"packages": packages})
    missing = [name for name in NEEDED if packages[name] is None]
    part.tell("missing", missing, f"missing packages: {', '.join(missing) or 'none'}")
    if missing:
        part.say(f"for the whole check: pip install {' '.join(missing)}")
    part.tell("bf16", has_bf16())
    part.tell("clocks_idle", clocks(), "clocks read")
    part.tell("products_tflops", products(256 if fake else SIDE))
    part.tell("clocks_busy", clocks(), "clocks read after work")


def has_bf16() -> bool:
    """Whether the GPU computes in bf16 itself; those before Ampere emulate it, slowly."""
    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def clocks() -> list[dict[str, str]]:
    """What nvidia-smi says of every GPU; empty without it."""
    command = ["nvidia-smi", f"--query-gpu={QUERY}", "--format=csv,noheader"]
    try:
        out = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    rows = (line.split(", ") for line in out.strip().splitlines())
    return [dict(zip(QUERY.split(","), row, strict=False)) for row in rows]


def _gpu(index: int) -> dict[str, Any]:
    properties = torch.cuda.get_device_properties(index)
    return {
        "name": torch.cuda.get_device_name(index),
        "capability": ".".join(map(str, torch.cuda.get_device_capability(index))),
        "memory_gib": properties.total_memory / 2**30,
        "multiprocessors": properties.multi_processor_count,
    }


def products(side: int) -> dict[str, float]:
    """Teraflops of a product of two square matrices in each precision."""
    found = {}
    kinds = {"f32": torch.float32, "f16": torch.float16}
    for name, kind in (kinds | ({"bf16": torch.bfloat16} if has_bf16() else {})).items():
        left, right = (torch.randn(side, side, device="cuda", dtype=kind) for _ in range(2))
        left @ right
        event: Any = torch.cuda.Event
        start, end = (event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(10):
            left @ right
        end.record()
        torch.cuda.synchronize()
        seconds = max(start.elapsed_time(end), 1e-6) / 1e4
        found[name] = 2 * side**3 / seconds / 1e12
    return found


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
