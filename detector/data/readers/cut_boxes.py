"""Boxes that were cut at the edge of their image: how many, and what many of them mean."""

from __future__ import annotations

from maenas.detector.data.dataset import DataProblem, Dataset
from maenas.detector.data.readers.clean import WAS_CUT

MANY = 0.1  # share of the objects
CAUSE = (
    "so many may be corners (x1, y1, x2, y2) where width and height are expected, centres where "
    "corners are, or boxes of images of another size"
)


def cut_note(dataset: Dataset) -> str | None:
    """Line with the number of boxes that were cut and one of them; None if there is none."""
    places = [each.where for each in dataset.problems if each.what.endswith(WAS_CUT)]
    if not places:
        return None
    count = f"{len(places):,} of {dataset.objects:,}"
    note = f"boxes cut at the edge of the image: {count}, such as {places[0]}"
    return f"{note}; {CAUSE}" if len(places) > MANY * dataset.objects else note


def check_cuts(dataset: Dataset, split: str) -> list[DataProblem]:
    """A problem that names the likely cause where many boxes were cut."""
    note = cut_note(dataset)
    if note is None or not note.endswith(CAUSE):
        return []
    where, what = f"{dataset.source} ({split})", note.removesuffix(f"; {CAUSE}")
    return [DataProblem("warning", "files", where, what, CAUSE)]
