"""`maenas measure`: what a network really takes on the device at hand."""

from __future__ import annotations

from typing import Annotated

import typer

from maenas.cli.latency.predict import All
from maenas.cli.options import InputSize, Json, Network, Precision, Template, Threads
from maenas.latency.measure import (
    UNLISTED,
    comparison,
    find_target,
    measured_lines,
    measured_mean,
    report,
    run_in,
    time_subject,
    timing_of,
)
from maenas.latency.predict import SHOWN


def measure(
    network: Network,
    device: Annotated[
        str, typer.Option(help="cpu, cuda, a GPU by name, or a table: its device and settings.")
    ] = "cpu",
    precision: Precision = None,
    threads: Threads = None,
    template: Template = None,
    input_size: InputSize = None,
    show_all: All = False,
    as_json: Json = False,
) -> None:
    """Measure latency on this machine, and hold it against what was predicted."""
    from maenas.budgets import DeviceError
    from maenas.budgets.backends import open_backend
    from maenas.latency.predict import not_included, print_lines
    from maenas.latency.workload import find_subject
    from maenas.terminal.console import ERR, OUT, print_json

    target, model, reference_ms = find_target(device, precision, threads)
    subject = find_subject(network, template, input_size)
    ERR.print(f"measuring {subject.name} with {target.backend}")
    backend = open_backend(target)
    predicted = None
    if model is not None and not subject.unknown:
        try:
            predicted = model.latency_ms(subject.ops)
        except DeviceError as error:
            ERR.print(f"not predicted: {error}")
    measured, whole = time_subject(backend, subject)
    timing = timing_of(measured, reference_ms)
    shown = timing if whole is None else timing_of(whole, reference_ms)
    lines = measured_lines(measured)
    if as_json:
        print_json(
            report(subject, target, backend, timing, lines, model, predicted, measured, whole)
        )
        return
    figures = shown.figures()
    OUT.print(
        f"{subject.name} ({subject.what}): {figures['p50']:.3f} ms measured "
        f"(min {figures['min']:.3f}, p95 {figures['p95']:.3f}, cv {100 * figures['cv']:.1f}%, "
        f"{len(shown.ms)} runs), {run_in(whole or measured, target)}, batch 1"
    )
    OUT.print("; ".join(f"{key}: {value}" for key, value in backend.provenance().items()))
    for warning in (whole or measured).sample.warnings:
        OUT.print(f"warning: {warning}")
    if whole is not None:
        OUT.print(
            f"{timing.p50:.3f} ms of it is the network, which alone is predicted and listed; "
            f"{not_included(subject)}"
        )
    if model is not None and predicted is not None:
        for line in comparison(timing, predicted, model):
            OUT.print(line)
    unlisted = 1 - sum(line.ms for line in lines) / measured_mean(measured)
    if lines and unlisted > UNLISTED:
        OUT.print(
            f"{100 * unlisted:.0f}% of the time is in no layer listed: in operators that nothing "
            "here knows, or between layers"
        )
    if lines:
        print_lines(lines, sum(line.ms for line in lines), None if show_all else SHOWN)
