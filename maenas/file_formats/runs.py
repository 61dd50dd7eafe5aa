"""Schemas of the files in run folders that commands read again."""

from __future__ import annotations

from typing import Any

from maenas.backbone_search.sweep import FORMAT as SEARCHES
from maenas.backbone_search.verification.records import MeasuredRecord
from maenas.blocks.files.schema import Schema, schema_of, with_keys
from maenas.file_formats.networks import formatted, recipe_part
from maenas.nas.history.journal import HISTORY_FORMAT, OLDER_STATE, STATE_FORMAT, STATE_KEYS
from maenas.nas.problem import QUANTITIES
from maenas.pipeline.options import RunOptions
from maenas.pipeline.record import FORMAT as RUN
from maenas.pipeline.record import FinishedStep
from maenas.runs.config import FORMAT as SEARCH
from maenas.runs.config import SearchConfig

NUMBER: Schema = {"type": "number"}
TEXT: Schema = {"type": "string"}
JSON_TYPES = {int: "integer", list: "array", dict: "object", str: "string"}


def search_schema() -> Schema:
    """Schema of `config.yaml`: the options of a search."""
    digest = {"fingerprint": {"description": "digest of space, template and device."}}
    return formatted(with_keys(schema_of(SearchConfig), digest, []), SEARCH)


def searches_schema() -> Schema:
    """Schema of `searches.yaml`: the folders of several searches."""
    names = {"type": "array", "items": TEXT, "description": "folder of each search."}
    return mapping("The searches of one command.", SEARCHES, {"searches": names}, extra=True)


def portfolio_schema() -> Schema:
    """Schema of `portfolio.yaml`: the options of a portfolio."""
    from maenas.backbone_search.portfolio.options import FORMAT, PortfolioFile, Span

    parts = {"span": schema_of(Span), "search": schema_of(SearchConfig)}
    return formatted(schema_of(PortfolioFile, parts), FORMAT)


def solved_schema() -> Schema:
    """Schema of `solved.json`: the candidates of a portfolio that are solved."""
    from maenas.backbone_search.portfolio.solved import FORMAT, Solved

    keys: dict[str, Schema] = {
        "crc32": {**TEXT, "description": "checksum of the file."},
        "candidates": {"type": "array", "items": schema_of(Solved)},
    }
    return mapping("The solved candidates of a portfolio.", FORMAT, keys, extra=True)


def history_schema() -> Schema:
    """Schema of a line of `history.jsonl`: the first names the genes, the others are networks."""
    header = mapping(
        "The first line.", HISTORY_FORMAT, {"genes": {"type": "array", "items": TEXT}}, extra=True
    )
    network: dict[str, Schema] = {
        "i": {"type": "integer", "description": "number of the network, from 0."},
        "genes": {"type": "array", "items": NUMBER, "description": "value of each gene."},
        "score": {**NUMBER, "description": "score of the network."},
        **{name: {**NUMBER, "description": f"cost: {name}."} for name in QUANTITIES},
        "feasible": {"type": "boolean", "description": "whether it meets every budget."},
    }
    line = {
        "type": "object",
        "description": "A network; latency on further devices is latency_ms@DEVICE.",
        "properties": network,
        "required": ["i", "genes", "score", "feasible"],
        "additionalProperties": NUMBER,
    }
    return {"description": "A line of the history of a search.", "oneOf": [header, line]}


def state_schema() -> Schema:
    """Schema of `state.json`: what a search resumes from."""
    keys = {name: kind_of(kind) for name, kind in STATE_KEYS.items()}
    made = mapping("The state of a search.", STATE_FORMAT, keys, extra=True)
    made["properties"]["format"] = {"enum": [STATE_FORMAT, OLDER_STATE]}
    made["properties"]["crc32"] = {**TEXT, "description": "checksum of the file."}
    return made


def measured_schema() -> Schema:
    """Schema of a line of `verify.jsonl`: one measurement by a command."""
    return schema_of(MeasuredRecord)


def args_schema() -> Schema:
    """Schema of `args.yaml`: the options and the whole recipe of a training."""
    from maenas.training.setup import SCHEMA

    keys: dict[str, Schema] = {
        "data": {**TEXT, "description": "path of the data set."},
        "recipe": recipe_part(),
    }
    made = mapping("The options of a training.", SCHEMA, keys, extra=True)
    made["properties"]["detector"] = {"type": ["string", "null"]}
    made["properties"]["teacher"] = {"type": ["string", "null"]}
    return made


def family_schema() -> Schema:
    """Schema of `family.yaml`: the options of a family."""
    from maenas.training.family import Family
    from maenas.training.family_result import SCHEMA

    path = {**TEXT, "description": "path of the data set."}
    made = schema_of(Family, {"data": path})
    return formatted({**made, "required": ["data"]}, SCHEMA)


def judge_schema() -> Schema:
    """Schema of `judge.yaml`: the options of a judgement."""
    from maenas.evidence.options import FORMAT, JudgeOptions

    return formatted(schema_of(JudgeOptions), FORMAT)


def race_schema() -> Schema:
    """Schema of `race.yaml`: the options of a race."""
    from maenas.evidence.race_options import FORMAT, RaceOptions

    return formatted(schema_of(RaceOptions), FORMAT)


def run_schema() -> Schema:
    """Schema of `run.json`: the options of a run and its finished steps."""
    options = schema_of(RunOptions)
    options["required"] = list(options["properties"])
    steps = {"type": "array", "items": schema_of(FinishedStep)}
    return mapping("A run.", RUN, {"options": options, "steps": steps}, extra=True)


def mapping(about: str, form: str, keys: dict[str, Schema], extra: bool) -> Schema:
    """Schema of a mapping with a line `format`; all keys are required."""
    return {
        "type": "object",
        "description": about,
        "properties": {"format": {"const": form}, **keys},
        "required": ["format", *keys],
        "additionalProperties": extra,
    }


def kind_of(kind: Any) -> Schema:
    """Schema of a value of a type of Python; numbers are not negative."""
    made: Schema = {"type": JSON_TYPES[kind]}
    return {**made, "minimum": 0} if kind is int else made
