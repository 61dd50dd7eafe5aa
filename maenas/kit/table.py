"""Read the logs of a kit into a latency table."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from maenas.blocks import SpecError
from maenas.blocks.files.suffixes import suffix_of

if TYPE_CHECKING:
    from maenas.budgets.kit.manifest import Manifest
    from maenas.budgets.kit.reading import GraphTimes, KitReading
    from maenas.budgets.kit.runtime import ToolRun
    from maenas.budgets.pricing.table import LatencyTable
    from maenas.latency.profile import ProfileResult

LOG = logging.getLogger(__name__)

FACTS = ("system", "machine", "board", "governor", "power_mode", "driver")
SHOWN = 6  # most notes in a message


def table_of_kit(
    folder: Path, name: str | None = None, out: Path | None = None, exist_ok: bool = False
) -> ProfileResult:
    """Read a kit that came back from a device, and write its table and plot.

    Args:
        folder: folder of the kit.
        name: name of the table; that of the kit if None.
        out: file of the table; in the user's folder of tables if None.
        exist_ok: whether to replace the table if it exists.
    Raises:
        SpecError: if the folder is no kit, or too few of its logs are good.
    """
    from maenas.budgets.device import tables_folder
    from maenas.budgets.kit.manifest import load_manifest
    from maenas.budgets.kit.reading import read_kit_logs
    from maenas.kit.write import table_name
    from maenas.latency.plots import plot_prediction_errors
    from maenas.latency.profile import ProfileResult
    from maenas.runs.run_lock import file_lock

    manifest = load_manifest(folder)
    chosen = table_name(name or manifest.name)
    path = out or tables_folder() / f"{chosen}.json"
    _check_room(path, exist_ok)
    reading = read_kit_logs(folder, manifest)
    _require_enough(reading, folder)
    table = _table(chosen if out is None else path.stem, manifest, reading)
    with file_lock(path):
        table.save(path)
        plot_prediction_errors(table, path.with_suffix(".png"))
    return ProfileResult(path, table, (*reading.notes, *_remarks(manifest, reading)))


def _check_room(path: Path, exist_ok: bool) -> None:
    """Refuse a path that is no JSON file, or a table that must not be replaced."""
    if suffix_of(path) != ".json" or path.is_dir():
        raise SpecError(f"{path}: a table is a file that ends in .json; name one with --out.")
    if path.exists() and not exist_ok:
        raise SpecError(f"{path}: exists; --exist-ok replaces it, --name or --out names another.")


def _require_enough(reading: KitReading, folder: Path) -> None:
    """Refuse a kit whose good logs are too few; its notes are printed first.

    Raises:
        SpecError: if networks are missing for a fit and its check.
    """
    from maenas.budgets.profiling.profile import MIN_FITTED, MIN_HELD_OUT, lacking

    missing = lacking(reading.measured)
    if not missing:
        return
    for note in reading.notes:
        LOG.info(f"note: {note}")
    raise SpecError(
        f"{folder}: a table needs {MIN_FITTED} networks to fit prices to and {MIN_HELD_OUT} held "
        f"out, of which {missing} have no good log; run measure.sh on the device again, or copy "
        "its folder `logs` completely."
    )


def _table(name: str, manifest: Manifest, reading: KitReading) -> LatencyTable:
    """The table of the good logs."""
    from maenas import __version__
    from maenas.budgets.kit.load import kit_runtime
    from maenas.budgets.pricing.table import LatencyTable
    from maenas.budgets.profiling.profile import merged

    run = reading.run
    assert run is not None  # enough logs are good
    if reading.precision is None:
        raise SpecError(
            f"{manifest.runtime}: the logs do not say in which precision the device computed; "
            "measure with a version of the tool that prints it."
        )
    ops, samples = merged(reading.measured)
    return LatencyTable(
        name=name,
        device=name,
        hardware=run.hardware,
        backend=kit_runtime(manifest.runtime).backend,
        precision=reading.precision,
        threads=run.threads,
        batch=1,
        created=_created(reading.times, manifest),
        maenas=__version__,
        provenance=_provenance(run, reading.times, manifest),
        ops=ops,
        samples=samples,
    )


def _created(times: Sequence[GraphTimes], manifest: Manifest) -> str:
    """Date and time of the last log, as the device's clock had it."""
    from datetime import datetime

    for text in sorted((one.log.facts.get("date", "") for one in times), reverse=True):
        try:
            return datetime.fromisoformat(text).isoformat(timespec="seconds")
        except ValueError:
            continue
    return manifest.created


def _provenance(
    run: ToolRun, times: Sequence[GraphTimes], manifest: Manifest
) -> dict[str, str | int | float]:
    """Conditions of the measurement that the tool or the system reported."""
    from maenas.budgets.kit.load import kit_runtime

    found: dict[str, str | int | float] = {
        "runtime": run.runtime,
        "device": run.device,
        "kit": manifest.runtime,
        "tool": kit_runtime(manifest.runtime).tool,
    }
    if run.threads is not None:
        found["threads"] = run.threads
    facts = times[0].log.facts
    found |= {key: facts[key] for key in FACTS if facts.get(key)}
    found |= run.facts
    names = {name for one in times for name in one.log.clocks}
    for name in sorted(names):
        values = [value for one in times for value in one.log.clocks.get(name, ())]
        found[f"least_{name}"], found[f"most_{name}"] = min(values), max(values)
    found["reference_drift"] = round(_drift(times), 4)
    return found


def _drift(times: Sequence[GraphTimes]) -> float:
    """Largest over least time of the reference graph among the logs, less one."""
    each = [median(run.mean for run in one.references) for one in times]
    return max(each) / min(each) - 1


def _remarks(manifest: Manifest, reading: KitReading) -> list[str]:
    """Notes on the whole kit: another precision than requested, drift, and disturbed graphs."""
    notes = []
    asked = manifest.precision
    if asked is not None and reading.precision != asked:
        notes.append(f"the kit asked for {asked}; {manifest.runtime} reports {reading.precision}, "
                     "which is the precision of the table")  # fmt: skip
    notes.append(
        f"the reference graph varied by {100 * _drift(reading.times):.0f}% between the graphs; "
        "times are scaled by it"
    )
    noisy = [one.graph.name for one, each in zip(reading.times, reading.measured, strict=True)
             if each.sample.warnings]  # fmt: skip
    if noisy:
        listed = ", ".join(noisy[:SHOWN]) + (", ..." if len(noisy) > SHOWN else "")
        notes.append(f"disturbed: {listed}; to measure them again, delete their logs and run "
                     "measure.sh once more")  # fmt: skip
    return notes
