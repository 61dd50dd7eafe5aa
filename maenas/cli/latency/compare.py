"""`maenas compare`: networks side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from maenas.cli.options import ImageSize, Json, Template

if TYPE_CHECKING:
    from maenas.latency.compare import ComparedNetwork

MISSING = "-"


def compare(
    networks: Annotated[
        list[str],
        typer.Argument(help="Specs, detector or run folders, zoo:NAME or ONNX files."),
    ],
    device: Annotated[
        list[str] | None,
        typer.Option(help="A measured or bundled device, or a table's file; repeatable. (t4)"),
    ] = None,
    template: Template = None,
    input_size: ImageSize = None,
    as_json: Json = False,
) -> None:
    """Compare networks: stages, params, MACs, latency on several devices, scores, AP."""
    import maenas
    from maenas.budgets.image_size import parse_input_size
    from maenas.latency.compare import to_json
    from maenas.terminal.console import ERR, OUT, print_json

    size = parse_input_size(input_size)
    found = maenas.compare(networks, device or ["t4"], template=template, input_size=size)
    if as_json:
        print_json(to_json(found))
        return
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD)
    table.add_column("")
    for network in found:
        table.add_column(network.name, justify="right", overflow="fold")
    for label, cells in rows(found):
        table.add_row(label, *cells)
    OUT.print(table)
    for network in found:
        for latency in network.latencies:
            if latency.reason is not None:
                ERR.print(f"{network.name} on {latency.device}: {latency.reason}")
    if len({network.blocks for network in found if network.scores}) > 1:
        OUT.print("scores compare only between networks with the same blocks: a row for each kind")


def rows(found: list[ComparedNetwork]) -> list[tuple[str, list[str]]]:
    """Labels and cells of the table; a row that is empty for every network is left out."""

    def row(label: str, cell: Callable[[ComparedNetwork], str | None]) -> None:
        cells = [cell(network) for network in found]
        if any(cells):
            listed.append((label, [each or MISSING for each in cells]))

    listed: list[tuple[str, list[str]]] = []
    row("kind", lambda each: each.what)
    row("input", lambda each: "x".join(map(str, each.in_shape)))
    row("params", lambda each: f"{each.params / 1e6:.2f} M")
    row("MACs", lambda each: f"{each.macs / 1e9:.2f} G")
    row("largest operator", lambda each: f"{each.memory_bytes / 1e6:.1f} MB")
    for index, latency in enumerate(found[0].latencies):
        row(f"{latency.device}, {latency.kind}", lambda each, i=index: milliseconds(each, i))  # type: ignore[misc]
    row("layers", lambda each: None if each.layers is None else str(each.layers))
    row("widths", lambda each: "/".join(map(str, each.widths)))
    row("depths", lambda each: "/".join(map(str, each.depths)))
    for blocks in dict.fromkeys(each.blocks for each in found if each.scores):
        kinds = "+".join(dict.fromkeys(blocks))
        for name in next(each.scores for each in found if each.blocks == blocks) or {}:
            row(f"{name} of {kinds}", lambda each, n=name, b=blocks: score(each, n, b))  # type: ignore[misc]
    row("best AP of its run", lambda each: None if each.ap is None else f"{each.ap:.4f}")
    return listed


def milliseconds(network: ComparedNetwork, index: int) -> str | None:
    """Latency on one of the devices."""
    ms = network.latencies[index].ms
    return None if ms is None else f"{ms:.3f} ms"


def score(network: ComparedNetwork, name: str, blocks: tuple[str, ...]) -> str | None:
    """A score, if the network is made of these blocks."""
    if network.blocks != blocks or network.scores is None or name not in network.scores:
        return None
    return f"{network.scores[name]:.3f}"
