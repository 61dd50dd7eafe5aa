"""Section: `maenas profile --device torch-cuda --quick`, and its error on held-out networks.

TensorRT has a section of its own: with its builds of minutes, no table has enough networks in time.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import maenas
from benchmarks.gpu_check.report import Part, Skip
from maenas.budgets.backends import available

DEVICE = "torch-cuda"  # "cuda" is TensorRT where that is installed
MOST_S = 75.0  # of measuring, in which a table has enough networks on any recent GPU
SPARE_S = 25.0  # seconds for the networks that are drawn, the fit, and the two models at the end
MOST_ERROR = 0.3  # largest mean error on held-out networks
MODELS = ("ns", "s")
TOLD_EVERY_S = 5.0


def run(part: Part, fake: bool) -> None:
    """See the module."""
    missing = {one.backend: one.why_not for one in available()}
    part.tell("tensorrt_missing", missing["tensorrt"])
    if missing["torch"]:
        raise Skip(missing["torch"])
    _profile(part)
    for name in MODELS:
        measured = maenas.measure(f"zoo:damo-yolo-{name}", device=DEVICE)
        part.tell(f"measured_ms_{name}", measured.latency_ms)


def _profile(part: Part) -> None:
    """Measure a table; what a profile has measured is told meanwhile, since it may be killed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cuda.json"
        seconds = max(5.0, min(MOST_S, part.left_s - SPARE_S))
        with telling_samples(part, path):
            profiled = maenas.profile(DEVICE, quick=True, minutes=seconds / 60, out=path)
        told = profiled.to_json()
        del told["table"]
        require_accurate(part, told)
        part.tell("table_bytes", path.stat().st_size)


@contextmanager
def telling_samples(part: Part, path: Path) -> Iterator[None]:
    """Keep the number of samples so far, every few seconds and at the end."""
    ended = Event()

    def watch() -> None:
        while not ended.wait(TOLD_EVERY_S):
            part.tell("partial_samples", partial_samples(path))

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    except Exception:
        ended.set()
        watcher.join()
        part.tell("partial_samples", partial_samples(path))
        raise
    finally:
        ended.set()
        watcher.join()
    part.result.pop("partial_samples", None)  # the whole table tells more


def partial_samples(path: Path) -> dict[str, int]:
    """Number of samples by role of a profile that has not ended."""
    try:
        text = path.with_name(f"{path.name}.partial").read_text(encoding="utf-8")
    except OSError:
        return {}
    whole = text[: text.rfind("\n") + 1].splitlines()  # the last line may be unfinished
    return dict(Counter(json.loads(line)["sample"]["role"] for line in whole[1:]))


def require_accurate(part: Part, told: Mapping[str, Any]) -> None:
    """Keep the result of a profile, and note it if its error is large."""
    mean = told["held_out"]["mean"]
    samples = told["samples"]
    part.tell("profile", told, f"mean error {mean:.1%}, samples {samples}")
    part.require(
        mean <= MOST_ERROR,
        f"held-out networks must be predicted within {MOST_ERROR:.0%} on average, got {mean:.1%} "
        f"from {samples.get('fit', 0)} fitted networks",
    )
