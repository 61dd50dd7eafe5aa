"""Outlines of a COCO file, compared with the boxes of their objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from maenas.detector.data.readers.rows import Numbers, ProblemList, Rows
from maenas.detector.data.samples import Outlines

# Pixels between the bounds of an outline and a side of the box. Outlines of COCO lie within 1 pixel
# of the box, those that a tool simplified within some more; outlines in shares of the image, or of
# an earlier place of the object, lie further away.
TOLERANCE = 3.0
NOT_USED = "off their bbox and is not used, only bbox is"


def with_fitting_outlines(
    path: Path, rows: Rows, sizes: Sequence[tuple[int, int]], problems: ProblemList
) -> Rows:
    """The same labels, without the outlines that are not those of their box.

    Mosaics move the outline of an object, and the box around it would then be of another object.

    Args:
        path: annotation file.
        rows: labels of all images.
        sizes: (height, width) of each image.
        problems: list of problems; gets one entry for all outlines that are left out.
    """
    outlines = rows.outlines
    objects = np.flatnonzero(np.diff(outlines.parts[outlines.objects]))
    if not len(objects):
        return rows
    height, width = np.array(sizes, dtype=np.float64)[rows.image[objects]].T
    room = np.stack((width, height, width, height), axis=1)
    boxes, around = rows.boxes[objects], _bounds(outlines)
    far = np.abs(np.clip(boxes, 0, room) - np.clip(around, 0, room)).max(1) > TOLERANCE
    left_out = objects[far]
    if not len(left_out):
        return rows
    what = (
        f"segmentation of {len(left_out):,} of {len(objects):,} objects lies more than "
        f"{TOLERANCE:g} pixels {NOT_USED}, such as that of "
        f"{rows.where(int(left_out[0])).removeprefix(f'{path}: ')}"
    )
    problems.add(-1, path, what, "correct or delete it", skips=False, group="files")
    kept = np.ones(len(rows.labels), dtype=np.bool_)
    kept[left_out] = False
    return replace(rows, outlines=outlines.only(kept))


def _bounds(outlines: Outlines) -> Numbers:
    """(N, 4) as (x1, y1, x2, y2): bounds of the objects that have an outline."""
    ends = outlines.parts[outlines.objects]
    starts = ends[:-1][np.diff(ends) > 0]
    least = np.minimum.reduceat(outlines.points, starts)
    most = np.maximum.reduceat(outlines.points, starts)
    return np.concatenate((least, most), axis=1).astype(np.float64)
