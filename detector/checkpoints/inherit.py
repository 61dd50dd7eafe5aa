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
from maenas.detector.checkpoints.pairs import (
    Joined,
    JoinedMap,
    counterparts,
    joined_inputs,
    tensor_pairs,
)
from maenas.detector.model.spec import DetectorSpec, Resize

Origin = Literal["copied", "cut", "repeated", "padded", "summed", "matched", "fresh"]
NOISE = 0.01  # standard deviation of the noise of repeated filters over that of their weights


@dataclass(frozen=True, slots=True)
class InheritedTensor:
    """What became of one tensor.

    Attributes:
        name: name of the tensor.
        origin: "copied" with its shape; "cut" to fewer channels or a smaller kernel; "repeated" for
            more channels or a further unit; "padded" with zeros around a kernel, or for a map that
            the source's layer does not read; "summed" over the colours for grey images; "matched"
            by the names of classes, with random values for those that the source does not know;
            "fresh" with random values, as without a source.
        source: name of the source's tensor; "" if it is fresh.
        shape: shape of the tensor.
        source_shape: shape of the source's tensor; () if it is fresh.
    """

    name: str
    origin: Origin
    source: str
    shape: tuple[int, ...]
    source_shape: tuple[int, ...]

    @classmethod
    def fresh(cls, name: str, shape: tuple[int, ...]) -> InheritedTensor:
        """A tensor with random values."""
        return cls(name, "fresh", "", shape, ())


@dataclass(frozen=True, slots=True)
class Inheritance:
    """The weights of a detector, inherited as far as its parts correspond to those of a source.

    Attributes:
        spec: detector, as `inherit` returns it with the classes of the source.
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
        percent = 100 * values // max(1, sum(value.numel() for value in self.weights.values()))
        parts = ", ".join(f"{count:,} {origin}" for origin, count in self.counts().items())
        return f"inherits {percent}% of its values from {self.where}: tensors {parts}"


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
    or padded with zeros around their middle. Maps that are concatenated correspond by their names
    or their level; for one without a counterpart weights are zero. BatchNorm statistics follow
    their channels. Images of another number of channels: see `with_channels`. What has no
    counterpart keeps its random initial values.

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
    joined, source_joined = joined_inputs(target), joined_inputs(source)
    pairs = tensor_pairs(target, source, target_spec.backbone, read_spec.backbone)
    uses: Counter[str] = Counter()
    found: dict[str, Tensor] = {}
    tensors = []
    for name, own in target.state_dict().items():
        of = pairs.get(name)
        if of is None:
            found[name] = own
            tensors.append(InheritedTensor.fresh(name, tuple(own.shape)))
            continue
        value = weights[of]
        maps = source_joined.get(of), joined.get(name)
        found[name], origin = remapped(read[of], own, *maps, generator)
        if uses[of] and not name.startswith(ONE_TO_ONE_PREFIX):  # which is no further unit
            origin = "repeated"
        elif origin == "copied" and read[of].shape != value.shape:
            origin = "summed" if read[of].numel() < value.numel() else "repeated"
        uses[of] += 1
        tensors.append(InheritedTensor(name, origin, of, tuple(own.shape), tuple(value.shape)))
    return Inheritance(target_spec, found, tuple(tensors), where, source_spec)


def remapped(
    source: Tensor,
    target: Tensor,
    source_maps: Joined | None,
    maps: Joined | None,
    generator: torch.Generator,
) -> tuple[Tensor, Origin]:
    """A tensor with the shape of another one, and what was done to it.

    Args:
        source: tensor of the source.
        target: tensor whose shape and type the result has.
        source_maps: maps that are concatenated into the source's input; None for one map.
        maps: the same for the target.
        generator: random numbers of the noise.
    """
    if source.dim() == 0:
        return source.clone(), "copied"
    rows = torch.arange(target.shape[0]) % source.shape[0]
    columns = input_channels(source, target, source_maps, maps)
    origin = origin_of(source, target, rows, columns)
    if origin == "copied":
        return source.clone(), origin
    value = source[rows]
    if value.dim() > 1:
        wide = [1] * (value.dim() - 1)
        repeated = torch.arange(len(rows)) >= source.shape[0]
        noise = torch.randn(value.shape, generator=generator) * NOISE * source.std(correction=0)
        value = value + noise * repeated.reshape(-1, *wide)
        known = columns >= 0
        times = torch.bincount(columns[known], minlength=source.shape[1])[columns]
        value = value[:, columns] / times.reshape(-1, *wide[1:])
        value[:, ~known] = 0
        value = kernel_of(value, target.shape[2:])
    return value.to(target.dtype).contiguous(), origin


def input_channels(
    source: Tensor, target: Tensor, source_maps: Joined | None, maps: Joined | None
) -> Tensor:
    """(channels,), the source's input channel for each one of the target, -1 for none.

    Arguments as for `remapped`; empty for a tensor of one axis.
    """
    if source.dim() < 2:
        return torch.arange(0)
    whole = [(JoinedMap("map", "map", each.shape[1]),) for each in (source, target)]
    return channel_map(source_maps or whole[0], maps or whole[1])


def channel_map(source: Sequence[JoinedMap], target: Sequence[JoinedMap]) -> Tensor:
    """(channels,), index of the source's channel for each channel of concatenated maps.

    -1 stands for the channels of a map without a counterpart.
    """
    starts = [0, *accumulate(each.channels for each in source)]
    parts = []
    for each, of in zip(target, counterparts(target, source), strict=True):
        if of is None:
            parts.append(torch.full((each.channels,), -1))
        else:
            parts.append(starts[of] + torch.arange(each.channels) % source[of].channels)
    return torch.cat(parts)


def origin_of(source: Tensor, target: Tensor, rows: Tensor, columns: Tensor) -> Origin:
    """What becomes of a tensor whose filters and input channels are taken from these of the source.

    Args:
        source: tensor of the source.
        target: tensor that inherits.
        rows: (filters,), the source's filter for each one.
        columns: (channels,), the source's input channel for each one, -1 for none.
    """
    kernel = [*zip(source.shape[2:], target.shape[2:], strict=True)]
    known = columns[columns >= 0]
    if any(len(set(taken.tolist())) < len(taken) for taken in (rows, known)):
        return "repeated"
    if len(known) < len(columns) or any(new > old for old, new in kernel):
        return "padded"
    whole = [torch.arange(side) for side in source.shape[:2]]
    same = all(torch.equal(*each) for each in zip((rows, columns), whole, strict=False))
    return "copied" if same and source.shape == target.shape else "cut"


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
