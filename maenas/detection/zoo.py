"""`maenas zoo`: the published models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from maenas.blocks import Op, load_backbone, zoo_names
from maenas.detector import load_template
from maenas.detector.model.published import load_published, report_gflops
from maenas.nas import max_entropy
from maenas.terminal.console import OUT, print_json

SCHEMA = "maenas/zoo@1"


def print_zoo(as_json: bool) -> None:
    """Print the models with the costs computed here and the published figures."""
    models = [_model(name) for name in zoo_names()]
    if as_json:
        print_json({"schema": SCHEMA, "models": models})
        return
    table = Table(
        box=SIMPLE_HEAD,
        padding=0,
        show_edge=False,
        title="published models, usable as zoo:NAME",
        caption="params and GFLOPs: counted here / published, two operations per "
        "multiply-accumulate "
        "and BatchNorms kept, as the report counts. AP: COCO val 2017, distilled in brackets, "
        f"published; so is the latency (batch 1, without NMS): {_latencies(models)}. mae-det "
        "and csp-darknet: backbones alone.",
        caption_justify="left",
    )
    table.add_column("name", no_wrap=True)
    for column in ("size", "layers", "params M", "GFLOPs", "AP", "ms"):
        table.add_column(column, justify="right", no_wrap=True)
    for model in models:
        figures = model["published"]
        table.add_row(
            f"zoo:{model['name']}",
            str(model["in_shape"][1]),
            str(model["layers"]),
            f"{model['params'] / 1e6:.2f}" + (f" / {figures['mparams']}" if figures else ""),
            f"{model['gflops']:.2f}" + (f" / {figures['gflops']}" if figures else ""),
            ""
            if not figures
            else f"{figures['ap']}"
            + (f" ({figures['ap_distilled']})" if figures["ap_distilled"] else ""),
            "" if not figures else f"{figures['latency_ms']}",
        )
    OUT.print(table)


def _latencies(models: Sequence[dict[str, Any]]) -> str:
    """Line that says which device the latencies were measured on."""
    names: dict[str, list[str]] = {}
    for model in models:
        if model["published"] is not None:
            scale = model["published"]["template"]
            names.setdefault(model["published"]["latency_on"], []).append(scale)
    return ", ".join(f"{device} ({' '.join(scales)})" for device, scales in names.items())


def _model(name: str) -> dict[str, Any]:
    backbone = load_backbone(f"zoo:{name}")
    figures = load_published().get(name)
    ops: list[Op] = list(backbone.ops())
    if figures is not None:
        ops += load_template(figures.template).ops(backbone.feature_shapes())
    return {
        "name": name,
        "in_shape": list(backbone.in_shape),
        "layers": backbone.layers,
        "score": max_entropy(backbone),
        "scope": "detector" if figures else "backbone",
        "params": sum(op.params for op in ops),
        "macs": sum(op.macs for op in ops),
        "gflops": report_gflops(ops),
        "published": None
        if figures is None
        else {
            "template": figures.template,
            "ap": figures.ap,
            "ap_distilled": figures.ap_distilled,
            "latency_ms": figures.latency_ms,
            "latency_on": figures.latency_on,
            "gflops": figures.gflops,
            "mparams": figures.mparams,
            "source": "DAMO-YOLO report v2, arXiv 2211.15444, and its repository",
        },
    }
