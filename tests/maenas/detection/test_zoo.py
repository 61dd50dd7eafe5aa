"""`maenas zoo`: what we count is what was published."""

import pytest

from maenas.blocks import load_backbone, zoo_names
from maenas.nas import max_entropy

# The report, table 8, and the README of DAMO-YOLO: millions of parameters, GFLOPs.
PUBLISHED = {
    "damo-yolo-t": (8.5, 18.1),
    "damo-yolo-s": (16.3, 37.8),
    "damo-yolo-m": (28.2, 61.8),
    "damo-yolo-l": (42.1, 97.3),
    "damo-yolo-ns": (1.41, 1.56),
    "damo-yolo-nm": (2.71, 3.69),
    "damo-yolo-nl": (5.69, 6.04),
}


@pytest.fixture
def models(typed):
    return {model["name"]: model for model in typed("zoo", "--json").json["models"]}


def test_every_spec_of_the_zoo_is_listed(models):
    assert list(models) == zoo_names()
    assert set(PUBLISHED) < set(models)


def test_params_and_operations_are_those_published(models):
    for name, (mparams, gflops) in PUBLISHED.items():
        model = models[name]
        assert model["scope"] == "detector"
        assert model["params"] / 1e6 == pytest.approx(mparams, rel=0.005), name
        assert model["gflops"] == pytest.approx(gflops, rel=0.01), name
        assert (model["published"]["mparams"], model["published"]["gflops"]) == (mparams, gflops)


def test_the_scores_are_those_of_the_specs(models):
    for name, model in models.items():
        backbone = load_backbone(f"zoo:{name}")
        assert (model["score"], model["layers"]) == (max_entropy(backbone), backbone.layers)
        assert model["in_shape"] == list(backbone.in_shape)


def test_backbones_without_a_detector_are_counted_alone(models):
    backbone = load_backbone("zoo:mae-det-s")
    model = models["mae-det-s"]
    assert (model["scope"], model["published"]) == ("backbone", None)
    assert model["params"] == sum(op.params for op in backbone.ops())


def test_the_table_fits_a_narrow_terminal(maenas, tmp_path):
    ran = maenas("zoo", cwd=tmp_path, environ={"COLUMNS": "80"})
    assert "…" not in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80
    row = next(line for line in ran.out.splitlines() if line.startswith("zoo:damo-yolo-s"))
    for word in ("640", "25", "16.25 / 16.3", "/ 37.8", "46.0 (47.7)", "3.83"):
        assert word in row
    assert "T4 TensorRT FP16 (l m s t), Intel 8163 OpenVINO (nl nm ns)" in ran.words


def test_every_name_of_the_table_can_be_shown(typed):
    names = [word for word in typed("zoo").words.split() if word.startswith("zoo:")]
    for name in names[1:]:  # the first is the title's
        assert typed("show", name, "--json").json["spec"] == name
    assert len(names) == 1 + len(zoo_names())
