"""The result of `maenas show` as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maenas.backbone_search.stages import ShowResult, StageRow


def print_stages(result: ShowResult) -> None:
    """Print a table with a row per stage, and what its columns mean."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from maenas.nas import MaxEntropy
    from maenas.terminal.console import OUT

    # The table must fit into 80 characters, or numbers are cut off.
    table = Table(title=result.name, box=SIMPLE_HEAD, padding=0, show_edge=False)
    table.add_column("")
    table.add_column("type", no_wrap=True)
    for name in ("out", "inner", "depth", "s", "map", "M par", "GMACs", "ms", "%", "score", "%"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in result.rows:
        table.add_row(*cells(row, result))
    table.add_section()
    table.add_row(
        "",
        "total",
        "",
        "",
        f"{result.backbone.layers} L",
        "",
        "",
        _six(result.cost.params / 1e6),
        _six(result.cost.macs / 1e9),
        f"{result.cost.latency_ms:.3f}",
        "100",
        f"{result.total:.2f}",
        "100",
    )
    OUT.print(table)
    OUT.print("out, inner: channels; s: stride; map: side at the end; M par: million parameters.")
    OUT.print(f"ms: {result.device.about}.")
    for limited in result.limited:
        OUT.print(f"budget: {limited.line}.")
    weights = ", ".join(f"{weight:g}" for weight in result.weights)
    name = "maximum entropy" if isinstance(result.score, MaxEntropy) else result.score.name
    unit = f" in {result.score.unit}" if result.score.unit else ""
    OUT.print(f"score: {name}{unit}, weights {weights} for C1 to C{len(result.weights)}.")
    if result.template is None:
        OUT.print("Only the backbone; --template SCALE shows it with neck and head.")
    else:
        OUT.print(f"* goes to the neck of template {result.template.name}.")


def cells(row: StageRow, result: ShowResult) -> list[str]:
    """The cells of a row."""
    in_backbone = row.stage < len(result.backbone.stages)
    tapped = "*" if in_backbone and row.stage in result.backbone.features else ""
    shape = [
        str(row.out_shape[0]),
        str(row.inner_channels or ""),
        str(row.depth),
        str(row.stride),
        "x".join(map(str, dict.fromkeys(row.out_shape[1:]))),
    ]
    share = row.score
    return [
        f"{row.stage}{tapped}" if in_backbone else "",
        row.type + ("+spp" if row.spp else ""),
        *(shape if in_backbone else [""] * len(shape)),
        _six(row.params / 1e6),
        _six(row.macs / 1e9),
        f"{row.latency_ms:.3f}",
        f"{100 * row.latency_ms / result.cost.latency_ms:.1f}",
        "" if share is None else f"{share:.2f}",
        "" if share is None else f"{100 * share / (result.total or 1.0):.1f}",
    ]


def _six(value: float) -> str:
    """The number in at most six characters."""
    return f"{value:.3f}" if value < 100 else f"{value:.2f}"
