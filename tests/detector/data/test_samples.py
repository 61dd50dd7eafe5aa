"""Samples in columns: what goes in comes out, in less memory."""

from __future__ import annotations

import os
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np

from maenas.detector.data.labelled import Outline
from maenas.detector.data.samples import Outlines, Sample, Samples

PART = np.array([(1, 2), (3, 4), (5, 6)], dtype=np.float32)
FOUR = np.array([(1, 2), (3, 4), (5, 6), (0, 9)], dtype=np.float32)


def sample(name: str, count: int, *outlines: Outline) -> Sample:
    return Sample(
        Path(os.fsdecode(b"folder/")) / name,
        (40, 80 + count),
        np.arange(4 * count, dtype=np.float32).reshape(-1, 4),
        np.arange(count, dtype=np.int64),
        np.arange(count) % 2 == 1,
        np.full(count, 7, dtype=np.float32),
        outlines,
        100 - count,
    )


SAMPLES = (
    sample("a.png", 2, (PART, FOUR), ()),
    sample("b.png", 0),
    sample(os.fsdecode(b"\xff.png"), 1, (FOUR,)),
    sample("c.png", 3),
)


def equal(one: Sample, other: Sample) -> bool:
    plain = ("path", "size", "image_id")
    arrays = ("boxes", "labels", "crowd", "areas")
    parts = [tuple(part.tolist() for part in outline) for outline in one.outlines]
    others = [tuple(part.tolist() for part in outline) for outline in other.outlines]
    return (
        all(getattr(one, name) == getattr(other, name) for name in plain)
        and all(np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays)
        and all(getattr(one, name).dtype == getattr(other, name).dtype for name in arrays)
        and parts == others
    )


def test_what_goes_in_comes_out():
    columns = pickle.loads(pickle.dumps(Samples.of(SAMPLES)))
    assert len(columns) == 4
    assert all(equal(one, other) for one, other in zip(columns, SAMPLES, strict=True))
    assert equal(columns[-1], SAMPLES[-1])
    assert all(equal(one, other) for one, other in zip(columns[1:3], SAMPLES[1:3], strict=True))
    assert list(columns.paths()) == [each.path for each in SAMPLES]


def test_outlines_are_taken_in_any_order():
    outlines = Outlines.of([(PART, FOUR), (), (FOUR,)]).take(np.array([2, 0, 1]))
    given = [tuple(part.tolist() for part in one) for one in outlines.at(0, 3)]
    assert given == [(FOUR.tolist(),), (PART.tolist(), FOUR.tolist()), ()]
    assert outlines.points_of_objects().tolist() == [0] * 4 + [1] * 7


def test_an_image_of_seven_objects_takes_less_than_400_bytes():
    columns = Samples.of([sample(f"{number:012d}.jpg", 7) for number in range(1000)])
    of_images = ("folder_of", "names", "name_ends", "sizes", "image_ids", "ends")
    of_objects = ("boxes", "labels", "crowd", "areas")
    held = sum(getattr(columns, name).nbytes for name in (*of_images, *of_objects))
    held += columns.outlines.objects.nbytes + columns.outlines.parts.nbytes
    assert held < 400 * 1000


def test_parts_are_joined_with_outlines_sources_and_verified_classes():
    second = replace(
        Samples.of(SAMPLES[2:]),
        source_of=np.ones(2, np.int16),
        verified_ends=np.array([0, 1, 3]),
        verified=np.array([5, 6, 7], np.int32),
    )
    joined = Samples.joined([Samples.of(SAMPLES[:2]), second])
    assert all(equal(one, other) for one, other in zip(joined, SAMPLES, strict=True))
    assert joined.folders == (Path("folder"),)
    assert joined.source_of.tolist() == [0, 0, 1, 1]
    verified = [joined.verified_in(index).tolist() for index in range(4)]
    assert verified == [[], [], [5], [6, 7]]


def test_plain_samples_hold_no_verified_classes():
    joined = Samples.joined([Samples.of(SAMPLES[:2]), Samples.of(SAMPLES[2:])])
    assert len(joined.verified_ends) == 0
    assert joined.source_of.tolist() == [0, 0, 0, 0]
    assert joined.verified_in(2).tolist() == []
