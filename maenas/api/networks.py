"""Python API: load a backbone, build a detector around it, import official weights."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

if TYPE_CHECKING:
    from maenas.blocks import Backbone
    from maenas.budgets.image_size import InputSize
    from maenas.detection.build import BuildResult
    from maenas.detection.import_weights import ImportResult

LOG = logging.getLogger(__name__)


def load_backbone(model: str | Path) -> Backbone:
    """Load the backbone of a model.

    Args:
        model: a spec file, the folder of a search, a detector or a training, or `zoo:NAME`.
    Raises:
        MaenasError: if the model does not exist or cannot be read.

    Example:
        >>> maenas.load_backbone("zoo:damo-yolo-s").layers
        25
    """
    from maenas.runs.models import find_model

    return find_model(str(model)).backbone


def build_detector(
    model: str | Path,
    out: str | Path = "runs/detector",
    *,
    num_classes: int | None = None,
    names: Sequence[str] = (),
    template: str | None = None,
    device: str | None = None,
    channels: int | None = None,
    input_size: InputSize = None,
    resize: str | None = None,
    head: str | None = None,
    init: str | Path | None = None,
    exist_ok: bool = False,
) -> BuildResult:
    """Build the DAMO-YOLO detector around a backbone and write it into a folder.

    Args:
        model: a model, as for `load_backbone`.
        out: folder of the detector.
        num_classes: number of classes; if None that of `names`, else that of the run, else 80.
        names: names of the classes; those of the run if left out and it has as many classes.
        template: scale of neck and head; if None that of the run, else the nearest.
        device: device that latency is predicted for; if None that of the run, else t4.
        channels: number of channels of the images, 3 for RGB or 1 for grey; that of the backbone if
            None.
        input_size: side of the input image in pixels, or (height, width); that of the model if
            None.
        resize: method that resizes images to the input size: "letterbox" or "stretch"; if None
            that of the run, else that of `init`, else "letterbox".
        head: head of the detector: "zero", whose detections need NMS, or "one-to-one", which is
            trained to predict each object once and needs none; if None that of the run, else
            "zero".
        init: run or detector folder whose weights the detector inherits; None for no weights. Its
            classes hold if no others are given, and `inherited.csv` states the origin of each
            tensor.
        exist_ok: replace the detector in the folder.
    Raises:
        MaenasError: if two options exclude each other, or the folder holds a detector.

    Example:
        >>> built = maenas.build_detector("zoo:damo-yolo-s", "detector", names=["cat", "dog"])
        >>> built.costs["total"].params
        15843616
    """
    from maenas.blocks import SpecError
    from maenas.blocks.errors import one_word
    from maenas.budgets import device_of
    from maenas.detection.build import (
        DEFAULT_CLASSES,
        BuildResult,
        costs_of,
        for_classes,
        inherits_all,
    )
    from maenas.detector import load_template
    from maenas.detector.checkpoints.checkpoint import (
        ORIGINS_FILE,
        SPEC_FILE,
        WEIGHTS_FILE,
        save_folder,
    )
    from maenas.detector.checkpoints.inherit import save_origins
    from maenas.detector.model.spec import Resize
    from maenas.detector.model.zero_head import HeadKind
    from maenas.runs.folders import require_no_run
    from maenas.runs.models import find_inheritance, find_model, is_trained
    from maenas.runs.templates import nearest_template

    resolved, folder = find_model(str(model)).reading(channels, input_size), Path(out)
    chosen = (
        load_template(template)
        if template
        else resolved.template or nearest_template(resolved.backbone)
    )
    if names and num_classes is not None and num_classes != len(names):
        raise SpecError(f"names: must be one per class ({num_classes}), got {len(names)}.")
    if resize is not None:
        resize = one_word("build-detector", "--resize", resize, get_args(Resize))
        resolved = replace(resolved, resize=resize)  # type: ignore[arg-type]
    if head is None and resolved.template is not None and resolved.template.head.one_to_one:
        head = "one-to-one"
    if head is not None:
        head = one_word("build-detector", "--head", head, get_args(HeadKind))
        chosen = replace(chosen, head=replace(chosen.head, one_to_one=head == "one-to-one"))
    if not names:
        known = resolved.num_classes or DEFAULT_CLASSES
        chosen = chosen.with_classes(known if num_classes is None else num_classes)
    spec = resolved.around(chosen, tuple(names))
    target = device_of(device, resolved.device)
    require_no_run(folder)
    for file in (SPEC_FILE, WEIGHTS_FILE):
        if (folder / file).exists() and not exist_ok:
            raise SpecError(
                f"{folder / file}: exists; --exist-ok replaces it, --out names another folder."
            )
    receipt = (f"maenas build-detector {model} --template {chosen.name}",)
    weights, inheritance, trained, mapped_from = None, None, None, None
    if init is not None:
        own = resolved.resize is not None
        found, notes = find_inheritance(
            spec, str(init), 0, keeps_resizing=own, keeps_size=input_size is not None
        )
        inheritance, more = for_classes(found, tuple(names), num_classes)
        for note in (*notes, *more):
            LOG.info(note)
        spec, weights = inheritance.spec, dict(inheritance.weights)
        if inherits_all(found, spec):
            trained = is_trained(str(init))
        else:
            trained, mapped_from = False, str(init)
    costs = costs_of(spec, target)
    for file in (WEIGHTS_FILE, ORIGINS_FILE):
        (folder / file).unlink(missing_ok=True)  # of the detector that is replaced
    save_folder(folder, spec, weights, receipt, trained, mapped_from)
    if inheritance is not None:
        save_origins(inheritance, folder)
    return BuildResult(spec, folder / SPEC_FILE, chosen.name, target, costs, inheritance)


def import_weights(
    checkpoint: str | Path,
    model: str,
    out: str | Path | None = None,
    *,
    num_classes: int | None = None,
    names: str | Path | Sequence[str] = (),
    exist_ok: bool = False,
) -> ImportResult:
    """Convert an official DAMO-YOLO checkpoint to a detector folder; its code is never run.

    Args:
        checkpoint: the official `.pth` file.
        model: published detector that it was trained as, such as "damo-yolo-s".
        out: folder of the detector; the next `runs/import-weights/exp` if None.
        num_classes: number of classes; that of the checkpoint if None. For another number the
            classifier is initialised.
        names: names of the classes in the order of the checkpoint, a text file with one name a
            line, or a published union ("coco-objects365-openimages-701"); those of COCO for 80
            classes if left out.
        exist_ok: write into a folder that is not empty.
    Raises:
        CheckpointError: if keys are missing, superfluous or misshaped; its `report` names them.
        MaenasError: if the file cannot be read or the folder cannot be written.

    Example:
        >>> maenas.import_weights("damoyolo_tinynasL25_S.pth", "damo-yolo-s").folder
        PosixPath('runs/import-weights/exp')
    """
    from maenas.detector.model.published import require_published

    require_published(model)  # before torch is loaded

    from maenas.detection.import_weights import (
        ImportResult,
        class_names,
        digest_line,
        number_of_parameters,
    )
    from maenas.detector.checkpoints.checkpoint import has_learned, save_folder
    from maenas.detector.checkpoints.import_weights import import_checkpoint
    from maenas.runs.folders import require_no_run
    from maenas.runs.start import new_run

    path = Path(checkpoint)
    imported = import_checkpoint(path, model, num_classes, class_names(names))
    receipt = f"maenas import-weights {path.name} --model {model}"
    if isinstance(names, str | Path):
        receipt += f" --names {Path(names).name}"
    if num_classes is not None:
        receipt += f" --num-classes {num_classes}"
    with new_run(out, "import-weights", exist_ok) as folder:
        require_no_run(folder)
        trained = has_learned(imported.weights) or None
        save_folder(folder, imported.spec, imported.weights, (receipt, digest_line(path)), trained)
    return ImportResult(
        checkpoint=path,
        model=model,
        folder=folder,
        classes=imported.spec.head.num_classes,
        parameters=number_of_parameters(imported.weights),
        report=imported.report,
        names=imported.spec.names,
    )
