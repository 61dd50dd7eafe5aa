"""Python API: train a detector, distil it from a teacher, train a family."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maenas.budgets.image_size import InputSize
    from maenas.detector.assign import Assigner
    from maenas.detector.train import Recipe
    from maenas.training.family_result import FamilyResult
    from maenas.training.model_card import MeasuredLatency
    from maenas.training.result import TrainResult
    from maenas.training.setup import TrainOptions
    from maenas.training.trackers.tracker import Tracker

LOG = logging.getLogger(__name__)
Changes = Mapping[str, object] | Sequence[str]


def train(
    detector: str | Path | None = None,
    data: str | Path | None = None,
    *,
    epochs: int | None = None,
    patience: int | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    exist_ok: bool = False,
    recipe: str | Path | Recipe | None = None,
    changes: Changes = (),
    assigner: str | Assigner | None = None,
    input_size: InputSize = None,
    init: str | Path | None = None,
    compute: str = "auto",
    workers: int | None = None,
    ray: str | None = None,
    processes: int = 1,
    trackers: Sequence[str | Tracker] | None = None,
    skip_final_evaluation: bool = False,
) -> TrainResult | None:
    """Train a detector on a data set.

    Args:
        detector: a detector or run folder, its `detector.yaml`, or `zoo:NAME`; None to resume.
        data: a `data.yaml`, `union.yaml`, COCO `.json` or `.csv` list, or the folder of a data set;
            None to resume.
        epochs: number of epochs; that of the recipe if None.
        patience: number of epochs without a better AP after which mosaic ends early, and then the
            training; that of the recipe if None, which is never in the published ones.
        out: folder of the run; the next `runs/train/exp` if None.
        resume: continue the run in the folder, with the same result as without interruption.
        exist_ok: write into a folder that is not empty.
        recipe: a `Recipe`, a recipe file, "visdrone", or a scale: ns nm nl t s m l; the scale of
            the neck if None.
        changes: values of the recipe to change, such as `{"optimizer.lr": 0.01}`.
        assigner: label assigner, an `Assigner` or a name: "align_ota", "atss", "sim_ota", "tood";
            that of the recipe if None. The class of an object is registered under its name, and
            a resumed run needs the module that registers it.
        input_size: side of the input image in pixels, or (height, width); that of the detector if
            None.
        init: run or detector folder with weights that this detector inherits, which may have other
            widths, depths and kernels; `inherited.csv` in the run states the origin of each tensor.
        compute: device that torch computes on: "cpu", "cuda:0" or "auto".
        workers: number of processes that load images; one per core if None.
        ray: address of a Ray cluster to train on; None for this machine.
        processes: number of processes that train together with `ray`, each on its own GPU.
        trackers: what follows the training: a `Tracker`, "tensorboard", "wandb", "mlflow" or
            `module:object` of a plugin; TensorBoard where it is installed if None, none if empty.
        skip_final_evaluation: leave out the evaluation of the best detector, which ends the
            training and is part of its page.
    Returns:
        The result; None in a process of `torchrun` that is not the first.
    Raises:
        MaenasError: if something about the detector, data, recipe or folder is wrong.

    Example:
        >>> result = maenas.train("zoo:damo-yolo-ns", "shapes", input_size=256, epochs=24)
        >>> result.best_ap, result.best  # the AP and the folder of the best detector
    """
    from maenas.training.setup import TrainOptions

    options = TrainOptions(
        *(_text(detector), _path(data), epochs, _changes(changes), _recipe(recipe), input_size),
        init=_text(init),
        assigner=chosen_assigner(assigner),
        patience=patience,
    )
    where = (compute, workers, ray, processes)
    return _run(options, out, resume, exist_ok, *where, trackers, skip_final_evaluation)


def distill(
    student: str | Path | None = None,
    teacher: str | Path | None = None,
    data: str | Path | None = None,
    *,
    epochs: int | None = None,
    patience: int | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    exist_ok: bool = False,
    recipe: str | Path | Recipe | None = None,
    changes: Changes = (),
    assigner: str | Assigner | None = None,
    input_size: InputSize = None,
    init: str | Path | None = None,
    compute: str = "auto",
    workers: int | None = None,
    ray: str | None = None,
    processes: int = 1,
    trackers: Sequence[str | Tracker] | None = None,
    skip_final_evaluation: bool = False,
) -> TrainResult | None:
    """Train a detector with a teacher in the epochs with mosaics, without it in the last ones.

    Args:
        student: detector to train; for this and all other arguments see `train`.
        teacher: a run of `train`, or any detector folder with weights, for the same classes; None
            to resume.
        recipe: a `Recipe`, a recipe file, a pair such as "t-from-s", or a scale.
    Returns:
        The result; None in a process of `torchrun` that is not the first.
    Raises:
        MaenasError: if something about the detectors, data, recipe or folder is wrong.

    Example:
        >>> maenas.distill("zoo:damo-yolo-t", "runs/train/exp", "shapes", epochs=30)
    """
    from maenas.training.setup import TrainOptions

    options = TrainOptions(
        *(_text(student), _path(data), epochs, _changes(changes), _recipe(recipe), input_size),
        teacher=_text(teacher),
        distills=True,
        init=_text(init),
        assigner=chosen_assigner(assigner),
        patience=patience,
    )
    where = (compute, workers, ray, processes)
    return _run(options, out, resume, exist_ok, *where, trackers, skip_final_evaluation)


def train_family(
    sources: Sequence[str | Path] = (),
    data: str | Path | None = None,
    *,
    epochs: int | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    changes: Changes = (),
    device: str | None = None,
    input_size: InputSize = None,
    inherit: bool = False,
    compute: str = "auto",
    workers: int | None = None,
) -> FamilyResult:
    """Train a family: the largest detector alone, each smaller one with the next larger as teacher.

    Args:
        sources: the folder of a search over a range, or several specs, detectors or `zoo:NAME`s.
        data: a `data.yaml`, `union.yaml`, COCO `.json` or `.csv` list, or the folder of a data set.
        epochs: number of epochs; that of each recipe if None.
        out: folder of the family; the next `runs/family/exp` if None.
        resume: continue the family in the folder.
        changes: values to change in the recipe of every member.
        device: device that latency is predicted for; if None that of the search, else t4.
        input_size: side of the input image in pixels, or (height, width); that of each member if
            None.
        inherit: start each smaller detector from the weights of the next larger one.
        compute: device that torch computes on.
        workers: number of processes that load images; one per core if None.
    Raises:
        MaenasError: if something about the specs, data, recipe or folder is wrong.

    Example:
        >>> family = maenas.train_family(["runs/search/exp"], "shapes")
        >>> [(member.latency_ms, member.ap) for member in family.members]
    """
    from maenas.training.family import Family, train_members

    family = Family(
        tuple(map(str, sources)),
        _path(data),
        epochs,
        _changes(changes),
        device,
        input_size,
        inherit,
    )
    return train_members(family, _path(out), resume, compute, workers)


def card(
    run: str | Path,
    *,
    devices: Sequence[str] = (),
    out: str | Path | None = None,
    push: str | None = None,
    public: bool = False,
) -> Path:
    """Write the model card of a training: results, latency, data, recipe and limits, as Markdown.

    A training writes one at its end; this adds latency on devices of your choice.

    Args:
        run: folder of a training, such as `runs/train/exp`.
        devices: devices that latency is predicted for, by name or file.
        out: file of the card; `card.md` in the folder of the training if None.
        push: repository of the Hugging Face Hub as OWNER/NAME; detector, weights, table of the
            training and card are sent there. None sends nothing.
        public: whether everybody sees a repository that is made for it.
    Returns:
        Path of the card.
    Raises:
        MaenasError: if the folder holds no training, a device is unknown or cannot price the
            detector, the file cannot be written, or the hub refuses.

    Example:
        >>> maenas.card("runs/train/exp", devices=["t4"])
        PosixPath('runs/train/exp/card.md')
    """
    from maenas.blocks import MaenasError
    from maenas.blocks.files.atomic_write import write_text
    from maenas.budgets import load_device
    from maenas.detector.data import read_dataset
    from maenas.terminal.device_warnings import warn_of
    from maenas.training.hub import require_hub, send
    from maenas.training.model_card import CARD_FILE, card_text, read_trained

    if push is not None:
        require_hub(push)
    trained = read_trained(Path(run))
    targets = [load_device(name) for name in devices]
    warn_of(targets)
    try:
        dataset = read_dataset(Path(str(trained.args["data"])), "train")
    except MaenasError:
        dataset = None  # the card says so
    path = trained.run / CARD_FILE if out is None else Path(out)
    text = card_text(trained, dataset, targets, _measured_in_run(trained.run))
    write_text(path, text)
    if push is not None:
        LOG.info("sent: %s", send(trained, text, push, private=not public))
    return path


def _measured_in_run(training: Path) -> list[MeasuredLatency]:
    """The measurement of the exported file by the run that a training is part of; [] without."""
    from maenas.pipeline.record import record_beside
    from maenas.training.model_card import MeasuredLatency

    record = record_beside(training)
    if record is None or record.measured_ms is None:
        return []
    measured = record.result("measure")
    how = [f"{measured.get('network')} in {measured.get('backend')} by maenas run"]
    if record.speed != 1:
        how.append("at the speed that the device had when its table was measured")
    how += measured.get("warnings") or []
    device = str(measured.get("device"))
    return [MeasuredLatency(device, record.measured_ms, ", ".join(how))]


def _run(
    options: TrainOptions,
    out: str | Path | None,
    resume: bool,
    exist_ok: bool,
    compute: str,
    workers: int | None,
    ray: str | None,
    processes: int,
    trackers: Sequence[str | Tracker] | None,
    skip_final_evaluation: bool,
) -> TrainResult | None:
    """Run a training on this machine or on a cluster."""
    from maenas.detector.errors import TrainError

    if processes > 1 and ray is None:
        raise TrainError(
            "processes: are started by --ray; under torchrun, which starts them itself, leave it "
            "out."
        )
    how = (compute, workers, trackers, not skip_final_evaluation)
    asked = (options, _path(out), resume, exist_ok, *how)
    if ray is None:
        from maenas.training.run import run_training

        return run_training(*asked)
    from maenas.training.ray_job import run_on_ray

    return run_on_ray(*asked, address=ray, processes=processes)


def _changes(changes: Changes) -> tuple[str, ...]:
    """Changes of a recipe, in the form of the command line."""
    if isinstance(changes, Mapping):
        return tuple(f"{name}={value}" for name, value in changes.items())
    return tuple(changes)


def chosen_assigner(assigner: str | Assigner | None) -> Assigner | None:
    """An assigner from its name, or the object itself, whose class is registered.

    Raises:
        SpecError: if there is no assigner of that name, or another one has the name of the object.
    """
    if assigner is None:
        return None
    from maenas.detector.assign.load import assigner_class, register_assigner

    if isinstance(assigner, str):
        return assigner_class(assigner, "assigner")()
    register_assigner(type(assigner))
    return assigner


def _recipe(recipe: str | Path | Recipe | None) -> str | Recipe | None:
    return str(recipe) if isinstance(recipe, Path) else recipe


def _path(name: str | Path | None) -> Path | None:
    return None if name is None else Path(name)


def _text(name: str | Path | None) -> str | None:
    return None if name is None else str(name)
