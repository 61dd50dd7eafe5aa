"""The contract of label assigners: what a training relies on for any batch."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import pytest
import torch

from maenas.detector.assign import Assigner, Assignment, Predictions, Priors, Targets, assigner
from maenas.testing.scenes import CASES, Scene, scene


class AssignerContract:
    """Tests of label assigners; derive a class from it whose name begins with `Test`.

    Attributes:
        assigners: assigners to test.
    """

    assigners: ClassVar[Sequence[Assigner]] = ()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run each test for every assigner, and for every case if the test has a case argument."""
        assert metafunc.cls is not None
        assert metafunc.cls.assigners, f"{metafunc.cls.__name__}.assigners: at least one is needed"
        if "assign" in metafunc.fixturenames:
            names = [each.name for each in metafunc.cls.assigners]
            metafunc.parametrize("assign", metafunc.cls.assigners, ids=names)
        if "case" in metafunc.fixturenames:
            metafunc.parametrize("case", CASES)

    def test_it_is_a_value_that_travels(self, assign: Assigner) -> None:
        assert pickle.loads(pickle.dumps(assign)) == assign
        assert hash(assign) == hash(replace(assign))  # type: ignore[type-var]

    def test_only_objects_are_matched_and_quality_is_a_share(
        self, assign: Assigner, case: str
    ) -> None:
        batch = scene(case)
        matched, quality, ignored = answer(assign, batch)
        assert matched.shape == quality.shape == ignored.shape == batch.predictions.logits.shape[:2]
        assert (matched.dtype, quality.dtype) == (torch.int64, torch.float32)
        assert ignored.dtype == torch.bool
        for image, row in enumerate(matched):
            objects = batch.targets.objects[image].nonzero().flatten().tolist()
            assert {*row.tolist()} <= {-1, *objects}
        assert quality.isfinite().all()
        assert quality.min() >= 0
        assert quality.max() <= 1
        assert (quality[matched < 0] == 0).all()

    def test_large_objects_are_matched(self, assign: Assigner) -> None:
        batch = scene("some objects")
        matched = answer(assign, batch).matched
        size = (batch.targets.boxes[..., 2:] - batch.targets.boxes[..., :2]).amin(dim=-1)
        for image, index in (size > 48).nonzero().tolist():
            assert index in matched[image]

    def test_priors_in_ignore_regions_are_ignored_unless_matched(self, assign: Assigner) -> None:
        batch = scene("ignore regions")
        matched, _, ignored = answer(assign, batch)
        covered = torch.zeros_like(ignored)
        for image, index in batch.targets.regions.nonzero().tolist():
            x1, y1, x2, y2 = batch.targets.boxes[image, index].tolist()
            for prior, (x, y) in enumerate(batch.priors.points.tolist()):
                covered[image, prior] |= x1 < x < x2 and y1 < y < y2
        assert (covered & (matched >= 0)).any()
        assert ignored.any()
        assert ignored.equal(covered & (matched < 0))

    def test_ignore_regions_do_not_change_what_is_matched(self, assign: Assigner) -> None:
        batch = scene("ignore regions")
        without = replace(batch, targets=batch.targets._replace(valid=batch.targets.objects))
        assert answer(assign, batch).matched.equal(answer(assign, without).matched)
        assert not answer(assign, without).ignored.any()

    def test_padding_changes_nothing_whatever_it_holds(self, assign: Assigner, case: str) -> None:
        batch = scene(case)
        boxes, labels, valid, ignore, _ = batch.targets
        images = len(labels)
        padded = Targets(
            torch.cat((boxes, torch.full((images, 3, 4), torch.nan)), dim=1),
            torch.cat((labels, torch.full((images, 3), -1)), dim=1),
            torch.cat((valid, torch.zeros(images, 3, dtype=torch.bool)), dim=1),
            torch.cat((ignore, torch.tensor([[True, False, True]] * images)), dim=1),
        )
        assert_same(answer(assign, batch), answer(assign, replace(batch, targets=padded)))

    @pytest.mark.parametrize("name", ["some objects", "duplicate boxes", "ignore regions"])
    def test_chunks_change_nothing(
        self, assign: Assigner, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        batch = scene(name)
        whole = answer(assign, batch)
        for slots in (1, 2):
            pairs = slots * batch.predictions.boxes.shape[:2].numel()
            monkeypatch.setattr(assigner, "MAX_PAIRS", pairs)
            assert_same(whole, answer(assign, batch))

    def test_images_do_not_know_of_each_other(self, assign: Assigner) -> None:
        batch = scene("some objects")
        together = answer(assign, batch)
        for n in range(3):
            alone = assign(
                Predictions(*(part[n : n + 1] for part in batch.predictions)),
                batch.priors,
                batch.targets.part(slice(n, n + 1)),
            )
            assert_same(alone, type(together)(*(part[n : n + 1] for part in together)))

    def test_classes_that_are_not_annotated_play_no_part(self, assign: Assigner) -> None:
        batch = scene("some objects")
        classes = batch.predictions.logits.shape[-1]
        extra = batch.predictions.logits[..., :3] + 2.0
        more = Predictions(
            torch.cat((batch.predictions.logits, extra), dim=-1), batch.predictions.boxes
        )
        known = torch.arange(classes + 3).expand(3, -1) < classes
        targets = batch.targets._replace(annotated=known)
        assert_same(answer(assign, batch), assign(more, batch.priors, targets))

    def test_a_batch_whose_classes_are_all_annotated_is_as_without_a_mask(
        self, assign: Assigner, case: str
    ) -> None:
        batch = scene(case)
        known = torch.ones(3, batch.predictions.logits.shape[-1], dtype=torch.bool)
        told = replace(batch, targets=batch.targets._replace(annotated=known))
        found, expected = answer(assign, told), answer(assign, batch)
        assert all(map(torch.equal, found, expected))

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_half_precision_comes_to_the_same_as_its_numbers_in_full(
        self, assign: Assigner, dtype: torch.dtype
    ) -> None:
        batch = scene("some objects")
        half = Predictions(*(part.to(dtype) for part in batch.predictions))
        full = Predictions(*(part.float() for part in half))
        with torch.autocast("cpu", torch.bfloat16):
            found = assign(half, batch.priors, batch.targets)
        assert_same(found, assign(full, batch.priors, batch.targets))
        assert found.quality.dtype == torch.float32

    @pytest.mark.parametrize("number", [torch.nan, torch.inf, -torch.inf])
    def test_predictions_that_are_no_numbers_break_nothing(
        self, assign: Assigner, number: float
    ) -> None:
        batch = scene("some objects")
        logits = batch.predictions.logits.clone()
        logits[0] = number
        boxes = batch.predictions.boxes.clone()
        boxes[0, ::2] = number
        found = assign(Predictions(logits, boxes), batch.priors, batch.targets)
        assert found.matched.min() >= -1
        assert found.matched.max() < batch.targets.labels.shape[1]
        well = answer(assign, batch)
        assert found.matched[1:].equal(well.matched[1:])  # the other images are as they were

    def test_no_gradient_leads_through_it(self, assign: Assigner) -> None:
        batch = scene("some objects")
        predictions = Predictions(*(part.requires_grad_() for part in batch.predictions))
        assert not assign(predictions, batch.priors, batch.targets).quality.requires_grad

    def test_there_may_be_fewer_priors_than_it_looks_for(self, assign: Assigner) -> None:
        batch = scene("some objects")
        predictions = Predictions(*(part[:, -3:] for part in batch.predictions))
        priors = Priors(*(part[-3:] for part in batch.priors))
        assert assign(predictions, priors, batch.targets).matched.shape == (3, 3)

    def test_a_batch_without_places_for_objects_is_all_background(self, assign: Assigner) -> None:
        batch = scene("no objects")
        assert batch.targets.labels.shape == (3, 0)
        matched, quality, ignored = answer(assign, batch)
        assert (matched == -1).all()
        assert not quality.any()
        assert not ignored.any()


def answer(assign: Assigner, batch: Scene) -> Assignment:
    """The assignment of a batch."""
    return assign(batch.predictions, batch.priors, batch.targets)


def assert_same(one: Assignment, other: Assignment) -> None:
    """Check that two assignments match the same objects with the same quality."""
    assert one.matched.equal(other.matched)
    assert one.ignored.equal(other.ignored)
    torch.testing.assert_close(one.quality, other.quality, atol=1e-6, rtol=0)
