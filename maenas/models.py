"""What a user may name where a spec is expected: a file, a folder, zoo:NAME."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from blocks import Backbone, SpecError, load_backbone
from detector import Template, load_template, template_names
from detector.checkpoint import SPEC_FILE, load_folder
from detector.spec import DetectorSpec, assemble, load_detector
from maenas.config import SearchConfig, load_config
from nas import DEFAULT_WEIGHTS

if TYPE_CHECKING:
    from torch import Tensor

    from detector.distill import Teacher

ZOO_PREFIX = "zoo:damo-yolo-"
# Where a run folder of the training keeps its detector, the better one first.
TRAINED = ("best", "weights/best", "last", "weights/last")


@dataclass(frozen=True, slots=True)
class Named:
    """A backbone with what its name tells about it.

    Attributes:
        name: as given, or the file in the run folder.
        backbone: the network.
        template: neck and head it was published or searched with, None if unknown.
        device: it was searched for, None if unknown.
        weights: of the score it was searched with; the default ones if unknown.
    """

    name: str
    backbone: Backbone
    template: Template | None
    device: str | None
    weights: tuple[float, ...] = DEFAULT_WEIGHTS


def find_model(name: str) -> Named:
    """The backbone a user means.

    Raises:
        SpecError: naming file and cause.
    """
    if name.startswith(ZOO_PREFIX):
        backbone = load_backbone(name)
        return Named(name, backbone, load_template(name.removeprefix(ZOO_PREFIX)), None)
    if name.startswith("zoo:"):
        return Named(name, load_backbone(name), None, None)
    path = Path(name)
    if path.name == SPEC_FILE or (path / SPEC_FILE).exists():
        spec = load_detector(path if path.name == SPEC_FILE else path / SPEC_FILE)
        return Named(name, spec.backbone, spec.template(), None)
    if path.is_dir():
        path = path / "best.yaml"
    backbone = load_backbone(path)
    config = _searched_with(path)
    if config is None:
        return Named(str(path), backbone, None, None)
    scale = _template_line(path) if config.scope == "detector" else None
    template = None if scale is None else load_template(scale)
    return Named(str(path), backbone, template, config.device, config.weights)


def _searched_with(path: Path) -> SearchConfig | None:
    """The options of the run a spec lies in, from the file beside it."""
    for folder in (path.parent, path.parent.parent):
        config_path = folder / "config.yaml"
        if path.name == "config.yaml" or not config_path.exists():
            continue
        config, _ = load_config(config_path)
        return config
    return None


def _template_line(path: Path) -> str | None:
    """The template a receipt names: a family's members differ in it."""
    for line in path.read_text(encoding="utf-8").splitlines():
        _, found, rest = line.partition(", template ")
        if line.startswith("#") and found:
            name = rest.split(",")[0].split(";")[0].strip()
            return name if name in template_names() else None
    return None


def find_detector(
    name: str, input_size: int | None = None
) -> tuple[DetectorSpec, dict[str, Tensor] | None]:
    """Spec and weights of a detector folder or zoo:NAME; a published one has no weights.

    Args:
        name: as the user gave it.
        input_size: side of the picture; the detector's own if None.
    Raises:
        SpecError: if there is no such detector, or it does not take pictures of that size.
    """
    weights = None
    if name.startswith("zoo:"):
        named = find_model(name)
        if named.template is None:
            raise SpecError(f"{name}: is a backbone alone; `maenas build-detector` completes it.")
        spec = assemble(named.backbone, named.template)
    else:
        spec, weights = load_folder(Path(name))
    if input_size is not None:
        backbone = replace(spec.backbone, in_shape=(3, input_size, input_size))
        spec = replace(spec, backbone=backbone)
    return spec, weights


def trained_in(model: str) -> str:
    """The detector folder in a run folder; anything else as it is."""
    path = Path(model)
    if path.is_dir() and not (path / SPEC_FILE).exists():
        for name in TRAINED:
            if (path / name / SPEC_FILE).exists():
                return str(path / name)
    return model


def find_teacher(name: str) -> Teacher:
    """The trained detector in a run folder or detector folder.

    Raises:
        MaenasError: if there is none, or it has no weights.
    """
    from detector.distill import Teacher

    place = trained_in(name)
    spec, weights = find_detector(place)
    return Teacher(spec, weights, place)
