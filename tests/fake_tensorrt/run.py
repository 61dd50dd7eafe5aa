"""Runtime, engine and context of the fake TensorRT; ONNX Runtime computes on the CPU."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from tests.fake_tensorrt.build import State
from tests.fake_tensorrt.nms import split_plugin
from tests.fake_tensorrt.plan import Plan, fused, information, read_plan
from tests.fake_tensorrt.types import DataType, Dims, TensorIOMode

TYPES = {TensorProto.FLOAT: DataType.FLOAT, TensorProto.FLOAT16: DataType.HALF,
         TensorProto.INT32: DataType.INT32, TensorProto.INT64: DataType.INT64,
         TensorProto.INT8: DataType.INT8, TensorProto.UINT8: DataType.UINT8,
         TensorProto.BOOL: DataType.BOOL, TensorProto.BFLOAT16: DataType.BF16}  # fmt: skip
NUMPY = {DataType.FLOAT: np.float32, DataType.HALF: np.float16, DataType.INT32: np.int32,
         DataType.INT64: np.int64, DataType.INT8: np.int8, DataType.UINT8: np.uint8,
         DataType.BOOL: np.bool_, DataType.BF16: np.uint16}  # fmt: skip
FATAL_ONLY = 4


class Runtime:
    """Loader of engines."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.engine_host_code_allowed = False

    def deserialize_cuda_engine(self, content: bytes) -> Engine | None:
        """An engine; None if it is damaged or made for another version or GPU."""
        state = self._state
        if state.fails("deserialize_cuda_engine"):
            return None
        plan = read_plan(bytes(content))
        if plan is None:
            state.say(
                "IRuntime::deserializeCudaEngine: Error Code 1: Serialization (Serialization "
                "assertion magicTagRead == kMAGIC_TAG failed.Magic tag does not match)"
            )
            return None
        portable = "VERSION_COMPATIBLE" in plan.flags
        if portable and not self.engine_host_code_allowed:
            state.say(
                "IRuntime::deserializeCudaEngine: Error Code 9: API Usage Error (Engine host code "
                "is not allowed to be executed; set engine_host_code_allowed)"
            )
            return None
        if plan.version != state.version and not portable:
            state.say(
                "IRuntime::deserializeCudaEngine: Error Code 1: Serialization (Serialization "
                "assertion stdVersionRead == kSERIALIZATION_VERSION failed.Version tag does not "
                "match. Note: Current Version: 239, Serialized Engine Version: 236)"
            )
            return None
        if plan.gpu != state.gpu and plan.hardware == "NONE":
            state.say(
                "IRuntime::deserializeCudaEngine: Error Code 6: API Usage Error (The engine plan "
                "file is generated on an incompatible device)"
            )
            return None
        return Engine(state, plan)


class Engine:
    """A loaded engine."""

    def __init__(self, state: State, plan: Plan) -> None:
        self.state = state
        self.plan = plan
        graph = plan.model.graph
        weights = {constant.name for constant in graph.initializer}
        self.inputs = {v.name: v for v in graph.input if v.name not in weights}
        self.outputs = {v.name: v for v in graph.output}
        self.layers = fused(plan.model)
        self._session: Any = None

    @property
    def num_io_tensors(self) -> int:
        """Number of inputs and outputs."""
        return len(self.inputs) + len(self.outputs)

    def get_tensor_name(self, index: int) -> str:
        """Name of an input or output."""
        return [*self.inputs, *self.outputs][index]

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        """Whether a tensor is an input."""
        return TensorIOMode.INPUT if name in self.inputs else TensorIOMode.OUTPUT

    def get_tensor_dtype(self, name: str) -> DataType:
        """Type of a tensor."""
        if name in self.state.dtypes:
            return DataType(self.state.dtypes[name])
        value = self.inputs.get(name) or self.outputs[name]
        return TYPES[value.type.tensor_type.elem_type]

    def get_tensor_shape(self, name: str) -> Dims:
        """Shape of a tensor, -1 for an open dimension; a length of 0 for an unknown name."""
        value = self.inputs.get(name) or self.outputs.get(name)
        if value is None:
            self.state.say(f"ICudaEngine::getTensorShape: Error Code 3: unknown tensor {name}")
            return Dims()
        dims = value.type.tensor_type.shape.dim
        return Dims([-1 if dim.HasField("dim_param") else dim.dim_value for dim in dims])

    def get_tensor_profile_shape(self, name: str, profile_index: int) -> list[Dims]:
        """Least, optimal and largest shape of an input; none of one whose shape is fixed."""
        return [Dims(shape) for shape in self.plan.profile.get(name, ([], [], []))]

    def limits(self, name: str) -> tuple[list[int], list[int]]:
        """Least and largest shape of an input."""
        fixed = list(self.get_tensor_shape(name))
        least, _, most = self.plan.profile.get(name, (fixed, fixed, fixed))
        return least, most

    def create_execution_context(self) -> Context | None:
        """A context; None if memory lacks."""
        return None if self.state.fails("create_execution_context") else Context(self)

    def create_engine_inspector(self) -> Inspector | None:
        """An inspector."""
        return None if self.state.fails("create_engine_inspector") else Inspector(self)

    def compute(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """The outputs by name."""
        if self._session is None:
            front, self._nms = split_plugin(drifted(self.plan))
            options = onnxruntime.SessionOptions()
            options.log_severity_level = FATAL_ONLY
            options.intra_op_num_threads = 1
            self._session = onnxruntime.InferenceSession(
                front.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        names = [output.name for output in self._session.get_outputs()]
        found = dict(zip(names, self._session.run(names, inputs), strict=True))
        return {**found, **self._nms(found)} if self._nms else found


def drifted(plan: Plan) -> onnx.ModelProto:
    """The network of a plan with scores that differ by its drift."""
    if not plan.drift:
        return plan.model
    model = onnx.ModelProto()
    model.CopyFrom(plan.model)
    nodes = model.graph.node
    place = next(index for index, node in enumerate(nodes) if "scores" in node.output)
    names = ["exact_scores" if name == "scores" else name for name in nodes[place].output]
    del nodes[place].output[:]
    nodes[place].output.extend(names)
    factor = helper.make_tensor("drift", TensorProto.FLOAT, [], [1 + plan.drift])
    model.graph.initializer.append(factor)
    nodes.insert(place + 1, helper.make_node("Mul", ["exact_scores", "drift"], ["scores"]))
    return model


class Context:
    """A context that runs an engine.

    Attributes:
        profiler: receiver of the times of layers; None for none.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.profiler: Any = None
        self._addresses: dict[str, int] = {}
        self._shapes = {
            name: list(engine.get_tensor_shape(name))
            for name in engine.inputs
            if -1 not in list(engine.get_tensor_shape(name))
        }

    @property
    def is_shaped(self) -> bool:
        """Whether all inputs have their shape."""
        return len(self._shapes) == len(self.engine.inputs)

    def set_input_shape(self, name: str, shape: Any) -> bool:
        """Set the shape of an input; False if the engine does not support it."""
        state = self.engine.state
        if state.fails("set_input_shape"):
            return False
        least, most = self.engine.limits(name)
        dims = list(shape)
        fits = len(dims) == len(least) and all(
            a <= b <= c for a, b, c in zip(least, dims, most, strict=True)
        )
        if not fits:
            state.say(
                "IExecutionContext::setInputShape: Error Code 3: API Usage Error (Parameter check "
                f"failed, condition: satisfyProfile. Set dimension {dims} for tensor {name} does "
                f"not satisfy any optimization profiles. Valid range for profile 0: "
                f"{least}..{most}.)"
            )
            return False
        self._shapes[name] = dims
        return True

    def get_tensor_shape(self, name: str) -> Dims:
        """Shape of a tensor for the present inputs; -1 where it is not known."""
        if name in self._shapes:
            return Dims(self._shapes[name])
        batch = next(iter(self._shapes.values()), [-1])[0]
        shape = list(self.engine.get_tensor_shape(name))
        return Dims([batch if size == -1 and not axis else size for axis, size in enumerate(shape)])

    def set_tensor_address(self, name: str, memory: int) -> bool:
        """Set the memory of a tensor."""
        if self.engine.state.fails("set_tensor_address"):
            return False
        self._addresses[name] = memory
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        """Enqueue one inference; False if something is missing or the GPU fails."""
        state = self.engine.state
        if state.fails("execute_async_v3"):
            return False
        missing = [name for name in self.engine.inputs if name not in self._shapes]
        missing += [
            name
            for name in (*self.engine.inputs, *self.engine.outputs)
            if not self._addresses.get(name)
        ]
        if missing:
            state.say(
                "IExecutionContext::enqueueV3: Error Code 3: API Usage Error (Parameter check "
                f"failed, condition: mContext.profileObliviousBindings.at(profileObliviousIndex) "
                f"|| getPtrOrNull(mOutputAllocators, profileObliviousIndex). {missing[0]})"
            )
            return False
        if state.clock is not None:
            state.clock.launch(sum(layer.us for layer in self.engine.layers))
        if self.profiler is not None:
            for layer in self.engine.layers:
                self.profiler.report_layer_time(layer.name, layer.us / 1e3)
        if state.values:
            inputs = {name: self._read(name) for name in self.engine.inputs}
            found = self.engine.compute(inputs)
            for name in self.engine.outputs:
                self._write(name, found[name])
        return True

    def _memory(self, name: str) -> Any:
        """The memory of a tensor as an array of its type."""
        kind = np.dtype(NUMPY[self.engine.get_tensor_dtype(name)])
        shape = list(self.get_tensor_shape(name))
        size = int(np.prod(shape)) * kind.itemsize
        raw = (ctypes.c_char * size).from_address(self._addresses[name])
        return np.frombuffer(memoryview(raw), kind).reshape(shape)

    def _read(self, name: str) -> Any:
        return self._memory(name).copy()

    def _write(self, name: str, value: Any) -> None:
        memory = self._memory(name)
        if self.engine.get_tensor_dtype(name) == DataType.BF16:
            value = (value.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
        memory[...] = value


class Inspector:
    """What tells about the layers of an engine.

    Attributes:
        execution_context: context whose shapes hold; None for the engine alone.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.execution_context: Context | None = None

    def get_engine_information(self, format: int) -> str:
        """All layers, as JSON."""
        context = self.execution_context
        is_shaped = context is not None and context.is_shaped
        return information(self._engine.plan, is_shaped and not self._engine.state.hides_types)
