"""Whether islands find more than one population with as many candidates in all.

    python -m benchmarks.bench_islands [--seeds 5]

Prints the best score after 100,000 and 400,000 candidates as a share of the certified upper bound,
mean and minimum over seeds, for spaces whose optimum is not found quickly.
"""

from __future__ import annotations

import time
from statistics import mean

from benchmarks.entry import Parser, positive, run_main
from benchmarks.machine import commit, write_csv
from maenas.backbone_search.plan import plan
from maenas.backbone_search.tasks import prepare
from maenas.nas import (
    MIGRATE_EVERY,
    TARGET_GAP,
    Settings,
    certify,
    cheapest_networks,
    search,
    search_islands,
)
from maenas.nas.executors import InProcess
from maenas.runs.config import SearchConfig

EVALUATIONS = (100_000, 400_000)
ISLANDS = ((1, MIGRATE_EVERY), (2, 5_000), (4, 5_000), (4, 20_000), (8, 5_000), (8, 20_000))
CASES = (  # template, space, budget
    ("s", "res", "3.8ms"),
    ("m", "resnet", "5.6ms"),
    ("nl", "mob", "3GMACs"),
)


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument("--seeds", type=positive, default=5, help="number of random seeds")
    arguments = parser.parse_args()
    rows = []
    for template, space, budget in CASES:
        config = SearchConfig(budgets=(budget,), template=template, space=space, device="t4-trt7")
        prepared = prepare(plan(config)[0])
        upper = certify(prepared.options, target_gap=TARGET_GAP)[0].upper
        start, limits = cheapest_networks(prepared.options), prepared.subproblem.limits
        for evaluations in EVALUATIONS:
            for islands, migrate_every in ISLANDS:
                shares, started = [], time.perf_counter()
                for seed in range(arguments.seeds):
                    settings = Settings(
                        evaluations=evaluations,
                        seed=seed,
                        limits=limits,
                        islands=islands,
                        migrate_every=migrate_every,
                    )
                    if islands == 1:
                        outcome = search(prepared.evaluator, settings, start)
                    else:
                        outcome = search_islands(prepared.evaluator, settings, start, InProcess())
                    shares.append(outcome.curve[-1][1] / upper)
                seconds = (time.perf_counter() - started) / arguments.seeds
                kind = "one population" if islands == 1 else f"{islands} islands"
                print(
                    f"{template} {space} {budget}, {evaluations:,}: {kind}, migrating every "
                    f"{migrate_every:,}: {100 * mean(shares):.4f} % "
                    f"(min {100 * min(shares):.4f} %), {seconds:.1f} s",
                    flush=True,
                )
                rows.append(
                    {
                        "template": template,
                        "space": space,
                        "budget": budget,
                        "evaluations": evaluations,
                        "islands": islands,
                        "migrate_every": migrate_every if islands > 1 else "",
                        "seeds": arguments.seeds,
                        "mean_share": round(mean(shares), 7),
                        "min_share": round(min(shares), 7),
                        "commit": commit(),
                    }
                )
    print(write_csv("islands", rows, list(rows[0])))


if __name__ == "__main__":
    run_main(main)
