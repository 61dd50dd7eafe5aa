"""The example for `ray up` is one that Ray accepts."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

CLUSTER = Path(__file__).parents[1] / "docs" / "how-to" / "cluster.yaml"


def test_the_example_cluster_meets_the_schema_of_ray() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    found = find_spec("ray")
    if found is None or not found.submodule_search_locations:
        pytest.skip("Ray is not installed")
    schema = Path(found.submodule_search_locations[0]) / "autoscaler" / "ray-schema.json"
    cluster = yaml.safe_load(CLUSTER.read_text("utf-8"))
    jsonschema.validate(cluster, json.loads(schema.read_text("utf-8")))
    types = cluster["available_node_types"]
    assert cluster["head_node_type"] in types
    assert types["device"]["resources"]["t4"] == 1  # one job at a time


def test_the_nodes_of_the_example_fit_into_the_cluster() -> None:
    cluster = yaml.safe_load(CLUSTER.read_text("utf-8"))
    most = sum(kind.get("max_workers", 0) for kind in cluster["available_node_types"].values())
    assert most <= cluster["max_workers"]
