"""`maenas show`: a backbone stage by stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from maenas.blocks import Backbone, Op
from maenas.blocks.backbone_file import block_data
from maenas.budgets import LatencyModel, cost, load_device
from maenas.detector import load_template
from maenas.nas import MaxEntropy, Score
from maenas.runs.models import find_model
from maenas.terminal.console import OUT, print_json

SCHEMA = "maenas/show@1"
DEFAULT_DEVICE = "t4"


def show_spec(
    name: str,
    device_name: str | None,
    template_name: str | None,
    weights: tuple[float, ...] | None,
    as_json: bool,
    score_name: str | None = None,
) -> None:
    """Print the stages of a backbone, with neck and head if its template is known.

    Raises:
        MaenasError: for an invalid spec, device or template.
    """
    model = find_model(name)
    device = load_device(device_name or model.device or DEFAULT_DEVICE)
    template = model.template
    if template_name is not None:
        template = None
        if template_name != "none":
            template = load_template(template_name).with_classes(model.num_classes)
    backbone = model.backbone
    score = model.score(score_name, weights)
    parts: list[tuple[dict[str, Any], tuple[Op, ...]]] = [
        (block_data(stage), ops)
        for stage, ops in zip(backbone.stages, backbone.stage_ops(), strict=True)
    ]
    if template is not None:
        features = backbone.feature_shapes()
        levels = template.neck.out_shapes(features)
        parts.append(({"block": "RepGFPN"}, tuple(template.neck.ops(features))))
        parts.append(({"block": "ZeroHead"}, tuple(template.head.ops(levels))))
    total = score(backbone)
    shares = score.shares(backbone)
    rows = [
        _row(data, ops, device, share, index)
        for index, ((data, ops), share) in enumerate(
            zip(parts, [*shares, None, None], strict=False)
        )
    ]
    everything = [op for _, ops in parts for op in ops]
    price = cost(everything, device)
    result = {
        "schema": SCHEMA,
        "spec": model.name,
        "template": template.name if template else None,
        "in_shape": list(backbone.in_shape),
        "features": list(backbone.features),
        "score": total,
        "score_name": score.name,
        "level_scores": list(score.level_scores(backbone)),
        "weights": list(score.level_weights(1 + max(backbone.levels))),
        "latency_ms": price.latency_ms,
        "latency_kind": device.claim,
        "latency_about": device.about,
        "device": device.device,
        "macs": price.macs,
        "params": price.params,
        "memory_bytes": price.memory_bytes,
        "layers": backbone.layers,
        "depth": [row["depth"] for row in rows[: len(backbone.stages)]],
        "stages": rows,
    }
    if as_json:
        print_json(result)
    else:
        _print(result, backbone, device, score)


def _row(
    data: dict[str, Any],
    ops: Sequence[Op],
    device: LatencyModel,
    score: float | None,
    index: int,
) -> dict[str, Any]:
    price = cost(ops, device)
    return {
        "stage": index,
        "type": data["block"],
        "in_shape": list(ops[0].in_shape),
        "out_shape": list(ops[-1].out_shape),
        "inner_channels": _inner(data, ops),
        "depth": data.get("depth", 1),
        "stride": max(1, ops[0].in_shape[1] // max(1, ops[-1].out_shape[1])),
        "kernel_size": max(max(op.kernel) for op in ops if op.kind == "conv"),
        "spp": bool(data.get("spp", False)),
        "params": price.params,
        "macs": price.macs,
        "latency_ms": price.latency_ms,
        "score": score,
    }


def _inner(data: dict[str, Any], ops: Sequence[Op]) -> int | None:
    """Channels inside the units: the bottleneck, or the expanded width of a Mob stage."""
    if "expand_ratio" in data:
        return max(op.out_shape[0] for op in ops if op.groups > 1)
    return data.get("bottleneck_channels")


def _print(result: dict[str, Any], backbone: Backbone, device: LatencyModel, score: Score) -> None:
    # The table must fit into 80 characters, or numbers are cut off.
    table = Table(title=result["spec"], box=SIMPLE_HEAD, padding=0, show_edge=False)
    table.add_column("")
    table.add_column("type", no_wrap=True)
    for name in ("out", "inner", "depth", "s", "map", "M par", "GMACs", "ms", "%", "score", "%"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in result["stages"]:
        in_backbone = row["stage"] < len(backbone.stages)
        tapped = "*" if in_backbone and row["stage"] in result["features"] else ""
        shape = [
            str(row["out_shape"][0]),
            str(row["inner_channels"] or ""),
            str(row["depth"]),
            str(row["stride"]),
            "x".join(map(str, dict.fromkeys(row["out_shape"][1:]))),
        ]
        share = row["score"]
        table.add_row(
            f"{row['stage']}{tapped}" if in_backbone else "",
            row["type"] + ("+spp" if row["spp"] else ""),
            *(shape if in_backbone else [""] * len(shape)),
            _six(row["params"] / 1e6),
            _six(row["macs"] / 1e9),
            f"{row['latency_ms']:.3f}",
            f"{100 * row['latency_ms'] / result['latency_ms']:.1f}",
            "" if share is None else f"{share:.2f}",
            "" if share is None else f"{100 * share / (result['score'] or 1.0):.1f}",
        )
    table.add_section()
    table.add_row(
        "",
        "total",
        "",
        "",
        f"{result['layers']} L",
        "",
        "",
        _six(result["params"] / 1e6),
        _six(result["macs"] / 1e9),
        f"{result['latency_ms']:.3f}",
        "100",
        f"{result['score']:.2f}",
        "100",
    )
    OUT.print(table)
    OUT.print("out, inner: channels; s: stride; map: side at the end; M par: million parameters.")
    OUT.print(f"ms: {device.about}.")
    weights = ", ".join(f"{weight:g}" for weight in result["weights"])
    last = len(result["weights"])
    name = "maximum entropy" if isinstance(score, MaxEntropy) else score.name
    unit = f" in {score.unit}" if score.unit else ""
    OUT.print(f"score: {name}{unit}, weights {weights} for C1 to C{last}.")
    if result["template"] is None:
        OUT.print("Only the backbone; --template SCALE shows it with neck and head.")
    else:
        OUT.print(f"* goes to the neck of template {result['template']}.")


def _six(value: float) -> str:
    """The number in at most six characters."""
    return f"{value:.3f}" if value < 100 else f"{value:.2f}"
