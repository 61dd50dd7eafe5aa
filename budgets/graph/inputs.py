"""Static inputs for an ONNX model: a batch of 1 and a known size of the image."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
from onnx import TensorProto

from maenas.blocks.errors import MaenasError
from maenas.budgets.image_size import InputSize, shown_size

CHANNELS = (1, 3, 4)  # possible channels of an image, to tell channels from width on the last axis
COLOURS = (3, 4)
IMAGE_RANK = 4  # batch, channels, height, width
SIDES = ("height", "width")
EXAMPLE = 640  # size that a message proposes if the file has none


# Types of inputs that runtimes cannot be given numbers for.
NOT_NUMBERS = (TensorProto.STRING, TensorProto.COMPLEX64, TensorProto.COMPLEX128)


class GraphError(MaenasError):
    """An ONNX model cannot be read or measured."""


def fix_inputs(inputs: Sequence[onnx.ValueInfoProto], where: str, size: InputSize) -> None:
    """Set the batch of every input to 1, and the open height and width of images to a size.

    Raises:
        GraphError: if an axis stays open, or no input accepts the size.
    """
    sides = size if isinstance(size, tuple) else (size, size)
    if any(side is not None and side < 1 for side in sides):
        raise GraphError(f"input_size: must be at least 1, got {shown_size(size)}.")
    fixed_sides = _fixed_sides(inputs, where)
    taken = [_fix_input(value, where, sides, fixed_sides) for value in inputs]
    if size is None or any(taken):
        return
    images = [value for value in inputs if _image_axes(_dims(value))]
    for value in images:
        dims = _dims(value)
        fixed = tuple(dims[axis].dim_value for axis in _image_axes(dims))
        if fixed != sides:
            raise GraphError(
                f"{where}: input {value.name} is fixed at {fixed[0]} x {fixed[1]}; leave "
                "--input-size out, or export it again."
            )
    if not images:
        raise GraphError(f"{where}: reads no image; leave --input-size out.")


def _fixed_sides(inputs: Sequence[onnx.ValueInfoProto], where: str) -> tuple[int, int]:
    """Height and width that images with an open side fix; 0 for a side that none of them fixes.

    Raises:
        GraphError: if two of them fix a side differently, so that no size fits both.
    """
    found: list[dict[int, str]] = [{}, {}]
    for value in inputs:
        dims = _dims(value)
        lengths = [dims[axis].dim_value for axis in _image_axes(dims)]
        if not lengths or min(lengths) > 0:
            continue
        for names, length in zip(found, lengths, strict=True):
            if length > 0:
                names.setdefault(length, value.name)
    for side, names in zip(SIDES, found, strict=True):
        if len(names) > 1:
            (length, name), (other, another) = list(names.items())[:2]
            raise GraphError(
                f"{where}: inputs {name} and {another} fix their {side} at {length} and {other} "
                "and leave the other side open, so no size fits both; export it with fixed shapes."
            )
    return next(iter(found[0]), 0), next(iter(found[1]), 0)


def _fix_input(
    value: onnx.ValueInfoProto,
    where: str,
    sides: tuple[int | None, int | None],
    fixed_sides: tuple[int, int],
) -> bool:
    """Make one input static; return whether it accepted the size.

    Args:
        value: the input, which is changed.
        where: file, for messages.
        sides: height and width that the user gave.
        fixed_sides: height and width that all inputs together fix, for the size that is proposed.
    """
    if value.type.tensor_type.elem_type in NOT_NUMBERS:
        raise GraphError(f"{where}: input {value.name} is text or complex, not real numbers.")
    if not value.type.tensor_type.HasField("shape"):
        raise GraphError(f"{where}: input {value.name} has no shape; export it with a fixed one.")
    dims = _dims(value)
    axes = _image_axes(dims)
    if len(dims) == IMAGE_RANK and dims[0].dim_value > 1:
        raise GraphError(
            f"{where}: input {value.name} has batch {dims[0].dim_value}; latency is that of one "
            "image, so export it with batch 1."
        )
    open_axes = [axis for axis, dim in enumerate(dims) if dim.dim_value < 1]
    for axis in open_axes:
        if axis and axis not in axes:
            name = dims[axis].dim_param or "?"
            raise GraphError(
                f"{where}: input {value.name} leaves dimension {axis} ({name}) open, for which no "
                "option gives a size; export it with a fixed shape."
            )
    if 0 in open_axes and 0 not in axes:
        dims[0].dim_value = 1
    if not any(axis in axes for axis in open_axes):
        return False
    for axis, side in zip(axes, _fitting_sides(value, where, sides, fixed_sides), strict=True):
        dims[axis].dim_value = side
    return True


def _fitting_sides(
    value: onnx.ValueInfoProto,
    where: str,
    sides: tuple[int | None, int | None],
    fixed_sides: tuple[int, int],
) -> tuple[int, int]:
    """Return height and width if they agree with the input, else raise an error with the remedy."""
    dims = _dims(value)
    fixed = [max(0, dims[axis].dim_value) for axis in _image_axes(dims)]
    height, width = sides
    fits = fixed[0] in (0, height) and fixed[1] in (0, width)
    if height is not None and width is not None and fits:
        return height, width
    proposed = (fixed_sides[0] or height or EXAMPLE, fixed_sides[1] or width or EXAMPLE)
    option = shown_size(proposed if any(fixed_sides) else proposed[0])
    left = " and ".join(name for name, f in zip(SIDES, fixed, strict=True) if not f)
    kept = "".join(f" and fixes its {n} at {f}" for n, f in zip(SIDES, fixed, strict=True) if f)
    raise GraphError(
        f"{where}: input {value.name} leaves its {left} open{kept}; give a size for it, such as "
        f"--input-size {option}, or export it with a fixed shape."
    )


def _dims(value: onnx.ValueInfoProto) -> Sequence[onnx.TensorShapeProto.Dimension]:
    dims: Sequence[onnx.TensorShapeProto.Dimension] = value.type.tensor_type.shape.dim
    return dims


def _image_axes(dims: Sequence[onnx.TensorShapeProto.Dimension]) -> tuple[int, ...]:
    """Return the axes of height and width: after the channels, or before trailing channels.

    An image without a batch axis has three axes and three or four channels; one channel there may
    as well be a batch.
    """
    first = len(dims) - 3
    if first not in (0, IMAGE_RANK - 3):
        return ()
    known = CHANNELS if len(dims) == IMAGE_RANK else COLOURS
    leads, trails = (dims[axis].dim_value in known for axis in (first, -1))
    if trails and not leads:
        return first, first + 1
    return (first + 1, first + 2) if leads or len(dims) == IMAGE_RANK else ()
