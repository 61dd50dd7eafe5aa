"""The backbone as a module, with the features interface of timm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, overload

from torch import Tensor, nn

from maenas.blocks.errors import SpecError
from maenas.blocks.layers.initial_weights import draw_by_width

if TYPE_CHECKING:
    from maenas.blocks.backbone import Backbone

Value = TypeVar("Value", int, str)

Entry = dict[str, int | str]


@dataclass(frozen=True)
class FeatureInfo:
    """The outputs of all stages and the indices of those returned, like timm's `feature_info`.

    Attributes:
        info: `num_chs`, `reduction`, `module` and `index` of every stage.
        out_indices: indices of the stages whose maps are returned.
    """

    info: tuple[Entry, ...]
    out_indices: tuple[int, ...]

    @overload
    def channels(self, idx: int) -> int: ...
    @overload
    def channels(self, idx: Sequence[int] | None = None) -> list[int]: ...
    def channels(self, idx: int | Sequence[int] | None = None) -> int | list[int]:
        """Channels of the returned features, or of the features in `idx`."""
        return self._of("num_chs", idx, int)

    @overload
    def reduction(self, idx: int) -> int: ...
    @overload
    def reduction(self, idx: Sequence[int] | None = None) -> list[int]: ...
    def reduction(self, idx: int | Sequence[int] | None = None) -> int | list[int]:
        """Stride, relative to the image, of the returned features or of the features in `idx`."""
        return self._of("reduction", idx, int)

    @overload
    def module_name(self, idx: int) -> str: ...
    @overload
    def module_name(self, idx: Sequence[int] | None = None) -> list[str]: ...
    def module_name(self, idx: int | Sequence[int] | None = None) -> str | list[str]:
        """Submodule names of the returned features, or of the features in `idx`."""
        return self._of("module", idx, str)

    def get_dicts(self) -> list[Entry]:
        """All entries of each returned feature."""
        return [dict(self.info[index]) for index in self.out_indices]

    def __getitem__(self, index: int) -> Entry:
        return dict(self.info[index])

    def __len__(self) -> int:
        return len(self.info)

    def _of(
        self, key: str, idx: int | Sequence[int] | None, kind: Callable[[int | str], Value]
    ) -> Value | list[Value]:
        if isinstance(idx, int):
            return kind(self.info[idx][key])
        return [kind(self.info[index][key]) for index in (self.out_indices if idx is None else idx)]


class Network(nn.Module):
    """A network that runs stages one after another.

    With `features_only` it returns the list of its features, otherwise only the last map.
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
        info: list[Entry] = []
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
        if any(stage.draws_by_width for stage in backbone.stages):
            draw_by_width(self.stages)
        self.num_features = in_channels
        self.feature_info = FeatureInfo(tuple(info), self.out_indices)

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
