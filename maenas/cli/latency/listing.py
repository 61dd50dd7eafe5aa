"""The layers of a network with their latency, as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from maenas.latency.predict import amount, by_kernel, share

if TYPE_CHECKING:
    from maenas.latency.measure import MeasureResult
    from maenas.latency.predict import LayerLatency, PredictResult

SHOWN = 15  # most expensive layers that are listed
UNLISTED = 0.1  # minimum share of the latency outside the layers that gets its own line


def print_layers(lines: Sequence[LayerLatency], count: int | None) -> None:
    """Print the layers by latency, then the kernels by share."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from maenas.terminal.console import OUT

    total = sum(line.ms for line in lines)
    table = Table(box=SIMPLE_HEAD, padding=0, show_edge=False)
    table.add_column("layer", overflow="fold")
    table.add_column("kernel", no_wrap=True)
    table.add_column("channels x height x width", overflow="fold")
    for name in ("ms", "%"):
        table.add_column(name, justify="right", no_wrap=True)
    ranked = sorted(lines, key=lambda line: -line.ms)
    for line in ranked[:count]:
        percent = f"{100 * share(line.ms, total):.1f}"
        table.add_row(line.name, line.kernel, line.shapes, amount([line], 4), percent)
    rest = ranked[len(ranked) if count is None else count :]
    if rest:
        percent = f"{100 * share(sum(line.ms for line in rest), total):.1f}"
        table.add_row(f"{len(rest)} more (--all)", "", "", amount(rest, 4), percent)
    OUT.print(table)
    kinds = ", ".join(
        f"{kind} {100 * share(ms, total):.1f}%" for kind, ms in by_kernel(lines).items()
    )
    OUT.print(f"by kind: {kinds}")


def extrapolated(result: PredictResult) -> list[str]:
    """A line about extrapolated prices, marked ~ in the listing; empty without any."""
    beyond = [line for line in result.lines if line.guess]
    if not beyond:
        return []
    reasons = Counter(line.guess for line in beyond)
    first = "; ".join(f"{reason} ({count}x)" for reason, count in reasons.most_common(3))
    known = "measured" if result.model.kind == "measured" else "calibrated"
    percent = f"{100 * result.extrapolated_share:.1f}%"
    return [f"~ {percent} lies beyond what was {known}: {first}"]


def comparison(result: MeasureResult) -> list[str]:
    """Lines with predicted and measured latency; empty without a prediction."""
    model, timing = result.model, result.timing
    if model is None or result.predicted_ms is None or result.error is None:
        return []
    lines = []
    if timing.speed is not None:
        lines.append(
            f"the device ran at {timing.speed:.2f} of the speed it had when {model.device} was "
            f"profiled (reference graph); at that speed {timing.p50 * timing.speed:.3f} ms"
        )
    error = f"{100 * result.error:+.1f}%"
    lines.append(f"predicted {result.predicted_ms:.3f} ms: {error}; {model.about}")
    return lines
