"""ONNX models made fit for measuring: batch 1, static shapes, every node named."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import onnx.inliner
from onnx import shape_inference

from maenas.blocks.files.plain_file import GIB, require_file
from maenas.budgets.graph.inputs import GraphError, fix_inputs
from maenas.budgets.graph.validate import contradictions
from maenas.budgets.image_size import InputSize

ERRORS_ONLY = 3  # of ONNX Runtime's log levels
LARGEST = 2 * GIB  # of a file; weights may lie beside it
MAX_BYTES = 2**31 - 1  # of a protobuf message: what every runtime takes in one piece


def load_graph(path: Path, input_size: InputSize = None) -> onnx.ModelProto:
    """A model from its file, weights kept beside it included, made static.

    Args:
        path: of the `.onnx`.
        input_size: size of the image where the file leaves it open.
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
    model: onnx.ModelProto, where: str = "model", input_size: InputSize = None
) -> onnx.ModelProto:
    """A copy with batch 1, all shapes inferred and every node named, since runtimes report by name.

    Functions that the model defines itself are inlined: not every runtime knows how to call them.

    Raises:
        GraphError: for inputs of open size, a batch above 1, or a model no runtime can take.
    """
    fixed = _inlined(model, where)
    graph = fixed.graph
    if not graph.node:
        raise GraphError(f"{where}: has no operators; it is empty or no ONNX model.")
    fix_inputs(_inputs(graph), where, input_size)
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


def _inlined(model: onnx.ModelProto, where: str) -> onnx.ModelProto:
    """A copy without functions of its own."""
    if not model.functions:
        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        return copy
    try:
        return onnx.inliner.inline_local_functions(model, convert_version=True)
    except Exception as error:  # the inliner is C++ and raises several types
        raise GraphError(f"{where}: its functions cannot be inlined: {_line(error)}") from None


def _free_name(name: str, taken: Collection[str]) -> str:
    return name if name not in taken else _free_name(f"{name}_", taken)


def _inputs(graph: onnx.GraphProto) -> list[onnx.ValueInfoProto]:
    """Inputs that are no weights: old files list those as well."""
    weights = {constant.name for constant in graph.initializer}
    return [value for value in graph.input if value.name not in weights]


def _line(error: BaseException) -> str:
    """What an error says, in one line."""
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else f"{text[:200]}..."
