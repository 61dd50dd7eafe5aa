"""Feature losses: one contract, plain arithmetic, and the values of DAMO-YOLO."""

from __future__ import annotations

import json
from math import exp, log, sqrt
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from maenas.detector.distill import FEATURE_LOSSES, DistillOptions, FeatureLoss
from maenas.detector.distill.align import standardised
from maenas.detector.distill.mgd import MASKED, SCALE
from tests.golden import hashed

GOLDEN = json.loads((Path(__file__).parents[2] / "data" / "distill_golden.json").read_text())
STUDENT, TEACHER, SIDES = (4, 6, 6), (6, 6, 8), (8, 4, 2)  # widths and sides of the levels


def some_maps(widths: tuple[int, ...], scale: int = 1, seed: int = 0) -> list[Tensor]:
    random = torch.Generator().manual_seed(seed)
    levels = zip(widths, SIDES, strict=True)
    return [torch.randn(2, c, scale * n, scale * n, generator=random).double() for c, n in levels]


@pytest.fixture(params=list(FEATURE_LOSSES))
def loss(request: pytest.FixtureRequest) -> FeatureLoss:
    torch.manual_seed(0)
    return FEATURE_LOSSES[request.param](STUDENT, TEACHER).double()


def test_the_student_and_every_weight_get_a_gradient_and_the_teacher_none(
    loss: FeatureLoss,
) -> None:
    student = [each.requires_grad_() for each in some_maps(STUDENT)]
    teacher = some_maps(TEACHER, seed=1)
    value = loss(student, teacher)
    assert value.ndim == 0
    assert value > 0
    value.backward()
    assert all(each.grad is not None and each.grad.abs().sum() > 0 for each in student)
    for name, parameter in loss.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all()
    assert all(each.grad is None for each in teacher)


def test_training_brings_the_student_nearer(loss: FeatureLoss) -> None:
    student, teacher = some_maps(STUDENT), some_maps(TEACHER, seed=1)
    optimizer = torch.optim.Adam(loss.parameters(), 0.02)
    values = []
    for _ in range(60):
        torch.manual_seed(1)  # the same mask
        value = loss(student, teacher)
        values.append(float(value.detach()))
        value.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert values[-1] < 0.9 * values[0]


def test_maps_of_another_size_are_resized(loss: FeatureLoss) -> None:
    value = loss(some_maps(STUDENT), some_maps(TEACHER, scale=2, seed=1))
    assert value.isfinite()
    assert value > 0


def test_scale_and_offset_of_a_channel_do_not_matter(loss: FeatureLoss) -> None:
    student, teacher = some_maps(STUDENT), some_maps(TEACHER, seed=1)
    torch.manual_seed(1)
    before = loss(student, teacher)
    torch.manual_seed(1)
    after = loss(student, [7 * each - 3 for each in teacher])
    assert float(after.detach()) == pytest.approx(float(before.detach()), rel=1e-4)


def test_a_single_position_and_constant_maps_give_a_finite_loss(loss: FeatureLoss) -> None:
    student = [torch.zeros(1, width, 1, 1).double().requires_grad_() for width in STUDENT]
    loss(student, [torch.zeros(1, width, 1, 1).double() for width in TEACHER]).backward()
    assert all(each.grad is not None and each.grad.isfinite().all() for each in student)


def test_half_precision_is_compared_in_32_bits(loss: FeatureLoss) -> None:
    loss = loss.float()
    student = [each.bfloat16() for each in some_maps(STUDENT)]
    teacher = [each.bfloat16() for each in some_maps(TEACHER, seed=1)]
    with torch.autocast("cpu", torch.bfloat16):
        value = loss(student, teacher)
    assert value.dtype == torch.float32
    assert value.isfinite()


def test_the_loss_is_that_of_plain_loops(loss: FeatureLoss) -> None:
    student, teacher = some_maps(STUDENT), some_maps(TEACHER, seed=1)
    torch.manual_seed(1)
    found = float(loss(student, teacher).detach())
    torch.manual_seed(1)
    expected = 0.0
    for level, (ours, theirs) in enumerate(zip(student, teacher, strict=True)):
        with torch.no_grad():
            projected = loss.aligns[level].projection(ours)
        pair = [plain_standard(each.numpy()) for each in (projected, theirs)]
        expected += PLAIN[type(loss).__name__](loss, level, *pair)
    assert found == pytest.approx(expected, rel=1e-6)


def plain_standard(maps: np.ndarray) -> np.ndarray:
    out = np.empty_like(maps)
    for channel in range(maps.shape[1]):
        values = maps[:, channel]
        deviation = sqrt(((values - values.mean()) ** 2).mean() + 1e-5)
        out[:, channel] = (values - values.mean()) / deviation
    return out


def plain_cwd(loss: FeatureLoss, level: int, student: np.ndarray, teacher: np.ndarray) -> float:
    batch, width = student.shape[:2]
    total = 0.0
    for image in range(batch):
        for channel in range(width):
            ours = student[image, channel].ravel().tolist()
            theirs = teacher[image, channel].ravel().tolist()
            q = [exp(value) / sum(map(exp, ours)) for value in ours]
            p = [exp(value) / sum(map(exp, theirs)) for value in theirs]
            total += sum(t * (log(t) - log(s)) for t, s in zip(p, q, strict=True))
    return total / (batch * width)


def plain_mimic(loss: FeatureLoss, level: int, student: np.ndarray, teacher: np.ndarray) -> float:
    pairs = list(zip(student.ravel().tolist(), teacher.ravel().tolist(), strict=True))
    return sum((ours - theirs) ** 2 for ours, theirs in pairs) / len(pairs)


def plain_mgd(loss: FeatureLoss, level: int, student: np.ndarray, teacher: np.ndarray) -> float:
    batch, _, height, width = student.shape
    shown = (torch.rand(batch, 1, height, width) > MASKED).numpy()
    with torch.no_grad():
        generated = loss.generators[level](torch.from_numpy(student * shown)).numpy()
    pairs = zip(generated.ravel().tolist(), teacher.ravel().tolist(), strict=True)
    return SCALE * sum((ours - theirs) ** 2 for ours, theirs in pairs) / batch


PLAIN = {"CWD": plain_cwd, "Mimicking": plain_mimic, "MGD": plain_mgd}


def test_the_generator_of_mgd_sees_a_third_of_the_positions() -> None:
    torch.manual_seed(0)
    loss, seen = FEATURE_LOSSES["mgd"]((4,), (4,)), []
    loss.generators[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    loss([torch.randn(8, 4, 40, 40)], [torch.randn(8, 4, 40, 40)])
    hidden = (seen[0] == 0).all(dim=1)
    assert float(hidden.float().mean()) == pytest.approx(MASKED, abs=0.01)
    assert not torch.equal(hidden[0], hidden[1])  # drawn for every image


def test_standardised_maps_have_mean_0_and_deviation_1_per_channel() -> None:
    maps = standardised(5 * torch.randn(3, 4, 6, 7) + 2)
    assert maps.mean(dim=(0, 2, 3)).abs().max() < 1e-5
    assert maps.std(dim=(0, 2, 3)) == pytest.approx(torch.ones(4), abs=0.01)


@pytest.mark.parametrize("method", ["cwd", "mimic"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_losses_and_gradients_are_the_golden_ones(method: str, dtype: torch.dtype) -> None:
    golden = GOLDEN[method]
    loss = FEATURE_LOSSES[method]((64, 128, 256), (128, 256, 512)).to(dtype)
    with torch.no_grad():
        for index, parameter in enumerate(loss.parameters()):
            values = torch.from_numpy(hashed(9000 + index, parameter.numel()))
            factor = sqrt(3 / parameter.shape[1]) if parameter.ndim == 4 else 0.1
            parameter.copy_(factor * values.reshape(parameter.shape))
    student, teacher = [], []
    for level, side in enumerate((20, 10, 5)):
        shape = (2, 64 * 2**level, side, side)
        goal = (2, 128 * 2**level, side, side)
        student.append(1.5 * golden_map(9100 + level, shape).to(dtype))
        teacher.append(
            (2 * golden_map(9200 + level, goal) + 0.3 * golden_map(9300 + level, goal)).to(dtype)
        )
    for each in student:
        each.requires_grad_()
    value = loss(student, teacher)
    value.backward()
    assert float(value.detach()) == pytest.approx(golden["loss"], rel=1e-5)
    lengths = [float(each.grad.norm()) for each in student]
    assert lengths == pytest.approx(golden["maps"], rel=1e-5)
    lengths = [float(align.projection.weight.grad.norm()) for align in loss.aligns]
    assert lengths == pytest.approx(golden["projections"], rel=1e-5)
    assert all(align.projection.bias.grad.norm() < 1e-6 for align in loss.aligns)


def golden_map(stream: int, shape: tuple[int, ...]) -> Tensor:
    return torch.from_numpy(hashed(stream, int(np.prod(shape)))).reshape(shape)


def test_the_weight_over_a_training_on_coco_is_the_golden_one() -> None:
    golden = GOLDEN["weight"]
    options = DistillOptions(weight=1.0)
    for step, expected in golden["at"].items():
        assert options.weight_at(int(step), golden["total"]) == pytest.approx(expected, abs=1e-12)
