"""The steps of a run: data, latency table, search, detector, training, export, measurement."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from maenas.blocks import SpecError
from maenas.budgets.image_size import InputSize, sides_of
from maenas.pipeline.options import RunOptions
from maenas.pipeline.record import FILE, load_record
from maenas.pipeline.step import Step, Value
from maenas.runs.folders import BUILT, SEARCH, TRAINING
from maenas.search_spaces import own_size

LOG = logging.getLogger(__name__)

SHAPES = 400  # generated training images: epochs of seconds, and enough to learn three classes
VERIFIED = 3  # finalists measured on the device
TEMPLATE = "ns"  # scale of a run without a budget: the smallest published one
CARD_FILE = "card.md"
VAL = "val"  # folder of the evaluation
SHOWN_IMAGES = 12  # images whose detections are drawn

PROFILE = "profile"  # name of the step that a run has only where the device has no table


@dataclass(frozen=True, slots=True)
class RunPlan:
    """The steps of a run in the order in which they are done.

    Some arguments are known only when earlier steps have left their files, so that steps are made
    one by one.

    Attributes:
        options: options of the run.
        folder: folder of the run.
        device: device that latency is priced for, by the name of its table.
        profiles: whether the device is profiled first.
        measures: whether this machine has the device.
    """

    options: RunOptions
    folder: Path
    device: str
    profiles: bool
    measures: bool

    @property
    def makers(self) -> dict[str, Callable[[], Step]]:
        """The function that makes each step, by the name of the step."""
        steps: dict[str, Callable[[], Step]] = {
            "data": self._check if self.options.data else self._shapes
        }
        if self.profiles:
            steps[PROFILE] = self._profile
        steps |= {"search": self._search, "build": self._build, "train": self._train}
        steps |= {"val": self._val, "export": self._export}
        if self.measures:
            steps["measure"] = self._measure
        steps |= {"detect": self._detect, "card": self._card}
        return steps

    @property
    def data(self) -> str:
        """The data set: the user's, or the generated one."""
        return self.options.data or str(self.folder / "shapes")

    @property
    def shares_evaluation(self) -> bool:
        """Whether the step `val` evaluates the split on which the training would do so."""
        return self._split() == "val"

    @property
    def model(self) -> Path:
        """The exported file."""
        return self.folder / "model.onnx"

    @property
    def _size(self) -> InputSize:
        """The input size that the user chose, by the option or the space; None without one."""
        return self.options.input_size or own_size(self.options.space)

    def _shapes(self) -> Step:
        out, size = self.folder / "shapes", self._size
        options: dict[str, Value] = {
            "out": str(out),
            "images": SHAPES,
            "size": None if size is None else max(sides_of(size)),
            "seed": self.options.seed or None,
        }
        return Step("data", "make_shapes", (), options, out)

    def _check(self) -> Step:
        return Step("data", "check_data", (self.data,))

    def _profile(self) -> Step:
        from maenas.budgets.device import tables_folder

        asked = self.options
        options: dict[str, Value] = {
            "device": asked.device,
            "precision": asked.precision,
            "threads": asked.threads,
            "quick": not asked.full_profile,
        }
        return Step(PROFILE, "profile", (), options, tables_folder() / f"{self.device}.json")

    def _search(self) -> Step:
        asked, out = self.options, self.folder / SEARCH
        template = asked.template if asked.budget else asked.template or TEMPLATE
        options: dict[str, Value] = {
            "device": self.device,
            "data": self.data,
            "space": asked.space,
            "template": template,
            "input_size": asked.input_size,
            "channels": asked.channels,
            "evaluations": asked.evaluations,
            "seed": asked.seed or None,
            "finalists": 0,
            "verify": VERIFIED if self.measures and asked.limits_latency else None,
            "out": str(out),
        }
        return Step(
            "search",
            "search",
            (),
            {"budget": asked.budget or (self._published_ms(template),), **options},
            out,
        )

    def _published_ms(self, template: str | None) -> str:
        """The predicted latency of the published detector of a scale, as a budget.

        Raises:
            SpecError: for a scale without one.
        """
        import maenas
        from maenas.detector import template_names

        if template not in template_names():
            raise SpecError(
                f"run: template {template} has no published detector whose latency could be the "
                "budget; give one, such as --budget 20ms."
            )
        name = f"zoo:damo-yolo-{template}"
        predicted = maenas.predict(name, self.device, input_size=self._size)
        budget = f"{predicted.latency_ms:.3g}ms"
        LOG.info(f"no --budget: {budget}, the predicted latency of {name} here, is the limit")
        return budget

    def _build(self) -> Step:
        out = self.folder / BUILT
        options = {"out": str(out)}
        return Step("build", "build_detector", (str(self.folder / SEARCH),), options, out)

    def _train(self) -> Step:
        out = self.folder / TRAINING
        options: dict[str, Value] = {
            "data": self.data,
            "epochs": self.options.epochs,
            "init": self.options.init,
            "out": str(out),
            # The evaluation of the step `val` leaves the page, unless it is of another split.
            "skip_final_evaluation": self.shares_evaluation,
        }
        return Step("train", "train", (str(self.folder / BUILT),), options, out)

    def _val(self) -> Step:
        out = self.folder / VAL
        options: dict[str, Value] = {"data": self.data, "split": self._split(), "out": str(out)}
        return Step("val", "val", (str(self.folder / TRAINING),), options, out)

    def _export(self) -> Step:
        options = {"out": str(self.model)}
        return Step("export", "export", (str(self.folder / TRAINING),), options, self.model)

    def _measure(self) -> Step:
        return Step("measure", "measure", (str(self.model),), {"device": self.device})

    def _detect(self) -> Step:
        out = self.folder / "detections"
        options: dict[str, Value] = {"draw": True, "min_score": self._min_score(), "out": str(out)}
        return Step("detect", "detect", (str(self.model), *self._images()), options, out)

    def _card(self) -> Step:
        out = self.folder / CARD_FILE
        options: dict[str, Value] = {"devices": (self.device,), "out": str(out)}
        return Step("card", "card", (str(self.folder / TRAINING),), options)

    def _split(self) -> str:
        """The split that the detector has not seen at all, if there is one."""
        from maenas.detector.data.readers.read import splits_of

        return "test" if "test" in splits_of(Path(self.data)) else "val"

    def _min_score(self) -> float | None:
        """Confidence with the best F1 in the evaluation; None before it, and without objects."""
        if not (self.folder / FILE).exists():
            return None
        point: dict[str, float] = load_record(self.folder).result("val").get("working_point") or {}
        return point.get("min_score")

    def _images(self) -> list[str]:
        """Images to draw detections on, evenly spread over the split."""
        from maenas.detector.data.readers.read import read_dataset

        dataset = read_dataset(Path(self.data), self._split())
        paths = [str(dataset.samples[index].path) for index in range(len(dataset))]
        return paths[:: -(-len(paths) // SHOWN_IMAGES)]


def make_plan(options: RunOptions, folder: Path) -> RunPlan:
    """The plan of a run in a folder.

    Raises:
        MaenasError: if there is neither a table nor an estimate of the device, and it is not in
            this machine.
    """
    from maenas.budgets.backends.load import NAMES, parse_target
    from maenas.budgets.device import find_table, load_device
    from maenas.budgets.latency import split_precision

    name = options.device
    if split_precision(name)[0].lower() in NAMES:
        name = parse_target(name, options.precision, options.threads).name
        profiles = find_table(name) is None
    else:
        profiles = False
        load_device(name)
    return RunPlan(options, folder, name, profiles, profiles or is_here(name))


def is_here(device: str) -> bool:
    """Whether this machine can measure on a device that has a table or an estimate."""
    from maenas.budgets.backends.backend import BackendError
    from maenas.budgets.backends.load import PROBLEMS
    from maenas.latency.measure import find_target

    try:
        target, _, _ = find_target(device, None, None)
    except BackendError:
        return False
    return PROBLEMS[target.backend]() is None
