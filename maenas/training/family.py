"""Train a family of detectors, the largest first; each is the teacher of the next smaller one."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from maenas import __version__
from maenas.blocks.files.atomic_write import write_text
from maenas.blocks.files.dump import all_fields
from maenas.blocks.files.strict import parse
from maenas.blocks.files.suffixes import is_yaml
from maenas.blocks.files.words import shown
from maenas.blocks.files.yaml_file import read_yaml
from maenas.budgets import LatencyModel, cost, device_of
from maenas.budgets.image_size import InputSize, image_shape
from maenas.detector.checkpoints.checkpoint import SPEC_FILE, save_folder
from maenas.detector.data.readers.read import names_of
from maenas.detector.distill.teacher import require_pair
from maenas.detector.errors import TrainError
from maenas.detector.model.spec import DetectorSpec
from maenas.detector.train.state import STATE_FILE
from maenas.runs.config import differences
from maenas.runs.models import find_model
from maenas.runs.named_files import found_options, kept_options, named_as_in
from maenas.runs.signals import caught_signals
from maenas.runs.start import mark_begun, mark_start, new_run, resumed_run
from maenas.runs.templates import nearest_template
from maenas.terminal.device_warnings import warn_of
from maenas.training.datasets import images_digest, require_same_images, require_trainable
from maenas.training.family_result import SCHEMA, FamilyResult, Member, MemberResult, draw
from maenas.training.result import TrainResult
from maenas.training.run import run_training
from maenas.training.setup import TrainOptions, chosen_recipe

LOG = logging.getLogger(__name__)

COMMAND = "family"
FAMILY_FILE, RESULT_FILE, PLOT_FILE = "family.yaml", "result.json", "family.png"
SPECS = "detectors"  # folder of the detectors before training


@dataclass(frozen=True, slots=True)
class Family:
    """Options of a family; the folder keeps them, so that --resume does not need them again.

    Attributes:
        sources: search over a range, or specs, detectors and zoo names.
        data: data set.
        epochs: number of epochs; that of each recipe if None.
        changes: values to change in the recipe of every member.
        device: device that latency is predicted for; None for that of the search.
        input_size: side of the input image in pixels, or (height, width); None for that of each
            member.
        inherit: whether each smaller detector starts from the weights of the next larger one.
        images: digest of the images and labels that it began with, see `images_digest`.
    """

    sources: tuple[str, ...] = ()
    data: Path | None = None
    epochs: int | None = None
    changes: tuple[str, ...] = ()
    device: str | None = None
    input_size: InputSize = None
    inherit: bool = False
    images: str = ""


def train_members(
    options: Family, out: Path | None, resume: bool, compute: str, workers: int | None
) -> FamilyResult:
    """Train every member, the largest first, and write the folder of the family.

    Raises:
        MaenasError: if something about the specs, data, recipe or folder is wrong.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise TrainError(
            "train-family: runs in one process; under torchrun `maenas train` the largest, then "
            "`maenas distill` each smaller one."
        )
    with ExitStack() as opened:
        opened.enter_context(caught_signals())
        folder: Path | None = None
        if resume:
            folder = opened.enter_context(resumed_run(out, COMMAND, has_begun))
        goes_on = folder is not None and has_begun(folder)
        if resume and not goes_on and not options.sources:
            raise TrainError(
                f"{folder}: there is no family to continue; give specs and --data to start one."
            )
        family = continued(options, folder) if goes_on and folder else options
        if not family.sources or family.data is None:
            raise TrainError(
                "train-family: needs specs and --data, such as "
                "`maenas train-family runs/search/exp --data data.yaml`; or --resume."
            )
        assert family.data is not None
        names = names_of(family.data) if goes_on else require_trainable(family.data).names
        device, members = built(family, names)
        warn_of([device])
        if not goes_on:
            require_plan(family, members)
        if folder is None:
            folder = opened.enter_context(new_run(out, COMMAND, exist_ok=None, can_resume=True))
        if not goes_on:
            begin(replace(family, images=images_digest(family.data)), members, folder)
        elif not (folder / RESULT_FILE).exists():
            require_same_images(family.images, family.data, folder / FAMILY_FILE)
        rows = train_each(family, folder, members, compute, workers)
        result = FamilyResult(folder, family.data, device, tuple(rows))
        write_text(folder / RESULT_FILE, json.dumps(result.to_json(), indent=2) + "\n")
        draw(rows, device, folder / PLOT_FILE)
    return result


def has_begun(folder: Path) -> bool:
    """Whether a folder holds a family to continue."""
    return (folder / FAMILY_FILE).exists()


def train_each(
    family: Family, folder: Path, members: Sequence[Member], compute: str, workers: int | None
) -> list[MemberResult]:
    """Train the members in order, each with the one before as teacher; returns their results."""
    rows: list[MemberResult] = []
    teacher: Path | None = None
    for number, member in enumerate(members, 1):
        LOG.info(
            f"member {number}/{len(members)}, {member.name}: {member.price.latency_ms:.3f} ms, "
            + ("trained alone" if teacher is None else f"taught by {teacher.name}")
        )
        ended = trained(family, folder, member, teacher, compute, workers)
        rows.append(member_result(member, ended, teacher))
        teacher = folder / member.name
    return rows


def built(family: Family, names: tuple[str, ...]) -> tuple[LatencyModel, list[Member]]:
    """The latency model and the members, the most expensive first.

    Args:
        family: options of the family.
        names: names of the classes.
    Raises:
        MaenasError: if there are fewer than two, or one cannot be built.
    """
    specs: dict[str, DetectorSpec] = {}
    searched_for: str | None = None
    for source in members_of(family.sources):
        model = find_model(source)
        searched_for = searched_for or model.device
        backbone = model.backbone
        if family.input_size is not None:
            backbone = replace(
                backbone, in_shape=image_shape(family.input_size, backbone.in_shape[0])
            )
        template = model.template or nearest_template(backbone)
        spec = replace(model, backbone=backbone).around(template, names)
        if spec in specs.values():
            LOG.info(f"{source}: is the same as another member; skipped")
            continue
        specs[unused(name_of(source), specs)] = spec
    if len(specs) < 2:
        raise TrainError(
            f"train-family: needs at least two different members, got {len(specs)}; `maenas search "
            "--budget 2ms..8ms` finds a family, `maenas train` trains one detector."
        )
    device = device_of(family.device, searched_for)
    members = [Member(name, spec, cost(spec.ops(), device)) for name, spec in specs.items()]
    return device, sorted(members, key=lambda member: member.price.latency_ms, reverse=True)


def members_of(sources: Sequence[str]) -> list[str]:
    """Specs in the folder of a search over a range, or the specs that are named."""
    found: list[str] = []
    for source in sources:
        inside = sorted((Path(source) / "pareto").glob("*.yaml"))
        found += map(str, inside) if inside else [source]
    return found


def name_of(source: str) -> str:
    """Folder name for a spec: the name of its file, or of the folder that holds it.

    The name of `..` would lead out of the folder of the family, and `.` has none.
    """
    path = Path(os.path.abspath(source.removeprefix("zoo:")))
    if path.name == SPEC_FILE:
        path = path.parent
    return (path.stem if is_yaml(path) else path.name) or "root"


def unused(name: str, used: dict[str, DetectorSpec]) -> str:
    """The name, with a number appended if another member has the same name."""
    taken = {*used, SPECS}
    number = 2
    free = name
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    return free


def begin(family: Family, members: Sequence[Member], folder: Path) -> None:
    """Write the options and the untrained detectors; after this the family can be resumed."""
    mark_start(folder)
    for member in members:
        receipt = f"maenas train-family, maenas {__version__}"
        save_folder(folder / SPECS / member.name, member.spec, None, (receipt,))
    write_text(folder / FAMILY_FILE, all_fields(kept_options(family, folder), SCHEMA))
    mark_begun(folder)


def continued(options: Family, folder: Path) -> Family:
    """Options that the family was started with.

    Raises:
        MaenasError: if the options given now differ from them.
    """
    path = folder / FAMILY_FILE
    family = kept_family(path, options.inherit)
    asked = named_as_in(family, options)
    names = ("data", "epochs", "changes", "device", "input_size", "inherit")
    given = [name for name in names if getattr(asked, name) not in (None, (), False)]
    if different := differences(asked, family, given):
        raise TrainError(
            f"{path}: {'; '.join(different)}; leave that out, or begin another family with --out."
        )
    return family


def kept_family(path: Path, inherit: bool = False) -> Family:
    """The options in `family.yaml`.

    Args:
        path: the file.
        inherit: value of `inherit` for files of an earlier version, which do not state it.
    Raises:
        MaenasError: if the file is damaged.
    """
    kept = {"inherit": inherit, **read_yaml(path, SCHEMA)}
    source = kept.pop("data", None)
    if not isinstance(source, str):
        raise TrainError(f"{path}: data: must be the path of a data set, got {shown(source)}.")
    family = replace(parse(Family, kept, str(path)), data=Path(source))
    return found_options(family, path.parent)


def trained(
    family: Family,
    folder: Path,
    member: Member,
    teacher: Path | None,
    compute: str,
    workers: int | None,
) -> TrainResult:
    """Train a member, or resume its training; returns the result."""
    out, how = folder / member.name, (compute, workers)
    if (out / STATE_FILE).exists():
        ended = run_training(TrainOptions(), out, True, False, *how, ends_with_evaluation=True)
    else:
        options = member_options(family, folder, member, teacher)
        # exist_ok: a process killed before its first checkpoint may have left files.
        ended = run_training(options, out, False, True, *how, ends_with_evaluation=True)
    assert ended is not None  # None only in processes of rank > 0
    return ended


def member_options(
    family: Family, folder: Path, member: Member, teacher: Path | None
) -> TrainOptions:
    """How a member is trained: what concerns distillation is left out for the first one."""
    changes = family.changes
    if teacher is None:
        changes = tuple(change for change in changes if not change.startswith("distill."))
    return TrainOptions(
        detector=str(folder / SPECS / member.name),
        data=family.data,
        epochs=family.epochs,
        changes=changes,
        teacher=None if teacher is None else str(teacher),
        init=None if teacher is None or not family.inherit else str(teacher),
    )


def require_plan(family: Family, members: Sequence[Member]) -> None:
    """Raise `MaenasError` unless each member has a recipe, and a teacher that fits.

    This is known before the first training, which may take hours, and before a folder keeps the
    options.
    """
    larger: Member | None = None
    for member in members:
        teacher = None if larger is None else Path(larger.name)
        chosen_recipe(member_options(family, Path(), member, teacher), member.spec)
        if larger is not None:
            require_student(larger, member)
        larger = member


def require_student(larger: Member, member: Member) -> None:
    """Raise `TrainError` unless a member can learn from the next larger one.

    A teacher of images in colour reads those of a grey student, too.
    """
    channels, height, width = larger.spec.backbone.in_shape
    shape = (min(channels, member.spec.backbone.in_shape[0]), height, width)
    seen = replace(larger.spec.backbone, in_shape=shape)
    require_pair(f"{larger.name} of {member.name}", seen, member.spec.backbone)


def member_result(member: Member, trained: TrainResult, teacher: Path | None) -> MemberResult:
    """The result of a member from the result of its training."""
    return MemberResult(
        name=member.name,
        detector=trained.detector,
        price=member.price,
        teacher=None if teacher is None else teacher.name,
        ap=trained.best_ap,
        ap50=trained.best_ap50,
        epochs=trained.epochs,
    )
