"""Metadata of a model file: everything needed to run it without its detector folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from maenas.blocks import SpecError
from maenas.blocks.files.format_line import check_format
from maenas.blocks.files.json_file import parse_json
from maenas.blocks.files.strict import parse
from maenas.detector.channels import COLOURS, KNOWN
from maenas.detector.errors import ModelError
from maenas.detector.ops.thresholds import Thresholds

FORMAT = "maenas/model@1"
THRESHOLDS = ("min_score", "max_iou", "max_detections")
# Fields that the file stores as JSON.
NOT_TEXT = {"names", "in_shape", "stride", "is_nano", "one_to_one", "trained", *THRESHOLDS}
Layout = Literal["raw", "end2end", "end2end-trt"]
Precision = Literal["f32", "f16", "int8"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """Description of the input and outputs of a model.

    Attributes:
        names: names of the classes; () if they have none.
        in_shape: (channels, height, width) of the input images.
        resize: method that resizes an image to that shape, "letterbox" or "stretch".
        stride: stride of each level in pixels, finest level first.
        is_nano: whether DAMO-YOLO evaluates it with the thresholds of Ns, Nm and Nl; False for
            files of an older maenas, which lack the field.
        one_to_one: whether the detector predicts each object once, so that no NMS is applied to its
            scores and boxes.
        trained: whether training made the weights; None if that is unknown, as for files of an
            older maenas.
        mapped_from: detector that weights were mapped from which are not trained; None for others.
        layout: kind of outputs: "raw" for scores and boxes before NMS, the others for detections.
        min_score: confidence threshold of the NMS in the file; None without NMS.
        max_iou: IoU threshold of that NMS.
        max_detections: maximum number of detections in an image.
        precision: number format of the network up to the decoding, which is always in float.
        colour: order of the channels, RGB, or grey for one channel.
        normalisation: normalisation that the input images need.
        boxes: format of the four numbers of a box.
        version: version of the maenas that wrote the file.
    """

    names: tuple[str, ...]
    in_shape: tuple[int, int, int]
    resize: Literal["letterbox", "stretch"]
    stride: tuple[int, ...]
    is_nano: bool = False
    one_to_one: bool = False
    trained: bool | None = None
    mapped_from: str | None = None
    layout: Layout = "raw"
    min_score: float | None = None
    max_iou: float | None = None
    max_detections: int | None = None
    precision: Precision = "f32"
    colour: str = "RGB"
    normalisation: str = "none, 0..255"
    boxes: str = "x1 y1 x2 y2, pixels of the input"
    version: str = ""

    def __post_init__(self) -> None:
        if self.in_shape[0] not in COLOURS:
            raise SpecError(f"in_shape: images have {KNOWN}, got {list(self.in_shape)}.")

    def to_text(self) -> dict[str, str]:
        """Every field that has a value, as text; values of other types as JSON."""
        data = {**asdict(self), "version": self.version or this_version()}
        data = {key: value for key, value in data.items() if value is not None}
        return {
            "format": FORMAT,
            **{
                key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
                for key, value in data.items()
            },
        }

    def ending_in(self, layout: Layout, nms: Thresholds) -> Metadata:
        """Metadata of the same model with an NMS at its end."""
        return replace(self, layout=layout, **asdict(nms))


def read_metadata(text: Mapping[str, str], path: Path) -> Metadata:
    """Parse the metadata of a file; keys of other programs are ignored.

    Args:
        text: keys and values in the file.
        path: path of the file, for error messages.
    Raises:
        ModelError: if `maenas export` did not write it.
    """
    if not str(text.get("format", "")).startswith(FORMAT.partition("@")[0]):
        raise ModelError(
            f"{path}: lacks the metadata that `maenas export` writes (names, input, resize); "
            "export the detector again."
        )
    data: dict[str, Any] = {key: text[key] for key in Metadata.__dataclass_fields__ if key in text}
    try:
        check_format(path, text["format"], FORMAT)
        for key in NOT_TEXT & set(data):
            data[key] = parse_json(str(data[key]), f"{path}: {key}", wrong="not JSON")
        return parse(Metadata, data, str(path))
    except SpecError as error:
        raise ModelError(str(error)) from None


def this_version() -> str:
    """Version of the installed maenas."""
    try:
        return version("maenas")
    except PackageNotFoundError:  # the checkout is not installed
        return "unknown"


def suppression(metadata: Metadata, path: Path) -> Thresholds | None:
    """Thresholds of the NMS at the end of a model; None if it has no NMS.

    Raises:
        ModelError: if it ends in NMS and its thresholds are missing or invalid.
    """
    if metadata.layout == "raw":
        return None
    min_score, max_iou = metadata.min_score, metadata.max_iou
    if min_score is None or max_iou is None or metadata.max_detections is None:
        raise ModelError(
            f"{path}: ends in NMS ({metadata.layout}) and does not say with which thresholds, as "
            "files of maenas 0.1; export the detector again."
        )
    try:
        return Thresholds(min_score, max_iou, metadata.max_detections)
    except SpecError as error:
        raise ModelError(f"{path}: {error}") from None
