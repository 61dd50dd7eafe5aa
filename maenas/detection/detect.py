"""Detect objects in files: COCO ids, results and their files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maenas.detection.detector import Detector
    from maenas.detection.inference import Outcome
    from maenas.detector.media.images import Source
    from maenas.detector.predict.results import CocoIds

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


def _ids(detector: Detector, sources: Sequence[Source], annotations: Path | None) -> CocoIds:
    """How COCO results are numbered; every image is looked up before any is read."""
    from maenas.detector.predict.results import default_ids, load_ids

    files = [source.path for source in sources]
    if annotations is None:
        images = [source.path for source in sources if not source.is_video]
        return default_ids(detector.names, images if len(images) == len(files) else [])
    ids = load_ids(annotations, detector.names)
    for place, file in enumerate(files):
        ids.image(file, place)
    return ids


def _result(
    model: str, detector: Detector, outcome: Outcome, folder: Path | None
) -> dict[str, Any]:
    """All that `--json` prints; `images` only if they were kept."""
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
    if outcome.images:
        result["images"] = outcome.images
    return result


def _write(folder: Path, result: dict[str, Any] | None, coco: list[dict[str, Any]] | None) -> None:
    """The files of results that were asked for."""
    import json

    from maenas.blocks.files.atomic_write import write_text

    for name, data in ((RESULTS_FILE, result), (COCO_FILE, coco)):
        if data is not None:
            write_text(folder / name, json.dumps(data, ensure_ascii=False) + "\n")


def _summary(result: dict[str, Any], min_score: float) -> list[str]:
    """What people want to know at the end."""
    from maenas.terminal.console import count_of

    total = sum(result["objects"].values())
    most = [f"{name} {count}" for name, count in list(result["objects"].items())[:8]]
    rest = len(result["objects"]) - len(most)
    kinds = ", ".join(most) + (f" and {rest} classes more" if rest > 0 else "")
    lines = [
        f"{count_of(result['looked'], 'image')}, {count_of(total, 'object')}"
        + (f": {kinds}" if kinds else "")
    ]
    times = result["median_ms"]
    spent = ", ".join(
        f"{PARTS[name]} {milliseconds:.1f} ms" for name, milliseconds in times.items()
    )
    lines.append(f"an image (median): {spent}")
    if not total and min_score > WEAK_SCORE:
        lines.append(f"nothing scored above {min_score:g}; --min-score {WEAK_SCORE} shows guesses")
    if result["failed"]:
        names = ", ".join(Path(each["file"]).name for each in result["failed"])
        lines.append(f"{count_of(len(result['failed']), 'file')} passed over: {names}")
    if result["folder"]:
        lines.append(f"written: {result['folder']}")
    return lines
