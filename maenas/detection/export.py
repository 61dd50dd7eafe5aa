"""Export a detector: path of the file, images for comparison and calibration, the result."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maenas.blocks.errors import SpecError
from maenas.budgets.image_size import InputSize

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from maenas.detection.predictor import Predictor
    from maenas.detector.arrays import Floats
    from maenas.detector.export.export import Exported
    from maenas.detector.media.images import Pixels
    from maenas.detector.model.layers.network import DetectorNetwork
    from maenas.detector.model.spec import DetectorSpec

    # Spec and network of a detector; whether it has trained weights, None if unknown; and the
    # detector that untrained weights were mapped from, None if they were not.
    Loaded = tuple[DetectorSpec, DetectorNetwork, bool | None, str | None]
    Loader = Callable[[], Loaded]

SCHEMA = "maenas/export@1"
CALIBRATION_IMAGES = 128


@dataclass(frozen=True, slots=True)
class ExportResult:
    """A file for another runtime, whose outputs agree with torch.

    Attributes:
        detector: name of the detector, as given.
        exported: the file, its metadata, and its differences from torch.
    """

    detector: str
    exported: Exported

    @property
    def path(self) -> Path:
        """Path of the file."""
        return self.exported.path

    def to_json(self) -> dict[str, Any]:
        """The result as plain data."""
        exported = self.exported
        return {
            "schema": SCHEMA,
            "detector": self.detector,
            "path": str(exported.path),
            "metadata": exported.metadata.to_text(),
            "difference": asdict(exported.difference),
            "torch_rounding": asdict(exported.rounding),
            "runtime": exported.runtime,
            "objects": exported.objects,
            "objects_above": exported.above,
            "computes": exported.computes,
        }


def model_of(detector: str | Path | Predictor, input_size: InputSize) -> tuple[str, Loader]:
    """The name of a detector, and a function that loads it.

    Raises:
        MaenasError: if there is no such detector, or it is an exported file itself.
    """
    from maenas.runs.models import find_detector, is_trained, mapped_from, require_model, sized

    if isinstance(detector, str | Path):
        name = str(detector)
        require_model(name)

        def load() -> Loaded:
            from maenas.detector.checkpoints.checkpoint import build_network

            spec, weights = find_detector(name, input_size)
            network = build_network(spec, weights, name)
            return spec, network, is_trained(name), mapped_from(name)

        return name, load
    spec, network = detector.spec_and_network()
    spec = sized(spec, input_size)
    return detector.name, lambda: (spec, network, detector.trained, detector.mapped_from)


def beside(name: str, suffix: str) -> Path:
    """Default path of the exported file: in the folder of the detector."""
    from maenas.runs.models import detector_in

    if name.startswith("zoo:"):
        return Path(f"{name.removeprefix('zoo:')}{suffix}")
    path = detector_in(Path(name))
    folder = path if path.is_dir() else path.parent
    return folder / f"detector{suffix}"


def batches_in(batch: int | str | None) -> tuple[int | None, tuple[int, int, int] | None]:
    """The fixed batch size of a file, or the least, best and largest one; None for neither.

    Args:
        batch: a number, "8", "1:8:32", or None.
    Raises:
        SpecError: if it is none of these.
    """
    if batch is None or isinstance(batch, int):
        return batch, None
    match [int(part) if part.isdecimal() else None for part in batch.split(":")]:
        case [int(fixed)]:
            return fixed, None
        case [int(least), int(best), int(most)]:
            return None, (least, best, most)
    raise SpecError(f"batch: must be a number or LEAST:BEST:MOST, such as 1:8:32, got {batch!r}.")


def comparison_image(pixels: Pixels | None, spec: DetectorSpec) -> Floats:
    """Image for the comparison with torch, (1, C, H, W); a generated one if none is given."""
    from maenas.detector.export.sample import sample_image
    from maenas.detector.media.resize import fit

    in_shape = spec.backbone.in_shape
    if pixels is None:
        pixels = sample_image(*in_shape[1:])
    return fit(pixels, in_shape, spec.resize)[0][None]


def images_in(folder: Path) -> list[Pixels]:
    """The first images of a folder, sorted by name.

    Raises:
        ImageError: if there is none, or one cannot be read.
    """
    from maenas.detector.media.images import ImageError, find_sources, read_image

    sources = [source for source in find_sources([str(folder)]) if not source.is_video]
    if not sources:
        raise ImageError(f"{folder}: holds no image to calibrate on.")
    return [read_image(Path(source.path)) for source in sources[:CALIBRATION_IMAGES]]


def calibration_images(examples: Sequence[Pixels] | None, spec: DetectorSpec) -> Sequence[Floats]:
    """Calibration images for INT8, each (1, C, H, W); generated ones if none are given."""
    from maenas.detector.export.sample import sample_image
    from maenas.detector.media.resize import fit

    in_shape = spec.backbone.in_shape
    if examples is None:
        examples = [sample_image(*in_shape[1:], seed) for seed in range(1, 33)]
    return [fit(pixels, in_shape, spec.resize)[0][None] for pixels in examples]
