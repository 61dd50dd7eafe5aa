"""Measure the latency of a network on a device of this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from maenas.latency.predict import LayerLatency

if TYPE_CHECKING:
    from pathlib import Path

    from maenas.budgets.backends import Backend, Target
    from maenas.budgets.latency import LatencyModel
    from maenas.budgets.pricing.table import LatencyTable
    from maenas.budgets.profiling.partial_profile import Measured
    from maenas.latency.workload import Workload

SCHEMA = "maenas/measure@1"


@dataclass(frozen=True, slots=True)
class Timing:
    """Latency samples of one network at batch size 1.

    Attributes:
        ms: milliseconds of each inference.
        speed: speed of the device during the measurement, relative to its undisturbed speed when
            its table was measured; None without a table.
    """

    ms: tuple[float, ...]
    speed: float | None

    @property
    def p50(self) -> float:
        """Median milliseconds."""
        import numpy as np

        return float(np.median(self.ms))

    def figures(self) -> dict[str, float]:
        """Statistics of the samples, for JSON."""
        import numpy as np

        ms = np.array(self.ms)
        return {
            "p50": self.p50,
            "min": float(ms.min()),
            "p95": float(np.percentile(ms, 95)),
            "cv": float(ms.std() / ms.mean()),
        }


@dataclass(frozen=True, slots=True)
class MeasureResult:
    """The latency of a network measured on a device at batch size 1.

    Attributes:
        workload: network.
        target: device, runtime and precision.
        provenance: versions and settings of the device and its runtime.
        measured: samples of the part that has prices.
        whole: samples of the whole file; None if the priced part is the whole file.
        reference_ms: milliseconds of the reference graph when the table was measured; None
            without a table.
        model: latency model to compare with; None if there is none.
        predicted_ms: predicted milliseconds of the priced part; None without a price.
    """

    workload: Workload
    target: Target
    provenance: Mapping[str, str | int | float]
    measured: Measured
    whole: Measured | None
    reference_ms: float | None
    model: LatencyModel | None
    predicted_ms: float | None

    @property
    def timing(self) -> Timing:
        """The unscaled samples of the priced part."""
        return timing_of(self.measured, self.reference_ms)

    @property
    def whole_timing(self) -> Timing:
        """The unscaled samples of the whole network or file."""
        return self.timing if self.whole is None else timing_of(self.whole, self.reference_ms)

    @property
    def latency_ms(self) -> float:
        """Median milliseconds of the whole network or file."""
        return self.whole_timing.p50

    @property
    def warnings(self) -> tuple[str, ...]:
        """Disturbances of the measurement."""
        return tuple((self.whole or self.measured).sample.warnings)

    @property
    def lines(self) -> tuple[LayerLatency, ...]:
        """Layers with their median times; empty if the runtime does not report them."""
        return measured_lines(self.measured)

    @property
    def error(self) -> float | None:
        """Error of the prediction relative to the measurement; None without a prediction."""
        if self.predicted_ms is None:
            return None
        return self.predicted_ms / (self.timing.p50 * (self.timing.speed or 1.0)) - 1

    def to_json(self) -> dict[str, Any]:
        """The measurement as plain data; `network_ms` and `layers` are of the priced part."""
        compared = None
        if self.model is not None and self.predicted_ms is not None:
            compared = {
                "ms": self.predicted_ms,
                "error": self.error,
                "kind": self.model.kind,
                "about": self.model.about,
                "warning": self.model.warning,
                "device_speed": self.timing.speed,
            }
        return {
            "schema": SCHEMA,
            "network": self.workload.name,
            "what": self.workload.what,
            "device": self.target.device,
            "backend": self.target.backend,
            "precision": (self.whole or self.measured).precision,
            "precision_asked": self.target.precision,
            "kind": "measured",
            "batch": 1,
            "latency_ms": self.whole_timing.figures(),
            "samples_ms": list(self.whole_timing.ms),
            "warnings": list(self.warnings),
            "network_ms": self.timing.figures(),
            "not_included": dict(self.workload.behind),
            "predicted": compared,
            "provenance": dict(self.provenance),
            "layers": [
                {"name": line.name, "kernel": line.kernel, "shapes": line.shapes, "ms": line.ms}
                for line in sorted(self.lines, key=lambda line: -line.ms)
            ],
        }


def find_target(
    device: str, precision: str | None, threads: int | None
) -> tuple[Target, LatencyModel | None, float | None]:
    """The target to measure on, and the latency model to compare with.

    A table sets device, precision and threads. "cpu" with a precision or threads different from
    those of the table "cpu" is a separate target.

    Returns:
        The target; its latency model or None; milliseconds of the reference graph on the
        undisturbed device or None.
    Raises:
        MaenasError: if `precision` or `threads` contradict the table.
    """
    from maenas.blocks import MaenasError
    from maenas.budgets.backends import Target, parse_target
    from maenas.budgets.backends.load import NAMES
    from maenas.budgets.device import bundled_names, find_estimate, find_table, load_bundled
    from maenas.budgets.latency import with_precision
    from maenas.budgets.pricing.table import load_table

    base, precision = with_precision(device, precision)
    if find_estimate(base) is not None:
        raise MaenasError(
            f"device: {device} is an estimate, which cannot be measured; name the runtime of this "
            f"machine, such as cpu or tensorrt. `maenas predict NETWORK --device {device}` prices."
        )
    asked = {"precision": precision, "threads": threads}
    given = {name: value for name, value in asked.items() if value is not None}
    for name in _table_names(device, precision, threads):
        path = find_table(name)
        if path is None:
            continue
        table = load_table(path)
        refuse_kit(table, path)
        wrong = _contradicted(table, given)
        if not wrong:
            target = Target(table.device, table.backend, table.precision, table.threads)
            return target, table.model(str(path)), table.reference_ms
        if name.lower() not in NAMES:
            raise MaenasError(
                f"{path}: was measured with {wrong[0]} {getattr(table, wrong[0])}, not "
                f"{given[wrong[0]]}; leave --{wrong[0]} out, or profile a table of its own."
            )
    target = parse_target(device, precision, threads)
    return target, load_bundled(base) if base in bundled_names() else None, None


def target_with(
    backend: Backend, device: str, precision: str | None, threads: int | None
) -> tuple[Target, LatencyModel | None, float | None]:
    """The target of a backend object, and the table of it to compare with, as for `find_target`.

    Raises:
        MaenasError: if device, precision or threads are given beside it.
    """
    from maenas.budgets.backends.load import target_of
    from maenas.budgets.device import find_table
    from maenas.budgets.pricing.table import load_table

    refuse_beside_backend(device, precision, threads)
    target = target_of(backend)
    path = find_table(target.name)
    if path is None:
        return target, None, None
    table = load_table(path)
    return target, table.model(str(path)), table.reference_ms


def refuse_kit(table: LatencyTable, path: Path) -> None:
    """Raise `BackendError` if a table was measured by a kit, whose device is elsewhere."""
    from maenas.budgets.backends import BackendError

    if table.kit is not None:
        raise BackendError(
            f"{path}: was measured by a kit on another device, which cannot be measured from here; "
            f"`maenas predict NETWORK --device {table.name}` prices."
        )


def refuse_beside_backend(device: str, precision: str | None, threads: int | None) -> None:
    """Raise `SpecError` for an argument that a backend object decides itself."""
    from maenas.blocks import SpecError

    given = {"device": None if device == "cpu" else device, "precision": precision}
    for name, value in {**given, "threads": threads}.items():
        if value is not None:
            raise SpecError(f"{name}: is decided by the backend that was handed in; leave it out.")


def _table_names(device: str, precision: str | None, threads: int | None) -> Iterator[str]:
    """Names that a table of the device may have; the second one only if the first leads nowhere."""
    from maenas.budgets.backends import parse_target
    from maenas.budgets.device import names_in
    from maenas.budgets.latency import split_precision

    base, named = split_precision(device)
    tried = [base] if named is None else names_in(base, named)
    yield from tried
    name = parse_target(device, precision, threads).name
    if name not in tried:
        yield name


def _contradicted(table: LatencyTable, given: Mapping[str, str | int]) -> list[str]:
    """Names of the settings that differ from the table's."""
    return [name for name, value in given.items() if value != getattr(table, name)]


def time_workload(backend: Backend, workload: Workload) -> tuple[Measured, Measured | None]:
    """Measure a network in turn with the reference graph.

    Returns:
        Samples of the priced part, and of the whole file; the latter is None if both are the same.
    Raises:
        BackendError: if the runtime cannot run the network; the message names operators that no
            standard defines.
    """
    from maenas.budgets.backends.backend import BackendError

    try:
        return _timed(backend, workload)
    except BackendError as error:
        reason = workload.cannot_run(backend.name)
        raise error if reason is None else BackendError(reason) from None


def _timed(backend: Backend, workload: Workload) -> tuple[Measured, Measured | None]:
    from maenas.budgets.graph.operator_graph import reference_graph
    from maenas.budgets.profiling.profile import Item, measure_calmly

    reference = backend.compile(reference_graph())
    item = Item(workload.name, "fit", workload.graph)
    whole = None
    if workload.whole is not None:  # first, so that a runtime that cannot run it fails early
        file = Item(workload.name, "held-out", workload.whole)
        whole = measure_calmly(backend, file, reference, all_known=False)
    return measure_calmly(backend, item, reference, all_known=False), whole


def measured_mean(measured: Measured) -> float:
    """Mean milliseconds of an inference; the layers' times are shares of it."""
    return sum(measured.sample.ms) / len(measured.sample.ms)


def run_in(measured: Measured, target: Target) -> str:
    """The runtime and the precision that it really used, for the terminal."""
    text = f"{target.backend} {measured.precision}"
    reasons = [] if measured.precision == target.precision else [f"{target.precision} was asked"]
    reasons += [measured.note] if measured.note else []
    return f"{text} ({', '.join(reasons)})" if reasons else text


def timing_of(measured: Measured, reference_ms: float | None) -> Timing:
    """The unscaled samples, and the speed of the device relative to its table."""
    import numpy as np

    sample = measured.sample
    speed = None
    if reference_ms is not None:
        speed = reference_ms / float(np.median(sample.reference_ms))
    return Timing(sample.ms, speed)


def measured_lines(measured: Measured) -> tuple[LayerLatency, ...]:
    """Layers of the network with their median times; empty if the runtime does not report them."""

    from maenas.budgets.pricing.kernels import kernel_of
    from maenas.latency.predict import shapes_of

    lines = []
    for sample in measured.sample.layers:
        ops = [measured.ops[index] for index in sample.ops]
        kernels = "+".join(dict.fromkeys(str(kernel_of(op)) for op in ops))
        lines.append(LayerLatency(sample.name, kernels, shapes_of(ops[0]), sample.us / 1e3))
    return tuple(lines)
