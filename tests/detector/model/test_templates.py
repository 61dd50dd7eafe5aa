"""The templates for CPUs, and templates of a user's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from maenas.blocks import SpecError, load_backbone
from maenas.detector import bundled_templates, load_template, template_names
from maenas.detector.model.spec import assemble
from maenas.detector.train.recipe import published_recipe, scale_of
from maenas.search_spaces import load_space

FOR_CPUS = [name for name in bundled_templates() if name not in template_names()]
MINE = """\
format: maenas/template@1
in_shape: [3, 320, 320]
layers: 20
space: cpu
neck: {out_channels: [24, 48, 96], depth: 1}
head: {reg_max: 7, kernel_size: 1}
"""


def test_two_templates_are_for_cpus() -> None:
    assert FOR_CPUS == ["cn", "cs"]


@pytest.mark.parametrize("name", FOR_CPUS)
def test_a_template_for_cpus_has_a_dense_neck_and_trains_as_the_nano_scale(name: str) -> None:
    template = load_template(name)
    space = load_space(template.space)
    spec = assemble(space.decode(space.origin), template, num_classes=3)
    depthwise = [op for op in template.ops(spec.backbone.feature_shapes()) if op.groups > 1]
    assert depthwise == []
    assert scale_of(spec) == "ns"
    assert published_recipe(name) == published_recipe("ns")


def test_a_neck_for_cpus_does_less_than_that_of_the_nano_scale_costs() -> None:
    """Per pixel of the image: a dense neck without the downward connections has fewer operators."""
    features = load_backbone("zoo:damo-yolo-ns").feature_shapes()
    ours, theirs = (len(load_template(name).ops(features)) for name in ("cn", "ns"))
    assert ours < theirs


def test_a_template_of_ones_own_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(MINE, encoding="utf-8")
    template = load_template(str(path))
    assert (template.name, template.layers) == (str(path), 20)
    assert template.neck.out_channels == (24, 48, 96)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("depth: 1", "dept: 1", r"mine\.yaml: neck\.dept: no such field; did you mean depth\?"),
        ("layers: 20\n", "", r"mine\.yaml: layers: is missing"),
        ("layers: 20", "layers: 0", r"mine\.yaml: template: layers must be at least 1, got 0"),
        ("head: {reg_max: 7, kernel_size: 1}", "", r"mine\.yaml: head: must be a mapping"),
        ("layers: 20", "layers: 20\nname: x", r"mine\.yaml: name: no such field"),
    ],
    ids=range(5),
)
def test_a_template_that_cannot_be_right_says_where(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(MINE.replace(old, new), encoding="utf-8")
    with pytest.raises(SpecError, match=message):
        load_template(str(path))


@pytest.mark.parametrize("name", ["missing.yaml", "missing.yml", "missing.YAML"])
def test_a_template_file_that_does_not_exist_is_named(name: str) -> None:
    with pytest.raises(SpecError, match=f"{name}: no such file"):
        load_template(name)
