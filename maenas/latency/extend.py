"""`maenas profile --extend`: add networks to an existing latency table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from maenas.blocks import SpecError
from maenas.budgets.image_size import InputSize, shown_size

if TYPE_CHECKING:
    from maenas.budgets.latency import LatencyModel
    from maenas.budgets.profiling.profile import Item
    from maenas.latency.profile import ProfileResult

SECONDS = 480.0  # expected time, for the progress line only: every network is measured


def extend_table(
    name: str,
    networks: Sequence[str],
    out: Path | None,
    resume: bool,
    exist_ok: bool,
    input_size: InputSize = None,
) -> ProfileResult:
    """Measure networks and their operators that have no price yet, and add them to a table.

    The reference graph makes samples of different days comparable. New samples of a network
    replace its older ones.

    Args:
        name: name of the table, or its file.
        networks: networks to measure, each as `find_workload` accepts it.
        out: file to write; None for the table's own.
        resume: whether to continue an unfinished extension.
        exist_ok: whether to replace `out` if it exists.
        input_size: input size of all networks; None for their own.
    Raises:
        MaenasError: for an error that the user can fix, in one line; the old table is unchanged.
    """
    from maenas.budgets.device import find_table, is_priced, load_device, resolved_name
    from maenas.runs.run_lock import file_lock

    known = resolved_name(name)
    source = find_table(known)
    if source is None and is_priced(known):
        load_device(known)  # a file that is missing or damaged ends here
        raise SpecError(
            f"extend: {name} is an estimate, which has no samples to add to; `maenas calibrate` "
            "with more rows fits another one."
        )
    if source is None:
        raise SpecError(
            f"extend: there is no table {name!r}; `maenas tables` lists the known ones."
        )
    path = out or source
    with file_lock(path):
        return _longer_table(source, networks, path, resume, exist_ok, input_size)


def _longer_table(
    source: Path,
    networks: Sequence[str],
    path: Path,
    resume: bool,
    exist_ok: bool,
    input_size: InputSize,
) -> ProfileResult:
    """The table with more networks and its plot, written by the only writer of them."""
    from maenas.budgets.backends import Target, open_backend
    from maenas.budgets.pricing.table import load_table
    from maenas.budgets.profiling.partial_profile import PARTIAL, PartialProfile
    from maenas.budgets.profiling.profile import SAME, extended, profile
    from maenas.latency.plots import plot_prediction_errors
    from maenas.latency.profile import ProfileResult, check_room, finished_table
    from maenas.latency.progress import ProfileLine

    table = load_table(source)
    if table.kit is not None:
        raise SpecError(
            f"{source}: was measured by a kit on another device; {table.command()} --model NETWORK "
            "writes one with more networks."
        )
    if not networks:
        raise SpecError(
            f"extend: nothing is said to be added to {source}; name the networks, each a spec, "
            "detector or ONNX file, with --model."
        )
    items = list(_items(networks, input_size, table.model()))
    backend = open_backend(Target(table.device, table.backend, table.precision, table.threads))
    provenance = backend.provenance()
    for key in SAME:
        there, here = table.provenance.get(key), provenance.get(key)
        if there != here:
            raise SpecError(
                f"{source}: was measured with {key} {there}, here it is {here}; the two do not "
                f"mix: {table.command()} measures a new one."
            )
    partial = PartialProfile(
        path.with_name(f"{path.name}{PARTIAL}"),
        {"extends": table.digest, "models": list(networks), "input_size": shown_size(input_size)},
    )
    plot = path.with_suffix(".png")
    if resume and path == source and partial.is_part_of(table):
        plot_prediction_errors(table, plot)
        partial.remove()
    done = finished_table(path, partial, resume)
    if done and {item.name for item in items} <= {sample.name for sample in done.samples}:
        return ProfileResult(path, done, ())
    check_room(path, partial, resume, exist_ok, in_place=path == source)
    if not resume:
        partial.remove()
    with ProfileLine(len(items), SECONDS) as line:
        measured, notes = profile(backend, items, partial, SECONDS, line)
    longer = extended(table, measured)
    longer.save(path)
    plot_prediction_errors(longer, plot)
    partial.remove()
    return ProfileResult(path, longer, tuple(notes))


def _items(networks: Sequence[str], input_size: InputSize, model: LatencyModel) -> Iterator[Item]:
    """The networks, each followed by those of its operators without a measured price."""
    from maenas.budgets.graph.operator_graph import operator_graph
    from maenas.budgets.latency import DeviceError
    from maenas.budgets.pricing.op_rows import priced
    from maenas.budgets.profiling.profile import Item
    from maenas.latency.workload import find_workload

    seen = set()
    for network in networks:
        workload = find_workload(network, None, input_size)
        workload.require_known()
        yield Item(workload.label, "fit", workload.graph)
        for op in map(priced, workload.ops):
            if op in seen or op.kind == "decode":  # cannot be measured alone
                continue
            seen.add(op)
            try:
                is_known = model.guess(op) is None
            except DeviceError:
                is_known = False
            if not is_known:
                shapes = f"{op.in_shape}-{op.out_shape}".replace(" ", "")
                yield Item(
                    f"{workload.label}/{len(seen)}/{op.kind}{shapes}",
                    "operator",
                    partial(operator_graph, op),
                )
