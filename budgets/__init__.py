"""Budgets, devices and the prices of operators."""

from maenas.budgets.budget import (
    Budget,
    BudgetError,
    InfeasibleError,
    Quantity,
    parse_budget,
    parse_budgets,
    show,
    show_amount,
)
from maenas.budgets.cost import Cost, cost
from maenas.budgets.device import device_names, device_of, load_device, pricing_device
from maenas.budgets.latency import DeviceError, LatencyModel
from maenas.budgets.pricing.roofline import Roofline
from maenas.budgets.pricing.roofline_file import load_roofline

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
    "device_of",
    "load_device",
    "load_roofline",
    "parse_budget",
    "parse_budgets",
    "pricing_device",
    "show",
    "show_amount",
]
