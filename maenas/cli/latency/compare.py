"""`maenas compare`: networks side by side."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from maenas.cli.options import ImageSize, Json, Template

LOG = logging.getLogger(__name__)


def compare(
    networks: Annotated[
        list[str],
        typer.Argument(help="Specs, detector or run folders, zoo:NAME or ONNX files."),
    ],
    device: Annotated[
        list[str] | None,
        typer.Option(
            help="A measured or bundled device, or a table's file; repeatable. (the "
            "networks', else t4)"
        ),
    ] = None,
    template: Template = None,
    input_size: ImageSize = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write the comparison as a page with charts."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare networks: stages, params, MACs, latency on several devices, scores, AP."""
    import maenas
    from maenas.budgets.image_size import parse_input_size
    from maenas.latency.comparison.compare import notes_of, to_json
    from maenas.latency.comparison.rows import rows
    from maenas.terminal.console import OUT, print_json
    from maenas.terminal.device_warnings import warn_of

    size = parse_input_size(input_size)
    found = maenas.compare(networks, device or (), template=template, input_size=size, html=html)
    warn_of(found[0].latencies)
    if html is not None:
        LOG.info(f"page: {html}")
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
                LOG.info(f"{network.name} on {latency.device}: {latency.reason}")
    for note in notes_of(found):
        OUT.print(note)
    if len({network.blocks for network in found if network.scores}) > 1:
        OUT.print("scores compare only between networks with the same blocks: a row for each kind")
