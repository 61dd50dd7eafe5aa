"""Import official weights: the result, and its report as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maenas.blocks import SpecError
from maenas.blocks.files.plain_file import read_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from maenas.detector.checkpoints.import_weights import ImportReport

SCHEMA = "maenas/import-weights@1"
LARGEST_NAMES = 1 << 20  # bytes; the largest file of names
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
        names: names of the classes; () if they have none.
    """

    checkpoint: Path
    model: str
    folder: Path | None
    classes: int
    parameters: int
    report: ImportReport
    names: tuple[str, ...] = ()

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


def class_names(given: str | Path | Sequence[str]) -> tuple[str, ...]:
    """The names of the classes of a checkpoint.

    Args:
        given: the names, a text file with one name a line, or the name of a published union.
    Raises:
        SpecError: if the file cannot be read, or a line of it is empty.
    """
    from maenas.detector.data.union.label_union import PUBLISHED, label_union

    if not isinstance(given, str | Path):
        return tuple(given)
    if str(given) in PUBLISHED:
        return label_union(str(given)).names
    path = Path(given)
    missing = f"does not exist; name a text file with one name a line, or {', '.join(PUBLISHED)}."
    lines = read_text(path, limit=LARGEST_NAMES, missing=missing).splitlines()
    if not lines:
        raise SpecError(f"{path}: must hold one name a line, got an empty file.")
    for number, line in enumerate(lines, 1):
        if not line.strip() or not line.isprintable():
            raise SpecError(f"{path}:{number}: must be the name of a class, got {line!r}.")
    return tuple(line.strip() for line in lines)


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
