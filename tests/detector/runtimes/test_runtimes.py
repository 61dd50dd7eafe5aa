"""Every runtime gives the same scores and boxes, and says what it runs."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from maenas.blocks import SpecError
from maenas.budgets.backends.backend import BackendError
from maenas.budgets.backends.openvino_core import openvino_core
from maenas.detector.checkpoints.checkpoint import save_folder
from maenas.detector.errors import ModelError
from maenas.detector.export.export import export_detector
from maenas.detector.export.options import ExportOptions
from maenas.detector.export.sample import sample_image
from maenas.detector.ops.thresholds import Thresholds, choose_thresholds
from maenas.detector.predict.predict import predict
from maenas.detector.runtimes.file_runtime import as_detections
from maenas.detector.runtimes.load import load_runtime
from maenas.detector.runtimes.metadata import Metadata, read_metadata, this_version
from maenas.detector.runtimes.runtime import Runtime
from maenas.detector.runtimes.torch_runtime import TorchRuntime
from tests.graphs import kernels, made
from tests.lively import images, lively, small_spec

SPEC = replace(small_spec(), resize="stretch")
NETWORK = lively(SPEC)
INSIDE = Thresholds(0.3, 0.6, 40)  # of the files that end in NMS
WITH_NMS = ("nms.onnx", "nms-two.onnx", "nms.xml")
KINDS = ("detector", "detector/detector.yaml", "any.onnx", "two.onnx", "any.xml", "two.xml")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One detector in every form there is on a CPU."""
    folder = tmp_path_factory.mktemp("models")
    save_folder(folder / "detector", SPEC, NETWORK.state_dict())
    seen = images(SPEC, 1)
    for kind, suffix in (("onnx", "onnx"), ("openvino", "xml")):
        for name, batch in (("any", None), ("two", 2)):
            options = ExportOptions(format=kind, batch=batch)  # type: ignore[arg-type]
            export_detector(SPEC, NETWORK, folder / f"{name}.{suffix}", options, seen)
    for name, batch in (("nms.onnx", None), ("nms.xml", None), ("nms-two.onnx", 2)):
        kind = "openvino" if name.endswith("xml") else "onnx"
        options = ExportOptions(format=kind, layout="end2end", batch=batch, nms=INSIDE)  # type: ignore[arg-type]
        export_detector(SPEC, NETWORK, folder / name, options, seen)
    options = ExportOptions(layout="end2end-trt", nms=INSIDE)
    export_detector(SPEC, NETWORK, folder / "plugin.onnx", options, seen)
    return folder


@pytest.fixture(params=KINDS)
def runtime(request: pytest.FixtureRequest, models: Path) -> Runtime:
    return load_runtime(models / request.param, threads=1)


def test_a_runtime_knows_the_detector(runtime: Runtime) -> None:
    assert runtime.names == SPEC.names
    assert runtime.in_shape == SPEC.backbone.in_shape
    assert runtime.resize == "stretch"
    assert "f32" in runtime.about
    assert "\n" not in runtime.about


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_runtime_gives_what_torch_gives_for_any_number_of_images(
    runtime: Runtime, count: int
) -> None:
    seen = images(SPEC, count, seed=9)
    wanted = TorchRuntime(SPEC, NETWORK).run(seen)
    for want, found in zip(wanted, runtime.run(seen), strict=True):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, want, rtol=0, atol=1e-3)


def test_what_a_run_gave_outlives_the_next_run(runtime: Runtime) -> None:
    first, second = images(SPEC, 2, seed=9)[:, None]
    scores, boxes = runtime.run(first)
    kept = scores.copy(), boxes.copy()
    runtime.run(second)
    assert np.array_equal(scores, kept[0])
    assert np.array_equal(boxes, kept[1])


def test_images_of_another_size_are_refused(runtime: Runtime) -> None:
    with pytest.raises(ModelError, match=r"expects \(B, 3, 64, 96\), got \(1, 3, 64, 64\)"):
        runtime.run(np.zeros((1, 3, 64, 64), np.float32))
    with pytest.raises(ModelError, match=r"got \(0, 3, 64, 96\)"):
        runtime.run(np.zeros((0, 3, 64, 96), np.float32))


def test_openvino_runs_in_the_precision_it_is_told(models: Path) -> None:
    assert "run in f32" in load_runtime(models / "any.xml").about
    offered = openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if "BF16" in offered:
        rounded = load_runtime(models / "any.xml", precision="bf16")
        assert "run in bf16" in rounded.about
    else:  # it could emulate bf16, at a fifth of the speed
        with pytest.raises(ModelError, match="this CPU does not compute in bf16, it has no"):
            load_runtime(models / "any.xml", precision="bf16")
    with pytest.raises(ModelError, match="precision: OpenVINO runs in f32, f16, bf16, got 'f64'"):
        load_runtime(models / "any.xml", precision="f64")


@pytest.mark.parametrize("name", WITH_NMS)
@pytest.mark.parametrize(
    "thresholds", [INSIDE, Thresholds(0.5, 0.6, 40), Thresholds(0.3, 0.6, 5)], ids=str
)
def test_a_model_with_nms_inside_finds_what_the_model_without_finds(
    models: Path, name: str, thresholds: Thresholds
) -> None:
    pixels = [sample_image(90, 150, seed) for seed in range(5)]
    plain, _ = predict(load_runtime(models / "any.onnx"), pixels, thresholds)
    found, _ = predict(load_runtime(models / name), pixels, thresholds)
    counts = [len(each) for each in plain]
    assert [len(each) for each in found] == counts
    assert max(counts) > 1
    for want, have in zip(plain, found, strict=True):
        assert have.size == (90, 150)
        assert have.names == SPEC.names
        assert have.classes.dtype == want.classes.dtype
        np.testing.assert_allclose(have.scores, want.scores, atol=1e-3)
        for row in range(len(want)):  # equal scores may change places
            near = np.abs(have.boxes - want.boxes[row]).max(axis=1) < 2e-2
            assert want.classes[row] in have.classes[near]


@pytest.mark.parametrize("name", WITH_NMS)
def test_thresholds_that_a_file_with_nms_cannot_honour_are_refused(models: Path, name: str) -> None:
    runtime = load_runtime(models / name)
    assert runtime.nms == INSIDE
    pixels = [sample_image(64, 96)]
    for asked, message in (
        (Thresholds(0.1, 0.6, 40), r"min_score: .*drops scores up to 0.3, got 0.1.*--min-score"),
        (Thresholds(0.3, 0.7, 40), r"max_iou: .*at 0.6.*got 0.7.*--max-iou 0.7"),
        (Thresholds(0.3, 0.6, 41), r"max_detections: .*at most 40.*got 41.*--max-detections"),
    ):
        with pytest.raises(SpecError, match=message):
            predict(runtime, pixels, asked)


def test_a_file_is_run_as_it_ends(models: Path) -> None:
    seen = images(SPEC, 1)
    with pytest.raises(ModelError, match=r"nms.onnx: ends in NMS; it gives only detections"):
        load_runtime(models / "nms.onnx").run(seen)
    with pytest.raises(ModelError, match=r"ends before NMS"):
        load_runtime(models / "any.onnx").detect(seen)


def test_a_file_with_nms_that_does_not_say_its_thresholds_is_refused(
    models: Path, tmp_path: Path
) -> None:
    older = onnx.load(models / "nms.onnx")
    kept = [prop for prop in older.metadata_props if prop.key not in ("min_score", "max_iou")]
    del older.metadata_props[:]
    older.metadata_props.extend(kept)
    onnx.save(older, tmp_path / "older.onnx")
    with pytest.raises(ModelError, match=r"older.onnx: ends in NMS .*export the detector again"):
        load_runtime(tmp_path / "older.onnx")


def test_a_file_that_ends_in_a_plugin_of_tensorrt_is_refused_by_others(models: Path) -> None:
    with pytest.raises(ModelError, match=r"plugin.onnx: ends in EfficientNMS_TRT, a plugin that"):
        load_runtime(models / "plugin.onnx")


def test_both_kinds_of_nms_give_the_same_detections() -> None:
    rows = np.array([[[1, 2, 3, 4, 0.9, 2], [5, 6, 7, 8, 0.5, 0], [0] * 6]], np.float32)
    plugin = {
        "num_dets": np.array([[2]], np.int32),
        "det_boxes": np.concatenate((rows[:, :2, :4], [[[9, 9, 9, 9]]]), axis=1),
        "det_scores": np.array([[0.9, 0.5, 7]], np.float32),
        "det_classes": np.array([[2, 0, 5]], np.int32),
    }
    np.testing.assert_array_equal(as_detections(plugin), rows)
    assert as_detections({"detections": rows}) is rows


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, Thresholds(0.4, 0.6, 40)),
        ({"min_score": 0.5}, Thresholds(0.5, 0.6, 40)),
        ({"max_detections": 3}, Thresholds(0.4, 0.6, 3)),
    ],
)
def test_usual_thresholds_give_way_to_those_inside_a_file(
    given: dict[str, Any], expected: Thresholds
) -> None:
    assert choose_thresholds(Thresholds(0.4, 0.7, 300), INSIDE, **given) == expected
    assert choose_thresholds(Thresholds(0.1, 0.7, 300), INSIDE).min_score == 0.3
    assert choose_thresholds(Thresholds(0.1, 0.7, 300)) == Thresholds(0.1, 0.7, 300)
    with pytest.raises(SpecError, match="max_iou"):
        choose_thresholds(Thresholds(0.4, 0.7, 300), INSIDE, max_iou=0.7)


def test_what_is_no_model_is_refused_by_name(models: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ModelError, match=r"missing.onnx: no such file or folder; expected a detect"
    ):
        load_runtime(tmp_path / "missing.onnx")
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    with pytest.raises(ModelError, match=r"notes.txt: expected a detector folder"):
        load_runtime(text)
    for suffix, program in ((".onnx", "ONNX Runtime"), (".xml", "OpenVINO")):
        damaged = tmp_path / f"damaged{suffix}"
        damaged.write_text("hello")
        damaged.with_suffix(".bin").write_text("hello")
        with pytest.raises(ModelError, match=f"damaged{suffix}: {program} cannot"):
            load_runtime(damaged)
    for name in ("any.onnx", "any.xml"):
        with pytest.raises(ModelError, match="threads: must be at least 1, got 0"):
            load_runtime(models / name, threads=0)
    with pytest.raises(ModelError, match="only OpenVINO chooses it"):
        load_runtime(models / "any.onnx", precision="f16")


def test_a_truncated_model_is_refused(models: Path, tmp_path: Path) -> None:
    whole = (models / "any.onnx").read_bytes()
    (tmp_path / "cut.onnx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=r"cut.onnx: ONNX Runtime cannot load it"):
        load_runtime(tmp_path / "cut.onnx")
    (tmp_path / "alone.xml").write_bytes((models / "any.xml").read_bytes())
    with pytest.raises(ModelError, match=r"alone.bin: no such file"):
        load_runtime(tmp_path / "alone.xml")


def test_onnxruntime_prints_nothing_of_its_own(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = made(["a = Conv x w", "y = CustomThing a"], weights={"w": kernels(8, 8)})
    damaged = model.SerializeToString().replace(b"CustomThing", b"Cust\xffmThing")
    (tmp_path / "damaged.onnx").write_bytes(damaged)
    with pytest.raises(ModelError, match=r"damaged.onnx: ONNX Runtime cannot load it"):
        load_runtime(tmp_path / "damaged.onnx")
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes with names")
@pytest.mark.parametrize("name", ["pipe.onnx", "pipe.xml", "weights.xml"])
def test_a_pipe_in_place_of_a_file_is_refused_and_not_waited_for(tmp_path: Path, name: str) -> None:
    pipe = tmp_path / name
    if name == "weights.xml":
        pipe.write_text("<net/>")
        pipe = pipe.with_suffix(".bin")
    os.mkfifo(pipe)
    with pytest.raises(ModelError, match=f"{pipe.name}: is a pipe or a device, not a file"):
        load_runtime(tmp_path / name)


@pytest.mark.parametrize("name", ["large.onnx", "large.xml"])
def test_a_file_larger_than_any_model_is_not_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "large.bin").touch()
    with (tmp_path / name).open("wb") as file:
        file.truncate(17 * 2**30)  # a hole: it takes no room on the disk
    with pytest.raises(ModelError, match=f"{name}: is larger than .* MiB"):
        load_runtime(tmp_path / name)


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"no model at all"], ids=repr)
@pytest.mark.parametrize("suffix", [".onnx", ".xml"])
def test_damage_is_one_line_and_the_runtime_is_silent(
    tmp_path: Path, suffix: str, content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.bin").touch()
    (tmp_path / f"model{suffix}").write_bytes(content)
    with pytest.raises(ModelError, match=rf"model\{suffix}: ") as refused:
        load_runtime(tmp_path / f"model{suffix}")
    assert "\n" not in str(refused.value)
    assert capfd.readouterr() == ("", "")


def test_a_model_of_another_program_is_refused(models: Path, tmp_path: Path) -> None:
    foreign = onnx.load(models / "any.onnx")
    del foreign.metadata_props[:]
    onnx.save(foreign, tmp_path / "foreign.onnx")
    with pytest.raises(ModelError, match=r"foreign.onnx: lacks the metadata that `maenas export`"):
        load_runtime(tmp_path / "foreign.onnx")


def test_a_detector_without_weights_is_refused(tmp_path: Path) -> None:
    save_folder(tmp_path, SPEC, None)
    with pytest.raises(ModelError, match=r"has a detector.yaml but no weights"):
        load_runtime(tmp_path)


def test_metadata_comes_back_as_it_went() -> None:
    told = Metadata(
        names=("1", "[x]", "größer"),
        in_shape=(3, 32, 64),
        resize="letterbox",
        stride=(8, 16, 32),
        is_nano=True,
        trained=False,
        mapped_from="runs/train/exp",
    )
    back = read_metadata({**told.to_text(), "producer": "somebody"}, Path("m.onnx"))
    assert back == replace(told, version=this_version())


def test_a_file_that_does_not_say_its_kind_is_no_nano_detector() -> None:
    told = Metadata(names=(), in_shape=(3, 32, 64), resize="letterbox", stride=(8, 16, 32))
    older = {key: text for key, text in told.to_text().items() if key != "is_nano"}
    assert not read_metadata(older, Path("m.onnx")).is_nano
    assert read_metadata(older, Path("m.onnx")).trained is None


def test_metadata_of_a_newer_maenas_or_damaged_is_refused() -> None:
    told = Metadata(names=(), in_shape=(3, 32, 64), resize="letterbox", stride=(8, 16, 32))
    newer = {**told.to_text(), "format": "maenas/model@2"}
    with pytest.raises(ModelError, match=r"m.onnx: written by a newer maenas"):
        read_metadata(newer, Path("m.onnx"))
    for key, value in (
        ("resize", "crop"),
        ("in_shape", "[3, 32]"),
        ("in_shape", "[3, 32"),
        ("is_nano", "maybe"),
        ("trained", '"yes"'),
    ):
        with pytest.raises(ModelError, match=f"m.onnx: {key}"):
            read_metadata({**told.to_text(), key: value}, Path("m.onnx"))


def test_without_tensorrt_an_engine_is_refused_with_what_to_install(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine may have TensorRT")
    (tmp_path / "model.engine").write_bytes(b"")
    with pytest.raises(BackendError, match=r"pip install 'maenas\[tensorrt\]'|NVIDIA GPU"):
        load_runtime(tmp_path / "model.engine")


@pytest.mark.parametrize("compute", ["banana", "cuda:0,1", "cuda:99"])
def test_a_place_that_torch_does_not_have_is_refused_in_one_line(compute: str) -> None:
    spec = small_spec()
    with pytest.raises(ModelError, match=f"compute: must be cpu or a device .* got '{compute}'"):
        TorchRuntime(spec, spec.build(), compute)
