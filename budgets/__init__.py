"""What one may spend: budgets, devices, prices."""

from budgets.budget import (
    Budget,
    BudgetError,
    InfeasibleError,
    Quantity,
    parse_budget,
    parse_budgets,
    show,
)
from budgets.cost import Cost, cost
from budgets.device import device_names, load_device
from budgets.latency import DeviceError, LatencyModel
from budgets.roofline import Roofline, load_roofline

__all__ = [
    "Budget",
    "BudgetError",
    "Cost",
    "DeviceError",
    "InfeasibleError",
    "LatencyModel",
    "Quantity",
    "Roofline",
    "cost",
    "device_names",
    "load_device",
    "load_roofline",
    "parse_budget",
    "parse_budgets",
    "show",
]
