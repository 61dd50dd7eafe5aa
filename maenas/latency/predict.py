"""Predict the latency of a network from the prices of a device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maenas.blocks import Op
    from maenas.budgets import LatencyModel
    from maenas.latency.workload import Subject

SCHEMA = "maenas/predict@1"
SHOWN = 15  # layers, of the dearest


@dataclass(frozen=True, slots=True)
class Line:
    """One layer in a listing.

    Attributes:
        name: of the layer.
        kernel: that it becomes.
        shapes: "64x80x80 -> 128x40x40".
        ms: milliseconds.
        guess: why the price lies beyond what was measured, None if it does not.
    """

    name: str
    kernel: str
    shapes: str
    ms: float
    guess: str | None = None


def priced_lines(subject: Subject, model: LatencyModel) -> list[Line]:
    """Every layer with its price, in order of execution.

    Raises:
        DeviceError: if the device has no price for an operator.
    """
    from maenas.budgets.pricing.kernels import kernel_of

    found = []
    for layer in subject.layers:
        for op in layer.ops:
            found.append(
                Line(layer.name, kernel_of(op), shapes_of(op), model.op_ms(op), model.guess(op))
            )
    return found


def shapes_of(op: Op) -> str:
    """For people: what it reads and writes."""
    sides = ["x".join(map(str, shape)) for shape in (op.in_shape, op.out_shape)]
    return sides[0] if sides[0] == sides[1] else " -> ".join(sides)


def report(subject: Subject, model: LatencyModel, lines: Sequence[Line]) -> dict[str, Any]:
    """The prediction as plain data; what only a measurement has is null."""
    total = sum(line.ms for line in lines)
    return {
        "schema": SCHEMA,
        "network": subject.name,
        "what": subject.what,
        "device": model.device,
        "kind": f"predicted, {model.kind}",
        "about": model.about,
        "warning": model.warning,
        "provenance": dict(model.provenance),
        "precision": model.precision,
        "latency_ms": {"p50": total, "min": None, "p95": None, "cv": None},
        "not_included": dict(subject.behind),
        "extrapolated_share": _share(sum(line.ms for line in lines if line.guess), total),
        "by_kind": shares(lines),
        "layers": [
            {
                "name": line.name,
                "kernel": line.kernel,
                "shapes": line.shapes,
                "ms": line.ms,
                "extrapolated": line.guess,
            }
            for line in sorted(lines, key=lambda line: -line.ms)
        ],
    }


def amount(lines: Sequence[Line], digits: int) -> str:
    """Milliseconds of some layers together, marked ~ where any of them is a guess."""
    mark = "~" if any(line.guess for line in lines) else ""
    return f"{mark}{sum(line.ms for line in lines):.{digits}f}"


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def shares(lines: Iterable[Line]) -> dict[str, float]:
    """Milliseconds by kernel, the dearest first."""
    sums: Counter[str] = Counter()
    for line in lines:
        sums[line.kernel] += line.ms  # type: ignore[assignment]
    return dict(sums.most_common())


def print_lines(lines: Sequence[Line], total: float, count: int | None) -> None:
    """Layers by cost, then kinds by share."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from maenas.terminal.console import OUT

    table = Table(box=SIMPLE_HEAD, padding=0, show_edge=False)
    table.add_column("layer", overflow="fold")
    table.add_column("kernel", no_wrap=True)
    table.add_column("channels x height x width", overflow="fold")
    for name in ("ms", "%"):
        table.add_column(name, justify="right", no_wrap=True)
    dearest = sorted(lines, key=lambda line: -line.ms)
    for line in dearest[:count]:
        share = f"{100 * _share(line.ms, total):.1f}"
        table.add_row(line.name, line.kernel, line.shapes, amount([line], 4), share)
    rest = dearest[len(dearest) if count is None else count :]
    if rest:
        share = f"{100 * _share(sum(line.ms for line in rest), total):.1f}"
        table.add_row(f"{len(rest)} more (--all)", "", "", amount(rest, 4), share)
    OUT.print(table)
    kinds = ", ".join(
        f"{kind} {100 * _share(ms, total):.1f}%" for kind, ms in shares(lines).items()
    )
    OUT.print(f"by kind: {kinds}")


def not_included(subject: Subject) -> str:
    """For people: what of a file has no price, since the image decides how long it takes."""
    kinds = ", ".join(f"{count} x {kind}" for kind, count in subject.behind.most_common())
    return f"not included: what selects detections ({kinds})"


def guesses(lines: Sequence[Line], total: float, model: LatencyModel) -> list[str]:
    """What to say of prices beyond what they are based on, marked ~ in the listing."""
    beyond = [line for line in lines if line.guess]
    if not beyond:
        return []
    ms = sum(line.ms for line in beyond)
    reasons = Counter(line.guess for line in beyond)
    first = "; ".join(f"{reason} ({count}x)" for reason, count in reasons.most_common(3))
    known = "measured" if model.kind == "measured" else "calibrated"
    return [f"~ {100 * _share(ms, total):.1f}% lies beyond what was {known}: {first}"]
