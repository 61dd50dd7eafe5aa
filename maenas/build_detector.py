"""`maenas build-detector`: a complete detector around a backbone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from blocks import Backbone
    from budgets import LatencyModel
    from detector import Template
    from detector.spec import DetectorSpec

SCHEMA = "maenas/build-detector@1"
DEFAULT_CLASSES = 80  # of COCO


def build_detector(
    spec: Annotated[
        str, typer.Argument(help="A backbone file, a run folder or zoo:NAME.", metavar="SPEC")
    ],
    num_classes: Annotated[
        int | None, typer.Option(help="Classes to detect. (as many as names, else 80)")
    ] = None,
    names: Annotated[
        str | None, typer.Option(help="Their names, separated by commas.", metavar="A,B,..")
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(
            help="Scale of neck and head: ns nm nl t s m l. (the run's, else the nearest)"
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="Price latency on this target. (the run's, else t4)")
    ] = None,
    resize: Annotated[
        str,
        typer.Option(help="How pictures get to its size: letterbox keeps proportions, or stretch."),
    ] = "letterbox",
    out: Annotated[Path, typer.Option(help="Folder of the detector.")] = Path("runs/detector"),
    exist_ok: Annotated[
        bool, typer.Option("--exist-ok", help="Replace the detector in the folder.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on stdout.")
    ] = False,
) -> None:
    """Assemble the DAMO-YOLO detector around a backbone and write it into a folder."""
    from dataclasses import replace

    from blocks import SpecError
    from blocks.errors import one_of
    from budgets import load_device
    from detector import load_template
    from detector.checkpoint import SPEC_FILE, WEIGHTS_FILE, save_folder
    from detector.spec import Resize, assemble
    from maenas.console import OUT, print_json
    from maenas.models import find_model

    named = find_model(spec)
    chosen = load_template(template) if template else named.template or nearest(named.backbone)
    words = tuple(names.split(",")) if names else ()
    if words and num_classes is not None and num_classes != len(words):
        raise SpecError(f"names: must be one a class ({num_classes}), got {len(words)}.")
    classes = DEFAULT_CLASSES if num_classes is None else num_classes
    one_of("build-detector", "--resize", resize, get_args(Resize))
    assembled = assemble(named.backbone, chosen, len(words) or classes, words)
    detector = replace(assembled, resize=resize)  # type: ignore[arg-type]
    for file in (SPEC_FILE, WEIGHTS_FILE):
        if (out / file).exists():
            if not exist_ok:
                raise SpecError(
                    f"{out / file}: exists; --exist-ok replaces it, --out names another folder."
                )
            (out / WEIGHTS_FILE).unlink(missing_ok=True)  # of the old detector
    receipt = (f"maenas build-detector {spec} --template {chosen.name}",)
    save_folder(out, detector, None, receipt)
    target = load_device(device or named.device or "t4")
    result = report(detector, chosen.name, out / SPEC_FILE, target)
    if as_json:
        print_json(result)
    else:
        OUT.print(table(result))
        OUT.print(f"latency {target.about}")
        OUT.print(f"spec: {out / SPEC_FILE} (no weights yet)")


def nearest(backbone: Backbone) -> Template:
    """The template of the scale whose published backbone does about as much work."""
    from budgets import Budget
    from detector import load_template
    from maenas.plan import choose_template

    macs = sum(op.macs for op in backbone.ops())
    budget = Budget("macs", macs, f"{macs}MACs")
    return load_template(choose_template((budget,), None, "backbone"))


def report(
    detector: DetectorSpec, template: str, path: Path, device: LatencyModel
) -> dict[str, Any]:
    """What the detector is made of and costs, part by part."""
    from budgets import cost

    features = detector.backbone.feature_shapes()
    levels = detector.neck.out_shapes(features)
    parts = {
        "backbone": detector.backbone.ops(),
        "neck": tuple(detector.neck.ops(features)),
        "head": tuple(detector.head.ops(levels)),
        "total": detector.ops(),
    }
    costs = {}
    for name, ops in parts.items():
        price = cost(ops, device)
        costs[name] = {
            "params": price.params,
            "macs": price.macs,
            "gflops": 2 * price.macs / 1e9,
            "latency_ms": price.latency_ms,
        }
    return {
        "schema": SCHEMA,
        "spec": str(path),
        "template": template,
        "in_shape": list(detector.backbone.in_shape),
        "num_classes": detector.head.num_classes,
        "names": list(detector.names),
        "device": device.device,
        "latency_kind": device.claim,
        "latency_about": device.about,
        **costs["total"],
        "parts": costs,
    }


def table(result: dict[str, Any]) -> Table:
    """The costs for people."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    shape = "x".join(map(str, result["in_shape"][1:]))
    drawn = Table(
        title=f"{result['num_classes']} classes, {shape}, template {result['template']}",
        box=SIMPLE_HEAD,
    )
    for name in ("part", "params M", "GMACs", "GFLOPs", "ms", "%"):
        drawn.add_column(name, justify="left" if name == "part" else "right")
    total = result["parts"]["total"]["latency_ms"]
    for name, part in result["parts"].items():
        drawn.add_row(
            name,
            f"{part['params'] / 1e6:.3f}",
            f"{part['macs'] / 1e9:.3f}",
            f"{part['gflops']:.2f}",
            f"{part['latency_ms']:.3f}",
            f"{100 * part['latency_ms'] / total:.1f}",
        )
    return drawn
