"""ONNX models made fit for measuring: batch 1, static shapes, every node named."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
from onnx import shape_inference

from maenas.blocks.errors import MaenasError
from maenas.blocks.files.plain_file import GIB, require_file
from maenas.budgets.graph.validate import contradictions

ERRORS_ONLY = 3  # of ONNX Runtime's log levels
LARGEST = 2 * GIB  # of a file; weights may lie beside it
MAX_BYTES = 2**31 - 1  # of a protobuf message: what every runtime takes in one piece


class GraphError(MaenasError):
    """An ONNX model cannot be read, or not be measured as it is."""


def load_graph(path: Path, input_size: int | None = None) -> onnx.ModelProto:
    """A model from its file, weights kept beside it included, made static.

    Args:
        path: of the `.onnx`.
        input_size: height and width where the file leaves them open.
    Raises:
        GraphError: naming file and cause.
    """
    require_file(path, limit=LARGEST, error=GraphError)
    try:
        model = onnx.load(path)
    except FileNotFoundError as error:
        missing = Path(error.filename or path)
        if missing.name != path.name:
            raise GraphError(
                f"{path}: its weights are missing: there is no {missing}; copy that file too."
            ) from None
        raise GraphError(f"{path}: no such file.") from None
    except onnx.checker.ValidationError as error:
        raise GraphError(f"{path}: its weights cannot be read: {_line(error)}") from None
    except Exception as error:  # protobuf's own errors share no base class with others
        raise GraphError(f"{path}: is damaged or no ONNX file: {_line(error)}") from None
    return static_graph(model, str(path), input_size)


def static_graph(
    model: onnx.ModelProto, where: str = "model", input_size: int | None = None
) -> onnx.ModelProto:
    """A copy with batch 1, all shapes inferred and every node named, since runtimes report by name.

    Raises:
        GraphError: for inputs of open size, a batch above 1, or a model no runtime can take.
    """
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    graph = fixed.graph
    if input_size is not None and input_size < 1:
        raise GraphError(f"input_size: must be at least 1, got {input_size}.")
    if not graph.node:
        raise GraphError(f"{where}: has no operators; it is empty or no ONNX model.")
    for value in _inputs(graph):
        _fix_input(value, where, input_size)
    for value in graph.output:  # inferred anew: an open batch would be left open
        value.type.tensor_type.ClearField("shape")
    del graph.value_info[:]
    if fixed.ByteSize() > MAX_BYTES:
        raise GraphError(f"{where}: is larger than 2 GiB, which no runtime here takes.")
    taken: set[str] = set()
    for index, node in enumerate(graph.node):
        if not node.name or node.name in taken:
            node.name = _free_name(f"{node.op_type}_{index}", taken)
        taken.add(node.name)
    try:
        inferred = shape_inference.infer_shapes(fixed, data_prop=True)
        if not _shapes_known(inferred):
            inferred = shape_inference.infer_shapes(_folded(inferred), data_prop=True)
    except Exception as error:
        raise GraphError(f"{where}: its operators cannot be understood: {_line(error)}") from None
    for problem in contradictions(inferred.graph):
        raise GraphError(f"{where}: contradicts itself: {problem}; export it anew.")
    return inferred


def input_shapes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Name and shape of what a static model reads."""
    return {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in _inputs(model.graph)
    }


def _shapes_known(model: onnx.ModelProto) -> bool:
    """Whether every tensor that is computed has a shape of known sides."""
    known = {
        value.name
        for value in (*model.graph.value_info, *model.graph.output)
        if all(dim.HasField("dim_value") for dim in value.type.tensor_type.shape.dim)
    }
    return all(name in known for node in model.graph.node for name in node.output if name)


def _folded(model: onnx.ModelProto) -> onnx.ModelProto:
    """What can be computed beforehand is: exporters leave sizes to be worked out while running.

    ONNX Runtime does it, as every runtime would; a graph it cannot read is left as it is.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with TemporaryDirectory() as folder:
        path = Path(folder) / "folded.onnx"
        options.optimized_model_filepath = str(path)
        try:
            onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception:  # its exceptions share no base class of their own
            return model
        return onnx.load(path)


def _free_name(name: str, taken: Collection[str]) -> str:
    return name if name not in taken else _free_name(f"{name}_", taken)


def _inputs(graph: onnx.GraphProto) -> list[onnx.ValueInfoProto]:
    """Inputs that are no weights: old files list those as well."""
    weights = {constant.name for constant in graph.initializer}
    return [value for value in graph.input if value.name not in weights]


def _fix_input(value: onnx.ValueInfoProto, where: str, input_size: int | None) -> None:
    """Give an input its batch of 1, and its size where that is open."""
    dims = value.type.tensor_type.shape.dim
    if not dims:
        raise GraphError(f"{where}: input {value.name} has no shape; export it with a fixed one.")
    if dims[0].dim_value > 1 and len(dims) == 4:
        raise GraphError(
            f"{where}: input {value.name} has batch {dims[0].dim_value}; latency is that of one "
            "image, so export it with batch 1."
        )
    for axis, dim in enumerate(dims):
        if dim.HasField("dim_value") and dim.dim_value > 0:
            if len(dims) == 4 and axis >= 2 and input_size not in (None, dim.dim_value):
                raise GraphError(
                    f"{where}: input {value.name} is fixed at {dims[2].dim_value} x "
                    f"{dims[3].dim_value}; leave --input-size out, or export it anew."
                )
            continue
        if axis == 0:
            dim.dim_value = 1
        elif len(dims) == 4 and axis >= 2 and input_size is not None:
            dim.dim_value = input_size
        else:
            name = dim.dim_param or "?"
            raise GraphError(
                f"{where}: input {value.name} leaves dimension {axis} ({name}) open; "
                "say the side of the image with --input-size, or export it with a fixed shape."
            )


def _line(error: BaseException) -> str:
    """What an error says, in one line."""
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else f"{text[:200]}..."
