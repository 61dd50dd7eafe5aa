"""A TensorRT engine runs whatever its inputs and outputs are, with buffers made once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from maenas.blocks.errors import MaenasError
from maenas.budgets.backends.engine_info import EngineOptions, layer_precisions
from maenas.detector.errors import ModelError
from tests.cuda_on_cpu import FakeGpu, fake_gpu
from tests.fake_tensorrt import fake_tensorrt
from tests.fake_tensorrt.build import State
from tests.fake_tensorrt.types import DataType

KINDS = ["FLOAT", "FLOAT16", "INT64", "INT32", "INT8", "UINT8", "BOOL"]


def doubled(batch: int | str = "batch", kind: str = "FLOAT", name: str = "images") -> Any:
    """A model that doubles its images, as numbers of a type."""
    to = getattr(TensorProto, kind)
    nodes = [
        helper.make_node("Add", [name, name], ["twice"], "twice"),
        helper.make_node("Cast", ["twice"], ["scores"], "cast", to=to),
    ]
    shape = (batch, 3, 4, 6)
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("scores", to, shape)],
    )
    opsets = [helper.make_opsetid("", 19)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeGpu]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with fake_gpu() as found:
        yield found


@pytest.fixture
def trt(gpu: FakeGpu) -> Iterator[State]:
    with fake_tensorrt(gpu) as state:
        yield state


def engine(tmp_path: Path, model: onnx.ModelProto) -> Any:
    from maenas.budgets.backends.tensorrt_build import build_engine
    from maenas.detector.runtimes.tensorrt_engine import Engine

    path = tmp_path / "a.engine"
    path.write_bytes(build_engine(model, EngineOptions((1, 2, 4))))
    return Engine(path)


def some_images(count: int) -> Any:
    return np.random.default_rng(0).random((count, 3, 4, 6), np.float32) * 60


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_of_every_type_are_read(trt: State, tmp_path: Path, kind: str) -> None:
    images = some_images(2)
    found = engine(tmp_path, doubled(kind=kind)).run(images)["scores"]
    expected = helper.tensor_dtype_to_np_dtype(getattr(TensorProto, kind))
    wanted = (2 * images).astype(expected)
    np.testing.assert_allclose(found.astype(np.float64), wanted.astype(np.float64), rtol=1e-3)
    assert found.dtype == (np.float32 if "FLOAT" in kind else expected)


def test_bfloat16_outputs_become_float32(trt: State, tmp_path: Path) -> None:
    trt.dtypes["scores"] = DataType.BF16
    images = some_images(1)
    found = engine(tmp_path, doubled()).run(images)["scores"]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, 2 * images, rtol=1e-2)


def test_an_output_of_a_type_that_torch_lacks_is_refused(trt: State, tmp_path: Path) -> None:
    trt.dtypes["scores"] = DataType.INT4
    with pytest.raises(MaenasError, match=r"scores: its type must be one of FLOAT.*got INT4"):
        engine(tmp_path, doubled()).run(some_images(1))


def test_images_of_any_memory_layout_and_float_type_are_read_right(
    trt: State, tmp_path: Path
) -> None:
    run = engine(tmp_path, doubled()).run
    images = some_images(2)
    layouts = {
        "channels last": np.ascontiguousarray(images.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
        "backwards": np.ascontiguousarray(images[:, ::-1])[:, ::-1],
        "every other": np.repeat(images, 2, axis=0)[::2],
        "float64": images.astype(np.float64),
    }
    for name, same in layouts.items():
        np.testing.assert_array_equal(run(same)["scores"], 2 * images, err_msg=name)


def test_memory_is_allocated_once_a_batch_size_and_copied_without_waiting(
    gpu: FakeGpu, trt: State, tmp_path: Path
) -> None:
    loaded = engine(tmp_path, doubled())
    gpu.calls.clear()
    loaded.run(some_images(2))
    assert sorted(gpu.calls) == ["allocate", "allocate", "copy_", "copy_", "pinned", "pinned"]
    for count in (2, 3, 2, 3):
        gpu.calls.clear()
        loaded.run(some_images(count))
    assert gpu.calls == ["copy_", "copy_"]


def test_results_of_one_run_outlive_the_next(trt: State, tmp_path: Path) -> None:
    loaded = engine(tmp_path, doubled())
    first = some_images(2)
    kept = loaded.run(first)["scores"]
    loaded.run(first + 1)
    np.testing.assert_array_equal(kept, 2 * first)


def test_buffers_of_few_batch_sizes_are_kept(gpu: FakeGpu, trt: State, tmp_path: Path) -> None:
    loaded = engine(tmp_path, doubled())
    for count in (1, 2, 3, 4):
        loaded.run(some_images(count))
    gpu.calls.clear()
    loaded.run(some_images(1))
    assert "allocate" not in gpu.calls


@pytest.mark.parametrize("count", [5, 16])
def test_too_many_images_are_refused_with_what_the_engine_takes(
    trt: State, tmp_path: Path, count: int
) -> None:
    with pytest.raises(ModelError, match=rf"takes 1 to 4 images at once, got {count}.*satisfyProf"):
        engine(tmp_path, doubled()).run(some_images(count))


def test_a_failing_run_gives_the_runtimes_own_message(trt: State, tmp_path: Path) -> None:
    loaded = engine(tmp_path, doubled())
    trt.failures["execute_async_v3"] = "Cuda Runtime (an illegal memory access was encountered)"
    with pytest.raises(ModelError, match="illegal memory access"):
        loaded.run(some_images(1))


def test_an_engine_of_another_program_is_refused(trt: State, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="must have the input images alone, got pixels"):
        engine(tmp_path, doubled(name="pixels"))


def test_a_damaged_file_is_refused(trt: State, tmp_path: Path) -> None:
    from maenas.detector.runtimes.tensorrt_engine import Engine

    path = tmp_path / "a.engine"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match="Magic tag does not match"):
        Engine(path)


def test_the_layers_of_an_open_batch_tell_their_types(trt: State, tmp_path: Path) -> None:
    loaded = engine(tmp_path, doubled())
    assert loaded.batch is None
    assert loaded.batches == (1, 4)
    assert layer_precisions(loaded.layers)["f32"] == len(loaded.layers)
