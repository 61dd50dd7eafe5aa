"""Run a detector in torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor

from maenas.blocks.layers.deploy import deploy
from maenas.detector.arrays import Floats
from maenas.detector.errors import ModelError
from maenas.detector.model.decode import decode
from maenas.detector.model.raw_level import RawLevel
from maenas.detector.runtimes.batches import Outputs, in_batches, require_shape
from maenas.detector.runtimes.runtime import Runtime

if TYPE_CHECKING:
    from maenas.detector.model.layers.network import DetectorNetwork
    from maenas.detector.model.spec import DetectorSpec


class TorchRuntime(Runtime):
    """Runtime of a deployed copy of a network, in float32 or under autocast.

    Args:
        spec: spec of the detector.
        network: network in training or deployed form; it is not changed.
        compute: device that torch computes on, such as "cpu" or "cuda:0".
        precision: autocast dtype; None for float32.
    Raises:
        ModelError: if torch does not know the device or this machine does not have it.
    """

    def __init__(
        self,
        spec: DetectorSpec,
        network: DetectorNetwork,
        compute: str = "cpu",
        precision: torch.dtype | None = None,
    ) -> None:
        self.in_shape = spec.backbone.in_shape
        self.names = spec.names
        self.resize = spec.resize
        self.is_nano = spec.is_nano
        self.one_to_one = spec.head.one_to_one
        kind = "f32" if precision is None else str(precision).removeprefix("torch.")
        self.about = f"torch {torch.__version__} on {compute}, {kind}"
        self._precision = precision
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

    def run_there(self, images: Floats) -> tuple[Tensor, Tensor]:
        """See `Runtime.run_there`."""
        if self._compute.type == "cpu":
            return super().run_there(images)
        require_shape(images, self.in_shape)
        scores, boxes = self._predict(images)
        torch.cuda.synchronize(self._compute)  # the time of the network ends here
        return scores, boxes

    def _run(self, images: Floats) -> Outputs:
        scores, boxes = self._predict(images)
        return scores.cpu().numpy(), boxes.cpu().numpy()

    @torch.inference_mode()
    def _predict(self, images: Floats) -> tuple[Tensor, Tensor]:
        ready = torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32)).to(self._compute)
        with torch.autocast(
            self._compute.type, self._precision, enabled=self._precision is not None
        ):
            levels = self._network(ready)
        # Half precision would round the positions of boxes to several pixels.
        wide = [RawLevel(each.scores.float(), each.distances.float()) for each in levels]
        return decode(wide, self._network.strides)
