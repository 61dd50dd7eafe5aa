"""Python API: calibrate an estimate of a device on networks that were timed elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maenas.latency.calibrate import CalibrateResult


def calibrate(
    rows: str | Path,
    *,
    runtime: str,
    precision: str,
    sms: int | None = None,
    power: str | None = None,
    base: str | None = None,
    multipliers: str = "auto",
    out: str | Path | None = None,
    exist_ok: bool = False,
) -> CalibrateResult:
    """Estimate a device from the latency of a few whole networks, timed by any tool.

    Args:
        rows: CSV file with the columns network and latency_ms, and if needed input_size, family
            and template.
        runtime: runtime that the rows were measured with, such as "tensorrt" or "openvino".
        precision: number format of the rows: "f32", "bf16", "f16" or "int8".
        sms: number of multiprocessors of a GPU; that of the base if None.
        power: power mode of the device, such as "15W", for its full name.
        base: estimate or table to start from; t4 for a GPU and intel-8163 for a CPU if None.
        multipliers: "1" for one common factor, "several" for one per part of the model, or "auto"
            to decide by the errors on networks left out.
        out: file of the estimate; named after the rows, in the user's folder of tables, if None.
        exist_ok: replace the file if it exists.
    Raises:
        MaenasError: if a row is wrong, or if the rows cannot determine the multipliers.

    Example:
        >>> found = maenas.calibrate("orin.csv", runtime="tensorrt", precision="f16", sms=8)
        >>> maenas.predict("zoo:damo-yolo-s", device=str(found.path)).latency_ms
    """
    from maenas.latency.calibrate import CalibrationRequest, run_calibration

    request = CalibrationRequest(runtime, precision, sms, power, base, multipliers)
    return run_calibration(Path(rows), request, None if out is None else Path(out), exist_ok)
