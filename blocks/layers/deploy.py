"""Conversion of a network from its training form to its deployed form."""

from __future__ import annotations

import copy

from torch import nn


def deploy(module: nn.Module) -> nn.Module:
    """A copy in eval mode with branches merged and BatchNorms folded; the outputs are the same.

    A module with a separate deployed form converts itself in its method `deploy_`.
    """
    deployed = copy.deepcopy(module).eval()
    # Parents come first: a RepConv folds the BatchNorms of its branches before it merges them.
    for child in list(deployed.modules()):
        fold = getattr(child, "deploy_", None)
        if fold is not None:
            fold()
    return deployed
