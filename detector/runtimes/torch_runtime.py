"""A detector run by torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch

from blocks.layers.deploy import deploy
from detector.errors import ModelError
from detector.runtimes.batches import Outputs, in_batches
from detector.runtimes.runtime import Floats, Runtime

if TYPE_CHECKING:
    from detector.layers.network import DetectorNetwork
    from detector.spec import DetectorSpec


class TorchRuntime(Runtime):
    """A deployed copy of a network, in 32-bit floats.

    Args:
        spec: of the detector.
        network: in training or deployed form; it is left as it is.
        compute: torch's name of where it runs, such as "cpu" or "cuda:0".
    Raises:
        ModelError: for a place that torch does not know or that is not here.
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

    def run(self, pictures: Floats) -> Outputs:
        return in_batches(pictures, self.in_shape, None, self._run)

    def _run(self, pictures: Floats) -> Outputs:
        with torch.inference_mode():
            scores, boxes = self._network.predict(torch.from_numpy(pictures).to(self._compute))
        return scores.cpu().numpy(), boxes.cpu().numpy()
