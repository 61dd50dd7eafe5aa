"""Optional packages: what each is for, and the extra of this project that installs it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from types import MappingProxyType

from maenas.blocks.errors import MaenasError, SpecError


@dataclass(frozen=True, slots=True)
class Extra:
    """An optional package.

    Attributes:
        module: name under which it is imported.
        title: name of the package in messages.
        extra: extra of this project that installs it.
        purpose: purpose of the package.
    """

    module: str
    title: str
    extra: str
    purpose: str

    @property
    def install(self) -> str:
        """The command that installs it."""
        return f"pip install 'maenas[{self.extra}]'"


EXTRAS: Mapping[str, Extra] = MappingProxyType(
    {
        each.module: each
        for each in (
            Extra("openvino", "OpenVINO", "openvino", "latency on CPUs"),
            Extra("ray", "Ray", "ray", "clusters"),
            Extra("tensorrt", "TensorRT", "tensorrt", "latency on NVIDIA GPUs"),
            Extra("nncf", "NNCF", "int8", "INT8 export"),
            Extra("av", "PyAV", "video", "videos and streams"),
            Extra("cv2", "OpenCV", "webcam", "cameras"),
            Extra("hotcoco", "hotcoco", "eval", "COCO metrics in less time"),
            Extra("tensorboard", "TensorBoard", "tensorboard", "curves of trainings"),
            Extra("wandb", "Weights & Biases", "wandb", "trainings on Weights & Biases"),
            Extra("huggingface_hub", "huggingface_hub", "hub", "detectors on the Hugging Face Hub"),
            Extra("mlflow", "MLflow", "mlflow", "trainings on MLflow"),
        )
    }
)


def is_installed(module: str) -> bool:
    """Whether an optional package can be imported."""
    if module in sys.modules:
        return sys.modules[module] is not None
    return find_spec(module) is not None


def missing(module: str, what: str) -> str:
    """The end of a message: what needs a package, and how to install it."""
    extra = EXTRAS[module]
    return f"{what} needs {extra.title}, which is not installed; {extra.install}."


def require(module: str, what: str, error: type[MaenasError] = SpecError) -> None:
    """Raise an error of a class unless an optional package is installed.

    Args:
        module: name of the package, a key of `EXTRAS`.
        what: what needs it, the begin of the message.
        error: class of the error.
    """
    if not is_installed(module):
        raise error(missing(module, what))
