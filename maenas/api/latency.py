"""Python API: predict and measure latency, profile a device."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maenas.budgets.backends import Backend
    from maenas.budgets.image_size import InputSize
    from maenas.latency.comparison.compare import ComparedNetwork
    from maenas.latency.measure import MeasureResult
    from maenas.latency.predict import PredictResult
    from maenas.latency.profile import ProfileResult

LOG = logging.getLogger(__name__)


def predict(
    network: str | Path,
    device: str | None = None,
    *,
    template: str | None = None,
    input_size: InputSize = None,
) -> PredictResult:
    """Predict the latency of a network on a device, operator by operator, at batch size 1.

    Args:
        network: a spec, a detector or run folder, `zoo:NAME`, or any ONNX file.
        device: name of a measured or bundled device, or file of a latency table; if None that of
            the run, or t4.
        template: scale of neck and head around a backbone, "none" for the backbone alone; if None
            those of the network, where they are known.
        input_size: side of the input image in pixels, or (height, width); that of the network if
            None.
    Raises:
        MaenasError: if the network or device does not exist, or no operator has a price there. The
            result lists operators without a price (`unpriced`) beside the others.

    Example:
        >>> round(maenas.predict("zoo:damo-yolo-s", device="t4").latency_ms, 2)
        3.42
    """
    from maenas.budgets import load_device, pricing_device
    from maenas.latency.predict import prediction
    from maenas.latency.workload import find_workload

    chosen = None if device is None else load_device(device)
    workload = find_workload(str(network), template, input_size)
    return prediction(workload, chosen or pricing_device(None, workload.device))


def compare(
    networks: Sequence[str | Path],
    devices: Sequence[str] = (),
    *,
    template: str | None = None,
    input_size: InputSize = None,
    html: str | Path | None = None,
) -> list[ComparedNetwork]:
    """Costs, latency on several devices, stages and scores of networks, side by side.

    Args:
        networks: networks, each as for `predict`.
        devices: names of measured or bundled devices, or files of latency tables; if there are none
            those that the networks were searched for, or t4.
        template: scale of neck and head around a backbone, "none" for the backbone alone; if None
            those of each network, where they are known.
        input_size: side of the input image in pixels, or (height, width); that of each network
            if None.
        html: file of a page with charts that is written as well; no page if None.
    Raises:
        MaenasError: if a network or device does not exist, an operator has no known cost, or the
            page cannot be written.

    Example:
        >>> t, s = maenas.compare(["zoo:damo-yolo-t", "zoo:damo-yolo-s"])
        >>> t.params < s.params
        True
    """
    from maenas.budgets import load_device
    from maenas.latency.comparison.compare import compared, usual_devices
    from maenas.latency.comparison.page import check_page_path, write_page

    page = None if html is None else Path(html)
    if page is not None:
        check_page_path(page)
    names = [str(network) for network in networks]
    models = [load_device(device) for device in devices] or usual_devices(names, input_size)
    found = [compared(name, models, template, input_size) for name in names]
    if page is not None:
        write_page(found, page)
    return found


def measure(
    network: str | Path,
    device: str = "cpu",
    *,
    backend: Backend | None = None,
    precision: str | None = None,
    threads: int | None = None,
    template: str | None = None,
    input_size: InputSize = None,
) -> MeasureResult:
    """Measure the latency of a network on this machine, and predict it if a table exists.

    Args:
        network: a network, as for `predict`.
        device: "cpu", "cuda", name of a GPU, or a table, which implies device and settings.
        backend: runtime to measure with, which decides device, precision and threads itself; None
            to open that of the device.
        precision: number format of the runtime; f32 on CPUs and f16 on GPUs if None.
        threads: number of CPU threads; all cores if None.
        template: scale of neck and head around a backbone.
        input_size: side of the input image in pixels, or (height, width).
    Raises:
        MaenasError: if the network does not exist, or the device or its runtime is missing.

    Example:
        >>> measured = maenas.measure("zoo:damo-yolo-ns", device="cpu")
        >>> measured.latency_ms, measured.error  # median milliseconds; error of the prediction
    """
    from maenas.budgets import DeviceError
    from maenas.budgets.backends import open_backend
    from maenas.latency.measure import MeasureResult, find_target, target_with, time_workload
    from maenas.latency.workload import find_workload

    if backend is None:
        target, model, reference_ms = find_target(device, precision, threads)
    else:
        target, model, reference_ms = target_with(backend, device, precision, threads)
    workload = find_workload(str(network), template, input_size)
    LOG.info(f"measuring {workload.name} with {target.backend}")
    runtime = backend or open_backend(target)
    predicted = None
    if model is not None and not workload.unknown:
        try:
            predicted = sum(workload.price(model, op)[0] for op in workload.ops)
        except DeviceError as error:
            LOG.info(f"not predicted: {error}")
    measured, whole = time_workload(runtime, workload)
    provenance = dict(runtime.provenance())
    return MeasureResult(
        workload, target, provenance, measured, whole, reference_ms, model, predicted
    )


def profile(
    device: str = "cpu",
    *,
    backend: Backend | None = None,
    precision: str | None = None,
    threads: int | None = None,
    quick: bool = False,
    spaces: Sequence[str] = (),
    models: Sequence[str] = (),
    minutes: float | None = None,
    seed: int = 0,
    ray: str | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    exist_ok: bool = False,
    input_size: InputSize = None,
    from_table: str | None = None,
    measure: int = 10,
) -> ProfileResult:
    """Measure a device once and write a latency table, which predicts networks on any machine.

    Args:
        device: "cpu", "cuda", "tensorrt", "torch-cuda", "onnxruntime-cpu", or name of a GPU.
        backend: runtime to measure with, which decides device, precision and threads itself; None
            to open that of the device.
        precision: number format of the runtime; f32 on CPUs and f16 on GPUs if None.
        threads: number of CPU threads; all cores if None.
        quick: measure for less than 2 minutes, for a coarser table.
        spaces: search spaces to sample networks from; all that fit the device if empty.
        models: networks whose operators are measured as well.
        minutes: measuring time in minutes; if None 8, or 1.5 with `quick`, or 1 with `from_table`.
        seed: random seed of the sampled networks.
        ray: address of the Ray cluster that has the device.
        out: file of the table; in the user's folder of tables if None.
        resume: continue a profile that was interrupted.
        exist_ok: replace the table if it exists.
        input_size: input size of `models`; their own if None.
        from_table: name or file of a table whose prices few measurements adapt to the device; None
            for a whole profile.
        measure: number of graphs to measure with `from_table`; the most informative are chosen.
    Raises:
        MaenasError: if the device is missing, or the table exists.

    Example:
        >>> profiled = maenas.profile("cpu", quick=True)
        >>> profiled.table.errors.mean  # mean relative error on networks held out
    """
    from maenas.latency.profile import Request, run_profile

    request = Request(
        *(device, precision, threads, quick, tuple(spaces), tuple(models), minutes, seed, ray),
        input_size=input_size,
        backend=backend,
        from_table=from_table,
        measure=measure,
    )
    return run_profile(request, None if out is None else Path(out), resume, exist_ok)


def extend_profile(
    table: str,
    models: Sequence[str],
    *,
    out: str | Path | None = None,
    resume: bool = False,
    exist_ok: bool = False,
    input_size: InputSize = None,
) -> ProfileResult:
    """Measure networks and those of their operators that a table lacks, and add both to it.

    Args:
        table: name or file of the table.
        models: networks to measure, as for `predict`.
        out: file to write; that of the table if None.
        resume: continue an extension that was interrupted.
        exist_ok: replace the file `out` if it exists.
        input_size: input size of the models; their own if None.
    Raises:
        MaenasError: if the device is not that of the table, or a network cannot be measured.

    Example:
        >>> maenas.extend_profile("cpu", ["zoo:damo-yolo-ns"]).path
    """
    from maenas.latency.extend import extend_table

    path = None if out is None else Path(out)
    return extend_table(table, models, path, resume, exist_ok, input_size)
