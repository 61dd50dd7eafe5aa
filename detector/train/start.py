"""The initial network of a training: a detector with the classes of the data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from maenas.detector.checkpoints.branches import ONE_TO_ONE_PREFIX
from maenas.detector.checkpoints.checkpoint import build_network, has_learned
from maenas.detector.checkpoints.inherit import Inheritance, InheritedTensor
from maenas.detector.data.union.name_key import name_key
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.model.spec import DetectorSpec

CLASS_BRANCHES = ("head.scores.", f"{ONE_TO_ONE_PREFIX}scores.")


def starting_spec(spec: DetectorSpec, names: Sequence[str]) -> DetectorSpec:
    """The same detector for other classes."""
    head = replace(spec.head, num_classes=len(names))
    return replace(spec, head=head, names=tuple(names))


def starting_network(
    spec: DetectorSpec,
    names: Sequence[str],
    weights: Mapping[str, Tensor] | None,
    seed: int,
    where: str = "weights",
) -> tuple[DetectorNetwork, list[str]]:
    """The network of a detector for other classes, and messages about its initial weights.

    All weights are loaded except the last layer of the classifier. There, only the rows of classes
    that both detectors name are loaded; case, separators and plural of names do not matter where no
    name is equal. If the detector has the same number of classes and no names, all of its weights
    are loaded.

    Args:
        spec: detector that the weights belong to.
        names: names of the classes to learn.
        weights: weights of that detector; None to start from random weights.
        seed: random seed of the initial weights.
        where: source of the weights, for messages.
    Raises:
        SpecError: if the weights belong to another detector.
    """
    torch.manual_seed(seed)
    target = starting_spec(spec, names)
    if weights is None:
        return target.build(), ["starts from random weights"]
    if keeps_all(spec, names):
        return build_network(target, dict(weights), where), [f"starts from all weights of {where}"]
    build_network(spec, dict(weights), where)  # a clear error for weights of another detector
    network = target.build()
    fresh = network.state_dict()
    pairs = common_classes(spec.names, names)
    for name, value in weights.items():
        if not in_classifier(spec, name):
            fresh[name] = value
            continue
        for new, old in pairs:
            fresh[name][new] = value[old]
    network.load_state_dict(fresh)
    kept = f", which keeps {len(pairs)} of {len(names)} classes" if pairs else ""
    return network, [f"starts from all weights of {where} but those of the classifier{kept}"]


def has_new_classifier(network: DetectorNetwork) -> bool:
    """Whether other layers of a network have learned, but its classifier knows none of its classes.

    Then all of its biases still are those of the prior.
    """
    return has_learned(network.state_dict()) and network.head.scores_are_initial()


def in_classifier(spec: DetectorSpec, name: str) -> bool:
    """Whether a tensor is one of the classifier: the last convolution of a branch."""
    return name.startswith(CLASS_BRANCHES) and f".{spec.head.stacked_convs}." in name


def with_classes(
    inheritance: Inheritance, names: Sequence[str], network: DetectorNetwork
) -> Inheritance:
    """Inherited weights for other classes, with the origin of the tensors of the classifier.

    Args:
        inheritance: weights, for the classes of their source.
        names: names of the classes to learn.
        network: network that `starting_network` made of these weights.
    """
    spec, weights = inheritance.spec, network.state_dict()
    tensors = list(inheritance.tensors)
    if not keeps_all(spec, names):
        known = bool(common_classes(spec.names, names))
        for index, each in enumerate(tensors):
            if in_classifier(spec, each.name):
                shape = tuple(weights[each.name].shape)
                kept = replace(each, origin="matched", shape=shape)
                tensors[index] = kept if known else InheritedTensor.fresh(each.name, shape)
    made = starting_spec(spec, names)
    return replace(inheritance, spec=made, weights=weights, tensors=tuple(tensors))


def keeps_all(spec: DetectorSpec, names: Sequence[str]) -> bool:
    """Whether a detector that learns these classes starts from all weights of another one."""
    return len(names) == spec.head.num_classes and spec.names in ((), tuple(names))


def common_classes(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """Indices in `new` and in `old` of the classes that both name."""
    known = {name: index for index, name in enumerate(old)}
    alike: dict[str, int] = {}
    for index, name in enumerate(old):
        alike.setdefault(name_key(name), index)
    found = [(index, known.get(name, alike.get(name_key(name)))) for index, name in enumerate(new)]
    return [(index, place) for index, place in found if place is not None]
