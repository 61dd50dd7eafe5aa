"""How tight the certificate is, and how long it takes.

    python -m benchmarks.bench_exact [--devices-only] [--gpu t4-trt7] [--cpu intel-8163]

Prints the gap between the certified bounds of the default problem, and of the whole front from 2
to 8 ms from a single solve, with the time on one core, which includes listing and pricing the
space; then the gap under ten pairs of a latency and another cost, under limits on effectiveness
below that of the optimum, and under ten pairs of latencies on a GPU and a CPU. Both may be measured
tables.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from math import inf
from pathlib import Path

import numpy as np

from benchmarks.entry import Parser, run_main
from benchmarks.machine import commit, write_csv
from maenas.backbone_search.plan import plan
from maenas.backbone_search.tasks import prepare
from maenas.budgets import load_device
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
# Limits on effectiveness, from just below that of the default optimum (0.063).
EFFECTIVENESS = (0.06, 0.055, 0.05, 0.045, 0.04)

# Latency on the CPU, as a share of what the optimum under the latency on the GPU alone takes there.
DEVICE_PAIRS = (
    *((3.8, share) for share in (0.95, 0.93, 0.9, 0.8)),
    *((3.2, share) for share in (0.95, 0.85)),
    *((4.5, share) for share in (0.9, 0.8)),
    (5.5, 0.75),
    (3.0, 1.1),  # the limit on the CPU does not bind
)


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument("--devices-only", action="store_true", help="skip the other problems")
    parser.add_argument("--gpu", default="t4-trt7", help="GPU of the pairs of devices")
    parser.add_argument("--cpu", default="intel-8163", help="CPU of the pairs of devices")
    arguments = parser.parse_args()
    for name in (arguments.gpu, arguments.cpu):
        load_device(name)  # one that does not exist is known before the other problems
    rows = [] if arguments.devices_only else single_rows()
    rows.append(device_pairs_row(arguments.gpu, arguments.cpu))
    print(write_csv("exact", rows, list(rows[0])))


def single_rows() -> list[dict[str, object]]:
    """The gaps under one latency, along a front, and under a latency and another cost."""
    rows: list[dict[str, object]] = []
    for name, budget in (("default problem, 3.8 ms", "3.8ms"), ("front 2 to 8 ms", "8ms")):
        started = time.perf_counter()
        config = SearchConfig(budgets=(budget,), device="t4-trt7", template="s")
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
    rows += [pairs_row(), effectiveness_row()]
    return rows


def device_pairs_row(gpu: str, cpu: str) -> dict[str, object]:
    """The gap and the time under pairs of latencies on a GPU and a CPU."""
    alone: dict[float, float] = {}
    gaps, times = [], []
    for gpu_ms, share in DEVICE_PAIRS:
        if gpu_ms not in alone:
            alone[gpu_ms] = latency_of_optimum(gpu_ms, gpu, cpu)
        budgets = (f"{gpu_ms}ms@{gpu}", f"{share * alone[gpu_ms]:.4g}ms@{cpu}")
        started, cpu_s = time.perf_counter(), time.process_time()
        (subproblem,) = plan(SearchConfig(budgets=budgets, template="s"))
        prepared = prepare(subproblem)
        (found,) = certify(prepared.options, target_gap=TARGET_GAP)
        times.append(time.process_time() - cpu_s)
        gaps.append(100 * (found.gap if found.gap is not None else inf))
        assert found.genome is not None
        costs = prepared.evaluator(found.genome[None]).costs
        spent = [prepared.evaluator.cost(costs, d.axis)[0] for d in subproblem.problem.devices]
        print(
            f"  {', '.join(budgets)}: {found.score:.4f} to {found.upper:.4f}, gap "
            f"{gaps[-1]:.4f} %, spends {spent[0]:.3f} and {spent[1]:.3f} ms, {times[-1]:.1f} s of "
            f"one core ({time.perf_counter() - started:.1f} s elapsed)",
            flush=True,
        )
    within = sum(gap <= 0.05 for gap in gaps)
    print(
        f"{len(gaps)} pairs of devices ({gpu}, {cpu}): largest gap {max(gaps):.4f} %, {within} "
        f"within 0.05 %, most {max(times):.1f} s of one core"
    )
    return {
        "problem": f"pairs of devices {Path(gpu).stem} {Path(cpu).stem}",
        "budgets": len(gaps),
        "largest_gap_percent": round(max(gaps), 5),
        "median_gap_percent": round(float(np.median(gaps)), 5),
        "seconds": round(sum(times), 2),
        "commit": commit(),
    }


def latency_of_optimum(gpu_ms: float, gpu: str, cpu: str) -> float:
    """Milliseconds on the CPU of the best network under a latency on the GPU alone."""
    prepared = prepare(plan(SearchConfig(budgets=(f"{gpu_ms}ms@{gpu}",), template="s"))[0])
    (found,) = certify(prepared.options, target_gap=TARGET_GAP)
    assert found.genome is not None
    problem = prepared.subproblem.problem
    backbone = problem.space.decode(found.genome.tolist())
    return replace(problem, device=load_device(cpu)).cost(backbone).latency_ms


def pairs_row() -> dict[str, object]:
    """The gap under pairs of additive budgets, where Lagrange multipliers alone leave a gap."""
    configs = [SearchConfig(budgets=pair, device="t4-trt7", template="s") for pair in PAIRS]
    return certified_row("pairs of budgets", configs)


def effectiveness_row() -> dict[str, object]:
    """The gap under a latency and a limit on effectiveness, which is no sum."""
    default = SearchConfig(budgets=("3.8ms",), device="t4-trt7", template="s")
    configs = [replace(default, max_effectiveness=bound) for bound in EFFECTIVENESS]
    return certified_row("limits on effectiveness", configs)


def certified_row(name: str, configs: Sequence[SearchConfig]) -> dict[str, object]:
    """The gap of each problem, and the processor time of all."""
    started = time.process_time()
    gaps = []
    for config in configs:
        (found,) = certify(prepare(plan(config)[0]).options, target_gap=TARGET_GAP)
        gaps.append(100 * (found.gap if found.gap is not None else inf))
        limits = [*config.budgets]
        if config.max_effectiveness is not None:
            limits.append(f"effectiveness {config.max_effectiveness}")
        print(f"  {', '.join(limits)}: {found.score} to {found.upper:.4f}", flush=True)
    seconds = time.process_time() - started
    within = sum(gap <= 0.05 for gap in gaps)
    print(
        f"{len(configs)} {name}: largest gap {max(gaps):.4f} %, {within} within 0.05 %, "
        f"{seconds:.2f} s of one core"
    )
    return {
        "problem": name,
        "budgets": len(configs),
        "largest_gap_percent": round(max(gaps), 5),
        "median_gap_percent": round(float(np.median(gaps)), 5),
        "seconds": round(seconds, 2),
        "commit": commit(),
    }


if __name__ == "__main__":
    run_main(main)
