"""Import official DAMO-YOLO checkpoints: compare them key by key and rename the keys to ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from maenas.blocks import load_backbone
from maenas.blocks.layers.conv_bn_act import BN_EPS
from maenas.detector.checkpoints.official import official_names
from maenas.detector.checkpoints.state_dict import read_state_dict
from maenas.detector.errors import ModelError
from maenas.detector.model.coco_names import COCO_NAMES
from maenas.detector.model.published import load_published, require_published
from maenas.detector.model.spec import DetectorSpec, assemble
from maenas.detector.model.template import load_template

COCO, LEGACY = 80, 81  # v0.1 and v0.2 have an 81st class that inference ignores
CLASSIFIER = "head.gfl_cls."
OFFICIAL_KEY = "`model`"  # key of the state dict in official files
# The bins of the distances, 0 to reg_max: a constant that the official code keeps as a buffer.
CONSTANT = "head.integral.project"
MERGED, DENSE, POINTWISE = "rbr_reparam", "rbr_dense", "rbr_1x1"

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """How a checkpoint compares with a detector, in official names.

    Attributes:
        form: "training", or "deploy" if its RepConvs are merged into single convolutions.
        num_classes: number of classes in the checkpoint, with the legacy class that is dropped.
        missing: keys that the detector has and the checkpoint lacks.
        extra: keys that only the checkpoint has.
        misshaped: key, its shape in the checkpoint, and its shape in the detector.
        dropped: keys whose last class is dropped, as v0.1 and v0.2 do at inference.
        reinitialised: keys of the classifier that are initialised for other classes.
        stripped: parts removed to get the state dict: keys around it, such as "`ema`", and
            prefixes of its names.
    """

    form: Literal["training", "deploy"]
    num_classes: int | None
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    misshaped: tuple[tuple[str, Shape, Shape], ...] = ()
    dropped: tuple[str, ...] = ()
    reinitialised: tuple[str, ...] = ()
    stripped: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether the checkpoint has exactly the keys of the detector."""
        return not (self.missing or self.extra or self.misshaped)

    def problems(self) -> str:
        """Text with the number of keys that do not fit, by kind, and the first of them."""
        kinds = (
            ("missing", "missing", self.missing),
            ("extra", "extra", self.extra),
            ("of another shape", "mis-shaped", [show_misshaped(*m) for m in self.misshaped]),
        )
        counts = ", ".join(f"{len(keys)} {kind}" for kind, _, keys in kinds if keys)
        first = [f"{word} {key}" for _, word, keys in kinds for key in keys[:1]]
        return f"{counts} (first {', '.join(first)})"


class CheckpointError(ModelError):
    """Raised if a checkpoint does not fit a detector; `report` names every key that differs."""

    def __init__(self, message: str, report: ImportReport) -> None:
        super().__init__(message)
        self.report = report


@dataclass(frozen=True, slots=True)
class Imported:
    """A detector and its weights, ready for `detector.checkpoints.checkpoint.save_folder`.

    Attributes:
        spec: spec with the `resize` of the training, and COCO's class names if it has 80 classes.
        weights: weights in training form, under our names.
        report: comparison with the checkpoint, and the changes made.
    """

    spec: DetectorSpec
    weights: dict[str, Tensor]
    report: ImportReport


def official_spec(name: str) -> DetectorSpec:
    """Spec of a published detector; it was trained on images stretched to the input size.

    Raises:
        ModelError: if no published detector has this name.
    """
    template = load_template(require_published(name).template)
    backbone = load_backbone(f"zoo:{bare(name)}")
    return replace(assemble(backbone, template), resize="stretch")


def bare(name: str) -> str:
    """The name of a zoo model without the prefix `zoo:`."""
    return name.removeprefix("zoo:")


def import_checkpoint(
    path: Path, model: str, num_classes: int | None = None, names: Sequence[str] = ()
) -> Imported:
    """Read the detector and its weights from an official checkpoint.

    Args:
        path: file of `torch.save`: a state dict in training or deploy form, alone or under a key
            such as `model` or `ema`; its names may have prefixes of wrappers
            (DistributedDataParallel, torch.compile).
        model: published detector that it was trained as, such as "damo-yolo-s".
        num_classes: number of classes of the detector. If the checkpoint has another number, the
            classifier is initialised and all other weights are kept. None for the number of
            the checkpoint, where 81 counts as 80: the legacy class is dropped.
        names: names of the classes, in the order of the checkpoint; () for COCO's if it has 80
            classes, and for none otherwise.
    Returns:
        Spec and weights in training form. A deploy form is converted to a training form of equal
        outputs, whose BatchNorms have no statistics of the data (see `split_merged`).
    Raises:
        ModelError: if the file cannot be read as a checkpoint, or a weight is not finite.
        CheckpointError: if it belongs to another detector.
        SpecError: if the names are not one per class, all different.
    """
    spec = official_spec(model)
    read = read_state_dict(path)
    found = read.weights
    imported = compare(found, spec, num_classes)
    imported = replace(imported, report=replace(imported.report, stripped=read.stripped))
    if not imported.report.fits:
        likely = recognised(found)
        hint = f"; it looks like {likely}" if likely and likely != bare(model) else ""
        problems = imported.report.problems()
        unusual = [name for name in read.stripped if name != OFFICIAL_KEY]
        after = f" after removing {', '.join(unusual)}" if unusual else ""
        raise CheckpointError(
            f"{path}: is not a {model}{after}: {problems}{hint}.", imported.report
        )
    broken = [name for name, value in imported.weights.items() if not value.isfinite().all()]
    if broken:
        raise ModelError(
            f"{path}: {len(broken)} tensors hold numbers that are not finite (first {broken[0]}); "
            "training had failed before it was saved."
        )
    if names:
        imported = replace(imported, spec=replace(imported.spec, names=tuple(names)))
    return imported


def compare(
    found: Mapping[str, Tensor], spec: DetectorSpec, num_classes: int | None = None
) -> Imported:
    """Compare a state dict with a detector; the weights are {} if it does not fit."""
    count = classes_of(found)
    if num_classes is None:
        num_classes = COCO if count in (None, LEGACY) else count
    spec = replace(spec, head=replace(spec.head, num_classes=num_classes))
    found, dropped, renewed = with_classes(found, spec)
    skeleton = empty_weights(spec)
    shapes = official_shapes(spec, skeleton, is_merged(found))
    report = ImportReport(
        form="deploy" if is_merged(found) else "training",
        num_classes=count,
        missing=tuple(key for key in shapes if key not in found),
        extra=tuple(key for key in found if key not in shapes and key != CONSTANT),
        misshaped=tuple(
            (key, tuple(found[key].shape), shape)
            for key, shape in shapes.items()
            if key in found and tuple(found[key].shape) != shape
        ),
        dropped=dropped,
        reinitialised=renewed,
    )
    if not report.fits:
        return Imported(spec, {}, report)
    if num_classes == COCO and not renewed:
        spec = replace(spec, names=COCO_NAMES)
    official = split_merged(found, spec) if is_merged(found) else found
    weights = {
        ours: official[theirs].to(skeleton[ours].dtype) for theirs, ours in official_names(spec)
    }
    return Imported(spec, weights, report)


def with_classes(
    found: Mapping[str, Tensor], spec: DetectorSpec
) -> tuple[Mapping[str, Tensor], tuple[str, ...], tuple[str, ...]]:
    """A state dict with the spec's classes, the keys that were cut, and those reinitialised."""
    count, wanted = classes_of(found), spec.head.num_classes
    if count in (None, wanted):
        return found, (), ()
    names = {ours: key for key, ours in official_names(spec) if key.startswith(CLASSIFIER)}
    keys = tuple(key for key in names.values() if key in found)
    if (count, wanted) == (LEGACY, COCO):
        return {**found, **{key: found[key].narrow(0, 0, COCO) for key in keys}}, keys, ()
    fresh = fresh_weights(spec)
    renewed = {key: fresh[ours] for ours, key in names.items() if key in keys}
    return {**found, **renewed}, (), keys


def is_merged(found: Mapping[str, Tensor]) -> bool:
    """Whether the RepConvs are merged into single convolutions, as in a deploy form."""
    return any(f".{MERGED}." in key for key in found)


def split_merged(found: Mapping[str, Tensor], spec: DetectorSpec) -> dict[str, Tensor]:
    """Convert a deploy form to a training form of equal outputs, both under official names.

    A merged kernel becomes the k x k branch, followed by a BatchNorm that only adds the bias. The
    1x1 branch is random and its BatchNorm scales it to zero, so that training can raise it from
    there. The running statistics do not come from data: to fine-tune, prefer a checkpoint in
    training form.
    """
    fresh, official = fresh_weights(spec), dict[str, Tensor]()
    for theirs, ours in official_names(spec):
        if theirs in found:
            official[theirs] = found[theirs]
            continue
        unit, *names = theirs.rsplit(".", 3)
        kernel, bias = (found[f"{unit}.{MERGED}.{name}"] for name in ("weight", "bias"))
        changed = {
            f"{DENSE}.conv.weight": kernel,
            f"{DENSE}.bn.bias": bias,
            f"{DENSE}.bn.running_var": torch.full_like(bias, 1 - BN_EPS),  # divides by 1
            f"{POINTWISE}.bn.weight": torch.zeros_like(bias),
        }
        # All other values are those of a new BatchNorm: weight 1, bias 0, mean 0, variance 1.
        official[theirs] = changed.get(".".join(names), fresh[ours])
    return official


def official_shapes(
    spec: DetectorSpec, weights: Mapping[str, Tensor], is_deployed: bool
) -> dict[str, Shape]:
    """Shape of every official key, with merged RepConvs if `is_deployed`."""
    shapes: dict[str, Shape] = {}
    for theirs, ours in official_names(spec):
        shape = tuple(weights[ours].shape)
        if is_deployed and f".{DENSE}.conv." in theirs:
            merged = theirs.replace(f".{DENSE}.conv.weight", f".{MERGED}")
            shapes |= {f"{merged}.weight": shape, f"{merged}.bias": shape[:1]}
        elif not (is_deployed and (f".{DENSE}." in theirs or f".{POINTWISE}." in theirs)):
            shapes[theirs] = shape
    return shapes


def fresh_weights(spec: DetectorSpec) -> dict[str, Tensor]:
    """Weights of a new network, the same on every call."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return spec.build().state_dict()


def empty_weights(spec: DetectorSpec) -> dict[str, Tensor]:
    """Weights of a network on the meta device: shapes and types only."""
    with torch.device("meta"):
        return spec.build().state_dict()


def classes_of(found: Mapping[str, Tensor]) -> int | None:
    """Number of classes of a checkpoint; None without a classifier or if its levels differ."""
    classifier = [value for key, value in found.items() if key.startswith(CLASSIFIER)]
    counts = {len(value) if value.dim() else None for value in classifier}
    return counts.pop() if len(counts) == 1 else None


def recognised(found: Mapping[str, Tensor]) -> str | None:
    """The published detector that has these keys and shapes, for any number of classes."""
    given = {key: tuple(value.shape) for key, value in found.items()}
    for name in load_published():
        spec = official_spec(name)
        shapes = official_shapes(spec, empty_weights(spec), is_merged(found)).items()
        if all(given.get(key) == shape for key, shape in shapes if not key.startswith(CLASSIFIER)):
            return name
    return None


def show_misshaped(key: str, found: Shape, wanted: Shape) -> str:
    """Text about a key whose shape differs from the detector's."""
    return f"{key} is {list(found)}, should be {list(wanted)}"
