"""The backbone as a module, with the features interface of timm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor, nn

from blocks.errors import SpecError

if TYPE_CHECKING:
    from blocks.backbone import Backbone


@dataclass(frozen=True)
class FeatureInfo:
    """What each returned feature is, as timm's `feature_info` tells it."""

    info: tuple[dict[str, int | str], ...]

    def channels(self) -> list[int]:
        """Channels of each feature."""
        return [int(entry["num_chs"]) for entry in self.info]

    def reduction(self) -> list[int]:
        """Stride of each feature against the picture."""
        return [int(entry["reduction"]) for entry in self.info]

    def module_name(self) -> list[str]:
        """Name of the submodule whose output each feature is."""
        return [str(entry["module"]) for entry in self.info]

    def get_dicts(self) -> list[dict[str, int | str]]:
        """`num_chs`, `reduction`, `module` and `index` of each feature."""
        return [dict(entry) for entry in self.info]

    def __len__(self) -> int:
        return len(self.info)


class Network(nn.Module):
    """Stages in a row.

    `features_only` networks return the list of their features; others the last map alone.
    """

    def __init__(
        self, backbone: Backbone, features_only: bool, out_indices: Sequence[int] | None
    ) -> None:
        super().__init__()
        count = len(backbone.stages)
        wanted = backbone.features if out_indices is None else out_indices
        if any(not -count <= index < count for index in wanted):
            raise SpecError(
                f"out_indices: must be indices of the {count} stages, got {list(wanted)}."
            )
        self.out_indices = tuple(sorted({index % count for index in wanted}))
        self.features_only = features_only
        stages: list[nn.Module] = []
        info: list[dict[str, int | str]] = []
        in_channels, reduction = backbone.in_shape[0], 1
        for index, (stage, ops) in enumerate(
            zip(backbone.stages, backbone.stage_ops(), strict=True)
        ):
            stages.append(stage.build(in_channels))
            in_channels = ops[-1].out_shape[0]
            reduction *= stage.stride
            info.append(
                {
                    "num_chs": in_channels,
                    "reduction": reduction,
                    "module": f"stages.{index}",
                    "index": index,
                }
            )
        self.stages = nn.ModuleList(stages)
        self.num_features = in_channels
        self.feature_info = FeatureInfo(tuple(info[index] for index in self.out_indices))

    def forward(self, x: Tensor) -> list[Tensor] | Tensor:
        """(B, C, H, W) -> features, finest first, or the last map."""
        if self.features_only:
            return self.forward_intermediates(x)
        return self.forward_features(x)

    def forward_features(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the last map."""
        for stage in self.stages:
            x = stage(x)
        return x

    def forward_intermediates(self, x: Tensor) -> list[Tensor]:
        """(B, C, H, W) -> one map for each of `out_indices`."""
        features: list[Tensor] = []
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index in self.out_indices:
                features.append(x)
        return features
