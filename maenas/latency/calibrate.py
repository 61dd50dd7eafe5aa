"""Calibrate a latency model on a few whole networks that were timed elsewhere."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maenas.blocks import MaenasError
from maenas.blocks.files.suffixes import is_yaml
from maenas.blocks.files.words import did_you_mean
from maenas.terminal.device_warnings import warn_of

if TYPE_CHECKING:
    from maenas.budgets.calibration.fitting import Calibrated, NetworkRow
    from maenas.budgets.calibration.shares import Base
    from maenas.budgets.latency import Hardware, Precision

SCHEMA = "maenas/calibrate@1"
# Runtimes that run on a GPU, with the estimate whose form they take; all others run on a CPU.
GPU = ("tensorrt", "trtexec", "cuda", "torch-cuda")
NPU = ("rknn",)
CPU = ("openvino", "onnxruntime", "ncnn", "mnn", "tflite", "torch-cpu", *NPU)
BASES = {"gpu": "t4", "cpu": "intel-8163"}
PRECISIONS = ("f32", "bf16", "f16", "int8")
POWER = re.compile(r"[A-Za-z0-9.-]+")
MULTIPLIERS = {"auto": None, "1": False, "several": True}


@dataclass(frozen=True, slots=True)
class CalibrationRequest:
    """The options of a calibration.

    Attributes:
        runtime: runtime that the rows were measured with, such as "tensorrt".
        precision: number format that the networks ran in.
        sms: number of multiprocessors of a GPU; that of the base model if None.
        power: power mode of the device, such as "15W"; it becomes part of the full name.
        base: estimate or table whose prices are adapted; one that suits the runtime if None.
        multipliers: "1", "several", or "auto" to decide by the errors on networks left out.
    """

    runtime: str
    precision: str
    sms: int | None = None
    power: str | None = None
    base: str | None = None
    multipliers: str = "auto"

    def full_name(self, device: str) -> str:
        """The name of a device, followed by runtime, precision and power mode."""
        return "-".join(filter(None, (device, self.runtime, self.precision, self.power)))


@dataclass(frozen=True, slots=True)
class CalibrateResult:
    """Result of a calibration.

    Attributes:
        path: file of the estimate.
        plot: plot of predicted against given latencies.
        rows: networks with their latency.
        found: calibrated model and its errors.
    """

    path: Path
    plot: Path
    rows: tuple[NetworkRow, ...]
    found: Calibrated

    def to_json(self) -> dict[str, Any]:
        """The result as plain data."""
        found = self.found
        return {
            "schema": SCHEMA,
            "path": str(self.path),
            "plot": str(self.plot),
            "device": found.model.device,
            "precision": found.model.precision,
            "about": found.model.about,
            "fit": asdict(found.fit),
            "notes": list(found.notes),
            "rows": [
                {
                    "network": row.network,
                    "family": row.family,
                    "latency_ms": row.latency_ms,
                    "predicted_ms": predicted,
                    "left_out_ms": left_out,
                }
                for row, predicted, left_out in zip(
                    self.rows, found.predicted_ms, found.held_out_ms, strict=True
                )
            ],
        }


def run_calibration(
    rows_file: Path, request: CalibrationRequest, out: Path | None, exist_ok: bool
) -> CalibrateResult:
    """Fit an estimate to the rows, and write it and its plot.

    Raises:
        MaenasError: for an error that the user can fix, in one line; nothing is written then.
    """
    from maenas.budgets.calibration.fitting import calibrated
    from maenas.budgets.calibration.identify import check_rows, why_one
    from maenas.budgets.device import tables_folder
    from maenas.budgets.pricing.roofline import Roofline
    from maenas.latency.calibration_rows import read_rows
    from maenas.latency.plots import plot_calibration

    request = replace(request, runtime=request.runtime.strip().lower())
    base = base_of(request)
    warn_of([base])
    several = _chosen(request.multipliers)
    path = out or tables_folder() / f"{request.full_name(rows_file.stem)}.yaml"
    if not is_yaml(path):
        raise MaenasError(f"out: must be a .yaml file, got {path}.")
    if path.exists() and not exist_ok:
        raise MaenasError(f"{path}: exists; choose another --out, or replace it with --exist-ok.")
    rows = read_rows(rows_file, base)
    try:
        check_rows(base, rows, several)
    except MaenasError as error:
        raise type(error)(f"{rows_file}: {error}") from None
    found = calibrated(base, rows, several)
    remarks = []
    if several is None and list(found.fit.multipliers) == ["all"]:
        remarks.append(why_one(base, rows))
    if request.runtime in GPU and request.sms is None and isinstance(base, Roofline):
        remarks.append(
            f"{base.sms} multiprocessors, as {base.device} has; --sms gives the device's own"
        )
    created = datetime.now(UTC).isoformat(timespec="seconds")
    found = replace(found, fit=replace(found.fit, created=created), remarks=tuple(remarks))
    named = _named(found, request, rows_file, path.stem, rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    save(named.model, path, _receipt(rows_file, request, named))
    plot = path.with_suffix(".png")
    plot_calibration(rows, named, plot)
    return CalibrateResult(path, plot, tuple(rows), named)


def base_of(request: CalibrationRequest) -> Base:
    """The model that the request starts from, with the device's precision and multiprocessors.

    Raises:
        MaenasError: if a value of the request is unknown, or the base cannot be adapted.
    """
    from maenas.budgets.device import load_device
    from maenas.budgets.pricing.operator_model import OperatorModel
    from maenas.budgets.pricing.roofline import Roofline

    if request.runtime not in (*GPU, *CPU):
        raise MaenasError(
            f"runtime: no such runtime {request.runtime!r}"
            f"{did_you_mean(request.runtime, (*GPU, *CPU))}"
        )
    if request.precision not in PRECISIONS:
        raise MaenasError(
            f"precision: must be one of {', '.join(PRECISIONS)}, got {request.precision!r}."
        )
    precision: Precision = request.precision  # type: ignore[assignment]
    if request.power is not None and not POWER.fullmatch(request.power):
        raise MaenasError(
            f"power: must be letters, digits, dots and hyphens, such as 15W, got {request.power!r}."
        )
    hardware = "gpu" if request.runtime in GPU else "cpu"
    base = load_device(request.base or BASES[hardware])
    if hardware == "gpu" and base.hardware != "gpu":
        raise MaenasError(
            f"base: {base.device} has the prices of a {base.hardware.upper()}, but "
            f"{request.runtime} runs on a GPU; name a GPU, such as t4, or leave --base out."
        )
    if isinstance(base, Roofline):
        if request.sms is not None and request.sms < 1:
            raise MaenasError(f"sms: must be at least 1, got {request.sms}.")
        return replace(base, precision=precision, sms=request.sms or base.sms)
    if not isinstance(base, OperatorModel):
        raise MaenasError(f"base: {base.device} has prices of its own form, which has no parts.")
    if request.sms is not None:
        raise MaenasError(
            f"sms: belongs to a GPU; the prices of {base.device} know no multiprocessors."
        )
    device: Hardware = "npu" if request.runtime in NPU else "cpu"
    return replace(base, precision=precision, kind="estimated", hardware=device)


def save(model: Base, path: Path, receipt: str) -> None:
    """Write a calibrated model."""
    from maenas.budgets.pricing.operator_file import OperatorFile
    from maenas.budgets.pricing.roofline import Roofline
    from maenas.budgets.pricing.roofline_file import save_roofline

    if isinstance(model, Roofline):
        save_roofline(model, path, receipt)
        return
    assert model.fit is not None
    OperatorFile.of(model).save(path, receipt)


def _chosen(multipliers: str) -> bool | None:
    if multipliers not in MULTIPLIERS:
        raise MaenasError(
            f"multipliers: must be one of {', '.join(MULTIPLIERS)}, got {multipliers!r}."
        )
    return MULTIPLIERS[multipliers]


def _named(
    found: Calibrated,
    request: CalibrationRequest,
    rows_file: Path,
    name: str,
    rows: Sequence[NetworkRow],
) -> Calibrated:
    """The calibrated model under the name of the device."""
    from maenas.budgets.pricing.operator_model import OperatorModel
    from maenas.budgets.pricing.roofline import sizes_of

    protocol = ", ".join(filter(None, (request.runtime, request.precision, request.power)))
    source = (
        f"{found.model.device} adapted to {len(rows)} networks of {rows_file.name} ({protocol})"
    )
    labels: dict[str, Any] = {
        "device": name,
        "means": "",
        "fit": found.fit,
        "protocol": protocol,
    }
    if isinstance(found.model, OperatorModel):
        about = f"estimated: {source}; {found.fit.text}"
        return replace(found, model=replace(found.model, about=about, warning=None, **labels))
    sizes = sizes_of(op for row in rows for op in row.ops)
    return replace(found, model=replace(found.model, source=source, sizes=sizes, **labels))


def _receipt(rows_file: Path, request: CalibrationRequest, found: Calibrated) -> str:
    """Comments at the top of the file: command, rows and errors."""
    command = f"maenas calibrate {rows_file.name} --runtime {request.runtime}"
    command += f" --precision {request.precision}"
    for name in ("sms", "power", "base"):
        value = getattr(request, name)
        command += f" --{name} {value}" if value is not None else ""
    if request.multipliers != "auto":
        command += f" --multipliers {request.multipliers}"
    remarks = "".join(f"\n{remark[:1].upper()}{remark[1:]}." for remark in found.remarks)
    errors = f"{found.fit.text[:1].upper()}{found.fit.text[1:]}."
    return f"{command}\nNot measured here. {errors}{remarks}"
