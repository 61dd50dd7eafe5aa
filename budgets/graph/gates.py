"""Activations written as x * gate(x), such as SiLU, Mish and HardSwish."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

import onnx

from maenas.budgets.graph.kinds import ACTS, PRODUCTS, SUMS, UNARY

LONGEST = 6  # maximum number of nodes of a gate; HardSwish and GELU have three


@dataclass(frozen=True, slots=True)
class Gate:
    """The factor gate(x) of a product x * gate(x).

    Attributes:
        source: name of the tensor x.
        nodes: names of the nodes of gate(x).
    """

    source: str
    nodes: tuple[str, ...]


def find_gates(graph: onnx.GraphProto, constant: Collection[str]) -> dict[str, Gate]:
    """Return the gate of each product x * gate(x), by the name of the product.

    A gate is a chain of activations and of arithmetic with constants that starts at x and that no
    other node reads: `Sigmoid` for SiLU, `Softplus, Tanh` for Mish, `Add, Clip, Div` for HardSwish.
    """
    made_by = {name: node for node in graph.node for name in node.output}
    readers = Counter(name for node in graph.node for name in node.input)
    readers.update(value.name for value in graph.output)
    known = {*constant, *(n for node in graph.node if _constant(node) for n in node.output)}
    found = {}
    for node in graph.node:
        if node.op_type != "Mul" or len(node.input) != 2:
            continue
        for source, gate in (node.input, reversed(node.input)):
            chain: list[str] = []
            functions = 0
            name = gate
            while name != source and len(chain) < LONGEST and readers[name] == 1:
                before = made_by.get(name)
                read = [n for n in before.input if n and n not in known] if before else []
                if before is None or before.op_type not in _STEPS or len(read) != 1:
                    break
                chain.append(before.name)
                functions += before.op_type in _FUNCTIONS
                name = read[0]
            if name == source and functions:
                found[node.name] = Gate(source, tuple(reversed(chain)))
    return found


_FUNCTIONS = (*ACTS, *UNARY)
_STEPS = (*_FUNCTIONS, *SUMS, *PRODUCTS)


def _constant(node: onnx.NodeProto) -> bool:
    return bool(node.op_type == "Constant")
