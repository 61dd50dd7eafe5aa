"""ONNX models prepared for measuring: batch 1, static shapes, every node named."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import onnx.inliner
from onnx import shape_inference

from maenas.blocks.files.plain_file import GIB, require_file
from maenas.budgets.graph.inputs import GraphError, fix_inputs
from maenas.budgets.graph.validate import arity_errors, shape_errors
from maenas.budgets.image_size import InputSize
from maenas.budgets.usage_reports import quiet_onnxruntime

FATAL_ONLY = 4  # log level of ONNX Runtime; a graph that it cannot fold stays as it is
LARGEST = 2 * GIB  # maximum size of the model file; its weights may be in a second file
INPUTS_OPTIONAL = 4  # version of the format from which weights need not be listed as inputs
# what a C++ library of ONNX says before the reason of a failed assertion
ASSERTION = re.compile(r"\S+\.(?:cc|cpp|h):\d+: \w+: Assertion `[^`]*` failed: ")
MAX_BYTES = 2**31 - 1  # maximum size of a protobuf message


def load_graph(path: Path, input_size: InputSize = None) -> onnx.ModelProto:
    """Read a model from its file, external weights included, and make it static.

    Args:
        path: path of the `.onnx` file.
        input_size: size of the image if the file leaves it open.
    Raises:
        GraphError: if the model cannot be read or made static; the message names file and cause.
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
    except Exception as error:  # protobuf's errors share no base class with others
        raise GraphError(f"{path}: is damaged or not an ONNX file: {_line(error)}") from None
    return static_graph(model, str(path), input_size)


def static_graph(
    model: onnx.ModelProto, where: str = "model", input_size: InputSize = None
) -> onnx.ModelProto:
    """Return a copy with batch 1, all shapes inferred, and a name for every node.

    Runtimes report times by node name. Functions that the model defines are inlined, because not
    every runtime can call them.

    Raises:
        GraphError: if an input has an open size, the batch is above 1, or no runtime can load the
            model.
    """
    fixed = _inlined(model, where)
    graph = fixed.graph
    if not graph.node:
        raise GraphError(f"{where}: has no operators; it is empty or not an ONNX model.")
    for problem in arity_errors(fixed):
        raise GraphError(f"{where}: is inconsistent: {problem}; export it again.")
    if fixed.ir_version < INPUTS_OPTIONAL and not _lists_weights(graph):
        fixed.ir_version = INPUTS_OPTIONAL
    fix_inputs(_inputs(graph), where, input_size)
    for value in graph.output:  # clear the shape: inference would keep an open batch
        value.type.tensor_type.ClearField("shape")
    del graph.value_info[:]
    if fixed.ByteSize() > MAX_BYTES:
        raise GraphError(f"{where}: is larger than 2 GiB, which no runtime accepts.")
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
    for problem in shape_errors(inferred.graph):
        raise GraphError(f"{where}: is inconsistent: {problem}; export it again.")
    return inferred


def input_shapes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Return name and shape of the inputs of a static model."""
    return {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in _inputs(model.graph)
    }


def _shapes_known(model: onnx.ModelProto) -> bool:
    """Whether every computed tensor has a fully known shape."""
    known = {
        value.name
        for value in (*model.graph.value_info, *model.graph.output)
        if all(dim.HasField("dim_value") for dim in value.type.tensor_type.shape.dim)
    }
    return all(name in known for node in model.graph.node for name in node.output if name)


def _folded(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with constants folded, because exporters leave sizes to be computed.

    ONNX Runtime folds them, as other runtimes do. A graph that it cannot read is returned as it is.
    """
    import onnxruntime

    quiet_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with TemporaryDirectory() as folder:
        path = Path(folder) / "folded.onnx"
        options.optimized_model_filepath = str(path)
        try:
            onnxruntime.InferenceSession(
                model.SerializeToString(),
                options,
                providers=["CPUExecutionProvider"],
                enable_fallback=0,
            )
        except Exception:  # ONNX Runtime's exceptions share no base class
            return model
        return onnx.load(path)


def _inlined(model: onnx.ModelProto, where: str) -> onnx.ModelProto:
    """Return a copy with its own functions inlined."""
    if not model.functions:
        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        return copy
    try:
        return onnx.inliner.inline_local_functions(model, convert_version=True)
    except Exception as error:  # the inliner is C++ and raises several types
        raise GraphError(
            f"{where}: its functions cannot be inlined ({_line(error)}){_other_opsets(model)}."
        ) from None


def _other_opsets(model: onnx.ModelProto) -> str:
    """The functions whose opset is not that of the graph, and what to do; "" if there are none."""
    versions = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    opset = max(versions, default=0)
    others = {
        f"{function.domain}.{function.name} (opset {entry.version})"
        for function in model.functions
        for entry in function.opset_import
        if entry.domain in ("", "ai.onnx") and entry.version != opset
    }
    if not others:
        return ""
    names = ", ".join(sorted(others))
    return f"; the graph has opset {opset}, but not {names}: export it with one opset"


def _free_name(name: str, taken: Collection[str]) -> str:
    return name if name not in taken else _free_name(f"{name}_", taken)


def _inputs(graph: onnx.GraphProto) -> list[onnx.ValueInfoProto]:
    """Return the inputs that are not weights, which old files list as inputs too."""
    weights = {constant.name for constant in graph.initializer}
    return [value for value in graph.input if value.name not in weights]


def _lists_weights(graph: onnx.GraphProto) -> bool:
    """Whether a weight is an input as well."""
    return len(_inputs(graph)) < len(graph.input)


def _line(error: BaseException) -> str:
    """Return an error message as one line, without the place in the source of a library."""
    text = ASSERTION.sub("", " ".join(str(error).split()))
    return text if len(text) <= 200 else f"{text[:200]}..."
