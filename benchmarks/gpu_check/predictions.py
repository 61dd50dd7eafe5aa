"""Section: a detector finds on the GPU what it finds on the CPU, in every precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from benchmarks.gpu_check.report import Part
from benchmarks.gpu_check.trainings import still_network
from maenas.blocks.layers.deploy import deploy
from maenas.detector.runtimes.torch_runtime import TorchRuntime
from tests.lively import images

MODELS = ("ns", "s")
SIDE, COUNT = 640, 4
# Largest allowed mean difference of a score: rounding of the products, TF32 for "f32".
ALLOWED = {"f32": 2e-3, "f16": 5e-3, "bf16": 3e-2}


def run(part: Part, fake: bool) -> None:
    """See the module."""
    side, count = (64, 1) if fake else (SIDE, COUNT)
    for model in MODELS[: 1 if fake else None]:
        spec, network = still_network(model, side)
        some = images(spec, count)
        cpu = TorchRuntime(spec, network, "cpu").run(some)
        found = {"f32": _differences(cpu, TorchRuntime(spec, network, "cuda").run(some))}
        moved: Any = deploy(network).to("cuda")
        pixels = torch.from_numpy(some).to("cuda")
        for name, kind in (("f16", torch.float16), ("bf16", torch.bfloat16)):
            with torch.inference_mode(), torch.autocast("cuda", dtype=kind):
                scores, boxes = moved.predict(pixels)
            gpu = [each.float().cpu().numpy() for each in (scores, boxes)]
            found[name] = _differences(cpu, gpu)
        for name, told in found.items():
            told["agrees"] = told["scores_mean"] <= ALLOWED[name]
        part.tell(model, found)


def _differences(ours: Any, theirs: Any) -> dict[str, Any]:
    scores, boxes = (abs(np.asarray(one) - two) for one, two in zip(ours, theirs, strict=True))
    return {
        "scores_mean": float(scores.mean()),
        "scores_max": float(scores.max()),
        "boxes_px_mean": float(boxes.mean()),
        "boxes_px_max": float(boxes.max()),
    }
