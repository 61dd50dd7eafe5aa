"""How large the report of a search is, what it costs to write, and how soon it opens.

    python -m benchmarks.bench_report [CANDIDATES]

Runs the default search and times, in seconds of this process, the sample of its networks and the
text of the page. Opens the page in headless Chromium, if there is one, from navigation to its
load event, once to warm up and then five times; `open_cpu_ms` is the processor time of its thread.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.entry import Parser, positive, run_main
from benchmarks.machine import commit, write_csv
from maenas.backbone_search.results import finish
from maenas.backbone_search.run import run_search
from maenas.nas.history import record
from maenas.runs.config import SearchConfig
from tests.browser import DESK, chromium, open_tab

CANDIDATES = 100_000
OPENED = 5
LOADED = "performance.timing.loadEventEnd - performance.timing.navigationStart"


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument(
        "candidates", nargs="?", type=positive, default=CANDIDATES, help="candidates of the search"
    )
    candidates = parser.parse_args().candidates
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "run"
        spent = {"sample": 0.0, "page": 0.0}
        timed(record, "chosen_rows", "sample", spent)
        timed(finish, "report_text", "page", spent)
        started = time.process_time()
        config = SearchConfig(budgets=("3.8ms",), device="t4", evaluations=candidates)
        run_search(config, folder)
        whole = time.process_time() - started
        page = folder / "report.html"
        megabytes = page.stat().st_size / 1e6
        loads, busy = opened(page) if chromium() else ([], [])
    row: dict[str, object] = {
        "candidates": candidates,
        "megabytes": round(megabytes, 3),
        "sample_s": round(spent["sample"], 3),
        "page_s": round(spent["page"], 3),
        "search_s": round(whole, 1),
        "open_ms": round(statistics.median(loads)) if loads else "",
        "open_cpu_ms": round(statistics.median(busy)) if busy else "",
        "commit": commit(),
    }
    print(", ".join(f"{key} {value}" for key, value in row.items()))
    print(write_csv("report", [row], list(row)))


def timed(module: Any, name: str, key: str, spent: dict[str, float]) -> None:
    """Add the processor time of a function of a module to `spent`."""
    function: Callable[..., Any] = getattr(module, name)

    def measured(*arguments: Any, **options: Any) -> Any:
        started = time.process_time()
        try:
            return function(*arguments, **options)
        finally:
            spent[key] += time.process_time() - started

    setattr(module, name, measured)


def opened(page: Path) -> tuple[list[float], list[float]]:
    """Milliseconds until the load event, at which every chart is drawn, and those of its thread."""
    loads, busy = [], []
    with open_tab() as tab:
        tab.view(DESK)
        tab.ask("Performance.enable", timeDomain="threadTicks")
        for _ in range(1 + OPENED):
            tab.open(page)
            tab.wait(f"{LOADED} > 0")
            loads.append(float(tab.run(LOADED)))
            metrics = tab.ask("Performance.getMetrics")["metrics"]
            busy += [1e3 * one["value"] for one in metrics if one["name"] == "TaskDuration"]
    return loads[1:], busy[1:]


if __name__ == "__main__":
    run_main(main)
