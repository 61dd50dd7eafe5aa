"""What a user may name where a spec is expected: a file, a folder, zoo:NAME."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from maenas.blocks import Backbone, SpecError, load_backbone
from maenas.blocks.backbone import FORMAT
from maenas.detector import Template, load_template, template_names
from maenas.detector.checkpoints.checkpoint import SPEC_FILE, load_folder
from maenas.detector.model.spec import DetectorSpec, assemble, load_detector
from maenas.detector.runtimes.load import KINDS
from maenas.nas import DEFAULT_WEIGHTS
from maenas.runs.config import SearchConfig, load_config

if TYPE_CHECKING:
    from torch import Tensor

    from maenas.detector.distill import Teacher

ZOO_PREFIX = "zoo:damo-yolo-"
# Where a run folder of the training keeps its detector, the better one first.
TRAINED = ("best", "weights/best", "last", "weights/last")
SEARCHED = "best.yaml"  # where one of the search keeps its backbone
NETWORKS = "a spec, a detector or run folder, or zoo:NAME"
EXPORTED = (".onnx", ".xml", ".engine")


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
    if not name:
        raise SpecError(f"a network is expected: {NETWORKS}; got an empty name.")
    if path.is_dir() and not (path / SEARCHED).is_file():
        raise SpecError(f"{path}: holds no network: neither {SPEC_FILE} nor {SEARCHED}.")
    if path.is_dir():
        path = path / SEARCHED
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
    """Spec and weights of a detector, a training run or zoo:NAME; the last has no weights.

    Args:
        name: as the user gave it.
        input_size: side of the image; the detector's own if None.
    Raises:
        SpecError: if there is no such detector, or it does not take images of that size.
    """
    weights = None
    if name.startswith("zoo:"):
        named = find_model(name)
        if named.template is None:
            raise SpecError(f"{name}: is a backbone alone; `maenas build-detector` completes it.")
        spec = assemble(named.backbone, named.template)
    else:
        spec, weights = load_folder(detector_in(Path(name)))
    if input_size is not None:
        backbone = replace(spec.backbone, in_shape=(3, input_size, input_size))
        spec = replace(spec, backbone=backbone)
    return spec, weights


def detector_in(path: Path) -> Path:
    """The detector folder a path stands for, or its `detector.yaml`; looks at names alone.

    Raises:
        SpecError: if it is none, with what makes one of it.
    """
    if path.is_dir():
        folders = (path, *(path / name for name in TRAINED))
        for folder in folders:
            if (folder / SPEC_FILE).is_file():
                return folder
        if (path / SEARCHED).is_file():
            raise SpecError(_backbone_alone(path, "is the run of a search, which found a backbone"))
        raise SpecError(f"{path}: holds no detector: neither {SPEC_FILE} nor best/{SPEC_FILE}.")
    if path.suffix not in (".yaml", ".yml"):
        what = "expected" if path.exists() else "no such file or folder; expected"
        raise SpecError(f"{path}: {what} {KINDS}, a run of `maenas train`, or zoo:NAME.")
    if path.is_file() and f"format: {FORMAT}" in path.read_text(errors="replace"):
        raise SpecError(_backbone_alone(path, "is a backbone"))
    return path


def require_model(name: str) -> None:
    """Raise unless there is a detector or exported file of that name; loads neither.

    Raises:
        SpecError: saying what is there instead.
    """
    path = Path(name)
    if is_exported(name):
        if not path.is_file():
            raise SpecError(f"{name}: no such file or folder; expected {KINDS}.")
    elif name.startswith("zoo:"):
        find_detector(name)
    else:
        detector_in(path)


def is_exported(name: str) -> bool:
    """Whether a name is that of a file which `maenas export` writes."""
    path = Path(name)
    return not name.startswith("zoo:") and path.suffix.lower() in EXPORTED and not path.is_dir()


def _backbone_alone(path: Path, what: str) -> str:
    return (
        f"{path}: {what} without neck and head; `maenas build-detector {path} --out DIR` "
        "makes a detector around it."
    )


def find_teacher(name: str) -> Teacher:
    """The trained detector in a run folder or detector folder.

    Raises:
        MaenasError: if there is none, or it has no weights.
    """
    from maenas.detector.distill import Teacher

    if is_exported(name):
        raise SpecError(
            f"teacher {name}: an exported file gives no maps to learn from; name the run or the "
            "detector folder it was exported from."
        )
    try:
        place = name if name.startswith("zoo:") else str(detector_in(Path(name)))
    except SpecError as error:
        raise SpecError(f"teacher {error}") from None
    spec, weights = find_detector(place)
    return Teacher(spec, weights, place)
