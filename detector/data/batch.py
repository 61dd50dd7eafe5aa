"""Batches of images with padded ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from maenas.detector.data.labelled import Labelled
from maenas.detector.media.resize import Placement


@dataclass(frozen=True, slots=True)
class Batch:
    """Images and their objects, padded to the largest number of objects M in an image.

    Attributes:
        images: (B, C, H, W), RGB or grey in 0..255; uint8 as loaded, float32 after `to`.
        boxes: (B, M, 4) as (x1, y1, x2, y2) in pixels of the input, float32; 0 where not valid.
        labels: (B, M), int64; 0 where not valid.
        valid: (B, M), whether the entry is an object to detect.
        ignored: (B, M), whether the entry is a region where detections are ignored.
        annotated: (B, C), whether every object of a class in the image is labelled; None if that
            holds for all classes in all images.
        image_ids: numbers of the images.
        placements: placement of each image in the input; () in training.
        damaged: one line for each image that could not be read, with the reason.
    """

    images: Tensor
    boxes: Tensor
    labels: Tensor
    valid: Tensor
    ignored: Tensor
    image_ids: tuple[int, ...]
    placements: tuple[Placement, ...] = ()
    damaged: tuple[str, ...] = ()
    annotated: Tensor | None = None

    def __len__(self) -> int:
        return len(self.image_ids)

    def to(self, device: torch.device | str, channels_last: bool = True) -> Batch:
        """The batch on a device, with images as float32."""
        layout = torch.channels_last if channels_last else torch.contiguous_format
        moved, known = self.images.to(device, non_blocking=True), self.annotated
        return replace(
            self,
            images=moved.to(torch.float32, memory_format=layout),
            boxes=self.boxes.to(device, non_blocking=True),
            labels=self.labels.to(device, non_blocking=True),
            valid=self.valid.to(device, non_blocking=True),
            ignored=self.ignored.to(device, non_blocking=True),
            annotated=known if known is None else known.to(device, non_blocking=True),
        )

    def share_memory(self) -> None:
        """Move the tensors to shared memory, so that another process reads them without a copy."""
        tensors = [self.images, self.boxes, self.labels, self.valid, self.ignored]
        if self.annotated is not None:
            tensors.append(self.annotated)
        for tensor in tensors:
            tensor.share_memory_()  # type: ignore[no-untyped-call]

    def pin_memory(self) -> Batch:
        """The batch in pinned memory, for copies to a GPU; torch's loader calls this."""
        return replace(
            self,
            images=self.images.pin_memory(),
            boxes=self.boxes.pin_memory(),
            labels=self.labels.pin_memory(),
            valid=self.valid.pin_memory(),
            ignored=self.ignored.pin_memory(),
            annotated=self.annotated if self.annotated is None else self.annotated.pin_memory(),
        )


def collate(
    scenes: Sequence[Labelled],
    image_ids: Sequence[int],
    placements: Sequence[Placement] = (),
    damaged: Sequence[str] = (),
    in_shape: tuple[int, int, int] = (3, 0, 0),
) -> Batch:
    """A batch of images of one size and one data set; `in_shape` is that of an empty batch.

    Either all scenes name the annotated classes, or none does.
    """
    count, most = len(scenes), max((len(scene.labels) for scene in scenes), default=0)
    images = (
        torch.stack([scene.pixels for scene in scenes])
        if scenes
        else torch.zeros((0, *in_shape), dtype=torch.uint8)
    )
    boxes, labels = torch.zeros(count, most, 4), torch.zeros(count, most, dtype=torch.int64)
    valid, ignored = (torch.zeros(count, most, dtype=torch.bool) for _ in range(2))
    for index, scene in enumerate(scenes):
        objects, crowd = len(scene.labels), torch.from_numpy(scene.crowd)
        boxes[index, :objects] = torch.from_numpy(scene.boxes)
        labels[index, :objects] = torch.from_numpy(scene.labels).clamp(min=0)  # not EVERY_CLASS
        valid[index, :objects] = ~crowd
        ignored[index, :objects] = crowd
    known = [scene.annotated for scene in scenes if scene.annotated is not None]
    return Batch(
        *(images, boxes, labels, valid, ignored),
        image_ids=tuple(image_ids),
        placements=tuple(placements),
        damaged=tuple(damaged),
        annotated=torch.from_numpy(np.stack(known)) if known else None,
    )
