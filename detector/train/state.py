"""The files of a run: the detectors `last` and `best`, and the state to resume from."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter

import torch
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.optim import Optimizer

from maenas.blocks.files.atomic_write import write_bytes
from maenas.blocks.files.boundary import parsing
from maenas.blocks.files.checksum import is_intact, seal
from maenas.blocks.files.plain_file import GIB, open_file
from maenas.blocks.files.words import cut
from maenas.detector.checkpoints.checkpoint import save_folder
from maenas.detector.data import Dataset
from maenas.detector.data.index.digest import digest_of
from maenas.detector.errors import TrainError
from maenas.detector.model.spec import DetectorSpec, identity_text
from maenas.detector.train.ema import Ema
from maenas.detector.train.recipe import Recipe, recipe_lines

FORMAT = "maenas/training@3"
OLDER = "maenas/training@2"  # has no checksum, and was saved between epochs only
HEADER = f"{FORMAT} crc32:00000000\n".encode()
STATE_FILE = "resume.pt"
LARGEST = 64 * GIB  # size limit of a state file
LAST, BEST = "last", "best"
DOUBTFUL_IN_A_ROW = 2  # skipped steps at the end; the weights may be damaged and are not saved

Row = dict[str, float]


@dataclass(slots=True)
class TrainingProgress:
    """The progress of a training.

    Attributes:
        epoch: number of finished epochs, those that were left out included.
        step: number of steps so far, those skipped or left out included; the position in the
            schedule.
        skipped: number of steps skipped because their loss or gradient was not finite.
        in_a_row: number of consecutive skipped steps up to now.
        best: AP of the best detector so far, 0..1; None before the first evaluation.
        rows: values of each finished epoch by column.
        kept: number of finished epochs when `last` was written.
        epoch_batches: number of batches that the current epoch has processed.
        epoch_images: number of images in the steps of the current epoch with a finite loss.
        epoch_losses: sums of the parts of the loss over these images; [] before the first step.
        epoch_seconds: duration of the current epoch so far.
        overflows: number of consecutive skipped steps up to now whose loss was finite and whose
            gradient, scaled for fp16, was not; the weights are sound.
    """

    epoch: int = 0
    step: int = 0
    skipped: int = 0
    in_a_row: int = 0
    best: float | None = None
    rows: list[Row] = field(default_factory=list)
    kept: int = 0
    epoch_batches: int = 0
    epoch_images: int = 0
    epoch_losses: list[float] = field(default_factory=list)
    epoch_seconds: float = 0.0
    overflows: int = 0

    @property
    def is_doubtful(self) -> bool:
        """Whether the weights may be damaged, so that they are not saved."""
        return self.in_a_row - self.overflows >= DOUBTFUL_IN_A_ROW

    def take(self) -> None:
        """Count a step that changed the weights."""
        self.in_a_row = self.overflows = 0

    def skip(self, is_overflow: bool) -> None:
        """Count a skipped step."""
        self.skipped += 1
        self.in_a_row += 1
        self.overflows += is_overflow

    def finish_epoch(self, row: Row) -> None:
        """Add the row of a finished epoch, and reset the values of the current epoch."""
        self.epoch += 1
        self.rows.append(row)
        self.epoch_batches, self.epoch_images = 0, 0
        self.epoch_losses, self.epoch_seconds = [], 0.0

    def jump(self, epoch: int, steps: int) -> None:
        """Count epochs and their steps as done without training them."""
        self.epoch = epoch
        self.step += steps


@dataclass(frozen=True, slots=True)
class Identity:
    """The values that must be the same when a training is resumed.

    Attributes:
        names: names of the classes.
        spec: digest of the detector.
        data: digest of the names and labels of the images.
        recipe: values of the recipe, one on each line.
        teacher: digest of the trained teacher; "" without one.
    """

    names: tuple[str, ...]
    spec: str
    data: str
    recipe: str
    teacher: str = ""

    def require(self, saved: Identity, where: Path) -> None:
        """Raise `TrainError` unless a saved training has the same identity."""
        if saved.names != self.names:
            raise TrainError(
                f"{where}: was trained on the classes {', '.join(saved.names)}, the data has "
                f"{', '.join(self.names)}; start a new run with --out, from {where.parent / LAST}."
            )
        for part, what in (
            ("spec", "parts of the detector"),
            ("data", "images or labels"),
            ("recipe", "values of the recipe"),
            ("teacher", "teachers or none"),
        ):
            mine = self._recipe_known_to(saved) if part == "recipe" else getattr(self, part)
            if getattr(saved, part) != mine:
                how = self._changed(saved) if part == "recipe" else ""
                raise TrainError(
                    f"{where}: was started with other {what}{how}, so it cannot continue exactly; "
                    f"start a new run with --out, from {where.parent / LAST}."
                )

    def _recipe_known_to(self, saved: Identity) -> str:
        """The recipe without the defaults of settings that came after the saved training."""
        known = {line.partition("=")[0] for line in saved.recipe.splitlines()}
        usual = set(recipe_lines(Recipe()))
        lines = self.recipe.splitlines()
        return "\n".join(
            line for line in lines if line.partition("=")[0] in known or line not in usual
        )

    def _changed(self, saved: Identity) -> str:
        """The first value of the recipe that differs, before and now."""
        before, now = saved.recipe.splitlines(), self._recipe_known_to(saved).splitlines()
        old, new = (
            next((line for line in one if line not in other), "none")
            for one, other in ((before, now), (now, before))
        )
        return f" ({old}, now {new})"


def identity(spec: DetectorSpec, dataset: Dataset, recipe: str, teacher: str = "") -> Identity:
    """The identity of a training; the folder of the data set has no influence on it."""
    return Identity(
        names=dataset.names,
        spec=digest_of_spec(spec),
        data=digest_of(dataset),
        recipe=recipe,
        teacher=teacher,
    )


def digest_of_spec(spec: DetectorSpec) -> str:
    """A digest of the detector: every part of it, the names of its classes included."""
    return hashlib.sha256(identity_text(spec).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Saved:
    """The saved state of a training.

    Attributes:
        identity: identity of the training.
        progress: progress of the training.
        network: raw weights, not averaged.
        feature_loss: weights of the feature loss; {} without a teacher.
        ema: moving average of the network's weights.
        optimizer: state of the optimizer.
        scaler: state of the loss scaler; {} unless the precision is fp16.
        rng: state of PyTorch's random number generator on the CPU.
    """

    identity: Identity
    progress: TrainingProgress
    network: dict[str, Tensor]
    feature_loss: dict[str, Tensor]
    ema: dict[str, Tensor]
    optimizer: dict[str, Any]
    scaler: dict[str, Any]
    rng: Tensor


@dataclass(frozen=True, slots=True)
class TrainingState:
    """The state of a running training.

    Attributes:
        network: network that is trained.
        feature_loss: feature loss whose weights are trained as well; None without a teacher.
        ema: moving average of the network.
        optimizer: optimizer of all trained weights.
        scaler: loss scaler; disabled unless the precision is fp16.
        progress: progress of the training.
    """

    network: nn.Module
    feature_loss: nn.Module | None
    ema: Ema
    optimizer: Optimizer
    scaler: GradScaler
    progress: TrainingProgress

    def saved(self, identity: Identity) -> Saved:
        """The state to save."""
        return Saved(
            identity=identity,
            progress=self.progress,
            network=self.network.state_dict(),
            feature_loss={} if self.feature_loss is None else self.feature_loss.state_dict(),
            ema=self.ema.weights,
            optimizer=self.optimizer.state_dict(),
            scaler=self.scaler.state_dict(),
            rng=torch.get_rng_state(),
        )

    def restore(self, saved: Saved) -> None:
        """Load a saved state."""
        self.network.load_state_dict(saved.network)
        if self.feature_loss is not None:
            self.feature_loss.load_state_dict(saved.feature_loss)
        self.ema.load(saved.ema)
        self.optimizer.load_state_dict(saved.optimizer)
        if saved.scaler:  # it was saved in fp16; after any other precision a new scaler starts
            self.scaler.load_state_dict(saved.scaler)
        torch.set_rng_state(saved.rng)
        for each in fields(TrainingProgress):
            setattr(self.progress, each.name, deepcopy(getattr(saved.progress, each.name)))


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of a run.

    Every file is written atomically, and the state to resume from is a single file. A process
    killed at any moment therefore leaves either the old or the new state.

    Attributes:
        path: path of the folder.
        spec: detector that is trained.
        receipt: comments at the top of `detector.yaml`.
        starts_trained: whether the training starts from all weights of a trained detector.
    """

    path: Path
    spec: DetectorSpec
    receipt: tuple[str, ...] = ()
    starts_trained: bool = False

    @property
    def state_file(self) -> Path:
        """Path of the state to resume from."""
        return self.path / STATE_FILE

    def save(
        self, name: str, weights: Mapping[str, Tensor], progress: TrainingProgress, note: str
    ) -> None:
        """Write a detector, "last" or "best".

        Args:
            name: name of its folder.
            weights: weights of the detector.
            progress: progress of the training, which says whether it has trained them.
            note: comment for `detector.yaml`.
        Raises:
            SpecError: if it cannot be written; an existing detector is then unchanged.
        """
        trained = self.starts_trained or progress.step > progress.skipped
        save_folder(self.path / name, self.spec, dict(weights), (*self.receipt, note), trained)

    def save_state(self, saved: Saved) -> None:
        """Write the state to resume from.

        Raises:
            SpecError: if it cannot be written; an existing state is then unchanged.
        """
        content = io.BytesIO(HEADER)
        content.seek(len(HEADER))
        torch.save(
            {
                "format": FORMAT,
                "identity": asdict(saved.identity),
                "progress": asdict(saved.progress),
                "network": saved.network,
                "feature_loss": saved.feature_loss,
                "ema": saved.ema,
                "optimizer": saved.optimizer,
                "scaler": saved.scaler,
                "rng": saved.rng,
            },
            content,
        )
        write_bytes(self.state_file, seal(content.getvalue()))


def load_state(path: Path) -> Saved:
    """The saved state of a run, read without executing code from the file.

    Raises:
        TrainError: if the file is missing, damaged or of another version.
    """
    missing = "there is no training to continue; leave --resume out."
    hint = "start a new run from its last detector"
    wrong = "is damaged or not a training saved by maenas"
    with open_file(path, limit=LARGEST, error=TrainError, missing=missing) as file:
        content = file.read()
    is_sealed = content.startswith(FORMAT.encode())
    if is_sealed and not is_intact(content):
        raise TrainError(f"{path}: {wrong}: changed since it was written; {hint}.")
    archive = io.BytesIO(content[len(HEADER) :] if is_sealed else content)
    with parsing(path, error=TrainError, wrong=wrong, hint=hint), catch_warnings():
        simplefilter("ignore")  # warnings about damaged files; an error is raised for them
        data = torch.load(archive, map_location="cpu", weights_only=True)
        found = data.get("format") if isinstance(data, dict) else None
        if found != (FORMAT if is_sealed else OLDER):
            raise TrainError(f"{path}: is a {cut(str(found))}, expected {FORMAT}.")
        return Saved(
            identity=Identity(**data["identity"]),
            progress=TrainingProgress(**data["progress"]),
            network=data["network"],
            feature_loss=data["feature_loss"],
            ema=data["ema"],
            optimizer=data["optimizer"],
            scaler=data["scaler"],
            rng=data["rng"],
        )
