"""Latency limits on two devices that bind in the small space, whatever the devices' prices are."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from maenas.budgets import load_device
from maenas.search_spaces import load_space
from maenas.search_spaces.moves import Moves
from tests.maenas.conftest import SMALL_SPACE

GPU, CPU = "t4", "intel-8163"
COUNT = 150


@cache
def latency(device: str, share: float) -> float:
    """Milliseconds that about a share of the small space's backbones stay below, in 3 digits."""
    return float(f"{np.quantile(_latencies(device), share):.3g}")


@cache
def _latencies(device: str) -> tuple[float, ...]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "small.yaml"
        path.write_text(SMALL_SPACE)
        space = load_space(str(path))
    genomes = Moves(space).sample(np.random.default_rng(0), COUNT, all_sizes=True)
    model = load_device(device)
    return tuple(model.latency_ms(space.decode(genome.tolist()).ops()) for genome in genomes)


def pair(share: float) -> tuple[str, ...]:
    """The options of a search of backbones within a limit on each device."""
    return (
        *("--budget", f"{latency(GPU, share):g}ms@{GPU}"),
        *("--budget", f"{latency(CPU, share):g}ms@{CPU}", "--scope", "backbone"),
    )
