"""Weights that a detector inherits from another one with other widths, depths and kernels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from maenas.blocks.files.atomic_write import write_text
from maenas.detector.checkpoints.branches import ONE_TO_ONE_PREFIX
from maenas.detector.checkpoints.checkpoint import ORIGINS_FILE, build_network
from maenas.detector.checkpoints.input_channels import with_channels
from maenas.detector.checkpoints.pairs import Blocks, input_blocks, tensor_pairs
from maenas.detector.model.spec import DetectorSpec, Resize

Origin = Literal["copied", "cut", "repeated", "padded", "summed", "fresh"]
NOISE = 0.01  # standard deviation of the noise of repeated filters over that of their weights


@dataclass(frozen=True, slots=True)
class InheritedTensor:
    """What became of one tensor.

    Attributes:
        name: name of the tensor.
        origin: "copied" with its shape; "cut" to fewer channels or a smaller kernel; "repeated" for
            more channels or a further unit; "padded" with zeros around a kernel; "summed"
            over the colours for grey images; "fresh" with random values, as without a source.
        source: name of the source's tensor; "" if it is fresh.
        shape: shape of the tensor.
        source_shape: shape of the source's tensor; () if it is fresh.
    """

    name: str
    origin: Origin
    source: str
    shape: tuple[int, ...]
    source_shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Inheritance:
    """The weights of a detector, inherited as far as its parts correspond to those of a source.

    Attributes:
        spec: detector with the classes of the source.
        weights: all of its tensors, in training form.
        tensors: origin of each tensor, in the order of the network.
        where: source, for messages.
        source: detector that the weights are from.
    """

    spec: DetectorSpec
    weights: Mapping[str, Tensor]
    tensors: tuple[InheritedTensor, ...]
    where: str
    source: DetectorSpec

    @property
    def is_exact(self) -> bool:
        """Whether each branch gives the outputs of the source, for grey images at least.

        The network has the layers of the source, which may read images of another size or number of
        channels. Of the branches of the head either may have one or both.
        """
        ours, theirs = self.spec, self.source
        if replace(ours.head, one_to_one=theirs.head.one_to_one) != theirs.head:
            return False
        layers, its = ours.backbone, theirs.backbone
        same = (layers.stages, layers.features) == (its.stages, its.features)
        return same and ours.neck == theirs.neck

    def resizing(self, resize: Resize) -> Inheritance:
        """The same with a detector that resizes images by another method."""
        return replace(self, spec=replace(self.spec, resize=resize))

    def counts(self) -> dict[Origin, int]:
        """Number of tensors of each origin, the most frequent one first."""
        return dict(Counter(tensor.origin for tensor in self.tensors).most_common())

    def summary(self) -> str:
        """One line with the number of tensors of each origin."""
        values = sum(self.weights[t.name].numel() for t in self.tensors if t.origin != "fresh")
        share = values / max(1, sum(value.numel() for value in self.weights.values()))
        parts = ", ".join(f"{count:,} {origin}" for origin, count in self.counts().items())
        return f"inherits {share:.0%} of its values from {self.where}: tensors {parts}"


def save_origins(inheritance: Inheritance, folder: Path) -> None:
    """Write `inherited.csv`, a row for each tensor: its origin and its shape before and after.

    Raises:
        SpecError: if it cannot be written.
    """
    rows = [("tensor", "origin", "source", "shape", "source_shape")]
    rows += [
        (each.name, each.origin, each.source, _shown(each.shape), _shown(each.source_shape))
        for each in inheritance.tensors
    ]
    write_text(folder / ORIGINS_FILE, "".join(f"{','.join(row)}\n" for row in rows))


def _shown(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def inherit(
    spec: DetectorSpec,
    source_spec: DetectorSpec,
    weights: Mapping[str, Tensor],
    seed: int,
    where: str = "weights",
) -> Inheritance:
    """Map the weights of a source detector onto another one.

    Stages correspond by their kind of block and their stride, units by their order: a deeper stage
    repeats the last unit of the source's. A narrower layer gets the first channels, a wider one
    repeats them: the weights of an input that is there n times are divided by n, and repeated
    filters get a little noise, without which they would learn the same for ever. Kernels are cut
    or padded with zeros around their middle. BatchNorm statistics follow their channels. Images of
    another number of channels: see `with_channels`. What has no counterpart keeps its random
    initial values.

    Sources: parameter remapping of FNA (https://arxiv.org/abs/2001.02525) for depth, width and
    kernel; Net2WiderNet (https://arxiv.org/abs/1511.05641, section 2.2) for more channels.

    Args:
        spec: detector that inherits; its number of classes becomes that of the source.
        source_spec: detector that the weights belong to.
        weights: weights of the source, in training form.
        seed: random seed of the fresh values and of the noise.
        where: source, for messages.
    Raises:
        SpecError: if the weights do not belong to `source_spec`.
    """
    head = replace(spec.head, num_classes=source_spec.head.num_classes)
    target_spec = replace(spec, head=head, names=source_spec.names)
    read_spec, read = with_channels(source_spec, weights, spec.backbone.in_shape[0])
    source = build_network(read_spec, read, where)
    torch.manual_seed(seed)
    target = target_spec.build()
    generator = torch.Generator().manual_seed(seed)
    blocks, source_blocks = input_blocks(target), input_blocks(source)
    pairs = tensor_pairs(target, source, target_spec.backbone, read_spec.backbone)
    uses: Counter[str] = Counter()
    found: dict[str, Tensor] = {}
    tensors = []
    for name, own in target.state_dict().items():
        of = pairs.get(name)
        if of is None:
            found[name] = own
            tensors.append(InheritedTensor(name, "fresh", "", tuple(own.shape), ()))
            continue
        value = weights[of]
        found[name] = remapped(read[of], own, source_blocks.get(of), blocks.get(name), generator)
        is_branch = name.startswith(ONE_TO_ONE_PREFIX)  # which is no further unit
        again = uses[of] > 0 and not is_branch
        origin = "repeated" if again else origin_of(value, own)
        if origin_of(read[of], own) == "copied" and read[of].numel() < value.numel() and not again:
            origin = "summed"
        uses[of] += 1
        tensors.append(InheritedTensor(name, origin, of, tuple(own.shape), tuple(value.shape)))
    return Inheritance(target_spec, found, tuple(tensors), where, source_spec)


def origin_of(source: Tensor, target: Tensor) -> Origin:
    """What `remapped` does to a tensor; the widths decide before the kernel."""
    channels = [*zip(source.shape[:2], target.shape[:2], strict=True)]
    kernel = [*zip(source.shape[2:], target.shape[2:], strict=True)]
    if any(new > old for old, new in channels):
        return "repeated"
    if any(new > old for old, new in kernel):
        return "padded"
    return "cut" if source.shape != target.shape else "copied"


def remapped(
    source: Tensor,
    target: Tensor,
    source_blocks: Blocks | None,
    blocks: Blocks | None,
    generator: torch.Generator,
) -> Tensor:
    """A tensor with the shape of another one.

    Args:
        source: tensor of the source.
        target: tensor whose shape and type the result has.
        source_blocks: widths of the maps that are concatenated into the source's input; None for
            one map.
        blocks: the same for the target.
        generator: random numbers of the noise.
    """
    if source.shape == target.shape and source_blocks == blocks:
        return source.clone()
    value = source
    if value.dim() > 0:
        rows = channel_map(source.shape[:1], target.shape[:1])
        value = value[rows]
        if value.dim() > 1:
            repeated = rows.new_tensor(range(len(rows))) >= source.shape[0]
            noise = torch.randn(value.shape, generator=generator) * NOISE * source.std(correction=0)
            value = value + noise * repeated.reshape(-1, *[1] * (value.dim() - 1))
    if value.dim() > 1:
        columns = channel_map(source_blocks or source.shape[1:2], blocks or target.shape[1:2])
        times = torch.bincount(columns, minlength=source.shape[1])[columns]
        value = value[:, columns] / times.reshape(-1, *[1] * (value.dim() - 2))
        value = kernel_of(value, target.shape[2:])
    return value.to(target.dtype).contiguous()


def channel_map(source: Sequence[int], target: Sequence[int]) -> Tensor:
    """(channels,), index of the source's channel for each channel of concatenated maps.

    Args:
        source: width of each map of the source; a further map of the target is like the last one.
        target: width of each map of the target.
    """
    starts = [0, *accumulate(source)]
    parts = []
    for index, width in enumerate(target):
        of = min(index, len(source) - 1)
        parts.append(starts[of] + torch.arange(width) % source[of])
    return torch.cat(parts)


def kernel_of(value: Tensor, sides: Sequence[int]) -> Tensor:
    """Kernels cut or padded with zeros around their middle, to these heights and widths."""
    for axis, side in enumerate(sides, 2):
        old = value.shape[axis]
        if side < old:
            value = value.narrow(axis, (old - side) // 2, side)
        elif side > old:
            before = (side - old) // 2
            padded = value.new_zeros([*value.shape[:axis], side, *value.shape[axis + 1 :]])
            padded.narrow(axis, before, old).copy_(value)
            value = padded
    return value
