"""`maenas measure`: measure the latency of a network on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from maenas.cli.latency.predict import All
from maenas.cli.options import ImageSize, Json, Network, Precision, Template, Threads


def measure(
    network: Network,
    device: Annotated[
        str,
        typer.Option(
            help="Device: cpu, cuda, a GPU by name, or a table for its device and settings."
        ),
    ] = "cpu",
    precision: Precision = None,
    threads: Threads = None,
    template: Template = None,
    input_size: ImageSize = None,
    show_all: All = False,
    as_json: Json = False,
) -> None:
    """Measure the latency of a network on this machine and compare it with the prediction."""
    import maenas
    from maenas.budgets.image_size import parse_input_size
    from maenas.cli.latency.listing import SHOWN, UNLISTED, comparison, print_layers
    from maenas.latency.measure import measured_mean, run_in
    from maenas.latency.predict import not_included
    from maenas.terminal.console import OUT, print_json
    from maenas.terminal.device_warnings import warn_of

    result = maenas.measure(
        network,
        device,
        precision=precision,
        threads=threads,
        template=template,
        input_size=parse_input_size(input_size),
    )
    warn_of([result.model])
    if as_json:
        print_json(result.to_json())
        return
    figures = result.whole_timing.figures()
    ran = run_in(result.whole or result.measured, result.target)
    OUT.print(
        f"{result.workload.name} ({result.workload.what}): {figures['p50']:.3f} ms measured "
        f"(min {figures['min']:.3f}, p95 {figures['p95']:.3f}, cv {100 * figures['cv']:.1f}%, "
        f"{len(result.whole_timing.ms)} runs), {ran}, batch 1"
    )
    OUT.print("; ".join(f"{key}: {value}" for key, value in result.provenance.items()))
    for warning in result.warnings:
        OUT.print(f"warning: {warning}")
    if result.whole is not None:
        OUT.print(
            f"{result.timing.p50:.3f} ms of it is the network, the only part that is predicted "
            f"and listed; {not_included(result.workload)}"
        )
    for line in comparison(result):
        OUT.print(line)
    listed = sum(layer.ms for layer in result.lines)
    unlisted = 1 - listed / measured_mean(result.measured)
    # Of a disturbed measurement the share is one of the disturbance.
    if result.lines and unlisted > UNLISTED and not result.warnings:
        OUT.print(
            f"{100 * unlisted:.0f}% of the time is in no layer listed: in operators without a "
            "price, or between layers"
        )
    if result.lines:
        print_layers(result.lines, None if show_all else SHOWN)
