"""Python API: measure a device without Python by a kit that is copied to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maenas.budgets.image_size import InputSize
    from maenas.kit.write import KitResult
    from maenas.latency.profile import ProfileResult


def write_kit(
    folder: str | Path,
    runtime: str,
    *,
    precision: str | None = None,
    threads: int | None = None,
    name: str | None = None,
    models: Sequence[str] = (),
    seed: int = 0,
    input_size: InputSize = None,
    exist_ok: bool = False,
) -> KitResult:
    """Write small networks and a shell script that times them by the tool of a device's vendor.

    Args:
        folder: folder to write, which is copied to the device and back.
        runtime: tool on the device: "trtexec", "benchmark_app", "benchncnn" or
            "onnxruntime_perf".
        precision: number format that the script asks for; the default of the tool if None.
        threads: number of CPU threads; all of the device if None.
        name: name of the latency table; that of the folder if None.
        models: networks that are measured as well.
        seed: random seed of the sampled networks.
        input_size: input size of `models`; their own if None.
        exist_ok: replace a kit that is there.
    Raises:
        MaenasError: if an option is wrong, or the folder exists.

    Example:
        >>> maenas.write_kit("orin", "trtexec", precision="f16", name="orin-nano-f16").folder
    """
    from maenas.kit.write import KitRequest
    from maenas.kit.write import write_kit as write

    request = KitRequest(runtime, precision, threads, name, tuple(models), seed, input_size)
    return write(Path(folder), request, exist_ok)


def read_kit(
    folder: str | Path,
    *,
    name: str | None = None,
    out: str | Path | None = None,
    exist_ok: bool = False,
) -> ProfileResult:
    """Read the logs of a kit that came back from a device into a latency table.

    Args:
        folder: folder of the kit; `kit.json` and `logs` are enough.
        name: name of the table; that of the kit if None.
        out: file of the table; in the user's folder of tables if None.
        exist_ok: replace the table if it exists.
    Raises:
        MaenasError: if too few of the logs are good, or the table exists.

    Example:
        >>> maenas.read_kit("orin").table.errors.mean  # mean relative error on networks held out
    """
    from maenas.kit.table import table_of_kit

    return table_of_kit(Path(folder), name, None if out is None else Path(out), exist_ok)
