"""Export to TensorRT on a fake module: builds, precision read back, batches, compatibility."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from maenas.blocks.errors import MaenasError, SpecError
from maenas.budgets.backends import BackendError
from maenas.budgets.backends.engine_info import EngineOptions
from maenas.budgets.backends.typed import typed_graph
from maenas.budgets.graph.half import to_half
from maenas.detection.export import batches_in
from maenas.detector.errors import ExportError
from maenas.detector.export import export as export_module
from maenas.detector.export.decode import PREFIX
from maenas.detector.export.export import Exported, export_detector
from maenas.detector.export.onnx import metadata_of, onnx_model
from maenas.detector.export.options import ENGINE, ExportOptions
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.runtimes.load import load_runtime
from maenas.detector.runtimes.torch_runtime import TorchRuntime
from tests.cuda_on_cpu import cuda as fake_cuda
from tests.cuda_on_cpu import fake_gpu
from tests.fake_tensorrt import VERSION, fake_tensorrt
from tests.fake_tensorrt.build import State
from tests.fake_tensorrt.plan import KERNEL_US, fused
from tests.lively import images, lively, reading, small_spec

SPEC = small_spec()


@cache
def network() -> DetectorNetwork:
    return lively(SPEC)


@cache
def half_model() -> onnx.ModelProto:
    return to_half(onnx_model(SPEC, network()), PREFIX)


@pytest.fixture(autouse=True)
def cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@contextmanager
def tensorrt(version: str = VERSION) -> Iterator[State]:
    """TensorRT on a machine with one GPU."""
    half_model()
    with fake_gpu() as gpu, fake_tensorrt(gpu, version) as state:
        yield state


@pytest.fixture
def trt() -> Iterator[State]:
    with tensorrt() as state:
        yield state


def export(path: Path, **options: Any) -> Exported:
    """Export the whole detector."""
    given = {"format": "tensorrt", "precision": "f16", **options}
    return export_detector(SPEC, network(), path, ExportOptions(**given), images(SPEC, 1))


def write(path: Path, options: EngineOptions = ENGINE) -> Path:
    """Write the engine alone."""
    from maenas.detector.export.tensorrt import write_engine

    write_engine(half_model(), replace(metadata_of(SPEC), precision="f16"), path, options)
    return path


@pytest.mark.parametrize(("version", "batch"), [("10.13.0.35", None), ("11.4.0.106", None),
                                                ("10.13.0.35", 2)])  # fmt: skip
def test_an_engine_is_built_and_its_precision_read_back(
    tmp_path: Path, version: str, batch: int | None
) -> None:
    with tensorrt(version):
        exported = export(tmp_path / "a.engine", batch=batch)
    assert exported.computes == "f16 in 55 of 55 convolutions and matrix products"
    assert "f16 in 84 layers, f32 in 22" in exported.runtime
    beside = json.loads((tmp_path / "a.engine.json").read_text())
    assert beside["computes"] == exported.computes
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.engine", "a.engine.json"]


def test_an_engine_of_grey_images_says_so_and_computes_what_torch_computes(
    trt: State, tmp_path: Path
) -> None:
    grey = reading(SPEC, 1)
    weights = lively(grey)
    options = ExportOptions(format="tensorrt", precision="f16")
    exported = export_detector(grey, weights, tmp_path / "a.engine", options, images(grey, 1))
    assert exported.metadata.colour == "grey"
    runtime = load_runtime(exported.path)
    assert runtime.in_shape == (1, 64, 96)
    seen = images(grey, 2, seed=7)
    for found, wanted in zip(runtime.run(seen), TorchRuntime(grey, weights).run(seen), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=0.5)


@pytest.mark.parametrize("layout", ["end2end", "end2end-trt"])
def test_nms_in_the_engine_finds_what_ours_finds(trt: State, tmp_path: Path, layout: str) -> None:
    exported = export(tmp_path / "a.engine", layout=layout, batch=2)
    assert exported.objects
    rows = load_runtime(exported.path).detect(images(SPEC, 3))
    assert rows.shape == (3, 300, 6)
    assert (rows[:, 0, 4] > 0).any()


@pytest.mark.parametrize("layout", ["end2end", "end2end-trt"])
def test_nms_is_compared_on_the_scores_of_its_own_engine(
    trt: State, tmp_path: Path, layout: str
) -> None:
    """Two builds of one network may choose other kernels, whose scores differ by rounding."""
    trt.drift = 0.02
    exported = export(tmp_path / "a.engine", layout=layout, batch=1)
    assert exported.objects
    outputs = {"detections"} if layout == "end2end" else {"num_dets", "det_boxes", "det_scores",
                                                          "det_classes"}  # fmt: skip
    [*_, whole] = trt.built  # what is compared does not stay an output
    assert {output.name for output in whole.model.graph.output} == outputs


def test_types_are_found_where_the_inspector_hides_them(trt: State, tmp_path: Path) -> None:
    trt.hides_types = True
    exported = export(tmp_path / "a.engine")
    assert exported.computes == "f16 in 55 of 55 convolutions and matrix products"


def test_int8_is_priced_below_f16_and_that_below_f32(trt: State) -> None:
    graph = onnx_model(SPEC, network(), batch=1)
    spent = {}
    for precision in ("int8", "f16", "f32"):
        layers = fused(typed_graph(graph, precision).model)  # type: ignore[arg-type]
        heavy = [layer for layer in layers if layer.weights]
        spent[precision] = sum(layer.us - KERNEL_US for layer in heavy)
    assert spent["int8"] < spent["f16"] / 1.5
    assert spent["f16"] < spent["f32"] / 1.5


def test_the_engine_is_tuned_for_the_batch_size_asked_for(trt: State, tmp_path: Path) -> None:
    runtime = load_runtime(write(tmp_path / "a.engine", EngineOptions((2, 4, 8))))
    [profile] = trt.built[-1].profile.values()
    assert [shape[0] for shape in profile] == [2, 4, 8]
    some = images(SPEC, 11)
    scores, boxes = runtime.run(some)
    assert scores.shape[0] == 11
    for count in (1, 3):  # fewer than the engine takes, and in between
        few, places = runtime.run(some[:count])
        np.testing.assert_allclose(few, scores[:count], atol=1e-5)
        np.testing.assert_allclose(places, boxes[:count], atol=1e-3)


def test_by_default_any_batch_size_runs_and_one_is_fastest(trt: State, tmp_path: Path) -> None:
    write(tmp_path / "a.engine")
    [profile] = trt.built[-1].profile.values()
    assert [shape[0] for shape in profile] == [1, 1, 16]


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, (None, None)), (8, (8, None)), ("8", (8, None)), ("1:8:32", (None, (1, 8, 32)))],
)
def test_a_batch_is_a_number_or_three(given: Any, expected: object) -> None:
    assert batches_in(given) == expected


@pytest.mark.parametrize("given", ["", "1:2", "a", "1:2:3:4", "-1", "1:x:3"])
def test_any_other_batch_is_refused(given: str) -> None:
    with pytest.raises(SpecError, match="number or LEAST:BEST:MOST"):
        batches_in(given)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": EngineOptions((2, 1, 4))}, "got 2:1:4"),
        ({"engine": EngineOptions((0, 1, 4))}, "1 <= LEAST"),
        ({"format": "onnx", "engine": EngineOptions((1, 2, 4))}, "is for TensorRT alone"),
        (
            {"format": "onnx", "engine": EngineOptions((1, 1, 16), version_compatible=True)},
            "version_compatible: is an option of TensorRT",
        ),
        (
            {
                "layout": "end2end-trt",
                "engine": EngineOptions((1, 1, 16), version_compatible=True),
            },
            "version_compatible: another version of TensorRT may lack the NMS plugin",
        ),
    ],
)
def test_options_of_engines_that_make_no_sense_are_refused(options: Any, message: str) -> None:
    with pytest.raises(ExportError, match=message):
        ExportOptions(**{"format": "tensorrt", **options})


def test_a_precision_that_most_layers_lack_is_refused(
    trt: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_module, "_in_precision", lambda graph, *rest: graph)
    with pytest.raises(ExportError, match=r"built f16 in 0 of 55 convolutions.*f32 in \d+ layers"):
        export(tmp_path / "a.engine")
    assert not (tmp_path / "a.engine").exists()


def test_a_version_compatible_engine_runs_in_another_version(trt: State, tmp_path: Path) -> None:
    path = write(tmp_path / "a.engine", EngineOptions((1, 1, 4), version_compatible=True))
    plain = write(tmp_path / "b.engine")
    assert "VERSION_COMPATIBLE" in trt.built[0].flags
    assert "VERSION_COMPATIBLE" not in trt.built[-1].flags
    trt.version = "12.0"
    assert load_runtime(path).run(images(SPEC, 1))
    with pytest.raises(MaenasError, match="Version tag does not match"):
        load_runtime(plain)


def test_a_version_compatible_engine_brings_the_plugins_that_the_parser_names(
    trt: State, tmp_path: Path
) -> None:
    trt.vc_libraries = ["libnvinfer_vc_plugin.so"]
    write(tmp_path / "a.engine", EngineOptions((1, 1, 4), version_compatible=True))
    assert trt.serialized == ["libnvinfer_vc_plugin.so"]
    write(tmp_path / "b.engine")
    assert trt.serialized == []


def test_code_in_an_engine_runs_only_if_its_metadata_say_so(trt: State, tmp_path: Path) -> None:
    path = write(tmp_path / "a.engine", EngineOptions((1, 1, 4), version_compatible=True))
    beside = tmp_path / "a.engine.json"
    told = json.loads(beside.read_text())
    beside.write_text(json.dumps({**told, "version_compatible": "false"}))
    with pytest.raises(MaenasError, match="host code is not allowed"):
        load_runtime(path)


def test_a_hardware_compatible_engine_runs_on_another_gpu(trt: State, tmp_path: Path) -> None:
    path = write(tmp_path / "a.engine", EngineOptions((1, 1, 4), hardware_compatible=True))
    plain = write(tmp_path / "b.engine")
    trt.gpu = "NVIDIA A100"
    assert load_runtime(path).run(images(SPEC, 1))
    with pytest.raises(MaenasError, match="incompatible device"):
        load_runtime(plain)


def test_an_old_gpu_builds_no_hardware_compatible_engine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(fake_cuda, "CAPABILITY", (7, 5))
    with tensorrt(), pytest.raises(BackendError, match=r"compute capability 8\.0 or newer"):
        write(tmp_path / "a.engine", EngineOptions((1, 1, 4), hardware_compatible=True))


@pytest.mark.parametrize(
    "call",
    [
        "Builder",
        "create_network",
        "create_builder_config",
        "parse",
        "add_optimization_profile",
        "build_serialized_network",
        "deserialize_cuda_engine",
        "create_execution_context",
        "create_engine_inspector",
        "set_input_shape",
        "set_tensor_address",
        "execute_async_v3",
    ],
)
def test_every_call_that_fails_is_one_line_with_the_runtimes_own_message(
    trt: State, tmp_path: Path, call: str
) -> None:
    trt.failures[call] = f"Error Code 2: OutOfMemory\n (in {call})"
    with pytest.raises(MaenasError) as failed:
        load_runtime(write(tmp_path / "a.engine")).run(images(SPEC, 1))
    assert f"Error Code 2: OutOfMemory (in {call})" in str(failed.value)
    assert "\n" not in str(failed.value)


def test_an_export_that_fails_leaves_no_file(trt: State, tmp_path: Path) -> None:
    trt.failures["execute_async_v3"] = "Error Code 1: Cuda Runtime (an illegal memory access)"
    with pytest.raises(MaenasError, match="illegal memory access"):
        export(tmp_path / "a.engine")
    assert not list(tmp_path.iterdir())


def test_an_older_tensorrt_is_refused_before_anything_is_built(tmp_path: Path) -> None:
    wanted = r"must be version 10 or newer.*8\.6\.1 is installed"
    with tensorrt("8.6.1"), pytest.raises(BackendError, match=wanted):
        export(tmp_path / "a.engine")


def test_an_int8_engine_tells_how_many_convolutions_are_int8(trt: State, tmp_path: Path) -> None:
    from maenas.detector.export.tensorrt import write_engine

    graph = typed_graph(onnx_model(SPEC, network(), batch=1), "int8").model
    metadata = replace(metadata_of(SPEC), precision="int8")
    share = write_engine(graph, metadata, tmp_path / "a.engine", ENGINE)
    assert str(share) == "int8 in 55 of 55 convolutions and matrix products"
