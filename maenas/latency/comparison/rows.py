"""Rows of a comparison of networks, for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from maenas.latency.comparison.compare import ComparedNetwork

MISSING = "-"


def rows(found: Sequence[ComparedNetwork]) -> list[tuple[str, list[str]]]:
    """Labels and cells of the table; a row that is empty for every network is left out."""

    def row(label: str, cell: Callable[[ComparedNetwork], str | None]) -> None:
        cells = [cell(network) for network in found]
        if any(cells):
            listed.append((label, [each or MISSING for each in cells]))

    listed: list[tuple[str, list[str]]] = []
    row("kind", lambda each: each.what + (", no NMS" if each.one_to_one else ""))
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
