"""The optimizer: SGD or AdamW, without weight decay on norms and biases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, sqrt
from typing import Any, Literal

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.optim import SGD, AdamW, Optimizer

from maenas.blocks.errors import SpecError, positive

FACTOR = "lr_factor"  # key of a parameter group: factor of its learning rate


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerOptions:
    """Options of the optimizer.

    Attributes:
        name: "sgd" with Nesterov momentum, or "adamw".
        lr: peak learning rate at a batch size of `lr_batch`.
        lr_batch: batch size that `lr` was tuned for.
        lr_scaling: how the learning rate scales with the batch size: "linear", or "sqrt" for
            adaptive optimizers such as AdamW (https://arxiv.org/abs/2205.10287).
        least_lr: peak learning rate below which a small batch size does not reduce it.
        momentum: momentum of SGD.
        weight_decay: weight decay of convolutions and of the head's scales.
        clip_norm: maximum norm of the gradient; None for no clipping.
    """

    name: Literal["sgd", "adamw"] = "sgd"
    lr: float = 0.04
    lr_batch: int = 256
    lr_scaling: Literal["linear", "sqrt"] = "linear"
    least_lr: float = 0.0
    momentum: float = 0.9
    weight_decay: float = 0.0005
    clip_norm: float | None = None

    def __post_init__(self) -> None:
        positive("optimizer", lr_batch=self.lr_batch)
        if not 0 < self.lr < inf:
            raise SpecError(f"optimizer: lr must be above 0, got {self.lr}.")
        if not 0 <= self.least_lr < inf:
            raise SpecError(f"optimizer: least_lr must be 0 or more, got {self.least_lr}.")
        if not 0 < self.momentum < 1:
            raise SpecError(f"optimizer: momentum must be between 0 and 1, got {self.momentum}.")
        if not 0 <= self.weight_decay < inf:
            raise SpecError(f"optimizer: weight_decay must be 0 or more, got {self.weight_decay}.")
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise SpecError(f"optimizer: clip_norm must be above 0, got {self.clip_norm}.")

    def lr_of(self, batch: int) -> float:
        """The peak learning rate at a batch size."""
        ratio = batch / self.lr_batch
        scaled = self.lr * (ratio if self.lr_scaling == "linear" else sqrt(ratio))
        return max(scaled, min(self.lr, self.least_lr))

    def build(
        self, network: nn.Module, lr_factors: Mapping[Tensor, float] | None = None
    ) -> Optimizer:
        """The optimizer of a network's trained parameters; the first groups have weight decay.

        Args:
            network: network to train.
            lr_factors: factor of the learning rate of each parameter; 1 where none is given.
        """
        factor_of, decayed_first = lr_factors or {}, parameter_groups(network)
        groups: list[dict[str, Any]] = []
        for parameters, decay in zip(decayed_first, (self.weight_decay, 0.0), strict=True):
            for factor, its in by_factor(parameters, factor_of).items():
                groups.append({"params": its, "weight_decay": decay, FACTOR: factor})
        if self.name == "adamw":
            return AdamW(groups, lr=self.lr, fused=True)
        return SGD(groups, lr=self.lr, momentum=self.momentum, nesterov=True, fused=True)


def parameter_groups(network: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """The trained parameters with weight decay, and those without: norms and biases."""
    decayed: list[Tensor] = []
    others: list[Tensor] = []
    for module in network.modules():
        for name, parameter in module.named_parameters(recurse=False):
            free = name == "bias" or isinstance(module, _NormBase)
            if parameter.requires_grad:
                (others if free else decayed).append(parameter)
    return decayed, others


def by_factor(
    parameters: Sequence[Tensor], factor_of: Mapping[Tensor, float]
) -> dict[float, list[Tensor]]:
    """The parameters by the factor of their learning rate."""
    groups: dict[float, list[Tensor]] = {}
    for parameter in parameters:
        groups.setdefault(factor_of.get(parameter, 1.0), []).append(parameter)
    return groups


def set_lr(optimizer: Optimizer, lr: float) -> None:
    """Set the learning rate of every parameter group, each times the factor of the group."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group.get(FACTOR, 1.0)
