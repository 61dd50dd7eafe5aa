"""`card.md`: what a trained detector is, how good and how fast, and where that is known from."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from maenas import __version__
from maenas.blocks import Block, MaenasError, SpecError
from maenas.blocks.files.atomic_write import write_text
from maenas.budgets import LatencyModel, cost
from maenas.detector.channels import COLOURS
from maenas.detector.checkpoints.checkpoint import ORIGINS_FILE, SPEC_FILE, WEIGHTS_FILE
from maenas.detector.model.spec import DetectorSpec, load_detector
from maenas.detector.train.state import BEST, LAST
from maenas.runs.folders import TRAINING_TABLE
from maenas.runs.models import detector_in
from maenas.runs.training_table import best_row, training_in, training_rows
from maenas.terminal.console import count_of
from maenas.training.setup import ARGS_FILE, IMAGES_A_STEP, kept_args

if TYPE_CHECKING:
    from maenas.detector.data import Dataset

CARD_FILE = "card.md"
MOST_NAMES = 100  # class names that a card lists
LIMITS = (
    "AP is that of the validation split on which the best epoch was chosen; a test split that no "
    "choice has seen says more (`maenas val --split test`).",
    "A score of a search orders backbones of one space under one budget. It is not an accuracy, "
    "and says nothing about this data set.",
    "The detector knows images such as those that it was trained on. Other cameras, light, sizes "
    "of objects or resolutions need a check of their own.",
)


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained detector with what is known about its training.

    Attributes:
        run: folder of the training.
        folder: folder of the detector.
        spec: the detector as data.
        args: settings of the training, as `args.yaml` holds them.
        rows: values of each epoch, as `results.csv` holds them.
    """

    run: Path
    folder: Path
    spec: DetectorSpec
    args: Mapping[str, object]
    rows: Sequence[Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class MeasuredLatency:
    """Latency of the detector as it was measured.

    Attributes:
        device: name of the device.
        ms: median milliseconds at batch size 1.
        about: what was measured, and how.
    """

    device: str
    ms: float
    about: str


def write_card(trained: Trained, dataset: Dataset | None, devices: Sequence[LatencyModel]) -> Path:
    """Write the card into the folder of the training, and return its path."""
    path = trained.run / CARD_FILE
    write_text(path, card_text(trained, dataset, devices))
    return path


def read_trained(run: Path) -> Trained:
    """What the folder of a training, or of a run that contains it, tells.

    Raises:
        SpecError: if the folder holds no finished epoch of a training.
    """
    run = training_in(run)
    found = [run / name for name in (BEST, LAST) if (run / name / SPEC_FILE).is_file()]
    table = run / TRAINING_TABLE
    if not found or not table.is_file() or not (run / ARGS_FILE).is_file():
        raise SpecError(
            f"{run}: must be the folder of a training with a finished epoch, such as "
            "runs/train/exp."
        )
    rows = training_rows(run)
    args = kept_args(run / ARGS_FILE)
    return Trained(run, found[0], load_detector(found[0] / SPEC_FILE), args, rows)


def card_text(
    trained: Trained,
    dataset: Dataset | None,
    devices: Sequence[LatencyModel],
    measured: Sequence[MeasuredLatency] = (),
) -> str:
    """The card as Markdown.

    Args:
        trained: the detector.
        dataset: training images; None if they cannot be read any more.
        devices: devices that latency is predicted for.
        measured: measured latencies of the detector.
    """
    sections = {
        "": _head(trained),
        "Results": _results(trained),
        "Latency": _latency(trained.spec, devices, measured),
        "Network": _network(trained.spec),
        "Data": _data(trained, dataset),
        "Training": _training(trained),
        "Use": _use(trained),
        "Limits": [f"- {line}" for line in LIMITS],
    }
    parts = []
    for title, lines in sections.items():
        parts += [f"## {title}", ""] if title else []
        parts += [*lines, ""]
    return "\n".join(parts)


def _head(trained: Trained) -> list[str]:
    spec = trained.spec
    _, height, width = spec.backbone.in_shape
    return [
        f"# Object detector of {spec.head.num_classes} classes, {height}x{width} pixels",
        "",
        f"Trained by maenas {__version__}. Finds: {_names(spec.names)}.",
    ]


def _names(names: Sequence[str]) -> str:
    if not names:
        return "classes without names"
    listed = ", ".join(map(_plain, names[:MOST_NAMES]))
    more = len(names) - MOST_NAMES
    return f"{listed} and {more} more" if more > 0 else listed


def _plain(text: str) -> str:
    """A text of a user without the signs that Markdown or HTML would read."""
    for sign in "\\`*_[]<>|#&":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())


def _results(trained: Trained) -> list[str]:
    best, recipe = best_row(trained.rows), trained.args["recipe"]
    assert isinstance(recipe, Mapping)  # `kept_args` requires it
    if best is None:
        return ["The data set has no validation split: the detector was not evaluated."]
    return [
        "| metric (COCO) | value |",
        "|---|---|",
        f"| AP | {best['ap']:.4f} |",
        f"| AP50 | {best['ap50']:.4f} |",
        "",
        f"On the split `val`, epoch {best['epoch']:.0f} of {recipe['epochs']}, images resized by "
        f"`{trained.spec.resize}`; "
        + ("no NMS." if trained.spec.head.one_to_one else "NMS thresholds as published."),
    ]


def _latency(
    spec: DetectorSpec, devices: Sequence[LatencyModel], measured: Sequence[MeasuredLatency]
) -> list[str]:
    if not devices and not measured:
        return ["Not predicted: `maenas card RUN --device cpu` adds a device."]
    lines = ["| device | ms, batch 1, without NMS | where it is known from |", "|---|---|---|"]
    lines += [f"| {one.device} | {one.ms:.3f} measured | {_plain(one.about)} |" for one in measured]
    for device in devices:
        ms = cost(spec.ops(), device).latency_ms
        lines.append(f"| {device.device} | {ms:.3f} {device.claim} | {_plain(device.about)} |")
    return lines


def _network(spec: DetectorSpec) -> list[str]:
    total = cost(spec.ops(), None)
    stages = ", ".join(map(_stage, spec.backbone.stages))
    return [
        f"- {total.params / 1e6:.3f} M params, {2 * total.macs / 1e9:.3f} GFLOPs",
        f"- images: {COLOURS[spec.backbone.in_shape[0]]}, 8 bits",
        f"- backbone, units x width of each stage: {stages}",
        f"- neck: Efficient RepGFPN, widths {list(spec.neck.out_channels)}",
        f"- head: ZeroHead, {spec.head.num_classes} classes"
        + (", one-to-one, so that detections need no NMS" if spec.head.one_to_one else ""),
    ]


def _stage(block: Block) -> str:
    width = getattr(block, "out_channels", None)  # a stage such as SPP keeps its width
    units = getattr(block, "depth", 1)
    return block.kind if width is None else f"{block.kind} {units}x{width}"


def _data(trained: Trained, dataset: Dataset | None) -> list[str]:
    path = f"`{trained.args['data']}`"
    if dataset is None:
        return [f"{path}, which cannot be read here any more."]
    counts = dataset.counts()
    lines = [
        f"{path}: {len(dataset):,} training images with {int(counts.sum()):,} objects.",
        "",
        "| class | objects |",
        "|---|---|",
    ]
    shown = sorted(range(len(counts)), key=lambda index: -int(counts[index]))[:MOST_NAMES]
    lines += [f"| {_plain(dataset.names[index])} | {int(counts[index]):,} |" for index in shown]
    return lines


def _training(trained: Trained) -> list[str]:
    recipe = trained.args["recipe"]
    assert isinstance(recipe, Mapping)  # `kept_args` requires it
    lines = [f"- started from: {_start(trained.args)}"]
    if "teacher" in trained.args:
        lines.append(f"- teacher: `{trained.args['teacher']}`")
    if "init" in trained.args:
        lines.append(
            f"- initial weights: mapped from `{trained.args['init']}`; origin of each tensor: "
            f"`{ORIGINS_FILE}`"
        )
    for name in ("epochs", "batch", "seed", "optimizer", "assigner", "augmentation"):
        if name in recipe:
            value = _setting(recipe[name])
            lines.append(f"- {name}: {_batch(trained.args, value) if name == 'batch' else value}")
    last = trained.rows[-1] if trained.rows else {}
    if "step" in last and last.get("epoch"):
        each = last["step"] / last["epoch"]
        taken = each * len(trained.rows)  # those of epochs that were left out do not count
        lines.append(f"- steps: {taken:,.0f}, {each:,.0f} an epoch")
    lines.append(f"- all settings: `{ARGS_FILE}`; losses and AP of each epoch: `{TRAINING_TABLE}`")
    return lines


def _start(args: Mapping[str, object]) -> str:
    """The detector that a training started from, and whether its weights were random."""
    name = str(args.get("detector"))
    return f"random weights (`{name}`)" if "init" not in args and _is_random(name) else f"`{name}`"


def _is_random(name: str) -> bool:
    """Whether a training from this detector starts from random weights, as far as can be told."""
    if name.startswith("zoo:"):
        return True
    try:
        path = detector_in(Path(name))
    except MaenasError:
        return False
    folder = path if path.is_dir() else path.parent
    return (folder / SPEC_FILE).is_file() and not (folder / WEIGHTS_FILE).exists()


def _batch(args: Mapping[str, object], recipe: str) -> str:
    """The images of a step, and those of the recipe where they differ."""
    used = args.get(IMAGES_A_STEP)
    if not isinstance(used, int):  # a training of 0.1.0
        return f"{recipe} in the recipe; a small data set gets fewer images a step"
    differs = "" if str(used) == recipe else f" ({recipe} in the recipe)"
    return f"{count_of(used, 'image')} a step{differs}"


def _setting(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {each}" for key, each in value.items() if each is not None)
    return str(value)


def _use(trained: Trained) -> list[str]:
    run = shlex.quote(str(trained.run))
    return [
        "```bash",
        f"maenas detect {run} IMAGES",
        f"maenas val {run} --data DATA",
        f"maenas export {run} --out detector.onnx",
        "```",
    ]
