"""How much memory it takes to write the history of a long search, and to read it back.

    python -m benchmarks.bench_history [CANDIDATES]

Prints the peak memory of a search, of the same search resumed after its end, and of a process that
has only prepared it. Each runs in a process of its own.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.entry import Parser, existing_folder, positive, run_main
from benchmarks.machine import commit, write_csv
from maenas.backbone_search.plan import plan
from maenas.backbone_search.tasks import prepare
from maenas.nas import Journal, Settings, cheapest_networks, search
from maenas.runs.config import SearchConfig

CANDIDATES = 2_000_000
PARTS = ("prepare", "run", "resume")


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument(
        "candidates", nargs="?", type=positive, default=CANDIDATES, help="candidates of the search"
    )
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=existing_folder, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    candidates = arguments.candidates
    if arguments.part is not None:
        measure(arguments.part, candidates, arguments.folder)
        return
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        for part in PARTS:
            command = [sys.executable, "-m", "benchmarks.bench_history", str(candidates)]
            done = subprocess.run(
                [*command, "--part", part, "--folder", folder],
                check=True, capture_output=True, text=True, env=os.environ,
            )  # fmt: skip
            seconds, peak, unique = done.stdout.split()
            print(f"{part}: {float(peak):.0f} MB, {float(seconds):.0f} s, {unique} networks")
            rows.append(
                {
                    "part": part,
                    "candidates": candidates,
                    "networks": int(unique),
                    "peak_mb": round(float(peak)),
                    "seconds": round(float(seconds), 1),
                    "commit": commit(),
                }
            )
    print(write_csv("history", rows, list(rows[0])))


def measure(part: str, candidates: int, folder: Path) -> None:
    """Do one part and print seconds, peak memory in MB and the number of networks."""
    started = time.process_time()
    prepared = prepare(plan(SearchConfig(budgets=("3.8ms",), device="t4-trt7"))[0])
    start = cheapest_networks(prepared.options)
    unique = 0
    if part != "prepare":
        settings = Settings(candidates, 0, prepared.subproblem.limits)
        journal = Journal(folder, prepared.subproblem.problem.space)
        resume = part == "resume"
        unique = search(prepared.evaluator, settings, start, journal, resume).unique
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(time.process_time() - started, peak, unique)


if __name__ == "__main__":
    run_main(main)
