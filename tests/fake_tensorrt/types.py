"""Enumerations and small classes of TensorRT's module, with the vendor's names and values."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import Any


class DataType(IntEnum):
    """Types of tensors."""

    FLOAT = 0
    HALF = 1
    INT8 = 2
    INT32 = 3
    BOOL = 4
    UINT8 = 5
    FP8 = 6
    BF16 = 7
    INT64 = 8
    INT4 = 9


class TensorIOMode(IntEnum):
    """Directions of a tensor of an engine."""

    NONE = 0
    INPUT = 1
    OUTPUT = 2


class BuilderFlag(IntEnum):
    """Flags of a builder's configuration."""

    FP16 = 0
    INT8 = 1
    TF32 = 6
    VERSION_COMPATIBLE = 13
    EXCLUDE_LEAN_RUNTIME = 14


class MemoryPoolType(IntEnum):
    """Kinds of memory that a build may use."""

    WORKSPACE = 0


class ProfilingVerbosity(IntEnum):
    """How much an engine tells about its layers."""

    LAYER_NAMES_ONLY = 0
    NONE = 1
    DETAILED = 2


class HardwareCompatibilityLevel(IntEnum):
    """GPUs that an engine runs on besides the one it was built on."""

    NONE = 0
    AMPERE_PLUS = 1


class LayerInformationFormat(IntEnum):
    """Formats of the inspector's text."""

    ONELINE = 0
    JSON = 1


class CreationFlag(IntEnum):
    """Flags of a network since TensorRT 10."""

    EXPLICIT_BATCH = 0
    STRONGLY_TYPED = 1


class Dims:
    """Dimensions; they behave like a tuple, and there are at most 8."""

    MAX_DIMS = 8

    def __init__(self, shape: Sequence[int] = ()) -> None:
        assert len(shape) <= self.MAX_DIMS
        self._dims = tuple(int(value) for value in shape)

    def __len__(self) -> int:
        return len(self._dims)

    def __getitem__(self, index: int) -> int:
        return self._dims[index]

    def __iter__(self) -> Iterator[int]:
        return iter(self._dims)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dims | tuple | list) and self._dims == tuple(other)

    __hash__ = None  # type: ignore[assignment]


class Severity(IntEnum):
    """Severity of a message, the most severe first."""

    INTERNAL_ERROR = 0
    ERROR = 1
    WARNING = 2
    INFO = 3
    VERBOSE = 4


class ILogger:
    """Base of loggers; the binding fails later if `__init__` was not called."""

    Severity = Severity

    def __init__(self, min_severity: int = 4) -> None:
        self.min_severity = min_severity

    def log(self, severity: Any, msg: str) -> None:
        """Called with every message."""
        raise NotImplementedError


class Logger(ILogger):
    """The binding's own logger, which prints messages up to a severity."""

    INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = Severity

    def log(self, severity: Any, msg: str) -> None:
        if severity <= self.min_severity:
            print(f"[TRT] {msg}", file=sys.stderr)


class IProfiler:
    """Base of profilers."""

    def __init__(self) -> None:
        self.ready = True

    def report_layer_time(self, layer_name: str, ms: float) -> None:
        """Called for each layer after an inference."""
        raise NotImplementedError


class HostMemory:
    """Bytes on the host, read through the buffer protocol."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    @property
    def nbytes(self) -> int:
        """Number of bytes."""
        return len(self._content)

    def __bytes__(self) -> bytes:
        return self._content
