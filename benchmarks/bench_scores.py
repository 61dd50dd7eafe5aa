"""How tightly and how fast each score is certified, and how fast a search with it is.

    python -m benchmarks.bench_scores [--evaluations 100000] [--runs 3] [--write]

For each score on the default problem (3.8 ms on t4-trt7, scale S): the gap between the certified
bounds, the CPU seconds until they are known (listing and pricing the space included), and the
candidates proposed per CPU second of an evolution, as a share of those with max-entropy. Runs of
all scores alternate, and CPU time is measured, so other processes disturb the shares less.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.entry import Parser, positive, run_main
from benchmarks.machine import commit, write_csv
from maenas.backbone_search.plan import plan
from maenas.backbone_search.tasks import prepare
from maenas.nas import TARGET_GAP, Journal, SearchProgress, Settings, certify, cheapest_networks
from maenas.nas import search as evolve
from maenas.runs.config import SearchConfig

SCORES = (
    *("max-entropy", "log-entropy", "log-entropy:t=0.5", "log-macs", "log-macs:t=-1"),
    *("log-macs:t=1", "macs", "params", "activations", "layers", "ln-width"),
)
WARM_UP = 0.1  # share of candidates that are not timed


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument("--evaluations", type=positive, default=100_000, help="candidates")
    parser.add_argument("--runs", type=positive, default=3, help="number of searches")
    parser.add_argument("--write", action="store_true", help="write the table of results")
    arguments = parser.parse_args()
    rates: dict[str, list[float]] = {score: [] for score in SCORES}
    for seed in range(arguments.runs):
        for score in SCORES:
            rates[score].append(rate(score, arguments.evaluations, seed))
    rows = []
    for score in SCORES:
        gap, seconds = certified(score)
        median = statistics.median(rates[score])
        ratios = [a / b for a, b in zip(rates[score], rates[SCORES[0]], strict=True)]
        share = statistics.median(ratios)
        print(
            f"{score}: gap {100 * gap:.4f} % in {seconds:.1f} s of CPU; {median:,.0f} candidates "
            f"per CPU second, {share:.2f} of {SCORES[0]}",
            flush=True,
        )
        rows.append(
            {
                "score": score,
                "gap_percent": round(100 * gap, 5),
                "certified_cpu_s": round(seconds, 2),
                "candidates_per_cpu_s": round(median),
                "share_of_max_entropy": round(share, 3),
                "commit": commit(),
            }
        )
    if arguments.write:
        print(write_csv("scores", rows, list(rows[0])))


def config_of(score: str) -> SearchConfig:
    """The default problem with a score."""
    return SearchConfig(budgets=("3.8ms",), device="t4-trt7", score=score)


def certified(score: str) -> tuple[float, float]:
    """The gap as a share of the optimum, and the CPU seconds that certifying took."""
    started = time.process_time()
    part = prepare(plan(config_of(score))[0])
    (found,) = certify(part.options, target_gap=TARGET_GAP)
    assert found.gap is not None
    return found.gap, time.process_time() - started


def rate(score: str, evaluations: int, seed: int) -> float:
    """Proposed candidates per CPU second after the warm-up of one search."""
    part = prepare(plan(config_of(score))[0])
    settings = Settings(evaluations, seed, part.subproblem.limits)
    marks: list[tuple[int, float]] = []

    def report(progress: SearchProgress) -> None:
        if not marks and progress.evaluations >= WARM_UP * evaluations:
            marks.append((progress.evaluations, time.process_time()))

    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder), part.subproblem.problem.space)
        start = cheapest_networks(part.options)
        outcome = evolve(part.evaluator, settings, start, journal, report=report)
        ended = time.process_time()
    proposed, started = marks[0]
    return (outcome.evaluations - proposed) / (ended - started)


if __name__ == "__main__":
    run_main(main)
