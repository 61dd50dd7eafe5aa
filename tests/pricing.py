"""What a backbone costs, as plain sums over its operators."""

import pytest

from maenas.budgets import load_device
from maenas.detector import load_template


def prices(backbone, template=None, device="t4"):
    """Every quantity a budget may limit, as plain sums over operators."""
    t4, ops = load_device(device), [*backbone.ops()]
    if template is not None:
        ops += load_template(template).ops(backbone.feature_shapes())
    return {
        "latency_ms": sum(t4.op_ms(op) for op in ops),
        "macs": sum(op.macs for op in ops),
        "params": sum(op.params for op in ops),
        "layers": backbone.layers,
    }


def assert_told_as_priced(told, backbone, template, device="t4"):
    for quantity, value in prices(backbone, template, device).items():
        if told.get(quantity) is not None:
            assert told[quantity] == pytest.approx(value, rel=1e-9), quantity
