"""The two sides of `bench_real`: how a model is trained, its detections are found, and exported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from benchmarks.machine import maenas
from benchmarks.real.judge import Rows, of_coco
from benchmarks.real.meter import ONE_THREAD, run_metered
from benchmarks.real.views import View
from maenas.blocks import MaenasError
from maenas.blocks.files.yaml_file import read_yaml
from maenas.detector.data.readers.read import read_dataset
from maenas.detector.model.template import template_names
from maenas.runs.models import find_model
from maenas.training.setup import ARGS_FILE, IMAGES_A_STEP, SCHEMA

STEP = "-step-"  # in the name of a peer, before the images of a step that are no default
MIN_SCORE = 0.001  # minimum confidence of a detection that is judged, on both sides


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What all trainings of a table have in common.

    Attributes:
        view: the data set.
        size: height and width of the input, in pixels.
        epochs: epochs of a training.
        batch: images in a step; None for what the command of each side does by default.
        minutes: processor minutes of a training, which decide its epochs; None for `epochs`.
    """

    view: View
    size: int
    epochs: int
    batch: int | None
    minutes: float | None = None

    @property
    def length(self) -> str:
        """How long trainings are, for the name of a folder."""
        return f"{self.epochs}-epochs" if self.minutes is None else f"{self.minutes:g}-minutes"


class Side(Protocol):
    """A model of one side."""

    @property
    def name(self) -> str:
        """Name of the model in the table."""

    @property
    def peer(self) -> bool:
        """Whether it is another implementation."""

    def train(self, plan: Plan, seed: int, out: Path) -> None:
        """Train from random weights in a folder, or continue there."""

    def batch(self, plan: Plan, out: Path) -> int:
        """Images in a step of a training that has ended."""

    def found(self, plan: Plan, out: Path) -> dict[str, Rows]:
        """Detections of the best weights on the test split, by file name."""

    def export(self, plan: Plan, to: Path) -> None:
        """Write the network as ONNX, for its latency."""


@dataclass(frozen=True, slots=True)
class Ours:
    """A detector of maenas.

    Attributes:
        name: name in the table.
        detector: backbone file, run folder of a search, or zoo:NAME, to build the detector from.
        changes: values of the recipe that differ from those that `maenas train` takes by itself.
        peer: False.
    """

    name: str
    detector: str
    changes: tuple[str, ...] = ()
    peer: bool = False

    def train(self, plan: Plan, seed: int, out: Path) -> None:
        """Train on one thread with the batch size of the plan; all else as `maenas train` does."""
        changes = [f"seed={seed}", *self.changes]
        if plan.batch is not None:
            changes += [f"batch={plan.batch}", f"compute.batch={plan.batch}", "min_steps=1"]
        words: list[object] = [sys.executable, "-m", "maenas", "train"]
        words += [
            self._built(plan, out),
            "--input-size",
            plan.size,
            "--data",
            plan.view.data,
            "--epochs",
            plan.epochs,
        ]
        words += ["--out", out / "run", "--workers", 0, "--compute", "cpu", "--tracker", "none"]
        words += ["--resume"] if (out / "run").exists() else []
        for change in changes:
            words += ["--set", change]
        run_metered(words, out)

    def batch(self, plan: Plan, out: Path) -> int:
        """Images in a step, as the run says."""
        return int(read_yaml(out / "run" / ARGS_FILE, SCHEMA)[IMAGES_A_STEP])

    def found(self, plan: Plan, out: Path) -> dict[str, Rows]:
        """Detections by `maenas val`, with its own NMS threshold."""
        words = ("--split", "test", "--min-score", MIN_SCORE, "--out", out / "val", "--exist-ok")
        maenas("val", out / "run" / "best", "--data", plan.view.data, *words)
        return dict(of_coco(out / "val" / "coco.json", read_dataset(plan.view.data, "test")))

    def export(self, plan: Plan, to: Path) -> None:
        """Export by `maenas export`, without NMS."""
        detector = self._built(plan, to.parent)
        options = ("--input-size", plan.size, "--format", "onnx", "--batch", 1, "--out", to)
        maenas("export", detector, *options)

    def _built(self, plan: Plan, folder: Path) -> Path:
        """The detector for the classes and the input size of the plan."""
        out = folder / f"{self.name}-detector"
        if not out.exists():
            names = ",".join(plan.view.names)
            maenas("build-detector", self.detector, "--names", names, "--out", out)
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Models of one other implementation, and how it trains them by default.

    Attributes:
        package: package that the Python of the peers must have.
        models: names of the models.
        loaded: images in a batch.
        nominal: images in a step, of as many batches as come closest; None for a step each batch.
    """

    package: str
    models: tuple[str, ...]
    loaded: int
    nominal: int | None

    @property
    def script(self) -> Path:
        """Program that the Python of the peers runs."""
        return Path(__file__).with_name(f"{self.package}_peer.py")


FAMILIES = (
    Family(
        package="ultralytics",
        models=tuple(f"yolo{version}{scale}" for version in ("11", "26", "v8") for scale in "ns"),
        loaded=16,  # `batch`
        nominal=64,  # `nbs`
    ),
    Family(
        package="libreyolo",
        models=("yolox-nano", "yolox-tiny", "yolov9t"),
        loaded=16,
        nominal=None,
    ),
)


@dataclass(frozen=True, slots=True)
class Peer:
    """A model of another implementation, in an environment of its own.

    Attributes:
        family: the implementation.
        model: name of the model, such as "yolo11n".
        python: Python of that environment.
        state: folder for its settings.
        step: images in each batch and each step; None for the defaults of the family.
        peer: True.
    """

    family: Family
    model: str
    python: Path
    state: Path
    step: int | None = None
    peer: bool = True

    @property
    def name(self) -> str:
        """Name of the model, with the images of a step where they are no default."""
        return self.model if self.step is None else f"{self.model}{STEP}{self.step}"

    def train(self, plan: Plan, seed: int, out: Path) -> None:
        """Train on one thread with the defaults of the family."""
        words = self._words(
            "train", plan, data=str(plan.view.data), out=str(out / "run"), seed=seed
        )
        run_metered(words, out, self._environment())

    def batch(self, plan: Plan, out: Path) -> int:
        """Images in a step after the warm-up."""
        loaded = self._loaded(plan)
        if self.step is not None or self.family.nominal is None:
            return loaded
        return loaded * max(round(self.family.nominal / loaded), 1)

    def found(self, plan: Plan, out: Path) -> dict[str, Rows]:
        """Detections by `predict`, with the NMS threshold that the family judges with."""
        to, images = out / "found.json", plan.view.images("test")
        self._run("detect", plan, out=str(out / "run"), images=str(images), to=str(to))
        found: dict[str, Rows] = json.loads(to.read_text(encoding="utf-8"))
        return found

    def export(self, plan: Plan, to: Path) -> None:
        """Export as the family does: without NMS, or end to end if the model has none."""
        self._run("export", plan, classes=len(plan.view.names), to=str(to))

    def _words(self, do: str, plan: Plan, **values: Any) -> list[object]:
        job = {"do": do, "model": self.model, "size": plan.size, "epochs": plan.epochs}
        job |= {"batch": self._loaded(plan)}
        job |= {} if self.step is None else {"images_a_step": self.step}
        return [self.python, self.family.script, json.dumps(job | values)]

    def _loaded(self, plan: Plan) -> int:
        """Images in a batch."""
        return self.step or plan.batch or self.family.loaded

    def _run(self, do: str, plan: Plan, **values: Any) -> None:
        words = [str(word) for word in self._words(do, plan, **values)]
        subprocess.run(
            words, check=True, cwd=self.state, env=self._environment(), stdout=sys.stderr
        )

    def _environment(self) -> dict[str, str]:
        """Offline, with settings in a folder of the benchmark."""
        self.state.mkdir(parents=True, exist_ok=True)
        own = {"YOLO_CONFIG_DIR": str(self.state), "YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "0"}
        return {**os.environ, **ONE_THREAD, **own}


def side_of(word: str, peers_python: Path | None, runs: Path) -> Side:
    """A model from the command line: PEER, PEER@IMAGES, a scale, or NAME=BACKBONE[,CHANGE...].

    Raises:
        MaenasError: if it is none of them, a peer has no Python, or a detector has no backbone.
    """
    model, at, step = word.partition("@")
    for family in FAMILIES:
        if model in family.models:
            if peers_python is None:
                raise MaenasError(f"{word}: needs --peers-python, a Python with {family.package}.")
            state = runs / family.package
            return Peer(family, model, peers_python, state, _step(word, step) if at else None)
    if word in template_names():
        return Ours(word, f"zoo:damo-yolo-{word}")
    name, _, rest = word.partition("=")
    path, *changes = rest.split(",")
    if not path:
        raise MaenasError(f"{word}: must be one of {_listed()}, or NAME=BACKBONE.")
    find_model(path)  # one that does not exist is known before the first training
    return Ours(name, path, tuple(changes))


def _step(word: str, images: str) -> int:
    if not images.isdecimal() or int(images) < 1:
        raise MaenasError(f"{word}: after @ must stand the images of a step, such as @8.")
    return int(images)


def _listed() -> str:
    peers = [model for family in FAMILIES for model in family.models]
    return ", ".join((*peers, *template_names()))
