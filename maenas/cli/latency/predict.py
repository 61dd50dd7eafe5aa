"""`maenas predict`: predict the latency of a network from the prices of a device."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from maenas.cli.options import ImageSize, Json, Network, Template

LOG = logging.getLogger(__name__)

All = Annotated[bool, typer.Option("--all", help="List every layer, not only the most expensive.")]


def predict(
    network: Network,
    images: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    device: Annotated[
        str | None,
        typer.Option(help="A measured or bundled device, or a table's file. (the run's, else t4)"),
    ] = None,
    template: Template = None,
    input_size: ImageSize = None,
    show_all: All = False,
    as_json: Json = False,
) -> None:
    """Predict the latency of a network on a device: total, layers by latency, shares by kernel."""
    import maenas
    from maenas.blocks import SpecError
    from maenas.budgets.image_size import parse_input_size
    from maenas.cli.latency.listing import SHOWN, extrapolated, print_layers
    from maenas.latency.predict import amount, left_out, not_included
    from maenas.terminal.console import OUT, print_json
    from maenas.terminal.device_warnings import warn_of

    if images:
        raise SpecError(
            "predict: prices the latency of a network and takes no images; "
            f"`maenas detect {network} {images[0]}` finds the objects in them."
        )
    result = maenas.predict(
        network, device, template=template, input_size=parse_input_size(input_size)
    )
    workload, model = result.workload, result.model
    warn_of([model])
    if result.unpriced:
        LOG.warning(left_out(result))
    if as_json:
        print_json(result.to_json())
        return
    OUT.print(
        f"{workload.name} ({workload.what}): {amount(result.lines, 3)} ms predicted "
        f"on {model.device}{', without the operators that have no price' * bool(result.unpriced)}"
    )
    OUT.print(f"{model.device}: {model.about if model.warning is None else model.brief}")
    print_layers(result.lines, None if show_all else SHOWN)
    for line in extrapolated(result):
        OUT.print(line)
    if workload.behind:
        OUT.print(f"{not_included(workload)}; `maenas measure` times the whole file as well")
