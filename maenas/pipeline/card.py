"""The summary at the end of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from maenas.pipeline.plan import CARD_FILE
from maenas.pipeline.result import RunResult
from maenas.runs.few_steps import few_steps_warning
from maenas.runs.folders import TRAINING
from maenas.runs.training_table import training_rows
from maenas.terminal.progress import clock

SHOWN_CLASSES = 6
DISTURBED = 0.8  # speed relative to that of the table, below which the card says so


def card_of(result: RunResult) -> Table:
    """What the detector reaches, and where its files are, as a table for the terminal."""
    card = Table.grid(padding=(0, 2))
    card.add_column(style="bold")
    card.add_column()
    for name, text in card_rows(result):
        card.add_row(name, text)
    return card


def card_rows(result: RunResult) -> list[tuple[str, str]]:
    """The lines of the summary: a name and a text each."""
    found = result.record.result("search")
    rows = [
        ("data", data_line(result)),
        ("latency", latency_line(result)),
        *(("warning", line) for line in warning_lines(found)),
        ("accuracy", accuracy_line(result)),
        ("classes", classes_line(result)),
        *(("warning", line) for line in training_warnings(result)),
        (
            "network",
            f"{found['params'] / 1e6:.2f} M params, {2 * found['macs'] / 1e9:.2f} GFLOPs, "
            f"{found['layers']} layers, {result.images} pixels",
        ),
        ("detector", str(result.detector)),
        ("exported", str(result.model)),
        ("detections", str(result.folder / "detections")),
        ("card", str(result.folder / CARD_FILE)),
        ("report", str(result.folder / "report.html")),
        ("time", time_line(result)),
        ("next", f"maenas detect {result.model} IMAGES --draw"),
    ]
    return rows


def data_line(result: RunResult) -> str:
    """The data set, and that it was generated where the user named none."""
    origin = "" if result.record.options.data else " (generated shapes; --data takes your own)"
    return f"{result.plan.data}{origin}"


def warning_lines(found: Mapping[str, Any]) -> list[str]:
    """Reasons not to trust the predictions of a search, one line per device.

    Args:
        found: result of the search as plain data.
    """
    devices = found.get("latencies") or [found]
    return [
        f"{one['device']}: {one['latency_warning']}"
        for one in devices
        if one.get("latency_warning") is not None
    ]


def training_warnings(result: RunResult) -> list[str]:
    """Why the detector may find little: a training from random weights was too short."""
    rows = training_rows(result.folder / TRAINING)
    if not rows or result.record.options.init is not None:
        return []
    few = few_steps_warning(int(rows[-1]["step"]), int(rows[-1]["epoch"]))
    return [] if few is None else [few]


def latency_line(result: RunResult) -> str:
    """Latency of the exported file against the budget."""
    device, limit, predicted = result.plan.device, result.limit_ms, result.predicted_ms
    budget = "" if limit is None else f" of {limit:.3f} ms"
    if result.measured_ms is None:
        known = "no budget of latency" if predicted is None else f"{predicted:.3f} ms predicted"
        return f"{known}{budget} on {device}, which is not in this machine"
    said = "" if predicted is None else f"; the search predicted {predicted:.3f} ms"
    over = ""
    if limit is not None and result.measured_ms > limit:
        over = f" ({100 * (result.measured_ms / limit - 1):.1f} % over)"
    slower = ""
    if result.speed < DISTURBED:
        slower = f"; other jobs slow the machine to {100 * result.speed:.0f} % of its speed"
    return f"{result.measured_ms:.3f} ms measured{budget}{over} on {device}{said}{slower}"


def accuracy_line(result: RunResult) -> str:
    """AP on the split that the detector was evaluated on."""
    images = result.record.result("val")["images"]
    return f"AP {result.ap:.3f}, AP50 {result.ap50:.3f} on {images} images of split {result.split}"


def classes_line(result: RunResult) -> str:
    """AP of each class, the highest first; of many classes, the lowest alone."""
    every = [one for one in result.record.result("val")["per_class"] if one["ap"] is not None]
    every.sort(key=lambda one: one["ap"], reverse=True)
    lowest = every[-SHOWN_CLASSES:]
    listed = ", ".join(f"{one['name']} {one['ap']:.3f}" for one in lowest)
    return listed if len(every) <= SHOWN_CLASSES else f"the lowest of {len(every)}: {listed}"


def time_line(result: RunResult) -> str:
    """The time of all steps, and of the longest ones."""
    steps = result.record.steps
    longest = sorted(steps, key=lambda step: step.seconds, reverse=True)[:2]
    parts = ", ".join(f"{step.name} {clock(step.seconds)}" for step in longest)
    return f"{clock(sum(step.seconds for step in steps))} in all; {parts}"
