"""A device is found by what the user types, or refused with what to do."""

from __future__ import annotations

import re
import sys

import pytest
import torch

from maenas.budgets.backends import Target, available, load, open_backend, parse_target
from maenas.budgets.backends.backend import BackendError
from maenas.budgets.backends.load import BACKENDS, is_named
from maenas.budgets.latency import DeviceError


@pytest.fixture
def with_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a T4 and without TensorRT."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Tesla T4")
    monkeypatch.setitem(sys.modules, "tensorrt", None)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (("cpu", None, None), Target("cpu", "openvino", "f32", None)),
        ((" CPU ", "int8", 1), Target("cpu", "openvino", "int8", 1)),
        (("cpu:int8", None, 1), Target("cpu", "openvino", "int8", 1)),
        (("CPU:int8", "int8", None), Target("cpu", "openvino", "int8", None)),
        (("openvino-cpu", "bf16", None), Target("openvino-cpu", "openvino", "bf16", None)),
        (("onnxruntime-cpu", None, 2), Target("onnxruntime-cpu", "onnxruntime", "f32", 2)),
        (("tensorrt", None, None), Target("tensorrt", "tensorrt", "f16", None)),
        (("torch-cuda", "f32", None), Target("torch-cuda", "torch", "f32", None)),
    ],
)
def test_names_stand_for_runtimes(
    typed: tuple[str, str | None, int | None], expected: Target
) -> None:
    assert parse_target(*typed) == expected


def test_a_precision_after_a_colon_is_not_contradicted() -> None:
    with pytest.raises(DeviceError, match="f32 contradicts --device cpu:int8; leave one of them"):
        parse_target("cpu:int8", "f32")
    with pytest.raises(DeviceError, match=r"cpu:int4: a precision follows.*mean int8"):
        parse_target("cpu:int4")


def test_cuda_is_pytorch_where_tensorrt_is_missing(with_gpu: None) -> None:
    assert parse_target("cuda") == Target("cuda", "torch", "f16", None)
    assert parse_target("T4") == Target("t4", "torch", "f16", None)


def test_a_gpu_of_another_name_is_refused_with_the_one_that_is_here(with_gpu: None) -> None:
    with pytest.raises(BackendError, match="l4: is not in this machine, its GPU is Tesla T4"):
        parse_target("l4")


def test_without_a_gpu_its_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BackendError, match=r"no GPU.*measure on the machine.*cpu, openvino-cpu"):
        parse_target("rtx-4090")
    with pytest.raises(BackendError, match="did you mean torch-cuda"):
        parse_target("torch-cud")


@pytest.mark.parametrize(
    ("gpu", "name", "same"),
    [
        ("Tesla T4", "t4", True),
        ("NVIDIA GeForce RTX 4090", "rtx-4090", True),
        ("NVIDIA GeForce RTX 4090", "RTX4090", True),
        ("NVIDIA GeForce RTX 4090", "4090", True),
        ("NVIDIA A100-SXM4-80GB", "a100", True),
        ("NVIDIA L40", "l4", False),
        ("NVIDIA L40S", "l40", False),
        ("NVIDIA GeForce RTX 4090", "geforce-4090", False),
        ("Tesla T4", "", False),
        ("Tesla T4", "--", False),
    ],
)
def test_a_gpu_is_named_by_whole_words_in_a_row(gpu: str, name: str, same: bool) -> None:
    assert is_named(gpu, name) is same


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (("cpu", "f8", None), r"cpu is measured in f32, bf16, f16, int8 \(OpenVINO.*got 'f8'"),
        (("torch-cuda", "int8", None), "torch-cuda is measured in f16, f32"),
        (("tensorrt", None, 4), "threads: an option of CPUs; tensorrt is measured on a GPU"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(
    typed: tuple[str, str | None, int | None], message: str
) -> None:
    with pytest.raises(BackendError, match=message):
        parse_target(*typed)


@pytest.mark.parametrize(
    ("backend", "install"), [("openvino", "'maenas[openvino]'"), ("onnxruntime", "onnxruntime")]
)
def test_a_missing_runtime_is_said_with_how_to_install_it(
    backend: str, install: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, backend, None)
    with pytest.raises(BackendError, match=f"cpu: .* pip install {re.escape(install)}"):
        open_backend(Target("cpu", backend, "f32", None))
    missing = {one.backend: one.why_not for one in available()}
    assert f"pip install {install}" in str(missing[backend])


def test_every_runtime_says_whether_it_can_be_used() -> None:
    assert [one.backend for one in available()] == [*BACKENDS] == [*load.PROBLEMS]
    told = {one.backend: one.why_not for one in available()}
    assert told["openvino"] is None
    assert told["onnxruntime"] is None
    if not torch.cuda.is_available():
        assert "no NVIDIA GPU" in str(told["torch"])
        with pytest.raises(BackendError, match="torch-cuda: PyTorch finds no NVIDIA GPU"):
            open_backend(parse_target("torch-cuda"))


def test_a_target_names_its_table_by_what_is_not_left_to_its_default() -> None:
    assert parse_target("cpu").name == "cpu"
    assert parse_target("cpu", "int8", 1).name == "cpu-int8-1t"
    assert parse_target("cpu").hardware == "cpu"
    assert parse_target("tensorrt").hardware == "gpu"
