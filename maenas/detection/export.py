"""Export a detector: sample images, calibration images, report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maenas.detector.arrays import Floats
    from maenas.detector.export.export import Exported
    from maenas.detector.media.images import Pixels
    from maenas.detector.model.spec import DetectorSpec

SCHEMA = "maenas/export@1"
CALIBRATION_IMAGES = 128


def beside(name: str, suffix: str) -> Path:
    """Where the file goes if nobody says: into the folder of the detector."""
    from maenas.runs.models import detector_in

    if name.startswith("zoo:"):
        return Path(f"{name.removeprefix('zoo:')}{suffix}")
    path = detector_in(Path(name))
    folder = path if path.is_dir() else path.parent
    return folder / f"detector{suffix}"


def look_at(pixels: Pixels | None, spec: DetectorSpec) -> Floats:
    """The image to compare on, (1, 3, H, W); a drawn one if there is none."""
    from maenas.detector.export.sample import sample_image
    from maenas.detector.media.resize import fit

    _, height, width = spec.backbone.in_shape
    if pixels is None:
        pixels = sample_image(height, width)
    return fit(pixels, (height, width), spec.resize)[0][None]


def images_in(folder: Path) -> list[Pixels]:
    """The first images of a folder by name.

    Raises:
        ImageError: if there is none, or one cannot be read.
    """
    from maenas.detector.media.images import ImageError, find_sources, read_image

    sources = [source for source in find_sources([str(folder)]) if not source.is_video]
    if not sources:
        raise ImageError(f"{folder}: holds no image to calibrate on.")
    return [read_image(source.path) for source in sources[:CALIBRATION_IMAGES]]


def calibrate_on(examples: Sequence[Pixels] | None, spec: DetectorSpec) -> Sequence[Floats]:
    """Images for INT8, each (1, 3, H, W); drawn ones if there are none."""
    from maenas.detector.export.sample import sample_image
    from maenas.detector.media.resize import fit

    _, height, width = spec.backbone.in_shape
    if examples is None:
        examples = [sample_image(height, width, seed) for seed in range(1, 33)]
    return [fit(pixels, (height, width), spec.resize)[0][None] for pixels in examples]


def report(detector: str, exported: Exported) -> dict[str, Any]:
    """The result as plain data."""
    from dataclasses import asdict

    return {
        "schema": SCHEMA,
        "detector": detector,
        "path": str(exported.path),
        "metadata": exported.metadata.to_text(),
        "difference": asdict(exported.difference),
        "torch_rounding": asdict(exported.rounding),
        "runtime": exported.runtime,
        "objects": exported.objects,
        "objects_above": exported.above,
    }


def lines(exported: Exported) -> list[str]:
    """The result for people."""
    from maenas.detector.export.verify import TOLERANCES

    metadata = exported.metadata
    tolerance = TOLERANCES[metadata.precision]
    shape = "x".join(map(str, metadata.in_shape[1:]))
    told = [
        f"{exported.path}: {metadata.layout}, {metadata.precision}, {shape}",
        f"ran in {exported.runtime}",
        f"differs from torch in 64 bits by: {exported.difference}",
        f"torch itself does in 32 bits by:  {exported.rounding}",
    ]
    if metadata.precision != "f32":
        told.append(
            f"{metadata.precision} rounds: its {tolerance.of} difference may be "
            f"{tolerance.scores:g} in scores and {tolerance.boxes:g} px"
        )
    if exported.objects:
        told.append(
            f"its NMS finds the same {exported.objects} objects as ours above {exported.above:.3g}"
        )
    elif exported.objects == 0:
        told.append("its NMS was not compared: no score in the image stands out")
    elif metadata.layout == "end2end-trt":
        told.append("its NMS was not run: the plugin is TensorRT's alone")
    return told
