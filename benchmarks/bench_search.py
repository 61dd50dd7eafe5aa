"""How fast a search is, where its time goes, what memory it takes.

    python -m benchmarks.bench_search [--evaluations 500000] [--runs 3]

Prints evaluated candidates per second on one core after the warm-up (with mutation, pricing,
scoring, deduplication and history), the split of that time, the wall time and peak memory of the
whole command with the same number of candidates, and the time of `maenas --help`.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from benchmarks.entry import Parser, positive, run_main
from benchmarks.machine import commit, machine, write_csv
from maenas.backbone_search.plan import plan
from maenas.backbone_search.tasks import prepare
from maenas.nas import Evaluator, Journal, SearchProgress, Settings, cheapest_networks, search
from maenas.nas.history.memory import Memory
from maenas.nas.searchers.evolution import Evolution
from maenas.runs.config import SearchConfig

WARM_UP = 0.1  # share of candidates that are not timed, while caches and population fill
PARTS: tuple[tuple[type, str, str], ...] = (
    (Evolution, "ask", "propose"),
    (Memory, "rows", "deduplicate"),
    (Evaluator, "__call__", "score and price"),
    (Evolution, "tell", "survive"),
    (Journal, "append", "history"),
)


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument("--evaluations", type=positive, default=500_000, help="candidates")
    parser.add_argument("--runs", type=positive, default=3, help="number of searches")
    arguments = parser.parse_args()
    spent: dict[str, float] = defaultdict(float)
    for owner, method, name in PARTS:
        setattr(owner, method, timed(getattr(owner, method), name, spent))
    rates, proposals = [], []
    for seed in range(arguments.runs):
        evaluated, proposed, seconds = steady_state(arguments.evaluations, seed, spent)
        rates.append(evaluated / seconds)
        proposals.append(proposed / seconds)
    total = sum(spent.values())
    median = statistics.median(rates)
    split = ", ".join(f"{name} {100 * spent[name] / total:.0f} %" for _, _, name in PARTS)
    print(
        f"{median:,.0f} evaluated candidates/s on one core ({statistics.median(proposals):,.0f} "
        f"proposed; {arguments.runs} runs, spread "
        f"{100 * (max(rates) - min(rates)) / median:.0f} %; {machine()})"
    )
    print(f"split: {split}")
    wall, memory = whole_command(arguments.evaluations, finalists=0)
    print(
        f"whole command, {arguments.evaluations:,} candidates, --workers 2 --finalists 0: "
        f"{wall:.1f} s, peak memory of any process {memory:.0f} MB"
    )
    full_wall, full_memory = whole_command(arguments.evaluations, finalists=3)
    print(
        f"with 3 finalists scored on random networks, which imports torch: {full_wall:.1f} s, "
        f"{full_memory:.0f} MB"
    )
    help_s = statistics.median(help_seconds() for _ in range(5))
    print(f"maenas --help: {help_s:.2f} s (median of 5)")
    row: dict[str, Any] = {
        "evaluated_per_s": round(median),
        "proposed_per_s": round(statistics.median(proposals)),
        **{name: round(spent[name] / total, 3) for _, _, name in PARTS},
        "evaluations": arguments.evaluations,
        "command_s": round(wall, 1),
        "peak_mb": round(memory),
        "command_with_finalists_s": round(full_wall, 1),
        "peak_with_finalists_mb": round(full_memory),
        "help_s": round(help_s, 2),
        "commit": commit(),
    }
    print(write_csv("search", [row], list(row)))


def timed(method: Callable[..., Any], name: str, spent: dict[str, float]) -> Callable[..., Any]:
    """Wrap a method so that it adds its seconds to `spent[name]`."""

    @wraps(method)
    def wrapper(*arguments: Any) -> Any:
        started = time.perf_counter()
        result = method(*arguments)
        spent[name] += time.perf_counter() - started
        return result

    return wrapper


def steady_state(evaluations: int, seed: int, spent: dict[str, float]) -> tuple[int, int, float]:
    """(different candidates, proposed candidates, seconds) after the warm-up of one search."""
    prepared = prepare(plan(SearchConfig(budgets=("3.8ms",), device="t4-trt7"))[0])
    settings = Settings(evaluations, seed, prepared.subproblem.limits)
    marks: list[tuple[int, int, float]] = []
    before = dict(spent)

    def report(progress: SearchProgress) -> None:
        if not marks and progress.evaluations >= WARM_UP * evaluations:
            marks.append((progress.unique, progress.evaluations, time.perf_counter()))
            spent.update({name: before.get(name, 0.0) for name in spent})

    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder), prepared.subproblem.problem.space)
        start = cheapest_networks(prepared.options)
        outcome = search(prepared.evaluator, settings, start, journal, report=report)
        ended = time.perf_counter()
    unique, proposed, started = marks[0]
    return outcome.unique - unique, outcome.evaluations - proposed, ended - started


def whole_command(evaluations: int, finalists: int) -> tuple[float, float]:
    """(seconds, MB of the largest process) of `maenas search` from start to end."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(sys.executable, "-m", "maenas", "search", "--budget", "3.8ms", "--device", "t4-trt7"),
            *("--evaluations", str(evaluations), "--workers", "2", "--out", f"{folder}/run"),
            *("--finalists", str(finalists)),
        ]
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env=os.environ)
        seconds = time.perf_counter() - started
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def help_seconds() -> float:
    """Wall time of `maenas --help` in seconds."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "maenas", "--help"], check=True, capture_output=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    run_main(main)
