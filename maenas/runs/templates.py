"""Choice of the template of neck and head for a budget or a backbone."""

from __future__ import annotations

from math import log

from maenas.blocks import Backbone, load_backbone
from maenas.budgets import Budget, LatencyModel, cost
from maenas.detector import Template, load_template, template_names
from maenas.runs.config import Scope

GPU_TEMPLATES = ("t", "s", "m", "l")


def choose_template(budgets: tuple[Budget, ...], device: LatencyModel | None, scope: Scope) -> str:
    """The scale whose published model costs nearest to the budget; the smallest of several.

    The nano scales are for CPUs, so a latency budget on a GPU chooses among the others.
    """
    latency = any(budget.quantity == "latency_ms" for budget in budgets)
    on_gpu = latency and device is not None and device.hardware == "gpu"
    names = [name for name in template_names() if not on_gpu or name in GPU_TEMPLATES]
    nearest = []
    for budget in budgets:
        distances = [
            abs(log(budget.limit / published_cost(name, budget.quantity, device, scope)))
            for name in names
        ]
        nearest.append(distances.index(min(distances)))
    return names[min(nearest)]


def published_cost(name: str, quantity: str, device: LatencyModel | None, scope: Scope) -> float:
    """The cost of a scale's published model in one quantity."""
    backbone, template = load_backbone(f"zoo:damo-yolo-{name}"), load_template(name)
    if quantity == "layers":
        return template.layers
    rest = template.ops(backbone.feature_shapes()) if scope == "detector" else ()
    price: float = getattr(cost((*backbone.ops(), *rest), device), quantity)
    return price


def nearest_template(backbone: Backbone) -> Template:
    """The template of the scale whose published backbone is nearest in MACs."""
    macs = sum(op.macs for op in backbone.ops())
    budget = Budget("macs", macs, f"{macs}MACs")
    return load_template(choose_template((budget,), None, "backbone"))
