"""Arguments and options shared by several commands, and the panels of the help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

# Panels of the commands.
WHOLE, SEARCH, DETECTORS, TRAINING, LATENCY, MACHINE = (
    "All of it, in one command",
    "Search a backbone",
    "Build and run a detector",
    "Train and evaluate",
    "Latency of a device",
    "This machine and the files",
)
# Panels of the options; options without a panel are listed above them.
BUDGET, NETWORK, METHOD = "Budget", "Network", "Method"
THRESHOLDS, COMPUTE, OUTPUT = "Thresholds", "Where it runs", "Output"

# Output
Json = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON object on stdout.", rich_help_panel=OUTPUT),
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Continue the run in the folder.", rich_help_panel=OUTPUT),
]
ExistOk = Annotated[
    bool,
    typer.Option(
        "--exist-ok", help="Write into a folder that is not empty.", rich_help_panel=OUTPUT
    ),
]

# Networks
Spec = Annotated[str, typer.Argument(help="A spec file, a run folder or zoo:NAME.", metavar="SPEC")]
Network = Annotated[
    str,
    typer.Argument(
        help="A spec, a detector or run folder, zoo:NAME or an .onnx file.", metavar="NETWORK"
    ),
]
Template = Annotated[
    str | None,
    typer.Option(
        help="Neck and head around a backbone: ns nm nl t s m l cn cs, a .yaml or none. (the "
        "network's own)"
    ),
]
ImageSize = Annotated[
    str | None,
    typer.Option(
        "--input-size",
        help="Side of the image in pixels, or height and width as in 64x320. (the network's own)",
        metavar="SIDE|HxW",
    ),
]
PriceDevice = Annotated[
    str | None,
    typer.Option("--device", help="Device that latency is priced for. (the run's, else t4)"),
]
RunWeights = Annotated[
    str | None,
    typer.Option(
        "--weights",
        help="Weights of the score, one per resolution level. (the run's, else 0,0,1,1,6)",
        metavar="W,..",
    ),
]
Score = Annotated[
    str | None,
    typer.Option(
        "--score",
        help="Score: max-entropy, log-entropy, log-macs (with a tilt: log-macs:t=0.5), macs, "
        "params, activations, layers, ln-width, a .yaml file or module:object. "
        "(the run's, else max-entropy)",
    ),
]

# Compute
Workers = Annotated[int, typer.Option(help="Number of processes.", rich_help_panel=COMPUTE)]
Ray = Annotated[
    str | None,
    typer.Option(
        help="Ray cluster to use: auto, local to start one here, or its address.",
        metavar="ADDRESS",
        rich_help_panel=COMPUTE,
    ),
]
Compute = Annotated[
    str,
    typer.Option(help="Device that torch computes on: cpu, cuda:0.", rich_help_panel=COMPUTE),
]
Threads = Annotated[
    int | None, typer.Option(help="Number of CPU threads. (all cores)", rich_help_panel=COMPUTE)
]
RunPrecision = Annotated[
    str | None,
    typer.Option(
        "--precision",
        help="Number format that OpenVINO computes in: f32, f16 or bf16.",
        rich_help_panel=COMPUTE,
    ),
]
Precision = Annotated[
    str | None,
    typer.Option(
        help="Number format of the runtime: f32, bf16, f16 or int8. (f32 on CPUs, f16 on GPUs)",
        rich_help_panel=COMPUTE,
    ),
]
BatchSize = Annotated[int, typer.Option("--batch", help="Batch size of inference.")]

# Thresholds
MaxIou = Annotated[
    float | None,
    typer.Option(
        help="IoU threshold of NMS. (0.7, or that of the model; a one-to-one head needs no NMS)",
        rich_help_panel=THRESHOLDS,
    ),
]
MinScore = Annotated[
    float | None,
    typer.Option(help="Minimum confidence of a detection. (0.4)", rich_help_panel=THRESHOLDS),
]
MaxDetections = Annotated[
    int | None,
    typer.Option(help="Maximum number of detections per image. (300)", rich_help_panel=THRESHOLDS),
]
OneLabel = Annotated[
    bool | None,
    typer.Option(
        "--one-label/--all-labels",
        help="Keep the most confident class of an object, or every class. (one; all with --coco)",
        rich_help_panel=THRESHOLDS,
    ),
]

# Data
A_DATA_SET = "data.yaml, union.yaml, COCO .json, .csv list, or the folder of a data set"
Data = Annotated[Path, typer.Option(help=f"{A_DATA_SET}.")]
