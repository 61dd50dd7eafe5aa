"""Activations by their names in a spec."""

from torch import nn

from maenas.blocks.op import Act


def activation(act: Act) -> nn.Module:
    """A new module for the name; "none" is the identity."""
    modules: dict[Act, type[nn.Module]] = {
        "none": nn.Identity,
        "relu": nn.ReLU,
        "silu": nn.SiLU,
        "sigmoid": nn.Sigmoid,
    }
    return modules[act]()
