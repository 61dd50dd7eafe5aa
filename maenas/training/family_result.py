"""A trained family: its members, as data and as a plot."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import TypedDict

from maenas import __version__
from maenas.blocks.files.atomic_write import write_bytes
from maenas.budgets import Cost, LatencyModel
from maenas.detector.model.spec import DetectorSpec

SCHEMA = "maenas/family@1"


@dataclass(frozen=True, slots=True)
class Member:
    """A detector of the family.

    Attributes:
        name: name of its folder.
        spec: detector to train.
        price: cost of the whole detector on the device.
    """

    name: str
    spec: DetectorSpec
    price: Cost


class MemberData(TypedDict):
    """A trained detector of a family as plain data.

    Attributes:
        name: name of its folder.
        detector: folder of the detector.
        latency_ms: predicted latency in milliseconds.
        params: number of learned values.
        macs: multiply-accumulates of one image.
        teacher: name of the member that is its teacher; null if it was trained alone.
        ap: AP on the validation images; null without any.
        ap50: AP at IoU 0.50.
        epochs: number of epochs it was trained.
    """

    name: str
    detector: str
    latency_ms: float
    params: int
    macs: int
    teacher: str | None
    ap: float | None
    ap50: float | None
    epochs: int


class FamilyData(TypedDict):
    """A trained family as plain data.

    Attributes:
        schema: version of this format.
        version: version of maenas.
        folder: folder with a run for each member.
        data: file of the data set.
        device: device that the members are priced for.
        latency_kind: "predicted" for a measured table of the device, else "estimated".
        members: members, the most expensive first.
    """

    schema: str
    version: str
    folder: str
    data: str
    device: str
    latency_kind: str
    members: list[MemberData]


@dataclass(frozen=True, slots=True)
class MemberResult:
    """A trained detector of the family.

    Attributes:
        name: name of its folder.
        detector: folder of the best detector, or of the last one without a best.
        price: cost of the whole detector on the device.
        teacher: name of the member that is its teacher; None if it was trained alone.
        ap: AP on the validation images; None without any.
        ap50: AP at IoU 0.50.
        epochs: number of epochs it was trained.
    """

    name: str
    detector: Path
    price: Cost
    teacher: str | None
    ap: float | None
    ap50: float | None
    epochs: int

    @property
    def latency_ms(self) -> float:
        """Latency on the device in milliseconds."""
        return self.price.latency_ms

    def to_json(self) -> MemberData:
        """The member as plain data."""
        return {
            "name": self.name,
            "detector": str(self.detector),
            "latency_ms": self.price.latency_ms,
            "params": self.price.params,
            "macs": self.price.macs,
            "teacher": self.teacher,
            "ap": self.ap,
            "ap50": self.ap50,
            "epochs": self.epochs,
        }


@dataclass(frozen=True, slots=True)
class FamilyResult:
    """A family that was trained.

    Attributes:
        folder: folder with a run for each member.
        data: file of the data set.
        device: latency model that the members are priced with.
        members: the members, the most expensive first.
    """

    folder: Path
    data: Path
    device: LatencyModel
    members: tuple[MemberResult, ...]

    def to_json(self) -> dict[str, Any]:
        """The result as plain data."""
        data: FamilyData = {
            "schema": SCHEMA,
            "version": __version__,
            "folder": str(self.folder),
            "data": str(self.data),
            "device": self.device.device,
            "latency_kind": self.device.claim,
            "members": [member.to_json() for member in self.members],
        }
        return dict(data)


def draw(rows: Sequence[MemberResult], device: LatencyModel, path: Path) -> None:
    """Plot AP against latency as PNG, unless the data have no validation split."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    points = [(row.name, row.latency_ms, row.ap) for row in rows if row.ap is not None]
    if not points:
        return
    figure = Figure(figsize=(6.5, 4.5), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.plot([ms for _, ms, _ in points], [ap for _, _, ap in points], "o-")
    for name, ms, ap in points:
        axes.annotate(name, (ms, ap), (4, -10), textcoords="offset points")
    axes.set(xlabel=f"latency [ms, {device.claim}]", ylabel="validation AP", title="The family")
    image = io.BytesIO()
    figure.savefig(image, format="png")
    write_bytes(path, image.getvalue())
