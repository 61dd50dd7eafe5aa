"""Models by name: a file, a detector or run folder, or zoo:NAME."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from maenas.blocks import Backbone, SpecError
from maenas.blocks.backbone_file import FORMAT, BackboneSpec, ScoreSpec, load_spec
from maenas.blocks.files.plain_file import read_bytes
from maenas.blocks.files.suffixes import is_yaml, suffix_of
from maenas.blocks.files.yaml_file import LIMIT
from maenas.budgets.image_size import InputSize, image_shape, shown_size
from maenas.detector import Template, load_template
from maenas.detector.channels import COLOURS
from maenas.detector.checkpoints.checkpoint import (
    SPEC_FILE,
    folder_is_trained,
    folder_mapped_from,
    load_folder,
)
from maenas.detector.model.spec import DetectorSpec, Resize, assemble, load_detector
from maenas.detector.runtimes.load import KINDS
from maenas.nas import DEFAULT_SCORE, Score, load_score, made_score
from maenas.runs.folders import BUILT, SEARCH, TRAINING
from maenas.runs.named_files import found_by
from maenas.runs.older import run_metadata

if TYPE_CHECKING:
    from torch import Tensor

    from maenas.detector.checkpoints.inherit import Inheritance
    from maenas.detector.distill import Teacher

KIND = FORMAT.partition("@")[0]
# Folders in a training run that can hold its detector, the best checkpoint first.
TRAINED = ("best", "weights/best", "last", "weights/last")
DETECTORS = ("", *TRAINED, *(f"{TRAINING}/{name}" for name in TRAINED), BUILT)
SEARCHED = "best.yaml"  # file in a search run that holds its backbone
NETWORKS = "a spec, a detector or run folder, or zoo:NAME"
EXPORTED = (".onnx", ".xml", ".engine")


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A backbone with the metadata of its file.

    Attributes:
        name: name given by the user, or the file in the run folder.
        backbone: backbone of the model.
        template: neck and head that it was published or searched with; None if unknown.
        device: device that it was searched for; None if unknown.
        searched: score that it was searched with; None if unknown.
        num_classes: number of classes of the detector that was priced; None if unknown.
        limits_ms: latency limits of the search by device; empty unless several were limited.
        names: names of the classes of the detector; () if they have none or it is a backbone.
        resize: method by which the detector resizes images; None for a backbone.
    """

    name: str
    backbone: Backbone
    template: Template | None
    device: str | None
    searched: ScoreSpec | None = None
    num_classes: int | None = None
    limits_ms: Mapping[str, float] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    resize: Resize | None = None

    def around(self, template: Template | None, names: tuple[str, ...] = ()) -> DetectorSpec:
        """The detector made of the backbone and the neck and head of a template.

        It resizes images as the model does; by "letterbox" if the model is a backbone.

        Args:
            template: template of neck and head; None for the model's own.
            names: names of the classes; () for those of the model, if the template has as many
                classes, else for classes without names.
        Raises:
            SpecError: if no detector can be made with the backbone; the message names its file.
        """
        chosen = template or self.template
        if chosen is None:
            raise SpecError(
                f"{self.name}: is a backbone without neck and head; `maenas build-detector` "
                "completes it."
            )
        if not names and chosen.head.num_classes == len(self.names):
            names = self.names
        try:
            spec = assemble(self.backbone, chosen, len(names) or None, names)
            return replace(spec, resize=self.resize or spec.resize)
        except SpecError as error:
            raise SpecError(f"{self.name}: {error}") from None

    def reading(self, channels: int | None, input_size: InputSize = None) -> ModelSpec:
        """The model for images of another number of channels or size; unchanged if None."""
        own = self.backbone.in_shape
        chosen = own[0] if channels is None else channels
        in_shape = image_shape(own[1:] if input_size is None else input_size, chosen)
        try:
            return replace(self, backbone=replace(self.backbone, in_shape=in_shape))
        except SpecError as error:
            asked = "" if channels is None else f"--channels {channels}: "
            raise SpecError(f"{asked}{self.name}: {error}") from None

    def score(
        self, name: str | Score | None = None, weights: tuple[float, ...] | None = None
    ) -> Score:
        """The score that the backbone was searched with, or another one.

        Args:
            name: another score, its name or a score file; None for the one it was searched with.
            weights: weights of the score; None for its own.
        Raises:
            SpecError: if there is no such score.
        """
        if isinstance(name, Score):
            return name if weights is None else replace(name, weights=weights)  # type: ignore[type-var]
        if name is not None or self.searched is None:
            return load_score(name or DEFAULT_SCORE, weights)
        known = self.searched
        return made_score(known.name, weights or known.weights, known.options or {})


def find_model(name: str) -> ModelSpec:
    """The backbone that a name on the command line stands for, with its metadata.

    Raises:
        SpecError: if there is no such backbone; the message names file and cause.
    """
    if name.startswith("zoo:"):
        return _searched_model(name, load_spec(name))
    path = Path(name)
    folder = _detector_folder(path) if name else None
    if path.name == SPEC_FILE or folder is not None:
        detector = load_detector(path if folder is None else folder / SPEC_FILE)
        return ModelSpec(
            *(name, detector.backbone, detector.template(), None),
            num_classes=detector.head.num_classes,
            names=detector.names,
            resize=detector.resize,
        )
    if not name:
        raise SpecError(f"a network is expected: {NETWORKS}; got an empty name.")
    if path.is_dir():
        found = _backbone_file(path)
        if found is None:
            raise SpecError(f"{path}: holds no network: neither {SPEC_FILE} nor {SEARCHED}.")
        path = found
    spec = load_spec(path)
    if spec.format != FORMAT:
        spec = replace(spec, metadata=run_metadata(path))
    return _searched_model(str(path), replace(spec, metadata=found_by(spec.metadata, path)))


def _detector_folder(path: Path) -> Path | None:
    """The folder of the detector in a detector folder or run; None without one."""
    return next((path / each for each in DETECTORS if (path / each / SPEC_FILE).is_file()), None)


def _backbone_file(run: Path) -> Path | None:
    """The file of the backbone in a run; None without one."""
    files = (run / SEARCHED, run / SEARCH / SEARCHED)
    return next((file for file in files if file.is_file()), None)


def _searched_model(name: str, spec: BackboneSpec) -> ModelSpec:
    known = spec.metadata
    try:
        template = None if known.template is None else load_template(known.template)
        if template is not None:
            template = template.with_classes(known.num_classes)
    except SpecError as error:
        raise SpecError(f"{name}: template: {str(error).removeprefix('template: ')}") from None
    return ModelSpec(
        name,
        spec.backbone,
        template,
        known.device,
        known.score,
        known.num_classes,
        known.limits_ms,
    )


def find_detector(
    name: str, input_size: InputSize = None
) -> tuple[DetectorSpec, dict[str, Tensor] | None]:
    """Spec and weights of a detector, a training run or zoo:NAME; zoo:NAME has no weights.

    Args:
        name: name given by the user.
        input_size: side of the input image in pixels, or (height, width); None for the
            detector's own.
    Raises:
        SpecError: if there is no such detector, or it does not accept this input size.
    """
    weights = None
    if name.startswith("zoo:"):
        model = find_model(name)
        spec = model.around(None)
    else:
        spec, weights = load_folder(detector_in(Path(name)))
    return sized(spec, input_size), weights


def sized(spec: DetectorSpec, input_size: InputSize) -> DetectorSpec:
    """A detector for images of another size, of as many channels; unchanged if None.

    Raises:
        SpecError: if it does not accept this input size.
    """
    if input_size is None:
        return spec
    in_shape = image_shape(input_size, spec.backbone.in_shape[0])
    return replace(spec, backbone=replace(spec.backbone, in_shape=in_shape))


def is_trained(name: str) -> bool | None:
    """Whether training made the weights of a detector; None if that is unknown.

    Args:
        name: name of a detector, a training run or zoo:NAME, as for `find_detector`.
    """
    return False if name.startswith("zoo:") else folder_is_trained(detector_in(Path(name)))


def mapped_from(name: str) -> str | None:
    """The detector that untrained weights of another one were mapped from; None for other weights.

    Args:
        name: name of a detector, a training run or zoo:NAME, as for `find_detector`.
    """
    return None if name.startswith("zoo:") else folder_mapped_from(detector_in(Path(name)))


def _why_untrained(name: str) -> str:
    """Clause that says what the weights of a detector are instead of trained."""
    origin = mapped_from(name)
    if origin is None:
        return "no step has trained its weights"
    return f"its weights were mapped from {origin} and not trained since"


def detector_in(path: Path) -> Path:
    """The detector folder or `detector.yaml` that a path stands for; loads no detector.

    Raises:
        SpecError: if there is no detector; for a backbone the message names the command that
            makes a detector of it.
    """
    if path.is_dir():
        folder = _detector_folder(path)
        if folder is not None:
            return folder
        if _backbone_file(path) is not None:
            raise SpecError(_backbone_alone(path, "is the run of a search, which holds a backbone"))
        raise SpecError(f"{path}: holds no detector: neither {SPEC_FILE} nor best/{SPEC_FILE}.")
    if not is_yaml(path):
        what = "expected" if path.exists() else "no such file or folder; expected"
        raise SpecError(f"{path}: {what} {KINDS}, a run of `maenas train`, or zoo:NAME.")
    is_file = path.is_file()
    if is_file and f"format: {KIND}@".encode() in read_bytes(path, limit=LIMIT):
        raise SpecError(_backbone_alone(path, "is a backbone"))
    return path


def require_model(name: str) -> None:
    """Check that a detector or exported file of this name exists, without loading weights.

    Raises:
        SpecError: if there is none; the message says what the path holds instead.
    """
    path = Path(name)
    if is_exported(name):
        if not os.path.exists(path):  # its runtime says why it cannot read what is there
            raise SpecError(f"{name}: no such file or folder; expected {KINDS}.")
    elif name.startswith("zoo:"):
        find_detector(name)
    else:
        detector_in(path)


def is_exported(name: str) -> bool:
    """Whether a name has the form of a file written by `maenas export`."""
    path = Path(name)
    return not name.startswith("zoo:") and suffix_of(path) in EXPORTED and not path.is_dir()


def _backbone_alone(path: Path, what: str) -> str:
    return (
        f"{path}: {what} without neck and head; `maenas build-detector {path} --out DIR` "
        "makes a detector around it."
    )


def find_teacher(name: str, channels: int | None = None) -> Teacher:
    """The trained detector in a run folder or detector folder.

    Args:
        name: the folder.
        channels: number of channels of the student's images; None for the teacher's own. A teacher
            of RGB images reads grey ones as well, as if their channel were repeated.
    Raises:
        MaenasError: if there is none, or it has no trained weights.
    """
    from maenas.detector.checkpoints.input_channels import with_channels
    from maenas.detector.distill import Teacher

    if is_exported(name):
        raise SpecError(
            f"teacher {name}: an exported file gives no maps to learn from; name the run or the "
            "detector folder it was exported from."
        )
    try:
        source = name if name.startswith("zoo:") else str(detector_in(Path(name)))
    except SpecError as error:
        raise SpecError(f"teacher {error}") from None
    spec, weights = find_detector(source)
    if weights is not None and is_trained(source) is False:
        raise SpecError(
            f"teacher {source}: {_why_untrained(source)}; name the run of a finished training."
        )
    if channels is not None and weights is not None and channels < spec.backbone.in_shape[0]:
        spec, weights = with_channels(spec, weights, channels)
    return Teacher(spec, weights, source)


def has_resizing(name: str) -> bool:
    """Whether a detector says how it resizes images; zoo:NAME is a backbone that is completed.

    Args:
        name: name of a detector, a training run or zoo:NAME, as for `find_detector`.
    """
    return not name.startswith("zoo:")


def find_source(name: str) -> tuple[DetectorSpec, dict[str, Tensor]]:
    """Spec and weights of the detector that `--init` names.

    Args:
        name: run or detector folder with weights.
    Raises:
        MaenasError: if there is no such detector, or it has no trained weights.
    """
    spec, weights = find_detector(name)
    if weights is None:
        raise SpecError(
            f"--init: {name} has no weights; name a run of `maenas train`, or a detector folder "
            "that `maenas import-weights` wrote."
        )
    if is_trained(name) is False:
        raise SpecError(
            f"--init: {name}: {_why_untrained(name)}; name the run of a finished training."
        )
    return spec, weights


def find_inheritance(
    spec: DetectorSpec, source: str, seed: int, *, keeps_resizing: bool, keeps_size: bool
) -> tuple[Inheritance, list[str]]:
    """The weights that a detector inherits from a trained one, and lines about its images.

    Args:
        spec: detector that inherits.
        source: run or detector folder with weights.
        seed: random seed of what has no counterpart.
        keeps_resizing: whether it resizes images as it says; otherwise, if it was a backbone, as
            the source does, whose weights know such images.
        keeps_size: whether the user chose the input size.
    Returns:
        The weights, with the detector, and a line for the user where both read other images.
    Raises:
        MaenasError: if there is no such detector, or it has no trained weights.
    """
    from maenas.detector.checkpoints.inherit import inherit

    its, weights = find_source(source)
    inherited, notes = inherit(spec, its, weights, seed, source), []
    size, known = (shown_size(each.backbone.in_shape[1:]) for each in (spec, its))
    if size != known and not keeps_size:
        notes.append(
            f"images are {size} pixels, but {source} has learned from {known}; --input-size "
            f"{known} makes them equal"
        )
    colours, learned = (COLOURS[each.backbone.in_shape[0]] for each in (spec, its))
    if colours != learned:
        notes.append(
            f"images are {colours}, but {source} has learned from images that are {learned}; AP is "
            "lower until it is trained on such images"
        )
    if spec.resize == its.resize:
        return inherited, notes
    if keeps_resizing:
        notes.append(
            f"images are resized by {spec.resize}, but {source} has learned from images resized by "
            f"{its.resize}; `maenas build-detector --resize {its.resize}` makes them equal"
        )
        return inherited, notes
    notes.append(f"images are resized by {its.resize}, as by {source}, whose weights are inherited")
    return inherited.resizing(its.resize), notes
