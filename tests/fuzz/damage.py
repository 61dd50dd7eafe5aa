"""Damage that depends on the format: a table with a right digest, lines, headers, graphs."""

from __future__ import annotations

import json
import random
from typing import Any

import onnx

from tests.fuzz.mutations import mutated, mutated_json


def rehashed(rng: random.Random, content: bytes) -> bytes:
    """A damaged latency table whose digest is right all the same, as of a table written by hand."""
    damaged = mutated_json(rng, content)
    try:
        data = json.loads(damaged)
        data.pop("digest")
        data["digest"] = table_digest(data)
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        return damaged
    return json.dumps(data).encode()


def table_digest(data: Any) -> str:
    """The digest that `load_table` expects."""
    from maenas.budgets.pricing.table import _digest

    return _digest(data)


def mutated_lines(rng: random.Random, content: bytes) -> bytes:
    """Lines of JSON, one of them damaged."""
    lines = content.splitlines(keepends=True)
    index = rng.randrange(len(lines))
    lines[index] = mutated_json(rng, lines[index]) + rng.choice((b"\n", b"\n", b""))
    return b"".join(lines)


def bitten(rng: random.Random, content: bytes) -> bytes:
    """Damage to the bytes, most of it in the first kilobyte: the headers of binary files."""
    if rng.random() < 0.5:
        return mutated(rng, content)
    return mutated(rng, content[:1024]) + content[1024:]


def rebuilt_graph(rng: random.Random, content: bytes) -> bytes:
    """An ONNX file with an attribute, a shape or a name changed, or damaged bytes."""
    if rng.random() < 0.5:
        return bitten(rng, content)
    model = onnx.load_from_string(content)
    graph = model.graph
    node = rng.choice(graph.node)
    numbers = (0, -1, 3, 2**31, 2**62, -(2**62))
    match rng.randrange(6):
        case 0:
            node.op_type = rng.choice(("Conv", "Reshape", "Loop", "Concat", "Resize", "Nothing"))
        case 1 if node.attribute:
            attribute = rng.choice(node.attribute)
            attribute.i = rng.choice(numbers)
            attribute.ints.extend(rng.choices(numbers, k=2))
        case 2:
            dims = graph.input[0].type.tensor_type.shape.dim
            rng.choice(dims).dim_value = rng.choice(numbers)
        case 3 if graph.initializer:
            rng.choice(graph.initializer).dims.append(rng.choice(numbers))
        case 4 if node.input:
            node.input[0] = rng.choice(("", "none", node.output[0]))
        case _:
            graph.node.remove(node)
    return model.SerializeToString()
