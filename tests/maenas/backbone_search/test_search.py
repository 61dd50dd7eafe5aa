"""A search from the command line: what it leaves, what it says, and that the numbers are true."""

import json
import random
import re
import shlex
from pathlib import Path

import pytest
import yaml

from maenas.blocks import load_backbone
from maenas.budgets import load_device
from maenas.nas import effectiveness, max_entropy
from maenas.search_spaces.space import load_space
from tests.pricing import assert_told_as_priced, prices

WEIGHTS = (0, 0, 1, 1, 6)
SEARCH = ("search", "--budget", "3.8ms", "--device", "t4", "--evaluations", "3000")
QUICK = ("--evaluations", "1500", "--finalists", "0", "--json")
FILES = {
    *("best.yaml", "config.yaml", "history.jsonl", "result.json", "state.json"),
    *("curve.png", "scatter.png", "report.html"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("search")


@pytest.fixture(scope="module")
def ran(maenas, folder):
    return maenas(*SEARCH, "--finalists", "0", "--json", cwd=folder)


@pytest.fixture(scope="module")
def run(ran, folder):
    """The folder of the run that all of this module reads."""
    return folder / "runs" / "search" / "exp"


@pytest.fixture(scope="module")
def told(ran):
    return ran.json


@pytest.fixture(scope="module")
def best(run):
    return load_backbone(run / "best.yaml")


@pytest.fixture(scope="module")
def history(run):
    with (run / "history.jsonl").open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


@pytest.mark.slow
def test_a_run_leaves_these_files_and_no_others(run):
    assert {path.name for path in run.iterdir()} == FILES


def test_json_says_what_was_found_and_how(told):
    assert {
        *("schema", "spec", "score", "latency_ms", "budget", "macs", "params", "layers"),
        *("evaluations", "unique_evaluations", "seconds", "seed", "device", "latency_kind"),
    } <= set(told)
    assert told["schema"] == "maenas/search-result@1"
    assert told["spec"] == "runs/search/exp/best.yaml"
    assert (told["seed"], told["device"], told["latency_kind"]) == (0, "t4", "estimated")
    assert told["evaluations"] == 3000
    assert told["seconds"] > 0


def test_progress_goes_to_stderr(ran):
    for word in ("3,000/3,000 candidates", " left", "best ", " ms", "/s"):
        assert word in ran.err


def test_the_numbers_told_are_those_of_the_spec(told, best):
    assert told["score"] == pytest.approx(max_entropy(best, WEIGHTS), rel=1e-12)
    assert_told_as_priced(told, best, told["template"])


def test_the_best_is_within_every_budget_with_neck_and_head(told, best):
    # 3.8 ms is what the published S costs, whose template allows 25 layers.
    assert told["template"] == "s"
    assert told["budget"] == {"latency_ms": 3.8, "layers": 25}
    assert prices(best, "s")["latency_ms"] <= 3.8
    assert best.layers <= 25


def test_the_file_of_the_result_says_what_stdout_said(run, told):
    assert json.loads((run / "result.json").read_text("utf-8")) == told


def test_the_history_holds_every_network_once(told, history):
    rows = history[1:]
    assert [row["i"] for row in rows] == list(range(told["unique_evaluations"]))
    assert len({tuple(row["genes"]) for row in rows}) == len(rows)
    assert sum(row["feasible"] for row in rows) == told["accepted"]


def test_rows_of_the_history_are_true(history):
    header, rows = history[0], history[1:]
    space = load_space("res")
    assert header == {"format": "maenas/history@1", "genes": [str(gene) for gene in space.genes]}
    for row in random.Random(0).sample(rows, 30):
        values = zip(space.genes, row["genes"], strict=True)
        backbone = space.decode([gene.values.index(value) for gene, value in values])
        assert row["score"] == pytest.approx(max_entropy(backbone, WEIGHTS), rel=1e-12)
        assert_told_as_priced(row, backbone, "s")
        assert row["feasible"] == (row["latency_ms"] <= 3.8 and row["layers"] <= 25)


def test_no_network_of_the_history_that_fits_scores_more(told, history):
    scores = [row["score"] for row in history[1:] if row["feasible"]]
    assert told["score"] > max(scores)
    assert told["found_by_exact_solver"]


def test_the_bound_is_above_all_that_was_found(told):
    assert told["optimum_at_least"] <= told["optimum_at_most"]
    assert max(told["score"], told["random_score"]) <= told["optimum_at_most"]
    assert told["share_of_optimum"] == pytest.approx(told["score"] / told["optimum_at_most"])


def test_the_search_ends_in_the_proven_optimum(told):
    assert told["optimum_is_proven"]
    assert told["score"] == pytest.approx(told["optimum_at_most"], rel=2e-4)


def test_the_published_backbone_of_the_scale_is_told_beside(told):
    published = load_backbone("zoo:damo-yolo-s")
    assert told["published"]["score"] == pytest.approx(588.113, abs=5e-4)  # as the reference scores
    assert_told_as_priced(told["published"], published, "s")


def test_the_spec_opens_with_its_receipt(run, told):
    lines = (run / "best.yaml").read_text("utf-8").splitlines()
    receipt = "\n".join(line for line in lines if line.startswith("#"))
    assert lines[0] == f"# maenas {' '.join(SEARCH)} --seed 0"
    assert f"score {told['score']:.4f}" in receipt
    assert f"{told['latency_ms']:.4f} ms estimated on t4" in receipt
    assert f"3,000 candidates proposed, {told['unique_evaluations']:,} of them different" in receipt
    bound = f"estimated within {told['budget']['latency_ms']:.3f} ms exceeds"
    proven = f"(proven: no network {bound} {told['optimum_at_most']:.4f})"
    assert f"optimal for this score {proven}" in receipt
    assert "the network is the exact solver's" in receipt
    assert "seed 0" in receipt
    assert load_device("t4").about in receipt


def test_the_config_says_what_was_asked(run):
    config = yaml.safe_load((run / "config.yaml").read_text("utf-8"))
    assert config["format"] == "maenas/search@1"
    assert (config["budgets"], config["device"], config["evaluations"]) == (["3.8ms"], "t4", 3000)


@pytest.mark.slow
def test_the_command_of_the_receipt_repeats_the_run_to_the_byte(maenas, run, tmp_path):
    """In another process with other hashes, and with another number of workers."""
    receipt = (run / "best.yaml").read_text("utf-8").splitlines()[0]
    repeated = shlex.split(receipt)[2:]  # without "#" and "maenas"
    options = ("--finalists", "0", "--workers", "2", "--out", "again")
    maenas(*repeated, *options, cwd=tmp_path, environ={"PYTHONHASHSEED": "1"})
    for name in ("best.yaml", "history.jsonl", "config.yaml"):
        assert (tmp_path / "again" / name).read_bytes() == (run / name).read_bytes(), name


def test_the_plots_are_images(run):
    for name in ("curve.png", "scatter.png"):
        content = (run / name).read_bytes()
        assert content.startswith(b"\x89PNG\r\n")
        assert len(content) > 10_000


def test_the_report_needs_no_other_file_and_no_network(run, told):
    page = (run / "report.html").read_text("utf-8")
    assert "default-src 'none'" in page
    content, _, scripts = page.partition("<script")
    assert re.findall(r'<(?:img|link)[^>]* (?:src|href)="(?!data:)', content) == []
    assert re.findall(r"<script[^>]* src=", f"<script{scripts}") == []
    for word in (told["command"], f"{told['score']:.4f}", "estimated on t4", "25 layers"):
        assert word in page


@pytest.mark.slow
def test_another_seed_searches_differently(typed, small):
    told = [typed(*small, "--seed", seed, "--out", seed, "--json").json for seed in (0, 1)]
    assert told[0]["unique_evaluations"] != told[1]["unique_evaluations"]


# What may be asked.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("space", "budget"),
    [("csp", "60GFLOPs"), ("mob", "1GMACs"), ("mobv3", "1GMACs"), ("resnet", "9GMACs")],
)
def test_every_bundled_space_is_searched(typed, space, budget):
    told = typed("search", "--space", space, "--budget", budget, *QUICK).json
    limit = {"60GFLOPs": 30e9, "1GMACs": 1e9, "9GMACs": 9e9}[budget]  # two FLOPs a MAC
    assert told["space"] == space
    assert 0.8 * limit < told["macs"] <= limit
    assert (told["device"], told["latency_ms"], told["latency_kind"]) == (None, None, None)
    backbone = load_backbone(told["spec"])
    load_space(space).encode(backbone)  # raises if it is not of the space
    assert_told_as_priced(told, backbone, told["template"])


@pytest.mark.slow
def test_several_budgets_are_all_met(typed, unlimited):
    """Each a little less than what the best network under the largest of them takes."""
    free = typed(*unlimited, "--device", "t4", "--budget", "100MMACs", "--json").json
    ms, params = 0.99 * free["latency_ms"], 0.99 * free["params"]
    budgets = (f"{ms}ms", f"{params}params", "196MFLOPs", "15layers", "132KB")
    asked = [word for budget in budgets for word in ("--budget", budget)]
    told = typed(*unlimited, "--device", "t4", *asked, "--json").json
    limits = {"latency_ms": ms, "params": params, "macs": 98e6, "layers": 15}
    spent = prices(load_backbone(told["spec"]), told["template"])
    for quantity, limit in limits.items():
        assert spent[quantity] <= limit
    assert told["memory_bytes"] <= 132e3
    assert told["budget"] == pytest.approx({**limits, "memory_bytes": 132e3})
    assert told["score"] < free["score"]


def test_the_scope_says_what_a_budget_limits(typed, unlimited):
    """Neck and head alone cost more than what these backbones may."""
    asked = (*unlimited, "--budget", "8MMACs")
    told = typed(*asked, "--scope", "backbone", "--json").json
    backbone = load_backbone(told["spec"])
    assert_told_as_priced(told, backbone, None)
    assert prices(backbone)["macs"] <= 8e6 < prices(backbone, "t")["macs"]
    refused = typed(*asked, "--out", "whole")
    assert refused.code == 3
    assert "the cheapest detector needs" in refused.err


@pytest.mark.slow
@pytest.mark.parametrize(("template", "layers"), [("t", 20), ("s", 25), ("m", 35), ("l", 45)])
def test_the_template_brings_its_layer_budget(typed, unlimited, template, layers):
    words = list(unlimited)
    words[words.index("--template") + 1] = template
    told = typed(*words, "--budget", "1GMACs", "--json").json
    assert told["template"] == template
    assert told["budget"]["layers"] == layers


def test_random_search_is_an_algorithm(typed, small):
    told = typed(*small, "--algorithm", "random", "--json").json
    assert told["algorithm"] == "random"
    assert told["evaluations"] == 600
    assert told["macs"] <= 100e6


def test_the_baseline_is_random_search_with_the_next_seed(typed, small):
    told = typed(*small, "--json").json
    random_search = typed(*small, "--algorithm", "random", "--seed", "1", "--json").json
    assert told["random_score"] == pytest.approx(random_search["score"], rel=1e-12)
    assert told["random_score"] < told["score"]


def test_the_exact_algorithm_finds_the_optimum(typed, small):
    told = typed(*small, "--algorithm", "exact", "--json").json
    assert told["score"] == pytest.approx(told["optimum_at_least"], rel=1e-12)
    assert told["share_of_optimum"] > 0.9998
    evolved = typed(*small, "--out", "evolved", "--json").json
    assert evolved["score"] <= told["optimum_at_most"]


@pytest.mark.slow
def test_effectiveness_can_be_bounded(typed, small):
    free = typed(*small, "--out", "free", "--json").json
    bound = 0.9 * effectiveness(load_backbone(free["spec"]))
    limited = (*small, "--max-effectiveness", bound, "--json")
    told = typed(*limited).json
    assert effectiveness(load_backbone(told["spec"])) <= bound
    assert told["optimum_at_most"] < free["score"]
    exact = typed(*limited, "--algorithm", "exact", "--out", "exact").json
    assert effectiveness(load_backbone(exact["spec"])) <= bound
    assert told["score"] == exact["score"] > 0.9998 * exact["optimum_at_most"]


def test_finalists_are_scored_on_random_networks_too(typed, small):
    told = typed(*small, "--finalists", "2", "--json").json
    first, second = told["monte_carlo"]
    assert first["score"] == told["score"] > second["score"]
    for finalist in (first, second):
        assert finalist["expected"] == pytest.approx(finalist["mean"], rel=0.01)
        assert 0 < finalist["standard_error"] < 0.01 * finalist["mean"]
    card = typed(*small, "--finalists", "1", "--out", "card").words
    assert f"on 4 random networks {first['mean']:.3f} ±" in card


# The card.


@pytest.fixture
def card(typed, small):
    return typed(*small)


def test_the_card_shows_the_limits_on_depth(card):
    assert "at most 20 layers, 1/2/3/3 units per stage" in card.words


def test_random_search_keeps_its_own_network_and_says_how_far_it_is(typed, small):
    words = typed(*small, "--algorithm", "random", "--evaluations", "50").words
    told = json.loads(Path("runs/search/exp/result.json").read_text("utf-8"))
    assert not told["found_by_exact_solver"]
    assert f"{100 * told['share_of_optimum']:.3f} % of this score's optimum, certified" in words


def test_the_card_says_how_good_the_network_is_and_why(card):
    told = json.loads(Path("runs/search/exp/result.json").read_text("utf-8"))
    for words in (
        f"budget {told['macs'] / 1e9:.3f} GMACs of 0.100 GMACs",
        f"score {told['score']:.3f}, optimal for this score (proven: no network within 0.100 GMACs "
        f"exceeds {told['optimum_at_most']:.3f}); random search {told['random_score']:.3f}",
        f"600 candidates, {told['unique_evaluations']} different, seed 0",
        f"{told['params'] / 1e6:.4f} M params, {told['layers']} layers",
    ):
        assert words in card.words


def test_the_card_names_the_tilt_of_its_score(typed, small):
    assert "maximised log-macs:t=-0.5 " in typed(*small, "--score", "log-macs:t=-0.5").words


def test_the_next_commands_of_the_card_work(card, typed):
    show, _, build = card.words.partition(" next ")[2].partition(" then ")
    assert show == "maenas show runs/search/exp/best.yaml"
    assert "res_k1kx" in typed(*shlex.split(show)[1:]).out
    assert build == "maenas build-detector runs/search/exp/best.yaml --out runs/detector"
    assert "runs/detector/detector.yaml" in typed(*shlex.split(build)[1:]).out


@pytest.mark.slow
def test_the_card_fits_a_narrow_terminal(maenas, small, tmp_path):
    ran = maenas(*small, cwd=tmp_path, environ={"COLUMNS": "80"})
    assert max(map(len, ran.out.splitlines())) == 80
    assert "…" not in ran.out


def test_brackets_in_the_name_of_a_folder_are_kept(typed, small):
    assert "maenas show a[b]:c:/best.yaml" in typed(*small, "--out", "a[b]:c:").words


# Folders.


@pytest.mark.slow
def test_runs_are_numbered(typed, small):
    specs = [typed(*small, "--json").json["spec"] for _ in range(3)]
    assert specs == [f"runs/search/{name}/best.yaml" for name in ("exp", "exp2", "exp3")]


def test_a_run_is_not_overwritten_unless_allowed(typed, small, tmp_path, files_below):
    typed(*small, "--out", "mine")
    before = files_below(tmp_path)
    refused = typed(*small, "--seed", "1", "--out", "mine")
    assert refused.code == 2
    assert refused.out == ""
    assert "mine: is not empty" in refused.err
    assert "--exist-ok" in refused.err
    assert files_below(tmp_path) == before
    replaced = typed(*small, "--seed", "1", "--out", "mine", "--exist-ok", "--json").json
    assert replaced["seed"] == 1
    assert "--seed 1" in (tmp_path / "mine" / "best.yaml").read_text("utf-8").splitlines()[0]


def test_nothing_of_a_replaced_run_passes_for_the_new_one(typed, unlimited, small, tmp_path):
    family = ("--budget", "100MMACs..110MMACs", "--points", "2")
    typed(*unlimited, *family, "--out", "mine")
    assert (tmp_path / "mine" / "pareto").is_dir()
    typed(*small, "--algorithm", "exact", "--out", "mine", "--exist-ok")
    # The exact algorithm evaluates no candidates, so it keeps no history.
    left = {path.name for path in (tmp_path / "mine").iterdir()}
    assert left == FILES - {"history.jsonl", "state.json"}


def test_the_runs_below_a_folder_are_no_part_of_it(typed, small, tmp_path, files_below):
    typed(*small)
    before = files_below(tmp_path / "runs")
    refused = typed(*small, "--out", "runs/search", "--exist-ok")
    assert refused.code == 2
    assert "runs/search: is not the folder of a search" in refused.err
    assert files_below(tmp_path / "runs") == before


def test_a_refused_or_infeasible_search_leaves_the_run_as_it_is(
    typed, unlimited, small, tmp_path, files_below
):
    typed(*small, "--out", "mine")
    before = files_below(tmp_path)
    for wrong, code in (("1MMACs", 3), ("100", 2)):
        refused = typed(*unlimited, "--budget", wrong, "--out", "mine", "--exist-ok")
        assert refused.code == code
        assert files_below(tmp_path) == before
