"""`maenas detect`: what a detector sees in pictures and videos."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from detector.pictures import Source
    from detector.results import CocoIds
    from maenas.detector import Detector
    from maenas.looking import Outcome

SCHEMA = "maenas/detect@1"
# of Outcome.seconds -> what people call it; the first is not the detector's
PARTS = {
    "read": "reading",
    "before": "pre-processing",
    "network": "network",
    "after": "post-processing",
}
WEAK_SCORE = 0.05  # where DAMO-YOLO's evaluation begins to count
RESULTS_FILE, COCO_FILE = "results.json", "coco.json"


def detect(
    model: Annotated[
        str,
        typer.Argument(
            help="A detector or training run folder, zoo:NAME, .onnx, .xml or .engine.",
            metavar="MODEL",
        ),
    ],
    source: Annotated[
        list[str],
        typer.Argument(help="Pictures, videos, folders, glob patterns.", metavar="SOURCE"),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder to write into. (the next runs/detect/exp)")
    ] = None,
    min_score: Annotated[float, typer.Option(help="Objects score more.")] = 0.4,
    max_iou: Annotated[
        float, typer.Option(help="Overlap beyond which one of two boxes of a class goes.")
    ] = 0.7,
    max_detections: Annotated[int, typer.Option(help="Most objects a picture.")] = 300,
    batch: Annotated[int, typer.Option(help="Pictures at a time.")] = 1,
    precision: Annotated[
        str | None, typer.Option(help="What OpenVINO computes in: f32, f16 or bf16.")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Of the CPU. (all cores)")] = None,
    compute: Annotated[str, typer.Option(help="Where torch runs: cpu, cuda:0.")] = "cpu",
    drawn: Annotated[
        bool, typer.Option("--draw/--no-draw", help="Write the pictures with boxes.")
    ] = True,
    save_json: Annotated[
        bool, typer.Option("--save-json", help="Write results.json: all objects.")
    ] = False,
    coco: Annotated[
        bool, typer.Option("--coco", help="Write coco.json: all objects as COCO results.")
    ] = False,
    annotations: Annotated[
        Path | None, typer.Option(help="COCO file whose image and category ids --coco takes.")
    ] = None,
    exist_ok: Annotated[
        bool, typer.Option("--exist-ok", help="Write into a folder that is not empty.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on stdout.")
    ] = False,
) -> None:
    """Find objects in pictures and videos; draw them, or list them as JSON or COCO results."""
    from blocks import SpecError
    from detector.pictures import PictureError, find_sources
    from detector.thresholds import Thresholds
    from maenas.console import ERR, OUT, print_json
    from maenas.folders import claim
    from maenas.models import require_model

    if batch < 1:
        raise SpecError(f"batch: must be at least 1, got {batch}.")
    thresholds = Thresholds(min_score, max_iou, max_detections)
    require_model(model)
    sources = find_sources(source)

    from maenas.detector import Detector  # torch takes seconds to load, mistakes are told before
    from maenas.looking import look_at

    detector = Detector(model, precision, threads, compute)
    ids = _ids(detector, sources, annotations) if coco or annotations else None
    writes = drawn or save_json or ids is not None
    folder = claim(out, "detect", exist_ok) if writes else None
    ERR.print(detector.runtime.about)
    if not detector.trained:
        ERR.print(f"warning: {detector.untrained()}")
    outcome = look_at(
        *(sources, detector, thresholds, batch),
        folder=folder if drawn else None,
        keep_json=save_json or as_json,
        ids=ids,
    )
    if not outcome.looked and len(outcome.failed) == 1:
        raise PictureError(*outcome.failed.values())
    for message in outcome.failed.values():
        ERR.print(f"passed over: {message}")
    if not outcome.looked:
        if folder is not None and not any(folder.iterdir()):
            folder.rmdir()
        if outcome.interrupted:
            sys.exit(130)
        count = len(outcome.failed)
        raise PictureError(f"none of the {count} files could be read; each is named above.")
    result = _result(model, detector, outcome, folder)
    if folder is not None:
        _write(folder, result if save_json else None, outcome.coco if ids else None)
    if as_json:
        print_json(result)
    else:
        for line in _summary(result, min_score):
            OUT.print(line)
    if outcome.interrupted:
        ERR.print("interrupted; what was found until then is kept")
        sys.exit(130)


def _ids(detector: Detector, sources: Sequence[Source], annotations: Path | None) -> CocoIds:
    """How COCO results are numbered; every picture is looked up before any is read."""
    from detector.results import default_ids, load_ids

    files = [source.path for source in sources]
    if annotations is None:
        pictures = [source.path for source in sources if not source.is_video]
        return default_ids(detector.names, pictures if len(pictures) == len(files) else [])
    ids = load_ids(annotations, detector.names)
    for place, file in enumerate(files):
        ids.image(file, place)
    return ids


def _result(
    model: str, detector: Detector, outcome: Outcome, folder: Path | None
) -> dict[str, Any]:
    """All that `--json` prints; `pictures` only if they were kept."""
    from statistics import median

    result: dict[str, Any] = {
        "schema": SCHEMA,
        "model": model,
        "runtime": detector.runtime.about,
        "trained": detector.trained,
        "in_shape": list(detector.in_shape),
        "names": list(detector.names),
        "folder": None if folder is None else str(folder),
        "looked": outcome.looked,
        "objects": dict(outcome.tally.most_common()),
        "failed": [
            {"file": str(file), "error": message} for file, message in outcome.failed.items()
        ],
        "median_ms": {
            name: round(1e3 * median(outcome.seconds[name]), 3)
            for name in PARTS
            if outcome.seconds[name]
        },
        "interrupted": outcome.interrupted,
    }
    if outcome.pictures:
        result["pictures"] = outcome.pictures
    return result


def _write(folder: Path, result: dict[str, Any] | None, coco: list[dict[str, Any]] | None) -> None:
    """The files of results that were asked for."""
    import json

    from blocks.strict import write_text

    for name, data in ((RESULTS_FILE, result), (COCO_FILE, coco)):
        if data is not None:
            write_text(folder / name, json.dumps(data, ensure_ascii=False) + "\n")


def _summary(result: dict[str, Any], min_score: float) -> list[str]:
    """What people want to know at the end."""
    from maenas.console import count_of

    total = sum(result["objects"].values())
    most = [f"{name} {count}" for name, count in list(result["objects"].items())[:8]]
    rest = len(result["objects"]) - len(most)
    kinds = ", ".join(most) + (f" and {rest} classes more" if rest > 0 else "")
    lines = [
        f"{count_of(result['looked'], 'picture')}, {count_of(total, 'object')}"
        + (f": {kinds}" if kinds else "")
    ]
    times = result["median_ms"]
    spent = ", ".join(
        f"{PARTS[name]} {milliseconds:.1f} ms" for name, milliseconds in times.items()
    )
    lines.append(f"a picture (median): {spent}")
    if not total and min_score > WEAK_SCORE:
        lines.append(f"nothing scored above {min_score:g}; --min-score {WEAK_SCORE} shows guesses")
    if result["failed"]:
        names = ", ".join(Path(each["file"]).name for each in result["failed"])
        lines.append(f"{count_of(len(result['failed']), 'file')} passed over: {names}")
    if result["folder"]:
        lines.append(f"written: {result['folder']}")
    return lines
