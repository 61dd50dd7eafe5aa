"""Several processes with a pretended GPU each: DDP and SyncBatchNorm over gloo."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import pytest
import torch
from torch import Tensor, distributed
from torch.nn.parallel import DistributedDataParallel
from torch.utils._python_dispatch import TorchDispatchMode

from maenas.detector.train import Ranks
from tests.fake_gpu import GPU, SUBSTITUTES, GpuTensor, pretended_gpu

ATEN = torch.ops.aten


class OnGpu(TorchDispatchMode):
    """Memory that C++ asks for in this block is the GPU's, as the buckets of DDP."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        if func in (ATEN.empty.memory_format, ATEN.zeros.default) and made.is_floating_point():
            return GpuTensor(made)
        return made


def on_gpu(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method under `OnGpu`."""

    @wraps(method)
    def changed(*args: Any, **kwargs: Any) -> Any:
        with OnGpu():
            return method(*args, **kwargs)

    return changed


@contextmanager
def fake_ranks(rank: int, count: int) -> Iterator[Ranks]:
    """This process among others that `run_ranks` has started, each with a GPU."""
    distributed.init_process_group("gloo")
    with pretended_gpu(), ddp_on_gpu():
        yield Ranks(GPU, rank, count, count)
    distributed.destroy_process_group()


@contextmanager
def ddp_on_gpu() -> Iterator[None]:
    """DDP and SyncBatchNorm for a pretended GPU, while this process lives."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("__init__", "_pre_forward"):
            method = getattr(DistributedDataParallel, name)
            patch.setattr(DistributedDataParallel, name, on_gpu(method))
        SUBSTITUTES.update(BATCH_NORMS)
        yield


def over(values: Tensor, like: Tensor) -> Tensor:
    """(C,) in the shape that broadcasts over (B, C, H, W)."""
    return values.view(1, -1, *[1] * (like.dim() - 2))


def axes(x: Tensor) -> list[int]:
    return [axis for axis in range(x.dim()) if axis != 1]


def stats(x: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    variance, mean = torch.var_mean(x.float(), axes(x), correction=0)
    return mean, (variance + eps).rsqrt()


def gathered_stats(
    x: Tensor,
    means: Tensor,
    inverses: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    momentum: float,
    eps: float,
    counts: Tensor,
) -> tuple[Tensor, Tensor]:
    share = (counts / counts.sum())[:, None]
    mean = (share * means).sum(0)
    variance = (share * (inverses**-2 - eps + (means - mean) ** 2)).sum(0)
    total = counts.sum()
    running_mean.lerp_(mean, momentum)
    running_var.lerp_(variance * total / (total - 1), momentum)
    return mean, (variance + eps).rsqrt()


def normalised(
    x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, inverse: Tensor, eps: float
) -> Tensor:
    scaled = (x - over(mean, x)) * over(inverse * weight, x) + over(bias, x)
    return scaled.to(x.dtype)


def backward_sums(
    grad: Tensor, x: Tensor, mean: Tensor, inverse: Tensor, weight: Tensor, *_: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    total = grad.float().sum(axes(x))
    product = (grad * (x - over(mean, x))).float().sum(axes(x))
    return total, product, product * inverse, total


def backward_input(
    grad: Tensor,
    x: Tensor,
    mean: Tensor,
    inverse: Tensor,
    weight: Tensor,
    total: Tensor,
    product: Tensor,
    count: Tensor,
) -> Tensor:
    number = count.sum()
    away = (x - over(mean, x)) * over(inverse**2 * product / number, x)
    changed = (grad - over(total / number, x) - away) * over(inverse * weight, x)
    return changed.to(x.dtype)


BATCH_NORMS = {
    ATEN.batch_norm_stats.default: stats,
    ATEN.batch_norm_gather_stats_with_counts.default: gathered_stats,
    ATEN.batch_norm_elemt.default: normalised,
    ATEN.batch_norm_backward_reduce.default: backward_sums,
    ATEN.batch_norm_backward_elemt.default: backward_input,
}
