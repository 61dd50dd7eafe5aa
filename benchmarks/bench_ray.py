"""What a Ray cluster costs and gains: dispatch, two workers against one, where the driver ends.

    python -m benchmarks.bench_ray [--draws 24]

Prints the time to send a task and the time to score a random network, the speed-up of two workers
over one for that work, and how many workers one driver can keep busy: the driver's time per batch
is measured with as many batches in flight as that many workers would have, the rest is simulated.
"""

from __future__ import annotations

import heapq
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.entry import Parser, positive, run_main
from benchmarks.machine import commit, machine, write_csv
from maenas.backbone_search.plan import plan
from maenas.backbone_search.tasks import prepare
from maenas.blocks import load_backbone
from maenas.nas import Evaluator, Journal, Settings, cheapest_networks, search_islands
from maenas.nas.executors import Executor, InProcess
from maenas.nas.executors.ray_cluster import RayCluster
from maenas.nas.executors.stream import AHEAD, Stream
from maenas.nas.scores.max_entropy import DEFAULT_WEIGHTS
from maenas.nas.scores.max_entropy_score import RandomNetworks
from maenas.nas.scores.monte_carlo import Draw
from maenas.nas.searchers.islands import _Archipelago
from maenas.runs.config import SearchConfig

WORKERS = (1, 2, 8, 32, 100, 300, 1_000)
BATCH_S = (0.1, 0.25, 0.4, 1.0, 4.0, 10.0)
BUSY = 0.95  # share of time that workers must be busy; below it the driver is the bottleneck


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument("--draws", type=positive, default=24, help="random networks for each rate")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []

    def note(what: str, figure: float, unit: str) -> None:
        rows.append({"what": what, "figure": f"{figure:.6g}", "unit": unit, "commit": commit()})

    with RayCluster("local", 2) as two:
        evaluation_s = monte_carlo_s(InProcess(), arguments.draws // 2)
        dispatch_s = round_trip_s(two)
        print(
            f"a random network of damo-yolo-s takes {evaluation_s:.3f} s, sending one "
            f"{1e3 * dispatch_s:.2f} ms: {100 * dispatch_s / evaluation_s:.2f} % ({machine()})"
        )
        note("a random network in process", evaluation_s, "s")
        note("one task there and back", dispatch_s, "s")
        note("dispatch over evaluation", dispatch_s / evaluation_s, "")
        driver_s = {workers: driver_batch_s(two, workers) for workers in WORKERS}
    for workers, seconds in driver_s.items():
        note(f"driver a batch with {workers} workers", seconds, "s")
    rates = {}
    for workers in (1, 2):
        with RayCluster("local", workers) as cluster:
            monte_carlo_s(cluster, 2 * workers)  # loads torch in every worker
            rates[workers] = 1 / monte_carlo_s(cluster, arguments.draws)
    gain = rates[2] / rates[1]
    print(f"two workers over one: {rates[2]:.2f} over {rates[1]:.2f} networks/s: {gain:.2f} times")
    note("two workers over one", gain, "times")
    for workers in WORKERS:
        shares = {seconds: busy(workers, seconds, driver_s[workers]) for seconds in BATCH_S}
        least = driver_s[workers] * workers / BUSY
        shown = ", ".join(f"{seconds:g} s {100 * share:.0f} %" for seconds, share in shares.items())
        print(
            f"{workers:5,} workers, {1e3 * driver_s[workers]:.2f} ms of the driver a batch: busy "
            f"with batches of {shown}; needed: {max(least, 0.0):.2f} s"
        )
        for seconds, share in shares.items():
            note(f"{workers} workers busy, batches of {seconds:g} s", share, "")
        note(f"batch that keeps {workers} workers busy", least, "s")
    islands_s, island_s = island_costs()
    print(
        f"islands: the driver spends {1e6 * islands_s:.1f} us on a candidate that an island spends "
        f"{1e6 * island_s:.1f} us on: full at {island_s / islands_s:.0f} workers"
    )
    note("driver a candidate of islands", islands_s, "s")
    note("island a candidate", island_s, "s")
    print(write_csv("ray", rows, list(rows[0])))


def monte_carlo_s(executor: Executor, draws: int) -> float:
    """Seconds per random network of damo-yolo-s, with all workers together."""
    backbone = load_backbone("zoo:damo-yolo-s")
    items = [Draw(backbone, RandomNetworks(DEFAULT_WEIGHTS), seed) for seed in range(draws)]
    list(executor.map(Draw.score, items[:1]))  # loads torch
    started = time.perf_counter()
    assert len(list(executor.map(Draw.score, items))) == draws
    return (time.perf_counter() - started) / draws


def nothing(draw: Draw) -> float:
    """A task without work, which costs only its communication."""
    return float(draw.seed)


def drawings(count: int) -> list[Draw]:
    backbone = load_backbone("zoo:damo-yolo-s")
    return [Draw(backbone, RandomNetworks(DEFAULT_WEIGHTS), seed) for seed in range(count)]


def round_trip_s(cluster: RayCluster, tasks: int = 200) -> float:
    """Seconds from sending one task to its result, without other tasks."""
    times = []
    for draw in drawings(tasks):
        started = time.perf_counter()
        cluster.result(cluster.start(nothing, [draw]))
        times.append(time.perf_counter() - started)
    return statistics.median(times[tasks // 10 :])


class Wide:
    """A cluster that claims to have many workers, so that as many batches are in flight."""

    def __init__(self, cluster: RayCluster, workers: int) -> None:
        self.losses = 0
        self.workers = workers
        self.start, self.wait = cluster.start, cluster.wait
        self._result = cluster.result

    def result(self, ticket: Any) -> tuple[float, list[Any]]:
        """Report one second per task, so that each batch holds a single task."""
        _, answers = self._result(ticket)
        return 1.0 * len(answers), answers


def driver_batch_s(cluster: RayCluster, workers: int) -> float:
    """Processor time of the driver for one batch of one task, with its Ray threads."""
    count = max(500, 3 * AHEAD * workers)
    tasks = drawings(count)
    started = time.process_time()
    stream: Stream[Draw, float] = Stream(Wide(cluster, workers), nothing, tasks)
    assert sum(1 for _ in stream) == count
    return (time.process_time() - started) / count


def busy(workers: int, batch_s: float, driver_s: float, batches: int = 20) -> float:
    """Share of time that workers are busy if one driver serves them one after the other.

    Each worker has `AHEAD` batches: it computes one while the driver receives the one before and
    sends the next.
    """
    events = [(0.0, worker) for worker in range(workers) for _ in range(AHEAD)]
    heapq.heapify(events)  # times at which a batch of a worker returns and a new one can be sent
    free = [0.0] * workers
    driver = end = 0.0
    for _ in range(workers * batches):
        back, worker = heapq.heappop(events)
        driver = max(driver, back) + driver_s
        free[worker] = max(free[worker], driver) + batch_s
        end = max(end, free[worker])
        heapq.heappush(events, (free[worker], worker))
    return workers * batches * batch_s / (workers * end)


def island_costs() -> tuple[float, float]:
    """Processor seconds per candidate of the driver and of an island, with the history."""
    prepared = prepare(plan(SearchConfig(budgets=("3.8ms",), device="t4-trt7"))[0])
    spent = [0.0]
    take = _Archipelago._take

    def timed(self: _Archipelago, number: int, evolved: Any) -> None:
        started = time.process_time()
        take(self, number, evolved)
        spent[0] += time.process_time() - started

    settings = Settings(200_000, 0, prepared.subproblem.limits, islands=4)
    start = cheapest_networks(prepared.options)
    evaluator: Evaluator = prepared.evaluator
    search_islands(evaluator, settings, start, InProcess())  # warm-up: prices stages
    _Archipelago._take = timed  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder), prepared.subproblem.problem.space)
        started = time.process_time()
        search_islands(evaluator, settings, start, InProcess(), journal)
        total = time.process_time() - started
    _Archipelago._take = take  # type: ignore[method-assign]
    count = settings.evaluations
    return spent[0] / count, (total - spent[0]) / count


if __name__ == "__main__":
    run_main(main)
