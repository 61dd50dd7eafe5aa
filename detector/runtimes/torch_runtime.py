"""Run a detector in torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch

from maenas.blocks.layers.deploy import deploy
from maenas.detector.arrays import Floats
from maenas.detector.errors import ModelError
from maenas.detector.runtimes.batches import Outputs, in_batches
from maenas.detector.runtimes.runtime import Runtime

if TYPE_CHECKING:
    from maenas.detector.model.layers.network import DetectorNetwork
    from maenas.detector.model.spec import DetectorSpec


class TorchRuntime(Runtime):
    """Runtime of a deployed copy of a network, in float32.

    Args:
        spec: spec of the detector.
        network: network in training or deployed form; it is not changed.
        compute: device that torch computes on, such as "cpu" or "cuda:0".
    Raises:
        ModelError: if torch does not know the device or this machine does not have it.
    """

    def __init__(self, spec: DetectorSpec, network: DetectorNetwork, compute: str = "cpu") -> None:
        self.in_shape = spec.backbone.in_shape
        self.names = spec.names
        self.resize = spec.resize
        self.is_nano = spec.is_nano
        self.about = f"torch {torch.__version__} on {compute}, f32"
        deployed = cast("DetectorNetwork", deploy(network)).float()
        try:
            self._compute = torch.device(compute)
            self._network = deployed.to(self._compute)
        except (RuntimeError, AssertionError) as error:  # the latter without a CUDA build
            reason = " ".join(str(error).split())[:160]
            raise ModelError(
                f"compute: must be cpu or a device of this machine such as cuda:0, got "
                f"{compute!r}: {reason}"
            ) from None

    def run(self, images: Floats) -> tuple[Floats, Floats]:
        """See `Runtime.run`."""
        scores, boxes = in_batches(images, self.in_shape, None, self._run)
        return scores, boxes

    def _run(self, images: Floats) -> Outputs:
        with torch.inference_mode():
            scores, boxes = self._network.predict(torch.from_numpy(images).to(self._compute))
        return scores.cpu().numpy(), boxes.cpu().numpy()
