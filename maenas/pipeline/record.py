"""`run.json`: the options of a run, and the steps that are finished."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from maenas.blocks.errors import MaenasError
from maenas.blocks.files.atomic_write import write_text
from maenas.blocks.files.format_line import check_format
from maenas.blocks.files.json_file import read_json
from maenas.blocks.files.strict import parse
from maenas.pipeline.options import RunOptions, options_of
from maenas.runs.folders import TRAINING
from maenas.runs.named_files import found_options, kept_options

FORMAT = "maenas/run@1"
FILE = "run.json"


@dataclass(frozen=True, slots=True)
class FinishedStep:
    """A finished step.

    Attributes:
        name: name of the step.
        command: command that did it, as a user would type it.
        seconds: seconds that it took.
        result: plain data, as the command prints it with `--json`.
    """

    name: str
    command: str
    seconds: float
    result: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RunRecord:
    """The state of a run.

    Attributes:
        options: options of the run.
        steps: finished steps, in order.
    """

    options: RunOptions
    steps: tuple[FinishedStep, ...] = field(default=())

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the finished steps."""
        return tuple(step.name for step in self.steps)

    def with_step(self, step: FinishedStep) -> RunRecord:
        """The record with one more finished step."""
        return replace(self, steps=(*self.steps, step))

    def result(self, name: str) -> dict[str, Any]:
        """The result of a step; empty if the run has no such step."""
        return next((step.result for step in self.steps if step.name == name), {})

    @property
    def measured_ms(self) -> float | None:
        """Median latency of the exported file in milliseconds; None where nothing was measured.

        It is scaled to the speed that the device had when its table was measured, as in `search
        --verify`: a machine that other jobs disturb would not be compared with its own table.
        """
        measured = self.result("measure")
        return float(measured["latency_ms"]["p50"]) * self.speed if measured else None

    @property
    def speed(self) -> float:
        """Speed of the device while the file was measured, relative to that of its table."""
        compared = self.result("measure").get("predicted") or {}
        return float(compared.get("device_speed") or 1.0)

    def save(self, folder: Path) -> None:
        """Write the record into the folder of the run, at once or not at all."""
        data = {
            "format": FORMAT,
            "options": kept_options(self.options, folder).to_json(),
            "steps": [
                {
                    "name": step.name,
                    "command": step.command,
                    "seconds": round(step.seconds, 1),
                    "result": step.result,
                }
                for step in self.steps
            ],
        }
        write_text(folder / FILE, json.dumps(data, indent=1) + "\n")


def record_beside(training: Path) -> RunRecord | None:
    """The record of the run that a training is part of; None if it is part of none."""
    if training.name != TRAINING or not (training.parent / FILE).is_file():
        return None
    try:
        return load_record(training.parent)
    except MaenasError:  # the file may be that of another program
        return None


def load_record(folder: Path) -> RunRecord:
    """The record of a run.

    Raises:
        MaenasError: if the file is missing, damaged or of another version.
    """
    path = folder / FILE
    data = read_json(path)
    check_format(path, data.get("format"), FORMAT)
    if not isinstance(data.get("options"), dict) or not isinstance(data.get("steps"), list):
        raise MaenasError(f"{path}: is damaged: lacks options or steps.")
    steps = tuple(
        parse(FinishedStep, step, f"{path}: steps[{index}]")
        for index, step in enumerate(data["steps"])
    )
    return RunRecord(found_options(options_of(data["options"], path), folder), steps)
