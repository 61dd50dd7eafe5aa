"""Profile a device: measure operators and networks and write a latency table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maenas.budgets.backends import Backend, Target
    from maenas.budgets.image_size import InputSize
    from maenas.budgets.pricing.table import LatencyTable
    from maenas.budgets.profiling.partial_profile import Measured, PartialProfile
    from maenas.latency.networks import ProfilePlan
    from maenas.latency.transfer import Source

SCHEMA = "maenas/profile@1"


@dataclass(frozen=True, slots=True)
class Request:
    """The options of a profile."""

    device: str
    precision: str | None
    threads: int | None
    quick: bool
    spaces: tuple[str, ...]
    models: tuple[str, ...]
    minutes: float | None
    seed: int
    ray: str | None = None
    input_size: InputSize = None
    backend: Backend | None = None
    from_table: str | None = None
    measure: int = 10

    def plan(self) -> ProfilePlan:
        """The numbers of graphs and the time limit.

        Raises:
            SpecError: if the time is not a positive number, or a transfer has other options.
        """
        from math import inf

        from maenas.blocks import SpecError
        from maenas.latency.networks import PLANS

        plan = PLANS["quick" if self.quick else "default"]
        if self.from_table is not None:
            plan = PLANS["transfer"]
            if self.quick or self.models or self.input_size is not None:
                raise SpecError(
                    "from-table: a transfer chooses its graphs itself; leave `quick`, `models` "
                    "and `input_size` out."
                )
        if self.minutes is None:
            return plan
        if not 0 < self.minutes < inf:
            raise SpecError(f"minutes: must be a positive number, got {self.minutes:g}.")
        return replace(plan, seconds=60 * self.minutes)


@dataclass(frozen=True, slots=True)
class ProfileResult:
    """Result of a profile.

    Attributes:
        path: file of the table.
        table: samples, their provenance and the prices fitted to them.
        notes: notes on graphs that could not be measured.
    """

    path: Path
    table: LatencyTable
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The result as plain data."""
        table = self.table
        return {
            "schema": SCHEMA,
            "table": str(self.path),
            "name": table.name,
            "device": table.device,
            "backend": table.backend,
            "precision": table.precision,
            "threads": table.threads,
            "kind": "measured",
            "about": table.about,
            "provenance": dict(table.provenance),
            "samples": dict(Counter(sample.role for sample in table.samples)),
            "warned": [sample.name for sample in table.samples if sample.warnings],
            "disturbance": asdict(table.disturbance),
            "warning": table.warning,
            "held_out": asdict(table.errors),
            "left_out": list(self.notes),
        }


def run_profile(request: Request, out: Path | None, resume: bool, exist_ok: bool) -> ProfileResult:
    """Measure, and write the table and its plot.

    Raises:
        MaenasError: for an error that the user can fix, in one line.
    """
    from maenas.budgets.device import tables_folder
    from maenas.latency.transfer import load_source
    from maenas.runs.run_lock import file_lock

    plan = request.plan()
    source = None
    if request.from_table is not None:
        source = load_source(request.from_table, request.measure)
    target, backend = open_target(request)
    path = out or tables_folder() / f"{target.name}.json"
    if source is not None:
        source.require_other(target, path)
    with file_lock(path):
        return _measured_table(request, plan, source, target, backend, path, resume, exist_ok)


def _measured_table(
    request: Request,
    plan: ProfilePlan,
    source: Source | None,
    target: Target,
    backend: Backend,
    path: Path,
    resume: bool,
    exist_ok: bool,
) -> ProfileResult:
    """The table and its plot, written by the only writer of them."""
    from maenas.budgets.profiling.partial_profile import PARTIAL, PartialProfile
    from maenas.budgets.profiling.profile import profile as measure_all
    from maenas.latency.networks import SPACES, profile_items
    from maenas.latency.plots import plot_prediction_errors
    from maenas.latency.progress import ProfileLine

    spaces = request.spaces or SPACES[target.hardware]
    header = _header(request, source, target, spaces, backend.provenance())
    partial = PartialProfile(path.with_name(f"{path.name}{PARTIAL}"), header)
    done = finished_table(path, partial, resume)
    if done is not None and _is_of(done, target, source):
        return ProfileResult(path, done, ())
    check_room(path, partial, resume, exist_ok)
    if source is None:
        items = profile_items(plan, spaces, request.seed, request.models, request.input_size)
        least = None
    else:
        items = source.items(plan, spaces, request.seed, backend.has_layers)
        least = (0, 0)
    if not resume:
        partial.remove()
    with ProfileLine(len(items), plan.seconds) as line:
        measured, notes = measure_all(backend, items, partial, plan.seconds, line, least)
    if source is not None:
        notes += source.notes(measured, plan.seconds)
    table = new_table(target, backend.provenance(), measured, source)
    table.save(path)
    plot_prediction_errors(table, path.with_suffix(".png"))
    partial.remove()
    return ProfileResult(path, table, tuple(notes))


def new_table(
    target: Target,
    provenance: Mapping[str, str | int | float],
    measured: Sequence[Measured],
    source: Source | None = None,
) -> LatencyTable:
    """The table of what was measured on a target.

    Args:
        target: device and settings.
        provenance: conditions of the measurements.
        measured: measurements.
        source: table whose prices the measurements adapt; None for a table that stands alone.
    Raises:
        SpecError: if no network is left to check the prices with.
    """
    from maenas import __version__
    from maenas.blocks import SpecError
    from maenas.budgets.pricing.table import LatencyTable
    from maenas.budgets.profiling.profile import merged

    ops, samples = merged(measured)
    threads = provenance.get("threads")
    table = LatencyTable(
        name=target.name,
        device=target.device,
        hardware=target.hardware,
        backend=target.backend,
        precision=target.precision,
        threads=threads if isinstance(threads, int) else None,
        batch=1,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        maenas=__version__,
        provenance=dict(provenance),
        ops=ops,
        samples=samples,
        transfer=None if source is None else source.origin,
    )
    if not table.errors.names:
        raise SpecError("profile: no network was left to check the table with; give it more time.")
    return table


def open_target(request: Request) -> tuple[Target, Backend]:
    """Open the requested device, on this machine or on the node of a cluster that owns it.

    Raises:
        BackendError: if there is no such device, or its runtime is missing.
    """
    from maenas.budgets.backends import BackendError, open_backend, parse_target
    from maenas.budgets.backends.load import target_of
    from maenas.latency.measure import refuse_beside_backend

    if request.backend is not None:
        refuse_beside_backend(request.device, request.precision, request.threads)
        if request.ray is not None:
            raise BackendError("backend: is of this process; leave ray out.")
        return target_of(request.backend), request.backend
    if request.ray is None:
        target = parse_target(request.device, request.precision, request.threads)
        return target, open_backend(target)
    from maenas.budgets.backends.remote_device import RayBackend

    remote = RayBackend(request.device, request.precision, request.threads, request.ray)
    return remote.target, remote


def _header(
    request: Request,
    source: Source | None,
    target: Target,
    spaces: Sequence[str],
    provenance: Mapping[str, object],
) -> dict[str, Any]:
    """The options and settings that must be equal to continue an unfinished profile."""
    from maenas.budgets.profiling.profile import SAME

    return {
        "table": target.name,
        "backend": target.backend,
        "precision": target.precision,
        "spaces": list(spaces),
        "seed": request.seed,
        "quick": request.quick,
        "from": None if source is None else source.model.fingerprint,
        "measure": None if source is None else request.measure,
        **{key: provenance.get(key) for key in (*SAME, "threads")},
    }


def check_room(
    path: Path, partial: PartialProfile, resume: bool, exist_ok: bool, in_place: bool = False
) -> None:
    """Refuse to overwrite a table, unless it is extended `in_place`, or an unfinished profile."""
    from maenas.blocks import SpecError
    from maenas.blocks.files.suffixes import suffix_of

    if suffix_of(path) != ".json" or path.is_dir():
        raise SpecError(f"{path}: a table is a file that ends in .json; name one with --out.")
    if resume and exist_ok:
        raise SpecError("profile: --resume continues, --exist-ok starts again; give one.")
    going_on = resume and partial.path.exists()
    if path.exists() and not (exist_ok or in_place or going_on):
        raise SpecError(f"{path}: exists; --exist-ok replaces it, --out names another file.")
    if partial.has_begun and not (resume or exist_ok):
        raise SpecError(
            f"{partial.path}: an unfinished profile is there; --resume continues from its "
            "last sample, --exist-ok drops it."
        )


def finished_table(path: Path, partial: PartialProfile, resume: bool) -> LatencyTable | None:
    """The table that `--resume` finds finished; None if there is anything left to measure."""
    from maenas.blocks.files.suffixes import suffix_of
    from maenas.budgets.pricing.table import load_table

    if not resume or suffix_of(path) != ".json" or not path.is_file() or partial.path.exists():
        return None
    return load_table(path)


def _is_of(table: LatencyTable, target: Target, source: Source | None) -> bool:
    """Whether a table is one of the device, the settings and the source that were requested."""
    origin = None if table.transfer is None else table.transfer.fingerprint
    settings = (table.name, table.backend, table.precision, origin)
    wanted = None if source is None else source.model.fingerprint
    return settings == (target.name, target.backend, target.precision, wanted)


def found_by(path: Path) -> str:
    """The value of `--device` for a table: its name in the user's folder, else its path."""
    from maenas.budgets.device import tables_folder

    return path.stem if path.parent == tables_folder() else str(path)
