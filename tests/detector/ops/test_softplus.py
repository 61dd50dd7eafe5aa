"""ln(1 + e^x) against torch's."""

from __future__ import annotations

import torch
from torch.nn import functional

from maenas.detector.ops.softplus import softplus


def test_it_is_that_of_torch_within_what_32_bits_hold_beside_one() -> None:
    values = torch.linspace(-120.0, 120.0, 100_001)
    exact = functional.softplus(values.double(), threshold=1e3)
    away = (softplus(values) - exact).abs()
    assert (away <= 1.3e-7 * exact.clamp(min=1.0)).all()


def test_values_are_left_as_they_are() -> None:
    values = torch.tensor([-2.0, 3.0], requires_grad=True)
    assert not softplus(values).requires_grad
    assert values.tolist() == [-2.0, 3.0]
