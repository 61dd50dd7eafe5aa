"""From what is asked to what is searched."""

from importlib.resources import files
from pathlib import Path

import pytest

from maenas.backbone_search.objects import SearchObjects
from maenas.backbone_search.plan import plan
from maenas.blocks import SpecError, load_backbone
from maenas.budgets import load_device
from maenas.detector import load_template
from maenas.detector.model.template import bundled_templates
from maenas.runs.config import SearchConfig
from maenas.runs.templates import choose_template, published_cost
from maenas.search_spaces import load_space


def planned(*budgets, **options):
    return plan(SearchConfig(budgets=budgets, **options))


@pytest.mark.parametrize(
    ("budget", "template"),
    [
        # Published: T 2.78, S 3.83, M 5.62, L 7.95 ms.
        *[("2.5ms", "t"), ("3.8ms", "s"), ("5.6ms", "m"), ("8ms", "l"), ("80us", "t")],
        # Published: Ns 1.56, Nm 3.69, Nl 6.04, T 18.1, S 37.8 GFLOPs.
        *[("1.5GFLOPs", "ns"), ("4GFLOPs", "nm"), ("6GFLOPs", "nl"), ("20GFLOPs", "t")],
        # Published: Ns 1.41, T 8.5, L 42.1 M.
        *[("1Mparams", "ns"), ("9Mparams", "t"), ("80Mparams", "l")],
        *[("25layers", "s"), ("45layers", "l")],
    ],
)
def test_the_scale_is_the_one_whose_published_model_costs_nearest(budget, template):
    [subproblem] = planned(budget, device="t4")
    assert subproblem.template.name == template
    assert subproblem.problem.space.name == subproblem.template.space


def test_of_two_budgets_the_tighter_one_chooses_the_scale():
    [subproblem] = planned("3.8ms", "9Mparams", device="t4")
    assert subproblem.template.name == "t"


def test_a_backbone_alone_is_compared_with_backbones_alone():
    """What the published backbone of L costs without neck and head."""
    backbone = load_backbone("zoo:damo-yolo-l")
    t4 = load_device("t4")
    cost = sum(t4.op_ms(op) for op in backbone.ops())
    assert published_cost("l", "latency_ms", t4, "backbone") == pytest.approx(cost)
    [subproblem] = planned(f"{cost}ms", device="t4", scope="backbone")
    assert subproblem.template.name == "l"
    assert subproblem.problem.rest is None


def test_a_scale_that_is_asked_for_is_used():
    [subproblem] = planned("3.8ms", device="t4", template="m", space="res")
    assert subproblem.template == load_template("m")
    assert subproblem.problem.space.name == "res"
    assert subproblem.problem.limit("layers") == 35


def test_a_layer_budget_takes_the_place_of_the_scale_s():
    [subproblem] = planned("3.8ms", "18layers", device="t4")
    assert subproblem.problem.limit("layers") == 18


def test_the_image_is_the_one_of_the_scale_or_the_one_asked_for():
    sizes = ((None, (3, 416, 416)), (320, (3, 320, 320)), ((64, 320), (3, 64, 320)))
    for size, in_shape in sizes:
        [subproblem] = planned("1GMACs", template="nm", input_size=size)
        assert subproblem.problem.space.in_shape == in_shape


@pytest.mark.parametrize(
    ("asked", "sides"), [(None, (96, 128)), (320, (320, 320)), ((64, 320), (64, 320))]
)
@pytest.mark.parametrize("is_object", [False, True])
def test_a_space_of_the_user_s_own_states_the_size_of_the_image(asked, sides, is_object, tmp_path):
    path = tmp_path / "res.yaml"  # the name of a bundled one
    text = Path(str(files("maenas.search_spaces") / "res.yaml")).read_text()
    path.write_text(text.replace("in_shape: [3, 640, 640]", "in_shape: [3, 96, 128]"))
    space, objects = str(path), None
    if is_object:
        space, objects = "res", SearchObjects(space=load_space(str(path)))
    config = SearchConfig(budgets=("1GMACs",), template="cn", space=space, input_size=asked)
    [subproblem] = plan(config, objects)
    assert subproblem.problem.space.in_shape == (3, *sides)


@pytest.mark.parametrize("objects", [None, SearchObjects(space=load_space("res"))])
def test_a_bundled_space_leaves_the_size_to_the_template(objects):
    config = SearchConfig(budgets=("1GMACs",), template="cn", space="res")
    [subproblem] = plan(config, objects)
    assert subproblem.problem.space.in_shape == (3, 416, 416)


def test_the_published_templates_have_the_size_of_their_space():
    for name in bundled_templates():
        template = load_template(name)
        assert load_space(template.space).in_shape == template.in_shape


@pytest.mark.parametrize(
    ("own", "asked", "found"), [(3, None, 3), (3, 1, 1), (1, None, 1), (1, 3, 3)]
)
def test_the_images_have_the_channels_of_the_space_or_those_asked_for(own, asked, found, tmp_path):
    path = tmp_path / "res.yaml"
    text = Path(str(files("maenas.search_spaces") / "res.yaml")).read_text()
    path.write_text(text.replace("in_shape: [3,", f"in_shape: [{own},"))
    [subproblem] = planned("1GMACs", space=str(path), input_size=(64, 320), channels=asked)
    space = subproblem.problem.space
    assert space.in_shape == (found, 64, 320)
    assert space.decode([0] * len(space.genes)).ops()[0].in_shape[0] == found


def test_a_number_of_channels_that_no_detector_reads_is_refused():
    with pytest.raises(SpecError, match=r"--channels: images have 3 .* or 1 \(grey\), got 2"):
        planned("1GMACs", channels=2)


def test_a_range_becomes_points_in_equal_ratios_and_a_search_for_each_scale():
    subproblems = planned("2ms..8ms", device="t4", points=5)
    limits = [limit for subproblem in subproblems for limit in subproblem.limits]
    assert limits == pytest.approx([2, 2 * 2**0.5, 4, 4 * 2**0.5, 8])
    assert [subproblem.template.name for subproblem in subproblems] == ["t", "s", "m", "l"]
    for subproblem in subproblems:
        assert subproblem.problem.ranged.quantity == "latency_ms"
        assert subproblem.problem.ranged.limit == subproblem.limits[-1]
        own = choose_template(subproblem.problem.budgets[:1], load_device("t4"), "detector")
        assert own == subproblem.template.name


def test_a_range_of_one_scale_is_one_search():
    [subproblem] = planned("3ms..4ms", device="t4", template="s", points=3)
    assert subproblem.limits == pytest.approx((3, 12**0.5, 4))


def test_the_other_budgets_hold_for_every_point_of_a_range():
    for subproblem in planned("9Mparams", "2ms..8ms", device="t4"):
        assert subproblem.problem.ranged.quantity == "latency_ms"
        assert subproblem.problem.limit("params") == 9e6


def test_a_space_whose_networks_cannot_become_a_detector_is_refused(tmp_path):
    path = tmp_path / "far.yaml"
    text = Path(str(files("maenas.search_spaces") / "res.yaml")).read_text()
    path.write_text(text.replace("in_shape: [3,", "in_shape: [4,"))
    with pytest.raises(SpecError, match=r"space far: in_shape: a detector reads .* 3 channels"):
        planned("2GMACs", space=str(path))
    path.write_text(text.replace("features: [2, 4, 5]", "features: [1, 2, 4, 5]"))
    with pytest.raises(SpecError, match=r"space far: neck: needs three features.*got 4"):
        planned("2GMACs", space=str(path))
