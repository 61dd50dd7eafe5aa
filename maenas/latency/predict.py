"""Predict the latency of a network from the prices of a device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maenas.blocks import Op
    from maenas.blocks.op import OpKind
    from maenas.budgets import LatencyModel
    from maenas.latency.workload import Workload

SCHEMA = "maenas/predict@1"


@dataclass(frozen=True, slots=True)
class LayerLatency:
    """One layer in a listing.

    Attributes:
        name: name of the layer.
        kernel: kernel that computes it.
        shapes: shapes of input and output, such as "64x80x80 -> 128x40x40".
        ms: latency in milliseconds.
        guess: reason why the price is extrapolated; None if it is not.
    """

    name: str
    kernel: str
    shapes: str
    ms: float
    guess: str | None = None


@dataclass(frozen=True, slots=True)
class Unpriced:
    """Operators of one kind without a price on the device.

    Attributes:
        kind: family of kernels, or the ONNX type of operators that are of no known kind.
        count: number of such operators.
        as_copies_ms: milliseconds of copies of the same size; hardly any operator takes less. None
            if the sizes are unknown or the device has no price for a copy either.
    """

    kind: str
    count: int
    as_copies_ms: float | None


@dataclass(frozen=True, slots=True)
class PredictResult:
    """The latency of a network predicted from the prices of a device, at batch size 1.

    Attributes:
        workload: network.
        model: latency model of the device.
        lines: layers with their prices, in order of execution.
        unpriced: operators that the prediction leaves out, by kind.
        remedy: what to do about them; empty without any.
    """

    workload: Workload
    model: LatencyModel
    lines: tuple[LayerLatency, ...]
    unpriced: tuple[Unpriced, ...] = ()
    remedy: str = ""

    @property
    def latency_ms(self) -> float:
        """Milliseconds of the whole network."""
        return sum(line.ms for line in self.lines)

    @property
    def unpriced_share(self) -> float | None:
        """Share of the latency left out, if those operators were copies; None if unknown."""
        if self.unpriced and all(one.as_copies_ms is None for one in self.unpriced):
            return None
        left_out = sum(one.as_copies_ms or 0.0 for one in self.unpriced)
        return share(left_out, self.latency_ms + left_out)

    @property
    def extrapolated_share(self) -> float:
        """Share of the latency whose price is extrapolated."""
        return share(sum(line.ms for line in self.lines if line.guess), self.latency_ms)

    def to_json(self) -> dict[str, Any]:
        """The prediction as plain data; statistics that need a measurement are None."""
        return {
            "schema": SCHEMA,
            "network": self.workload.name,
            "what": self.workload.what,
            "device": self.model.device,
            "kind": f"predicted, {self.model.kind}",
            "about": self.model.about,
            "warning": self.model.warning,
            "provenance": dict(self.model.provenance),
            "precision": self.model.precision,
            "latency_ms": {"p50": self.latency_ms, "min": None, "p95": None, "cv": None},
            "not_included": dict(self.workload.behind),
            "unpriced": [asdict(one) for one in self.unpriced],
            "unpriced_share": self.unpriced_share,
            "extrapolated_share": self.extrapolated_share,
            "by_kind": by_kernel(self.lines),
            "layers": [
                {
                    "name": line.name,
                    "kernel": line.kernel,
                    "shapes": line.shapes,
                    "ms": line.ms,
                    "extrapolated": line.guess,
                }
                for line in sorted(self.lines, key=lambda line: -line.ms)
            ],
        }


def priced_lines(workload: Workload, model: LatencyModel) -> tuple[LayerLatency, ...]:
    """Every layer with its price, in order of execution.

    Raises:
        DeviceError: if the device has no price for an operator; the message names the command
            that measures it.
    """
    from maenas.budgets.pricing.kernels import kernel_of

    found = []
    for layer in workload.layers:
        for op in layer.ops:
            ms, guess = workload.price(model, op)
            found.append(LayerLatency(layer.name, str(kernel_of(op)), shapes_of(op), ms, guess))
    return tuple(found)


def prediction(workload: Workload, model: LatencyModel) -> PredictResult:
    """The price of a network, without operators that have none on the device.

    Raises:
        MaenasError: if no operator has a price; the message names what to do.
    """
    from maenas.budgets.latency import DeviceError
    from maenas.budgets.pricing.kernels import kernel_of

    lines: list[LayerLatency] = []
    lacking: dict[str, list[Op]] = {}
    first: DeviceError | None = None
    for layer in workload.layers:
        for op in layer.ops:
            kernel = kernel_of(op)
            try:
                ms, guess = workload.price(model, op)
            except DeviceError as error:
                first = first or error
                lacking.setdefault(kernel.family, []).append(op)
            else:
                lines.append(LayerLatency(layer.name, str(kernel), shapes_of(op), ms, guess))
    if not lines:
        workload.require_known()
        raise first or AssertionError("a network without operators is refused above")
    unpriced = [Unpriced(kind, len(ops), _as_copies(model, ops)) for kind, ops in lacking.items()]
    for kind, count in workload.unknown.items():
        found = [op for layer in workload.stand_ins if layer.name == kind for op in layer.ops]
        as_copies_ms = _as_copies(model, found) if found else None
        unpriced.append(Unpriced(kind, count, as_copies_ms))
    remedy = workload.remedy() if workload.unknown else str(first or "").partition("; ")[2]
    return PredictResult(workload, model, tuple(lines), tuple(unpriced), remedy)


def _as_copies(model: LatencyModel, ops: Sequence[Op]) -> float | None:
    """Milliseconds of copies, or of sums, of the size of these operators; None without a price."""
    from maenas.budgets.latency import DeviceError

    kinds: tuple[OpKind, ...] = ("copy", "add", "concat")
    for kind in kinds:
        try:
            return sum(
                model.op_ms(replace(op, kind=kind, kernel_size=1, stride=1, groups=1, act="none"))
                for op in ops
            )
        except DeviceError:
            continue
    return None


def shapes_of(op: Op) -> str:
    """Shapes of an operator's input and output, as text; one shape if they are equal."""
    sides = ["x".join(map(str, shape)) for shape in (op.in_shape, op.out_shape)]
    return sides[0] if sides[0] == sides[1] else " -> ".join(sides)


def amount(lines: Sequence[LayerLatency], digits: int) -> str:
    """Total milliseconds of some layers, with a ~ in front if any price is extrapolated."""
    mark = "~" if any(line.guess for line in lines) else ""
    return f"{mark}{sum(line.ms for line in lines):.{digits}f}"


def share(part: float, whole: float) -> float:
    """The part divided by the whole; 0 if the whole is 0."""
    return part / whole if whole else 0.0


def by_kernel(lines: Iterable[LayerLatency]) -> dict[str, float]:
    """Milliseconds by kernel, the most expensive first."""
    sums: Counter[str] = Counter()
    for line in lines:
        sums[line.kernel] += line.ms  # type: ignore[assignment]
    return dict(sums.most_common())


def left_out(result: PredictResult) -> str:
    """A line with the operators without a price, their share at least, and the remedy."""
    kinds = ", ".join(f"{one.count} x {one.kind}" for one in result.unpriced)
    known = [one.as_copies_ms for one in result.unpriced if one.as_copies_ms is not None]
    size = "of a share that is not known"
    if known:
        size = (
            f"at least {sum(known):.3f} ms or {100 * (result.unpriced_share or 0.0):.1f}% of the "
            "whole, the time of copies of the same size"
        )
    line = f"{result.workload.name}: {kinds} without a price on {result.model.device}, {size}"
    return f"{line}. {result.remedy}" if result.remedy else line


def not_included(workload: Workload) -> str:
    """A line with the operators left out of the price: their time depends on the image."""
    kinds = ", ".join(f"{count} x {kind}" for kind, count in workload.behind.most_common())
    return f"not included: the operators that select detections ({kinds})"
