"""Schemas of the results that commands write, in files and with `--json`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from maenas.backbone_search.results import data as search
from maenas.blocks.files.schema import Schema, describe, schema_of, summary, typed_schema

TEXT: Schema = {"type": "string"}
TEXTS: Schema = {"type": "array", "items": TEXT}
NUMBER: Schema = {"type": "number"}
WHOLE: Schema = {"type": "integer"}
SHAPE: Schema = {"type": "array", "items": WHOLE, "minItems": 3, "maxItems": 3}
OPTIONAL_TEXT: Schema = {"type": ["string", "null"]}


def written(kind: Any, version: str, *parts: Any) -> Schema:
    """The schema of a `TypedDict` whose key `schema` is `version`.

    Args:
        kind: the `TypedDict`.
        version: version of the format.
        parts: further classes whose docstrings describe keys, and the parts in it.
    """
    made = typed_schema(kind)
    for each in (kind, *parts):
        describe(made, each)
        describe(made.get("$defs", {}).get(each.__name__, {}), each)
    made["properties"]["schema"] = {"const": version}
    return {**made, "description": summary(kind)}


def search_schema() -> Schema:
    """Schema of a search's `result.json`."""
    from maenas.backbone_search.results.result import SCHEMA

    parts = (
        search.HowData,
        search.NetworkData,
        search.BesideData,
        search.LatencyData,
        search.VerifiedData,
        search.PublishedData,
    )
    return written(search.SearchData, SCHEMA, *parts)


def searches_schema() -> Schema:
    """Schema of the `result.json` of several searches."""
    from maenas.backbone_search.results.searches import SCHEMA

    return written(search.SearchesData, SCHEMA, search.EntryData)


def portfolio_schema() -> Schema:
    """Schema of a portfolio's `result.json`."""
    from maenas.backbone_search.portfolio import result

    return written(result.PortfolioData, result.SCHEMA, result.MemberData, search.BesideData)


def train_schema() -> Schema:
    """Schema of what `train --json` and `distill --json` print."""
    from maenas.training.result import SCHEMA, TrainData, TrainResult

    return written(TrainData, SCHEMA, TrainResult)


def family_schema() -> Schema:
    """Schema of a family's `result.json`."""
    from maenas.training.family_result import SCHEMA, FamilyData, MemberData

    return written(FamilyData, SCHEMA, MemberData)


def judge_schema() -> Schema:
    """Schema of the `result.json` of `judge`."""
    from maenas.evidence import verdict

    parts = (verdict.AgreementData, verdict.EstimateData)
    return written(verdict.VerdictData, verdict.SCHEMA, *parts)


def calibrated_schema() -> Schema:
    """Schema of what `calibrate-score --json` prints."""
    from maenas.evidence import calibrate_score

    return written(calibrate_score.CalibratedScoreData, calibrate_score.SCHEMA)


def race_schema() -> Schema:
    """Schema of the `result.json` of a race."""
    from maenas.evidence import race_result

    parts = (race_result.RoundData, race_result.RacerData)
    return written(race_result.RaceData, race_result.SCHEMA, *parts)


def run_schema() -> Schema:
    """Schema of what `run --json` prints."""
    from maenas.pipeline.result import SCHEMA, RunData, StepData

    return written(RunData, SCHEMA, StepData)


def val_schema() -> Schema:
    """Schema of the `results.json` of `val`."""
    from maenas.detection.evaluate import SCHEMA, ValResult
    from maenas.detector.evaluate.coco import ClassScores, CocoScores
    from maenas.detector.evaluate.curves import WorkingPoint
    from maenas.detector.ops.thresholds import Thresholds

    classes = {"type": "array", "items": schema_of(ClassScores)}
    curves: dict[str, Schema] = {"precision": {}, "confidence": {}}
    scores = schema_of(CocoScores, {"per_class": classes, **curves})["properties"]
    mistakes = {name: WHOLE for name in ("image_id", "missed", "false", "confused")}
    counts = {"type": "array", "items": {"type": "array", "items": WHOLE}}
    keys: dict[str, Schema] = {
        "schema": {"const": SCHEMA},
        **detector_keys(),
        "data": TEXT,
        "split": TEXT,
        "images": WHOLE,
        "objects": WHOLE,
        "skipped": TEXTS,
        "thresholds": schema_of(Thresholds),
        **{name: one for name, one in scores.items() if name not in curves},
        "median_ms": closed({name: NUMBER for name in ("before", "network", "after")}),
        "working_point": schema_of(WorkingPoint),
        "confusion": closed(
            {"min_score": NUMBER, "min_iou": NUMBER, "names": TEXTS, "counts": counts}
        ),
        "worst": {"type": "array", "items": closed({"file": TEXT, **mistakes})},
        "sources": {"type": "array", "items": _source_schema(scores, tuple(curves))},
    }
    made = closed(keys, optional=("max_detections", "sources"))
    describe(made, ValResult)
    return {**made, "description": summary(ValResult)}


def _source_schema(scores: Mapping[str, Schema], absent: Collection[str]) -> Schema:
    """Schema of the metrics on one data set of a union."""
    metrics = closed({name: one for name, one in scores.items() if name not in absent})
    return closed(
        {
            "name": TEXT,
            "images": WHOLE,
            "objects": WHOLE,
            "classes": WHOLE,
            "scores": {"anyOf": [metrics, {"type": "null"}]},
        }
    )


def detect_schema() -> Schema:
    """Schema of the `results.json` of `detect`."""
    from maenas.detection.detect import PARTS, SCHEMA, DetectResult

    box = {"type": "array", "items": NUMBER, "minItems": 4, "maxItems": 4}
    objects = {"class": WHOLE, "name": TEXT, "score": NUMBER, "box": box}
    image = {
        "file": TEXT,
        "frame": WHOLE,
        "image_id": WHOLE,
        "width": WHOLE,
        "height": WHOLE,
        "objects": {"type": "array", "items": closed(objects)},
    }
    keys: dict[str, Schema] = {
        "schema": {"const": SCHEMA},
        **detector_keys(),
        "looked": WHOLE,
        "objects": {"type": "object", "additionalProperties": WHOLE},
        "failed": {"type": "array", "items": closed({"file": TEXT, "error": TEXT})},
        "median_ms": closed(dict.fromkeys(PARTS, NUMBER), optional=tuple(PARTS)),
        "interrupted": {"type": "boolean"},
        "images": {"type": "array", "items": closed(image, optional=("frame", "image_id"))},
    }
    made = closed(keys, optional=("images",))
    describe(made, DetectResult)
    return {**made, "description": summary(DetectResult)}


def detector_keys() -> dict[str, Schema]:
    """Schemas of the keys that describe a detector which was run."""
    return {
        "model": TEXT,
        "runtime": TEXT,
        "trained": {"type": ["boolean", "null"]},
        "in_shape": SHAPE,
        "names": TEXTS,
        "folder": OPTIONAL_TEXT,
    }


def closed(keys: dict[str, Schema], optional: tuple[str, ...] = ()) -> Schema:
    """Schema of a mapping with these keys alone."""
    return {
        "type": "object",
        "properties": {name: dict(one) for name, one in keys.items()},
        "required": [name for name in keys if name not in optional],
        "additionalProperties": False,
    }
