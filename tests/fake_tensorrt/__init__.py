"""A module that behaves as `tensorrt` 8.6, 10 or 11 is documented to, for tests without a GPU.

Names, signatures and values follow the vendor's stubs of 10.13, messages and the inspector's JSON
are as seen in public logs. A plan holds the ONNX model; an engine computes it with ONNX Runtime, in
the memory whose addresses it is given. Every call that can fail can be made to: see `State`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from tests.cuda_on_cpu import FakeGpu
from tests.cuda_on_cpu.cuda import CAPABILITY, NAME
from tests.fake_tensorrt import types
from tests.fake_tensorrt.build import Builder, Network, Parser, State
from tests.fake_tensorrt.run import Runtime

VERSION = "10.13.0.35"
NAMES = (
    "DataType TensorIOMode BuilderFlag MemoryPoolType ProfilingVerbosity Dims ILogger Logger "
    "IProfiler HardwareCompatibilityLevel LayerInformationFormat"
)
CALLERS = ("maenas.budgets.backends.tensorrt_build", "maenas.budgets.backends.tensorrt_gpu",
           "maenas.detector.export.tensorrt", "maenas.detector.runtimes.tensorrt_engine",
           "maenas.detector.runtimes.tensorrt_runtime")  # fmt: skip


@contextmanager
def fake_tensorrt(gpu: FakeGpu, version: str = VERSION) -> Iterator[State]:
    """Make `import tensorrt` find the fake inside the block.

    Args:
        gpu: the fake GPU, whose clock engines use.
        version: version of TensorRT.
    """
    state = State(version, NAME, CAPABILITY)
    state.clock = gpu.clock
    before = sys.modules.get("tensorrt")
    sys.modules["tensorrt"] = _module(state)
    _forget_callers()
    try:
        yield state
    finally:
        _forget_callers()
        del sys.modules["tensorrt"]
        if before is not None:
            sys.modules["tensorrt"] = before


def _module(state: State) -> ModuleType:
    """The module of a version."""
    trt = ModuleType("tensorrt")
    for name in NAMES.split():
        setattr(trt, name, getattr(types, name))
    trt.__spec__ = ModuleSpec("tensorrt", loader=None)  # libraries ask whether it is installed

    def builder(logger: types.ILogger) -> Builder:
        _listen(state, logger)
        if state.fails("Builder"):  # the binding's error for a null builder
            raise TypeError("pybind11::init(): factory function returned nullptr")
        return Builder(state)

    def runtime(logger: types.ILogger) -> Runtime:
        _listen(state, logger)
        if state.fails("Runtime"):
            raise TypeError("pybind11::init(): factory function returned nullptr")
        return Runtime(state)

    def parser(network: Network, logger: types.ILogger) -> Parser:
        assert isinstance(network, Network)
        _listen(state, logger)
        return Parser(network, logger)

    def plugins(logger: types.ILogger, namespace: str) -> bool:
        _listen(state, logger)
        return True

    members: dict[str, Any] = {
        "__version__": state.version,
        "state": state,  # the fake's own
        "Builder": builder,
        "Runtime": runtime,
        "OnnxParser": parser,
        "init_libnvinfer_plugins": plugins,
    }
    if int(state.version.split(".")[0]) >= 10:  # before, no network was strongly typed
        members["NetworkDefinitionCreationFlag"] = types.CreationFlag
    for name, value in members.items():
        setattr(trt, name, value)
    return trt


def _listen(state: State, logger: types.ILogger) -> None:
    assert hasattr(logger, "min_severity"), "ILogger.__init__ was not called"
    state.logger = logger


def _forget_callers() -> None:
    """Let modules that hold the module import it again."""
    for name in CALLERS:
        module = sys.modules.pop(name, None)
        parent = sys.modules.get(name.rpartition(".")[0])
        if module is not None and parent is not None:
            vars(parent).pop(name.rpartition(".")[2], None)
