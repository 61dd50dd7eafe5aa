"""From the form a network trains in to the form it runs in."""

from __future__ import annotations

import copy

from torch import nn


def deploy(module: nn.Module) -> nn.Module:
    """A copy in eval mode with branches merged and BatchNorms folded; the outputs are the same.

    A module that has another form to run in brings it about by its method `deploy_`.
    """
    deployed = copy.deepcopy(module).eval()
    # Parents come first: a RepConv folds the BatchNorms of its branches before it merges them.
    for child in list(deployed.modules()):
        fold = getattr(child, "deploy_", None)
        if fold is not None:
            fold()
    return deployed
