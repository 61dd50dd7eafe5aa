"""Text that `maenas profile` prints about a table or a kit, and options that exclude each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maenas.kit.write import KitResult
    from maenas.latency.profile import ProfileResult


def summary(result: ProfileResult) -> list[str]:
    """The result as lines of text."""
    from collections import Counter
    from statistics import median

    from maenas.latency.profile import found_by

    path, table = result.path, result.table
    roles = Counter(sample.role for sample in table.samples)
    errors = table.errors
    spread = f", median {100 * errors.median:.1f}%, p90 {100 * errors.p90:.1f}%, "
    spread += f"{100 * errors.within_10:.0f}% within 10%"
    if errors.spearman is not None:
        spread += f", rank correlation {errors.spearman:.4f}"
    lines = [
        f"{table.name}: {table.about}",
        f"{roles['operator']} operators alone, {roles['module']} networks of modules, "
        f"{roles['fit']} networks with their layers, "
        f"{roles['held-out']} networks held out; {table.disturbance.line()}",
        f"{'left out in turn' if table.is_left_out_in_turn else 'held out'}: mean error "
        f"{100 * errors.mean:.1f}%{spread if table.warning is None else ''}",
        *(f"note: {note}" for note in result.notes),
    ]
    if table.warning is not None:
        is_extended = "extended" in table.provenance
        again = table.command() if is_extended else "the same command with --exist-ok"
        lines.append(f"warning: {table.warning} ({again})")
    lines += [f"table: {path}", f"plot: {path.with_suffix('.png')}"]
    if table.warning is None:
        lines.append(
            f"next: maenas search --budget {median(errors.measured_ms):.3g}ms --device "
            f"{found_by(path)}"
        )
    return lines


def kit_text(result: KitResult) -> list[str]:
    """The result of writing a kit as lines of text."""
    manifest = result.manifest
    asked = "the tool's own precision" if manifest.precision is None else manifest.precision
    return [
        f"{result.folder}: {len(manifest.graphs) + 1} graphs for {manifest.runtime} in {asked}, "
        f"{result.size / 1e6:.0f} MB",
        *(f"note: {note}" for note in result.notes),
        "next: copy the folder to the device, run `sh measure.sh` there, copy it back, then",
        f"      maenas profile --from {result.folder}",
    ]


def refuse_beside(option: str, why: str, given: Mapping[str, object]) -> None:
    """Raise `SpecError` for an option that means nothing beside another one.

    Args:
        option: option that was given, without dashes.
        why: what decides about the refused options, as in "the table decides".
        given: values of the refused options by name; None and False if they were not given.
    """
    from maenas.blocks import SpecError

    for name, value in given.items():
        if value is not None and value is not False:
            raise SpecError(f"{option}: {why} --{name}; leave it out.")
