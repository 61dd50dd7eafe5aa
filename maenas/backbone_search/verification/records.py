"""`verify.jsonl`: what commands measured in a run, so that a resumed run measures nothing twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path

from maenas.backbone_search.verification.device_command import VerifyError
from maenas.blocks import Backbone, SpecError
from maenas.blocks.backbone_file import backbone_text
from maenas.blocks.files.json_file import parse_object
from maenas.blocks.files.plain_file import GIB, read_bytes
from maenas.blocks.files.strict import parse
from maenas.runs.config import digest

FILE = "verify.jsonl"


@dataclass(frozen=True, slots=True)
class MeasuredRecord:
    """One measurement by a command.

    Attributes:
        network: fingerprint of the network.
        name: name of the finalist.
        device: device that was measured.
        command: command as the user wrote it.
        ms: milliseconds that it printed.
        host: name of the machine that ran the command.
        time: date and time of the measurement, UTC.
    """

    network: str
    name: str
    device: str
    command: str
    ms: float
    host: str
    time: str

    def __post_init__(self) -> None:
        if not 0 < self.ms < inf:
            raise SpecError(f"ms: must be a positive number, got {self.ms}.")


@dataclass(frozen=True, slots=True)
class MeasuredRecords:
    """The measurements in the folder of a run.

    Attributes:
        folder: folder of the run.
    """

    folder: Path

    def known(self, network: str, device: str, command: str) -> MeasuredRecord | None:
        """An earlier measurement of a network by the same command; None if there is none."""
        asked = (network, device, command)
        return next((one for one in self if (one.network, one.device, one.command) == asked), None)

    def add(self, record: MeasuredRecord) -> None:
        """Append a measurement.

        Raises:
            VerifyError: if the file cannot be written.
        """
        path = self.folder / FILE
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(record), ensure_ascii=False) + "\n")
        except OSError as error:
            raise VerifyError(f"{path}: cannot be written: {error.strerror or error}.") from None

    def __iter__(self) -> Iterator[MeasuredRecord]:
        """Every measurement; a line that a kill cut off is skipped."""
        path = self.folder / FILE
        if not path.is_file():
            return
        for line in read_bytes(path, limit=GIB).decode("utf-8", errors="replace").splitlines():
            try:
                yield parse(MeasuredRecord, parse_object(line, path), str(path))
            except SpecError:
                continue


def fingerprint_of(backbone: Backbone, in_detector: str) -> str:
    """A fingerprint of a network: its spec, and the template around it."""
    return digest(backbone_text(backbone), in_detector)
