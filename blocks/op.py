"""The unit of every cost: one deployed operator with its shapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Shape = tuple[int, int, int]  # (channels, height, width)
Sides = int | tuple[int, int]  # side of a square, or (height, width)
Act = Literal["none", "relu", "silu", "sigmoid"]
OpKind = Literal[
    "conv",
    "max_pool",
    "avg_pool",
    "global_pool",
    "upsample",
    "concat",
    "add",
    "mul",
    "slice",
    "decode",
    "act",
    "copy",
    "matmul",
    "softmax",
    "deconv",
    "split",
    "crop",
    "gather",
    "norm",
    "topk",
    "grid_sample",
]
Path = Literal["main", "side", "none"]


@dataclass(frozen=True, slots=True)
class Op:
    """One operator of the deployed network at batch size 1.

    BatchNorm is folded into its convolution, a re-parameterised convolution is a single
    convolution, and the activation and the residual add are fused into the convolution before
    them. TensorRT and OpenVINO run the network in this form, so costs are computed for it.

    Attributes:
        kind: type of the operator; "slice" is the space-to-depth of a Focus stem, "decode" the
            softmax expectation of a distribution over distances. The kinds from "act" on occur
            only in ONNX graphs: "act" is an activation that is not fused, "copy" moves elements
            without a change of values (transpose, pad), "matmul" maps (K, M, batch) to
            (N, M, batch), "deconv" is a transposed convolution, "split" cuts a map along its
            channels, "crop" takes a contiguous part, "gather" reads or writes at indices, "norm"
            normalises by statistics of its input (LayerNorm, InstanceNorm).
        in_shape: (channels, height, width) of the input; channels are summed over the inputs of a
            concat.
        out_shape: (channels, height, width) of the output.
        kernel_size: side of the square kernel, or its (height, width).
        stride: stride along both axes, or along (height, width).
        groups: number of groups of a convolution; the input channels for a depthwise one.
        act: activation fused into the operator.
        norm: whether a BatchNorm follows in the training form. It is folded when deployed, but
            published figures count it: 2 params per channel, 2 operations per element.
        adds: whether the operator also adds a residual of its output shape before the activation;
            an add after the activation is an operator "add".
        path: "main" for operators on the main path, which count for the score; "side" for the
            branch of a CSP stage that joins the main path in a concat; "none" for operators that
            count only for costs: shortcuts, projections, squeeze-and-excite, SPP.
    """

    kind: OpKind
    in_shape: Shape
    out_shape: Shape
    kernel_size: Sides = 1
    stride: Sides = 1
    groups: int = 1
    act: Act = "none"
    norm: bool = False
    adds: bool = False
    path: Path = "none"

    def __post_init__(self) -> None:
        for name in ("kernel_size", "stride"):  # equal operators compare equal: (3, 3) becomes 3
            sides = getattr(self, name)
            if type(sides) is tuple and sides[0] == sides[1]:
                object.__setattr__(self, name, sides[0])

    @property
    def kernel(self) -> tuple[int, int]:
        """Height and width of the kernel."""
        return height_width(self.kernel_size)

    @property
    def kernel_area(self) -> int:
        """Number of positions under the kernel."""
        height, width = height_width(self.kernel_size)
        return height * width

    @property
    def strides(self) -> tuple[int, int]:
        """Strides along height and width."""
        return height_width(self.stride)

    @property
    def fan_in(self) -> int:
        """Number of inputs of one output element: channels per group times kernel area."""
        return self.in_shape[0] // self.groups * self.kernel_area

    @property
    def macs(self) -> int:
        """Multiply-accumulates of convolutions and matrix products; 0 for every other kind."""
        if self.kind == "deconv":
            return self.fan_in * elements(self.in_shape) * self.out_shape[0] // self.in_shape[0]
        if self.kind not in ("conv", "matmul"):
            return 0
        return self.fan_in * elements(self.out_shape)

    @property
    def params(self) -> int:
        """Weights plus, per channel, one bias or the two params of a BatchNorm that follows.

        The DAMO-YOLO report counts in the same way: re-parameterised convolutions are merged,
        BatchNorms are not folded.
        """
        if self.kind != "conv":
            return 0
        return self.out_shape[0] * (self.fan_in + (2 if self.norm else 1))

    @property
    def working_set(self) -> int:
        """Number of elements in memory while it runs: inputs, a residual, and the output."""
        written = elements(self.out_shape)
        reads_second = self.adds or self.kind == "add"
        return elements(self.in_shape) + written + (written if reads_second else 0)


def height_width(sides: Sides) -> tuple[int, int]:
    """Height and width of a window given as the side of a square or as both."""
    return sides if isinstance(sides, tuple) else (sides, sides)


def elements(shape: Shape) -> int:
    """Number of elements of a feature map."""
    return shape[0] * shape[1] * shape[2]


def conv(
    in_shape: Shape,
    out_channels: int,
    kernel_size: Sides = 1,
    stride: Sides = 1,
    groups: int = 1,
    act: Act = "none",
    norm: bool = True,
    adds: bool = False,
    path: Path = "none",
) -> Op:
    """A convolution padded by `kernel_size // 2`, like all convolutions of blocks."""
    out_shape = (out_channels, *strided(in_shape, kernel_size, stride))
    return Op("conv", in_shape, out_shape, kernel_size, stride, groups, act, norm, adds, path)


def strided(shape: Shape, kernel_size: Sides, stride: Sides) -> tuple[int, int]:
    """Height and width after a window of `kernel_size` padded by `kernel_size // 2`."""
    kernel, strides = height_width(kernel_size), height_width(stride)
    height, width = (
        (size + 2 * (side // 2) - side) // step + 1
        for size, side, step in zip(shape[1:], kernel, strides, strict=True)
    )
    return height, width


def avg_pool(shape: Shape) -> Op:
    """The 2x2 average pool of a strided shortcut; an odd last row or column is pooled alone."""
    channels, height, width = shape
    return Op("avg_pool", shape, (channels, -(-height // 2), -(-width // 2)), 2, 2)


def max_pool(shape: Shape, kernel_size: int) -> Op:
    """A max pool of stride 1 that keeps the size of the map."""
    return Op("max_pool", shape, shape, kernel_size)


def upsample(shape: Shape) -> Op:
    """Nearest-neighbour upsampling by two."""
    channels, height, width = shape
    return Op("upsample", shape, (channels, 2 * height, 2 * width))


def concat(*shapes: Shape, path: Path = "none") -> Op:
    """Concatenation over channels of maps of one size."""
    shape = (sum(channels for channels, _, _ in shapes), *shapes[0][1:])
    return Op("concat", shape, shape, path=path)
