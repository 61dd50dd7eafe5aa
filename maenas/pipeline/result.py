"""The result of a run: the detector, what it reaches, and where its files are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import TypedDict

from maenas.detector.channels import shown_shape
from maenas.pipeline.plan import RunPlan
from maenas.pipeline.record import RunRecord

SCHEMA = "maenas/run-result@1"


class StepData(TypedDict):
    """A finished step of a run.

    Attributes:
        name: name of the step.
        command: command that did it.
        seconds: seconds that it took.
    """

    name: str
    command: str
    seconds: float


class RunData(TypedDict):
    """The result of a run as plain data.

    Attributes:
        schema: version of this format.
        folder: folder of the run.
        detector: folder of the trained detector.
        model: exported file.
        ap: COCO's AP on the split.
        ap50: AP at IoU 0.50.
        split: split of the data set that was evaluated.
        limit_ms: budget of latency in milliseconds; null without one.
        predicted_ms: latency that the search predicted; null without a device's budget.
        measured_ms: latency of the exported file; null where nothing was measured.
        options: options of the run.
        steps: finished steps in order.
    """

    schema: str
    folder: str
    detector: str
    model: str
    ap: float
    ap50: float
    split: str
    limit_ms: float | None
    predicted_ms: float | None
    measured_ms: float | None
    options: dict[str, Any]
    steps: list[StepData]


@dataclass(frozen=True, slots=True)
class RunResult:
    """A finished run.

    Attributes:
        folder: folder of the run.
        plan: steps of the run and names of its files.
        record: options, and the command and result of each step.
    """

    folder: Path
    plan: RunPlan
    record: RunRecord

    @property
    def detector(self) -> Path:
        """Folder of the trained detector."""
        trained = self.record.result("train")
        return Path(trained["best"] or trained["last"])

    @property
    def model(self) -> Path:
        """The exported file."""
        return self.plan.model

    @property
    def ap(self) -> float:
        """COCO's AP on the split that `split` names."""
        return float(self.record.result("val")["ap"])

    @property
    def ap50(self) -> float:
        """AP at IoU 0.50."""
        return float(self.record.result("val")["ap50"])

    @property
    def split(self) -> str:
        """Split of the data set that the detector was evaluated on."""
        return str(self.record.result("val")["split"])

    @property
    def images(self) -> str:
        """Height and width of the images that the detector takes, and their colour unless RGB."""
        channels, height, width = self.record.result("val")["in_shape"]
        return shown_shape((channels, height, width))

    @property
    def predicted_ms(self) -> float | None:
        """Latency that the search predicted, in milliseconds; None without a device's budget."""
        latency_ms: float | None = self.record.result("search")["latency_ms"]
        return latency_ms

    @property
    def measured_ms(self) -> float | None:
        """Median latency of the exported file; see `RunRecord.measured_ms`."""
        return self.record.measured_ms

    @property
    def speed(self) -> float:
        """Speed of the device while the file was measured, relative to that of its table."""
        return self.record.speed

    @property
    def limit_ms(self) -> float | None:
        """The budget of latency in milliseconds; None without one."""
        limit: float | None = self.record.result("search")["budget"].get("latency_ms")
        return limit

    def to_json(self) -> dict[str, Any]:
        """The result as plain data."""
        data: RunData = {
            "schema": SCHEMA,
            "folder": str(self.folder),
            "detector": str(self.detector),
            "model": str(self.model),
            "ap": self.ap,
            "ap50": self.ap50,
            "split": self.split,
            "limit_ms": self.limit_ms,
            "predicted_ms": self.predicted_ms,
            "measured_ms": self.measured_ms,
            "options": self.record.options.to_json(),
            "steps": [
                {"name": step.name, "command": step.command, "seconds": step.seconds}
                for step in self.record.steps
            ],
        }
        return dict(data)
