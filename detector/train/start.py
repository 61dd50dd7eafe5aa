"""What a training starts from: a detector with the classes of the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from maenas.detector.checkpoints.checkpoint import build_network
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.model.spec import DetectorSpec


def starting_spec(spec: DetectorSpec, names: Sequence[str]) -> DetectorSpec:
    """A detector as it is, but for other classes."""
    head = replace(spec.head, num_classes=len(names))
    return replace(spec, head=head, names=tuple(names))


def starting_network(
    spec: DetectorSpec,
    names: Sequence[str],
    weights: Mapping[str, Tensor] | None,
    seed: int,
    where: str = "weights",
) -> tuple[DetectorNetwork, list[str]]:
    """The network of a detector with other classes, and what to tell about its weights.

    Everything but the last layer of the classifier is taken over, and of that the rows of
    classes that both know by the same name. A detector without names that has as many classes
    is taken over whole.

    Args:
        spec: the detector that the weights are of.
        names: of the classes to learn.
        weights: of that detector, or None for a fresh start.
        seed: of what is drawn.
        where: the weights came from, for messages.
    Raises:
        SpecError: if the weights are of another detector.
    """
    torch.manual_seed(seed)
    target = starting_spec(spec, names)
    if weights is None:
        return target.build(), ["starts from random weights"]
    same = len(names) == spec.head.num_classes and spec.names in ((), tuple(names))
    if same:
        return build_network(target, dict(weights), where), [f"starts from all weights of {where}"]
    build_network(spec, dict(weights), where)  # a clear error if they are of another detector
    network = target.build()
    fresh = network.state_dict()
    known = {name: place for place, name in enumerate(spec.names)}
    pairs = [(new, known[name]) for new, name in enumerate(names) if name in known]
    classifier = f".{spec.head.stacked_convs}."  # the last of each branch, behind its tower
    for name, value in weights.items():
        if not name.startswith("head.scores.") or classifier not in name:
            fresh[name] = value
            continue
        for new, old in pairs:
            fresh[name][new] = value[old]
    network.load_state_dict(fresh)
    kept = f", which keeps {len(pairs)} of {len(names)} classes" if pairs else ""
    return network, [f"starts from all weights of {where} but those of the classifier{kept}"]
