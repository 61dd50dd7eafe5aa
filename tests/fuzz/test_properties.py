"""What holds for every budget, spec and space, on examples that hypothesis draws."""

from __future__ import annotations

import string
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maenas.blocks import BLOCKS, Backbone, Block, Op, SpecError
from maenas.blocks.backbone_file import backbone_text, load_backbone
from maenas.blocks.op import Act
from maenas.budgets.budget import BudgetError, parse_budget, show
from maenas.budgets.cost import Cost, cost
from maenas.search_spaces import Space, load_space, space_names

LIGHT = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,  # the same examples on every machine
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
UNITS = ("ms", "us", "GMACs", "MMACs", "GFLOPs", "Mparams", "kparams", "MB", "layers")
WIDTHS = st.integers(1, 32).map(lambda width: 4 * width)
SPACES = tuple(load_space(name) for name in space_names())


@st.composite
def blocks(draw: st.DrawFn, strides: st.SearchStrategy[int]) -> Block:
    """A block of any kind but SPP, whose width must be even."""
    kind = draw(st.sampled_from([kind for kind in BLOCKS if kind not in ("spp", "focus_stem")]))
    values: dict[str, Any] = {
        "out_channels": draw(WIDTHS),
        "bottleneck_channels": draw(WIDTHS),
        "kernel_size": draw(st.sampled_from([1, 3, 5, 7])),
        "stride": draw(strides),
        "depth": draw(st.integers(1, 4)),
        "act": draw(st.sampled_from(get_args(Act)[:2])),
        "spp": draw(st.booleans()),
        "expand_ratio": draw(st.sampled_from([1.0, 2.5, 6.0])),
    }
    known = BLOCKS[kind].__dataclass_fields__  # type: ignore[attr-defined]
    return BLOCKS[kind](**{name: value for name, value in values.items() if name in known})


@st.composite
def backbones(draw: st.DrawFn) -> Backbone:
    """A backbone of one to five stages."""
    stages = draw(st.lists(blocks(st.sampled_from([1, 2])), min_size=1, max_size=5))
    features = draw(st.sets(st.integers(0, len(stages) - 1), min_size=1))
    return Backbone(tuple(stages), tuple(sorted(features)), (3, 64, 96))


def priced(ops: Iterable[Op]) -> Cost:
    """MACs and parameters; no device is asked."""
    return cost(tuple(ops), None)


@pytest.mark.slow
@LIGHT
@given(backbones())
def test_a_backbone_is_read_as_it_was_written(tmp_path: Path, backbone: Backbone) -> None:
    (tmp_path / "b.yaml").write_text(backbone_text(backbone))
    assert load_backbone(tmp_path / "b.yaml") == backbone


@LIGHT
@given(backbones(), st.data())
def test_a_deeper_or_wider_stage_never_costs_less(backbone: Backbone, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(backbone.stages) - 1))
    stage = backbone.stages[index]
    field = data.draw(st.sampled_from(["depth", "bottleneck_channels", "kernel_size"]))
    if not hasattr(stage, field):
        return
    larger = replace(stage, **{field: getattr(stage, field) + 2})  # type: ignore[type-var]
    stages = (*backbone.stages[:index], larger, *backbone.stages[index + 1 :])
    before, after = priced(backbone.ops()), priced(replace(backbone, stages=stages).ops())
    assert after.macs >= before.macs
    assert after.params >= before.params


@LIGHT
@given(backbones())
def test_shapes_follow_strides_and_costs_are_sums(backbone: Backbone) -> None:
    stages = list(backbone.stage_ops())
    assert sum(priced(ops).macs for ops in stages) == priced(backbone.ops()).macs
    for before, after in pairwise(stages):
        assert after[0].in_shape == before[-1].out_shape
    for reduction, shape in zip(backbone.reductions(), backbone.feature_shapes(), strict=True):
        assert shape[1] == -(-64 // reduction)
        assert shape[2] == -(-96 // reduction)


@LIGHT
@given(st.sampled_from(SPACES), st.data())
def test_a_network_of_a_space_is_encoded_as_it_was_decoded(
    space: Space, data: st.DataObject
) -> None:
    genome = tuple(
        data.draw(st.integers(0, len(gene.values) - 1), label=str(gene)) for gene in space.genes
    )
    try:
        backbone = space.decode(genome)
    except SpecError:
        return  # a combination that no block can be
    assert space.encode(backbone) == genome


@LIGHT
@given(
    st.floats(1e-3, 1e6, allow_nan=False).map(lambda number: float(f"{number:.6g}")),
    st.sampled_from(UNITS),
    st.sampled_from(["", " "]),
)
def test_a_budget_is_the_number_times_its_unit(number: float, unit: str, gap: str) -> None:
    budget = parse_budget(f"{number:.6g}{gap}{unit}")
    assert budget.limit == pytest.approx(number * parse_budget(f"1{unit}").limit, rel=1e-12)
    assert parse_budget(budget.text) == budget


@LIGHT
@given(st.floats(10, 1e4), st.sampled_from(("ms", "GMACs", "Mparams", "MB", "layers")))
def test_a_budget_that_is_shown_reads_as_itself(number: float, unit: str) -> None:
    budget = parse_budget(f"{number:.0f}{unit}")
    again = parse_budget(show(budget.quantity, budget.limit))
    assert again.quantity == budget.quantity
    assert again.limit == pytest.approx(budget.limit, rel=2e-3)


@LIGHT
@given(st.floats(1, 1e3), st.floats(1, 1e3), st.sampled_from(UNITS))
def test_a_range_of_budgets_ascends_or_is_refused(low: float, high: float, unit: str) -> None:
    text = f"{low:.5g}{unit}..{high:.5g}{unit}"
    if float(f"{low:.5g}") < float(f"{high:.5g}"):
        budget = parse_budget(text)
        assert budget.low is not None
        assert budget.low < budget.limit
    else:
        with pytest.raises(BudgetError):
            parse_budget(text)


@LIGHT
@given(st.text(max_size=40) | st.text(string.digits + "eE.+- msGMACs", max_size=12))
def test_any_text_is_a_budget_or_refused_in_one_line(text: str) -> None:
    try:
        parse_budget(text)
    except BudgetError as error:
        told = str(error)
    else:
        told = "budget"
    assert told.startswith("budget")
