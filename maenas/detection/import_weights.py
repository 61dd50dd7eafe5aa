"""Import official weights: the report of what was copied."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maenas.detector.checkpoints.import_weights import Report

SCHEMA = "maenas/import-weights@1"
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")  # of a BatchNorm: no parameters


def digest_line(checkpoint: Path) -> str:
    """What identifies the file that the weights came from."""
    from hashlib import file_digest

    with checkpoint.open("rb") as file:
        return f"sha256 {file_digest(file, 'sha256').hexdigest()}"


def listed(report: Report) -> dict[str, Any]:
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
    }


def told(report: Report, classes: int) -> list[str]:
    """A report for people: what came in, and what is not as it was."""
    lines = [f"{report.form} form, {report.num_classes} classes: every key found its place"]
    if report.form == "deploy":
        lines.append(
            "its merged RepConvs have no statistics of their own: fine to run, but fine-tune from "
            "a training form if there is one"
        )
    if report.dropped:
        lines.append(f"the legacy class {report.num_classes} is dropped, as at inference")
    if report.reinitialised:
        lines.append(
            f"the classifier starts anew for {classes} classes "
            f"({len(report.reinitialised)} tensors); everything else is kept"
        )
    return lines
