"""The file formats of this project by name, each with its schema."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from maenas.blocks.errors import SpecError
from maenas.blocks.files.atomic_write import write_text
from maenas.blocks.files.schema import Schema
from maenas.blocks.files.words import did_you_mean
from maenas.file_formats import data, latency, networks, results, runs, union

DRAFT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A file format.

    Attributes:
        name: name of the format.
        files: files that have it.
        build: function that makes its schema.
    """

    name: str
    files: str
    build: Callable[[], Schema]

    def schema(self) -> Schema:
        """The JSON Schema of the format, draft 2020-12."""
        made = self.build()
        return {"$schema": DRAFT, "title": f"maenas {self.name}: {self.files}", **made}


FORMATS: dict[str, FileFormat] = {
    each.name: each
    for each in (
        FileFormat("backbone", "best.yaml and other specs, zoo:NAME", networks.backbone_schema),
        FileFormat("detector", "detector.yaml", networks.detector_schema),
        FileFormat("template", "neck and head of a scale", networks.template_schema),
        FileFormat("space", "search space, for --space", networks.space_schema),
        FileFormat("score", "score, for --score", networks.score_schema),
        FileFormat("recipe", "recipe, for --recipe", networks.recipe_schema),
        FileFormat("data", "data.yaml, for --data", data.data_schema),
        FileFormat("union", "union.yaml, for --data", union.union_schema),
        FileFormat("latency-table", "table.json of profile", latency.table_schema),
        FileFormat("operators", "estimate of a CPU or NPU, for --device", latency.operators_schema),
        FileFormat("roofline", "estimate of a GPU, for --device", latency.roofline_schema),
        FileFormat("kit", "kit.json, for profile --from", latency.kit_schema),
        FileFormat("rows", "a row of rows.csv, for calibrate", latency.rows_schema),
        FileFormat("search", "config.yaml of a search", runs.search_schema),
        FileFormat("searches", "searches.yaml of several searches", runs.searches_schema),
        FileFormat("portfolio", "portfolio.yaml of a portfolio", runs.portfolio_schema),
        FileFormat("solved", "solved.json of a portfolio", runs.solved_schema),
        FileFormat("history", "a line of history.jsonl of a search", runs.history_schema),
        FileFormat("state", "state.json of a search", runs.state_schema),
        FileFormat("verify", "a line of verify.jsonl of a search", runs.measured_schema),
        FileFormat("train", "args.yaml of a training", runs.args_schema),
        FileFormat("family", "family.yaml of a family", runs.family_schema),
        FileFormat("judge", "judge.yaml of a judgement", runs.judge_schema),
        FileFormat("race", "race.yaml of a race", runs.race_schema),
        FileFormat("run", "run.json of a run", runs.run_schema),
        FileFormat("model", "metadata in an exported model", data.model_schema),
        FileFormat("search-result", "result.json of a search", results.search_schema),
        FileFormat("searches-result", "result.json of searches", results.searches_schema),
        FileFormat("portfolio-result", "result.json of a portfolio", results.portfolio_schema),
        FileFormat("train-result", "train --json, distill --json", results.train_schema),
        FileFormat("family-result", "result.json of a family", results.family_schema),
        FileFormat("judge-result", "result.json of judge", results.judge_schema),
        FileFormat("calibrated-score", "calibrate-score --json", results.calibrated_schema),
        FileFormat("race-result", "result.json of a race", results.race_schema),
        FileFormat("val-result", "results.json of val", results.val_schema),
        FileFormat("detect-result", "results.json of detect", results.detect_schema),
        FileFormat("run-result", "run --json", results.run_schema),
    )
}


def file_format(name: str) -> FileFormat:
    """The format of a name, such as "space", "maenas/space" or "maenas/space@1".

    Raises:
        SpecError: if there is no such format.
    """
    bare = name.removeprefix("maenas/").partition("@")[0]
    if bare not in FORMATS:
        raise SpecError(f"schema: no format {name!r}{did_you_mean(bare, FORMATS)}")
    return FORMATS[bare]


def write_schemas(schemas: Mapping[str, Schema], folder: Path) -> list[Path]:
    """Write each schema into a folder, which is made if needed; returns the files.

    Raises:
        SpecError: if a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SpecError(f"{folder}: cannot be made: {error.strerror or error}.") from None
    files = [folder / f"{name}.schema.json" for name in schemas]
    for file, schema in zip(files, schemas.values(), strict=True):
        write_text(file, json.dumps(schema, indent=2, ensure_ascii=False) + "\n")
    return files
