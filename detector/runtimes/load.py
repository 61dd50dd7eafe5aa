"""Load the runtime of a detector folder or an exported file."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from maenas.blocks.files.suffixes import is_yaml, suffix_of
from maenas.blocks.plugins.extras import require
from maenas.detector.checkpoints.checkpoint import SPEC_FILE
from maenas.detector.errors import ModelError

if TYPE_CHECKING:  # loads torch, which `maenas show` does without
    from maenas.detector.runtimes.runtime import Runtime

LOG = logging.getLogger(__name__)

KINDS = "a detector folder or its detector.yaml, .onnx, .xml (OpenVINO) or .engine (TensorRT)"


def load_runtime(
    path: Path,
    precision: str | None = None,
    threads: int | None = None,
    compute: str = "cpu",
) -> Runtime:
    """Load a detector for inference; its suffix decides the runtime.

    Args:
        path: a detector folder or its `detector.yaml` (torch), or a file of `maenas export`:
            `.onnx` (ONNX Runtime), `.xml` (OpenVINO) or `.engine` (TensorRT).
        precision: number format that OpenVINO computes in: f32 (if None), f16 or bf16. The other
            runtimes compute in the precision of the file, torch in f32.
        threads: number of CPU threads; all cores if None.
        compute: device that torch computes on, such as "cpu" or "cuda".
    Raises:
        ModelError: if the file does not exist or is damaged.
        BackendError: if its runtime is not installed.
        SpecError: if a detector folder cannot be read.
    """
    if threads is not None and threads < 1:
        raise ModelError(f"threads: must be at least 1, got {threads}.")
    if not os.path.exists(path):  # False for a name that is too long
        raise ModelError(f"{path}: no such file or folder; expected {KINDS}.")
    LOG.debug("open the detector %s", path)
    suffix = suffix_of(path)
    if suffix == ".xml":
        require("openvino", f"{path}:", ModelError)
        from maenas.detector.runtimes.openvino_runtime import OpenVinoRuntime

        return OpenVinoRuntime(path, precision or "f32", threads)
    if precision is not None and not (path.is_dir() and precision == "f32"):
        raise ModelError(
            f"precision: only OpenVINO chooses it when it runs; {path} runs in what it holds."
        )
    if suffix == ".onnx":
        from maenas.detector.runtimes.onnx_runtime import OnnxRuntime

        return OnnxRuntime(path, threads)
    if suffix == ".engine":
        from maenas.budgets.backends.engine_info import require_tensorrt

        require_tensorrt()
        from maenas.detector.runtimes.tensorrt_runtime import TensorRtRuntime

        return TensorRtRuntime(path)
    if path.is_dir() or is_yaml(path):
        return _torch_runtime(path, threads, compute)
    raise ModelError(f"{path}: expected {KINDS}.")


def _torch_runtime(path: Path, threads: int | None, compute: str) -> Runtime:
    """Load a detector folder in torch.

    Raises:
        ModelError: if the folder has no weights.
    """
    import torch

    from maenas.detector.checkpoints.checkpoint import build_network, load_folder
    from maenas.detector.runtimes.torch_runtime import TorchRuntime

    spec, weights = load_folder(path)
    if weights is None:
        folder = path if path.is_dir() else path.parent
        raise ModelError(
            f"{folder}: has a {SPEC_FILE} but no weights; train it, or import official ones with "
            "`maenas import-weights`."
        )
    if threads is not None:
        torch.set_num_threads(threads)
    return TorchRuntime(spec, build_network(spec, weights, str(path)), compute)
