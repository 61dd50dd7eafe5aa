"""Channel-wise distillation: the distribution of each channel over the positions."""

from __future__ import annotations

from torch import Tensor

from maenas.detector.distill.feature_loss import FeatureLoss


class CWD(FeatureLoss):
    """KL divergence between teacher and student of each channel's softmax over positions.

    With s and t the standardised maps of a channel, T = softmax(t) and L = ln sum exp:
    KL(T || softmax(s)) = sum T (t - s) + L(s) - L(t). The temperature is 1.

    Source: Channel-wise Knowledge Distillation for Dense Prediction,
    https://arxiv.org/abs/2011.13256, equations 2 and 3.
    """

    def level_loss(self, level: int, student: Tensor, teacher: Tensor) -> Tensor:
        ours, theirs = student.flatten(2), teacher.flatten(2)  # (B, C, H*W)
        shares = theirs.softmax(-1)
        divergence = (shares * (theirs - ours)).sum(-1) + ours.logsumexp(-1) - theirs.logsumexp(-1)
        return divergence.mean()
