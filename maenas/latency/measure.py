"""Measure the latency of a network on a device of this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from maenas.latency.predict import Line

if TYPE_CHECKING:
    from maenas.budgets.backends import Backend, Target
    from maenas.budgets.latency import LatencyModel
    from maenas.budgets.pricing.table import LatencyTable
    from maenas.budgets.profiling.partial_profile import Measured
    from maenas.latency.workload import Subject

SCHEMA = "maenas/measure@1"
UNLISTED = 0.1  # share of the time outside all layers listed that is worth a line


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of one network, batch 1, as they came.

    Attributes:
        ms: of each inference.
        speed: of the device meanwhile, against its undisturbed speed when its table was measured;
            None without a table.
    """

    ms: tuple[float, ...]
    speed: float | None

    @property
    def p50(self) -> float:
        """The median."""
        import numpy as np

        return float(np.median(self.ms))

    def figures(self) -> dict[str, float]:
        """What scripts read."""
        import numpy as np

        ms = np.array(self.ms)
        return {
            "p50": self.p50,
            "min": float(ms.min()),
            "p95": float(np.percentile(ms, 95)),
            "cv": float(ms.std() / ms.mean()),
        }


def find_target(
    device: str, precision: str | None, threads: int | None
) -> tuple[Target, LatencyModel | None, float | None]:
    """What to measure with, and the prices to compare with if there are any.

    A table implies its device, precision and threads; "cpu" with another precision or other
    threads than those of the table "cpu" is a target of its own.

    Returns:
        The target; its latency model or None; the reference graph's milliseconds on the
        undisturbed device or None.
    Raises:
        MaenasError: if `precision` or `threads` contradict the table.
    """
    from maenas.blocks import MaenasError
    from maenas.budgets.backends import Target, parse_target
    from maenas.budgets.backends.load import NAMES
    from maenas.budgets.device import bundled_names, find_table, load_bundled
    from maenas.budgets.pricing.table import load_table

    asked = {"precision": precision, "threads": threads}
    given = {name: value for name, value in asked.items() if value is not None}
    path = find_table(device)
    table = None if path is None else load_table(path)
    if table is None or (device.lower() in NAMES and _contradicted(table, given)):
        target = parse_target(device, precision, threads)
        path = find_table(target.name)
        if path is None:
            known = device in bundled_names()
            return target, load_bundled(device) if known else None, None
        table = load_table(path)
    assert path is not None
    for name in _contradicted(table, given):
        raise MaenasError(
            f"{path}: was measured with {name} {getattr(table, name)}, not {given[name]}; leave "
            f"--{name} out, or profile a table of its own."
        )
    target = Target(
        device=table.device,
        backend=table.backend,
        precision=table.precision,
        threads=table.threads,
    )
    return target, table.model(str(path)), table.reference_ms


def _contradicted(table: LatencyTable, given: Mapping[str, str | int]) -> list[str]:
    """Names of the settings that are other than the table's."""
    return [name for name, value in given.items() if value != getattr(table, name)]


def time_subject(backend: Backend, subject: Subject) -> tuple[Measured, Measured | None]:
    """Samples of a network beside the reference graph.

    Returns:
        Of what is priced; and of the whole file, None if that is the same.
    """
    from maenas.budgets.graph.operator_graph import reference_graph
    from maenas.budgets.profiling.profile import Item, measure_calmly

    reference = backend.compile(reference_graph())
    item = Item(subject.name, "fit", subject.graph)
    whole = None
    if subject.whole is not None:  # first: a runtime that refuses it says so at once
        file = Item(subject.name, "held-out", subject.whole)
        whole = measure_calmly(backend, file, reference, all_known=False)
    return measure_calmly(backend, item, reference, all_known=False), whole


def measured_mean(measured: Measured) -> float:
    """Milliseconds of an inference, the mean: what the layers' times are shares of."""
    return sum(measured.sample.ms) / len(measured.sample.ms)


def run_in(measured: Measured, target: Target) -> str:
    """The runtime and what it really computed in, for people."""
    told = f"{target.backend} {measured.precision}"
    reasons = [] if measured.precision == target.precision else [f"{target.precision} was asked"]
    reasons += [measured.note] if measured.note else []
    return f"{told} ({', '.join(reasons)})" if reasons else told


def timing_of(measured: Measured, reference_ms: float | None) -> Timing:
    """The raw times, and how fast the device was against its table."""
    import numpy as np

    sample = measured.sample
    speed = None
    if reference_ms is not None:
        speed = reference_ms / float(np.median(sample.reference_ms))
    return Timing(sample.ms, speed)


def comparison(timing: Timing, predicted: float, model: LatencyModel) -> list[str]:
    """Predicted against measured, for people."""
    at_speed = timing.p50 * (timing.speed or 1.0)
    error = 100 * (predicted / at_speed - 1)
    lines = []
    if timing.speed is not None:
        lines.append(
            f"the device ran at {timing.speed:.2f} of the speed it had when {model.device} was "
            f"profiled (reference graph); at that speed {at_speed:.3f} ms"
        )
    lines.append(f"predicted {predicted:.3f} ms: {error:+.1f}%; {model.about}")
    return lines


def measured_lines(measured: Measured) -> list[Line]:
    """Layers of the network with the median of their times, where the runtime told them."""

    from maenas.budgets.pricing.kernels import kernel_of
    from maenas.latency.predict import shapes_of

    lines = []
    for sample in measured.sample.layers:
        ops = [measured.ops[place] for place in sample.ops]
        kernels = "+".join(dict.fromkeys(kernel_of(op) for op in ops))
        lines.append(Line(sample.name, kernels, shapes_of(ops[0]), sample.us / 1e3))
    return lines


def report(
    subject: Subject,
    target: Target,
    backend: Backend,
    timing: Timing,
    lines: Sequence[Line],
    model: LatencyModel | None,
    predicted: float | None,
    measured: Measured,
    whole: Measured | None,
) -> dict[str, Any]:
    """The measurement as plain data; where there is a `whole`, prediction and layers are less."""
    shown = timing if whole is None else timing_of(whole, None)
    compared = None
    if model is not None and predicted is not None:
        at_speed = timing.p50 * (timing.speed or 1.0)
        compared = {
            "ms": predicted,
            "error": predicted / at_speed - 1,
            "kind": model.kind,
            "about": model.about,
            "device_speed": timing.speed,
        }
    return {
        "schema": SCHEMA,
        "network": subject.name,
        "what": subject.what,
        "device": target.device,
        "backend": target.backend,
        "precision": (whole or measured).precision,
        "precision_asked": target.precision,
        "kind": "measured",
        "batch": 1,
        "latency_ms": shown.figures(),
        "samples_ms": list(shown.ms),
        "warnings": list((whole or measured).sample.warnings),
        "network_ms": timing.figures(),
        "not_included": dict(subject.behind),
        "predicted": compared,
        "provenance": dict(backend.provenance()),
        "layers": [
            {"name": line.name, "kernel": line.kernel, "shapes": line.shapes, "ms": line.ms}
            for line in sorted(lines, key=lambda line: -line.ms)
        ],
    }
