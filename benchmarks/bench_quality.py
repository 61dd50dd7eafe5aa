"""How much of the certified optimum a search reaches, and how fast, against random search.

    python benchmarks/bench_quality.py [--seeds 5] [--case "s res 3.8ms"]

Prints, for every space at two budgets, the best score after 1,000, 5,000, 20,000 and 50,000
candidates as a share of the certified upper bound: mean and minimum over seeds.
"""

from __future__ import annotations

import time
from statistics import mean

from benchmarks.entry import Parser, one_of, positive, run_main
from benchmarks.machine import commit, write_csv
from maenas.backbone_search.plan import plan
from maenas.backbone_search.tasks import prepare
from maenas.nas import ALGORITHMS, TARGET_GAP, Outcome, Settings, certify, cheapest_networks, search
from maenas.runs.config import SearchConfig

MARKS = (1_000, 5_000, 20_000, 50_000)
CASES = (  # template, space, budgets
    ("t", "res", "2.8ms"),
    ("s", "res", "3.3ms"),
    ("s", "res", "3.8ms"),
    ("s", "res", "16GMACs"),
    ("m", "csp", "5.6ms"),
    ("l", "csp", "7.9ms"),
    ("ns", "mob", "0.75GMACs"),
    ("nl", "mob", "3GMACs"),
    ("nl", "mob", "2ms"),
    ("s", "resnet", "3.8ms"),
    ("m", "resnet", "5.6ms"),
    ("nl", "mobv3", "3GMACs"),
    ("nl", "mobv3", "2ms"),
)


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument("--seeds", type=positive, default=5, help="number of random seeds")
    parser.add_argument(
        "--case", type=one_of(list(map(" ".join, CASES))), help="problem; all if left out"
    )
    arguments = parser.parse_args()
    rows = []
    for template, space, budget in CASES:
        if arguments.case and arguments.case != f"{template} {space} {budget}":
            continue
        config = SearchConfig(budgets=(budget,), template=template, space=space, device="t4-trt7")
        started = time.perf_counter()
        prepared = prepare(plan(config)[0])
        certified = certify(prepared.options, target_gap=TARGET_GAP)[0]
        seconds = time.perf_counter() - started
        start = cheapest_networks(prepared.options)
        limits = prepared.subproblem.limits
        print(
            f"{template} {space} {budget}: optimum between {certified.score:.4f} and "
            f"{certified.upper:.4f} (gap {100 * (certified.gap or 0):.4f} %, {seconds:.1f} s)"
        )
        for algorithm, searcher in ALGORITHMS.items():
            runs = [
                search(
                    prepared.evaluator, Settings(MARKS[-1], seed, limits, searcher=searcher), start
                )
                for seed in range(arguments.seeds)
            ]
            shares = {
                mark: [best_at(run, mark) / certified.upper for run in runs] for mark in MARKS
            }
            shown = ", ".join(
                f"{mark:,}: {100 * mean(of):.3f} % (min {100 * min(of):.3f} %)"
                for mark, of in shares.items()
            )
            print(f"  {algorithm:9s} {shown}", flush=True)
            rows += [
                {
                    "template": template,
                    "space": space,
                    "budget": budget,
                    "algorithm": algorithm,
                    "candidates": mark,
                    "seeds": arguments.seeds,
                    "mean_share": round(mean(of), 6),
                    "min_share": round(min(of), 6),
                    "upper": round(certified.upper, 4),
                    "gap": round(certified.gap or 0.0, 7),
                    "certify_s": round(seconds, 2),
                    "commit": commit(),
                }
                for mark, of in shares.items()
            ]
    if not arguments.case:
        print(write_csv("quality", rows, list(rows[0])))


def best_at(outcome: Outcome, candidates: int) -> float:
    """The best score among this number of first candidates; 0 if none met the budget."""
    return max((score for count, score in outcome.curve if count <= candidates), default=0.0)


if __name__ == "__main__":
    run_main(main)
