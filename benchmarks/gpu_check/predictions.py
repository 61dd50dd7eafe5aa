"""Section: a detector finds on the GPU what it finds on the CPU, in every precision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from benchmarks.gpu_check.machine import has_bf16
from benchmarks.gpu_check.report import Part
from benchmarks.gpu_check.trainings import still_network
from maenas.detector.ops.nms import nms
from maenas.detector.runtimes.torch_runtime import TorchRuntime
from tests.lively import images

MODELS = ("ns", "s")
SIDE, COUNT = 640, 4
CANDIDATES = 500  # boxes of the comparison of NMS


@dataclass(frozen=True, slots=True)
class Precision:
    """A precision and the largest differences from the CPU in 32 bits that it may have.

    The CPU itself differs in f16 by 5 % of the spread and 0.1 pixels, in bf16 by 32 % and 0.6
    pixels (S at 256x256); two unrelated outputs differ by 140 %. TF32, in which cuDNN computes
    convolutions of 32 bits, rounds as f16 does.

    Attributes:
        kind: type of autocast; None for 32 bits.
        tf32: whether convolutions of 32 bits may round to TF32, as by default.
        share: mean difference of scores, as a share of the mean distance of a score from the mean.
        pixels: mean difference of the sides of a box.
    """

    kind: torch.dtype | None
    share: float
    pixels: float
    tf32: bool = True


PRECISIONS = {
    "f32_exact": Precision(None, 1e-3, 0.01, tf32=False),
    "f32": Precision(None, 0.2, 0.5),
    "f16": Precision(torch.float16, 0.2, 0.5),
    "bf16": Precision(torch.bfloat16, 0.7, 2.5),
}


def run(part: Part, fake: bool) -> None:
    """See the module."""
    side, count = (64, 1) if fake else (SIDE, COUNT)
    for model in MODELS[: 1 if fake else None]:
        spec, network = still_network(model, side)
        some = images(spec, count)
        cpu = TorchRuntime(spec, network, "cpu").run(some)
        found = {
            name: differences(cpu, on_gpu(spec, network, precision, some))
            for name, precision in PRECISIONS.items()
            if name != "bf16" or has_bf16()
        }
        part.tell(model, found)
        for name in found:
            require_agreement(part, model, name, found[name])
    try:
        require_nms(part)
    except ModuleNotFoundError as error:
        part.tell("nms_skipped", f"needs the package {error.name}")


def require_nms(part: Part) -> None:
    """Note it if NMS on the GPU keeps other detections of the same candidates than on the CPU."""
    random = torch.Generator().manual_seed(0)
    scores = torch.rand(CANDIDATES, 3, generator=random)
    corners = torch.rand(CANDIDATES, 2, generator=random) * SIDE / 8
    sides = SIDE / 8 * (1 + torch.rand(CANDIDATES, 2, generator=random))
    boxes = torch.cat((corners, corners + sides), dim=1)
    ours, theirs = nms(scores, boxes), nms(scores.to("cuda"), boxes.to("cuda"))
    pairs = [
        (one, two.cpu())
        for one, two in zip(
            (ours.boxes, ours.scores, ours.classes),
            (theirs.boxes, theirs.scores, theirs.classes),
            strict=True,
        )
    ]
    part.tell("nms_kept", len(ours.scores))
    part.require(
        all(torch.equal(one, two) for one, two in pairs),
        f"NMS on the GPU must keep the {len(ours.scores)} detections that it keeps on the CPU, got "
        f"{len(theirs.scores)} or others",
    )


def on_gpu(spec: Any, network: Any, precision: Precision, some: Any) -> Any:
    """What the GPU finds in a precision."""
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=precision.tf32):
        return TorchRuntime(spec, network, "cuda", precision.kind).run(some)


def differences(ours: Any, theirs: Any) -> dict[str, float]:
    """Differences of scores and boxes."""
    scores, boxes = (abs(np.asarray(one) - two) for one, two in zip(ours, theirs, strict=True))
    spread = abs(ours[0] - ours[0].mean()).mean()
    return {
        "scores_mean": float(scores.mean()),
        "scores_max": float(scores.max()),
        "scores_share": float(scores.mean() / spread),
        "boxes_px_mean": float(boxes.mean()),
        "boxes_px_max": float(boxes.max()),
    }


def require_agreement(part: Part, model: str, name: str, found: Mapping[str, float]) -> None:
    """Note it if a precision differs by more than it may; no number is a difference as well."""
    allowed = PRECISIONS[name]
    share, pixels = found["scores_share"], found["boxes_px_mean"]
    part.require(
        share <= allowed.share,
        f"{model} {name}: scores must differ from the CPU's by at most {allowed.share:.1%} of "
        f"their spread, got {share:.2%}",
    )
    part.require(
        pixels <= allowed.pixels,
        f"{model} {name}: boxes must differ from the CPU's by at most {allowed.pixels} pixels, "
        f"got {pixels:.3f}",
    )
