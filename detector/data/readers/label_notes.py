"""Lines about labels that are used otherwise than their file states them."""

from __future__ import annotations

from maenas.detector.data.dataset import Dataset
from maenas.detector.data.readers.coco.outlines import NOT_USED
from maenas.detector.data.readers.cut_boxes import cut_note


def label_notes(dataset: Dataset) -> list[str]:
    """A line about cut boxes, and one about outlines that are not used, where there are any."""
    return [note for note in (cut_note(dataset), outline_note(dataset)) if note is not None]


def outline_note(dataset: Dataset) -> str | None:
    """Line about outlines that do not fit their boxes; None if all do."""
    found = [each for each in dataset.problems if NOT_USED in each.what]
    if not found:
        return None
    others = len(found) - 1
    return f"{found[0]}" + (f" (files with more of them: {others:,})" if others else "")
