"""`maenas show`: the stages of a backbone, their shares, and that they add up."""

from dataclasses import replace

import pytest

import maenas
from maenas.blocks import SpecError, dump_backbone, load_backbone, zoo_names
from maenas.budgets import load_device
from maenas.detector import load_template
from maenas.nas import max_entropy
from maenas.search_spaces.space import load_space, space_names
from tests.spaces import last_genome

SUMS = ("params", "macs", "latency_ms")


def test_each_stage_is_the_sum_of_its_operators(typed):
    told = typed("show", "zoo:damo-yolo-s", "--json").json
    t4 = load_device("t4")
    stages = list(load_backbone("zoo:damo-yolo-s").stage_ops())
    assert len(told["stages"]) == len(stages) + 2  # neck and head
    for row, ops in zip(told["stages"], stages, strict=False):
        assert row["params"] == sum(op.params for op in ops)
        assert row["macs"] == sum(op.macs for op in ops)
        assert row["latency_ms"] == pytest.approx(sum(t4.op_ms(op) for op in ops))
        assert row["out_shape"] == list(ops[-1].out_shape)


def test_neck_and_head_are_those_of_the_template(typed):
    told = typed("show", "zoo:damo-yolo-s", "--json").json
    features = load_backbone("zoo:damo-yolo-s").feature_shapes()
    rest = load_template("s").ops(features)
    neck, head = told["stages"][-2:]
    assert (told["template"], neck["type"], head["type"]) == ("s", "RepGFPN", "ZeroHead")
    assert neck["macs"] + head["macs"] == sum(op.macs for op in rest)
    assert neck["score"] is head["score"] is None


@pytest.mark.parametrize("name", zoo_names())
def test_the_shares_of_the_stages_are_all_there_is(typed, name):
    told = typed("show", f"zoo:{name}", "--json").json
    for quantity in SUMS:
        total = sum(row[quantity] for row in told["stages"])
        assert told[quantity] == pytest.approx(total, rel=1e-12)
    score = sum(row["score"] for row in told["stages"] if row["score"] is not None)
    assert told["score"] == pytest.approx(score, rel=1e-12)
    assert told["score"] == max_entropy(load_backbone(f"zoo:{name}"))
    assert told["layers"] == load_backbone(f"zoo:{name}").layers


def test_the_stages_are_described_as_the_spec_has_them(typed):
    told = typed("show", "zoo:damo-yolo-s", "--json").json
    rows = told["stages"][: len(told["depth"])]
    # From the published structure: Focus, then five k1kx stages, the last with SPP.
    assert [row["type"] for row in rows] == ["focus_stem", *["res_k1kx"] * 5]
    assert [row["depth"] for row in rows] == told["depth"] == [1, 1, 5, 3, 2, 1]
    assert [row["stride"] for row in rows] == [2, 2, 2, 2, 1, 2]
    assert [row["inner_channels"] for row in rows] == [None, 24, 88, 128, 120, 144]
    assert [row["out_shape"][0] for row in rows] == [32, 128, 128, 256, 256, 512]
    assert [row["spp"] for row in rows] == [False] * 5 + [True]
    assert told["features"] == [2, 4, 5]


def test_the_table_says_the_same_with_shares_in_percent(typed):
    told = typed("show", "zoo:damo-yolo-s", "--json").json
    shown = typed("show", "zoo:damo-yolo-s").out
    lines = {line.split()[0]: line.split() for line in shown.splitlines() if line.strip()}
    row = told["stages"][3]
    assert lines["3"] == [
        *("3", "res_k1kx", "256", "128", "3", "2", "40"),
        *(f"{row['params'] / 1e6:.3f}", f"{row['macs'] / 1e9:.3f}"),
        *(f"{row['latency_ms']:.3f}", f"{100 * row['latency_ms'] / told['latency_ms']:.1f}"),
        *(f"{row['score']:.2f}", f"{100 * row['score'] / told['score']:.1f}"),
    ]
    assert lines["total"][1:3] == ["25", "L"]
    assert lines["total"][-2:] == ["588.11", "100"]
    assert {"2*", "4*", "5*"} <= set(lines)  # C3, C4 and C5 go to the neck


def test_it_says_that_the_latency_is_an_estimate_and_how_good(typed):
    told = typed("show", "zoo:damo-yolo-s", "--json").json
    assert told["latency_kind"] == "estimated"
    assert told["device"] == "t4"
    assert told["latency_about"] == load_device("t4").about
    assert "estimated" in typed("show", "zoo:damo-yolo-s").words
    assert load_device("t4").about in typed("show", "zoo:damo-yolo-s").words


def test_a_backbone_of_unknown_surroundings_is_shown_alone(typed):
    told = typed("show", "zoo:mae-det-s", "--json").json
    assert told["template"] is None
    assert len(told["stages"]) == len(load_backbone("zoo:mae-det-s").stages)
    assert "--template SCALE shows it with neck and head" in typed("show", "zoo:mae-det-s").words


def test_the_surroundings_can_be_chosen_or_left_out(typed):
    alone = typed("show", "zoo:damo-yolo-s", "--template", "none", "--json").json
    smaller = typed("show", "zoo:damo-yolo-s", "--template", "t", "--json").json
    usual = typed("show", "zoo:damo-yolo-s", "--json").json
    assert alone["template"] is None
    assert smaller["template"] == "t"
    assert alone["macs"] < smaller["macs"] < usual["macs"]
    assert alone["score"] == smaller["score"] == usual["score"]


def test_weights_weigh_the_score(typed):
    told = typed("show", "zoo:damo-yolo-s", "--weights", "0,0,0,0,1", "--json").json
    assert told["score"] == pytest.approx(told["level_scores"][4])


def test_a_run_is_shown_as_it_was_searched(typed, small_folder, monkeypatch):
    """With its template and its weights, by its folder or by its spec."""
    monkeypatch.chdir(small_folder)
    for name in ("run", "run/best.yaml"):
        told = typed("show", name, "--json").json
        assert (told["template"], told["weights"]) == ("t", [1, 1, 2, 4])
        assert told["macs"] <= 100e6  # its budget, neck and head included
    assert "weights 1, 1, 2, 4 for C1 to C4" in typed("show", "run").words


def test_a_spec_moved_out_of_its_run_keeps_its_template(typed, small_folder, tmp_path):
    text = (small_folder / "run" / "best.yaml").read_text("utf-8")
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    told = typed("show", "mine.yaml", "--weights", "1,1,2,4", "--json").json
    assert told["template"] == "t"


@pytest.mark.parametrize("name", space_names())
def test_the_table_of_the_largest_network_fits_a_narrow_terminal(typed, tmp_path, name):
    space = load_space(name)
    largest = space.decode(last_genome(space))
    dump_backbone(largest, tmp_path / "mine.yaml")
    table, _, _ = typed("show", "mine.yaml", "--template", "l").out.partition("out, inner:")
    assert "…" not in table
    assert max(map(len, table.splitlines())) <= 80


def test_a_narrow_terminal_is_made_use_of(maenas, tmp_path):
    ran = maenas("show", "zoo:damo-yolo-l", cwd=tmp_path, environ={"COLUMNS": "80"})
    assert "…" not in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80


def test_a_backbone_that_no_neck_fits_is_refused_with_its_file(typed, tmp_path):
    backbone = load_backbone("zoo:damo-yolo-ns")
    path = tmp_path / "far.yaml"
    dump_backbone(replace(backbone, in_shape=(4, 416, 416)), path)
    with pytest.raises(SpecError, match=r"far.yaml: backbone.in_shape: .*3 channels"):
        maenas.show(path, template="ns")
    assert maenas.show(path, template="none").backbone.in_shape == (4, 416, 416)
