"""`maenas predict`: what a network will take, operator by operator."""

from __future__ import annotations

from typing import Annotated

import typer

from maenas.cli.options import InputSize, Json, Network, Template
from maenas.latency.predict import (
    SHOWN,
    amount,
    guesses,
    not_included,
    priced_lines,
    print_lines,
    report,
)

All = Annotated[bool, typer.Option("--all", help="List every layer, not only the most expensive.")]


def predict(
    network: Network,
    device: Annotated[
        str | None,
        typer.Option(help="A measured or bundled device, or a table's file. (the run's, else t4)"),
    ] = None,
    template: Template = None,
    input_size: InputSize = None,
    show_all: All = False,
    as_json: Json = False,
) -> None:
    """Predict latency from a device's prices: total, layers by cost, share by kind."""
    from maenas.budgets import load_device
    from maenas.latency.workload import find_subject
    from maenas.terminal.console import ERR, OUT, print_json

    named = None if device is None else load_device(device)
    subject = find_subject(network, template, input_size)
    model = named or load_device(subject.device or "t4")
    lines = priced_lines(subject, model)
    total = sum(line.ms for line in lines)
    subject.require_known(f"; all else takes {amount(lines, 3)} ms on {model.device}")
    if model.warning is not None:
        ERR.print(f"warning: {model.device}: {model.warning}")
    if as_json:
        print_json(report(subject, model, lines))
        return
    OUT.print(f"{subject.name} ({subject.what}): {amount(lines, 3)} ms predicted on {model.device}")
    OUT.print(f"{model.device}: {model.about}")
    print_lines(lines, total, None if show_all else SHOWN)
    for note in guesses(lines, total, model):
        OUT.print(note)
    if subject.behind:
        OUT.print(f"{not_included(subject)}; `maenas measure` times the whole file as well")
