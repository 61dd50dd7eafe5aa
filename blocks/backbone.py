"""A backbone: a chain of stages, of which some outputs are the features of the neck."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from maenas.blocks.block import Block
from maenas.blocks.conv_stem import ConvStem
from maenas.blocks.csp import CSP
from maenas.blocks.errors import SpecError
from maenas.blocks.files.words import did_you_mean
from maenas.blocks.focus_stem import FocusStem
from maenas.blocks.mob import Mob
from maenas.blocks.op import Op, Shape
from maenas.blocks.plugins.load import entry_points
from maenas.blocks.plugins.registry import add_named, derived
from maenas.blocks.res_k1dwk1 import ResK1DWK1
from maenas.blocks.res_k1dwsek1 import ResK1DWSEK1
from maenas.blocks.res_k1kx import ResK1KX
from maenas.blocks.res_k1kxk1 import ResK1KXK1
from maenas.blocks.res_kxkx import ResKXKX
from maenas.blocks.spp import SPP

if TYPE_CHECKING:
    from maenas.blocks.layers.network import Network

BLOCKS: dict[str, type[Block]] = {
    block.kind: block
    for block in (
        ConvStem,
        FocusStem,
        SPP,
        ResK1KX,
        ResKXKX,
        CSP,
        ResK1KXK1,
        ResK1DWK1,
        ResK1DWSEK1,
        Mob,
    )
}


LARGEST_SIDE = 16_384  # largest height or width of an input image in pixels, and most channels
MOST_LAYERS = 10_000


@dataclass(frozen=True, slots=True)
class Backbone:
    """A chain of stages and the indices of those whose outputs are features.

    Attributes:
        stages: stages in order, the stem first.
        features: indices into `stages`, ascending, of the outputs for the neck or the user.
        in_shape: (channels, height, width) of the input image for search and costs.
    Raises:
        SpecError: if there is no stage, a feature does not exist, or a stage cannot accept its
            input.
    """

    stages: tuple[Block, ...]
    features: tuple[int, ...]
    in_shape: Shape = (3, 640, 640)

    def __post_init__(self) -> None:
        if not self.stages:
            raise SpecError("stages: at least one is needed.")
        if min(self.in_shape) < 1:
            raise SpecError(f"in_shape: must be positive, got {list(self.in_shape)}.")
        if max(self.in_shape) > LARGEST_SIDE:
            raise SpecError(
                f"in_shape: must be at most {LARGEST_SIDE:,} each, got {list(self.in_shape)}."
            )
        if self.layers > MOST_LAYERS:
            raise SpecError(f"stages: must have at most {MOST_LAYERS:,} layers, got {self.layers}.")
        count = len(self.stages)
        ascending = list(self.features) == sorted(set(self.features))
        if not (self.features and ascending and 0 <= self.features[0] <= self.features[-1] < count):
            raise SpecError(
                f"features: must be ascending indices of the {count} stages, "
                f"got {list(self.features)}."
            )
        stride = prod(stage.stride for stage in self.stages)
        if min(self.in_shape[1:]) < stride:
            raise SpecError(
                f"in_shape: {list(self.in_shape)} is too small for these stages, which divide "
                f"height and width by {stride}."
            )
        for _ in self.stage_ops():  # each stage must accept the output of the previous one
            pass

    def stage_ops(self) -> Iterator[tuple[Op, ...]]:
        """The deployed operators, stage by stage."""
        shape = self.in_shape
        for index, stage in enumerate(self.stages):
            try:
                ops = tuple(stage.ops(shape))
            except SpecError as error:
                raise SpecError(f"stages[{index}]: {error}") from None
            yield ops
            shape = ops[-1].out_shape

    def ops(self) -> tuple[Op, ...]:
        """Every deployed operator in order of execution."""
        return tuple(op for ops in self.stage_ops() for op in ops)

    def feature_shapes(self) -> tuple[Shape, ...]:
        """(channels, height, width) of each feature."""
        shapes = [ops[-1].out_shape for ops in self.stage_ops()]
        return tuple(shapes[index] for index in self.features)

    def reductions(self) -> tuple[int, ...]:
        """Stride of each feature relative to the image."""
        strides, total = [], 1
        for stage in self.stages:
            total *= stage.stride
            strides.append(total)
        return tuple(strides[index] for index in self.features)

    @property
    def levels(self) -> tuple[int, ...]:
        """Resolution level of each stage; every strided stage but the first starts a new level.

        Source: MAE-NAS, which calls them stages C1 to C5 and weights its score by them.
        """
        level, levels = 0, []
        for index, stage in enumerate(self.stages):
            level += index > 0 and stage.stride == 2
            levels.append(level)
        return tuple(levels)

    @property
    def layers(self) -> int:
        """Depth as published: 1 for a stem, 2 or 3 per residual unit."""
        return sum(stage.layers for stage in self.stages)

    def build(
        self, features_only: bool = True, out_indices: Sequence[int] | None = None
    ) -> Network:
        """The trainable network, with timm's features interface.

        Args:
            features_only: whether to return a list of feature maps instead of only the last map.
            out_indices: stages to return instead of `features`; negative indices count from the
                end.
        """
        from maenas.blocks.layers.network import Network

        return Network(self, features_only, out_indices)


def block_class(kind: object, where: str) -> type[Block]:
    """The class of a block, plugins included; `where` names file and stage.

    Raises:
        SpecError: if there is no block of that name.
    """
    if isinstance(kind, str) and kind not in BLOCKS:
        for found in entry_points("maenas.blocks"):
            register_block(found)
    if not isinstance(kind, str) or kind not in BLOCKS:
        raise SpecError(
            f"{where}.block: no such block {kind!r}{did_you_mean(str(kind), [*BLOCKS])}; a block "
            "of your own is loaded by --plugin MODULE."
        )
    return BLOCKS[kind]


def register_block(block: object) -> None:
    """Register a block class under its `kind`.

    Raises:
        SpecError: if it is not a block, or the name is taken.
    """
    kind = derived(block, Block, "block")
    add_named(BLOCKS, kind.kind, kind, "block")
