"""The maximum-entropy score of a backbone in closed form, without and with zero padding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import exp, log

import numpy as np
from numpy.typing import NDArray

from maenas.blocks import Backbone, Op
from maenas.nas.scores.score import check_weights, ends_level

DEFAULT_WEIGHTS = (0.0, 0.0, 1.0, 1.0, 6.0)
"""One weight for each of the levels C1 to C5: what MAE-DET and the published DAMO-YOLO S fit."""


def log_gain(op: Op) -> float:
    """Logarithm of the factor by which an operator scales the standard deviation of its input.

    A convolution with N(0, 1) weights sums `fan_in` independent products, so the variance grows
    by that factor. Operators outside the main path have a gain of 0.
    """
    return 0.5 * log(op.fan_in) if op.kind == "conv" and op.path == "main" else 0.0


def level_scores(backbone: Backbone) -> tuple[float, ...]:
    """Entropy of the last map of each resolution level, up to a constant, in nats.

    S_i = sum of `log_gain` over all convolutions up to level i + ln C_i, where C_i is the width.
    """
    return _scores(backbone, ([log_gain(op) for op in ops] for ops in backbone.stage_ops()))


def max_entropy(backbone: Backbone, weights: Sequence[float] = DEFAULT_WEIGHTS) -> float:
    """Weighted differential entropy of a backbone's levels under Gaussian initialisation.

    With N(0, 1) weights and without BatchNorm and activations, the variance of a feature map is
    the product of the fan-ins before it. Its logarithm is a sum, so no forward pass is needed.
    Shortcuts, projections, squeeze-and-excite and SPP are ignored, as in the authors' code.

    Args:
        backbone: candidate to score.
        weights: weights of the resolution levels, coarser last.
    Returns:
        The score in nats; higher is better. It does not depend on data or labels.
    Raises:
        SpecError: unless there is one weight per level.

    Source: MAE-DET, https://arxiv.org/abs/2111.13336, in the form of the authors' later code
    (`madnas` of lightweight-neural-architecture-search).
    """
    return weighted(level_scores(backbone), weights)


def expected_entropy(backbone: Backbone, weights: Sequence[float] = DEFAULT_WEIGHTS) -> float:
    """`max_entropy` with the effect of zero padding: the mean score of random networks.

    With independent random weights, the variance of a feature map propagates exactly: each output
    position sums the variances under its window, and positions outside the map count as zero.
    This is the limit of `max_entropy_forward` for many seeds and wide layers.

    Raises:
        SpecError: unless there is one weight per level.
    """
    return weighted(expected_level_scores(backbone), weights)


def expected_level_scores(backbone: Backbone) -> tuple[float, ...]:
    """`level_scores` with the effect of zero padding."""
    _, height, width = backbone.in_shape
    variance = np.ones((height, width))
    side = variance
    gains = []
    for ops in backbone.stage_ops():
        stage_gains = []
        for op in ops:
            if op.kind == "slice":
                variance = _sliced(variance)
            elif op.path == "side":
                side = _propagated(variance, op)
                side /= side.mean()
                side_channels = op.out_shape[0]
            elif op.kind == "concat" and op.path == "main":
                share = side_channels / op.out_shape[0]
                variance = (1 - share) * variance + share * side
            elif op.kind == "conv" and op.path == "main":
                variance = _propagated(variance, op)
                mean = float(variance.mean())
                variance /= mean
                stage_gains.append(0.5 * log(op.in_shape[0] // op.groups) + 0.5 * log(mean))
        gains.append(stage_gains)
    return _scores(backbone, gains)


def effectiveness(backbone: Backbone) -> float:
    """Depth divided by the geometric mean of the fan-ins; the maximum over the levels.

    DeepMAD limits it to avoid networks that are too deep for their width: 0.3 for ResNet-like
    networks, 0.5 for mobile networks. Source: https://arxiv.org/abs/2303.02165, in the form of
    the authors' code.
    """
    depth, total, worst = 0, 0.0, 0.0
    stages = list(backbone.stage_ops())
    for index, ops in enumerate(stages):
        gains = [log_gain(op) for op in ops if op.kind == "conv" and op.path == "main"]
        depth += len(gains)
        total += 2 * sum(gains)  # log of the product of the fan-ins
        if ends_level(backbone.levels, index):
            worst = max(worst, depth * exp(-total / depth))
    return worst


def weighted(scores: Sequence[float], weights: Sequence[float]) -> float:
    """Weighted sum of level scores."""
    check_weights(weights, len(scores))
    return sum(weight * score for weight, score in zip(weights, scores, strict=True))


def _scores(backbone: Backbone, gains: Iterable[Sequence[float]]) -> tuple[float, ...]:
    """Level scores from the gains of each stage's operators."""
    total, scores = 0.0, []
    for index, (stage_gains, ops) in enumerate(zip(gains, backbone.stage_ops(), strict=True)):
        for gain in stage_gains:
            total += gain
        if ends_level(backbone.levels, index):
            scores.append(total + log(ops[-1].out_shape[0]))
    return tuple(scores)


def _sliced(variance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean variance of each 2x2 square, whose pixels become channels of one position."""
    height, width = variance.shape
    mean: NDArray[np.float64] = variance.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
    return mean


def _propagated(variance: NDArray[np.float64], op: Op) -> NDArray[np.float64]:
    """Variances after a convolution: the sums under each window."""
    for axis in (0, 1):
        variance = _window_sums(variance, op.kernel[axis], op.strides[axis], axis)
    return variance


def _window_sums(
    values: NDArray[np.float64], kernel_size: int, stride: int, axis: int
) -> NDArray[np.float64]:
    """Sums under windows along one axis, padded by `kernel_size // 2` zeros at both ends."""
    values = np.moveaxis(values, axis, 0)
    border = kernel_size // 2
    size = values.shape[0]
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    starts = np.arange((size + 2 * border - kernel_size) // stride + 1) * stride - border
    first, last = np.clip(starts, 0, size), np.clip(starts + kernel_size, 0, size)
    return np.moveaxis(sums[last] - sums[first], 0, axis)
