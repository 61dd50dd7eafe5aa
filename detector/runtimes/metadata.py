"""What a model file says of itself, so that it can be run without its detector."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from maenas.blocks import SpecError
from maenas.blocks.files.format_line import check_format
from maenas.blocks.files.strict import parse
from maenas.detector.errors import ModelError

FORMAT = "maenas/model@1"
NOT_TEXT = {"names", "in_shape", "stride", "is_nano"}  # fields that are JSON in the file
Layout = Literal["raw", "end2end", "end2end-trt"]
Precision = Literal["f32", "f16", "int8"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """How to feed a model and read what it returns.

    Attributes:
        names: of the classes; () if they have none.
        in_shape: (channels, height, width) of its images.
        resize: how an image is brought to that size, "letterbox" or "stretch".
        stride: of each level, finest first.
        is_nano: whether DAMO-YOLO evaluates it with the thresholds of Ns, Nm and Nl; files of an
            older maenas do not say so and count as the larger scales.
        layout: "raw" returns scores and boxes before NMS, the others detections.
        precision: of the network's body; decoding is always in float.
        colour: order of the channels.
        normalisation: what the images must have gone through.
        boxes: what the four numbers of a box are.
        version: of the maenas that wrote it.
    """

    names: tuple[str, ...]
    in_shape: tuple[int, int, int]
    resize: Literal["letterbox", "stretch"]
    stride: tuple[int, ...]
    is_nano: bool = False
    layout: Layout = "raw"
    precision: Precision = "f32"
    colour: str = "RGB"
    normalisation: str = "none, 0..255"
    boxes: str = "x1 y1 x2 y2, pixels of the input"
    version: str = ""

    def to_text(self) -> dict[str, str]:
        """Every field as text; what is not text already as JSON."""
        data = {**asdict(self), "version": self.version or this_version()}
        return {
            "format": FORMAT,
            **{
                key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
                for key, value in data.items()
            },
        }


def read_metadata(text: Mapping[str, str], path: Path) -> Metadata:
    """The metadata of a file; keys of other programs are left alone.

    Args:
        text: what the file holds.
        path: of the file, for errors.
    Raises:
        ModelError: if `maenas export` did not write it.
    """
    if not text.get("format", "").startswith(FORMAT.partition("@")[0]):
        raise ModelError(
            f"{path}: lacks the metadata that `maenas export` writes (names, input, resize); "
            "export the detector again."
        )
    data: dict[str, Any] = {key: text[key] for key in Metadata.__dataclass_fields__ if key in text}
    try:
        check_format(path, text["format"], FORMAT)
        for key in NOT_TEXT & set(data):
            data[key] = json.loads(data[key])
        return parse(Metadata, data, str(path))
    except SpecError as error:
        raise ModelError(str(error)) from None
    except ValueError:
        raise ModelError(f"{path}: {key}: not JSON, got {text[key]!r}.") from None


def this_version() -> str:
    """Version of the installed maenas."""
    try:
        return version("maenas")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "unknown"


def require_raw(metadata: Metadata, path: Path) -> None:
    """Raise `ModelError` unless the model returns scores and boxes before NMS."""
    if metadata.layout != "raw":
        raise ModelError(
            f"{path}: ends in NMS ({metadata.layout}); detect and val do that themselves, so "
            "export it again without --end2end."
        )
