"""Networks as compact columns: nothing is lost on the way to the page."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest

from maenas.blocks.backbone_file import parse_backbone
from maenas.report import Candidates, Column
from maenas.report.candidates import coding
from maenas.search_spaces import load_space, space_names
from tests.spaces import last_genome


def candidates(count: int) -> Candidates:
    space = load_space("res")
    rng = np.random.default_rng(0)
    genomes = np.array([[rng.integers(len(g.values)) for g in space.genes] for _ in range(count)])
    macs = Column("MACs", "G", rng.random(count) * 1e9, 1e9)
    scores = rng.random(count) * 600
    return Candidates(space, genomes, scores, np.ones(count, dtype=np.int64), [macs], "score")


def made(stage: dict[str, Any], chosen: dict[str, object]) -> dict[str, object]:
    """A stage with its choices; of several blocks, the chosen one with its own of them."""
    if "any_of" not in stage:
        return {**stage, **chosen}
    (one,) = (one for one in stage["any_of"] if one["fixed"]["block"] == chosen["block"])
    return {**one["fixed"], **{field: chosen[field] for field in one["genes"]}}


@pytest.mark.parametrize("name", space_names())
def test_stages_and_genes_make_the_networks_of_the_space(name: str) -> None:
    """As the script of the page does it, with the last value of every gene."""
    space = load_space(name)
    known = coding(space)
    genome = last_genome(space)
    chosen: list[dict[str, object]] = [{} for _ in known["stages"]]
    for (stage, field, values), index in zip(known["genes"], genome, strict=True):
        chosen[stage][field] = values[index]
    stages = [made(stage, own) for stage, own in zip(known["stages"], chosen, strict=True)]
    data = {"in_shape": known["in_shape"], "features": known["features"], "stages": stages}
    last = space.decode(genome)
    assert parse_backbone(data, "page") == last
    assert known["sizes"] == [list(ops[-1].out_shape[1:]) for ops in last.stage_ops()]


def test_numbers_come_back_from_base64() -> None:
    one = candidates(50)
    data = one.coded()
    genes = np.frombuffer(base64.b64decode(data["genes"]), dtype="<u1").reshape(50, -1)
    assert (genes == one.genomes).all()
    scores = np.frombuffer(base64.b64decode(data["scores"]), dtype="<f4")
    assert scores == pytest.approx(one.scores, rel=1e-6)
    values = np.frombuffer(base64.b64decode(data["columns"][0]["values"]), dtype="<f4")
    assert values == pytest.approx(np.asarray(one.columns[0].values) / 1e9, rel=1e-6)


def test_a_network_takes_less_than_fifty_bytes() -> None:
    data = candidates(1000).coded()
    size = sum(len(data[key]) for key in ("genes", "scores", "counts"))
    assert (size + len(data["columns"][0]["values"])) / 1000 < 50
