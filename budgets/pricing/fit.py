"""Errors of a calibrated estimate, on the networks it was fitted to and on those left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from maenas.blocks.errors import SpecError
from maenas.blocks.files.dump import flow
from maenas.blocks.files.words import shown

LISTED = 5  # most networks whose errors are listed one by one


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Errors of a model on the published latencies it was calibrated on, in percent.

    Attributes:
        rows: number of distinct networks.
        mean_error: mean of the absolute errors.
        max_error: maximum of the absolute errors.
        leave_one_out: by network name, signed error of a model calibrated on all other networks.
        families: by family of detectors, mean absolute error of a model calibrated without that
            family.
        multipliers: by name, factor on a part of the base model.
        created: date and time of the calibration, UTC; empty if unknown.
    Raises:
        SpecError: if `created` is no date.
    """

    rows: int
    mean_error: float
    max_error: float
    leave_one_out: Mapping[str, float]
    families: Mapping[str, float]
    multipliers: Mapping[str, float] = field(default_factory=dict)
    created: str = ""

    def __post_init__(self) -> None:
        if not self.created:
            return
        try:
            datetime.fromisoformat(self.created)
        except ValueError:
            raise SpecError(
                f"created: must be a date such as 2026-11-29, got {shown(self.created)}."
            ) from None

    @property
    def held_out_mean(self) -> float:
        """Mean absolute error on the networks left out one by one; that of the fit without any."""
        errors = [abs(error) for error in self.leave_one_out.values()]
        return sum(errors) / len(errors) if errors else self.mean_error

    @property
    def text(self) -> str:
        """The errors in one line; `tables show` lists each network and family."""
        parts = [self._left_out(), self._families_left_out()]
        return f"left out of the calibration: {'; '.join(filter(None, parts))}"

    def _left_out(self) -> str:
        """The errors of the networks left out, or their mean and worst if there are many."""
        errors = self.leave_one_out
        if len(errors) <= LISTED:
            return ", ".join(f"{name} {error:+.1f}%" for name, error in errors.items())
        worst = max(errors, key=lambda name: abs(errors[name]))
        return (
            f"each of {len(errors)} networks, mean error {self.held_out_mean:.1f}%, "
            f"worst {errors[worst]:+.1f}% ({worst})"
        )

    def _families_left_out(self) -> str:
        """The mean and the worst error of the families left out; "" for fewer than two."""
        errors = self.families
        if len(errors) < 2:
            return ""
        mean = sum(errors.values()) / len(errors)
        worst = max(errors, key=lambda name: errors[name])
        return (
            f"each of {len(errors)} families, mean error {mean:.1f}%, "
            f"worst {errors[worst]:.1f}% ({worst})"
        )


def fit_lines(fit: Fit) -> list[str]:
    """The errors as lines of a YAML file."""
    lines = [
        "fit:",
        f"  rows: {fit.rows}",
        f"  mean_error: {fit.mean_error}",
        f"  max_error: {fit.max_error}",
        f"  leave_one_out: {flow(fit.leave_one_out)}",
        f"  families: {flow(fit.families)}",
    ]
    if fit.multipliers:
        lines.append(f"  multipliers: {flow(fit.multipliers)}")
    if fit.created:
        lines.append(f"  created: '{fit.created}'")
    return lines
