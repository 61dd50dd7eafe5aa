"""`maenas zoo`: the published models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maenas.cli.options import Json

if TYPE_CHECKING:
    from maenas.detection.zoo import ZooModel, ZooResult


def zoo(as_json: Json = False) -> None:
    """List the published models, usable as zoo:NAME wherever a spec is expected."""
    import maenas
    from maenas.terminal.console import print_json

    result = maenas.zoo()
    print_json(result.to_json()) if as_json else print_models(result)


def print_models(result: ZooResult) -> None:
    """Print a table of the models, with the figures computed here and those published."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from maenas.terminal.console import OUT

    table = Table(
        box=SIMPLE_HEAD,
        padding=0,
        show_edge=False,
        title="published models, usable as zoo:NAME",
        caption="params and GFLOPs: counted here / published, two operations per "
        "multiply-accumulate and BatchNorms kept, as the report counts. AP: COCO val 2017, "
        "distilled in brackets, "
        "published; so is the latency (batch 1, without NMS): "
        f"{latencies(result)}. mae-det and csp-darknet: backbones alone.",
        caption_justify="left",
    )
    table.add_column("name", no_wrap=True)
    for column in ("size", "layers", "params M", "GFLOPs", "AP", "ms"):
        table.add_column(column, justify="right", no_wrap=True)
    for model in result.models:
        table.add_row(*cells(model))
    OUT.print(table)


def cells(model: ZooModel) -> list[str]:
    """The cells of a model's row."""
    own = [
        f"zoo:{model.name}",
        str(model.backbone.in_shape[1]),
        str(model.backbone.layers),
        f"{model.params / 1e6:.2f}",
        f"{model.gflops:.2f}",
    ]
    figures = model.published
    if figures is None:
        return [*own, "", ""]
    distilled = f" ({figures.ap_distilled})" if figures.ap_distilled else ""
    own[3] += f" / {figures.mparams}"
    own[4] += f" / {figures.gflops}"
    return [*own, f"{figures.ap}{distilled}", f"{figures.latency_ms}"]


def latencies(result: ZooResult) -> str:
    """Text that says which device the latencies were measured on."""
    names: dict[str, list[str]] = {}
    for model in result.models:
        if model.published is not None:
            names.setdefault(model.published.latency_on, []).append(model.published.template)
    return ", ".join(f"{device} ({' '.join(scales)})" for device, scales in names.items())
