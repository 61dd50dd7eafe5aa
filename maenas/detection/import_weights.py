"""Import official weights: the result, and its report as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from maenas.detector.checkpoints.import_weights import ImportReport

SCHEMA = "maenas/import-weights@1"
# Buffers of a BatchNorm; they do not count as parameters.
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


@dataclass(frozen=True, slots=True)
class ImportResult:
    """Result of the import of an official checkpoint.

    Attributes:
        checkpoint: file of the checkpoint.
        model: published detector that it was trained as.
        folder: folder of the detector; None if the checkpoint does not fit.
        classes: number of classes of the detector.
        parameters: number of parameters of the detector.
        report: keys that were copied, dropped or initialised.
    """

    checkpoint: Path
    model: str
    folder: Path | None
    classes: int
    parameters: int
    report: ImportReport

    def to_json(self) -> dict[str, Any]:
        """The result as plain data, every key by its official name."""
        head = {"schema": SCHEMA, "checkpoint": str(self.checkpoint), "model": self.model}
        if self.folder is None:
            return {**head, "detector": None, **listed(self.report)}
        return {
            **head,
            "detector": str(self.folder),
            "classes": self.classes,
            "parameters": self.parameters,
            **listed(self.report),
        }


def number_of_parameters(weights: Mapping[str, Tensor]) -> int:
    """The number of parameters among the tensors of a detector."""
    return sum(value.numel() for key, value in weights.items() if not key.endswith(STATISTICS))


def digest_line(checkpoint: Path) -> str:
    """Line with the SHA-256 of the checkpoint."""
    from hashlib import file_digest

    with checkpoint.open("rb") as file:
        return f"sha256 {file_digest(file, 'sha256').hexdigest()}"


def listed(report: ImportReport) -> dict[str, Any]:
    """A report as plain data, every key by its official name."""
    return {
        "form": report.form,
        "checkpoint_classes": report.num_classes,
        "missing": list(report.missing),
        "extra": list(report.extra),
        "misshaped": [
            {"key": key, "shape": list(found), "expected": list(wanted)}
            for key, found, wanted in report.misshaped
        ],
        "dropped": list(report.dropped),
        "reinitialised": list(report.reinitialised),
        "stripped": list(report.stripped),
    }
