"""Choice of the template of neck and head for a budget or a backbone."""

from __future__ import annotations

from collections.abc import Mapping
from math import log

from maenas.blocks import Backbone, load_backbone
from maenas.budgets import Budget, LatencyModel, cost
from maenas.detector import Template, load_template, template_names
from maenas.runs.config import Scope

GPU_TEMPLATES = ("t", "s", "m", "l")


def choose_template(
    budgets: tuple[Budget, ...],
    device: LatencyModel | None,
    scope: Scope,
    further: Mapping[str, LatencyModel] | None = None,
) -> str:
    """The scale whose published model costs nearest to the budget; the smallest of several.

    The nano scales are for CPUs, so a latency budget on a GPU chooses among the others, and so do
    other budgets beside it unless a CPU is limited as well.

    Args:
        budgets: budgets of the search.
        device: latency model of budgets without a device name; None without a latency.
        scope: part of the network that the budgets limit.
        further: latency models of further devices, by the name that budgets give.
    """
    models: dict[str | None, LatencyModel | None] = {None: device}
    models.update(further or {})
    limited = [models[budget.device] for budget in budgets if budget.quantity == "latency_ms"]
    on_gpu = [model is not None and model.hardware == "gpu" for model in limited]
    known = template_names()
    nearest = []
    for budget in budgets:
        model = models[budget.device]
        is_gpu = model is not None and model.hardware == "gpu"
        larger = is_gpu if budget.quantity == "latency_ms" else bool(limited) and all(on_gpu)
        names = [name for name in known if not larger or name in GPU_TEMPLATES]
        distances = [
            abs(log(budget.limit / published_cost(name, budget.quantity, model, scope)))
            for name in names
        ]
        nearest.append(names[distances.index(min(distances))])
    return min(nearest, key=known.index)


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
