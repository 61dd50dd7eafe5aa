"""Report of the predictions of a T4 model for the published detectors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from benchmarks.t4_rows import Row, family_member, percent_off
from maenas.budgets.pricing.roofline import COEFFICIENTS, Roofline


def report(model: Roofline, rows: Sequence[Row]) -> str:
    """Text with published and predicted latencies, errors, and networks in the wrong order."""
    lines = [f"{'table':<13} {'network':<24} {'published':>9} {'predicted':>9} {'error':>6}"]
    lines += [
        f"{row.table:<13} {row.network:<24} {row.latency_ms:9.2f} "
        f"{model.latency_ms(row.ops):9.2f} {percent_off(model, row):+5.1f}%"
        for row in rows
    ]
    lines += [f"left out, {name}: {error:+.1f}%" for name, error in model.fit.leave_one_out.items()]
    lines += [
        f"other families left out: {shown(model.fit.families)}",
        f"mean {model.fit.mean_error:.2f}%, max {model.fit.max_error:.2f}% "
        f"over {model.fit.rows} distinct networks",
        "coefficients: " + ", ".join(f"{name} {getattr(model, name)}" for name in COEFFICIENTS),
        *(f"out of order: {pair}" for pair in misordered(model, rows)),
        "against TensorRT 10: " + trt10_ratios(model),
    ]
    return "\n".join(lines)


def misordered(model: Roofline, rows: Sequence[Row]) -> Iterator[str]:
    """Pairs of networks of one table that the model ranks in the opposite order."""
    for slow in rows:
        for fast in rows:
            gap = slow.latency_ms - fast.latency_ms
            if slow.table != fast.table or gap <= 0:
                continue
            predicted = model.latency_ms(slow.ops) - model.latency_ms(fast.ops)
            if predicted <= 0:
                yield (
                    f"{slow.table}: {slow.network} is published {1e3 * gap:.0f} us slower than "
                    f"{fast.network}, predicted {-1e3 * predicted:.0f} us faster"
                )


def trt10_ratios(model: Roofline) -> str:
    """Latencies relative to S, beside those that another project measured with TensorRT 10."""
    measured = {"T": 2.32, "S": 3.45, "M": 5.09, "L": 7.18}
    predicted = {scale: model.latency_ms(family_member(scale.lower())) for scale in measured}
    return ", ".join(
        f"{scale}/S {predicted[scale] / predicted['S']:.2f} (measured {ms / measured['S']:.2f})"
        for scale, ms in measured.items()
        if scale != "S"
    )


def shown(errors: Mapping[str, float], between: str = " ") -> str:
    """Names and errors on one line."""
    return ", ".join(f"{name}{between}{error}" for name, error in errors.items())
