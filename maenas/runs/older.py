"""Metadata of backbone files of format 1, read from the other files of their run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from maenas.blocks.backbone_file import Metadata, ScoreSpec
from maenas.blocks.errors import SpecError
from maenas.blocks.files.json_file import read_json
from maenas.nas import DEFAULT_WEIGHTS
from maenas.runs.config import load_config
from maenas.runs.named_files import kept_in

SCORE = "max-entropy"  # the only score when format 1 was written
NUM_CLASSES = 80  # classes of the detectors priced at that time


def run_metadata(spec: Path) -> Metadata:
    """Metadata of a `maenas/backbone@1` file from the files of its run; empty without a run.

    It names files as a spec keeps them.

    Args:
        spec: path of the file: `best.yaml` of a run, or a member of a family in `pareto/`.
    Raises:
        SpecError: if `config.yaml` of the run is damaged.
    """
    for folder in (spec.parent, spec.parent.parent):
        if (folder / "config.yaml").is_file():
            break
    else:
        return Metadata()
    config, _ = load_config(folder / "config.yaml")
    priced = config.scope == "detector"
    found = Metadata(
        template=config.template or _template(folder / "result.json", spec) if priced else None,
        device=config.device,
        num_classes=NUM_CLASSES if priced else None,
        score=ScoreSpec(name=SCORE, weights=config.weights or DEFAULT_WEIGHTS),
    )
    return kept_in(found, spec)


def _template(result: Path, spec: Path) -> str | None:
    """The template of a spec in a result; members of a family can have different templates."""
    try:
        data = read_json(result)
    except SpecError:
        return None
    members = data.get("family")
    for member in [data, *(members if isinstance(members, list) else [])]:
        if _is_of(member, spec):
            return str(member["template"])
    return None


def _is_of(member: Any, spec: Path) -> bool:
    """Whether an entry of a result describes a spec; compares file names, as folders can move."""
    if not isinstance(member, dict) or not isinstance(member.get("template"), str):
        return False
    return Path(str(member.get("spec"))).name == spec.name
