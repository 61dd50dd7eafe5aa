"""The teacher: a trained detector with frozen weights that provides feature maps."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from maenas.blocks import Backbone
from maenas.blocks.layers.deploy import deploy
from maenas.detector.channels import COLOURS
from maenas.detector.checkpoints.checkpoint import build_network
from maenas.detector.errors import TrainError
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.model.levels import at_levels
from maenas.detector.model.spec import DetectorSpec, identity_text


class Teacher:
    """A deployed detector, which computes the same maps faster.

    Args:
        spec: spec of the detector.
        weights: trained weights.
        where: source of the weights, for messages.
    Raises:
        TrainError: if there are no weights.
        SpecError: if the weights belong to another detector.
    """

    def __init__(
        self, spec: DetectorSpec, weights: Mapping[str, Tensor] | None, where: str
    ) -> None:
        if weights is None:
            raise TrainError(
                f"teacher {where}: has no weights; train it first (`maenas train`), or import an "
                "official checkpoint (`maenas import-weights`)."
            )
        self.spec, self.where = spec, where
        self.digest = digest(spec, weights)
        network = deploy(build_network(spec, dict(weights), where)).requires_grad_(False)
        assert isinstance(network, DetectorNetwork)
        self._parts = nn.ModuleDict({"backbone": network.backbone, "neck": network.neck})

    def require_fit(self, student: DetectorSpec, names: Sequence[str]) -> None:
        """Raise `TrainError` unless it has the classes, images and levels of a student."""
        ours, known = self.spec.names, self.spec.head.num_classes
        if known != len(names) or (ours and tuple(names) != ours):
            raise TrainError(
                f"teacher {self.where}: detects {shown(ours) or f'{known} classes without names'}, "
                f"the data have {shown(names)}; train it on the same classes first."
            )
        require_pair(self.where, self.spec.backbone, student.backbone)

    def to(self, device: torch.device, memory_format: torch.memory_format) -> None:
        """Move the teacher to the device and memory format of the student."""
        self._parts.to(device, memory_format=memory_format)  # type: ignore[call-overload]

    @torch.no_grad()
    def maps(self, images: Tensor, features: str, levels: Sequence[int]) -> list[Tensor]:
        """The maps (B, C, H, W) of the given levels, 3 to 5, of the "neck" or "backbone"."""
        found = self._parts["backbone"](images)
        if features == "neck":
            found = self._parts["neck"](found)
        return at_levels(found, levels)


def require_pair(where: str, teacher: Backbone, student: Backbone) -> None:
    """Raise `TrainError` unless a teacher reads the images and has the levels of a student.

    Args:
        where: source of the teacher, for messages.
        teacher: backbone of the teacher.
        student: backbone of the student.
    """
    read, shown_to = (COLOURS[each.in_shape[0]] for each in (teacher, student))
    if read != shown_to:
        raise TrainError(
            f"teacher {where}: reads {read} images, the student {shown_to} ones; train a teacher "
            f"on {shown_to} images."
        )
    theirs, needed = teacher.reductions(), student.reductions()
    if theirs != needed:
        raise TrainError(
            f"teacher {where}: has maps at strides {shown(map(str, theirs))}, the student at "
            f"{shown(map(str, needed))}; distillation compares them level by level."
        )


def shown(words: Sequence[str] | map[str]) -> str:
    """Up to six words joined by commas, and the number of the others."""
    listed = list(words)
    return ", ".join(listed[:6]) + (f" and {len(listed) - 6} more" if len(listed) > 6 else "")


def digest(spec: DetectorSpec, weights: Mapping[str, Tensor]) -> str:
    """The SHA-256 of a spec and its weights."""
    content = hashlib.sha256(identity_text(spec).encode())
    for name in sorted(weights):
        content.update(name.encode())
        content.update(weights[name].detach().cpu().contiguous().numpy().tobytes())
    return content.hexdigest()
