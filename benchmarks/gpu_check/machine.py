"""Section: GPUs, driver, versions and clocks; torch alone is enough."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from benchmarks.gpu_check.report import Part

QUERY = (
    "name,driver_version,pstate,clocks.sm,clocks.max.sm,clocks.mem,clocks.max.mem,power.draw,"
    "power.limit,temperature.gpu,utilization.gpu,memory.used,memory.total"
)
PACKAGES = ("numpy", "pydantic", "pyyaml", "platformdirs", "onnx", "pillow", "torchvision",
            "scipy", "safetensors", "matplotlib", "typer", "rich", "pycocotools", "nvidia-ml-py",
            "tensorrt")  # fmt: skip
NEEDED = PACKAGES[:-2]
SIDE = 4096  # rows and columns of the matrices multiplied
WORK_S = 0.5  # seconds of products in each precision; clocks rise meanwhile, the last third counts
FEWEST, MOST = 10, 5000  # products that are timed
AT_ONCE = 10  # products between two looks at the clock


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
    side, seconds = (256, 0.0) if fake else (SIDE, WORK_S)
    part.tell("products_tflops", products(side, seconds))
    part.tell("clocks_busy", clocks_at_work(side, seconds), "clocks read during work")


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


def products(side: int, seconds: float) -> dict[str, float]:
    """Teraflops of a product of two square matrices in each precision, once clocks have risen."""
    found = {}
    kinds = {"f32": torch.float32, "f16": torch.float16}
    for name, kind in (kinds | ({"bf16": torch.bfloat16} if has_bf16() else {})).items():
        matrices = _matrices(side, kind)
        done, started = 0, time.perf_counter()
        while done == 0 or time.perf_counter() - started < seconds * 2 / 3:
            done += _multiply(*matrices)
        each = (time.perf_counter() - started) / done
        count = max(FEWEST, min(MOST, round(seconds / 3 / each)))
        event: Any = torch.cuda.Event
        start, end = (event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(count):
            matrices[0] @ matrices[1]
        end.record()
        torch.cuda.synchronize()
        taken_s = max(start.elapsed_time(end), 1e-6) / 1e3
        found[name] = 2 * side**3 * count / taken_s / 1e12
    return found


def clocks_at_work(side: int, seconds: float) -> list[dict[str, str]]:
    """What nvidia-smi says while the GPU multiplies; it starts after `seconds` of work."""
    matrices, started = _matrices(side, torch.float16), time.perf_counter()
    while time.perf_counter() - started < seconds:
        _multiply(*matrices)
    with ThreadPoolExecutor(1) as beside:
        asked = beside.submit(clocks)
        while not asked.done():
            _multiply(*matrices)
    return asked.result()


def _matrices(side: int, kind: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    left, right = (torch.randn(side, side, device="cuda", dtype=kind) for _ in range(2))
    return left, right


def _multiply(left: torch.Tensor, right: torch.Tensor) -> int:
    """Multiply a few times and wait for the results; returns how often."""
    for _ in range(AT_ONCE):
        left @ right
    torch.cuda.synchronize()
    return AT_ONCE


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
