"""A device made of arithmetic: it runs nothing, takes a known time, and its speed drifts."""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import partial

import onnx

from maenas.blocks import Op
from maenas.blocks.op import Shape, avg_pool, conv, max_pool, upsample
from maenas.budgets.backends import Backend, BackendError, LayerTime, Run, Session
from maenas.budgets.graph import graph_layers, static_graph
from maenas.budgets.graph.operator_graph import operator_graph
from maenas.budgets.latency import Precision
from maenas.budgets.pricing.kernels import terms_of
from maenas.budgets.profiling.profile import Item
from tests.graphs import kernels, made

CHANNELS = (8, 16, 24, 32, 48)


def true_us(op: Op) -> float:
    """Microseconds an operator takes on the device when it is not disturbed."""
    return 2.0 + 0.5 * sum(terms_of(op)[1:])


class SlowMachine(Backend):
    """A backend whose device slows down steadily, and now and then is disturbed.

    Args:
        slowing: how much slower each graph runs than the one before, `drift` at most.
        drift: the device's slowest speed, as a factor of time.
        outliers: share of inferences that take five times as long.
        refuses: names of nodes; graphs that hold one cannot be compiled.
        fails_after: graphs after which the device is gone.
    """

    name = "slow"
    precision: Precision = "f32"
    has_layers = True

    def __init__(
        self,
        slowing: float = 0.0,
        drift: float = 2.0,
        outliers: float = 0.0,
        refuses: tuple[str, ...] = (),
        fails_after: int | None = None,
        warnings: tuple[str, ...] = (),
    ) -> None:
        self.random = random.Random(0)
        self.slowing, self.drift, self.outliers = slowing, drift, outliers
        self.refuses, self.fails_after, self.warnings = refuses, fails_after, warnings
        self.compiled: list[list[str]] = []
        self.time = 1.0

    def compile(self, model: onnx.ModelProto, layers: bool = False) -> Session:
        names = [node.name for node in model.graph.node]
        self.compiled.append(names)
        if self.fails_after is not None and len(self.compiled) > self.fails_after:
            raise BackendError("slow: the device is gone.")
        if {*names} & {*self.refuses}:
            raise BackendError("slow: cannot run the model.")
        self.time = min(self.drift, self.time + self.slowing)
        return SlowSession(self, model, layers)

    def provenance(self) -> Mapping[str, str | int | float]:
        return {"runtime": "arithmetic 1.0", "device": "a slow machine"}


class SlowSession(Session):
    """A graph on it."""

    precision: Precision = "f32"

    def __init__(self, backend: SlowMachine, model: onnx.ModelProto, layers: bool) -> None:
        self.backend, self.layered = backend, layers
        self.layers = graph_layers(static_graph(model)).layers

    def run(self, count: int) -> Run:
        factors = [self._factor() for _ in range(count)]
        times = [sum(map(true_us, layer.ops)) for layer in self.layers]
        layers = tuple(
            LayerTime(layer.name, layer.nodes, "slow", us * sum(factors) / count)
            for layer, us in zip(self.layers, times, strict=True)
        )
        ms = tuple(sum(times) * factor / 1e3 for factor in factors)
        return Run(ms, layers if self.layered else (), self.backend.warnings)

    def _factor(self) -> float:
        chance = self.backend.random
        outlier = 5.0 if chance.random() < self.backend.outliers else 1.0
        return self.backend.time * outlier * chance.uniform(0.98, 1.02)


def network(seed: int) -> onnx.ModelProto:
    """A chain of five convolutions of random sizes."""
    chance = random.Random(seed)
    widths = [chance.choice(CHANNELS) for _ in range(6)]
    sides = [chance.choice((1, 3)) for _ in range(5)]
    side = chance.choice((8, 16, 32))
    lines, weights, attributes = [], {}, {}
    read = "x"
    for index, (before, after, window) in enumerate(zip(widths, widths[1:], sides, strict=False)):
        weights[f"w{index}"] = kernels(after, before, window, window)
        attributes[f"c{index}"] = {"pads": (window // 2,) * 4}
        lines += [f"c{index} = Conv {read} w{index}", f"r{index} = Relu c{index}"]
        read = f"r{index}"
    return static_graph(made(lines, {"x": (1, widths[0], side, side)}, weights, (), attributes))


def operators(shape: Shape = (16, 16, 16)) -> list[Op]:
    """Some to measure alone."""
    return [
        conv(shape, 16, 3, norm=False),
        conv(shape, 24, norm=False),
        avg_pool(shape),
        max_pool(shape, 5),
        upsample(shape),
    ]


def profile_items(fitted: int = 12, held_out: int = 8) -> list[Item]:
    """Networks and operators of a small profile."""
    return [
        *(Item(f"fit/{i}", "fit", partial(network, i)) for i in range(fitted)),
        *(
            Item(f"operator/{i}", "operator", partial(operator_graph, op))
            for i, op in enumerate(operators())
        ),
        *(Item(f"held-out/{i}", "held-out", partial(network, 100 + i)) for i in range(held_out)),
    ]
