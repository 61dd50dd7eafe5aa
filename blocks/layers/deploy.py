"""From the form a network trains in to the form it runs in."""

from __future__ import annotations

import copy

from torch import nn

from blocks.layers.conv_bn_act import ConvBNAct
from blocks.layers.rep_conv import RepConv


def deploy(module: nn.Module) -> nn.Module:
    """A copy in eval mode with branches merged and BatchNorms folded; the outputs are the same."""
    deployed = copy.deepcopy(module).eval()
    # RepConv first: it folds the BatchNorms of its own branches before it merges them.
    for kind in (RepConv, ConvBNAct):
        for child in list(deployed.modules()):
            if isinstance(child, kind):
                child.deploy_()
    return deployed
