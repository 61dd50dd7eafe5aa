"""The exponential moving average (EMA) of a network, which is evaluated and saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from maenas.blocks.errors import SpecError


@dataclass(frozen=True, slots=True, kw_only=True)
class EmaOptions:
    """Options of the exponential moving average.

    Attributes:
        decay: final decay, the share of the old average that is kept in a step.
        ramp: time constant in steps with which the decay rises from 0.
    """

    decay: float = 0.9998
    ramp: float = 2000.0

    def __post_init__(self) -> None:
        if not 0 <= self.decay < 1:
            raise SpecError(f"ema: decay must be 0 or more and below 1, got {self.decay}.")
        if self.ramp <= 0:
            raise SpecError(f"ema: ramp must be above 0, got {self.ramp}.")

    def momentum(self, step: int) -> float:
        """The decay at a step, counted from 0; at step 0 the average is a copy of the network.

        Source: the code of DAMO-YOLO, which follows YOLOv5.
        """
        return self.decay * (1 - exp(-step / self.ramp))


class Ema:
    """The moving average of the floating-point values of a state dict, running statistics too.

    Every process of a training keeps one, since each evaluates its share of the images with it.

    Args:
        network: network whose values initialise the average.
        options: decay and its ramp.
    """

    def __init__(self, network: nn.Module, options: EmaOptions) -> None:
        self.options = options
        self.weights = {name: value.clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Update the average with the network after a step, counted from 0."""
        state = network.state_dict()
        followed = [name for name, value in state.items() if value.is_floating_point()]
        average = get_ema_multi_avg_fn(self.options.momentum(step))  # type: ignore[no-untyped-call]
        average([self.weights[name] for name in followed], [state[name] for name in followed], None)
        for name in state.keys() - set(followed):
            self.weights[name].copy_(state[name])

    @torch.no_grad()
    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Load a saved average."""
        for name, value in self.weights.items():
            value.copy_(weights[name])

    @torch.no_grad()
    def mend(self, network: nn.Module) -> None:
        """Replace running statistics of the network that are not finite by their average."""
        for name, value in network.named_buffers():
            if not value.isfinite().all():
                value.copy_(self.weights[name])
