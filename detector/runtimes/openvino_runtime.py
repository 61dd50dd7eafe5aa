"""Run an OpenVINO IR in OpenVINO on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openvino

from maenas.blocks.files.plain_file import GIB, open_file, require_file
from maenas.blocks.files.words import one_line
from maenas.budgets.backends.openvino_core import lacks_precision, openvino_core
from maenas.detector.arrays import Floats
from maenas.detector.errors import ModelError
from maenas.detector.runtimes.file_runtime import FileRuntime
from maenas.detector.runtimes.metadata import Metadata, read_metadata

LARGEST = 16 * GIB  # maximum size of a file of the model

ROOT, HEAD = b"<net", 1024  # first element of an IR, and where to look for it
SECTION = "maenas"  # section of an IR's runtime information
PRECISIONS = ("f32", "f16", "bf16")


class OpenVinoRuntime(FileRuntime):
    """Runtime of an `.xml` file, with its `.bin` beside it, that `maenas export` wrote.

    The precision is always set, because OpenVINO's default is bfloat16 where the CPU supports it. A
    model with a dynamic batch dimension is compiled once for each batch size.

    Args:
        path: path of the file.
        precision: number format to compute in: f32, f16 or bf16; INT8 operators stay in INT8.
        threads: number of CPU threads; all cores if None.
        Raises:
            ModelError: if the file is damaged or written by another program, or this CPU does not
                support the precision.
    """

    def __init__(self, path: Path, precision: str = "f32", threads: int | None = None) -> None:
        if precision not in PRECISIONS:
            raise ModelError(
                f"precision: OpenVINO runs in {', '.join(PRECISIONS)}, got {precision!r}."
            )
        lacking = lacks_precision(precision)
        if lacking is not None:
            raise ModelError(lacking)
        self._model = read_model(path)
        metadata = metadata_of(self._model, path)
        dimension = self._model.input("images").get_partial_shape()[0]
        super().__init__(metadata, path, None if dimension.is_dynamic else dimension.get_length())
        self._config: dict[str, str | int] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": precision,
        }
        if threads is not None:
            self._config["INFERENCE_NUM_THREADS"] = threads
        self._requests: dict[int, openvino.InferRequest] = {}
        used = self._compile(self._batch or 1)
        if used != precision:
            raise ModelError(f"precision: this CPU runs {used}, not {precision} as requested.")
        version = openvino.__version__.partition("-")[0]
        self.about = f"OpenVINO {version} on CPU, {metadata.precision} file run in {used}, {path}"

    def infer(self, images: Floats) -> dict[str, Any]:
        """See `FileRuntime.infer`."""
        if len(images) not in self._requests:
            self._compile(len(images))
        found = self._requests[len(images)].infer({"images": images}, share_inputs=True)
        return {output.get_any_name(): values for output, values in found.items()}

    def _compile(self, batch: int) -> str:
        """Compile the model for a batch size; returns the precision it runs in."""
        model = self._model.clone()
        model.reshape({"images": [batch, *self.in_shape]})
        compiled = openvino_core().compile_model(model, "CPU", self._config)
        self._requests[batch] = compiled.create_infer_request()
        return str(compiled.get_property("INFERENCE_PRECISION_HINT").to_string())


def read_model(path: Path) -> openvino.Model:
    """Read a model from its file.

    Raises:
        ModelError: if the file is missing or damaged.
    """
    with open_file(path, limit=LARGEST, error=ModelError) as file:
        is_network = ROOT in file.read(HEAD)
    if not is_network:  # OpenVINO would try the formats of other programs
        raise ModelError(f"{path}: OpenVINO cannot read it: it is damaged or no network.")
    require_file(path.with_suffix(".bin"), limit=LARGEST, error=ModelError)
    try:
        return openvino_core().read_model(path)
    except RuntimeError as error:
        reason = one_line(error)
        raise ModelError(f"{path}: OpenVINO cannot read it: {reason}.") from None


def metadata_of(model: openvino.Model, path: Path) -> Metadata:
    """Metadata of an IR.

    Raises:
        ModelError: if `maenas export` did not write it.
    """
    text = {
        key: str(model.get_rt_info([SECTION, key]).astype(str))
        for key in ("format", *Metadata.__dataclass_fields__)
        if model.has_rt_info([SECTION, key])
    }
    return read_metadata(text, path)


def set_metadata(model: openvino.Model, metadata: Metadata) -> None:
    """Write metadata into a model."""
    for key, value in metadata.to_text().items():
        model.set_rt_info(value, [SECTION, key])
