"""How tight the certificate is, and how long it takes.

    python -m benchmarks.bench_exact

Prints the gap between the certified bounds of the default problem, and of the whole front from 2
to 8 ms from a single solve, with the time on one core, which includes listing and pricing the
space.
"""

from __future__ import annotations

import time
from math import inf

import numpy as np

from benchmarks.machine import commit, write_csv
from maenas.backbone_search.plan import plan
from maenas.backbone_search.tasks import prepare
from maenas.nas import TARGET_GAP, certify
from maenas.nas.certificate.exact import DEFAULT_BINS
from maenas.runs.config import SearchConfig

FRONT = (2.0, 8.0)
POINTS = 61
FRONT_BINS = 16_000
PAIRS = (
    ("3.8ms", "12Mparams"),
    ("3.8ms", "10Mparams"),
    ("3.8ms", "11Mparams"),
    ("5ms", "12Mparams"),
    ("5ms", "16Mparams"),
    ("4.5ms", "10Mparams"),
    ("4.2ms", "14Mparams"),
    ("6ms", "14Mparams"),
    ("3.8ms", "17GMACs"),
    ("5ms", "22GMACs"),
)


def main() -> None:
    rows = []
    for name, budget in (("default problem, 3.8 ms", "3.8ms"), ("front 2 to 8 ms", "8ms")):
        started = time.perf_counter()
        config = SearchConfig(budgets=(budget,), device="t4", template="s")
        prepared = prepare(plan(config)[0])
        least, _ = prepared.options.cheapest("latency_ms")
        limits = list(prepared.subproblem.limits)
        if name.startswith("front"):
            limits = [limit for limit in np.linspace(*FRONT, POINTS).tolist() if limit >= least]
        found = certify(prepared.options, limits, FRONT_BINS if len(limits) > 1 else DEFAULT_BINS)
        seconds = time.perf_counter() - started
        gaps = [100 * (certified.gap or 0.0) for certified in found if certified.score]
        within = sum(gap <= 0.02 for gap in gaps)
        print(
            f"{name}: {len(gaps)} of {len(found)} budgets, largest gap {max(gaps):.4f} %, median "
            f"{np.median(gaps):.4f} %, {within} within 0.02 %, {seconds:.2f} s "
            f"(cheapest detector {least:.3f} ms)"
        )
        rows.append(
            {
                "problem": name,
                "budgets": len(found),
                "largest_gap_percent": round(max(gaps), 5),
                "median_gap_percent": round(float(np.median(gaps)), 5),
                "seconds": round(seconds, 2),
                "commit": commit(),
            }
        )
    rows.append(pairs_row())
    print(write_csv("exact", rows, list(rows[0])))


def pairs_row() -> dict[str, object]:
    """The gap under pairs of additive budgets, where Lagrange multipliers alone leave a gap."""
    started = time.perf_counter()
    gaps = []
    for latency, params in PAIRS:
        config = SearchConfig(budgets=(latency, params), device="t4", template="s")
        (found,) = certify(prepare(plan(config)[0]).options, target_gap=TARGET_GAP)
        gaps.append(100 * (found.gap if found.gap is not None else inf))
        print(f"  {latency}, {params}: {found.score:.4f} to {found.upper:.4f}", flush=True)
    seconds = time.perf_counter() - started
    within = sum(gap <= 0.05 for gap in gaps)
    print(
        f"{len(PAIRS)} pairs of budgets: largest gap {max(gaps):.4f} %, {within} within 0.05 %, "
        f"{seconds:.2f} s"
    )
    return {
        "problem": "pairs of budgets",
        "budgets": len(PAIRS),
        "largest_gap_percent": round(max(gaps), 5),
        "median_gap_percent": round(float(np.median(gaps)), 5),
        "seconds": round(seconds, 2),
        "commit": commit(),
    }


if __name__ == "__main__":
    main()
