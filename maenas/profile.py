"""`maenas profile`: a latency table of the device at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maenas.measure import Precision, Threads
from maenas.predict import Json

if TYPE_CHECKING:
    from budgets.backends import Backend, Target
    from budgets.table import LatencyTable
    from budgets.unfinished import Unfinished
    from maenas.networks import Plan

SCHEMA = "maenas/profile@1"


def profile(
    device: Annotated[
        str | None,
        typer.Option(
            help="cpu, cuda, tensorrt, torch-cuda, onnxruntime-cpu, or a GPU by name. (cpu)"
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="In under 2 minutes, for a first look.")
    ] = False,
    precision: Precision = None,
    threads: Threads = None,
    space: Annotated[
        list[str] | None,
        typer.Option(help="Space to draw networks from. (all that fit the device)"),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Network whose operators are to be measured too: a spec, detector or ONNX file.",
            metavar="NETWORK",
        ),
    ] = None,
    extend: Annotated[
        str | None,
        typer.Option(
            help="Add the networks of --model to this table, a name or a file; it keeps all but "
            "older samples of the same networks.",
            metavar="TABLE",
        ),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Time to spend. (8, or 1.3 with --quick)")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the networks drawn.")] = 0,
    ray: Annotated[
        str | None,
        typer.Option(
            help="Measure on the node of a Ray cluster that owns the device: auto, or an address.",
            metavar="ADDRESS",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File of the table. (into the user's folder if left out)")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last saved sample.")
    ] = False,
    exist_ok: Annotated[bool, typer.Option("--exist-ok", help="Replace the table.")] = False,
    as_json: Json = False,
) -> None:
    """Measure a device once: a table that prices networks anywhere, and how good it is."""
    from maenas.console import ERR, OUT, print_json
    from maenas.extend import extend_table

    models = tuple(model or ())
    named = "cpu" if device is None else device
    request = Request(named, precision, threads, quick, tuple(space or ()), models, minutes, seed,
                      ray)  # fmt: skip
    try:
        if extend is not None:
            implied = {"device": device, "precision": precision, "threads": threads, "ray": ray,
                       "space": space, "minutes": minutes, "quick": quick or None}  # fmt: skip
            refuse_beside_extend(implied)
            path, table, notes = extend_table(extend, models, out, resume, exist_ok)
        else:
            path, table, notes = run_profile(request, out, resume, exist_ok)
    except KeyboardInterrupt:
        ERR.print("interrupted; the same command with --resume goes on from the last sample")
        raise typer.Exit(130) from None
    if as_json:
        print_json(report(path, table, notes))
        return
    for line in lines(path, table, notes):
        OUT.print(line)


def refuse_beside_extend(implied: Mapping[str, object]) -> None:
    """Raise `SpecError` for an option that the table to be extended decides."""
    from blocks import SpecError

    for name, value in implied.items():
        if value is not None:
            raise SpecError(f"extend: the table decides --{name}; leave it out.")


@dataclass(frozen=True, slots=True)
class Request:
    """What to measure, as asked for."""

    device: str
    precision: str | None
    threads: int | None
    quick: bool
    spaces: tuple[str, ...]
    models: tuple[str, ...]
    minutes: float | None
    seed: int
    ray: str | None = None

    def plan(self) -> Plan:
        """How much to measure.

        Raises:
            SpecError: for a time that is no positive number.
        """
        from math import inf

        from blocks import SpecError
        from maenas.networks import PLANS

        plan = PLANS["quick" if self.quick else "default"]
        if self.minutes is None:
            return plan
        if not 0 < self.minutes < inf:
            raise SpecError(f"minutes: must be a positive number, got {self.minutes:g}.")
        return replace(plan, seconds=60 * self.minutes)


def run_profile(
    request: Request, out: Path | None, resume: bool, exist_ok: bool
) -> tuple[Path, LatencyTable, list[str]]:
    """Measure, and write the table and its plot.

    Returns:
        Its file, the table, and what had to be left out.
    Raises:
        MaenasError: one line for whatever the user can mend.
    """
    from blocks import SpecError
    from budgets.device import tables_folder
    from budgets.profile import merged
    from budgets.profile import profile as measure_all
    from budgets.table import LatencyTable
    from budgets.unfinished import Unfinished
    from maenas import __version__
    from maenas.networks import SPACES, profile_items
    from maenas.plots import plot_accuracy
    from maenas.profile_live import ProfileLine

    plan = request.plan()
    target, backend = open_target(request)
    path = out or tables_folder() / f"{target.name}.json"
    spaces = request.spaces or SPACES[target.hardware]
    provenance = dict(backend.provenance())
    unfinished = Unfinished(
        path.with_name(f"{path.name}.partial"), _header(request, target, spaces, provenance)
    )
    check_room(path, unfinished, resume, exist_ok)
    items = profile_items(plan, spaces, request.seed, request.models)
    if exist_ok:
        unfinished.remove()
    with ProfileLine(len(items), plan.seconds) as line:
        measured, notes = measure_all(backend, items, unfinished, plan.seconds, line)
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
        provenance=provenance,
        ops=ops,
        samples=samples,
    )
    if not table.accuracy.names:
        raise SpecError("profile: no network was left to check the table with; give it more time.")
    table.save(path)
    plot_accuracy(table, path.with_suffix(".png"))
    unfinished.remove()
    return path, table, notes


def open_target(request: Request) -> tuple[Target, Backend]:
    """The device asked for: of this machine, or of the node of a cluster that owns it.

    Raises:
        BackendError: if it is not there, or its runtime is missing.
    """
    from budgets.backends import open_backend, parse_target

    if request.ray is None:
        target = parse_target(request.device, request.precision, request.threads)
        return target, open_backend(target)
    from budgets.backends.ray_cluster import RayBackend

    remote = RayBackend(request.device, request.precision, request.threads, request.ray)
    return remote.target, remote


def _header(
    request: Request, target: Target, spaces: Sequence[str], provenance: Mapping[str, object]
) -> dict[str, Any]:
    """What a profile must share with the beginning it goes on from, the machine included."""
    from budgets.profile import SAME

    return {
        "table": target.name,
        "backend": target.backend,
        "precision": target.precision,
        "spaces": list(spaces),
        "seed": request.seed,
        "quick": request.quick,
        **{key: provenance.get(key) for key in (*SAME, "threads")},
    }


def check_room(path: Path, unfinished: Unfinished, resume: bool, exist_ok: bool) -> None:
    """Refuse to overwrite a table or an unfinished profile unasked; make the folder."""
    from blocks import SpecError

    if path.suffix != ".json" or path.is_dir():
        raise SpecError(f"{path}: a table is a file that ends in .json; name one with --out.")
    if resume and exist_ok:
        raise SpecError("profile: --resume goes on, --exist-ok starts anew; give one.")
    if path.exists() and not (exist_ok or (resume and unfinished.path.exists())):
        raise SpecError(f"{path}: exists; --exist-ok replaces it, --out names another file.")
    if resume and not unfinished.path.exists():
        raise SpecError(f"{unfinished.path}: there is nothing to go on from; leave --resume out.")
    if unfinished.path.exists() and not (resume or exist_ok):
        raise SpecError(
            f"{unfinished.path}: an unfinished profile is there; --resume goes on from its "
            "last sample, --exist-ok drops it."
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SpecError(f"{path.parent}: cannot be created: {error.strerror or error}.") from None


def report(path: Path, table: LatencyTable, notes: Sequence[str]) -> dict[str, Any]:
    """The result as plain data."""
    from collections import Counter
    from dataclasses import asdict

    return {
        "schema": SCHEMA,
        "table": str(path),
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
        "held_out": asdict(table.accuracy),
        "left_out": list(notes),
    }


def found_by(path: Path) -> str:
    """What to type after `--device`: a name in the user's folder, a file anywhere else."""
    from budgets.device import tables_folder

    return path.stem if path.parent == tables_folder() else str(path)


def lines(path: Path, table: LatencyTable, notes: Sequence[str]) -> list[str]:
    """The result for people."""
    from collections import Counter
    from statistics import median

    roles = Counter(sample.role for sample in table.samples)
    accuracy = table.accuracy
    warned = sum(table.doubtful(sample) for sample in table.samples)
    told = [
        f"{table.name}: {table.about}",
        f"{roles['operator']} operators alone, {roles['fit']} networks with their layers, "
        f"{roles['held-out']} networks held out; {warned} samples disturbed",
        f"held out: mean error {100 * accuracy.mean:.1f}%, median {100 * accuracy.median:.1f}%, "
        f"p90 {100 * accuracy.p90:.1f}%, {100 * accuracy.within_10:.0f}% within 10%"
        + ("" if accuracy.spearman is None else f", rank correlation {accuracy.spearman:.4f}"),
        *(f"note: {note}" for note in notes),
        *(
            [
                "warning: this table is poor; the same command with --exist-ok measures it anew, "
                "best when the machine is quiet"
            ]
            if accuracy.is_poor
            else []
        ),
        f"table: {path}",
        f"plot: {path.with_suffix('.png')}",
        f"next: maenas search --budget {median(accuracy.measured_ms):.3g}ms --device "
        f"{found_by(path)}",
    ]
    return told
