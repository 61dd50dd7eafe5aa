"""Parser, builder and configuration of the fake TensorRT."""

from __future__ import annotations

import weakref
from types import SimpleNamespace
from typing import Any

import onnx

from tests.fake_tensorrt.plan import Plan
from tests.fake_tensorrt.types import BuilderFlag, Dims, HardwareCompatibilityLevel, HostMemory
from tests.fake_tensorrt.types import ProfilingVerbosity as Verbosity

KNOWN_PLUGINS = ("EfficientNMS_TRT",)


class State:
    """What a test changes and reads.

    Attributes:
        version: version of the module.
        gpu: name of this machine's GPU.
        capability: its compute capability.
        failures: message by call; a call named here fails as the vendor's does.
        built: every plan built, the last one at the end.
        values: whether engines compute their outputs; without, only time passes.
        dtypes: type of an output by name, in place of the graph's.
        hides_types: whether the inspector hides the types of an open batch even if it has a context
            with shapes.
        vc_libraries: libraries that the parser names for a version-compatible engine.
        serialized: libraries that the last build was told to put into its engine.
        drift: share by which the scores of each further engine differ, as of one that was built
            with other kernels.
    """

    def __init__(self, version: str, gpu: str, capability: tuple[int, int]) -> None:
        self.version = version
        self.gpu = gpu
        self.capability = capability
        self.failures: dict[str, str] = {}
        self.built: list[Plan] = []
        self.values = True
        self.dtypes: dict[str, int] = {}
        self.hides_types = False
        self.drift = 0.0
        self.vc_libraries: list[str] = []
        self.serialized: list[str] = []
        self.clock: Any = None
        self.logger: Any = None

    def fails(self, call: str, severity: int = 1) -> bool:
        """Whether a call fails; its message then goes to the logger."""
        if call not in self.failures:
            return False
        self.say(self.failures[call], severity)
        return True

    def say(self, message: str, severity: int = 1) -> None:
        """Send a message to the logger."""
        self.logger.log(self.logger.Severity(severity), message)


class Network:
    """A network that a parser fills."""

    def __init__(self, state: State, flags: int) -> None:
        self.state = state
        self.flags = flags
        self.model = onnx.ModelProto()

    @property
    def num_inputs(self) -> int:
        """Number of inputs."""
        return len(self._inputs())

    def get_input(self, index: int) -> Any:
        """An input with its name and shape; -1 for an open dimension."""
        value = self._inputs()[index]
        dims = value.type.tensor_type.shape.dim
        shape = Dims([-1 if d.HasField("dim_param") else d.dim_value for d in dims])
        return SimpleNamespace(name=value.name, shape=shape)

    def _inputs(self) -> list[onnx.ValueInfoProto]:
        weights = {constant.name for constant in self.model.graph.initializer}
        return [value for value in self.model.graph.input if value.name not in weights]


class Parser:
    """Parser of ONNX."""

    def __init__(self, network: Network, logger: object) -> None:
        self._network = network
        self._errors: list[str] = []

    def get_used_vc_plugin_libraries(self) -> list[str]:
        """Libraries of the plugins that a version-compatible engine of the model needs."""
        return list(self._network.state.vc_libraries)

    @property
    def num_errors(self) -> int:
        """Number of errors of the last parse."""
        return len(self._errors)

    def get_error(self, index: int) -> Any:
        """An error."""
        return SimpleNamespace(desc=lambda: self._errors[index])

    def parse(self, content: bytes) -> bool:
        """Read a model; False if an operator is not supported."""
        state = self._network.state
        if state.fails("parse"):
            return False
        model = onnx.load_from_string(content)
        for node in model.graph.node:
            known = node.op_type in KNOWN_PLUGINS or onnx.defs.has(node.op_type, node.domain)
            if not known:
                self._errors.append(
                    f"In node 0 with name: {node.name} and operator: {node.op_type} "
                    '(checkFallbackPluginImporter): INVALID_NODE: creator && "Plugin not found"'
                )
        self._network.model = model
        return not self._errors


class OptimizationProfile:
    """Shapes that an engine supports and the one that it is tuned for."""

    def __init__(self) -> None:
        self.shapes: dict[str, list[list[int]]] = {}

    def set_shape(self, input: str, min: Dims, opt: Dims, max: Dims) -> None:
        """Set the shapes of an input.

        Raises:
            ValueError: if they are not in order.
        """
        least, best, most = list(min), list(opt), list(max)
        if not all(a <= b <= c for a, b, c in zip(least, best, most, strict=True)):
            raise ValueError(f"Shape provided for min/opt/max is inconsistent for {input}")
        self.shapes[input] = [least, best, most]

    def __bool__(self) -> bool:
        return bool(self.shapes)


class TimingCache:
    """Timings of kernels."""

    def __init__(self, content: bytes) -> None:
        self.content = content or b"fake timings" * 100

    def serialize(self) -> HostMemory:
        """The cache as the content of a file."""
        return HostMemory(self.content)


class Config:
    """Configuration of a build."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.profiling_verbosity = Verbosity.LAYER_NAMES_ONLY
        self.hardware_compatibility_level = HardwareCompatibilityLevel.NONE
        self.flags = {BuilderFlag.TF32}
        self.plugins_to_serialize: list[str] = []
        self.profiles: list[OptimizationProfile] = []
        self._cache: weakref.ref[TimingCache] | None = None

    def set_memory_pool_limit(self, pool: int, pool_size: int) -> None:
        """Limit the memory of tactics."""
        assert pool_size > 0

    def set_flag(self, flag: BuilderFlag) -> None:
        """Set a flag."""
        self.flags.add(flag)

    def clear_flag(self, flag: BuilderFlag) -> None:
        """Remove a flag."""
        self.flags.discard(flag)

    def add_optimization_profile(self, profile: OptimizationProfile) -> int:
        """Add a profile; -1 if it is not valid."""
        if self._state.fails("add_optimization_profile") or not profile:
            return -1
        self.profiles.append(profile)
        return len(self.profiles) - 1

    def create_timing_cache(self, serialized_timing_cache: bytes) -> TimingCache | None:
        """A cache from the content of a file; None if it is damaged."""
        damaged = serialized_timing_cache and b"fake timings" not in serialized_timing_cache
        return None if damaged else TimingCache(serialized_timing_cache)

    def set_timing_cache(self, cache: TimingCache, ignore_mismatch: bool) -> bool:
        """Use a cache, which has to live until the engine is built."""
        self._cache = weakref.ref(cache)
        return True

    def get_timing_cache(self) -> TimingCache | None:
        """The cache in use."""
        return self._cache() if self._cache else None

    def require_cache(self) -> None:
        """Fail if the cache was destroyed before the build, which is undefined behaviour."""
        lives = self._cache is None or self._cache() is not None
        assert lives, "the timing cache was destroyed before the build"


class Builder:
    """Builder of engines."""

    def __init__(self, state: State) -> None:
        self._state = state

    def create_network(self, flags: int = 0) -> Network | None:
        """An empty network."""
        return None if self._state.fails("create_network") else Network(self._state, flags)

    def create_builder_config(self) -> Config | None:
        """An empty configuration."""
        return None if self._state.fails("create_builder_config") else Config(self._state)

    def create_optimization_profile(self) -> OptimizationProfile:
        """An empty profile."""
        return OptimizationProfile()

    def build_serialized_network(self, network: Network, config: Config) -> HostMemory | None:
        """The plan of an engine; None if it cannot be built."""
        state = self._state
        config.require_cache()
        state.serialized = config.plugins_to_serialize
        if state.fails("build_serialized_network"):
            return None
        profile: dict[str, list[list[int]]] = {}
        for each in config.profiles:
            profile.update(each.shapes)
        for index in range(network.num_inputs):
            told = network.get_input(index)
            if -1 in list(told.shape) and told.name not in profile:
                state.say(
                    "4: [network.cpp::validate::3162] Error Code 4: Internal Error (Network has "
                    "dynamic or shape inputs, but no optimization profile has been defined.)"
                )
                return None
        ampere = config.hardware_compatibility_level == HardwareCompatibilityLevel.AMPERE_PLUS
        if ampere and state.capability < (8, 0):
            state.say("Error Code 4: API Usage Error (hardware compatibility needs Ampere)")
            return None
        plan = Plan(
            version=state.version,
            gpu=state.gpu,
            detailed=config.profiling_verbosity == Verbosity.DETAILED,
            model=network.model,
            profile=profile,
            flags=sorted(flag.name for flag in config.flags),
            hardware=HardwareCompatibilityLevel(config.hardware_compatibility_level).name,
            drift=state.drift * len(state.built),
        )
        state.built.append(plan)
        return HostMemory(plan.serialize())
