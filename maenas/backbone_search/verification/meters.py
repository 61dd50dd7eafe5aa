"""Meters: what measures the latency of a finalist, here or by a command of the user's."""

from __future__ import annotations

import logging
import platform
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from maenas.backbone_search.plan import Subproblem
from maenas.backbone_search.verification.device_command import (
    FILES,
    DeviceCommand,
    VerifyError,
    check_unit,
)
from maenas.backbone_search.verification.records import (
    MeasuredRecord,
    MeasuredRecords,
    fingerprint_of,
)
from maenas.blocks import Backbone, dump_backbone
from maenas.blocks.backbone_file import Metadata
from maenas.blocks.files.atomic_write import write_bytes
from maenas.detector.model.spec import assemble, identity_text
from maenas.latency.graphs import backbone_graph, graph_of

if TYPE_CHECKING:
    import onnx

    from maenas.budgets.backends import Backend, Session

LOG = logging.getLogger(__name__)

FOLDER = "verify"  # folder in a run for the files that a command measures


@dataclass(frozen=True, slots=True)
class Finalist:
    """A network to measure.

    Attributes:
        subproblem: subproblem of the search.
        backbone: backbone of the network.
        rank: rank by score, from 1.
        predicted_ms: predicted latency on the device that measures.
    """

    subproblem: Subproblem
    backbone: Backbone
    rank: int
    predicted_ms: float

    @property
    def name(self) -> str:
        """Name of the finalist, for files and people."""
        return f"finalist-{self.rank}"

    @property
    def in_detector(self) -> bool:
        """Whether the budgets include neck and head, which are then measured as well."""
        return self.subproblem.problem.rest is not None

    def graph(self) -> onnx.ModelProto:
        """The part of the network that the budgets limit."""
        if self.in_detector:
            return graph_of(assemble(self.backbone, self.subproblem.template))
        return backbone_graph(self.backbone)


@dataclass(frozen=True, slots=True)
class Reading:
    """A measured latency.

    Attributes:
        ms: milliseconds of one inference.
        warnings: disturbances of the measurement.
    """

    ms: float
    warnings: tuple[str, ...] = ()


class Meter(ABC):
    """Measures finalists on one device."""

    @abstractmethod
    def measure(self, finalist: Finalist) -> Reading:
        """Measure the latency of a network.

        Raises:
            MaenasError: if the device or the command fails.
        """

    @abstractmethod
    def provenance(self) -> dict[str, str | int | float]:
        """What measured, for the records."""

    def close(self) -> None:  # noqa: B027 - a command holds nothing
        """Release the device."""


class BackendMeter(Meter):
    """Measures on a runtime of this machine or cluster, in turn with the reference graph.

    Args:
        backend: runtime, ready to compile graphs.
        reference_ms: milliseconds of the reference graph when the device's table was measured;
            measurements are scaled to that speed. None without a table.
    """

    def __init__(self, backend: Backend, reference_ms: float | None = None) -> None:
        self._backend = backend
        self._reference_ms = reference_ms
        self._reference: Session | None = None

    def measure(self, finalist: Finalist) -> Reading:
        from maenas.budgets.graph.operator_graph import reference_graph
        from maenas.budgets.profiling.profile import Item, measure_calmly
        from maenas.latency.measure import timing_of

        if self._reference is None:
            self._reference = self._backend.compile(reference_graph())
        graph = finalist.graph()
        item = Item(f"finalist {finalist.rank}", "held-out", lambda: graph)
        measured = measure_calmly(self._backend, item, self._reference)
        timing = timing_of(measured, self._reference_ms)
        return Reading(timing.p50 * (timing.speed or 1.0), measured.sample.warnings)

    def provenance(self) -> dict[str, str | int | float]:
        return dict(self._backend.provenance())

    def close(self) -> None:
        self._backend.close()


@dataclass(frozen=True, slots=True)
class CommandMeter(Meter):
    """Measures by a command; what it measured before in the same run is read back.

    Attributes:
        command: command to run.
        device: name of the device.
        folder: folder of the run.
    """

    command: DeviceCommand
    device: str
    folder: Path

    def measure(self, finalist: Finalist) -> Reading:
        records = MeasuredRecords(self.folder)
        around = identity_text(finalist.subproblem.template) if finalist.in_detector else ""
        network = fingerprint_of(finalist.backbone, around)
        known = records.known(network, self.device, self.command.text)
        if known is not None:
            return Reading(known.ms)
        files = self._write(finalist)
        try:
            ms = self.command.measure({**files, "name": finalist.name})
        except KeyboardInterrupt:
            LOG.info(f"stopped `{self.command.text}`, which was measuring {finalist.name}")
            raise
        check_unit(ms, finalist.predicted_ms, self.command.text, self.device)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        records.add(
            MeasuredRecord(
                network, finalist.name, self.device, self.command.text, ms, platform.node(), now
            )
        )
        Path(files["onnx"]).unlink(missing_ok=True)  # after an error it stays, to try by hand
        return Reading(ms)

    def provenance(self) -> dict[str, str | int | float]:
        return {"command": self.command.text, "host": platform.node()}

    def _write(self, finalist: Finalist) -> dict[str, str]:
        """Write the files that the command may name; their absolute paths by placeholder."""
        folder = (self.folder / FOLDER).resolve()
        paths = {kind: folder / f"{finalist.name}.{suffix}" for kind, suffix in _SUFFIXES.items()}
        template = finalist.subproblem.template
        metadata = Metadata(
            template=template.name if finalist.in_detector else None,
            num_classes=template.head.num_classes if finalist.in_detector else None,
        )
        try:
            folder.mkdir(exist_ok=True)
            dump_backbone(finalist.backbone, paths["spec"], metadata=metadata)
            write_bytes(paths["onnx"], finalist.graph().SerializeToString())
        except OSError as error:
            raise VerifyError(f"{folder}: cannot be written: {error.strerror or error}.") from None
        return {kind: str(path) for kind, path in paths.items()}


_SUFFIXES = dict(zip(FILES, ("onnx", "yaml"), strict=True))


def backend_meter(device: str, ray: str | None) -> Callable[[], Meter]:
    """A function that opens the meter of a device of this machine, or of a cluster.

    The device is looked for at once, so that a missing one fails before a search; a device of a
    cluster is reserved when the meter is opened.

    Raises:
        BackendError: if the device is not there.
    """
    from maenas.budgets.backends import BackendError, open_backend
    from maenas.latency.measure import find_target

    try:
        target, _, reference_ms = find_target(device, None, None)
        backend = open_backend(target) if ray is None else None
    except BackendError as error:
        raise BackendError(
            f"verify: {str(error).rstrip('.')}; --verify-with measures by a command of yours."
        ) from None
    if backend is not None:
        return lambda: BackendMeter(backend, reference_ms)
    from maenas.budgets.backends.remote_device import RayBackend, require_owner

    assert ray is not None
    require_owner(ray, target)
    return lambda: BackendMeter(
        RayBackend(target.device, target.precision, target.threads, ray), reference_ms
    )
