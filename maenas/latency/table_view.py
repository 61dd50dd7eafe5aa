"""One latency table or estimate in detail: the result of `tables show`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from maenas.latency.tables import TableEntry, estimated_entry, measured_entry

if TYPE_CHECKING:
    from maenas.blocks import Op
    from maenas.budgets.latency import LatencyModel
    from maenas.budgets.pricing.kernels import KernelKind, Range
    from maenas.budgets.pricing.prediction_errors import PredictionErrors
    from maenas.budgets.pricing.table import LatencyTable

SCHEMA = "maenas/table@1"
# Kernels whose price is drawn over the channels; those that most detectors spend their time in.
DRAWN = ("conv 1x1/1", "conv 3x3/1", "conv 3x3/2", "depthwise 3x3/1", "max_pool 5x5/1", "concat",
         "add")  # fmt: skip
CHANNELS = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
SIDE = 40  # height and width of the feature map whose price is drawn


@dataclass(frozen=True, slots=True)
class KernelView:
    """One kernel of a table.

    Attributes:
        kernel: kernel or, in a roofline, family of kernels.
        sizes: least and most input channels, output channels and positions that were measured.
        layers: number of measured layers that are this kernel alone; None for an estimate.
        mean_error: mean absolute relative error of its price on these layers; None without any.
    """

    kernel: str
    sizes: tuple[tuple[float, float], ...]
    layers: int | None = None
    mean_error: float | None = None


@dataclass(frozen=True, slots=True)
class FamilyErrors:
    """Residuals of one family of networks that prices were not fitted to.

    Attributes:
        family: name of the family: a search space, "zoo" or the name of published detectors.
        networks: number of networks; None if an estimate does not tell it.
        bias: mean of the signed relative errors; None if an estimate does not tell it.
        mean_error: mean of the absolute relative errors.
    """

    family: str
    networks: int | None
    bias: float | None
    mean_error: float


@dataclass(frozen=True, slots=True)
class TableView:
    """A table or an estimate in detail.

    Attributes:
        entry: line of the table in the list of tables.
        provenance: conditions of the measurement; empty for an estimate.
        samples: number of samples by role; empty for an estimate.
        families: residuals by family.
        kernels: kernels with their sizes and residuals.
        curves: milliseconds by kernel for `CHANNELS` input and output channels at 40x40.
        errors: held-out networks of a measured table; None for an estimate.
        left_out: signed error of each network left out of a calibration; empty if measured.
    """

    entry: TableEntry
    provenance: Mapping[str, str | int | float]
    samples: Mapping[str, int]
    families: tuple[FamilyErrors, ...]
    kernels: tuple[KernelView, ...]
    curves: Mapping[str, tuple[float, ...]]
    errors: PredictionErrors | None
    left_out: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """The view as plain data."""
        curves = {name: dict(zip(CHANNELS, ms, strict=True)) for name, ms in self.curves.items()}
        return {
            "schema": SCHEMA,
            **self.entry.to_json(),
            "provenance": dict(self.provenance),
            "samples": dict(self.samples),
            "families": [asdict(family) for family in self.families],
            "kernels": [asdict(kernel) for kernel in self.kernels],
            "curves_ms_by_channels_at_40x40": curves,
            "held_out": None if self.errors is None else asdict(self.errors),
            "left_out": dict(self.left_out),
        }


def view_table(device: str) -> TableView:
    """The table or estimate of a device in detail.

    Raises:
        MaenasError: if there is none, or it cannot be read.
    """
    from maenas.budgets.device import find_estimate, find_table, load_device, resolved_name
    from maenas.budgets.pricing.table import load_table

    device = resolved_name(device)
    path = None if find_estimate(device) is not None else find_table(device)
    if path is None:
        return _estimate(device, load_device(device))
    return _measured(load_table(path))


def _measured(table: LatencyTable) -> TableView:
    from collections import Counter

    model = table.model()
    return TableView(
        measured_entry(table.name, table),
        {**table.provenance, "device": str(table.provenance.get("device", table.device))},
        Counter(sample.role for sample in table.samples),
        tuple(_families(table.errors)),
        tuple(_kernels(table)),
        _curves(model),
        table.errors,
        {},
    )


def _estimate(name: str, model: LatencyModel) -> TableView:
    from maenas.budgets.pricing.fit import Fit
    from maenas.budgets.pricing.operator_model import OperatorModel
    from maenas.budgets.pricing.roofline import Roofline

    sizes: dict[str, Range] = {}
    if isinstance(model, Roofline):
        sizes = dict(model.sizes)
    elif isinstance(model, OperatorModel):
        sizes = {str(kind): kernel.sizes for kind, kernel in model.kernels.items()}
    fit: Fit | None = getattr(model, "fit", None)
    families = {} if fit is None else fit.families
    return TableView(
        estimated_entry(name, model),
        {},
        {},
        tuple(FamilyErrors(family, None, None, error / 100) for family, error in families.items()),
        tuple(KernelView(kernel, tuple(ranges)) for kernel, ranges in sizes.items()),
        _curves(model),
        None,
        {} if fit is None else {name: error / 100 for name, error in fit.leave_one_out.items()},
    )


def family_of(name: str) -> str:
    """The family in the name of a held-out network, such as "res" of "held-out/res/s/3"."""
    return re.split("[/:]", name.removeprefix("held-out/"))[0]


def _families(errors: PredictionErrors) -> list[FamilyErrors]:
    """Residuals of the held-out networks by family, in alphabetical order."""
    found: dict[str, list[float]] = {}
    for name, predicted, measured in zip(
        errors.names, errors.predicted_ms, errors.measured_ms, strict=True
    ):
        found.setdefault(family_of(name), []).append(predicted / measured - 1)
    return [
        FamilyErrors(family, len(each), sum(each) / len(each), _mean_absolute(each))
        for family, each in sorted(found.items())
    ]


def _kernels(table: LatencyTable) -> list[KernelView]:
    """Kernels of a measured table, with the residuals of the layers that are one kernel alone."""
    from maenas.budgets.pricing.kernels import kernel_of

    model = table.model()
    residuals: dict[KernelKind, list[float]] = {}
    for layer in table.layer_times():
        if len(layer.ops) == 1:
            error = 1e3 * model.op_ms(layer.ops[0]) / layer.us - 1
            residuals.setdefault(kernel_of(layer.ops[0]), []).append(error)
    return [
        KernelView(
            str(kind),
            tuple(kernel.sizes),
            len(residuals.get(kind, ())),
            _mean_absolute(residuals[kind]) if kind in residuals else None,
        )
        for kind, kernel in model.kernels.items()
    ]


def _curves(model: LatencyModel) -> dict[str, tuple[float, ...]]:
    """Milliseconds over the channels of the kernels that the device has a price for."""
    from maenas.budgets.latency import DeviceError
    from maenas.budgets.pricing.kernels import KernelKind

    found = {}
    for name in DRAWN:
        try:
            ops = [_square(KernelKind.parse(name), channels) for channels in CHANNELS]
            found[name] = tuple(model.op_ms(op) for op in ops)
        except DeviceError:
            continue
    return found


def _square(kernel: KernelKind, channels: int) -> Op:
    """The operator of a kernel with equal input and output channels."""
    from maenas.blocks.op import Op, conv

    shape = (channels, SIDE, SIDE)
    if kernel.family in ("conv", "depthwise"):
        groups = channels if kernel.family == "depthwise" else 1
        return conv(shape, channels, kernel.window, kernel.strides, groups, act="relu")
    return Op(kernel.family, shape, shape, kernel.window)  # type: ignore[arg-type]


def _mean_absolute(errors: Sequence[float]) -> float:
    return sum(map(abs, errors)) / len(errors)
