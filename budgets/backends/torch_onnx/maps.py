"""ONNX operators on feature maps (B, C, H, W) in torch: convolution, pooling, resizing."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from maenas.budgets.backends.torch_onnx.node import Make, OnnxNode

CONVOLUTIONS: dict[int, Callable[..., Tensor]] = {3: F.conv1d, 4: F.conv2d, 5: F.conv3d}
TRANSPOSED: dict[int, Callable[..., Tensor]] = {
    3: F.conv_transpose1d,
    4: F.conv_transpose2d,
    5: F.conv_transpose3d,
}


def _convolution(node: OnnxNode) -> Callable[..., Tensor]:
    axes = node.rank() - 2
    if node.rank() not in CONVOLUTIONS:
        raise node.refused(f"{axes} axes of space")
    call = CONVOLUTIONS[node.rank()]
    stride = _ints(node, "strides", axes)
    dilation = _ints(node, "dilations", axes)
    before, after = _padding(node, node.shape(1)[2:], stride, dilation)
    groups = node.attribute("group", 1)
    if before == after:
        return lambda x, w, b=None: call(x, w, b, stride, before, dilation, groups)
    amounts = _around(before, after)
    return lambda x, w, b=None: call(F.pad(x, amounts), w, b, stride, 0, dilation, groups)


def _transposed(node: OnnxNode) -> Callable[..., Tensor]:
    axes = node.rank() - 2
    stride, dilation = _ints(node, "strides", axes), _ints(node, "dilations", axes)
    before, after = _padding(node, node.shape(1)[2:], stride, dilation)
    extra = _ints(node, "output_padding", axes, 0)
    if node.rank() not in TRANSPOSED or "output_shape" in node.attributes or before != after:
        raise node.refused("padding that differs between the sides, or a fixed output shape")
    call, groups = TRANSPOSED[node.rank()], node.attribute("group", 1)
    return lambda x, w, b=None: call(x, w, b, stride, before, extra, groups, dilation)


def _norm(node: OnnxNode) -> Callable[..., Tensor]:
    epsilon = float(node.attribute("epsilon", 1e-5))
    return lambda x, scale, shift, mean, variance: F.batch_norm(
        x, mean, variance, scale, shift, False, 0.0, epsilon
    )


def _max_pool(node: OnnxNode) -> Callable[..., Tensor]:
    kernel, stride, dilation, before, after = _window(node)
    if node.output_count > 1:
        raise node.refused("the indices of the maximum as a second output")
    amounts = _around(before, after)
    symmetric = before == after and all(
        2 * pad <= size for pad, size in zip(before, kernel, strict=True)
    )
    ceil = bool(node.attribute("ceil_mode", 0))
    if symmetric:
        return lambda x: F.max_pool2d(x, kernel, stride, before, dilation, ceil)
    lowest = float("-inf")
    return lambda x: F.max_pool2d(
        F.pad(x, amounts, value=lowest), kernel, stride, 0, dilation, ceil
    )


def _average_pool(node: OnnxNode) -> Callable[..., Tensor]:
    kernel, stride, dilation, before, after = _window(node)
    counts = bool(node.attribute("count_include_pad", 0))
    ceil = bool(node.attribute("ceil_mode", 0))
    if any(step != 1 for step in dilation) or (before != after and not counts):
        raise node.refused("dilations, or padding that differs between the sides")
    if before != after:
        amounts = _around(before, after)
        return lambda x: F.avg_pool2d(F.pad(x, amounts), kernel, stride, 0, ceil)
    return lambda x: F.avg_pool2d(x, kernel, stride, before, ceil, counts)


def _window(node: OnnxNode) -> tuple[list[int], list[int], list[int], list[int], list[int]]:
    """Return kernel, stride, dilation and padding of a 2D pooling."""
    if node.rank() != 4:
        raise node.refused(f"{node.rank() - 2} axes of space")
    kernel = _ints(node, "kernel_shape", 2)
    stride, dilation = _ints(node, "strides", 2), _ints(node, "dilations", 2)
    before, after = _padding(node, kernel, stride, dilation)
    return kernel, stride, dilation, before, after


def _global(call: Callable[..., Tensor]) -> Make:
    def make(node: OnnxNode) -> Callable[..., Tensor]:
        axes = [*range(2, node.rank())]
        return lambda x: call(x, axes, keepdim=True)

    return make


def _padding(
    node: OnnxNode, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Return the padding before and after each axis of the feature map."""
    axes = len(kernel)
    auto = node.attribute("auto_pad", "NOTSET")
    if auto == "NOTSET":
        pads = _ints(node, "pads", 2 * axes, 0)
        return pads[:axes], pads[axes:]
    if auto == "VALID":
        return [0] * axes, [0] * axes
    if node.kind == "ConvTranspose":
        raise node.refused(f"auto_pad {auto}")
    before, after = [], []
    sizes = node.shape()[2:]
    for size, k, step, spread in zip(sizes, kernel, stride, dilation, strict=True):
        total = max(0, (math.ceil(size / step) - 1) * step + (k - 1) * spread + 1 - size)
        small = total // 2
        before.append(small if auto == "SAME_UPPER" else total - small)
        after.append(total - small if auto == "SAME_UPPER" else small)
    return before, after


def _around(before: Sequence[int], after: Sequence[int]) -> list[int]:
    """Return the padding in the order of `F.pad`, the last axis first."""
    return [pad for pair in zip(reversed(before), reversed(after), strict=True) for pad in pair]


def _ints(node: OnnxNode, name: str, count: int, default: int = 1) -> list[int]:
    return list(node.attribute(name, [default] * count))


# Resizing.


def _resize(node: OnnxNode) -> Callable[..., Tensor]:
    """Resize height and width: nearest, linear, or torch's cubic interpolation."""
    scales_at = 1 if node.kind == "Upsample" or node.opset < 11 else 2
    scales = node.numbers("scales", scales_at)
    sizes = node.constant(3) if scales_at == 2 else None
    if node.rank() != 4 or (node.has(3) and node.attribute("axes", None) is not None):
        raise node.refused("anything but height and width")
    shape = node.shape()
    if sizes:
        out = [int(size) for size in sizes]
        factors = [o / i for o, i in zip(out, shape, strict=True)]
    else:
        factors = [float(scale) for scale in scales or ()]
        out = [math.floor(i * f) for i, f in zip(shape, factors, strict=True)]
    if tuple(out[:2]) != shape[:2]:
        raise node.refused("batch or channels resized")
    mode = node.attribute("mode", "nearest")
    where = node.attribute("coordinate_transformation_mode", _old_where(node))
    target = out[2:]
    if mode == "nearest":
        return _nearest(node, where, shape[2:], target, factors[2:])
    modes = {"linear": "bilinear", "bilinear": "bilinear", "cubic": "bicubic"}
    whole = where == "align_corners"
    if mode not in modes or (not whole and where not in ("half_pixel", "pytorch_half_pixel")):
        raise node.refused(f"{mode} with {where} coordinates")
    if mode == "cubic" and node.attribute("cubic_coeff_a", -0.75) != -0.75:
        raise node.refused("another coefficient of cubic than torch's -0.75")
    if node.attribute("antialias", 0):
        raise node.refused("antialias")
    if any(int(i * f) != o for i, f, o in zip(shape[2:], factors[2:], target, strict=True)):
        raise node.refused("a scale that gives no whole size")
    return lambda x, *_: F.interpolate(x, target, mode=modes[mode], align_corners=whole)


def _old_where(node: OnnxNode) -> str:
    """Return the coordinate transformation of opsets that had no attribute for it."""
    return "half_pixel" if node.opset >= 11 and node.kind == "Resize" else "asymmetric"


def _nearest(
    node: OnnxNode, where: str, sizes: Sequence[int], target: list[int], factors: Sequence[float]
) -> Callable[..., Tensor]:
    """Return one of torch's two nearest modes, if it picks the pixels that ONNX defines."""
    default = "round_prefer_floor" if node.opset >= 11 and node.kind == "Resize" else "floor"
    rounding = node.attribute("nearest_mode", default)
    triples = [*zip(sizes, target, factors, strict=True)]
    wanted = [_picked(node, where, rounding, *triple) for triple in triples]
    for mode, shift in (("nearest", 0.0), ("nearest-exact", 0.5)):
        given = [
            [min(int((o + shift) * size / out), size - 1) for o in range(out)]
            for size, out, _ in triples
        ]
        if given == wanted:
            return lambda x, *_: F.interpolate(x, target, mode=mode)
    raise node.refused(f"nearest with {where} coordinates and {rounding}")


def _picked(
    node: OnnxNode, where: str, rounding: str, size: int, out: int, factor: float
) -> list[int]:
    """Return the source index of each output index along one axis, by ONNX's definition."""
    positions: dict[str, Callable[[int], float]] = {
        "asymmetric": lambda o: o / factor,
        "half_pixel": lambda o: (o + 0.5) / factor - 0.5,
        "pytorch_half_pixel": lambda o: (o + 0.5) / factor - 0.5 if out > 1 else 0.0,
        "align_corners": lambda o: o * (size - 1) / (out - 1) if out > 1 else 0.0,
    }
    rounds: dict[str, Callable[[float], int]] = {
        "floor": math.floor,
        "ceil": math.ceil,
        "round_prefer_floor": lambda x: math.ceil(x - 0.5),
        "round_prefer_ceil": lambda x: math.floor(x + 0.5),
    }
    if where not in positions or rounding not in rounds:
        raise node.refused(f"nearest with {where} coordinates and {rounding}")
    return [min(max(rounds[rounding](positions[where](o)), 0), size - 1) for o in range(out)]


def _space_to_depth(node: OnnxNode) -> Callable[..., Tensor]:
    side = node.attribute("blocksize", 1)
    batch, channels, height, width = node.shape()

    def run(x: Tensor) -> Tensor:
        blocks = x.reshape(batch, channels, height // side, side, width // side, side)
        moved = blocks.permute(0, 3, 5, 1, 2, 4)  # (B, side, side, C, H / side, W / side)
        return moved.reshape(batch, -1, height // side, width // side)

    return run


def _depth_to_space(node: OnnxNode) -> Callable[..., Tensor]:
    side, mode = node.attribute("blocksize", 1), node.attribute("mode", "DCR")
    batch, channels, height, width = node.shape()
    rest = channels // side**2
    if mode == "CRD":
        return lambda x: F.pixel_shuffle(x, side)

    def run(x: Tensor) -> Tensor:
        blocks = x.reshape(batch, side, side, rest, height, width)
        moved = blocks.permute(0, 3, 4, 1, 5, 2)  # (B, C, H, side, W, side)
        return moved.reshape(batch, rest, height * side, width * side)

    return run


MAP_OPERATORS: dict[str, Make] = {
    "AveragePool": _average_pool,
    "BatchNormalization": _norm,
    "Conv": _convolution,
    "ConvTranspose": _transposed,
    "DepthToSpace": _depth_to_space,
    "GlobalAveragePool": _global(torch.mean),
    "GlobalMaxPool": _global(torch.amax),
    "MaxPool": _max_pool,
    "Resize": _resize,
    "SpaceToDepth": _space_to_depth,
    "Upsample": _resize,
}
