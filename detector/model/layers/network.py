"""The module of the whole detector."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from maenas.detector.model.decode import decode
from maenas.detector.model.raw_level import RawLevel

if TYPE_CHECKING:
    from maenas.detector.model.spec import DetectorSpec


class DetectorNetwork(nn.Module):
    """A detector: backbone, neck and head in sequence."""

    def __init__(self, spec: DetectorSpec) -> None:
        super().__init__()
        widths = [shape[0] for shape in spec.backbone.feature_shapes()]
        self.backbone = spec.backbone.build()
        self.neck = spec.neck.build(widths)
        self.head = spec.head.build(spec.neck.out_channels)
        self.strides = spec.backbone.reductions()
        self.in_channels = spec.backbone.in_shape[0]

    def forward(self, images: Tensor) -> list[RawLevel]:
        """Images (B, C, H, W) in 0..255, sides multiples of 32 -> logits of each level."""
        levels: list[RawLevel] = self.head(self.maps(images)["neck"])
        return levels

    def maps(self, images: Tensor) -> dict[str, list[Tensor]]:
        """The feature maps of "backbone" and "neck"."""
        features = self.backbone(images)
        return {"backbone": features, "neck": self.neck(features)}

    def predict(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images -> scores (B, N, num_classes) and boxes (B, N, 4) in pixels, before NMS."""
        return decode(self(images), self.strides)
