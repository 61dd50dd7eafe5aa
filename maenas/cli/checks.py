"""`maenas checks`: what works on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from logging import DEBUG
from typing import TYPE_CHECKING

from maenas.cli.options import Json, Ray
from maenas.terminal.log import is_printed

if TYPE_CHECKING:
    from rich.table import Table

    from maenas.budgets import LatencyModel
    from maenas.budgets.cluster import ClusterNode
    from maenas.terminal.checks import ChecksResult


def checks(ray: Ray = None, as_json: Json = False) -> None:
    """Report what works on this machine and on a cluster, and what to install for the rest."""
    import maenas
    from maenas.terminal.console import print_json

    result = maenas.checks(ray)
    print_json(result.to_json()) if as_json else print_checks(result)


def print_checks(result: ChecksResult) -> None:
    """Print versions, missing packages, devices with a latency model, and nodes of a cluster."""
    from rich.table import Table
    from rich.text import Text

    from maenas.terminal.checks import GPU_PACKAGES, GPU_RUNTIMES, PACKAGES
    from maenas.terminal.console import OUT

    OUT.print(
        f"maenas {result.maenas}, Python {result.python}, {result.machine}, "
        f"{result.cores} cores, GPU: {result.gpu or 'none that torch can use'}"
    )
    table = Table()
    for column in ("package", "version", "for", "to install"):
        table.add_column(column)
    for name, (purpose, how) in PACKAGES.items():
        found = result.packages[name]
        if not found and result.gpu is None and name in GPU_PACKAGES:
            table.add_row(name, "no GPU", purpose, "")
            continue
        table.add_row(name, found or Text("missing", "yellow"), purpose, "" if found else how)
    OUT.print(table)
    for runtime in result.runtimes:
        why_not = runtime.why_not
        if result.gpu is None and runtime.backend in GPU_RUNTIMES and not is_printed(DEBUG):
            why_not = "no GPU"
        OUT.print(f"maenas measure with {runtime.about}: {why_not or 'ready'}")
    for name, why in result.damaged.items():
        OUT.print(f"--device {name}: damaged: {why}")
    for device in result.devices:
        OUT.print(device_line(device, OUT.width))
    if result.devices and not is_printed(DEBUG):
        OUT.print("sources and errors: maenas checks --verbose, maenas tables show DEVICE")
    if result.nodes is not None:
        OUT.print(nodes_table(result.nodes))
    OUT.print(verdict(result))


def device_line(device: LatencyModel, width: int) -> str:
    """A line about a latency model, cut to a width but for `--verbose`; a warning stays."""
    start = f"--device {device.device}: latency "
    if is_printed(DEBUG):
        return f"{start}{device.about}"
    warning = "" if device.warning is None else "; UNRELIABLE"
    source = device.about.partition("; ")[0]
    room = max(width - len(start) - len(warning), 1)
    return f"{start}{source if len(source) <= room else f'{source[: room - 3]}...'}{warning}"


def verdict(result: ChecksResult) -> str:
    """A line that says which of searching, training and measuring can be done here."""
    from maenas.terminal.checks import JOBS

    lacking = result.lacking
    ready = [job for job in JOBS if job not in lacking]
    whole = " and ".join(", ".join(ready).rsplit(", ", 1))
    parts = [f"{whole} on this CPU: ready"] if ready else []
    return "; ".join([*parts, *(f"{job}: {why}" for job, why in lacking.items())])


def nodes_table(nodes: Sequence[ClusterNode]) -> Table:
    """A table of a cluster's nodes: their resources, and whether they can be used."""
    from rich.table import Table
    from rich.text import Text

    from maenas.budgets.cluster import here

    table = Table()
    for column in ("node", "CPUs", "GPUs", "devices", "maenas", "torch", "usable"):
        table.add_column(column)
    for node in nodes:
        others = {"CPU", "GPU", "memory"}
        devices = ", ".join(f"{n} {a:g}" for n, a in node.resources.items() if n not in others)
        different = "; ".join(node.differences(here()))
        table.add_row(
            node.address,
            f"{node.resources.get('CPU', 0):g}",
            f"{node.resources.get('GPU', 0):g}",
            devices,
            node.versions.get("maenas", "missing"),
            node.versions.get("torch", "missing"),
            Text(f"no: {different}", "yellow") if different else "yes",
        )
    return table
