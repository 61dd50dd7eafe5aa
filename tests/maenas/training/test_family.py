"""A search over a range of budgets: a family along the front, in one run."""

import json
import re

import pytest

from maenas.blocks import load_backbone
from maenas.budgets import load_device
from maenas.nas import max_entropy
from tests.pricing import assert_told_as_priced, prices

WEIGHTS = (0, 0, 1, 1, 6)
POINTS = 5
DEVICE = "t4-trt7"
STEP = (8 / 1.8) ** (1 / (POINTS - 1))  # from one limit of the family to the next

pytestmark = pytest.mark.slow  # what the fixtures prepare takes seconds


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("family")


@pytest.fixture(scope="module")
def family(maenas, folder):
    asked = ("--budget", "1.8ms..8ms", "--device", DEVICE, "--points", POINTS)
    few = ("--evaluations", "1000", "--finalists", "0")
    ran = maenas("search", *asked, *few, cwd=folder)
    run = folder / "runs" / "search" / "exp"
    return ran, run, json.loads((run / "result.json").read_text("utf-8"))


def test_each_member_of_a_family_is_within_the_limit_it_is_named_by(family):
    _, run, told = family
    # Five points from 1.8 to 8 ms in equal ratios, without those that nothing meets.
    limits = [1.8 * STEP**index for index in range(POINTS)][-len(told["family"]) :]
    assert {path.name for path in (run / "pareto").iterdir()} == {f"{x:.3f}ms.yaml" for x in limits}
    for limit, member in zip(limits, told["family"], strict=True):
        backbone = load_backbone(run / "pareto" / f"{limit:.3f}ms.yaml")
        spent = prices(backbone, member["template"], DEVICE)
        assert 0.9 * limit < spent["latency_ms"] <= limit
        assert member["budget"]["latency_ms"] == pytest.approx(limit)
        assert member["score"] == pytest.approx(max_entropy(backbone, WEIGHTS))
        assert_told_as_priced(member, backbone, member["template"], DEVICE)


def test_a_family_spans_scales_and_scores_more_with_every_step(family):
    _, _, told = family
    scales = [member["template"] for member in told["family"]]
    assert scales == sorted(scales, key="tsml".index)
    assert set(scales) == set("tsml")
    scores = [member["score"] for member in told["family"]]
    assert scores == sorted(scores)


def test_a_limit_that_nothing_meets_is_told(family):
    """Of T no network is as fast as 1.8 ms: its neck and head alone take most of that."""
    ran, _, told = family
    assert len(told["family"]) == POINTS - 1
    found = re.search(
        r"no network of template t meets 1\.800 ms: the cheapest needs ([0-9.]+) ms", ran.words
    )
    assert found
    assert 1.8 < float(found[1]) < 1.8 * STEP
    assert found[0] in told["notes"]


def test_it_is_told_that_scales_do_not_compare(family):
    ran, _, told = family
    [note] = [note for note in told["notes"] if "within one scale" in note]
    assert note in ran.words


def test_the_best_of_a_family_is_the_one_of_the_largest_budget(family):
    _, run, told = family
    assert (run / "best.yaml").read_bytes() == (run / "pareto" / "8.000ms.yaml").read_bytes()
    assert told["score"] == told["family"][-1]["score"]


def test_the_error_of_the_device_is_told_once(family):
    ran, run, told = family
    device = load_device("t4-trt7")
    figures = device.about.removeprefix(device.brief)
    assert "left out of the calibration" in figures
    assert figures in (run / "best.yaml").read_text("utf-8")
    assert ran.words.count("left out of the calibration") == 1
    smaller = [f"{member['budget']['latency_ms']:.3f}ms" for member in told["family"][:-1]]
    assert smaller
    for name in smaller:
        receipt = (run / "pareto" / f"{name}.yaml").read_text("utf-8").splitlines()
        assert f"# latency {device.brief}" in receipt


def test_the_card_lists_the_family(family):
    ran, _, told = family
    for member in told["family"]:
        row = f"{member['budget']['latency_ms']:.3f} ms {member['latency_ms']:.3f} ms"
        assert f"{row} {member['template']} {member['score']:.3f}" in ran.words


def test_a_member_is_shown_with_the_neck_and_head_it_was_priced_with(
    family, folder, typed, monkeypatch
):
    _, _, told = family
    monkeypatch.chdir(folder)
    for member in told["family"]:
        shown = typed("show", member["spec"], "--json").json
        assert shown["template"] == member["template"]
        assert shown["latency_ms"] == pytest.approx(member["latency_ms"])
