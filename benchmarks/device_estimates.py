"""How each bundled estimate is made: its protocol, its source and the base that it adapts."""

from __future__ import annotations

from dataclasses import dataclass

from maenas.budgets.latency import Hardware, Precision

NPU = "npu"  # base of an NPU: `fit_devices.npu_base`


@dataclass(frozen=True, slots=True)
class Estimate:
    """How a bundled estimate is made.

    Attributes:
        means: full name of the device, with runtime and precision.
        protocol: runtime, precision, and what is inside of each number.
        source: publication of the rows.
        base: bundled estimate whose multipliers are fitted; None to fit the coefficients.
        precision: number format of the networks.
        sms: number of multiprocessors; that of the base if None.
        hardware: kind of the hardware.
    """

    means: str
    protocol: str
    source: str
    base: str | None = None
    precision: Precision = "f16"
    sms: int | None = None
    hardware: Hardware = "gpu"


ULTRALYTICS = "network and decoding, synchronised, without NMS, batch 1, ultralytics val"


def _orin(name: str, precision: Precision, sms: int) -> Estimate:
    return Estimate(
        f"{name}-jetpack6-{precision}",
        f"TensorRT of JetPack 6, {precision}, {ULTRALYTICS}",
        "YOLO11 of Ultralytics' Jetson guide",
        "t4",
        precision,
        sms,
    )


ESTIMATES = {
    "t4": Estimate(
        "t4-trt10-f16",
        "TensorRT 10, f16, forward pass without NMS, batch 1",
        "the T4 TensorRT 10 chart of Ultralytics",
    ),
    "t4-trt8": Estimate(
        "t4-trt8.4-f16",
        "TensorRT 8.4, f16, GPU compute time of trtexec, forward pass alone, batch 1",
        "the model zoo of mmyolo",
    ),
    "orin-nano-super": _orin("orin-nano-super", "f16", 8),
    "orin-nano-super-int8": _orin("orin-nano-super", "int8", 8),
    "agx-orin": _orin("agx-orin-64gb", "f16", 16),
    "agx-orin-int8": _orin("agx-orin-64gb", "int8", 16),
    "agx-orin-cpu": Estimate(
        "agx-orin-64gb-openvino-f32",
        f"OpenVINO on the 12 Cortex-A78AE cores, f32, {ULTRALYTICS}",
        "YOLO11 of Ultralytics' Jetson guide",
        "intel-8163",
        "f32",
        hardware="cpu",
    ),
    "pi5": Estimate(
        "pi5-onnxruntime-f32",
        f"ONNX Runtime on a Raspberry Pi 5, f32, {ULTRALYTICS}",
        "YOLO11 of Ultralytics' Raspberry Pi guide",
        "intel-8163",
        "f32",
        hardware="cpu",
    ),
    "rk3588": Estimate(
        "rk3588-rknn2.3.2-int8",
        "RKNN 2.3.2, int8, one NPU core at its highest clock, heads cut before decoding",
        "the RKNN model zoo",
        NPU,
        "int8",
        hardware="npu",
    ),
}
